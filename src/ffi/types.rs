//! What crosses the ABI: constants, structs, callback types.

use std::ffi::{c_char, c_void};

use crate::client::Answer;
use crate::error::{QuotaChange, Retry, Verdict};
use crate::log::Level;

/// The ABI number of this header. Compare it with wxsub_abi(): the library's must be at least this.
pub const WXSUB_ABI: u32 = 2;

// The constants stand before it in the header: tests/contract/header.rs makes them from `Status` in src/error.rs.
/// A verdict in one number: WXSUB_OK or one of WXSUB_E_*.
pub type wxsub_status = i32;

/// wxsub_result.retry: the same call would end the same way.
pub const WXSUB_RETRY_NEVER: i32 = 0;
/// wxsub_result.retry: nothing was done (sent, counted or stored); the same call may work later, not before
/// retry_after_ms.
pub const WXSUB_RETRY_LATER: i32 = 1;
/// wxsub_result.retry: it may have been done; the same call may send, or count, twice, unless it has a key.
pub const WXSUB_RETRY_UNSAFE: i32 = 2;

/// wxsub_result.quota: the count was not touched.
pub const WXSUB_QUOTA_UNTOUCHED: i32 = 0;
/// wxsub_result.quota: one unit was spent.
pub const WXSUB_QUOTA_SPENT: i32 = 1;
/// wxsub_result.quota: a unit was held and given back.
pub const WXSUB_QUOTA_RETURNED: i32 = 2;
/// wxsub_result.quota: the player allows nothing (more).
pub const WXSUB_QUOTA_CLEARED: i32 = 3;
/// wxsub_result.quota: one more message is allowed, or a system type was switched on.
pub const WXSUB_QUOTA_GRANTED: i32 = 4;

/// wxsub_report: "accept", one more message from this template.
pub const WXSUB_ACCEPT: i32 = 1;
/// wxsub_report: "reject", the count goes to 0.
pub const WXSUB_REJECT: i32 = 2;
/// wxsub_report: "ban", the platform's doing: changes nothing.
pub const WXSUB_BAN: i32 = 3;
/// wxsub_report: "filter", the platform's doing: changes nothing.
pub const WXSUB_FILTER: i32 = 4;

/// wxsub_result.flags: this is an earlier call's answer, found by its key. This call changed nothing.
pub const WXSUB_REPLAYED: u32 = 1;
/// wxsub_result.flags: a durable message is on disk; its verdict comes later.
pub const WXSUB_STORED: u32 = 2;
/// wxsub_result.flags: the late verdict of a durable message.
pub const WXSUB_OUTCOME: u32 = 4;
/// wxsub_result.flags: a pushed message of another kind than subscribe events: the answer is the host's. Since ABI 2.
pub const WXSUB_NOT_OURS: u32 = 8;

/// Log level: nothing at all.
pub const WXSUB_LOG_OFF: i32 = 0;
/// Log level: an operator must act.
pub const WXSUB_LOG_ERROR: i32 = 1;
/// Log level: something went wrong and was dealt with.
pub const WXSUB_LOG_WARN: i32 = 2;
/// Log level: once-in-a-while facts, such as the store's path or a new token.
pub const WXSUB_LOG_INFO: i32 = 3;
/// Log level: every send and every report.
pub const WXSUB_LOG_DEBUG: i32 = 4;

/// A client: one appid, one store. Opaque; its value is looked up, never dereferenced, so a stale one is
/// WXSUB_E_STATE. Safe to use from any number of threads at once. A process may have 1000 open.
pub struct wxsub_client {
    _opaque: (),
}

/// What became of one report or one message. 448 bytes, the same layout on 32 and 64 bit.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct wxsub_result {
    /// Set by the caller to sizeof(wxsub_result): WXSUB_RESULT_INIT does.
    pub struct_size: u32,
    /// The verdict; the same as the function's return value where it has one result.
    pub status: wxsub_status,
    /// WeChat's; 0 when WeChat did not answer with one.
    pub errcode: i32,
    /// 0 when there was no answer.
    pub http_status: i32,
    /// WXSUB_RETRY_NEVER, _LATER or _UNSAFE (maybe done).
    pub retry: i32,
    /// WXSUB_QUOTA_UNTOUCHED, _SPENT, _RETURNED, _CLEARED or _GRANTED.
    pub quota: i32,
    /// Count left for this user and template; -1 not known.
    pub remaining: i64,
    /// WeChat's message id; 0 none.
    pub msgid: i64,
    /// From wxsub_submit; 0 otherwise.
    pub ticket: u64,
    /// The caller's own number, echoed.
    pub tag: u64,
    /// HTTP requests made for the send itself.
    pub attempts: u32,
    /// How long the call took, in milliseconds.
    pub elapsed_ms: u32,
    /// With WXSUB_RETRY_LATER: wait at least this many milliseconds before another try.
    pub retry_after_ms: u32,
    /// WXSUB_REPLAYED, WXSUB_STORED, WXSUB_OUTCOME, WXSUB_NOT_OURS, or'ed.
    pub flags: u32,
    /// Cut if longer; empty when none. NUL-terminated.
    pub template_id: [c_char; 64],
    /// The idempotency key; cut after 63 bytes, so a SHA-256 in hex (64) loses its last digit: tell results apart by
    /// `tag`, or use shorter keys. Empty when none. NUL-terminated.
    pub key: [c_char; 64],
    /// What happened and what to do. UTF-8, NUL-terminated, cut at a character, no secrets.
    pub message: [c_char; 248],
}

/// Who a player is: from wxsub_login. 200 bytes.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct wxsub_identity {
    /// Set by the caller to sizeof(wxsub_identity): WXSUB_IDENTITY_INIT does.
    pub struct_size: u32,
    /// 0.
    pub reserved: u32,
    /// The player's id in this game. NUL-terminated.
    pub openid: [c_char; 64],
    /// The player's id among all apps of the same owner; empty when WeChat gives none. NUL-terminated.
    pub unionid: [c_char; 64],
    /// Signs what the player's client sends. NUL-terminated. It must not leave the server; wipe it when done.
    pub session_key: [c_char; 64],
}

/// What a client has done since it was opened, and what waits now: from wxsub_get_stats. 208 bytes. Messages are counted
/// once, by their final verdict, from wxsub_send, wxsub_submit and the outbox.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct wxsub_stats {
    /// Set by the caller to sizeof(wxsub_stats): WXSUB_STATS_INIT does.
    pub struct_size: u32,
    /// 0.
    pub reserved: u32,
    /// Messages that WeChat took.
    pub sent: u64,
    /// Messages that ended as WXSUB_E_REFUSED.
    pub refused: u64,
    /// As WXSUB_E_NO_QUOTA.
    pub no_quota: u64,
    /// As WXSUB_E_MESSAGE.
    pub bad_message: u64,
    /// As WXSUB_E_BUSY.
    pub busy: u64,
    /// As WXSUB_E_AUTH.
    pub auth: u64,
    /// As WXSUB_E_BANNED.
    pub banned: u64,
    /// As WXSUB_E_WECHAT.
    pub wechat: u64,
    /// As WXSUB_E_CONNECT.
    pub connect: u64,
    /// As WXSUB_E_UNKNOWN: maybe sent.
    pub unknown: u64,
    /// As WXSUB_E_CANCELLED.
    pub cancelled: u64,
    /// As WXSUB_E_EXPIRED.
    pub expired: u64,
    /// As WXSUB_E_STORE.
    pub store: u64,
    /// In any other way.
    pub other: u64,
    /// Calls that were answered as an earlier one with their key; not counted above.
    pub replayed: u64,
    /// Answers of players that were reported.
    pub reports: u64,
    /// Requests for an access token.
    pub token_calls: u64,
    /// Now: submitted messages and reports that wait in this process.
    pub queued: u64,
    /// Now: calls that run, and what the library's threads work on.
    pub running: u64,
    /// Now: results that wait to be polled.
    pub results: u64,
    /// Outcomes that were not kept, since the host had not polled for 10 seconds and "queue_capacity" results waited.
    pub lost_results: u64,
    /// Now: messages in the store, of all processes.
    pub outbox_waiting: u64,
    /// Now: those of them that are due and not yet taken up; at most 100000 are counted.
    pub outbox_due: u64,
    /// Now: milliseconds since the oldest of those was due.
    pub outbox_oldest_due_ms: u64,
    /// Messages that ended as WXSUB_E_SKIPPED; not among other. Since ABI 2.
    pub skipped: u64,
}

/// wxsub_http_fn returns: an answer came, whatever its status.
pub const WXSUB_HTTP_ANSWERED: i32 = 0;
/// wxsub_http_fn returns: no byte of the request left, surely.
pub const WXSUB_HTTP_NOT_SENT: i32 = 1;
/// wxsub_http_fn returns: the request left, or may have, and no whole answer came. So does any other number.
pub const WXSUB_HTTP_MAYBE_SENT: i32 = 2;

/// A request that a host's transport is to make. Valid during the call only.
#[repr(C)]
pub struct wxsub_http_request {
    /// Set by the library: what it knows of this struct.
    pub struct_size: u32,
    /// Give up after this.
    pub timeout_ms: u32,
    /// "POST" or "GET".
    pub method: *const c_char,
    /// The whole URL. It holds the access token or the secret: never log it.
    pub url: *const c_char,
    /// The Content-Type of the body; NULL without one.
    pub content_type: *const c_char,
    /// The body, not NUL-terminated; NULL without one.
    pub body: *const c_char,
    /// Its length in bytes.
    pub body_len: usize,
}

/// Where a host's transport puts the answer.
#[repr(C)]
pub struct wxsub_http_response {
    /// Set by the library: what it knows of this struct.
    pub struct_size: u32,
    /// The answer's HTTP status.
    pub http_status: i32,
    /// The library's memory for the answer's body.
    pub body: *mut c_char,
    /// Its size: 1 MiB.
    pub body_capacity: usize,
    /// How long the body is.
    pub body_len: usize,
    /// Without an answer: why, NUL-terminated, without the URL.
    pub message: [c_char; 128],
}

/// Makes one request, once, without following redirects, and says whether it left: WXSUB_HTTP_*. Called from any thread,
/// also at once from several.
pub type wxsub_http_fn = Option<
    unsafe extern "C" fn(
        user_data: *mut c_void,
        request: *const wxsub_http_request,
        response: *mut wxsub_http_response,
    ) -> i32,
>;

/// A log line: `level` is WXSUB_LOG_*, `message` NUL-terminated UTF-8 without line breaks and without secrets, valid
/// during the call only. Called from any thread, also at once from several. Lines that a call made from within the
/// callback would write are dropped.
pub type wxsub_log_fn = Option<unsafe extern "C" fn(user_data: *mut c_void, level: i32, message: *const c_char)>;

/// Called exactly once when `user_data` is needed no more.
pub type wxsub_destroy_fn = Option<unsafe extern "C" fn(user_data: *mut c_void)>;

// The C names are literals, since cbindgen copies them; the crate inside uses the enums. These must agree.
const _: () = {
    assert!(WXSUB_RETRY_NEVER == Retry::Never as i32 && WXSUB_RETRY_LATER == Retry::Later as i32);
    assert!(WXSUB_RETRY_UNSAFE == Retry::Unsafe as i32);
    assert!(WXSUB_QUOTA_UNTOUCHED == QuotaChange::Untouched as i32);
    assert!(WXSUB_QUOTA_SPENT == QuotaChange::Spent as i32);
    assert!(WXSUB_QUOTA_RETURNED == QuotaChange::Returned as i32);
    assert!(WXSUB_QUOTA_CLEARED == QuotaChange::Cleared as i32);
    assert!(WXSUB_QUOTA_GRANTED == QuotaChange::Granted as i32);
    assert!(WXSUB_ACCEPT == Answer::Accept as i32 && WXSUB_REJECT == Answer::Reject as i32);
    assert!(WXSUB_BAN == Answer::Ban as i32 && WXSUB_FILTER == Answer::Filter as i32);
    assert!(WXSUB_REPLAYED == Verdict::REPLAYED && WXSUB_NOT_OURS == Verdict::NOT_OURS);
    assert!(WXSUB_LOG_ERROR == Level::Error as i32 && WXSUB_LOG_WARN == Level::Warn as i32);
    assert!(WXSUB_LOG_INFO == Level::Info as i32 && WXSUB_LOG_DEBUG == Level::Debug as i32);
};
