//! Players: what they allow, what was done with them, and what they asked for.

use clap::ArgMatches;
use serde_json::{Map, Value, json};

use super::{answer, list, moment, number, text as given};
use crate::client::open;
use crate::escape::plain;
use crate::failure::Failure;
use crate::output::{Column, Format, Rows, column, counted, facts, print};
use crate::requests::{ask, rows};
use crate::settings::Role;
use crate::{text, time};

const PLAYERS: &[Column] =
    &[column("openid", text::PLAYER), column("template_id", text::TEMPLATE), column("count", text::COUNT)];

/// Who allows something.
pub fn players(args: &ArgMatches) -> Result<(), Failure> {
    let client = open(args, Role::Observer)?;
    let fields = json!({ "template_id": given(args, "template_id"), "min": number(args, "min") });
    list(args, &client, "players", "players", PLAYERS, fields)
}

const HISTORY: &[Column] = &[
    column("at_ms", text::AT),
    column("what", text::WHAT),
    column("openid", text::PLAYER),
    column("template_id", text::TEMPLATE),
    column("answer", text::ANSWER),
    column("status", text::STATUS),
    column("errcode", text::ERRCODE),
    column("before", text::BEFORE),
    column("after", text::AFTER),
    column("times", text::TIMES),
    column("msgid", text::MSGID),
    column("key", text::KEY),
    column("campaign", text::CAMPAIGN),
    column("message", text::MESSAGE),
];

/// What happened.
pub fn history(args: &ArgMatches) -> Result<(), Failure> {
    let fields = json!({
        "openid": given(args, "openid"),
        "template_id": given(args, "template_id"),
        "status": given(args, "status"),
        "what": given(args, "what"),
        "from_ms": moment(args, "from")?,
        "to_ms": moment(args, "to")?,
    });
    let client = open(args, Role::Observer)?;
    list(args, &client, "history", "history", HISTORY, fields)
}

/// One player.
pub fn player(args: &ArgMatches) -> Result<(), Failure> {
    let client = open(args, Role::Observer)?;
    let reply = ask(&client, "player", json!({ "openid": given(args, "openid") }))?;
    if Format::of(args) == Format::Json {
        return print(&reply.to_string());
    }
    let dash = |text: String| if text.is_empty() { "-".to_owned() } else { text };
    let mut lines = vec![
        (text::PLAYER, dash(plain(reply["openid"].as_str().unwrap_or_default()))),
        (text::COUNTS, dash(counted(&reply["counts"]))),
        (text::SYSTEM, dash(switched_on(&reply["system"]))),
        (text::IN_DOUBT, dash(crate::output::shown("in_doubt", &reply["in_doubt"]))),
        (text::WAITING, dash(crate::output::shown("waiting", &reply["waiting"]))),
        (text::MUTED_UNTIL, dash(reply["muted_until_ms"].as_i64().map(time::shown).unwrap_or_default())),
    ];
    if let (Some(template), Some(until)) =
        (reply["sending"]["template_id"].as_str(), reply["sending"]["until_ms"].as_i64())
    {
        lines.push((text::SENDING, format!("{} {}", plain(template), time::shown(until))));
    }
    let lines: Vec<_> = lines.into_iter().map(|(name, value)| (name.get().to_owned(), value)).collect();
    print(&facts(&lines))?;
    let history = rows(&reply, "history");
    if history.is_empty() {
        return Ok(());
    }
    print("")?;
    const COLUMNS: &[Column] = &[
        column("at_ms", text::AT),
        column("what", text::WHAT),
        column("template_id", text::TEMPLATE),
        column("answer", text::ANSWER),
        column("status", text::STATUS),
        column("before", text::BEFORE),
        column("after", text::AFTER),
        column("times", text::TIMES),
        column("message", text::MESSAGE),
    ];
    let mut table = Rows::new(Format::Human, "history", COLUMNS);
    table.page(history)?;
    table.end(&Value::Null)
}

/// Names of what is true.
fn switched_on(object: &Value) -> String {
    let none = Map::new();
    let on = object.as_object().unwrap_or(&none).iter().filter(|(_, on)| **on == true);
    on.map(|(name, _)| plain(name)).collect::<Vec<_>>().join(", ")
}

/// Keeps campaigns, and sends with rules, from a player.
pub fn mute(args: &ArgMatches) -> Result<(), Failure> {
    let until = if args.get_flag("off") { Value::Null } else { moment(args, "until")? };
    let client = open(args, Role::Observer)?;
    // Null is a value here, so the request is made by hand.
    let request = json!({ "do": "mute", "openid": given(args, "openid"), "until_ms": until });
    let reply = crate::requests::reply(&client, &request)?;
    answer(args, &reply, || match until.as_i64() {
        Some(ms) => text::MUTED.with(&[&time::shown(ms)]),
        None => text::UNMUTED.get().to_owned(),
    })
}

/// Removes all that is known of a player.
pub fn forget(args: &ArgMatches) -> Result<(), Failure> {
    let client = open(args, Role::Observer)?;
    let reply = ask(&client, "forget", json!({ "openid": given(args, "openid") }))?;
    answer(args, &reply, || text::FORGOTTEN.with(&[&counted(&reply["forgotten"])]))
}
