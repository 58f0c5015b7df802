//! What the server does to keep what it was given, and how it says so.

use std::time::Duration;

use super::resp::{self, Value};

/// What an answer needs to come back, at least.
const SPARE: Duration = Duration::from_millis(50);

/// How a grant is known to be kept. Each is asked for behind what it proves, so that no change of the server's goes
/// unnoticed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// The answer itself comes after the fsync (`appendfsync always`), and the server still works like that.
    Always,
    /// The server says that it is on its disk (WAITAOF, from 7.2).
    Fsync,
    /// A replica says that it has it (WAIT).
    Replica,
}

impl Proof {
    /// The best one first.
    pub const ALL: [Proof; 3] = [Proof::Always, Proof::Fsync, Proof::Replica];

    /// The command that asks for it.
    pub fn pack(self, left: Duration, into: &mut Vec<u8>) {
        // The answer must still have time to come back.
        let ms = (left - left.mul_f64(0.1).max(SPARE).min(left)).as_millis().max(1).to_string();
        match self {
            Proof::Always => resp::pack(&["CONFIG", "GET", "append*"], into),
            Proof::Fsync => resp::pack(&["WAITAOF", "1", "0", &ms], into),
            Proof::Replica => resp::pack(&["WAIT", "1", &ms], into),
        }
    }

    /// Whether the answer says yes.
    pub fn is_given(self, answer: &Value) -> bool {
        match self {
            Proof::Always => {
                setting(answer, "appendonly") == Some("yes") && setting(answer, "appendfsync") == Some("always")
            }
            Proof::Fsync => answer.list().first().and_then(Value::number) >= Some(1),
            Proof::Replica => answer.number() >= Some(1),
        }
    }

    /// Why it is not to be had, from the answer that did not say yes.
    pub fn lacks(self, answer: Option<&Value>) -> String {
        let command = ["CONFIG", "WAITAOF", "WAIT"][self as usize];
        match (self, answer) {
            (_, Some(Value::Error(said))) if said.contains("unknown command") => format!("no {command}"),
            (Proof::Fsync, Some(Value::Error(said))) if said.contains("appendonly") => "appendonly no".to_owned(),
            (_, Some(Value::Error(_))) => format!("{command} refused"),
            (Proof::Always, Some(answer)) => match setting(answer, "appendonly") {
                Some("yes") => format!("appendfsync {}", setting(answer, "appendfsync").unwrap_or("unknown")),
                _ => "appendonly no".to_owned(),
            },
            (Proof::Replica, Some(_)) => "no replica".to_owned(),
            _ => format!("{command} unanswered"),
        }
    }
}

/// The value of a setting in an answer to CONFIG GET.
pub fn setting<'a>(answer: &'a Value, name: &str) -> Option<&'a str> {
    answer.list().chunks(2).find(|pair| pair[0].text() == Some(name)).and_then(|pair| pair.get(1)?.text())
}

/// What an operator should change, from the answers to [`QUESTIONS`].
pub fn warnings(answers: &[Value]) -> Vec<String> {
    let [info, append, memory] = answers else { return Vec::new() };
    let info = info.text();
    let told = |name: &str| info?.lines().filter_map(|line| line.split_once(':')).find(|(key, _)| *key == name);
    let told = |name: &str| told(name).map(|(_, value)| value.trim());
    let mut all = Vec::new();
    if told("role") == Some("slave") {
        all.push("the server is a replica: name the master".to_owned());
    }
    let aof = setting(append, "appendonly").or(told("aof_enabled").map(|on| if on == "1" { "yes" } else { "no" }));
    match aof {
        None => all.push(
            "the server refuses INFO and CONFIG GET: whether it keeps grants is not known; allow +info".to_owned(),
        ),
        Some("no") => all.push("the server runs without AOF, its restart loses grants: set appendonly yes".to_owned()),
        Some(_) if setting(append, "appendfsync") == Some("no") => {
            all.push("appendfsync is no, a power cut loses grants: set it to everysec or always".to_owned());
        }
        Some(_) => {}
    }
    let limit = setting(memory, "maxmemory").or(told("maxmemory")).is_some_and(|bytes| bytes != "0");
    match setting(memory, "maxmemory-policy").or(told("maxmemory_policy")) {
        Some(policy) if limit && policy != "noeviction" => {
            all.push(format!("maxmemory-policy is {policy}, it may drop the ledger: set it to noeviction"));
        }
        _ => {}
    }
    all
}

/// What is asked to know that; each may be refused.
pub const QUESTIONS: [&[&str]; 3] = [&["INFO"], &["CONFIG", "GET", "append*"], &["CONFIG", "GET", "maxmemory*"]];
