//! Reports and counts: `wxsub_report`, `wxsub_report_json`, `wxsub_quota`.

use std::ffi::c_char;

use super::types::{wxsub_client, wxsub_result, wxsub_status};
use super::{guard, input, output, registry};
use crate::client::Answer;
use crate::error::{Error, Status, Verdict};

/// Tells what a player answered for one template.
///
/// `answer`: WXSUB_ACCEPT adds one to the count; WXSUB_REJECT sets it to 0; WXSUB_BAN and WXSUB_FILTER are the
/// platform's doing and change nothing. `template_id` NULL with WXSUB_REJECT: every template of this player (the main
/// switch is off). System types ("SYS_MSG_TYPE_...") are remembered as on or off and never counted.
/// `key` (may be NULL; an empty one counts as NULL): an id of this one answer, at most 512 bytes. A second report with
/// the same key for this player and template changes nothing and answers as the first did, with WXSUB_REPLAYED; kept
/// for 24 hours. Give one whenever your own retry could repeat the call.
///
/// When this returns WXSUB_OK the accept is on disk (with "durability": "full", fsynced: a few milliseconds).
/// `out` (may be NULL): remaining = the count now; quota = _GRANTED, _CLEARED or _UNTOUCHED.
/// Returns WXSUB_OK, WXSUB_E_ARG, WXSUB_E_STATE, WXSUB_E_FORKED, WXSUB_E_STORE (retry is
/// WXSUB_RETRY_LATER: nothing was changed, report again; WXSUB_RETRY_UNSAFE: it may have been counted, report again with the
/// same key).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wxsub_report(
    client: *const wxsub_client,
    openid: *const c_char,
    template_id: *const c_char,
    answer: i32,
    key: *const c_char,
    out: *mut wxsub_result,
) -> wxsub_status {
    // SAFETY: rule 4.
    let Ok(mut out) = (unsafe { output::Slot::new(out) }) else { return Status::Arg.code() };
    let done = guard::run("wxsub_report", || {
        let client = registry::find(client)?;
        // SAFETY: rule 2, for each of the three.
        let (openid, template_id, key) = unsafe {
            (
                input::required("openid", openid)?,
                input::optional("template_id", template_id)?,
                input::optional("key", key)?,
            )
        };
        let answer = Answer::from_code(answer)?;
        Ok(client.report(openid, template_id, answer, key))
    });
    out.put(done)
}

/// Tells what a player's game client got from WeChat, untouched: the object of wx.requestSubscribeMessage,
/// wx.requestSubscribeSystemMessage or wx.getSetting({withSubscriptions: true}) (whole, or its subscriptionsSetting).
///
/// In the first two each "accept" (and every word that begins with it) counts; in the last "accept" is a state, not a
/// grant, and adds nothing, while "reject" and mainSwitch false clear. errMsg and errCode are no templates: errCode
/// 20004 (main switch off) refuses all; any other failure object is WXSUB_OK with no results. An entry with an unknown
/// word gets its own WXSUB_E_ARG and changes nothing; the others are applied in one transaction.
/// `key` as in wxsub_report, for each template of its own.
///
/// `results` gets one result per template (or system type), in the object's own order, at most `capacity`; the first
/// one's struct_size is the stride. A result for all templates (main switch off) has an empty template_id. `*count` is how
/// many there are and may exceed `capacity`; the rest are applied all the same. `results` and `count` may be NULL.
/// Returns WXSUB_OK when the object was understood, though single entries may have failed; else WXSUB_E_ARG,
/// WXSUB_E_STATE, WXSUB_E_FORKED, WXSUB_E_STORE (as for wxsub_report; the first result says why).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wxsub_report_json(
    client: *const wxsub_client,
    openid: *const c_char,
    json: *const c_char,
    key: *const c_char,
    results: *mut wxsub_result,
    capacity: usize,
    count: *mut usize,
) -> wxsub_status {
    if !count.is_null() {
        // Before all checks, so that no failure leaves a host with a number it might loop to.
        // SAFETY: not NULL, so it points to a size_t of the caller's.
        unsafe { count.write(0) };
    }
    // SAFETY: rule 4: NULL, or an array of `capacity` results with the stride in the first.
    let Ok(mut results) = (unsafe { output::Array::new(results, capacity) }) else { return Status::Arg.code() };
    let done = guard::run("wxsub_report_json", || {
        let client = registry::find(client)?;
        // SAFETY: rule 2, for each of the three.
        let (openid, json, key) = unsafe {
            (input::required("openid", openid)?, input::required("json", json)?, input::optional("key", key)?)
        };
        client.report_json(openid, json, key)
    });
    match done {
        Ok(verdicts) => {
            if !count.is_null() {
                // SAFETY: as above.
                unsafe { count.write(verdicts.len()) };
            }
            results.put(&verdicts);
            Status::Ok.code()
        }
        Err(e) => {
            let status = e.status.code();
            results.put(&[Verdict::from(e)]);
            status
        }
    }
}

/// Asks how many messages this player still allows from this template; for a system type 1 (on) or 0. For
/// "quota": "observe" this is the count as far as the ledger saw it. Does not wait for sends that run: a unit one of
/// them holds is not counted.
///
/// `remaining` may be NULL (a check that the store works). `why` may be NULL; its `remaining` is filled too.
/// Returns WXSUB_OK, WXSUB_E_ARG, WXSUB_E_STATE, WXSUB_E_FORKED, WXSUB_E_STORE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wxsub_quota(
    client: *const wxsub_client,
    openid: *const c_char,
    template_id: *const c_char,
    remaining: *mut i64,
    why: *mut wxsub_result,
) -> wxsub_status {
    // SAFETY: rule 4.
    let Ok(mut why) = (unsafe { output::Slot::new(why) }) else { return Status::Arg.code() };
    let done = guard::run("wxsub_quota", || {
        let client = registry::find(client)?;
        // SAFETY: rule 2, for both.
        let (openid, template_id) =
            unsafe { (input::required("openid", openid)?, input::required("template_id", template_id)?) };
        let verdict = client.quota(openid, template_id);
        if verdict.status == Status::Ok && !remaining.is_null() {
            // SAFETY: not NULL, so it points to an int64_t of the caller's.
            unsafe { remaining.write(verdict.remaining) };
        }
        Ok::<Verdict, Error>(verdict)
    });
    why.put(done)
}
