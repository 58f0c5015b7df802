//! What WeChat pushes: `wxsub_handle_event`, `wxsub_open_event`.

use std::ffi::c_char;

use super::types::{wxsub_client, wxsub_result, wxsub_status};
use super::{guard, input, output, registry};
use crate::error::{Error, Status, Verdict};

/// Verifies and applies what WeChat pushed to the host's own HTTP endpoint, set up in the console's "message push".
/// Needs "event" in the configuration: "token"; "aes_key" for the encrypted modes (with it, plaintext is refused); while
/// the EncodingAESKey is being changed, the one before as "aes_key_previous".
///
/// `query`: the request's raw query string. `body`, `body_len`: the raw body; NULL and 0 for the check of the address (a
/// GET). Popup answers, refusals in the settings and results of sends go into the count, each once, however often
/// WeChat pushes it; an accept that the game reported too (wxsub_report) counts once. A refusal that was created less
/// than 60 s after the newest accept, or before it, leaves that one: two clocks are being compared, in doubt it is kept.
///
/// A mini game has one address for messages of all kinds. What is not about subscriptions (customer service, gifts, paid
/// goods, accounts) is the host's to answer: WXSUB_OK with WXSUB_NOT_OURS and an empty reply. wxsub_open_event has its
/// text. Gifts (minigame_deliver_goods) and paid goods want {"ErrCode":0} once they are delivered and are pushed again
/// until then; most other kinds want "success". No such reply need be encrypted.
///
/// Plain mode (no "aes_key") signs the query only: whoever has seen one query string can put a body of his own under it,
/// for five minutes. So from plain pushes only accepts are taken (a forged grant costs one refused call), and none of
/// another template while 32 of the player's have something left; refusals and results of sends are WXSUB_OK and change
/// nothing, unless "trust_plain": true says that nobody else reaches the endpoint. A CreateTime more than five minutes
/// ahead (of what would be applied), or a query that was used with another body, is
/// WXSUB_E_SIGNATURE. Use the encrypted modes.
///
/// `reply` (`reply_capacity` bytes) gets what the host must send back as the response's body, with HTTP 200; a NUL
/// follows if there is room. 64 bytes are enough for events; the address check echoes what WeChat sent, usually some 20
/// bytes. `*reply_len` (may be NULL) is its length, 0 when the call fails. Nothing is applied if it does not fit. `reply` may be NULL with
/// capacity 0 if the host knows what to answer ("success").
///
/// Returns
///   WXSUB_OK           send the reply; with WXSUB_NOT_OURS, your own. With one part in the event, `out` tells what it did
///                      (template_id, quota, remaining), flags WXSUB_REPLAYED if it came before
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
        let mut buffer = unsafe { output::Text::new("reply", reply, reply_capacity) }?;
        buffer.put(b"");
        let client = registry::find(client)?;
        // SAFETY: rule 2, for both.
        let (query, body) = unsafe { (input::required("query", query)?, input::bytes("body", body, body_len)?) };
        let (text, verdict) = client.handle_event(query, body, buffer.room())?;
        buffer.put(text.as_bytes());
        if !reply_len.is_null() {
            // SAFETY: as above.
            unsafe { reply_len.write(text.len()) };
        }
        Ok::<_, Error>(verdict)
    });
    out.put(done)
}

/// Verifies and decrypts what WeChat pushed, of whatever kind, and hands out the message: for those that are the host's to
/// answer (WXSUB_NOT_OURS). Applies nothing. May be called before or after wxsub_handle_event on the same request. Needs
/// "event" in the configuration. Since ABI 2.
///
/// `query`, `body`, `body_len`: as for wxsub_handle_event. In plain mode what is said there holds here too: the message
/// may be anybody's. Deliver goods by encrypted pushes only.
///
/// `plain` (`capacity` bytes) gets the message as WeChat wrote it, XML or JSON; a NUL follows if there is room. It is never
/// longer than `body_len`. `*plain_len` (may be NULL) is its length, also when `capacity` is too small (WXSUB_E_ARG, and
/// no part of it is written); 0 for the check of the address and when the call fails otherwise. `plain` NULL with capacity 0: only
/// verifies, and tells the length. `why` may be NULL.
///
/// Returns WXSUB_OK, WXSUB_E_SIGNATURE (not WeChat's: answer 403), WXSUB_E_STORE (answer 500), WXSUB_E_CONFIG, WXSUB_E_ARG,
/// WXSUB_E_STATE, WXSUB_E_FORKED.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wxsub_open_event(
    client: *const wxsub_client,
    query: *const c_char,
    body: *const c_char,
    body_len: usize,
    plain: *mut c_char,
    capacity: usize,
    plain_len: *mut usize,
    why: *mut wxsub_result,
) -> wxsub_status {
    // SAFETY: NULL, or a size_t of the caller's.
    let mut length = unsafe { output::Number::new(plain_len) };
    // SAFETY: rule 4.
    let Ok(mut why) = (unsafe { output::Slot::new(why) }) else { return Status::Arg.code() };
    let done = guard::run("wxsub_open_event", || {
        // SAFETY: rule 2: NULL, or a buffer of the size that is stated.
        let mut buffer = unsafe { output::Text::new("plain", plain, capacity) }?;
        buffer.put(b"");
        let client = registry::find(client)?;
        // SAFETY: rule 2, for both.
        let (query, body) = unsafe { (input::required("query", query)?, input::bytes("body", body, body_len)?) };
        let text = client.open_event(query, body)?;
        length.put(text.len());
        if text.len() > buffer.room() {
            let why = format!(
                "plain needs {} bytes, its capacity is {capacity}: call again with a larger buffer",
                text.len()
            );
            return Err(Error::new(Status::Arg, why));
        }
        buffer.put(&text);
        Ok(Verdict::ok("the message was verified and handed out; nothing was applied"))
    });
    why.put(done)
}
