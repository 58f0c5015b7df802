//! A client on a Redis store, and what it must never say.

use std::sync::Arc;

use serde_json::{Value, json};
use wxsub::{Client, Config, Error, Retry, Status, Verdict};

use crate::common::TestEnv;
use crate::recorder::Recorder;
use crate::servers::{Cluster, Settings};

/// What all servers of these tests are locked with; searched for in everything that is said.
pub const PASSWORD: &str = "MARKEDpassword";

/// A simulator, and a recorder of everything that its clients say.
pub struct RedisEnv {
    pub base: TestEnv,
    pub recorder: Arc<Recorder>,
}

impl RedisEnv {
    pub fn new() -> RedisEnv {
        RedisEnv::on(TestEnv::new())
    }

    pub fn on(base: TestEnv) -> RedisEnv {
        RedisEnv { base, recorder: Recorder::new() }
    }

    /// The settings of a server for it.
    pub fn settings() -> Settings {
        Settings::new().password(PASSWORD)
    }

    pub fn config(&self, url: &str, more: Value) -> String {
        let mut config = json!({"store": url, "templates": "off"});
        more.as_object().expect("an object").iter().for_each(|(key, value)| config[key] = value.clone());
        self.base.config(config)
    }

    pub fn try_open(&self, url: &str, more: Value) -> Result<Client, Error> {
        let config = Config::from_json(&self.config(url, more)).expect("a valid configuration");
        self.recorder.record(&config);
        match Client::open(config) {
            Ok(client) => {
                self.recorder.listen_to(&client);
                Ok(client)
            }
            Err(e) => {
                self.recorder.record(e.to_string());
                Err(self.recorder.record(e))
            }
        }
    }

    pub fn open(&self, url: &str, more: Value) -> Client {
        self.try_open(url, more).unwrap_or_else(|e| panic!("{e}"))
    }

    /// With a proxy before the server: the same user and password, another port.
    pub fn url(port: u16) -> String {
        format!("redis://:{PASSWORD}@127.0.0.1:{port}/0")
    }

    pub fn url_of_cluster(cluster: &Cluster) -> String {
        cluster.url().replace("://", &format!("://:{PASSWORD}@"))
    }

    #[track_caller]
    pub fn ok(&self, verdict: Verdict) -> Verdict {
        let verdict = self.recorder.record(verdict);
        assert_eq!(verdict.status, Status::Ok, "{}", verdict.message);
        verdict
    }

    /// A failure of the store: in these words, within the deadline, to be tried again.
    #[track_caller]
    pub fn store_failed(&self, verdict: Verdict, timeout_ms: u32, words: &[&str]) -> Verdict {
        let verdict = self.failed(verdict, timeout_ms, words);
        assert_eq!(verdict.retry, Retry::Later, "{verdict:?}");
        verdict
    }

    /// The same, but it may have been done, and says so.
    #[track_caller]
    pub fn store_in_doubt(&self, verdict: Verdict, timeout_ms: u32, words: &[&str]) -> Verdict {
        let verdict = self.failed(verdict, timeout_ms, words);
        assert_eq!(verdict.retry, Retry::Unsafe, "{verdict:?}");
        assert_words(&verdict.message, &["With an idempotency key another call is safe"]);
        verdict
    }

    /// Either of both: a connection may break before or after the request has left.
    #[track_caller]
    pub fn failed(&self, verdict: Verdict, timeout_ms: u32, words: &[&str]) -> Verdict {
        let verdict = self.recorder.record(verdict);
        assert_eq!(verdict.status, Status::Store, "{verdict:?}");
        assert_ne!(verdict.retry, Retry::Never, "{verdict:?}");
        assert_words(&verdict.message, words);
        assert!(verdict.message.len() <= 247, "cut: {}", verdict.message);
        // A busy machine may be late with the end of a call, but not by much.
        assert!(verdict.elapsed_ms <= timeout_ms + LATE_MS, "{} ms: {}", verdict.elapsed_ms, verdict.message);
        verdict
    }

    /// The same for a client that is opened.
    #[track_caller]
    pub fn open_failed(&self, url: &str, more: Value, words: &[&str]) {
        let timeout_ms = more["timeout_ms"].as_u64().expect("a timeout");
        let began = std::time::Instant::now();
        let Err(e) = self.try_open(url, more) else { panic!("it opens") };
        assert_eq!(e.status, Status::Store, "{e}");
        assert_words(&e.message, words);
        assert!(e.message.len() <= 247, "cut: {}", e.message);
        let elapsed = began.elapsed().as_millis();
        assert!(elapsed <= u128::from(timeout_ms + u64::from(LATE_MS)), "{elapsed} ms: {e}");
    }
}

/// How late a call may end when the machine is busy.
const LATE_MS: u32 = 3000;

#[track_caller]
fn assert_words(message: &str, words: &[&str]) {
    for word in words {
        assert!(message.contains(word), "{word:?} is not in {message:?}");
    }
}

impl Drop for RedisEnv {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.recorder.assert_never_recorded(PASSWORD);
            self.recorder.assert_never_recorded(&self.base.wechat.secret());
        }
    }
}
