//! A step: the unit of work between the ledger, which knows the rules, and an engine, which keeps records.
//!
//! The engine reads the named records and the time together and calls the step's decision. It answers with the names
//! of more records that it needs, or with changes, which the engine applies all or none. A decision is a pure function
//! of what it sees, so an engine may call it again: after more was read, after a conflict, or in another transaction.

use std::sync::Arc;
use std::time::Instant;

use parking_lot::Mutex;
use sha2::{Digest, Sha256};

use super::Engine;
use super::journal::{Counter, JournalTerms, LogEntry};
use crate::clock::{Deadline, Now};
use crate::error::{Error, Status};

/// Which family a record belongs to. An engine may keep each in its own way, but knows nothing of their contents.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Space {
    /// What is known of a player for ever. Its id is the openid.
    Player,
    /// What is known of a player for a while; written together with [`Space::Player`], and absent for idle players.
    Recent,
    /// What an idempotency key or an event's identity has seen; passes.
    Key,
    /// A message that waits or is being sent.
    Message,
    /// What an account has once: token, template list, budgets.
    Account,
}

impl Space {
    /// Every family with its name, which exports hold: never changed.
    pub const ALL: [(&str, Space); 5] = [
        ("account", Space::Account),
        ("player", Space::Player),
        ("recent", Space::Recent),
        ("key", Space::Key),
        ("message", Space::Message),
    ];

    /// Whether its records are dropped when they are over.
    pub fn passes(self) -> bool {
        matches!(self, Space::Recent | Space::Key)
    }
}

/// Names a record within one account.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Name {
    space: Space,
    home: u64,
    id: Box<[u8]>,
}

/// Bytes of the id of a key or a message: the player's hash and 12 of its own.
pub const HASHED_ID: usize = 20;

impl Name {
    /// The player's lasting record.
    pub fn player(openid: &str) -> Name {
        Name { space: Space::Player, home: home_of(openid), id: openid.as_bytes().into() }
    }

    /// The player's passing record.
    pub fn recent(openid: &str) -> Name {
        Name { space: Space::Recent, ..Name::player(openid) }
    }

    /// The record with the same id in the other of a player's two families.
    pub fn also_in(&self, space: Space) -> Name {
        Name { space, ..self.clone() }
    }

    /// A record of this player whose name is a hash of `parts`.
    pub fn hashed(space: Space, openid: &str, parts: &[&[u8]]) -> Name {
        Name::hashed_at(home_of(openid), space, parts)
    }

    /// The same, from any of the player's names: his own hash is not made again.
    pub fn hashed_beside(&self, space: Space, parts: &[&[u8]]) -> Name {
        Name::hashed_at(self.home, space, parts)
    }

    fn hashed_at(home: u64, space: Space, parts: &[&[u8]]) -> Name {
        let mut hasher = Sha256::new();
        for part in parts {
            hasher.update((part.len() as u64).to_be_bytes());
            hasher.update(part);
        }
        let own: [u8; 32] = hasher.finalize().into();
        let mut id = Vec::with_capacity(HASHED_ID);
        id.extend_from_slice(&home.to_be_bytes());
        id.extend_from_slice(&own[..HASHED_ID - 8]);
        Name { space, home, id: id.into() }
    }

    /// A record whose id was read from an index: [`Space::Key`] or [`Space::Message`].
    pub fn from_hashed_id(space: Space, id: &[u8]) -> Option<Name> {
        let home = id.first_chunk::<8>().filter(|_| id.len() == HASHED_ID)?;
        Some(Name { space, home: u64::from_be_bytes(*home), id: id.into() })
    }

    /// The record with this id, as [`Name::id`] gave it.
    pub fn from_id(space: Space, id: &[u8]) -> Option<Name> {
        match space {
            Space::Player => std::str::from_utf8(id).ok().map(Name::player),
            Space::Recent => std::str::from_utf8(id).ok().map(Name::recent),
            Space::Key | Space::Message => Name::from_hashed_id(space, id),
            Space::Account => std::str::from_utf8(id).ok().map(Name::account),
        }
    }

    /// A record that the account has once.
    pub fn account(what: &str) -> Name {
        Name { space: Space::Account, home: 0, id: what.as_bytes().into() }
    }

    /// Its family.
    pub fn space(&self) -> Space {
        self.space
    }

    /// The hash of its player: records of one player have the same, those of the account 0.
    pub fn home(&self) -> u64 {
        self.home
    }

    /// Its id within the family.
    pub fn id(&self) -> &[u8] {
        &self.id
    }
}

/// The hash by which a player's records are kept together. Never changed: it is where they are.
pub fn home_of(openid: &str) -> u64 {
    let digest: [u8; 32] = Sha256::digest(openid.as_bytes()).into();
    digest.first_chunk::<8>().map_or(0, |first| u64::from_be_bytes(*first))
}

/// The time of a step, read together with its records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Time {
    /// Unix milliseconds.
    pub wall_ms: i64,
    /// Milliseconds of a clock that nobody can set, meaningful with `boot`.
    pub boot_ms: i64,
    /// Names the life of that clock.
    pub boot: u32,
}

impl Time {
    /// The life of a server's clock that has no boots.
    pub const SERVER: u32 = 0;

    /// The time of a server that tells one clock only.
    pub fn of_server(wall_ms: i64) -> Time {
        Time { wall_ms, boot_ms: wall_ms, boot: Time::SERVER }
    }
}

impl From<&Now> for Time {
    fn from(now: &Now) -> Time {
        // A process sees one boot, but for tests.
        static LAST: Mutex<Option<(&'static str, u32)>> = Mutex::new(None);
        let mut last = LAST.lock();
        let boot = match *last {
            Some((boot_id, boot)) if boot_id == now.boot_id => boot,
            _ => {
                let digest: [u8; 32] = Sha256::digest(now.boot_id.as_bytes()).into();
                let boot = digest.first_chunk::<4>().map_or(1, |first| u32::from_be_bytes(*first));
                last.insert((now.boot_id, boot)).1
            }
        };
        // 0 is the server's.
        Time { wall_ms: now.wall_ms, boot_ms: now.boot_ms, boot: boot.max(1) }
    }
}

/// Records as they were read, in the order of their names; None: there is no such record.
pub type Records = Vec<(Name, Option<Vec<u8>>)>;

/// What a decision sees.
#[derive(Debug)]
pub struct View<'a> {
    /// The time, read together with the records.
    pub time: Time,
    /// This step's number among all processes' steps, where an answer may be lost on its way; it is to be left in the
    /// record that [`Step::trace`] names.
    pub step_id: Option<u64>,
    /// What was read.
    pub records: &'a Records,
    /// How the account's journal is kept.
    pub journal: JournalTerms,
}

impl<'a> View<'a> {
    /// The record with this name.
    ///
    /// # Errors
    /// [`Stop::Need`] when it was not read yet.
    pub fn get(&self, name: &Name) -> Result<Option<&'a [u8]>, Stop> {
        match self.records.iter().find(|(other, _)| other == name) {
            Some((_, value)) => Ok(value.as_deref()),
            None => Err(Stop::Need(vec![name.clone()])),
        }
    }

    /// Makes sure that all of these are there, so that what is missing is read at once.
    ///
    /// # Errors
    /// [`Stop::Need`] with those that were not read yet.
    #[cfg(test)]
    pub fn need(&self, names: &[Name]) -> Result<(), Stop> {
        let missing: Vec<Name> =
            names.iter().filter(|name| !self.records.iter().any(|(other, _)| other == *name)).cloned().collect();
        if missing.is_empty() { Ok(()) } else { Err(Stop::Need(missing)) }
    }
}

/// Why a decision did not come to changes.
#[derive(Debug)]
pub enum Stop {
    /// It must see these, too.
    Need(Vec<Name>),
    /// It can't: the caller gets this, nothing is changed.
    Fail(Error),
}

impl From<Error> for Stop {
    fn from(e: Error) -> Stop {
        Stop::Fail(e)
    }
}

/// One record's new value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Put {
    /// Which; it was read by the same step.
    pub name: Name,
    /// None: it goes.
    pub value: Option<Vec<u8>>,
    /// The engine may drop it this long after it was last written (one without clocks of its own must); None: never.
    pub life_ms: Option<i64>,
}

/// When a message must be looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// At this Unix time in milliseconds.
    At(i64),
    /// So many milliseconds from now, by the clock that nobody can set.
    In(i64),
    /// Not any more.
    Never,
}

/// What a step changes, all or none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Records, each at most once. They take effect under the values that were read.
    pub puts: Vec<Put>,
    /// The agenda: one entry for each message.
    pub agenda: Vec<(Name, When)>,
    /// What is added to counters, each at most once.
    pub adds: Vec<(Counter, i64)>,
    /// What is appended to the log.
    pub log: Vec<LogEntry>,
}

impl Changes {
    /// Whether there is nothing to apply.
    pub fn is_empty(&self) -> bool {
        let Changes { puts, agenda, adds, log } = self;
        puts.is_empty() && agenda.is_empty() && adds.is_empty() && log.is_empty()
    }

    /// Adds to a counter.
    pub fn add(&mut self, counter: Counter, n: i64) {
        match self.adds.iter_mut().find(|(other, _)| *other == counter) {
            Some((_, sum)) => *sum += n,
            None => self.adds.push((counter, n)),
        }
    }

    /// What becomes of a record, None: nothing was said of it yet; it goes when that is `Some(None)`.
    pub fn made(&self, name: &Name) -> Option<Option<&[u8]>> {
        self.puts.iter().find(|put| put.name == *name).map(|put| put.value.as_deref())
    }

    /// Adds a record's new value; the last word on a record counts.
    pub fn put(&mut self, name: Name, value: Option<Vec<u8>>, life_ms: Option<i64>) {
        self.puts.retain(|put| put.name != name);
        self.puts.push(Put { name, value, life_ms });
    }

    /// Says when a message must be looked at.
    pub fn look_at(&mut self, message: Name, when: When) {
        self.agenda.retain(|(name, _)| *name != message);
        self.agenda.push((message, when));
    }
}

/// What is found out about a step whose answer was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// It was done.
    Done,
    /// It was not done.
    NotDone,
    /// It can't be told any more.
    InDoubt,
}

/// How to find out whether a step was done whose answer was lost.
#[derive(Clone, Debug)]
pub struct Trace {
    /// The record in which the step leaves its number.
    pub name: Name,
    /// From that record's name, its value as it was read before the step and as it is now, and the step's number.
    #[allow(clippy::type_complexity)] // a function
    pub find: fn(name: &Name, before: Option<&[u8]>, now: Option<&[u8]>, step_id: u64) -> Found,
}

/// A pure function from what a step sees to what it changes.
pub type Decide = Box<dyn FnMut(&View<'_>) -> Result<Changes, Stop> + Send>;

/// One step, as engines take it.
pub struct Step {
    /// What is read first.
    pub reads: Vec<Name>,
    /// Whether it must be on disk, proven, before anybody is told of it.
    pub proven: bool,
    /// How a lost answer is resolved; None: the step may be repeated without harm.
    pub trace: Option<Trace>,
    /// The rules.
    pub decide: Decide,
}

/// A step with an answer, as the ledger makes them.
pub struct Operation<A> {
    /// As in [`Step`].
    pub reads: Vec<Name>,
    /// As in [`Step`].
    pub proven: bool,
    /// As in [`Step`].
    pub trace: Option<Trace>,
    /// The rules: changes and what the caller is told.
    #[allow(clippy::type_complexity)] // a function from a view to changes and an answer
    pub decide: Box<dyn FnMut(&View<'_>) -> Result<(Changes, A), Stop> + Send>,
}

impl<A: Send + 'static> Operation<A> {
    /// The step, and where its answer will be: that of the last call of its decision.
    fn into_step(mut self) -> (Step, Arc<Mutex<Option<A>>>) {
        let answer = Arc::new(Mutex::new(None));
        let filled = Arc::clone(&answer);
        let decide = move |view: &View<'_>| {
            let (changes, told) = (self.decide)(view)?;
            *filled.lock() = Some(told);
            Ok(changes)
        };
        (Step { reads: self.reads, proven: self.proven, trace: self.trace, decide: Box::new(decide) }, answer)
    }
}

impl dyn Engine + '_ {
    /// Takes a step and returns its answer once its changes are applied (with `proven`: and surely kept).
    ///
    /// # Errors
    /// What the decision says, and [`Status::Store`]: with [`crate::Retry::Later`] nothing was changed, with
    /// [`crate::Retry::Unsafe`] it is not known.
    pub fn run<A: Send + 'static>(&self, operation: Operation<A>, deadline: Deadline) -> Result<A, Error> {
        let (step, answer) = operation.into_step();
        self.timed(|| self.step(step, deadline))?;
        take(&answer)
    }

    /// Reads what an operation without changes asks for.
    ///
    /// # Errors
    /// As [`Engine::step`].
    pub fn ask<A: Send + 'static>(&self, operation: Operation<A>, deadline: Deadline) -> Result<A, Error> {
        let (step, answer) = operation.into_step();
        self.timed(|| self.read(step, deadline))?;
        take(&answer)
    }

    fn timed(&self, work: impl FnOnce() -> Result<(), Error>) -> Result<(), Error> {
        let Some(latency) = self.latency() else { return work() };
        let began = Instant::now();
        let done = work();
        latency.observe(began.elapsed());
        done
    }

    /// Takes a step soon without waiting for it; whatever begins after this call sees its effect.
    pub fn run_later<A: Send + 'static>(&self, operation: Operation<A>) {
        self.defer(operation.into_step().0);
    }
}

fn take<A>(answer: &Mutex<Option<A>>) -> Result<A, Error> {
    answer.lock().take().ok_or_else(|| Error::new(Status::Internal, "a step of the store ended without an answer"))
}
