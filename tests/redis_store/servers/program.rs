//! Which server to run.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

/// A kind of server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Program {
    /// The system's `redis-server`: Debian 12 has 7.0, which knows no WAITAOF. Or WXSUB_TEST_REDIS.
    System,
    /// Valkey 9, which does; scripts/valkey.sh fetches it. Or WXSUB_TEST_VALKEY.
    Newer,
}

impl Program {
    pub const ALL: [Program; 2] = [Program::System, Program::Newer];

    pub fn path(self) -> PathBuf {
        match self {
            Program::System => {
                std::env::var_os("WXSUB_TEST_REDIS").map_or_else(|| PathBuf::from("redis-server"), PathBuf::from)
            }
            Program::Newer => newer().clone(),
        }
    }
}

fn newer() -> &'static PathBuf {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| {
        if let Some(path) = std::env::var_os("WXSUB_TEST_VALKEY") {
            return PathBuf::from(path);
        }
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/valkey.sh");
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("valkey");
        let mut command = Command::new("bash");
        let output = command.arg(script).arg(folder).stderr(Stdio::inherit()).output();
        let output = output.unwrap_or_else(|e| panic!("{command:?}: {e}"));
        assert!(output.status.success(), "{command:?}: {}; see above", output.status);
        PathBuf::from(String::from_utf8(output.stdout).expect("a path").trim())
    })
}
