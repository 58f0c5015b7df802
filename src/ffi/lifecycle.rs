//! A client's life: `wxsub_init`, `wxsub_set_log`, `wxsub_shutdown`, `wxsub_free`.

use std::ffi::{c_char, c_void};
use std::sync::Arc;
use std::time::Duration;

use super::callback::{self, LogCallback};
use super::types::{wxsub_client, wxsub_destroy_fn, wxsub_log_fn, wxsub_result, wxsub_status};
use super::{fork, guard, input, module, output, registry};
use crate::client::Client;
use crate::config::Config;
use crate::error::{Error, Status, Verdict};

/// Opens a client. The store is opened, and made if it is not there; no other network is used than to a store in Redis.
///
/// `config_json`: strict JSON, UTF-8.
///   {configuration}
/// An unknown key is WXSUB_E_CONFIG, and so is every wrong value; the message names each.
///
/// `out` gets the client, or NULL when the call fails; it may not be NULL. `why` may be NULL.
/// Returns WXSUB_OK, WXSUB_E_ARG, WXSUB_E_CONFIG, WXSUB_E_STORE (the store file cannot be used, and is not touched;
/// or the Redis is not reached, refuses, or confirms nothing), WXSUB_E_FORKED, WXSUB_E_INTERNAL. Blocks for the disk only;
/// with Redis for "timeout_ms" at most.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wxsub_init(
    config_json: *const c_char,
    out: *mut *mut wxsub_client,
    why: *mut wxsub_result,
) -> wxsub_status {
    if !out.is_null() {
        // Before all checks, so that no failure leaves a host with a pointer it might free.
        // SAFETY: not NULL, so it points to a wxsub_client * of the caller's.
        unsafe { out.write(std::ptr::null_mut()) };
    }
    // SAFETY: rule 4: `why` is NULL or a result whose struct_size the caller set.
    let Ok(mut why) = (unsafe { output::Slot::new(why) }) else { return Status::Arg.code() };
    let opened = guard::run("wxsub_init", || {
        if out.is_null() {
            return Err(Error::new(Status::Arg, "wxsub_init: out is NULL; give it the address of a wxsub_client *"));
        }
        fork::watch()?;
        module::stay_loaded()?;
        let open = Arc::new(fork::Open::new());
        let place = registry::Place::take()?;
        // SAFETY: rule 2.
        let text = unsafe { input::required("config_json", config_json) }?;
        let client = Client::open_guarded(Config::from_json(text)?, open)?;
        let handle = place.fill(client);
        // SAFETY: as above.
        unsafe { out.write(handle) };
        Ok(Verdict::ok("open"))
    });
    why.put(opened)
}

/// Sets where log lines go; without it they go nowhere. Lines written since wxsub_init (the store's path) come at once.
///
/// `log` NULL turns logging off. `max_level` is WXSUB_LOG_*. `destroy` (may be NULL) runs exactly once with
/// `user_data`: when another callback takes its place, when the client is freed, or at once when this call fails;
/// never before the last call of `log` has come back, so maybe after wxsub_free returned.
/// Returns WXSUB_OK, WXSUB_E_STATE, WXSUB_E_FORKED.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wxsub_set_log(
    client: *const wxsub_client,
    log: wxsub_log_fn,
    user_data: *mut c_void,
    destroy: wxsub_destroy_fn,
    max_level: i32,
) -> wxsub_status {
    let callback = LogCallback::new(log, user_data, destroy);
    guard::status("wxsub_set_log", || {
        let client = registry::find(client)?;
        client.set_log(callback.into_sink(), max_level);
        Ok(())
    })
}

/// Ends a client's work before wxsub_free: takes in nothing more (all calls but wxsub_poll, wxsub_poll_handle,
/// wxsub_get_stats and wxsub_set_log get WXSUB_E_STATE), lets what was submitted and what runs end for `drain_ms`, then interrupts it. Every
/// ticket gets its result: WXSUB_E_CANCELLED, if it was not begun. Messages in the store stay for the next start. Poll
/// what is left, then call wxsub_free.
///
/// `unfinished` (may be NULL) gets how many tickets and calls did not end in time; 0 when it was called before. From
/// within a callback of this library it returns at once and goes on behind it.
/// Returns WXSUB_OK, WXSUB_E_STATE, WXSUB_E_FORKED.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wxsub_shutdown(
    client: *const wxsub_client,
    drain_ms: u32,
    unfinished: *mut usize,
) -> wxsub_status {
    // SAFETY: NULL, or a number of the caller's.
    let mut unfinished = unsafe { output::Number::new(unfinished) };
    guard::status("wxsub_shutdown", || {
        let client = registry::find(client)?;
        let drain = Duration::from_millis(u64::from(drain_ms));
        unfinished.put(client.shutdown(drain, !callback::inside()));
        Ok(())
    })
}

/// Closes a client. New calls get WXSUB_E_STATE at once; running ones may finish within their deadline, but after
/// about a second they are interrupted and end as cancelled or maybe sent, and so does what was submitted (wxsub_shutdown
/// gives it more time, and lets its results be polled). Messages in the store stay for the next start. NULL, a stale or a garbage handle: nothing
/// happens. From within a callback of this library it returns at once and the closing goes on behind it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wxsub_free(client: *mut wxsub_client) {
    guard::status("wxsub_free", || {
        if let Some(client) = registry::remove(client)? {
            client.close(!callback::inside());
        }
        Ok(())
    });
}
