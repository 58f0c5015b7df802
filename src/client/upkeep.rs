//! One thread per client does what no sender shall wait for: checkpoints, pruning, renewing the token. It sleeps
//! without any timer while nothing is written.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

use super::credentials::Credentials;
use crate::clock::Now;
use crate::error::{Error, Status};
use crate::log::{Logger, log_line};
use crate::panics;
use crate::store::Store;

/// How long writes are gathered before they are worth a checkpoint.
const GATHER: Duration = Duration::from_secs(1);

pub struct Upkeep {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

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
}

impl Upkeep {
    /// Starts the thread.
    pub fn start(store: Arc<dyn Store>, credentials: Arc<Credentials>, log: Arc<Logger>) -> Result<Upkeep, Error> {
        let shared =
            Arc::new(Shared { dirty: AtomicBool::new(false), state: Mutex::default(), changed: Condvar::new() });
        let its = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("wxsub-upkeep".to_owned())
            .spawn(move || {
                while its.next_round() {
                    let done = panics::catch(|| {
                        if credentials.wants_renewal() {
                            credentials.renew();
                        }
                        store.upkeep(&Now::read())
                    });
                    match done {
                        Ok(Ok(())) => {}
                        Ok(Err(e)) => log_line!(log, Warn, "upkeep of the store: {}", e.message),
                        Err(place) => log_line!(log, Error, "a bug of wxsub's was caught at {place}"),
                    }
                }
            })
            .map_err(|e| Error::new(Status::Internal, format!("the system refuses a thread: {e}")))?;
        Ok(Upkeep { shared, thread: Mutex::new(Some(thread)) })
    }

    /// Something was written, or something waits that shall not wait for the usual round.
    pub fn touch(&self, at_once: bool) {
        if self.shared.dirty.swap(true, Ordering::AcqRel) && !at_once {
            return;
        }
        let mut state = self.shared.state.lock();
        state.dirty = true;
        state.at_once |= at_once;
        self.shared.changed.notify_one();
    }

    /// Ends the thread and waits for it.
    pub fn stop(&self) {
        self.shared.state.lock().stop = true;
        self.shared.changed.notify_one();
        if let Some(thread) = self.thread.lock().take()
            && thread.thread().id() != std::thread::current().id()
        {
            // It cannot have panicked: its rounds are caught.
            let _ = thread.join();
        }
    }
}

impl Shared {
    /// Waits until there is something to do; false when it is over.
    fn next_round(&self) -> bool {
        let mut state = self.state.lock();
        self.changed.wait_while(&mut state, |s| !s.dirty && !s.stop);
        self.changed.wait_while_for(&mut state, |s| !s.at_once && !s.stop, GATHER);
        state.dirty = false;
        state.at_once = false;
        self.dirty.store(false, Ordering::Release);
        !state.stop
    }
}
