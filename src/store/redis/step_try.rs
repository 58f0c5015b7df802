//! One try of a step: what was decided, and the command that carries it out.

use super::super::{Changes, Name, When};
use super::Core;
use super::announcement::Announcement;
use super::entries;
use super::keys::{At, Place};
use super::script::{Attempt, Command};
use super::seen::Seen;
use crate::error::Error;

/// A write that says nothing: the key's value and life.
pub const WRITTEN: &[&[u8]] = &[b"", b"PX", b"1000"];

/// Changes that were decided on.
pub struct Try {
    /// What is to be written.
    pub changes: Changes,
    /// What its caller is told then: a decision that failed is checked like any other.
    pub result: Result<(), Error>,
    /// Names this try among all of all processes.
    pub step_id: u64,
    /// When that was, by the server's clock.
    pub decided_ms: i64,
    /// Its announcement went with it.
    pub announced: bool,
}

/// What a record is compared with.
pub fn records_of<'a>(core: &Core, place: Place, seen: &'a Seen) -> Vec<(At, Option<&'a [u8]>)> {
    seen.records.iter().map(|(name, value)| (core.keys.record(place, name), value.as_deref())).collect()
}

/// All that these changes are about.
pub fn touched(changes: &Changes) -> impl Iterator<Item = &Name> {
    changes.puts.iter().map(|put| &put.name).chain(changes.agenda.iter().map(|(name, _)| name))
}

impl Try {
    /// What carries it out, if the records are still as they were `seen`. `proven`: it is to be proven.
    pub fn command(&self, core: &Core, place: Place, seen: Option<&Seen>, proven: bool) -> Command {
        let records = seen.map(|seen| records_of(core, place, seen)).unwrap_or_default();
        let decided = Some(self.decided_ms).filter(|_| !records.is_empty());
        let mut attempt = Attempt::new(decided, records.iter().map(|(at, value)| (at, Some(*value))));
        let agenda = core.keys.agenda(place);
        for (name, when) in &self.changes.agenda {
            match when.at_ms(self.decided_ms) {
                Some(at_ms) => attempt.then("ZADD", &agenda, &[at_ms.to_string().as_bytes(), name.id()]),
                None => attempt.then("ZREM", &agenda, &[name.id()]),
            }
        }
        for put in &self.changes.puts {
            let At { key, field } = core.keys.record(place, &put.name);
            let life = put.life_ms.map(|ms| ms.max(1).to_string());
            match (&put.value, &life) {
                (Some(value), _) if !field.is_empty() => attempt.then("HSET", &key, &[&field, value]),
                (None, _) if !field.is_empty() => attempt.then("HDEL", &key, &[&field]),
                (Some(value), Some(life)) => attempt.then("SET", &key, &[value, b"PX", life.as_bytes()]),
                (Some(value), None) => attempt.then("SET", &key, &[value]),
                (None, _) => attempt.then("DEL", &key, &[]),
            }
        }
        entries::write(&core.keys, &core.journal, place, &self.changes, &mut attempt);
        if self.changes.is_empty() && proven {
            // What is told without a change may be what another call changed and could not prove.
            attempt.then("SET", &core.keys.written(place), WRITTEN);
        }
        attempt.into_command()
    }

    /// What others must hear of.
    pub fn announcement(&self, place: Place) -> Option<Announcement> {
        let Place::Bucket(bucket) = place else { return None };
        let at_ms = self.changes.agenda.iter().filter_map(|(_, when)| when.at_ms(self.decided_ms)).min()?;
        Some(Announcement { bucket, at_ms })
    }
}

impl When {
    /// By the server's clock, which is the one for everything.
    fn at_ms(self, decided_ms: i64) -> Option<i64> {
        match self {
            When::At(wall_ms) => Some(wall_ms),
            When::In(ms) => Some(decided_ms.saturating_add(ms)),
            When::Never => None,
        }
    }
}
