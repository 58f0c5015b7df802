//! What each command does.

mod campaign;
mod ledger;
mod messages;
mod moving;
mod players;
mod transfer;
mod version;

use clap::ArgMatches;
use serde_json::{Value, json};
use wxsub::Client;

use crate::failure::Failure;
use crate::output::{Column, Format, Rows, print};
use crate::requests::{Pages, rows};
use crate::{interrupt, requests, settings};

/// Runs a command; its exit code.
pub fn run(matches: &ArgMatches) -> Result<u8, Failure> {
    let Some((name, args)) = matches.subcommand() else { return Err(Failure::usage("")) };
    interrupt::watch();
    match name {
        "check" => messages::check(args)?,
        "quota" => messages::quota(args)?,
        "send" => messages::send(args)?,
        "lookup" => messages::lookup(args)?,
        "cancel" => messages::cancel(args)?,
        "outbox" => messages::outbox(args)?,
        "players" => players::players(args)?,
        "player" => players::player(args)?,
        "history" => players::history(args)?,
        "mute" => players::mute(args)?,
        "forget" => players::forget(args)?,
        "funnel" => ledger::funnel(args)?,
        "audit" => ledger::audit(args)?,
        "compact" => ledger::compact(args)?,
        "backup" => ledger::backup(args)?,
        "metrics" => ledger::metrics(args)?,
        "export" => transfer::export(args)?,
        "import" => return transfer::import(args),
        "move" => moving::run(args)?,
        "campaign" => return campaign::run(args),
        "console" => crate::console::run(args)?,
        "version" => version::version(args)?,
        other => return Err(Failure::usage(other)),
    }
    Ok(0)
}

/// How many rows a list shows where nothing else is asked for.
const SHOWN: u64 = 100;

/// Prints a list, so much of it as `--limit`, `--after` and `--all` say.
fn list(
    args: &ArgMatches,
    client: &Client,
    what: &'static str,
    list: &'static str,
    columns: &'static [Column],
    mut fields: Value,
) -> Result<(), Failure> {
    let mut left = args.get_one::<u64>("limit").copied().unwrap_or(SHOWN).max(1);
    let all = args.get_flag("all");
    fields["after"] = text(args, "after");
    let mut written = Rows::new(Format::of(args), list, columns);
    let mut next = fields["after"].clone();
    loop {
        fields["limit"] = if all { requests::PAGE } else { left.min(requests::PAGE) }.into();
        fields["after"] = next;
        let reply = requests::ask(client, what, fields.clone())?;
        let page = rows(&reply, list);
        written.page(page)?;
        left = left.saturating_sub(page.len() as u64);
        next = reply["next"].clone();
        if next.is_null() || (!all && left == 0) {
            return written.end(&next);
        }
    }
}

/// All pages of a list that has no limit.
fn every_page(
    args: &ArgMatches,
    pages: Pages<'_>,
    list: &'static str,
    columns: &'static [Column],
) -> Result<(), Failure> {
    let mut written = Rows::new(Format::of(args), list, columns);
    for reply in pages {
        written.page(rows(&reply?, list))?;
    }
    written.end(&Value::Null)
}

/// A reply as it is, or a sentence.
fn answer(args: &ArgMatches, reply: &Value, sentence: impl FnOnce() -> String) -> Result<(), Failure> {
    if Format::of(args) == Format::Json { print(&reply.to_string()) } else { print(&sentence()) }
}

/// An option's value for a request; null where it is not given.
fn text(args: &ArgMatches, name: &str) -> Value {
    settings::option(args, name).map_or(Value::Null, Value::from)
}

/// A number's.
fn number(args: &ArgMatches, name: &str) -> Value {
    args.get_one::<u64>(name).map_or(Value::Null, |n| json!(n))
}

/// A time's.
fn moment(args: &ArgMatches, name: &str) -> Result<Value, Failure> {
    match settings::option(args, name) {
        Some(given) => Ok(crate::time::read(name, given)?.into()),
        None => Ok(Value::Null),
    }
}
