//! Group commit: whoever holds the connection runs everything that waits, in one transaction with one fsync for all.
//!
//! A caller queues its work. If nobody leads, it does: it begins a transaction, takes what has queued meanwhile, runs
//! each piece, commits, and tells everyone. Then the first that still waits leads. Before an fsync it gives those whom
//! the last one has just released a moment to come back, since what they miss costs them a whole one.
//!
//! A piece reads and decides before it writes, so one that fails has changed nothing and needs no savepoint. If one
//! fails in the middle of its writes, the whole is rolled back and each runs again alone.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use once_cell::sync::OnceCell;
use rusqlite::Connection;

use super::error::{Failure, caught};
use super::writer::Writer;
use crate::clock::Deadline;
use crate::error::{Error, Status};
use crate::panics;
use crate::sync::thread::JoinHandle;
use crate::sync::{Condvar, Mutex, lock_until, now};

/// Members of one group at most, so that none waits long for a large one.
const GROUP: usize = 256;
/// What was set aside is tried again until it is so old; then it is dropped.
pub(super) const GIVEN_UP: Duration = Duration::from_secs(10);
/// A leader waits for others at most this part of what the last fsync took, and never longer than that.
const PATIENCE: (u32, Duration) = (4, Duration::from_millis(5));

pub type Work = Box<dyn FnMut(&Connection) -> Result<(), Failure> + Send>;

/// The one connection that writes, and the queue before it.
pub struct GroupCommitter {
    pub(super) shared: Arc<Shared>,
    pub(super) flusher: OnceCell<JoinHandle<()>>,
}

pub struct Shared {
    connection: Mutex<Writer>,
    pub(super) queue: Mutex<Queue>,
    /// As many wait as the leader hopes for.
    gathered: Condvar,
    /// Work was deferred and nobody leads, or the flusher shall end.
    pub(super) flush: Condvar,
    /// Deferred jobs that have not ended, without those that were set aside.
    pub(super) deferred: AtomicUsize,
}

#[derive(Default)]
pub struct Queue {
    pub(super) led: bool,
    waiting: VecDeque<Arc<WriteJob>>,
    /// For these nobody waits. They are taken before those that wait, since these may have come later.
    pub(super) deferred: VecDeque<Arc<WriteJob>>,
    /// Deferred jobs that the store could not take; the flusher tries them again. Nobody waits for these.
    pub(super) set_aside: VecDeque<Arc<WriteJob>>,
    /// Whether the flusher has been woken.
    pub(super) flushing: bool,
    pub(super) stop: bool,
    /// How many were there when the last fsync ended: its group and those behind it.
    expected: usize,
    /// How long the last group with an fsync took.
    fsync_took: Duration,
}

pub struct WriteJob {
    fsync: bool,
    pub(super) since: Instant,
    pub(super) deadline: Deadline,
    work: Mutex<Work>,
    state: Mutex<State>,
    changed: Condvar,
}

enum State {
    Waiting,
    Leading,
    Done(Result<(), Error>),
}

impl WriteJob {
    pub fn new(fsync: bool, deadline: Deadline, work: Work) -> Arc<WriteJob> {
        let (work, state) = (Mutex::new(work), Mutex::new(State::Waiting));
        Arc::new(WriteJob { fsync, since: now(), deadline, work, state, changed: Condvar::new() })
    }

    fn set(&self, state: State) {
        *self.state.lock() = state;
        self.changed.notify_one();
    }

    /// Whether the store could not take it, and may soon.
    fn may_be_tried_again(&self) -> bool {
        let failed = matches!(&*self.state.lock(), State::Done(Err(e)) if e.status == Status::Store);
        failed && now() - self.since < GIVEN_UP
    }

    /// Outside: whether the transaction still stands. Inside: the job's own result.
    fn run(&self, writer: &Writer) -> Result<Result<(), Error>, Error> {
        let c = writer.connection();
        match panics::catch(|| (self.work.lock())(c)) {
            Ok(Ok(())) => Ok(Ok(())),
            Ok(Err(Failure::Unwritten(fault))) if !c.is_autocommit() => Ok(Err(fault.into())),
            Ok(Err(failure)) => Err(failure.into()),
            Err(place) => Err(caught(&place)),
        }
    }
}

impl GroupCommitter {
    pub fn new(writer: Writer) -> GroupCommitter {
        let shared = Shared {
            connection: Mutex::new(writer),
            queue: Mutex::default(),
            gathered: Condvar::new(),
            flush: Condvar::new(),
            deferred: AtomicUsize::new(0),
        };
        GroupCommitter { shared: Arc::new(shared), flusher: OnceCell::new() }
    }

    /// Runs `work` in a transaction and returns once it is committed (with `fsync`: and on disk). `work` may run more
    /// than once, when a transaction with others failed as a whole; only its last run counts.
    pub fn run(
        &self,
        fsync: bool,
        deadline: Deadline,
        work: impl FnMut(&Connection) -> Result<(), Failure> + Send + 'static,
    ) -> Result<(), Error> {
        let job = WriteJob::new(fsync, deadline, Box::new(work));
        self.shared.enter(&job);
        self.shared.finish(&job)
    }

    /// Runs `work` in a transaction of its own, on the caller's thread: maintenance, for which no group shall pay.
    pub fn run_apart(
        &self,
        fsync: bool,
        deadline: Deadline,
        mut work: impl FnMut(&Connection) -> Result<(), Failure>,
    ) -> Result<(), Error> {
        let mut writer = lock_until(&self.shared.connection, deadline.instant()).ok_or_else(too_late)?;
        writer.begin(fsync, deadline)?;
        let done = work(writer.connection()).map_err(Error::from);
        writer.end(done)
    }

    /// Runs `work` with the connection between two groups, so that no group of this process is at work.
    pub fn alone<R>(&self, deadline: Deadline, work: impl FnOnce(&Connection) -> R) -> Result<R, Error> {
        let writer = lock_until(&self.shared.connection, deadline.instant()).ok_or_else(too_late)?;
        Ok(work(writer.connection()))
    }
}

impl Shared {
    fn enter(&self, job: &Arc<WriteJob>) {
        let mut queue = self.queue.lock();
        queue.waiting.push_back(Arc::clone(job));
        if !queue.led {
            queue.led = true;
            job.set(State::Leading);
        } else if queue.waiting.len() >= queue.expected.min(GROUP) {
            self.gathered.notify_one();
        }
    }

    /// Waits a moment for those who may come back for another fsync.
    fn gather(&self) {
        let mut queue = self.queue.lock();
        let until = now() + (queue.fsync_took / PATIENCE.0).min(PATIENCE.1);
        while queue.waiting.len() < queue.expected.min(GROUP) {
            if self.gathered.wait_until(&mut queue, until).timed_out() {
                break;
            }
        }
    }

    fn finish(&self, job: &Arc<WriteJob>) -> Result<(), Error> {
        loop {
            let mut state = job.state.lock();
            match std::mem::replace(&mut *state, State::Waiting) {
                State::Done(done) => return done,
                State::Leading => {
                    drop(state);
                    self.lead(Some(job), job.deadline);
                }
                State::Waiting => {
                    let timed_out = job.changed.wait_until(&mut state, job.deadline.instant()).timed_out();
                    let still_waits = timed_out && matches!(*state, State::Waiting);
                    drop(state);
                    if still_waits {
                        if self.leave(job) {
                            return Err(too_late());
                        }
                        // Its group runs: the outcome is near, and must be known.
                        let mut state = job.state.lock();
                        while matches!(*state, State::Waiting) {
                            job.changed.wait(&mut state);
                        }
                    }
                }
            }
        }
    }

    /// Takes the job out of the queue, unless a group has taken it or it has been made the leader.
    fn leave(&self, job: &Arc<WriteJob>) -> bool {
        let mut queue = self.queue.lock();
        if matches!(*job.state.lock(), State::Leading) {
            return false;
        }
        let before = queue.waiting.len();
        queue.waiting.retain(|other| !Arc::ptr_eq(other, job));
        queue.waiting.len() < before
    }

    /// Runs a group, and returns whether it began. `own` is the job of the caller, none for the flusher.
    pub(super) fn lead(&self, own: Option<&Arc<WriteJob>>, deadline: Deadline) -> bool {
        if own.is_some_and(|job| job.fsync) {
            self.gather();
        }
        let led = self.run_group(deadline);
        let has_begun = led.is_ok();
        if let (Err(e), Some(own)) = (led, own) {
            self.queue.lock().waiting.retain(|other| !Arc::ptr_eq(other, own));
            own.set(State::Done(Err(e)));
        }
        let mut queue = self.queue.lock();
        match queue.waiting.front() {
            Some(next) => next.set(State::Leading),
            None => queue.led = false,
        }
        if !(queue.set_aside.is_empty() && (queue.led || queue.deferred.is_empty())) {
            self.wake_flusher(&mut queue);
        }
        has_begun
    }

    /// An error: the transaction was not begun, and nobody of the queue was taken.
    fn run_group(&self, deadline: Deadline) -> Result<(), Error> {
        let led = panics::catch(|| {
            let mut writer = lock_until(&self.connection, deadline.instant()).ok_or_else(too_late)?;
            let fsync = self.queue.lock().waiting.iter().any(|job| job.fsync);
            writer.begin(fsync, deadline)?;
            let began = now();
            let group = self.take_group(fsync);
            group.run(&mut writer);
            let mut queue = self.queue.lock();
            queue.set_aside.extend(group.deferred.iter().filter(|job| job.may_be_tried_again()).cloned());
            if fsync {
                queue.expected = group.waiting.len() + queue.waiting.len();
                queue.fsync_took = now() - began;
            }
            Ok(())
        });
        led.unwrap_or_else(|place| Err(caught(&place)))
    }

    /// Those that this transaction is good enough for, in their order. The leader was queued first of all, or was
    /// first when it was made the leader, so it is among them, unless what was deferred fills the group.
    fn take_group(&self, fsync: bool) -> Group<'_> {
        let mut queue = self.queue.lock();
        let size = queue.deferred.len().min(GROUP);
        let deferred = queue.deferred.drain(..size).collect();
        let (mut waiting, mut others) = (Vec::new(), VecDeque::new());
        let room = if queue.deferred.is_empty() { GROUP } else { 0 };
        for job in queue.waiting.drain(..) {
            if waiting.len() < room && (fsync || !job.fsync) {
                waiting.push(job);
            } else {
                others.push_back(job);
            }
        }
        queue.waiting = others;
        Group { deferred, waiting, unfinished: &self.deferred }
    }
}

/// The members of one transaction: whatever happens to it, each is told.
struct Group<'a> {
    deferred: Vec<Arc<WriteJob>>,
    waiting: Vec<Arc<WriteJob>>,
    unfinished: &'a AtomicUsize,
}

impl Drop for Group<'_> {
    fn drop(&mut self) {
        self.unfinished.fetch_sub(self.deferred.len(), Ordering::Release);
        for job in &self.waiting {
            let mut state = job.state.lock();
            if matches!(*state, State::Waiting) {
                *state = State::Done(Err(Error::new(Status::Panic, "a bug of wxsub's was caught in its store")));
                job.changed.notify_one();
            }
        }
    }
}

impl Group<'_> {
    /// Runs the group in the transaction that was begun, and tells each member after the commit.
    fn run(&self, writer: &mut Writer) {
        let members: Vec<&Arc<WriteJob>> = self.deferred.iter().chain(&self.waiting).collect();
        match run_all(writer, &members) {
            Ok(results) => {
                for (job, result) in members.iter().zip(results) {
                    job.set(State::Done(result));
                }
            }
            Err(e) if members.len() == 1 => members[0].set(State::Done(Err(e))),
            // The transaction failed as a whole (a full disk, an I/O error): each for itself.
            Err(_) => {
                let fsync = members.iter().any(|job| job.fsync);
                let (deferred, waiting) = members.split_at(self.deferred.len());
                // Each may wait until its deadline; so of those who wait nobody does for one who has more time.
                let mut waiting = waiting.to_vec();
                waiting.sort_by_key(|job| job.deadline.instant());
                for job in deferred.iter().chain(&waiting) {
                    let begun = writer.begin(fsync, job.deadline);
                    let alone = begun.and_then(|()| run_all(writer, &[job])).map(|mut results| results.remove(0));
                    job.set(State::Done(alone.and_then(|own| own)));
                }
            }
        }
    }
}

/// Each member's own result, if the transaction was committed.
fn run_all(writer: &mut Writer, members: &[&Arc<WriteJob>]) -> Result<Vec<Result<(), Error>>, Error> {
    let results = members.iter().map(|job| job.run(writer)).collect::<Result<Vec<_>, Error>>();
    match results {
        Ok(results) => writer.end(Ok(())).map(|()| results),
        Err(e) => writer.end(Err(e)).map(|()| Vec::new()),
    }
}

fn too_late() -> Error {
    Error::new(Status::Store, "the store was busy until the deadline; nothing was changed. Try again").after_ms(100)
}

#[cfg(all(test, feature = "schedules"))]
mod schedules;
#[cfg(test)]
mod tests;
