//! A process that makes promises, and says what it tries and what it was promised.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use wxsub::{Answer, Client, Config, Status, Verdict};

use crate::common::process::say;
use crate::common::{TEMPLATE, message_from};

const REPORTERS: u64 = 2;
/// Players of each reporter.
pub const PLAYERS: u64 = 40;
const FAR_AWAY_MS: i64 = 3_600_000;

/// Accepts, one after the other.
pub fn accept_one_by_one(args: &Value) {
    let config = args["config"].as_str().expect("a configuration");
    let client = Client::open(Config::from_json(config).unwrap()).unwrap_or_else(|e| panic!("{e}"));
    for n in 0..args["rounds"].as_u64().expect("a number") {
        accept(&client, "p0", &format!("a-{n}"));
    }
}

/// Opens the store, keeps it busy, closes it, and does so again.
pub fn live(args: &Value) {
    let number = |name: &str| args[name].as_u64().expect("a number");
    let config = args["config"].as_str().expect("a configuration");
    for session in 0..number("sessions") {
        let client = Client::open(Config::from_json(config).unwrap()).unwrap_or_else(|e| panic!("{e}"));
        let lane = format!("{}-{session}", number("life"));
        let rounds = number("rounds");
        std::thread::scope(|scope| {
            for reporter in 0..REPORTERS {
                let (client, lane) = (&client, format!("{lane}-{reporter}"));
                scope.spawn(move || report(client, &lane, reporter, rounds));
            }
            scope.spawn(|| send(&client, &lane, rounds / 6 + 1));
            scope.spawn(|| store(&client, &lane, rounds / 12 + 1));
        });
    }
}

/// One thing that is promised once it is done.
fn promised(what: &str, work: impl FnOnce()) {
    say(&format!("try {what}"));
    work();
    say(&format!("done {what}"));
}

fn accept(client: &Client, openid: &str, key: &str) {
    promised(&format!("accept {openid} {key}"), || {
        let verdict = client.report(openid, Some(TEMPLATE), Answer::Accept, Some(key));
        assert_eq!(verdict.status, Status::Ok, "{}", verdict.message);
    });
}

fn report(client: &Client, lane: &str, reporter: u64, rounds: u64) {
    for n in 0..rounds {
        accept(client, &format!("p{reporter}-{}", n * 7 % PLAYERS), &format!("a-{lane}-{n}"));
    }
}

/// A body that names the key, so that the recorder sees whose request leaves.
fn body(openid: &str, key: &str) -> String {
    let mut message: Value = serde_json::from_str(&message_from(openid, TEMPLATE)).unwrap();
    message["data"]["thing1"]["value"] = json!(key);
    message.to_string()
}

fn send(client: &Client, lane: &str, rounds: u64) {
    for n in 0..rounds {
        let (openid, key) = (format!("q{}", n % 5), format!("m-{lane}-s{n}"));
        accept(client, &openid, &format!("a-{lane}-q{n}"));
        promised(&format!("send {openid} {key}"), || {
            let options = json!({"key": key}).to_string();
            let verdict = client.send(&body(&openid, &key), Some(&options));
            assert_eq!(verdict.status, Status::Ok, "{}", verdict.message);
        });
    }
}

fn store(client: &Client, lane: &str, rounds: u64) {
    for n in 0..rounds {
        let (openid, key) = (format!("r{n}"), format!("m-{lane}-f{n}"));
        let later = |tag: u64, more: Value| {
            let mut options = json!({"key": key, "tag": tag, "deliver_at": in_ms(FAR_AWAY_MS)});
            more.as_object().unwrap().iter().for_each(|(name, value)| options[name] = value.clone());
            promised(&format!("store {openid} {key} {tag}"), || submit(client, &body(&openid, &key), options));
        };
        later(1, json!({}));
        if n % 3 == 1 {
            later(2, json!({"on_conflict": "replace"}));
        } else if n % 3 == 2 {
            promised(&format!("cancel {openid} {key}"), || {
                let verdict = client.cancel(&openid, &key);
                assert_eq!(verdict.status, Status::Ok, "{}", verdict.message);
            });
        }
        // One that is due, which the dispatcher sends.
        let key = format!("m-{lane}-d{n}");
        accept(client, &openid, &format!("a-{lane}-r{n}"));
        promised(&format!("due {openid} {key}"), || {
            submit(client, &body(&openid, &key), json!({"key": key, "durable": true}));
        });
    }
}

fn submit(client: &Client, message: &str, options: Value) {
    let ticket = client.submit(message, Some(&options.to_string())).unwrap_or_else(|e| panic!("{e}"));
    let until = Instant::now() + Duration::from_secs(60);
    while Instant::now() < until {
        // The outcomes of others come this way, too.
        let results = client.poll(1, Duration::from_millis(500)).unwrap();
        if let Some(result) = results.into_iter().find(|result| result.ticket == ticket) {
            assert_eq!((result.status, result.flags & Verdict::STORED), (Status::Ok, Verdict::STORED), "{result:#?}");
            return;
        }
    }
    panic!("no result came");
}

fn in_ms(ms: i64) -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64 + ms
}
