//! The journal in, from another ledger's export. A row that came before changes nothing.

use std::cell::RefCell;
use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use super::export_journal::NUMBERS_AT_ONCE;
use super::{Call, days, wrong};
use crate::error::Error;
use crate::ledger::{self, ImportedEntry};
use crate::store::{Counter, LogQuery, Name};
use crate::wechat::check_id;

/// Milliseconds behind its own in which an entry may have found its place.
const SPILLED_MS: i64 = 20;
/// Entries of one player that are looked at for one that came before.
const LOOKED_AT: usize = 1000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DayRow {
    day: String,
    numbers: Vec<(String, i64)>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EntryRow {
    at_ms: i64,
    value: String,
}

/// What the rows of one request do.
pub struct Journal<'a, 'c> {
    call: &'a Call<'c>,
    /// The numbers that are here, once they were read.
    here: RefCell<Option<HashMap<Counter, i64>>>,
}

impl<'a, 'c> Journal<'a, 'c> {
    pub fn new(call: &'a Call<'c>) -> Journal<'a, 'c> {
        Journal { call, here: RefCell::new(None) }
    }

    /// These numbers of a day become those of the row.
    pub fn take_day(&self, row: DayRow) -> Result<(), Error> {
        let DayRow { day, numbers } = row;
        let day =
            days::parse(&day).filter(|day| *day >= 0).ok_or_else(|| wrong("day is no day like \"2026-11-29\""))?;
        if numbers.len() > NUMBERS_AT_ONCE {
            return Err(wrong(format!("numbers has {}, at most {NUMBERS_AT_ONCE} are taken at once", numbers.len())));
        }
        let mut wanted = HashMap::with_capacity(numbers.len());
        for (name, n) in numbers {
            let name: Box<[u8]> = STANDARD.decode(name).map_err(|e| wrong(format!("numbers: {e}")))?.into();
            ledger::check_counter(&name, n)?;
            if wanted.insert(Counter { day, name }, n).is_some() {
                return Err(wrong("numbers names one twice"));
            }
        }
        let engine = &self.call.parts.core.engine;
        let mut here = self.here.borrow_mut();
        let here = match &mut *here {
            Some(here) => here,
            none => none.insert(engine.counters(i64::MIN..=i64::MAX, self.call.deadline)?.into_iter().collect()),
        };
        let missing = |(counter, n): (&Counter, &i64)| {
            (counter.clone(), n.saturating_sub(here.get(counter).copied().unwrap_or(0)))
        };
        let adds: Vec<(Counter, i64)> = wanted.iter().map(missing).filter(|(_, n)| *n != 0).collect();
        if !adds.is_empty() {
            // Those of a day in one place, so that no part of them is folded without the others.
            let beside = Name::player(&format!("day {day}"));
            let number = self.call.parts.core.new_number();
            engine.run(ledger::add_counters(&beside, adds, number), self.call.deadline)?;
        }
        here.extend(wanted);
        Ok(())
    }

    /// An entry of the history is entered at its own time.
    pub fn take_entry(&self, row: EntryRow) -> Result<(), Error> {
        let EntryRow { at_ms: made_ms, value } = row;
        let text = STANDARD.decode(value).map_err(|e| wrong(format!("value is not base64: {e}")))?;
        let entry = ImportedEntry { made_ms, text };
        let openid = entry.openid()?;
        check_id("value: openid", &openid)?;
        let (engine, player) = (&self.call.parts.core.engine, Name::player(&openid));
        let (home, to_ms) = (Some(player.home()), made_ms.saturating_add(SPILLED_MS));
        let query = LogQuery { home, from_ms: made_ms, to_ms, limit: LOOKED_AT, ..LogQuery::default() };
        let before = engine.log(&query, self.call.deadline)?;
        if before.entries.iter().any(|before| before.text == entry.text) {
            return Ok(());
        }
        engine.run(ledger::import_entry(&player, entry), self.call.deadline)
    }
}
