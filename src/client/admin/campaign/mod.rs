//! Campaigns: put, filled, forecast, changed, told.

mod fields;
mod forecast;
mod progress;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::paging::{Position, Rows};
use super::{Call, cut_short, wrong};
use crate::error::{Error, Status};
use crate::ledger::campaign::{self, Added, Campaign, Change, Part, Put, Run, Wish};
use crate::wechat::check_id;
use fields::{PutFields, checked_id};
pub use forecast::forecast;
use progress::Progress;

/// Players of one call at most.
const MOST_PLAYERS: usize = 1000;
/// Players of one part of a list.
const PART_PLAYERS: usize = 400;
/// Bytes of one part's data, about.
const PART_BYTES: usize = 256 * 1024;
/// Bytes of one player's own data.
const MOST_DATA: usize = 8 * 1024;
/// Refused players that a reply lists.
const MOST_REFUSED: usize = 100;

/// "campaign.put".
pub fn put(call: &Call<'_>) -> Result<String, Error> {
    let fields: PutFields = call.fields()?;
    let dry_run = fields.dry_run.unwrap_or(false);
    let (id, definition) = fields.define(call)?;
    if dry_run {
        return dry_put(call, id, definition);
    }
    let at_once = definition.start_ms.is_none() && !definition.is_list;
    match call.parts.core.engine.run(campaign::put(id.clone(), definition, at_once), call.deadline)? {
        Put::There(campaign, change) => noted(call, &campaign, change.as_ref()),
        Put::TooLate => Err(has_begun(&id)),
        Put::TooMany(n) => Err(wrong(format!("campaign.put: {n} campaigns have not ended yet; more can't be put"))),
    }
}

fn dry_put(call: &Call<'_>, id: String, definition: campaign::Definition) -> Result<String, Error> {
    let now_ms = call.parts.core.engine.wall_ms();
    let there = call.parts.core.engine.ask(campaign::look(id.clone()), call.deadline)?;
    let mut campaign = match there {
        Some(there) if there.definition.given == definition.given => there,
        Some(there) if there.run.has_begun() || there.run.state.has_ended() => return Err(has_begun(&id)),
        there => {
            let run = there.map_or_else(Run::default, |there| there.run);
            let start_ms = definition.start_ms.or((!definition.is_list).then_some(now_ms));
            Campaign { run, id, definition: campaign::Definition { start_ms, ..definition } }
        }
    };
    campaign.run.advance(&campaign.definition, now_ms);
    call.reply(&Progress::of(&campaign))
}

fn has_begun(id: &str) -> Error {
    let why = format!("campaign {id} has begun with other content; nothing was changed. Give the new one another id");
    Error::new(Status::TooLate, why)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AddFields {
    id: String,
    players: Vec<Value>,
    key: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PlayerFields {
    openid: String,
    data: Option<Value>,
}

#[derive(Serialize)]
struct Refused {
    row: usize,
    why: String,
}

#[derive(Serialize)]
struct AddReply {
    added: u64,
    refused: Vec<Refused>,
}

/// "campaign.add".
pub fn add(call: &Call<'_>) -> Result<String, Error> {
    let AddFields { id, players, key } = call.fields()?;
    let id = checked_id(id)?;
    if players.len() > MOST_PLAYERS {
        return Err(wrong(format!("campaign.add: {} players; at most {MOST_PLAYERS} in one call", players.len())));
    }
    let (mut parts, mut refused) = (Vec::new(), Vec::new());
    let (mut part, mut bytes) = (Part::default(), 0);
    for (row, player) in players.into_iter().enumerate() {
        match listed(player) {
            Ok((openid, data)) => {
                bytes += openid.len() + data.as_ref().map_or(0, String::len);
                part.players.push((openid, data));
            }
            Err(why) if refused.len() < MOST_REFUSED => refused.push(Refused { row, why: cut_short(why) }),
            Err(_) => {}
        }
        if part.players.len() >= PART_PLAYERS || bytes >= PART_BYTES {
            parts.push(std::mem::take(&mut part));
            bytes = 0;
        }
    }
    if !part.players.is_empty() {
        parts.push(part);
    }
    let key = key.filter(|key| !key.is_empty()).map(|key| {
        let digest: [u8; 32] = Sha256::digest(key.as_bytes()).into();
        digest.first_chunk::<8>().map_or(0, |first| u64::from_be_bytes(*first))
    });
    let added = call.parts.core.engine.run(campaign::add(id.clone(), parts, key), call.deadline)?;
    let Some((added, campaign, change)) = added else { return Err(not_found(&id)) };
    tell_change(call, &campaign, change.as_ref());
    let added = match added {
        Added::Now(n) | Added::Before(n) => n,
        Added::NoList => return Err(wrong(format!("campaign {id} has no list: its audience is \"allowed\""))),
        Added::TooLate => {
            let why = format!("campaign {id} is {}; nobody was added", campaign.run.state.word());
            return Err(Error::new(Status::TooLate, why));
        }
    };
    call.reply(&AddReply { added, refused })
}

/// A player of a list, and data of his own.
fn listed(player: Value) -> Result<(String, Option<String>), String> {
    let fields = match player {
        Value::String(openid) => PlayerFields { openid, data: None },
        Value::Object(object) => crate::json::strict("a player", object)?,
        _ => return Err("a player must be an openid or {\"openid\", \"data\"}".to_owned()),
    };
    check_id("openid", &fields.openid).map_err(|e| e.message)?;
    let data = match fields.data {
        None => None,
        Some(data @ Value::Object(_)) => Some(data.to_string()),
        Some(_) => return Err("data must be an object {\"thing1\": {\"value\": \"…\"}}".to_owned()),
    };
    match data.as_ref().map_or(0, String::len) {
        MOST_DATA.. => Err(format!("data of {MOST_DATA} bytes and more are too long")),
        _ => Ok((fields.openid, data)),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct IdFields {
    id: String,
}

/// "campaign.start".
pub fn start(call: &Call<'_>) -> Result<String, Error> {
    change(call, Wish::Start)
}

/// "campaign.pause".
pub fn pause(call: &Call<'_>) -> Result<String, Error> {
    change(call, Wish::Pause { why: "paused by an operator".to_owned(), until_ms: None })
}

/// "campaign.resume".
pub fn resume(call: &Call<'_>) -> Result<String, Error> {
    change(call, Wish::Resume)
}

/// "campaign.cancel".
pub fn cancel(call: &Call<'_>) -> Result<String, Error> {
    change(call, Wish::Cancel)
}

fn change(call: &Call<'_>, wish: Wish) -> Result<String, Error> {
    let IdFields { id } = call.fields()?;
    let id = checked_id(id)?;
    let changed = call.parts.core.engine.run(campaign::wish(id.clone(), wish), call.deadline)?;
    let Some((in_time, campaign, change)) = changed else { return Err(not_found(&id)) };
    if in_time {
        return noted(call, &campaign, change.as_ref());
    }
    tell_change(call, &campaign, change.as_ref());
    let why = format!("campaign {id} is {}; nothing was changed", campaign.run.state.word());
    Err(Error::new(Status::TooLate, why))
}

/// What an operator has done: a line in the audit, and the log; a long list that goes now has the time that is left.
fn noted(call: &Call<'_>, campaign: &Campaign, change: Option<&Change>) -> Result<String, Error> {
    let detail = format!("{}: {}", campaign.id, campaign.run.state.word());
    let noted = call.note_act(&detail);
    tell_change(call, campaign, change);
    noted.and_then(|()| call.reply(&Progress::of(campaign)))
}

fn tell_change(call: &Call<'_>, campaign: &Campaign, change: Option<&Change>) {
    call.parts.campaigns.tell_change(campaign, change);
    call.parts.campaigns.wake();
}

/// "campaign.status".
pub fn status(call: &Call<'_>) -> Result<String, Error> {
    let IdFields { id } = call.fields()?;
    let id = checked_id(id)?;
    call.reply(&Progress::of(&looked_up(call, &id)?))
}

/// The campaign with this id.
fn looked_up(call: &Call<'_>, id: &str) -> Result<Campaign, Error> {
    call.parts.core.engine.ask(campaign::look(id.to_owned()), call.deadline)?.ok_or_else(|| not_found(id))
}

fn not_found(id: &str) -> Error {
    Error::new(Status::NotFound, format!("there is no campaign {id}; campaign.list tells which there are"))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ListFields {
    after: Option<String>,
    limit: Option<u64>,
}

/// "campaign.list": in the order in which they were put.
pub fn list(call: &Call<'_>) -> Result<String, Error> {
    let ListFields { after, limit } = call.fields()?;
    let mut rows = Rows::new("campaigns", call.limit(limit)?, call.room);
    let last = call.position(after.as_deref())?.within.map(|(_, id)| id);
    let ids = call.parts.core.engine.ask(campaign::ids(), call.deadline)?;
    let from = last.map_or(0, |last| ids.iter().position(|(id, _)| *id == last).map_or(ids.len(), |at| at + 1));
    let mut told: Option<&str> = None;
    for (id, _) in &ids[from..] {
        let Some(campaign) = call.parts.core.engine.ask(campaign::look(id.clone()), call.deadline)? else { continue };
        if !rows.push(&Progress::of(&campaign))? {
            let within = told.map(|id| (Box::default(), id.to_owned()));
            return Ok(rows.finish(Some(call.cursor(&Position { within, ..Position::default() })?)));
        }
        told = Some(id);
    }
    Ok(rows.finish(None))
}
