//! Messages that wait: `wxsub_cancel`, `wxsub_lookup`.

use std::ffi::c_char;

use super::types::{wxsub_client, wxsub_result, wxsub_status};
use super::{guard, input, output, registry};
use crate::client::Client;
use crate::error::{Status, Verdict};

/// Takes a message back that was submitted with a key and waits, in the queue or in the store, also another process's.
/// When this says WXSUB_OK it is on disk that it will not be sent. Waits for the disk only.
///
/// A ticket that has no result yet gets WXSUB_E_CANCELLED; for a stored message no outcome comes.
/// Returns WXSUB_OK; WXSUB_E_TOO_LATE: it is being sent, or was sent or maybe sent; WXSUB_E_NOT_FOUND: nothing waits with
/// this key; WXSUB_E_ARG, WXSUB_E_STATE, WXSUB_E_FORKED, WXSUB_E_STORE. `out` may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wxsub_cancel(
    client: *const wxsub_client,
    openid: *const c_char,
    key: *const c_char,
    out: *mut wxsub_result,
) -> wxsub_status {
    // SAFETY: passed on.
    unsafe { keyed("wxsub_cancel", client, openid, key, out, Client::cancel) }
}

/// Tells what became of a message with a key, whichever process sent it, and by whichever function, until 24 hours after
/// its end.
///
/// Returns the verdict with which it ended, with WXSUB_REPLAYED; WXSUB_OK with WXSUB_STORED while it waits in the store
/// (retry_after_ms: until it is due, message: why the last try failed); WXSUB_E_BUSY while it is in this process's queue
/// or being sent; WXSUB_E_NOT_FOUND; WXSUB_E_ARG, WXSUB_E_STATE, WXSUB_E_FORKED, WXSUB_E_STORE. `out` may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wxsub_lookup(
    client: *const wxsub_client,
    openid: *const c_char,
    key: *const c_char,
    out: *mut wxsub_result,
) -> wxsub_status {
    // SAFETY: passed on.
    unsafe { keyed("wxsub_lookup", client, openid, key, out, Client::lookup) }
}

/// # Safety
/// As the header says for the exported functions.
unsafe fn keyed(
    name: &str,
    client: *const wxsub_client,
    openid: *const c_char,
    key: *const c_char,
    out: *mut wxsub_result,
    call: fn(&Client, &str, &str) -> Verdict,
) -> wxsub_status {
    // SAFETY: rule 4.
    let Ok(mut out) = (unsafe { output::Slot::new(out) }) else { return Status::Arg.code() };
    let done = guard::run(name, || {
        let client = registry::find(client)?;
        // SAFETY: rule 2, for both.
        let (openid, key) = unsafe { (input::required("openid", openid)?, input::required("key", key)?) };
        Ok(call(&client, openid, key))
    });
    out.put(done)
}
