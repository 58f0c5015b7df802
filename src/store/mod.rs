//! The ledger: what each player still allows, who is being sent to, which keys were used, and the access token.
//!
//! [`Store`] is what an engine must do; every rule about the count is stated there once. Times come in as [`Now`], so
//! that an engine needs no clock of its own.

mod kept;
mod outbox;
#[cfg(feature = "redis")]
mod redis;
mod sqlite;

use std::sync::Arc;

use crate::clock::{self, Deadline, Now};
use crate::config::{Config, StoreAt, TokenMode};
use crate::error::{Error, QuotaChange, Verdict};
use crate::secret::Secret;
pub use outbox::{After, Backlog, Cancelled, Claimed, Claims, Letter, Look, NewMessage, Put};

/// What an answer does to one template's count, or to all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Granted += 1.
    Grant,
    /// Granted += 1 unless the count is above 0 already: what lasts is on or off.
    SwitchOn,
    /// Gone = granted, the count is 0.
    Clear,
    /// The same for every template of the player. Its template id is empty.
    ClearAll,
    /// Nothing; only tells the count.
    Look,
}

/// A player's answer for one template.
#[derive(Clone, Debug)]
pub struct Item {
    /// The template; empty with [`Change::ClearAll`].
    pub template_id: String,
    /// What the answer does.
    pub change: Change,
    /// The template is on or off: a count above 0 is told as 1.
    pub lasting: bool,
    /// The answer is an act of the player's that reaches us twice, from the game and as WeChat's event.
    pub act: bool,
}

/// What a player answered in the game, applied together or not at all.
#[derive(Clone, Debug)]
pub struct Report {
    /// The player.
    pub openid: String,
    /// By template.
    pub items: Vec<Item>,
    /// Idempotency, for each template of its own.
    pub key: Option<String>,
}

/// What WeChat pushed about a player, applied together or not at all, each part once.
#[derive(Clone, Debug)]
pub struct Event {
    /// The player.
    pub openid: String,
    /// When it happened, in Unix milliseconds by WeChat's clock.
    pub created_wall: i64,
    /// Each with what names it among all events: a second one of the same name changes nothing.
    pub parts: Vec<(String, EventPart)>,
}

/// One part of an event.
#[derive(Clone, Debug)]
pub enum EventPart {
    /// The player answered, in a dialog or in the settings.
    Answer(Item),
    /// What became of a send: settles the oldest maybe of the player and template, if its msgid is not known.
    Sent {
        /// The template.
        template_id: String,
        /// What the send's key answers from now on; its msgid says which send it was.
        verdict: Verdict,
        /// What becomes of the unit.
        outcome: Outcome,
    },
}

/// What one item of a report, or one part of an event, did.
#[derive(Debug)]
pub enum Applied {
    /// It was applied.
    Now {
        /// What it did.
        quota: QuotaChange,
        /// The count after it.
        remaining: i64,
    },
    /// The same act had come the other way before; nothing was changed. With the count.
    Paired(i64),
    /// The key, or the event, was seen before: this was the first one's answer.
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
    /// The template is on or off: no unit is held or spent.
    pub lasting: bool,
    /// Idempotency.
    pub key: Option<String>,
    /// Names this send among all processes.
    pub holder: i64,
    /// Names the client: processes that wait for one player's turn take it by turns.
    pub process: i64,
    /// How long the turn and the unit are its own, from now.
    pub lease_ms: i64,
    /// The message of the outbox that is to be sent, and the claim on it.
    pub message: Option<(i64, i64)>,
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
    /// The message was cancelled, replaced, or taken over.
    Gone,
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
    /// It was not sent: nothing is gone.
    Returned,
    /// Maybe it was sent: nothing is gone, the player's turn is kept for a while, since WeChat may still be working on
    /// the request, and a late event may settle it.
    Maybe,
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
    /// Kept for the key, with the count that the settlement finds.
    pub verdict: Verdict,
    /// What becomes of the outbox's message. When it waits again, nothing is kept for the key.
    pub after: After,
}

/// What a settlement found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settled {
    /// The count that is left.
    pub remaining: i64,
    /// Whether the outbox's message was still this send's; true for a send without one.
    pub message: bool,
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
    fn report(&self, report: Report, now: Now, deadline: Deadline) -> Result<Vec<Applied>, Error>;

    /// Applies an event, as durably as a report. `Err(ms)` inside: a send to the player runs, for so many milliseconds
    /// at most, and what became of it must be known first.
    fn event(&self, event: Event, now: Now, deadline: Deadline) -> Result<Result<Vec<Applied>, i64>, Error>;

    /// The account's templates as they were kept, and how many milliseconds ago.
    fn templates(&self, now: &Now, deadline: Deadline) -> Result<Option<(String, i64)>, Error>;

    /// Keeps the account's templates.
    fn put_templates(&self, list: String, now: Now, deadline: Deadline) -> Result<(), Error>;

    /// The count, as far as nothing of it is held.
    fn remaining(&self, openid: &str, template_id: &str, now: &Now, deadline: Deadline) -> Result<i64, Error>;

    /// Whether anything is left, or held by a send that may give it back.
    fn has_any(&self, openid: &str, template_id: &str, deadline: Deadline) -> Result<bool, Error>;

    /// Takes the player's turn and one unit, if both are free. With a key, the mark "in progress" is on disk when
    /// this returns.
    fn begin(&self, want: Want, now: Now, deadline: Deadline) -> Result<Begun, Error>;

    /// Ends a send; also one whose lease is over.
    fn settle(&self, settlement: Settlement, now: Now, deadline: Deadline) -> Result<Settled, Error>;

    /// Lets a message wait for its time. It is on disk when this returns, or what is told of its key.
    fn put_message(&self, message: NewMessage, now: Now, deadline: Deadline) -> Result<Put, Error>;

    /// Milliseconds until [`Store::claim_messages`] may find something, 0 or less when it may now; None: nothing waits.
    fn next_message_ms(&self, now: &Now, deadline: Deadline) -> Result<Option<i64>, Error>;

    /// Takes up to so many messages that are due. What a dead process was sending ends as a maybe, or waits again.
    fn claim_messages(
        &self,
        claim: i64,
        most: usize,
        lease_ms: i64,
        now: Now,
        deadline: Deadline,
    ) -> Result<Claims, Error>;

    /// Ends a claimed message that was not begun, keeping the verdict for its key, or lets it wait again; false when the
    /// claim was gone.
    fn finish_message(
        &self,
        message: Claimed,
        after: After,
        verdict: Option<Verdict>,
        now: Now,
        deadline: Deadline,
    ) -> Result<bool, Error>;

    /// Gives a claim back as if it had never been.
    fn release_message(&self, message: Claimed, deadline: Deadline) -> Result<(), Error>;

    /// Removes a message that waits; the verdict is kept for its key. On disk when this returns.
    fn cancel_message(
        &self,
        openid: &str,
        key: &str,
        verdict: Verdict,
        now: Now,
        deadline: Deadline,
    ) -> Result<Cancelled, Error>;

    /// What is known of a keyed message, waiting, being sent or ended.
    fn look_up(&self, openid: &str, key: &str, now: &Now, deadline: Deadline) -> Result<Look, Error>;

    /// How much waits.
    fn backlog(&self, now: &Now, deadline: Deadline) -> Result<Backlog, Error>;

    /// Changes when anybody has written, without a look at the disk; None when nobody else can.
    fn version(&self, deadline: Deadline) -> Result<Option<i64>, Error>;

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

    /// Gives the claim up without a word about WeChat: the caller's own time was over.
    fn release_token(&self, mode: TokenMode, holder: i64, deadline: Deadline) -> Result<(), Error>;

    /// Marks this token, and no other, as dead.
    fn kill_token(&self, mode: TokenMode, token: Secret, now: Now, deadline: Deadline) -> Result<(), Error>;

    /// Takes one of the forced refreshes that WeChat allows. `Err(ms)` inside: not for so many milliseconds.
    fn force_token(&self, now: Now, deadline: Deadline) -> Result<Result<(), i64>, Error>;

    /// Work that no caller shall wait for: checkpoints, pruning. Called now and then after writes.
    fn upkeep(&self, now: &Now) -> Result<(), Error>;

    /// Whether [`Store::upkeep`] should not wait for its usual time.
    fn needs_upkeep(&self) -> bool;

    /// Where it is, for the log; without a password.
    fn place(&self) -> &str;

    /// What an operator should know of how it keeps what it is given.
    fn warnings(&self, deadline: Deadline) -> Result<Vec<String>, Error>;

    /// Unix milliseconds by the clock that all who share the store go by.
    fn wall_ms(&self) -> i64 {
        clock::wall_ms()
    }
}

/// After a maybe the player's turn is kept so long.
pub const KEEP_TURN_MS: i64 = 2000;

/// WeChat allows so many forced refreshes a day (wechat-api: section 2) …
pub const FORCED_PER_DAY: i64 = 20;
/// … this far apart.
pub const FORCED_APART_MS: i64 = 30_000;

/// Opens the store that the configuration names.
///
/// # Errors
/// [`crate::Status::Store`] when it cannot be used; a file that is not ours stays untouched.
pub fn open(config: &Config) -> Result<Arc<dyn Store>, Error> {
    Ok(match &config.store {
        StoreAt::File(path) => Arc::new(sqlite::SqliteStore::open(config, path)?),
        StoreAt::Memory => Arc::new(sqlite::SqliteStore::open(config, ":memory:")?),
        #[cfg(feature = "redis")]
        StoreAt::Redis(at) => Arc::new(redis::RedisStore::open(config, at)?),
        #[cfg(not(feature = "redis"))]
        StoreAt::Redis(_) => return Err(Error::new(crate::error::Status::Config, "this build has no Redis")),
    })
}

/// The engine's version, as in "3.53.2".
pub fn engine_version() -> &'static str {
    rusqlite::version()
}

#[cfg(test)]
mod tests;
