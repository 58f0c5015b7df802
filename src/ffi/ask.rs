//! What to ask a player for: `wxsub_ask`.

use std::ffi::c_char;

use super::types::{wxsub_client, wxsub_result, wxsub_status};
use super::{guard, input, output, registry};
use crate::error::{Status, Verdict};

/// The least room for a reply.
const LEAST_CAPACITY: usize = 4096;

/// Says which templates to ask a player for now, or that it is better to ask for none. Fetch the plan when he logs in and
/// again after each answer, and give its list to the game client, for its next tap. A read: no fsync, no network but the
/// store's. Since ABI 2.
///
/// `request_json`: {"templates": [{"id", "keep"}, ...], "most"}, the templates in order of worth, 1 to 64 of them; `keep`
/// (3): the count that is enough ("max_count" at most; for system types and long-term templates 1); `most` (3): how many
/// are asked for at once. WeChat asks for system types in a call of their own, so they can't be listed among others.
///
/// `reply` (`capacity` bytes, at least 4096) gets {"ask": [ID, ...], "counts": {ID: N}, "why": {ID: WORD}}, NUL-terminated:
///   "ask"     which to ask for, those first for which messages wait in the outbox; may be empty
///   "counts"  of each that was listed, as wxsub_quota tells it
///   "why"     "banned": WeChat answered 43107 a moment ago, or told this player's device so; "refused": the player refused
///             it, or turned the main switch off, less than "ask_again_hours" ago, and accepted nothing of it since;
///             "stocked": the count is `keep` or more; "ask": worth asking, also where `most` leaves it for the next time
/// Replies may gain members. `*reply_len` (may be NULL) is the length without the NUL, also when `capacity` is too small
/// (WXSUB_E_ARG, and the reply is empty); 0 when the call fails otherwise. `why` may be NULL.
///
/// Returns WXSUB_OK, WXSUB_E_ARG (names what is wrong in the request), WXSUB_E_STATE, WXSUB_E_FORKED, WXSUB_E_STORE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wxsub_ask(
    client: *const wxsub_client,
    openid: *const c_char,
    request_json: *const c_char,
    reply: *mut c_char,
    capacity: usize,
    reply_len: *mut usize,
    why: *mut wxsub_result,
) -> wxsub_status {
    // SAFETY: NULL, or a size_t of the caller's.
    let length = unsafe { output::Number::new(reply_len) };
    // SAFETY: rule 4.
    let Ok(mut why) = (unsafe { output::Slot::new(why) }) else { return Status::Arg.code() };
    let done = guard::run("wxsub_ask", || {
        // SAFETY: rule 2: NULL, or a buffer of the size that is stated.
        let mut reply = unsafe { output::Reply::new(reply, capacity, LEAST_CAPACITY, length) }?;
        let client = registry::find(client)?;
        // SAFETY: rule 2, for both.
        let (openid, request) =
            unsafe { (input::required("openid", openid)?, input::required("request_json", request_json)?) };
        reply.put(&client.ask(openid, request)?)?;
        Ok(Verdict::ok("the plan is in the reply"))
    });
    why.put(done)
}
