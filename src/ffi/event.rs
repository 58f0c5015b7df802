//! What WeChat pushes: `wxsub_handle_event`.

use std::ffi::c_char;

use super::types::{wxsub_client, wxsub_result, wxsub_status};
use super::{guard, input, output, registry};
use crate::error::{Error, Status};

/// Verifies and applies what WeChat pushed to the host's own HTTP endpoint, set up in the console's "message push".
/// Needs "event": {"token", "aes_key"} in the configuration ("aes_key" for the encrypted modes; with it, plaintext is
/// refused).
///
/// `query`: the request's raw query string. `body`, `body_len`: the raw body; NULL and 0 for the check of the address (a
/// GET). Popup answers, refusals in the settings and results of sends go into the count, each once, however often
/// WeChat pushes it; an accept that the game reported too (wxsub_report) counts once. A refusal that was created less
/// than 60 s after the newest accept, or before it, leaves that one: two clocks are being compared, in doubt it is kept.
/// Everything else is left alone.
///
/// `reply` (`reply_capacity` bytes) gets what the host must send back as the response's body, with HTTP 200; a NUL
/// follows if there is room. 64 bytes are enough for events; the address check echoes what WeChat sent, usually some 20
/// bytes. `*reply_len` (may be NULL) is its length, 0 when the call fails. Nothing is applied if it does not fit. `reply` may be NULL with
/// capacity 0 if the host knows what to answer ("success").
///
/// Returns
///   WXSUB_OK           send the reply. With one part in the event, `out` tells what it did (template_id, quota,
///                      remaining), flags WXSUB_REPLAYED if it came before
///   WXSUB_E_SIGNATURE  not WeChat's: bad signature, too old (5 minutes), undecryptable, another appid, plaintext where
///                      a key is set, unreadable. Answer 403; the reply is empty and nothing was changed
///   WXSUB_E_STORE, WXSUB_E_BUSY
///                      answer 500, so that WeChat pushes again; the reply is empty
///   WXSUB_E_CONFIG     no "event" in the configuration; WXSUB_E_ARG, WXSUB_E_STATE, WXSUB_E_FORKED,
///                      WXSUB_E_CANCELLED (the client was freed meanwhile: answer 500)
/// May wait up to 4 seconds for a send to the same player that runs.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wxsub_handle_event(
    client: *const wxsub_client,
    query: *const c_char,
    body: *const c_char,
    body_len: usize,
    reply: *mut c_char,
    reply_capacity: usize,
    reply_len: *mut usize,
    out: *mut wxsub_result,
) -> wxsub_status {
    if !reply_len.is_null() {
        // SAFETY: not NULL, so it points to a size_t of the caller's.
        unsafe { reply_len.write(0) };
    }
    // SAFETY: rule 4.
    let Ok(mut out) = (unsafe { output::Slot::new(out) }) else { return Status::Arg.code() };
    let done = guard::run("wxsub_handle_event", || {
        // SAFETY: rule 2: NULL, or a buffer of the size that is stated.
        let mut buffer = unsafe { output::Text::new(reply, reply_capacity) }?;
        buffer.put("");
        let client = registry::find(client)?;
        // SAFETY: rule 2, for both.
        let (query, body) = unsafe { (input::required("query", query)?, input::bytes("body", body, body_len)?) };
        let (text, verdict) = client.handle_event(query, body, buffer.room())?;
        buffer.put(&text);
        if !reply_len.is_null() {
            // SAFETY: as above.
            unsafe { reply_len.write(text.len()) };
        }
        Ok::<_, Error>(verdict)
    });
    out.put(done)
}
