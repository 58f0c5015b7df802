//! Work for which nobody waits: it rides in the next group, and if nobody comes, a thread takes it.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::error;
use super::group_commit::{GIVEN_UP, GroupCommitter, Queue, Shared, Work, WriteJob};
use crate::clock::Deadline;
use crate::error::Error;
use crate::panics;
use crate::sync::{MutexGuard, now, thread};

/// How long work waits for a group that somebody else commits.
const DELAY: Duration = Duration::from_millis(2);
/// So long it stands before all that comes later, which waits for it while another process has the file locked; then, or
/// when the store fails, it is set aside.
const PATIENCE_MS: u64 = 1_000;
/// What was set aside is tried again so often.
const AGAIN_EVERY: Duration = Duration::from_millis(100);
/// Whoever waits for what was deferred looks this often whether it still stands before him.
const FLUSH_PATIENCE_MS: u64 = 100;
/// How long such a try holds others up at most.
const AGAIN_PATIENCE_MS: u64 = 20;

impl GroupCommitter {
    /// Has `work` run with the next group, before whatever comes later.
    pub fn defer(&self, work: Work) {
        let has_flusher = self.flusher.get_or_try_init(|| self.start_flusher()).is_ok();
        let job = WriteJob::new(false, Deadline::in_ms(PATIENCE_MS), work);
        self.shared.deferred.fetch_add(1, Ordering::AcqRel);
        let mut queue = self.shared.queue.lock();
        queue.deferred.push_back(job);
        if !has_flusher {
            drop(queue);
            // The system refuses a thread: so the caller waits, and what the store does not take is dropped.
            let _dropped = self.flush(Deadline::in_ms(PATIENCE_MS));
        } else if !queue.led {
            self.shared.wake_flusher(&mut queue);
        }
    }

    /// Returns when what was deferred is done or set aside; at once when nothing is.
    pub fn flush(&self, deadline: Deadline) -> Result<(), Error> {
        while self.shared.deferred.load(Ordering::Acquire) != 0 {
            let Err(e) = self.run(false, deadline.or_at_most_ms(FLUSH_PATIENCE_MS), |_| Ok(())) else { break };
            // While callers lead one after the other and each in vain, nobody else sets it aside.
            let patience = if e.retry_after_ms == error::BUSY_AFTER_MS { PATIENCE_MS } else { 0 };
            self.shared.set_aside_from(Duration::from_millis(patience));
            if deadline.is_over() {
                return Err(e);
            }
        }
        Ok(())
    }

    fn start_flusher(&self) -> std::io::Result<thread::JoinHandle<()>> {
        let shared = Arc::clone(&self.shared);
        let thread = thread::Builder::new().name("wxsub-flusher".to_owned());
        thread.spawn(move || drop(panics::catch(|| shared.flush_until_stopped())))
    }
}

impl Shared {
    pub(super) fn wake_flusher(&self, queue: &mut Queue) {
        if !queue.flushing {
            queue.flushing = true;
            self.flush.notify_one();
        }
    }

    /// Wakes at most once in [`DELAY`], however much is deferred meanwhile.
    fn flush_until_stopped(&self) {
        let mut queue = self.queue.lock();
        let mut again = now();
        while !queue.stop {
            let first = queue.deferred.front().map(|job| job.since + DELAY);
            let aside = (!queue.set_aside.is_empty()).then_some(again);
            let Some(due) = first.into_iter().chain(aside).min() else {
                queue.flushing = false;
                self.flush.wait(&mut queue);
                continue;
            };
            let at = now();
            if at < due {
                self.flush.wait_until(&mut queue, due);
            } else if queue.led {
                // Who leads takes what was deferred along.
                self.flush.wait_for(&mut queue, DELAY);
            } else {
                let tries_again = aside.is_some_and(|again| again <= at);
                let patience = if tries_again { AGAIN_PATIENCE_MS } else { PATIENCE_MS };
                if tries_again {
                    self.take_up_again(&mut queue);
                    again = at + AGAIN_EVERY;
                }
                queue.led = true;
                let begun = MutexGuard::unlocked(&mut queue, || self.lead(None, Deadline::in_ms(patience)));
                if !begun {
                    self.set_aside(&mut queue);
                    again = now() + AGAIN_EVERY;
                }
            }
        }
    }

    fn take_up_again(&self, queue: &mut Queue) {
        self.deferred.fetch_add(queue.set_aside.len(), Ordering::AcqRel);
        let later = std::mem::take(&mut queue.deferred);
        queue.deferred = queue.set_aside.drain(..).chain(later).collect();
    }

    /// Sets aside what has stood before others for too long.
    fn set_aside_from(&self, age: Duration) {
        let mut queue = self.queue.lock();
        if queue.deferred.front().is_some_and(|job| now() - job.since >= age) {
            self.set_aside(&mut queue);
            self.wake_flusher(&mut queue);
        }
    }

    fn set_aside(&self, queue: &mut Queue) {
        self.deferred.fetch_sub(queue.deferred.len(), Ordering::AcqRel);
        let deferred = std::mem::take(&mut queue.deferred);
        queue.set_aside.extend(deferred.into_iter().filter(|job| now() - job.since < GIVEN_UP));
    }
}

impl Drop for GroupCommitter {
    fn drop(&mut self) {
        self.shared.queue.lock().stop = true;
        self.shared.flush.notify_one();
        if let Some(flusher) = self.flusher.take() {
            // It catches its panics.
            let _ended = flusher.join();
        }
        self.shared.take_up_again(&mut self.shared.queue.lock());
        let _dropped = self.flush(Deadline::in_ms(PATIENCE_MS));
    }
}
