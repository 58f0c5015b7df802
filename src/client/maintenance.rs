//! One thread per client does what no sender shall wait for: checkpoints, dropping what is over, renewing the token and
//! the templates. It sleeps without any timer while nothing is written.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use once_cell::sync::OnceCell;
use parking_lot::{Condvar, Mutex};

use super::ForkGuard;
use crate::error::{Error, Status};
use crate::log::{Logger, log_line};
use crate::panics;

/// How long writes are gathered before they are worth a round.
const GATHER: Duration = Duration::from_secs(1);

/// Something to be done now and then.
pub trait Chore: Send + Sync {
    /// Whether it should not wait for the usual round.
    fn is_due(&self) -> bool;

    /// Whether there must be another round although nothing is written.
    fn wants_another_round(&self) -> bool {
        false
    }

    /// Does it, if it is due.
    ///
    /// # Errors
    /// What is logged; it is tried again with the next round.
    fn run(&self) -> Result<(), Error>;
}

/// The thread, and how it is told.
#[derive(Default)]
pub struct Maintenance {
    shared: Arc<Shared>,
    /// They hold on to what holds this.
    chores: OnceCell<Vec<Weak<dyn Chore>>>,
}

#[derive(Default)]
struct Shared {
    /// Something was written since the last round; a flag beside the lock, since every call sets it.
    dirty: AtomicBool,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    dirty: bool,
    at_once: bool,
    stop: bool,
    running: bool,
}

impl Maintenance {
    /// Starts the thread; it lets go of `fork_guard` last of all.
    ///
    /// # Errors
    /// [`Status::Internal`] when the system refuses a thread.
    pub fn start(&self, chores: Vec<Arc<dyn Chore>>, log: Arc<Logger>, fork_guard: ForkGuard) -> Result<(), Error> {
        let shared = Arc::clone(&self.shared);
        self.chores.get_or_init(|| chores.iter().map(Arc::downgrade).collect());
        let its = chores;
        self.shared.state.lock().running = true;
        let spawned = std::thread::Builder::new().name("wxsub-maint".to_owned()).spawn(move || {
            let mut failed = false;
            while shared.next_round(failed) {
                let _lines = log.hold();
                failed = false;
                for chore in &its {
                    match panics::catch(|| chore.run()) {
                        Ok(Ok(())) => {}
                        Ok(Err(e)) => {
                            failed = true;
                            log_line!(log, Warn, "maintenance: {}", e.message);
                        }
                        Err(place) => {
                            failed = true;
                            log_line!(log, Error, "a bug of wxsub's was caught at {place}");
                        }
                    }
                }
                let another_round = its.iter().any(|chore| chore.wants_another_round());
                shared.state.lock().dirty |= another_round;
            }
            drop((its, log, fork_guard));
            shared.state.lock().running = false;
            shared.changed.notify_all();
        });
        spawned.map(drop).map_err(|e| {
            self.shared.state.lock().running = false;
            Error::new(Status::Internal, format!("the system refuses a thread: {e}"))
        })
    }

    /// Something was written. `at_once`: what that brings about shall not wait for the usual round.
    pub fn touch(&self, at_once: bool) {
        let at_once = at_once
            || self
                .chores
                .get()
                .is_some_and(|chores| chores.iter().filter_map(Weak::upgrade).any(|chore| chore.is_due()));
        if self.shared.dirty.swap(true, Ordering::AcqRel) && !at_once {
            return;
        }
        let mut state = self.shared.state.lock();
        state.dirty = true;
        state.at_once |= at_once;
        self.shared.changed.notify_all();
    }

    /// Ends the thread, and waits for it up to `patience`: it may be in a callback of the host's that waits for a lock of the
    /// caller's.
    pub fn stop(&self, patience: Duration) {
        let mut state = self.shared.state.lock();
        state.stop = true;
        self.shared.changed.notify_all();
        self.shared.changed.wait_while_for(&mut state, |s| s.running, patience);
    }
}

impl Drop for Maintenance {
    fn drop(&mut self) {
        self.stop(Duration::ZERO);
    }
}

impl Shared {
    /// Waits until there is something to do; false when it is over. After a failed round nothing is done at once: the
    /// cause is hardly gone, and each write would bring about another.
    fn next_round(&self, after_failure: bool) -> bool {
        let mut state = self.state.lock();
        self.changed.wait_while(&mut state, |s| !s.dirty && !s.stop);
        self.changed.wait_while_for(&mut state, |s| (after_failure || !s.at_once) && !s.stop, GATHER);
        state.dirty = false;
        state.at_once = false;
        self.dirty.store(false, Ordering::Release);
        !state.stop
    }
}
