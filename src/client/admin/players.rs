//! Who allows how much.

use serde::{Deserialize, Serialize};

use super::paging::{Rows, Source};
use super::{Call, wrong};
use crate::error::Error;
use crate::ledger;
use crate::store::{Scanned, Space};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Players {
    template_id: Option<String>,
    min: Option<i64>,
    after: Option<String>,
    limit: Option<u64>,
}

/// One player and template.
#[derive(Serialize)]
pub struct Row {
    openid: String,
    template_id: String,
    count: i64,
}

/// "players": those whose count is at least `min`.
pub fn players(call: &Call<'_>) -> Result<String, Error> {
    let Players { template_id, min, after, limit } = call.fields()?;
    let min = min.unwrap_or(1);
    if min < 1 {
        return Err(wrong(format!("players: min is {min}; it must be 1 or more")));
    }
    let rows = Rows::new("players", call.limit(limit)?, call.room);
    let from = call.position(after.as_deref())?;
    call.list(Source { space: Space::Player, home: None }, rows, from, |record| {
        let mut rows = rows_of(call, record)?;
        rows.retain(|(id, row)| row.count >= min && template_id.as_ref().is_none_or(|wanted| wanted == id));
        Ok(rows)
    })
}

/// All counts of a player's record, by template.
pub fn rows_of(call: &Call<'_>, record: &Scanned) -> Result<Vec<(String, Row)>, Error> {
    let openid = String::from_utf8_lossy(record.name.id());
    let mut rows = Vec::new();
    for counted in ledger::counts_in(&record.name, &record.value)? {
        let template_id = call.spell(&counted.template)?;
        let row = Row { openid: openid.to_string(), template_id: template_id.clone(), count: counted.left };
        rows.push((template_id, row));
    }
    rows.sort_by(|(one, _), (other, _)| one.cmp(other));
    Ok(rows)
}
