//! Checkpoints: moving the log into the file, off the path of those who write.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use rusqlite::Connection;
use rusqlite::config::DbConfig;

use super::error;
use super::failed_syncs::FailedSyncs;
use super::fsync::DatabaseFile;
use super::group_commit::GroupCommitter;
use super::watch::FileWatch;
use crate::clock::Deadline;
use crate::error::{Error, Status};
use crate::store::Compacted;

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
    file: DatabaseFile,
    length: Arc<LogLength>,
    failed: Arc<FailedSyncs>,
    watch: Arc<FileWatch>,
}

impl Checkpointer {
    pub fn new(
        connection: Connection,
        file: DatabaseFile,
        length: Arc<LogLength>,
        failed: Arc<FailedSyncs>,
        watch: Arc<FileWatch>,
    ) -> Checkpointer {
        Checkpointer { connection, file, length, failed, watch }
    }

    /// Moves the log into the file, beside the writers, and lets it begin anew when it has become long.
    ///
    /// # Errors
    /// SQLite's, in words.
    pub fn round(&mut self, committer: &GroupCommitter) -> Result<(), Error> {
        self.may_move()?;
        self.checkpoint()?;
        if self.length.pages() <= WAL_PAGES_TOO_MANY {
            return Ok(());
        }
        // A log that is always written to never begins anew by itself.
        for _ in 0..ROUNDS {
            if let Err(e) = self.file.sync() {
                self.failed.note_file();
                return Err(error::not_synced(&e));
            }
            if self.length.unmoved() <= FEW_PAGES {
                break;
            }
            self.checkpoint()?;
        }
        committer.alone(Deadline::in_ms(1000), |_| self.begin_log_anew())?
    }

    /// Writes the whole file anew and empties its log, so that no byte is left of what was deleted.
    ///
    /// # Errors
    /// SQLite's, in words; then the file holds what it held.
    pub fn compact(&mut self, committer: &GroupCommitter, deadline: Deadline) -> Result<Compacted, Error> {
        self.may_move()?;
        committer.alone(deadline, |_| {
            let before = self.bytes()?;
            // The copy may be larger than the memory that a host can spare.
            let rewrite = "PRAGMA temp_store = FILE; VACUUM; PRAGMA temp_store = MEMORY;";
            error::retry_busy(deadline, || self.connection.execute_batch(rewrite)).map_err(|e| error::describe(&e))?;
            // Readers may still see the old state; its pages go with them.
            while self.checkpoint_busy("TRUNCATE")? {
                if deadline.is_over() {
                    let why = "the file was rewritten, but a reader kept its log to the end; compact again";
                    return Err(Error::new(Status::Store, why).after_ms(1000));
                }
                error::pause();
            }
            self.length.moved.store(0, Ordering::Relaxed);
            self.length.pages.store(0, Ordering::Relaxed);
            Ok(Compacted::Rewritten { before, after: self.bytes()? })
        })?
    }

    /// Those of the file and of what of its log is in use.
    fn bytes(&self) -> Result<u64, Error> {
        let number = |sql: &str| self.connection.query_row(sql, [], |r| r.get::<_, i64>(0));
        let both = number("PRAGMA page_count").and_then(|pages| Ok((pages, number("PRAGMA page_size")?)));
        both.map(|(pages, size)| (pages * size).unsigned_abs()).map_err(|e| error::describe(&e))
    }

    fn may_move(&self) -> Result<(), Error> {
        self.failed.warning().map_or(Ok(()), |why| Err(Error::new(Status::Store, why)))
    }

    fn failed(&mut self, e: &rusqlite::Error) -> Error {
        // It syncs the log first, and no page was moved if that failed; which of the two it was SQLite does not say. Where a commit
        // was told of one of the log, this one's is the same, if the system tells each.
        if error::is_failed_sync(e) && !(self.failed.take_log() && cfg!(target_os = "linux")) {
            self.failed.note_file();
        }
        error::describe(e)
    }

    fn checkpoint_busy(&mut self, how: &str) -> Result<bool, Error> {
        match self.connection.query_row(&format!("PRAGMA wal_checkpoint({how})"), [], |r| r.get::<_, i64>(0)) {
            Ok(busy) => Ok(busy != 0),
            Err(e) if error::is_busy(&e) => Ok(true),
            Err(e) => Err(self.failed(&e)),
        }
    }

    fn checkpoint(&mut self) -> Result<(), Error> {
        let moved = self.connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |r| r.get::<_, i64>(2));
        let moved = u32::try_from(moved.map_err(|e| self.failed(&e))?).unwrap_or(0);
        if moved != self.length.moved.swap(moved, Ordering::Relaxed) && moved != 0 {
            // Some were moved, so the log was synced.
            self.failed.take_log();
        }
        Ok(())
    }

    /// Moves what is left of the log, so that the next writer begins it anew; no writer may be at work.
    fn begin_log_anew(&mut self) -> Result<(), Error> {
        match self.connection.query_row("PRAGMA wal_checkpoint(RESTART)", [], |_| Ok(())) {
            // A reader, or another process: the next round tries again.
            Err(e) if error::is_busy(&e) => Ok(()),
            done => done.map_err(|e| self.failed(&e)),
        }
    }
}

impl Drop for Checkpointer {
    fn drop(&mut self) {
        if self.failed.warning().is_some() || self.watch.is_gone() {
            // The connection that is closed last moves and removes the log: what SQLite believes to be in the file may not be, or it
            // is another file.
            let _kept = self.connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true);
        }
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    fn failed_sync() -> rusqlite::Error {
        rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_IOERR_FSYNC), None)
    }

    /// A log with a page in it, and who moves it.
    fn checkpointer(folder: &tempfile::TempDir, failed: &Arc<FailedSyncs>) -> (Connection, Checkpointer) {
        let path = folder.path().join("s.db");
        let open = || {
            let c = Connection::open(&path).unwrap();
            c.execute_batch("PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0").unwrap();
            c
        };
        let (writer, file) = (open(), DatabaseFile::new(&path).unwrap());
        writer.execute_batch("CREATE TABLE t (a)").unwrap();
        let watch = Arc::new(FileWatch::new(&path));
        (writer, Checkpointer::new(open(), file, Arc::default(), Arc::clone(failed), watch))
    }

    /// The system tells each who has the log open of one failure.
    #[test]
    fn a_failed_sync_of_the_log_that_a_commit_was_told_of_is_not_taken_for_the_files() {
        let (folder, failed) = (tempfile::tempdir().unwrap(), Arc::new(FailedSyncs::default()));
        let (writer, mut checkpointer) = checkpointer(&folder, &failed);
        failed.note_log();
        checkpointer.failed(&failed_sync());
        assert_eq!(failed.warning(), None);
        checkpointer.checkpoint().unwrap();
        checkpointer.may_move().unwrap();

        // It was mended before the next checkpoint came to it: that one's is another.
        failed.note_log();
        checkpointer.checkpoint().unwrap();
        writer.execute_batch("INSERT INTO t VALUES (1)").unwrap();
        checkpointer.checkpoint().unwrap();
        checkpointer.failed(&failed_sync());
        assert!(failed.warning().unwrap().contains("end ALL processes"));
        assert_eq!(checkpointer.may_move().unwrap_err().status, Status::Store);
    }
}
