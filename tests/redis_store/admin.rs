//! The operator's interface on Redis. What is asked, and what the answers must be, is in `common/admin/`.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use wxsub::Client;

use crate::common::admin::{Stores, accept, ask, moves};
use crate::common::{TEMPLATE, TestEnv};
use crate::env::RedisEnv;
use crate::servers::{Proxy, Server};

/// Ledgers on one server, told apart by their prefixes.
pub struct Prefixes {
    env: RedisEnv,
    server: Server,
}

impl Prefixes {
    pub fn new() -> Prefixes {
        Prefixes::on(RedisEnv::new())
    }

    pub fn on(env: RedisEnv) -> Prefixes {
        Prefixes { env, server: Server::start(RedisEnv::settings()) }
    }
}

impl Stores for Prefixes {
    fn env(&self) -> &TestEnv {
        &self.env.base
    }

    fn config(&self, ledger: usize, more: Value) -> String {
        self.env.config(&RedisEnv::url(self.server.port()), prefixed(ledger, more))
    }

    /// Heard by the recorder.
    fn open(&self, ledger: usize, more: Value) -> Client {
        self.env.open(&RedisEnv::url(self.server.port()), prefixed(ledger, more))
    }
}

fn prefixed(ledger: usize, more: Value) -> Value {
    let mut config = json!({"store_prefix": format!("ledger{ledger}")});
    more.as_object().expect("an object").iter().for_each(|(key, value)| config[key] = value.clone());
    config
}

crate::admin_tests! { Prefixes::new() }

#[test]
fn a_ledger_moves_from_a_file_to_redis_and_back() {
    let stores = Prefixes::new();
    let file =
        |name: &str| stores.env().client(json!({"store": stores.env().folder.path().join(name), "templates": "off"}));
    moves::a_ledger_moves_whole(&stores, &file("1.db"), &stores.open(0, json!({})), &file("2.db"));
}

/// All buckets are some 20 round trips, of 300 ms here.
#[test]
fn a_list_from_a_distant_server_comes_to_its_end() {
    let env = RedisEnv::new();
    let server = Server::start(RedisEnv::settings());
    let proxy = Proxy::to(server.port());
    let client = env.open(&RedisEnv::url(proxy.port()), json!({"timeout_ms": 4000}));
    (0..20).for_each(|n| accept(&client, &format!("o{n}"), TEMPLATE, 1));
    proxy.set_latency_ms(150);
    let (mut players, mut after) = (0, Value::Null);
    loop {
        let page = ask(&client, json!({"do": "players", "template_id": TEMPLATE, "after": after}));
        players += page["players"].as_array().unwrap().len();
        after = page["next"].clone();
        if after.is_null() {
            break;
        }
    }
    assert_eq!(players, 20);
}

/// A reply that came too late would not say where to go on, and the next one would come as late.
#[test]
fn an_export_of_more_than_fits_into_the_time_of_one_call_comes_to_its_end() {
    const PLAYERS: usize = 300;
    let env = RedisEnv::new();
    let server = Server::start(RedisEnv::settings());
    let proxy = Proxy::to(server.port());
    let client = env.open(&RedisEnv::url(proxy.port()), json!({"timeout_ms": 2000}));
    (0..PLAYERS).for_each(|n| accept(&client, &format!("o{n}"), TEMPLATE, 1));
    proxy.set_latency_ms(10);
    let (mut players, mut after) = (0, Value::Null);
    loop {
        let page = ask(&client, json!({"do": "export", "full": true, "limit": 1000, "after": after}));
        players += page["records"].as_array().unwrap().iter().filter(|row| row["space"] == "player").count();
        after = page["next"].clone();
        if after.is_null() {
            break;
        }
    }
    assert_eq!(players, PLAYERS);
}

/// A bucket's players share one stream of entries.
#[test]
fn a_player_s_last_entries_are_found_among_those_of_his_bucket() {
    let bucket = |openid: &str| {
        let digest = Sha256::digest(openid.as_bytes());
        u16::from_be_bytes([digest[6], digest[7]]) % 1024
    };
    let other = (0..).map(|n| format!("o{n}")).find(|openid| bucket(openid) == bucket("o-quiet")).expect("one of them");
    let stores = Prefixes::new();
    let client = stores.open(0, json!({}));
    accept(&client, "o-quiet", "A", 1);
    accept(&client, &other, "A", 150);
    let shown = ask(&client, json!({"do": "player", "openid": "o-quiet"}));
    assert_eq!(shown["history"].as_array().map(Vec::len), Some(1), "{shown}");
    let shown = ask(&client, json!({"do": "player", "openid": other}));
    assert_eq!(shown["history"].as_array().map(Vec::len), Some(20), "{shown}");
}
