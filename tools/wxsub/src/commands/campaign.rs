//! Campaigns: made, forecast, run, watched.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::time::Duration;

use clap::ArgMatches;
use serde_json::{Value, json};
use wxsub::{Client, Status};

use super::transfer::{Page, Sum, digest, each_page_of_lines, each_row_of_csv};
use super::{answer, every_page, moment, number, text as given};
use crate::client::open;
use crate::escape::plain;
use crate::failure::{Failure, exit_code};
use crate::output::{Column, Format, column, counted, facts, print, shown};
use crate::requests::{Pages, ask};
use crate::settings::{Role, option};
use crate::{interrupt, progress, text};

/// Runs one of its commands; its exit code.
pub fn run(args: &ArgMatches) -> Result<u8, Failure> {
    let Some((name, args)) = args.subcommand() else { return Err(Failure::usage("")) };
    let id = given(args, "id");
    match name {
        "put" => {
            let request = put_request(args)?;
            let reply = ask(&*open(args, Role::Observer)?, "campaign.put", request)?;
            tell(args, &reply)?;
        }
        "add" => return add(args),
        "forecast" => forecast(args)?,
        "list" => {
            let client = open(args, Role::Observer)?;
            every_page(args, Pages::new(&client, "campaign.list", json!({})), "campaigns", LIST)?;
        }
        _ => {
            let what = match name {
                "start" => "campaign.start",
                "pause" => "campaign.pause",
                "resume" => "campaign.resume",
                "cancel" => "campaign.cancel",
                _ => "campaign.status",
            };
            let client = open(args, Role::Observer)?;
            let reply = ask(&client, what, json!({ "id": id }))?;
            if args.try_get_one::<bool>("watch").ok().flatten() == Some(&true) {
                return watch(args, &client, reply);
            }
            tell(args, &reply)?;
        }
    }
    Ok(0)
}

const LIST: &[Column] = &[
    column("id", text::CAMPAIGN),
    column("state", text::STATE),
    column("audience", text::AUDIENCE),
    column("seen", text::SEEN),
    column("sent", text::SENT_COUNT),
    column("unknown", text::UNKNOWN),
    column("per_second", text::PER_SECOND),
    column("ends_at_ms", text::ENDS),
    column("why", text::WHY),
];

fn put_request(args: &ArgMatches) -> Result<Value, Failure> {
    let source = option(args, "message").unwrap_or_default();
    let text = super::messages::read(source)?;
    let message: Value = serde_json::from_str(&text)
        .map_err(|why| Failure::file(source, text::LINE.with(&[&why.line(), &format!("column {}", why.column())])))?;
    let mut request = json!({
        "id": given(args, "id"),
        "message": message,
        "audience": given(args, "audience"),
        "start_at_ms": moment(args, "start_at")?,
        "expires_at_ms": moment(args, "expires_at")?,
        "per_second": number(args, "per_second"),
        "leave": number(args, "leave"),
    });
    if args.get_flag("no_rules") {
        request["rules"] = false.into();
    }
    if args.get_flag("dry_run") {
        request["dry_run"] = true.into();
    }
    Ok(request)
}

/// Players with a list: CSV with a column `openid`, whose other columns are the message's keywords; or lines of JSON.
fn add(args: &ArgMatches) -> Result<u8, Failure> {
    let source = option(args, "file").unwrap_or_default();
    let file = File::open(source).map_err(|why| Failure::io(source, &why))?;
    let size = file.metadata().ok().map(|file| file.len());
    let mut input = BufReader::new(file);
    let is_json = input.fill_buf().is_ok_and(|start| matches!(start.first(), Some(b'{' | b'"')) && !is_csv_head(start));
    let client = open(args, Role::Observer)?;
    interrupt::now_says(text::ADD_INTERRUPTED, 130);
    let bar = progress::bar(size, text::ADDING.get());
    let mut sum = Sum::default();
    // The same file again adds nothing twice.
    let key = digest(source)?;
    let mut pages = 0u64;
    let mut give = |page: Page, at: u64| {
        let mut players = json!({ "id": given(args, "id"), "players": page.rows });
        if let Some(key) = &key {
            players["key"] = format!("{key}:{pages}").into();
        }
        pages += 1;
        let reply = ask(&client, "campaign.add", players)?;
        sum.take(&reply, "added", &page.lines);
        bar.set_position(at);
        Ok(())
    };
    if is_json {
        each_page_of_lines(input, source, &mut give)?;
    } else {
        each_row_of_csv(input, source, &["openid"], &listed, &mut give)?;
    }
    bar.finish_and_clear();
    sum.tell(args, "added", text::ADDED)
}

/// A quoted head is not JSON as a whole line.
fn is_csv_head(start: &[u8]) -> bool {
    if start.starts_with(b"{") {
        return false;
    }
    let line: Vec<u8> = start.iter().copied().take_while(|byte| *byte != b'\n').collect();
    serde_json::from_slice::<Value>(&line).is_err() || line.starts_with(b"\"openid\"")
}

fn listed(fields: Vec<(String, String)>) -> Result<Value, String> {
    let mut openid = String::new();
    let mut data = serde_json::Map::new();
    for (name, value) in fields {
        if name == "openid" {
            openid = value;
        } else {
            data.insert(name, json!({ "value": value }));
        }
    }
    Ok(if data.is_empty() { openid.into() } else { json!({ "openid": openid, "data": data }) })
}

/// Whom it would reach now; each page tells the totals so far, and the last one all.
fn forecast(args: &ArgMatches) -> Result<(), Failure> {
    let client = open(args, Role::Observer)?;
    let bar = progress::bar(None, text::FORECASTING.get());
    let mut last = Value::Null;
    for reply in Pages::new(&client, "campaign.forecast", json!({ "id": given(args, "id") })) {
        last = reply?;
        bar.set_position(last["players"].as_u64().unwrap_or(0));
    }
    bar.finish_and_clear();
    answer(args, &last, || {
        facts(&named(&[
            (text::REACHES, shown("players", &last["players"])),
            (text::UNITS, shown("units", &last["units"])),
            (text::SKIPPED, counted(&last["skipped"])),
            (text::SECONDS, shown("seconds", &last["seconds"])),
        ]))
    })
}

fn named(rows: &[(text::Text, String)]) -> Vec<(String, String)> {
    let dash = |value: &String| if value.is_empty() { "-".to_owned() } else { value.clone() };
    rows.iter().map(|(name, value)| (name.get().to_owned(), dash(value))).collect()
}

fn tell(args: &ArgMatches, status: &Value) -> Result<(), Failure> {
    if Format::of(args) == Format::Json {
        return print(&status.to_string());
    }
    let field = |key: &str| shown(key, &status[key]);
    print(&facts(&named(&[
        (text::CAMPAIGN, field("id")),
        (text::STATE, field("state")),
        (text::WHY, field("why")),
        (text::AUDIENCE, format!("{} {}", field("audience"), field("listed")).trim().to_owned()),
        (text::SEEN, field("seen")),
        (text::SENT_COUNT, field("sent")),
        (text::UNKNOWN, field("unknown")),
        (text::SKIPPED, counted(&status["skipped"])),
        (text::FAILED, counted(&status["failed"])),
        (text::PER_SECOND, field("per_second")),
        (text::BEGUN, field("begun_at_ms")),
        (text::ENDS, field("ends_at_ms")),
    ])))
}

/// How often a watched campaign is looked at.
const LOOK: Duration = Duration::from_millis(500);

/// Follows a campaign until it pauses or ends; exit code 42 if it did not finish.
fn watch(args: &ArgMatches, client: &Client, mut status: Value) -> Result<u8, Failure> {
    interrupt::now_says(text::WATCH_INTERRUPTED, 0);
    let is_on = |status: &Value| matches!(status["state"].as_str(), Some("running" | "waiting"));
    let bar = progress::bar(total(client, &status).ok(), text::CAMPAIGN.get());
    while is_on(&status) {
        bar.set_position(status["seen"].as_u64().unwrap_or(0));
        bar.set_message(plain(&format!(
            "{} {} {}",
            text::SENT_COUNT.get(),
            status["sent"],
            shown("state", &status["state"])
        )));
        std::thread::sleep(LOOK);
        status = ask(client, "campaign.status", json!({ "id": status["id"] }))?;
    }
    bar.finish_and_clear();
    tell(args, &status)?;
    Ok(if status["state"] == "done" { 0 } else { exit_code(Status::Cancelled) })
}

/// About how many players it looks at: those of its list, or all of the ledger, whom the forecast tells.
fn total(client: &Client, status: &Value) -> Result<u64, Failure> {
    if let Some(listed) = status["listed"].as_u64() {
        return Ok(listed);
    }
    let mut last = Value::Null;
    for reply in Pages::new(client, "campaign.forecast", json!({ "id": status["id"] })) {
        last = reply?;
    }
    let skipped: u64 = last["skipped"].as_object().into_iter().flatten().filter_map(|(_, n)| n.as_u64()).sum();
    Ok(status["seen"].as_u64().unwrap_or(0).max(last["players"].as_u64().unwrap_or(0) + skipped))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_of_a_list_is_an_openid_or_has_data() {
        let row =
            |fields: &[(&str, &str)]| listed(fields.iter().map(|(a, b)| ((*a).into(), (*b).into())).collect()).unwrap();
        assert_eq!(row(&[("openid", "o1")]), json!("o1"));
        let with = row(&[("openid", "o1"), ("thing1", "剑")]);
        assert_eq!(with, json!({ "openid": "o1", "data": { "thing1": { "value": "剑" } } }));
        assert!(is_csv_head(b"\"openid\"\n\"o1\"\n") && is_csv_head(b"\"a\",\"openid\"\n"));
        assert!(!is_csv_head(b"\"o1\"\n"));
    }
}
