//! Engines on fresh stores, and small steps for them.

use std::sync::Arc;
#[cfg(feature = "redis")]
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;

use super::*;
use crate::config::Config;
use crate::store::memory::MemoryEngine;
#[cfg(feature = "redis")]
use crate::store::redis::tests as redis;
use crate::store::sqlite::SqliteEngine;

type Open = dyn Fn(&str) -> Arc<dyn Engine>;

/// A fresh store, and what opens it.
pub struct Fixture {
    open: Box<Open>,
    /// Whether a second engine sees what the first one wrote; memory is one engine's.
    pub shared: bool,
    /// Whether it is a server, which has one clock for leases and due times alike, may tell of a next message that is gone
    /// by now, and may list what passes twice while it rearranges what it has.
    pub server: bool,
}

impl Fixture {
    pub fn memory() -> Fixture {
        Fixture { open: Box::new(|_| Arc::new(MemoryEngine::default())), shared: false, server: false }
    }

    pub fn sqlite() -> Fixture {
        let folder = tempfile::tempdir().unwrap();
        let open = move |appid: &str| -> Arc<dyn Engine> {
            let path = folder.path().join("wxsub.db");
            let path = path.to_str().unwrap();
            Arc::new(SqliteEngine::open(&config(appid, path), path).unwrap())
        };
        Fixture { open: Box::new(open), shared: true, server: false }
    }

    /// Names of its own on a server that is shared by all tests.
    #[cfg(feature = "redis")]
    pub fn redis() -> Fixture {
        static FIXTURES: AtomicUsize = AtomicUsize::new(0);
        let prefix = format!("test{}", FIXTURES.fetch_add(1, Ordering::Relaxed));
        let open = move |appid: &str| -> Arc<dyn Engine> { Arc::new(redis::open(appid, &prefix)) };
        Fixture { open: Box::new(open), shared: true, server: true }
    }

    /// Another engine on the store.
    pub fn open(&self) -> Arc<dyn Engine> {
        self.open_for("wx0000000000000000")
    }

    pub fn open_for(&self, appid: &str) -> Arc<dyn Engine> {
        (self.open)(appid)
    }
}

pub fn config(appid: &str, store: &str) -> Config {
    let config =
        json!({"appid": appid, "secret": "0123456789abcdef0123456789abcdef", "store": store, "timeout_ms": 60000});
    Config::from_json(&config.to_string()).unwrap()
}

/// Every engine: each test on each of them, by a macro that takes the test's name and the engine's.
macro_rules! every_engine {
    ($run:ident: $($test:ident;)*) => {
        $(mod $test {
            #[test]
            fn memory() {
                super::$run!($test, memory);
            }

            #[test]
            fn sqlite() {
                super::$run!($test, sqlite);
            }

            #[cfg(feature = "redis")]
            #[test]
            fn redis() {
                super::$run!($test, redis);
            }
        })*
    };
}
pub(crate) use every_engine;

macro_rules! on_engine {
    ($test:ident, $engine:ident) => {
        super::$test(&super::Fixture::$engine())
    };
}
pub(super) use on_engine;

/// Runs each test on each engine.
macro_rules! on_each_engine {
    ($($test:ident;)*) => { every_engine! { on_engine: $($test;)* } };
}
pub(super) use on_each_engine;

pub fn soon() -> Deadline {
    Deadline::in_ms(60_000)
}

/// A step that the caller is told of once it is applied.
pub fn operation<A>(
    reads: &[Name],
    decide: impl FnMut(&View<'_>) -> Result<(Changes, A), Stop> + Send + 'static,
) -> Operation<A> {
    Operation { reads: reads.to_vec(), proven: false, trace: None, decide: Box::new(decide) }
}

/// Puts one record as it would be put by the ledger: both of a player were read.
pub fn putting(name: &Name, value: Option<&[u8]>) -> Operation<()> {
    let (name, value) = (name.clone(), value.map(<[u8]>::to_vec));
    operation(std::slice::from_ref(&name.clone()), move |_| {
        let mut changes = Changes::default();
        changes.put(name.clone(), value.clone(), life_of(&name));
        Ok((changes, ()))
    })
}

/// A day for records that pass.
pub fn life_of(name: &Name) -> Option<i64> {
    name.space().passes().then_some(86_400_000)
}

pub fn put(engine: &dyn Engine, name: &Name, value: Option<&[u8]>) {
    engine.run(putting(name, value), soon()).unwrap();
}

pub fn reading(name: &Name) -> Operation<Option<Vec<u8>>> {
    let wanted = name.clone();
    let read = move |view: &View<'_>| Ok((Changes::default(), view.get(&wanted)?.map(<[u8]>::to_vec)));
    operation(std::slice::from_ref(name), read)
}

pub fn get(engine: &dyn Engine, name: &Name) -> Option<Vec<u8>> {
    engine.ask(reading(name), soon()).unwrap()
}

/// Puts messages on the agenda or takes them off it: those of one player in one step.
pub fn look_at(engine: &dyn Engine, entries: &[(&Name, When)]) {
    let entries: Vec<_> = entries.iter().map(|(name, when)| ((*name).clone(), *when)).collect();
    for entries in entries.chunk_by(|(one, _), (other, _)| one.home() == other.home()) {
        let entries = entries.to_vec();
        let set = move |_: &View<'_>| {
            let mut changes = Changes::default();
            entries.iter().for_each(|(name, when)| changes.look_at(name.clone(), *when));
            Ok((changes, ()))
        };
        engine.run(operation(&[], set), soon()).unwrap();
    }
}

pub fn message(openid: &str, own: &str) -> Name {
    Name::hashed(Space::Message, openid, &[own.as_bytes()])
}

pub fn key(openid: &str, own: &str) -> Name {
    Name::hashed(Space::Key, openid, &[own.as_bytes()])
}
