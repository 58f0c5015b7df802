//! A fleet on one Redis: three processes with 32 threads each send to the same players, and two of them are killed again
//! and again. No player gets two requests at once, no message goes out twice, and the ledger and WeChat agree in the end.
//!
//! WXSUB_FLEET_SECONDS: how long each of the two servers is worked on; 10 by default.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::common::process::{Child, FLEET_SECONDS, listen, play, say};
use crate::common::{TEMPLATE, TestEnv, left};
use crate::journal::{self, Journal, Line};
use crate::servers::{Program, Server, Settings, wait_until};
use serde_json::{Value, json};
use wxsub::{Answer, Client, Config, Status, Verdict};
use wxsub_simulator::{Endpoint, Options};

const PROCESSES: usize = 3;
/// These are killed; the others live through it all.
const VICTIMS: usize = 2;
const THREADS: usize = 32;
const PLAYERS: u64 = 150;
/// Short, so that what the dead held is soon free again.
const TIMEOUT_MS: u64 = 3000;

#[test]
fn child() {
    play(|_, args| {
        let client = open(args["config"].as_str().unwrap());
        let journal = Journal::create(Path::new(args["journal"].as_str().unwrap()));
        say("ready");
        let stop = &AtomicBool::new(false);
        std::thread::scope(|scope| {
            let (client, journal) = (&client, &journal);
            for thread in 0..THREADS {
                let redo: Vec<&Value> = args["redo"].as_array().unwrap().iter().skip(thread).step_by(THREADS).collect();
                let lane = format!("{}-{thread}", args["lane"].as_str().unwrap());
                scope.spawn(move || {
                    for again in redo {
                        let (player, name) = (again[0].as_str().unwrap(), again[1].as_str().unwrap());
                        send_with_key(client, journal, player, name);
                    }
                    let mut number = 0;
                    while !stop.load(Ordering::SeqCst) {
                        number += 1;
                        work(client, journal, &format!("{lane}-{number}"));
                    }
                });
            }
            scope.spawn(move || {
                while !stop.load(Ordering::SeqCst) {
                    for result in client.poll(256, Duration::from_millis(20)).unwrap() {
                        note(journal, &result);
                    }
                }
            });
            assert_eq!(listen().as_deref(), Some("stop"));
            stop.store(true, Ordering::SeqCst);
        });
        client.shutdown(Duration::from_secs(60), true);
        for result in client.poll(1 << 20, Duration::ZERO).unwrap() {
            note(&journal, &result);
        }
        wait_until("the store answers", || client.stats().is_ok_and(|stats| stats.lost_results == 0));
    });
}

fn open(config: &str) -> Client {
    Client::open(Config::from_json(config).unwrap()).unwrap_or_else(|e| panic!("{e}"))
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

fn note(journal: &Journal, result: &Verdict) {
    match (result.flags, result.status) {
        (Verdict::STORED, Status::Ok) => journal.write("stored", &result.key, ""),
        // Stored or not, as far as anybody knows; it may have an outcome.
        (_, Status::Store) if result.ticket > 0 => journal.write("unknown", &result.key, &result.message),
        _ => note_end(journal, &result.key, result),
    }
}

fn send_with_key(client: &Client, journal: &Journal, player: &str, name: &str) {
    journal.write("keyed", name, player);
    let options = json!({"key": name}).to_string();
    let mut verdict = client.send(&named(player, name), Some(&options));
    // What a dead process began may still run at WeChat until its lease is over.
    while matches!(verdict.status, Status::Busy | Status::Store) {
        verdict = client.send(&named(player, name), Some(&options));
    }
    note_end(journal, name, &verdict);
}

/// A busy machine may not be done in time; the reason is told if it is another.
fn note_end(journal: &Journal, name: &str, verdict: &Verdict) {
    let why = if verdict.status == Status::Store { verdict.message.as_str() } else { "" };
    journal.write("ended", name, format!("{:?} {why}", verdict.status).trim_end());
}

fn work(client: &Client, journal: &Journal, name: &str) {
    let player = format!("o{}", fastrand::u64(0..PLAYERS));
    let pause = || std::thread::sleep(Duration::from_millis(fastrand::u64(1..10)));
    match fastrand::u8(0..10) {
        0..5 => {
            journal.write("begun", name, &player);
            let verdict = client.send(&named(&player, name), None);
            note_end(journal, name, &verdict);
            if verdict.status == Status::NoQuota {
                pause();
            }
        }
        5..8 => send_with_key(client, journal, &player, name),
        8 => {
            journal.write("durable", name, &player);
            let options = json!({"key": name, "durable": true}).to_string();
            client.submit(&named(&player, name), Some(&options)).unwrap();
            pause();
        }
        _ => {
            let count = client.quota(&player, TEMPLATE);
            assert!(count.status != Status::Ok || count.remaining >= 0, "{count:?}");
        }
    }
}

/// One process of the fleet, through its deaths.
struct Member<'a> {
    lane: usize,
    config: &'a str,
    folder: &'a Path,
    journals: Vec<PathBuf>,
}

impl Member<'_> {
    /// Starts it, to begin with what its last life left unfinished.
    fn start(&mut self) -> Child {
        let redo = self.journals.last().map(|path| unfinished(&journal::read(path))).unwrap_or_default();
        let lane = format!("{}-{}", self.lane, self.journals.len());
        let path = self.folder.join(format!("journal-{lane}"));
        self.journals.push(path.clone());
        let args = json!({"config": self.config, "lane": lane, "journal": path, "redo": redo});
        let mut child = Child::start(module_path!(), "send", args);
        assert_eq!(child.heard(), "ready");
        child
    }

    /// Lives until the end; kills it now and then.
    fn live(mut self, until: Instant, kills: &AtomicU64) -> Vec<PathBuf> {
        let mut child = self.start();
        while Instant::now() < until {
            std::thread::sleep(Duration::from_millis(fastrand::u64(300..2500)).min(until - Instant::now()));
            if self.lane < VICTIMS && Instant::now() < until {
                child.kill();
                kills.fetch_add(1, Ordering::SeqCst);
                child = self.start();
            }
        }
        child.tell("stop");
        child.finish();
        self.journals
    }
}

/// Keyed sends that were begun and of which no verdict was noted: the player and the name of each.
fn unfinished(lines: &[Line]) -> Vec<(String, String)> {
    let mut open = BTreeMap::new();
    for line in lines {
        match line.what.as_str() {
            "keyed" => drop(open.insert(line.name.clone(), line.more.clone())),
            "ended" => drop(open.remove(&line.name)),
            _ => {}
        }
    }
    open.into_iter().map(|(name, player)| (player, name)).collect()
}

/// Players accept, in the game and at WeChat, until it is over; returns how often each did.
fn accept_until(until: Instant, env: &TestEnv, client: &Client, thread: u64) -> HashMap<String, u64> {
    let mut accepted: HashMap<String, u64> = HashMap::new();
    for number in 0.. {
        if Instant::now() >= until {
            break;
        }
        let player = format!("o{}", fastrand::u64(0..PLAYERS));
        env.wechat.grant(&player, TEMPLATE, 1);
        let key = format!("{thread}-{number}");
        wait_until("the report is taken", || {
            client.report(&player, Some(TEMPLATE), Answer::Accept, Some(&key)).status == Status::Ok
        });
        *accepted.entry(player).or_default() += 1;
    }
    accepted
}

fn a_fleet_works(settings: Settings, program: Program) {
    let seconds = std::env::var(FLEET_SECONDS).map_or(10, |s| s.parse().expect("WXSUB_FLEET_SECONDS is a number"));
    let server = Server::start(settings.program(program));
    let env = TestEnv::with(Options {
        send_latency: Duration::from_millis(4),
        idle_timeout: Duration::from_secs(120),
        keep: 1 << 22,
        ..Options::default()
    });
    let config = &env.config(json!({"store": server.url(), "timeout_ms": TIMEOUT_MS, "templates": "off"}));
    let client = &env.client(json!({"store": server.url(), "timeout_ms": 60_000, "templates": "off"}));

    let (kills, until) = (&AtomicU64::new(0), Instant::now() + Duration::from_secs(seconds));
    let mut accepted: HashMap<String, u64> = HashMap::new();
    let mut journals = Vec::new();
    std::thread::scope(|scope| {
        let env = &env;
        let players: Vec<_> = (0..16).map(|n| scope.spawn(move || accept_until(until, env, client, n))).collect();
        let members: Vec<_> = (0..PROCESSES)
            .map(|lane| Member { lane, config, folder: env.folder.path(), journals: Vec::new() })
            .map(|member| scope.spawn(move || member.live(until, kills)))
            .collect();
        for player in players {
            for (player, times) in player.join().expect("see above") {
                *accepted.entry(player).or_default() += times;
            }
        }
        journals.extend(members.into_iter().flat_map(|member| member.join().expect("see above")));
    });
    // What the dead left in the outbox is done by whoever is there.
    let mut outcomes = Vec::new();
    wait_until("the outbox is empty", || {
        outcomes.extend(client.poll(1000, Duration::from_millis(10)).unwrap());
        client.stats().is_ok_and(|stats| stats.outbox.waiting == 0)
    });
    client.shutdown(Duration::ZERO, false);
    let client = &env.client(json!({"store": server.url(), "timeout_ms": 60_000, "templates": "off"}));

    let lines: Vec<Line> = journals.iter().flat_map(|path| journal::read(path)).collect();
    let told = settle_accounts(&env, client, &lines, &outcomes);
    let uncertain = kills.load(Ordering::SeqCst) * THREADS as u64 * 2;
    units_are_sends(&env, client, &accepted, uncertain);
    println!("{program:?}: {} kills, {} accepts, {told}", kills.load(Ordering::SeqCst), accepted.values().sum::<u64>());
    assert!(kills.load(Ordering::SeqCst) > 0, "nobody was killed");
}

/// What was delivered, and how often, by name.
fn delivered(env: &TestEnv) -> HashMap<String, u64> {
    let mut times = HashMap::new();
    for delivery in env.wechat.deliveries() {
        *times.entry(delivery.data["thing1"]["value"].as_str().unwrap().to_owned()).or_default() += 1;
    }
    times
}

/// Every message as it was told: sent once, not sent, or maybe; a stored one has an end.
fn settle_accounts(env: &TestEnv, client: &Client, lines: &[Line], outcomes: &[Verdict]) -> String {
    let delivered = delivered(env);
    if let Some((name, times)) = delivered.iter().find(|(_, times)| **times > 1) {
        panic!("{name} was delivered {times} times");
    }
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    let mut ended: HashMap<&str, &str> = HashMap::new();
    let later: Vec<(String, String)> = outcomes.iter().map(|v| (v.key.clone(), format!("{:?}", v.status))).collect();
    let told = lines.iter().filter(|l| l.what == "ended").map(|l| (l.name.as_str(), l.more.as_str()));
    for (name, status) in told.chain(later.iter().map(|(name, status)| (name.as_str(), status.as_str()))) {
        *counts.entry(status.split(' ').next().expect("a word")).or_default() += 1;
        let times = delivered.get(name).copied().unwrap_or(0);
        match status.split(' ').next().expect("a word") {
            "Ok" => assert_eq!(times, 1, "{name} is said to be sent"),
            // A keyed one that was found running, or one in the outbox, when its process died.
            "Unknown" => {}
            // Its lease was nearly over when it could have begun.
            "NoQuota" | "Refused" | "Busy" | "Connect" => assert_eq!(times, 0, "{name}: {status}, and sent"),
            "Store" if status.contains("no time left") || status.contains("in time") => {
                assert_eq!(times, 0, "{name}: {status}, and sent");
            }
            _ => panic!("{name}: {status}"),
        }
        ended.insert(name, status);
    }
    let begun = lines.iter().filter(|line| line.what == "durable");
    let players: HashMap<&str, &str> = begun.map(|line| (line.name.as_str(), line.more.as_str())).collect();
    for line in lines.iter().filter(|line| line.what == "stored") {
        let name = line.name.as_str();
        let found = format!("{:?}", client.lookup(players[name], name).status);
        // What had no effect is told once, and may be forgotten.
        let known = ended.get(name).copied().unwrap_or(found.as_str());
        let times = delivered.get(name).copied().unwrap_or(0);
        match known {
            "Ok" => assert_eq!(times, 1, "{name}"),
            "NoQuota" | "Refused" => assert_eq!(times, 0, "{name}"),
            "Unknown" => {}
            other => panic!("{name}: stored, and then {other}"),
        }
        *counts.entry("stored").or_default() += 1;
    }
    assert_eq!(env.wechat.counters().overlaps, 0, "a player had two requests at once");
    for player in env.wechat.players() {
        assert!(player.max_concurrent <= 1 && player.overlaps == 0, "{player:?}");
    }
    assert!(env.wechat.counters().max_concurrent_sends > 1, "nobody works at the same time as another");
    let times = |status| counts.get(status).copied().unwrap_or(0);
    assert!(times("Ok") > times("Store") && times("stored") > 0, "{counts:?}");
    format!("{} delivered, {counts:?}", delivered.len())
}

/// Nothing was spent that was not sent, and nothing sent that was not spent but for what the dead had in hand; asked to
/// the last unit, both sides say the same.
fn units_are_sends(env: &TestEnv, client: &Client, accepted: &HashMap<String, u64>, uncertain: u64) {
    let mut forgotten = 0;
    for (player, granted) in accepted {
        let sent = env.wechat.player(player).delivered;
        assert_eq!(env.wechat.remaining(player, TEMPLATE), granted - sent);
        let spent = granted - u64::try_from(left(client, player)).expect("never below zero");
        assert!(spent <= sent, "{player}: {granted} granted, {sent} sent, but {spent} spent: grants are lost");
        forgotten += sent - spent;
    }
    assert!(forgotten <= uncertain, "{forgotten} sends were not counted, {uncertain} were in hand at a death at most");
    std::thread::scope(|scope| {
        for lane in 0..8 {
            scope.spawn(move || {
                for player in accepted.keys().skip(lane).step_by(8) {
                    let mut number = 0;
                    loop {
                        number += 1;
                        let verdict = client.send(&named(player, &format!("last-{player}-{number}")), None);
                        match verdict.status {
                            Status::Ok => {}
                            Status::NoQuota | Status::Refused => break,
                            _ => panic!("{verdict:?}"),
                        }
                    }
                    assert_eq!((left(client, player), env.wechat.remaining(player, TEMPLATE)), (0, 0), "{player}");
                    assert_eq!(env.wechat.player(player).delivered, accepted[player], "{player}");
                }
            });
        }
    });
    let counters = env.wechat.counters();
    assert_eq!(counters.overlaps, 0);
    assert_eq!(counters.delivered, accepted.values().sum::<u64>(), "each accept was one message");
    assert!(counters.answers(Endpoint::Send, 43101) <= uncertain, "WeChat refused more than was forgotten");
}

#[test]
fn a_fleet_works_on_a_server_that_syncs_each_write() {
    a_fleet_works(Settings::new(), Program::System);
}

#[test]
fn a_fleet_works_on_a_server_that_is_asked_whether_it_has_synced() {
    a_fleet_works(Settings::new().set("appendfsync", "everysec"), Program::Newer);
}
