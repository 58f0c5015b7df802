//! A number that grows while the store is written to, kept in the store and in a small file beside it: when the store's
//! is the smaller one, the store is older than it was, such as a copy that was put back.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rusqlite::Connection;

use super::error::Failure;
use super::file;
use super::group_commit::GroupCommitter;
use super::watch::with_suffixes;
use crate::clock::Deadline;
use crate::error::Error;

/// Between two steps of it.
const EVERY: Duration = Duration::from_secs(60);
/// How long a step waits for the connection.
const PATIENCE_MS: u64 = 1_000;

pub struct Generation {
    /// The file beside the store.
    path: PathBuf,
    /// What it said when the store was opened.
    beside: i64,
    /// What the store said then.
    stored: i64,
    durable: bool,
    last: Option<Instant>,
}

impl Generation {
    /// Reads both.
    ///
    /// # Errors
    /// SQLite's.
    pub fn open(store: &Path, durable: bool, c: &Connection) -> rusqlite::Result<Generation> {
        let stored = c.query_row("SELECT generation FROM store", [], |r| r.get(0))?;
        let path = with_suffixes(store, &["-generation"]).remove(0);
        // One that is missing, or was not written to its end, says nothing.
        let beside = std::fs::read_to_string(&path).ok().and_then(|text| text.trim().parse().ok()).unwrap_or(0);
        Ok(Generation { path, beside, stored, durable, last: None })
    }

    /// What an operator must be told.
    pub fn warning(&self) -> Option<String> {
        (self.stored < self.beside).then(|| {
            format!(
                "the store is older than it was (generation {}, the file {} says {}): a copy was put back, or it was \
                 made anew. Answers of players since then are missing; messages that were sent since then may be sent again",
                self.stored,
                self.path.display(),
                self.beside
            )
        })
    }

    /// Takes the next step now and then, to be called after writes: first in the store, so that it is never behind.
    ///
    /// # Errors
    /// Those of transactions; the next call tries again. The file beside the store is none: without it, less is noticed.
    pub fn advance(&mut self, committer: &GroupCommitter) -> Result<(), Error> {
        if self.last.is_some_and(|last| last.elapsed() < EVERY) {
            return Ok(());
        }
        let mut next: i64 = 0;
        committer.run_apart(self.durable, Deadline::in_ms(PATIENCE_MS), |c| {
            let step = "UPDATE store SET generation = max(generation, ?1) + 1 RETURNING generation";
            next = c.query_row(step, [self.beside], |r| r.get(0)).map_err(Failure::HalfWritten)?;
            Ok(())
        })?;
        self.last = Some(Instant::now());
        let _less_is_noticed = self.write(next);
        Ok(())
    }

    /// Under another name first, so that nobody finds half of it.
    fn write(&self, generation: i64) -> std::io::Result<()> {
        let new = with_suffixes(&self.path, &[&format!(".new-{:08x}", fastrand::u32(..))]).remove(0);
        let written = file::private()
            .open(&new)
            .and_then(|mut file| std::io::Write::write_all(&mut file, format!("{generation}\n").as_bytes()))
            .and_then(|()| std::fs::rename(&new, &self.path));
        if written.is_err() {
            let _never_made = std::fs::remove_file(&new);
        }
        written
    }
}
