//! What the history needs of a player's last hour: refusals that may be repeated, and how many answers were entered.

/// The time in which repeats are told in one entry and answers are bounded.
pub const RUN_MS: i64 = 3_600_000;

/// A refusal that may be repeated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// Says what its entries begin with.
    pub sum: u32,
    /// When it began, Unix milliseconds.
    pub first_ms: i64,
    /// When its entry was written.
    pub last_ms: i64,
    /// How often it happened.
    pub times: u64,
}

/// How many answers were entered since when.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pace {
    /// Unix milliseconds.
    pub since_ms: i64,
    /// Entries.
    pub entries: u32,
}

impl Pace {
    /// Whether a new one begins.
    pub fn is_over(self, now_ms: i64) -> bool {
        !(0..RUN_MS).contains(&now_ms.saturating_sub(self.since_ms))
    }
}
