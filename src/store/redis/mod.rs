//! Records in Redis or Valkey, for machines that share one ledger.
//!
//! A step reads its records and the server's time, decides here, and is applied by one script that compares what was read;
//! if others were faster the script returns what is there, and the step decides again. Every key of a step is in one slot.

mod agenda;
mod announcement;
#[cfg(any(test, fuzzing))]
mod any_answer;
mod connection;
mod deferred;
mod durability;
mod engine;
mod entries;
mod error;
mod fan_out;
mod format;
mod journal;
mod keys;
mod node;
mod player_locks;
mod proof;
mod required_commands;
mod resp;
mod router;
mod scan;
mod script;
mod seen;
mod slots;
mod step_run;
mod step_try;
#[cfg(test)]
pub mod tests;

#[cfg(any(test, fuzzing))]
pub use any_answer::any_answer;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use once_cell::sync::OnceCell;
use parking_lot::Mutex;

use super::{Engine, JournalTerms, Step, Stop, Time, View};
use crate::clock::{self, Deadline};
use crate::config::{Config, RedisAt};
use crate::error::{Error, Status};
use crate::latency::Histogram;
use agenda::whole;
use announcement::Announcement;
use error::Failure;
use keys::{Keys, Place};
use node::Answers;
use player_locks::{Memory, PlayerLocks};
use resp::Value;
use router::{Request, Router};
use script::{Command, time_ms};
use seen::Seen;
use step_run::{Next, Run};

/// The clock of a server that answers later than this is not taken over.
const LONGEST_CLOCK_CALL: Duration = Duration::from_millis(400);
/// How long what was put off is waited for when the store is closed.
const CLOSING_MS: u64 = 1000;
/// How often a process asks whether the journal needs a round, and how long that may take.
const JOURNAL_EVERY: Duration = Duration::from_secs(600);
const JOURNAL_ROUND_MS: u64 = 30_000;
/// Others may be faster so often before a pause.
const CONFLICTS: u32 = 3;

/// One account's records in Redis.
pub struct RedisEngine {
    core: Arc<Core>,
    latency: Histogram,
    /// Whether there is a thread for what is put off.
    worker: OnceCell<()>,
}

/// What the worker shares.
struct Core {
    router: Router,
    keys: Keys,
    location: String,
    durable: bool,
    journal: JournalTerms,
    timeout_ms: u64,
    player_locks: PlayerLocks,
    memory: Memory,
    /// When this process last asked whether the journal needs a round.
    journal_round: Mutex<Option<Instant>>,
    /// A server has said that its memory is full, and when the history was dropped last for that.
    full: AtomicBool,
    emptied: Mutex<Option<Instant>>,
    /// The server's clock minus this machine's.
    ahead_ms: AtomicI64,
    /// Names steps, together with how many there were.
    nonce: u64,
    steps: AtomicU64,
}

/// A full server's history is dropped this often.
const EMPTIED_EVERY: Duration = Duration::from_secs(60);

impl RedisEngine {
    /// Connects, looks what ledger is there, and finds out how the server keeps what it is given.
    ///
    /// # Errors
    /// [`Status::Store`] when it is not reached, when another version's ledger is there, or when the server does not prove
    /// that a grant is kept and shall.
    pub fn open(config: &Config, at: &RedisAt) -> Result<RedisEngine, Error> {
        let deadline = Deadline::in_ms(config.timeout_ms);
        let location = at.to_string();
        let mut nonce = [0; 8];
        getrandom::fill(&mut nonce)
            .map_err(|e| Error::new(Status::Internal, format!("the system gives no random numbers: {e}")))?;
        let router = Router::new(config, at).map_err(|failure| failure.describe(&location))?;
        let core = Core {
            router,
            keys: Keys::new(&config.store_prefix, &config.appid),
            location,
            durable: config.durable,
            journal: JournalTerms::of(config),
            timeout_ms: config.timeout_ms,
            player_locks: PlayerLocks::default(),
            memory: Memory::default(),
            journal_round: Mutex::default(),
            full: AtomicBool::new(false),
            emptied: Mutex::default(),
            ahead_ms: AtomicI64::new(0),
            nonce: u64::from_ne_bytes(nonce),
            steps: AtomicU64::new(0),
        };
        core.claim_format(deadline)?;
        core.require_commands(deadline).map_err(|failure| failure.describe(&core.location))?;
        if core.durable {
            core.require_proofs(deadline).map_err(|failure| failure.describe(&core.location))?;
        }
        Ok(RedisEngine { core: Arc::new(core), latency: Histogram::default(), worker: OnceCell::new() })
    }

    /// Whether there is a thread for what is put off; begun when it is first asked for.
    fn has_worker(&self) -> bool {
        let start = || {
            let core = Arc::clone(&self.core);
            std::thread::Builder::new().name("wxsub-store".to_owned()).spawn(move || core.work()).map(drop)
        };
        self.worker.get_or_try_init(start).is_ok()
    }
}

impl Drop for RedisEngine {
    fn drop(&mut self) {
        self.flush(Deadline::in_ms(CLOSING_MS.min(self.core.timeout_ms)));
        self.core.player_locks.close();
    }
}

impl Core {
    fn described<R>(&self, done: Result<R, Failure>) -> Result<R, Error> {
        done.map_err(|failure| failure.undone().describe(&self.location))
    }

    /// Whether this process should ask again if the journal needs a round.
    fn is_round_due(&self) -> bool {
        let mut last = self.journal_round.lock();
        let due = last.is_none_or(|last| last.elapsed() >= JOURNAL_EVERY);
        if due {
            *last = Some(Instant::now());
        }
        due
    }

    /// Whether the history must go, so that there is room for what matters; an observer leaves that to others.
    fn needs_room(&self) -> bool {
        !self.journal.shows_all
            && self.full.load(Ordering::Relaxed)
            && self.emptied.lock().is_none_or(|last| last.elapsed() >= EMPTIED_EVERY)
    }

    fn request(&self, place: Place, commands: Vec<Command>) -> Request {
        Request::read(self.keys.slot(place), commands)
    }

    /// Reads in one place; no answer is an error.
    fn read(&self, place: Place, commands: Vec<Command>, deadline: Deadline) -> Result<Vec<Value>, Failure> {
        let count = commands.len();
        whole(self.router.exchange(&self.request(place, commands), deadline)?, count)
    }

    /// The same of the account's, and takes the server's clock over.
    fn read_with_time(&self, mut commands: Vec<Command>, deadline: Deadline) -> Result<Vec<Value>, Failure> {
        commands.push(Command::plain(&["TIME"]));
        let asked = Instant::now();
        let mut answers = self.read(Place::Account, commands, deadline)?;
        let now_ms = time_ms(&answers.pop().unwrap_or(Value::Nil))?;
        let took = asked.elapsed();
        if took < LONGEST_CLOCK_CALL {
            // It was read in the middle of the call.
            let then_ms = clock::wall_ms() - took.as_millis() as i64 / 2;
            self.ahead_ms.store(now_ms - then_ms, Ordering::Relaxed);
        }
        Ok(answers)
    }

    /// Reads in many places, in as many round trips as there are servers; those that fail once more together, then alone.
    fn read_all(&self, requests: &[Request], deadline: Deadline) -> Result<Vec<Vec<Value>>, Failure> {
        let is_whole = |answers: &Result<Answers, Failure>, request: &Request| {
            answers.as_ref().is_ok_and(|answers| answers.values.len() == request.commands.len())
        };
        // A server of several that is silent leaves time to ask the one that has taken over.
        let first = if self.router.is_cluster() { deadline.in_part(2) } else { deadline };
        let mut answers = self.router.exchange_all(requests, first);
        let failed = |(at, (answers, request)): (usize, (&Result<Answers, Failure>, &Request))| {
            (!is_whole(answers, request)).then_some(at)
        };
        let failed: Vec<usize> = answers.iter().zip(requests).enumerate().filter_map(failed).collect();
        let again: Vec<Request> = failed.iter().filter_map(|at| requests.get(*at).cloned()).collect();
        for (at, once_more) in failed.into_iter().zip(self.router.exchange_all(&again, deadline)) {
            answers[at] = once_more;
        }
        let read = answers.into_iter().zip(requests).map(|(answers, request)| {
            let answers = match answers {
                answers if is_whole(&answers, request) => answers?,
                Err(failure) if deadline.is_over() => return Err(failure),
                _ => self.router.exchange(request, deadline)?,
            };
            whole(answers, request.commands.len())
        });
        read.collect()
    }

    /// Carries out what may be done twice.
    fn write(&self, place: Place, commands: Vec<Command>, deadline: Deadline) -> Result<(), Failure> {
        self.router.exchange(&self.request(place, commands), deadline).map(drop)
    }

    /// A number that no other step of any process has.
    fn next_step_id(&self) -> u64 {
        // An odd factor and xor: no two counts give the same.
        self.nonce ^ self.steps.fetch_add(1, Ordering::Relaxed).wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }

    fn time_ms(&self) -> i64 {
        clock::wall_ms() + self.ahead_ms.load(Ordering::Relaxed)
    }

    fn remember(&self, home: Option<u64>, seen: Seen) {
        if let Some(home) = home {
            self.memory.put(home, seen);
        }
    }

    fn forget(&self, home: Option<u64>) {
        if let Some(home) = home {
            self.memory.forget(home);
        }
    }

    /// Takes one step on a player whose turn it is.
    fn take_step(&self, mut step: Step, home: u64, deadline: Deadline) -> Result<(), Error> {
        step.proven &= self.durable;
        let mut run = Run::new(step)?;
        run.know(self.memory.take(home));
        self.drive(run, deadline)
    }

    /// To its end, at the latest its deadline.
    fn drive(&self, mut run: Run, deadline: Deadline) -> Result<(), Error> {
        loop {
            match run.next(self) {
                Next::Done(done) => return self.end(done, deadline),
                Next::Ask(_) if deadline.is_over() => return Err(run.give_up(self)),
                Next::Ask(request) => {
                    let answer = self.ask(&run, &request, deadline);
                    run.take(self, answer);
                }
            }
        }
    }

    fn ask(&self, run: &Run, request: &Request, deadline: Deadline) -> Result<Answers, Failure> {
        if run.conflicts > CONFLICTS {
            std::thread::sleep(Duration::from_micros(fastrand::u64(..2000)).min(deadline.left()));
        }
        self.router.exchange(request, deadline)
    }

    fn end(&self, done: Result<Option<Announcement>, Error>, deadline: Deadline) -> Result<(), Error> {
        if let Some(announcement) = done? {
            // The step is done, so this may take a moment more; the next sweep finds what was not announced.
            let _announced = self.announce(announcement, deadline.or_at_least_ms(200));
        }
        Ok(())
    }

    /// Whose step it is. One that names nothing is asked what it wants.
    fn home_of(&self, step: &mut Step) -> Result<Option<u64>, Error> {
        if step.reads.is_empty() {
            let time = Time::of_server(self.time_ms());
            match (step.decide)(&View { time, step_id: None, records: &Vec::new(), journal: self.journal }) {
                Err(Stop::Need(names)) => step.reads = names,
                Err(Stop::Fail(e)) => return Err(e),
                Ok(changes) if changes.is_empty() => return Ok(None),
                Ok(changes) => return Place::of(step_try::touched(&changes)).map(|(_, home)| Some(home)),
            }
        }
        Place::of(&step.reads).map(|(_, home)| Some(home))
    }
}
