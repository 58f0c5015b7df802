//! Engines that keep records, and know no rule: [`Engine`] is what one must do.
//!
//! What a record says, and what may become of it, is in `ledger`; it hands an engine [`Step`]s.

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
#[cfg(test)]
pub use memory::MemoryEngine;
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
    /// Names and values.
    pub records: Vec<(Name, Vec<u8>)>,
    /// What [`Engine::scan`] goes on with; None: these were the last.
    pub after: Option<Box<[u8]>>,
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
    #[cfg_attr(not(test), allow(dead_code))] // what operators list will page with it; tests do
    fn scan(&self, space: Space, after: Option<Box<[u8]>>, limit: usize, deadline: Deadline) -> Result<Page, Error>;

    /// Changes when the agenda may have changed by others' hands, at little cost; None when there are no others.
    fn version(&self, deadline: Deadline) -> Result<Option<i64>, Error>;

    /// The time that a step would see now, or nearly.
    fn time(&self) -> Time;

    /// Work that no caller shall wait for: checkpoints, dropping what is over. Called now and then after writes.
    fn maintain(&self, is_over: IsOver) -> Result<(), Error>;

    /// Whether [`Engine::maintain`] should not wait for its usual time.
    fn needs_maintenance(&self) -> bool;

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
        StoreAt::Memory => Arc::new(memory::MemoryEngine::default()),
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
