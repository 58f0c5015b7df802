//! **wxsub** sends WeChat mini-game subscribe messages for a game server.
//!
//! The host passes on what its players answered ([`Client::report`]) and asks for messages ([`Client::send`]);
//! the library keeps the count of messages each player still allows, the access token, the retries and the limits,
//! and answers with a [`Verdict`]. It is linked into C++, Unity, Python and other servers through the C ABI of
//! [`ffi`] (`include/wxsub.h`); Rust hosts use [`Client`] directly.
//!
//! Imports point one way: `ffi → client → ledger → store → {error, config, clock, secret, …}`, and `client → {http,
//! wechat, worker, …}`; `tests/contract/layers.rs` reads them and fails on an arrow that points up. All `unsafe` is in
//! `ffi`, all rules in `ledger`, all SQL and Lua in `store`, all facts about WeChat in `wechat`, the sockets in `http` and
//! `store::redis::connection`.

#![deny(unsafe_code, missing_docs)]
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used))]

#[cfg(not(panic = "unwind"))]
compile_error!("wxsub answers a panic with WXSUB_E_PANIC and needs panic = \"unwind\"");

#[allow(unsafe_code)]
pub mod ffi;

mod client;

mod http;
mod ledger;
mod store;
mod wechat;
mod worker;

mod clock;
mod config;
mod error;
mod json;
mod latency;
mod log;
mod panics;
mod resolver;
mod secret;
mod sync;

/// The public contract about JSON that comes in, and of [`Status`]: the header and the documents are made from it.
pub mod contract {
    pub use crate::client::{OPTIONS_OF_SEND, OPTIONS_OF_SUBMIT};
    pub use crate::config::keys::*;
}

/// Reads any bytes as a record of the store, for fuzz/fuzz_targets/record.rs.
#[cfg(fuzzing)]
#[doc(hidden)]
pub use ledger::any_record;
/// Answers a question to a Redis server with any bytes, for fuzz/fuzz_targets/redis.rs.
#[cfg(all(fuzzing, feature = "redis"))]
#[doc(hidden)]
pub use store::any_redis_answer;

pub use client::{Answer, Client, Identity};
pub use config::Config;
pub use error::{Error, QuotaChange, Retry, Status, Verdict};
pub use log::{Level, Sink};
pub use secret::Secret;

/// This library's version, and that of the SQLite in it: "0.1.0 (sqlite 3.x)".
pub fn version() -> String {
    format!("{} (sqlite {})", env!("CARGO_PKG_VERSION"), store::sqlite_version())
}
