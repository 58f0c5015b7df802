//! The rules of the ledger, on engines, under clocks that the tests set.

mod ask;
mod budgets;
mod campaigns;
mod counts_model;
mod fixture;
mod journal;
mod journal_model;
mod keys;
mod leases;
mod lossy;
mod outbox;
mod outbox_fixture;
mod outbox_keys;
mod outbox_model;
mod pairing;
mod purity;
mod records;
mod rules;
mod sizes;
mod tokens;
mod world;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::*;
use crate::clock::Deadline;
use crate::error::{Error, QuotaChange, Retry, Status, Verdict};
use crate::store::tests::fixture::{Fixture as StoreFixture, every_engine};
use crate::store::{Engine, MemoryEngine, Operation, Time};
use fixture::*;
use outbox_fixture::*;

/// Runs each test on each engine whose clocks a test can set: one that has the machine's, and one that is told a server's,
/// gives numbers to its steps and loses answers.
macro_rules! under_set_clocks {
    ($($test:ident;)*) => {
        $(mod $test {
            #[test]
            fn machine() {
                super::$test(super::Fixture::machine);
            }

            #[test]
            fn server() {
                super::$test(super::Fixture::server);
            }
        })*
    };
}
use under_set_clocks;

/// Runs each test, which needs no other clock than the real one, on each engine.
macro_rules! for_each_engine {
    ($($test:ident;)*) => { every_engine! { on_engine: $($test;)* } };
}
use for_each_engine;

macro_rules! on_engine {
    ($test:ident, $engine:ident) => {
        super::$test(|| super::Fixture::on(super::StoreFixture::$engine()))
    };
}
use on_engine;
