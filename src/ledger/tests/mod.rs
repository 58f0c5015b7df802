//! The rules of the ledger, on engines, under clocks that the tests set.

mod counts_model;
mod fixture;
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
mod sizes;
mod tokens;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::*;
use crate::clock::Deadline;
use crate::error::{Error, QuotaChange, Retry, Status, Verdict};
use crate::store::tests::fixture::Fixture as StoreFixture;
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
    ($($test:ident;)*) => {
        $(mod $test {
            #[test]
            fn memory() {
                super::$test(|| super::Fixture::on(super::StoreFixture::memory()));
            }

            #[test]
            fn sqlite() {
                super::$test(|| super::Fixture::on(super::StoreFixture::sqlite()));
            }

            #[cfg(feature = "redis")]
            #[test]
            fn redis() {
                super::$test(|| super::Fixture::on(super::StoreFixture::redis()));
            }
        })*
    };
}
use for_each_engine;
