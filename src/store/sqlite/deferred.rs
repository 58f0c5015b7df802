//! Work for which nobody waits: it rides in the next group, and if nobody comes, a thread takes it.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use parking_lot::MutexGuard;

use super::group_commit::{GroupCommitter, Queue, Shared, Work, WriteJob};
use crate::clock::Deadline;
use crate::error::Error;
use crate::panics;

/// Work waits so long for a group that somebody else pays for.
const DELAY: Duration = Duration::from_millis(2);
/// Work that could not be done for so long, for another process has the file locked, is dropped.
const GIVEN_UP_MS: u64 = 1000;

impl GroupCommitter {
    /// Has `work` run with the next group, before whatever comes later.
    pub fn defer(&self, work: Work) {
        let job = WriteJob::new(false, Deadline::in_ms(GIVEN_UP_MS), work);
        self.shared.deferred.fetch_add(1, Ordering::AcqRel);
        let mut queue = self.shared.queue.lock();
        queue.deferred.push_back(job);
        // Who leads looks after it.
        if !queue.led && !queue.flushing {
            if self.has_flusher() {
                self.shared.wake_flusher(&mut queue);
            } else {
                drop(queue);
                // What cannot be written is dropped, as there.
                let _dropped = self.flush(Deadline::in_ms(GIVEN_UP_MS));
            }
        }
    }

    /// Returns when what was deferred is done; at once when nothing is.
    pub fn flush(&self, deadline: Deadline) -> Result<(), Error> {
        if self.shared.deferred.load(Ordering::Acquire) == 0 {
            return Ok(());
        }
        self.run(false, deadline, |_| Ok(()))
    }

    /// Starts the thread when it is first needed; false when the system refuses one.
    fn has_flusher(&self) -> bool {
        let mut flusher = self.flusher.lock();
        if flusher.is_none() {
            let shared = Arc::clone(&self.shared);
            let thread = std::thread::Builder::new().name("wxsub-flusher".to_owned());
            *flusher = thread.spawn(move || drop(panics::catch(|| shared.flush_until_stopped()))).ok();
        }
        flusher.is_some()
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
        while !queue.stop {
            let Some(since) = queue.deferred.front().map(|job| job.since).filter(|_| queue.flushing) else {
                queue.flushing = false;
                self.flush.wait(&mut queue);
                continue;
            };
            let due = since + DELAY;
            if Instant::now() < due {
                self.flush.wait_until(&mut queue, due);
            } else if queue.led {
                // The leader takes it or wakes us again.
                queue.flushing = false;
            } else {
                queue.led = true;
                MutexGuard::unlocked(&mut queue, || self.lead(None, Deadline::in_ms(GIVEN_UP_MS)));
                self.drop_given_up(&mut queue);
                if queue.deferred.front().is_some_and(|job| job.since == since) {
                    // It failed at once; the cause is hardly gone.
                    self.flush.wait_for(&mut queue, 5 * DELAY);
                }
            }
        }
    }

    fn drop_given_up(&self, queue: &mut Queue) {
        let before = queue.deferred.len();
        queue.deferred.retain(|job| !job.deadline.is_over());
        self.deferred.fetch_sub(before - queue.deferred.len(), Ordering::Release);
    }
}

impl Drop for GroupCommitter {
    fn drop(&mut self) {
        self.shared.queue.lock().stop = true;
        self.shared.flush.notify_one();
        if let Some(flusher) = self.flusher.lock().take() {
            // It catches its panics.
            let _ended = flusher.join();
        }
        let _dropped = self.flush(Deadline::in_ms(GIVEN_UP_MS));
    }
}
