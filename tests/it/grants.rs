//! A grant that was acknowledged is kept for good: killed at any moment, and on disk before the answer where that is
//! asked for. Deductions may be forgotten, so they cost no fsync.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::common::process::{Child, play, rounds, say};
use crate::common::trace::{CALLS, Call, Trace, is_log_write, is_sync, is_synced};
use crate::common::{TEMPLATE, TestEnv, left, message, send};
use serde_json::{Value, json};
use wxsub::{Answer, Client, Config, QuotaChange, Status, Verdict};
use wxsub_simulator::Options;

#[test]
fn child() {
    play(|role, args| {
        let config = args["config"].as_str().unwrap();
        let client = open(config);
        match role {
            "come and go" => come_and_go(config),
            "report until killed" => report_until_killed(&client, args),
            "every operation" => every_operation(&client),
            "short life" => short_life(client),
            "after a failed fsync" => after_a_failed_fsync(&client),
            "alone and together" => alone_and_together(&client),
            other => panic!("{other}"),
        }
    });
}

fn open(config: &str) -> Client {
    Client::open(Config::from_json(config).unwrap()).unwrap_or_else(|e| panic!("{e}"))
}

const PLAYERS: u64 = 16;
const THREADS: u64 = 4;

fn accept(client: &Client, openid: &str, key: Option<&str>) -> Verdict {
    let verdict = client.report(openid, Some(TEMPLATE), Answer::Accept, key);
    assert_eq!((verdict.status, verdict.quota), (Status::Ok, QuotaChange::Granted), "{}", verdict.message);
    verdict
}

/// One grant under a key of its own: the `n`th of a thread in a lane of children that follow one another.
fn grant_nth(client: &Client, lane: u64, thread: u64, n: u64) -> Verdict {
    let key = format!("{lane}-{thread}-{n}");
    accept(client, &format!("o{}", n % PLAYERS), Some(&key))
}

fn report_until_killed(client: &Client, args: &Value) {
    let lane = args["lane"].as_u64().unwrap();
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let first = args["from"][thread as usize].as_u64().unwrap();
            scope.spawn(move || {
                for n in first.. {
                    grant_nth(client, lane, thread, n);
                    say(&format!("{thread} {n}"));
                }
            });
        }
    });
}

/// Each lane is a row of children that report until they are killed; two lanes share the store, so that a child dies
/// beside one that goes on, and at times both do, leaving the log to be recovered.
#[test]
fn acknowledged_accepts_survive_kill_9_at_any_moment() {
    let env = TestEnv::new();
    let config = env.config(json!({"timeout_ms": 60_000}));
    let kills = rounds(150, 2500);
    let acknowledged = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for lane in 0..2 {
            let (config, acknowledged) = (&config, &acknowledged);
            scope.spawn(move || {
                let mut from = [0; THREADS as usize];
                for round in 0..kills {
                    let mut child = Child::start(
                        module_path!(),
                        "report until killed",
                        json!({"config": config, "lane": lane, "from": from}),
                    );
                    let mut said = Vec::new();
                    // Half of them may still be opening the store, the others are in the middle of reporting.
                    if round % 2 == 0 {
                        said.push(child.heard());
                        std::thread::sleep(Duration::from_micros(fastrand::u64(0..8000)));
                    } else {
                        std::thread::sleep(Duration::from_micros(fastrand::u64(0..60_000)));
                    }
                    said.extend(child.kill());
                    for line in said {
                        let (thread, n) = line.split_once(' ').unwrap();
                        let (thread, n): (u64, u64) = (thread.parse().unwrap(), n.parse().unwrap());
                        assert_eq!(n, from[thread as usize]);
                        from[thread as usize] += 1;
                        acknowledged.lock().unwrap().push((lane, thread, n));
                    }
                }
                // Whether the last ones' unacknowledged reports were applied is settled by their keys.
                let client = open(config);
                for (thread, n) in from.into_iter().enumerate() {
                    grant_nth(&client, lane, thread as u64, n);
                    acknowledged.lock().unwrap().push((lane, thread as u64, n));
                }
            });
        }
    });

    let acknowledged = acknowledged.into_inner().unwrap();
    let client = env.client(json!({"timeout_ms": 60_000}));
    let mut granted: HashMap<u64, i64> = HashMap::new();
    for (lane, thread, n) in &acknowledged {
        *granted.entry(n % PLAYERS).or_default() += 1;
        let again = grant_nth(&client, *lane, *thread, *n);
        assert_eq!(again.flags, Verdict::REPLAYED, "{lane}-{thread}-{n} was acknowledged and is forgotten");
    }
    for (player, granted) in granted {
        assert_eq!(left(&client, &format!("o{player}")), granted, "o{player}");
    }
    println!("{} kills, {} acknowledged accepts, none lost, none doubled", 2 * kills, acknowledged.len());
}

const VISITORS: i64 = 3;
const VISITS: i64 = 15;

/// Opens clients, reports and closes them again, in several threads.
fn come_and_go(config: &str) {
    std::thread::scope(|scope| {
        for _ in 0..VISITORS {
            scope.spawn(|| {
                for _ in 0..VISITS {
                    let client = open(config);
                    accept(&client, "o1", None);
                    accept(&client, "o1", None);
                }
            });
        }
    });
}

/// Closing a client must not cost others of the process their locks, and the last one to leave takes the log along while the
/// first of the next ones comes in.
#[test]
fn clients_and_processes_come_and_go_on_one_file() {
    let env = TestEnv::new();
    let config = env.config(json!({"timeout_ms": 60_000, "durability": "normal"}));
    let children = [(); 2].map(|()| Child::start(module_path!(), "come and go", json!({"config": config})));
    come_and_go(&config);
    drop(children.map(Child::finish));
    assert_eq!(left(&open(&config), "o1"), 3 * VISITORS * VISITS * 2);
}

const REPORTS: i64 = 3;

/// The life of a small store from its making to its closing.
fn short_life(client: Client) {
    for n in 0..REPORTS {
        accept(&client, "o1", Some(&n.to_string()));
        say(&n.to_string());
    }
}

/// The same child is killed before the first of the system calls that change its files, before the second, and so on,
/// until one lives to its end: also while the store is made, and while it is closed.
fn killed_before_each(syscall: &str) {
    let mut killed = 0;
    // Most of many writes are pages of the log, and alike.
    for nth in (1..15).chain((15..).step_by(rounds(5, 1))) {
        let env = TestEnv::new();
        let inject = format!("inject={syscall}:signal=KILL:when={nth}");
        let strace = ["strace", "-f", "-o", "/dev/null", "-e", syscall, "-e", &inject];
        let child = Child::start_under(module_path!(), &strace, "short life", json!({"config": env.config(json!({}))}));
        let (acknowledged, end) = child.end();

        let client = open(&env.config(json!({})));
        let (acknowledged, found) = (acknowledged.len() as i64, left(&client, "o1"));
        let fits = (acknowledged..=acknowledged + 1).contains(&found);
        assert!(fits, "{syscall} {nth}: {acknowledged} acknowledged, {found} found");
        for n in 0..REPORTS {
            accept(&client, "o1", Some(&n.to_string()));
        }
        assert_eq!(left(&client, "o1"), REPORTS, "{syscall} {nth}");
        if end.success() {
            break;
        }
        killed += 1;
    }
    println!("{syscall}: killed {killed} times");
    assert!(killed > 0, "there is one in every life");
}

#[test]
fn killed_before_each_of_its_writes() {
    std::thread::scope(|scope| {
        for syscall in ["fdatasync", "unlink", "ftruncate", "pwrite64"] {
            scope.spawn(move || killed_before_each(syscall));
        }
    });
}

fn every_operation(client: &Client) {
    let step = |name: &str, work: &dyn Fn() -> Verdict| {
        say(&format!("before {name}"));
        let verdict = work();
        say(&format!("after {name}"));
        assert_eq!(verdict.status, Status::Ok, "{name}: {}", verdict.message);
    };
    for _ in 0..3 {
        accept(client, "o1", None);
    }
    // So that the token is there, which is none of this test's business.
    assert_eq!(send(client, "o1").status, Status::Ok);
    step("accept", &|| accept(client, "o1", None));
    step("accept with a key", &|| accept(client, "o1", Some("k")));
    step("the key again", &|| accept(client, "o1", Some("k")));
    step("report of two", &|| {
        let both = json!({TEMPLATE: "accept", "sim-activity": "accept"}).to_string();
        client.report_json("o1", &both, None).unwrap().remove(0)
    });
    step("look", &|| client.quota("o1", TEMPLATE));
    step("send", &|| send(client, "o1"));
    step("send with a key", &|| client.send(&message("o1"), Some(r#"{"key": "k"}"#)));
}

#[test]
fn accepts_and_marks_are_synced_before_the_answer_and_deductions_are_not_at_all() {
    for (durability, synced) in [("full", true), ("normal", false)] {
        let env = TestEnv::with(Options { initial_grants: 100, ..Options::default() });
        let config = env.config(json!({"timeout_ms": 60_000, "durability": durability, "templates": "off"}));
        let (trace, _) =
            Trace::of(module_path!(), "every operation", json!({"config": config}), &["-e", CALLS], env.folder.path());
        for (step, writes, syncs) in [
            ("accept", true, synced),
            ("accept with a key", true, synced),
            ("the key again", false, false),
            ("report of two", true, synced),
            ("look", false, false),
            ("send", true, false),
            ("send with a key", true, synced),
        ] {
            // Whoever leads a group writes for all in it; what need not be done the caller does not do either.
            let (own, all) = (trace.step(step), trace.whole_step(step));
            let told = || format!("{durability}, {step}: {:#?}", trace.step_of_all(step).collect::<Vec<_>>());
            if syncs {
                // Of a send the mark before the request; what comes after the request needs no sync.
                let is_request = |c: &Call| c.text.contains("POST /cgi-bin/message/subscribe/send");
                let request = all.iter().position(is_request).unwrap_or(all.len());
                assert!(is_synced(&all[..request]), "{}", told());
            } else {
                let has_written = if writes {
                    trace.step_of_all(step).any(is_log_write)
                } else {
                    own.iter().any(|c| is_log_write(c))
                };
                assert_eq!(has_written, writes, "{}", told());
                // A log that begins anew, after a checkpoint, has its first 32 bytes synced; that promises nothing.
                let begins_log = |at: usize| at > 0 && own[at - 1].contains(", 32, 0) ");
                let synced = own.iter().enumerate().any(|(at, call)| is_sync(call) && !begins_log(at));
                assert!(!synced, "{}", told());
            }
        }
    }
}

fn after_a_failed_fsync(client: &Client) {
    while client.report("o1", Some(TEMPLATE), Answer::Accept, None).status == Status::Ok {}
    say("before the next");
    accept(client, "o1", None);
    say("after the next");
}

/// Linux forgets what it could not write, so the next fsync succeeds without it. The log up to there may have a hole, and
/// whatever stands behind a hole is lost in a power cut: the next acknowledged accept must not stand there.
#[test]
fn after_a_failed_fsync_the_next_accept_stands_in_a_new_log() {
    let env = TestEnv::new();
    let calls = ["-e", CALLS, "-e", "inject=fdatasync:error=EIO:when=20"];
    let config = json!({"config": env.config(json!({"timeout_ms": 60_000}))});
    let (trace, _) = Trace::of(module_path!(), "after a failed fsync", config, &calls, env.folder.path());
    let calls = trace.step("the next");
    let position =
        |what: &dyn Fn(&str) -> bool| calls.iter().position(|c| what(c)).unwrap_or_else(|| panic!("{calls:#?}"));
    let file_synced = position(&|c| c.starts_with("fdatasync(") && c.contains("wxsub.db>"));
    let last_write = calls.iter().rposition(|c| is_log_write(c)).unwrap_or_else(|| panic!("{calls:#?}"));
    assert!(calls[..file_synced].iter().any(|c| c.starts_with("pwrite64(") && c.contains("wxsub.db>")), "{calls:#?}");
    assert!(file_synced < last_write, "{calls:#?}");
    assert!(calls[last_write..].iter().any(|c| is_sync(c) && c.contains("-wal>")), "{calls:#?}");
}

const TOGETHER: usize = 64;

/// The same number of durable reports each by one thread and by many; tells how long both took.
fn alone_and_together(client: &Client) {
    for (name, threads, each) in [("alone", 1, 20), ("together", TOGETHER, 10)] {
        say(&format!("before {name}"));
        let began = Instant::now();
        std::thread::scope(|scope| {
            for thread in 0..threads {
                scope.spawn(move || (0..each).for_each(|_| drop(accept(client, &format!("o{thread}"), None))));
            }
        });
        let took = began.elapsed();
        say(&format!("after {name}"));
        say(&json!({"reports": threads * each, "ms": took.as_millis() as u64}).to_string());
    }
}

#[test]
fn many_threads_share_an_fsync() {
    let env = TestEnv::new();
    let config = env.config(json!({"timeout_ms": 60_000}));
    // A slow disk: a sync takes 20 ms more, in which the others must be able to queue up.
    let slow = ["--seccomp-bpf", "-e", "trace=fdatasync,fsync,write", "-e", "inject=fdatasync,fsync:delay_exit=20000"];
    let (trace, said) =
        Trace::of(module_path!(), "alone and together", json!({"config": config}), &slow, env.folder.path());
    let told: Vec<Value> =
        said.iter().filter(|l| l.starts_with('{')).map(|l| serde_json::from_str(l).unwrap()).collect();
    let mut per_sync = Vec::new();
    for (name, told) in ["alone", "together"].into_iter().zip(&told) {
        let syncs = trace.step_of_all(name).filter(|c| c.contains("sync") && c.contains("wxsub.db-wal")).count();
        let (reports, ms) = (told["reports"].as_u64().unwrap(), told["ms"].as_u64().unwrap());
        println!("{name}: {reports} reports, {syncs} syncs, {} reports/s", reports * 1000 / ms);
        per_sync.push(reports as f64 / syncs as f64);
    }
    assert!(per_sync[0] <= 1.0, "one thread's reports are on disk each: {per_sync:?}");
    assert!(per_sync[1] >= 20.0, "those of {TOGETHER} threads share: {per_sync:?}");
}
