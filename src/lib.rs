//! **wxsub** sends WeChat mini-game subscribe messages for a game server.
//!
//! The host passes on what its players answered ([`Client::report`]) and asks for messages ([`Client::send`]);
//! the library keeps the count of messages each player still allows, the access token, the retries and the limits,
//! and answers with a [`Verdict`]. It is linked into C++, Unity, Python and other servers through the C ABI of
//! [`ffi`] (`include/wxsub.h`); Rust hosts use [`Client`] directly.
//!
//! Imports point one way: `ffi → client → ledger → store → {error, config, clock, secret, …}`, and `client → {http,
//! wechat, worker, …}`; `tests/contract/layers.rs` reads them and fails on an arrow that points up. All `unsafe` is in
//! `ffi`, but for one block in `store::sqlite::sync`; all rules in `ledger`, all SQL and Lua in `store`, all facts about
//! WeChat in `wechat`, the sockets in `http` and `store::redis::connection`.

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
mod log;
mod panics;
mod secret;

/// Reads any bytes as a record of the store, for fuzz/fuzz_targets/record.rs.
#[cfg(fuzzing)]
#[doc(hidden)]
pub use ledger::any_record;

pub use client::{Answer, Client, Identity};
pub use config::Config;
pub use error::{Error, QuotaChange, Retry, Status, Verdict};
pub use log::{Level, Sink};
pub use secret::Secret;
