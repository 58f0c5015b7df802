//! What is done to one player: an opening is counted, he is muted, he is forgotten.

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Call, wrong};
use crate::error::Error;
use crate::ledger;
use crate::wechat::{SCENE_OF_MESSAGE_CARD, check_id};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Opened {
    openid: String,
    scene: Option<i64>,
}

#[derive(Serialize)]
struct Opening {
    counted: bool,
    template_id: Option<String>,
}

/// "opened": the player came in by a message card.
pub fn opened(call: &Call<'_>) -> Result<String, Error> {
    let Opened { openid, scene } = call.fields()?;
    check_id("openid", &openid)?;
    if scene.is_some_and(|scene| scene != SCENE_OF_MESSAGE_CARD) {
        return call.reply(&Opening { counted: false, template_id: None });
    }
    let ledger::Opening { counted, template } = call.parts.core.engine.run(ledger::opened(&openid), call.deadline)?;
    call.parts.core.touch_maintenance();
    let template_id = template.map(|template| call.spell(&template)).transpose()?;
    call.reply(&Opening { counted, template_id })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Mute {
    openid: String,
    until_ms: Option<i64>,
}

/// "mute": what the host's rules bind passes over the player.
pub fn mute(call: &Call<'_>) -> Result<String, Error> {
    let Mute { openid, until_ms } = call.fields()?;
    check_id("openid", &openid)?;
    if !call.fields.contains_key("until_ms") {
        return Err(wrong("mute: until_ms is missing; it is Unix milliseconds, or null for \"not muted\""));
    }
    if until_ms.is_some_and(|ms| ms <= 0) {
        return Err(wrong("mute: until_ms must be above 0; null is \"not muted\""));
    }
    let core = &call.parts.core;
    core.engine.run(ledger::mute(&openid, until_ms.unwrap_or(0), core.new_number()), call.deadline)?;
    let detail = until_ms.map_or("one player, not any more".to_owned(), |ms| format!("one player, until {ms}"));
    call.note_act(&detail)?;
    core.touch_maintenance();
    call.reply(&json!({}))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Forget {
    openid: String,
}

/// "forget": from now on nothing shows the player.
pub fn forget(call: &Call<'_>) -> Result<String, Error> {
    let Forget { openid } = call.fields()?;
    check_id("openid", &openid)?;
    let (forgotten, history) = call.parts.core.forget(&openid, call.deadline)?;
    let ledger::Forgotten { players, keys, messages } = forgotten;
    call.reply(&json!({"forgotten": {"players": players, "keys": keys, "messages": messages, "history": history}}))
}
