//! The access token: one asks and all use, dead ones are replaced within WeChat's limits, and nobody hammers.

use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::common::aging::{Shift, put, shift, stamp_of_now, unsigned};
use crate::common::{TestEnv, message, send};
use serde_json::{Value, json};
use wxsub::{Client, QuotaChange, Retry, Status, Verdict};
use wxsub_simulator::{Endpoint, Fault, FaultKind, Options, TokenKind};

/// How late a verdict may be on a busy machine.
const LATE_MS: u32 = 1500;

fn stable_calls(env: &TestEnv) -> u64 {
    env.wechat.counters().calls_to(Endpoint::StableToken)
}

fn legacy_calls(env: &TestEnv) -> u64 {
    env.wechat.counters().calls_to(Endpoint::Token)
}

fn forced_calls(env: &TestEnv) -> usize {
    let forced = |body: &[u8]| serde_json::from_slice::<Value>(body).unwrap()["force_refresh"] == true;
    env.wechat.requests_to(Endpoint::StableToken).iter().filter(|r| forced(&r.body)).count()
}

/// `threads` players' sends at once, dealt out to the clients.
fn burst(env: &TestEnv, clients: &[&Client], threads: usize) -> Vec<Verdict> {
    let ready = Barrier::new(threads);
    std::thread::scope(|scope| {
        let sending: Vec<_> = (0..threads)
            .map(|n| {
                let (client, ready) = (clients[n % clients.len()], &ready);
                scope.spawn(move || {
                    let openid = format!("o{n}");
                    env.accept(client, &openid);
                    ready.wait();
                    send(client, &openid)
                })
            })
            .collect();
        sending.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

fn assert_all_sent(what: &str, verdicts: &[Verdict]) {
    for verdict in verdicts {
        assert_eq!(verdict.status, Status::Ok, "{what}: {}", verdict.message);
    }
}

fn assert_sends(env: &TestEnv, client: &Client, openid: &str) -> Verdict {
    env.accept(client, openid);
    let verdict = send(client, openid);
    assert_eq!(verdict.status, Status::Ok, "{openid}: {}", verdict.message);
    verdict
}

#[test]
fn many_cold_threads_make_one_call() {
    for (mode, calls) in [("stable", stable_calls as fn(&TestEnv) -> u64), ("legacy", legacy_calls)] {
        let env = TestEnv::with(Options { token_latency: Duration::from_millis(200), ..Options::default() });
        // Without templates, which are asked for by one alone, and with a token.
        let client = env.client(json!({"token": mode, "templates": "off"}));
        assert_all_sent(mode, &burst(&env, &[&client], 64));
        assert_eq!(calls(&env), 1, "{mode}");
        assert_eq!(stable_calls(&env) + legacy_calls(&env), 1, "{mode}: the other endpoint is left alone");
    }
}

#[test]
fn many_threads_with_one_dead_token_all_get_through() {
    let env = TestEnv::with(Options {
        send_latency: Duration::from_millis(20),
        token_latency: Duration::from_millis(50),
        ..Options::default()
    });
    let clients = [env.client(json!({})), env.client(json!({}))];
    let clients = [&clients[0], &clients[1]];
    assert_all_sent("warm", &burst(&env, &clients, 64));
    for round in 0..4 {
        let before = stable_calls(&env);
        let refused_before = env.wechat.counters().answers(Endpoint::Send, 40001);
        env.wechat.kill_token(TokenKind::Stable);
        assert_all_sent(&format!("round {round}"), &burst(&env, &clients, 64));
        assert!(stable_calls(&env) - before <= 2, "round {round}: {} calls", stable_calls(&env) - before);
        assert!(env.wechat.counters().answers(Endpoint::Send, 40001) > refused_before, "the token was not dead");
    }
    assert_eq!(forced_calls(&env), 0, "nobody forced what came by itself");

    env.wechat.set_sticky_dead_token(true);
    env.wechat.kill_token(TokenKind::Stable);
    let before = stable_calls(&env);
    assert_all_sent("sticky", &burst(&env, &clients, 64));
    assert_eq!((stable_calls(&env) - before, forced_calls(&env)), (2, 1));
}

/// Who comes while a dead token is being taken out must not be handed it again, nor bring it back for the others.
#[test]
fn a_token_that_dies_under_load_costs_nobody_his_verdict() {
    const THREADS: usize = 24;
    const DEATHS: u64 = 20;
    let env = TestEnv::with(Options { initial_grants: u64::from(u32::MAX), ..Options::default() });
    let unfenced = json!({"quota": "observe"});
    let clients = [env.client(unfenced.clone()), env.client(unfenced)];
    let sends: Vec<AtomicUsize> = (0..THREADS).map(|_| AtomicUsize::new(0)).collect();
    let stop = AtomicBool::new(false);
    let sent = |n: usize| sends[n].load(Ordering::SeqCst);
    std::thread::scope(|scope| {
        for n in 0..THREADS {
            let (client, mine, stop) = (&clients[n % clients.len()], &sends[n], &stop);
            scope.spawn(move || {
                while !stop.load(Ordering::SeqCst) {
                    let verdict = send(client, &format!("o{n}"));
                    if verdict.status != Status::Ok {
                        stop.store(true, Ordering::SeqCst);
                        panic!("{}", verdict.message);
                    }
                    mine.fetch_add(1, Ordering::SeqCst);
                }
            });
        }
        for _ in 0..DEATHS {
            env.wechat.kill_token(TokenKind::Stable);
            // Two more sends of each, so that no send meets two deaths.
            let seen: Vec<usize> = (0..THREADS).map(sent).collect();
            while !stop.load(Ordering::SeqCst) && (0..THREADS).any(|n| sent(n) < seen[n] + 2) {
                std::thread::sleep(Duration::from_millis(1));
            }
        }
        stop.store(true, Ordering::SeqCst);
    });
    assert!(stable_calls(&env) <= 2 * DEATHS, "{} calls for {DEATHS} deaths", stable_calls(&env));
    assert_eq!(forced_calls(&env), 0);
}

#[test]
fn each_code_of_a_dead_token_gets_a_new_one_and_one_more_try() {
    let env = TestEnv::new();
    let client = env.client(json!({"token": "legacy"}));
    assert_sends(&env, &client, "o0");
    for errcode in [40001, 40014, 42001] {
        let before = legacy_calls(&env);
        env.wechat.arm(Fault::errcode(errcode).on(Endpoint::Send));
        let verdict = assert_sends(&env, &client, &format!("o{errcode}"));
        assert_eq!((verdict.attempts, legacy_calls(&env) - before), (2, 1), "{errcode}");
    }
}

#[test]
fn a_token_that_dies_again_and_again_is_given_up() {
    for (mode, calls) in [("stable", stable_calls as fn(&TestEnv) -> u64), ("legacy", legacy_calls)] {
        let env = TestEnv::new();
        let client = env.client(json!({"token": mode}));
        env.wechat.arm(Fault::errcode(40001).on(Endpoint::Send).forever());
        env.accept(&client, "o1");
        let verdict = send(&client, "o1");
        let got = (verdict.status, verdict.retry, verdict.errcode, verdict.attempts, verdict.remaining);
        assert_eq!(got, (Status::Auth, Retry::Later, 40001, 2, 1), "{mode}: {}", verdict.message);
        assert!(calls(&env) <= 3, "{mode}: {} token calls for one send", calls(&env));

        let before = calls(&env);
        for _ in 0..10 {
            assert_eq!(send(&client, "o1").status, Status::Auth, "{mode}");
        }
        let more = calls(&env) - before;
        assert!(more <= 20, "{mode}: {more} token calls for ten sends");
        if mode == "stable" {
            assert_eq!(forced_calls(&env), 1);
            assert!(more <= 3, "the stable endpoint repeats itself: {more} calls");
        }
    }
}

#[test]
fn a_late_refusal_does_not_drop_a_newer_token() {
    let env = TestEnv::new();
    let client = env.client(json!({}));
    assert_sends(&env, &client, "o0");
    env.accept(&client, "o-slow");
    env.wechat.arm(Fault::delay(600).on(Endpoint::Send).openid("o-slow"));
    let slow = std::thread::scope(|scope| {
        let slow = scope.spawn(|| send(&client, "o-slow"));
        assert!(env.wechat.wait_for(Duration::from_secs(5), |c| c.sends_in_progress > 0));
        env.wechat.kill_token(TokenKind::Stable);
        assert_eq!(assert_sends(&env, &client, "o-quick").attempts, 2, "it met the dead token");
        assert!(!slow.is_finished(), "the machine is too slow: the late refusal came first");
        slow.join().unwrap()
    });
    assert_eq!((slow.status, slow.attempts), (Status::Ok, 2), "{}", slow.message);
    assert_eq!(assert_sends(&env, &client, "o1").attempts, 1);
    drop(client);
    assert_eq!(assert_sends(&env, &env.client(json!({})), "o2").attempts, 1);
    assert_eq!(stable_calls(&env), 2, "the first token and the one after it");
}

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

/// A quarter of a minute more than WeChat wants between two forced refreshes.
fn a_while_passes(env: &TestEnv) {
    for ids in ["forced-refreshes", "token:%"] {
        shift(&env.store(), ids, Shift::earlier(Duration::from_secs(45)));
    }
}

/// Also by the wall clock of another boot, with its hour of grace: no machine need have run for a day.
fn a_day_passes(env: &TestEnv) {
    let wall_ms = -(25 * 3_600_000 + 60_000);
    shift(&env.store(), "forced-refreshes", Shift { wall_ms, other_boot: true, ..Shift::default() });
    shift(&env.store(), "token:%", Shift::earlier(Duration::from_secs(45)));
}

/// WeChat repeats dead tokens until it is forced, and takes any number of forced refreshes.
fn stubborn_env() -> TestEnv {
    let env = TestEnv::new();
    env.wechat.set_force_limits(Duration::ZERO, 1000);
    env.wechat.set_sticky_dead_token(true);
    env
}

fn assert_not_forced(env: &TestEnv, client: &Client, forced: usize, what: &str) {
    env.accept(client, "o-not-forced");
    let verdict = send(client, "o-not-forced");
    assert_eq!((verdict.status, verdict.retry), (Status::Auth, Retry::Later), "{what}: {}", verdict.message);
    assert!(verdict.retry_after_ms > 0, "{what}");
    assert!(verdict.message.contains("forced refresh is allowed in"), "{what}: {}", verdict.message);
    assert_eq!(forced_calls(env), forced, "{what}");
}

#[test]
fn forced_refreshes_are_half_a_minute_apart_for_all_clients_and_across_restarts() {
    let env = stubborn_env();
    let clients = [env.client(json!({})), env.client(json!({}))];
    for client in &clients {
        assert_sends(&env, client, "o1");
    }
    assert_eq!(forced_calls(&env), 0);
    env.wechat.kill_token(TokenKind::Stable);
    assert_sends(&env, &clients[0], "o1");
    assert_sends(&env, &clients[1], "o1");
    assert_eq!(forced_calls(&env), 1);

    env.wechat.kill_token(TokenKind::Stable);
    assert_not_forced(&env, &clients[0], 1, "too soon");
    assert_not_forced(&env, &clients[1], 1, "the other client");
    drop(clients);
    assert_not_forced(&env, &env.client(json!({})), 1, "after a restart");
    a_while_passes(&env);
    assert_sends(&env, &env.client(json!({})), "o1");
    assert_eq!(forced_calls(&env), 2);
}

#[test]
fn forced_refreshes_are_twenty_a_day() {
    let env = stubborn_env();
    let clients = [env.client(json!({})), env.client(json!({}))];
    for client in &clients {
        assert_sends(&env, client, "o1");
    }
    for round in 1..=20 {
        env.wechat.kill_token(TokenKind::Stable);
        a_while_passes(&env);
        assert_sends(&env, &clients[round % 2], "o1");
        assert_eq!(forced_calls(&env), round);
        assert_sends(&env, &clients[(round + 1) % 2], "o1");
    }
    env.wechat.kill_token(TokenKind::Stable);
    a_while_passes(&env);
    assert_not_forced(&env, &clients[0], 20, "the 21st");
    drop(clients);
    a_while_passes(&env);
    assert_not_forced(&env, &env.client(json!({})), 20, "after a restart");
    a_day_passes(&env);
    assert_sends(&env, &env.client(json!({})), "o1");
    assert_eq!(forced_calls(&env), 21);
}

/// Sends from many threads for a while; returns a verdict that is late or of another status than this. Who waits for
/// another one's request until his deadline is told CONNECT; a busy disk may keep a send from beginning at all.
fn keep_sending(env: &TestEnv, clients: &[&Client], threads: usize, time: Duration, status: Status) -> Option<Verdict> {
    std::thread::scope(|scope| {
        let sending: Vec<_> = (0..threads)
            .map(|n| {
                let client = clients[n % clients.len()];
                scope.spawn(move || {
                    let openid = format!("o{n}");
                    env.accept(client, &openid);
                    let start = Instant::now();
                    while start.elapsed() < time {
                        let verdict = client.send(&message(&openid), Some(r#"{"timeout_ms": 3000}"#));
                        let known = verdict.status == status || verdict.status == Status::Connect;
                        let not_begun = verdict.status == Status::Store && verdict.quota == QuotaChange::Untouched;
                        if !(known || not_begun) || verdict.elapsed_ms > 1000 + LATE_MS {
                            return Some(verdict);
                        }
                        std::thread::sleep(Duration::from_millis(50));
                    }
                    None
                })
            })
            .collect();
        sending.into_iter().find_map(|thread| thread.join().unwrap())
    })
}

#[test]
fn a_failing_token_endpoint_is_not_hammered() {
    let time = Duration::from_secs(2);
    let cases = [
        (64, Fault::errcode(40125), Status::Auth),
        (8, Fault::errcode(-1), Status::Busy),
        (8, Fault::errcode(45009), Status::Busy),
        (8, Fault::http(502, ""), Status::Connect),
        (8, Fault::close(), Status::Connect),
        (8, Fault::garbage(r#"{"errcode":0}"#), Status::Connect),
    ];
    std::thread::scope(|scope| {
        for (threads, fault, status) in cases {
            scope.spawn(move || {
                let what = format!("{:?}", fault.kind);
                let env = TestEnv::new();
                let clients = [env.client(json!({})), env.client(json!({}))];
                let clients = [&clients[0], &clients[1]];
                env.wechat.arm(fault.on(Endpoint::StableToken).forever());
                if let Some(odd) = keep_sending(&env, &clients, threads, time, status) {
                    panic!("{what}: {odd:?}");
                }
                let calls = stable_calls(&env);
                // At 0, 0.25, 0.75 and 1.75 s, each up to a fifth earlier.
                assert!((1..=6).contains(&calls), "{what}: {calls} calls from {threads} threads in {time:?}");
                assert_eq!(env.wechat.counters().calls_to(Endpoint::Send), 0, "{what}");
            });
        }
    });
}

#[test]
fn the_verdict_on_a_failing_endpoint_is_shared_and_forgotten_when_it_works_again() {
    let env = TestEnv::new();
    let clients = [env.client(json!({})), env.client(json!({}))];
    env.wechat.arm(Fault::errcode(40243).on(Endpoint::StableToken).forever());
    env.accept(&clients[0], "o1");
    let start = Instant::now();
    let mut failures = 0;
    // The first pauses are so short that they are waited out.
    while failures < stable_calls(&env) + 2 {
        let verdict = send(&clients[failures as usize % 2], "o1");
        let got = (verdict.status, verdict.errcode, verdict.http_status);
        assert_eq!(got, (Status::Auth, 40243, 200), "{}", verdict.message);
        assert!(verdict.message.contains("frozen"), "{}", verdict.message);
        assert!(verdict.retry_after_ms > 0);
        failures += 1;
        assert!(start.elapsed() < Duration::from_secs(10), "each failure is told to its asker only");
    }
    env.wechat.clear_faults();
    while send(&clients[0], "o1").status != Status::Ok {
        std::thread::sleep(Duration::from_millis(20));
        assert!(start.elapsed() < Duration::from_secs(30), "the endpoint works again and nobody asks");
    }
}

#[test]
fn a_stalling_token_endpoint_costs_nobody_more_than_his_deadline() {
    let env = TestEnv::new();
    let client = env.client(json!({"timeout_ms": 800}));
    env.wechat.arm(Fault::stall().on(Endpoint::StableToken).forever());
    for verdict in burst(&env, &[&client], 32) {
        let got = (verdict.status, verdict.retry, verdict.attempts, verdict.remaining);
        assert_eq!(got, (Status::Connect, Retry::Later, 0, 1), "{}", verdict.message);
        assert!(verdict.elapsed_ms <= 800 + LATE_MS, "{} ms", verdict.elapsed_ms);
    }
    assert!(stable_calls(&env) <= 3, "{} calls", stable_calls(&env));
    env.wechat.clear_faults();
    assert_all_sent("it answers again", &burst(&env, &[&client], 8));
}

#[test]
fn each_code_of_the_token_endpoint_is_told_with_advice() {
    const IP: &str = "invalid ip 203.0.113.7 ipv6 ::ffff:203.0.113.7, not in whitelist";
    use Status::{Auth, Busy, Internal};
    let cases = [
        (40001, None, Auth, "secret"),
        (40125, None, Auth, "secret"),
        (40013, None, Auth, "appid"),
        (40164, Some(IP), Auth, "203.0.113.7"),
        (40164, Some(IP), Auth, "IP list"),
        (40243, None, Auth, "frozen"),
        (41002, None, Auth, "appid"),
        (41004, None, Auth, "secret"),
        (50004, None, Auth, "console"),
        (50007, None, Auth, "console"),
        (61024, None, Auth, "third-party"),
        (89501, None, Auth, "administrator"),
        (89503, None, Auth, "administrator"),
        (89506, None, Auth, "administrator"),
        (89507, None, Auth, "administrator"),
        (48001, None, Auth, "permission"),
        (12345, None, Auth, "12345"),
        (-1, None, Busy, "busy"),
        (45009, None, Busy, "midnight"),
        (45011, None, Busy, "minute"),
        (40002, None, Internal, "proxy"),
        (43002, None, Internal, "proxy"),
    ];
    let env = TestEnv::new();
    for (mode, endpoint) in [("stable", Endpoint::StableToken), ("legacy", Endpoint::Token)] {
        for (number, (errcode, errmsg, status, advice)) in cases.into_iter().enumerate() {
            let what = format!("{mode} {errcode}");
            let store = env.folder.path().join(format!("{mode}-{number}.db"));
            let client = env.client(json!({"token": mode, "store": store, "timeout_ms": 5000}));
            let kind = FaultKind::Errcode { errcode, errmsg: errmsg.map(str::to_owned), status: 200 };
            env.wechat.arm(Fault::new(kind).on(endpoint).forever());
            env.accept(&client, "o1");
            let verdict = send(&client, "o1");
            let got = (verdict.status, verdict.retry, verdict.errcode, verdict.http_status);
            assert_eq!(got, (status, Retry::Later, errcode as i32, 200), "{what}: {}", verdict.message);
            assert_eq!((verdict.attempts, verdict.remaining), (0, 1), "{what}");
            assert!(verdict.retry_after_ms > 0, "{what}");
            let shown: String = verdict.message.chars().take(160).collect();
            assert!(shown.contains(advice), "{what}: {advice:?} is missing, or too late for a C host: {shown}");
            assert!(verdict.message.contains("rid"), "{what}: {}", verdict.message);
            env.wechat.clear_faults();
        }
    }
    assert_eq!(env.wechat.counters().calls_to(Endpoint::Send), 0);
}

#[test]
fn a_wrong_secret_is_told_and_a_mended_one_works_at_once() {
    let env = TestEnv::new();
    let client = env.client(json!({"secret": "an-old-one"}));
    env.accept(&client, "o1");
    let refused = send(&client, "o1");
    assert_eq!((refused.status, refused.errcode), (Status::Auth, 40125), "{}", refused.message);
    drop(client);
    let client = env.client(json!({}));
    let sent = send(&client, "o1");
    assert_eq!(sent.status, Status::Ok, "{}", sent.message);
}

fn assert_wants_a_token(env: &TestEnv, client: &Client, openid: &str) {
    env.accept(client, openid);
    let verdict = send(client, openid);
    assert_eq!((verdict.status, verdict.retry), (Status::Auth, Retry::Later), "{openid}: {}", verdict.message);
    assert_eq!(verdict.quota, QuotaChange::Returned, "{openid}");
    assert!(verdict.message.contains("wxsub_set_token"), "{openid}: no advice in {:?}", verdict.message);
}

#[test]
fn an_external_token_works_until_it_dies_and_a_new_one_at_once() {
    let env = TestEnv::new();
    let external = || env.client(json!({"token": "external", "secret": null}));
    let (client, other) = (external(), external());
    assert_wants_a_token(&env, &client, "o-none");
    assert_eq!(env.wechat.counters().calls_to(Endpoint::Send), 0);

    let good = env.wechat.token(TokenKind::Legacy);
    for (token, expires_in_s) in [("", 7200), ("two words", 7200), ("line\nbreak", 7200), (good.as_str(), 0)] {
        assert_eq!(client.set_token(token, expires_in_s).unwrap_err().status, Status::Arg, "{token:?}");
    }
    assert_wants_a_token(&env, &client, "o-still-none");

    client.set_token(&good, 7200).unwrap();
    assert_eq!(assert_sends(&env, &client, "o1").attempts, 1);
    assert_eq!(assert_sends(&env, &other, "o2").attempts, 1, "it found the token in the store");

    env.wechat.kill_token(TokenKind::Legacy);
    assert_wants_a_token(&env, &client, "o-dead");
    assert_wants_a_token(&env, &other, "o-dead-too");
    let calls = env.wechat.counters().calls_to(Endpoint::Send);
    assert_wants_a_token(&env, &client, "o-known-dead");
    assert_eq!(env.wechat.counters().calls_to(Endpoint::Send), calls, "a token known dead is not tried again");

    let new = env.wechat.token(TokenKind::Legacy);
    assert_ne!(new, good);
    client.set_token(&new, 7200).unwrap();
    assert_eq!(assert_sends(&env, &client, "o3").attempts, 1);
    assert_eq!(assert_sends(&env, &other, "o4").attempts, 1);
    drop((client, other));
    assert_eq!(assert_sends(&env, &external(), "o-reopened").attempts, 1);
    assert_eq!(stable_calls(&env) + legacy_calls(&env), 0, "the library asked for no token");
}

#[test]
fn an_external_token_is_replaced_while_it_is_in_use() {
    let env = TestEnv::new();
    let external = || env.client(json!({"token": "external"}));
    let (client, other) = (external(), external());
    let first = env.wechat.token(TokenKind::Stable);
    for client in [&client, &other] {
        client.set_token(&first, 7200).unwrap();
        assert_sends(&env, client, "o1");
    }
    env.wechat.kill_token(TokenKind::Stable);
    let second = env.wechat.token(TokenKind::Stable);
    client.set_token(&second, 7200).unwrap();
    assert_eq!(assert_sends(&env, &client, "o2").attempts, 1);
    assert_eq!(assert_sends(&env, &other, "o3").attempts, 2, "it met the dead one, and found the new one");
    assert_eq!(assert_sends(&env, &other, "o4").attempts, 1);

    client.set_token(&second, 1).unwrap();
    std::thread::sleep(Duration::from_millis(1100));
    let calls = env.wechat.counters().calls_to(Endpoint::Send);
    assert_wants_a_token(&env, &client, "o-over");
    assert_eq!(env.wechat.counters().calls_to(Endpoint::Send), calls, "its time is over: it is not tried");

    // A 40001 may have been a mistake: what the host hands in is believed again.
    client.set_token(&second, 7200).unwrap();
    env.wechat.arm(Fault::errcode(40001).on(Endpoint::Send));
    assert_wants_a_token(&env, &client, "o-refused");
    client.set_token(&second, 7200).unwrap();
    assert_eq!(assert_sends(&env, &client, "o5").attempts, 1);
}

#[test]
fn only_an_external_client_takes_tokens() {
    let env = TestEnv::new();
    for mode in ["stable", "legacy"] {
        let client = env.client(json!({"token": mode}));
        assert_eq!(client.set_token("a-token", 7200).unwrap_err().status, Status::Arg, "{mode}");
        assert_sends(&env, &client, mode);
    }
}
