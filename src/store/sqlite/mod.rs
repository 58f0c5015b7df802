//! Records in an SQLite file: several clients and several processes of one host may share it.

mod agenda;
mod backup;
mod checkpoint;
mod deferred;
mod error;
mod failed_syncs;
mod file;
mod fsync;
mod generation;
mod group_commit;
mod journal;
mod readers;
mod records;
mod schema;
mod sweep;
mod watch;
mod writer;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use rusqlite::Connection;

use super::{
    Agenda, Backlog, Compacted, Counter, Engine, IsOver, JournalTerms, LogPage, LogQuery, Name, Page, Space, Step, Time,
};
use crate::clock::{Deadline, Now};
use crate::config::Config;
use crate::error::{Error, Status};
use crate::latency::Histogram;
use checkpoint::{Checkpointer, LogLength};
use error::Failure;
use error::Fault;
use failed_syncs::FailedSyncs;
use fsync::DatabaseFile;
use generation::{Generation, Standing};
use group_commit::GroupCommitter;
use readers::Readers;
use records::Records;
use sweep::Sweeper;
use watch::FileWatch;
use writer::Writer;

/// How long a backup waits for what was begun before it.
const BACKUP_PATIENCE_MS: u64 = 2000;

/// One account's records in the file.
pub struct SqliteEngine {
    account: i64,
    terms: JournalTerms,
    durable: bool,
    location: String,
    latency: Histogram,
    /// Closed first, after what was deferred is done.
    committer: GroupCommitter,
    readers: Readers,
    watch: Arc<FileWatch>,
    /// Passing records that were put since the last sweep.
    written: Arc<AtomicU64>,
    sweeper: Mutex<Sweeper>,
    generation: Mutex<Generation>,
    length: Arc<LogLength>,
    failed_syncs: Arc<FailedSyncs>,
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
        let terms = JournalTerms::of(config);
        let mut opened = file::open(path, deadline)?;
        let (length, written) = (Arc::new(LogLength::default()), Arc::new(AtomicU64::new(0)));
        let prepare = || {
            let account = schema::account(&opened.writer, &config.appid)?;
            Ok((account, Generation::open(&opened.path, config.durable, &opened.writer)?))
        };
        let (account, generation) = error::retry_busy(deadline, prepare).map_err(|e| error::describe(&e))?;
        length.follow(&mut opened.writer).map_err(|e| error::describe(&e))?;
        let failed_syncs = Arc::new(FailedSyncs::default());
        let watch = Arc::new(FileWatch::new(&opened.path));
        let file = DatabaseFile::new(&opened.path).map_err(|e| {
            Error::new(Status::Store, format!("the store {} cannot be looked at: {e}", opened.path.display()))
        })?;
        Ok(SqliteEngine {
            account,
            terms,
            durable: config.durable,
            latency: Histogram::default(),
            location: opened.path.display().to_string(),
            committer: GroupCommitter::new(Writer::new(opened.writer, Arc::clone(&watch), Arc::clone(&failed_syncs))),
            readers: Readers::new(opened.path, opened.reader),
            watch: Arc::clone(&watch),
            sweeper: Mutex::new(Sweeper::new(account, terms, Arc::clone(&written))),
            written,
            generation: Mutex::new(generation),
            checkpointer: Mutex::new(Checkpointer::new(
                opened.maintenance,
                file,
                Arc::clone(&length),
                Arc::clone(&failed_syncs),
                watch,
            )),
            length,
            failed_syncs,
        })
    }

    /// What the group runs: the step within its transaction.
    fn work(&self, mut step: Step) -> impl FnMut(&Connection) -> Result<(), Failure> + Send + 'static {
        let (account, terms, written) = (self.account, self.terms, Arc::clone(&self.written));
        move |c| {
            let passing = records::take(c, account, terms, &mut step)?;
            written.fetch_add(passing, Ordering::Relaxed);
            Ok(())
        }
    }

    fn records<'c>(&self, c: &'c Connection) -> Records<'c> {
        Records::new(c, self.account, self.terms)
    }

    /// Looks whether the file is still ours.
    ///
    /// # Errors
    /// That it is not.
    fn standing(&self) -> Result<Standing, Error> {
        let standing = self.generation.lock().standing(self.readers.path());
        if standing == Standing::Another {
            self.watch.note_overwritten();
        }
        self.watch.look()?;
        Ok(standing)
    }

    /// Reads one state of the store, in which all is done that this process has deferred.
    fn look<R>(&self, deadline: Deadline, work: impl FnMut(&Connection) -> Result<R, Fault>) -> Result<R, Error> {
        self.watch.look_now_and_then()?;
        self.committer.flush(deadline)?;
        self.readers.snapshot(deadline, work)
    }
}

impl Engine for SqliteEngine {
    fn order(&self) -> u8 {
        2
    }

    fn step(&self, step: Step, deadline: Deadline) -> Result<(), Error> {
        self.committer.run(step.proven && self.durable, deadline, self.work(step))
    }

    fn read(&self, mut step: Step, deadline: Deadline) -> Result<(), Error> {
        self.look(deadline, |c| self.records(c).decide(&mut step).map(drop))
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
        self.look(deadline, |c| Ok(self.records(c).scan(space, None, after.as_deref(), limit)?))
    }

    fn names_of(&self, home: u64, limit: usize, deadline: Deadline) -> Result<Vec<Name>, Error> {
        self.look(deadline, |c| Ok(self.records(c).names_of(home, limit)?))
    }

    fn log(&self, query: &LogQuery, deadline: Deadline) -> Result<LogPage, Error> {
        let oldest_ms = self.terms.log_from_ms(self.time().wall_ms);
        self.look(deadline, |c| Ok(journal::page(c, self.account, query, oldest_ms)?))
    }

    fn drop_log(&self, home: u64, is_his: &dyn Fn(&[u8]) -> bool, deadline: Deadline) -> Result<u64, Error> {
        let (account, mut behind, mut dropped) = (self.account, i64::MIN, 0);
        loop {
            let found = self.look(deadline, |c| Ok(journal::of_player(c, account, home, behind)?))?;
            let Some((last, _)) = found.last() else { return Ok(dropped) };
            behind = *last;
            let his: Vec<i64> = found.into_iter().filter(|(_, text)| is_his(text)).map(|(at, _)| at).collect();
            dropped += his.len() as u64;
            let drop_his = move |c: &Connection| his.iter().try_for_each(|at| journal::drop_at(c, account, *at));
            self.committer.run(self.durable, deadline, move |c| drop_his(c).map_err(Failure::HalfWritten))?;
        }
    }

    fn counters(&self, days: std::ops::RangeInclusive<i64>, deadline: Deadline) -> Result<Vec<(Counter, i64)>, Error> {
        self.look(deadline, |c| Ok(journal::counters(c, self.account, *days.start(), *days.end())?))
    }

    fn compact(&self, deadline: Deadline) -> Result<Compacted, Error> {
        self.watch.look()?;
        self.committer.flush(deadline)?;
        self.checkpointer.lock().compact(&self.committer, deadline)
    }

    fn place_of(&self, player: &Name, kept: usize) -> Box<[u8]> {
        records::place_of(player.id(), kept)
    }

    fn scan_of(
        &self,
        space: Space,
        home: u64,
        after: Option<Box<[u8]>>,
        limit: usize,
        deadline: Deadline,
    ) -> Result<Page, Error> {
        // All ids with this beginning come right behind it.
        let after = after.unwrap_or_else(|| home.to_be_bytes().into());
        self.look(deadline, |c| Ok(self.records(c).scan(space, Some(home), Some(&after), limit)?))
    }

    fn backup(&self, path: &str) -> Result<u64, Error> {
        self.watch.look()?;
        self.committer.flush(Deadline::in_ms(BACKUP_PATIENCE_MS))?;
        backup::copy(self.readers.path(), Path::new(path))
    }

    fn latency(&self) -> Option<&Histogram> {
        Some(&self.latency)
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
        if self.standing()? == Standing::InDoubt {
            return Ok(());
        }
        let swept = self.sweeper.lock().round(&self.readers, &self.committer, is_over);
        let advanced = self.generation.lock().advance(&self.committer);
        self.checkpointer.lock().round(&self.committer).and(swept).and(advanced)
    }

    fn needs_maintenance(&self) -> bool {
        self.length.is_long()
    }

    fn wants_another_round(&self) -> bool {
        self.generation.lock().is_in_doubt()
    }

    fn location(&self) -> &str {
        &self.location
    }

    fn warnings(&self, deadline: Deadline) -> Result<Vec<String>, Error> {
        // A look tells nothing by itself, and others have things to look at, too.
        let until = deadline.in_part(2);
        while self.standing()? == Standing::InDoubt && until.left() > generation::APART {
            std::thread::sleep(generation::APART);
        }
        Ok(self.generation.lock().warning().into_iter().chain(self.failed_syncs.warning()).collect())
    }
}

impl Drop for SqliteEngine {
    fn drop(&mut self) {
        // Whoever puts a copy there and ends the process at once finds it as he put it.
        if self.generation.lock().standing(self.readers.path()) != Standing::Ours {
            self.watch.note_overwritten();
        }
    }
}

#[cfg(test)]
mod tests;
