//! Records in memory, for `":memory:"`, for tests and for simulation: gone when the client is closed.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::ops::Bound;

use parking_lot::Mutex;

use super::{Agenda, Backlog, Changes, Engine, IsOver, Name, Page, Space, Step, Stop, Time, View, When};
use crate::clock::{Deadline, Now};
use crate::error::Error;

/// How often all passing records are looked at, milliseconds.
const SWEEP_EVERY_MS: i64 = 60_000;

/// The whole of it.
#[derive(Default)]
pub struct MemoryEngine {
    state: Mutex<State>,
    /// The time as a test or a simulation sets it.
    set_time: Mutex<Option<Time>>,
}

#[derive(Default)]
struct State {
    records: BTreeMap<Name, Vec<u8>>,
    passing: BTreeSet<Name>,
    by_message: HashMap<Name, Entry>,
    by_wall: BTreeSet<(i64, Name)>,
    by_lease: BTreeSet<(u32, i64, Name)>,
    swept_boot_ms: i64,
}

/// One entry of the agenda.
#[derive(Clone, Copy)]
enum Entry {
    Wall(i64),
    /// By the clock of this boot.
    Lease(u32, i64),
}

impl MemoryEngine {
    /// Has all steps see this time from now on.
    #[cfg(any(test, fuzzing))]
    pub fn set_time(&self, time: Time) {
        *self.set_time.lock() = Some(time);
    }

    /// Puts a record there, or takes it away, past all rules.
    #[cfg(any(test, fuzzing))]
    pub fn replace(&self, name: &Name, value: Option<Vec<u8>>) {
        let records = &mut self.state.lock().records;
        match value {
            Some(value) => records.insert(name.clone(), value),
            None => records.remove(name),
        };
    }

    /// Every record, for tests that compare whole ledgers.
    #[cfg(test)]
    pub fn records(&self) -> Vec<(Name, Vec<u8>)> {
        self.state.lock().records.iter().map(|(name, value)| (name.clone(), value.clone())).collect()
    }
}

impl State {
    /// Reads and decides, again while more is needed.
    fn decide(&self, step: &mut Step, time: Time) -> Result<Changes, Error> {
        let read = |name: Name| {
            let value = self.records.get(&name).cloned();
            (name, value)
        };
        let mut records: Vec<_> = step.reads.drain(..).map(read).collect();
        loop {
            let view = View { time, step_id: None, records: &records };
            match (step.decide)(&view) {
                Ok(changes) => return Ok(changes),
                Err(Stop::Fail(e)) => return Err(e),
                Err(Stop::Need(names)) => records.extend(names.into_iter().map(read)),
            }
        }
    }

    fn apply(&mut self, changes: Changes, time: Time) {
        for put in changes.puts {
            match put.value {
                Some(value) => {
                    match put.life_ms {
                        Some(_) => self.passing.insert(put.name.clone()),
                        None => self.passing.remove(&put.name),
                    };
                    self.records.insert(put.name, value);
                }
                None => {
                    self.passing.remove(&put.name);
                    self.records.remove(&put.name);
                }
            }
        }
        for (name, when) in changes.agenda {
            match self.by_message.remove(&name) {
                Some(Entry::Wall(at)) => self.by_wall.remove(&(at, name.clone())),
                Some(Entry::Lease(boot, at)) => self.by_lease.remove(&(boot, at, name.clone())),
                None => false,
            };
            let entry = match when {
                When::At(wall_ms) => Entry::Wall(wall_ms),
                When::In(ms) => Entry::Lease(time.boot, time.boot_ms.saturating_add(ms)),
                When::Never => continue,
            };
            match entry {
                Entry::Wall(at) => self.by_wall.insert((at, name.clone())),
                Entry::Lease(boot, at) => self.by_lease.insert((boot, at, name.clone())),
            };
            self.by_message.insert(name, entry);
        }
    }
}

impl Engine for MemoryEngine {
    fn step(&self, mut step: Step, _deadline: Deadline) -> Result<(), Error> {
        let mut state = self.state.lock();
        let time = self.time();
        let changes = state.decide(&mut step, time)?;
        state.apply(changes, time);
        Ok(())
    }

    fn read(&self, mut step: Step, _deadline: Deadline) -> Result<(), Error> {
        self.state.lock().decide(&mut step, self.time()).map(drop)
    }

    fn defer(&self, step: Step) {
        // If it fails, it is as if it had never been asked for.
        let _failed = self.step(step, Deadline::in_ms(0));
    }

    fn flush(&self, _deadline: Deadline) {}

    fn agenda(&self, limit: usize, skip: &dyn Fn(u64) -> bool, _deadline: Deadline) -> Result<Agenda, Error> {
        let (state, time) = (self.state.lock(), self.time());
        // Another boot's leases are over.
        let left_ms = |boot: u32, at: i64| if boot == time.boot { at.saturating_sub(time.boot_ms) } else { 0 };
        let leases = state.by_lease.iter().map(|(boot, at, name)| (left_ms(*boot, *at), name));
        let waiting = state.by_wall.iter().map(|(at, name)| (at.saturating_sub(time.wall_ms), name));
        let mut found = Agenda::default();
        let mut players = HashSet::new();
        for (ms, name) in leases.filter(|(ms, _)| *ms <= 0).chain(waiting.take_while(|(ms, _)| *ms <= 0)) {
            if skip(name.home()) || players.contains(&name.home()) {
                continue;
            }
            if found.ready.len() == limit {
                found.next_ms = Some(ms);
                return Ok(found);
            }
            players.insert(name.home());
            found.ready.push(name.clone());
        }
        let next_wall = state.by_wall.range((time.wall_ms.saturating_add(1), Name::player(""))..).next();
        let next_wall = next_wall.map(|(at, _)| at.saturating_sub(time.wall_ms));
        let next_lease = state.by_lease.iter().map(|(boot, at, _)| left_ms(*boot, *at)).filter(|ms| *ms > 0).min();
        found.next_ms = next_wall.into_iter().chain(next_lease).min();
        Ok(found)
    }

    fn backlog(&self, _deadline: Deadline) -> Result<Backlog, Error> {
        let (state, time) = (self.state.lock(), self.time());
        let due = state.by_wall.iter().take_while(|(at, _)| *at <= time.wall_ms).count() as u64;
        let oldest = state.by_wall.first().map_or(0, |(at, _)| time.wall_ms.saturating_sub(*at));
        let oldest_due_ms = u64::try_from(oldest).unwrap_or(0);
        Ok(Backlog { waiting: state.by_message.len() as u64, due, oldest_due_ms })
    }

    fn scan(&self, space: Space, after: Option<Box<[u8]>>, limit: usize, _deadline: Deadline) -> Result<Page, Error> {
        let after = after.and_then(|id| Name::from_id(space, &id));
        let state = self.state.lock();
        let from = after.as_ref().map_or(Bound::Unbounded, Bound::Excluded);
        let family = state.records.range((from, Bound::Unbounded)).filter(|(name, _)| name.space() == space);
        let records: Vec<_> = family.take(limit).map(|(name, value)| (name.clone(), value.clone())).collect();
        let last = records.last().filter(|_| records.len() == limit).map(|(name, _)| name.id().into());
        Ok(Page { records, after: last })
    }

    fn version(&self, _deadline: Deadline) -> Result<Option<i64>, Error> {
        Ok(None)
    }

    fn time(&self) -> Time {
        self.set_time.lock().unwrap_or_else(|| Time::from(&Now::read()))
    }

    fn maintain(&self, is_over: IsOver) -> Result<(), Error> {
        let mut state = self.state.lock();
        let time = self.time();
        if (0..SWEEP_EVERY_MS).contains(&time.boot_ms.saturating_sub(state.swept_boot_ms)) {
            return Ok(());
        }
        state.swept_boot_ms = time.boot_ms;
        let over = |name: &&Name| state.records.get(*name).is_none_or(|value| is_over(name, value, &time));
        let gone: Vec<Name> = state.passing.iter().filter(over).cloned().collect();
        for name in gone {
            state.passing.remove(&name);
            state.records.remove(&name);
        }
        Ok(())
    }

    fn needs_maintenance(&self) -> bool {
        false
    }

    fn location(&self) -> &str {
        ":memory:"
    }

    fn warnings(&self, _deadline: Deadline) -> Result<Vec<String>, Error> {
        Ok(Vec::new())
    }
}

impl Space {
    /// Whether records of this family pass.
    pub fn passes(self) -> bool {
        matches!(self, Space::Recent | Space::Key)
    }
}
