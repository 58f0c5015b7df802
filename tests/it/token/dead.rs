//! One asks for all, and a token that WeChat refuses is replaced.

use super::*;

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
