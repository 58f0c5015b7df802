//! The ledger as a whole: numbers, what operators did, its file.

use clap::ArgMatches;
use serde_json::{Value, json};

use super::{answer, every_page, list, text as given};
use crate::client::open;
use crate::escape::plain;
use crate::failure::Failure;
use crate::output::{Column, Format, column, print};
use crate::requests::{Pages, ask};
use crate::settings::{Role, option};
use crate::{text, time};

const FUNNEL: &[Column] = &[
    column("day", text::DAY),
    column("template_id", text::TEMPLATE),
    column("accepted", text::ACCEPTED),
    column("rejected", text::REJECTED),
    column("filtered", text::FILTERED),
    column("sent", text::SENT_COUNT),
    column("opened", text::OPENED),
    column("refused", text::REFUSED),
    column("no_quota", text::NO_QUOTA),
    column("bad_message", text::BAD_MESSAGE),
    column("unknown", text::UNKNOWN),
    column("expired", text::EXPIRED),
    column("skipped", text::SKIPPED),
    column("other", text::OTHER),
    column("campaign", text::BY_CAMPAIGN),
];

/// Numbers by day and template; the last 14 days where nothing else is asked for.
pub fn funnel(args: &ArgMatches) -> Result<(), Failure> {
    let (from, to) = time::last_days(14);
    let day = |name, other: String| option(args, name).map_or(other, str::to_owned);
    let fields = json!({ "from": day("from", from), "to": day("to", to), "template_id": given(args, "template_id") });
    let client = open(args, Role::Observer)?;
    every_page(args, Pages::new(&client, "funnel", fields), "funnel", FUNNEL)
}

const AUDIT: &[Column] = &[column("at_ms", text::AT), column("do", text::ACTION), column("detail", text::DETAIL)];

/// What operators did.
pub fn audit(args: &ArgMatches) -> Result<(), Failure> {
    let client = open(args, Role::Observer)?;
    list(args, &client, "audit", "audit", AUDIT, json!({}))
}

/// Rewrites the file.
pub fn compact(args: &ArgMatches) -> Result<(), Failure> {
    let client = open(args, Role::Observer)?;
    let reply = ask(&client, "compact", json!({}))?;
    answer(args, &reply, || match reply["note"].as_str() {
        Some(note) => plain(note),
        None => text::COMPACTED.with(&[&reply["bytes_before"], &reply["bytes_after"]]),
    })
}

/// Copies the file while servers work on it.
pub fn backup(args: &ArgMatches) -> Result<(), Failure> {
    let path = option(args, "path").unwrap_or_default();
    let path = std::path::absolute(path).map_err(|why| Failure::io(path, &why))?;
    let client = open(args, Role::Observer)?;
    let reply = ask(&client, "backup", json!({ "path": path.to_string_lossy() }))?;
    answer(args, &reply, || text::BACKED_UP.with(&[&reply["bytes"], &path.display()]))
}

/// The outbox and this process, for Prometheus.
pub fn metrics(args: &ArgMatches) -> Result<(), Failure> {
    let client = open(args, Role::Observer)?;
    let reply = ask(&client, "metrics", json!({}))?;
    match (Format::of(args), reply["metrics"].as_str()) {
        (Format::Human | Format::Csv, Some(text)) => print(text.trim_end()),
        _ => print(&Value::to_string(&reply)),
    }
}
