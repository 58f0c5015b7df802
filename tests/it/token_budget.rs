//! What a lasting refusal costs the account, and whom a failure to get a token concerns.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::common::server::{Mode, Relay};
use crate::common::{TestEnv, send};
use serde_json::{Value, json};
use wxsub::{Client, Status};
use wxsub_simulator::{Endpoint, Fault, Options, TokenKind};

fn token_calls(env: &TestEnv) -> u64 {
    let counters = env.wechat.counters();
    counters.calls_to(Endpoint::Token) + counters.calls_to(Endpoint::StableToken)
}

#[test]
fn a_lasting_refusal_asks_for_few_tokens() {
    for mode in ["legacy", "stable"] {
        let env = TestEnv::new();
        let client = env.client(json!({"token": mode, "templates": "off"}));
        env.accept(&client, "o1");
        env.wechat.arm(Fault::errcode(40001).on(Endpoint::Send).forever());
        let started = Instant::now();
        let mut refused = 0;
        while started.elapsed() < Duration::from_secs(2) {
            let verdict = send(&client, "o1");
            assert_eq!(verdict.status, Status::Auth, "{mode}: {}", verdict.message);
            assert_eq!(verdict.errcode, 40001, "{mode}: {verdict:?}");
            refused += 1;
        }
        assert!(refused > 2, "{mode}: a refusal that is known is told at once");
        assert!(token_calls(&env) <= 4, "{mode}: {} tokens were asked for", token_calls(&env));
    }
}

#[test]
fn a_token_that_was_accepted_before_is_replaced_at_once_however_often() {
    for (mode, kind) in [("legacy", TokenKind::Legacy), ("stable", TokenKind::Stable)] {
        let env = TestEnv::new();
        let client = env.client(json!({"token": mode, "templates": "off"}));
        for n in 0..6 {
            env.accept(&client, "o1");
            let verdict = send(&client, "o1");
            assert_eq!(verdict.status, Status::Ok, "{mode}, token {n}: {}", verdict.message);
            env.wechat.kill_token(kind);
        }
    }
}

#[test]
fn a_wrong_secret_concerns_those_who_use_it() {
    let env = TestEnv::new();
    let wrong = env.client(json!({"secret": "00000000000000000000000000000000", "templates": "off"}));
    let right = env.client(json!({"templates": "off"}));
    env.accept(&right, "o1");
    env.accept(&right, "o1");
    let refused = send(&wrong, "o1");
    assert_eq!((refused.status, refused.attempts), (Status::Auth, 0), "{}", refused.message);
    let sent = send(&right, "o1");
    assert_eq!(sent.status, Status::Ok, "the right secret is not held up by the wrong one: {}", sent.message);
    // The token that the right one got is good for all.
    assert_eq!(send(&wrong, "o1").status, Status::Ok);
}

#[test]
fn a_proxy_that_is_down_holds_up_nobody_else() {
    let env = TestEnv::new();
    // Nobody listens there.
    let lost = env.client(json!({"proxy": "http://127.0.0.1:9", "timeout_ms": 300, "templates": "off"}));
    assert_holds_up_nobody_else(&env, &lost, &env.client(json!({"templates": "off"})));
}

#[test]
fn a_wrong_ca_holds_up_nobody_else() {
    let secure = || TestEnv::with(Options { https: Some(0), ..Options::default() });
    let (env, other) = (secure(), secure());
    let client = |trusts: &TestEnv| {
        let ca_file = env.folder.path().join(format!("{}.pem", trusts.wechat.port()));
        std::fs::write(&ca_file, trusts.wechat.ca_pem().expect("a simulator with HTTPS")).unwrap();
        env.client(json!({"api_base": env.wechat.https_url(), "ca_file": ca_file, "templates": "off"}))
    };
    assert_holds_up_nobody_else(&env, &client(&other), &client(&env));
}

/// Each of its callers' time ends, and the next one asks at once.
#[test]
fn a_way_on_which_no_answer_comes_holds_up_nobody_else() {
    for mode in ["stable", "legacy"] {
        let (env, silent) = (TestEnv::new(), Relay::start(Mode::Silent));
        let proxy = format!("http://127.0.0.1:{}", silent.port());
        let lost = env.client(json!({"token": mode, "proxy": proxy, "timeout_ms": 1000, "templates": "off"}));
        let right = env.client(json!({"token": mode, "timeout_ms": 8000, "templates": "off"}));
        env.accept(&right, "o1");
        let over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            for n in 0..10 {
                let (lost, over) = (&lost, &over);
                let player = format!("o-lost-{n}");
                env.accept(&right, &player);
                scope.spawn(move || {
                    std::thread::sleep(Duration::from_millis(100 * n));
                    while !over.load(Ordering::Relaxed) {
                        send(lost, &player);
                    }
                });
            }
            std::thread::sleep(Duration::from_millis(1500));
            let sent = send(&right, "o1");
            over.store(true, Ordering::Relaxed);
            assert_eq!(sent.status, Status::Ok, "{mode}: {}", sent.message);
        });
    }
}

/// The store keeps the failures of a few of them; to it, each way to WeChat is another machine.
#[test]
fn each_of_many_machines_asks_less_and_less_often() {
    let env = TestEnv::with(Options { https: Some(0), ..Options::default() });
    env.wechat.arm(Fault::errcode(40164).on(Endpoint::StableToken).forever());
    let clients: Vec<Client> = (0..24)
        .map(|n| {
            let ca_file = env.folder.path().join(format!("{n}.pem"));
            std::fs::write(&ca_file, env.wechat.ca_pem().expect("a simulator with HTTPS")).unwrap();
            env.client(json!({"ca_file": ca_file, "templates": "off"}))
        })
        .collect();
    std::thread::scope(|scope| {
        for (n, client) in clients.iter().enumerate() {
            let (env, openid) = (&env, format!("o{n}"));
            scope.spawn(move || {
                env.accept(client, &openid);
                let until = Instant::now() + Duration::from_secs(3);
                while Instant::now() < until {
                    send(client, &openid);
                    std::thread::sleep(Duration::from_millis(20));
                }
            });
        }
    });
    // Each at 0, 0.25, 0.75 and 1.75 s, each up to a fifth earlier.
    let calls = token_calls(&env);
    assert!((24..=24 * 6).contains(&calls), "{calls} calls");
}

fn assert_holds_up_nobody_else(env: &TestEnv, lost: &Client, right: &Client) {
    env.accept(right, "o1");
    let failures = |client: &Client| {
        let reply = client.admin(r#"{"do": "token"}"#, 1 << 20).unwrap();
        serde_json::from_str::<Value>(&reply).unwrap()["failures"].as_u64().unwrap()
    };
    let until = Instant::now() + Duration::from_secs(30);
    while failures(lost) == 0 {
        assert!(Instant::now() < until, "no failure is told");
        let unreached = send(lost, "o1");
        assert_eq!(unreached.status, Status::Connect, "{}", unreached.message);
    }
    assert_eq!(failures(right), 0);
    let sent = send(right, "o1");
    assert_eq!(sent.status, Status::Ok, "{}", sent.message);
}

#[test]
fn a_second_dead_token_tells_wechats_code() {
    let env = TestEnv::new();
    let client = env.client(json!({"templates": "off"}));
    env.accept(&client, "o1");
    assert_eq!(send(&client, "o1").status, Status::Ok);
    env.wechat.set_sticky_dead_token(true);
    env.accept(&client, "o1");
    env.wechat.arm(Fault::errcode(42001).on(Endpoint::Send).forever());
    for n in 0..3 {
        let verdict = send(&client, "o1");
        assert_eq!((verdict.status, verdict.errcode), (Status::Auth, 42001), "{n}: {}", verdict.message);
    }
    let (calls, another) = (env.wechat.counters().calls_to(Endpoint::Send), env.client(json!({"templates": "off"})));
    let verdict = send(&another, "o1");
    assert_eq!((verdict.status, verdict.errcode), (Status::Auth, 42001), "{}", verdict.message);
    assert_eq!(env.wechat.counters().calls_to(Endpoint::Send), calls, "another process needs no refusal of its own");
}
