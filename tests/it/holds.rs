//! One unit, one holder; one player, one request; whoever dies or sleeps loses neither for others.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::common::process::{Child, listen, play, say};
use crate::common::{TEMPLATE, TestEnv, left, message, message_from, send};
use serde_json::{Value, json};
use wxsub::{Answer, Client, Config, QuotaChange, Retry, Status, Verdict};
use wxsub_simulator::{Endpoint, Fault, Options, Template};

#[test]
fn child() {
    play(|role, args| {
        let config = Config::from_json(args["config"].as_str().unwrap()).unwrap();
        let client = Client::open(config).unwrap();
        say("ready");
        assert_eq!(listen().as_deref(), Some("go"));
        match role {
            "send" => tell(&send(&client, args["openid"].as_str().unwrap())),
            "send until nothing is left" => use_up(&client, args),
            "send for a while" => for_a_while(args["threads"].as_u64().unwrap(), |_| {
                let verdict = send(&client, "o1");
                assert_eq!(verdict.status, Status::Ok, "{}", verdict.message);
            }),
            "report for a while" => for_a_while(args["threads"].as_u64().unwrap(), |thread| {
                let verdict = client.report(&format!("o{thread}"), Some(TEMPLATE), Answer::Accept, None);
                assert_eq!(verdict.status, Status::Ok, "{}", verdict.message);
            }),
            other => panic!("{other}"),
        }
    });
}

fn tell(verdict: &Verdict) {
    say(&serde_json::to_string(verdict).unwrap());
}

fn verdict(line: &str) -> Verdict {
    serde_json::from_str(line).unwrap()
}

/// Starts a child and waits until its client is open.
fn start(role: &str, config: &str, more: Value) -> Child {
    let mut args = more;
    args["config"] = config.into();
    let mut child = Child::start(module_path!(), role, args);
    assert_eq!(child.heard(), "ready");
    child
}

fn grant(env: &TestEnv, client: &Client, openid: &str, units: u64) {
    for _ in 0..units {
        env.accept(client, openid);
    }
}

fn wait_for_sends(env: &TestEnv, sends: u64) {
    assert!(env.wechat.wait_for(Duration::from_secs(30), |c| c.calls_to(Endpoint::Send) >= sends));
}

/// Polls the count until it is so high, which takes as long as a lease lasts.
fn wait_for_count(client: &Client, openid: &str, count: i64) {
    let patience = Instant::now() + Duration::from_secs(30);
    while left(client, openid) != count {
        assert!(Instant::now() < patience, "the unit did not come back: {} left", left(client, openid));
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Sends to the players, each thread beginning with another one, until nobody allows any more.
fn use_up(client: &Client, args: &Value) {
    let players = args["players"].as_u64().unwrap();
    std::thread::scope(|scope| {
        for thread in 0..args["threads"].as_u64().unwrap() {
            scope.spawn(move || {
                let mut open: Vec<u64> = (0..players).map(|p| (p + thread) % players).collect();
                while !open.is_empty() {
                    open.retain(|player| {
                        let verdict = send(client, &format!("o{player}"));
                        tell(&verdict);
                        assert!((0..1000).contains(&left(client, &format!("o{player}"))));
                        verdict.status != Status::NoQuota
                    });
                }
            });
        }
    });
}

#[test]
fn two_processes_spend_every_unit_once_and_never_overlap_on_one_player() {
    const PLAYERS: u64 = 5;
    const UNITS: u64 = 12;
    let env = TestEnv::with(Options {
        send_latency: Duration::from_millis(std::env::var("LAT").map_or(3, |m| m.parse().unwrap())),
        ..Default::default()
    });
    let config = env.config(json!({"timeout_ms": 60_000, "durability": "normal"}));
    let client = env.client(json!({"durability": "normal"}));
    for player in 0..PLAYERS {
        grant(&env, &client, &format!("o{player}"), UNITS);
        // More are allowed at WeChat than in the ledger, so that a unit spent twice is not hidden by a refusal.
        env.wechat.grant(&format!("o{player}"), TEMPLATE, 100);
    }
    let mut children =
        [(); 2].map(|()| start("send until nothing is left", &config, json!({"players": PLAYERS, "threads": 6})));
    for child in &mut children {
        child.tell("go");
    }
    let verdicts: Vec<Verdict> = children.into_iter().flat_map(|c| c.finish()).map(|line| verdict(&line)).collect();

    for v in &verdicts {
        assert!(matches!(v.status, Status::Ok | Status::NoQuota), "{:?}: {}", v.status, v.message);
        assert!((0..UNITS as i64).contains(&v.remaining), "{}", v.remaining);
        assert_eq!(v.attempts, u32::from(v.status == Status::Ok), "no 43108 and no other answer in between");
    }
    let sent = verdicts.iter().filter(|v| v.status == Status::Ok).count() as u64;
    assert_eq!(sent, PLAYERS * UNITS);
    assert_eq!(env.wechat.counters().overlaps, 0);
    assert_eq!(env.wechat.counters().calls_to(Endpoint::Send), sent);
    for player in env.wechat.players() {
        assert_eq!((player.delivered, player.max_concurrent, player.overlaps), (UNITS, 1, 0), "{}", player.openid);
        assert_eq!(left(&client, &player.openid), 0);
    }
    assert!(env.wechat.counters().max_concurrent_sends > 1, "players don't wait for each other");
}

/// Does something again and again until the parent says stop, and tells how often.
fn for_a_while(threads: u64, what: impl Fn(u64) + Sync) {
    let (stop, done) = (&AtomicBool::new(false), &AtomicU64::new(0));
    std::thread::scope(|scope| {
        for thread in 0..threads {
            let what = &what;
            scope.spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    what(thread);
                    done.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        assert_eq!(listen().as_deref(), Some("stop"));
        say(&done.load(Ordering::Relaxed).to_string());
        stop.store(true, Ordering::Relaxed);
    });
}

#[test]
fn neither_of_two_busy_processes_starves() {
    let env = TestEnv::with(Options {
        send_latency: Duration::from_millis(20),
        initial_grants: 100_000,
        ..Options::default()
    });
    for (role, config, threads) in [
        ("report for a while", json!({"timeout_ms": 60_000}), 8),
        ("report for a while", json!({"timeout_ms": 60_000, "durability": "normal"}), 8),
        ("send for a while", json!({"timeout_ms": 60_000, "quota": "observe"}), 2),
    ] {
        let config = env.config(config);
        let mut children = [(); 2].map(|()| start(role, &config, json!({"threads": threads})));
        for child in &mut children {
            child.tell("go");
        }
        std::thread::sleep(Duration::from_millis(2500));
        for child in &mut children {
            child.tell("stop");
        }
        let counts = children.map(|c| c.finish()[0].parse::<u64>().unwrap());
        let quarter = (counts[0] + counts[1]) / 4;
        assert!(counts.iter().all(|c| *c >= quarter), "{role}: one starves: {counts:?}");
    }
    assert_eq!(env.wechat.counters().overlaps, 0);
}

#[test]
fn players_do_not_wait_for_another_players_network() {
    // On a busy machine this must not look idle to the simulator.
    let env = TestEnv::with(Options { idle_timeout: Duration::from_secs(120), ..Options::default() });
    let clients = [env.client(json!({"timeout_ms": 60_000})), env.client(json!({"timeout_ms": 60_000}))];
    for player in 0..8 {
        grant(&env, &clients[0], &format!("o{player}"), 2);
    }
    grant(&env, &clients[0], "slow", 2);
    env.wechat.arm(Fault::stall().openid("slow"));
    std::thread::scope(|scope| {
        let slow = [(); 2].map(|()| scope.spawn(|| send(&clients[0], "slow")));
        wait_for_sends(&env, 1);
        for (i, client) in clients.iter().enumerate() {
            for player in (0..8).filter(|p| p % 2 == i) {
                scope.spawn(move || assert_eq!(send(client, &format!("o{player}")).status, Status::Ok));
            }
        }
        // A message counts as delivered a moment before its request has ended.
        assert!(env.wechat.wait_for(Duration::from_secs(30), |c| c.delivered == 8 && c.sends_in_progress == 1));
        assert_eq!(env.wechat.sends_to("slow").len(), 1, "one is on its way, the other waits for it");
        env.wechat.drop_connections();
        let mut ends = slow.map(|s| s.join().unwrap().status);
        ends.sort_by_key(|s| s.code());
        assert_eq!(ends, [Status::Ok, Status::Unknown]);
    });
}

#[test]
fn the_hold_of_a_killed_process_comes_back_when_its_lease_ends() {
    let env = TestEnv::new();
    let client = env.client(json!({"timeout_ms": 60_000}));
    env.accept(&client, "o1");
    let mut child = start("send", &env.config(json!({"timeout_ms": 1500})), json!({"openid": "o1"}));
    env.wechat.arm(Fault::stall().on(Endpoint::Send));
    let (began, began_ms) = (Instant::now(), env.wechat.now_ms());
    child.tell("go");
    wait_for_sends(&env, 1);
    child.kill();
    let lease = Duration::from_millis(1500 + 2000);
    assert!(left(&client, "o1") == 0 || began.elapsed() > lease, "held by the dead");

    let verdict = send(&client, "o1");
    assert_eq!((verdict.status, verdict.remaining), (Status::Ok, 0), "{}", verdict.message);
    let sends = env.wechat.sends_to("o1");
    assert_eq!(sends.len(), 2);
    // One clock may have been set a little between the two readings.
    let waited_ms = sends[1].received_ms.saturating_sub(began_ms) + 50;
    assert!(
        u128::from(waited_ms) >= lease.as_millis(),
        "WeChat may have worked for the dead until then: {waited_ms} ms"
    );
    assert!(began.elapsed() < Duration::from_secs(30), "seconds, not minutes");
    assert_eq!(env.wechat.counters().overlaps, 0);
}

/// A stopped process, or a paused machine, comes back after its lease.
#[test]
fn a_holder_that_slept_through_its_lease_takes_nothing_that_is_not_its_own() {
    let env = TestEnv::new();
    let client = env.client(json!({"timeout_ms": 60_000}));
    env.accept(&client, "o1");
    let mut child = start("send", &env.config(json!({"timeout_ms": 1500})), json!({"openid": "o1"}));
    env.wechat.arm(Fault::delay(300).on(Endpoint::Send));
    child.tell("go");
    wait_for_sends(&env, 1);
    child.signal("STOP");
    assert!(env.wechat.wait_for(Duration::from_secs(30), |c| c.delivered == 1), "WeChat takes it meanwhile");
    wait_for_count(&client, "o1", 1);

    // The ledger is one too high; WeChat's refusal corrects that.
    let refused = send(&client, "o1");
    assert_eq!((refused.status, refused.quota, refused.remaining), (Status::Refused, QuotaChange::Cleared, 0));
    env.accept(&client, "o1");
    child.signal("CONT");
    let late = verdict(&child.finish()[0]);
    assert!(matches!(late.status, Status::Ok | Status::Unknown), "{}", late.message);
    assert_eq!(left(&client, "o1"), 1, "the late success must not take the newer grant");
    // A maybe keeps the turn for two seconds more, but it is no longer its own.
    assert_eq!(send(&client, "o1").status, Status::Ok);
    assert_eq!(env.wechat.counters().overlaps, 0);
}

#[test]
fn a_holder_that_slept_through_its_lease_does_not_begin_a_request() {
    let env = TestEnv::new();
    let client = env.client(json!({"timeout_ms": 60_000}));
    env.accept(&client, "o1");
    // Without templates to ask WeChat for, the token is asked for under the hold.
    let config = env.config(json!({"timeout_ms": 1500, "templates": "off"}));
    let mut child = start("send", &config, json!({"openid": "o1"}));
    env.wechat.arm(Fault::delay(300).on(Endpoint::StableToken));
    child.tell("go");
    assert!(env.wechat.wait_for(Duration::from_secs(30), |c| c.calls_to(Endpoint::StableToken) == 1));
    assert_eq!(left(&client, "o1"), 0);
    child.signal("STOP");
    wait_for_count(&client, "o1", 1);
    child.signal("CONT");
    let late = verdict(&child.finish()[0]);
    assert_eq!((late.status, late.attempts), (Status::Connect, 0), "{}", late.message);
    assert_eq!(left(&client, "o1"), 1);
    assert_eq!(env.wechat.counters().calls_to(Endpoint::Send), 0);
    assert_eq!(send(&client, "o1").status, Status::Ok);
}

#[test]
fn a_maybe_gives_the_unit_back_at_once_and_the_turn_two_seconds_later() {
    let env = TestEnv::new();
    let clients = [env.client(json!({"timeout_ms": 60_000})), env.client(json!({"timeout_ms": 60_000}))];
    grant(&env, &clients[0], "o1", 1);
    grant(&env, &clients[0], "o2", 1);
    env.wechat.arm(Fault::close().on(Endpoint::Send));
    let maybe = send(&clients[0], "o1");
    assert_eq!((maybe.status, maybe.retry), (Status::Unknown, Retry::Unsafe), "{}", maybe.message);
    assert_eq!((maybe.quota, maybe.remaining), (QuotaChange::Returned, 1));
    assert_eq!((left(&clients[0], "o1"), left(&clients[1], "o1")), (1, 1));
    let hasty = clients[1].send(&message("o1"), Some(r#"{"timeout_ms": 100}"#));
    assert_eq!((hasty.status, hasty.attempts, hasty.retry), (Status::Busy, 0, Retry::Later), "{}", hasty.message);
    assert_eq!(send(&clients[1], "o2").status, Status::Ok, "another player's turn is another");
    assert_eq!(send(&clients[1], "o1").status, Status::Ok);
    let at: Vec<u64> = env.wechat.sends_to("o1").iter().map(|r| r.received_ms).collect();
    assert_eq!(at.len(), 2);
    assert!(at[1].saturating_sub(at[0]) >= 1950, "{at:?}");
}

#[test]
fn templates_have_units_of_their_own_and_share_the_players_turn() {
    let env = TestEnv::with(Options { send_latency: Duration::from_millis(20), ..Options::default() });
    let clients = [env.client(json!({"timeout_ms": 60_000})), env.client(json!({"timeout_ms": 60_000}))];
    let templates: Vec<String> = (0..6).map(|i| format!("template-{i}")).collect();
    for template in &templates {
        env.wechat
            .add_template(Template::new(template, template).keyword("what", "thing1", "").keyword("when", "time2", ""));
        env.wechat.grant("o1", template, 2);
        assert_eq!(clients[0].report("o1", Some(template), Answer::Accept, None).remaining, 1);
    }
    std::thread::scope(|scope| {
        for (i, template) in templates.iter().enumerate() {
            let client = &clients[i % 2];
            scope.spawn(move || {
                let sent = client.send(&message_from("o1", template), None);
                assert_eq!((sent.status, sent.remaining), (Status::Ok, 0), "{}", sent.message);
            });
        }
    });
    assert_eq!(env.wechat.counters().overlaps, 0);
    assert_eq!(env.wechat.player("o1").max_concurrent, 1);
}
