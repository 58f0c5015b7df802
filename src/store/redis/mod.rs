//! Records in Redis or Valkey, for machines that share one ledger.
//!
//! A step reads its records and the server's time, decides here, and is applied by one script that compares what was read;
//! if others were faster the script returns what is there, and the step decides again. Every key of a step is in one slot.

mod agenda;
mod connection;
mod error;
mod homes;
mod keys;
mod node;
mod proof;
mod resolve;
mod resp;
mod router;
mod run;
mod scan;
mod script;
mod slots;
#[cfg(test)]
pub mod tests;

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use super::{Agenda, Backlog, Changes, Engine, IsOver, Page, Space, Step, Stop, Time, View};
use crate::clock::{self, Deadline};
use crate::config::{Config, RedisAt};
use crate::error::{Error, Status};
use crate::panics;
use agenda::{checked, time_ms};
use error::Failure;
use homes::{Guard, Homes, Memory};
use keys::{At, BUCKETS, Keys, Place};
use resp::Value;
use router::{Request, Router};
use run::{Next, Run, Seen};
use script::{Attempt, Command, Outcome};

/// What the names of the keys begin with, where the configuration does not say.
const PREFIX: &str = "wxsub";
/// What kind of ledger this is. Another one under the same names is not touched.
const FORMAT: &str = "wxsub 2";
/// The keys of the account by which the ledger before this one is known, and that of its players.
const OLD_ACCOUNT: [&str; 7] = ["opened", "version", "changes", "next", "swept", "templates", "forced"];
const OLD_PLAYERS: &str = "counts";
/// The clock of a server that answers later than this is not taken over.
const LONGEST_CLOCK_CALL: Duration = Duration::from_millis(400);
/// Steps that were put off wait so long for others to go with, and go so many at once.
const GATHER: (Duration, usize) = (Duration::from_millis(1), 256);
/// What was put off is waited for so long when the store is closed.
const CLOSING_MS: u64 = 1000;
/// Others may be faster so often before a pause.
const CONFLICTS: u32 = 3;

/// One account's records in Redis.
pub struct RedisEngine {
    core: Arc<Core>,
    /// Whether there is a thread for what is put off.
    worker: OnceLock<bool>,
}

/// What the worker shares.
struct Core {
    router: Router,
    keys: Keys,
    location: String,
    durable: bool,
    timeout_ms: u64,
    homes: Homes,
    memory: Memory,
    /// The server's clock minus this machine's.
    ahead_ms: AtomicI64,
    /// Names steps, together with how many there were.
    nonce: u64,
    steps: AtomicU64,
}

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
        let prefix = config.store_prefix.as_deref().unwrap_or(PREFIX);
        let core = Core {
            router,
            keys: Keys::new(prefix, &config.appid),
            location,
            durable: config.durable,
            timeout_ms: config.timeout_ms,
            homes: Homes::default(),
            memory: Memory::default(),
            ahead_ms: AtomicI64::new(0),
            nonce: u64::from_ne_bytes(nonce),
            steps: AtomicU64::new(0),
        };
        core.claim_format(deadline)?;
        if core.durable {
            core.require_proofs(deadline).map_err(|failure| failure.describe(&core.location))?;
        }
        Ok(RedisEngine { core: Arc::new(core), worker: OnceLock::new() })
    }

    /// Whether there is a thread for what is put off; begun when it is first asked for.
    fn has_worker(&self) -> bool {
        *self.worker.get_or_init(|| {
            let core = Arc::clone(&self.core);
            std::thread::Builder::new().name("wxsub-store".to_owned()).spawn(move || core.work()).is_ok()
        })
    }
}

impl Drop for RedisEngine {
    fn drop(&mut self) {
        self.flush(Deadline::in_ms(CLOSING_MS.min(self.core.timeout_ms)));
        self.core.homes.close();
    }
}

impl Core {
    /// Makes sure that the ledger there is one of ours, or begins one.
    fn claim_format(&self, deadline: Deadline) -> Result<(), Error> {
        let described = |failure: Failure| failure.undone().describe(&self.location);
        let format = At { key: self.keys.own(Place::Account, "format"), field: Vec::new() };
        let old = OLD_ACCOUNT.map(|what| self.keys.own(Place::Account, what));
        let exists: Vec<&[u8]> = [&b"EXISTS"[..]].into_iter().chain(old.iter().map(Vec::as_slice)).collect();
        let commands = vec![Command::plain(&[&b"GET"[..], &format.key]), Command::plain(&exists)];
        let answers = self.read_with_time(commands, deadline).map_err(described)?;
        let found = answers[0].text().map(ToOwned::to_owned);
        match &found {
            Some(found) if found == FORMAT => {}
            Some(found) => return Err(self.other_ledger(found)),
            None if answers[1].number() != Some(0) || self.has_old_players(deadline).map_err(described)? => {
                return Err(self.other_ledger("wxsub 1"));
            }
            None => {}
        }
        // A write, so that a server that takes none says so to whoever opens.
        let mut attempt = Attempt::new(None, [(&format, Some(found.as_deref().map(str::as_bytes)))].into_iter());
        attempt.then("SET", &format.key, &[FORMAT.as_bytes()]);
        let request = self.request(Place::Account, vec![attempt.into_command()]);
        let answers = self.router.exchange(&request, deadline).map_err(described)?;
        match Outcome::read(answers.values.into_iter().next()).map_err(described)? {
            Outcome::Found(_, values) if values != [Some(FORMAT.into())] => Err(self.other_ledger("another")),
            _ => Ok(()),
        }
    }

    fn has_old_players(&self, deadline: Deadline) -> Result<bool, Failure> {
        let request = |bucket| {
            let place = Place::Bucket(bucket);
            let exists = Command::plain(&[&b"EXISTS"[..], &self.keys.own(place, OLD_PLAYERS)]);
            Request::read(self.keys.slot(place), vec![exists])
        };
        let requests: Vec<Request> = (0..BUCKETS).map(request).collect();
        let answers = self.read_all(&requests, deadline)?;
        Ok(answers.iter().any(|answers| answers[0].number() != Some(0)))
    }

    fn other_ledger(&self, found: &str) -> Error {
        let found: String = found.chars().take(20).map(|c| if c.is_control() { '?' } else { c }).collect();
        let text = format!(
            "store {}: the ledger of this appid there is of another version ({found}; this one writes {FORMAT}); it was not touched. Use the wxsub that wrote it, or another \"store_prefix\"",
            self.location
        );
        Error { retry: crate::error::Retry::Never, ..Error::new(Status::Store, text) }
    }

    fn require_proofs(&self, deadline: Deadline) -> Result<(), Failure> {
        let mut known = Vec::new();
        for bucket in 0..BUCKETS {
            let place = Place::Bucket(bucket);
            let slot = self.keys.slot(place);
            let owner = self.router.owner(slot, deadline)?;
            if !known.contains(&owner) {
                self.router.require_proof(slot, &self.write_for_proof(place), deadline)?;
                known.push(owner);
            }
        }
        Ok(())
    }

    /// A write that matters to nobody; the proof behind it covers all that was written before it.
    fn write_for_proof(&self, place: Place) -> Command {
        let mut attempt = Attempt::new(None, [].into_iter());
        attempt.then("SET", &self.keys.written(place), &[b"", b"PX", b"1000"]);
        attempt.into_command()
    }

    fn request(&self, place: Place, commands: Vec<Command>) -> Request {
        Request::read(self.keys.slot(place), commands)
    }

    /// Reads in one place; no answer is an error.
    fn read(&self, place: Place, commands: Vec<Command>, deadline: Deadline) -> Result<Vec<Value>, Failure> {
        let count = commands.len();
        let answers = checked(self.router.exchange(&self.request(place, commands), deadline)?)?;
        if answers.len() == count { Ok(answers) } else { Err(Failure::Unreached("it broke off".to_owned())) }
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

    /// Reads in many places, in as many round trips as there are servers; those that fail once more alone.
    fn read_all(&self, requests: &[Request], deadline: Deadline) -> Result<Vec<Vec<Value>>, Failure> {
        let answers = self.router.exchange_all(requests, deadline);
        let again = requests.iter().zip(answers).map(|(request, answers)| {
            let answers = match answers {
                Ok(answers) if answers.values.len() == request.commands.len() => answers,
                _ => self.router.exchange(request, deadline)?,
            };
            checked(answers)
        });
        again.collect()
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
        self.drive(Run::new(step, self.memory.take(home))?, deadline)
    }

    fn drive(&self, mut run: Run, deadline: Deadline) -> Result<(), Error> {
        loop {
            match run.next(self) {
                Next::Done(done) => return self.end(done, deadline),
                Next::Ask(_) if deadline.is_over() => return Err(run.give_up(self)),
                Next::Ask(request) => {
                    if run.conflicts > CONFLICTS {
                        std::thread::sleep(Duration::from_micros(fastrand::u64(..2000)).min(deadline.left()));
                    }
                    run.take(self, self.router.exchange(&request, deadline));
                }
            }
        }
    }

    fn end(&self, done: Result<Option<run::Announcement>, Error>, deadline: Deadline) -> Result<(), Error> {
        if let Some(announcement) = done? {
            // The step is done, so this may take a moment more; the next sweep finds what was not announced.
            let _announced = self.announce(announcement, deadline.or_at_least_ms(200));
        }
        Ok(())
    }

    /// Takes what was put off on this player; if it fails it is as if it had not been asked for.
    fn take_deferred(&self, guard: &Guard<'_>, deadline: Deadline) {
        while let Some(step) = self.homes.next(guard) {
            let _failed = self.take_step(step, guard.home(), deadline);
        }
    }

    /// Takes what is put off, until the store is closed.
    fn work(&self) {
        loop {
            // Others may come along, and their callers may take it along.
            std::thread::sleep(GATHER.0);
            let Some(guards) = self.homes.wait_for_deferred(GATHER.1) else { return };
            // A bug of a decision's must not end the others'.
            let _bug = panics::catch(|| self.work_on(&guards));
        }
    }

    /// All their steps go together while nothing is in the way; the rest one after the other.
    fn work_on(&self, guards: &[Guard<'_>]) {
        let deadline = Deadline::in_ms(self.timeout_ms);
        let begin = |guard: &Guard<'_>| {
            let mut step = self.homes.next(guard)?;
            step.proven &= self.durable;
            Run::new(step, self.memory.take(guard.home())).ok()
        };
        let mut runs: Vec<Run> = guards.iter().filter_map(begin).collect();
        while !runs.is_empty() {
            let (mut asking, mut requests) = (Vec::new(), Vec::new());
            for mut run in runs {
                match run.next(self) {
                    Next::Done(done) => drop(self.end(done, deadline)),
                    Next::Ask(request) => {
                        requests.push(request);
                        asking.push(run);
                    }
                }
            }
            runs = Vec::new();
            for (mut run, answer) in asking.into_iter().zip(self.router.exchange_all(&requests, deadline)) {
                let smooth = answer.is_ok() && run.conflicts == 0;
                match answer {
                    Err(failure) if failure.passes() || failure.code() == "NOSCRIPT" => {}
                    answer => run.take(self, answer),
                }
                if smooth {
                    runs.push(run);
                } else {
                    let _failed = self.drive(run, deadline);
                }
            }
        }
        guards.iter().for_each(|guard| self.take_deferred(guard, deadline));
    }

    /// Whose step it is. One that names nothing is asked what it wants.
    fn home_of(&self, step: &mut Step) -> Result<Option<u64>, Error> {
        if step.reads.is_empty() {
            let time = Time::of_server(self.time_ms());
            match (step.decide)(&View { time, step_id: None, records: &Vec::new() }) {
                Err(Stop::Need(names)) => step.reads = names,
                Err(Stop::Fail(e)) => return Err(e),
                Ok(changes) if changes.is_empty() => return Ok(None),
                Ok(changes) => return Place::of(run::touched(&changes)).map(|(_, home)| Some(home)),
            }
        }
        Place::of(&step.reads).map(|(_, home)| Some(home))
    }

    fn lock(&self, home: u64, deadline: Deadline) -> Result<Guard<'_>, Error> {
        let guard = self.homes.lock(home, deadline).ok_or_else(|| Failure::TooLate.describe(&self.location))?;
        self.take_deferred(&guard, deadline.or_at_least_ms(1000));
        Ok(guard)
    }
}

impl Engine for RedisEngine {
    fn step(&self, mut step: Step, deadline: Deadline) -> Result<(), Error> {
        match self.core.home_of(&mut step)? {
            // It has decided on nothing for nothing.
            None => Ok(()),
            Some(home) => {
                let _guard = self.core.lock(home, deadline)?;
                self.core.take_step(step, home, deadline)
            }
        }
    }

    fn read(&self, mut step: Step, deadline: Deadline) -> Result<(), Error> {
        let mut decide = step.decide;
        step.decide = Box::new(move |view| decide(view).map(|_| Changes::default()));
        (step.proven, step.trace) = (false, None);
        let Some(home) = self.core.home_of(&mut step)? else { return Ok(()) };
        if self.core.homes.is_awaited(home) {
            drop(self.core.lock(home, deadline)?);
        }
        self.core.drive(Run::new(step, None)?, deadline)
    }

    fn defer(&self, mut step: Step) {
        match self.core.home_of(&mut step) {
            Ok(Some(home)) if self.has_worker() => self.core.homes.defer(home, step),
            Ok(Some(_)) => drop(self.step(step, Deadline::in_ms(self.core.timeout_ms))),
            // It changes nothing, or has failed: then it is as if it had never been asked for.
            Ok(None) | Err(_) => {}
        }
    }

    fn flush(&self, deadline: Deadline) {
        // What is put off meanwhile is not waited for: under load there is always something.
        for home in self.core.homes.unsettled() {
            if self.core.lock(home, deadline).is_err() {
                return;
            }
        }
    }

    fn agenda(&self, limit: usize, skip: &dyn Fn(u64) -> bool, deadline: Deadline) -> Result<Agenda, Error> {
        self.flush(deadline);
        self.core.look(limit, skip, deadline).map_err(|failure| failure.undone().describe(&self.core.location))
    }

    fn backlog(&self, deadline: Deadline) -> Result<Backlog, Error> {
        self.core.count(deadline).map_err(|failure| failure.undone().describe(&self.core.location))
    }

    fn scan(&self, space: Space, after: Option<Box<[u8]>>, limit: usize, deadline: Deadline) -> Result<Page, Error> {
        self.flush(deadline);
        let page = self.core.scan(space, after.as_deref(), limit, deadline);
        page.map_err(|failure| failure.undone().describe(&self.core.location))
    }

    fn version(&self, deadline: Deadline) -> Result<Option<i64>, Error> {
        let changes = self.core.changes(deadline);
        changes.map(Some).map_err(|failure| failure.undone().describe(&self.core.location))
    }

    fn time(&self) -> Time {
        Time::of_server(self.core.time_ms())
    }

    fn maintain(&self, _is_over: IsOver) -> Result<(), Error> {
        // What is over goes by itself: its key has a time to live.
        Ok(())
    }

    fn needs_maintenance(&self) -> bool {
        false
    }

    fn location(&self) -> &str {
        &self.core.location
    }

    fn warnings(&self, deadline: Deadline) -> Result<Vec<String>, Error> {
        let core = &self.core;
        let questions = proof::QUESTIONS.map(Command::plain);
        let described = |failure: Failure| failure.undone().describe(&core.location);
        let mut all = Vec::new();
        for address in core.router.masters(deadline).map_err(described)? {
            let answers = core.router.ask(&address, &questions, deadline).map_err(described)?;
            all.extend(proof::warnings(&answers));
        }
        all.sort();
        all.dedup();
        Ok(all)
    }

    fn wall_ms(&self) -> i64 {
        self.core.time_ms()
    }
}
