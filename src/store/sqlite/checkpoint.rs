//! Checkpoints: moving the log into the file, off the path of those who write.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use rusqlite::Connection;
use rusqlite::config::DbConfig;

use super::error;
use super::group_commit::GroupCommitter;
use super::sync::sync_database_file;
use crate::clock::Deadline;
use crate::error::{Error, Status};

/// Pages of the log that are not in the file yet, from which on a checkpoint is due at once (4 MiB).
const WAL_PAGES: u32 = 1000;
/// Pages from which on the log begins anew, for which writers wait a moment (16 MiB, as long as its file may stay).
const WAL_PAGES_TOO_MANY: u32 = 4_000;
/// So few pages may be left for the time in which writers wait.
const FEW_PAGES: u32 = 64;
/// Checkpoints at most to come down to those.
const ROUNDS: usize = 4;

/// How long the log is.
#[derive(Default)]
pub struct LogLength {
    /// Pages in it, as of the last commit.
    pages: AtomicU32,
    /// Those of them that the last checkpoint found in the file.
    moved: AtomicU32,
}

impl LogLength {
    /// Has every commit of this connection note the length.
    pub fn follow(self: &Arc<LogLength>, writer: &mut Connection) -> rusqlite::Result<()> {
        let length = Arc::clone(self);
        writer.wal_hook(Some(move |_: &mut rusqlite::hooks::Wal, pages: std::ffi::c_int| {
            length.pages.store(pages.unsigned_abs(), Ordering::Relaxed);
            Ok(())
        }))
    }

    /// As of the last commit of this process.
    pub fn pages(&self) -> u32 {
        self.pages.load(Ordering::Relaxed)
    }

    fn unmoved(&self) -> u32 {
        let pages = self.pages();
        // Fewer pages than were moved: the log has begun anew.
        pages.checked_sub(self.moved.load(Ordering::Relaxed)).unwrap_or(pages)
    }

    /// Whether a checkpoint should not wait.
    pub fn is_long(&self) -> bool {
        self.unmoved() > WAL_PAGES
    }
}

pub struct Checkpointer {
    connection: Connection,
    length: Arc<LogLength>,
    /// The file could not be synced: what SQLite believes to be in it may not be, so the log must stay.
    unsynced: bool,
}

impl Checkpointer {
    pub fn new(connection: Connection, length: Arc<LogLength>) -> Checkpointer {
        Checkpointer { connection, length, unsynced: false }
    }

    /// Moves the log into the file, beside the writers, and lets it begin anew when it has become long.
    ///
    /// # Errors
    /// SQLite's, in words.
    pub fn round(&mut self, committer: &GroupCommitter) -> Result<(), Error> {
        if self.unsynced {
            return Err(lost_sync());
        }
        self.checkpoint()?;
        if self.length.pages() <= WAL_PAGES_TOO_MANY {
            return Ok(());
        }
        // A log that is always written to never begins anew by itself.
        for _ in 0..ROUNDS {
            if let Err(e) = sync_database_file(&self.connection) {
                self.unsynced = true;
                // The connection that is closed last would remove the log.
                let keep_log = self.connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true);
                return Err(error::describe(&keep_log.err().unwrap_or(e)));
            }
            if self.length.unmoved() <= FEW_PAGES {
                break;
            }
            self.checkpoint()?;
        }
        committer.alone(Deadline::in_ms(1000), |_| self.begin_log_anew())?
    }

    fn checkpoint(&self) -> Result<(), Error> {
        let moved = self.connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |r| r.get::<_, i64>(2));
        let moved = moved.map_err(|e| error::describe(&e))?;
        self.length.moved.store(u32::try_from(moved).unwrap_or(0), Ordering::Relaxed);
        Ok(())
    }

    /// Moves what is left of the log, so that the next writer begins it anew; no writer may be at work.
    fn begin_log_anew(&self) -> Result<(), Error> {
        match self.connection.query_row("PRAGMA wal_checkpoint(RESTART)", [], |_| Ok(())) {
            // A reader, or another process: the next round tries again.
            Err(e) if error::is_busy(&e) => Ok(()),
            done => done.map_err(|e| error::describe(&e)),
        }
    }
}

fn lost_sync() -> Error {
    Error::new(
        Status::Store,
        "the disk failed when the store was synced, so its log is kept and grows: see the system's log, then restart \
         the processes that use the store",
    )
}
