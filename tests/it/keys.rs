//! Once per key: from other threads at the same time, from other processes, after a restart and after a crash.

use std::time::Duration;

use crate::common::process::{Child, listen, play, say};
use crate::common::{TEMPLATE, TestEnv, left, message, message_from};
use serde_json::{Value, json};
use wxsub::{Answer, Client, Config, QuotaChange, Retry, Status, Verdict};
use wxsub_simulator::{Endpoint, Fault, Options};

#[test]
fn child() {
    play(|role, args| {
        let client = Client::open(Config::from_json(args["config"].as_str().unwrap()).unwrap()).unwrap();
        say("ready");
        assert_eq!(listen().as_deref(), Some("go"));
        let verdicts = match role {
            "send" => at_once(args["threads"].as_u64().unwrap(), || keyed(&client, "k")),
            "report" => at_once(args["threads"].as_u64().unwrap(), || accept(&client, "o1", TEMPLATE, Some("k"))),
            other => panic!("{other}"),
        };
        verdicts.iter().for_each(|v| say(&serde_json::to_string(v).unwrap()));
    });
}

fn start(role: &str, config: &str, threads: u64) -> Child {
    let mut child = Child::start(module_path!(), role, json!({"config": config, "threads": threads}));
    assert_eq!(child.heard(), "ready");
    child
}

fn verdicts(lines: Vec<String>) -> impl Iterator<Item = Verdict> {
    lines.into_iter().map(|line| serde_json::from_str(&line).unwrap())
}

/// The same from several threads.
fn at_once(threads: u64, what: impl Fn() -> Verdict + Sync) -> Vec<Verdict> {
    std::thread::scope(|scope| {
        let running: Vec<_> = (0..threads).map(|_| scope.spawn(&what)).collect();
        running.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

fn keyed(client: &Client, key: &str) -> Verdict {
    send_with(client, "o1", json!({"key": key}))
}

fn send_with(client: &Client, openid: &str, options: Value) -> Verdict {
    client.send(&message(openid), Some(&options.to_string()))
}

fn accept(client: &Client, openid: &str, template: &str, key: Option<&str>) -> Verdict {
    let verdict = client.report(openid, Some(template), Answer::Accept, key);
    assert_eq!(verdict.status, Status::Ok, "{}", verdict.message);
    verdict
}

/// An answer that is told again must be told as it was; only the time that the call took, and the caller's own tag,
/// are of the new call.
fn assert_is_again(again: &Verdict, first: &Verdict) {
    let expected = Verdict {
        flags: first.flags | Verdict::REPLAYED,
        elapsed_ms: again.elapsed_ms,
        tag: again.tag,
        ..first.clone()
    };
    assert_eq!(*again, expected);
}

#[test]
fn from_threads_and_processes_at_once_a_key_sends_once() {
    let env = TestEnv::with(Options { send_latency: Duration::from_millis(30), ..Options::default() });
    let config = env.config(json!({"timeout_ms": 60_000}));
    let clients = [env.client(json!({"timeout_ms": 60_000})), env.client(json!({"timeout_ms": 60_000}))];
    for _ in 0..4 {
        env.accept(&clients[0], "o1");
    }
    let mut children = [(); 2].map(|()| start("send", &config, 4));
    children.iter_mut().for_each(|child| child.tell("go"));
    let mut all: Vec<Verdict> = std::thread::scope(|scope| {
        let here: Vec<_> = clients.iter().map(|c| scope.spawn(|| at_once(4, || keyed(c, "k")))).collect();
        here.into_iter().flat_map(|h| h.join().unwrap()).collect()
    });
    all.extend(children.into_iter().flat_map(|child| verdicts(child.finish())));

    assert_eq!(all.len(), 16);
    let (first, again): (Vec<&Verdict>, Vec<&Verdict>) = all.iter().partition(|v| v.flags & Verdict::REPLAYED == 0);
    assert_eq!(first.len(), 1);
    assert_eq!((first[0].status, first[0].remaining, first[0].key.as_str()), (Status::Ok, 3, "k"));
    again.iter().for_each(|v| assert_is_again(v, first[0]));
    assert_eq!(env.wechat.sends_to("o1").len(), 1);
    assert_eq!(left(&clients[1], "o1"), 3);
}

#[test]
fn from_threads_and_processes_at_once_a_key_grants_once() {
    let env = TestEnv::new();
    let client = env.client(json!({"timeout_ms": 60_000}));
    let mut child = start("report", &env.config(json!({"timeout_ms": 60_000})), 8);
    child.tell("go");
    let mut all = at_once(8, || accept(&client, "o1", TEMPLATE, Some("k")));
    all.extend(verdicts(child.finish()));
    assert_eq!(all.iter().filter(|v| v.flags & Verdict::REPLAYED == 0).count(), 1);
    for verdict in &all {
        assert_eq!((verdict.quota, verdict.remaining, verdict.key.as_str()), (QuotaChange::Granted, 1, "k"));
    }
    assert_eq!(left(&client, "o1"), 1);
}

#[test]
fn a_restart_remembers() {
    let env = TestEnv::new();
    let client = env.client(json!({}));
    env.accept(&client, "o1");
    let granted = accept(&client, "o1", TEMPLATE, Some("k"));
    let sent = keyed(&client, "k");
    env.wechat.arm(Fault::garbage(*b"?").on(Endpoint::Send));
    let maybe = keyed(&client, "maybe");
    assert_eq!((sent.status, maybe.status, maybe.retry), (Status::Ok, Status::Unknown, Retry::Unsafe));
    drop(client);

    let client = env.client(json!({}));
    assert_is_again(&keyed(&client, "k"), &sent);
    assert_is_again(&keyed(&client, "maybe"), &maybe);
    let again = accept(&client, "o1", TEMPLATE, Some("k"));
    assert_eq!((again.flags, again.quota, again.remaining), (Verdict::REPLAYED, granted.quota, granted.remaining));
    assert_eq!(env.wechat.sends_to("o1").len(), 2);
    assert_eq!(left(&client, "o1"), 1);
}

#[test]
fn a_keyed_send_whose_process_was_killed_is_a_maybe_and_not_sent_again() {
    let env = TestEnv::new();
    let client = env.client(json!({"timeout_ms": 60_000}));
    env.accept(&client, "o1");
    let mut child = start("send", &env.config(json!({"timeout_ms": 1000})), 1);
    env.wechat.arm(Fault::stall().on(Endpoint::Send).applied());
    child.tell("go");
    assert!(env.wechat.wait_for(Duration::from_secs(30), |c| c.calls_to(Endpoint::Send) == 1));
    child.kill();

    let hasty = send_with(&client, "o1", json!({"key": "k", "timeout_ms": 50}));
    assert_eq!((hasty.status, hasty.retry), (Status::Busy, Retry::Later), "for all we know it runs: {}", hasty.message);
    // Waits until the lease of the dead is over.
    let found = keyed(&client, "k");
    let told = (found.status, found.retry, found.flags, found.msgid);
    assert_eq!(told, (Status::Unknown, Retry::Unsafe, Verdict::REPLAYED, 0), "{}", found.message);
    assert_eq!((found.key.as_str(), found.template_id.as_str()), ("k", TEMPLATE));
    assert_is_again(&keyed(&client, "k"), &found);
    assert_eq!(left(&client, "o1"), 1, "the unit is given back");
    assert_eq!(env.wechat.sends_to("o1").len(), 1);
}

#[test]
fn whatever_surely_had_no_effect_may_be_tried_again_with_the_same_key() {
    let env = TestEnv::new();
    let client = env.client(json!({"timeout_ms": 4000, "max_attempts": 1}));
    // The token and the templates are there already.
    env.accept(&client, "warm");
    assert_eq!(send_with(&client, "warm", json!({})).status, Status::Ok);
    let answer = |errcode| Fault::errcode(errcode).on(Endpoint::Send);
    for (name, fault, status) in [
        ("40003", Some(answer(40003)), Status::Message),
        ("43101", Some(answer(43101)), Status::Refused),
        ("43108", Some(answer(43108)), Status::Busy),
        ("45009", Some(answer(45009)), Status::Busy),
        ("48001", Some(answer(48001)), Status::Auth),
        ("20001", Some(answer(20001)), Status::Wechat),
        ("offline", None, Status::Connect),
        ("no-quota", None, Status::NoQuota),
        ("43107", Some(answer(43107)), Status::Banned),
    ] {
        let openid = format!("o-{name}");
        let key = json!({"key": "k"});
        if status != Status::NoQuota {
            env.accept(&client, &openid);
        }
        env.wechat.set_offline(status == Status::Connect);
        fault.into_iter().for_each(|fault| env.wechat.arm(fault));
        let failed = send_with(&client, &openid, key.clone());
        assert_eq!((failed.status, failed.flags), (status, 0), "{name}: {}", failed.message);
        env.wechat.set_offline(false);

        // A ban keeps the template closed for a while, for this client.
        let other = (status == Status::Banned).then(|| env.client(json!({})));
        let client = other.as_ref().unwrap_or(&client);
        if left(client, &openid) == 0 {
            env.accept(client, &openid);
        }
        let sent = send_with(client, &openid, key.clone());
        assert_eq!((sent.status, sent.flags, sent.remaining), (Status::Ok, 0, 0), "{name}: {}", sent.message);
        assert_is_again(&send_with(client, &openid, key), &sent);
        assert_eq!(env.wechat.deliveries_to(&openid).len(), 1, "{name}");
    }
}

#[test]
fn while_the_first_runs_the_second_waits_and_no_longer_than_its_deadline() {
    let env = TestEnv::new();
    let clients = [env.client(json!({"timeout_ms": 60_000})), env.client(json!({"timeout_ms": 60_000}))];
    for _ in 0..2 {
        env.accept(&clients[0], "o1");
    }
    env.wechat.arm(Fault::stall().on(Endpoint::Send));
    std::thread::scope(|scope| {
        let first = scope.spawn(|| keyed(&clients[0], "k"));
        assert!(env.wechat.wait_for(Duration::from_secs(30), |c| c.calls_to(Endpoint::Send) == 1));
        let second = scope.spawn(|| keyed(&clients[1], "k"));
        for client in &clients {
            let hasty = send_with(client, "o1", json!({"key": "k", "timeout_ms": 50}));
            let told = (hasty.status, hasty.retry, hasty.flags, hasty.quota);
            assert_eq!(told, (Status::Busy, Retry::Later, 0, QuotaChange::Untouched), "{}", hasty.message);
        }
        env.wechat.drop_connections();
        let first = first.join().unwrap();
        assert_eq!(first.status, Status::Unknown);
        assert_is_again(&second.join().unwrap(), &first);
    });
    assert_eq!(env.wechat.sends_to("o1").len(), 1);
}

#[test]
fn what_a_key_belongs_to() {
    let env = TestEnv::with(Options { initial_grants: 10, ..Options::default() });
    let client = env.client(json!({"templates": "off"}));
    for (openid, template, times) in [("o1", TEMPLATE, 2), ("o2", TEMPLATE, 1), ("o1", "sim-activity", 1)] {
        for _ in 0..times {
            // For reports: another player or another template is another key.
            let granted = accept(&client, openid, template, Some("k"));
            let first_time = granted.flags == 0;
            assert_eq!((granted.remaining, granted.template_id.as_str()), (1, template), "{openid}, {first_time}");
        }
    }
    let counts =
        [("o1", TEMPLATE), ("o2", TEMPLATE), ("o1", "sim-activity")].map(|(o, t)| client.quota(o, t).remaining);
    assert_eq!(counts, [1, 1, 1]);

    // A report's key is no send's, and a send's is the player's.
    let sent = [("o1", keyed(&client, "k")), ("o2", send_with(&client, "o2", json!({"key": "k"})))];
    for (openid, verdict) in sent {
        assert_eq!((verdict.status, verdict.flags), (Status::Ok, 0), "{openid}: {}", verdict.message);
    }
    let other = client.send(&message_from("o1", "sim-activity"), Some(r#"{"key": "k"}"#));
    assert_eq!((other.status, other.retry, other.quota), (Status::Arg, Retry::Never, QuotaChange::Untouched));
    assert!(other.message.contains(TEMPLATE), "{}", other.message);
    assert_eq!(env.wechat.counters().delivered, 2);

    // The empty key is none.
    assert_eq!(
        [accept(&client, "o3", TEMPLATE, Some("")), accept(&client, "o3", TEMPLATE, Some(""))].map(|v| v.flags),
        [0, 0]
    );
    assert_eq!(left(&client, "o3"), 2);
}

#[test]
fn a_key_of_client_answers_is_one_for_each_template() {
    let env = TestEnv::new();
    let client = env.client(json!({}));
    let report = |json: Value| -> Vec<(u32, QuotaChange, i64)> {
        let verdicts = client.report_json("o1", &json.to_string(), Some("k")).unwrap();
        verdicts.iter().map(|v| (v.flags, v.quota, v.remaining)).collect()
    };
    let (granted, cleared) = (QuotaChange::Granted, QuotaChange::Cleared);
    let both = json!({"errMsg": "requestSubscribeMessage:ok", "a": "accept", "b": "reject"});
    assert_eq!(report(both.clone()), [(0, granted, 1), (0, cleared, 0)]);
    // The host tries again, with one template more.
    let three = json!({"errMsg": "requestSubscribeMessage:ok", "a": "accept", "c": "accept", "b": "reject"});
    let again = Verdict::REPLAYED;
    assert_eq!(report(three), [(again, granted, 1), (0, granted, 1), (again, cleared, 0)]);
    assert_eq!(report(both), [(again, granted, 1), (again, cleared, 0)]);
    assert_eq!(["a", "b", "c"].map(|t| client.quota("o1", t).remaining), [1, 0, 1]);
}
