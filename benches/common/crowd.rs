//! Millions of players who accepted three templates each.

use std::ffi::CString;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;

use super::host::Client;
use super::wechat::{TEMPLATES, data};

/// The openid of player `number`: as long and as random as a real one.
pub fn openid(number: u64) -> CString {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = vec![b'o'];
    let mut state = number;
    while text.len() < 28 {
        // SplitMix64: each number has its own sequence, and the number is where it starts.
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^= bits >> 31;
        text.extend((0..9).map(|at| LETTERS[(bits >> (6 * at)) as usize % 64]));
    }
    CString::new(text).expect("letters")
}

/// A message to that player from one of the templates.
pub fn message(number: u64, template: usize) -> CString {
    let text = json!({
        "touser": openid(number).to_str().expect("letters"),
        "template_id": TEMPLATES[template].to_str().expect("UTF-8"),
        "page": "pages/index/index",
        "data": data(),
    });
    CString::new(text.to_string()).expect("no NUL in JSON")
}

/// A player that is met in turn `turn`: all once, in an order without any.
pub fn any(turn: u64, players: u64) -> u64 {
    // A prime that divides no such number.
    turn.wrapping_mul(2_654_435_761) % players
}

/// These players accept all three once.
pub fn fill(client: &Client, players: std::ops::Range<u64>) {
    let answers = TEMPLATES.map(|id| (id.to_str().expect("UTF-8").to_owned(), json!("accept")));
    let answers = serde_json::Value::Object(answers.into_iter().collect());
    let answers = CString::new(answers.to_string()).expect("no NUL in JSON");
    let next = AtomicU64::new(players.start);
    std::thread::scope(|scope| {
        for _ in 0..32 {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= players.end {
                        break;
                    }
                    client.report(&openid(number), &answers);
                }
            });
        }
    });
}

/// The account's list is known, and WeChat has taken each of the templates.
pub fn confirm_templates(client: &Client) {
    let stranger = 1 << 60;
    fill(client, stranger..stranger + 1);
    (0..TEMPLATES.len()).for_each(|template| client.send(&message(stranger, template)));
}

/// What threads that work for a while came to.
pub struct Work {
    pub per_second: f64,
    /// Microseconds, sorted.
    pub took: Vec<f64>,
}

/// So many threads do `work` with the next of these numbers, until the time is over or none is left.
pub fn work(threads: u64, time: Duration, numbers: std::ops::Range<u64>, work: impl Fn(u64) + Sync) -> Work {
    let next = AtomicU64::new(numbers.start);
    let began = Instant::now();
    let one = || {
        let mut took = Vec::new();
        while began.elapsed() < time {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= numbers.end {
                break;
            }
            let began = Instant::now();
            work(number);
            took.push(began.elapsed().as_secs_f64() * 1e6);
        }
        took
    };
    let mut took = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(one)).collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("no panic")).collect::<Vec<f64>>()
    });
    let elapsed = began.elapsed().as_secs_f64();
    took.sort_unstable_by(f64::total_cmp);
    Work { per_second: took.len() as f64 / elapsed, took }
}
