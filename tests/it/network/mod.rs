//! Whatever the network does, a send ends in the right one of CONNECT (surely not sent) and UNKNOWN (maybe sent), in
//! time, sent at most once, and with its unit given back.

mod connections;
mod left;
mod proxy;

use std::path::Path;
use std::time::{Duration, Instant};

use crate::common::server::{BlackHole, Mode, REFUSING, Relay};
use crate::common::{TEMPLATE, TestEnv, left, message, send};
use serde_json::{Value, json};
use wxsub::{Client, QuotaChange, Retry, Status, Verdict};
use wxsub_simulator::{Endpoint, Fault, Options, Simulator};

/// How late a verdict may be on a busy machine.
const LATE_MS: u32 = 1500;

const OK_BODY: &str = r#"{"errcode":0,"errmsg":"ok","msgid":1}"#;

fn secure_env() -> TestEnv {
    TestEnv::with(Options { https: Some(0), ..Options::default() })
}

fn ca_file(wechat: &Simulator, folder: &Path) -> Value {
    let path = folder.join(format!("ca-{}.pem", wechat.port()));
    std::fs::write(&path, wechat.ca_pem().expect("a simulator with HTTPS")).expect("a file");
    json!(path)
}

fn https_port(wechat: &Simulator) -> u16 {
    wechat.https_url().expect("a simulator with HTTPS").rsplit(':').next().unwrap().parse().unwrap()
}

/// A client on a store of its own.
fn client_on(env: &TestEnv, store: &str, more: Value) -> Client {
    let mut config = json!({"store": env.folder.path().join(format!("{store}.db"))});
    for (key, value) in more.as_object().unwrap() {
        config[key] = value.clone();
    }
    env.client(config)
}

/// Returns when they are closed: a request that meets the closing itself was maybe sent.
fn drop_connections(env: &TestEnv) {
    env.wechat.drop_connections();
    assert!(env.wechat.wait_for(Duration::from_secs(5), |c| c.open_connections == 0));
}

fn assert_in_time(what: &str, verdict: &Verdict, timeout_ms: u32) {
    assert!(verdict.elapsed_ms <= timeout_ms + LATE_MS, "{what}: took {} ms of {timeout_ms}", verdict.elapsed_ms);
}

fn assert_maybe_sent(what: &str, verdict: &Verdict, timeout_ms: u32) {
    let got = (verdict.status, verdict.retry, verdict.quota, verdict.remaining, verdict.attempts);
    let wanted = (Status::Unknown, Retry::Unsafe, QuotaChange::Returned, 1, 1);
    assert_eq!(got, wanted, "{what}: {}", verdict.message);
    assert_eq!((verdict.errcode, verdict.msgid, verdict.retry_after_ms), (0, 0, 0), "{what}");
    assert_in_time(what, verdict, timeout_ms);
}

fn assert_surely_not_sent(what: &str, verdict: &Verdict, timeout_ms: u32) {
    let got = (verdict.status, verdict.retry, verdict.quota, verdict.remaining, verdict.attempts);
    let wanted = (Status::Connect, Retry::Later, QuotaChange::Returned, 1, 0);
    assert_eq!(got, wanted, "{what}: {}", verdict.message);
    assert_eq!((verdict.errcode, verdict.http_status), (0, 0), "{what}");
    assert!(verdict.retry_after_ms > 0, "{what}: when may it be tried again?");
    assert_in_time(what, verdict, timeout_ms);
}
