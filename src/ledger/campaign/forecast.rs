//! What a campaign would do, without doing it: whom it reaches, whom it passes over and why, and how long it takes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::error::SkipReason;
use crate::ledger::rules::{Skip, day_of, quiet_left_ms};

/// How fast it goes, and what stands against it.
#[derive(Clone, Debug)]
pub struct Pace {
    /// Messages a second.
    pub per_second: f64,
    /// When the first one may begin, in the time zone of the rules, Unix milliseconds.
    pub local_start_ms: i64,
    /// How long it lasts at most from then on.
    pub life_ms: i64,
    /// The quiet hours.
    pub quiet: Option<(u32, u32)>,
    /// The template's budget of a day, and what is left of the first day's.
    pub budget: Option<(u64, u64)>,
}

/// What was found so far; it grows player by player.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Forecast {
    /// Who would get it.
    pub players: u64,
    /// Units of counts that it would take.
    pub units: u64,
    /// Who would be passed over, by the words of the reasons.
    pub skipped: BTreeMap<String, u64>,
    /// When the next one's turn comes, milliseconds from its begin on.
    pub ahead_ms: f64,
    /// The day of the last one, and what was used of that day's budget.
    day: i64,
    used: u64,
}

impl Forecast {
    /// One player more. `look`: why it would not reach the player at that time, milliseconds from its begin on.
    pub fn add(&mut self, pace: &Pace, takes_unit: bool, look: impl FnOnce(i64) -> Option<Skip>) {
        let quiet = self.pass_quiet_hours(pace);
        let ahead_ms = self.ahead_ms as i64;
        let skip = look(ahead_ms).map(|skip| skip.reason);
        // In the order in which a run looks.
        let at_once = skip.filter(|reason| matches!(reason, SkipReason::Count | SkipReason::Leave));
        let is_over = (ahead_ms >= pace.life_ms).then_some(if quiet { SkipReason::Quiet } else { SkipReason::Expired });
        if let Some(reason) = at_once.or(is_over).or_else(|| self.over_budget(pace, ahead_ms)).or(skip) {
            *self.skipped.entry(reason.word().to_owned()).or_default() += 1;
            return;
        }
        self.players += 1;
        self.used += 1;
        self.units += u64::from(takes_unit);
        self.ahead_ms += 1000.0 / pace.per_second;
    }

    /// How long it takes, in seconds.
    pub fn seconds(&self) -> u64 {
        (self.ahead_ms / 1000.0).ceil() as u64
    }

    /// Waits until the quiet hours are over; true: it is their fault if it is too late then.
    fn pass_quiet_hours(&mut self, pace: &Pace) -> bool {
        let local_ms = pace.local_start_ms.saturating_add(self.ahead_ms as i64);
        match pace.quiet.and_then(|quiet| quiet_left_ms(quiet, local_ms)) {
            Some(left_ms) if self.ahead_ms as i64 + left_ms >= pace.life_ms => {
                self.ahead_ms = pace.life_ms as f64;
                true
            }
            Some(left_ms) => {
                self.ahead_ms += left_ms as f64;
                false
            }
            None => false,
        }
    }

    fn over_budget(&mut self, pace: &Pace, ahead_ms: i64) -> Option<SkipReason> {
        let (limit, left_first) = pace.budget?;
        let (first, _) = day_of(pace.local_start_ms);
        let (day, _) = day_of(pace.local_start_ms.saturating_add(ahead_ms));
        if day != self.day {
            (self.day, self.used) = (day, 0);
        }
        let left = if day == first { left_first } else { limit };
        (self.used >= left).then_some(SkipReason::Budget)
    }
}
