//! A token is renewed ahead of its end, and kept for the next start.

use super::*;

/// The account's token has 200 s left, of two hours; the client was closed meanwhile.
fn with_an_aging_token(mode: &str) -> TestEnv {
    let env = TestEnv::new();
    let client = env.client(json!({"token": mode}));
    assert_sends(&env, &client, "o-before");
    drop(client);
    assert_eq!(shift(&env.store(), "token:%", Shift::earlier(Duration::from_secs(7000))), 1);
    env.wechat.advance(Duration::from_secs(7000));
    env
}

/// Sends one after the other for so long; how long the slowest one took.
fn send_for(time: Duration, env: &TestEnv, client: &Client) -> u32 {
    let start = Instant::now();
    let mut longest_ms = 0;
    while start.elapsed() < time {
        longest_ms = longest_ms.max(assert_sends(env, client, "o1").elapsed_ms);
        std::thread::sleep(Duration::from_millis(10));
    }
    longest_ms
}

/// How many sends came to WeChat while it worked on the last token request.
fn sends_during_renewal(env: &TestEnv, endpoint: Endpoint) -> usize {
    let renewal = env.wechat.requests_to(endpoint).pop().unwrap();
    let during = renewal.received_ms..renewal.answered_ms.unwrap();
    env.wechat.requests_to(Endpoint::Send).iter().filter(|send| during.contains(&send.received_ms)).count()
}

#[test]
fn renewal_ahead_of_the_end_holds_nobody_up() {
    std::thread::scope(|scope| {
        for (mode, endpoint) in [("stable", Endpoint::StableToken), ("legacy", Endpoint::Token)] {
            scope.spawn(move || {
                let env = with_an_aging_token(mode);
                env.wechat.set_token_latency(Duration::from_secs(1));
                let client = env.client(json!({"token": mode}));
                send_for(Duration::from_millis(2000), &env, &client);
                let meanwhile = sends_during_renewal(&env, endpoint);
                assert!(meanwhile > 3, "{mode}: {meanwhile} sends during the renewal");
                assert_eq!(stable_calls(&env) + legacy_calls(&env), 2, "{mode}: the first and the renewal");
                assert_eq!(env.wechat.counters().answers(Endpoint::Send, 40001), 0, "{mode}");
                let requests = env.wechat.requests_to(Endpoint::Send);
                let (old, new) = (&requests[1].token, &requests.last().unwrap().token);
                assert_eq!(old, &requests[0].token, "{mode}: it began with the old token");
                assert_ne!(old, new, "{mode}: the renewed one was taken up");
            });
        }
    });
}

#[test]
fn a_renewal_that_fails_holds_nobody_up_and_does_not_hammer() {
    let env = with_an_aging_token("stable");
    let client = env.client(json!({}));
    env.wechat.arm(Fault::errcode(-1).on(Endpoint::StableToken).forever());
    let longest_ms = send_for(Duration::from_secs(2), &env, &client);
    assert!(longest_ms < 2500, "a sender waited {longest_ms} ms");
    let calls = stable_calls(&env) - 1;
    assert!((1..=6).contains(&calls), "{calls} calls in two seconds");
}

#[test]
fn closing_does_not_wait_for_a_renewal() {
    std::thread::scope(|scope| {
        for fault in [Fault::errcode(-1), Fault::stall()] {
            scope.spawn(move || {
                let env = with_an_aging_token("stable");
                let client = env.client(json!({}));
                let what = format!("{:?}", fault.kind);
                env.wechat.arm(fault.on(Endpoint::StableToken).forever());
                // Long enough for the pauses between the tries to grow.
                send_for(Duration::from_millis(1200), &env, &client);
                assert!(stable_calls(&env) > 1, "{what}: no renewal was tried");
                let start = Instant::now();
                drop(client);
                let took = start.elapsed();
                assert!(took < Duration::from_millis(2500), "{what}: closing an idle client took {took:?}");
            });
        }
    });
}

#[test]
fn a_short_life_ends_in_time_and_nobody_meets_a_dead_token() {
    let env = TestEnv::with(Options { token_lifetime: Duration::from_secs(1), ..Options::default() });
    let client = env.client(json!({}));
    assert_sends(&env, &client, "o1");
    std::thread::sleep(Duration::from_millis(1100));
    assert_eq!(assert_sends(&env, &client, "o2").attempts, 1);
    assert_eq!(stable_calls(&env), 2);
    assert_eq!(env.wechat.counters().answers(Endpoint::Send, 42001), 0);
}

#[test]
fn the_token_outlives_its_client() {
    let env = TestEnv::new();
    for round in 0..3 {
        let client = env.client(json!({}));
        assert_sends(&env, &client, &format!("o{round}"));
        assert_eq!(stable_calls(&env), 1, "round {round}");
    }
    env.wechat.kill_token(TokenKind::Stable);
    let client = env.client(json!({}));
    assert_eq!(assert_sends(&env, &client, "o-dead").attempts, 2, "what the store had was dead");
    assert_eq!(stable_calls(&env), 2);
}

#[test]
fn a_stored_token_ends_by_whichever_clock_says_so_first() {
    const SET: i64 = 9_000_000_000;
    const OVER: i64 = -8_000_000;
    for (what, wall_ms, boot_ms, other_boot, calls) in [
        ("both clocks agree that it lives", 0, 0, false, 1),
        ("the wall clock was set forward", OVER, 0, false, 2),
        ("the wall clock was set back", SET, 0, false, 1),
        ("another boot", 0, 0, true, 1),
        ("another boot, and over", OVER, 0, true, 2),
    ] {
        let env = TestEnv::new();
        let client = env.client(json!({}));
        assert_sends(&env, &client, "o1");
        drop(client);
        assert_eq!(shift(&env.store(), "token:%", Shift { wall_ms, boot_ms, other_boot }), 1, "{what}");
        let client = env.client(json!({}));
        assert_sends(&env, &client, "o2");
        assert_eq!(stable_calls(&env), calls, "{what}");
    }
}

#[test]
fn two_clients_on_one_store_do_not_kill_each_others_legacy_token() {
    // Each call of the legacy endpoint kills the token before it, here at once.
    let env = TestEnv::with(Options {
        token_latency: Duration::from_millis(100),
        token_overlap: Some(Duration::ZERO),
        ..Options::default()
    });
    let clients = [env.client(json!({"token": "legacy"})), env.client(json!({"token": "legacy"}))];
    let clients = [&clients[0], &clients[1]];
    assert_all_sent("cold", &burst(&env, &clients, 32));
    assert_eq!(legacy_calls(&env), 1);
    assert_eq!(env.wechat.counters().answers(Endpoint::Send, 40001), 0);
    env.wechat.kill_token(TokenKind::Legacy);
    assert_all_sent("dead", &burst(&env, &clients, 32));
    assert_eq!(legacy_calls(&env), 2);
    let late = env.client(json!({"token": "legacy"}));
    assert_eq!(assert_sends(&env, &late, "o-late").attempts, 1);
    assert_eq!(legacy_calls(&env), 2, "the third client took what was there");
}

#[test]
fn an_asker_that_died_is_waited_for_as_long_as_its_lease() {
    let env = TestEnv::new();
    let client = env.client(json!({}));
    // Somebody asks, and others wait 1.5 s for it (docs/architecture.md, "Record format").
    const HAS_ASKER: u8 = 8;
    let mut body = stamp_of_now();
    body.push(HAS_ASKER);
    body.extend_from_slice(&77u64.to_be_bytes());
    unsigned(2 * 1500, &mut body);
    body.extend_from_slice(&[0, 0, 0]);
    put(&env.store(), &format!("token:stable:{}", env.wechat.url()), &body);
    env.accept(&client, "o1");
    let impatient = client.send(&message("o1"), Some(r#"{"timeout_ms": 300}"#));
    assert_eq!((impatient.status, impatient.attempts), (Status::Connect, 0), "{}", impatient.message);
    assert_eq!(stable_calls(&env), 0, "another process was asking");
    let patient = send(&client, "o1");
    assert_eq!(patient.status, Status::Ok, "{}", patient.message);
    assert!((700..1500 + LATE_MS).contains(&patient.elapsed_ms), "{} ms", patient.elapsed_ms);
    assert_eq!(stable_calls(&env), 1);
}
