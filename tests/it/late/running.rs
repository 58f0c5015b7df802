//! An event that overtakes the answer to its send waits for it, for a while.

use std::time::{Duration, Instant};

use super::{NOTHING, msgid_of_last, result, send_with, told, wait_for_delivery};
use crate::common::pushes::{hand_over, now_s, plain, popup, push};
use crate::common::{TEMPLATE, TestEnv, left, message, send};
use wxsub::{QuotaChange, Retry, Status};
use wxsub_simulator::{Endpoint, Fault};

/// The event overtakes the answer: it waits for it, and settles nothing.
#[test]
fn an_event_waits_for_the_send_that_runs() {
    let env = TestEnv::new();
    let (client, other) = (env.client(plain()), env.client(plain()));
    assert_eq!(send(&client, "warm").status, Status::NoQuota);
    for (openid, handler) in [("o1", &client), ("o2", &other)] {
        env.accept(&client, openid);
        env.accept(&client, openid);
        env.wechat.arm(Fault::delay(700).on(Endpoint::Send).openid(openid).applied());
        std::thread::scope(|scope| {
            let sending = scope.spawn(|| {
                let verdict = send_with(&client, openid, "k");
                (verdict, Instant::now())
            });
            wait_for_delivery(&env, openid);
            let settled = push(&env.wechat, handler, &result(openid, msgid_of_last(&env, openid), 0));
            let told_at = Instant::now();
            let (verdict, answered_at) = sending.join().unwrap();
            assert_eq!((verdict.status, verdict.remaining), (Status::Ok, 1), "{}", verdict.message);
            assert_eq!(told(&settled), NOTHING, "{}", settled.message);
            // The send settles in the store a moment before its caller has the verdict.
            assert!(told_at + Duration::from_millis(300) > answered_at, "the event waited for the answer");
        });
        assert_eq!(left(&client, openid), 1, "spent once");
    }
}

/// The event overtakes the answer, and the answer is lost: it waits, and then settles.
#[test]
fn an_event_that_waited_settles_a_send_in_doubt() {
    let env = TestEnv::new();
    let client = env.client(plain());
    env.accept(&client, "o1");
    env.accept(&client, "o1");
    env.wechat.arm(Fault::close().on(Endpoint::Send).applied().after_ms(700));
    std::thread::scope(|scope| {
        let sending = scope.spawn(|| send_with(&client, "o1", "k"));
        wait_for_delivery(&env, "o1");
        let settled = push(&env.wechat, &client, &result("o1", msgid_of_last(&env, "o1"), 0));
        assert_eq!(sending.join().unwrap().status, Status::Unknown);
        assert_eq!(told(&settled), (Status::Ok, QuotaChange::Spent, 1, 0), "{}", settled.message);
    });
    assert_eq!(send_with(&client, "o1", "k").status, Status::Ok);
    assert_eq!(left(&client, "o1"), 1, "spent once");
}

/// It waits no longer than WeChat does for the reply; then WeChat pushes again.
#[test]
fn an_event_does_not_wait_for_ever() {
    let env = TestEnv::new();
    let client = env.client(plain());
    env.accept(&client, "o1");
    env.wechat.arm(Fault::delay(6500).on(Endpoint::Send).applied());
    let event = std::thread::scope(|scope| {
        scope.spawn(|| client.send(&message("o1"), Some(r#"{"timeout_ms": 10000}"#)));
        wait_for_delivery(&env, "o1");
        let event = result("o1", msgid_of_last(&env, "o1"), 0);
        let started = Instant::now();
        let e = hand_over(&client, &env.wechat.push(&event).unwrap()).unwrap_err();
        let waited = started.elapsed();
        assert_eq!((e.status, e.retry), (Status::Busy, Retry::Later), "{e}");
        assert!(waited > Duration::from_secs(3) && waited < Duration::from_millis(4900), "{waited:?}");
        // Answers of dialogs wait for nobody.
        let started = Instant::now();
        let accepted = push(&env.wechat, &client, &popup("o1", TEMPLATE, "accept", now_s() - 700));
        assert_eq!(accepted.quota, QuotaChange::Granted);
        assert!(started.elapsed() < Duration::from_secs(1));
        event
    });
    assert_eq!(left(&client, "o1"), 1);
    assert_eq!(told(&push(&env.wechat, &client, &event)), NOTHING, "the same event, pushed again");
}

/// A host that closes its client meanwhile gets no reply to send, and the next push is taken.
#[test]
fn an_event_that_waits_ends_with_its_client() {
    let env = TestEnv::new();
    let client = env.client(plain());
    env.accept(&client, "o1");
    env.wechat.arm(Fault::stall().on(Endpoint::Send).applied());
    let (event, sent) = std::thread::scope(|scope| {
        let sending = scope.spawn(|| send_with(&client, "o1", "k"));
        wait_for_delivery(&env, "o1");
        let event = result("o1", msgid_of_last(&env, "o1"), 0);
        let pushed = env.wechat.push(&event).unwrap();
        let waiter = &client;
        let waiting = scope.spawn(move || hand_over(waiter, &pushed));
        std::thread::sleep(Duration::from_millis(200));
        let started = Instant::now();
        client.close(true);
        assert!(started.elapsed() < Duration::from_secs(3), "closing waits a second");
        // Interrupted, the send may be settled before the event looks again; else the event is cancelled.
        match waiting.join().unwrap() {
            Ok((_, verdict)) => assert_eq!(verdict.quota, QuotaChange::Spent, "{}", verdict.message),
            Err(e) => assert!(matches!(e.status, Status::Cancelled | Status::State | Status::Busy), "{e}"),
        }
        (event, sending.join().unwrap())
    });
    assert_eq!(sent.status, Status::Unknown, "{}", sent.message);
    drop(client);
    let reopened = env.client(plain());
    push(&env.wechat, &reopened, &event);
    assert_eq!(left(&reopened, "o1"), 0, "spent once");
    assert_eq!(send_with(&reopened, "o1", "k").status, Status::Ok);
}
