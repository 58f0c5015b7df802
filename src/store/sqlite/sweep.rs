//! Dropping passing records that are over. There is no index on when they are: it would take more room than they do. So
//! all are looked at in turn, some in each round: the more, the more was written.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::error::{Failure, Fault};
use super::group_commit::GroupCommitter;
use super::journal;
use super::readers::Readers;
use super::records::{self, Records};
use crate::clock::{Deadline, Now};
use crate::error::Error;
use crate::store::{Changes, IsOver, JournalTerms, Name, Page, Space, Step, Time, View};

/// Between two rounds.
const EVERY: Duration = Duration::from_secs(1);
/// Rows that a round looks at, at least while there are passing records, and at most.
const ROWS: (u64, u64) = (2_000, 50_000);
/// Rows for each record that was written.
const ROWS_PER_WRITTEN: u64 = 4;
/// Rows that are read in one go.
const READ_AT_ONCE: usize = 1_000;
/// Records that are dropped in one transaction at most.
const DROPPED_AT_ONCE: usize = 64;
/// Transactions of a round at most that drop what is over in the journal: some thousand entries.
const PRUNED_AT_ONCE: usize = 20;
/// How long a round's transactions wait for the connection.
const PATIENCE_MS: u64 = 1_000;

pub struct Sweeper {
    account: i64,
    terms: JournalTerms,
    /// Passing records that were put since the last round.
    written: Arc<AtomicU64>,
    /// Where it is.
    space: Space,
    after: Option<Box<[u8]>>,
    /// Whether any passing record was met, or written, since it last came by the beginning.
    met: bool,
    /// Whether there is anything to look for.
    busy: bool,
    last: Option<Instant>,
}

impl Sweeper {
    pub fn new(account: i64, terms: JournalTerms, written: Arc<AtomicU64>) -> Sweeper {
        Sweeper { account, terms, written, space: Space::Key, after: None, met: false, busy: true, last: None }
    }

    /// Looks at the next rows, now and then.
    ///
    /// # Errors
    /// Those of reads and of transactions; the next round tries again.
    pub fn round(&mut self, readers: &Readers, committer: &GroupCommitter, is_over: IsOver) -> Result<(), Error> {
        if self.last.is_some_and(|last| last.elapsed() < EVERY) {
            return Ok(());
        }
        self.last = Some(Instant::now());
        self.prune_journal(readers, committer)?;
        self.round_now(readers, committer, is_over)
    }

    /// Drops entries and counters that are over.
    fn prune_journal(&self, readers: &Readers, committer: &GroupCommitter) -> Result<(), Error> {
        let (deadline, now_ms) = (Deadline::in_ms(PATIENCE_MS), Time::from(&Now::read()).wall_ms);
        let (account, terms) = (self.account, &self.terms);
        let looked = readers.snapshot(deadline, |c| Ok::<_, Fault>(journal::has_over(c, account, terms, now_ms)?));
        let mut more = looked?;
        for _ in 0..PRUNED_AT_ONCE {
            if !more {
                break;
            }
            committer.run_apart(false, Deadline::in_ms(PATIENCE_MS), |c| {
                more = journal::drop_over(c, account, terms, now_ms).map_err(Failure::HalfWritten)?;
                Ok(())
            })?;
        }
        Ok(())
    }

    /// Whether there may be something to drop.
    #[cfg(test)]
    pub fn is_busy(&self) -> bool {
        self.busy
    }

    pub fn round_now(&mut self, readers: &Readers, committer: &GroupCommitter, is_over: IsOver) -> Result<(), Error> {
        let written = self.written.swap(0, Ordering::Relaxed);
        self.busy |= written > 0;
        self.met |= written > 0;
        let mut left = (written * ROWS_PER_WRITTEN).clamp(ROWS.0, ROWS.1);
        while self.busy && left > 0 {
            let (page, over) = self.look(readers, is_over)?;
            for names in over.chunks(DROPPED_AT_ONCE) {
                self.drop_all(committer, names, is_over)?;
            }
            self.met |= !page.records.is_empty();
            left = left.saturating_sub(READ_AT_ONCE as u64);
            self.go_on(page);
        }
        Ok(())
    }

    /// Reads the next rows and says which are over.
    fn look(&self, readers: &Readers, is_over: IsOver) -> Result<(Page, Vec<Name>), Error> {
        let page = readers.snapshot(Deadline::in_ms(PATIENCE_MS), |c| {
            Ok::<_, Fault>(Records::new(c, self.account, self.terms).scan(
                self.space,
                None,
                self.after.as_deref(),
                READ_AT_ONCE,
            )?)
        })?;
        let time = Time::from(&Now::read());
        let over = page.records.iter().filter(|record| is_over(&record.name, &record.value, &time));
        let over = over.map(|record| record.name.clone()).collect();
        Ok((page, over))
    }

    /// Drops those that are still over: somebody may have written to them since.
    fn drop_all(&self, committer: &GroupCommitter, names: &[Name], is_over: IsOver) -> Result<(), Error> {
        let decide = move |view: &View<'_>| {
            let mut changes = Changes::default();
            for (name, value) in view.records {
                if value.as_ref().is_some_and(|value| is_over(name, value, &view.time)) {
                    changes.put(name.clone(), None, None);
                }
            }
            Ok(changes)
        };
        let (account, terms, reads) = (self.account, self.terms, names.to_vec());
        let mut step = Step { reads, proven: false, trace: None, decide: Box::new(decide) };
        committer
            .run_apart(false, Deadline::in_ms(PATIENCE_MS), |c| records::take(c, account, terms, &mut step).map(drop))
    }

    fn go_on(&mut self, page: Page) {
        self.after = page.after;
        if self.after.is_some() {
            return;
        }
        self.space = if self.space == Space::Key { Space::Recent } else { Space::Key };
        if self.space == Space::Key {
            self.busy = std::mem::take(&mut self.met);
        }
    }
}
