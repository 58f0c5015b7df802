//! Group commit: whoever holds the connection runs everything that waits, in one transaction with one fsync for all.
//!
//! A caller queues its work. If nobody leads, it does: it begins a transaction, takes what has queued meanwhile, runs
//! each piece in a savepoint of its own, commits, and tells everyone. Then the first that still waits leads.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use rusqlite::Connection;

use super::trouble;
use crate::clock::Deadline;
use crate::error::{Error, Status};
use crate::panics;

/// Members of one group at most, so that none waits long for a large one.
const GROUP: usize = 256;
/// While another process also writes, groups are this far apart, or it would never find the lock free.
const GAP: Duration = Duration::from_micros(300);
/// For so long another process counts as writing after it was last noticed.
const CONTENDED: Duration = Duration::from_secs(1);

type Work = Box<dyn FnMut(&Connection) -> rusqlite::Result<()> + Send>;

/// The one connection that writes, and the queue before it.
pub struct Writers {
    connection: Mutex<Writer>,
    queue: Mutex<Queue>,
}

struct Queue {
    led: bool,
    waiting: VecDeque<Arc<Job>>,
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
        Writers {
            connection: Mutex::new(Writer::new(connection)),
            queue: Mutex::new(Queue { led: false, waiting: VecDeque::new() }),
        }
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
            Some(writer) => work(&writer.connection).map_err(|e| trouble::describe(&e)),
            None => Err(too_late()),
        }
    }

    fn enter(&self, job: &Arc<Job>) {
        let mut queue = self.queue.lock();
        queue.waiting.push_back(Arc::clone(job));
        if !queue.led {
            queue.led = true;
            job.set(State::Leading);
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
            let mut writer = self.connection.lock();
            let fsync = self.queue.lock().waiting.iter().any(|job| job.fsync);
            match writer.begin(fsync, deadline) {
                Ok(()) => writer.run_group(&Group(self.take_group(fsync))),
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

struct Writer {
    connection: Connection,
    /// What `PRAGMA synchronous` was set to last; None after opening.
    fsync: Option<bool>,
    data_version: i64,
    contended: Option<Instant>,
    last_group: Instant,
}

impl Writer {
    fn new(connection: Connection) -> Writer {
        Writer { connection, fsync: None, data_version: 0, contended: None, last_group: Instant::now() }
    }

    /// Begins a transaction that may write at once; waits for other processes until the deadline.
    fn begin(&mut self, fsync: bool, deadline: Deadline) -> Result<(), Error> {
        if self.contended.is_some_and(|since| since.elapsed() < CONTENDED)
            && let Some(gap) = GAP.checked_sub(self.last_group.elapsed())
        {
            std::thread::sleep(gap);
        }
        if !self.connection.is_autocommit() {
            // Left behind by a panic in the middle of a group.
            self.end(Err(Error::new(Status::Internal, "rolled back"))).unwrap_or_default();
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
                Err(e) if trouble::is_busy(&e) && !deadline.is_over() => {
                    self.contended = Some(Instant::now());
                    trouble::pause();
                }
                Err(e) => return Err(trouble::describe(&e)),
            }
        }
        self.notice_others();
        Ok(())
    }

    /// Another connection's commit changes the data version.
    fn notice_others(&mut self) {
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

    /// Runs the group in the transaction that was begun, and tells each member after the commit.
    fn run_group(&mut self, group: &Group) {
        let group = group.0.as_slice();
        let done = match group {
            [only] => self.run_single(only).map(|()| vec![Ok(())]),
            many => self.run_many(many),
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
                    let alone = self.begin(fsync, job.deadline).and_then(|()| self.run_single(job));
                    job.set(State::Done(alone));
                }
            }
        }
        self.last_group = Instant::now();
    }

    fn run_single(&mut self, job: &Job) -> Result<(), Error> {
        let done = job.run(&self.connection);
        self.end(done)
    }

    /// Each member's own result, if the transaction was committed.
    fn run_many(&mut self, group: &[Arc<Job>]) -> Result<Vec<Result<(), Error>>, Error> {
        let mut results = Vec::with_capacity(group.len());
        for job in group {
            let outer = self.run_savepoint(job);
            match outer {
                Ok(result) => results.push(result),
                Err(e) => return self.end(Err(e)).map(|()| Vec::new()),
            }
        }
        self.end(Ok(())).map(|()| results)
    }

    /// Outside: whether the transaction still stands. Inside: the member's own result.
    fn run_savepoint(&self, job: &Job) -> Result<Result<(), Error>, Error> {
        let step = |sql: &str| {
            self.connection.prepare_cached(sql).and_then(|mut s| s.execute([])).map_err(|e| trouble::describe(&e))
        };
        step("SAVEPOINT member")?;
        let result = job.run(&self.connection);
        if let Err(e) = &result {
            if self.connection.is_autocommit() {
                return Err(e.clone());
            }
            step("ROLLBACK TO member")?;
        }
        step("RELEASE member")?;
        Ok(result)
    }

    /// Commits, or rolls back what failed.
    fn end(&mut self, done: Result<(), Error>) -> Result<(), Error> {
        let step = |sql: &str| {
            self.connection
                .prepare_cached(sql)
                .and_then(|mut s| s.execute([]))
                .map(drop)
                .map_err(|e| trouble::describe(&e))
        };
        let done = done.and_then(|()| step("COMMIT"));
        if done.is_err() && !self.connection.is_autocommit() {
            // What cannot be rolled back is rolled back by SQLite itself; is_autocommit above told it apart.
            let _ = step("ROLLBACK");
        }
        done
    }
}

fn too_late() -> Error {
    Error::new(Status::Store, "the store was busy until the deadline; nothing was changed. Try again").after_ms(100)
}

#[cfg(test)]
mod tests;
