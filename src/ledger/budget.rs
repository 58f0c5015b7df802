//! A template's budget of a day, which all processes share: each claims a block, so that not every send asks the store.
//!
//! The record keeps for each process how much is its own; a claim sets that number, so that one that is made twice does no
//! harm. What a process claimed and did not use is gone for the day when it dies, at most a block.

use super::codec::{Damage, Decoder, Encoder};
use crate::store::{Changes, Name, Operation, Stop, View};

/// A block is at most so large …
const LARGEST: u64 = 64;
/// … and at most this part of what is left, so that little is out of reach near the end.
const PART: u64 = 64;
/// Processes that are kept apart; the numbers of more than these are one, which only grows.
const PROCESSES: usize = 256;

fn name_of(template_id: &str) -> Name {
    Name::account(&format!("budget:{template_id}"))
}

/// The claims of two ledgers; None: the record is another one. Of two days the later one counts.
pub fn join(name: &Name, here: &[u8], other: &[u8]) -> Option<Result<Vec<u8>, Damage>> {
    name.id().starts_with(b"budget:").then(|| {
        let other = Day::decode(name, other)?;
        let mut day = match Day::decode(name, here) {
            // Nobody knows what was used.
            Err(Damage::Broken) => Day { day: other.day, others: u64::MAX, claimed: Vec::new() },
            here => here?,
        };
        match day.day.cmp(&other.day) {
            std::cmp::Ordering::Less => day = other,
            std::cmp::Ordering::Greater => {}
            std::cmp::Ordering::Equal => {
                day.others = day.others.max(other.others);
                for (process, n) in other.claimed {
                    let here = day.claimed.iter().find(|(here, _)| *here == process).map_or(0, |(_, n)| *n);
                    day.set(process, n.max(here));
                }
            }
        }
        Ok(day.encode(name))
    })
}

/// Who claims what.
#[derive(Clone, Debug)]
pub struct BudgetClaim {
    /// Whose budget.
    pub template_id: String,
    /// The day, counted in the host's time zone.
    pub day: i64,
    /// Names the process.
    pub process: i64,
    /// What it has used of the day so far.
    pub used: u64,
    /// The budget.
    pub limit: u64,
}

/// What a process has of a day's budget.
#[derive(Clone, Copy, Debug, Default)]
pub struct Share {
    day: i64,
    claimed: u64,
    used: u64,
}

/// What a share says to one more message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It is part of what is claimed.
    Now,
    /// So much is used, which is all that is claimed.
    AllUsed(u64),
    /// The clock was set back to a day that was over: what was used of it is not known any more.
    DayIsOver,
}

impl Share {
    /// Takes one message's part of this day's.
    pub fn take(&mut self, day: i64) -> Taken {
        if self.day > day {
            return Taken::DayIsOver;
        }
        if self.day < day {
            *self = Share { day, ..Share::default() };
        }
        if self.used >= self.claimed {
            return Taken::AllUsed(self.used);
        }
        self.used += 1;
        Taken::Now
    }

    /// So much of this day's is its own now.
    pub fn note_claimed(&mut self, day: i64, claimed: u64) {
        if self.day == day {
            self.claimed = self.claimed.max(claimed);
        }
    }

    /// What was taken of this day's was not used.
    pub fn give_back(&mut self, day: i64) {
        if self.day == day {
            self.used = self.used.saturating_sub(1);
        }
    }

    /// What was used of this day's, if less than was claimed.
    pub fn unused_of(&self, day: i64) -> Option<u64> {
        (self.day == day && self.used < self.claimed).then_some(self.used)
    }
}

/// What is written of a day.
#[derive(Debug, Default)]
struct Day {
    day: i64,
    /// Of processes that are kept no more.
    others: u64,
    claimed: Vec<(i64, u64)>,
}

impl Day {
    /// The record as far as it is of this day; a day that has passed is over, and one that has not come is none of ours.
    fn load(view: &View<'_>, name: &Name, day: i64) -> Result<Option<Day>, Stop> {
        let loaded = match view.get(name)?.map(|record| Day::decode(name, record)) {
            None => Day::default(),
            Some(Ok(loaded)) => loaded,
            // Nobody knows what was used: nothing is left until the day is over.
            Some(Err(Damage::Broken)) => Day { day, others: u64::MAX, claimed: Vec::new() },
            Some(Err(newer)) => return Err(newer.into()),
        };
        Ok(match loaded.day.cmp(&day) {
            std::cmp::Ordering::Less => Some(Day { day, ..Day::default() }),
            std::cmp::Ordering::Equal => Some(loaded),
            std::cmp::Ordering::Greater => None,
        })
    }

    fn decode(name: &Name, record: &[u8]) -> Result<Day, Damage> {
        let mut from = Decoder::open(name, record)?;
        let (day, others) = (from.signed()?, from.unsigned()?);
        let mut claimed = Vec::new();
        for _ in 0..from.small::<usize>()? {
            claimed.push((from.fixed(8)?.cast_signed(), from.unsigned()?));
        }
        from.end()?;
        Ok(Day { day, others, claimed })
    }

    fn save(&self, name: &Name, changes: &mut Changes) {
        changes.put(name.clone(), Some(self.encode(name)), None);
    }

    fn encode(&self, name: &Name) -> Vec<u8> {
        let mut to = Encoder::default();
        to.signed(self.day);
        to.unsigned(self.others);
        to.unsigned(self.claimed.len() as u64);
        for (process, claimed) in &self.claimed {
            to.fixed(process.cast_unsigned(), 8);
            to.unsigned(*claimed);
        }
        to.finish(name)
    }

    /// What all but this process have.
    fn without(&self, process: i64) -> u64 {
        let claimed = self.claimed.iter().filter(|(other, _)| *other != process).map(|(_, claimed)| claimed);
        claimed.fold(self.others, |sum, claimed| sum.saturating_add(*claimed))
    }

    fn set(&mut self, process: i64, claimed: u64) {
        self.claimed.retain(|(other, _)| *other != process);
        self.claimed.push((process, claimed));
        while self.claimed.len() > PROCESSES {
            self.others = self.others.saturating_add(self.claimed.remove(0).1);
        }
    }
}

/// Claims a block beyond what was used. Returns how much of the day is this process's own, `used` where nothing is left.
pub fn claim_budget(claim: BudgetClaim) -> Operation<u64> {
    let name = name_of(&claim.template_id);
    let decide = Box::new({
        let name = name.clone();
        move |view: &View<'_>| {
            let mut changes = Changes::default();
            let Some(mut day) = Day::load(view, &name, claim.day)? else { return Ok((changes, claim.used)) };
            let mine = day.claimed.iter().find(|(process, _)| *process == claim.process).map_or(0, |(_, n)| *n);
            if mine > claim.used {
                // Claimed before, by another thread or by a step whose answer was lost.
                return Ok((changes, mine));
            }
            let left = claim.limit.saturating_sub(day.without(claim.process).saturating_add(claim.used));
            let block = left.min((left / PART).clamp(1, LARGEST));
            if block > 0 || day.others == u64::MAX {
                day.set(claim.process, claim.used + block);
                day.save(&name, &mut changes);
            }
            Ok((changes, claim.used + block))
        }
    });
    Operation { reads: vec![name], proven: true, trace: None, decide }
}

/// Gives back what was claimed and not used; nothing more may be used after it.
pub fn release_budget(claim: BudgetClaim) -> Operation<()> {
    let name = name_of(&claim.template_id);
    let decide = Box::new({
        let name = name.clone();
        move |view: &View<'_>| {
            let mut changes = Changes::default();
            if let Some(mut day) = Day::load(view, &name, claim.day)? {
                day.set(claim.process, claim.used);
                day.save(&name, &mut changes);
            }
            Ok((changes, ()))
        }
    });
    Operation { reads: vec![name], proven: false, trace: None, decide }
}

/// What of a day's budget no process has claimed.
pub fn budget_left(template_id: &str, day: i64, limit: u64) -> Operation<u64> {
    let name = name_of(template_id);
    let decide = Box::new({
        let name = name.clone();
        move |view: &View<'_>| {
            let left = Day::load(view, &name, day)?.map_or(0, |day| {
                let all = day.claimed.iter().fold(day.others, |sum, (_, claimed)| sum.saturating_add(*claimed));
                limit.saturating_sub(all)
            });
            Ok((Changes::default(), left))
        }
    });
    Operation { reads: vec![name], proven: false, trace: None, decide }
}
