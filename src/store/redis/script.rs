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

    /// Makes the server know it.
    pub fn load(&self) -> Cmd {
        cmd("SCRIPT").arg("LOAD").arg(&self.source).to_owned()
    }

    /// Runs one of its steps. `whole`: the server does not know it yet.
    pub fn call(&self, whole: bool, key: &str, step: &str, ask: &str) -> Cmd {
        let mut command = if whole { cmd("EVAL") } else { cmd("EVALSHA") };
        command.arg(if whole { &self.source } else { &self.sha }).arg(1).arg(key).arg(step).arg(ask);
        command
    }
}

const CLOCK: &str = include_str!("lua/clock.lua");
const KEY: &str = include_str!("lua/key.lua");
const COUNT: &str = include_str!("lua/count.lua");
const ACT: &str = include_str!("lua/act.lua");
const TURN: &str = include_str!("lua/turn.lua");

/// A player's answers, and what is left of them.
pub static ANSWER: LazyLock<Script> =
    LazyLock::new(|| Script::new(&[CLOCK, KEY, COUNT, ACT, include_str!("lua/answer.lua")]));

/// A send that is no message of the outbox.
pub static SEND: LazyLock<Script> =
    LazyLock::new(|| Script::new(&[CLOCK, KEY, COUNT, TURN, include_str!("lua/send.lua")]));

/// The outbox, and events.
pub static OUTBOX: LazyLock<Script> = LazyLock::new(|| {
    Script::new(&[
        CLOCK,
        KEY,
        COUNT,
        ACT,
        include_str!("lua/outbox.lua"),
        TURN,
        include_str!("lua/event.lua"),
        include_str!("lua/deliver.lua"),
    ])
});

/// What an account has once.
pub static ACCOUNT: LazyLock<Script> = LazyLock::new(|| Script::new(&[CLOCK, include_str!("lua/account.lua")]));
