//! Messages that wait.

use serde::{Deserialize, Serialize};

use super::Call;
use super::paging::{Rows, Source};
use crate::error::Error;
use crate::ledger::{self, Message, MessageState};
use crate::store::{Scanned, Space, home_of};
use crate::wechat::check_id;

/// Bytes of a key that a row tells.
const MAX_KEY: usize = 64;
/// A player's messages that are counted at most.
const MOST_COUNTED: usize = 1000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Outbox {
    openid: Option<String>,
    after: Option<String>,
    limit: Option<u64>,
}

#[derive(Serialize)]
struct Row {
    openid: String,
    template_id: String,
    key: Option<String>,
    /// It is longer than what is told, and names another message, or none.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    key_cut: bool,
    due_ms: i64,
    expires_ms: i64,
    tries: u32,
    why: String,
}

/// "outbox": messages that wait or are being sent, of all players or of one.
pub fn outbox(call: &Call<'_>) -> Result<String, Error> {
    let Outbox { openid, after, limit } = call.fields()?;
    if let Some(openid) = &openid {
        check_id("openid", openid)?;
    }
    let rows = Rows::new("messages", call.limit(limit)?, call.room);
    let from = call.position(after.as_deref())?;
    let source = Source { space: Space::Message, home: openid.as_deref().map(home_of) };
    call.list(source, rows, from, |record| {
        let message = read(call, record)?.filter(|message| openid.as_ref().is_none_or(|id| *id == message.openid));
        Ok(message.map(|message| (String::new(), Row::from(message))).into_iter().collect())
    })
}

/// How many messages of a player wait.
pub fn count(call: &Call<'_>, openid: &str) -> Result<usize, Error> {
    let engine = &call.parts.core.engine;
    let (mut waiting, mut after) = (0, None);
    loop {
        let page = engine.scan_of(Space::Message, home_of(openid), after, 50, call.deadline)?;
        for record in &page.records {
            // One that can't be read waits for an operator.
            let theirs =
                read(call, record).is_ok_and(|message| message.is_some_and(|message| message.openid == openid));
            waiting += usize::from(theirs);
        }
        after = page.after.filter(|_| waiting < MOST_COUNTED);
        if after.is_none() {
            return Ok(waiting);
        }
    }
}

/// The message, unless it has ended.
fn read(call: &Call<'_>, record: &Scanned) -> Result<Option<Message>, Error> {
    let message = ledger::message_in(&record.name, &record.value, &call.parts.core.engine.time())?;
    Ok(Some(message).filter(|message| !matches!(message.state, MessageState::Ended(_))))
}

impl From<Message> for Row {
    fn from(message: Message) -> Row {
        let Message { openid, template_id, key, due_ms, expires_ms, tries, why, .. } = message;
        let key_cut = key.as_ref().is_some_and(|key| key.len() > MAX_KEY);
        let cut = |mut key: String| {
            let end = (0..=key.len().min(MAX_KEY)).rev().find(|at| key.is_char_boundary(*at)).unwrap_or(0);
            key.truncate(end);
            key
        };
        Row { openid, template_id, key: key.map(cut), key_cut, due_ms, expires_ms, tries, why }
    }
}
