//! Whose turn it is: the lanes with what waits in them, and which class of jobs goes next.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Class;
use crate::sync::now;

pub struct State<J> {
    pub lanes: HashMap<u64, Lane<J>>,
    /// Lanes whose first job may run now, by that job's class.
    pub ready: [VecDeque<u64>; 5],
    pub queued: usize,
    pub running: usize,
    /// Those of them that are due, that are paced, that are spare, and the others.
    pub due: usize,
    pub paced: usize,
    pub spare: usize,
    pub short: usize,
    /// Of a due and a paced one that both waited, the due one was begun last.
    pub due_was_last: bool,
    /// Threads that take everything and have nothing to do.
    pub sleeping: usize,
    /// Between the starts of two paced jobs; and when the next may start.
    pub interval: Duration,
    pub next_start: Instant,
    pub usual_threads: usize,
    pub urgent_threads: usize,
    pub closed: bool,
    pub stopped: bool,
}

pub struct Lane<J> {
    pub waiting: VecDeque<Arc<J>>,
    pub running: Option<Arc<J>>,
}

impl<J> State<J> {
    pub fn new(interval: Duration) -> State<J> {
        State {
            lanes: HashMap::new(),
            ready: Default::default(),
            queued: 0,
            running: 0,
            due: 0,
            paced: 0,
            spare: 0,
            short: 0,
            due_was_last: false,
            sleeping: 0,
            interval,
            next_start: now(),
            usual_threads: 0,
            urgent_threads: 0,
            closed: false,
            stopped: false,
        }
    }

    /// The lane whose turn it is; or until when there is none.
    pub fn next(&mut self, only_urgent: bool, threads: usize) -> Result<u64, Option<Instant>> {
        if only_urgent || !self.due_comes_before_short(threads) {
            if let Some(lane) = self.ready[Class::Urgent as usize].pop_front() {
                return Ok(lane);
            }
            if only_urgent {
                return Err(None);
            }
            if let Some(lane) = self.ready[Class::Prompt as usize].pop_front() {
                self.due_was_last = false;
                return Ok(lane);
            }
        }
        let Some(class) = self.next_class(threads) else { return Err(None) };
        if !self.interval.is_zero() {
            let now = now();
            if now < self.next_start {
                return Err(Some(self.next_start));
            }
            // Waking up late does not slow the whole down, and nothing is saved up while there is nothing to do.
            let late = now - self.next_start;
            self.next_start = if late < self.interval { self.next_start + self.interval } else { now + self.interval };
        }
        self.due_was_last = class == Class::Due;
        self.ready[class as usize].pop_front().ok_or(None)
    }

    /// Whether a due job waits whose share of the threads the short ones have taken.
    fn due_comes_before_short(&self, threads: usize) -> bool {
        !self.ready[Class::Due as usize].is_empty()
            && self.due < share(threads)
            && self.short >= threads - share(threads)
            && (threads > 1 || !self.due_was_last)
    }

    /// Due or paced: while both wait, neither gets less than its share of the threads.
    fn next_class(&self, threads: usize) -> Option<Class> {
        let waits = |class: Class| !self.ready[class as usize].is_empty();
        let due_has_its_share = self.due >= share(threads);
        let paced_have_theirs = self.paced >= threads - share(threads);
        match (waits(Class::Due), waits(Class::Paced)) {
            (false, false) => (waits(Class::Spare) && self.spare + 1 < threads.max(2)).then_some(Class::Spare),
            (true, false) => Some(Class::Due),
            (false, true) => Some(Class::Paced),
            (true, true) if threads > 1 && due_has_its_share != paced_have_theirs => {
                Some(if due_has_its_share { Class::Paced } else { Class::Due })
            }
            (true, true) => Some(if self.due_was_last { Class::Paced } else { Class::Due }),
        }
    }

    /// A job of this class begins, or ends.
    pub fn count(&mut self, class: Class, begins: bool) {
        let step = |n: usize| if begins { n + 1 } else { n - 1 };
        self.running = step(self.running);
        match class {
            Class::Due => self.due = step(self.due),
            Class::Paced => self.paced = step(self.paced),
            Class::Spare => self.spare = step(self.spare),
            Class::Urgent | Class::Prompt => self.short = step(self.short),
        }
    }
}

/// The threads that due jobs get while others wait, too: at least half.
fn share(threads: usize) -> usize {
    threads.div_ceil(2)
}
