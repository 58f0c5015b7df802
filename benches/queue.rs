//! What a game loop pays: `wxsub_submit` and `wxsub_poll`; and what a million waiting messages cost.
//!
//! ```text
//! cargo bench --bench queue [-- --many 1000000 --submits 20000 --folder DIR]
//! ```
//!
//! "submit": one thread submits a few messages each millisecond, as a game loop does, while 8 workers send against a
//! simulator that answers after 20 ms, and another thread submits durable messages and polls.
//! "poll": a client that has nothing to report, polled again and again.
//! "outbox": the same work on a store with a thousand waiting messages and on one with a million: put (submitted, and
//! polled until it is stored), lookup, cancel, and delivery of messages that are due. `"durability": "normal"`, since an
//! fsync costs the same in both and would hide the difference.

mod common;

use std::ffi::{CStr, CString};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use common::host::{Client, room};
use common::wechat::Wechat;
use common::{Arguments, median, percentile};
use serde_json::json;

const USAGE: &str = "usage: cargo bench --bench queue -- [--many 1000000] [--submits 20000] [--folder DIR]";
/// The goals of the design.
const SUBMIT_US: [f64; 2] = [5.0, 100.0];
const POLL_NS: f64 = 200.0;
const RATIO: f64 = 1.5;
const MIB: f64 = 20.0;
const START_S: f64 = 1.0;

fn main() {
    Wechat::serve_if_child();
    let arguments = Arguments::read(&["many", "submits", "folder"], USAGE);
    submit(&arguments);
    poll(&arguments);
    outbox(&arguments);
}

fn text(text: String) -> CString {
    CString::new(text).expect("no NUL in JSON")
}

fn message(openid: &str) -> CString {
    text(
        json!({
            "touser": openid,
            "template_id": "sim-stamina",
            "page": "pages/index/index",
            "data": {"thing1": {"value": "体力已满"}, "time2": {"value": "2026年11月24日 15:01"}},
        })
        .to_string(),
    )
}

fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_millis() as u64
}

fn verdict(what: &str, is: f64, goal: f64) {
    println!("          goal: {what} at most {goal}: {}", if is <= goal { "met" } else { "MISSED" });
}

fn submit(arguments: &Arguments) {
    let (wechat, folder) = (Wechat::start(20), common::folder(arguments));
    let client = Client::open(&json!({
        "appid": wechat.appid, "secret": wechat.secret, "api_base": wechat.api_base,
        "store": folder.path().join("wxsub.db"), "workers": 8, "queue_capacity": 1_000_000, "quota": "observe",
        "templates": "off",
    }));
    let submits = arguments.number("submits", 20_000) as usize;
    let messages: Vec<CString> = (0..1024).map(|n| message(&format!("oBench{n:022}"))).collect();
    let over = AtomicBool::new(false);
    let mut took = Vec::with_capacity(submits);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let later = text(json!({"deliver_at": now_ms() + 86_400_000}).to_string());
            let mut results = room(64);
            for message in messages.iter().cycle() {
                if over.load(Ordering::Relaxed) {
                    break;
                }
                client.submit(message, Some(&later));
                client.poll(&mut results, 5);
            }
        });
        for chunk in 0..submits / 4 {
            for n in 0..4 {
                let message = &messages[(chunk * 4 + n) % messages.len()];
                let began = Instant::now();
                assert!(client.submit(message, None), "the queue is full");
                took.push(began.elapsed().as_secs_f64() * 1e6);
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        over.store(true, Ordering::Relaxed);
    });
    took.sort_unstable_by(f64::total_cmp);
    let (p50, p999) = (percentile(&took, 50), took[took.len() * 999 / 1000]);
    println!(
        "\nwxsub_submit, µs: median {p50:.2}, p99 {:.1}, p99.9 {p999:.1}, worst {:.0}",
        percentile(&took, 99),
        took[took.len() - 1]
    );
    verdict("the median", p50, SUBMIT_US[0]);
    verdict("p99.9", p999, SUBMIT_US[1]);
}

fn poll(arguments: &Arguments) {
    let folder = common::folder(arguments);
    let client = Client::open(&json!({
        "appid": "wx0", "secret": "s", "store": folder.path().join("wxsub.db"), "templates": "off",
    }));
    let mut results = room(64);
    const POLLS: u32 = 200_000;
    let rounds = (0..9).map(|_| {
        let began = Instant::now();
        for _ in 0..POLLS {
            assert_eq!(client.poll(&mut results, 0), 0);
        }
        began.elapsed().as_secs_f64() * 1e9 / f64::from(POLLS)
    });
    let ns = median(rounds.collect());
    println!("\nwxsub_poll with nothing to report: {ns:.0} ns");
    verdict("nanoseconds", ns, POLL_NS);
}

/// Microseconds of one operation each.
struct Costs {
    put: f64,
    look_up: f64,
    cancel: f64,
    deliver: f64,
}

fn outbox(arguments: &Arguments) {
    let wechat = Wechat::start(0);
    let many = arguments.number("many", 1_000_000) as usize;
    let [few, lots] = [1000, many].map(|waiting| {
        let folder = common::folder(arguments);
        let config = json!({
            "appid": wechat.appid, "secret": wechat.secret, "api_base": wechat.api_base,
            "store": folder.path().join("wxsub.db"), "workers": 4, "queue_capacity": 2_000, "quota": "observe",
            "templates": "off", "durability": "normal",
        });
        {
            let client = Client::open(&config);
            let before = resident_mib();
            fill(&client, waiting);
            println!("\n{waiting} messages wait; resident memory grew by {:.1} MiB", resident_mib() - before);
            verdict("MiB", resident_mib() - before, MIB);
        }
        let began = Instant::now();
        let client = Client::open(&config);
        let waits = client.stats().outbox_waiting;
        let start = began.elapsed().as_secs_f64();
        println!("opened with {waits} waiting messages in {:.0} ms", start * 1e3);
        verdict("seconds", start, START_S);
        costs(&client)
    });
    println!("\n{:>10} | {:>9} {:>9} | {:>5}   (µs each)", "", "1000 wait", format!("{many} wait"), "ratio");
    for (name, a, b) in [
        ("put", few.put, lots.put),
        ("lookup", few.look_up, lots.look_up),
        ("cancel", few.cancel, lots.cancel),
        ("deliver", few.deliver, lots.deliver),
    ] {
        println!("{name:>10} | {a:>9.1} {b:>9.1} | {:>5.2}", b / a);
        verdict("the ratio", b / a, RATIO);
    }
}

/// Submits so many messages for tomorrow, and polls until all are stored.
fn fill(client: &Client, waiting: usize) {
    let tomorrow = now_ms() + 86_400_000;
    let mut results = room(256);
    let (mut submitted, mut stored) = (0, 0);
    while stored < waiting {
        while submitted < waiting {
            let options =
                json!({"deliver_at": tomorrow + submitted as u64 % 3_600_000, "key": format!("k{submitted}")});
            // Openids are as random as those of real players.
            let openid =
                format!("o{:027x}", (submitted as u128).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835) >> 20);
            if !client.submit(&message(&openid), Some(&text(options.to_string()))) {
                break;
            }
            submitted += 1;
        }
        stored += client.poll(&mut results, 100);
    }
}

fn costs(client: &Client) -> Costs {
    const ROUNDS: usize = 7;
    const EACH: usize = 500;
    let mut results = room(256);
    let mut rounds: [Vec<f64>; 4] = Default::default();
    let later = now_ms() + 43_200_000;
    for round in 0..ROUNDS {
        let players: Vec<(CString, CString)> =
            (0..EACH).map(|n| (text(format!("o{:027x}", n * 7919 + round)), text(format!("new{round}-{n}")))).collect();
        let each = |began: Instant| began.elapsed().as_secs_f64() * 1e6 / EACH as f64;
        let options =
            |key: &CStr, at: u64| text(json!({"deliver_at": at, "key": key.to_str().expect("UTF-8")}).to_string());
        let bodies: Vec<CString> = players.iter().map(|(o, _)| message(o.to_str().expect("UTF-8"))).collect();
        let texts: Vec<CString> = players.iter().map(|(_, key)| options(key, later)).collect();

        let began = Instant::now();
        for (body, options) in bodies.iter().zip(&texts) {
            assert!(client.submit(body, Some(options)));
        }
        let mut stored = 0;
        while stored < EACH {
            stored += client.poll(&mut results, 1000);
        }
        rounds[0].push(each(began));

        let began = Instant::now();
        assert!(players.iter().all(|(openid, key)| client.look_up(openid, key) == wxsub::ffi::WXSUB_OK));
        rounds[1].push(each(began));

        let began = Instant::now();
        assert!(players.iter().all(|(openid, key)| client.cancel(openid, key) == wxsub::ffi::WXSUB_OK));
        rounds[2].push(each(began));

        let texts: Vec<CString> =
            (0..EACH).map(|n| options(&text(format!("due{round}-{n}")), now_ms().max(1))).collect();
        let began = Instant::now();
        for (body, options) in bodies.iter().zip(&texts) {
            assert!(client.submit(body, Some(options)));
        }
        let mut ended = 0;
        while ended < 2 * EACH {
            ended += client.poll(&mut results, 1000);
        }
        rounds[3].push(each(began));
    }
    let [put, look_up, cancel, deliver] = rounds.map(median);
    Costs { put, look_up, cancel, deliver }
}

/// Memory of this process that is in RAM.
fn resident_mib() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|l| l.trim().split(' ').next()?.parse::<f64>().ok()).map_or(f64::NAN, |kb| kb / 1024.0)
}
