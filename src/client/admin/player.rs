//! All that is known of one player.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Call, history, outbox};
use crate::error::Error;
use crate::ledger;
use crate::wechat::{check_id, is_system};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Player {
    openid: String,
}

#[derive(Serialize)]
struct Reply {
    openid: String,
    counts: Map<String, Value>,
    system: Map<String, Value>,
    muted_until_ms: Option<i64>,
    sending: Option<Sending>,
    in_doubt: usize,
    waiting: usize,
    history: Vec<history::Row>,
}

#[derive(Serialize)]
struct Sending {
    template_id: String,
    until_ms: i64,
}

/// "player": of one who is not known zeros.
pub fn player(call: &Call<'_>) -> Result<String, Error> {
    let Player { openid } = call.fields()?;
    check_id("openid", &openid)?;
    let seen = call.parts.core.engine.ask(ledger::inspect_player(&openid), call.deadline)?;
    let (mut counts, mut system) = (Map::new(), Map::new());
    for counted in seen.counts {
        let template_id = call.spell(&counted.template)?;
        if is_system(&template_id) {
            system.insert(template_id, Value::from(counted.left > 0));
        } else {
            counts.insert(template_id, Value::from(counted.left));
        }
    }
    let sending = match seen.sending {
        Some((template, until_ms)) => Some(Sending { template_id: call.spell(&template)?, until_ms }),
        None => None,
    };
    call.reply(&Reply {
        waiting: outbox::count(call, &openid)?,
        history: history::last_of(call, &openid)?,
        openid,
        counts,
        system,
        muted_until_ms: Some(seen.muted_until_ms).filter(|ms| *ms > call.parts.core.engine.wall_ms()),
        sending,
        in_doubt: seen.in_doubt,
    })
}
