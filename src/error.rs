//! What became of a call: [`Status`], [`Error`] and the whole [`Verdict`].

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! statuses {
    ($($variant:ident = $number:literal, $name:ident, $meaning:literal, $advice:literal;)*) => {
        /// The verdict in one number; the same numbers and names as the C constants `WXSUB_OK`, `WXSUB_E_*`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(into = "i32", try_from = "i32")]
        #[repr(i32)]
        pub enum Status {
            $(#[doc = $meaning] $variant = $number,)*
        }

        /// The numbers by their names in C.
        pub mod codes {
            $(#[doc = $meaning] pub const $name: i32 = $number;)*
        }

        impl Status {
            /// Every status, in the order of their numbers.
            pub const ALL: &[Status] = &[$(Status::$variant,)*];

            /// The C constant's name, with its closing NUL.
            pub fn c_name(self) -> &'static std::ffi::CStr {
                match self {
                    $(Status::$variant => const {
                        match std::ffi::CStr::from_bytes_with_nul(concat!(stringify!($name), "\0").as_bytes()) {
                            Ok(name) => name,
                            Err(_) => panic!("a name holds a NUL"),
                        }
                    },)*
                }
            }

            /// What it means, in the Markdown of `docs/`.
            pub fn meaning(self) -> &'static str {
                match self {
                    $(Status::$variant => $meaning,)*
                }
            }

            /// What its receiver does about it, also in Markdown; empty: nothing.
            pub fn advice(self) -> &'static str {
                match self {
                    $(Status::$variant => $advice,)*
                }
            }
        }
    };
}

// The one place of the statuses: the header's constants and the tables of docs/statuses.md are made from it. Numbers are
// never used again.
statuses! {
    Ok = 0, WXSUB_OK, "done", "";
    Arg = 1, WXSUB_E_ARG,
        "the call is wrong: NULL, not UTF-8, not JSON, unknown option, struct too small, over a bound; nothing was done",
        "fix the program";
    Config = 2, WXSUB_E_CONFIG,
        "the configuration is wrong; the message names each key, and the nearest known one. Also: the call needs a key that \
         is not set (`event`, `secret`); from `wxsub_check`: the clock is off",
        "fix the configuration, or the clock";
    Message = 3, WXSUB_E_MESSAGE,
        "the message breaks a template rule, or its page or an id is wrong, by our check or WeChat's (40003, 40037, 41030, \
         45168, 47003)",
        "fix the message; don't retry";
    State = 4, WXSUB_E_STATE, "not a client, freed, or closing", "open one";
    Forked = 5, WXSUB_E_FORKED,
        "used in the child of a fork", "call `wxsub_init` after the fork, in the process that sends";
    NoQuota = 20, WXSUB_E_NO_QUOTA,
        "the count is 0: nothing was sent, WeChat was not called", "ask the player again in the game";
    Refused = 21, WXSUB_E_REFUSED,
        "WeChat says that the player does not allow it (43101); the count is 0 now", "ask the player again in the game";
    QueueFull = 22, WXSUB_E_QUEUE_FULL,
        "too much is submitted, or too many results wait to be polled", "poll, and try again next tick";
    Busy = 23, WXSUB_E_BUSY,
        "WeChat or this player is busy, or a limit is reached (-1, 43108, 45009, 45011, …), after our own retries; surely \
         not sent",
        "try again after `retry_after_ms`";
    Auth = 24, WXSUB_E_AUTH,
        "the appid, the secret, the token, the IP list or a permission is wrong (40001, 40013, 40125, 40164, …)",
        "tell an operator; the message says what to fix";
    Banned = 25, WXSUB_E_BANNED,
        "WeChat banned the capability or this template (43107); for a while sends fail at once", "look into the console";
    Wechat = 26, WXSUB_E_WECHAT, "any other errcode of WeChat's", "see `errcode` and the message";
    Signature = 27, WXSUB_E_SIGNATURE,
        "a pushed event is not WeChat's, or its keys are not yours: bad signature, undecryptable, another appid, plaintext \
         where a key is set",
        "answer 403; check `event`";
    Connect = 40, WXSUB_E_CONNECT,
        "failed before the request left: surely not sent", "try again after `retry_after_ms`";
    Unknown = 41, WXSUB_E_UNKNOWN,
        "the request left and no readable answer came: maybe sent; the library does not send it again by itself",
        "send again only if twice is better than never";
    Cancelled = 42, WXSUB_E_CANCELLED, "cancelled, or the client was closed, before the request left", "";
    Expired = 43, WXSUB_E_EXPIRED, "its `expires_at` passed before it could be sent", "";
    NotFound = 44, WXSUB_E_NOT_FOUND, "cancel, lookup: nothing has this key", "";
    TooLate = 45, WXSUB_E_TOO_LATE, "cancel: it is being sent, or was sent", "";
    Skipped = 46, WXSUB_E_SKIPPED,
        "a rule of the configuration kept it from being sent: a cap, quiet hours, a budget, a mute; surely not sent",
        "the message names the rule; with `WXSUB_RETRY_LATER` try again after `retry_after_ms`";
    Store = 60, WXSUB_E_STORE,
        "the store failed: disk full, locked too long, damaged, not ours, from a newer version, not reached",
        "look at `retry`: later, nothing was changed; unsafe, it may be done, since its answer was lost (Redis), and only a \
         key makes another call safe; never, a record of this player or key is damaged";
    Panic = 61, WXSUB_E_PANIC, "a bug of ours, caught; the client still works", "please report it";
    Internal = 62, WXSUB_E_INTERNAL, "anything else of ours", "please report it";
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
    /// Wait at least this many milliseconds before another try; 0 when nothing is known.
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

    /// The same failure before anything has left for WeChat: where the store left its caller in doubt, the same call may be
    /// made later.
    pub fn nothing_sent(self) -> Error {
        match (self.status, self.retry) {
            (Status::Store, Retry::Unsafe) => {
                Error { retry: Retry::Later, message: format!("nothing was sent: {}", self.message), ..self }
            }
            _ => self,
        }
    }

    /// The same failure, with the least time to wait before another try.
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

/// Why a rule kept a message back, or a campaign passed a player over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SkipReason {
    /// The player allows none of this template.
    Count,
    /// The player allows no more than the campaign shall leave.
    Leave,
    /// So many messages within 24 hours.
    PerDay,
    /// So many messages within 7 days.
    PerWeek,
    /// The quiet hours.
    Quiet,
    /// The template's budget of the day is used up.
    Budget,
    /// The player is muted.
    Muted,
    /// WeChat said that the player refuses.
    Refused,
    /// The long-term template is off for the player.
    LongTermOff,
    /// The campaign's time was over.
    Expired,
    /// The ledger does not know the player.
    NotKnown,
}

impl SkipReason {
    /// Every reason, with the word for it.
    pub const ALL: [(SkipReason, &'static str); 11] = [
        (SkipReason::Count, "count"),
        (SkipReason::Leave, "leave"),
        (SkipReason::PerDay, "per_day"),
        (SkipReason::PerWeek, "per_week"),
        (SkipReason::Quiet, "quiet"),
        (SkipReason::Budget, "budget"),
        (SkipReason::Muted, "muted"),
        (SkipReason::Refused, "refused"),
        (SkipReason::LongTermOff, "long_term_off"),
        (SkipReason::Expired, "expired"),
        (SkipReason::NotKnown, "not_known"),
    ];

    /// The word for it.
    pub fn word(self) -> &'static str {
        SkipReason::ALL[self as usize].1
    }
}

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
    /// With [`Retry::Later`]: wait at least this many milliseconds before another try.
    pub retry_after_ms: u32,
    /// [`Verdict::REPLAYED`] and its like, or'ed.
    pub flags: u32,
    /// The template; empty when none.
    pub template_id: String,
    /// The idempotency key; empty when none.
    pub key: String,
    /// What happened and what to do.
    pub message: String,
    /// With [`Status::Skipped`]: which rule.
    #[serde(skip)]
    pub skipped: Option<SkipReason>,
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
            skipped: None,
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
