//! The journal out, for another ledger: the numbers of days, and then the history from its oldest entry on.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

use super::paging::{LOOKED_AT, Position, Rows};
use super::{Call, days};
use crate::error::Error;
use crate::ledger::Entry;
use crate::store::{Counter, LogQuery};

/// The space of a row that holds numbers of a day.
pub const FUNNEL: &str = "funnel";
/// The space of a row that holds an entry of the history.
pub const HISTORY: &str = "history";
/// Numbers in one row: so many fit into the smallest reply.
pub const NUMBERS_AT_ONCE: usize = 200;
/// Entries that are read at once.
const ENTRIES_AT_ONCE: usize = 4096;

/// Some numbers of a day: pairs of what is counted and how much that is.
#[derive(Serialize)]
struct DayRow {
    space: &'static str,
    day: String,
    numbers: Vec<(String, i64)>,
}

#[derive(Serialize)]
struct EntryRow {
    space: &'static str,
    at_ms: i64,
    value: String,
}

/// Goes on with the journal, whose two parts are the families `first` and the next one.
pub fn rows(call: &Call<'_>, mut rows: Rows, from: Position, first: u8) -> Result<String, Error> {
    let mut at = from;
    if at.family == first {
        if !numbers(call, &mut rows, &mut at)? {
            let next = call.cursor(&at)?;
            return Ok(rows.finish(Some(next)));
        }
        at = Position { family: first + 1, ..Position::default() };
    }
    let next = if history(call, &mut rows, &mut at)? { None } else { Some(call.cursor(&at)?) };
    Ok(rows.finish(next))
}

/// Whether all numbers had a place.
fn numbers(call: &Call<'_>, rows: &mut Rows, at: &mut Position) -> Result<bool, Error> {
    let mut counters = call.parts.core.engine.counters(i64::MIN..=i64::MAX, call.deadline)?;
    counters.retain(|(counter, n)| *n != 0 && at.place.as_ref().is_none_or(|last| place_of(counter) > *last));
    counters.sort_by(|(one, _), (other, _)| one.cmp(other));
    let days = counters.chunk_by(|(one, _), (other, _)| one.day == other.day);
    for piece in days.flat_map(|day| day.chunks(NUMBERS_AT_ONCE)) {
        let [(first, _), ..] = piece else { continue };
        let numbers = piece.iter().map(|(counter, n)| (STANDARD.encode(&counter.name), *n)).collect();
        if !rows.push(&DayRow { space: FUNNEL, day: days::name(first.day), numbers })? {
            return Ok(false);
        }
        at.place = piece.last().map(|(last, _)| place_of(last));
    }
    Ok(true)
}

fn place_of(counter: &Counter) -> Box<[u8]> {
    [&counter.day.to_be_bytes()[..], &counter.name].concat().into()
}

/// Whether all entries had a place.
fn history(call: &Call<'_>, rows: &mut Rows, at: &mut Position) -> Result<bool, Error> {
    let mut looked_at = 0;
    while looked_at < LOOKED_AT {
        let (after, limit) = (at.place.clone(), ENTRIES_AT_ONCE);
        let query = LogQuery { to_ms: i64::MAX, after, limit, oldest_first: true, ..LogQuery::default() };
        let page = call.parts.core.engine.log(&query, call.deadline)?;
        looked_at += page.entries.len().max(1);
        for entry in page.entries {
            // One that can't be read tells nobody anything.
            if Entry::decode(&entry.text).is_ok() {
                let row = EntryRow { space: HISTORY, at_ms: entry.at_ms, value: STANDARD.encode(&entry.text) };
                if !rows.push(&row)? {
                    return Ok(false);
                }
            }
            at.place = Some(entry.position);
        }
        if !page.more {
            return Ok(true);
        }
    }
    Ok(false)
}
