//! What WeChat's refusals do to the count and to the next try: 43101 against grants that come meanwhile, 43107, the
//! codes that are tried again, and those that are not.

use std::time::{Duration, Instant};

use crate::common::{TEMPLATE, TestEnv, left, message, send};
use serde_json::json;
use wxsub::{Answer, Client, QuotaChange, Retry, Status, Verdict};
use wxsub_simulator::{Endpoint, Fault, FaultKind, RequestRecord};

/// How late a verdict may be on a busy machine.
const LATE_MS: u32 = 1500;
/// How long WeChat thinks in these tests: long enough to report something meanwhile.
const THINKING_MS: u64 = 800;

fn report(client: &Client, openid: &str, answer: Answer) -> Verdict {
    let verdict = client.report(openid, Some(TEMPLATE), answer, None);
    assert_eq!(verdict.status, Status::Ok, "{}", verdict.message);
    verdict
}

/// Sends, and runs `meanwhile` when WeChat has the request and before it has answered.
fn send_and_meanwhile(env: &TestEnv, client: &Client, openid: &str, meanwhile: impl FnOnce()) -> Verdict {
    std::thread::scope(|scope| {
        let sending = scope.spawn(|| send(client, openid));
        let start = Instant::now();
        while env.wechat.sends_to(openid).is_empty() {
            assert!(start.elapsed() < Duration::from_secs(5), "{openid}: the send did not get to WeChat");
            std::thread::sleep(Duration::from_millis(2));
        }
        meanwhile();
        assert!(!sending.is_finished(), "the machine is too slow: the answer came before the report was done");
        sending.join().unwrap()
    })
}

#[test]
fn a_refusal_clears_what_was_granted_before_and_nothing_else() {
    let refused = || Fault::errcode(43101).after_ms(THINKING_MS);
    let taken = || Fault::delay(THINKING_MS).applied();
    let lost = || Fault::close().applied().after_ms(THINKING_MS);
    let busy = || Fault::errcode(40003).after_ms(THINKING_MS);
    use Answer::{Accept, Reject};
    use QuotaChange::{Cleared, Returned, Spent};
    use Status::{Message, Ok, Refused, Unknown};
    type Case = (&'static str, u32, Fault, Vec<(Answer, i64)>, Status, QuotaChange, i64);
    // Granted before; WeChat's answer; what is reported meanwhile, each with the count it leaves; the verdict.
    let cases: Vec<Case> = vec![
        ("43101 alone", 3, refused(), vec![], Refused, Cleared, 0),
        ("43101, an accept meanwhile", 1, refused(), vec![(Accept, 1)], Refused, Cleared, 1),
        ("43101, two accepts meanwhile", 3, refused(), vec![(Accept, 3), (Accept, 4)], Refused, Cleared, 2),
        ("43101, refused meanwhile", 2, refused(), vec![(Reject, 0)], Refused, Cleared, 0),
        ("43101, refused and accepted", 2, refused(), vec![(Reject, 0), (Accept, 1)], Refused, Cleared, 1),
        ("43101, accepted and refused", 2, refused(), vec![(Accept, 2), (Reject, 0)], Refused, Cleared, 0),
        ("sent, an accept meanwhile", 1, taken(), vec![(Accept, 1)], Ok, Spent, 1),
        ("sent, refused meanwhile", 2, taken(), vec![(Reject, 0)], Ok, Spent, 0),
        ("sent, refused and accepted", 2, taken(), vec![(Reject, 0), (Accept, 1)], Ok, Spent, 1),
        ("maybe, an accept meanwhile", 1, lost(), vec![(Accept, 1)], Unknown, Returned, 2),
        ("maybe, refused meanwhile", 2, lost(), vec![(Reject, 0)], Unknown, Returned, 0),
        ("maybe, refused and accepted", 1, lost(), vec![(Reject, 0), (Accept, 1)], Unknown, Returned, 1),
        ("not sent, refused and accepted", 2, busy(), vec![(Reject, 0), (Accept, 1)], Message, Returned, 1),
    ];
    let env = TestEnv::new();
    let client = env.client(json!({}));
    std::thread::scope(|scope| {
        for (what, before, fault, meanwhile, status, quota, after) in cases {
            let (env, client) = (&env, &client);
            scope.spawn(move || {
                let what = &what.replace([' ', ','], "-");
                for _ in 0..before {
                    env.accept(client, what);
                }
                env.wechat.arm(fault.on(Endpoint::Send).openid(what));
                let verdict = send_and_meanwhile(env, client, what, || {
                    for (answer, count) in meanwhile {
                        assert_eq!(report(client, what, answer).remaining, count, "{what}, after {answer:?}");
                    }
                });
                let got = (verdict.status, verdict.quota, verdict.remaining);
                assert_eq!(got, (status, quota, after), "{what}: {}", verdict.message);
                assert_eq!(left(client, what), after, "{what}");
            });
        }
    });
}

#[test]
fn a_grant_that_came_meanwhile_can_be_sent_at_once() {
    let env = TestEnv::new();
    let client = env.client(json!({}));
    report(&client, "o1", Answer::Accept); // WeChat knows nothing of it
    env.wechat.arm(Fault::delay(THINKING_MS).applied().on(Endpoint::Send));
    let refused = send_and_meanwhile(&env, &client, "o1", || {
        env.accept(&client, "o1");
    });
    assert_eq!((refused.status, refused.errcode), (Status::Refused, 43101), "{}", refused.message);
    let sent = send(&client, "o1");
    assert_eq!((sent.status, sent.remaining), (Status::Ok, 0), "{}", sent.message);
    assert_eq!(send(&client, "o1").status, Status::NoQuota);
}

#[test]
fn switching_all_off_meanwhile_leaves_later_grants_alone() {
    let env = TestEnv::new();
    let client = env.client(json!({}));
    for _ in 0..2 {
        env.accept(&client, "o1");
    }
    env.wechat.arm(Fault::delay(THINKING_MS).applied().on(Endpoint::Send));
    let sent = send_and_meanwhile(&env, &client, "o1", || {
        let off = client.report("o1", None, Answer::Reject, None);
        assert_eq!((off.status, off.quota), (Status::Ok, QuotaChange::Cleared));
        assert_eq!(report(&client, "o1", Answer::Accept).remaining, 1);
    });
    assert_eq!((sent.status, sent.remaining), (Status::Ok, 1), "{}", sent.message);
}

fn gaps_ms(requests: &[RequestRecord]) -> Vec<u64> {
    requests.windows(2).map(|pair| pair[1].received_ms - pair[0].received_ms).collect()
}

#[test]
fn busy_codes_are_tried_again_after_growing_and_jittered_pauses() {
    const PLAYERS: usize = 8;
    let env = TestEnv::new();
    let client = env.client(json!({"timeout_ms": 15_000}));
    // The code, and the shortest first pause; the next ones double.
    let codes = [(-1, 100), (43108, 50), (45011, 500)];
    let openids = |errcode: i64| (0..PLAYERS).map(move |n| format!("o{n}_{errcode}"));
    std::thread::scope(|scope| {
        for (errcode, _) in codes {
            for openid in openids(errcode) {
                let (env, client) = (&env, &client);
                scope.spawn(move || {
                    env.accept(client, &openid);
                    env.wechat.arm(Fault::errcode(errcode).on(Endpoint::Send).openid(&openid).forever());
                    let verdict = send(client, &openid);
                    let got = (verdict.status, verdict.retry, verdict.errcode, verdict.attempts, verdict.remaining);
                    assert_eq!(got, (Status::Busy, Retry::Later, errcode as i32, 3, 1), "{}", verdict.message);
                });
            }
        }
    });
    for (errcode, shortest) in codes {
        let all: Vec<Vec<u64>> = openids(errcode).map(|openid| gaps_ms(&env.wechat.sends_to(&openid))).collect();
        for gaps in &all {
            for (n, gap) in gaps.iter().enumerate() {
                assert!(*gap + 2 >= shortest << n, "{errcode}: pause {n} in {gaps:?}");
            }
        }
        let median = |n: usize| {
            let mut all: Vec<u64> = all.iter().map(|gaps| gaps[n]).collect();
            all.sort_unstable();
            all[PLAYERS / 2]
        };
        assert!(median(0) < median(1), "{errcode}: not growing: {all:?}");
        let (least, most) = (all.iter().map(|g| g[1]).min().unwrap(), all.iter().map(|g| g[1]).max().unwrap());
        assert!(most - least > shortest / 4, "{errcode}: they come back together: {all:?}");
    }
}

#[test]
fn trying_again_ends_with_the_deadline() {
    const TIMEOUT_MS: u32 = 900;
    let env = TestEnv::new();
    let client = env.client(json!({"max_attempts": 20, "timeout_ms": TIMEOUT_MS}));
    std::thread::scope(|scope| {
        for errcode in [-1, 43108, 45011] {
            let (env, client) = (&env, &client);
            scope.spawn(move || {
                let openid = format!("o{errcode}");
                env.accept(client, &openid);
                env.wechat.arm(Fault::errcode(errcode).on(Endpoint::Send).openid(&openid).forever());
                let verdict = send(client, &openid);
                assert_eq!((verdict.status, verdict.retry), (Status::Busy, Retry::Later), "{}", verdict.message);
                assert!(verdict.elapsed_ms <= TIMEOUT_MS + LATE_MS, "{errcode}: {} ms", verdict.elapsed_ms);
                assert!(verdict.retry_after_ms >= 50, "{errcode}: {} ms", verdict.retry_after_ms);
                assert!((1..20).contains(&verdict.attempts), "{errcode}: {}", verdict.attempts);
                assert_eq!(env.wechat.sends_to(&openid).len(), verdict.attempts as usize, "{errcode}");
            });
        }
    });
    // A pause that does not fit is not begun: the caller gets the rest of the time back.
    let hurried = Fault::errcode(45011).on(Endpoint::Send).openid("o-hurried").forever();
    env.accept(&client, "o-hurried");
    env.wechat.arm(hurried);
    let verdict = client.send(&message("o-hurried"), Some(r#"{"timeout_ms": 450}"#));
    assert_eq!((verdict.status, verdict.attempts), (Status::Busy, 1), "{}", verdict.message);
    assert!(verdict.retry_after_ms >= 500, "{}", verdict.retry_after_ms);
    let records = env.wechat.sends_to("o-hurried");
    let waited = verdict.elapsed_ms;
    assert!(waited < 400, "it slept for nothing: {waited} ms, {records:?}");
}

#[test]
fn a_readable_error_behind_a_gateways_status_is_tried_again() {
    let env = TestEnv::new();
    let client = env.client(json!({}));
    env.accept(&client, "o1");
    for status in [500, 502, 503] {
        let kind = FaultKind::Errcode { errcode: -1, errmsg: None, status };
        env.wechat.arm(Fault { times: Some(1), ..Fault::new(kind).on(Endpoint::Send) });
    }
    let busy = send(&client, "o1");
    assert_eq!((busy.status, busy.attempts, busy.http_status), (Status::Busy, 3, 503), "{}", busy.message);
    let sent = send(&client, "o1");
    assert_eq!((sent.status, sent.attempts), (Status::Ok, 1), "{}", sent.message);
}

#[test]
fn an_unknown_code_is_told_and_never_tried_again() {
    let env = TestEnv::new();
    let client = env.client(json!({"max_attempts": 20}));
    for errcode in [1, 2, -2, -100, 20002, 40099, 43109, 45012, 48006, 65535, 9_999_999, i64::from(i32::MAX)] {
        let openid = format!("o{errcode}");
        env.accept(&client, &openid);
        env.wechat.arm(Fault::errcode(errcode).on(Endpoint::Send).openid(&openid).forever());
        let verdict = send(&client, &openid);
        let got = (verdict.status, verdict.retry, verdict.retry_after_ms, verdict.errcode, verdict.attempts);
        assert_eq!(got, (Status::Wechat, Retry::Never, 0, errcode as i32, 1), "{}", verdict.message);
        assert_eq!((verdict.quota, left(&client, &openid)), (QuotaChange::Returned, 1), "{errcode}");
        assert_eq!(env.wechat.sends_to(&openid).len(), 1, "{errcode}");
        assert!(verdict.message.contains(&errcode.to_string()), "{}", verdict.message);
    }
}

#[test]
fn a_ban_stops_its_template_for_all_players_and_takes_no_unit() {
    const PLAYERS: usize = 16;
    let env = TestEnv::new();
    let client = env.client(json!({}));
    let openids: Vec<String> = (0..PLAYERS).map(|n| format!("o{n}")).collect();
    for openid in &openids {
        env.accept(&client, openid);
    }
    env.wechat.arm(Fault::errcode(43107).on(Endpoint::Send).template(TEMPLATE).forever());
    let banned = send(&client, &openids[0]);
    let got = (banned.status, banned.retry, banned.errcode, banned.quota, banned.attempts);
    assert_eq!(got, (Status::Banned, Retry::Later, 43107, QuotaChange::Returned, 1), "{}", banned.message);
    assert!(banned.retry_after_ms >= 1000);
    std::thread::scope(|scope| {
        for openid in &openids {
            scope.spawn(|| {
                let verdict = send(&client, openid);
                let got = (verdict.status, verdict.retry, verdict.quota, verdict.attempts);
                assert_eq!(got, (Status::Banned, Retry::Later, QuotaChange::Returned, 0), "{}", verdict.message);
                assert!(verdict.retry_after_ms >= 1000, "{}", verdict.retry_after_ms);
                assert_eq!(left(&client, openid), 1);
            });
        }
    });
    assert_eq!(env.wechat.counters().answers(Endpoint::Send, 43107), 1, "WeChat was asked once");

    env.wechat.grant("o0", "sim-activity", 1);
    client.report("o0", Some("sim-activity"), Answer::Accept, None);
    let data = json!({"thing1": "a", "date2": "2026-11-24", "number3": 3});
    let text = json!({"touser": "o0", "template_id": "sim-activity", "data": data}).to_string();
    let other = client.send(&text, None);
    assert_eq!(other.status, Status::Ok, "{}", other.message);
}
