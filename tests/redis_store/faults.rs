//! A Redis that dies, comes back empty or stands still: calls end in time and in words, the ledger is right when
//! it is back, and nothing is sent twice.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use crate::common::{TEMPLATE, TestEnv, left, message, send};
use crate::env::RedisEnv;
use crate::servers::{Program, Proxy, Server, wait_until};
use serde_json::json;
use wxsub::{Answer, Client, Status, Verdict};
use wxsub_simulator::{Endpoint, Fault, Options};

pub fn accept(client: &Client, openid: &str, key: Option<&str>) -> Verdict {
    client.report(openid, Some(TEMPLATE), Answer::Accept, key)
}

/// Tries a call again until neither the store nor a lease is in its way.
pub fn until_answered(env: &RedisEnv, mut call: impl FnMut() -> Verdict) -> Verdict {
    let mut last = None;
    wait_until("the store answers", || {
        let verdict = env.recorder.record(call());
        // A hold that was in doubt, and that nobody gave back, is in the way until its lease ends.
        let answered = !matches!(verdict.status, Status::Store | Status::Busy);
        last = Some(verdict);
        answered
    });
    last.unwrap()
}

/// Players accept and are sent to, all the time; the server is killed and comes back with its AOF.
#[test]
fn killed_and_restarted_it_has_every_grant_that_was_acknowledged_and_nothing_is_sent_twice() {
    const THREADS: usize = 8;
    let base = TestEnv::with(Options { initial_grants: 1 << 40, ..Options::default() });
    let env = &RedisEnv::on(base);
    for program in Program::ALL {
        let server = Server::start(RedisEnv::settings().program(program));
        let client = &env.open(&server.url(), json!({"timeout_ms": 2000}));
        let (done, rounds, stop) = (&AtomicUsize::new(0), &AtomicUsize::new(0), &AtomicBool::new(false));
        let failed = &AtomicUsize::new(0);
        let work = |thread: usize| {
            let player = format!("{program:?}-{thread}");
            let (mut granted, mut spent) = (0, 0);
            let mut round = 0;
            while !stop.load(Ordering::SeqCst) {
                round += 1;
                let key = format!("k{round}");
                let counted = until_answered(env, || {
                    let verdict = accept(client, &player, Some(&key));
                    failed.fetch_add(usize::from(verdict.status == Status::Store), Ordering::SeqCst);
                    verdict
                });
                assert_eq!(counted.status, Status::Ok, "{}", counted.message);
                granted += 1;
                // A hold that nobody settled is in the way until its lease ends.
                let options = json!({"key": key, "timeout_ms": 20_000}).to_string();
                let sent = env.recorder.record(until_answered(env, || client.send(&message(&player), Some(&options))));
                match sent.status {
                    // Sent, or found in progress: its verdict was lost with the server.
                    Status::Ok => spent += 1,
                    Status::Unknown => {}
                    _ => panic!("{sent:?}"),
                }
                done.fetch_add(1, Ordering::SeqCst);
            }
            rounds.fetch_add(round, Ordering::SeqCst);
            // A deduction may be forgotten, a grant may not.
            let count = until_answered(env, || client.quota(&player, TEMPLATE)).remaining;
            assert!((granted - spent..=granted).contains(&count), "{granted} granted, {spent} spent, {count} left");
            let delivered = env.base.wechat.deliveries_to(&player).len();
            assert!((spent as usize..=round).contains(&delivered), "{spent} said to be sent, {delivered} delivered");
        };
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..THREADS).map(|thread| scope.spawn(move || work(thread))).collect();
            for kill in 0..5 {
                let before = done.load(Ordering::SeqCst);
                wait_until("work goes on", || {
                    threads.iter().any(|t| t.is_finished()) || done.load(Ordering::SeqCst) > before + 3 * THREADS
                });
                server.kill();
                if kill % 2 == 1 {
                    let before = failed.load(Ordering::SeqCst);
                    wait_until("its absence is noticed", || failed.load(Ordering::SeqCst) > before);
                }
                server.restart();
            }
            let before = done.load(Ordering::SeqCst);
            wait_until("work goes on", || {
                threads.iter().any(|t| t.is_finished()) || done.load(Ordering::SeqCst) > before + 3 * THREADS
            });
            stop.store(true, Ordering::SeqCst);
        });
        println!(
            "{program:?}: {} rounds, {} failed calls",
            rounds.load(Ordering::SeqCst),
            failed.load(Ordering::SeqCst)
        );
    }
    // One message per key: nothing was sent twice.
    let wechat = &env.base.wechat;
    assert_eq!(wechat.counters().calls_to(Endpoint::Send), wechat.counters().delivered);
    assert_eq!(wechat.counters().overlaps, 0);
}

#[test]
fn restarted_empty_it_is_a_new_ledger() {
    let env = RedisEnv::new();
    let server = Server::start(RedisEnv::settings());
    let client = env.open(&server.url(), json!({"timeout_ms": 20_000}));
    for _ in 0..3 {
        env.base.accept(&client, "o1");
    }
    env.ok(send(&client, "o1"));
    // One is at WeChat while the ledger goes away.
    env.base.wechat.arm(Fault::stall().on(Endpoint::Send).openid("o1"));
    std::thread::scope(|scope| {
        let running = scope.spawn(|| send(&client, "o1"));
        wait_until("it is at WeChat", || env.base.wechat.sends_to("o1").len() == 2);
        server.kill();
        server.empty();
        server.restart();
        env.base.wechat.drop_connections();
        let maybe = env.recorder.record(running.join().unwrap());
        assert_eq!(maybe.status, Status::Unknown, "{}", maybe.message);
    });
    let none = env.recorder.record(send(&client, "o1"));
    assert_eq!((none.status, left(&client, "o1")), (Status::NoQuota, 0), "{}", none.message);
    assert_eq!(env.base.accept(&client, "o1").remaining, 1);
    env.ok(send(&client, "o1"));
    env.ok(client.check());
    assert_eq!(env.base.wechat.deliveries_to("o1").len(), 2);
}

#[test]
fn a_server_that_stands_still_costs_no_more_than_the_deadline() {
    for program in Program::ALL {
        let env = RedisEnv::new();
        let server = Server::start(RedisEnv::settings().program(program));
        let client = env.open(&server.url(), json!({"timeout_ms": 1000}));
        env.base.accept(&client, "o1");
        server.stop();
        // The first breaks a connection, unless another thread's call did; the others make none: it is taken by the system,
        // and nobody answers.
        env.failed(accept(&client, "o1", Some("k")), 1000, &["no answer came in time"]);
        let words = ["no answer came in time", "nothing was done"];
        env.store_failed(client.quota("o1", TEMPLATE), 1000, &words);
        env.store_failed(send(&client, "o1"), 1000, &words);
        let short = client.send(&message("o1"), Some(r#"{"timeout_ms": 300, "key": "s"}"#));
        env.store_failed(short, 300, &words);
        env.store_failed(client.lookup("o1", "s"), 1000, &words);
        env.open_failed(&server.url(), json!({"timeout_ms": 1000}), &words);
        let name = server.url().replace("127.0.0.1", "localhost");
        env.open_failed(&name, json!({"timeout_ms": 1000}), &["store redis://localhost:", "nothing was done"]);
        assert_eq!(env.base.wechat.counters().calls_to(Endpoint::Send), 0);
        server.go_on();
        // What was left in the socket is done or not; with its key it is done once.
        let verdict = until_answered(&env, || accept(&client, "o1", Some("k")));
        assert_eq!((env.ok(verdict).status, left(&client, "o1")), (Status::Ok, 2));
        // A hold that was in the socket, too, is in the way until its lease ends.
        let options = json!({"timeout_ms": 20_000, "key": "s"}).to_string();
        let sent = env.recorder.record(client.send(&message("o1"), Some(&options)));
        // Nobody knows of the keyed one whether its process died in the middle of it.
        assert!(matches!(sent.status, Status::Ok | Status::Unknown), "{sent:?}");
        let options = json!({"timeout_ms": 20_000, "key": "another"}).to_string();
        env.base.wechat.grant("o1", TEMPLATE, 1);
        env.ok(client.send(&message("o1"), Some(&options)));
    }
}

/// Leaving is not held up either.
#[test]
fn a_client_leaves_a_server_that_stands_still() {
    let env = RedisEnv::new();
    let server = Server::start(RedisEnv::settings());
    let client = env.open(&server.url(), json!({"timeout_ms": 30_000}));
    server.stop();
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| client.quota("o1", TEMPLATE));
        std::thread::sleep(Duration::from_millis(200));
        let began = std::time::Instant::now();
        client.shutdown(Duration::from_millis(500), true);
        assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
        server.go_on();
        env.recorder.record(waiting.join().unwrap());
    });
}

#[test]
fn nobody_at_the_port_is_said_at_once_and_forgotten_when_somebody_is() {
    let env = RedisEnv::new();
    let server = Server::start(RedisEnv::settings());
    let proxy = Proxy::to(server.port());
    let client = env.open(&RedisEnv::url(proxy.port()), json!({"timeout_ms": 3000}));
    env.base.accept(&client, "o1");
    proxy.refuse();
    let words = ["it was not reached", "Is it running?"];
    env.failed(accept(&client, "o1", None), 600, &words);
    env.store_failed(client.quota("o1", TEMPLATE), 600, &words);
    env.store_failed(send(&client, "o1"), 600, &words);
    env.store_failed(client.cancel("o1", "k"), 600, &words);
    let report = env.recorder.record(client.report_json("o1", &json!({TEMPLATE: "accept"}).to_string(), None));
    assert!(report.is_err_and(|e| e.status == Status::Store));
    let checked = env.recorder.record(client.check());
    assert_eq!(checked.status, Status::Store, "{}", checked.message);
    env.open_failed(&RedisEnv::url(proxy.port()), json!({"timeout_ms": 600}), &words);
    proxy.accept();
    assert_eq!(until_answered(&env, || client.quota("o1", TEMPLATE)).remaining, 1, "nothing was done meanwhile");
    env.ok(send(&client, "o1"));
}

/// A message has reached WeChat, and the store dies before its verdict is in it.
#[test]
fn what_was_sent_is_said_to_be_sent_although_the_store_is_gone() {
    let env = RedisEnv::new();
    let server = Server::start(RedisEnv::settings());
    let client = env.open(&server.url(), json!({"timeout_ms": 3000}));
    for _ in 0..2 {
        env.base.accept(&client, "o1");
    }
    env.base.wechat.arm(Fault::delay(300).on(Endpoint::Send));
    std::thread::scope(|scope| {
        let running = scope.spawn(|| client.send(&message("o1"), Some(r#"{"key": "k"}"#)));
        wait_until("it is at WeChat", || env.base.wechat.sends_to("o1").len() == 1);
        server.kill();
        let sent = env.ok(running.join().unwrap());
        assert_ne!(sent.msgid, 0);
        assert!(sent.elapsed_ms < 3000 + 3000, "{} ms", sent.elapsed_ms);
    });
    server.restart();
    // With the key it is not sent again: the mark was on the server's disk before the request left.
    let options = r#"{"key": "k", "timeout_ms": 20000}"#;
    let again = env.recorder.record(until_answered(&env, || client.send(&message("o1"), Some(options))));
    assert!(matches!(again.status, Status::Ok | Status::Unknown), "{again:?}");
    assert_eq!(env.base.wechat.sends_to("o1").len(), 1);
    // Another goes out when the lease is over; the count leans to the player.
    env.ok(client.send(&message("o1"), Some(r#"{"timeout_ms": 20000}"#)));
    assert!((0..=1).contains(&left(&client, "o1")));
}

/// Messages that are due while their server is killed again and again.
#[test]
fn the_outbox_sends_each_message_once_through_kills_of_the_server() {
    const MESSAGES: usize = 60;
    for program in Program::ALL {
        let base = TestEnv::with(Options {
            initial_grants: 1 << 40,
            send_latency: Duration::from_millis(10),
            ..Options::default()
        });
        let env = RedisEnv::on(base);
        let server = Server::start(RedisEnv::settings().program(program));
        let client = env.open(&server.url(), json!({"timeout_ms": 3000, "quota": "observe", "workers": 4}));
        let mut outcomes = std::collections::HashMap::new();
        let mut submitted = 0;
        let mut kills = 0;
        wait_until("all have their outcome", || {
            if submitted < MESSAGES {
                let key = format!("k{submitted}");
                let options = json!({"key": key, "durable": true}).to_string();
                client.submit(&message(&format!("o{submitted}")), Some(&options)).unwrap();
                submitted += 1;
            }
            for result in env.recorder.record(client.poll(64, Duration::ZERO).unwrap()) {
                if result.flags == Verdict::OUTCOME {
                    assert!(outcomes.insert(result.key.clone(), result).is_none(), "two outcomes");
                } else if result.status != Status::Ok {
                    // Not stored, as far as is known: with its key it may be said again.
                    assert_eq!(result.status, Status::Store, "{}", result.message);
                    let player = result.key.replace('k', "o");
                    let options = json!({"key": result.key, "durable": true}).to_string();
                    client.submit(&message(&player), Some(&options)).unwrap();
                }
            }
            if kills < 4 && outcomes.len() > 10 * (kills + 1) {
                server.kill();
                server.restart();
                kills += 1;
            }
            outcomes.len() == MESSAGES
        });
        let maybe = outcomes.values().filter(|v| v.status == Status::Unknown).count();
        for (key, verdict) in &outcomes {
            assert!(matches!(verdict.status, Status::Ok | Status::Unknown), "{key}: {verdict:?}");
            let times = env.base.wechat.deliveries_to(&key.replace('k', "o")).len();
            assert!(times <= 1 && (times == 1 || verdict.status == Status::Unknown), "{key}: {times}");
        }
        println!("{program:?}: {kills} kills, {maybe} maybe of {MESSAGES}");
        assert_eq!(kills, 4);
    }
}

/// A player whose lease another process holds is busy, however little time there is for a last look at him; and a store that
/// goes away meanwhile is no busy player.
#[test]
fn who_waits_for_a_busy_player_is_told_that_he_is_busy() {
    let env = RedisEnv::on(TestEnv::with(Options { initial_grants: 1 << 40, ..Options::default() }));
    let server = Server::start(RedisEnv::settings());
    let clients = [(), ()].map(|()| env.open(&server.url(), json!({"timeout_ms": 60_000})));
    env.ok(accept(&clients[0], "o1", None));
    env.base.wechat.arm(Fault::delay(20_000).on(Endpoint::Send));
    let hasty = |ms: u64| {
        let options = json!({"timeout_ms": ms}).to_string();
        env.recorder.record(clients[1].send(&message("o1"), Some(&options)))
    };
    std::thread::scope(|scope| {
        let slow = scope.spawn(|| send(&clients[0], "o1"));
        wait_until("it is on its way", || env.base.wechat.counters().calls_to(Endpoint::Send) == 1);
        // A machine that stands still in the wrong moment makes a store that does.
        let told: Vec<Verdict> = (0..3).map(|_| hasty(2000)).collect();
        assert!(told.iter().all(|told| told.attempts == 0), "{told:#?}");
        assert!(told.iter().filter(|told| told.status == Status::Busy).count() >= 2, "{told:#?}");
        let told = scope.spawn(|| hasty(5000));
        std::thread::sleep(Duration::from_millis(1000));
        server.stop();
        let told = told.join().expect("it ends");
        server.go_on();
        assert_eq!((told.status, told.attempts), (Status::Store, 0), "{told:?}");
        slow.join().expect("it ends");
    });
}
