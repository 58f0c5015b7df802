//! On a real server, one for all tests of this process.

mod agenda;
mod answers;
mod deadlines;
mod formats;
mod journal;
mod proof;
mod scan;
mod server;

use serde_json::{Value as Json, json};

use super::format::FORMAT;
use super::keys::{At, BUCKETS};
use super::script::{Attempt, Outcome};
use super::*;
use crate::config::StoreAt;
use crate::store::{Agenda, Changes, Found, Name, Space, Trace, View, When};

const APPID: &str = "wx0000000000000000";

/// A configuration for this address, with more keys.
pub fn config(url: &str, more: Json) -> (Config, RedisAt) {
    let mut text = json!({
        "appid": APPID, "secret": "0123456789abcdef0123456789abcdef", "store": url, "timeout_ms": 60_000,
        "durability": "normal",
    });
    text.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let config = Config::from_json(&text.to_string()).unwrap();
    match &config.store {
        StoreAt::Redis(at) => (config.clone(), at.clone()),
        _ => unreachable!(),
    }
}

pub fn try_open(url: &str, more: Json) -> Result<RedisEngine, Error> {
    let (config, at) = config(url, more);
    RedisEngine::open(&config, &at)
}

/// An engine on the server of all tests.
pub fn open(appid: &str, prefix: &str) -> RedisEngine {
    let url = format!("redis://127.0.0.1:{}", server::port());
    try_open(&url, json!({"appid": appid, "store_prefix": prefix})).unwrap()
}

fn soon() -> Deadline {
    Deadline::in_ms(60_000)
}

impl RedisEngine {
    /// A command as it is, in one place.
    fn tell(&self, place: Place, words: &[&[u8]]) -> Value {
        let request = self.core.request(place, vec![Command::plain(words)]);
        self.core.router.exchange(&request, soon()).unwrap().values.swap_remove(0)
    }
}
