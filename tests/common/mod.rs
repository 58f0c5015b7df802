//! What the Rust tests share: a client on a fresh store against a simulator of its own.
#![allow(dead_code)] // each test program uses its part

pub mod admin;
#[cfg(target_os = "linux")]
pub mod aging;
pub mod campaigns;
pub mod host;
pub mod process;
pub mod pushes;
pub mod python;
pub mod server;
pub mod trace;

use std::path::PathBuf;

use serde_json::{Value, json};
use wxsub::{Client, Config, Status, Verdict};
use wxsub_simulator::{Options, Simulator};

pub const TEMPLATE: &str = "sim-stamina";

/// A simulator, a folder for stores, and clients on them.
pub struct TestEnv {
    pub wechat: Simulator,
    pub folder: tempfile::TempDir,
}

impl TestEnv {
    pub fn new() -> TestEnv {
        TestEnv::with(Options::default())
    }

    pub fn with(options: Options) -> TestEnv {
        TestEnv { wechat: Simulator::start(options), folder: tempfile::tempdir().expect("a temporary folder") }
    }

    pub fn store(&self) -> PathBuf {
        self.folder.path().join("wxsub.db")
    }

    /// The configuration, with `more` laid over it; null removes a key.
    pub fn config(&self, more: Value) -> String {
        let mut config = json!({
            "appid": self.wechat.appid(),
            "secret": self.wechat.secret(),
            "store": self.store(),
            "api_base": self.wechat.url(),
        });
        for (key, value) in more.as_object().expect("an object") {
            config[key] = value.clone();
        }
        config.to_string()
    }

    pub fn client(&self, more: Value) -> Client {
        let config = Config::from_json(&self.config(more)).expect("a valid configuration");
        Client::open(config).expect("an open client")
    }

    /// The player accepts, in the game and at WeChat.
    pub fn accept(&self, client: &Client, openid: &str) -> Verdict {
        self.wechat.grant(openid, TEMPLATE, 1);
        let verdict = client.report(openid, Some(TEMPLATE), wxsub::Answer::Accept, None);
        assert_eq!(verdict.status, Status::Ok, "{}", verdict.message);
        verdict
    }
}

pub fn message(openid: &str) -> String {
    message_from(openid, TEMPLATE)
}

pub fn message_from(openid: &str, template_id: &str) -> String {
    json!({
        "touser": openid,
        "template_id": template_id,
        "data": {"thing1": {"value": "体力已满"}, "time2": {"value": "2026年11月24日 15:01"}},
    })
    .to_string()
}

pub fn send(client: &Client, openid: &str) -> Verdict {
    client.send(&message(openid), None)
}

pub fn left(client: &Client, openid: &str) -> i64 {
    let verdict = client.quota(openid, TEMPLATE);
    assert_eq!(verdict.status, Status::Ok, "{}", verdict.message);
    verdict.remaining
}
