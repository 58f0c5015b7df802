//! So many of something in any 24 hours.

use crate::ledger::age::Stamp;
use crate::ledger::codec::{Damage, Decoder, Encoder};
use crate::store::{Changes, Name, Stop, Time, View};

const DAY_MS: i64 = 24 * 3_600_000;

/// So many of something in any 24 hours.
pub struct DailyLimit {
    pub what: &'static str,
    pub per_day: usize,
    pub apart_ms: i64,
}

impl DailyLimit {
    pub fn name(&self) -> Name {
        Name::account(self.what)
    }

    /// Takes one; or says for how long there is none.
    pub fn take(&self, view: &View<'_>, changes: &mut Changes) -> Result<Result<(), i64>, Stop> {
        let name = self.name();
        let (mut ages, of_other_boot) = DailyLimit::load(&name, view)?;
        if let Some(ms) = self.wait_ms(&ages) {
            if of_other_boot {
                // From now on ages go by this boot's clock: the wall clock may show for a year what it showed before.
                DailyLimit::save(name, &ages, &view.time, changes);
            }
            return Ok(Err(ms));
        }
        ages.insert(0, 0);
        DailyLimit::save(name, &ages, &view.time, changes);
        Ok(Ok(()))
    }

    /// Gives the one back that was taken last: it came to nothing.
    pub fn give_back(&self, view: &View<'_>, changes: &mut Changes) -> Result<(), Stop> {
        let name = self.name();
        let (mut ages, _) = DailyLimit::load(&name, view)?;
        if !ages.is_empty() {
            ages.remove(0);
            DailyLimit::save(name, &ages, &view.time, changes);
        }
        Ok(())
    }

    /// The ages of this day, the newest first, and whether another boot's clock measured them. A damaged record counts as
    /// absent.
    fn load(name: &Name, view: &View<'_>) -> Result<(Vec<i64>, bool), Stop> {
        let (mut ages, of_other_boot) = match view.get(name)?.map(|record| DailyLimit::decode(name, record, &view.time))
        {
            Some(Err(newer @ Damage::Newer { .. })) => return Err(newer.into()),
            Some(Ok(read)) => read,
            Some(Err(Damage::Broken)) | None => (Vec::new(), false),
        };
        ages.retain(|age| (0..DAY_MS).contains(age));
        ages.sort_unstable();
        Ok((ages, of_other_boot))
    }

    /// For how long there is none, by the ages of those that were taken, the newest first.
    fn wait_ms(&self, ages: &[i64]) -> Option<i64> {
        if let Some(newest) = ages.first().filter(|age| **age < self.apart_ms) {
            return Some(self.apart_ms - newest);
        }
        ages.get(self.per_day - 1).map(|last_allowed| DAY_MS - last_allowed)
    }

    fn save(name: Name, ages: &[i64], time: &Time, changes: &mut Changes) {
        let mut to = Encoder::default();
        Stamp::encode(time, &mut to);
        to.unsigned(ages.len() as u64);
        ages.iter().for_each(|age| to.signed(*age));
        let value = to.finish(&name);
        changes.put(name, Some(value), None);
    }

    /// The ages, and whether another boot's clock measured them.
    fn decode(name: &Name, record: &[u8], now: &Time) -> Result<(Vec<i64>, bool), Damage> {
        let mut from = Decoder::open(name, record)?;
        let stamp = Stamp::decode(&mut from)?;
        let passed = stamp.passed(now);
        let mut ages = Vec::new();
        for _ in 0..from.small::<usize>()? {
            ages.push(from.signed()?.saturating_add(passed.age_ms));
        }
        from.end()?;
        Ok((ages, stamp.is_of_other_boot(now)))
    }
}
