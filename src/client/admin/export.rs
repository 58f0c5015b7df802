//! Everything out, page by page: for a team's own tables, or for another ledger.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use super::paging::{Listed, Position, Rows, Source};
use super::{Call, export_journal, players};
use crate::error::Error;
use crate::ledger;
use crate::store::{Name, Scanned, Space};

/// Bytes of a record that a row holds; of a longer one each piece is a row.
const PIECE: usize = 40_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Export {
    after: Option<String>,
    limit: Option<u64>,
    full: Option<bool>,
}

/// A record, or a piece of one.
#[derive(Serialize)]
struct Row {
    space: &'static str,
    id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    recent: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<usize>,
}

/// "export": all counts; with "full" every record that may leave.
pub fn export(call: &Call<'_>) -> Result<String, Error> {
    let Export { after, limit, full } = call.fields()?;
    let (limit, from) = (call.limit(limit)?, call.position(after.as_deref())?);
    if full == Some(true) {
        return records(call, Rows::new("records", limit, call.room), from);
    }
    let source = Source { space: Space::Player, home: None };
    call.list(source, Rows::new("players", limit, call.room), from, |record| players::rows_of(call, record))
}

/// One family after the other, the account's directory first, so that ids of templates are known when players come; then the
/// journal.
fn records(call: &Call<'_>, rows: Rows, from: Position) -> Result<String, Error> {
    let families: Vec<Space> = Space::ALL.iter().map(|(_, space)| *space).collect();
    let journal = families.len() as u8;
    if from.family >= journal {
        return export_journal::rows(call, rows, from, journal);
    }
    match call.list_all(&families, rows, from, |record| rows_of(call, record))? {
        Listed::All(rows) => {
            export_journal::rows(call, rows, Position { family: journal, ..Position::default() }, journal)
        }
        Listed::Part(reply) => Ok(reply),
    }
}

fn rows_of(call: &Call<'_>, record: &Scanned) -> Result<Vec<(String, Row)>, Error> {
    let name = &record.name;
    if !ledger::may_leave(name) {
        return Ok(Vec::new());
    }
    match name.space() {
        Space::Player => Ok(both(call, name)?.into_iter().collect()),
        // One beside a lasting record has left together with it.
        Space::Recent => Ok(both(call, name)?.filter(|(_, row)| row.value.is_none()).into_iter().collect()),
        _ if record.value.len() <= PIECE => {
            Ok(vec![(String::new(), Row { value: Some(STANDARD.encode(&record.value)), ..Row::of(name) })])
        }
        _ => Ok(pieces(name, &record.value)),
    }
}

/// A player's two records as they are at one time, since the one names templates by their places in the other.
fn both(call: &Call<'_>, name: &Name) -> Result<Option<(String, Row)>, Error> {
    let (value, recent) = call.parts.core.engine.ask(ledger::both_records(name), call.deadline)?;
    if value.is_none() && recent.is_none() {
        return Ok(None);
    }
    let encode = |bytes: Vec<u8>| STANDARD.encode(bytes);
    let row = Row { value: value.map(encode), recent: recent.map(encode), ..Row::of(&name.also_in(Space::Player)) };
    Ok(Some((String::new(), row)))
}

fn pieces(name: &Name, value: &[u8]) -> Vec<(String, Row)> {
    let piece = |(n, bytes): (usize, &[u8])| {
        let (at, size) = (Some(n * PIECE), Some(value.len()));
        (format!("{n:08}"), Row { value: Some(STANDARD.encode(bytes)), at, size, ..Row::of(name) })
    };
    value.chunks(PIECE).enumerate().map(piece).collect()
}

impl Row {
    fn of(name: &Name) -> Row {
        let space = Space::ALL.iter().find(|(_, space)| *space == name.space()).map_or("", |(word, _)| *word);
        Row { space, id: STANDARD.encode(name.id()), value: None, recent: None, at: None, size: None }
    }
}
