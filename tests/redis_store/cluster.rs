//! A cluster that loses a master and moves its slots while the ledger is in use.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use crate::common::{TEMPLATE, TestEnv, left, message, send};
use crate::env::RedisEnv;
use crate::servers::{Cluster, Program, wait_until};
use serde_json::json;
use sha2::{Digest, Sha256};
use wxsub::{Answer, Client, Status, Verdict};
use wxsub_simulator::{Endpoint, Options};

fn env() -> RedisEnv {
    RedisEnv::on(TestEnv::with(Options { initial_grants: 1 << 40, ..Options::default() }))
}

fn cluster(program: Program) -> Cluster {
    Cluster::with(RedisEnv::settings().program(program))
}

/// The keys of a player's bucket, wherever they are; there is one at least.
fn slot_of_player(cluster: &Cluster, openid: &str) -> u16 {
    // As the store spreads them: by the hash of the openid, modulo the number of buckets.
    let digest: [u8; 32] = Sha256::digest(openid.as_bytes()).into();
    let bucket = u64::from_be_bytes(*digest.first_chunk().unwrap()) % 1024;
    cluster.slot(&format!("wxsub:{{wx0000000000000000:{bucket:03x}}}:"))
}

/// What a thread did to its player: accepted grants and sent messages, each with a key, tried until the store answers.
#[derive(Default)]
struct Done {
    granted: i64,
    sent: usize,
    maybe: usize,
    store_failures: usize,
}

fn work(env: &RedisEnv, client: &Client, player: &str, stop: &AtomicBool, rounds: &AtomicUsize) -> Done {
    let mut done = Done::default();
    let mut call = |what: &dyn Fn() -> Verdict| {
        let mut last = None;
        wait_until("the store answers", || {
            let verdict = env.recorder.record(what());
            done.store_failures += usize::from(verdict.status == Status::Store);
            // A hold that was in doubt, and that nobody gave back, is in the way until its lease ends.
            last = Some(verdict).filter(|verdict| !matches!(verdict.status, Status::Store | Status::Busy));
            last.is_some()
        });
        last.unwrap()
    };
    for round in 1.. {
        if stop.load(Ordering::SeqCst) {
            break;
        }
        let key = format!("k{round}");
        let counted = call(&|| client.report(player, Some(TEMPLATE), Answer::Accept, Some(&key)));
        assert_eq!(counted.status, Status::Ok, "{}", counted.message);
        let options = json!({"key": key, "timeout_ms": 20_000}).to_string();
        let sent = call(&|| client.send(&message(player), Some(&options)));
        done.granted += 1;
        match sent.status {
            Status::Ok => done.sent += 1,
            Status::Unknown => done.maybe += 1,
            // A failover forgets what the old master had not yet passed on.
            Status::NoQuota => {}
            _ => panic!("{sent:?}"),
        }
        rounds.fetch_add(1, Ordering::SeqCst);
    }
    done
}

/// Runs threads with a player each while `trouble` is made; returns what they did.
fn under_load(env: &RedisEnv, client: &Client, trouble: impl FnOnce(&dyn Fn())) -> BTreeMap<String, Done> {
    const THREADS: usize = 6;
    let (stop, rounds) = (&AtomicBool::new(false), &AtomicUsize::new(0));
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|n| {
                let player = format!("o{n}");
                scope.spawn(move || {
                    let done = work(env, client, &player, stop, rounds);
                    (player, done)
                })
            })
            .collect();
        let goes_on = || {
            let before = rounds.load(Ordering::SeqCst);
            wait_until("work goes on", || {
                threads.iter().any(|t| t.is_finished()) || rounds.load(Ordering::SeqCst) >= before + 4 * THREADS
            });
        };
        // A trouble that fails must end the test, too.
        let stopping = Stopping(stop);
        goes_on();
        trouble(&goes_on);
        goes_on();
        drop(stopping);
        threads.into_iter().map(|t| t.join().expect("see above")).collect()
    })
}

struct Stopping<'a>(&'a AtomicBool);

impl Drop for Stopping<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// One request of WeChat's for each message, none twice.
fn nothing_twice(env: &RedisEnv, done: &BTreeMap<String, Done>) {
    for (player, done) in done {
        let mut requests = BTreeMap::<String, usize>::new();
        for request in env.base.wechat.sends_to(player) {
            *requests.entry(format!("{:?}", request.seq)).or_default() += 1;
        }
        let delivered = env.base.wechat.deliveries_to(player).len();
        let most = done.sent + done.maybe;
        assert!(
            (done.sent..=most).contains(&delivered),
            "{player}: {} sent, {} maybe, {delivered}",
            done.sent,
            done.maybe
        );
    }
    assert_eq!(env.base.wechat.counters().overlaps, 0);
}

#[test]
fn it_spreads_the_players_and_needs_one_node_that_answers() {
    let env = env();
    let cluster = cluster(Program::System);
    let url = RedisEnv::url_of_cluster(&cluster);
    let client = env.open(&url, json!({"timeout_ms": 20_000}));
    for n in 0..60 {
        let player = format!("o{n}");
        env.base.accept(&client, &player);
        env.ok(send(&client, &player));
        assert_eq!(left(&client, &player), 0);
    }
    for node in &cluster.nodes[..3] {
        assert!(node.tell(&["DBSIZE"]).number() > 0, "a master has nothing");
    }
    env.ok(client.check());
    // Any node will do to begin with, a replica, too; the first of these is nobody.
    let replica = cluster.nodes[4].port();
    let some = format!("redis-cluster://:{}@127.0.0.1:1,127.0.0.1:{replica}", crate::env::PASSWORD);
    assert_eq!(left(&env.open(&some, json!({"timeout_ms": 20_000})), "o1"), 0);
    let none = format!("redis-cluster://:{}@127.0.0.1:1", crate::env::PASSWORD);
    env.open_failed(&none, json!({"timeout_ms": 1000}), &["redis-cluster://127.0.0.1:1", "nothing was done"]);
    // A cluster that is named as one server says what to write.
    let single = RedisEnv::url(cluster.nodes[0].port());
    match env.try_open(&single, json!({"timeout_ms": 2000})) {
        Err(e) => assert!(e.message.contains("redis-cluster://"), "{e}"),
        Ok(_) => panic!("one node of a cluster is taken for all of it"),
    }
}

#[test]
fn slots_that_move_are_followed() {
    for program in Program::ALL {
        let env = env();
        let cluster = cluster(program);
        let client = env.open(&RedisEnv::url_of_cluster(&cluster), json!({"timeout_ms": 20_000}));
        let done = under_load(&env, &client, |goes_on| {
            for player in ["o0", "o1", "o2"] {
                let slot = slot_of_player(&cluster, player);
                let from = cluster.master_of(slot).expect("a master");
                let to = (from + 1) % 3;
                assert!(
                    !cluster.nodes[from].tell(&["CLUSTER", "GETKEYSINSLOT", &slot.to_string(), "9"]).list().is_empty()
                );
                cluster.begin_move(slot, from, to);
                std::thread::sleep(Duration::from_millis(20));
                assert!(cluster.move_keys(slot, from, to, usize::MAX) > 0);
                cluster.end_move(slot, to);
                goes_on();
            }
            assert!(cluster.error_count("MOVED") > 0, "nobody was sent elsewhere");
        });
        nothing_twice(&env, &done);
        for (player, done) in &done {
            assert_eq!((done.maybe, done.store_failures), (0, 0), "{player}");
            assert_eq!(left(&client, player), done.granted - done.sent as i64, "{player}");
        }
    }
}

/// A slot that stays between two nodes, with its keys on the one, on both, and on the other: no call may take what is on
/// one of them for all there is.
#[test]
fn a_slot_between_two_nodes_is_served_whole_or_not_at_all() {
    for program in Program::ALL {
        let env = env();
        let cluster = cluster(program);
        let client = env.open(&RedisEnv::url_of_cluster(&cluster), json!({"timeout_ms": 1000}));
        let slot = slot_of_player(&cluster, "o1");
        let from = cluster.master_of(slot).expect("a master");
        let to = (from + 1) % 3;
        let mut count = 0;
        let mut use_it = |must_work: bool, when: &str| {
            let mut done = |verdict: Verdict, change: i64| {
                match verdict.status {
                    Status::Store if !must_work => {
                        env.store_failed(verdict, 1000, &["the cluster is being changed: try again"]);
                    }
                    Status::Ok => {
                        count += change;
                        assert_eq!(env.recorder.record(verdict).remaining, count, "{when}");
                    }
                    _ => panic!("{when}: {verdict:?}"),
                };
            };
            let accept = || client.report("o1", Some(TEMPLATE), Answer::Accept, None);
            done(accept(), 1);
            done(accept(), 1);
            done(client.send(&message("o1"), Some(r#"{"timeout_ms": 1000}"#)), -1);
            done(client.quota("o1", TEMPLATE), 0);
        };
        use_it(true, "before");
        cluster.begin_move(slot, from, to);
        use_it(false, "opened");
        assert_eq!(cluster.move_keys(slot, from, to, 1), 1);
        use_it(false, "begun");
        assert!(cluster.move_keys(slot, from, to, usize::MAX) > 0);
        use_it(false, "all moved");
        assert!(cluster.error_count("ASK") + cluster.error_count("TRYAGAIN") > 0, "nobody was told of the move");
        // What was written to the old node meanwhile would be lost with it.
        cluster.move_keys(slot, from, to, usize::MAX);
        cluster.end_move(slot, to);
        wait_until("all is well", || client.quota("o1", TEMPLATE).status == Status::Ok);
        use_it(true, "after");
    }
}

/// What the replica had is there; what is not known is said, in time; and the others are not disturbed for long.
#[test]
fn a_master_that_dies_is_replaced_and_nothing_is_sent_twice() {
    for program in Program::ALL {
        let env = env();
        let cluster = cluster(program);
        let client = env.open(&RedisEnv::url_of_cluster(&cluster), json!({"timeout_ms": 1500}));
        // One that nobody works on: replicated before, so it must be there after.
        let slot = slot_of_player(&cluster, "o0");
        let quiet: Vec<String> = (0..)
            .map(|n| format!("quiet{n}"))
            .filter(|p| slot_of_player(&cluster, p) % 3 == slot % 3)
            .take(20)
            .collect();
        for player in &quiet {
            env.base.accept(&client, player);
        }
        let done = under_load(&env, &client, |goes_on| {
            let old = cluster.master_of(slot).expect("a master");
            cluster.nodes[old].kill();
            let new = cluster.wait_for_failover(slot, old);
            goes_on();
            cluster.nodes[old].restart();
            cluster.nodes[old].wait_until_it_follows(&cluster.nodes[new]);
            // And back again: a stopped master finds itself a replica.
            cluster.nodes[new].stop();
            wait_until("a replica takes over", || cluster.nodes[old].info("replication", "role") == "master");
            goes_on();
            cluster.nodes[new].go_on();
            wait_until("it finds itself a replica", || cluster.nodes[new].info("replication", "role") == "slave");
        });
        let failures: usize = done.values().map(|done| done.store_failures).sum();
        println!("{program:?}: {failures} calls failed meanwhile");
        for player in &quiet {
            wait_until("all is well", || client.quota(player, TEMPLATE).status == Status::Ok);
        }
        let of = |player: &String| (player.clone(), left(&client, player));
        let lost: Vec<(String, i64)> = quiet.iter().map(of).filter(|(_, left)| *left != 1).collect();
        assert!(lost.is_empty(), "{lost:?}; {}", cluster.story());
        for (player, done) in &done {
            wait_until("all is well", || client.quota(player, TEMPLATE).status == Status::Ok);
            assert!(left(&client, player) <= done.granted, "{player}");
        }
        nothing_twice(&env, &done);
        assert!(env.base.wechat.counters().calls_to(Endpoint::Send) > 0);
    }
}

/// Both copies of some slots are away: their players are told, the others are not.
#[test]
fn slots_that_nobody_has_are_told_and_others_go_on() {
    let env = env();
    let cluster = cluster(Program::System);
    let client = env.open(&RedisEnv::url_of_cluster(&cluster), json!({"timeout_ms": 1000}));
    let players: Vec<String> = (0..12).map(|n| format!("o{n}")).collect();
    let account = cluster.master_of(cluster.slot("wxsub:{wx0000000000000000}:")).expect("a master");
    let gone = (account + 1) % 3;
    let of = |player: &String| cluster.master_of(slot_of_player(&cluster, player)).expect("a master");
    let (theirs, others): (Vec<&String>, Vec<&String>) = players.iter().partition(|player| of(player) == gone);
    assert!(!theirs.is_empty() && !others.is_empty());
    for player in &players {
        env.base.accept(&client, player);
    }
    cluster.nodes[gone + 3].kill();
    cluster.nodes[gone].kill();
    for player in &theirs {
        env.failed(send(&client, player), 1000, &["store redis-cluster://"]);
    }
    for player in &others {
        // The first may find out what is gone.
        wait_until("the others go on", || env.recorder.record(client.quota(player, TEMPLATE)).status == Status::Ok);
        env.ok(client.send(&message(player), Some(r#"{"timeout_ms": 20000}"#)));
    }
    cluster.nodes[gone].restart();
    cluster.wait_until_whole();
    for player in &theirs {
        wait_until("it is back", || client.quota(player, TEMPLATE).status == Status::Ok);
        assert_eq!(left(&client, player), 1);
        env.ok(client.send(&message(player), Some(r#"{"timeout_ms": 20000}"#)));
    }
}

/// A master that stands still has the message that is due first. Those of the others' players go out all the same.
#[test]
fn a_silent_master_holds_up_messages_of_its_own_players_alone() {
    let env = env();
    let cluster = cluster(Program::System);
    let client = env.open(&RedisEnv::url_of_cluster(&cluster), json!({"timeout_ms": 20_000}));
    let players: Vec<String> = (0..12).map(|n| format!("o{n}")).collect();
    let account = cluster.master_of(cluster.slot("wxsub:{wx0000000000000000}:")).expect("a master");
    let silent = (account + 1) % 3;
    let of = |player: &String| cluster.master_of(slot_of_player(&cluster, player)).expect("a master");
    let (theirs, others): (Vec<&String>, Vec<&String>) = players.iter().partition(|player| of(player) == silent);
    assert!(!theirs.is_empty() && !others.is_empty());
    let due_ms = now_ms() + 25_000;
    for player in &players {
        env.base.accept(&client, player);
        let at_ms = due_ms + i64::from(others.contains(&player)) * 500;
        let options = json!({"key": "k", "deliver_at": at_ms, "notify": false}).to_string();
        client.submit(&message(player), Some(&options)).expect("a message that is taken");
    }
    let waiting = || client.stats().map_or(0, |stats| stats.outbox.waiting);
    wait_until("all are stored", || waiting() == players.len() as u64);
    cluster.nodes[silent + 3].kill();
    cluster.nodes[silent].stop();
    let delivered = |player: &String| env.base.wechat.deliveries_to(player).len();
    wait_until("the others have their messages", || others.iter().all(|player| delivered(player) == 1));
    assert!(theirs.iter().all(|player| delivered(player) == 0));
    cluster.nodes[silent].go_on();
    wait_until("the rest have theirs", || theirs.iter().all(|player| delivered(player) == 1));
    assert!(players.iter().all(|player| delivered(player) == 1));
}

fn now_ms() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.expect("after 1970").as_millis() as i64
}
