//! Results that wait to be polled. A ticket's result has its slot from the moment the ticket is handed out, so none is
//! dropped for want of room; an outcome may be.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::poll_handle::PollHandle;
use crate::error::{Error, Status, Verdict};
use crate::sync::{Condvar, Mutex};

/// A host that has not polled for this long takes no outcomes: messages are delivered all the same.
const LISTENS: Duration = Duration::from_secs(10);

pub struct Results {
    capacity: usize,
    /// How many can be taken, beside the lock: most polls find nothing.
    ready: AtomicUsize,
    /// Somebody has polled since this was last looked at.
    asked: AtomicBool,
    state: Mutex<State>,
    arrived: Condvar,
    lost: AtomicU64,
}

struct State {
    done: VecDeque<Verdict>,
    /// Slots that are taken: results that are here and those that will come.
    taken: usize,
    handle: Option<Arc<PollHandle>>,
    polled: Instant,
    closed: bool,
}

/// Where one result will be put. Dropped without one, it tells of a bug.
pub struct ResultSlot {
    results: Arc<Results>,
    ticket: u64,
    tag: u64,
    key: String,
    filled: bool,
}

impl Results {
    pub fn new(capacity: usize) -> Results {
        Results {
            capacity,
            ready: AtomicUsize::new(0),
            asked: AtomicBool::new(false),
            state: Mutex::new(State {
                done: VecDeque::new(),
                taken: 0,
                handle: None,
                polled: Instant::now(),
                closed: false,
            }),
            arrived: Condvar::new(),
            lost: AtomicU64::new(0),
        }
    }

    /// A slot for one result; None when all are taken.
    pub fn reserve(self: &Arc<Self>, ticket: u64, tag: u64, key: &str) -> Option<ResultSlot> {
        let mut state = self.state.lock();
        if state.taken >= self.capacity {
            return None;
        }
        state.taken += 1;
        drop(state);
        Some(ResultSlot { results: Arc::clone(self), ticket, tag, key: key.to_owned(), filled: false })
    }

    /// Whether the host has polled lately, so that it is worth waiting for a slot.
    pub fn is_listened_to(&self) -> bool {
        let mut state = self.state.lock();
        if self.asked.swap(false, Ordering::Relaxed) {
            state.polled = Instant::now();
        }
        state.polled.elapsed() < LISTENS
    }

    /// A result for which there was no slot.
    pub fn lose(&self) {
        self.lost.fetch_add(1, Ordering::Relaxed);
    }

    /// Results that were lost, and those that wait.
    pub fn numbers(&self) -> (u64, usize) {
        (self.lost.load(Ordering::Relaxed), self.ready.load(Ordering::Relaxed))
    }

    /// How many can be taken, for a host that asks.
    pub fn look(&self) -> usize {
        self.asked.store(true, Ordering::Relaxed);
        self.ready.load(Ordering::Acquire)
    }

    /// Takes up to `most` results, waiting up to `wait` for the first one.
    ///
    /// # Errors
    /// [`Status::State`] when the client is freed meanwhile.
    pub fn poll(&self, most: usize, wait: Duration) -> Result<Vec<Verdict>, Error> {
        self.asked.store(true, Ordering::Relaxed);
        if wait.is_zero() && self.ready.load(Ordering::Acquire) == 0 {
            return Ok(Vec::new());
        }
        let mut state = self.state.lock();
        if most > 0 && state.done.is_empty() && !state.closed {
            self.arrived.wait_while_for(&mut state, |s| s.done.is_empty() && !s.closed, wait);
            self.asked.store(true, Ordering::Relaxed);
        }
        if state.closed {
            return Err(Error::new(Status::State, "the client was freed while this call waited for results"));
        }
        let taken = most.min(state.done.len());
        let results: Vec<Verdict> = state.done.drain(..taken).collect();
        state.taken -= results.len();
        self.ready.store(state.done.len(), Ordering::Release);
        if let Some(handle) = state.handle.as_ref().filter(|_| state.done.is_empty()) {
            handle.clear();
        }
        Ok(results)
    }

    /// What becomes ready when there are results.
    ///
    /// # Errors
    /// When the system has none to give.
    pub fn handle(&self) -> Result<Arc<PollHandle>, Error> {
        let mut state = self.state.lock();
        if let Some(handle) = &state.handle {
            return Ok(Arc::clone(handle));
        }
        let handle = Arc::new(PollHandle::new()?);
        if !state.done.is_empty() {
            handle.set();
        }
        state.handle = Some(Arc::clone(&handle));
        Ok(handle)
    }

    /// Ends all waiting, that to come too.
    pub fn close(&self) {
        let mut state = self.state.lock();
        state.closed = true;
        if let Some(handle) = &state.handle {
            // Whoever waits for it shall find out.
            handle.set();
        }
        drop(state);
        self.arrived.notify_all();
    }

    fn put(&self, verdict: Verdict) {
        let mut state = self.state.lock();
        state.done.push_back(verdict);
        self.ready.store(state.done.len(), Ordering::Release);
        if let Some(handle) = state.handle.as_ref().filter(|_| state.done.len() == 1) {
            handle.set();
        }
        drop(state);
        self.arrived.notify_one();
    }
}

impl ResultSlot {
    /// The result, as the ticket's.
    pub fn fill(mut self, verdict: Verdict) {
        self.put(verdict);
    }

    /// The idempotency key that the host gave.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// For a result with this number of the caller's.
    pub fn tagged(mut self, tag: u64) -> ResultSlot {
        self.tag = tag;
        self
    }

    /// Gives the slot up: there will be no result.
    pub fn give_up(mut self) {
        self.filled = true;
        self.results.state.lock().taken -= 1;
    }

    fn put(&mut self, verdict: Verdict) {
        self.filled = true;
        let key = if verdict.key.is_empty() { std::mem::take(&mut self.key) } else { verdict.key };
        self.results.put(Verdict { ticket: self.ticket, tag: self.tag, key, ..verdict });
    }
}

impl Drop for ResultSlot {
    fn drop(&mut self) {
        if !self.filled {
            let why = "maybe done: a bug of wxsub's was caught while it worked on this ticket; please report it";
            self.put(Error::new(Status::Panic, why).into());
        }
    }
}

#[cfg(all(test, feature = "schedules"))]
mod schedules;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_slot_gets_one_result_and_no_more_are_handed_out_than_there_are() {
        let results = Arc::new(Results::new(2));
        let first = results.reserve(1, 7, "k").unwrap();
        let second = results.reserve(2, 0, "").unwrap();
        assert!(results.reserve(3, 0, "").is_none());
        assert!(results.poll(9, Duration::ZERO).unwrap().is_empty());
        first.fill(Verdict::ok("done"));
        drop(second);
        assert!(results.reserve(3, 0, "").is_none(), "a slot is free when its result was polled");
        let one = results.poll(1, Duration::ZERO).unwrap();
        assert_eq!((one[0].ticket, one[0].tag, one[0].key.as_str()), (1, 7, "k"));
        let lost = results.poll(9, Duration::from_secs(60)).unwrap();
        assert_eq!((lost[0].ticket, lost[0].status), (2, Status::Panic));
        results.reserve(4, 0, "").unwrap().give_up();
        assert_eq!(results.state.lock().taken, 0);
    }

    #[test]
    fn a_poll_waits_until_there_is_something_or_the_end() {
        let results = Arc::new(Results::new(2));
        let slot = results.reserve(1, 0, "").unwrap();
        std::thread::scope(|scope| {
            let polls = scope.spawn(|| results.poll(4, Duration::from_secs(60)));
            slot.fill(Verdict::ok(""));
            assert_eq!(polls.join().unwrap().unwrap().len(), 1);
            let polls = scope.spawn(|| results.poll(4, Duration::from_secs(60)));
            results.close();
            assert_eq!(polls.join().unwrap().unwrap_err().status, Status::State);
        });
    }
}
