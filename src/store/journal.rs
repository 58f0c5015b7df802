//! What a step leaves for people to read: entries of a log, and counters of days. Both are added without a look at what is
//! there, so strangers' entries and counters never conflict.

use crate::config::Config;

pub const DAY_MS: i64 = 86_400_000;
/// For an observer nothing of what others wrote is over: a hundred years.
pub const OBSERVERS_DAYS: u32 = 36_500;

/// How the account's journal is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JournalTerms {
    /// What is added to UTC before days are counted.
    pub utc_offset_ms: i64,
    /// How many days the log is kept; 0: nothing is written to it.
    pub history_days: u32,
    /// How many days counters are kept.
    pub funnel_days: u32,
    /// An observer's: it writes like any other, and nothing that is there is over for it.
    pub shows_all: bool,
}

impl JournalTerms {
    /// As the configuration says. An observer's says nothing of how long others keep what they wrote.
    pub fn of(config: &Config) -> JournalTerms {
        let Config { utc_offset_ms, history_days, funnel_days, observer, .. } = *config;
        JournalTerms { utc_offset_ms, history_days, funnel_days, shows_all: observer }
    }

    /// The day of this Unix time in milliseconds, counted from 1970-01-01.
    pub fn day_of(&self, wall_ms: i64) -> i64 {
        wall_ms.saturating_add(self.utc_offset_ms).div_euclid(DAY_MS)
    }

    /// Entries from before this Unix time in milliseconds are over.
    pub fn log_from_ms(&self, now_ms: i64) -> i64 {
        now_ms.saturating_sub(self.days(self.history_days) * DAY_MS)
    }

    /// Counters of days before this one are over.
    pub fn counters_from_day(&self, now_ms: i64) -> i64 {
        self.day_of(now_ms) - self.days(self.funnel_days) + 1
    }

    fn days(&self, kept: u32) -> i64 {
        i64::from(if self.shows_all { OBSERVERS_DAYS } else { kept })
    }
}

impl Default for JournalTerms {
    fn default() -> JournalTerms {
        JournalTerms { utc_offset_ms: 8 * 3_600_000, history_days: 30, funnel_days: 400, shows_all: false }
    }
}

/// A counter of a day.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Counter {
    /// As in [`JournalTerms::day_of`].
    pub day: i64,
    /// What is counted.
    pub name: Box<[u8]>,
}

/// An entry for the log. When it was made is the engine's to keep.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogEntry {
    /// Whose, by [`Name::home`].
    pub home: u64,
    /// What it says.
    pub text: Vec<u8>,
    /// It stands for an older one, too, which goes.
    pub replaces: Option<Replaced>,
    /// It was made then in another ledger, Unix milliseconds; None: now. Those of a player come in the order of time, and an
    /// engine may pass over one that comes behind a newer one.
    pub made_ms: Option<i64>,
}

/// The entry that another one replaces: made by a step of this time, with the same beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Replaced {
    /// The step's Unix milliseconds.
    pub at_ms: i64,
    /// Bytes in which both are the same; others of this time differ in them.
    pub prefix: usize,
}

/// Which entries are asked for, the newest first unless it says else.
#[derive(Clone, Debug, Default)]
pub struct LogQuery {
    /// Those of this player only, by [`Name::home`]; others that come with them must be borne.
    pub home: Option<u64>,
    /// Not before this Unix time in milliseconds …
    pub from_ms: i64,
    /// … and before this one.
    pub to_ms: i64,
    /// Behind the entry with this position.
    pub after: Option<Box<[u8]>>,
    /// Entries that are looked at, at most; about as many come back.
    pub limit: usize,
    /// From the oldest to the newest.
    pub oldest_first: bool,
}

/// An entry as it is found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logged {
    /// When it was made, Unix milliseconds.
    pub at_ms: i64,
    /// What it says.
    pub text: Vec<u8>,
    /// For [`LogQuery::after`].
    pub position: Box<[u8]>,
}

/// Some entries of the log.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct LogPage {
    /// In the order that was asked for.
    pub entries: Vec<Logged>,
    /// Whether there may be more behind the last one; then there is one.
    pub more: bool,
}

/// What compacting came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compacted {
    /// The file was rewritten.
    Rewritten {
        /// Bytes of the file before …
        before: u64,
        /// … and after.
        after: u64,
    },
    /// There is nothing to rewrite, in words.
    Note(&'static str),
}
