//! Messages in the store through the deaths of the processes that put them there and send them: each is sent once, or
//! said to be a maybe; what one process leaves behind another takes over; and clocks may be set.

mod calls;
mod kills;
mod processes;

use std::collections::{HashMap, HashSet};
use std::sync::Mutex;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::common::process::{Child, listen, play, rounds, say};
use crate::common::trace::{CALLS, Trace, is_log_write, is_synced};
use crate::common::{TEMPLATE, TestEnv, send};
use serde_json::{Value, json};
use wxsub::{Client, Config, Status, Verdict};
use wxsub_simulator::{Endpoint, Fault, Options};

/// The module with the test that a child runs.
const MODULE: &str = module_path!();

#[test]
fn child() {
    play(|role, args| {
        let client = open(args["config"].as_str().unwrap());
        match role {
            "submit and deliver until killed" => kills::submit_and_deliver_until_killed(&client, args),
            "deliver" => deliver(&client),
            "steps" => calls::steps(&client),
            "one message" => calls::one_message(&client, args),
            other => panic!("{other}"),
        }
    });
}

fn open(config: &str) -> Client {
    Client::open(Config::from_json(config).unwrap()).unwrap_or_else(|e| panic!("{e}"))
}

fn in_ms(ms: i64) -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64 + ms
}

/// A message that shows what it is when it is delivered.
fn named(openid: &str, name: &str) -> String {
    json!({
        "touser": openid,
        "template_id": TEMPLATE,
        "data": {"thing1": {"value": name}, "time2": {"value": "2026年11月24日 15:01"}},
    })
    .to_string()
}

/// How often each was delivered.
fn delivered(env: &TestEnv) -> HashMap<String, usize> {
    let mut times = HashMap::new();
    for delivery in env.wechat.deliveries().into_iter().filter(|d| d.openid != "warm") {
        *times.entry(delivery.data["thing1"]["value"].as_str().unwrap().to_owned()).or_default() += 1;
    }
    times
}

/// A simulator whose players allow everything, with a token and the templates in the store.
fn lively_env(send_latency: Duration) -> TestEnv {
    let env = TestEnv::with(Options {
        initial_grants: 1 << 40,
        send_latency,
        idle_timeout: Duration::from_secs(120),
        keep: 1 << 20,
        ..Options::default()
    });
    assert_eq!(send(&open(&lively(&env, json!({}))), "warm").status, Status::Ok);
    env
}

fn lively(env: &TestEnv, more: Value) -> String {
    let mut config = json!({"quota": "observe", "timeout_ms": 10_000});
    more.as_object().unwrap().iter().for_each(|(k, v)| config[k] = v.clone());
    env.config(config)
}

/// Submits a message and returns its ticket's result; outcomes that come first are dropped.
fn store(client: &Client, openid: &str, name: &str, options: Value) -> Verdict {
    let ticket = client.submit(&named(openid, name), Some(&options.to_string())).unwrap();
    let until = Instant::now() + Duration::from_secs(60);
    while Instant::now() < until {
        if let Some(result) = client.poll(1, Duration::from_millis(500)).unwrap().pop().filter(|r| r.ticket == ticket) {
            return result;
        }
    }
    panic!("no result came");
}

fn stored(client: &Client, openid: &str, name: &str, options: Value) {
    let result = store(client, openid, name, options);
    assert_eq!((result.status, result.flags), (Status::Ok, Verdict::STORED), "{result:#?}");
}

fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let until = Instant::now() + Duration::from_secs(90);
    while !done() {
        assert!(Instant::now() < until, "in vain: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Polls a client to its last outcome, and tells them: key and status.
fn outcomes(client: &Client) -> Vec<(String, Status)> {
    let mut told = Vec::new();
    wait_until("an empty outbox", || {
        told.extend(client.poll(1000, Duration::ZERO).unwrap().into_iter().map(|r| (r.key, r.status)));
        client.stats().unwrap().outbox.waiting == 0
    });
    // The row goes before its outcome is told.
    client.shutdown(Duration::from_secs(60), true);
    told.extend(client.poll(1 << 20, Duration::ZERO).unwrap().into_iter().map(|r| (r.key, r.status)));
    told
}

/// Delivers until the parent has said its last, and tells how much.
fn deliver(client: &Client) {
    say("ready");
    let stopped = std::thread::spawn(listen);
    let mut told = 0;
    while !stopped.is_finished() {
        for result in client.poll(1000, Duration::from_millis(10)).unwrap() {
            say(&format!("ended {} {:?}", result.key, result.status));
            told += 1;
        }
    }
    client.shutdown(Duration::from_secs(60), true);
    for result in client.poll(1 << 20, Duration::ZERO).unwrap() {
        say(&format!("ended {} {:?}", result.key, result.status));
        told += 1;
    }
    assert_eq!(client.stats().unwrap().lost_results, 0);
    say(&format!("told {told}"));
}

fn deliverer(env: &TestEnv, more: Value) -> Child {
    let mut child = Child::start(MODULE, "deliver", json!({"config": lively(env, more)}));
    assert_eq!(child.heard(), "ready");
    child
}

/// What a child says of outcomes: key and status.
fn ended(said: &[String]) -> Vec<(String, String)> {
    let outcome = |line: &String| {
        let (key, status) = line.strip_prefix("ended ")?.split_once(' ')?;
        Some((key.to_owned(), status.to_owned()))
    };
    said.iter().filter_map(outcome).collect()
}
