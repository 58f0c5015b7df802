//! What a campaign is put with.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::super::{Call, wrong};
use crate::error::{Error, Status};
use crate::ledger::campaign::Definition;
use crate::wechat::{Message, is_system};

/// Bytes of a message at most.
const MOST_MESSAGE: usize = 32 * 1024;
/// A Unix time below this is one in seconds.
const LEAST_MS: i64 = 1_000_000_000_000;
/// Messages a second at most.
const MOST_PER_SECOND: f64 = 1_000_000.0;

/// The fields of "campaign.put".
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct PutFields {
    pub id: String,
    pub message: Value,
    pub audience: Audience,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_at_ms: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at_ms: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub per_second: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub leave: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rules: Option<bool>,
    #[serde(skip_serializing)]
    pub dry_run: Option<bool>,
}

/// Who gets it.
#[derive(Clone, Copy, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Audience {
    /// All whose count allows it.
    Allowed,
    /// Those of a list.
    List,
}

impl PutFields {
    /// Checks the fields and the message, as far as that needs no network.
    ///
    /// # Errors
    /// [`Status::Arg`], and [`Status::Message`] with the faults of the message.
    pub fn define(self, call: &Call<'_>) -> Result<(String, Definition), Error> {
        let id = checked_id(self.id.clone())?;
        let now_ms = call.parts.core.engine.wall_ms();
        let message = self.message.to_string();
        if message.len() > MOST_MESSAGE {
            return Err(wrong(format!("message is {} bytes long; at most {MOST_MESSAGE} are allowed", message.len())));
        }
        let (start_ms, expires_ms) = self.times(now_ms)?;
        let per_1000_s = match self.per_second {
            None => None,
            Some(n) if n.is_finite() && (0.001..=MOST_PER_SECOND).contains(&n) => Some((n * 1000.0).round() as u64),
            Some(n) => return Err(wrong(format!("per_second is {n}; it goes from 0.001 to {MOST_PER_SECOND}"))),
        };
        let template_id = self.check_message(call)?;
        let given = sorted(serde_json::to_value(&self).unwrap_or_default()).to_string();
        let definition = Definition {
            given,
            template_id,
            is_list: self.audience == Audience::List,
            start_ms,
            expires_ms,
            per_1000_s,
            leave: self.leave.unwrap_or(0),
            rules: self.rules.unwrap_or(true),
        };
        Ok((id, definition))
    }

    fn times(&self, now_ms: i64) -> Result<(Option<i64>, Option<i64>), Error> {
        for (name, ms) in [("start_at_ms", self.start_at_ms), ("expires_at_ms", self.expires_at_ms)] {
            if let Some(ms) = ms.filter(|ms| !(LEAST_MS..100 * LEAST_MS).contains(ms)) {
                return Err(wrong(format!("{name} is {ms}; it must be a Unix time in milliseconds")));
            }
        }
        let start_ms = self.start_at_ms.unwrap_or(now_ms);
        if let Some(expires_ms) = self.expires_at_ms.filter(|expires_ms| *expires_ms <= start_ms) {
            return Err(wrong(format!("expires_at_ms {expires_ms} is not after its start, {start_ms}")));
        }
        Ok((self.start_at_ms, self.expires_at_ms))
    }

    /// Its template; with the values checked where the store knows it, and where they are not each player's own.
    fn check_message(&self, call: &Call<'_>) -> Result<String, Error> {
        let message = Message::to_many(self.message.clone())?;
        let template_id = message.template_id.clone();
        let is_whole = self.audience == Audience::Allowed || message.has_data();
        if is_whole && !call.parts.templates.would_ask(&template_id, call.deadline) {
            call.parts.sender.prepare(message, call.deadline)?;
        } else if is_whole {
            message.clone().normalise()?;
        }
        if is_system(&template_id) {
            let why = format!("{template_id} is a system type: the platform sends it by itself, a server cannot");
            return Err(Error::new(Status::Arg, why));
        }
        Ok(template_id)
    }
}

/// An id of a campaign.
///
/// # Errors
/// [`Status::Arg`] for what is none.
pub fn checked_id(id: String) -> Result<String, Error> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    if (1..=64).contains(&id.len()) && id.bytes().all(plain) {
        return Ok(id);
    }
    let shown: String = id.escape_debug().take(80).collect();
    Err(wrong(format!("id \"{shown}\" must be 1 to 64 characters of A-Z, a-z, 0-9, '.', '_' and '-'")))
}

/// With the members of all objects in one order, so that the same request is the same text.
fn sorted(value: Value) -> Value {
    match value {
        Value::Object(object) => {
            let mut members: Vec<(String, Value)> =
                object.into_iter().map(|(name, value)| (name, sorted(value))).collect();
            members.sort_by(|one, other| one.0.cmp(&other.0));
            Value::Object(members.into_iter().collect::<Map<_, _>>())
        }
        Value::Array(list) => Value::Array(list.into_iter().map(sorted).collect()),
        other => other,
    }
}
