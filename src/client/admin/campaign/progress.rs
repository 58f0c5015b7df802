//! How a campaign stands, as it is told.

use serde::Serialize;
use serde_json::{Map, Value};

use crate::error::{SkipReason, Status};
use crate::ledger::campaign::{Campaign, State};

/// The reply of most requests about one campaign.
#[derive(Serialize)]
pub struct Progress {
    id: String,
    state: &'static str,
    why: Option<String>,
    template_id: String,
    audience: &'static str,
    /// Of a list.
    listed: Option<u64>,
    seen: u64,
    sent: u64,
    skipped: Map<String, Value>,
    failed: Map<String, Value>,
    unknown: u64,
    per_second: Option<f64>,
    begun_at_ms: Option<i64>,
    ends_at_ms: Option<i64>,
}

impl Progress {
    /// That of a campaign.
    pub fn of(campaign: &Campaign) -> Progress {
        let Campaign { id, definition, run } = campaign;
        let mut tally = campaign.tally();
        let expired = run.state == State::Done && run.ended_ms.zip(run.expires_ms).is_some_and(|(end, at)| end >= at);
        if expired && definition.is_list {
            let left = run.listed.saturating_sub(tally.seen);
            if left > 0 {
                *tally.skipped.entry(SkipReason::Expired).or_default() += left;
                tally.seen += left;
            }
        }
        let why = match &run.state {
            State::Paused { why, .. } => Some(why.clone()),
            State::Done if expired => Some("expired: its time was over before every player had his turn".to_owned()),
            _ => None,
        };
        let skipped = tally.skipped.iter().map(|(reason, n)| (reason.word().to_owned(), Value::from(*n)));
        let name =
            |code: i32| Status::from_code(code).unwrap_or(Status::Internal).c_name().to_string_lossy().into_owned();
        Progress {
            id: id.clone(),
            state: run.state.word(),
            why,
            template_id: definition.template_id.clone(),
            audience: if definition.is_list { "list" } else { "allowed" },
            listed: definition.is_list.then_some(run.listed),
            seen: tally.seen,
            sent: tally.sent,
            skipped: skipped.collect(),
            failed: tally.failed.iter().map(|(code, n)| (name(*code), Value::from(*n))).collect(),
            unknown: tally.unknown,
            per_second: definition.per_1000_s.map(|rate| rate as f64 / 1000.0),
            begun_at_ms: run.begun_ms,
            ends_at_ms: run.ended_ms.or(run.expires_ms).or(definition.expires_ms),
        }
    }
}
