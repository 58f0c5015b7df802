//! A connection that is cut in the middle of a step, in each way, or an answer that comes too late: the step is done once.

use std::time::Duration;

use crate::common::{TEMPLATE, left, message, send};
use crate::env::RedisEnv;
use crate::faults::{accept, until_answered};
use crate::servers::{Program, Proxy, Server, Trouble, wait_until};
use serde_json::json;
use wxsub::{QuotaChange, Status, Verdict};
use wxsub_simulator::{Endpoint, Fault};

const CUTS: [Trouble; 6] = [
    Trouble::CutRequest(0),
    Trouble::CutRequest(60),
    Trouble::CutRequest(usize::MAX),
    Trouble::CutReply(0),
    Trouble::CutReply(3),
    Trouble::CutReply(usize::MAX),
];

/// The script when it applies something: it is told when that was decided. One that reads is not.
const APPLIES: &str = "\r\n$13\r\n1";
/// The script when it reads.
const READS: &str = "\r\n$1\r\n?\r\n";

/// The step is done again on another connection, and its effect is there once.
#[test]
fn a_connection_that_is_cut_in_a_step_is_not_noticed() {
    for program in Program::ALL {
        let env = RedisEnv::new();
        let server = Server::start(RedisEnv::settings().program(program));
        let proxy = Proxy::to(server.port());
        let client = env.open(&RedisEnv::url(proxy.port()), json!({"timeout_ms": 20_000}));
        let mut met = 0;
        let mut cut = |step: &str, openid: &str, trouble| {
            let words: &[&str] = match step {
                "remaining" => &["evalsha", READS, openid],
                // It is the one that changes what lasts.
                "settle" => &["evalsha", APPLIES, "\r\nhset\r\n", openid],
                _ => &["evalsha", APPLIES, openid],
            };
            proxy.arm(words, trouble);
            met += 1;
            met
        };
        // A deduction may ride with what comes next.
        let met_all = |met| proxy.wait_until_met(met);
        // The scripts are known from here on.
        env.base.accept(&client, "warm");
        env.ok(send(&client, "warm"));
        for trouble in CUTS {
            let player = format!("{trouble:?}");
            for (key, count) in [(None, 1), (None, 2), (Some("k"), 3), (Some("k"), 3)] {
                env.base.wechat.grant(&player, TEMPLATE, 1);
                let met = cut("report", &player, trouble);
                assert_eq!(env.ok(accept(&client, &player, key)).remaining, count, "{trouble:?} {key:?}");
                met_all(met);
            }
            for (step, options, count) in
                [("begin", None, 2), ("settle", None, 1), ("begin", Some(r#"{"key":"k"}"#), 0)]
            {
                let met = cut(step, &player, trouble);
                let sent = env.ok(client.send(&message(&player), options));
                assert_eq!(
                    (sent.quota, sent.remaining, sent.attempts),
                    (QuotaChange::Spent, count, 1),
                    "{trouble:?} {step}"
                );
                met_all(met);
            }
            let met = cut("begin", &player, trouble);
            let again = env.ok(client.send(&message(&player), Some(r#"{"key":"k"}"#)));
            assert_eq!(again.flags, Verdict::REPLAYED, "{trouble:?}");
            met_all(met);
            let met = cut("remaining", &player, trouble);
            assert_eq!((left(&client, &player), env.base.wechat.deliveries_to(&player).len()), (0, 3), "{trouble:?}");
            met_all(met);
        }
        assert_eq!(env.base.wechat.counters().overlaps, 0);
    }
}

/// Steps of the outbox, each cut in each way; every message is told of once and sent once, or cancelled.
#[test]
fn a_connection_that_is_cut_in_a_step_of_the_outbox_is_not_noticed() {
    let env = RedisEnv::new();
    let server = Server::start(RedisEnv::settings());
    let proxy = Proxy::to(server.port());
    let url = RedisEnv::url(proxy.port());
    let client = env.open(&url, json!({"timeout_ms": 2000, "quota": "observe"}));
    let mut steps = Vec::new();
    let all: [(&str, &[&str]); 8] = [
        ("put", &["evalsha", APPLIES, "\r\nzadd\r\n"]),
        ("announced", &["evalsha", "\r\nhincrby\r\n"]),
        ("listed", &["zrange"]),
        ("read", &["evalsha", READS]),
        ("begun", &["evalsha", APPLIES, "recent:"]),
        ("ended", &["evalsha", APPLIES, "\r\nzrem\r\n"]),
        ("counted", &["hmget"]),
        ("noted", &["evalsha", "announced", "\r\nzrem\r\n"]),
    ];
    for step in all {
        steps.extend(CUTS.map(|trouble| (step, trouble)));
    }
    let mut wanted = 0;
    for ((step, words), trouble) in steps {
        let key = format!("{step}-{trouble:?}");
        env.base.wechat.grant(&key, TEMPLATE, 1);
        let met = proxy.met();
        // What is no step of this player's is met by whoever comes first.
        proxy.arm(words, trouble);
        let options = json!({"key": key, "durable": true, "timeout_ms": 2000}).to_string();
        let ticket = env.recorder.record(client.submit(&message(&key), Some(&options)).unwrap());
        let (mut stored, mut outcome) = (None, None);
        wait_until(&format!("{key} is stored and sent"), || {
            for result in env.recorder.record(client.poll(16, Duration::from_millis(20)).unwrap()) {
                assert_eq!(result.key, key);
                match result.ticket == ticket {
                    true => assert!(stored.replace(result).is_none()),
                    false => assert!(outcome.replace(result).is_none(), "{key}: two outcomes"),
                }
            }
            stored.is_some() && outcome.is_some()
        });
        let (stored, outcome) = (stored.unwrap(), outcome.unwrap());
        assert_eq!((stored.status, stored.flags), (Status::Ok, Verdict::STORED), "{}", stored.message);
        assert_eq!(outcome.status, Status::Ok, "{key}: {}", outcome.message);
        wanted += 1;
        let deliveries = env.base.wechat.deliveries_to(&key).len();
        assert_eq!(deliveries, 1, "{key}");
        // Not every message takes every step.
        proxy.disarm();
        assert!(proxy.met() > met || matches!(step, "counted" | "noted"), "{key}: {step} was never taken");
    }
    assert_eq!(env.base.wechat.counters().delivered, wanted);

    let later =
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis() as u64 + 3_600_000;
    for (n, trouble) in CUTS.into_iter().enumerate() {
        let key = format!("cancelled-{n}");
        let options = json!({"key": key, "deliver_at": later, "notify": false, "tag": 7}).to_string();
        client.submit(&message("o1"), Some(&options)).unwrap();
        wait_until("it is stored", || client.lookup("o1", &key).flags == Verdict::STORED);
        let met = proxy.met();
        proxy.arm(&["evalsha", APPLIES, "\r\nzrem\r\n"], trouble);
        let cancelled = env.ok(client.cancel("o1", &key));
        assert_eq!((proxy.met(), cancelled.tag), (met + 1, 7), "{trouble:?}");
        assert_eq!(client.lookup("o1", &key).status, Status::Cancelled);
    }
    assert_eq!(client.stats().unwrap().outbox.waiting, 0);
}

/// The answer does not come to the end of the call: it says that it is not known, and the same key settles it.
#[test]
fn a_report_whose_answer_came_too_late_is_done_once_with_its_key() {
    let env = RedisEnv::new();
    let server = Server::start(RedisEnv::settings());
    let proxy = Proxy::to(server.port());
    let client = env.open(&RedisEnv::url(proxy.port()), json!({"timeout_ms": 3000}));
    env.base.accept(&client, "warm");
    proxy.arm(&["evalsha", APPLIES], Trouble::HoldReply);
    env.store_in_doubt(accept(&client, "o1", Some("k")), 3000, &["no answer came in time", "not known"]);
    assert_eq!(proxy.met(), 1);
    proxy.release();
    let again = env.ok(accept(&client, "o1", Some("k")));
    assert_eq!((again.flags, left(&client, "o1")), (Verdict::REPLAYED, 1));
}

/// The hold was taken, and its answer did not come in time: nothing was sent, and the unit comes back.
#[test]
fn a_hold_whose_answer_came_too_late_is_given_back() {
    let env = RedisEnv::new();
    let server = Server::start(RedisEnv::settings());
    let proxy = Proxy::to(server.port());
    let client = env.open(&RedisEnv::url(proxy.port()), json!({"timeout_ms": 1000}));
    env.base.accept(&client, "o1");
    for options in [json!({}), json!({"key": "k"})] {
        let met = proxy.met();
        // As it stands still for this one step, also for the tries that follow.
        for _ in 0..1000 {
            proxy.arm(&["eval", APPLIES], Trouble::HoldReply);
        }
        let failed = client.send(&message("o1"), Some(&options.to_string()));
        env.store_failed(failed, 1000, &["no answer came in time"]);
        assert!(proxy.met() > met && env.base.wechat.sends_to("o1").is_empty());
        proxy.disarm();
        proxy.release();
        wait_until("the unit comes back", || client.quota("o1", TEMPLATE).remaining == 1);
    }
    env.ok(client.send(&message("o1"), Some(r#"{"timeout_ms": 20000}"#)));
    assert_eq!((left(&client, "o1"), env.base.wechat.sends_to("o1").len()), (0, 1));
}

/// The message is at WeChat; that the store did not answer to the deduction takes nothing from that.
#[test]
fn a_deduction_whose_answer_came_too_late_was_made() {
    let env = RedisEnv::new();
    let server = Server::start(RedisEnv::settings());
    let proxy = Proxy::to(server.port());
    let client = env.open(&RedisEnv::url(proxy.port()), json!({"timeout_ms": 1500}));
    for _ in 0..2 {
        env.base.accept(&client, "o1");
    }
    env.base.wechat.arm(Fault::delay(300).on(Endpoint::Send));
    let sent = std::thread::scope(|scope| {
        let sending = scope.spawn(|| client.send(&message("o1"), Some(r#"{"key": "k"}"#)));
        wait_until("it is at WeChat", || env.base.wechat.sends_to("o1").len() == 1);
        for _ in 0..1000 {
            proxy.arm(&["eval", APPLIES], Trouble::HoldReply);
        }
        env.ok(sending.join().unwrap())
    });
    assert!(sent.msgid != 0 && sent.elapsed_ms < 1500 + 3000, "{sent:?}");
    assert!(proxy.met() > 0);
    proxy.disarm();
    proxy.release();
    assert_eq!(until_answered(&env, || client.quota("o1", TEMPLATE)).remaining, 1);
    let again = env.ok(client.send(&message("o1"), Some(r#"{"key": "k", "timeout_ms": 20000}"#)));
    assert_eq!((again.flags, again.msgid), (Verdict::REPLAYED, sent.msgid));
    env.ok(client.send(&message("o1"), Some(r#"{"timeout_ms": 20000}"#)));
    assert_eq!((left(&client, "o1"), env.base.wechat.sends_to("o1").len()), (0, 2));
}
