//! Messages that wait in the store: sent at their time, once, cancelled, replaced, looked up, and never lost.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::common::{TEMPLATE, TestEnv, left, message};
use serde_json::json;
use wxsub::{Client, Status, Verdict};
use wxsub_simulator::{Endpoint, Fault};

fn in_ms(ms: i64) -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64 + ms
}

/// Submits a message and returns its ticket's result.
fn store(client: &Client, openid: &str, options: serde_json::Value) -> Verdict {
    let ticket = client.submit(&message(openid), Some(&options.to_string())).unwrap();
    next(client, |r| r.ticket == ticket)
}

fn outcome(client: &Client) -> Verdict {
    next(client, |r| r.flags & Verdict::OUTCOME != 0)
}

/// Polls for a result; others that come first are a mistake.
fn next(client: &Client, which: impl Fn(&Verdict) -> bool) -> Verdict {
    let until = Instant::now() + Duration::from_secs(60);
    while Instant::now() < until {
        if let Some(result) = client.poll(1, Duration::from_millis(500)).unwrap().pop() {
            assert!(which(&result), "{result:#?}");
            return result;
        }
    }
    panic!("no result came");
}

#[test]
fn a_message_is_sent_at_its_time() {
    let env = TestEnv::new();
    let client = env.client(json!({}));
    env.accept(&client, "o1");
    let due = in_ms(1500);
    let stored = store(&client, "o1", json!({"deliver_at": due, "key": "k", "tag": 9}));
    assert_eq!((stored.status, stored.flags, stored.tag), (Status::Ok, Verdict::STORED, 9), "{stored:?}");
    let waits = client.lookup("o1", "k");
    assert_eq!((waits.status, waits.flags), (Status::Ok, Verdict::STORED), "{waits:?}");
    assert!(waits.retry_after_ms > 0 && waits.retry_after_ms <= 1500);
    assert_eq!(client.stats().unwrap().outbox.waiting, 1);
    assert!(env.wechat.deliveries().is_empty());

    let sent = outcome(&client);
    assert!(in_ms(0) >= due);
    assert_eq!((sent.status, sent.ticket, sent.tag, sent.key.as_str()), (Status::Ok, 0, 9, "k"), "{sent:?}");
    assert_eq!(env.wechat.deliveries().len(), 1);
    assert_eq!(left(&client, "o1"), 0);
    let found = client.lookup("o1", "k");
    assert_eq!((found.status, found.flags, found.msgid), (Status::Ok, Verdict::REPLAYED, sent.msgid));
    assert_eq!(client.stats().unwrap().outbox.waiting, 0);
    assert_eq!(client.lookup("o1", "other").status, Status::NotFound);
}

#[test]
fn a_message_survives_the_end_of_its_process_and_is_sent_by_the_next() {
    let env = TestEnv::new();
    let client = env.client(json!({}));
    env.accept(&client, "o1");
    store(&client, "o1", json!({"deliver_at": in_ms(700)}));
    drop(client);
    let client = env.client(json!({}));
    assert_eq!(outcome(&client).status, Status::Ok);
    assert_eq!(env.wechat.deliveries().len(), 1);
}

#[test]
fn a_bad_message_is_not_stored_and_the_count_is_looked_at_when_it_is_sent() {
    let env = TestEnv::new();
    let client = env.client(json!({}));
    env.accept(&client, "o1");
    let bad = json!({"touser": "o1", "template_id": TEMPLATE, "data": {"thing1": "x"}}).to_string();
    client.submit(&bad, Some(r#"{"durable":true}"#)).unwrap();
    let told = next(&client, |r| r.ticket > 0);
    assert_eq!((told.status, told.flags), (Status::Message, 0), "{told:?}");
    // Nobody allowed this one yet, and nobody does.
    assert_eq!(store(&client, "o2", json!({"durable": true})).flags, Verdict::STORED);
    assert_eq!(outcome(&client).status, Status::NoQuota);
    assert_eq!(client.stats().unwrap().outbox.waiting, 0);
}

#[test]
fn cancel_keep_and_replace() {
    let env = TestEnv::new();
    let client = env.client(json!({}));
    (0..3).for_each(|_| drop(env.accept(&client, "o1")));
    let later = in_ms(3_600_000);
    store(&client, "o1", json!({"deliver_at": later, "key": "k", "tag": 1}));
    let kept = store(&client, "o1", json!({"deliver_at": in_ms(0), "key": "k", "tag": 2}));
    assert_eq!((kept.status, kept.flags), (Status::Ok, Verdict::STORED | Verdict::REPLAYED), "{kept:?}");
    assert_eq!(client.lookup("o1", "k").tag, 1);
    assert!(env.wechat.deliveries().is_empty());

    let cancelled = client.cancel("o1", "k");
    assert_eq!((cancelled.status, cancelled.tag), (Status::Ok, 1), "{cancelled:?}");
    assert_eq!(client.cancel("o1", "k").status, Status::NotFound);
    assert_eq!(client.lookup("o1", "k").status, Status::Cancelled);

    store(&client, "o1", json!({"deliver_at": later, "key": "k", "tag": 3}));
    let replaced =
        store(&client, "o1", json!({"deliver_at": in_ms(0), "key": "k", "tag": 4, "on_conflict": "replace"}));
    assert_eq!((replaced.status, replaced.flags), (Status::Ok, Verdict::STORED), "{replaced:?}");
    let sent = outcome(&client);
    assert_eq!((sent.status, sent.tag), (Status::Ok, 4));
    assert_eq!(client.cancel("o1", "k").status, Status::TooLate);
    let again = store(&client, "o1", json!({"durable": true, "key": "k"}));
    assert_eq!((again.status, again.flags, again.msgid), (Status::Ok, Verdict::REPLAYED, sent.msgid), "{again:?}");
    assert_eq!(env.wechat.deliveries().len(), 1);
    assert_eq!(client.stats().unwrap().outbox.waiting, 0);
}

#[test]
fn what_may_pass_is_tried_again_and_what_is_too_late_is_not_sent() {
    let env = TestEnv::new();
    let client = env.client(json!({"max_attempts": 1}));
    env.accept(&client, "o1");
    env.wechat.arm(Fault::errcode(-1).on(Endpoint::Send));
    store(&client, "o1", json!({"durable": true, "key": "k"}));
    let sent = outcome(&client);
    assert_eq!(sent.status, Status::Ok, "{sent:?}");
    assert_eq!(env.wechat.sends_to("o1").len(), 2);

    env.accept(&client, "o1");
    env.wechat.arm(Fault::errcode(-1).on(Endpoint::Send).forever());
    store(&client, "o1", json!({"durable": true, "expires_at": in_ms(1500), "key": "late"}));
    let expired = outcome(&client);
    assert_eq!(expired.status, Status::Expired, "{expired:?}");
    assert!(expired.message.contains("-1"), "{expired:?}");
    assert_eq!(client.lookup("o1", "late").status, Status::Expired);
    assert_eq!(left(&client, "o1"), 1);
}

#[test]
fn a_maybe_is_reported_or_resent() {
    let env = TestEnv::new();
    let client = env.client(json!({"timeout_ms": 1000}));
    for (key, on_unknown) in [("report", "report"), ("resend", "resend")] {
        let openid = format!("o-{key}");
        env.accept(&client, &openid);
        env.wechat.arm(Fault::garbage("nonsense").on(Endpoint::Send).openid(&openid));
        store(&client, &openid, json!({"durable": true, "key": key, "on_unknown": on_unknown}));
        let end = outcome(&client);
        let wanted = if key == "resend" { (Status::Ok, 2) } else { (Status::Unknown, 1) };
        assert_eq!((end.status, env.wechat.sends_to(&openid).len()), wanted, "{end:?}");
        assert_eq!(client.lookup(&openid, key).status, wanted.0);
    }
}

#[test]
fn two_clients_share_an_outbox_and_send_each_message_once() {
    const PLAYERS: usize = 40;
    let env = TestEnv::new();
    let clients = [env.client(json!({})), env.client(json!({}))];
    for n in 0..PLAYERS {
        env.accept(&clients[0], &format!("o{n}"));
        store(&clients[n % 2], &format!("o{n}"), json!({"deliver_at": in_ms(1500)}));
    }
    let mut outcomes = 0;
    let until = Instant::now() + Duration::from_secs(60);
    while outcomes < PLAYERS && Instant::now() < until {
        for client in &clients {
            let results = client.poll(100, Duration::from_millis(20)).unwrap();
            assert!(results.iter().all(|r| r.status == Status::Ok), "{results:#?}");
            outcomes += results.len();
        }
    }
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(outcomes, PLAYERS);
    assert_eq!(env.wechat.deliveries().len(), PLAYERS);
    assert_eq!(env.wechat.counters().calls_to(Endpoint::Send), PLAYERS as u64);
}
