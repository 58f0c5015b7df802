//! What others pay while a campaign runs: `wxsub_send` at a steady rate, with and without a campaign beside it, in turns.
//!
//! ```text
//! cargo bench --bench campaign [-- --rounds 6 --phase-s 5 --per-second 500 --workers 4 --latency-ms 20 --players 40000 --folder DIR]
//! ```
//!
//! The campaign takes what is left of the workers; it is paused and resumed between the phases. The goals: the median send is
//! at most a tenth slower, a message that is due is at most a second late, and memory grows by less than 32 MiB.

mod common;
#[path = "common/operator.rs"]
mod operator;

use std::ffi::{CStr, CString};
use std::sync::atomic::AtomicU64;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use common::host::{Client, room};
use common::steady::{accept, load};
use common::wechat::{Wechat, data};
use common::{Arguments, folder, median, memory_kib};
use serde_json::{Value, json};

const USAGE: &str = "usage: cargo bench --bench campaign -- [--rounds 6] [--phase-s 5] [--per-second 500] [--workers 4]
  [--latency-ms 20] [--players 40000] [--folder DIR]";
const NAMES: [&str; 7] = ["rounds", "phase-s", "per-second", "workers", "latency-ms", "players", "folder"];
const TEMPLATE: &CStr = c"sim-stamina";

fn main() {
    Wechat::serve_if_child();
    let arguments = Arguments::read(&NAMES, USAGE);
    let (wechat, folder) = (Wechat::start(arguments.number("latency-ms", 20)), folder(&arguments));
    let client = Client::open(&json!({
        "appid": wechat.appid, "secret": wechat.secret, "api_base": wechat.api_base,
        "store": folder.path().join("wxsub.db"), "workers": arguments.number("workers", 4), "timeout_ms": 30_000,
    }));
    let (rounds, phase) = (arguments.number("rounds", 6), Duration::from_secs(arguments.number("phase-s", 5)));
    let rate = arguments.number("per-second", 500);
    accept(&client, TEMPLATE, arguments.number("players", 40_000), "c");
    let others = accept(&client, TEMPLATE, 2 * rounds * phase.as_secs() * rate + 1000, "s");
    let ask = |request: Value| -> Value { serde_json::from_str(&client.admin(&request.to_string())).expect("JSON") };
    let template_id = TEMPLATE.to_str().expect("ASCII");
    let message = json!({"template_id": template_id, "data": data()});
    let next = AtomicU64::new(0);
    let sends = |time: Duration| load(&client, &others, &next, rate, time).p50 / 1000.0;
    sends(Duration::from_secs(2));
    // Those of "s" have one each: left for the sends.
    let players = json!({"do": "campaign.put", "id": "bench", "message": message, "audience": "list"});
    ask(players);
    for first in (0..arguments.number("players", 40_000)).step_by(1000) {
        let openids: Vec<String> = (first..first + 1000).map(|n| format!("c{n}")).collect();
        ask(json!({"do": "campaign.add", "id": "bench", "players": openids}));
    }
    ask(json!({"do": "campaign.start", "id": "bench"}));
    let stands = |what: &str| ask(json!({"do": format!("campaign.{what}"), "id": "bench"}));
    stands("pause");
    let (mut without, mut with, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    let before_kib = memory_kib();
    let (mut sent, mut late) = (0, Vec::new());
    for _ in 0..rounds {
        std::thread::sleep(Duration::from_secs(1));
        let quiet = sends(phase);
        let begun = stands("resume")["sent"].as_u64().unwrap_or(0);
        late.push(due(&client, template_id));
        let busy = sends(phase);
        sent += stands("pause")["sent"].as_u64().unwrap_or(0).saturating_sub(begun);
        ratios.push(busy / quiet);
        without.push(quiet);
        with.push(busy);
    }
    let grown = memory_kib().saturating_sub(before_kib);
    let seconds = rounds * phase.as_secs();
    println!("sends without a campaign: median {:.2} ms", median(without));
    println!(
        "sends beside a campaign:  median {:.2} ms; the campaign sent {:.0}/s",
        median(with),
        sent as f64 / seconds as f64
    );
    println!("ratio, median of {rounds} pairs: {:.3} (goal: 1.10)", median(ratios));
    println!("a due message was late by: median {:.0} ms (goal: 1000 ms)", median(late));
    println!("memory grew by {:.1} MiB (goal: 32 MiB)", grown as f64 / 1024.0);
}

/// How late a message is sent that is due in half a second, while the campaign runs, in milliseconds.
fn due(client: &Client, template_id: &str) -> f64 {
    let name = CString::new(format!("d{}", fastrand::u64(..))).expect("no NUL");
    client.accept(&name, TEMPLATE);
    let now = || SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_millis() as i64;
    let at = now() + 500;
    let message = json!({"touser": name.to_str().expect("ASCII"), "template_id": template_id, "data": data()});
    let options = json!({"deliver_at": at, "tag": 1});
    let text = |value: Value| CString::new(value.to_string()).expect("no NUL");
    assert!(client.submit(&text(message), Some(&text(options))), "the queue is full");
    let mut results = room(4);
    let mut polled = 0;
    while polled < 2 {
        polled += client.poll(&mut results, 1000);
    }
    (now() - at) as f64
}
