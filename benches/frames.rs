//! What a frame pays: `wxsub_submit` in a loop of 60 frames a second, while the workers send.
//!
//! ```text
//! cargo bench --bench frames [-- --seconds 30 --each 3 --workers 4 --latency-ms 20 --folder DIR]
//! ```
//!
//! The loop sleeps to the next frame, as a game's does, so each frame's first call wakes a worker that sleeps, and that
//! worker may take the processor from the loop. A loop that submits all the time never sees that. A frame's own calls are
//! timed one by one, and the poll that each frame ends with, too.

mod common;

use std::ffi::CString;
use std::time::{Duration, Instant};

use common::host::{Client, room};
use common::load::{grant, players};
use common::wechat::Wechat;
use common::{Arguments, percentile};
use serde_json::json;

const USAGE: &str =
    "usage: cargo bench --bench frames -- [--seconds 30] [--each 3] [--workers 4] [--latency-ms 20] [--folder DIR]";
const NAMES: [&str; 5] = ["seconds", "each", "workers", "latency-ms", "folder"];
const FRAME: Duration = Duration::from_nanos(16_666_667);
/// The goal.
const SUBMIT_US: f64 = 500.0;

fn main() {
    Wechat::serve_if_child();
    let arguments = Arguments::read(&NAMES, USAGE);
    let latency_ms = arguments.number("latency-ms", 20);
    let (frames, each) = (arguments.number("seconds", 30) * 60, arguments.number("each", 3));
    let (wechat, folder) = (Wechat::start(latency_ms), common::folder(&arguments));
    let client = Client::open(&json!({
        "appid": wechat.appid, "secret": wechat.secret, "api_base": wechat.api_base,
        "store": folder.path().join("wxsub.db"), "workers": arguments.number("workers", 4),
    }));
    let template_id = CString::new("sim-stamina").expect("an id");
    let mut players = players(&arguments, 1, &template_id, frames * each);
    grant(&client, &mut players, &template_id, frames * each);
    client.send(&players[0][0].message);

    let mut messages = players[0].iter().map(|player| &player.message).cycle();
    let mut results = room(64);
    let (mut submits, mut polls) = (Vec::new(), Vec::new());
    let mut ended = 0;
    let timed = |work: &mut dyn FnMut()| {
        let began = Instant::now();
        work();
        began.elapsed().as_secs_f64() * 1e6
    };
    let began = Instant::now();
    for frame in 1..=frames as u32 {
        for _ in 0..each {
            let message = messages.next().expect("it has no end");
            submits.push(timed(&mut || assert!(client.submit(message, None), "the queue is full")));
        }
        polls.push(timed(&mut || ended += client.poll(&mut results, 0)));
        std::thread::sleep((began + FRAME * frame).saturating_duration_since(Instant::now()));
    }
    println!("{} frames, {each} messages each, {latency_ms} ms an answer; {ended} ended meanwhile", frames);
    println!("{:>7} | {:>8} {:>8} {:>8} {:>8}   (µs)", "", "median", "p99", "p99.9", "worst");
    let p999 = row("submit", submits);
    row("poll", polls);
    let verdict = if p999 <= SUBMIT_US { "met" } else { "MISSED" };
    println!("          goal: p99.9 of wxsub_submit at most {SUBMIT_US:.0} µs: {verdict}");
}

/// Prints a row; its p99.9.
fn row(what: &str, mut took: Vec<f64>) -> f64 {
    took.sort_unstable_by(f64::total_cmp);
    let p999 = took[took.len() * 999 / 1000];
    let (p50, p99, worst) = (percentile(&took, 50), percentile(&took, 99), took[took.len() - 1]);
    println!("{what:>7} | {p50:>8.1} {p99:>8.1} {p999:>8.1} {worst:>8.0}");
    p999
}
