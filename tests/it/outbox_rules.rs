//! Promises about what was submitted that break where two parts meet: the queue and the store, a wait and a deadline,
//! one player and the others.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::common::{TEMPLATE, TestEnv, left, message, message_from};
use serde_json::{Value, json};
use wxsub::{Answer, Client, QuotaChange, Status, Verdict};
use wxsub_simulator::{Endpoint, Fault, Options};

fn in_ms(ms: i64) -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64 + ms
}

fn submit(client: &Client, openid: &str, options: Value) -> u64 {
    client.submit(&message(openid), Some(&options.to_string())).unwrap()
}

fn next(client: &Client) -> Verdict {
    let until = Instant::now() + Duration::from_secs(60);
    while Instant::now() < until {
        if let Some(result) = client.poll(1, Duration::from_millis(500)).unwrap().pop() {
            return result;
        }
    }
    panic!("no result came");
}

/// Submits a message and returns its ticket's result, which must be the next.
fn store(client: &Client, openid: &str, options: Value) -> Verdict {
    let ticket = submit(client, openid, options);
    let result = next(client);
    assert_eq!(result.ticket, ticket, "{result:#?}");
    result
}

fn wait_until(what: &str, done: impl Fn() -> bool) {
    let until = Instant::now() + Duration::from_secs(60);
    while !done() {
        assert!(Instant::now() < until, "in vain: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A client whose sends to the player wait at WeChat until the faults are cleared and connections dropped.
fn stalled(more: Value) -> (TestEnv, Client) {
    let env = TestEnv::with(Options { idle_timeout: Duration::from_secs(120), ..Options::default() });
    let client = env.client(more);
    env.accept(&client, "o1");
    env.wechat.arm(Fault::stall().on(Endpoint::Send).openid("o1").forever());
    (env, client)
}

#[test]
fn a_cancellation_takes_all_that_wait_with_the_key() {
    // In the store, and its replacement in the queue.
    let (env, client) = stalled(json!({"timeout_ms": 60_000}));
    env.accept(&client, "o1");
    assert_eq!(store(&client, "o1", json!({"key": "k", "deliver_at": in_ms(1500)})).flags, Verdict::STORED);
    client.submit(&message("o1"), None).unwrap();
    assert!(env.wechat.wait_for(Duration::from_secs(30), |c| c.sends_in_progress == 1));
    submit(&client, "o1", json!({"key": "k", "deliver_at": in_ms(2500), "on_conflict": "replace"}));
    let cancelled = client.cancel("o1", "k");
    assert_eq!(cancelled.status, Status::Ok, "{cancelled:?}");
    assert_eq!(client.lookup("o1", "k").status, Status::Cancelled);
    assert_eq!(client.stats().unwrap().outbox.waiting, 0);

    // Twice in the queue.
    submit(&client, "o1", json!({"key": "l"}));
    submit(&client, "o1", json!({"key": "l"}));
    assert_eq!(client.cancel("o1", "l").status, Status::Ok);
    assert_eq!(client.cancel("o1", "l").status, Status::NotFound);
    assert_eq!(client.stats().unwrap().queued, 0);
}

#[test]
fn a_lookup_of_what_waits_anew_does_not_tell_of_an_earlier_one_without_effect() {
    let (env, client) = stalled(json!({"timeout_ms": 60_000}));
    store(&client, "o1", json!({"key": "k", "deliver_at": in_ms(3_600_000)}));
    assert_eq!(client.cancel("o1", "k").status, Status::Ok);
    client.submit(&message("o1"), None).unwrap();
    assert!(env.wechat.wait_for(Duration::from_secs(30), |c| c.sends_in_progress == 1));
    submit(&client, "o1", json!({"key": "k"}));
    assert_eq!(client.lookup("o1", "k").status, Status::Busy);
}

#[test]
fn nothing_is_sent_after_its_expires_at_whatever_it_waited_for() {
    for durable in [true, false] {
        let env = TestEnv::with(Options { idle_timeout: Duration::from_secs(120), ..Options::default() });
        // Two processes, so that the second waits for the player's turn in the store.
        let (first, second) = (env.client(json!({"timeout_ms": 60_000})), env.client(json!({"timeout_ms": 30_000})));
        (0..2).for_each(|_| drop(env.accept(&first, "o1")));
        env.wechat.arm(Fault::delay(4000).on(Endpoint::Send).openid("o1"));
        std::thread::scope(|scope| {
            let sending = scope.spawn(|| first.send(&message("o1"), None));
            assert!(env.wechat.wait_for(Duration::from_secs(30), |c| c.sends_in_progress == 1));
            let expires = in_ms(1500);
            submit(&second, "o1", json!({"durable": durable, "expires_at": expires, "key": "k"}));
            let end = loop {
                let result = next(&second);
                if !durable || result.flags & Verdict::OUTCOME != 0 {
                    break result;
                }
            };
            assert_eq!(sending.join().unwrap().status, Status::Ok);
            assert_eq!(end.status, Status::Expired, "durable {durable}: {end:?}");
            assert_eq!(env.wechat.sends_to("o1").len(), 1, "durable {durable}");
        });
    }
}

#[test]
fn a_stalled_wechat_holds_up_no_reports() {
    const WORKERS: usize = 2;
    let env = TestEnv::with(Options { idle_timeout: Duration::from_secs(120), ..Options::default() });
    let client = env.client(json!({"workers": WORKERS, "timeout_ms": 60_000}));
    for endpoint in [Endpoint::StableToken, Endpoint::GetTemplate] {
        env.wechat.arm(Fault::stall().on(endpoint).forever());
    }
    // Their templates are looked up first.
    let messages: Vec<u64> =
        (0..=WORKERS).map(|n| submit(&client, &format!("o{n}"), json!({"durable": true}))).collect();
    wait_until("all that send have one", || client.stats().unwrap().queued <= 1);
    let report = client.submit_report("other", Some(TEMPLATE), Answer::Accept, None, 0).unwrap();
    let first = next(&client);
    assert_eq!((first.ticket, first.quota), (report, QuotaChange::Granted), "of {messages:?}: {first:?}");
}

#[test]
fn a_player_with_a_backlog_holds_up_nobody() {
    let (env, client) = stalled(json!({"workers": 4, "timeout_ms": 20_000}));
    env.accept(&client, "o2");
    let due = in_ms(1000);
    for _ in 0..20 {
        store(&client, "o1", json!({"deliver_at": due}));
    }
    store(&client, "o2", json!({"deliver_at": due + 1, "key": "k"}));
    let outcome = next(&client);
    assert_eq!((outcome.status, outcome.key.as_str()), (Status::Ok, "k"), "{outcome:?}");
}

#[test]
fn every_message_is_counted_once_by_its_final_verdict() {
    let (env, client) = stalled(json!({"timeout_ms": 60_000}));
    let ended = |status| client.stats().unwrap().ended(status);
    // Not fit for the store.
    let bad = json!({"touser": "o2", "template_id": TEMPLATE, "data": {"thing1": "x"}}).to_string();
    client.submit(&bad, Some(r#"{"durable":true}"#)).unwrap();
    assert_eq!(next(&client).status, Status::Message);
    assert_eq!(ended(Status::Message), 1, "a durable one that is not stored");
    // Cancelled in the store, and in the queue.
    store(&client, "o2", json!({"key": "k", "deliver_at": in_ms(3_600_000)}));
    assert_eq!(client.cancel("o2", "k").status, Status::Ok);
    assert_eq!(ended(Status::Cancelled), 1, "cancelled in the store");
    client.submit(&message("o1"), None).unwrap();
    assert!(env.wechat.wait_for(Duration::from_secs(30), |c| c.sends_in_progress == 1));
    submit(&client, "o1", json!({"key": "l"}));
    assert_eq!(client.cancel("o1", "l").status, Status::Ok);
    assert_eq!(next(&client).status, Status::Cancelled);
    assert_eq!(ended(Status::Cancelled), 2, "cancelled in the queue");
    // Too late in the queue.
    let passed = submit(&client, "o3", json!({"expires_at": in_ms(-1000)}));
    assert_eq!((next(&client).ticket, ended(Status::Expired)), (passed, 1), "expired in the queue");
    // Known by its key.
    env.accept(&client, "o4");
    store(&client, "o4", json!({"durable": true, "key": "m"}));
    assert_eq!(next(&client).status, Status::Ok);
    assert_eq!(store(&client, "o4", json!({"durable": true, "key": "m"})).flags, Verdict::REPLAYED);
    assert_eq!((ended(Status::Ok), client.stats().unwrap().replayed), (1, 1));
    // Given up by the end.
    submit(&client, "o1", json!({}));
    submit(&client, "o1", json!({}));
    client.shutdown(Duration::from_millis(50), true);
    assert_eq!((ended(Status::Unknown), ended(Status::Cancelled)), (1, 4), "given up by a shutdown");
}

#[test]
fn a_key_used_for_another_template_stays_what_it_was() {
    let env = TestEnv::new();
    let client = env.client(json!({}));
    for template in [TEMPLATE, "sim-activity"] {
        (0..2).for_each(|_| {
            env.wechat.grant("o1", template, 1);
            client.report("o1", Some(template), Answer::Accept, None);
        });
    }
    let other = json!({"touser": "o1", "template_id": "sim-activity",
                       "data": {"thing1": "a", "date2": "2026-10-01", "number3": 1}})
    .to_string();
    store(&client, "o1", json!({"key": "k", "deliver_at": in_ms(1000)}));
    assert_eq!(client.send(&other, Some(r#"{"key":"k"}"#)).status, Status::Ok);
    assert_eq!(next(&client).status, Status::Arg);
    let again = client.send(&other, Some(r#"{"key":"k"}"#));
    assert_eq!((again.status, again.flags), (Status::Ok, Verdict::REPLAYED), "{again:?}");
    assert_eq!(env.wechat.deliveries().len(), 1);
}

#[test]
fn a_free_ends_a_shutdown_that_would_wait_longer() {
    let (env, client) = stalled(json!({"timeout_ms": 60_000}));
    client.submit(&message("o1"), None).unwrap();
    assert!(env.wechat.wait_for(Duration::from_secs(30), |c| c.sends_in_progress == 1));
    std::thread::scope(|scope| {
        let draining = scope.spawn(|| client.shutdown(Duration::from_secs(3600), true));
        wait_until("it is closing", || client.quota("o", TEMPLATE).status == Status::State);
        client.close(true);
        assert_eq!(draining.join().unwrap(), 1);
    });
}

#[test]
fn texts_of_submit_that_are_no_object_are_refused_at_once() {
    let env = TestEnv::new();
    let client = env.client(json!({}));
    assert_eq!(client.submit(r#"["o1"]"#, None).unwrap_err().status, Status::Arg);
    let _ = (left(&client, "o"), message_from("o", "t"));
}

/// Another program's SQLite in a process of its own, to be told what to do.
struct Other(std::process::Child, std::io::Lines<BufReader<std::process::ChildStdout>>);

impl Other {
    fn start(env: &TestEnv) -> Other {
        let mut process = Command::new("sqlite3")
            .arg(env.store())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("sqlite3; scripts/test.sh installs it");
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        Other(process, lines)
    }

    fn tell(&mut self, sql: &str) -> String {
        writeln!(self.0.stdin.as_mut().unwrap(), "{sql}").unwrap();
        self.1.next().unwrap().unwrap()
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// It was waiting for the store when the client was shut down, and finds nobody who would send.
#[test]
fn a_message_claimed_during_a_shutdown_is_left_alone_after_it() {
    let env = TestEnv::new();
    let client = env.client(json!({}));
    store(&client, "o1", json!({"deliver_at": in_ms(1000), "key": "k"}));
    let mut other = Other::start(&env);
    assert_eq!(other.tell("BEGIN IMMEDIATE; SELECT 'locked';"), "locked");
    wait_until("it is due", || client.stats().unwrap().outbox.due == 1);
    std::thread::sleep(Duration::from_millis(300));
    client.shutdown(Duration::ZERO, true);
    assert_eq!(other.tell("COMMIT; SELECT 'free';"), "free");
    std::thread::sleep(Duration::from_millis(1000));
    let before = other.tell("PRAGMA data_version;");
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(other.tell("PRAGMA data_version;"), before, "somebody still writes");
    assert_eq!(client.stats().unwrap().outbox.due, 1);
}

/// What waits is given back when the client goes, however many there are and whether or not the store can be written.
#[test]
fn a_locked_store_does_not_keep_a_free_for_each_message() {
    const WORKERS: u64 = 100;
    let env =
        TestEnv::with(Options { initial_grants: 9, idle_timeout: Duration::from_secs(120), ..Options::default() });
    let client = env.client(json!({"workers": WORKERS, "timeout_ms": 60_000, "quota": "observe"}));
    env.wechat.arm(Fault::stall().on(Endpoint::Send).forever());
    let due = in_ms(3000);
    for n in 0..2 * WORKERS {
        submit(&client, &format!("o{n}"), json!({"deliver_at": due}));
    }
    assert!(env.wechat.wait_for(Duration::from_secs(60), |c| c.sends_in_progress == WORKERS));
    let mut other = Other::start(&env);
    assert_eq!(other.tell("BEGIN IMMEDIATE; SELECT 'locked';"), "locked");
    let began = Instant::now();
    client.close(true);
    // One by one they would take 50 s.
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
}

#[test]
fn what_was_maybe_sent_does_not_end_as_if_it_surely_was_not() {
    let env = TestEnv::new();
    let client = env.client(json!({"timeout_ms": 1000}));
    env.accept(&client, "o1");
    env.wechat.arm(Fault::garbage("nonsense").on(Endpoint::Send).forever());
    let options = json!({"durable": true, "key": "k", "on_unknown": "resend", "expires_at": in_ms(1500)});
    assert_eq!(store(&client, "o1", options).flags, Verdict::STORED);
    let end = next(&client);
    assert!(!env.wechat.sends_to("o1").is_empty());
    assert_eq!(end.status, Status::Unknown, "{end:?}");
}

/// Just opened, it has the templates in its store and not yet in its memory.
#[test]
fn storing_is_neither_paced_nor_held_up_by_what_is_being_sent() {
    let env = TestEnv::with(Options { initial_grants: 9, ..Options::default() });
    assert_eq!(env.client(json!({"quota": "observe"})).send(&message("warm"), None).status, Status::Ok);
    let client = env.client(json!({"quota": "observe", "max_per_second": 0.001}));
    for n in 0..50 {
        submit(&client, &format!("o{n}"), json!({"deliver_at": in_ms(3_600_000)}));
    }
    for _ in 0..50 {
        assert_eq!(next(&client).flags, Verdict::STORED);
    }

    let client = env.client(json!({"quota": "observe", "workers": 1, "timeout_ms": 60_000}));
    env.wechat.arm(Fault::stall().on(Endpoint::Send).forever());
    submit(&client, "o1", json!({}));
    assert!(env.wechat.wait_for(Duration::from_secs(30), |c| c.sends_in_progress == 1));
    submit(&client, "o2", json!({"deliver_at": in_ms(3_600_000)}));
    assert_eq!(next(&client).flags, Verdict::STORED);
}

/// That it is too late to begin says nothing of how long the answer may take.
#[test]
fn what_left_in_time_has_its_whole_time_for_an_answer() {
    for durable in [true, false] {
        let env = TestEnv::new();
        let client = env.client(json!({"timeout_ms": 30_000}));
        (0..2).for_each(|_| drop(env.accept(&client, "o1")));
        assert_eq!(client.send(&message("o1"), None).status, Status::Ok);
        env.wechat.arm(Fault::delay(3000).on(Endpoint::Send).openid("o1"));
        submit(&client, "o1", json!({"durable": durable, "expires_at": in_ms(2000)}));
        let end = loop {
            let result = next(&client);
            if result.flags & Verdict::STORED == 0 {
                break result;
            }
        };
        assert_eq!(end.status, Status::Ok, "durable {durable}: {end:?}");
    }
}

/// Those who want no result fill the queue; whoever is turned away then must not keep its place.
#[test]
fn a_full_queue_keeps_no_places() {
    const CAPACITY: u64 = 5;
    let (env, client) = stalled(json!({"workers": 1, "queue_capacity": CAPACITY, "timeout_ms": 60_000}));
    submit(&client, "o1", json!({"notify": false}));
    assert!(env.wechat.wait_for(Duration::from_secs(30), |c| c.sends_in_progress == 1));
    for n in 0..CAPACITY {
        submit(&client, &format!("p{n}"), json!({"notify": false}));
    }
    for _ in 0..2 * CAPACITY {
        assert_eq!(client.submit(&message("o2"), None).unwrap_err().status, Status::QueueFull);
        let report = client.submit_report("o2", Some(TEMPLATE), Answer::Accept, None, 0);
        assert_eq!(report.unwrap_err().status, Status::QueueFull);
    }
    env.wechat.clear_faults();
    env.wechat.drop_connections();
    wait_until("the queue is empty", || client.stats().unwrap().queued == 0);
    for _ in 0..CAPACITY {
        submit(&client, "o3", json!({}));
    }
    (0..CAPACITY).for_each(|_| drop(next(&client)));
    assert_eq!(client.results_ready(), 0);
}
