//! Requests of one kind that wait for a server, and when the next round trip may start.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::super::error::Failure;
use super::{Call, KEPT};

/// Round trips under way at once: of plain requests, and of those whose proof the server waits for.
const FLIGHTS: [usize; 2] = [2, 16];
/// A round trip that takes longer is not counted among them: its connection may be dead.
const SLOW: Duration = Duration::from_millis(500);

/// Requests that wait, and the round trips that took others along.
#[derive(Default)]
pub struct Lane {
    pub(super) state: Mutex<LaneState>,
}

#[derive(Default)]
pub(super) struct LaneState {
    pub(super) waiting: VecDeque<Arc<Call>>,
    /// When each round trip under way began.
    pub(super) flights: Vec<Instant>,
    last_start: Option<Instant>,
    pub(super) took: Duration,
    #[cfg(test)]
    pub(super) started: usize,
}

/// What the caller in front may do.
pub enum Turn {
    /// Lead the next round trip.
    Lead(Instant),
    /// Wait until this.
    At(Instant),
    /// Wait until it is nudged.
    Later,
}

impl Lane {
    /// What a request that waits may do now.
    pub fn turn(&self, call: &Arc<Call>) -> Turn {
        let mut state = self.state.lock();
        let first = state.waiting.iter().find(|other| Arc::ptr_eq(other, call) || other.state.lock().awaited);
        if !first.is_some_and(|first| Arc::ptr_eq(first, call)) {
            return Turn::Later;
        }
        let now = Instant::now();
        let most = FLIGHTS[call.lane()];
        // Those that wait for the disk start evenly apart, so that none must wait for two whole rounds of it.
        let apart =
            if call.lane() == 1 && !state.flights.is_empty() { state.took / most as u32 } else { Duration::ZERO };
        let soonest = state.last_start.map_or(now, |last| last + apart);
        let busy = state.flights.iter().filter(|began| now.duration_since(**began) < SLOW);
        let full = busy.clone().count() >= most || state.flights.len() >= KEPT;
        let free = if full { busy.min().map_or(now + SLOW, |oldest| *oldest + SLOW) } else { now };
        let start = soonest.max(free);
        if start > now {
            return Turn::At(start);
        }
        state.flights.push(now);
        #[cfg(test)]
        {
            state.started += 1;
        }
        state.last_start = Some(now);
        Turn::Lead(now)
    }

    /// Takes it out of the queue, if it is there.
    pub fn leave(&self, call: &Arc<Call>) -> bool {
        let mut state = self.state.lock();
        let before = state.waiting.len();
        state.waiting.retain(|other| !Arc::ptr_eq(other, call));
        state.waiting.len() < before
    }

    /// Has the first one see whether it may lead.
    pub fn nudge(&self) {
        let state = self.state.lock();
        for call in &state.waiting {
            let mut state = call.state.lock();
            if state.awaited {
                state.nudged = true;
                call.changed.notify_one();
                return;
            }
        }
    }

    /// Nobody gets a connection now; whose own time is over knows of none but itself.
    pub fn fail(&self, own: &Arc<Call>, failure: &Failure) {
        let failed = if own.deadline.is_over() {
            if self.leave(own) { vec![Arc::clone(own)] } else { Vec::new() }
        } else {
            self.state.lock().waiting.drain(..).collect()
        };
        failed.iter().for_each(|call| call.finish(Err(failure.clone())));
    }
}
