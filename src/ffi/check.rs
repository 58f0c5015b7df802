//! Whether it will work: `wxsub_check`.

use super::types::{wxsub_client, wxsub_result, wxsub_status};
use super::{guard, output, registry};
use crate::error::Status;

/// Tells an operator in words whether it will work: store writable, WeChat reached, this machine's clock, appid, secret
/// and IP right (and which IP to allow), how many templates the account has. At most "timeout_ms" long; sends nothing.
/// The message tells all, first what is wrong; the status is that of the first thing that is wrong. The whole text is
/// logged, too, since a message has 247 bytes. With "token": "legacy" it uses the token in use, since asking for one would kill it.
///
/// Returns WXSUB_OK, WXSUB_E_STORE, WXSUB_E_CONNECT, WXSUB_E_AUTH, WXSUB_E_CONFIG (the clock is off), WXSUB_E_BUSY,
/// WXSUB_E_WECHAT, WXSUB_E_ARG, WXSUB_E_STATE, WXSUB_E_FORKED.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wxsub_check(client: *const wxsub_client, out: *mut wxsub_result) -> wxsub_status {
    // SAFETY: rule 4.
    let Ok(mut out) = (unsafe { output::Slot::new(out) }) else { return Status::Arg.code() };
    let done = guard::run("wxsub_check", || Ok(registry::find(client)?.check()));
    out.put(done)
}
