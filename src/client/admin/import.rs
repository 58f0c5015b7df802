//! Counts and records in.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::export_journal::{FUNNEL, HISTORY};
use super::import_journal::Journal;
use super::{Call, cut_short, not_confirmed, once, wrong};
use crate::client::count_watch;
use crate::error::{Error, Retry, Status};
use crate::json;
use crate::ledger::{self, ImportedCount, ImportedRecord, Meets, Piece};
use crate::store::{Name, Space, home_of};
use crate::wechat::check_id;

/// Rows of a request at most.
const MOST_ROWS: usize = 1000;
/// Refused rows that are told.
const MOST_TOLD: usize = 100;
/// The highest count that is taken.
const MAX_COUNT: u64 = 1_000_000;
/// The largest record, in bytes.
const MAX_RECORD: usize = 1024 * 1024;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Import {
    players: Option<Vec<Value>>,
    records: Option<Vec<Value>>,
    mode: Option<String>,
    key: Option<String>,
}

#[derive(Serialize)]
struct Reply {
    imported: usize,
    refused: Vec<Refused>,
}

#[derive(Serialize)]
struct Refused {
    row: usize,
    why: String,
}

/// "import": rows are taken one by one, and one that is wrong keeps no other from being taken.
pub fn import(call: &Call<'_>) -> Result<String, Error> {
    let Import { players, records, mode, key } = call.fields()?;
    let modes = [("set", Meets::Set), ("add", Meets::Add), ("max", Meets::Max)];
    let take: Box<dyn Fn(usize, Value) -> Result<(), Error>>;
    let mut act = "records".to_owned();
    let row_key = key.clone();
    let rows = match (players, records, mode) {
        (Some(rows), None, Some(mode)) => {
            let meets = json::word("import: mode", &mode, &modes).map_err(wrong)?;
            act = format!("players, {mode}");
            take = Box::new(move |at, row| {
                take_count(call, row, meets, row_key.as_deref().map(|key| format!("import {at} {key}")))
            });
            rows
        }
        (Some(_), None, None) => return Err(wrong("import: players need mode: set, add or max")),
        (None, Some(_), Some(_)) => {
            return Err(wrong("import: mode goes with players only; records replace what is there"));
        }
        (None, Some(rows), None) => {
            let journal = Journal::new(call);
            take = Box::new(move |_, row| take_row(call, &journal, row));
            rows
        }
        _ => return Err(wrong("import: it needs either players or records")),
    };
    if rows.len() > MOST_ROWS {
        return Err(wrong(format!("import: {} rows, at most {MOST_ROWS} are taken at once", rows.len())));
    }
    let done = once(call, key.as_deref(), || {
        let mut reply = Reply { imported: 0, refused: Vec::new() };
        for (at, row) in rows.into_iter().enumerate() {
            match take(at, row) {
                Ok(()) => reply.imported += 1,
                Err(e) if e.status == Status::Arg => reply.refuse(at, e.message),
                Err(e) => return Err(in_the_middle(at, reply.imported, e)),
            }
        }
        if reply.imported > 0 {
            let note = ledger::note_rows("import", &act, reply.imported as u64);
            call.parts.core.engine.run(note, call.deadline).map_err(not_confirmed)?;
        }
        call.reply(&reply)
    });
    call.parts.core.touch_maintenance();
    done
}

/// The store failed at this row, behind so many that were taken.
fn in_the_middle(at: usize, taken: usize, e: Error) -> Error {
    let message = format!("row {at}: {}", e.message);
    if taken == 0 {
        return Error { message, ..e };
    }
    Error { message: format!("{message}; {taken} rows before it were taken"), retry: Retry::Unsafe, ..e }
}

impl Reply {
    fn refuse(&mut self, row: usize, why: String) {
        if self.refused.len() < MOST_TOLD {
            self.refused.push(Refused { row, why: cut_short(why) });
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CountRow {
    openid: String,
    template_id: String,
    count: u64,
}

fn fields_of<T: serde::de::DeserializeOwned>(row: Value) -> Result<T, Error> {
    match row {
        Value::Object(fields) => json::strict("row", fields).map_err(wrong),
        _ => Err(wrong("it is not an object")),
    }
}

fn take_count(call: &Call<'_>, row: Value, meets: Meets, key: Option<String>) -> Result<(), Error> {
    let CountRow { openid, template_id, count } = fields_of(row)?;
    check_id("openid", &openid)?;
    check_id("template_id", &template_id)?;
    if count > MAX_COUNT {
        return Err(wrong(format!("count is {count}, at most {MAX_COUNT} is taken")));
    }
    let (core, templates) = (&call.parts.core, &call.parts.templates);
    let long_term = templates.is_long_term(&template_id, call.deadline);
    let template = templates.id_of(&template_id, call.deadline);
    let home = home_of(&openid);
    let number = core.new_number();
    let row = ImportedCount { openid, template, long_term, count, meets, key, number };
    core.engine.run(ledger::import_count(row), call.deadline)?;
    count_watch::note_change(home);
    Ok(())
}

/// A row of a full export: its space says of which kind.
fn take_row(call: &Call<'_>, journal: &Journal<'_, '_>, mut row: Value) -> Result<(), Error> {
    let space = row.get("space").and_then(Value::as_str).map(str::to_owned);
    let mut rest = || {
        if let Some(fields) = row.as_object_mut() {
            fields.remove("space");
        }
        row.take()
    };
    match space.as_deref() {
        Some(FUNNEL) => journal.take_day(fields_of(rest())?),
        Some(HISTORY) => journal.take_entry(fields_of(rest())?),
        _ => take_record(call, row),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RecordRow {
    space: String,
    id: String,
    value: Option<String>,
    recent: Option<String>,
    at: Option<usize>,
    size: Option<usize>,
}

fn take_record(call: &Call<'_>, row: Value) -> Result<(), Error> {
    let RecordRow { space, id, value, recent, at, size } = fields_of(row)?;
    let space = json::word("space", &space, &Space::ALL).map_err(wrong)?;
    let decode = |what: &str, text: &str| {
        let bytes = STANDARD.decode(text).map_err(|e| wrong(format!("{what} is not base64: {e}")))?;
        if bytes.len() > MAX_RECORD {
            return Err(wrong(format!("{what} has {} bytes, at most {MAX_RECORD} are taken", bytes.len())));
        }
        Ok(bytes)
    };
    let name = Name::from_id(space, &decode("id", &id)?).ok_or_else(|| wrong("id is none of this space"))?;
    if matches!(space, Space::Player | Space::Recent) {
        check_id("id", std::str::from_utf8(name.id()).unwrap_or_default())?;
    }
    let mut value = value.as_deref().map(|text| decode("value", text)).transpose()?;
    let recent = recent.as_deref().map(|text| decode("recent", text)).transpose()?;
    let engine = &call.parts.core.engine;
    if let (Some(at), Some(size)) = (at, size) {
        if size > MAX_RECORD {
            return Err(wrong(format!("size is {size}, at most {MAX_RECORD} is taken")));
        }
        let piece = Piece { name: name.clone(), at, size, bytes: value.unwrap_or_default() };
        value = engine.run(ledger::gather(piece), call.deadline)?;
        if value.is_none() {
            return Ok(());
        }
    } else if at.is_some() || size.is_some() {
        return Err(wrong("at and size come together"));
    }
    let home = name.home();
    engine.run(ledger::import_record(ImportedRecord { name, value, recent }), call.deadline)?;
    count_watch::note_change(home);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// "Nothing was changed" is what a host relies on to ask again.
    #[test]
    fn a_store_that_fails_behind_taken_rows_is_in_doubt() {
        let busy = || Error::new(Status::Store, "busy").after_ms(100);
        let none = in_the_middle(3, 0, busy());
        assert_eq!((none.retry, none.message.as_str()), (Retry::Later, "row 3: busy"));
        let some = in_the_middle(3, 2, busy());
        assert_eq!((some.retry, some.message.as_str()), (Retry::Unsafe, "row 3: busy; 2 rows before it were taken"));
    }
}
