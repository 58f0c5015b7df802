//! The host's callbacks: called with no lock held, destroyed exactly once.

use std::cell::Cell;
use std::ffi::{CString, c_void};
use std::sync::Arc;

use super::types::{wxsub_destroy_fn, wxsub_log_fn};
use crate::log::{Level, Sink};

thread_local! {
    static INSIDE: Cell<u32> = const { Cell::new(0) };
}

/// Whether this thread is in a callback of the host's, so that waiting could be waiting for itself.
pub fn inside() -> bool {
    INSIDE.get() > 0
}

/// Runs a callback of the host's.
pub fn call<R>(f: impl FnOnce() -> R) -> R {
    INSIDE.set(INSIDE.get() + 1);
    let result = f();
    INSIDE.set(INSIDE.get() - 1);
    result
}

/// A log function with its user data, which it owns: dropping it runs `destroy`.
pub struct LogCallback {
    log: wxsub_log_fn,
    user_data: *mut c_void,
    destroy: wxsub_destroy_fn,
}

// SAFETY: the header says that the callback is called from any thread, also at once from several; user_data is only
// passed through.
unsafe impl Send for LogCallback {}
// SAFETY: as above.
unsafe impl Sync for LogCallback {}

impl LogCallback {
    pub fn new(log: wxsub_log_fn, user_data: *mut c_void, destroy: wxsub_destroy_fn) -> LogCallback {
        LogCallback { log, user_data, destroy }
    }

    /// As a sink; None, and destroyed at once, when there is no function.
    pub fn into_sink(self) -> Option<Arc<dyn Sink>> {
        self.log?;
        Some(Arc::new(self))
    }
}

impl Sink for LogCallback {
    fn line(&self, level: Level, text: &str) {
        let (Some(log), Ok(text)) = (self.log, CString::new(text)) else { return };
        // SAFETY: the host gave this function for this user_data; the text lives through the call.
        call(|| unsafe { log(self.user_data, level as i32, text.as_ptr()) });
    }
}

impl Drop for LogCallback {
    fn drop(&mut self) {
        if let Some(destroy) = self.destroy {
            // SAFETY: the host gave this function for this user_data, and a drop happens once.
            call(|| unsafe { destroy(self.user_data) });
        }
    }
}
