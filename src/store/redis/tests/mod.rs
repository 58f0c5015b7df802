//! On a real server, one for all tests of this process.

mod server;

use serde_json::{Value as Json, json};

use super::*;
use crate::config::StoreAt;

/// A configuration for a server at this port, with more keys.
pub fn config(appid: &str, port: u16, more: Json) -> (Config, RedisAt) {
    let mut text = json!({
        "appid": appid, "secret": "0123456789abcdef0123456789abcdef", "store": format!("redis://127.0.0.1:{port}"),
        "timeout_ms": 60_000, "durability": "normal",
    });
    text.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let config = Config::from_json(&text.to_string()).unwrap();
    match &config.store {
        StoreAt::Redis(at) => (config.clone(), at.clone()),
        _ => unreachable!(),
    }
}

/// An engine on the server of all tests.
pub fn open(appid: &str, prefix: &str) -> RedisEngine {
    let (config, at) = config(appid, server::port(), json!({"store_prefix": prefix}));
    RedisEngine::open(&config, &at).unwrap()
}
