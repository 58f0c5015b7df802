//! Sends at a steady rate, as a game that has so many players makes them.

use std::ffi::{CStr, CString};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;

use super::host::Client;
use super::load::Phase;
use super::wechat::data;
use super::{cpu_time, percentile};

/// Threads that send: enough for the rate at any latency that makes sense.
const SENDERS: usize = 48;

/// Players who accept once each; their messages.
pub fn accept(client: &Client, template_id: &CStr, count: u64, prefix: &str) -> Vec<CString> {
    let names: Vec<CString> = (0..count).map(|n| CString::new(format!("{prefix}{n}")).expect("no NUL")).collect();
    std::thread::scope(|scope| {
        for thread in 0..32 {
            let names = &names;
            scope
                .spawn(move || names.iter().skip(thread).step_by(32).for_each(|name| client.accept(name, template_id)));
        }
    });
    let message = |name: &CString| {
        let text = json!({"touser": name.to_str().expect("ASCII"), "template_id": template_id.to_str().expect("ASCII"), "data": data()});
        CString::new(text.to_string()).expect("no NUL")
    };
    names.iter().map(message).collect()
}

/// Sends the messages from `next` on, so many a second; one that is not taken ends the benchmark.
pub fn load(client: &Client, messages: &[CString], next: &AtomicU64, rate: u64, time: Duration) -> Phase {
    let times = Mutex::new(Vec::new());
    let (began, first, cpu_before) = (Instant::now(), next.load(Ordering::SeqCst), cpu_time());
    std::thread::scope(|scope| {
        for _ in 0..SENDERS {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::SeqCst);
                    let at = began + Duration::from_secs_f64((number - first) as f64 / rate as f64);
                    if at >= began + time {
                        return;
                    }
                    std::thread::sleep(at.saturating_duration_since(Instant::now()));
                    let begin = Instant::now();
                    client.send(&messages[number as usize % messages.len()]);
                    times.lock().expect("no panic").push(begin.elapsed().as_secs_f64() * 1e6);
                }
            });
        }
    });
    next.fetch_sub(SENDERS as u64, Ordering::SeqCst);
    let (cpu, elapsed) = (cpu_time() - cpu_before, began.elapsed());
    let mut times = times.into_inner().expect("no panic");
    times.sort_unstable_by(f64::total_cmp);
    Phase {
        per_second: times.len() as f64 / elapsed.as_secs_f64(),
        cpu: cpu.as_secs_f64() * 1e6 / times.len() as f64,
        p50: percentile(&times, 50),
        p99: percentile(&times, 99),
    }
}
