//! The access token: one asks and all use, dead ones are replaced within WeChat's limits, and nobody hammers.

mod dead;
mod external;
mod failing;
mod forced;
mod renewal;

use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::common::aging::{Shift, put, shift, stamp_of_now, unsigned};
use crate::common::{TestEnv, message, send};
use serde_json::{Value, json};
use wxsub::{Client, QuotaChange, Retry, Status, Verdict};
use wxsub_simulator::{Endpoint, Fault, FaultKind, Options, TokenKind};

/// How late a verdict may be on a busy machine.
const LATE_MS: u32 = 1500;

fn stable_calls(env: &TestEnv) -> u64 {
    env.wechat.counters().calls_to(Endpoint::StableToken)
}

fn legacy_calls(env: &TestEnv) -> u64 {
    env.wechat.counters().calls_to(Endpoint::Token)
}

fn forced_calls(env: &TestEnv) -> usize {
    let forced = |body: &[u8]| serde_json::from_slice::<Value>(body).unwrap()["force_refresh"] == true;
    env.wechat.requests_to(Endpoint::StableToken).iter().filter(|r| forced(&r.body)).count()
}

/// `threads` players' sends at once, dealt out to the clients.
fn burst(env: &TestEnv, clients: &[&Client], threads: usize) -> Vec<Verdict> {
    let ready = Barrier::new(threads);
    std::thread::scope(|scope| {
        let sending: Vec<_> = (0..threads)
            .map(|n| {
                let (client, ready) = (clients[n % clients.len()], &ready);
                scope.spawn(move || {
                    let openid = format!("o{n}");
                    env.accept(client, &openid);
                    ready.wait();
                    send(client, &openid)
                })
            })
            .collect();
        sending.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

fn assert_all_sent(what: &str, verdicts: &[Verdict]) {
    for verdict in verdicts {
        assert_eq!(verdict.status, Status::Ok, "{what}: {}", verdict.message);
    }
}

fn assert_sends(env: &TestEnv, client: &Client, openid: &str) -> Verdict {
    env.accept(client, openid);
    let verdict = send(client, openid);
    assert_eq!(verdict.status, Status::Ok, "{openid}: {}", verdict.message);
    verdict
}
