//! What the server does to keep what it was given, and how it says so.

use std::collections::HashMap;
use std::time::Duration;

use redis::{Cmd, Value, cmd};

use super::link::Link;
use super::trouble::Trouble;
use crate::clock::Deadline;
use crate::error::{Error, Status};

/// How a grant is known to be kept; the weakest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Proof {
    /// Not at all.
    None,
    /// A replica says that it has it (WAIT).
    Replica,
    /// The server says that it is on its disk (WAITAOF, from 7.2).
    Fsync,
    /// The answer itself comes after the fsync (`appendfsync always`).
    Answer,
}

impl Proof {
    /// The command that asks for it, sent behind the step itself.
    pub fn command(self, left: Duration) -> Option<Cmd> {
        // The answer must still have time to come back.
        let ms = left.as_millis().saturating_sub(50).max(1) as u64;
        match self {
            Proof::None | Proof::Answer => None,
            Proof::Replica => Some(cmd("WAIT").arg(1).arg(ms).to_owned()),
            Proof::Fsync => Some(cmd("WAITAOF").arg(1).arg(0).arg(ms).to_owned()),
        }
    }

    /// Whether the answer to that command says yes.
    pub fn is_given(self, answer: &Value) -> bool {
        match (self, answer) {
            (Proof::None | Proof::Answer, _) => true,
            (Proof::Replica, Value::Int(replicas)) => *replicas >= 1,
            (Proof::Fsync, Value::Array(numbers)) => matches!(numbers.first(), Some(Value::Int(1..))),
            _ => false,
        }
    }
}

/// What is known of one server. A user without the right to ask leaves gaps.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    may_ask: bool,
    aof: bool,
    fsync: Option<String>,
    waitaof: bool,
    replicas: u64,
    is_replica: bool,
    may_evict: Option<String>,
}

impl Facts {
    /// Asks the server.
    pub fn ask(link: &Link, address: &(String, u16), deadline: Deadline) -> Result<Facts, Trouble> {
        // All three may be forbidden, and then are not known.
        let info = allowed(link.ask(address, &cmd("INFO"), deadline))?.map(|value| text(&value)).unwrap_or_default();
        let may_ask = !info.is_empty();
        let info: HashMap<&str, &str> = info.lines().filter_map(|line| line.split_once(':')).collect();
        let told = |key: &str| info.get(key).copied().unwrap_or_default();
        let fsync = allowed(link.ask(address, cmd("CONFIG").arg("GET").arg("appendfsync"), deadline))?;
        let command = allowed(link.ask(address, cmd("COMMAND").arg("INFO").arg("WAITAOF"), deadline))?;
        let limit: u64 = told("maxmemory").parse().unwrap_or(0);
        let policy = told("maxmemory_policy");
        Ok(Facts {
            may_ask,
            aof: told("aof_enabled") == "1",
            fsync: fsync.and_then(|value| second(&value)),
            waitaof: matches!(command, Some(Value::Array(list)) if matches!(list.first(), Some(Value::Array(_)))),
            replicas: told("connected_slaves").parse().unwrap_or(0),
            is_replica: told("role") == "slave",
            may_evict: (limit > 0 && !policy.is_empty() && policy != "noeviction").then(|| policy.to_owned()),
        })
    }

    /// How it proves that it keeps what it was given.
    pub fn proof(&self) -> Proof {
        let flushes = self.fsync.as_deref() != Some("no");
        match self {
            Facts { aof: true, fsync: Some(when), .. } if when == "always" => Proof::Answer,
            Facts { aof: true, waitaof: true, .. } if flushes => Proof::Fsync,
            Facts { replicas: 1.., .. } => Proof::Replica,
            _ => Proof::None,
        }
    }

    /// What an operator should change.
    pub fn warnings(&self) -> Vec<String> {
        let mut all = Vec::new();
        if self.is_replica {
            all.push("the server is a replica: name the master".to_owned());
        }
        if !self.may_ask {
            all.push("the user may not ask INFO: whether grants are kept is not known; allow +info".to_owned());
        } else if !self.aof {
            all.push("the server runs without AOF, its restart loses grants: set appendonly yes".to_owned());
        } else if self.fsync.as_deref() == Some("no") {
            all.push("appendfsync is no, a power cut loses grants: set it to everysec or always".to_owned());
        }
        if let Some(policy) = &self.may_evict {
            all.push(format!("maxmemory-policy is {policy}, it may drop the ledger: set it to noeviction"));
        }
        all
    }
}

/// That nothing proves it, with what to do.
pub fn unproven(place: &str) -> Error {
    Error::new(
        Status::Store,
        format!(
            "store {place}: nothing confirms that a grant is kept (\"durability\": \"full\"). Set appendonly yes and appendfsync always (from 7.2 everysec will do), add a replica, or say \"normal\""
        ),
    )
}

fn allowed(answer: Result<Value, Trouble>) -> Result<Option<Value>, Trouble> {
    match answer {
        Ok(value) => Ok(Some(value)),
        Err(Trouble::Refused { .. }) => Ok(None),
        Err(trouble) => Err(trouble),
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::BulkString(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        Value::SimpleString(text) => text.clone(),
        Value::VerbatimString { text, .. } => text.clone(),
        _ => String::new(),
    }
}

fn second(pair: &Value) -> Option<String> {
    match pair {
        Value::Array(pair) => pair.get(1).map(text),
        _ => None,
    }
}
