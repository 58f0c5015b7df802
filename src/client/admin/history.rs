//! What became of messages and answers, and what operators did.

use serde::{Deserialize, Serialize};

use super::paging::{LOOKED_AT, Position, Rows};
use super::{Call, wrong};
use crate::client::journal::sentence;
use crate::error::{Error, Status};
use crate::json;
use crate::ledger::{self, Entry, What};
use crate::store::{LogQuery, Logged, home_of};
use crate::wechat::check_id;

/// Entries that are read at once: of all players, and of one.
const AT_ONCE: (usize, usize) = (8192, 1000);
/// Entries that "player" shows.
const SHOWN: usize = 20;
/// Bytes that they may take.
const SHOWN_BYTES: usize = 16 * 1024;
/// Entries that are looked through for them: at once, and in all.
const LOOKED_THROUGH: (usize, usize) = (500, 4000);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct History {
    openid: Option<String>,
    template_id: Option<String>,
    status: Option<String>,
    what: Option<String>,
    from_ms: Option<i64>,
    to_ms: Option<i64>,
    after: Option<String>,
    limit: Option<u64>,
}

/// An entry as it is told.
#[derive(Serialize)]
pub struct Row {
    at_ms: i64,
    what: &'static str,
    openid: String,
    template_id: String,
    answer: Option<&'static str>,
    status: String,
    errcode: i32,
    msgid: Option<String>,
    key: Option<String>,
    campaign: Option<String>,
    before: Option<i64>,
    after: Option<i64>,
    times: u64,
    message: String,
}

/// Which entries are wanted.
#[derive(Default)]
struct Filter {
    openid: Option<String>,
    template_id: Option<String>,
    status: Option<Status>,
    what: Option<What>,
}

/// "history": the newest first.
pub fn history(call: &Call<'_>) -> Result<String, Error> {
    let History { openid, template_id, status, what, from_ms, to_ms, after, limit } = call.fields()?;
    if let Some(openid) = &openid {
        check_id("openid", openid)?;
    }
    let statuses: Vec<(&str, Status)> = Status::ALL.iter().map(|status| (name_of(*status), *status)).collect();
    let status = status.map(|name| json::word("status", &name, &statuses)).transpose().map_err(wrong)?;
    let whats: Vec<(&str, What)> = What::ALL.iter().map(|what| (what.word(), *what)).collect();
    let what = what.map(|name| json::word("what", &name, &whats)).transpose().map_err(wrong)?;
    let mut rows = Rows::new("history", call.limit(limit)?, call.room);
    let mut at = call.position(after.as_deref())?.place;
    let filter = Filter { openid, template_id, status, what };
    let (from_ms, to_ms) = (from_ms.unwrap_or(0), to_ms.unwrap_or(i64::MAX));
    let mut looked_at = 0;
    while looked_at < LOOKED_AT {
        let (entries, more) = read(call, &filter, from_ms, to_ms, at.clone(), LOOKED_AT - looked_at)?;
        looked_at += entries.len().max(1);
        for logged in entries {
            if let Some(row) = row_of(call, &filter, &logged)?
                && !rows.push(&row)?
            {
                return finish(call, rows, at);
            }
            at = Some(logged.position);
        }
        if !more {
            return Ok(rows.finish(None));
        }
    }
    finish(call, rows, at)
}

fn finish(call: &Call<'_>, rows: Rows, at: Option<Box<[u8]>>) -> Result<String, Error> {
    let next = call.cursor(&Position { place: at, ..Position::default() })?;
    Ok(rows.finish(Some(next)))
}

fn read(
    call: &Call<'_>,
    filter: &Filter,
    from_ms: i64,
    to_ms: i64,
    after: Option<Box<[u8]>>,
    most: usize,
) -> Result<(Vec<Logged>, bool), Error> {
    let home = filter.openid.as_deref().map(home_of);
    let limit = if home.is_some() { AT_ONCE.1 } else { AT_ONCE.0 }.min(most);
    let query = LogQuery { home, from_ms, to_ms, after, limit, ..LogQuery::default() };
    let page = call.parts.core.engine.log(&query, call.deadline)?;
    Ok((page.entries, page.more))
}

/// None: it is not wanted, or can't be read.
fn row_of(call: &Call<'_>, filter: &Filter, logged: &Logged) -> Result<Option<Row>, Error> {
    let Ok(entry) = Entry::decode(&logged.text) else { return Ok(None) };
    let is_wanted = filter.openid.as_ref().is_none_or(|openid| *openid == entry.openid)
        && filter.status.is_none_or(|status| status == entry.status)
        && filter.what.is_none_or(|what| what == entry.what);
    if !is_wanted {
        return Ok(None);
    }
    let template_id = entry.template.as_ref().map_or(Ok(String::new()), |template| call.spell(template))?;
    if filter.template_id.as_ref().is_some_and(|wanted| *wanted != template_id) {
        return Ok(None);
    }
    Ok(Some(Row {
        at_ms: logged.at_ms,
        what: entry.what.word(),
        template_id,
        answer: entry.answered.map(|(answer, _)| answer.word()),
        status: name_of(entry.status).to_owned(),
        errcode: entry.errcode,
        msgid: (entry.msgid != 0).then(|| entry.msgid.to_string()),
        before: entry.before,
        after: entry.after,
        times: entry.times,
        message: sentence(&entry),
        openid: entry.openid,
        key: entry.key,
        campaign: entry.campaign,
    }))
}

fn name_of(status: Status) -> &'static str {
    status.c_name().to_str().unwrap_or_default()
}

/// The last entries of a player.
pub fn last_of(call: &Call<'_>, openid: &str) -> Result<Vec<Row>, Error> {
    let filter = Filter { openid: Some(openid.to_owned()), ..Filter::default() };
    let (mut rows, mut bytes, mut looked, mut after) = (Vec::new(), 0, 0, None);
    // What the store finds by the player may be others', in Redis nearly all of it.
    while looked < LOOKED_THROUGH.1 {
        let (entries, more) = read(call, &filter, 0, i64::MAX, after, LOOKED_THROUGH.0)?;
        looked += entries.len();
        for logged in &entries {
            let Some(row) = row_of(call, &filter, logged)? else { continue };
            bytes += call.reply(&row)?.len();
            if rows.len() == SHOWN || bytes > SHOWN_BYTES {
                return Ok(rows);
            }
            rows.push(row);
        }
        after = entries.last().map(|logged| logged.position.clone());
        if !more || after.is_none() {
            break;
        }
    }
    Ok(rows)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Audit {
    after: Option<String>,
    limit: Option<u64>,
}

#[derive(Serialize)]
struct Act {
    at_ms: i64,
    r#do: String,
    detail: String,
}

/// "audit": what operators did, the newest first.
pub fn audit(call: &Call<'_>) -> Result<String, Error> {
    let Audit { after, limit } = call.fields()?;
    let mut rows = Rows::new("audit", call.limit(limit)?, call.room);
    let place = call.position(after.as_deref())?.place;
    let mut before = place.and_then(|place| (*place).try_into().ok()).map_or(u64::MAX, u64::from_be_bytes);
    let mut acts = call.parts.core.engine.ask(ledger::acts(), call.deadline)?;
    acts.retain(|act| act.number < before);
    for ledger::Act { number, at_ms, what, detail } in acts.into_iter().rev() {
        if !rows.push(&Act { at_ms, r#do: what, detail })? {
            return finish(call, rows, Some(before.to_be_bytes().into()));
        }
        before = number;
    }
    Ok(rows.finish(None))
}
