//! The endpoint for tokens fails or stalls.

use super::*;

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
