//! The steps that the server takes as one: Lua scripts, by their SHA once the server knows them.

use std::sync::LazyLock;

use redis::{Cmd, cmd};
use sha1::{Digest, Sha1};

/// A script and its name on the server.
pub struct Script {
    source: String,
    sha: String,
}

impl Script {
    fn new(parts: &[&str]) -> Script {
        let source = parts.concat();
        let sha = Sha1::digest(source.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
        Script { source, sha }
    }

    /// Runs one of its steps. `whole`: the server does not know it yet.
    pub fn call(&self, whole: bool, key: &str, step: &str, ask: &str) -> Cmd {
        let mut command = if whole { cmd("EVAL") } else { cmd("EVALSHA") };
        command.arg(if whole { &self.source } else { &self.sha }).arg(1).arg(key).arg(step).arg(ask);
        command
    }
}

/// What concerns one player's bucket.
pub static LEDGER: LazyLock<Script> = LazyLock::new(|| {
    Script::new(&[
        include_str!("lua/clock.lua"),
        include_str!("lua/key.lua"),
        include_str!("lua/count.lua"),
        include_str!("lua/act.lua"),
        include_str!("lua/outbox.lua"),
        include_str!("lua/turn.lua"),
        include_str!("lua/event.lua"),
        include_str!("lua/ledger.lua"),
    ])
});

/// What an account has once.
pub static ACCOUNT: LazyLock<Script> =
    LazyLock::new(|| Script::new(&[include_str!("lua/clock.lua"), include_str!("lua/account.lua")]));
