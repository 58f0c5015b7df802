//! Submitting and polling: one result per ticket, order per player, bounded, through errors, panics and shutdown.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use crate::common::{TEMPLATE, TestEnv, left, message};
use serde_json::json;
use wxsub::{Answer, Client, QuotaChange, Status, Verdict};
use wxsub_simulator::{Endpoint, Fault, Options};

/// Polls until there are so many results.
pub fn poll_all(client: &Client, wanted: usize) -> Vec<Verdict> {
    let until = Instant::now() + Duration::from_secs(60);
    let mut results = Vec::new();
    while results.len() < wanted && Instant::now() < until {
        results.extend(client.poll(64, Duration::from_millis(200)).unwrap());
    }
    assert!(client.poll(64, Duration::ZERO).unwrap().is_empty(), "no more than one result per ticket");
    assert_eq!(results.len(), wanted, "{results:#?}");
    results
}

#[test]
fn a_ticket_has_the_verdict_as_its_result() {
    let env = TestEnv::new();
    let client = env.client(json!({}));
    env.accept(&client, "o1");
    let ticket = client.submit(&message("o1"), Some(r#"{"tag":7,"key":"k"}"#)).unwrap();
    assert!(ticket > 0);
    let results = poll_all(&client, 1);
    let sent = &results[0];
    assert_eq!((sent.status, sent.ticket, sent.tag, sent.key.as_str()), (Status::Ok, ticket, 7, "k"), "{sent:?}");
    assert_eq!((sent.quota, sent.remaining, sent.flags), (QuotaChange::Spent, 0, 0));
    assert_eq!(env.wechat.deliveries().len(), 1);
    assert_eq!(client.lookup("o1", "k").msgid, sent.msgid);
}

#[test]
fn what_submit_refuses_gets_no_ticket_and_other_faults_come_as_results() {
    let env = TestEnv::new();
    let client = env.client(json!({}));
    for text in ["", "[]", "{", "{}", r#"{"touser":""}"#, r#"{"touser":7}"#, r#"{"touser":"o"}x"#] {
        assert_eq!(client.submit(text, None).unwrap_err().status, Status::Arg, "{text}");
    }
    assert_eq!(client.submit(&message("o"), Some(r#"{"delay":1}"#)).unwrap_err().status, Status::Arg);
    assert_eq!(client.submit_report("o", None, Answer::Accept, None, 0).unwrap_err().status, Status::Arg);
    assert_eq!(client.submit_report("", Some("t"), Answer::Accept, None, 0).unwrap_err().status, Status::Arg);
    let faulty = [
        (json!({"touser": "o"}), Status::Arg),
        (json!({"touser": "o", "template_id": "SYS_MSG_TYPE_WHATS_NEW", "data": {}}), Status::Arg),
        (json!({"touser": "o", "template_id": TEMPLATE, "data": {}}), Status::NoQuota),
    ];
    let tickets: HashMap<u64, Status> =
        faulty.iter().map(|(m, status)| (client.submit(&m.to_string(), None).unwrap(), *status)).collect();
    for result in poll_all(&client, faulty.len()) {
        assert_eq!(result.status, tickets[&result.ticket], "{result:?}");
    }
}

#[test]
fn reports_and_sends_of_one_player_keep_their_order() {
    let env = TestEnv::new();
    let client = env.client(json!({"workers": 8}));
    let players: Vec<String> = (0..20).map(|n| format!("o{n}")).collect();
    let mut tickets: HashMap<String, Vec<u64>> = HashMap::new();
    for _ in 0..5 {
        for player in &players {
            env.wechat.grant(player, TEMPLATE, 1);
            let accept = client.submit_report(player, Some(TEMPLATE), Answer::Accept, None, 1).unwrap();
            let send = client.submit(&message(player), None).unwrap();
            tickets.entry(player.clone()).or_default().extend([accept, send]);
        }
    }
    let results = poll_all(&client, 200);
    let at: HashMap<u64, usize> = results.iter().enumerate().map(|(i, r)| (r.ticket, i)).collect();
    for (player, tickets) in &tickets {
        assert!(tickets.is_sorted_by_key(|t| at[t]), "{player}");
    }
    assert!(results.iter().all(|r| r.status == Status::Ok), "{results:#?}");
    assert_eq!(env.wechat.deliveries().len(), 100);
    assert_eq!(env.wechat.counters().overlaps, 0);
}

#[test]
fn the_queue_and_the_places_for_results_are_bounded() {
    let env = TestEnv::new();
    let client = env.client(json!({"workers": 1, "queue_capacity": 5}));
    let tickets: HashSet<u64> = (0..5).map(|n| client.submit(&message(&format!("o{n}")), None).unwrap()).collect();
    let full = client.submit(&message("o"), None).unwrap_err();
    assert_eq!(full.status, Status::QueueFull, "{full}");
    assert_eq!(client.submit_report("o", Some("t"), Answer::Accept, None, 0).unwrap_err().status, Status::QueueFull);
    // Finished, but not polled: their places are still taken.
    while client.results_ready() < 5 {
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(client.submit(&message("o"), None).unwrap_err().status, Status::QueueFull);
    assert_eq!(client.submit(&message("o"), Some(r#"{"notify":false}"#)).unwrap(), 0, "needs no place");
    let results = poll_all(&client, 5);
    assert_eq!(results.iter().map(|r| r.ticket).collect::<HashSet<_>>(), tickets);
    assert!(client.submit(&message("o"), None).is_ok());
}

#[test]
fn submit_does_not_wait_for_a_stalled_wechat_and_reports_pass_it() {
    let env = TestEnv::with(Options { idle_timeout: Duration::from_secs(120), ..Options::default() });
    let client = env.client(json!({"workers": 2, "timeout_ms": 60_000}));
    env.wechat.arm(Fault::stall().on(Endpoint::Send).forever());
    for n in 0..6 {
        env.accept(&client, &format!("o{n}"));
        client.submit(&message(&format!("o{n}")), None).unwrap();
    }
    assert!(env.wechat.wait_for(Duration::from_secs(30), |c| c.sends_in_progress == 2));
    let report = client.submit_report("other", Some(TEMPLATE), Answer::Accept, Some("k"), 3).unwrap();
    let results = poll_all(&client, 1);
    assert_eq!((results[0].ticket, results[0].quota, results[0].tag), (report, QuotaChange::Granted, 3));
    assert_eq!(left(&client, "other"), 1);
    assert_eq!(client.stats().unwrap().queued, 4);

    let unfinished = client.shutdown(Duration::from_millis(50), true);
    assert_eq!(unfinished, 6);
    let results = poll_all(&client, 6);
    let of = |status| results.iter().filter(|r| r.status == status).count();
    assert_eq!((of(Status::Unknown), of(Status::Cancelled)), (2, 4), "{results:#?}");
    assert_eq!(client.submit(&message("o"), None).unwrap_err().status, Status::State);
    assert_eq!(client.shutdown(Duration::from_secs(60), true), 0);
}

#[test]
fn a_shutdown_lets_what_was_submitted_end() {
    let env = TestEnv::new();
    let client = env.client(json!({"workers": 2}));
    for n in 0..50 {
        env.wechat.grant(&format!("o{n}"), TEMPLATE, 1);
        client.submit_report(&format!("o{n}"), Some(TEMPLATE), Answer::Accept, None, 0).unwrap();
        client.submit(&message(&format!("o{n}")), None).unwrap();
    }
    assert_eq!(client.shutdown(Duration::from_secs(60), true), 0);
    assert!(poll_all(&client, 100).iter().all(|r| r.status == Status::Ok));
    assert_eq!(env.wechat.deliveries().len(), 50);
}

#[test]
fn every_ticket_gets_one_result_while_others_submit_poll_and_shut_down() {
    for round in 0..10 {
        let env = TestEnv::new();
        let client = env.client(json!({"workers": 4, "queue_capacity": 200, "quota": "observe"}));
        let (submitted, polled): (parking::Set, parking::Set) = Default::default();
        std::thread::scope(|scope| {
            for thread in 0..3 {
                let (client, submitted) = (&client, &submitted);
                scope.spawn(move || {
                    for n in 0..150 {
                        let openid = format!("o{}", (thread * 7 + n) % 30);
                        let done = match n % 3 {
                            0 => client.submit_report(&openid, Some(TEMPLATE), Answer::Accept, None, 0),
                            1 => client.submit(&message(&openid), None),
                            _ => {
                                client.submit(&message(&openid), Some(r#"{"durable":true,"deliver_at":4000000000000}"#))
                            }
                        };
                        match done {
                            Ok(ticket) => assert!(submitted.lock().insert(ticket)),
                            Err(e) => assert!(matches!(e.status, Status::QueueFull | Status::State), "{e}"),
                        }
                    }
                });
            }
            let poll = |wait| {
                for result in client.poll(16, wait).unwrap() {
                    assert!(polled.lock().insert(result.ticket), "a second result: {result:?}");
                }
            };
            (0..20 + round).for_each(|_| poll(Duration::from_millis(1)));
            client.shutdown(Duration::from_millis(round as u64 * 3), true);
            for _ in 0..50 {
                poll(Duration::from_millis(20));
            }
        });
        while client.results_ready() > 0 {
            for result in client.poll(1000, Duration::ZERO).unwrap() {
                assert!(polled.lock().insert(result.ticket));
            }
        }
        assert_eq!(*submitted.lock(), *polled.lock(), "round {round}");
    }
}

/// A set that threads share.
mod parking {
    use std::collections::HashSet;
    use std::sync::{Mutex, MutexGuard};

    #[derive(Default)]
    pub struct Set(Mutex<HashSet<u64>>);

    impl Set {
        pub fn lock(&self) -> MutexGuard<'_, HashSet<u64>> {
            self.0.lock().unwrap()
        }
    }
}

#[test]
#[cfg(target_os = "linux")]
fn the_handle_is_ready_while_there_is_something_to_poll() {
    let env = TestEnv::new();
    let client = env.client(json!({}));
    let handle = client.poll_handle().unwrap();
    assert_eq!(client.poll_handle().unwrap(), handle);
    let is_ready = || {
        std::fs::read_to_string(format!("/proc/self/fdinfo/{handle}"))
            .unwrap()
            .contains("eventfd-count:                1")
    };
    assert!(!is_ready());
    client.submit(&message("o1"), None).unwrap();
    let until = Instant::now() + Duration::from_secs(30);
    while !is_ready() && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(is_ready());
    assert_eq!(client.poll(9, Duration::ZERO).unwrap().len(), 1);
    assert!(!is_ready());
}
