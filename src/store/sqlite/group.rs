//! Group commit: whoever holds the connection runs everything that waits, in one transaction with one fsync for all.
//!
//! A caller queues its work. If nobody leads, it does: it begins a transaction, takes what has queued meanwhile, runs
//! each piece in a savepoint of its own, commits, and tells everyone. Then the first that still waits leads. Before an
//! fsync it gives those whom the last one has just released a moment to come back, since what they miss costs them a
//! whole one.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use rusqlite::Connection;

use super::trouble;
use super::writer::Writer;
use crate::clock::Deadline;
use crate::error::{Error, Status};
use crate::panics;

/// Members of one group at most, so that none waits long for a large one.
const GROUP: usize = 256;
/// A leader waits for others at most this part of what the last fsync took, and never longer than that.
const PATIENCE: (u32, Duration) = (4, Duration::from_millis(5));

type Work = Box<dyn FnMut(&Connection) -> rusqlite::Result<()> + Send>;

/// The one connection that writes, and the queue before it.
pub struct Writers {
    connection: Mutex<Writer>,
    queue: Mutex<Queue>,
    /// As many wait as the leader hopes for.
    gathered: Condvar,
}

#[derive(Default)]
struct Queue {
    led: bool,
    waiting: VecDeque<Arc<Job>>,
    /// How many were there when the last fsync ended: its group and those behind it.
    expected: usize,
    /// How long the last group with an fsync took.
    fsync_took: Duration,
}

struct Job {
    fsync: bool,
    deadline: Deadline,
    work: Mutex<Work>,
    state: Mutex<State>,
    changed: Condvar,
}

enum State {
    Waiting,
    Leading,
    Done(Result<(), Error>),
}

impl Job {
    fn set(&self, state: State) {
        *self.state.lock() = state;
        self.changed.notify_one();
    }

    fn run(&self, c: &Connection) -> Result<(), Error> {
        match panics::catch(|| (self.work.lock())(c)) {
            Ok(done) => done.map_err(|e| trouble::describe(&e)),
            Err(place) => Err(Error::new(Status::Panic, format!("a bug of wxsub's was caught at {place}"))),
        }
    }
}

impl Writers {
    pub fn new(connection: Connection) -> Writers {
        Writers { connection: Mutex::new(Writer::new(connection)), queue: Mutex::default(), gathered: Condvar::new() }
    }

    /// Runs `work` in a transaction and returns once it is committed (with `fsync`: and on disk). `work` may run more
    /// than once, when a transaction with others failed as a whole; only its last run counts.
    pub fn run<R: Send + 'static>(
        &self,
        fsync: bool,
        deadline: Deadline,
        mut work: impl FnMut(&Connection) -> rusqlite::Result<R> + Send + 'static,
    ) -> Result<R, Error> {
        let result = Arc::new(Mutex::new(None));
        let filled = Arc::clone(&result);
        let job = Arc::new(Job {
            fsync,
            deadline,
            work: Mutex::new(Box::new(move |c| {
                *filled.lock() = Some(work(c)?);
                Ok(())
            })),
            state: Mutex::new(State::Waiting),
            changed: Condvar::new(),
        });
        self.enter(&job);
        self.finish(&job, deadline)?;
        let taken = result.lock().take();
        taken.ok_or_else(|| Error::new(Status::Internal, "a store operation ended without a result"))
    }

    /// Runs `work` on the connection between two groups, without a transaction; for reads where there is no reader.
    pub fn alone<R>(&self, deadline: Deadline, work: impl Fn(&Connection) -> rusqlite::Result<R>) -> Result<R, Error> {
        match self.connection.try_lock_until(deadline.instant()) {
            Some(writer) => work(writer.connection()).map_err(|e| trouble::describe(&e)),
            None => Err(too_late()),
        }
    }

    fn enter(&self, job: &Arc<Job>) {
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
        let until = Instant::now() + (queue.fsync_took / PATIENCE.0).min(PATIENCE.1);
        while queue.waiting.len() < queue.expected.min(GROUP) {
            if self.gathered.wait_until(&mut queue, until).timed_out() {
                break;
            }
        }
    }

    fn finish(&self, job: &Arc<Job>, deadline: Deadline) -> Result<(), Error> {
        loop {
            let mut state = job.state.lock();
            match std::mem::replace(&mut *state, State::Waiting) {
                State::Done(done) => return done,
                State::Leading => {
                    drop(state);
                    self.lead(job, deadline);
                }
                State::Waiting => {
                    let timed_out = job.changed.wait_until(&mut state, deadline.instant()).timed_out();
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
    fn leave(&self, job: &Arc<Job>) -> bool {
        let mut queue = self.queue.lock();
        if matches!(*job.state.lock(), State::Leading) {
            return false;
        }
        let before = queue.waiting.len();
        queue.waiting.retain(|other| !Arc::ptr_eq(other, job));
        queue.waiting.len() < before
    }

    fn lead(&self, own: &Arc<Job>, deadline: Deadline) {
        let led = panics::catch(|| {
            if own.fsync {
                self.gather();
            }
            let mut writer = self.connection.lock();
            let fsync = self.queue.lock().waiting.iter().any(|job| job.fsync);
            match writer.begin(fsync, deadline) {
                Ok(()) => {
                    let began = Instant::now();
                    let group = Group(self.take_group(fsync));
                    group.run(&mut writer);
                    if fsync {
                        let mut queue = self.queue.lock();
                        queue.expected = group.0.len() + queue.waiting.len();
                        queue.fsync_took = began.elapsed();
                    }
                }
                Err(e) => {
                    self.leave_queue(own);
                    own.set(State::Done(Err(e)));
                }
            }
        });
        if led.is_err() {
            self.leave_queue(own);
            own.set(State::Done(Err(Error::new(Status::Panic, "a bug of wxsub's was caught in its store"))));
        }
        let mut queue = self.queue.lock();
        match queue.waiting.front() {
            Some(next) => next.set(State::Leading),
            None => queue.led = false,
        }
    }

    fn leave_queue(&self, job: &Arc<Job>) {
        self.queue.lock().waiting.retain(|other| !Arc::ptr_eq(other, job));
    }

    /// Those that this transaction is good enough for, in their order. The leader was queued first of all, or was
    /// first when it was made the leader, so it is among them.
    fn take_group(&self, fsync: bool) -> Vec<Arc<Job>> {
        let mut queue = self.queue.lock();
        let (mut group, mut others) = (Vec::new(), VecDeque::new());
        for job in queue.waiting.drain(..) {
            if group.len() < GROUP && (fsync || !job.fsync) {
                group.push(job);
            } else {
                others.push_back(job);
            }
        }
        queue.waiting = others;
        group
    }
}

/// The members of one transaction: whatever happens to it, each is told.
struct Group(Vec<Arc<Job>>);

impl Drop for Group {
    fn drop(&mut self) {
        for job in &self.0 {
            let mut state = job.state.lock();
            if matches!(*state, State::Waiting) {
                *state = State::Done(Err(Error::new(Status::Panic, "a bug of wxsub's was caught in its store")));
                job.changed.notify_one();
            }
        }
    }
}

impl Group {
    /// Runs the group in the transaction that was begun, and tells each member after the commit.
    fn run(&self, writer: &mut Writer) {
        let group = self.0.as_slice();
        let done = match group {
            [only] => run_single(writer, only).map(|()| vec![Ok(())]),
            many => run_many(writer, many),
        };
        match done {
            Ok(results) => {
                for (job, result) in group.iter().zip(results) {
                    job.set(State::Done(result));
                }
            }
            Err(e) if group.len() == 1 => group[0].set(State::Done(Err(e))),
            // The transaction failed as a whole (a full disk, an I/O error): each for itself.
            Err(_) => {
                let fsync = group.iter().any(|job| job.fsync);
                for job in group {
                    let alone = writer.begin(fsync, job.deadline).and_then(|()| run_single(writer, job));
                    job.set(State::Done(alone));
                }
            }
        }
    }
}

fn run_single(writer: &mut Writer, job: &Job) -> Result<(), Error> {
    let done = job.run(writer.connection());
    writer.end(done)
}

/// Each member's own result, if the transaction was committed.
fn run_many(writer: &mut Writer, group: &[Arc<Job>]) -> Result<Vec<Result<(), Error>>, Error> {
    let mut results = Vec::with_capacity(group.len());
    for job in group {
        match run_savepoint(writer, job) {
            Ok(result) => results.push(result),
            Err(e) => return writer.end(Err(e)).map(|()| Vec::new()),
        }
    }
    writer.end(Ok(())).map(|()| results)
}

/// Outside: whether the transaction still stands. Inside: the member's own result.
fn run_savepoint(writer: &Writer, job: &Job) -> Result<Result<(), Error>, Error> {
    writer.step("SAVEPOINT member")?;
    let result = job.run(writer.connection());
    if let Err(e) = &result {
        if writer.connection().is_autocommit() {
            return Err(e.clone());
        }
        writer.step("ROLLBACK TO member")?;
    }
    writer.step("RELEASE member")?;
    Ok(result)
}

fn too_late() -> Error {
    Error::new(Status::Store, "the store was busy until the deadline; nothing was changed. Try again").after_ms(100)
}

#[cfg(test)]
mod tests;
