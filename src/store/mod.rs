//! The ledger: what each player still allows, who is being sent to, which keys were used, and the access token.
//!
//! [`Store`] is what an engine must do; every rule about the count is stated there once. Times come in as [`Now`], so
//! that an engine needs no clock of its own.

mod sqlite;

use std::sync::Arc;

use crate::clock::{Deadline, Now};
use crate::config::{Config, TokenMode};
use crate::error::{Error, QuotaChange, Verdict};
use crate::secret::Secret;

/// What a report does to one template's count, or to all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Granted += 1.
    Grant,
    /// Gone = granted, the count is 0.
    Clear,
    /// The same for every template of the player, and all switches off. Its template id is empty.
    ClearAll,
    /// A switch (a system type) on or off; no count.
    Switch(bool),
    /// Nothing; only tells the count.
    Look,
    /// Nothing; only tells the switch.
    LookSwitch,
}

/// A player's answers of one act, applied together or not at all.
#[derive(Clone, Debug)]
pub struct Report {
    /// The player.
    pub openid: String,
    /// By template id.
    pub changes: Vec<(String, Change)>,
    /// Idempotency, for each template of its own.
    pub key: Option<String>,
}

/// What one change of a report did.
#[derive(Debug)]
pub enum Reported {
    /// It was applied.
    Now {
        /// What it did.
        quota: QuotaChange,
        /// The count after it.
        remaining: i64,
    },
    /// The key was seen before: this was the first one's answer.
    Before(Verdict),
}

/// A send that wants to begin.
#[derive(Clone, Debug)]
pub struct Want {
    /// The player.
    pub openid: String,
    /// The template.
    pub template_id: String,
    /// Whether a count of 0 stops it; else it goes on, holding nothing.
    pub enforce: bool,
    /// Idempotency.
    pub key: Option<String>,
    /// Names this send among all processes.
    pub holder: i64,
    /// How long the turn and the unit are its own, from now.
    pub lease_ms: i64,
}

/// How a send may begin.
#[derive(Debug)]
pub enum Begun {
    /// It has the player's turn, and a unit if there was one.
    Held(Hold),
    /// The key was seen before, and this is what became of it.
    Before(Verdict),
    /// The count is 0.
    NoQuota,
    /// Another send to the player, or with the key, runs; its lease ends in so many milliseconds at the latest.
    Busy(i64),
    /// The key belongs to a send with this other template.
    OtherTemplate(String),
}

/// The player's turn, and maybe a unit.
#[derive(Clone, Debug)]
pub struct Hold {
    /// What was asked for.
    pub want: Want,
    /// Granted, when the hold was taken: it may spend and clear nothing that was granted later.
    pub granted: i64,
    /// Whether a unit is held (a count of 0 may be observed and not enforced).
    pub unit: bool,
}

/// What becomes of the unit of a hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The message was taken: gone += 1, if gone < granted at the hold.
    Spent,
    /// It was not sent, or maybe: nothing is gone.
    Returned,
    /// The player refuses: gone = granted at the hold.
    Cleared,
}

/// How a send ended.
#[derive(Clone, Debug)]
pub struct Settlement {
    /// What it held.
    pub hold: Hold,
    /// What becomes of the unit.
    pub outcome: Outcome,
    /// The player's turn is kept so much longer, since WeChat may still be working on the request.
    pub keep_turn_ms: i64,
    /// Kept for the key, with the count that the settlement finds.
    pub verdict: Verdict,
}

/// A token as another process, or an earlier life of this one, left it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredToken {
    /// The token.
    pub token: Secret,
    /// Milliseconds that are left of it, by whichever clock says less.
    pub left_ms: i64,
    /// Milliseconds it was good for when it was handed out.
    pub life_ms: i64,
}

/// Who asks for a new token.
#[derive(Clone, Debug)]
pub struct TokenAsk {
    /// Names the caller among all processes.
    pub holder: i64,
    /// How long others wait for it at most.
    pub lease_ms: i64,
    /// A token with less left than this is not good enough.
    pub need_ms: i64,
}

/// Whether to ask WeChat for a token.
#[derive(Debug)]
pub enum TokenClaim {
    /// No: here is a good one.
    Ready(StoredToken),
    /// Yes. `dead` is the token that WeChat refused last, `failures` counts the tries that failed since the last success.
    Ask {
        /// The token that WeChat refused last.
        dead: Option<Secret>,
        /// Tries that failed since the last success.
        failures: u32,
    },
    /// Another process asks, for at most so many milliseconds.
    Wait(i64),
    /// Asking failed a moment ago, with this; nobody asks again for so many milliseconds.
    Failed(Error, i64),
}

/// One account's ledger. Every method is safe to call from many threads and processes at once; a failure has changed
/// nothing ([`crate::Status::Store`]).
///
/// Per player and template two numbers only grow, granted G and gone B; the count is G − B − held, never below zero.
/// A hold counts as held while its lease lasts and while its units are not gone already.
pub trait Store: Send + Sync {
    /// Applies a report. When this returns, grants and their key are on disk (fsynced, if so configured).
    fn report(&self, report: Report, now: Now, deadline: Deadline) -> Result<Vec<Reported>, Error>;

    /// The count; for a switch 1 or 0.
    fn remaining(
        &self,
        openid: &str,
        template_id: &str,
        switch: bool,
        now: &Now,
        deadline: Deadline,
    ) -> Result<i64, Error>;

    /// Takes the player's turn and one unit, if both are free. With a key, the mark "in progress" is on disk when
    /// this returns.
    fn begin(&self, want: Want, now: Now, deadline: Deadline) -> Result<Begun, Error>;

    /// Ends a send; also one whose lease is over. Returns the count that is left.
    fn settle(&self, settlement: Settlement, now: Now, deadline: Deadline) -> Result<i64, Error>;

    /// The token, if there is one that is alive and not known dead.
    fn token(&self, mode: TokenMode, now: &Now, deadline: Deadline) -> Result<Option<StoredToken>, Error>;

    /// Asks whether to ask: one caller at a time among all processes.
    fn claim_token(&self, mode: TokenMode, ask: TokenAsk, now: Now, deadline: Deadline) -> Result<TokenClaim, Error>;

    /// Leaves a new token for all.
    fn put_token(
        &self,
        mode: TokenMode,
        token: Secret,
        life_ms: i64,
        now: Now,
        deadline: Deadline,
    ) -> Result<(), Error>;

    /// Leaves word that asking failed and that nobody shall ask for so many milliseconds.
    fn fail_token(
        &self,
        mode: TokenMode,
        holder: i64,
        why: Error,
        pause_ms: i64,
        now: Now,
        deadline: Deadline,
    ) -> Result<(), Error>;

    /// Marks this token, and no other, as dead.
    fn kill_token(&self, mode: TokenMode, token: Secret, now: Now, deadline: Deadline) -> Result<(), Error>;

    /// Takes one of the forced refreshes that WeChat allows. `Err(ms)` inside: not for so many milliseconds.
    fn force_token(&self, now: Now, deadline: Deadline) -> Result<Result<(), i64>, Error>;

    /// Work that no caller shall wait for: checkpoints, pruning. Called now and then after writes.
    fn upkeep(&self, now: &Now) -> Result<(), Error>;

    /// Whether [`Store::upkeep`] should not wait for its usual time.
    fn needs_upkeep(&self) -> bool;

    /// Where it is, for the log.
    fn place(&self) -> &str;
}

/// WeChat allows so many forced refreshes a day (wechat-api: section 2) …
pub const FORCED_PER_DAY: i64 = 20;
/// … this far apart.
pub const FORCED_APART_MS: i64 = 30_000;

/// Opens the store that the configuration names.
///
/// # Errors
/// [`crate::Status::Store`] when it cannot be used; a file that is not ours stays untouched.
pub fn open(config: &Config) -> Result<Arc<dyn Store>, Error> {
    Ok(Arc::new(sqlite::SqliteStore::open(config)?))
}

/// The engine's version, as in "3.53.2".
pub fn engine_version() -> &'static str {
    rusqlite::version()
}
