//! What can go wrong between us and a server, in words, and what to do about it.

use redis::{ErrorKind, RedisError, ServerError, ServerErrorKind};

use crate::error::{Error, Status};

/// Why a step was not done, or maybe was.
#[derive(Clone, Debug)]
pub enum Trouble {
    /// No connection was made: nothing was done.
    Unreached(String),
    /// The connection broke, or no answer came in time: it was done or not.
    Lost(String),
    /// The server refused: nothing was done.
    Refused {
        /// Its code, such as "LOADING".
        code: String,
        /// The rest of what it said.
        text: String,
    },
    /// It was done, but the server did not confirm in time that it is on disk, or at a replica.
    Unconfirmed,
    /// There was no time left to begin.
    TooLate,
    /// This, after a try that was done or not.
    InDoubt(Box<Trouble>),
}

impl Trouble {
    /// Of a connection that was not made.
    pub fn connecting(e: &RedisError) -> Trouble {
        match e.kind() {
            ErrorKind::AuthenticationFailed => Trouble::refused("WRONGPASS", e.detail().unwrap_or_default()),
            ErrorKind::Server(kind) => Trouble::refused(code_of(kind), e.detail().unwrap_or_default()),
            ErrorKind::Extension => Trouble::refused(e.code().unwrap_or("ERR"), e.detail().unwrap_or_default()),
            _ if e.is_timeout() => Trouble::Unreached("no answer came in time".to_owned()),
            _ => Trouble::Unreached(e.to_string()),
        }
    }

    /// Of a request that may have left.
    pub fn talking(e: &RedisError) -> Trouble {
        let text = if e.is_timeout() { "no answer came in time".to_owned() } else { e.to_string() };
        Trouble::Lost(text)
    }

    /// Of an answer that is an error.
    pub fn answered(e: &ServerError) -> Trouble {
        let text = e.details().unwrap_or_default();
        // Before version 7 what a script's command was refused with is in the middle of the text.
        let inner =
            ["READONLY", "OOM", "MISCONF", "NOREPLICAS", "LOADING"].into_iter().find(|code| text.contains(code));
        match (e.code(), inner) {
            ("ERR", Some(code)) => Trouble::refused(code, text),
            (code, _) => Trouble::refused(code, text),
        }
    }

    fn refused(code: &str, text: &str) -> Trouble {
        Trouble::Refused { code: code.to_owned(), text: text.to_owned() }
    }

    /// The code of a server's refusal.
    pub fn code(&self) -> &str {
        match self {
            Trouble::Refused { code, .. } => code,
            _ => "",
        }
    }

    /// Whether it passes by itself, so that the same step should be tried again.
    pub fn passes(&self) -> bool {
        match self {
            Trouble::Unreached(_) | Trouble::Lost(_) => true,
            Trouble::Refused { code, .. } => matches!(
                code.as_str(),
                "LOADING"
                    | "TRYAGAIN"
                    | "CLUSTERDOWN"
                    | "MASTERDOWN"
                    | "READONLY"
                    | "BUSY"
                    | "MOVED"
                    | "ASK"
                    | "UNBLOCKED"
            ),
            Trouble::Unconfirmed | Trouble::TooLate | Trouble::InDoubt(_) => false,
        }
    }

    /// Whether the step was done, or may have been.
    pub fn is_maybe_done(&self) -> bool {
        matches!(self, Trouble::Lost(_) | Trouble::Unconfirmed | Trouble::InDoubt(_))
    }

    /// Whether another node may be the right one by now.
    pub fn moves(&self) -> bool {
        match self {
            Trouble::Unreached(_) | Trouble::Lost(_) => true,
            Trouble::Refused { code, .. } => {
                matches!(code.as_str(), "CLUSTERDOWN" | "MASTERDOWN" | "READONLY" | "MOVED")
            }
            Trouble::Unconfirmed | Trouble::TooLate | Trouble::InDoubt(_) => false,
        }
    }

    /// As `WXSUB_E_STORE`, with advice; `place` is the store's URL without its password.
    pub fn describe(&self, place: &str) -> Error {
        let (what, ms) = self.in_words();
        Error::new(Status::Store, format!("store {place}: {what}")).after_ms(ms)
    }

    fn in_words(&self) -> (String, u32) {
        match self {
            Trouble::InDoubt(last) => match &**last {
                Trouble::Unreached(why) => {
                    (format!("it was not reached: {why}. Is it running? A try before: done or not, try again"), 1000)
                }
                Trouble::TooLate => ("no answer came in time: done or not, try again".to_owned(), 1000),
                other => {
                    let (what, ms) = other.in_words();
                    (format!("{what}; a try before: done or not, try again"), ms)
                }
            },
            Trouble::Unreached(why) if why.contains("certificate") => {
                (format!("it was not reached, nothing was done: {why}; is \"ca_file\" the right one?"), 10_000)
            }
            Trouble::Unreached(why) => (format!("it was not reached, nothing was done: {why}. Is it running?"), 1000),
            Trouble::Lost(why) => (format!("{why}: done or not, try again"), 1000),
            Trouble::Unconfirmed => ("done, but not confirmed to be on disk in time: try again".to_owned(), 1000),
            Trouble::TooLate => ("there was no time left; nothing was done. Try again".to_owned(), 100),
            Trouble::Refused { code, text } => {
                let (advice, ms) = advice(code);
                (format!("{advice} (it said: {code} {})", text.chars().take(90).collect::<String>()), ms)
            }
        }
    }
}

fn advice(code: &str) -> (&'static str, u32) {
    match code {
        "WRONGPASS" | "NOAUTH" => ("wrong user or password: correct them in \"store\"", 10_000),
        "NOPERM" => ("this user may not do that: allow EVALSHA, EVAL and the keys of store_prefix", 10_000),
        "OOM" => ("its memory is full: raise maxmemory or make room", 1000),
        "MISCONF" => ("it cannot save to its disk: see its log", 1000),
        "READONLY" => ("it is a replica: name the master in \"store\"", 1000),
        "LOADING" => ("it is loading its data: try again", 500),
        "NOREPLICAS" => ("too few replicas are connected (min-replicas-to-write)", 1000),
        "MOVED" | "ASK" => {
            ("the cluster is being changed: try again; for one named as redis:// write redis-cluster://", 500)
        }
        "CLUSTERDOWN" | "MASTERDOWN" | "TRYAGAIN" => ("the cluster is being changed: try again", 500),
        "BUSY" => ("another script has kept it busy: try again", 500),
        _ => ("it refused", 1000),
    }
}

fn code_of(kind: ServerErrorKind) -> &'static str {
    match kind {
        ServerErrorKind::BusyLoading => "LOADING",
        ServerErrorKind::NoPerm => "NOPERM",
        ServerErrorKind::MasterDown => "MASTERDOWN",
        ServerErrorKind::ClusterDown => "CLUSTERDOWN",
        _ => "ERR",
    }
}
