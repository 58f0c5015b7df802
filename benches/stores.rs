//! What each store costs: sends a second with SQLite and with Redis in one run, and what an idle player takes of Redis'
//! memory.
//!
//! ```text
//! cargo bench --bench stores [-- --threads 64 --latency-ms 0,20 --rounds 9 --phase-ms 400 --folder DIR --players 100000
//!                               --server PROGRAM --fsync always]
//! ```
//!
//! It starts a redis-server of its own (`appendonly yes`, `appendfsync always`, in the same folder as SQLite's file), or the
//! `--server` (one from 7.2 on can do with `--fsync everysec`), and the WeChat simulator, each as a process of its own. In one run, phases with one store and the other take turns; figures
//! are medians over the rounds, "ratio" is the median of what each round's pair says. Durability is "full" in both.
//!
//! Memory: of a player of whom nothing is kept but his counts for three templates. What is kept for a while, as the keys
//! that have a time to live, is dropped by hand; waiting for it would take hours.

mod common;

use std::ffi::CString;
use std::time::Duration;

use common::crowd::{confirm_templates, fill};
use common::host::Client;
use common::load::{MOST_PER_SECOND, Phase, grant, players, run_phase};
use common::redis::Redis;
use common::wechat::Wechat;
use common::{Arguments, median};
use serde_json::json;

const USAGE: &str =
    "usage: cargo bench --bench stores -- [--threads 64] [--latency-ms 0,20] [--rounds 9] [--phase-ms 400]
  [--folder DIR] [--players 100000] [--server redis-server] [--fsync always]";
const NAMES: [&str; 8] = ["threads", "latency-ms", "rounds", "phase-ms", "folder", "players", "server", "fsync"];
/// The goals.
const RATIO: f64 = 0.9;
const BYTES: f64 = 180.0;

fn main() {
    Wechat::serve_if_child();
    let arguments = Arguments::read(&NAMES, USAGE);
    println!("{:>7} {:>10} | {:>8} {:>8} {:>6} | {:>8} {:>8}", "", "", "sends/s", "", "", "p50 µs", "");
    println!(
        "{:>7} {:>10} | {:>8} {:>8} {:>6} | {:>8} {:>8}",
        "threads", "latency ms", "SQLite", "Redis", "ratio", "SQLite", "Redis"
    );
    for latency_ms in arguments.numbers("latency-ms", &[0, 20]) {
        for threads in arguments.numbers("threads", &[64]) {
            compare(&arguments, latency_ms, threads as usize);
        }
    }
    memory(&arguments);
}

fn compare(arguments: &Arguments, latency_ms: u64, threads: usize) {
    let folder = common::folder(arguments);
    let (wechat, redis) = (Wechat::start(latency_ms), Redis::start(arguments, folder.path()));
    let rounds = arguments.number("rounds", 9);
    let phase = Duration::from_millis(arguments.number("phase-ms", 400));
    let template_id = CString::new("sim-stamina").expect("an id");
    let config = |store: &str, durability: &str| {
        json!({
            "appid": wechat.appid, "secret": wechat.secret, "api_base": wechat.api_base, "store": store,
            "durability": durability,
        })
    };
    let file = folder.path().join("wxsub.db").to_str().expect("UTF-8").to_owned();
    let stores = [file, redis.url()];
    let fastest =
        (1000 * threads as u64).checked_div(latency_ms).map_or(MOST_PER_SECOND, |most| most.min(MOST_PER_SECOND));
    let sends = fastest * phase.as_millis() as u64 * (rounds + 1) / 1000;
    let mut sides: Vec<_> = stores
        .iter()
        .map(|store| {
            let mut players = players(arguments, threads, &template_id, sends);
            grant(&Client::open(&config(store, "normal")), &mut players, &template_id, sends);
            (Client::open(&config(store, "full")), players)
        })
        .collect();
    let mut run = |side: usize, time: Duration| -> Phase {
        let (client, players) = &mut sides[side];
        run_phase(players, time, true, |player| client.send(&player.message))
    };
    for side in [0, 1] {
        run(side, phase / 2);
    }
    let pairs: Vec<[Phase; 2]> = (0..rounds).map(|_| [run(0, phase), run(1, phase)]).collect();
    let over = |f: &dyn Fn(&[Phase; 2]) -> f64| median(pairs.iter().map(f).collect());
    let ratio = over(&|[sqlite, redis]| redis.per_second / sqlite.per_second);
    println!(
        "{threads:>7} {latency_ms:>10} | {:>8.0} {:>8.0} {:>5.1}% | {:>8.0} {:>8.0}",
        over(&|pair| pair[0].per_second),
        over(&|pair| pair[1].per_second),
        ratio * 100.0,
        over(&|pair| pair[0].p50),
        over(&|pair| pair[1].p50),
    );
    if threads == 64 && latency_ms >= 20 {
        let verdict = if ratio >= RATIO { "met" } else { "MISSED" };
        println!("        goal: at least {:.0} % of SQLite's: {verdict}", RATIO * 100.0);
    }
}

/// What so many players who accepted three templates of the account once, and do nothing, take of the server's memory.
fn memory(arguments: &Arguments) {
    let folder = common::folder(arguments);
    let (wechat, redis) = (Wechat::start(0), Redis::start(arguments, folder.path()));
    redis.ask("CONFIG SET appendfsync everysec");
    let count = arguments.number("players", 100_000);
    let client = Client::open(&json!({
        "appid": wechat.appid, "secret": wechat.secret, "api_base": wechat.api_base, "store": redis.url(),
        "durability": "normal",
    }));
    confirm_templates(&client);
    // The script, the connections and the buckets themselves are there already.
    fill(&client, 0..count / 4);
    let kept_before = redis.used_memory();
    fill(&client, count / 4..count / 4 + count);
    let kept = redis.used_memory() - kept_before;
    redis.drop_what_passes();
    let before = redis.used_memory();
    fill(&client, count / 4 + count..count / 4 + 2 * count);
    redis.drop_what_passes();
    let idle = (redis.used_memory() - before) / count as f64;
    let verdict = if idle <= BYTES { "met" } else { "MISSED" };
    println!(
        "        an idle player with three templates: {idle:.0} bytes of the server's memory; goal: {BYTES:.0}: {verdict}"
    );
    println!("        what each of his reports adds for two hours: {:.0} bytes", (kept / count as f64 - idle) / 3.0);
}
