//! Login codes: `wxsub_login`.

use std::ffi::c_char;

use super::types::{wxsub_client, wxsub_identity, wxsub_result, wxsub_status};
use super::{guard, input, output, registry};
use crate::error::{Status, Verdict};

/// Asks WeChat who a login code (wx.login in the game) belongs to, at most "timeout_ms" long. The session_key is given
/// to the caller and kept nowhere. A code is good once and for five minutes.
///
/// `out` gets the player; it may not be NULL, and is not touched when the call fails. `why` may be NULL.
/// Returns WXSUB_OK, WXSUB_E_ARG, WXSUB_E_WECHAT (40163 used, or 40029 invalid or too old: let the game call wx.login again,
/// and for 40029 make sure that it is built with the configured appid; 40226: WeChat blocks this player, don't repeat),
/// WXSUB_E_BUSY, WXSUB_E_AUTH (appid or secret), WXSUB_E_CONFIG (no secret, or an observer), WXSUB_E_CONNECT (no
/// answer; unlike for a send the request may have left, and the code be used up), WXSUB_E_CANCELLED, WXSUB_E_STATE, WXSUB_E_FORKED.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wxsub_login(
    client: *const wxsub_client,
    code: *const c_char,
    out: *mut wxsub_identity,
    why: *mut wxsub_result,
) -> wxsub_status {
    // SAFETY: rule 4.
    let Ok(mut why) = (unsafe { output::Slot::new(why) }) else { return Status::Arg.code() };
    let done = guard::run("wxsub_login", || {
        // SAFETY: rule 4.
        let mut out = unsafe { output::Identity::new(out) }?;
        let client = registry::find(client)?;
        // SAFETY: rule 2.
        let code = unsafe { input::required("code", code) }?;
        out.put(&client.login(code)?)?;
        Ok(Verdict::ok("logged in"))
    });
    why.put(done)
}
