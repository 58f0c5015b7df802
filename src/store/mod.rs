//! Engines that keep records, and know no rule: [`Engine`] is what one must do.
//!
//! What a record says, and what may become of it, is in `ledger`; it hands an engine [`Step`]s.

mod journal;
mod memory;
#[cfg(feature = "redis")]
mod redis;
mod sqlite;
#[cfg_attr(not(feature = "redis"), allow(dead_code, reason = "only Redis may carry a step out twice"))]
mod step;
#[cfg(test)]
pub mod tests;

use std::sync::Arc;

use crate::clock::{self, Deadline};
use crate::config::{Config, StoreAt};
use crate::error::Error;
use crate::latency::Histogram;
pub use journal::{Compacted, Counter, JournalTerms, LogEntry, LogPage, LogQuery, Logged, Replaced};
#[cfg(any(test, fuzzing))]
pub use memory::MemoryEngine;
#[cfg(all(fuzzing, feature = "redis"))]
pub use redis::any_answer as any_redis_answer;
#[cfg(test)]
pub use step::Decide;
pub use step::{Changes, Found, HASHED_ID, Name, Operation, Space, Step, Stop, Time, Trace, View, When, home_of};

/// Whether a passing record is over, told by its name, its value and the time; part of the ledger.
pub type IsOver = fn(&Name, &[u8], &Time) -> bool;

/// Messages that must be looked at.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Agenda {
    /// Those whose time has come, the oldest first; at most one for each player.
    pub ready: Vec<Name>,
    /// Milliseconds until the time of another one comes, 0 or less when more are ready; None: there is no other.
    pub next_ms: Option<i64>,
}

/// Some records of a family.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// What was found.
    pub records: Vec<Scanned>,
    /// What [`Engine::scan`] goes on with; None: these were the last.
    pub after: Option<Box<[u8]>>,
}

/// One record of a family.
#[derive(Debug, PartialEq, Eq)]
pub struct Scanned {
    /// Which.
    pub name: Name,
    /// What it holds.
    pub value: Vec<u8>,
    /// What [`Engine::scan`] goes on with behind this one, for those who do not want the rest of a page.
    pub place: Box<[u8]>,
}

/// How much is on the agenda.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Backlog {
    /// All messages, also those that are being sent.
    pub waiting: u64,
    /// Those that are due.
    pub due: u64,
    /// How long the oldest of those has been due, milliseconds.
    pub oldest_due_ms: u64,
}

/// One account's records. Every method is safe to call from many threads and processes at once.
pub trait Engine: Send + Sync {
    /// Takes a step: reads, decides, and applies the changes all or none. Returns once they are applied, with
    /// [`Step::proven`] once they are surely kept.
    ///
    /// # Errors
    /// What the decision says, and [`crate::Status::Store`]: with [`crate::Retry::Later`] nothing was changed, with
    /// [`crate::Retry::Unsafe`] it is not known whether the changes were applied.
    fn step(&self, step: Step, deadline: Deadline) -> Result<(), Error>;

    /// Calls a decision that changes nothing, on records as they are now, every step that ended or was deferred before
    /// included.
    ///
    /// # Errors
    /// As [`Engine::step`].
    fn read(&self, step: Step, deadline: Deadline) -> Result<(), Error>;

    /// Takes a step with the next ones; nobody waits for it. Every step and read of this process that begins later sees
    /// its effect. If it fails, it is as if it had never been asked for.
    fn defer(&self, step: Step);

    /// Takes the steps that were deferred, and returns when they are done or the deadline is over.
    fn flush(&self, deadline: Deadline);

    /// Messages whose time has come, up to `limit`, without those of players for whom `skip` is true (by
    /// [`Name::home`]).
    fn agenda(&self, limit: usize, skip: &dyn Fn(u64) -> bool, deadline: Deadline) -> Result<Agenda, Error>;

    /// How much is on the agenda, without looking at all of it.
    fn backlog(&self, deadline: Deadline) -> Result<Backlog, Error>;

    /// Up to `limit` records of this family, behind those that ended with `after`, in an order of the engine's own that
    /// does not change: one that stays is found once by those who go on to the end (one that passes, on Redis, maybe twice).
    fn scan(&self, space: Space, after: Option<Box<[u8]>>, limit: usize, deadline: Deadline) -> Result<Page, Error>;

    /// The place of a player's record as a scan goes by it, from `kept` bytes of the id on: the last place before all records
    /// whose ids begin with these, among those that are kept beside this one. With all bytes it is the record's own.
    fn place_of(&self, player: &Name, kept: usize) -> Box<[u8]>;

    /// The same for the records of one player, named by [`Name::home`], in a family whose ids begin with it:
    /// [`Space::Message`].
    fn scan_of(
        &self,
        space: Space,
        home: u64,
        after: Option<Box<[u8]>>,
        limit: usize,
        deadline: Deadline,
    ) -> Result<Page, Error>;

    /// Names the order in which [`Engine::scan`] goes. Campaigns' records keep it beside the place that they have come to:
    /// no two engines have the same, and it never changes.
    fn order(&self) -> u8;

    /// Called behind a proven step: all that was applied before it, elsewhere in the store too, is kept as surely. Where
    /// there is one log, that step says so itself.
    ///
    /// # Errors
    /// As [`Engine::step`].
    fn prove_all(&self, _deadline: Deadline) -> Result<(), Error> {
        Ok(())
    }

    /// Copies the whole store, as it is at one time, into a new file that only its owner may read; returns its bytes.
    ///
    /// # Errors
    /// [`crate::Status::Arg`] when it is not kept in a file, or that path is taken; [`crate::Status::Store`].
    fn backup(&self, _path: &str) -> Result<u64, Error> {
        Err(Error::new(crate::error::Status::Arg, "the store is not a file; its server's own backup has it all"))
    }

    /// How long the steps took that callers waited for.
    fn latency(&self) -> Option<&Histogram> {
        None
    }

    /// Records of this player that are not named by the openid, up to `limit`: messages, and on engines that can find them
    /// without a look at everybody's, keys.
    fn names_of(&self, home: u64, limit: usize, deadline: Deadline) -> Result<Vec<Name>, Error>;

    /// Entries of the log; those that are over are not among them.
    fn log(&self, query: &LogQuery, deadline: Deadline) -> Result<LogPage, Error>;

    /// Takes entries of this player for whom `is_his` is true out of the log; how many there were.
    fn drop_log(&self, home: u64, is_his: &dyn Fn(&[u8]) -> bool, deadline: Deadline) -> Result<u64, Error>;

    /// The counters of these days, both included, in no order.
    fn counters(&self, days: std::ops::RangeInclusive<i64>, deadline: Deadline) -> Result<Vec<(Counter, i64)>, Error>;

    /// Leaves no byte of what was deleted, as far as that is the engine's to do. Writers wait meanwhile.
    fn compact(&self, deadline: Deadline) -> Result<Compacted, Error>;

    /// Changes when the agenda may have changed by others' hands, at little cost; None when there are no others.
    fn version(&self, deadline: Deadline) -> Result<Option<i64>, Error>;

    /// The time that a step would see now, or nearly.
    fn time(&self) -> Time;

    /// Work that no caller shall wait for: checkpoints, dropping what is over. Called now and then after writes.
    fn maintain(&self, is_over: IsOver) -> Result<(), Error>;

    /// Whether [`Engine::maintain`] should not wait for its usual time.
    fn needs_maintenance(&self) -> bool;

    /// Whether maintenance has left something that only another round tells, also where nothing is written.
    fn wants_another_round(&self) -> bool {
        false
    }

    /// Where it is, for the log; without a password.
    fn location(&self) -> &str;

    /// What an operator should know of how it keeps what it is given.
    fn warnings(&self, deadline: Deadline) -> Result<Vec<String>, Error>;

    /// Unix milliseconds by the clock that all who share the store go by.
    fn wall_ms(&self) -> i64 {
        clock::wall_ms()
    }
}

/// Opens the engine that the configuration names.
///
/// # Errors
/// [`crate::Status::Store`] when it cannot be used; a file that is not ours stays untouched.
pub fn open(config: &Config) -> Result<Arc<dyn Engine>, Error> {
    Ok(match &config.store {
        StoreAt::File(path) => Arc::new(sqlite::SqliteEngine::open(config, path)?),
        StoreAt::Memory => Arc::new(memory::MemoryEngine::new(JournalTerms::of(config))),
        #[cfg(feature = "redis")]
        StoreAt::Redis(at) => Arc::new(redis::RedisEngine::open(config, at)?),
        #[cfg(not(feature = "redis"))]
        // Its URL is refused where it is parsed.
        StoreAt::Redis(_) => return Err(Error::new(crate::error::Status::Config, "this build has no Redis")),
    })
}

/// The version of SQLite, as in "3.53.2".
pub fn sqlite_version() -> &'static str {
    rusqlite::version()
}
