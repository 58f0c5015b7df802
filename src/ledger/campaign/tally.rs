//! What came of a campaign's players, in numbers.

use std::collections::BTreeMap;

use crate::error::{SkipReason, Status};
use crate::ledger::codec::{Damage, Decoder, Encoder};

/// Numbers of players.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Whose turn has come.
    pub seen: u64,
    /// Who got the message.
    pub sent: u64,
    /// Who maybe got it.
    pub unknown: u64,
    /// Who was passed over, and why.
    pub skipped: BTreeMap<SkipReason, u64>,
    /// Whose message failed, and how.
    pub failed: BTreeMap<i32, u64>,
}

/// What came of one player.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// WeChat took the message.
    Sent,
    /// Maybe.
    Unknown,
    /// A rule, or the player, stood against it.
    Skipped(SkipReason),
    /// It failed.
    Failed(Status),
}

impl Tally {
    /// Counts one player's turn.
    pub fn count(&mut self, turn: Turn) {
        self.seen += 1;
        match turn {
            Turn::Sent => self.sent += 1,
            Turn::Unknown => self.unknown += 1,
            Turn::Skipped(reason) => *self.skipped.entry(reason).or_default() += 1,
            Turn::Failed(status) => *self.failed.entry(status.code()).or_default() += 1,
        }
    }

    /// Adds another's numbers.
    pub fn add(&mut self, other: &Tally) {
        self.seen += other.seen;
        self.sent += other.sent;
        self.unknown += other.unknown;
        other.skipped.iter().for_each(|(reason, n)| *self.skipped.entry(*reason).or_default() += n);
        other.failed.iter().for_each(|(status, n)| *self.failed.entry(*status).or_default() += n);
    }

    pub fn encode(&self, to: &mut Encoder) {
        [self.seen, self.sent, self.unknown].into_iter().for_each(|n| to.unsigned(n));
        to.unsigned(self.skipped.len() as u64);
        for (reason, n) in &self.skipped {
            to.byte(*reason as u8);
            to.unsigned(*n);
        }
        to.unsigned(self.failed.len() as u64);
        for (status, n) in &self.failed {
            to.unsigned(status.unsigned_abs().into());
            to.unsigned(*n);
        }
    }

    pub fn decode(from: &mut Decoder<'_>) -> Result<Tally, Damage> {
        let mut tally =
            Tally { seen: from.unsigned()?, sent: from.unsigned()?, unknown: from.unsigned()?, ..Tally::default() };
        for _ in 0..from.small::<usize>()? {
            let reason = SkipReason::ALL.get(usize::from(from.byte()?)).ok_or(Damage::Broken)?.0;
            tally.skipped.insert(reason, from.unsigned()?);
        }
        for _ in 0..from.small::<usize>()? {
            tally.failed.insert(from.small()?, from.unsigned()?);
        }
        Ok(tally)
    }
}
