//! The end of a client: it drains, is interrupted, and lets go of the host.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::{Client, Inner, running};
use crate::panics;

impl Client {
    /// Takes in nothing more, lets what was submitted and what runs end for so long, then interrupts it. Returns how
    /// much was not done. Results can be polled until the client is closed. See `wxsub_shutdown`.
    pub fn shutdown(&self, drain: Duration, wait: bool) -> usize {
        if !self.inner.running.close() {
            return 0;
        }
        if wait {
            return self.inner.wind_down(drain);
        }
        let inner = Arc::clone(&self.inner);
        self.behind(move || {
            inner.wind_down(drain);
        });
        let (queued, _) = self.inner.pool.get().map_or((0, 0), |pool| pool.numbers());
        queued + self.inner.running.calls()
    }

    /// Closes the client: new calls get [`Status::State`], running ones a second, then they are interrupted. With
    /// `wait` false (a caller who may be one of those that run) it goes on behind the caller's back.
    pub fn close(&self, wait: bool) {
        self.inner.results.close();
        let first = self.inner.running.close();
        let inner = Arc::clone(&self.inner);
        let work = move || {
            if first {
                inner.wind_down(running::GRACE);
            } else {
                inner.cut_short();
            }
            inner.let_go_of_host();
        };
        if wait { work() } else { self.behind(work) }
    }

    /// For a caller who may be one of those that run.
    fn behind(&self, work: impl FnOnce() + Send + 'static) {
        let closer = std::thread::Builder::new().name("wxsub-close".to_owned());
        if let Err(_refused) = closer.spawn(move || drop(panics::catch(work))) {
            // No thread to be had: what runs is interrupted at once instead of in a while.
            self.inner.interrupt();
        }
    }
}

impl Inner {
    /// Waits so long for what was submitted and what runs, then interrupts it; returns how much that was. Writes no log
    /// line: the caller may hold a lock that the host's log function wants.
    fn wind_down(&self, drain: Duration) -> usize {
        self.courier.stop(running::AFTER_INTERRUPT);
        let unfinished = self.drain(drain);
        self.upkeep.stop(running::AFTER_INTERRUPT);
        self.wound_down.store(true, Ordering::Release);
        unfinished.max(self.cut_off.load(Ordering::Acquire))
    }

    /// Ends what another call lets run for longer than a second more.
    fn cut_short(&self) {
        if !self.wound_down.load(Ordering::Acquire) {
            let cut_off = self.drain(running::GRACE);
            self.cut_off.fetch_max(cut_off, Ordering::AcqRel);
        }
    }

    fn drain(&self, patience: Duration) -> usize {
        let until = Instant::now().checked_add(patience);
        let queued = self.pool.get().map_or(0, |pool| pool.close(patience));
        let left = until.map_or(patience, |until| until.saturating_duration_since(Instant::now()));
        self.running.wait_until_idle(left);
        let (_, in_pool) = self.pool.get().map_or((0, 0), |pool| pool.numbers());
        let unfinished = queued.max(in_pool) + self.running.calls().saturating_sub(in_pool);
        self.cut_off.fetch_max(unfinished, Ordering::AcqRel);
        self.interrupt();
        if let Some(pool) = self.pool.get() {
            self.give_up(pool.stop());
        }
        if unfinished > 0 {
            self.running.wait_until_idle(running::AFTER_INTERRUPT);
        }
        if let Some(pool) = self.pool.get() {
            pool.wait_for_threads(running::AFTER_INTERRUPT);
        }
        unfinished
    }

    /// Nobody could set them anew: the handle is gone.
    fn let_go_of_host(&self) {
        self.log.set(None, 0);
        self.network.set_transport(None);
    }

    fn interrupt(&self) {
        self.running.interrupt();
        self.turnstile.interrupt();
        self.network.shutdown();
    }
}
