//! A bounded queue and the threads that work on it; generic, it knows nothing of WeChat.
//!
//! Jobs of one lane run one after the other, in the order they came; lanes take turns, so that a long one holds up
//! nobody else. Urgent jobs go first and have a thread of their own beside those that all share, so that slow jobs never
//! keep them waiting. Due jobs and paced ones share the threads: while both wait, each gets half. Spare jobs take what is
//! left, and never the last thread.

mod state;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::panics;
use crate::sync::{Condvar, Mutex, thread};
use state::{Lane, State};

/// What is queued.
pub trait Job: Send + Sync + 'static {
    /// What the work leaves to be dropped on its thread, when the lane is another's already.
    type Rest;

    /// How it is queued.
    fn class(&self) -> Class;
}

/// How a job is queued; the first go first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Short: there is a thread for nothing else.
    Urgent,
    /// It may take long, and is not paced.
    Prompt,
    /// Its time has come; begun at the pace of [`Class::Paced`].
    Due,
    /// So many are begun in a second at most.
    Paced,
    /// Begun at the same pace, when nothing else waits and another thread is free.
    Spare,
}

/// Why a job was not taken.
#[derive(Debug, PartialEq, Eq)]
pub enum Refused {
    /// So many wait already.
    Full(usize),
    /// Nothing is taken any more.
    Closed,
    /// There is no thread, and the system gives none.
    NoThread(String),
}

/// Where a job of a lane was found.
#[derive(Debug)]
pub enum Found<J> {
    /// It waited, and was taken out.
    Taken(Arc<J>),
    /// It runs.
    Running,
    /// It is not here.
    Nowhere,
}

/// The queue and its threads.
pub struct Pool<J: Job> {
    shared: Arc<Shared<J>>,
    /// Held by each thread to its end.
    keep: Arc<dyn Send + Sync>,
}

type Work<J> = dyn Fn(&J) -> <J as Job>::Rest + Send + Sync;

struct Shared<J: Job> {
    state: Mutex<State<J>>,
    /// Wakes threads that take everything.
    usual: Condvar,
    /// Wakes the thread that takes urgent jobs only.
    urgent: Condvar,
    /// Wakes those who wait for a job's end.
    ended: Condvar,
    most_threads: usize,
    capacity: usize,
    work: Box<Work<J>>,
}

impl<J: Job> Pool<J> {
    /// A queue for `threads` threads and one for urgent jobs, which are started one by one when there is work for them;
    /// each holds `keep` to its end. Paced jobs are begun at most `per_second` times a second.
    pub fn new(
        threads: usize,
        capacity: usize,
        per_second: Option<f64>,
        keep: Arc<dyn Send + Sync>,
        work: impl Fn(&J) -> J::Rest + Send + Sync + 'static,
    ) -> Pool<J> {
        let interval = per_second.map_or(Duration::ZERO, |n| Duration::from_secs_f64((1.0 / n).min(86_400.0)));
        Pool {
            shared: Arc::new(Shared {
                state: Mutex::new(State::new(interval)),
                usual: Condvar::new(),
                urgent: Condvar::new(),
                ended: Condvar::new(),
                most_threads: threads,
                capacity,
                work: Box::new(work),
            }),
            keep,
        }
    }

    /// Queues a job; never waits.
    ///
    /// # Errors
    /// [`Refused`].
    pub fn push(&self, lane: u64, job: Arc<J>) -> Result<(), Refused> {
        self.push_below(lane, job, self.shared.capacity)
    }

    /// The same for a job that is bounded by other means.
    ///
    /// # Errors
    /// [`Refused::Closed`].
    pub fn push_beyond(&self, lane: u64, job: Arc<J>) -> Result<(), Refused> {
        self.push_below(lane, job, usize::MAX)
    }

    fn push_below(&self, lane: u64, job: Arc<J>, capacity: usize) -> Result<(), Refused> {
        let class = job.class();
        let mut state = self.shared.state.lock();
        if state.closed {
            return Err(Refused::Closed);
        }
        if state.queued >= capacity {
            return Err(Refused::Full(state.queued));
        }
        match state.lanes.get_mut(&lane) {
            Some(line) => {
                line.waiting.push_back(job);
                state.queued += 1;
            }
            None => {
                self.grow(&mut state, class)?;
                state.queued += 1;
                state.lanes.insert(lane, Lane { waiting: VecDeque::from([job]), running: None });
                state.ready[class as usize].push_back(lane);
                let sleepers = state.sleeping > 0;
                drop(state);
                self.shared.wake(class, sleepers);
            }
        }
        Ok(())
    }

    /// Starts one more thread, if all that could take another job of this class are busy.
    fn grow(&self, state: &mut State<J>, class: Class) -> Result<(), Refused> {
        // A woken thread counts as sleeping, and its job as ready, until it has taken it.
        let wanting = state.ready.iter().map(VecDeque::len).sum::<usize>() >= state.sleeping;
        let usual = wanting && state.usual_threads < self.shared.most_threads;
        let urgent = wanting && !usual && class == Class::Urgent && state.urgent_threads == 0;
        if !usual && !urgent {
            return Ok(());
        }
        let (shared, keep) = (Arc::clone(&self.shared), Arc::clone(&self.keep));
        let name = if urgent { "wxsub-urgent".to_owned() } else { format!("wxsub-{}", state.usual_threads) };
        let spawned = thread::Builder::new().name(name).spawn(move || {
            shared.serve(urgent);
            drop(keep);
            let mut state = shared.state.lock();
            *if urgent { &mut state.urgent_threads } else { &mut state.usual_threads } -= 1;
            drop(state);
            shared.ended.notify_all();
        });
        match spawned {
            Ok(_) if urgent => state.urgent_threads += 1,
            Ok(_) => state.usual_threads += 1,
            // Those that are there will do it, a little later.
            Err(_) if state.usual_threads > 0 => {}
            Err(e) => return Err(Refused::NoThread(e.to_string())),
        }
        Ok(())
    }

    /// Takes a job out of its lane before it runs.
    pub fn take(&self, lane: u64, which: impl Fn(&J) -> bool) -> Found<J> {
        let mut state = self.shared.state.lock();
        let Some(line) = state.lanes.get_mut(&lane) else { return Found::Nowhere };
        if let Some(at) = line.waiting.iter().position(|job| which(job)) {
            let Some(job) = line.waiting.remove(at) else { return Found::Nowhere };
            if line.running.is_none() && at == 0 {
                // Another job is the first now, maybe of another class, or none is.
                let next = line.waiting.front().map(|job| job.class());
                state.ready.iter_mut().for_each(|ready| ready.retain(|other| *other != lane));
                match next {
                    None => drop(state.lanes.remove(&lane)),
                    Some(class) => {
                        // Without a thread of its own it waits for one of those that are there.
                        let _started = self.grow(&mut state, class);
                        state.ready[class as usize].push_back(lane);
                        self.shared.wake(class, state.sleeping > 0);
                    }
                }
            }
            state.queued -= 1;
            return Found::Taken(job);
        }
        match &line.running {
            Some(job) if which(job) => Found::Running,
            _ => Found::Nowhere,
        }
    }

    /// Whether such a job waits or runs.
    pub fn holds(&self, lane: u64, which: impl Fn(&J) -> bool) -> bool {
        let state = self.shared.state.lock();
        state.lanes.get(&lane).is_some_and(|line| line.waiting.iter().chain(&line.running).any(|job| which(job)))
    }

    /// Whether such a job runs.
    pub fn runs(&self, lane: u64, which: impl Fn(&J) -> bool) -> bool {
        let state = self.shared.state.lock();
        state.lanes.get(&lane).and_then(|line| line.running.as_ref()).is_some_and(|job| which(job))
    }

    /// Waits until no such job runs in the lane; false when the time is over first.
    pub fn wait_for(&self, lane: u64, which: impl Fn(&J) -> bool, until: Instant) -> bool {
        let mut state = self.shared.state.lock();
        let runs = |state: &mut State<J>| {
            state.lanes.get(&lane).and_then(|line| line.running.as_ref()).is_some_and(|job| which(job))
        };
        !self.shared.ended.wait_while_until(&mut state, runs, until).timed_out()
    }

    /// Whether anything of this lane waits or runs.
    pub fn is_busy(&self, lane: u64) -> bool {
        self.shared.state.lock().lanes.contains_key(&lane)
    }

    /// Due jobs that wait or run.
    pub fn due(&self) -> usize {
        let state = self.shared.state.lock();
        state.due + state.ready[Class::Due as usize].len()
    }

    /// How many wait, and how many run.
    pub fn numbers(&self) -> (usize, usize) {
        let state = self.shared.state.lock();
        (state.queued, state.running)
    }

    /// Takes no more jobs, and waits up to `patience` until all are done. Returns how many were not.
    pub fn close(&self, patience: Duration) -> usize {
        let mut state = self.shared.state.lock();
        state.closed = true;
        self.shared.ended.wait_while_for(&mut state, |s| s.queued > 0 || s.running > 0, patience);
        state.queued + state.running
    }

    /// Waits up to `patience` for the threads to end.
    pub fn wait_for_threads(&self, patience: Duration) {
        let mut state = self.shared.state.lock();
        self.shared.ended.wait_while_for(&mut state, |s| s.usual_threads + s.urgent_threads > 0, patience);
    }

    /// Ends the threads, each after the job that it runs, and hands out the jobs that wait.
    pub fn stop(&self) -> Vec<Arc<J>> {
        let mut state = self.shared.state.lock();
        state.closed = true;
        state.stopped = true;
        state.queued = 0;
        state.ready = Default::default();
        let left = state.lanes.values_mut().flat_map(|line| std::mem::take(&mut line.waiting)).collect();
        drop(state);
        self.shared.usual.notify_all();
        self.shared.urgent.notify_all();
        self.shared.ended.notify_all();
        left
    }
}

impl<J: Job> Drop for Pool<J> {
    fn drop(&mut self) {
        drop(self.stop());
    }
}

impl<J: Job> Shared<J> {
    fn wake(&self, class: Class, sleepers: bool) {
        if sleepers {
            self.usual.notify_one();
        }
        // Also with sleepers: a woken one still counts as one until it runs.
        if class == Class::Urgent {
            self.urgent.notify_one();
        }
    }

    fn serve(&self, only_urgent: bool) {
        while let Some((lane, job)) = self.take_next(only_urgent) {
            // The work catches its own panics; this is for those of dropping what it left.
            let rest = panics::catch(|| (self.work)(&job));
            self.end(lane, &job, only_urgent);
            let _caught = panics::catch(|| drop((rest, job)));
        }
    }

    fn take_next(&self, only_urgent: bool) -> Option<(u64, Arc<J>)> {
        let mut state = self.state.lock();
        loop {
            if state.stopped {
                return None;
            }
            let until = match state.next(only_urgent, self.most_threads) {
                Ok(lane) => {
                    let Some(line) = state.lanes.get_mut(&lane) else { continue };
                    let Some(job) = line.waiting.pop_front() else { continue };
                    line.running = Some(Arc::clone(&job));
                    state.queued -= 1;
                    state.count(job.class(), true);
                    return Some((lane, job));
                }
                Err(until) => until,
            };
            if only_urgent {
                self.urgent.wait(&mut state);
                continue;
            }
            state.sleeping += 1;
            match until {
                Some(until) => drop(self.usual.wait_until(&mut state, until)),
                None => self.usual.wait(&mut state),
            }
            state.sleeping -= 1;
        }
    }

    /// The lane's next job may run; this thread looks for it at once, unless it is not one for it.
    fn end(&self, lane: u64, job: &J, only_urgent: bool) {
        let mut state = self.state.lock();
        state.count(job.class(), false);
        let Some(line) = state.lanes.get_mut(&lane) else { return };
        let ended = line.running.take();
        let next = line.waiting.front().map(|job| job.class());
        match next {
            None => drop(state.lanes.remove(&lane)),
            Some(class) => state.ready[class as usize].push_back(lane),
        }
        let sleepers = state.sleeping > 0;
        drop(state);
        self.ended.notify_all();
        if let Some(class) = next.filter(|class| only_urgent && *class != Class::Urgent) {
            self.wake(class, sleepers);
        }
        drop(ended);
    }
}

#[cfg(all(test, feature = "schedules"))]
mod schedules;
#[cfg(test)]
mod tests;
