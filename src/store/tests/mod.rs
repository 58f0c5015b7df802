//! The rules of the store, on each engine, under clocks that the tests set.

mod bench;
mod counts;
mod keys;
mod outbox;
mod outbox_bench;
mod outbox_keys;
mod outbox_model;
#[cfg(feature = "redis")]
mod server;
mod tokens;
mod turns;

use std::sync::atomic::{AtomicUsize, Ordering};

#[cfg(feature = "redis")]
use super::redis::RedisStore;
use super::sqlite::{PRUNE_EVERY_MS, PRUNED_AT_ONCE, SqliteStore};
use super::*;
use crate::error::{QuotaChange, Retry, Status};
use bench::*;
use outbox_bench::*;
