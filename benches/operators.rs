//! What operators' tools cost those who send: the history, and scans of a ledger of many players; and what `wxsub_ask`
//! takes.
//!
//! ```text
//! cargo bench --bench operators [-- --parts history,scan,ask --stores sqlite,redis --rounds 6 --phase-s 5
//!     --per-second 500 --latency-ms 20 --players 1000000 --folder DIR --server PROGRAM --fsync always]
//! ```
//!
//! Sends go out at a steady rate to a simulator in a process of its own.
//!
//! - "history": two ledgers side by side, one with the usual history and one without any, in turns. The CPU time is that of
//!   the whole process, that of the threads that make the load included.
//! - "scan": players who accepted three templates each; in turns nobody else, one who reads `players` page by page, and one
//!   who takes a whole `export`. Both go on from turn to turn and are read to their ends afterwards. Memory is what the
//!   process has at its peak beyond what it had before the first page.
//! - "ask": one thread asks for players of that ledger at random, while nobody sends.

mod common;
#[path = "common/operator.rs"]
mod operator;

use std::ffi::{CStr, CString};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use common::crowd::{any, confirm_templates, fill, openid};
use common::host::Client;
use common::load::Phase;
use common::redis::Redis;
use common::steady::{accept, load};
use common::wechat::{TEMPLATES, Wechat};
use common::{Arguments, folder, forget_peak, median, memory_kib, peak_kib, percentile};
use serde_json::{Value, json};

const USAGE: &str =
    "usage: cargo bench --bench operators -- [--parts history,scan,ask] [--stores sqlite,redis] [--rounds 6]
  [--phase-s 5] [--per-second 500] [--latency-ms 20] [--players 1000000] [--folder DIR] [--server redis-server]
  [--fsync always]";
const NAMES: [&str; 10] =
    ["parts", "stores", "rounds", "phase-s", "per-second", "latency-ms", "players", "folder", "server", "fsync"];
const TEMPLATE: &CStr = TEMPLATES[0];
/// How often a player is asked about.
const ASKED: u64 = 20_000;
/// The goals.
const RATIO: f64 = 1.10;
const SCAN_MIB: f64 = 64.0;
const ASK_US: f64 = 100.0;

fn main() {
    Wechat::serve_if_child();
    let arguments = Arguments::read(&NAMES, USAGE);
    let has = |name: &str, usual: &str, word: &str| {
        arguments.text(name).unwrap_or(usual).split(',').any(|part| part.trim() == word)
    };
    let part = |word| has("parts", "history,scan,ask", word);
    for store in ["sqlite", "redis"].into_iter().filter(|store| has("stores", "sqlite,redis", store)) {
        let bench = Bench::start(&arguments, store);
        if part("history") {
            bench.history();
        }
        if part("scan") || part("ask") {
            bench.many_players(part("scan"), part("ask"));
        }
    }
}

/// Both sides' medians, and the median of what each pair says.
fn told(what: &str, pairs: impl Iterator<Item = [f64; 2]>, goal: Option<f64>) {
    let pairs: Vec<[f64; 2]> = pairs.collect();
    let side = |at: usize| median(pairs.iter().map(|pair| pair[at]).collect());
    let ratio = median(pairs.iter().map(|pair| pair[1] / pair[0]).collect());
    let verdict = match goal {
        Some(goal) if ratio <= goal => format!(", goal {goal:.2}: met"),
        Some(goal) => format!(", goal {goal:.2}: MISSED"),
        None => String::new(),
    };
    println!("  {what:<24} {:>8.2} {:>8.2}   ratio {ratio:.3}{verdict}", side(0), side(1));
}

fn reversed<T: Copy>([one, other]: [T; 2]) -> [T; 2] {
    [other, one]
}

struct Bench {
    store: &'static str,
    folder: tempfile::TempDir,
    redis: Option<Redis>,
    wechat: Wechat,
    rounds: u64,
    phase: Duration,
    rate: u64,
    players: u64,
}

impl Bench {
    fn start(arguments: &Arguments, store: &'static str) -> Bench {
        let folder = folder(arguments);
        Bench {
            store,
            redis: (store == "redis").then(|| Redis::start(arguments, folder.path())),
            folder,
            wechat: Wechat::start(arguments.number("latency-ms", 20)),
            rounds: arguments.number("rounds", 6),
            phase: Duration::from_secs(arguments.number("phase-s", 5)),
            rate: arguments.number("per-second", 500),
            players: arguments.number("players", 1_000_000),
        }
    }

    /// A client of the ledger `name`; `more`: keys beside the usual ones.
    fn open(&self, name: &str, more: Value) -> Client {
        let store = match &self.redis {
            Some(redis) => redis.url(),
            None => self.folder.path().join(format!("{name}.db")).to_str().expect("UTF-8").to_owned(),
        };
        let mut config = json!({
            "appid": self.wechat.appid, "secret": self.wechat.secret, "api_base": self.wechat.api_base, "store": store,
            "timeout_ms": 30_000,
        });
        let fields = config.as_object_mut().expect("an object");
        if self.redis.is_some() {
            fields.insert("store_prefix".to_owned(), json!(name));
        }
        fields.extend(more.as_object().expect("an object").clone());
        Client::open(&config)
    }

    /// A load to players of their own who allow so many turns, and a short one to warm up.
    fn load<'a>(&self, client: &'a Client, turns: u64) -> impl Fn() -> Phase + use<'a> {
        let sends = (turns + 1) * self.phase.as_secs() * self.rate + 1000;
        let (messages, next) = (accept(client, TEMPLATE, sends, "s"), AtomicU64::new(0));
        let (rate, phase) = (self.rate, self.phase);
        load(client, &messages, &next, rate, phase.min(Duration::from_secs(2)));
        move || load(client, &messages, &next, rate, phase)
    }

    fn history(&self) {
        let (with, without) = (self.open("with", json!({})), self.open("without", json!({"history_days": 0})));
        let sides = [self.load(&without, self.rounds), self.load(&with, self.rounds)];
        let side = |at: usize| -> [f64; 3] {
            let before = self.redis.as_ref().map_or(0.0, Redis::cpu_seconds);
            let phase = sides[at]();
            let server = self.redis.as_ref().map_or(0.0, Redis::cpu_seconds) - before;
            [phase.p50 / 1000.0, phase.cpu, server * 1e6 / (self.phase.as_secs() * self.rate) as f64]
        };
        // Whoever comes second in a pair comes first in the next.
        let pair = |round: u64| if round.is_multiple_of(2) { [0, 1].map(side) } else { reversed([1, 0].map(side)) };
        let pairs: Vec<[[f64; 3]; 2]> = (0..self.rounds).map(pair).collect();
        println!("{}: sends without a history, and with", self.store);
        let column = |at: usize| pairs.iter().map(move |pair| pair.map(|figures| figures[at]));
        told("median, ms", column(0), Some(RATIO));
        told("CPU a send, µs", column(1), Some(RATIO));
        if self.redis.is_some() {
            told("the server's CPU, µs", column(2), None);
        }
    }

    fn many_players(&self, scans: bool, asks: bool) {
        let filler = self.open("many", json!({"durability": "normal", "history_days": 0}));
        let began = Instant::now();
        confirm_templates(&filler);
        fill(&filler, 0..self.players);
        drop(filler);
        let per_second = self.players as f64 / began.elapsed().as_secs_f64();
        println!("{}: {} players, written at {per_second:.0}/s", self.store, self.players);
        let client = self.open("many", json!({}));
        if asks {
            self.ask(&client);
        }
        if scans {
            self.scan(&client);
        }
    }

    fn scan(&self, client: &Client) {
        let sends = self.load(client, 3 * self.rounds);
        let before_kib = memory_kib();
        forget_peak();
        let (mut players, mut export) = (Scan::of("players", json!({})), Scan::of("export", json!({"full": true})));
        let rounds: Vec<[Phase; 3]> = (0..self.rounds)
            .map(|_| [sends(), players.beside(client, &sends), export.beside(client, &sends)])
            .collect();
        let grown = peak_kib().saturating_sub(before_kib) as f64 / 1024.0;
        let verdict = if grown <= SCAN_MIB { "met" } else { "MISSED" };
        for (at, scan) in [(1, &mut players), (2, &mut export)] {
            println!("  sends alone, and beside {}", scan.what);
            let pairs = |of: fn(&Phase) -> f64| rounds.iter().map(move |round| [of(&round[0]), of(&round[at])]);
            told("median, ms", pairs(|phase| phase.p50 / 1000.0), Some(RATIO));
            told("p99, ms", pairs(|phase| phase.p99 / 1000.0), None);
            println!("  {:.0} rows/s of it meanwhile", scan.rows as f64 / scan.took.as_secs_f64());
            scan.finish(client);
        }
        println!("  memory: {grown:.1} MiB more in the rounds; goal {SCAN_MIB:.0}: {verdict}");
        let grown = peak_kib().saturating_sub(before_kib) as f64 / 1024.0;
        println!("  memory: {grown:.1} MiB more when both were read to their ends");
    }

    fn ask(&self, client: &Client) {
        let ids: Vec<Value> = TEMPLATES.iter().map(|id| json!({"id": id.to_str().expect("ASCII")})).collect();
        let request = CString::new(json!({"templates": ids}).to_string()).expect("no NUL");
        let ask = |turn: u64| {
            let player = openid(any(turn, self.players));
            let began = Instant::now();
            let reply = client.ask(&player, &request);
            assert!(reply.contains("\"ask\""), "{reply}");
            began.elapsed().as_secs_f64() * 1e6
        };
        (0..ASKED / 10).for_each(|turn| _ = ask(turn));
        let mut times: Vec<f64> = (0..ASKED).map(ask).collect();
        times.sort_unstable_by(f64::total_cmp);
        let (p50, p99) = (percentile(&times, 50), percentile(&times, 99));
        let verdict = match self.store {
            "sqlite" if p50 <= ASK_US => "; goal 100 µs: met",
            "sqlite" => "; goal 100 µs: MISSED",
            _ => "",
        };
        println!("  wxsub_ask: median {p50:.0} µs, p99 {p99:.0} µs{verdict}");
    }
}

/// Somebody who reads a list page by page.
struct Scan {
    what: &'static str,
    request: Value,
    /// Where it goes on; None: it begins.
    next: Option<String>,
    /// Whether it has come to the end once.
    through: bool,
    rows: u64,
    took: Duration,
}

/// Stops a scan, also when what runs beside it panics.
struct StopAtEnd<'a>(&'a AtomicBool);

impl Drop for StopAtEnd<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

impl Scan {
    fn of(what: &'static str, more: Value) -> Scan {
        let mut request = json!({"do": what, "limit": 1000});
        request.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        Scan { what, request, next: None, through: false, rows: 0, took: Duration::ZERO }
    }

    fn page(&mut self, client: &Client) {
        if let Some(next) = &self.next {
            self.request["after"] = json!(next);
        } else {
            self.request.as_object_mut().expect("an object").remove("after");
        }
        let reply: Value = serde_json::from_str(&client.admin(&self.request.to_string())).expect("JSON");
        let rows = ["players", "records"].iter().find_map(|name| reply[name].as_array()).expect("rows");
        self.rows += rows.len() as u64;
        self.next = reply["next"].as_str().map(str::to_owned);
        self.through |= self.next.is_none();
    }

    /// What sends come to while pages are read.
    fn beside(&mut self, client: &Client, sends: &impl Fn() -> Phase) -> Phase {
        let stop = AtomicBool::new(false);
        let stop = &stop;
        let began = Instant::now();
        let phase = std::thread::scope(|scope| {
            let _stops = StopAtEnd(stop);
            scope.spawn(|| {
                while !stop.load(Ordering::SeqCst) {
                    self.page(client);
                }
            });
            sends()
        });
        self.took += began.elapsed();
        phase
    }

    fn finish(&mut self, client: &Client) {
        while !self.through {
            self.page(client);
        }
    }
}
