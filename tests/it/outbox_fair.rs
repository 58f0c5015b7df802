//! One player's messages, and a queue that is always full, hold up nobody's due message.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::common::{TestEnv, message};
use serde_json::json;
use wxsub::{Client, Status, Verdict};
use wxsub_simulator::{Endpoint, Fault, Options};

fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64
}

/// Puts a message into the store that is due at once.
fn due(client: &Client, openid: &str) {
    let options = json!({"durable": true, "deliver_at": now_ms(), "key": format!("due-{openid}")});
    client.submit(&message(openid), Some(&options.to_string())).unwrap();
}

/// Polls until so many outcomes have come; returns how long that took.
fn outcomes(client: &Client, wanted: usize) -> (Vec<Verdict>, Duration) {
    let started = Instant::now();
    let mut found = Vec::new();
    while found.len() < wanted {
        assert!(started.elapsed() < Duration::from_secs(90), "{} of {wanted} came", found.len());
        let results = client.poll(64, Duration::from_millis(100)).unwrap();
        found.extend(results.into_iter().filter(|verdict| verdict.flags & Verdict::OUTCOME != 0));
    }
    (found, started.elapsed())
}

#[test]
fn one_players_slow_sends_hold_up_no_other_players_due_messages() {
    let env = TestEnv::with(Options { initial_grants: 100, ..Options::default() });
    let client = env.client(json!({"workers": 4, "timeout_ms": 60_000, "quota": "observe"}));
    let slow = Fault::delay(400).on(Endpoint::Send).openid("slow").forever();
    env.wechat.arm(slow);
    for _ in 0..40 {
        client.submit(&message("slow"), None).unwrap();
    }
    due(&client, "slow");
    let others: Vec<String> = (0..12).map(|n| format!("o{n}")).collect();
    others.iter().for_each(|openid| due(&client, openid));
    let sent = |openid: &String| env.wechat.deliveries_to(openid).len() == 1;
    let started = Instant::now();
    while !others.iter().all(sent) {
        // All sends to the one take sixteen seconds.
        assert!(started.elapsed() < Duration::from_secs(8), "others waited for one player's sends");
        client.poll(64, Duration::from_millis(20)).unwrap();
    }
    assert!(env.wechat.deliveries_to("slow").len() < 40, "the slow sends were still going on");
}

#[test]
fn due_messages_get_their_share_beside_a_queue_that_is_always_full() {
    let env = TestEnv::with(Options { initial_grants: 100_000, ..Options::default() });
    env.wechat.set_send_latency(Duration::from_millis(20));
    let client = env.client(json!({"workers": 4, "quota": "observe", "queue_capacity": 400}));
    const DUE: usize = 60;
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let (client, stop) = (&client, &stop);
        scope.spawn(move || {
            for n in 0.. {
                if stop.load(Ordering::Relaxed) {
                    return;
                }
                // Different players, so that nothing but the threads is shared.
                let options = json!({"notify": false}).to_string();
                if client.submit(&message(&format!("s{n}")), Some(&options)).is_err() {
                    std::thread::sleep(Duration::from_millis(1));
                }
            }
        });
        while client.stats().unwrap().queued < 100 {
            std::thread::sleep(Duration::from_millis(5));
        }
        let before = env.wechat.counters().calls_to(Endpoint::Send);
        (0..DUE).for_each(|n| {
            let options = json!({"durable": true, "key": format!("k{n}")}).to_string();
            // The queue that it goes through first is full of others.
            while client.submit(&message(&format!("d{n}")), Some(&options)).is_err() {
                std::thread::sleep(Duration::from_millis(1));
            }
        });
        let (found, _) = outcomes(client, DUE);
        let all = env.wechat.counters().calls_to(Endpoint::Send) - before;
        stop.store(true, Ordering::Relaxed);
        assert!(found.iter().all(|verdict| verdict.status == Status::Ok), "{found:?}");
        // At least half while they wait; they come into the store one by one, so that some find no other waiting.
        assert!(all < 8 * DUE as u64, "{DUE} due messages went out beside {all} sends");
    });
}

#[test]
fn a_process_takes_over_no_live_send_of_its_own() {
    let env = TestEnv::with(Options { initial_grants: 100, ..Options::default() });
    let client = env.client(json!({"workers": 2, "timeout_ms": 20_000}));
    (0..8).for_each(|n| {
        env.accept(&client, &format!("o{n}"));
    });
    env.wechat.set_send_latency(Duration::from_millis(1500));
    (0..8).for_each(|n| due(&client, &format!("o{n}")));
    let (found, _) = outcomes(&client, 8);
    assert!(found.iter().all(|verdict| verdict.status == Status::Ok && verdict.attempts == 1), "{found:?}");
    assert_eq!(env.wechat.counters().calls_to(Endpoint::Send), 8, "each was sent once");
    assert!(client.poll(64, Duration::from_millis(300)).unwrap().iter().all(|v| v.flags & Verdict::OUTCOME == 0));
    assert_eq!(client.stats().unwrap().lost_results, 0);
}
