//! Transactions on the connection that writes: begun at once or not at all, fair to other processes, and as durable as
//! was asked for.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rusqlite::Connection;

use super::error;
use super::failed_syncs::FailedSyncs;
use super::watch::FileWatch;
use crate::clock::Deadline;
use crate::error::{Error, Status};

/// While another process also writes, transactions are this far apart, or it would never find the lock free.
const GAP: Duration = Duration::from_micros(300);
/// Other processes are looked for so often at most.
const LOOK_EVERY: Duration = Duration::from_millis(5);
/// How long another process counts as writing after it was last noticed.
const CONTENDED: Duration = Duration::from_secs(1);

/// The connection that writes.
pub struct Writer {
    connection: Connection,
    watch: Arc<FileWatch>,
    /// What `PRAGMA synchronous` was set to last; None after opening.
    fsync: Option<bool>,
    data_version: i64,
    contended: Option<Instant>,
    /// An fsync failed: what it should have covered may never reach the disk, however well the next one goes.
    unsynced: bool,
    failed_syncs: Arc<FailedSyncs>,
    last_group: Instant,
    looked: Instant,
}

impl Writer {
    pub fn new(connection: Connection, watch: Arc<FileWatch>, failed_syncs: Arc<FailedSyncs>) -> Writer {
        Writer {
            connection,
            watch,
            fsync: None,
            data_version: 0,
            contended: None,
            unsynced: false,
            failed_syncs,
            last_group: Instant::now(),
            looked: Instant::now(),
        }
    }

    pub fn connection(&self) -> &Connection {
        &self.connection
    }

    fn execute(&self, sql: &str) -> rusqlite::Result<()> {
        self.connection.prepare_cached(sql)?.execute([]).map(drop)
    }

    /// Begins a transaction that may write at once; waits for other processes until the deadline.
    pub fn begin(&mut self, fsync: bool, deadline: Deadline) -> Result<(), Error> {
        if self.contended.is_some_and(|since| since.elapsed() < CONTENDED)
            && let Some(gap) = GAP.checked_sub(self.last_group.elapsed())
        {
            std::thread::sleep(gap);
        }
        if !self.connection.is_autocommit() {
            // Left behind by a panic in the middle of a group.
            self.end(Err(Error::new(Status::Internal, "rolled back"))).unwrap_or_default();
        }
        if self.unsynced && fsync {
            self.start_log_anew(deadline)?;
        }
        let mut try_begin = || -> rusqlite::Result<()> {
            if self.fsync != Some(fsync) {
                // Inside a transaction SQLite would ignore it.
                self.connection.pragma_update(None, "synchronous", if fsync { "FULL" } else { "NORMAL" })?;
                self.fsync = Some(fsync);
            }
            self.connection.prepare_cached("BEGIN IMMEDIATE")?.execute([]).map(drop)
        };
        loop {
            match try_begin() {
                Ok(()) => break,
                Err(e) if error::is_busy(&e) && !deadline.is_over() => {
                    self.contended = Some(Instant::now());
                    error::pause();
                }
                Err(e) => return Err(error::describe(&e)),
            }
        }
        self.notice_others();
        Ok(())
    }

    /// Writes all of the log into the file, with an fsync of its own, and begins a new log; not where only the log surely has
    /// what was moved before.
    fn start_log_anew(&mut self, deadline: Deadline) -> Result<(), Error> {
        if let Some(why) = self.failed_syncs.warning() {
            return Err(Error::new(Status::Store, why));
        }
        self.watch.sync_log().map_err(|e| error::not_synced(&e))?;
        loop {
            let done = self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |r| r.get::<_, i64>(0));
            match done {
                Ok(0) => break,
                Ok(_) if !deadline.is_over() => error::pause(),
                Err(e) if error::is_busy(&e) && !deadline.is_over() => error::pause(),
                Ok(_) => {
                    let why = "an fsync failed, and others use the store too much to repair it; try again";
                    return Err(Error::new(Status::Store, why).after_ms(error::BUSY_AFTER_MS));
                }
                Err(e) => {
                    // The log was synced just now, so this is the file's.
                    if error::is_failed_sync(&e) {
                        self.failed_syncs.note_file();
                    }
                    return Err(error::describe(&e));
                }
            }
        }
        self.unsynced = false;
        Ok(())
    }

    /// Another connection's commit changes the data version. Looked at now and then: it costs as much as a statement.
    fn notice_others(&mut self) {
        if self.looked.elapsed() < LOOK_EVERY {
            return;
        }
        self.looked = Instant::now();
        let version =
            self.connection.prepare_cached("PRAGMA data_version").and_then(|mut s| s.query_row([], |r| r.get(0)));
        if let Ok(version) = version
            && version != self.data_version
        {
            if self.data_version != 0 {
                self.contended = Some(Instant::now());
            }
            self.data_version = version;
        }
    }

    /// Commits, or rolls back what failed.
    pub fn end(&mut self, done: Result<(), Error>) -> Result<(), Error> {
        let done = done.and_then(|()| {
            // Before anybody is told of what must be kept.
            if self.fsync == Some(true) {
                self.watch.look()?
            } else {
                self.watch.look_now_and_then()?
            }
            self.execute("COMMIT").map_err(|e| {
                if error::is_failed_sync(&e) {
                    self.unsynced = true;
                    self.failed_syncs.note_log();
                }
                error::describe(&e)
            })
        });
        if done.is_err() && !self.connection.is_autocommit() {
            // What cannot be rolled back was rolled back by SQLite itself.
            let _ = self.execute("ROLLBACK");
        }
        self.last_group = Instant::now();
        done
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A checkpoint that does not come to the log's end moves pages without a sync. If one of the file fails later, only the
    /// log surely has them.
    #[test]
    fn a_log_with_a_hole_is_kept_where_the_file_may_lack_pages() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s.db");
        let connection = Connection::open(&path).unwrap();
        connection.execute_batch("PRAGMA journal_mode = WAL; CREATE TABLE t (a)").unwrap();
        let failed_syncs = Arc::new(FailedSyncs::default());
        let mut writer = Writer::new(connection, Arc::new(FileWatch::new(&path)), Arc::clone(&failed_syncs));
        let log = || std::fs::metadata(folder.path().join("s.db-wal")).unwrap().len();
        let long = log();
        failed_syncs.note_file();
        writer.unsynced = true;
        let refused = writer.begin(true, Deadline::in_ms(1000)).unwrap_err();
        assert!(refused.status == Status::Store && refused.message.contains("log is kept"), "{refused}");
        assert_eq!(log(), long);
        writer.begin(false, Deadline::in_ms(1000)).unwrap();
        writer.end(Ok(())).unwrap();

        // Where the file has all, the log begins anew.
        writer.failed_syncs = Arc::default();
        writer.begin(true, Deadline::in_ms(1000)).unwrap();
        assert_eq!(log(), 0);
    }
}
