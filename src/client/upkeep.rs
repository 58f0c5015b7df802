//! One thread per client does what no sender shall wait for: checkpoints, pruning, renewing the token and the
//! templates. It sleeps without any timer while nothing is written.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

use super::Keep;
use super::catalogue::Catalogue;
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
    ended: bool,
}

impl Upkeep {
    /// Starts the thread; it lets go of `keep` last of all.
    pub fn start(
        store: Arc<dyn Store>,
        credentials: Arc<Credentials>,
        catalogue: Arc<Catalogue>,
        log: Arc<Logger>,
        keep: Keep,
    ) -> Result<Upkeep, Error> {
        let shared =
            Arc::new(Shared { dirty: AtomicBool::new(false), state: Mutex::default(), changed: Condvar::new() });
        let its = Arc::clone(&shared);
        std::thread::Builder::new()
            .name("wxsub-upkeep".to_owned())
            .spawn(move || {
                let mut failed = false;
                while its.next_round(failed) {
                    let done = panics::catch(|| {
                        let _lines = log.hold();
                        if credentials.wants_renewal() {
                            credentials.renew();
                        }
                        if catalogue.wants_renewal() {
                            catalogue.renew();
                        }
                        store.upkeep(&Now::read())
                    });
                    failed = !matches!(done, Ok(Ok(())));
                    match done {
                        Ok(Ok(())) => {}
                        Ok(Err(e)) => log_line!(log, Warn, "upkeep of the store: {}", e.message),
                        Err(place) => log_line!(log, Error, "a bug of wxsub's was caught at {place}"),
                    }
                }
                drop((store, credentials, catalogue, log, keep));
                its.state.lock().ended = true;
                its.changed.notify_all();
            })
            .map_err(|e| Error::new(Status::Internal, format!("the system refuses a thread: {e}")))?;
        Ok(Upkeep { shared })
    }

    /// Something was written, or something waits that shall not wait for the usual round.
    pub fn touch(&self, at_once: bool) {
        if self.shared.dirty.swap(true, Ordering::AcqRel) && !at_once {
            return;
        }
        let mut state = self.shared.state.lock();
        state.dirty = true;
        state.at_once |= at_once;
        self.shared.changed.notify_all();
    }

    /// Ends the thread, and waits for it so long: it may be in a callback of the host's that waits for a lock of the
    /// caller's.
    pub fn stop(&self, patience: Duration) {
        let mut state = self.shared.state.lock();
        state.stop = true;
        self.shared.changed.notify_all();
        self.shared.changed.wait_while_for(&mut state, |s| !s.ended, patience);
    }
}

impl Drop for Upkeep {
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
