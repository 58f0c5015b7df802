//! The operator's interface on Redis. What is asked, and what the answers must be, is in `common/admin/`.

use serde_json::{Value, json};
use wxsub::Client;

use crate::common::TestEnv;
use crate::common::admin::{Stores, moves};
use crate::env::RedisEnv;
use crate::servers::Server;

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
