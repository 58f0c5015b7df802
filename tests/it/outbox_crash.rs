//! Messages in the store through the deaths of the processes that put them there and send them: each is sent once, or
//! said to be a maybe; what one process leaves behind another takes over; and clocks may be set.

use std::collections::{HashMap, HashSet};
use std::sync::Mutex;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::common::process::{Child, listen, play, rounds, say};
use crate::common::trace::{CALLS, Trace, is_log_write, is_synced};
use crate::common::{TEMPLATE, TestEnv, send};
use serde_json::{Value, json};
use wxsub::{Client, Config, Status, Verdict};
use wxsub_simulator::{Endpoint, Fault, Options};

#[test]
fn child() {
    play(|role, args| {
        let client = open(args["config"].as_str().unwrap());
        match role {
            "submit and deliver until killed" => submit_and_deliver_until_killed(&client, args),
            "deliver" => deliver(&client),
            "steps" => steps(&client),
            "one message" => one_message(&client, args),
            other => panic!("{other}"),
        }
    });
}

fn open(config: &str) -> Client {
    Client::open(Config::from_json(config).unwrap()).unwrap_or_else(|e| panic!("{e}"))
}

fn in_ms(ms: i64) -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64 + ms
}

/// A message that shows what it is when it is delivered.
fn named(openid: &str, name: &str) -> String {
    json!({
        "touser": openid,
        "template_id": TEMPLATE,
        "data": {"thing1": {"value": name}, "time2": {"value": "2026年11月24日 15:01"}},
    })
    .to_string()
}

/// How often each was delivered.
fn delivered(env: &TestEnv) -> HashMap<String, usize> {
    let mut times = HashMap::new();
    for delivery in env.wechat.deliveries().into_iter().filter(|d| d.openid != "warm") {
        *times.entry(delivery.data["thing1"]["value"].as_str().unwrap().to_owned()).or_default() += 1;
    }
    times
}

/// A simulator whose players allow everything, with a token and the templates in the store.
fn lively_env(send_latency: Duration) -> TestEnv {
    let env = TestEnv::with(Options {
        initial_grants: 1 << 40,
        send_latency,
        idle_timeout: Duration::from_secs(120),
        keep: 1 << 20,
        ..Options::default()
    });
    assert_eq!(send(&open(&lively(&env, json!({}))), "warm").status, Status::Ok);
    env
}

fn lively(env: &TestEnv, more: Value) -> String {
    let mut config = json!({"quota": "observe", "timeout_ms": 10_000});
    more.as_object().unwrap().iter().for_each(|(k, v)| config[k] = v.clone());
    env.config(config)
}

/// Submits a message and returns its ticket's result; outcomes that come first are dropped.
fn store(client: &Client, openid: &str, name: &str, options: Value) -> Verdict {
    let ticket = client.submit(&named(openid, name), Some(&options.to_string())).unwrap();
    let until = Instant::now() + Duration::from_secs(60);
    while Instant::now() < until {
        if let Some(result) = client.poll(1, Duration::from_millis(500)).unwrap().pop().filter(|r| r.ticket == ticket) {
            return result;
        }
    }
    panic!("no result came");
}

fn stored(client: &Client, openid: &str, name: &str, options: Value) {
    let result = store(client, openid, name, options);
    assert_eq!((result.status, result.flags), (Status::Ok, Verdict::STORED), "{result:#?}");
}

fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let until = Instant::now() + Duration::from_secs(90);
    while !done() {
        assert!(Instant::now() < until, "in vain: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Polls a client to its last outcome, and tells them: key and status.
fn outcomes(client: &Client) -> Vec<(String, Status)> {
    let mut told = Vec::new();
    wait_until("an empty outbox", || {
        told.extend(client.poll(1000, Duration::ZERO).unwrap().into_iter().map(|r| (r.key, r.status)));
        client.stats().unwrap().outbox.waiting == 0
    });
    // The row goes before its outcome is told.
    client.shutdown(Duration::from_secs(60), true);
    told.extend(client.poll(1 << 20, Duration::ZERO).unwrap().into_iter().map(|r| (r.key, r.status)));
    told
}

/// More players than are sent to at once, and fewer than messages.
const PLAYERS: u64 = 40;

/// Says before a message is submitted that its number is used up, and after it what became of it.
fn submit_and_deliver_until_killed(client: &Client, args: &Value) {
    let lane = &args["lane"];
    let mut number = args["from"].as_u64().unwrap();
    let mut open = 0;
    loop {
        if open < 16 {
            let name = format!("{lane}-{number}");
            say(&format!("submitted {name}"));
            let options = json!({"key": name, "deliver_at": in_ms(fastrand::i64(-50..100))});
            client.submit(&named(&format!("o{}", number % PLAYERS), &name), Some(&options.to_string())).unwrap();
            number += 1;
            open += 1;
        }
        for result in client.poll(64, Duration::from_millis(1)).unwrap() {
            let what = match (result.flags, result.status) {
                (Verdict::OUTCOME, _) => "ended",
                (Verdict::STORED, Status::Ok) => "stored",
                _ => "refused",
            };
            open -= usize::from(result.ticket > 0);
            say(&format!("{what} {} {:?}", result.key, result.status));
        }
    }
}

/// Every ticket said STORED: delivered once and said to be, or said to be a maybe; and nothing is delivered twice.
#[test]
fn what_was_stored_is_sent_once_or_told_to_be_a_maybe_through_kill_9_at_any_moment() {
    let env = lively_env(Duration::from_millis(4));
    let config = lively(&env, json!({"timeout_ms": 3000}));
    let kills = rounds(60, 1500);
    let said: Mutex<Vec<String>> = Mutex::default();
    std::thread::scope(|scope| {
        for lane in 0..2 {
            let (config, all) = (&config, &said);
            scope.spawn(move || {
                let mut from = 0;
                for round in 0..kills {
                    let args = json!({"config": config, "lane": lane, "from": from});
                    let mut child = Child::start(module_path!(), "submit and deliver until killed", args);
                    let mut said = Vec::new();
                    // Some may still be opening the store, the others are in the middle of everything.
                    if round % 4 > 0 {
                        said.push(child.heard());
                        std::thread::sleep(Duration::from_micros(fastrand::u64(0..120_000)));
                    } else {
                        std::thread::sleep(Duration::from_micros(fastrand::u64(0..60_000)));
                    }
                    said.extend(child.kill());
                    from += said.iter().filter(|line| line.starts_with("submitted")).count();
                    all.lock().unwrap().extend(said);
                }
            });
        }
    });
    let heir = open(&config);
    let last = outcomes(&heir);

    let mut stored: HashSet<String> = HashSet::new();
    let (mut submitted, mut refused) = (HashSet::new(), HashSet::new());
    let mut ended: HashMap<String, String> = HashMap::new();
    let told = last.into_iter().map(|(key, status)| format!("ended {key} {status:?}"));
    for line in said.into_inner().unwrap().into_iter().chain(told) {
        let mut words = line.split(' ').map(str::to_owned);
        let (what, key, status) = (words.next().unwrap(), words.next().unwrap(), words.next().unwrap_or_default());
        match what.as_str() {
            "submitted" => assert!(submitted.insert(key)),
            "stored" => assert!(stored.insert(key)),
            "refused" => assert!(refused.insert(key)),
            _ => assert!(ended.insert(key.clone(), status).is_none(), "{key}: two outcomes"),
        }
    }
    let delivered = delivered(&env);
    let (mut sent, mut maybe) = (0, 0);
    let client = open(&config);
    for key in &submitted {
        let times = delivered.get(key).copied().unwrap_or(0);
        assert!(times <= 1, "{key}: sent {times} times");
        let number: u64 = key.split_once('-').unwrap().1.parse().unwrap();
        let found = client.lookup(&format!("o{}", number % PLAYERS), key);
        match found.status {
            Status::Ok => {
                assert_eq!((times, found.flags), (1, Verdict::REPLAYED), "{key}: {found:?}");
                sent += 1;
            }
            Status::Unknown => maybe += 1,
            Status::NotFound => assert!(!stored.contains(key) && times == 0, "{key} was stored, and is lost"),
            _ => panic!("{key}: {found:?}"),
        }
        if let Some(told) = ended.get(key) {
            assert_eq!(*told, format!("{:?}", found.status), "{key}: its outcome, and the lookup");
        }
        assert!(!refused.contains(key) || times == 0, "{key} was refused, and is sent");
    }
    println!(
        "{} kills, {} stored, {sent} sent, {maybe} maybe, {} outcomes told, {} refused",
        2 * kills,
        stored.len(),
        ended.len(),
        refused.len()
    );
    // Few kills hit the moment of a send.
    assert!(sent > 0 && (maybe > 0 || kills < 1000), "nothing happened");
    assert_eq!(env.wechat.counters().overlaps, 0);
}

/// Delivers until the parent has said its last, and tells how much.
fn deliver(client: &Client) {
    say("ready");
    let stopped = std::thread::spawn(listen);
    let mut told = 0;
    while !stopped.is_finished() {
        for result in client.poll(1000, Duration::from_millis(10)).unwrap() {
            say(&format!("ended {} {:?}", result.key, result.status));
            told += 1;
        }
    }
    client.shutdown(Duration::from_secs(60), true);
    for result in client.poll(1 << 20, Duration::ZERO).unwrap() {
        say(&format!("ended {} {:?}", result.key, result.status));
        told += 1;
    }
    assert_eq!(client.stats().unwrap().lost_results, 0);
    say(&format!("told {told}"));
}

fn deliverer(env: &TestEnv, more: Value) -> Child {
    let mut child = Child::start(module_path!(), "deliver", json!({"config": lively(env, more)}));
    assert_eq!(child.heard(), "ready");
    child
}

/// What a child says of outcomes: key and status.
fn ended(said: &[String]) -> Vec<(String, String)> {
    let outcome = |line: &String| {
        let (key, status) = line.strip_prefix("ended ")?.split_once(' ')?;
        Some((key.to_owned(), status.to_owned()))
    };
    said.iter().filter_map(outcome).collect()
}

#[test]
fn another_process_takes_over_what_a_killed_one_had_in_hand() {
    const MESSAGES: u64 = 6;
    let env = lively_env(Duration::ZERO);
    for on_unknown in ["report", "resend"] {
        let name = |n: u64| format!("{on_unknown}-{n}");
        let writer = open(&lively(&env, json!({})));
        let due = in_ms(1000);
        for n in 0..MESSAGES {
            let options = json!({"key": name(n), "deliver_at": due + n as i64, "on_unknown": on_unknown});
            stored(&writer, &name(n), &name(n), options);
        }
        drop(writer);
        // The first is at WeChat when its process dies; the others are in its hands and wait for that.
        env.wechat.arm(Fault::stall().on(Endpoint::Send).openid(name(0)));
        let victim = deliverer(&env, json!({"workers": 1, "timeout_ms": 2000}));
        wait_until("the first is at WeChat", || env.wechat.sends_to(&name(0)).len() == 1);
        let mut heir = deliverer(&env, json!({"workers": 1, "timeout_ms": 2000}));
        assert!(ended(&victim.kill()).is_empty(), "it was in the middle of the first");

        let mut told: Vec<String> = (0..MESSAGES).map(|_| heir.heard()).collect();
        told.sort();
        let first = if on_unknown == "resend" { "Ok" } else { "Unknown" };
        let wanted: Vec<String> =
            (0..MESSAGES).map(|n| format!("ended {} {}", name(n), if n == 0 { first } else { "Ok" })).collect();
        assert_eq!(told, wanted);
        assert_eq!(heir.finish(), [format!("told {MESSAGES}")]);
        for n in 0..MESSAGES {
            let sends = env.wechat.sends_to(&name(n)).len();
            assert_eq!(sends, if n == 0 && on_unknown == "resend" { 2 } else { 1 }, "{}", name(n));
        }
    }
}

/// Stopped in the middle of its send, it is taken for dead; when it goes on, the message has had its outcome.
#[test]
fn a_process_that_stood_still_tells_no_second_outcome() {
    let env = lively_env(Duration::ZERO);
    let writer = open(&lively(&env, json!({})));
    stored(&writer, "o1", "o1", json!({"key": "k", "deliver_at": in_ms(1000)}));
    drop(writer);
    env.wechat.arm(Fault::delay(1000).on(Endpoint::Send).openid("o1"));
    let sleeper = deliverer(&env, json!({"timeout_ms": 2000}));
    wait_until("it is at WeChat", || !env.wechat.sends_to("o1").is_empty());
    sleeper.signal("STOP");

    let mut heir = deliverer(&env, json!({"timeout_ms": 2000}));
    assert_eq!(heir.heard(), "ended k Unknown");
    sleeper.signal("CONT");
    assert_eq!(sleeper.finish(), ["told 0"]);
    assert_eq!(heir.finish(), ["told 1"]);
    assert_eq!((delivered(&env)["o1"], env.wechat.sends_to("o1").len()), (1, 1));
}

#[test]
fn two_busy_processes_both_deliver_a_share_of_a_backlog() {
    const MESSAGES: usize = 400;
    let env = lively_env(Duration::from_millis(10));
    let writer = open(&lively(&env, json!({})));
    let due = in_ms(4000);
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let writer = &writer;
            scope.spawn(move || {
                for n in (thread..MESSAGES).step_by(8) {
                    let key = format!("n{n}");
                    let options = json!({"key": key, "deliver_at": due}).to_string();
                    writer.submit(&named(&format!("o{n}"), &key), Some(&options)).unwrap();
                }
            });
        }
    });
    let mut results = 0;
    wait_until("all are stored", || {
        results += writer.poll(MESSAGES, Duration::ZERO).unwrap().len();
        results == MESSAGES
    });
    drop(writer);
    let children = [(); 2].map(|()| deliverer(&env, json!({})));
    wait_until("all are sent", || delivered(&env).len() == MESSAGES);
    let told = children.map(|child| ended(&child.finish()));
    let shares = told.each_ref().map(Vec::len);
    println!("shares: {shares:?}");
    let all: HashSet<&(String, String)> = told.iter().flatten().collect();
    assert_eq!((all.len(), shares[0] + shares[1]), (MESSAGES, MESSAGES), "each has one outcome");
    assert!(all.iter().all(|(_, status)| status == "Ok"));
    assert!(delivered(&env).values().all(|times| *times == 1));
    assert!(shares.iter().all(|share| *share >= MESSAGES / 10), "{shares:?}");
}

/// What was cancelled is never sent; what could not be cancelled any more is.
#[test]
fn a_cancellation_races_two_processes_that_deliver() {
    let env = lively_env(Duration::from_millis(2));
    let client = open(&lively(&env, json!({})));
    let children = [(); 2].map(|()| deliverer(&env, json!({})));
    let messages = rounds(300, 6000);
    let (mut cancelled, mut too_late) = (HashSet::new(), HashSet::new());
    for n in 0..messages {
        let (openid, key) = (format!("o{n}"), format!("n{n}"));
        stored(&client, &openid, &key, json!({"key": key, "deliver_at": in_ms(fastrand::i64(0..12)), "tag": n}));
        std::thread::sleep(Duration::from_micros(fastrand::u64(0..12_000)));
        let verdict = client.cancel(&openid, &key);
        match verdict.status {
            Status::Ok => {
                assert_eq!((verdict.tag, client.lookup(&openid, &key).status), (n as u64, Status::Cancelled));
                cancelled.insert(key)
            }
            Status::TooLate => too_late.insert(key),
            _ => panic!("{verdict:?}"),
        };
    }
    outcomes(&client);
    drop(children.map(Child::finish));
    println!("{} cancelled, {} too late", cancelled.len(), too_late.len());
    let delivered = delivered(&env);
    assert!(delivered.keys().all(|key| !cancelled.contains(key)), "cancelled, and sent");
    assert!(too_late.iter().all(|key| delivered.get(key) == Some(&1)), "too late to cancel, and not sent once");
    assert!(!cancelled.is_empty() && !too_late.is_empty(), "no race");
}

/// The one or the other is sent, as its result says, and never both.
#[test]
fn a_replacement_races_two_processes_that_deliver() {
    let env = lively_env(Duration::from_millis(2));
    let client = open(&lively(&env, json!({})));
    let children = [(); 2].map(|()| deliverer(&env, json!({})));
    let messages = rounds(300, 6000);
    let (mut replaced, mut too_late) = (0, 0);
    let mut wanted = HashMap::new();
    for n in 0..messages {
        let (openid, key) = (format!("o{n}"), format!("k{n}"));
        let (old, new) = (format!("old{n}"), format!("new{n}"));
        stored(&client, &openid, &old, json!({"key": key, "deliver_at": in_ms(fastrand::i64(0..12))}));
        std::thread::sleep(Duration::from_micros(fastrand::u64(0..12_000)));
        let options = json!({"key": key, "deliver_at": in_ms(0), "on_conflict": "replace"});
        let ticket = client.submit(&named(&openid, &new), Some(&options.to_string())).unwrap();
        let mut result = None;
        wait_until("the ticket's result", || {
            // An outcome of a replacement may be among them.
            let polled = client.poll(64, Duration::from_millis(100)).unwrap();
            result = result.take().or(polled.into_iter().find(|r| r.ticket == ticket));
            result.is_some()
        });
        let result = result.unwrap();
        match (result.status, result.flags) {
            (Status::Ok, Verdict::STORED) => {
                replaced += 1;
                wanted.insert(new, 1);
            }
            (Status::TooLate, 0) | (Status::Ok, Verdict::REPLAYED) => {
                too_late += 1;
                wanted.insert(old, 1);
            }
            _ => panic!("{result:?}"),
        }
    }
    outcomes(&client);
    drop(children.map(Child::finish));
    println!("{replaced} replaced, {too_late} too late");
    assert_eq!(delivered(&env), wanted);
    assert!(replaced > 0 && too_late > 0, "no race");
}

fn steps(client: &Client) {
    let step = |name: &str, work: &dyn Fn() -> Verdict| {
        say(&format!("before {name}"));
        let verdict = work();
        say(&format!("after {name}"));
        assert_eq!(verdict.status, Status::Ok, "{name}: {verdict:?}");
    };
    let later = in_ms(3_600_000);
    step("store", &|| store(client, "o1", "1", json!({"deliver_at": later, "key": "k"})));
    step("replace", &|| store(client, "o1", "2", json!({"deliver_at": later, "key": "k", "on_conflict": "replace"})));
    step("cancel", &|| client.cancel("o1", "k"));
    for key in [json!("k"), json!(null)] {
        stored(client, "o1", "3", json!({"deliver_at": in_ms(400), "key": key}));
        let name = if key.is_null() { "deliver without a key" } else { "deliver" };
        step(name, &|| {
            let mut outcome = None;
            wait_until("an outcome", || {
                outcome = client.poll(1, Duration::from_millis(100)).unwrap().pop();
                outcome.is_some()
            });
            outcome.unwrap()
        });
    }
}

#[test]
fn stored_cancelled_and_being_sent_are_on_disk_before_anything_follows_from_them() {
    let env = lively_env(Duration::ZERO);
    let (trace, _) = Trace::of(
        module_path!(),
        "steps",
        json!({"config": lively(&env, json!({}))}),
        &["-e", CALLS],
        env.folder.path(),
    );
    for step in ["store", "replace", "cancel"] {
        assert!(is_synced(trace.whole_step(step)), "{step}: {:#?}", trace.step_of_all(step).collect::<Vec<_>>());
    }
    for step in ["deliver", "deliver without a key"] {
        let calls = trace.whole_step(step);
        let request = calls.iter().position(|c| c.text.contains("POST /cgi-bin/message/subscribe/send"));
        let sender = &calls[request.expect("a request")].thread;
        let before: Vec<_> = calls[..request.unwrap()].iter().filter(|c| c.thread == *sender).collect();
        // What the sender wrote before its request is the mark.
        let text = || before.iter().map(|c| c.text.as_str()).collect::<Vec<_>>();
        assert!(is_synced(&calls[..request.unwrap()]), "{step}: {:#?}", text());
        assert!(before.iter().any(|c| is_log_write(&c.text)), "{step}: {:#?}", text());
    }
}

/// The life of one message from its submission to its outcome.
fn one_message(client: &Client, args: &Value) {
    let openid = args["openid"].as_str().unwrap();
    stored(client, openid, openid, json!({"key": "k", "durable": true}));
    say("stored");
    for (_, status) in outcomes(client) {
        say(&format!("ended k {status:?}"));
    }
}

/// The same child is killed before the first of these system calls, before the second, and so on; another process finds
/// what it left.
fn killed_before_each(env: &TestEnv, syscall: &str) -> [usize; 3] {
    let next = std::sync::atomic::AtomicUsize::new(1);
    let ended_at = std::sync::atomic::AtomicUsize::new(usize::MAX);
    let found = Mutex::new([0; 3]);
    std::thread::scope(|scope| {
        // Each spends most of its time in waiting for a lease's end.
        for _ in 0..6 {
            scope.spawn(|| {
                loop {
                    let nth = next.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
                    if nth > ended_at.load(std::sync::atomic::Ordering::SeqCst) {
                        break;
                    }
                    let openid = format!("{syscall}{nth}");
                    let path = env.folder.path().join(format!("{openid}.db"));
                    let config = lively(env, json!({"store": path, "timeout_ms": 1000, "templates": "off"}));
                    // How a store is made, and a token got, is not what is tried here.
                    assert_eq!(send(&open(&config), "warm").status, Status::Ok);
                    let inject = format!("inject={syscall}:signal=KILL:when={nth}");
                    let strace = ["strace", "-f", "-o", "/dev/null", "-e", syscall, "-e", &inject];
                    let child = Child::start_under(
                        module_path!(),
                        &strace,
                        "one message",
                        json!({"config": config, "openid": openid}),
                    );
                    let (said, end) = child.end();
                    if end.success() {
                        ended_at.fetch_min(nth, std::sync::atomic::Ordering::SeqCst);
                    }

                    let client = open(&config);
                    let mut told = ended(&said);
                    told.extend(outcomes(&client).into_iter().map(|(key, status)| (key, format!("{status:?}"))));
                    assert!(told.len() <= 1, "{openid}: {told:?}");
                    let found_now = open(&config).lookup(&openid, "k");
                    let deliveries = env.wechat.deliveries_to(&openid).len();
                    let requests = env.wechat.sends_to(&openid).len();
                    assert!(deliveries <= 1 && requests <= 1, "{openid}: {requests} requests");
                    let kind = match found_now.status {
                        Status::NotFound => {
                            assert!(said.is_empty() && requests == 0, "{openid}: stored and lost");
                            0
                        }
                        Status::Ok => {
                            assert_eq!(deliveries, 1, "{openid}");
                            1
                        }
                        Status::Unknown => 2,
                        other => panic!("{openid}: {other:?}"),
                    };
                    found.lock().unwrap()[kind] += 1;
                }
            });
        }
    });
    let found = found.into_inner().unwrap();
    println!("{syscall}: {} lost before they were stored, {} sent, {} maybe", found[0], found[1], found[2]);
    assert!(found.iter().sum::<usize>() > 1, "there is one in every life");
    found
}

#[test]
fn killed_before_each_of_its_calls() {
    let env = lively_env(Duration::ZERO);
    let mut all = [0; 3];
    for syscall in ["fdatasync", "sendto", "recvfrom", "pwrite64"] {
        let found = killed_before_each(&env, syscall);
        (0..3).for_each(|i| all[i] += found[i]);
    }
    assert!(all.iter().all(|n| *n > 0), "{all:?}");
}
