//! A late result settles a send in doubt: WeChat's event of a send whose answer never came.

mod running;

use std::time::{Duration, Instant};

use crate::common::process::{Child, listen, play, say};
use crate::common::pushes::{now_s, plain, push, sent};
use crate::common::{TEMPLATE, TestEnv, left, message, message_from, send};
use serde_json::{Value, json};
use wxsub::{Answer, Client, Config, QuotaChange, Retry, Status, Verdict};
use wxsub_simulator::push::Push;
use wxsub_simulator::{Endpoint, Fault};

#[test]
fn child() {
    play(|_send, args| {
        let client = Client::open(Config::from_json(args["config"].as_str().unwrap()).unwrap()).unwrap();
        say("ready");
        assert_eq!(listen().as_deref(), Some("go"));
        let verdict = client.send(&message(args["openid"].as_str().unwrap()), args["options"].as_str());
        say(&serde_json::to_string(&verdict).unwrap());
    });
}

fn send_with(client: &Client, openid: &str, key: &str) -> Verdict {
    client.send(&message(openid), Some(&json!({"key": key}).to_string()))
}

/// A send that WeChat took and whose answer was lost; returns its msgid.
fn unheard(env: &TestEnv, client: &Client, openid: &str, key: &str) -> i64 {
    env.wechat.arm(Fault::close().on(Endpoint::Send).openid(openid).applied());
    let in_doubt = send_with(client, openid, key);
    assert_eq!(
        (in_doubt.status, in_doubt.retry, in_doubt.quota),
        (Status::Unknown, Retry::Unsafe, QuotaChange::Returned)
    );
    msgid_of_last(env, openid)
}

/// A send that WeChat never saw, for all that anybody knows.
fn unanswered(env: &TestEnv, client: &Client, openid: &str, key: &str) {
    env.wechat.arm(Fault::close().on(Endpoint::Send).openid(openid));
    assert_eq!(send_with(client, openid, key).status, Status::Unknown);
}

fn msgid_of_last(env: &TestEnv, openid: &str) -> i64 {
    env.wechat.deliveries_to(openid).last().expect("WeChat took it").msgid
}

/// WeChat's event of a send to the player, with the time of now.
fn result(openid: &str, msgid: i64, errcode: i64) -> Push {
    sent(openid, TEMPLATE, msgid, errcode, now_s())
}

fn told(verdict: &Verdict) -> (Status, QuotaChange, i64, u32) {
    (verdict.status, verdict.quota, verdict.remaining, verdict.flags)
}

const NOTHING: (Status, QuotaChange, i64, u32) = (Status::Ok, QuotaChange::Untouched, -1, 0);

#[test]
fn a_delivered_message_is_spent_once_and_its_key_answers_sent() {
    let env = TestEnv::new();
    let client = env.client(plain());
    env.accept(&client, "o1");
    env.accept(&client, "o1");
    let msgid = unheard(&env, &client, "o1", "k");
    assert_eq!(left(&client, "o1"), 2, "given back while nobody knows");
    let still = send_with(&client, "o1", "k");
    assert_eq!((still.status, still.flags), (Status::Unknown, Verdict::REPLAYED));

    let settled = push(&env.wechat, &client, &result("o1", msgid, 0));
    assert_eq!(told(&settled), (Status::Ok, QuotaChange::Spent, 1, 0), "{}", settled.message);
    assert_eq!((settled.msgid, settled.template_id.as_str()), (msgid, TEMPLATE));
    assert_eq!(left(&client, "o1"), 1);
    for _ in 0..2 {
        let replayed = client.send(&message("o1"), Some(r#"{"key": "k", "tag": 9}"#));
        assert_eq!(told(&replayed), (Status::Ok, QuotaChange::Spent, 1, Verdict::REPLAYED), "{}", replayed.message);
        assert_eq!((replayed.msgid, replayed.retry, replayed.tag), (msgid, Retry::Never, 9));
        assert_eq!((replayed.key.as_str(), replayed.template_id.as_str()), ("k", TEMPLATE));
    }

    // WeChat pushes it again; and another time for the same message.
    let event = result("o1", msgid, 0);
    let again = push(&env.wechat, &client, &Push { create_time: Some(event.create_time.unwrap() + 1), ..event });
    assert_eq!(told(&again), NOTHING, "{}", again.message);
    assert_eq!(left(&client, "o1"), 1);
    assert_eq!(send(&client, "o1").status, Status::Ok);
    assert_eq!(env.wechat.deliveries_to("o1").len(), 2);
}

#[test]
fn a_refused_message_clears_what_was_granted_before_it() {
    let env = TestEnv::new();
    let client = env.client(plain());
    for _ in 0..3 {
        env.accept(&client, "o1");
    }
    unanswered(&env, &client, "o1", "k");
    env.accept(&client, "o1");
    assert_eq!(left(&client, "o1"), 4);
    let settled = push(&env.wechat, &client, &result("o1", 5, 43101));
    assert_eq!(told(&settled), (Status::Ok, QuotaChange::Cleared, 1, 0), "the accept that came after the send stays");
    assert_eq!(left(&client, "o1"), 1);

    // Surely nothing was sent: the key is free.
    let afresh = send_with(&client, "o1", "k");
    assert_eq!((afresh.status, afresh.flags, afresh.remaining), (Status::Ok, 0, 0), "{}", afresh.message);
    assert_eq!(send(&client, "o1").status, Status::NoQuota);
}

#[test]
fn a_message_that_failed_otherwise_takes_nothing_and_frees_its_key() {
    let env = TestEnv::new();
    let client = env.client(plain());
    env.accept(&client, "o1");
    unanswered(&env, &client, "o1", "k");
    let settled = push(&env.wechat, &client, &result("o1", 5, 45168));
    assert_eq!(told(&settled), (Status::Ok, QuotaChange::Untouched, 1, 0), "{}", settled.message);
    assert!(settled.message.contains("45168") && settled.message.contains("blocked word"), "{}", settled.message);
    let afresh = send_with(&client, "o1", "k");
    assert_eq!((afresh.status, afresh.flags, afresh.remaining), (Status::Ok, 0, 0), "{}", afresh.message);
}

#[test]
fn a_known_msgid_settles_nothing() {
    let env = TestEnv::new();
    let client = env.client(plain());
    let mut known = Vec::new();
    for _ in 0..8 {
        env.accept(&client, "o1");
        known.push(send(&client, "o1").msgid);
    }
    env.accept(&client, "o1");
    let unheard = unheard(&env, &client, "o1", "k");
    for msgid in known {
        for errcode in [0, 43101] {
            assert_eq!(told(&push(&env.wechat, &client, &result("o1", msgid, errcode))), NOTHING);
        }
    }
    assert_eq!(left(&client, "o1"), 1);
    assert_eq!(send_with(&client, "o1", "k").status, Status::Unknown);
    assert_eq!(push(&env.wechat, &client, &result("o1", unheard, 0)).quota, QuotaChange::Spent);
}

#[test]
fn an_event_settles_only_its_own_player_and_template() {
    let env = TestEnv::new();
    let client = env.client(plain());
    env.accept(&client, "o1");
    unheard(&env, &client, "o1", "k");
    assert_eq!(told(&push(&env.wechat, &client, &sent("o2", TEMPLATE, 5, 0, now_s()))), NOTHING);
    assert_eq!(told(&push(&env.wechat, &client, &sent("o1", "sim-activity", 6, 0, now_s()))), NOTHING);
    assert_eq!((left(&client, "o1"), send_with(&client, "o1", "k").status), (1, Status::Unknown));
    // Without a msgid it may be any send's.
    let unnamed = push(&env.wechat, &client, &result("o1", 0, 0));
    assert_eq!((unnamed.quota, unnamed.remaining), (QuotaChange::Spent, 0));
}

#[test]
fn the_oldest_in_doubt_is_settled_first_and_each_once() {
    let env = TestEnv::new();
    let client = env.client(plain());
    for _ in 0..3 {
        env.accept(&client, "o1");
    }
    let answers = |key: &str| {
        let verdict = send_with(&client, "o1", key);
        (verdict.status, verdict.msgid)
    };
    let first = unheard(&env, &client, "o1", "k1");
    let second = unheard(&env, &client, "o1", "k2");
    assert_eq!(left(&client, "o1"), 3);
    // WeChat pushes it three times, and here all three come at once.
    let event = result("o1", second, 0);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| assert_eq!(push(&env.wechat, &client, &event).remaining, 2));
        }
    });
    // Nobody can tell which is whose: the oldest is taken for it.
    assert_eq!((answers("k1"), answers("k2")), ((Status::Ok, second), (Status::Unknown, 0)));
    assert_eq!(push(&env.wechat, &client, &result("o1", first, 0)).remaining, 1);
    assert_eq!((answers("k1"), answers("k2")), ((Status::Ok, second), (Status::Ok, first)));
    assert_eq!(told(&push(&env.wechat, &client, &result("o1", 7, 0))), NOTHING, "nothing is left to settle");
    assert_eq!(left(&client, "o1"), 1);
}

/// Two clocks are compared: a send that started up to 30 s after the event's time may be meant by it.
#[test]
fn a_send_that_started_later_is_not_meant() {
    let env = TestEnv::new();
    let client = env.client(plain());
    env.accept(&client, "o1");
    let before_s = now_s();
    let msgid = unheard(&env, &client, "o1", "k");
    for (early_s, settles) in [(3600, false), (31, false), (20, true)] {
        let settled = push(&env.wechat, &client, &sent("o1", TEMPLATE, msgid, 0, before_s - early_s));
        assert_eq!(settled.quota == QuotaChange::Spent, settles, "{early_s} s before it: {}", settled.message);
    }
    assert_eq!(left(&client, "o1"), 0);
}

#[test]
fn a_send_in_doubt_is_settled_across_a_restart_and_by_another_client() {
    let env = TestEnv::new();
    let client = env.client(plain());
    env.accept(&client, "o1");
    env.accept(&client, "o2");
    let first = unheard(&env, &client, "o1", "k");
    let second = unheard(&env, &client, "o2", "k");
    let other = env.client(plain());
    assert_eq!(push(&env.wechat, &other, &result("o1", first, 0)).remaining, 0);
    assert_eq!(send_with(&client, "o1", "k").status, Status::Ok);
    drop((client, other));
    let reopened = env.client(plain());
    assert_eq!(push(&env.wechat, &reopened, &result("o2", second, 0)).remaining, 0);
    for openid in ["o1", "o2"] {
        let replayed = send_with(&reopened, openid, "k");
        assert_eq!((replayed.status, replayed.flags), (Status::Ok, Verdict::REPLAYED));
    }
    drop(reopened);
    let again = env.client(plain());
    let event = result("o2", second, 0);
    let repeated = push(&env.wechat, &again, &Push { create_time: Some(now_s() - 7), ..event });
    assert_eq!(told(&repeated), NOTHING, "its msgid is known now");
    assert_eq!(env.wechat.deliveries().len(), 2);
}

/// What was spent since, or granted since, is not taken again.
#[test]
fn a_late_success_spends_no_later_grant() {
    let env = TestEnv::new();
    let client = env.client(plain());
    env.accept(&client, "o1");
    let msgid = unheard(&env, &client, "o1", "k");
    // The unit came back and is refused at WeChat, which knows better: the count is cleared.
    assert_eq!(send(&client, "o1").status, Status::Refused);
    env.accept(&client, "o1");
    let settled = push(&env.wechat, &client, &result("o1", msgid, 0));
    assert_eq!((settled.quota, settled.remaining), (QuotaChange::Spent, 1), "{}", settled.message);
    assert_eq!(send(&client, "o1").status, Status::Ok);
}

#[test]
fn one_without_a_key_is_settled_too() {
    let env = TestEnv::new();
    let client = env.client(plain());
    env.accept(&client, "o1");
    env.wechat.arm(Fault::stall().on(Endpoint::Send).applied());
    let in_doubt = client.send(&message("o1"), Some(r#"{"timeout_ms": 300}"#));
    assert_eq!((in_doubt.status, in_doubt.remaining), (Status::Unknown, 1));
    let settled = push(&env.wechat, &client, &result("o1", msgid_of_last(&env, "o1"), 0));
    assert_eq!(told(&settled), (Status::Ok, QuotaChange::Spent, 0, 0), "{}", settled.message);
}

fn wait_for_delivery(env: &TestEnv, openid: &str) {
    let patience = Instant::now() + Duration::from_secs(20);
    while env.wechat.deliveries_to(openid).is_empty() {
        assert!(Instant::now() < patience, "nothing was sent to {openid}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Another process is killed while its request is at WeChat, which takes it.
fn killed_while_sending(env: &TestEnv, openid: &str, timeout_ms: u64) -> i64 {
    let options = json!({"key": "k", "timeout_ms": timeout_ms}).to_string();
    let config = env.config(plain());
    let mut child =
        Child::start(module_path!(), "send", json!({"config": config, "openid": openid, "options": options}));
    assert_eq!(child.heard(), "ready");
    env.wechat.arm(Fault::stall().on(Endpoint::Send).openid(openid).applied());
    child.tell("go");
    wait_for_delivery(env, openid);
    let said: Vec<String> = child.kill();
    assert!(said.is_empty(), "killed before it knew: {said:?}");
    msgid_of_last(env, openid)
}

#[test]
fn a_send_whose_process_died_is_settled_when_its_lease_is_over() {
    let env = TestEnv::new();
    let client = env.client(plain());
    // Whether the event finds it dead, or the key, or another send: the same.
    std::thread::scope(|scope| {
        for finder in ["event", "key", "send"] {
            let (env, client) = (&env, &client);
            scope.spawn(move || settled_after_death(env, client, finder));
        }
    });
}

fn settled_after_death(env: &TestEnv, client: &Client, finder: &str) {
    env.accept(client, finder);
    env.accept(client, finder);
    let msgid = killed_while_sending(env, finder, 1000);
    let mut others = 0;
    match finder {
        "key" => {
            let dead = send_with(client, finder, "k");
            assert_eq!((dead.status, dead.flags), (Status::Unknown, Verdict::REPLAYED), "{}", dead.message);
        }
        "send" => {
            let other = send(client, finder);
            assert_eq!(other.status, Status::Ok, "{}", other.message);
            others = 1;
        }
        _ => {}
    }
    // The event waits at most four seconds: longer than this lease lasts.
    let settled = push(&env.wechat, client, &result(finder, msgid, 0));
    let wanted = (Status::Ok, QuotaChange::Spent, 1 - others, 0);
    assert_eq!(told(&settled), wanted, "{finder}: {}", settled.message);
    let replayed = send_with(client, finder, "k");
    let told = (replayed.status, replayed.flags, replayed.msgid);
    assert_eq!(told, (Status::Ok, Verdict::REPLAYED, msgid), "{finder}: {}", replayed.message);
    assert_eq!(left(client, finder), 1 - others, "{finder}");
}

/// A long-term template's late refusal switches it off, its late success leaves it on.
#[test]
fn late_results_of_what_lasts() {
    let env = TestEnv::new();
    let mut config = plain();
    config["templates"] = json!([{"id": "lasting", "type": 3, "keys": ["thing1", "time2"]}]);
    let client = env.client(config);
    let in_doubt = |errcode: i64, msgid: i64| {
        client.report("o1", Some("lasting"), Answer::Accept, None);
        env.wechat.arm(Fault::close().on(Endpoint::Send));
        assert_eq!(client.send(&message_from("o1", "lasting"), None).status, Status::Unknown);
        push(&env.wechat, &client, &sent("o1", "lasting", msgid, errcode, now_s()))
    };
    let count = || client.quota("o1", "lasting").remaining;
    assert_eq!((in_doubt(0, 5).remaining, count()), (1, 1));
    assert_eq!((in_doubt(43101, 6).remaining, count()), (0, 0));
}

/// Among sends whose answers came one whose answer did not; their events in any order, at once: each is spent once.
#[test]
fn many_in_doubt_and_their_events_at_once() {
    let env = TestEnv::new();
    let client = env.client(plain());
    std::thread::scope(|scope| {
        for thread in 0..6 {
            let (env, client) = (&env, &client);
            scope.spawn(move || {
                let openid = format!("o{thread}");
                for _ in 0..3 {
                    env.accept(client, &openid);
                }
                assert_eq!(send_with(client, &openid, "first").status, Status::Ok);
                env.wechat.arm(Fault::close().on(Endpoint::Send).openid(&openid).applied());
                assert_eq!(send_with(client, &openid, "lost").status, Status::Unknown);
                assert_eq!(send_with(client, &openid, "last").status, Status::Ok);
                let mut events: Vec<Value> = env.wechat.deliveries_to(&openid).iter().map(|d| d.msgid.into()).collect();
                fastrand::shuffle(&mut events);
                std::thread::scope(|scope| {
                    for msgid in &events {
                        let event = result(&openid, msgid.as_i64().unwrap(), 0);
                        scope.spawn(move || push(&env.wechat, client, &event));
                    }
                });
                assert_eq!(left(client, &openid), 0);
                assert_eq!(send_with(client, &openid, "lost").status, Status::Ok);
                assert_eq!(env.wechat.deliveries_to(&openid).len(), 3);
            });
        }
    });
}
