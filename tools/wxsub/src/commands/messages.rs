//! Will it work, what does a player allow, one message, and what became of it.

use std::io::Read;

use clap::ArgMatches;
use serde_json::{Map, Value, json};
use wxsub::{Status, Verdict};

use super::{list, text as given};
use crate::client::open;
use crate::escape::plain;
use crate::failure::{Failure, object, succeeded, worded};
use crate::output::{Column, Format, column, print};
use crate::settings::{Role, option};
use crate::{interrupt, text, time};

/// Store, network, clock, credentials, templates.
pub fn check(args: &ArgMatches) -> Result<(), Failure> {
    interrupt::now_says(text::SEND_INTERRUPTED, 130);
    let client = open(args, Role::Sender)?;
    let verdict = client.check();
    client.finish();
    let verdict = succeeded(verdict)?;
    tell(args, &verdict, || verdict.message.split("; ").map(plain).collect::<Vec<_>>().join("\n"))
}

/// What a player still allows.
pub fn quota(args: &ArgMatches) -> Result<(), Failure> {
    let (openid, template_id) = (required(args, "openid"), required(args, "template_id"));
    let client = open(args, Role::Observer)?;
    let remaining = succeeded(client.quota(openid, template_id))?.remaining;
    let reply = json!({ "openid": openid, "template_id": template_id, "remaining": remaining });
    super::answer(args, &reply, || remaining.to_string())
}

/// Sends one message and waits.
pub fn send(args: &ArgMatches) -> Result<(), Failure> {
    interrupt::now_says(text::SEND_INTERRUPTED, 130);
    let message = message(args)?;
    let mut options = Map::new();
    if let Some(key) = option(args, "key") {
        options.insert("key".to_owned(), key.into());
    }
    if let Some(seconds) = args.get_one::<f64>("timeout") {
        if !(seconds.is_finite() && *seconds > 0.0) {
            return Err(Failure::usage(text::BAD_VALUE.with(&[&"--timeout"])));
        }
        options.insert("timeout_ms".to_owned(), json!((seconds * 1000.0).ceil() as u64));
    }
    if args.get_flag("rules") {
        options.insert("rules".to_owned(), true.into());
    }
    let client = open(args, Role::Sender)?;
    let verdict = client.send(&message, Some(&Value::Object(options).to_string()));
    client.finish();
    let verdict = succeeded(verdict)?;
    tell(args, &verdict, || {
        let what = if verdict.flags & Verdict::REPLAYED != 0 { text::SENT_BEFORE } else { text::SENT };
        let left = if verdict.remaining < 0 { String::new() } else { text::LEFT.with(&[&verdict.remaining]) };
        format!("{}{left}", what.with(&[&verdict.msgid]))
    })
}

/// What became of a message with a key.
pub fn lookup(args: &ArgMatches) -> Result<(), Failure> {
    let (openid, key) = (required(args, "openid"), required(args, "key"));
    let client = open(args, Role::Observer)?;
    let verdict = client.lookup(openid, key);
    if !has_a_verdict(&verdict) {
        return succeeded(verdict).map(|_| ());
    }
    tell(args, &verdict, || {
        if verdict.flags & Verdict::STORED != 0 {
            let due = jiff::Timestamp::now().as_millisecond() + i64::from(verdict.retry_after_ms);
            text::WAITS_FOR.with(&[&time::shown(due)])
        } else if verdict.status == Status::Ok {
            text::SENT.with(&[&verdict.msgid])
        } else {
            worded(&verdict)
        }
    })
}

/// Whether it is one on the message, and not on the call.
fn has_a_verdict(verdict: &Verdict) -> bool {
    verdict.flags & (Verdict::STORED | Verdict::REPLAYED) != 0 || verdict.status == Status::Busy
}

/// Takes a message back.
pub fn cancel(args: &ArgMatches) -> Result<(), Failure> {
    let client = open(args, Role::Observer)?;
    let verdict = succeeded(client.cancel(required(args, "openid"), required(args, "key")))?;
    tell(args, &verdict, || text::TAKEN_BACK.get().to_owned())
}

const OUTBOX: &[Column] = &[
    column("due_ms", text::DUE),
    column("expires_ms", text::EXPIRES),
    column("openid", text::PLAYER),
    column("template_id", text::TEMPLATE),
    column("key", text::KEY),
    column("tries", text::TRIES),
    column("why", text::WHY),
];

/// What waits.
pub fn outbox(args: &ArgMatches) -> Result<(), Failure> {
    let client = open(args, Role::Observer)?;
    list(args, &client, "outbox", "messages", OUTBOX, json!({ "openid": given(args, "openid") }))
}

fn tell(args: &ArgMatches, verdict: &Verdict, sentence: impl FnOnce() -> String) -> Result<(), Failure> {
    print(&if Format::of(args) == Format::Json { object(verdict).to_string() } else { sentence() })
}

fn required<'a>(args: &'a ArgMatches, name: &str) -> &'a str {
    args.get_one::<String>(name).map_or("", String::as_str)
}

/// The message, from a file or from options.
fn message(args: &ArgMatches) -> Result<String, Failure> {
    let data: Vec<&String> = args.get_many("data").into_iter().flatten().collect();
    let parts = [option(args, "openid"), option(args, "template_id"), option(args, "page")];
    if let Some(source) = option(args, "message") {
        if !data.is_empty() || parts.iter().any(Option::is_some) {
            return Err(Failure::usage(text::SEND_BOTH.get()));
        }
        return read(source);
    }
    let [Some(openid), Some(template_id), page] = parts else { return Err(Failure::usage(text::SEND_WHAT.get())) };
    let mut values = Map::new();
    for pair in data {
        let (keyword, value) = pair.split_once('=').ok_or_else(|| Failure::usage(text::NO_PAIR.with(&[pair])))?;
        values.insert(keyword.to_owned(), value.into());
    }
    let mut message = json!({ "touser": openid, "template_id": template_id, "data": values });
    if let Some(page) = page {
        message["page"] = page.into();
    }
    Ok(message.to_string())
}

/// A text file, or stdin.
pub fn read(source: &str) -> Result<String, Failure> {
    let mut bytes = Vec::new();
    let done = match source {
        "-" => std::io::stdin().read_to_end(&mut bytes).map(|_| ()),
        path => std::fs::read(path).map(|read| bytes = read),
    };
    done.map_err(|why| Failure::io(source, &why))?;
    let text = String::from_utf8(bytes).map_err(|_| Failure::new(Status::Arg, text::NOT_UTF8.with(&[&source])))?;
    Ok(text.trim_start_matches('\u{feff}').to_owned())
}
