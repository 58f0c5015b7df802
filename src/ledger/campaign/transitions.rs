//! What becomes of a campaign: by time, and by what somebody wants. All of it is here.

use super::record::{Definition, Run};
use super::state::{State, Wish};

impl Run {
    /// What time alone has made of it: it begins, goes on after a pause, and ends.
    pub fn advance(&mut self, definition: &Definition, now_ms: i64) {
        if self.state.has_ended() {
            return;
        }
        if let State::Paused { until_ms: Some(until_ms), .. } = self.state
            && until_ms <= now_ms
        {
            self.state = if self.has_begun() { State::Running } else { State::Waiting };
        }
        if self.state == State::Waiting && definition.start_ms.is_some_and(|start_ms| start_ms <= now_ms) {
            self.begin(definition, definition.start_ms.unwrap_or(now_ms));
        }
        let is_over = self.expires_ms.is_some_and(|expires_ms| expires_ms <= now_ms);
        if is_over || self.state == State::Running && self.is_through(definition) {
            self.end(State::Done, now_ms);
        }
    }

    /// Does what somebody wants; false: it is too late for it. What is so already is no change.
    pub fn wish(&mut self, definition: &Definition, wish: &Wish, now_ms: i64) -> bool {
        match (&self.state, wish) {
            (State::Cancelled, Wish::Cancel) => {}
            (State::Done | State::Cancelled, _) => return false,
            (_, Wish::Cancel) => self.end(State::Cancelled, now_ms),
            (State::Waiting | State::Running, Wish::Pause { why, until_ms }) => {
                self.state = State::Paused { why: why.clone(), until_ms: *until_ms };
            }
            // Who pauses it himself means it; what the library found does not shorten that.
            (State::Paused { until_ms: Some(_), .. }, Wish::Pause { why, until_ms: None }) => {
                self.state = State::Paused { why: why.clone(), until_ms: None };
            }
            (State::Paused { .. }, Wish::Pause { .. }) | (State::Running, Wish::Start | Wish::Resume) => {}
            (State::Waiting, Wish::Start) => self.begin(definition, now_ms),
            (State::Waiting, Wish::Resume) => {}
            (State::Paused { .. }, Wish::Start | Wish::Resume) => {
                if self.has_begun() {
                    self.state = State::Running;
                } else if *wish == Wish::Start {
                    self.begin(definition, now_ms);
                } else {
                    self.state = State::Waiting;
                }
            }
        }
        true
    }

    fn begin(&mut self, definition: &Definition, at_ms: i64) {
        self.state = State::Running;
        self.begun_ms.get_or_insert(at_ms);
        self.expires_ms.get_or_insert(definition.expires_ms.unwrap_or(at_ms.saturating_add(super::LIFE_MS)));
    }

    fn end(&mut self, state: State, now_ms: i64) {
        self.state = state;
        self.ended_ms.get_or_insert(now_ms);
        // Nobody goes on from them, and they name players.
        self.place = None;
        for slice in &mut self.slices {
            (slice.from, slice.to) = (None, Box::default());
        }
    }

    /// Whether it has begun.
    pub fn has_begun(&self) -> bool {
        self.begun_ms.is_some()
    }

    /// Whether every player had his turn.
    fn is_through(&self, definition: &Definition) -> bool {
        let all_out = if definition.is_list { self.parts > 0 && self.parts_out == self.parts } else { self.at_end };
        all_out && self.slices.is_empty()
    }
}
