//! Why a command failed, how it is told, and the exit code: the status' number.

use std::io::{self, Write};

use serde_json::{Map, Value, json};
use wxsub::{Error, QuotaChange, Retry, Status, Verdict};

use crate::escape::plain;
use crate::output;
use crate::text::{self, Text};

/// A command that did not do what it was asked for.
#[derive(Debug)]
pub enum Failure {
    /// The library's word, or ours in its shape.
    Verdict(Box<Verdict>),
    /// The answer could not be written.
    Output(io::Error),
}

impl Failure {
    /// One of this program, in words.
    pub fn new(status: Status, message: impl Into<String>) -> Failure {
        Error::new(status, message).into()
    }

    /// Something is wrong with the command line.
    pub fn usage(message: impl AsRef<str>) -> Failure {
        Failure::new(Status::Config, text::USAGE.with(&[&message.as_ref()]))
    }

    /// Something is wrong with a file that the command line names.
    pub fn file(path: impl std::fmt::Display, why: impl std::fmt::Display) -> Failure {
        Failure::new(Status::Arg, format!("{path}: {why}"))
    }

    /// The same, with a system's error, whose words then are short.
    pub fn io(path: impl std::fmt::Display, why: &io::Error) -> Failure {
        Failure::file(path, short(why))
    }

    /// A sentence of this program.
    pub fn text(status: Status, text: Text, values: &[&dyn std::fmt::Display]) -> Failure {
        Failure::new(status, text.with(values))
    }

    /// Says it, on stdout as JSON or on stderr in one line; the exit code.
    pub fn tell(self, as_json: bool) -> u8 {
        match self {
            Failure::Verdict(verdict) if as_json => match output::print(&object(&verdict).to_string()) {
                Ok(()) => code(&verdict),
                Err(failure) => failure.tell(false),
            },
            Failure::Verdict(verdict) => {
                say(&format!("{}{}", worded(&verdict), again(&verdict)));
                code(&verdict)
            }
            // Whoever read us went away, such as `head`: no news to anybody.
            Failure::Output(why) if why.kind() == io::ErrorKind::BrokenPipe => 141,
            Failure::Output(why) => {
                say(&text::NOT_WRITTEN.with(&[&short(&why)]));
                exit_code(Status::Internal)
            }
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        Failure::Verdict(Box::new(Verdict::from(error)))
    }
}

/// A line on stderr; that nobody reads it is no reason to stop.
pub fn say(line: &str) {
    let _ = writeln!(io::stderr(), "wxsub: {line}");
}

/// A verdict that is no success, as a failure; else as it is.
pub fn succeeded(verdict: Verdict) -> Result<Verdict, Failure> {
    if verdict.status == Status::Ok { Ok(verdict) } else { Err(Failure::Verdict(Box::new(verdict))) }
}

/// The constant's name and what happened.
pub fn worded(verdict: &Verdict) -> String {
    format!("{}: {}", name(verdict.status), plain(&verdict.message))
}

/// The constant's name.
pub fn name(status: Status) -> &'static str {
    status.c_name().to_str().unwrap_or("WXSUB_E_?")
}

fn again(verdict: &Verdict) -> String {
    match verdict.retry_after_ms {
        0 => String::new(),
        ms => text::AGAIN_IN.with(&[&(f64::from(ms) / 1000.0)]),
    }
}

fn code(verdict: &Verdict) -> u8 {
    exit_code(verdict.status)
}

/// The number of a status as an exit code.
pub fn exit_code(status: Status) -> u8 {
    // Shells keep those above 125 for themselves.
    u8::try_from(status.code()).ok().filter(|code| *code < 126).unwrap_or(62)
}

/// The system's words without its number.
fn short(why: &io::Error) -> String {
    let text = why.to_string();
    text.split(" (os error").next().unwrap_or_default().to_owned()
}

/// A verdict as one JSON object.
pub fn object(verdict: &Verdict) -> Value {
    let flag = |flag: u32| verdict.flags & flag != 0;
    let known = |number: i64, none: i64| if number == none { Value::Null } else { number.into() };
    let word = |text: &str| if text.is_empty() { Value::Null } else { text.into() };
    let object: Map<String, Value> = [
        ("status", json!(name(verdict.status))),
        ("code", json!(verdict.status.code())),
        ("message", json!(verdict.message)),
        ("errcode", json!(verdict.errcode)),
        ("http_status", json!(verdict.http_status)),
        ("retry", json!(retry(verdict.retry))),
        ("retry_after_ms", json!(verdict.retry_after_ms)),
        ("quota", json!(quota(verdict.quota))),
        ("remaining", known(verdict.remaining, -1)),
        ("msgid", known(verdict.msgid, 0)),
        ("attempts", json!(verdict.attempts)),
        ("elapsed_ms", json!(verdict.elapsed_ms)),
        ("replayed", json!(flag(Verdict::REPLAYED))),
        ("stored", json!(flag(Verdict::STORED))),
        ("template_id", word(&verdict.template_id)),
        ("key", word(&verdict.key)),
    ]
    .map(|(key, value)| (key.to_owned(), value))
    .into_iter()
    .collect();
    Value::Object(object)
}

fn retry(retry: Retry) -> &'static str {
    match retry {
        Retry::Never => "never",
        Retry::Later => "later",
        Retry::Unsafe => "unsafe",
    }
}

fn quota(change: QuotaChange) -> &'static str {
    match change {
        QuotaChange::Untouched => "untouched",
        QuotaChange::Spent => "spent",
        QuotaChange::Returned => "returned",
        QuotaChange::Cleared => "cleared",
        QuotaChange::Granted => "granted",
    }
}
