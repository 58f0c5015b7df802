//! Sending: `wxsub_send`, `wxsub_set_token`.

use std::ffi::c_char;

use super::types::{wxsub_client, wxsub_result, wxsub_status};
use super::{guard, input, output, registry};
use crate::error::Status;

/// Sends one message and waits for the verdict, at most "timeout_ms" long, and a second more where the store is too slow to
/// note what WeChat has answered. For a game loop this is too long.
///
/// `message_json` is WeChat's own request body:
///   {"touser": "OPENID", "template_id": "...", "page": "index", "data": {"thing1": {"value": "..."}},
///    "miniprogram_state": "formal", "lang": "zh_CN"}
/// Also accepted: "thing1": "..." and numbers as values. Unknown fields travel on to WeChat.
/// `options_json` (NULL, an empty text and null are no options); an unknown option is WXSUB_E_ARG.
///   {options of a send}
///
/// One unit of the player's count is held while the send runs, spent when WeChat answers success and given back
/// otherwise. Sends to one player wait for each other, also across processes; different players don't wait.
///
/// Returns, and what to do:
///   WXSUB_OK           sent. remaining = what is left
///   WXSUB_E_NO_QUOTA   ask the player again; WeChat was not called
///   WXSUB_E_REFUSED    ask the player again; the count was too high and is 0 now
///   WXSUB_E_MESSAGE    fix the text or the ids; the message names the field
///   WXSUB_E_BUSY, WXSUB_E_CONNECT, WXSUB_E_STORE
///                      surely not sent; with WXSUB_RETRY_LATER call again after retry_after_ms. WXSUB_E_STORE with
///                      WXSUB_RETRY_NEVER: a record is damaged or of a newer version, tell an operator
///   WXSUB_E_UNKNOWN    maybe sent; the unit is given back. Call again only if twice is better than never
///   WXSUB_E_AUTH       tell an operator: the message says what to fix
///   WXSUB_E_SKIPPED    a rule or a mute kept it back; surely not sent; the message names the rule. With
///                      WXSUB_RETRY_LATER call again after retry_after_ms
///   WXSUB_E_BANNED, WXSUB_E_WECHAT
///                      errcode and message say why
///   WXSUB_E_CONFIG     the client is an observer ("role")
///   WXSUB_E_ARG        the call is wrong; WXSUB_E_STATE, WXSUB_E_FORKED, WXSUB_E_CANCELLED, WXSUB_E_PANIC,
///                      WXSUB_E_INTERNAL as their names say
/// `out` may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wxsub_send(
    client: *const wxsub_client,
    message_json: *const c_char,
    options_json: *const c_char,
    out: *mut wxsub_result,
) -> wxsub_status {
    // SAFETY: rule 4.
    let Ok(mut out) = (unsafe { output::Slot::new(out) }) else { return Status::Arg.code() };
    let done = guard::run("wxsub_send", || {
        let client = registry::find(client)?;
        // SAFETY: rule 2, for both.
        let (message, options) =
            unsafe { (input::required("message_json", message_json)?, input::optional("options_json", options_json)?) };
        Ok(client.send(message, options))
    });
    out.put(done)
}

/// Hands in an access token, with "token": "external": for a team whose central token server is the only one that may
/// ask WeChat for tokens. It takes effect at once. When WeChat refuses it, it is dropped, another process's newer one is
/// taken from the store if there is one, and else sends end in WXSUB_E_AUTH until a new one is handed in.
///
/// `expires_in_s`: seconds it is still good for; 0 is WXSUB_E_ARG.
/// Returns WXSUB_OK, WXSUB_E_ARG (also when the client gets its own tokens), WXSUB_E_STATE, WXSUB_E_FORKED.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wxsub_set_token(
    client: *const wxsub_client,
    access_token: *const c_char,
    expires_in_s: u32,
) -> wxsub_status {
    guard::status("wxsub_set_token", || {
        let client = registry::find(client)?;
        // SAFETY: rule 2.
        let token = unsafe { input::required("access_token", access_token) }?;
        client.set_token(token, expires_in_s)
    })
}
