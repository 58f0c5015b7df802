//! Records in memory, for `":memory:"`, for tests and for simulation: gone when the client is closed.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::ops::Bound;

use parking_lot::Mutex;

use super::{
    Agenda, Backlog, Changes, Compacted, Counter, Engine, IsOver, JournalTerms, LogEntry, LogPage, LogQuery, Logged,
    Name, Page, Scanned, Space, Step, Stop, Time, View, When,
};
use crate::clock::{Deadline, Now};
use crate::error::Error;
use crate::latency::Histogram;

/// How often all passing records are looked at, milliseconds.
const SWEEP_EVERY_MS: i64 = 60_000;

/// The whole of it.
#[derive(Default)]
pub struct MemoryEngine {
    state: Mutex<State>,
    /// The time as a test or a simulation sets it.
    set_time: Mutex<Option<Time>>,
    latency: Histogram,
    journal: JournalTerms,
}

#[derive(Default)]
struct State {
    records: BTreeMap<Name, Vec<u8>>,
    passing: BTreeSet<Name>,
    by_message: HashMap<Name, Entry>,
    by_wall: BTreeSet<(i64, Name)>,
    by_lease: BTreeSet<(u32, i64, Name)>,
    swept_boot_ms: i64,
    /// By when they were made, and a number for those of the same time.
    log: BTreeMap<(i64, u64), LogEntry>,
    entries: u64,
    counters: BTreeMap<Counter, i64>,
}

/// One entry of the agenda.
#[derive(Clone, Copy)]
enum Entry {
    Wall(i64),
    /// By the clock of this boot.
    Lease(u32, i64),
}

impl MemoryEngine {
    /// An empty one.
    pub fn new(journal: JournalTerms) -> MemoryEngine {
        MemoryEngine { journal, ..MemoryEngine::default() }
    }

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

    /// One record, for tests.
    #[cfg(test)]
    pub fn record(&self, name: &Name) -> Option<Vec<u8>> {
        self.state.lock().records.get(name).cloned()
    }

    /// Every record, for tests that compare whole ledgers.
    #[cfg(test)]
    pub fn records(&self) -> Vec<(Name, Vec<u8>)> {
        self.state.lock().records.iter().map(|(name, value)| (name.clone(), value.clone())).collect()
    }
}

impl State {
    /// Reads and decides, again while more is needed.
    fn decide(&self, step: &mut Step, time: Time, journal: JournalTerms) -> Result<Changes, Error> {
        let read = |name: Name| {
            let value = self.records.get(&name).cloned();
            (name, value)
        };
        let mut records: Vec<_> = step.reads.drain(..).map(read).collect();
        loop {
            let view = View { time, step_id: None, records: &records, journal };
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
        for (counter, n) in changes.adds {
            *self.counters.entry(counter).or_default() += n;
        }
        for entry in changes.log {
            let at_ms = entry.made_ms.unwrap_or(time.wall_ms);
            self.append(entry, at_ms);
        }
    }

    fn append(&mut self, entry: LogEntry, at_ms: i64) {
        if let Some(old) = entry.replaces {
            let beginning = entry.text.get(..old.prefix).unwrap_or_default();
            let is_it = |other: &LogEntry| other.home == entry.home && other.text.starts_with(beginning);
            let of_then = self.log.range((old.at_ms, 0)..=(old.at_ms, u64::MAX));
            let replaced: Vec<_> = of_then.filter(|(_, other)| is_it(other)).map(|(position, _)| *position).collect();
            replaced.iter().for_each(|position| drop(self.log.remove(position)));
        }
        self.entries += 1;
        self.log.insert((at_ms, self.entries), entry);
    }

    fn drop_what_is_over(&mut self, journal: &JournalTerms, now_ms: i64) {
        self.log = self.log.split_off(&(journal.log_from_ms(now_ms), 0));
        let first = Counter { day: journal.counters_from_day(now_ms), name: Box::default() };
        self.counters = self.counters.split_off(&first);
    }
}

fn scanned((name, value): (&Name, &Vec<u8>)) -> Scanned {
    Scanned { name: name.clone(), value: value.clone(), place: name.id().into() }
}

impl Engine for MemoryEngine {
    fn order(&self) -> u8 {
        1
    }

    fn step(&self, mut step: Step, _deadline: Deadline) -> Result<(), Error> {
        let mut state = self.state.lock();
        let time = self.time();
        let changes = state.decide(&mut step, time, self.journal)?;
        state.apply(changes, time);
        Ok(())
    }

    fn read(&self, mut step: Step, _deadline: Deadline) -> Result<(), Error> {
        self.state.lock().decide(&mut step, self.time(), self.journal).map(drop)
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
        let records: Vec<_> = family.take(limit).map(scanned).collect();
        let after = records.last().filter(|_| records.len() == limit).map(|last| last.place.clone());
        Ok(Page { records, after })
    }

    /// Players are in the order of their hashes here, and a file that could be searched for an id there is none.
    fn place_of(&self, player: &Name, _kept: usize) -> Box<[u8]> {
        player.id().into()
    }

    fn scan_of(
        &self,
        space: Space,
        home: u64,
        after: Option<Box<[u8]>>,
        limit: usize,
        _deadline: Deadline,
    ) -> Result<Page, Error> {
        let after = after.and_then(|id| Name::from_id(space, &id));
        let state = self.state.lock();
        let theirs = state.records.iter().filter(|(name, _)| name.space() == space && name.home() == home);
        let records: Vec<_> = theirs
            .filter(|(name, _)| after.as_ref().is_none_or(|after| *name > after))
            .take(limit)
            .map(scanned)
            .collect();
        let after = records.last().filter(|_| records.len() == limit).map(|last| last.place.clone());
        Ok(Page { records, after })
    }

    fn latency(&self) -> Option<&Histogram> {
        Some(&self.latency)
    }

    fn names_of(&self, home: u64, limit: usize, _deadline: Deadline) -> Result<Vec<Name>, Error> {
        let state = self.state.lock();
        Ok(state
            .records
            .keys()
            .filter(|name| name.home() == home && matches!(name.space(), Space::Key | Space::Message))
            .take(limit)
            .cloned()
            .collect())
    }

    fn log(&self, query: &LogQuery, _deadline: Deadline) -> Result<LogPage, Error> {
        let state = self.state.lock();
        let from_ms = query.from_ms.max(self.journal.log_from_ms(self.time().wall_ms));
        let after = query.after.as_deref().and_then(position_of);
        let (mut from, mut before) = ((from_ms, 0), (query.to_ms, 0));
        match after {
            Some((at_ms, number)) if query.oldest_first => from = from.max((at_ms, number + 1)),
            Some(after) => before = before.min(after),
            None => {}
        }
        let mut page = LogPage::default();
        if from >= before {
            return Ok(page);
        }
        let range = state.log.range(from..before);
        let wanted: Box<dyn Iterator<Item = _>> =
            if query.oldest_first { Box::new(range) } else { Box::new(range.rev()) };
        for ((at_ms, number), entry) in wanted.filter(|(_, entry)| query.home.is_none_or(|home| home == entry.home)) {
            if page.entries.len() == query.limit {
                page.more = true;
                break;
            }
            let position = [at_ms.to_be_bytes(), number.to_be_bytes()].concat().into();
            page.entries.push(Logged { at_ms: *at_ms, text: entry.text.clone(), position });
        }
        Ok(page)
    }

    fn drop_log(&self, home: u64, is_his: &dyn Fn(&[u8]) -> bool, _deadline: Deadline) -> Result<u64, Error> {
        let mut state = self.state.lock();
        let before = state.log.len();
        state.log.retain(|_, entry| entry.home != home || !is_his(&entry.text));
        Ok((before - state.log.len()) as u64)
    }

    fn counters(&self, days: std::ops::RangeInclusive<i64>, _deadline: Deadline) -> Result<Vec<(Counter, i64)>, Error> {
        let state = self.state.lock();
        let from = Counter { day: *days.start(), name: Box::default() };
        let found = state.counters.range(from..).take_while(|(counter, _)| counter.day <= *days.end());
        Ok(found.map(|(counter, n)| (counter.clone(), *n)).collect())
    }

    fn compact(&self, _deadline: Deadline) -> Result<Compacted, Error> {
        Ok(Compacted::Note("the store is in memory: what was forgotten is gone"))
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
        state.drop_what_is_over(&self.journal, time.wall_ms);
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

fn position_of(bytes: &[u8]) -> Option<(i64, u64)> {
    let (at_ms, number) = bytes.split_first_chunk()?;
    Some((i64::from_be_bytes(*at_ms), u64::from_be_bytes(number.try_into().ok()?)))
}
