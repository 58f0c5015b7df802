//! Steps of this process on one player follow each other; what was put off comes before what is asked later.

use std::collections::{HashMap, HashSet, VecDeque};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use super::seen::Seen;
use super::step_run::Run;
use crate::clock::Deadline;

/// Players whose records are remembered, at most twice as many.
const REMEMBERED: usize = 2048;
/// A step that was put off for so long is given up, as if it had not been asked for.
const GIVEN_UP: Duration = Duration::from_secs(10);
/// How long one rests that something was in the way of.
const REST: Duration = Duration::from_secs(1);
/// Steps that are put off, at most; with more of them the server is away.
const MOST_DEFERRED: usize = 65_536;

/// Whom this process is at, and what it has put off.
#[derive(Default)]
pub struct PlayerLocks {
    state: Mutex<State>,
    /// For those who wait for a turn.
    freed: Condvar,
    /// For who takes what was put off.
    work: Condvar,
}

#[derive(Default)]
struct State {
    busy: HashSet<u64>,
    deferred: HashMap<u64, VecDeque<Deferred>>,
    /// How many they are.
    count: usize,
    /// Players a step of whose was put off and is being taken.
    settling: HashSet<u64>,
    waiting: usize,
    closing: bool,
}

/// A step that was put off.
pub struct Deferred {
    /// The step.
    pub run: Run,
    since: Instant,
    /// The worker leaves it alone until then.
    rests_until: Instant,
}

impl Deferred {
    /// Something is in its way, so that it rests for a while.
    pub fn later(self) -> Deferred {
        Deferred { rests_until: Instant::now() + REST, ..self }
    }
}

/// One player's turn, until it is dropped.
pub struct Guard<'a> {
    player_locks: &'a PlayerLocks,
    home: u64,
}

impl PlayerLocks {
    /// Waits for this player's turn; None: the deadline came first.
    pub fn lock(&self, home: u64, deadline: Deadline) -> Option<Guard<'_>> {
        let mut state = self.state.lock();
        while !state.busy.insert(home) {
            state.waiting += 1;
            let timed_out = self.freed.wait_until(&mut state, deadline.instant()).timed_out();
            state.waiting -= 1;
            if timed_out {
                return None;
            }
        }
        Some(Guard { player_locks: self, home })
    }

    /// Whether a step on this player was put off and is not done.
    pub fn is_awaited(&self, home: u64) -> bool {
        let state = self.state.lock();
        state.deferred.contains_key(&home) || state.busy.contains(&home)
    }

    /// Puts a step off; where there are too many it is as if it had not been asked for.
    pub fn defer(&self, home: u64, run: Run) {
        let mut state = self.state.lock();
        if state.count < MOST_DEFERRED {
            state.count += 1;
            let now = Instant::now();
            state.deferred.entry(home).or_default().push_back(Deferred { run, since: now, rests_until: now });
        }
        self.work.notify_one();
    }

    /// Gives one back that did not come to its end: it stays the next one. When the store is closed nobody would take it.
    pub fn put_back(&self, guard: &Guard<'_>, deferred: Deferred) {
        let mut state = self.state.lock();
        if !state.closing {
            state.count += 1;
            state.deferred.entry(guard.home).or_default().push_front(deferred);
        }
    }

    /// The next step that was put off on a player whose turn it is, and is not given up.
    pub fn next(&self, guard: &Guard<'_>) -> Option<Deferred> {
        let mut state = self.state.lock();
        let State { deferred, count, settling, .. } = &mut *state;
        let Some(steps) = deferred.get_mut(&guard.home) else {
            settling.remove(&guard.home);
            return None;
        };
        let before = steps.len();
        let next = std::iter::from_fn(|| steps.pop_front()).find(|step| step.since.elapsed() < GIVEN_UP);
        *count = count.saturating_sub(before - steps.len());
        if steps.is_empty() {
            deferred.remove(&guard.home);
        }
        settling.insert(guard.home);
        next
    }

    /// Players with steps that were put off and nobody is at, their turns taken; None: the store is closed.
    pub fn wait_for_deferred(&self, most: usize) -> Option<Vec<Guard<'_>>> {
        let mut state = self.state.lock();
        loop {
            let State { busy, deferred, .. } = &*state;
            let (now, mut next) = (Instant::now(), None);
            let is_free = |(home, steps): &(&u64, &VecDeque<Deferred>)| {
                let rests_until = steps.front().map(|step| step.rests_until).filter(|until| *until > now);
                next = next.into_iter().chain(rests_until).min();
                rests_until.is_none() && !busy.contains(home)
            };
            let free: Vec<u64> = deferred.iter().filter(is_free).take(most).map(|(home, _)| *home).collect();
            if !free.is_empty() {
                state.busy.extend(free.iter().copied());
                return Some(free.into_iter().map(|home| Guard { player_locks: self, home }).collect());
            }
            if state.closing {
                return None;
            }
            match next {
                Some(until) => drop(self.work.wait_until(&mut state, until)),
                None => self.work.wait(&mut state),
            }
        }
    }

    /// Players with something that was put off and is not done; and those of them whose next step rests.
    pub fn unsettled(&self) -> (Vec<u64>, Vec<u64>) {
        let state = self.state.lock();
        let (now, mut unsettled) = (Instant::now(), state.settling.iter().copied().collect::<Vec<u64>>());
        let mut resting = Vec::new();
        for (home, steps) in &state.deferred {
            match steps.front() {
                Some(step) if step.rests_until > now => resting.push(*home),
                _ if state.settling.contains(home) => {}
                _ => unsettled.push(*home),
            }
        }
        (unsettled, resting)
    }

    /// Nothing will be put off any more.
    pub fn close(&self) {
        self.state.lock().closing = true;
        self.work.notify_all();
    }
}

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        let mut state = self.player_locks.state.lock();
        state.busy.remove(&self.home);
        state.settling.remove(&self.home);
        if state.waiting > 0 {
            self.player_locks.freed.notify_all();
        }
        if !state.deferred.is_empty() {
            self.player_locks.work.notify_one();
        }
    }
}

impl Guard<'_> {
    /// Whose it is.
    pub fn home(&self) -> u64 {
        self.home
    }
}

/// What this process saw of players last.
#[derive(Default)]
pub struct Memory {
    generations: Mutex<[HashMap<u64, Seen>; 2]>,
}

impl Memory {
    /// What is known of this player, if it is not too old; it is then not known any more.
    pub fn take(&self, home: u64) -> Option<Seen> {
        let mut generations = self.generations.lock();
        let seen = generations.iter_mut().find_map(|known| known.remove(&home));
        seen.filter(Seen::is_young)
    }

    /// Remembers it for a while.
    pub fn put(&self, home: u64, seen: Seen) {
        let mut generations = self.generations.lock();
        let [young, old] = &mut *generations;
        if young.len() >= REMEMBERED {
            *old = std::mem::take(young);
        }
        old.remove(&home);
        young.insert(home, seen);
    }

    /// It may be wrong by now.
    pub fn forget(&self, home: u64) {
        drop(self.take(home));
    }
}
