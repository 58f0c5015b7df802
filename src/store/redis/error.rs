//! What can go wrong between us and a server, in words, and what to do about it.

use std::borrow::Cow;

use crate::error::{Error, Retry, Status};

/// Why a request was not carried out, or maybe was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// No connection was made, or it broke before the request was sent: nothing was done.
    Unreached(String),
    /// The connection broke, or no answer came in time: it is not known whether it was carried out.
    Lost(String),
    /// The server refused: nothing was done.
    Refused {
        /// Its code, such as "LOADING".
        code: String,
        /// The rest of what it said.
        text: String,
    },
    /// The server refused a command of the script behind others that it had carried out.
    Partly {
        /// Its code.
        code: String,
        /// The rest of what it said.
        text: String,
    },
    /// There was no time left to begin.
    TooLate,
    /// Nothing proves that what is written is kept; what was tried.
    Unproven(String),
    /// The configuration is wrong.
    Config(String),
}

/// What to do where nothing proves that a grant is kept; a command that is refused hides what may be set already.
fn proof_needed(tried: &str) -> String {
    const SET: &str =
        "appendonly yes and appendfsync always (7.2: everysec), add a replica, or say \"durability\": \"normal\"";
    let commands = [
        ("CONFIG refused", "CONFIG GET"),
        ("no CONFIG", "CONFIG GET"),
        ("WAITAOF refused", "WAITAOF"),
        ("WAIT refused", "WAIT"),
    ];
    let refused: Vec<&str> = commands.iter().filter(|(told, _)| tried.contains(told)).map(|(_, c)| *c).collect();
    if refused.is_empty() { format!("Set {SET}") } else { format!("Allow {}; or set {SET}", refused.join(" and ")) }
}

/// Codes that before version 7 stand in the middle of what a script was refused with.
const INNER: [&str; 7] = ["READONLY", "OOM", "MISCONF", "NOREPLICAS", "LOADING", "MASTERDOWN", "NOPERM"];

/// How the script's error begins where commands before it were carried out; it ends with " at " and the command.
const PARTLY: &str = "PARTLY ";

/// The command of the script that was refused, or several.
pub fn refused_command(text: &str) -> Option<&str> {
    let (_, command) = text.trim_end().rsplit_once(" at ")?;
    let is_named = !command.is_empty() && command.bytes().all(|b| b.is_ascii_uppercase() || b", ".contains(&b));
    is_named.then_some(command)
}

impl Failure {
    /// Of an answer that is an error.
    pub fn answered(said: &str) -> Failure {
        let (partly, said) = said.strip_prefix(PARTLY).map_or((false, said), |said| (true, said));
        let (code, text) = said.split_once(' ').unwrap_or((said, ""));
        // Before version 7 what a script gets begins with its place.
        let code = if code.starts_with('@') { "ERR" } else { code };
        let denied = text.contains("can't run this command") || text.contains("no permissions");
        let code = match code {
            "ERR" if denied => "NOPERM",
            "ERR" => INNER.into_iter().find(|inner| text.contains(inner)).unwrap_or(code),
            code => code,
        };
        let (code, text) = (code.to_owned(), text.to_owned());
        if partly { Failure::Partly { code, text } } else { Failure::Refused { code, text } }
    }

    /// The same of a request that changes nothing.
    pub fn undone(self) -> Failure {
        match self {
            Failure::Lost(why) => Failure::Unreached(why),
            other => other,
        }
    }

    /// The code of a server's refusal.
    pub fn code(&self) -> &str {
        match self {
            Failure::Refused { code, .. } | Failure::Partly { code, .. } => code,
            _ => "",
        }
    }

    /// The rest of what a server refused with.
    pub fn text(&self) -> &str {
        match self {
            Failure::Refused { text, .. } | Failure::Partly { text, .. } => text,
            _ => "",
        }
    }

    /// Whether nothing was done and the same may work in a moment.
    pub fn passes(&self) -> bool {
        match self {
            Failure::Unreached(_) => true,
            Failure::Refused { code, .. } => {
                const PASSING: [&str; 9] = [
                    "LOADING",
                    "TRYAGAIN",
                    "CLUSTERDOWN",
                    "MASTERDOWN",
                    "READONLY",
                    "BUSY",
                    "MOVED",
                    "ASK",
                    "UNBLOCKED",
                ];
                PASSING.contains(&code.as_str())
            }
            _ => false,
        }
    }

    /// Whether another node may be the right one by now.
    pub fn moves(&self) -> bool {
        match self {
            Failure::Unreached(_) | Failure::Lost(_) => true,
            _ => matches!(self.code(), "CLUSTERDOWN" | "MASTERDOWN" | "READONLY" | "MOVED"),
        }
    }

    /// As `WXSUB_E_STORE`, with advice; nothing was changed, or only what may be repeated. `location` is the store's URL
    /// without its password.
    pub fn describe(&self, location: &str) -> Error {
        if let Failure::Lost(_) | Failure::Partly { .. } = self {
            return self.in_doubt(location);
        }
        let (what, ms) = self.in_words();
        match self {
            Failure::Config(_) => Error::new(Status::Config, what),
            _ => Error::new(Status::Store, format!("store {location}: {what}")).after_ms(ms),
        }
    }

    /// The same, when a step, or one before it, may have been carried out.
    pub fn in_doubt(&self, location: &str) -> Error {
        let why = match self {
            Failure::Unreached(why) => format!("it was not reached: {why}. Is it running? Of an earlier try"),
            Failure::Lost(why) => format!("{why}:"),
            Failure::TooLate => "no answer came in time:".to_owned(),
            Failure::Unproven(tried) => {
                return doubtful(location, &format!("done, but not confirmed to be on disk: {tried}"));
            }
            // The server's own words would push out what must be said here.
            Failure::Refused { code, text } => format!("{} (it said: {code}); of an earlier try", advice(code, text).0),
            Failure::Partly { code, text } => {
                return doubtful(location, &format!("{} (it said: {code}); it was done in part", advice(code, text).0));
            }
            Failure::Config(what) => format!("{what}; of an earlier try"),
        };
        doubtful(location, &format!("{why} it is not known whether it was done"))
    }

    fn in_words(&self) -> (String, u32) {
        match self {
            Failure::Unreached(why) => {
                // Where it is known what to correct, there is nothing to ask.
                let known = why.contains("\"store\"") || why.contains("ca_file");
                let ask = if known { "" } else { ". Is it running?" };
                (format!("it was not reached, nothing was done: {why}{ask}"), if known { 10_000 } else { 1000 })
            }
            Failure::Lost(why) => (why.clone(), 1000),
            Failure::Partly { code, text } => (format!("{} (it said: {code})", advice(code, text).0), 10_000),
            Failure::TooLate => ("no answer came in time; nothing was done. Try again".to_owned(), 100),
            Failure::Unproven(tried) => (
                // What to do comes first: a result has hardly room for all.
                format!("nothing confirms that a grant is kept. {}. It has {tried}", proof_needed(tried)),
                10_000,
            ),
            Failure::Config(what) => (what.clone(), 0),
            Failure::Refused { code, text } => {
                let (advice, ms) = advice(code, text);
                (format!("{advice} (it said: {code} {})", text.chars().take(90).collect::<String>()), ms)
            }
        }
    }
}

fn doubtful(location: &str, what: &str) -> Error {
    let text = format!("store {location}: {what}. With an idempotency key another call is safe");
    Error { retry: Retry::Unsafe, ..Error::new(Status::Store, text).after_ms(1000) }
}

fn advice(code: &str, text: &str) -> (Cow<'static, str>, u32) {
    let needed = refused_command(text);
    let lower = text.to_ascii_lowercase();
    match (code, needed) {
        ("NOPERM", Some(command)) => (format!("this user may not do that: allow {command}").into(), 10_000),
        ("ERR", Some(command)) if lower.contains("unknown") && lower.contains("command") => {
            (format!("it lacks {command}, which is needed (was it renamed?)").into(), 10_000)
        }
        _ => {
            let (advice, ms) = general_advice(code, text);
            (advice.into(), ms)
        }
    }
}

fn general_advice(code: &str, text: &str) -> (&'static str, u32) {
    let text = text.to_ascii_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| text.contains(word));
    match code {
        "ERR" if says(&["without any password", "no password is set"]) => {
            ("it has no password: take the one out of \"store\"", 10_000)
        }
        "WRONGPASS" => ("wrong user or password: correct them in \"store\"", 10_000),
        "NOAUTH" => ("no password, or wrong user or password: correct them in \"store\"", 10_000),
        "NOPERM" => ("this user may not do that: allow EVALSHA, EVAL, TIME and the keys of store_prefix", 10_000),
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
        "CROSSSLOT" => {
            ("it keeps one account's keys apart: a proxy before a cluster must keep hash tags together", 10_000)
        }
        "ERR" if says(&["cluster support disabled"]) => ("it is no cluster: write redis:// in \"store\"", 10_000),
        "ERR" if says(&["max number of clients"]) => ("it has too many clients: raise maxclients", 1000),
        "ERR" if says(&["undeclared", "bad lua", "lua script", "script is not allowed", "keys passed"]) => (
            "its Lua is restricted: switch scripts on in its console (also known as \"Lua\", \"EVAL\", or script_check_enable)",
            10_000,
        ),
        "ERR" if says(&["unknown command", "not support", "disabled", "not allowed", "forbidden"]) => {
            ("it lacks a command that is needed: switch Lua (EVALSHA, EVAL) and TIME on in its console", 10_000)
        }
        "ERR" if says(&["db index", "select is not allowed"]) => {
            ("it has no such database: correct the number in \"store\"", 10_000)
        }
        _ => ("it refused", 1000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proof_that_was_refused_tells_what_to_allow() {
        for (tried, allow) in [
            ("CONFIG refused, no WAITAOF, no replica", "Allow CONFIG GET; or set appendonly yes"),
            ("no CONFIG, no WAITAOF, WAIT refused", "Allow CONFIG GET and WAIT; or set appendonly yes"),
            ("appendonly no, no WAITAOF, no replica", "kept. Set appendonly yes"),
        ] {
            let cloud = "redis://r-bp1zxszhcgatnx0000.redis.rds.aliyuncs.com:6379/0";
            let told = Failure::Unproven(tried.to_owned()).describe(cloud).message;
            assert!(told.contains(allow) && told.ends_with(&format!("\"normal\". It has {tried}")), "{told}");
            assert!(told.find("\"normal\"").unwrap() < 240, "a result would cut it: {told}");
        }
    }
}
