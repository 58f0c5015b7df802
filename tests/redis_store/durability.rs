//! What a Redis confirms is what is promised: where nothing confirms a grant, the store does not open, or its reports fail.

use crate::common::{TEMPLATE, left, message, send};
use crate::env::RedisEnv;
use crate::servers::{Program, Proxy, Server, Settings, Trouble, wait_until};
use serde_json::json;
use wxsub::{Answer, Client, Status, Verdict};
use wxsub_simulator::{Endpoint, Fault};

const NOTHING_CONFIRMS: &str = "nothing confirms that a grant is kept";

fn accept(client: &Client, openid: &str, key: Option<&str>) -> Verdict {
    client.report(openid, Some(TEMPLATE), Answer::Accept, key)
}

fn with_fsync(program: Program, when: &str) -> Settings {
    RedisEnv::settings().program(program).set("appendfsync", when)
}

fn without_aof(program: Program) -> Settings {
    RedisEnv::settings().program(program).set("appendonly", "no")
}

#[test]
fn it_opens_where_something_confirms_and_nowhere_else() {
    let env = RedisEnv::new();
    for (settings, confirmed) in [
        (with_fsync(Program::System, "always"), true),
        (with_fsync(Program::Newer, "always"), true),
        // Only from 7.2 on can be asked whether it has come to the disk.
        (with_fsync(Program::System, "everysec"), false),
        (with_fsync(Program::Newer, "everysec"), true),
        (with_fsync(Program::System, "no"), false),
        (with_fsync(Program::Newer, "no"), false),
        (without_aof(Program::System), false),
        (without_aof(Program::Newer), false),
    ] {
        let what = format!("{settings:?}");
        let server = Server::start(settings);
        if confirmed {
            let client = env.open(&server.url(), json!({"timeout_ms": 20_000}));
            assert_eq!(env.base.accept(&client, "o1").remaining, 1, "{what}");
        } else {
            let words = [NOTHING_CONFIRMS, "appendonly yes", "\"normal\""];
            env.open_failed(&server.url(), json!({"timeout_ms": 20_000}), &words);
        }
        let normal = env.open(&server.url(), json!({"timeout_ms": 20_000, "durability": "normal"}));
        env.base.accept(&normal, "o2");
        env.ok(send(&normal, "o2"));
    }
}

/// It waits for the disk, and only where something is promised.
#[test]
fn reports_keyed_sends_and_stored_messages_wait_for_the_disk_and_nothing_else_does() {
    let env = RedisEnv::new();
    let server = Server::start(with_fsync(Program::Newer, "everysec"));
    let client = env.open(&server.url(), json!({"timeout_ms": 20_000, "durability": "full"}));
    let waits = |what: &dyn Fn()| {
        let before = server.calls("waitaof");
        what();
        server.calls("waitaof") - before
    };
    // A script that the server does not know yet is sent twice, and so is the question behind it.
    env.base.accept(&client, "warm");
    env.ok(send(&client, "warm"));
    assert_eq!(client.cancel("warm", "nothing").status, Status::NotFound);
    // On a busy machine an answer may come too late and be asked for again.
    let accepts = (0..5).map(|_| waits(&|| drop(env.base.accept(&client, "o1")))).collect::<Vec<_>>();
    assert_eq!(accepts.iter().min(), Some(&1), "{accepts:?}");
    assert_eq!(waits(&|| drop(env.ok(send(&client, "o1")))), 0, "neither a hold nor a deduction");
    assert_eq!(waits(&|| assert_eq!(left(&client, "o1"), 4)), 0);
    let keyed = || drop(env.ok(client.send(&message("o1"), Some(r#"{"key": "k"}"#))));
    assert!(waits(&keyed) >= 1, "the mark of a keyed send");
    let later =
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis() as u64 + 3_600_000;
    let options = json!({"key": "d", "deliver_at": later}).to_string();
    let stored = || {
        client.submit(&message("o1"), Some(&options)).unwrap();
        wait_until("it is stored", || !client.poll(1, std::time::Duration::from_millis(50)).unwrap().is_empty());
    };
    assert!(waits(&stored) >= 1);
    assert!(waits(&|| drop(env.ok(client.cancel("o1", "d")))) >= 1);
    let normal = env.open(&server.url(), json!({"timeout_ms": 20_000, "durability": "normal"}));
    assert_eq!(waits(&|| drop(env.base.accept(&normal, "o1"))), 0);
}

/// The AOF's disk does not keep up, or a replica stands still: the grant is not said to be kept, also not to who asks again.
#[test]
fn a_grant_that_is_not_confirmed_is_not_acknowledged_however_often_it_is_reported() {
    for program in Program::ALL {
        let env = RedisEnv::new();
        let master = Server::start(without_aof(program));
        let replica = Server::replica_of(&master, without_aof(program));
        let client = env.open(&master.url(), json!({"timeout_ms": 1000}));
        let granted = env.recorder.record(accept(&client, "o1", Some("first")));
        assert_eq!(granted.status, Status::Ok, "{}", granted.message);
        assert!(master.calls("wait") > 0);
        // A second client knows nothing of the first one's calls.
        let another = env.open(&master.url(), json!({"timeout_ms": 1000}));
        replica.stop();
        for client in [&client, &another] {
            // It may be done once: what is not confirmed is not begun again.
            env.failed(accept(client, "o1", Some("k")), 1000, &["confirm"]);
            env.store_failed(accept(client, "o1", Some("k")), 1000, &["store redis://"]);
        }
        env.open_failed(&master.url(), json!({"timeout_ms": 3000}), &[NOTHING_CONFIRMS]);
        // Sends without a key promise nothing.
        env.base.wechat.grant("o1", TEMPLATE, 1);
        env.ok(client.send(&message("o1"), Some(r#"{"timeout_ms": 20000}"#)));
        let keyed = client.send(&message("o1"), Some(r#"{"key": "s", "timeout_ms": 1000}"#));
        // Or its time was over before it began.
        env.failed(keyed, 1000, &["store redis://"]);
        assert_eq!(env.base.wechat.sends_to("o1").len(), 1, "nothing leaves before its mark is kept");
        replica.go_on();
        wait_until("it is confirmed", || env.recorder.record(accept(&client, "o1", Some("k"))).status == Status::Ok);
        let left = client.send(&message("o1"), Some(r#"{"key": "s2", "timeout_ms": 30000}"#));
        env.base.wechat.grant("o1", TEMPLATE, 1);
        assert!(matches!(left.status, Status::Ok | Status::Refused), "{left:?}");
    }
}

/// The step and the question whether it is on disk leave together; whichever answer is lost, both come again.
#[test]
fn a_confirmation_that_is_lost_is_asked_for_again_and_the_grant_counts_once() {
    let env = RedisEnv::new();
    let server = Server::start(with_fsync(Program::Newer, "everysec"));
    let proxy = Proxy::to(server.port());
    let client = env.open(&RedisEnv::url(proxy.port()), json!({"timeout_ms": 30_000}));
    env.base.accept(&client, "o1");
    let mut count = 1;
    let cuts = [Trouble::CutRequest(0), Trouble::CutRequest(9), Trouble::CutReply(0), Trouble::CutReply(usize::MAX)];
    for (met, trouble) in cuts.into_iter().enumerate() {
        proxy.arm(&["waitaof"], trouble);
        let waits = server.calls("waitaof");
        count += 1;
        assert_eq!(env.base.accept(&client, "o1").remaining, count, "{trouble:?}");
        assert_eq!(proxy.met(), met + 1, "{trouble:?}");
        assert!(server.calls("waitaof") > waits, "{trouble:?}: it was not asked again");
    }
    assert_eq!(left(&client, "o1"), count);
}

#[test]
fn what_may_lose_the_ledger_is_in_the_log_and_in_the_check() {
    for program in Program::ALL {
        for (settings, warning) in [
            (without_aof(program), Some("the server runs without AOF, its restart loses grants: set appendonly yes")),
            (
                with_fsync(program, "no"),
                Some("appendfsync is no, a power cut loses grants: set it to everysec or always"),
            ),
            (
                RedisEnv::settings().program(program).set("maxmemory", "200mb").set("maxmemory-policy", "allkeys-lru"),
                Some("maxmemory-policy is allkeys-lru, it may drop the ledger: set it to noeviction"),
            ),
            (
                RedisEnv::settings().program(program).set("maxmemory", "200mb").set("maxmemory-policy", "volatile-ttl"),
                Some("maxmemory-policy is volatile-ttl, it may drop the ledger: set it to noeviction"),
            ),
            (with_fsync(program, "everysec"), None),
            (RedisEnv::settings().program(program).set("maxmemory", "200mb"), None),
        ] {
            let env = RedisEnv::new();
            let server = Server::start(settings);
            let client = env.open(&server.url(), json!({"timeout_ms": 20_000, "durability": "normal"}));
            let warnings = || -> Vec<String> {
                env.recorder.lines().into_iter().filter(|line| line.starts_with("Warn")).collect()
            };
            let found = warnings();
            let checked = env.ok(client.check());
            match warning {
                Some(warning) => {
                    assert_eq!(found, [format!("Warn store: {warning}")]);
                    assert!(checked.message.contains(warning), "{warning:?} is not in {:?}", checked.message);
                    assert!(checked.message.contains("network: reached"), "{}", checked.message);
                }
                None => {
                    assert!(found.is_empty(), "{found:?}");
                    assert!(checked.message.starts_with("store: writable; network: reached"), "{}", checked.message);
                }
            }
        }
    }
}

/// Its settings may change while it runs; the check asks anew.
#[test]
fn the_check_sees_what_became_of_the_server() {
    let env = RedisEnv::new();
    let server = Server::start(RedisEnv::settings());
    let client = env.open(&server.url(), json!({"timeout_ms": 20_000}));
    assert!(env.ok(client.check()).message.starts_with("store: writable; network"));
    server.set("maxmemory", "200mb");
    server.set("maxmemory-policy", "allkeys-random");
    let checked = env.ok(client.check());
    assert!(checked.message.contains("maxmemory-policy is allkeys-random"), "{}", checked.message);
}

/// Who waits for another process's send to a player looks often, and the shared server writes seldom.
#[test]
fn waiting_for_a_players_turn_writes_seldom() {
    let env = RedisEnv::new();
    let server = Server::start(with_fsync(Program::System, "always"));
    let [first, second] = [20_000, 1500].map(|ms| env.open(&server.url(), json!({"timeout_ms": ms})));
    env.base.wechat.grant("o1", TEMPLATE, 2);
    for _ in 0..2 {
        env.base.accept(&first, "o1");
    }
    env.base.wechat.arm(Fault::delay(4000).on(Endpoint::Send).openid("o1"));
    std::thread::scope(|scope| {
        let slow = scope.spawn(|| send(&first, "o1"));
        wait_until("it has left", || env.base.wechat.counters().calls_to(Endpoint::Send) == 1);
        let before = server.calls("set");
        let waited = send(&second, "o1");
        // On a busy machine the last look may be what took too long.
        assert!(matches!(waited.status, Status::Busy | Status::Store), "{}", waited.message);
        let writes = server.calls("set") - before;
        assert!((1..=30).contains(&writes), "{writes} in {} ms", waited.elapsed_ms);
        env.ok(slow.join().unwrap());
    });
}
