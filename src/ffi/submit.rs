//! Without waiting: `wxsub_submit`, `wxsub_submit_report`, `wxsub_poll`, `wxsub_poll_handle`.

use std::ffi::c_char;
use std::time::Duration;

use super::types::{wxsub_client, wxsub_result, wxsub_status};
use super::{guard, input, output, registry};
use crate::client::Answer;
use crate::error::{Error, Status, Verdict};

/// Copies a message and returns at once with a ticket; threads of the library send it. For a game loop.
///
/// Every ticket gets exactly one result from wxsub_poll, whatever happens, but for wxsub_free. Only that the texts are
/// JSON with a "touser" is checked here; other faults come as the ticket's result. Messages and reports for one player are
/// worked on one after the other in the order in which they were submitted; different players don't wait for each other.
/// At most "workers" messages are sent at once, and at most "max_per_second" are begun in a second. What is submitted faster
/// than "workers" divided by the time of WeChat's answer (4 at 20 ms: 200 a second) waits in the queue.
///
/// `options_json` as for wxsub_send, and:
///   {options of a submit}
///
/// `ticket` (may be NULL) gets the ticket; 0 when the call fails. `why` may be NULL.
/// Returns WXSUB_OK, WXSUB_E_QUEUE_FULL ("queue_capacity" messages wait, or as many tickets have no polled result yet: poll,
/// and try again next tick), WXSUB_E_ARG, WXSUB_E_CONFIG (an observer), WXSUB_E_STATE, WXSUB_E_FORKED.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wxsub_submit(
    client: *const wxsub_client,
    message_json: *const c_char,
    options_json: *const c_char,
    ticket: *mut u64,
    why: *mut wxsub_result,
) -> wxsub_status {
    // SAFETY: NULL, or a number of the caller's; rule 4.
    let (mut ticket, Ok(mut why)) = (unsafe { output::Number::new(ticket) }, unsafe { output::Slot::new(why) }) else {
        return Status::Arg.code();
    };
    let done = guard::run("wxsub_submit", || {
        let client = registry::find(client)?;
        // SAFETY: rule 2, for both.
        let (message, options) =
            unsafe { (input::required("message_json", message_json)?, input::optional("options_json", options_json)?) };
        client.submit(message, options)
    });
    why.put(done.map(|number| accepted(&mut ticket, number)))
}

/// As wxsub_report, without waiting for the disk: an fsync is too long for a frame. The accept is on disk when its ticket's
/// result says WXSUB_OK, not before. Arguments as for wxsub_report; `tag` is your own number, echoed.
///
/// `ticket` (may be NULL) gets the ticket; 0 when the call fails. `why` may be NULL.
/// Returns as wxsub_submit.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wxsub_submit_report(
    client: *const wxsub_client,
    openid: *const c_char,
    template_id: *const c_char,
    answer: i32,
    key: *const c_char,
    tag: u64,
    ticket: *mut u64,
    why: *mut wxsub_result,
) -> wxsub_status {
    // SAFETY: NULL, or a number of the caller's; rule 4.
    let (mut ticket, Ok(mut why)) = (unsafe { output::Number::new(ticket) }, unsafe { output::Slot::new(why) }) else {
        return Status::Arg.code();
    };
    let done = guard::run("wxsub_submit_report", || {
        let client = registry::find(client)?;
        // SAFETY: rule 2, for all three.
        let (openid, template_id, key) = unsafe {
            (
                input::required("openid", openid)?,
                input::optional("template_id", template_id)?,
                input::optional("key", key)?,
            )
        };
        client.submit_report(openid, template_id, Answer::from_code(answer)?, key, tag)
    });
    why.put(done.map(|number| accepted(&mut ticket, number)))
}

fn accepted(ticket: &mut output::Number, number: u64) -> Verdict {
    ticket.put(number);
    Verdict { ticket: number, ..Verdict::ok("accepted; its result comes by wxsub_poll") }
}

/// Takes finished results: those of tickets, and outcomes of durable messages.
///
/// `results` is an array of `capacity` structs, the first one's struct_size set. `wait_ms` 0: never waits. Else it waits
/// up to `wait_ms` for the first result (UINT32_MAX: seven weeks). `count` gets how many were written; with `capacity` 0 (then
/// `results` may be NULL) nothing is taken, and it gets how many wait.
/// Still works after wxsub_shutdown. Several threads may poll; each result goes to one of them.
/// Returns WXSUB_OK, also for none; WXSUB_E_ARG, WXSUB_E_STATE (also when the client is freed meanwhile),
/// WXSUB_E_FORKED.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wxsub_poll(
    client: *const wxsub_client,
    results: *mut wxsub_result,
    capacity: usize,
    wait_ms: u32,
    count: *mut usize,
) -> wxsub_status {
    // SAFETY: NULL, or a number of the caller's.
    let mut count = unsafe { output::Number::<usize>::new(count) };
    let wanted = !results.is_null();
    // SAFETY: rule 4.
    let Ok(mut results) = (unsafe { output::Array::new(results, capacity) }) else { return Status::Arg.code() };
    guard::status("wxsub_poll", || {
        let client = registry::find(client)?;
        if !wanted && capacity > 0 {
            return Err(Error::new(Status::Arg, format!("results is NULL, and its capacity {capacity}")));
        }
        if capacity == 0 {
            count.put(client.results_ready());
            return Ok(());
        }
        let polled = client.poll(capacity, Duration::from_millis(u64::from(wait_ms)))?;
        results.put(&polled);
        count.put(polled.len());
        Ok(())
    })
}

/// A descriptor for the host's own event loop: readable (poll, select, epoll) while wxsub_poll has something. Only wait
/// for it: don't read, write or close it. It belongs to the client, and wxsub_free ends it. Linux only.
///
/// `handle` gets the descriptor; -1 when the call fails.
/// Returns WXSUB_OK, WXSUB_E_ARG, WXSUB_E_STATE, WXSUB_E_FORKED, WXSUB_E_INTERNAL (no descriptor is left, or not
/// Linux: poll with wait_ms instead).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wxsub_poll_handle(client: *const wxsub_client, handle: *mut isize) -> wxsub_status {
    if handle.is_null() {
        return Status::Arg.code();
    }
    // SAFETY: not NULL, so a number of the caller's.
    unsafe { handle.write(-1) };
    guard::status("wxsub_poll_handle", || {
        let descriptor = registry::find(client)?.poll_handle()?;
        // SAFETY: as above.
        unsafe { handle.write(descriptor) };
        Ok(())
    })
}
