//! Which node of a cluster has which slot.

use super::resp::Value;
use crate::resolver::Address;
use crc::{CRC_16_XMODEM, Crc};

/// Slots of a cluster.
const SLOTS: u16 = 16_384;

/// The slot of a key with this hash tag (Redis cluster specification: "key distribution model").
pub fn slot_of(tag: &str) -> u16 {
    const CRC: Crc<u16> = Crc::<u16>::new(&CRC_16_XMODEM);
    CRC.checksum(tag.as_bytes()) % SLOTS
}

/// What is known of it; empty when nothing is.
#[derive(Default)]
pub struct Slots {
    ranges: Vec<(u16, u16, Address)>,
}

impl Slots {
    /// Whose slot this is.
    pub fn owner(&self, slot: u16) -> Option<Address> {
        // The newest word on a slot comes last.
        self.ranges.iter().rev().find(|(first, last, _)| (*first..=*last).contains(&slot)).map(|(.., a)| a.clone())
    }

    /// All that have any.
    pub fn owners(&self) -> Vec<Address> {
        let mut all: Vec<Address> = self.ranges.iter().map(|(.., a)| a.clone()).collect();
        all.sort();
        all.dedup();
        all
    }

    /// The first slot whose owner is not known.
    pub fn gap(&self) -> Option<u16> {
        let mut known: Vec<_> = self.ranges.iter().map(|(first, last, _)| (*first, *last)).collect();
        known.sort_unstable();
        let next = known
            .iter()
            .fold(0, |next, (first, last)| if *first <= next { next.max(last.saturating_add(1)) } else { next });
        Some(next).filter(|slot| *slot < SLOTS)
    }

    /// One slot has moved.
    pub fn put(&mut self, slot: u16, address: Address) {
        self.ranges.retain(|(first, last, _)| (*first, *last) != (slot, slot));
        self.ranges.push((slot, slot, address));
    }

    /// What this node has may be another's by now; where the others' slots are is still believed.
    pub fn forget(&mut self, owner: &Address) {
        self.ranges.retain(|(.., address)| address != owner);
    }

    /// Takes the answer to CLUSTER SLOTS; `asked` stands for a node that does not know its own name.
    pub fn learn(&mut self, value: &Value, asked: &str) {
        self.ranges = value.list().iter().filter_map(|row| range(row, asked)).collect();
    }
}

fn range(row: &Value, asked: &str) -> Option<(u16, u16, Address)> {
    let [Value::Int(first), Value::Int(last), Value::List(master), ..] = row.list() else { return None };
    let [host, Value::Int(port), ..] = master.as_slice() else { return None };
    let host = host.text().filter(|host| !host.is_empty() && *host != "?").unwrap_or(asked).to_owned();
    Some((u16::try_from(*first).ok()?, u16::try_from(*last).ok()?, (host, u16::try_from(*port).ok()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_those_of_the_specification() {
        assert_eq!(slot_of("123456789"), 0x31C3);
        assert_eq!(slot_of("foo"), 12_182);
    }

    #[test]
    fn the_newest_word_on_a_slot_counts() {
        let node = |host: &str, port| Value::List(vec![Value::Text(host.into()), Value::Int(port)]);
        let row = |first, last, node| Value::List(vec![Value::Int(first), Value::Int(last), node]);
        let mut slots = Slots::default();
        assert_eq!(slots.owner(5), None);
        slots.learn(&Value::List(vec![row(0, 99, node("a", 1)), row(100, 16_383, node("", 2))]), "seed");
        assert_eq!(slots.owner(5), Some(("a".to_owned(), 1)));
        assert_eq!(slots.owner(100), Some(("seed".to_owned(), 2)));
        slots.put(5, ("b".to_owned(), 3));
        slots.put(5, ("c".to_owned(), 4));
        assert_eq!(slots.owner(5), Some(("c".to_owned(), 4)));
        assert_eq!(slots.owner(6), Some(("a".to_owned(), 1)));
        assert_eq!(slots.owners().len(), 3);
    }

    #[test]
    fn a_node_that_fails_takes_nobody_else_s_slots_along() {
        let (dead, alive) = (("a".to_owned(), 1), ("b".to_owned(), 2));
        let mut slots = Slots::default();
        slots.learn(&Value::List(vec![]), "");
        assert_eq!(slots.gap(), Some(0));
        slots.ranges = vec![(6, 16_383, alive.clone()), (0, 5, dead.clone())];
        assert_eq!(slots.gap(), None);
        slots.forget(&dead);
        assert_eq!(slots.gap(), Some(0));
        slots.put(0, alive.clone());
        assert_eq!(slots.gap(), Some(1));
        assert_eq!((slots.owner(5), slots.owner(6)), (None, Some(alive)));
    }
}
