//! What became of a call: [`Status`], [`Error`] and the whole [`Verdict`].

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! statuses {
    ($($(#[$doc:meta])* $variant:ident = $number:literal, $name:literal;)*) => {
        /// The verdict in one number; the same numbers and names as the C constants `WXSUB_OK`, `WXSUB_E_*`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(into = "i32", try_from = "i32")]
        #[repr(i32)]
        pub enum Status {
            $($(#[$doc])* $variant = $number,)*
        }

        impl Status {
            /// Every status, in the order of their numbers.
            pub const ALL: &[Status] = &[$(Status::$variant,)*];

            /// The C constant's name, with its closing NUL.
            pub fn c_name(self) -> &'static std::ffi::CStr {
                match self {
                    $(Status::$variant => $name,)*
                }
            }
        }
    };
}

statuses! {
    /// Done.
    Ok = 0, c"WXSUB_OK";
    /// NULL, not UTF-8, not JSON, struct too small.
    Arg = 1, c"WXSUB_E_ARG";
    /// The configuration is wrong; the message names the key.
    Config = 2, c"WXSUB_E_CONFIG";
    /// The message breaks a template rule, here or at WeChat.
    Message = 3, c"WXSUB_E_MESSAGE";
    /// Not a client, freed, or closing.
    State = 4, c"WXSUB_E_STATE";
    /// Used in a child of `fork()`.
    Forked = 5, c"WXSUB_E_FORKED";
    /// Our count is 0: nothing was sent, WeChat was not called.
    NoQuota = 20, c"WXSUB_E_NO_QUOTA";
    /// WeChat says the player does not allow it (43101); the count is cleared.
    Refused = 21, c"WXSUB_E_REFUSED";
    /// The submit queue is full: try again next tick.
    QueueFull = 22, c"WXSUB_E_QUEUE_FULL";
    /// WeChat or this player is busy or over a limit, after our own retries.
    Busy = 23, c"WXSUB_E_BUSY";
    /// appid, secret, token or IP list: an operator must act.
    Auth = 24, c"WXSUB_E_AUTH";
    /// The capability or the template is banned (43107).
    Banned = 25, c"WXSUB_E_BANNED";
    /// Any other errcode.
    Wechat = 26, c"WXSUB_E_WECHAT";
    /// A pushed event is not WeChat's.
    Signature = 27, c"WXSUB_E_SIGNATURE";
    /// Failed before the request left: surely not sent.
    Connect = 40, c"WXSUB_E_CONNECT";
    /// The request left and no readable answer came: maybe sent.
    Unknown = 41, c"WXSUB_E_UNKNOWN";
    /// Cancelled or shut down before sending.
    Cancelled = 42, c"WXSUB_E_CANCELLED";
    /// Its `expires_at` passed before it could be sent.
    Expired = 43, c"WXSUB_E_EXPIRED";
    /// Cancel, lookup: no such key.
    NotFound = 44, c"WXSUB_E_NOT_FOUND";
    /// Cancel: already being sent, or sent.
    TooLate = 45, c"WXSUB_E_TOO_LATE";
    /// The quota store failed.
    Store = 60, c"WXSUB_E_STORE";
    /// A bug of ours, caught; the client still works.
    Panic = 61, c"WXSUB_E_PANIC";
    /// Anything else of ours.
    Internal = 62, c"WXSUB_E_INTERNAL";
}

impl Status {
    /// The number that crosses the ABI.
    pub const fn code(self) -> i32 {
        self as i32
    }

    /// The status with this number, if it is one of ours.
    pub fn from_code(code: i32) -> Option<Status> {
        Status::ALL.iter().copied().find(|s| s.code() == code)
    }
}

impl From<Status> for i32 {
    fn from(status: Status) -> i32 {
        status.code()
    }
}

impl TryFrom<i32> for Status {
    type Error = String;

    fn try_from(code: i32) -> Result<Status, String> {
        Status::from_code(code).ok_or_else(|| format!("{code} is not a status of this version"))
    }
}

/// Whether, and how, the same call may be made again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[repr(i32)]
pub enum Retry {
    /// The same call would end the same way.
    #[default]
    Never = 0,
    /// Nothing was sent; later it may work.
    Later = 1,
    /// It may have been sent: a second call may send it twice.
    Unsafe = 2,
}

/// What the call did to the player's count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[repr(i32)]
pub enum QuotaChange {
    /// Nothing was taken or added.
    #[default]
    Untouched = 0,
    /// One message was sent: one less.
    Spent = 1,
    /// A unit was held and given back.
    Returned = 2,
    /// The player allows nothing (more).
    Cleared = 3,
    /// One more message is allowed, or a system type was switched on.
    Granted = 4,
}

/// Why something failed: for the caller's code the numbers, for its reader the message. Holds no secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Error {
    /// What kind of failure.
    pub status: Status,
    /// Whether the same call may be made again.
    pub retry: Retry,
    /// Not before so many milliseconds; 0 when nothing is known.
    pub retry_after_ms: u32,
    /// WeChat's code; 0 when it did not answer with one.
    pub errcode: i32,
    /// HTTP status; 0 when there was no answer.
    pub http_status: i32,
    /// What happened, the value at fault, what to do.
    pub message: String,
}

impl Error {
    /// A failure of this kind, with the kind's usual advice on repeating it.
    pub fn new(status: Status, message: impl Into<String>) -> Error {
        let retry = match status {
            Status::QueueFull
            | Status::Busy
            | Status::Auth
            | Status::Banned
            | Status::Connect
            | Status::Cancelled
            | Status::Store => Retry::Later,
            Status::Unknown | Status::Panic => Retry::Unsafe,
            _ => Retry::Never,
        };
        Error { status, retry, retry_after_ms: 0, errcode: 0, http_status: 0, message: message.into() }
    }

    /// The same failure, not to be repeated before so many milliseconds.
    pub fn after_ms(mut self, ms: u32) -> Error {
        self.retry_after_ms = ms;
        self
    }

    /// The same failure with the codes that WeChat answered.
    pub fn answered(mut self, errcode: i32, http_status: i32) -> Error {
        self.errcode = errcode;
        self.http_status = http_status;
        self
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.status, self.message)
    }
}

impl std::error::Error for Error {}

/// What became of one report or one message: the fields of the C struct `wxsub_result`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Verdict {
    /// The verdict in one number.
    pub status: Status,
    /// WeChat's code; 0 when it did not answer with one.
    pub errcode: i32,
    /// HTTP status; 0 when there was no answer.
    pub http_status: i32,
    /// Whether the same call may be made again.
    pub retry: Retry,
    /// What happened to the count.
    pub quota: QuotaChange,
    /// Count left for this user and template; -1 not known.
    pub remaining: i64,
    /// WeChat's message id; 0 none.
    pub msgid: i64,
    /// From a submit; 0 otherwise.
    pub ticket: u64,
    /// The caller's own number, echoed.
    pub tag: u64,
    /// HTTP requests made for the send itself.
    pub attempts: u32,
    /// How long the call took, in milliseconds.
    pub elapsed_ms: u32,
    /// With [`Retry::Later`]: not before so many milliseconds.
    pub retry_after_ms: u32,
    /// [`Verdict::REPLAYED`] and its like, or'ed.
    pub flags: u32,
    /// The template; empty when none.
    pub template_id: String,
    /// The idempotency key; empty when none.
    pub key: String,
    /// What happened and what to do.
    pub message: String,
}

impl Verdict {
    /// Flag: this is an earlier call's answer, found by its key.
    pub const REPLAYED: u32 = 1;
    /// Flag: the message is in the store; its verdict comes later.
    pub const STORED: u32 = 2;
    /// Flag: the late verdict on a message that was in the store.
    pub const OUTCOME: u32 = 4;
    /// Flag: a pushed message of another kind, which the host answers.
    pub const NOT_OURS: u32 = 8;

    /// Done, with nothing else to say yet.
    pub fn ok(message: impl Into<String>) -> Verdict {
        Verdict { message: message.into(), ..Verdict::default() }
    }

    /// Whether the call had, or may have had, an effect, so that its key must not be used for a second one.
    pub fn had_effect(&self) -> bool {
        matches!(self.status, Status::Ok | Status::Unknown | Status::Panic)
    }
}

impl Default for Verdict {
    fn default() -> Verdict {
        Verdict {
            status: Status::Ok,
            errcode: 0,
            http_status: 0,
            retry: Retry::Never,
            quota: QuotaChange::Untouched,
            remaining: -1,
            msgid: 0,
            ticket: 0,
            tag: 0,
            attempts: 0,
            elapsed_ms: 0,
            retry_after_ms: 0,
            flags: 0,
            template_id: String::new(),
            key: String::new(),
            message: String::new(),
        }
    }
}

impl From<Error> for Verdict {
    fn from(e: Error) -> Verdict {
        Verdict {
            status: e.status,
            errcode: e.errcode,
            http_status: e.http_status,
            retry: e.retry,
            retry_after_ms: e.retry_after_ms,
            message: e.message,
            ..Verdict::default()
        }
    }
}
