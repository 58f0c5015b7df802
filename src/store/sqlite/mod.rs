//! Records in an SQLite file: several clients and several processes of one host may share it.

mod agenda;
mod checkpoint;
mod deferred;
mod error;
mod file;
mod generation;
mod group_commit;
mod readers;
mod records;
mod schema;
mod sweep;
mod sync;
mod watch;
mod writer;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use rusqlite::Connection;

use super::{Agenda, Backlog, Engine, IsOver, Page, Space, Step, Time};
use crate::clock::{Deadline, Now};
use crate::config::Config;
use crate::error::Error;
use checkpoint::{Checkpointer, LogLength};
use error::Fault;
use generation::Generation;
use group_commit::{Failure, GroupCommitter};
use readers::Readers;
use records::Records;
use sweep::Sweeper;
use watch::FileWatch;
use writer::Writer;

/// One account's records in the file.
pub struct SqliteEngine {
    account: i64,
    durable: bool,
    location: String,
    /// Closed first, after what was deferred is done.
    committer: GroupCommitter,
    readers: Readers,
    watch: Arc<FileWatch>,
    /// Passing records that were put since the last sweep.
    written: Arc<AtomicU64>,
    sweeper: Mutex<Sweeper>,
    generation: Mutex<Generation>,
    length: Arc<LogLength>,
    /// Closed last: its connection knows whether the log may go.
    checkpointer: Mutex<Checkpointer>,
}

impl SqliteEngine {
    /// Opens the file, making it if it is not there.
    ///
    /// # Errors
    /// [`crate::Status::Store`], for a file that is not ours, damaged, of another format or not writable as well; it is
    /// left as it is.
    pub fn open(config: &Config, path: &str) -> Result<SqliteEngine, Error> {
        let deadline = Deadline::in_ms(config.timeout_ms);
        let mut opened = file::open(path, deadline)?;
        let (length, written) = (Arc::new(LogLength::default()), Arc::new(AtomicU64::new(0)));
        let prepare = || {
            let account = schema::account(&opened.writer, &config.appid)?;
            Ok((account, Generation::open(&opened.path, config.durable, &opened.writer)?))
        };
        let (account, generation) = error::retry_busy(deadline, prepare).map_err(|e| error::describe(&e))?;
        length.follow(&mut opened.writer).map_err(|e| error::describe(&e))?;
        let watch = Arc::new(FileWatch::new(&opened.path));
        Ok(SqliteEngine {
            account,
            durable: config.durable,
            location: opened.path.display().to_string(),
            committer: GroupCommitter::new(Writer::new(opened.writer, Arc::clone(&watch))),
            readers: Readers::new(opened.path, opened.reader),
            watch,
            sweeper: Mutex::new(Sweeper::new(account, Arc::clone(&written))),
            written,
            generation: Mutex::new(generation),
            checkpointer: Mutex::new(Checkpointer::new(opened.maintenance, Arc::clone(&length))),
            length,
        })
    }

    /// What the group runs: the step within its transaction.
    fn work(&self, mut step: Step) -> impl FnMut(&Connection) -> Result<(), Failure> + Send + 'static {
        let (account, written) = (self.account, Arc::clone(&self.written));
        move |c| {
            let passing = records::take(c, account, &mut step)?;
            written.fetch_add(passing, Ordering::Relaxed);
            Ok(())
        }
    }

    /// Reads one state of the store, in which all is done that this process has deferred.
    fn look<R>(&self, deadline: Deadline, work: impl FnMut(&Connection) -> Result<R, Fault>) -> Result<R, Error> {
        self.watch.look_now_and_then()?;
        self.committer.flush(deadline)?;
        self.readers.snapshot(deadline, work)
    }
}

impl Engine for SqliteEngine {
    fn step(&self, step: Step, deadline: Deadline) -> Result<(), Error> {
        self.committer.run(step.proven && self.durable, deadline, self.work(step))
    }

    fn read(&self, mut step: Step, deadline: Deadline) -> Result<(), Error> {
        self.look(deadline, |c| Records::new(c, self.account).decide(&mut step).map(drop))
    }

    fn defer(&self, step: Step) {
        self.committer.defer(Box::new(self.work(step)));
    }

    fn flush(&self, deadline: Deadline) {
        // What could not be done in time is done later or, as if it had never been asked for, not at all.
        let _later = self.committer.flush(deadline);
    }

    fn agenda(&self, limit: usize, skip: &dyn Fn(u64) -> bool, deadline: Deadline) -> Result<Agenda, Error> {
        self.look(deadline, |c| Ok(agenda::read(c, self.account, &self.time(), limit, skip)?))
    }

    fn backlog(&self, deadline: Deadline) -> Result<Backlog, Error> {
        self.look(deadline, |c| Ok(agenda::backlog(c, self.account, &self.time())?))
    }

    fn scan(&self, space: Space, after: Option<Box<[u8]>>, limit: usize, deadline: Deadline) -> Result<Page, Error> {
        self.look(deadline, |c| Ok(Records::new(c, self.account).scan(space, after.as_deref(), limit)?))
    }

    fn version(&self, deadline: Deadline) -> Result<Option<i64>, Error> {
        self.watch.look_now_and_then()?;
        let version = |c: &Connection| c.prepare_cached("PRAGMA data_version")?.query_row([], |r| r.get(0));
        self.readers.on_first(deadline, version).map(Some)
    }

    fn time(&self) -> Time {
        Time::from(&Now::read())
    }

    fn maintain(&self, is_over: IsOver) -> Result<(), Error> {
        self.watch.look()?;
        let swept = self.sweeper.lock().round(&self.readers, &self.committer, is_over);
        let advanced = self.generation.lock().advance(&self.committer);
        self.checkpointer.lock().round(&self.committer).and(swept).and(advanced)
    }

    fn needs_maintenance(&self) -> bool {
        self.length.is_long()
    }

    fn location(&self) -> &str {
        &self.location
    }

    fn warnings(&self, _deadline: Deadline) -> Result<Vec<String>, Error> {
        self.watch.look()?;
        Ok(self.generation.lock().warning().into_iter().collect())
    }
}

#[cfg(test)]
mod tests;
