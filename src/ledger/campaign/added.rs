//! The keys by which players were added to a list, so that a call that is made again within a day adds nothing. They are
//! spread over a few records, which go with the list.

use super::record::added_name;
use crate::ledger::age::Stamp;
use crate::ledger::codec::{Damage, Decoder, Encoder};
use crate::ledger::key::LIFE_MS;
use crate::store::{Changes, Name, Operation, Stop, Time, View};

/// Records of one campaign.
const BUCKETS: u64 = 64;

/// Calls of the last day in one record.
pub struct AddedBy {
    name: Name,
    calls: Vec<Call>,
}

struct Call {
    key: u64,
    added: u64,
    age_ms: i64,
}

impl AddedBy {
    /// The record in which this key would be.
    pub fn load(view: &View<'_>, id: &str, key: u64) -> Result<AddedBy, Stop> {
        let name = added_name(id, key % BUCKETS);
        let calls = view.get(&name)?.map(|record| decode(&name, record, &view.time)).transpose()?;
        Ok(AddedBy { name, calls: calls.unwrap_or_default() })
    }

    /// How many the call with this key has added.
    pub fn by(&self, key: u64) -> Option<u64> {
        self.calls.iter().find(|call| call.key == key).map(|call| call.added)
    }

    /// Remembers a call.
    pub fn note(mut self, key: u64, added: u64, time: &Time, changes: &mut Changes) {
        self.calls.push(Call { key, added, age_ms: 0 });
        let mut to = Encoder::default();
        Stamp::encode(time, &mut to);
        to.unsigned(self.calls.len() as u64);
        for call in &self.calls {
            to.fixed(call.key, 8);
            to.unsigned(call.added);
            to.signed(call.age_ms);
        }
        let record = to.finish(&self.name);
        changes.put(self.name, Some(record), None);
    }
}

fn decode(name: &Name, record: &[u8], now: &Time) -> Result<Vec<Call>, Damage> {
    let mut from = Decoder::open(name, record)?;
    let passed = Stamp::decode(&mut from)?.passed(now);
    let mut calls = Vec::new();
    for _ in 0..from.small::<usize>()? {
        let (key, added, age_ms) = (from.fixed(8)?, from.unsigned()?, from.signed()?);
        calls.push(Call { key, added, age_ms: age_ms.saturating_add(passed.age_ms) });
    }
    from.end()?;
    calls.retain(|call| call.age_ms <= LIFE_MS);
    Ok(calls)
}

/// Drops those of a campaign that has ended.
pub fn drop_added(id: &str) -> Operation<()> {
    let names: Vec<Name> = (0..BUCKETS).map(|bucket| added_name(id, bucket)).collect();
    let decide = Box::new({
        let names = names.clone();
        move |view: &View<'_>| {
            let mut changes = Changes::default();
            for name in &names {
                if view.get(name)?.is_some() {
                    changes.put(name.clone(), None, None);
                }
            }
            Ok((changes, ()))
        }
    });
    Operation { reads: names, proven: false, trace: None, decide }
}
