//! What a step adds to the log and to counters, as commands.

use super::super::journal::{DAY_MS, OBSERVERS_DAYS};
use super::super::{Changes, Counter, JournalTerms};
use super::keys::{Keys, Place};
use super::script::{Attempt, OLDEST_MS};

/// Entries of a bucket's log, nearly: two million in all, some 150 MB.
const LONGEST_LOG: &str = "2000";
/// The field of a stream's entries.
const TEXT: &str = "e";

/// What a step leaves in the journal. `decided_ms`: its time.
pub fn write(keys: &Keys, terms: &JournalTerms, place: Place, changes: &Changes, attempt: &mut Attempt) {
    let log = keys.own(place, "log");
    for entry in &changes.log {
        if let Some(old) = entry.replaces {
            // The server adds an entry up to a second after its step was decided on.
            let until_ms = old.at_ms.saturating_add(OLDEST_MS);
            let beginning = entry.text.get(..old.prefix).unwrap_or_default();
            attempt.then(
                "UNLOG",
                &log,
                &[old.at_ms.to_string().as_bytes(), until_ms.to_string().as_bytes(), beginning],
            );
        }
        let bounds = [&b"MAXLEN"[..], b"~", LONGEST_LOG.as_bytes()];
        let (id, text) = (entry.made_ms.map(|ms| ms.to_string()), [TEXT.as_bytes(), &entry.text]);
        match &id {
            None => attempt.then("XADD", &log, &[&bounds[..], &[b"*"], &text].concat()),
            Some(made_ms) => attempt.then("XADDOLD", &log, &[&[made_ms.as_bytes()][..], &bounds, &text].concat()),
        }
    }
    if !changes.log.is_empty() {
        let is_old = changes.log.iter().any(|entry| entry.made_ms.is_some());
        // How long senders keep what is there is theirs to say.
        let command = if terms.shows_all { "LENGTHEN" } else { "PEXPIRE" };
        // What an observer brings from another ledger is as old as it is there.
        let days = if terms.shows_all && is_old { OBSERVERS_DAYS } else { terms.history_days.max(1) };
        attempt.then(command, &log, &[(i64::from(days) * DAY_MS).to_string().as_bytes()]);
    }
    let funnel = keys.own(place, "funnel");
    for (counter, n) in &changes.adds {
        attempt.then("HINCRBY", &funnel, &[&field_of(counter), n.to_string().as_bytes()]);
    }
}

/// A counter as a field: its day in four bytes, so that any day sorts, and its name.
pub fn field_of(counter: &Counter) -> Vec<u8> {
    let day = i32::try_from(counter.day).unwrap_or(i32::MAX);
    [&day.to_be_bytes()[..], &counter.name].concat()
}

pub fn counter_of(field: &[u8]) -> Option<Counter> {
    let (day, name) = field.split_first_chunk()?;
    Some(Counter { day: i32::from_be_bytes(*day).into(), name: name.into() })
}
