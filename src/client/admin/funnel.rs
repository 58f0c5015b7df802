//! The numbers of days.

use serde::{Deserialize, Serialize};

use super::paging::{Position, Rows};
use super::{Call, days, wrong};
use crate::error::Error;
use crate::ledger::{self, Column};

/// Days that one request may be about.
const MOST_DAYS: i64 = 3660;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Funnel {
    from: String,
    to: String,
    template_id: Option<String>,
    after: Option<String>,
    limit: Option<u64>,
}

#[derive(Serialize)]
struct Row {
    day: String,
    template_id: String,
    accepted: i64,
    rejected: i64,
    filtered: i64,
    sent: i64,
    refused: i64,
    no_quota: i64,
    bad_message: i64,
    unknown: i64,
    expired: i64,
    skipped: i64,
    other: i64,
    opened: i64,
    campaign: i64,
}

/// "funnel": what was accepted, sent and opened, by day and template.
pub fn funnel(call: &Call<'_>) -> Result<String, Error> {
    let Funnel { from, to, template_id, after, limit } = call.fields()?;
    let day = |name: &str, text: &str| {
        days::parse(text).ok_or_else(|| {
            let shown: String = text.chars().take(20).collect();
            wrong(format!("funnel: {name} is {shown:?}; it must be a day like \"2026-11-29\""))
        })
    };
    let (from, to) = (day("from", &from)?, day("to", &to)?);
    if to < from || to - from > MOST_DAYS {
        return Err(wrong(format!(
            "funnel: from {} to {} is no span of 1 to {MOST_DAYS} days",
            days::name(from),
            days::name(to)
        )));
    }
    let mut rows = Rows::new("funnel", call.limit(limit)?, call.room);
    let after = call.position(after.as_deref())?.place.and_then(|place| read_place(&place));
    let counters = call.parts.core.engine.counters(from..=to, call.deadline)?;
    let funnel = ledger::funnel(counters, |template| call.spell(template))?;
    let wanted = funnel.into_iter().filter(|(place, _)| {
        template_id.as_ref().is_none_or(|wanted| *wanted == place.1) && after.as_ref().is_none_or(|after| place > after)
    });
    let mut last = None;
    for ((day, template_id), row) in wanted {
        if !rows.push(&told(day, template_id.clone(), &row))? {
            let next = call.cursor(&Position { place: last, ..Position::default() })?;
            return Ok(rows.finish(Some(next)));
        }
        last = Some([&day.to_be_bytes()[..], template_id.as_bytes()].concat().into());
    }
    Ok(rows.finish(None))
}

fn read_place(place: &[u8]) -> Option<(i64, String)> {
    let (day, template_id) = place.split_first_chunk()?;
    Some((i64::from_be_bytes(*day), String::from_utf8(template_id.to_vec()).ok()?))
}

fn told(day: i64, template_id: String, row: &ledger::Row) -> Row {
    Row {
        day: days::name(day),
        template_id,
        accepted: row.get(Column::Accepted),
        rejected: row.get(Column::Rejected),
        filtered: row.get(Column::Filtered),
        sent: row.get(Column::Sent),
        refused: row.get(Column::Refused),
        no_quota: row.get(Column::NoQuota),
        bad_message: row.get(Column::BadMessage),
        unknown: row.unknown(),
        expired: row.get(Column::Expired),
        skipped: row.get(Column::Skipped),
        other: row.get(Column::Other),
        opened: row.get(Column::Opened),
        campaign: row.get(Column::Campaign),
    }
}
