//! What a Redis refuses with, said in words that tell what to do; and it goes on by itself when the reason is gone.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::common::server::{Mode, Relay};
use crate::common::{TEMPLATE, left, message, send};
use crate::env::{PASSWORD, RedisEnv};
use crate::servers::{Program, Proxy, Reply, Server, Settings, wait_until};
use serde_json::json;
use wxsub::{Answer, Client, Retry, Status, Verdict};
use wxsub_simulator::Endpoint;

/// The deadline of calls that must fail; short, since the store tries as long as it can.
const SHORT_MS: u32 = 1000;

fn accept(client: &Client, openid: &str) -> Verdict {
    client.report(openid, Some(TEMPLATE), Answer::Accept, None)
}

/// Every write fails in these words, and nothing of it is done.
fn writes_fail(env: &RedisEnv, client: &Client, words: &[&str]) {
    env.store_failed(accept(client, "o1"), SHORT_MS, words);
    env.store_failed(send(client, "o1"), SHORT_MS, words);
    let later = json!({"key": "later", "durable": true});
    let ticket = client.submit(&message("o1"), Some(&later.to_string())).unwrap();
    let mut result = None;
    wait_until("the ticket's result", || {
        result = client.poll(1, Duration::from_millis(50)).unwrap().pop();
        result.is_some()
    });
    let result = result.unwrap();
    assert_eq!((result.ticket, result.flags), (ticket, 0));
    env.store_failed(result, SHORT_MS, words);
    assert_eq!(env.base.wechat.counters().calls_to(Endpoint::Send), 0);
}

fn all_is_well(env: &RedisEnv, client: &Client, before: i64) {
    wait_until("it goes on by itself", || client.quota("o1", TEMPLATE).status == Status::Ok);
    assert_eq!(left(client, "o1"), before, "what failed was not done");
    // A busy machine may need more than one short call.
    let answered = |call: &dyn Fn() -> Verdict| {
        let mut last = None;
        wait_until("it goes on by itself", || {
            last = Some(env.recorder.record(call())).filter(|verdict| verdict.status != Status::Store);
            last.is_some()
        });
        env.ok(last.unwrap())
    };
    let granted = answered(&|| client.report("o1", Some(TEMPLATE), Answer::Accept, Some("well")));
    assert!(granted.remaining == before + 1 || granted.flags == Verdict::REPLAYED, "{granted:?}");
    env.base.wechat.grant("o1", TEMPLATE, 1);
    answered(&|| client.send(&message("o1"), Some(r#"{"timeout_ms": 20000}"#)));
    assert_eq!(client.lookup("o1", "later").status, Status::NotFound);
}

/// A client whose player has one grant, with little time for each call.
fn client_on(env: &RedisEnv, url: &str) -> Client {
    let client = env.open(url, json!({"timeout_ms": SHORT_MS}));
    env.base.accept(&client, "o1");
    client
}

#[test]
fn forgotten_scripts_are_not_noticed() {
    let env = RedisEnv::new();
    for program in Program::ALL {
        let server = Server::start(RedisEnv::settings().program(program));
        let client = &env.open(&server.url(), json!({"timeout_ms": 20_000}));
        let stop = &AtomicBool::new(false);
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let env = &env;
                scope.spawn(move || {
                    let player = format!("{program:?}-{thread}");
                    for round in 1..100 {
                        assert_eq!(env.ok(accept(client, &player)).remaining, round);
                    }
                    stop.store(true, Ordering::SeqCst);
                });
            }
            while !stop.load(Ordering::SeqCst) {
                server.tell(&["SCRIPT", "FLUSH"]);
                std::thread::sleep(Duration::from_millis(2));
            }
        });
        assert_ne!(
            server.info("errorstats", "errorstat_NOSCRIPT"),
            "",
            "it was never asked for a script it had forgotten"
        );
    }
}

#[test]
fn a_server_that_loads_is_waited_for_within_the_deadline() {
    let env = RedisEnv::new();
    let server = Server::start(RedisEnv::settings());
    let client = client_on(&env, &server.url());
    server.tell(&["DEBUG", "POPULATE", "20000"]);
    server.tell(&["BGREWRITEAOF"]);
    wait_until("the AOF is rewritten", || server.info("persistence", "aof_rewrite_in_progress") == "0");
    server.kill();
    server.configure("loading-process-events-interval-bytes", "1024");
    server.configure("key-load-delay", "500");
    server.launch();
    let loads = || matches!(server.try_ask(&["GET", "k"]), Ok(Reply::Error(e)) if e.starts_with("LOADING"));
    wait_until("it loads", loads);
    let words = ["it is loading its data: try again", "LOADING"];
    env.store_failed(client.quota("o1", TEMPLATE), SHORT_MS, &words);
    writes_fail(&env, &client, &words);
    env.open_failed(&server.url(), json!({"timeout_ms": SHORT_MS}), &words);
    std::thread::scope(|scope| {
        let patient = scope.spawn(|| client.send(&message("o1"), Some(r#"{"timeout_ms": 60000}"#)));
        assert!(loads());
        server.set("key-load-delay", "0");
        env.ok(patient.join().unwrap());
    });
    server.wait_until_ready();
    all_is_well(&env, &client, 0);
}

#[test]
fn a_server_that_became_a_replica_takes_nothing() {
    for program in Program::ALL {
        let env = RedisEnv::new();
        let server = Server::start(RedisEnv::settings().program(program));
        let client = client_on(&env, &server.url());
        let other = Server::replica_of(&server, RedisEnv::settings().program(program));
        other.tell(&["REPLICAOF", "NO", "ONE"]);
        server.tell(&["REPLICAOF", "127.0.0.1", &other.port().to_string()]);
        server.wait_until_it_follows(&other);
        let words = ["it is a replica: name the master in \"store\""];
        writes_fail(&env, &client, &words);
        env.open_failed(&server.url(), json!({"timeout_ms": SHORT_MS}), &words);
        server.tell(&["REPLICAOF", "NO", "ONE"]);
        all_is_well(&env, &client, 1);
    }
}

/// As with a proxy or a DNS name that follows the master (Sentinel and the like).
#[test]
fn behind_the_same_name_there_is_another_master() {
    let env = RedisEnv::new();
    let master = Server::start(RedisEnv::settings());
    let replica = Server::replica_of(&master, RedisEnv::settings());
    let proxy = Proxy::to(master.port());
    let client = client_on(&env, &RedisEnv::url(proxy.port()));
    assert_eq!(master.ask(&["WAIT", "1", "20000"]).number(), 1);
    wait_until("the replica has it", || replica.ask(&["DBSIZE"]) == master.ask(&["DBSIZE"]));
    replica.tell(&["REPLICAOF", "NO", "ONE"]);
    master.tell(&["REPLICAOF", "127.0.0.1", &replica.port().to_string()]);
    // New connections lead to the new master; the old ones go on to the old one.
    proxy.lead_to(replica.port());
    env.ok(client.report("o1", Some(TEMPLATE), Answer::Accept, None));
    all_is_well(&env, &client, 2);
}

/// It is the write that looks for a proof that meets the old master.
#[test]
fn behind_the_same_name_there_is_another_master_and_the_proof_is_lost() {
    let env = RedisEnv::new();
    let master = Server::start(RedisEnv::settings());
    let replica = Server::replica_of(&master, RedisEnv::settings());
    let proxy = Proxy::to(master.port());
    // An observer writes nothing by itself that would meet it before.
    let url = RedisEnv::url(proxy.port());
    let client = env.open(&url, json!({"timeout_ms": SHORT_MS, "role": "observer"}));
    env.base.accept(&client, "o1");
    wait_until("the replica has it", || replica.ask(&["DBSIZE"]) == master.ask(&["DBSIZE"]));
    // Neither the disk nor another server confirms any more what was confirmed before.
    replica.tell(&["REPLICAOF", "NO", "ONE"]);
    master.set("appendonly", "no");
    let unconfirmed = env.recorder.record(client.report("o2", Some(TEMPLATE), Answer::Accept, None));
    assert_eq!(unconfirmed.status, Status::Store, "{}", unconfirmed.message);
    master.tell(&["REPLICAOF", "127.0.0.1", &replica.port().to_string()]);
    proxy.lead_to(replica.port());
    env.ok(client.report("o1", Some(TEMPLATE), Answer::Accept, None));
}

#[test]
fn a_full_server_changes_nothing_and_still_tells_the_count() {
    for program in Program::ALL {
        let env = RedisEnv::new();
        let server = Server::start(RedisEnv::settings().program(program));
        let client = client_on(&env, &server.url());
        server.set("maxmemory", "1");
        writes_fail(&env, &client, &["its memory is full: raise maxmemory or make room", "OOM"]);
        assert_eq!(left(&client, "o1"), 1);
        env.store_failed(client.check(), SHORT_MS, &["its memory is full"]);
        server.set("maxmemory", "0");
        all_is_well(&env, &client, 1);
    }
}

/// The history makes room for the ledger.
#[test]
fn a_full_server_loses_its_history_first() {
    const ENTRIES: usize = 40;
    let env = RedisEnv::new();
    let server = Server::start(RedisEnv::settings());
    let client = client_on(&env, &server.url());
    let Reply::List(logs) = server.ask(&["KEYS", "*:log"]) else { panic!("no list") };
    let log = logs[0].text().to_owned();
    (0..ENTRIES).for_each(|_| drop(server.tell(&["XADD", &log, "*", "e", &"x".repeat(100_000)])));
    let length = || match server.ask(&["XLEN", &log]) {
        Reply::Number(n) => n,
        other => panic!("{other:?}"),
    };
    assert_eq!(length(), ENTRIES as i64 + 1);
    let used: u64 = server.info("memory", "used_memory").parse().unwrap();
    server.set("maxmemory", &(used - 1_000_000).to_string());
    wait_until("there is room again", || env.recorder.record(accept(&client, "o1")).status == Status::Ok);
    assert_ne!(server.info("errorstats", "errorstat_OOM"), "", "it was never full");
    assert!(length() <= 1, "{} entries are left", length());
    assert_eq!(left(&client, "o1"), 2);
}

/// Whatever a message was in the middle of when the memory ran out, it has one outcome in the end, and is sent once.
#[test]
fn a_server_that_fills_up_and_empties_loses_no_message() {
    const MESSAGES: usize = 80;
    let env = RedisEnv::new();
    let server = Server::start(RedisEnv::settings());
    let client = &env.open(&server.url(), json!({"timeout_ms": 1500, "quota": "observe", "workers": 4}));
    for n in 0..MESSAGES {
        env.base.wechat.grant(&format!("o{n}"), TEMPLATE, 5);
        let options = json!({"key": "k", "durable": true, "tag": n}).to_string();
        client.submit(&message(&format!("o{n}")), Some(&options)).unwrap();
    }
    let mut outcomes = vec![None; MESSAGES];
    std::thread::scope(|scope| {
        scope.spawn(|| {
            // Not for long: a message that fails again and again waits for longer and longer.
            for limit in ["1", "0"].into_iter().cycle().take(40) {
                server.set("maxmemory", limit);
                std::thread::sleep(Duration::from_millis(fastrand::u64(1..60)));
            }
        });
        wait_until("each has its outcome", || {
            for result in env.recorder.record(client.poll(64, Duration::from_millis(10)).unwrap()) {
                let n = result.tag as usize;
                if result.flags == Verdict::OUTCOME {
                    assert!(outcomes[n].replace(result).is_none(), "two outcomes");
                } else if result.status != Status::Ok {
                    assert_eq!(result.status, Status::Store, "{}", result.message);
                    let options = json!({"key": "k", "durable": true, "tag": n}).to_string();
                    client.submit(&message(&format!("o{n}")), Some(&options)).unwrap();
                }
            }
            outcomes.iter().all(Option::is_some)
        });
    });
    for (n, outcome) in outcomes.into_iter().enumerate() {
        let status = outcome.expect("an outcome").status;
        let times = env.base.wechat.deliveries_to(&format!("o{n}")).len();
        assert!(times == 1 || (times == 0 && status == Status::Unknown), "o{n}: {times} times, {status:?}");
        assert!(matches!(status, Status::Ok | Status::Unknown), "o{n}: {status:?}");
    }
    assert_ne!(server.info("errorstats", "errorstat_OOM"), "", "it was never full");
}

#[test]
fn too_few_replicas_are_told() {
    let env = RedisEnv::new();
    let server = Server::start(RedisEnv::settings());
    let client = client_on(&env, &server.url());
    server.set("min-replicas-to-write", "1");
    writes_fail(&env, &client, &["too few replicas are connected (min-replicas-to-write)"]);
    server.set("min-replicas-to-write", "0");
    all_is_well(&env, &client, 1);
}

#[test]
fn a_wrong_password_is_told_and_never_shown() {
    for program in Program::ALL {
        let env = RedisEnv::new();
        let server = Server::start(RedisEnv::settings().program(program).user("game", "MARKEDpassword-of-game"));
        let words = ["wrong user or password: correct them in \"store\""];
        let timeout = json!({"timeout_ms": 2000});
        let port = server.port();
        for login in [":MARKEDpassword-wrong@", "", "nobody:MARKEDpassword@", "game:MARKEDpassword@", ":@"] {
            env.open_failed(&format!("redis://{login}127.0.0.1:{port}/0"), timeout.clone(), &words);
        }
        let client = client_on(&env, &server.url());
        // Changed while it runs; who is connected stays so.
        server.tell(&["ACL", "SETUSER", "game", "resetpass", ">MARKEDpassword-of-another"]);
        server.tell(&["CLIENT", "KILL", "USER", "game"]);
        // The first may still leave on a connection that is being cut: then it is in doubt.
        let first = env.recorder.record(accept(&client, "o1"));
        assert_eq!(first.status, Status::Store, "{first:?}");
        assert!(first.message.contains(words[0]), "{first:?}");
        env.store_failed(client.quota("o1", TEMPLATE), SHORT_MS, &words);
        env.store_failed(client.check(), SHORT_MS, &words);
        server.tell(&["ACL", "SETUSER", "game", "resetpass", ">MARKEDpassword-of-game"]);
        all_is_well(&env, &client, 1);
    }
}

#[test]
fn a_user_that_may_not_is_told_what_it_needs() {
    let env = RedisEnv::new();
    let server = Server::start(RedisEnv::settings());
    server.tell(&["ACL", "SETUSER", "poor", "on", &format!(">{PASSWORD}"), "~*", "+@all", "-eval", "-evalsha"]);
    server.tell(&["ACL", "SETUSER", "keyless", "on", &format!(">{PASSWORD}"), "~other:*", "+@all"]);
    for user in ["poor", "keyless"] {
        let url = format!("redis://{user}:{PASSWORD}@127.0.0.1:{}/0", server.port());
        env.open_failed(&url, json!({"timeout_ms": 2000}), &["this user may not do that: allow EVALSHA, EVAL"]);
    }
    // As narrow as it can be: what docs/redis.md says.
    let narrow =
        [&format!(">{PASSWORD}"), "~wxsub:*", "-@all", "+@connection", "+eval", "+evalsha", "+@read", "+@write"];
    let more = ["+info", "+config|get", "+command|info", "+wait", "+time"];
    server.tell(&[&["ACL", "SETUSER", "narrow", "on"], narrow.as_slice(), more.as_slice()].concat());
    let client = client_on(&env, &format!("redis://narrow:{PASSWORD}@127.0.0.1:{}/0", server.port()));
    all_is_well(&env, &client, 1);
}

/// Else each step would end in the middle: what it had done is not taken back.
#[test]
fn a_command_that_is_missing_is_named_before_anything_is_done() {
    let env = RedisEnv::new();
    let server = Server::start(RedisEnv::settings());
    let needed =
        ["hset", "pexpire", "hincrby", "hdel", "zadd", "zrem", "set", "incr", "del", "xadd", "pttl", "xrange", "xdel"];
    for missing in needed {
        let rule = format!("-{missing}");
        server.tell(&["ACL", "SETUSER", "less", "reset", "on", &format!(">{PASSWORD}"), "~*", "+@all", &rule]);
        let url = format!("redis://less:{PASSWORD}@127.0.0.1:{}/0", server.port());
        let words = format!("allow {}", missing.to_uppercase());
        env.open_failed(&url, json!({"timeout_ms": 2000}), &["this user may not do that", &words]);
    }
    let url = format!("redis://less:{PASSWORD}@127.0.0.1:{}/0", server.port());
    server.tell(&["ACL", "SETUSER", "less", "+@all", "-xadd", "-pexpire"]);
    env.open_failed(&url, json!({"timeout_ms": 2000}), &["allow PEXPIRE, XADD"]);
    // Without a history there is nothing to add.
    server.tell(&["ACL", "SETUSER", "less", "+pexpire"]);
    let client = env.open(&url, json!({"history_days": 0}));
    env.base.accept(&client, "o1");
    assert_eq!(left(&client, "o1"), 1);
}

/// One that goes missing later.
#[test]
fn what_was_done_in_part_is_told_as_in_doubt() {
    let env = RedisEnv::new();
    let server = Server::start(RedisEnv::settings());
    for missing in ["xadd", "pexpire", "hincrby"] {
        server.tell(&["ACL", "SETUSER", "less", "reset", "on", &format!(">{PASSWORD}"), "~*", "+@all"]);
        let client = client_on(&env, &format!("redis://less:{PASSWORD}@127.0.0.1:{}/0", server.port()));
        let before = left(&client, "o1");
        server.tell(&["ACL", "SETUSER", "less", &format!("-{missing}")]);
        for is_first in [true, false] {
            let partly = client.report("o1", Some(TEMPLATE), Answer::Accept, Some(missing));
            // With its key the second finds the first.
            if is_first || partly.status != Status::Ok {
                assert_eq!((partly.status, partly.retry), (Status::Store, Retry::Unsafe), "{missing}: {partly:?}");
                let words = [&*format!("allow {}", missing.to_uppercase()), "in part", "idempotency key"];
                assert!(words.iter().all(|word| partly.message.contains(word)), "{}", partly.message);
            }
        }
        server.tell(&["ACL", "SETUSER", "less", "+@all"]);
        assert_eq!(left(&client, "o1"), before + 1, "{missing}");
    }
}

#[test]
fn a_wrong_database_is_told() {
    let env = RedisEnv::new();
    let server = Server::start(RedisEnv::settings());
    let url = |db: u32| format!("redis://:{PASSWORD}@127.0.0.1:{}/{db}", server.port());
    env.open_failed(&url(99), json!({"timeout_ms": 2000}), &["/99", "DB index is out of range"]);
    // Each is a ledger of its own.
    for db in [3, 0] {
        let client = client_on(&env, &url(db));
        assert_eq!(left(&client, "o1"), 1);
    }
    let prefixed = env.open(&url(0), json!({"store_prefix": "another"}));
    assert_eq!(left(&prefixed, "o1"), 0);
}

#[test]
fn what_is_no_redis_is_told() {
    let env = RedisEnv::new();
    let silent = Relay::start(Mode::Silent);
    let closing = Relay::start(Mode::Close);
    let http = Relay::start(Mode::Say("HTTP/1.1 400 Bad Request\r\n\r\n"));
    let url = |relay: &Relay| format!("redis://:{PASSWORD}@127.0.0.1:{}/0", relay.port());
    env.open_failed(&url(&silent), json!({"timeout_ms": 700}), &["nothing was done", "no answer came in time"]);
    env.open_failed(&url(&closing), json!({"timeout_ms": 700}), &["nothing was done"]);
    env.open_failed(&url(&http), json!({"timeout_ms": 700}), &["nothing was done"]);
    let name = format!("redis://:{PASSWORD}@no-such-host.invalid/0");
    env.open_failed(&name, json!({"timeout_ms": 2000}), &["no-such-host.invalid", "nothing was done"]);
    let open = Settings::new();
    let server = Server::start(open);
    let cluster = format!("redis-cluster://:{PASSWORD}@127.0.0.1:{}", server.port());
    server.set("requirepass", PASSWORD);
    env.open_failed(&cluster, json!({"timeout_ms": 700}), &["cluster"]);
}
