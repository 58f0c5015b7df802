//! What a ledger of many players costs: its size in SQLite, and how fast single players are found in it.
//!
//! ```text
//! cargo bench --bench players [-- --players 1000000 --threads 8 --seconds 10 --keyed 20000 --folder DIR]
//! ```
//!
//! Each player accepts three templates of the account once. Sizes are those of the pages in use:
//!
//! - "idle": a player of whom nothing is kept but his counts, in a file that grew as files do: with gaps. What is kept for
//!   a while (two hours, for pairing a report with its event) is taken out of it by SQL a few times while it grows, and
//!   no client has it open; waiting for it would take too long.
//! - "a report's mark": what that takes, for each accept, without gaps.
//! - "a keyed send": what sends with a key add, each to another player.
//!
//! "send": to players at random, each once, with the file in the page cache, durability "full"; a simulator that answers
//! at once. "quota, cold": the page cache is dropped before (root only), the client is a new one, and each of a hundredth of
//! the players is asked for once.
//! Ten million players take a few minutes, and some gigabytes of `--folder`.

mod common;

use std::ffi::CString;
use std::path::Path;
use std::time::{Duration, Instant};

use common::crowd::{Work, any, confirm_templates, fill, message, openid, work};
use common::host::Client;
use common::wechat::{TEMPLATES, Wechat};
use common::{Arguments, percentile};
use serde_json::json;

const USAGE: &str =
    "usage: cargo bench --bench players -- [--players 1000000] [--threads 8] [--seconds 10] [--keyed 20000]
  [--folder DIR]";
const NAMES: [&str; 5] = ["players", "threads", "seconds", "keyed", "folder"];
/// In so many parts the players come.
const PARTS: u64 = 4;
/// The goals.
const IDLE_BYTES: f64 = 120.0;
const MARK_BYTES: f64 = 40.0;
const KEYED_BYTES: f64 = 120.0;
const SEND_P999_MS: f64 = 25.0;
const COLD_PER_SECOND: f64 = 15_000.0;

fn main() {
    Wechat::serve_if_child();
    let arguments = Arguments::read(&NAMES, USAGE);
    let players = arguments.number("players", 1_000_000);
    let (threads, time) = (arguments.number("threads", 8), Duration::from_secs(arguments.number("seconds", 10)));
    let (wechat, folder) = (Wechat::start(0), common::folder(&arguments));
    let path = folder.path().join("wxsub.db");
    let open = |durability: &str| {
        Client::open(&json!({
            "appid": wechat.appid, "secret": wechat.secret, "api_base": wechat.api_base, "store": path,
            "durability": durability,
        }))
    };

    confirm_templates(&open("normal"));
    let (mut filling, mut packed) = (Duration::ZERO, 0.0);
    for part in 0..PARTS {
        let client = open("normal");
        let began = Instant::now();
        fill(&client, players * part / PARTS..players * (part + 1) / PARTS);
        filling += began.elapsed();
        drop(client);
        packed = if part + 1 == PARTS { packed_bytes(&path) } else { 0.0 };
        drop_what_passes(&path);
    }
    println!("{players} players with 3 templates each, written at {:.0}/s", players as f64 / filling.as_secs_f64());
    let idle = packed_bytes(&path);
    row("bytes a player, idle", used_bytes(&path) / players as f64, IDLE_BYTES, false);
    println!("{:<22} {:>9.1}", "after VACUUM", idle / players as f64);
    row("bytes a report's mark", (packed - idle) / (3 * players / PARTS) as f64, MARK_BYTES, false);

    let keyed = arguments.number("keyed", 20_000).min(players / 2);
    let client = open("full");
    sends(&client, threads, Duration::from_secs(1), 0, players);
    let sent = sends(&client, threads, time, players / 2, players);
    let at = |per_mille: usize| sent.took[sent.took.len() * per_mille / 1000] / 1000.0;
    println!(
        "sends at random, {threads} threads: {:.0}/s, p50 {:.2} ms, p99 {:.2} ms",
        sent.per_second,
        at(500),
        at(990)
    );
    row("p99.9 of a send, ms", at(999), SEND_P999_MS, false);
    drop(client);

    let before = used_bytes(&path);
    let client = open("normal");
    send_with_keys(&client, threads, keyed, players);
    drop(client);
    row("bytes a keyed send", (used_bytes(&path) - before) / keyed as f64, KEYED_BYTES, false);

    let cold = drop_page_cache();
    let client = open("full");
    // So few that hardly any finds what another has read.
    let asked = work(threads, time, 0..players / 100, |turn| {
        client.quota(&openid(any(turn, players)), TEMPLATES[2]);
    });
    println!("quota: p50 {:.0} µs, p99 {:.0} µs", percentile(&asked.took, 50), percentile(&asked.took, 99));
    match cold {
        Ok(()) => row("quota a second, cold", asked.per_second, COLD_PER_SECOND, true),
        Err(why) => println!("quota a second: {:.0}; not cold: {why}", asked.per_second),
    }
}

/// To each of some players once; `first` is the turn to begin with.
fn sends(client: &Client, threads: u64, time: Duration, first: u64, players: u64) -> Work {
    let sent = work(threads, time, first..first + players, |turn| {
        let template = usize::from(first > 0);
        client.send(&message(any(turn, players), template));
    });
    assert!(sent.took.len() < players as usize, "each player was sent to; give --players more or --seconds less");
    sent
}

fn send_with_keys(client: &Client, threads: u64, keyed: u64, players: u64) {
    std::thread::scope(|scope| {
        for thread in 0..threads {
            scope.spawn(move || {
                for turn in (thread..keyed).step_by(threads as usize) {
                    // As long as a UUID.
                    let key = json!({"key": format!("{turn:08x}-0000-4000-8000-{turn:012x}")}).to_string();
                    client.send_with(&message(any(turn, players), 2), &CString::new(key).expect("no NUL"));
                }
            });
        }
    });
}

fn row(what: &str, is: f64, goal: f64, at_least: bool) {
    let (met, side) = if at_least { (is >= goal, "least") } else { (is <= goal, "most") };
    println!("{what:<22} {is:>9.1}   goal: at {side} {goal}: {}", if met { "met" } else { "MISSED" });
}

fn connection(path: &Path) -> rusqlite::Connection {
    rusqlite::Connection::open(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// Of the pages in use.
fn used_bytes(path: &Path) -> f64 {
    let c = connection(path);
    let number = |what: &str| c.query_row(&format!("PRAGMA {what}"), [], |r| r.get::<_, i64>(0)).expect("a store");
    ((number("page_count") - number("freelist_count")) * number("page_size")) as f64
}

/// What is kept for a while, out of the file: of this format, or of the one before it, when figures are compared.
fn drop_what_passes(path: &Path) {
    let c = connection(path);
    c.execute_batch("UPDATE player SET recent = NULL WHERE recent IS NOT NULL")
        .or_else(|_| c.execute_batch("DELETE FROM act"))
        .expect("a table of what passes");
}

/// Of a copy without gaps.
fn packed_bytes(path: &Path) -> f64 {
    let copy = path.with_extension("packed");
    connection(path).execute("VACUUM INTO ?1", [copy.to_str().expect("UTF-8")]).expect("room for a copy");
    let bytes = used_bytes(&copy);
    std::fs::remove_file(&copy).expect("a copy");
    bytes
}

fn drop_page_cache() -> Result<(), String> {
    // Only what is on disk is dropped.
    std::process::Command::new("sync").status().map_err(|e| format!("sync: {e}"))?;
    std::fs::write("/proc/sys/vm/drop_caches", "1").map_err(|e| format!("/proc/sys/vm/drop_caches: {e}"))
}
