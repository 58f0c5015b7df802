//! What this process has seen of a player: a step may be decided on it before the server is asked.

use std::time::Instant;

use super::super::step::Records;
use super::super::{Changes, Name};
use super::script::OLDEST_MS;

/// Records as the server had them.
#[derive(Clone)]
pub struct Seen {
    pub records: Records,
    pub time_ms: i64,
    /// When the answer had come; the server's clock has gone on since then at least as far as ours.
    pub at: Instant,
}

impl Seen {
    /// What the server's clock shows by now, or a little less; never more, or the script refuses it.
    pub fn now_ms(&self) -> i64 {
        self.time_ms + self.at.elapsed().as_millis() as i64
    }

    /// Whether decisions may still be made on it.
    pub fn is_young(&self) -> bool {
        self.at.elapsed().as_millis() < OLDEST_MS as u128 / 2
    }

    pub fn value(&self, name: &Name) -> Option<&[u8]> {
        self.records.iter().find(|(other, _)| other == name).and_then(|(_, value)| value.as_deref())
    }

    /// These records of it, if all are there.
    pub fn only(&self, names: &[Name]) -> Option<Seen> {
        let find = |name: &Name| self.records.iter().find(|(other, _)| other == name).cloned();
        let records = names.iter().map(find).collect::<Option<Records>>()?;
        Some(Seen { records, ..*self })
    }

    /// What was decided on it was done.
    pub fn after(mut self, changes: &Changes, time_ms: i64) -> Seen {
        for put in &changes.puts {
            self.records.retain(|(name, _)| *name != put.name);
            self.records.push((put.name.clone(), put.value.clone()));
        }
        Seen { time_ms, at: Instant::now(), ..self }
    }
}
