//! Connections that end, and what follows a maybe.

use super::*;

#[test]
fn a_connection_that_ended_between_two_sends_is_no_maybe() {
    let idle = Duration::from_millis(150);
    let env = TestEnv::with(Options { https: Some(0), idle_timeout: idle, ..Options::default() });
    let https = json!({"api_base": env.wechat.https_url(), "ca_file": ca_file(&env.wechat, env.folder.path())});
    for (scheme, transport) in [("http", json!({})), ("https", https)] {
        let client = client_on(&env, scheme, transport);
        let again = |what: &str| {
            env.accept(&client, scheme);
            let verdict = send(&client, scheme);
            assert_eq!((verdict.status, verdict.attempts), (Status::Ok, 1), "{scheme}, {what}: {}", verdict.message);
        };
        again("first");
        for _ in 0..10 {
            drop_connections(&env);
            again("dropped by the server");
        }
        std::thread::sleep(idle * 2);
        again("idle for too long");
        // An answer that was whole, from a server that hangs up after it without having said so.
        let farewell = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{OK_BODY}", OK_BODY.len());
        env.wechat.arm(Fault::raw(farewell).on(Endpoint::Send));
        again("the last on its connection");
        std::thread::sleep(Duration::from_millis(50));
        again("after that");
    }
    assert_eq!(env.wechat.counters().delivered, 26, "each but the two that were answered out of hand");
}

#[test]
fn a_reset_before_the_handshake_is_tried_again() {
    let env = secure_env();
    let ca = ca_file(&env.wechat, env.folder.path());
    let client = env.client(json!({"api_base": env.wechat.https_url(), "ca_file": ca}));
    env.accept(&client, "o1");
    assert_eq!(send(&client, "o1").status, Status::Ok);
    env.accept(&client, "o1");
    drop_connections(&env);
    env.wechat.arm(Fault::reset());
    let verdict = send(&client, "o1");
    assert_eq!((verdict.status, verdict.attempts), (Status::Ok, 1), "{}", verdict.message);
    assert_eq!(env.wechat.faults().len(), 0, "the fault struck");
    assert_eq!(env.wechat.sends_to("o1").len(), 2);
}

#[test]
fn a_maybe_with_a_key_is_answered_again_and_not_sent_again() {
    let env = TestEnv::new();
    let options = json!({"key": "k1", "timeout_ms": 800}).to_string();
    let client = env.client(json!({}));
    env.accept(&client, "o1");
    env.wechat.arm(Fault::close().on(Endpoint::Send).applied());
    let first = client.send(&message("o1"), Some(&options));
    assert_maybe_sent("first", &first, 800);
    assert_eq!(first.flags & Verdict::REPLAYED, 0);

    let again = |client: &Client, what: &str| {
        let second = client.send(&message("o1"), Some(&options));
        assert_eq!(second.flags & Verdict::REPLAYED, Verdict::REPLAYED, "{what}: {}", second.message);
        let same =
            |v: &Verdict| (v.status, v.retry, v.quota, v.remaining, v.attempts, v.key.clone(), v.message.clone());
        assert_eq!(same(&second), same(&first), "{what}");
        assert!(second.elapsed_ms < 700, "{what}: it waited for the player's turn: {} ms", second.elapsed_ms);
    };
    again(&client, "at once");
    drop(client);
    let client = env.client(json!({}));
    again(&client, "after a restart");
    assert_eq!(env.wechat.sends_to("o1").len(), 1, "sent once");
    assert_eq!(left(&client, "o1"), 1);
}

#[test]
fn after_a_maybe_the_players_turn_is_kept_and_nobody_elses() {
    let env = TestEnv::new();
    let client = env.client(json!({}));
    for openid in ["o1", "o1", "o2"] {
        env.accept(&client, openid);
    }
    env.wechat.arm(Fault::close().on(Endpoint::Send).openid("o1").applied());
    assert_eq!(send(&client, "o1").status, Status::Unknown);
    let maybe_at = Instant::now();

    let impatient = client.send(&message("o1"), Some(r#"{"timeout_ms": 300}"#));
    let got = (impatient.status, impatient.retry, impatient.quota, impatient.attempts);
    assert_eq!(got, (Status::Busy, Retry::Later, QuotaChange::Untouched, 0), "{}", impatient.message);
    assert!((1..=2000).contains(&impatient.retry_after_ms), "{}", impatient.retry_after_ms);

    let other = send(&client, "o2");
    assert_eq!(other.status, Status::Ok, "{}", other.message);
    assert!(maybe_at.elapsed() < Duration::from_millis(1800), "the machine is too slow to tell");
    let patient = send(&client, "o1");
    assert_eq!(patient.status, Status::Ok, "{}", patient.message);
    let after = maybe_at.elapsed();
    assert!(after >= Duration::from_millis(1900), "the turn was kept for {after:?} only");
    assert!(after < Duration::from_millis(4500), "the turn was kept for {after:?}");
    assert_eq!(env.wechat.sends_to("o1").len(), 2);
    assert_eq!(client.quota("o1", TEMPLATE).remaining, 1, "granted 2, the maybe was given back");
}
