//! Who runs, and the end of it: calls register here, sleep here, and are aborted here.

use std::time::Duration;

use crate::error::{Error, Status};
use crate::sync::{Condvar, Mutex};

/// How long running calls may go on after the client was closed …
pub const GRACE: Duration = Duration::from_secs(1);
/// … and how long they are waited for once they were aborted.
pub const AFTER_ABORT: Duration = Duration::from_millis(250);

#[derive(Default)]
pub struct InFlight {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    calls: usize,
    shutdown: bool,
    aborted: bool,
}

/// One call that runs.
pub struct Call<'a>(&'a InFlight);

impl Drop for Call<'_> {
    fn drop(&mut self) {
        let mut state = self.0.state.lock();
        state.calls -= 1;
        if state.calls == 0 && state.shutdown {
            self.0.changed.notify_all();
        }
    }
}

impl InFlight {
    /// Registers a call, unless the client is shutting down.
    pub fn enter(&self) -> Result<Call<'_>, Error> {
        let mut state = self.state.lock();
        if state.shutdown {
            return Err(shutting_down());
        }
        state.calls += 1;
        Ok(Call(self))
    }

    /// Registers what was submitted before the client began to close.
    ///
    /// # Errors
    /// [`Status::Cancelled`] when all was aborted.
    pub fn enter_queued(&self) -> Result<Call<'_>, Error> {
        let mut state = self.state.lock();
        if state.aborted {
            return Err(cancelled());
        }
        state.calls += 1;
        Ok(Call(self))
    }

    /// Whether calls are let in, for one that waits for nothing.
    pub fn check(&self) -> Result<(), Error> {
        if self.state.lock().shutdown { Err(shutting_down()) } else { Ok(()) }
    }

    /// How many run.
    pub fn calls(&self) -> usize {
        self.state.lock().calls
    }

    /// Lets nobody in any more; false if that was so already.
    pub fn close(&self) -> bool {
        !std::mem::replace(&mut self.state.lock().shutdown, true)
    }

    /// Ends all sleeps, those to come too.
    pub fn abort(&self) {
        self.state.lock().aborted = true;
        self.changed.notify_all();
    }

    /// Sleeps.
    ///
    /// # Errors
    /// [`Status::Cancelled`] when aborted.
    pub fn sleep(&self, time: Duration) -> Result<(), Error> {
        let mut state = self.state.lock();
        if !state.aborted {
            self.changed.wait_while_for(&mut state, |s| !s.aborted, time);
        }
        if state.aborted { Err(cancelled()) } else { Ok(()) }
    }

    /// Whether sleeps were ended.
    pub fn is_aborted(&self) -> bool {
        self.state.lock().aborted
    }

    /// Whether nothing runs any more; waits for that up to `time`.
    pub fn wait_until_idle(&self, time: Duration) -> bool {
        let mut state = self.state.lock();
        !self.changed.wait_while_for(&mut state, |s| s.calls > 0, time).timed_out()
    }
}

/// What a call gets that comes too late.
pub fn shutting_down() -> Error {
    Error::new(Status::State, "the client is closing: wxsub_shutdown or wxsub_free was called on it")
}

/// What a call gets that had sent nothing when the client was closed.
pub fn cancelled() -> Error {
    Error::new(Status::Cancelled, "the client was closed before the message was sent")
}

#[cfg(all(test, feature = "schedules"))]
mod schedules;
