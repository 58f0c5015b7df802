//! What only the SQLite engine must do: its file, its groups, its checkpoints.

mod deferred;
mod file;
mod rows;
mod watch;

use std::path::{Path, PathBuf};

use super::*;
use crate::error::{Retry, Status};
use crate::store::tests::fixture::*;
use crate::store::{Changes, LogEntry, Name, Stop, View, When, home_of};

/// A folder for one store.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Folder {
        Folder(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("wxsub.db")
    }

    fn part(&self, suffix: &str) -> PathBuf {
        self.0.path().join(format!("wxsub.db{suffix}"))
    }

    fn try_open(&self) -> Result<SqliteEngine, Error> {
        let path = self.path();
        let path = path.to_str().unwrap();
        SqliteEngine::open(&config("wx0000000000000000", path), path)
    }

    fn open(&self) -> SqliteEngine {
        self.try_open().unwrap()
    }

    /// Another program's connection. Only while no engine of this process is open: closing it drops their locks.
    fn connect(&self) -> Connection {
        Connection::open(self.path()).unwrap()
    }
}

fn openid(n: usize) -> String {
    let mut random = fastrand::Rng::with_seed(n as u64);
    let own = std::iter::repeat_with(|| if random.bool() { random.alphanumeric() } else { '-' });
    "o6_bm".chars().chain(own.take(23)).collect()
}
