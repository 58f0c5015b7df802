//! The end of a client: it drains, is aborted, and lets go of the host.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::{Client, Parts, in_flight};
use crate::clock::Deadline;
use crate::panics;

impl Client {
    /// Takes in nothing more, lets what was submitted and what runs end for so long, then aborts it. Returns how
    /// much was not done. Results can be polled until the client is closed. See `wxsub_shutdown`.
    pub fn shutdown(&self, drain: Duration, wait: bool) -> usize {
        if !self.parts.core.in_flight.close() {
            return 0;
        }
        if wait {
            return self.parts.drain_and_stop(drain);
        }
        let parts = Arc::clone(&self.parts);
        self.behind(move || {
            parts.drain_and_stop(drain);
        });
        let (queued, _) = self.parts.outbox.queue.pool().map_or((0, 0), |pool| pool.numbers());
        queued + self.parts.core.in_flight.calls()
    }

    /// Closes the client: new calls get [`Status::State`], running ones a second, then they are interrupted. With
    /// `wait` false (a caller who may be one of those that run) it goes on behind the caller's back.
    pub fn close(&self, wait: bool) {
        self.parts.outbox.results.close();
        let first = self.parts.core.in_flight.close();
        let parts = Arc::clone(&self.parts);
        let work = move || {
            if first {
                parts.drain_and_stop(in_flight::GRACE);
            } else {
                parts.hurry();
            }
            parts.let_go_of_host();
        };
        if wait {
            return work();
        }
        self.closed_behind.store(true, Ordering::Release);
        self.behind(work);
    }

    /// For a caller who may be one of those that run.
    fn behind(&self, work: impl FnOnce() + Send + 'static) {
        let closer = std::thread::Builder::new().name("wxsub-close".to_owned());
        if let Err(_refused) = closer.spawn(move || drop(panics::catch(work))) {
            // No thread to be had: what runs is aborted at once instead of in a while.
            self.parts.abort();
        }
    }
}

impl Parts {
    /// Waits so long for what was submitted and what runs, then aborts it; returns how much that was. Writes no log
    /// line: the caller may hold a lock that the host's log function wants.
    fn drain_and_stop(&self, drain: Duration) -> usize {
        self.outbox.dispatcher.stop(in_flight::AFTER_ABORT);
        self.campaigns.stop(in_flight::GRACE.min(drain));
        let unfinished = self.drain(drain);
        self.core.maintenance.stop(in_flight::AFTER_ABORT);
        self.stopped.store(true, Ordering::Release);
        unfinished.max(self.aborted.load(Ordering::Acquire))
    }

    /// Ends what another call lets run for longer than a second more.
    fn hurry(&self) {
        if !self.stopped.load(Ordering::Acquire) {
            let aborted = self.drain(in_flight::GRACE);
            self.aborted.fetch_max(aborted, Ordering::AcqRel);
        }
    }

    fn drain(&self, patience: Duration) -> usize {
        let until = Instant::now().checked_add(patience);
        let queued = self.outbox.queue.pool().map_or(0, |pool| pool.close(patience));
        let left = until.map_or(patience, |until| until.saturating_duration_since(Instant::now()));
        self.core.in_flight.wait_until_idle(left);
        let (_, in_pool) = self.outbox.queue.pool().map_or((0, 0), |pool| pool.numbers());
        let unfinished = queued.max(in_pool) + self.core.in_flight.calls().saturating_sub(in_pool);
        self.aborted.fetch_max(unfinished, Ordering::AcqRel);
        self.abort();
        if let Some(pool) = self.outbox.queue.pool() {
            self.give_up(pool.stop());
        }
        if unfinished > 0 {
            self.core.in_flight.wait_until_idle(in_flight::AFTER_ABORT);
        }
        if let Some(pool) = self.outbox.queue.pool() {
            pool.wait_for_threads(in_flight::AFTER_ABORT);
        }
        self.rules.release(Deadline::in_ms(in_flight::AFTER_ABORT.as_millis() as u64));
        self.core.engine.flush(Deadline::in_ms(in_flight::AFTER_ABORT.as_millis() as u64));
        unfinished
    }

    /// Nobody could set them anew: the handle is gone.
    fn let_go_of_host(&self) {
        self.core.log.set(None, 0);
        self.api.transport.set(None);
    }

    fn abort(&self) {
        self.core.in_flight.abort();
        self.sender.abort();
        self.api.transport.abort();
    }
}
