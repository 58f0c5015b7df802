//! A fleet on one store: three processes with 32 threads each send to the same players, and two of them are killed again
//! and again. No player gets two requests at once, no message goes out twice, and the ledger and WeChat agree in the end.
//!
//! WXSUB_FLEET_SECONDS: how long each of the stores is worked on; 10 by default. scripts/soak.sh does so for longer.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::accounts::{settle_accounts, the_funnel_is_the_truth, units_are_sends};
use crate::common::process::{Child, FLEET_SECONDS, listen, play, say};
use crate::common::{TEMPLATE, TestEnv};
use crate::failovers;
use crate::journal::{self, Journal, Line};
use crate::servers::{Cluster, Program, Server, Settings, wait_until};
use crate::storm::Storm;
use crate::vitals::{StoreSize, Vitals};
use serde_json::{Value, json};
use wxsub::{Answer, Client, Config, Retry, Status, Verdict};
use wxsub_simulator::Options;

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

/// Again while a master of a cluster is away.
fn open(config: &str) -> Client {
    let mut opened = None;
    wait_until("the store opens", || {
        opened = Some(Client::open(Config::from_json(config).unwrap()));
        opened.as_ref().is_some_and(|opened| !matches!(opened, Err(e) if e.retry == Retry::Later))
    });
    opened.expect("just now").unwrap_or_else(|e| panic!("{e}"))
}

/// A message that shows what it is when it is delivered.
pub fn named(openid: &str, name: &str) -> String {
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
    storm: Option<&'a Storm>,
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
        let wrapper = self.storm.map(Storm::wrapper).unwrap_or_default();
        let wrapper: Vec<&str> = wrapper.iter().map(String::as_str).collect();
        let mut child = Child::start_under(module_path!(), &wrapper, "send", args);
        assert_eq!(child.heard(), "ready");
        child
    }

    /// Lives until the end; kills it now and then.
    fn live(mut self, until: Instant, kills: &AtomicU64, watch: &(dyn Fn(u32) -> Vitals + Sync)) -> Vec<PathBuf> {
        let mut child = self.start();
        if self.lane >= VICTIMS {
            let vitals = watch(child.id());
            child.tell("stop");
            child.finish();
            vitals.assert_flat();
            return self.journals;
        }
        while Instant::now() < until {
            if let Some(storm) = self.storm {
                storm.blow(child.id());
            }
            std::thread::sleep(
                Duration::from_millis(fastrand::u64(300..2500)).min(until.saturating_duration_since(Instant::now())),
            );
            if Instant::now() < until {
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
fn accept_until(
    until: Instant,
    env: &TestEnv,
    client: &Client,
    thread: u64,
    answers: &AtomicU64,
) -> HashMap<String, u64> {
    let mut accepted: HashMap<String, u64> = HashMap::new();
    for number in 0.. {
        if Instant::now() >= until {
            break;
        }
        let player = format!("o{}", fastrand::u64(0..PLAYERS));
        env.wechat.grant(&player, TEMPLATE, 1);
        let key = format!("{thread}-{number}");
        let mut left = 0;
        wait_until("the report is taken", || {
            let verdict = client.report(&player, Some(TEMPLATE), Answer::Accept, Some(&key));
            left = verdict.remaining;
            verdict.status == Status::Ok
        });
        *accepted.entry(player).or_default() += 1;
        answers.fetch_add(1, Ordering::SeqCst);
        // Players accept as often as they are sent to, more or less.
        std::thread::sleep(Duration::from_millis(left.clamp(0, 100).unsigned_abs().pow(2)));
    }
    accepted
}

/// Where a fleet works, and what goes wrong there beside the kills.
struct Field<'a> {
    store: &'a str,
    storm: Option<&'a Storm>,
    cluster: Option<&'a Cluster>,
    /// None: it cannot be told now.
    size: &'a (dyn Fn() -> Option<StoreSize> + Sync),
}

fn a_fleet_works_on(settings: Settings, program: Program) {
    let server = Server::start(settings.program(program));
    let size = || {
        Some(StoreSize {
            kib: server.info("memory", "used_memory_dataset").trim().parse::<u64>().ok()? >> 10,
            log_kib: 0,
        })
    };
    let told = a_fleet_works(&env(), &Field { store: &server.url(), storm: None, cluster: None, size: &size });
    println!("{program:?}: {told}");
}

fn env() -> TestEnv {
    TestEnv::with(Options {
        send_latency: Duration::from_millis(4),
        idle_timeout: Duration::from_secs(120),
        keep: 1 << 22,
        ..Options::default()
    })
}

fn a_fleet_works(env: &TestEnv, field: &Field) -> String {
    let Field { store, storm, cluster, size } = *field;
    let seconds = std::env::var(FLEET_SECONDS).map_or(10, |s| s.parse().expect("WXSUB_FLEET_SECONDS is a number"));
    let config = &env.config(json!({"store": store, "timeout_ms": TIMEOUT_MS, "templates": "off"}));
    let client = &env.client(json!({"store": store, "timeout_ms": 60_000, "templates": "off"}));

    let lasts = Duration::from_secs(seconds);
    let (kills, answers, until) = (&AtomicU64::new(0), &AtomicU64::new(0), Instant::now() + lasts);
    let mut accepted: HashMap<String, u64> = HashMap::new();
    let (mut journals, mut failovers) = (Vec::new(), 0);
    let done = || answers.load(Ordering::SeqCst) + env.wechat.counters().delivered;
    let watch = &|process: u32| Vitals::watch(process, until, size, &done);
    std::thread::scope(|scope| {
        let players: Vec<_> =
            (0..16).map(|n| scope.spawn(move || accept_until(until, env, client, n, answers))).collect();
        let trouble = cluster.map(|cluster| scope.spawn(move || failovers::go_on_until(cluster, until)));
        let members: Vec<_> = (0..PROCESSES)
            .map(|lane| Member { lane, config, folder: env.folder.path(), storm, journals: Vec::new() })
            .map(|member| scope.spawn(move || member.live(until, kills, watch)))
            .collect();
        for player in players {
            for (player, times) in player.join().expect("see above") {
                *accepted.entry(player).or_default() += times;
            }
        }
        journals.extend(members.into_iter().flat_map(|member| member.join().expect("see above")));
        failovers = trouble.map_or(0, |trouble| trouble.join().expect("see above"));
    });
    storm.inspect(|storm| storm.calm());
    // What the dead left in the outbox is done by whoever is there.
    let mut outcomes = Vec::new();
    wait_until("the outbox is empty", || {
        outcomes.extend(client.poll(1000, Duration::from_millis(10)).unwrap());
        client.stats().is_ok_and(|stats| stats.outbox.waiting == 0)
    });
    client.shutdown(Duration::ZERO, false);
    let client = &env.client(json!({"store": store, "timeout_ms": 60_000, "templates": "off"}));

    let lines: Vec<Line> = journals.iter().flat_map(|path| journal::read(path)).collect();
    let kills = kills.load(Ordering::SeqCst);
    assert!(kills > 0, "nobody was killed");
    assert!(failovers > 0 || cluster.is_none(), "no master was replaced");
    // What was in hand at a death, or had not reached a replica.
    let uncertain = (kills * THREADS as u64 + failovers * (PROCESSES * THREADS) as u64) * 2;
    let told = settle_accounts(env, client, &lines, &outcomes, failovers);
    units_are_sends(env, client, &accepted, uncertain, failovers);
    // Reports are made again while the disk is full or a master away, and days are by the clock that is set.
    if storm.is_none() && cluster.is_none() {
        the_funnel_is_the_truth(env, client, accepted.values().sum(), uncertain);
    }
    format!("{seconds} s, {kills} kills, {failovers} failovers, {} accepts, {told}", accepted.values().sum::<u64>())
}

#[test]
fn a_fleet_works_on_a_server_that_syncs_each_write() {
    a_fleet_works_on(Settings::new(), Program::System);
}

#[test]
fn a_fleet_works_on_a_server_that_is_asked_whether_it_has_synced() {
    a_fleet_works_on(Settings::new().set("appendfsync", "everysec"), Program::Newer);
}

/// Beside the kills the disk is full now and then, and the clock is set back and forth.
#[test]
fn a_fleet_works_on_a_file_through_a_storm() {
    let env = env();
    let store = env.store();
    let storm = Storm::brew(env.folder.path());
    let kib =
        |suffix: &str| std::fs::metadata(format!("{}{suffix}", store.display())).map_or(0, |file| file.len()) >> 10;
    let size = || Some(StoreSize { kib: kib(""), log_kib: kib("-wal") });
    let store = store.to_str().unwrap();
    let told = a_fleet_works(&env, &Field { store, storm: Some(&storm), cluster: None, size: &size });
    println!("a file: {told}");
}

/// Masters die, or stand still, all the time. What is acknowledged is what a replica has, so no failover takes it.
#[test]
fn a_fleet_works_on_a_cluster_through_failovers() {
    let settings = Settings::new().set("appendonly", "no").set("appendfsync", "no");
    let cluster = Cluster::with(settings);
    let size = || failovers::size(&cluster);
    let told =
        a_fleet_works(&env(), &Field { store: &cluster.url(), storm: None, cluster: Some(&cluster), size: &size });
    println!("a cluster: {told}");
}
