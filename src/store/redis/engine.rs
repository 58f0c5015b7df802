//! What any engine must do, done on Redis: each by the file that can.

use std::ops::RangeInclusive;
use std::sync::atomic::Ordering;
use std::time::Instant;

use super::error::Failure;
use super::script::Command;
use super::step_run::Run;
use super::{JOURNAL_ROUND_MS, RedisEngine, durability};
use crate::clock::Deadline;
use crate::error::{Error, Status};
use crate::latency::Histogram;
use crate::store::{
    Agenda, Backlog, Changes, Compacted, Counter, Engine, IsOver, LogPage, LogQuery, Name, Page, Space, Step, Time,
};

impl Engine for RedisEngine {
    fn order(&self) -> u8 {
        3
    }

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
        self.core.settle(home, deadline)?;
        self.core.drive(Run::new(step)?, deadline)
    }

    fn defer(&self, mut step: Step) {
        match self.core.home_of(&mut step) {
            Ok(Some(home)) if self.has_worker() => {
                step.proven &= self.core.durable;
                if let Ok(run) = Run::new(step) {
                    self.core.player_locks.defer(home, run);
                }
            }
            Ok(Some(_)) => drop(self.step(step, Deadline::in_ms(self.core.timeout_ms))),
            // It changes nothing, or has failed: then it is as if it had never been asked for.
            Ok(None) | Err(_) => {}
        }
    }

    fn flush(&self, deadline: Deadline) {
        let _later = self.core.settle_all(deadline);
    }

    fn agenda(&self, limit: usize, skip: &dyn Fn(u64) -> bool, deadline: Deadline) -> Result<Agenda, Error> {
        // Who takes a message sees what was put off on its player.
        self.flush(deadline.in_part(4));
        self.core.look(limit, skip, deadline).map_err(|failure| failure.undone().describe(&self.core.location))
    }

    fn backlog(&self, deadline: Deadline) -> Result<Backlog, Error> {
        self.core.count(deadline).map_err(|failure| failure.undone().describe(&self.core.location))
    }

    fn scan(&self, space: Space, after: Option<Box<[u8]>>, limit: usize, deadline: Deadline) -> Result<Page, Error> {
        self.core.settle_all(deadline)?;
        let page = self.core.scan(space, after.as_deref(), limit, deadline);
        page.map_err(|failure| failure.undone().describe(&self.core.location))
    }

    fn place_of(&self, player: &Name, kept: usize) -> Box<[u8]> {
        super::scan::place_of(player, kept)
    }

    fn scan_of(
        &self,
        space: Space,
        home: u64,
        after: Option<Box<[u8]>>,
        limit: usize,
        deadline: Deadline,
    ) -> Result<Page, Error> {
        self.core.settle(home, deadline)?;
        let page = self.core.scan_of(space, home, after.as_deref(), limit, deadline);
        page.map_err(|failure| failure.undone().describe(&self.core.location))
    }

    fn prove_all(&self, deadline: Deadline) -> Result<(), Error> {
        if !self.core.durable {
            return Ok(());
        }
        self.core.prove_all(deadline).map_err(|failure| failure.describe(&self.core.location))
    }

    fn latency(&self) -> Option<&Histogram> {
        Some(&self.latency)
    }

    fn names_of(&self, home: u64, limit: usize, deadline: Deadline) -> Result<Vec<Name>, Error> {
        self.core.described(self.core.messages_of(home, limit, deadline))
    }

    fn log(&self, query: &LogQuery, deadline: Deadline) -> Result<LogPage, Error> {
        match query.home {
            Some(home) => self.core.settle(home, deadline)?,
            None => self.core.settle_all(deadline)?,
        }
        self.core.described(self.core.log(query, deadline))
    }

    fn drop_log(&self, home: u64, is_his: &dyn Fn(&[u8]) -> bool, deadline: Deadline) -> Result<u64, Error> {
        self.core.settle(home, deadline)?;
        self.core.described(self.core.drop_log(home, is_his, deadline))
    }

    fn counters(&self, days: RangeInclusive<i64>, deadline: Deadline) -> Result<Vec<(Counter, i64)>, Error> {
        self.core.settle_all(deadline)?;
        let counters = self.core.counters(&days, deadline).map(|all| all.into_iter().collect());
        self.core.described(counters)
    }

    fn compact(&self, _deadline: Deadline) -> Result<Compacted, Error> {
        Ok(Compacted::Note(
            "what was forgotten is deleted; it leaves the server's files with its next rewrite (BGSAVE, BGREWRITEAOF), \
             and its replicas' with theirs",
        ))
    }

    fn version(&self, deadline: Deadline) -> Result<Option<i64>, Error> {
        let changes = self.core.changes(deadline);
        changes.map(Some).map_err(|failure| failure.undone().describe(&self.core.location))
    }

    fn time(&self) -> Time {
        Time::of_server(self.core.time_ms())
    }

    fn maintain(&self, _is_over: IsOver) -> Result<(), Error> {
        if self.core.needs_room() {
            *self.core.emptied.lock() = Some(Instant::now());
            self.core.full.store(false, Ordering::Relaxed);
            self.core.described(self.core.drop_logs(Deadline::in_ms(JOURNAL_ROUND_MS)))?;
            let why = "the server's memory is full: the history was dropped, so that there is room for what matters; raise maxmemory";
            return Err(Error::new(Status::Store, format!("store {}: {why}", self.core.location)));
        }
        // What is over goes by itself: its key has a time to live.
        if self.core.is_round_due() {
            let done = self.core.maintain_journal(Deadline::in_ms(JOURNAL_ROUND_MS));
            self.core.described(done)?;
        }
        Ok(())
    }

    fn needs_maintenance(&self) -> bool {
        self.core.needs_room()
    }

    fn location(&self) -> &str {
        &self.core.location
    }

    fn warnings(&self, deadline: Deadline) -> Result<Vec<String>, Error> {
        let core = &self.core;
        let questions = durability::QUESTIONS.map(Command::plain);
        let described = |failure: Failure| failure.undone().describe(&core.location);
        let mut all = Vec::new();
        for address in core.router.masters(deadline).map_err(described)? {
            let answers = core.router.ask(&address, &questions, deadline).map_err(described)?;
            all.extend(durability::warnings(&answers));
        }
        all.sort();
        all.dedup();
        Ok(all)
    }

    fn wall_ms(&self) -> i64 {
        self.core.time_ms()
    }
}
