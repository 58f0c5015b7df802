//! Processes that work on campaigns are killed again and again: what WeChat's record says is the judge.
//!
//! One campaign leaves each player a message, so that it reaches all but those whose cap is used up; the next one leaves
//! nothing, and the day's budget ends it. In the great run both also wait through quiet hours.

use std::ops::Range;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use wxsub::{Client, Config, Status};

use super::judge::Judge;
use super::{Stores, accept_all, forecast, to_all};
use crate::common::process::{Child, listen, play, say};
use crate::common::{TEMPLATE, left, send};

/// One is never killed: it says how the campaign stands.
const VICTIMS: usize = 3;
/// What a process can take of the day's budget with it: a block, and what its workers have in hand.
const LOST_AT_A_KILL: usize = 64 + 8;
/// Messages to one player in 24 hours.
const PER_DAY: u8 = 2;
/// What was decided before the quiet hours may still arrive so late.
const ON_ITS_WAY_MS: u64 = 4000;

/// In a child: works on what there is, and answers.
pub fn play_child() {
    play(|_, args| {
        let client = open(args["config"].as_str().expect("a configuration"));
        say("ready");
        while let Some(line) = listen() {
            if line == "stop" {
                break;
            }
            say(&client.admin(&line, super::super::admin::ROOM).unwrap_or_else(|e| panic!("{line}: {e}")));
        }
        client.shutdown(Duration::from_secs(30), true);
    });
}

fn open(config: &str) -> Client {
    Client::open(Config::from_json(config).expect("a valid configuration")).expect("an open client")
}

/// What a player has of the template: none, one that shall be left, or more.
fn granted(n: usize) -> u8 {
    [0, 1, 2, 3, 1, 2, 0, 1, 4, 2][n % 10]
}

/// How many messages a player got before; these are as many as the cap allows.
fn had(n: usize) -> u8 {
    if n % 10 == 8 { PER_DAY } else { 0 }
}

/// How large a run is.
pub struct Size {
    pub players: usize,
    kills: usize,
    quiet: bool,
}

impl Size {
    /// `WXSUB_CAMPAIGN_PLAYERS=1000000` for the great one; let `WXSUB_FLEET_SECONDS` be as long as it may take.
    pub fn of_test() -> Size {
        let players = std::env::var("WXSUB_CAMPAIGN_PLAYERS").ok().and_then(|n| n.parse().ok());
        Size { players: players.unwrap_or(20_000), kills: 60, quiet: players.is_some() }
    }

    /// Enough for all who may have one message, and for a twentieth of the players again, whoever is killed.
    fn budget(&self) -> usize {
        self.players * 9 / 20 + self.kills * LOST_AT_A_KILL
    }
}

fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_millis() as u64
}

/// A time zone in which it is noon: a budget is a day's, and no day ends while the test runs.
fn noon_hours() -> i64 {
    12 - (now_ms() / 3_600_000 % 24) as i64
}

/// Two whole minutes that begin in less than two, and how the configuration names them.
fn quiet_hours() -> (Range<u64>, String) {
    let begin = now_ms() / 60_000 + 2;
    let time = |minute: u64| {
        let local = (minute as i64 + noon_hours() * 60).rem_euclid(24 * 60);
        format!("{:02}:{:02}", local / 60, local % 60)
    };
    (begin * 60_000 + ON_ITS_WAY_MS..(begin + 2) * 60_000, format!("{}-{}", time(begin), time(begin + 2)))
}

/// Runs two campaigns over so many players through so many kills.
pub fn each_player_gets_it_once(stores: &dyn Stores, module: &str, size: &Size, judge: &Judge) {
    let begun = Instant::now();
    let names: Vec<(String, u32)> = (0..size.players).map(|n| (format!("o{n}"), granted(n).into())).collect();
    fill(&open(&stores.config(0, json!({"durability": "normal"}))), &names);
    println!("filled after {:?}", begun.elapsed());

    let mut rules = json!({"per_day": PER_DAY, "daily_budget": {TEMPLATE: size.budget()}});
    if size.quiet {
        let (range, named) = quiet_hours();
        rules["quiet"] = json!(named);
        judge.watch_over(&range);
    }
    let zone = format!("{:+03}:00", noon_hours());
    let more = json!({"workers": 8, "timeout_ms": 3000, "utc_offset": zone, "rules": rules});
    let mut fleet = Fleet::start(size.players, module, stores.config(0, more));

    let before = judge.record();
    assert!(before.iter().enumerate().all(|(n, times)| *times == had(n)), "these were sent before");
    let season = fleet.work("season", json!({"leave": 1, "per_second": size.players / 20}), size.kills * 3 / 4);
    let between = judge.record();
    season_reached_all(&before, &between, &season);
    let encore = fleet.work("encore", json!({"per_second": size.players / 20}), size.kills - size.kills * 3 / 4);
    budget_ended(size, &between, &judge.record(), &season, &encore);
    assert_eq!(judge.in_quiet(), 0, "messages in quiet hours");
    fleet.stop();

    let maybe = season.number("unknown") + encore.number("unknown");
    units_were_spent_once(&stores.open(0, json!({})), &judge.record(), maybe);
}

/// Of ten thousand players: no more units are gone than messages arrived or may have.
fn units_were_spent_once(client: &Client, record: &[u8], maybe: usize) {
    let (mut spent, mut got) = (0, 0);
    for (n, times) in record.iter().enumerate().step_by((record.len() / 10_000).max(1)) {
        let gone = i64::from(granted(n)) - left(client, &format!("o{n}"));
        assert!((0..=i64::from(PER_DAY)).contains(&gone), "o{n}: {gone} units are gone");
        spent += gone as usize;
        got += usize::from(*times);
    }
    assert!(spent <= got + maybe, "{spent} units are gone, {got} messages arrived and {maybe} may have");
}

/// All accept, and some get what their cap allows.
fn fill(client: &Client, names: &[(String, u32)]) {
    accept_all(client, names);
    std::thread::scope(|scope| {
        for thread in 0..16 {
            scope.spawn(move || {
                for (n, (openid, _)) in names.iter().enumerate().skip(thread).step_by(16) {
                    for _ in 0..had(n) {
                        let verdict = send(client, openid);
                        assert_eq!(verdict.status, Status::Ok, "{verdict:?}");
                    }
                }
            });
        }
    });
}

/// How a campaign ended, and what its forecast was.
struct Run {
    standing: Value,
    forecast: Value,
    kills: usize,
}

impl Run {
    fn number(&self, name: &str) -> usize {
        self.standing[name].as_u64().expect("a number") as usize
    }

    fn skipped(&self, reason: &str) -> usize {
        self.standing["skipped"][reason].as_u64().unwrap_or(0) as usize
    }

    fn forecast(&self) -> usize {
        self.forecast["players"].as_u64().expect("a number") as usize
    }
}

/// The processes on the campaigns.
struct Fleet {
    players: usize,
    module: String,
    config: String,
    watcher: Child,
    victims: Vec<Child>,
}

impl Fleet {
    fn start(players: usize, module: &str, config: String) -> Fleet {
        let start = || start(module, &config);
        let (watcher, victims) = (start(), (0..VICTIMS).map(|_| start()).collect());
        Fleet { players, module: module.to_owned(), config, watcher, victims }
    }

    fn ask(&mut self, request: &Value) -> Value {
        self.watcher.tell(&request.to_string());
        serde_json::from_str(&self.watcher.heard()).expect("a reply is JSON")
    }

    /// Works on a campaign until it is done, through so many kills.
    fn work(&mut self, id: &str, more: Value, kills: usize) -> Run {
        let put = to_all(id, more);
        let forecast = forecast(&open(&self.config), &put);
        self.ask(&put);
        let begun = Instant::now();
        let until = begun + Duration::from_secs(170) + crate::common::process::fleet_time();
        let mut killed = 0;
        let standing = loop {
            let standing = self.ask(&json!({"do": "campaign.status", "id": id}));
            if standing["state"] == "done" {
                break standing;
            }
            assert_eq!(standing["state"], "running", "{standing}");
            assert!(Instant::now() < until, "no end: {standing}");
            std::thread::sleep(Duration::from_millis(fastrand::u64(20..400)));
            // Spread over the run.
            let seen = standing["seen"].as_u64().expect("a number") as usize;
            // Four of five players have ever accepted.
            if killed < kills && seen * kills * 5 >= killed * self.players * 4 {
                let victim = fastrand::usize(0..VICTIMS);
                let fresh = start(&self.module, &self.config);
                std::mem::replace(&mut self.victims[victim], fresh).kill();
                killed += 1;
                if killed % 10 == 0 {
                    self.ask(&put);
                }
            }
        };
        println!("{id}: {killed} kills in {:?}, forecast {forecast}: {standing}", begun.elapsed());
        assert!(killed >= kills.min(5), "{killed} kills only");
        Run { standing, forecast, kills: killed }
    }

    fn stop(mut self) {
        for child in self.victims.iter_mut().chain([&mut self.watcher]) {
            child.tell("stop");
        }
    }
}

fn start(module: &str, config: &str) -> Child {
    let mut child = Child::start(module, "work", json!({"config": config}));
    assert_eq!(child.heard(), "ready");
    child
}

/// One message to each who has more than one and is below his cap, none to anybody else.
fn season_reached_all(before: &[u8], after: &[u8], run: &Run) {
    let (mut allowed, mut capped, mut got) = (0, 0, 0);
    for (n, (before, after)) in before.iter().zip(after).enumerate() {
        let times = after - before;
        let may = granted(n) - had(n) > 1 && had(n) < PER_DAY;
        assert!(times <= u8::from(may), "o{n} got it {times} times");
        allowed += usize::from(may);
        capped += usize::from(granted(n) - had(n) > 1 && !may);
        got += usize::from(times);
    }
    let standing = &run.standing;
    // Who did not get it is one whose process died while his message was on its way: maybe sent.
    assert_eq!(run.number("sent") + run.number("unknown"), allowed, "{standing}");
    assert!((run.number("sent")..=allowed).contains(&got), "{got} were delivered: {standing}");
    assert_eq!(run.skipped("per_day"), capped, "{standing}");
    assert_eq!(run.skipped("budget"), 0, "{standing}");
    assert!(run.forecast().abs_diff(got) * 100 <= run.forecast(), "{got}: {standing}");
}

/// Never more in all than the day's budget, and no less but for what the dead took with them.
fn budget_ended(size: &Size, before: &[u8], after: &[u8], season: &Run, run: &Run) {
    let mut got = 0;
    for (n, (before, after)) in before.iter().zip(after).enumerate() {
        assert!(after - before <= 1, "o{n} got it {} times", after - before);
        assert!(*after <= granted(n) && *after <= PER_DAY, "o{n} got {after} messages");
        got += usize::from(after - before);
    }
    let standing = &run.standing;
    let used = |run: &Run| run.number("sent") + run.number("unknown");
    let (budget, spent) = (size.budget(), used(season) + used(run));
    assert!(spent <= budget, "{spent} of {budget}: {standing}");
    let lost = (season.kills + run.kills + VICTIMS + 1) * LOST_AT_A_KILL;
    assert!(spent + lost >= budget, "{spent} of {budget}: {standing}");
    assert!((run.number("sent")..=used(run)).contains(&got), "{got} were delivered: {standing}");
    assert!(run.skipped("budget") > 0, "{standing}");
    // What living processes have claimed and not used yet is not in the forecast.
    assert!(run.forecast().abs_diff(got) <= lost, "{got}: {standing}");
}
