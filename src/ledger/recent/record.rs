//! How what is known of a player for a while is written.
//!
//! When it was written, its life in hours, one byte of flags for what follows, and of that only what there is.

use super::opening::{self, LastSent};
use super::repeats::{Pace, Run};
use super::{
    HOUR_MS, Had, IN_DOUBT_LIFE_MS, InDoubt, Lease, MARK_LIFE_MS, Mark, OWN, OwnId, Recent, Sent, Standing,
    StartedSend, Waiting,
};
use crate::ledger::age::{Passed, Stamp};
use crate::ledger::codec::{Damage, Decoder, Encoder};
use crate::ledger::player::Count;
use crate::ledger::template::Template;
use crate::store::{Name, Time};

const HAS_BIRTH: u8 = 1;
const HAS_LEASE: u8 = 2;
/// Of the lease.
const HAS_SEND: u8 = 4;
const HAS_WAITING: u8 = 8;
const HAS_STEPS: u8 = 16;
const HAS_IN_DOUBT: u8 = 32;
const HAS_MARKS: u8 = 64;
const HAS_SENT: u8 = 128;

/// Behind all else, and only where there is any of it: a second byte of flags and what it tells.
const HAS_TAKEN: u8 = 1;
const KEEPS_WEEK: u8 = 2;
const HAS_HAD: u8 = 4;
const HAS_LAST_SENT: u8 = 8;
const HAS_RUNS: u8 = 16;
const HAS_PACE: u8 = 32;

impl Recent {
    /// As bytes; None: there is nothing to keep. `birth`: 0 where the lasting record holds it.
    pub fn encode(&self, name: &Name, birth: u32, counts: &[Count], time: &Time) -> Option<Vec<u8>> {
        if self.is_empty() && birth == 0 {
            return None;
        }
        let mut to = Encoder::default();
        Stamp::encode(time, &mut to);
        to.unsigned(self.life_ms(birth).cast_unsigned().div_ceil(HOUR_MS.cast_unsigned()));
        let send = self.lease.as_ref().and_then(|lease| lease.send.as_ref());
        let flag = |on: bool, flag: u8| if on { flag } else { 0 };
        to.byte(
            flag(birth != 0, HAS_BIRTH)
                | flag(self.lease.is_some(), HAS_LEASE)
                | flag(send.is_some(), HAS_SEND)
                | flag(self.waiting.is_some(), HAS_WAITING)
                | flag(!self.steps.is_empty(), HAS_STEPS)
                | flag(!self.in_doubt.is_empty(), HAS_IN_DOUBT)
                | flag(!self.marks.is_empty(), HAS_MARKS)
                | flag(!self.sent.is_empty(), HAS_SENT),
        );
        encode_list(&self.steps, &mut to, |step, to| to.fixed(*step, 8));
        if birth != 0 {
            to.fixed(u64::from(birth), 4);
        }
        if let Some(lease) = &self.lease {
            to.signed(lease.left_ms);
        }
        if let Some(send) = send {
            encode_send(send, counts, &mut to);
        }
        if let Some(waiting) = &self.waiting {
            to.fixed(waiting.process.cast_unsigned(), 8);
            to.signed(waiting.left_ms);
        }
        encode_list(&self.in_doubt, &mut to, |doubt, to| {
            to.signed(doubt.age_ms);
            encode_send(&doubt.send, counts, to);
        });
        encode_list(&self.marks, &mut to, |mark, to| {
            encode_template(&mark.template, counts, to);
            mark.encode(time, to);
        });
        encode_list(&self.sent, &mut to, |sent, to| {
            encode_template(&sent.template, counts, to);
            to.fixed(u64::from(sent.msgid), 4);
            to.signed(sent.age_ms);
        });
        self.encode_more(counts, time, &mut to);
        Some(to.finish(name))
    }

    fn encode_more(&self, counts: &[Count], time: &Time, to: &mut Encoder) {
        let flag = |on: bool, flag: u8| if on { flag } else { 0 };
        let more = flag(!self.taken.is_empty(), HAS_TAKEN)
            | flag(self.keeps_week && !self.taken.is_empty(), KEEPS_WEEK)
            | flag(!self.had.is_empty(), HAS_HAD)
            | flag(self.last_sent.is_some(), HAS_LAST_SENT)
            | flag(!self.runs.is_empty(), HAS_RUNS)
            | flag(self.pace != Pace::default(), HAS_PACE);
        if more == 0 {
            return;
        }
        to.byte(more);
        encode_list(&self.taken, to, |age_ms, to| to.unsigned(age_ms.cast_unsigned() / 1000));
        encode_list(&self.had, to, |had, to| {
            to.fixed(had.campaign, 8);
            to.byte(match had.standing {
                Some(Standing::Begun) => 0,
                Some(Standing::Sent) => 1,
                None => 2,
            });
            to.signed(had.left_ms);
        });
        if let Some(last) = &self.last_sent {
            encode_template(&last.template, counts, to);
            to.unsigned(last.age_ms.max(0).cast_unsigned() << 1 | u64::from(last.opened));
        }
        let since = |ms: i64| time.wall_ms.saturating_sub(ms);
        encode_list(&self.runs, to, |run, to| {
            to.fixed(run.sum.into(), 4);
            to.signed(since(run.last_ms));
            to.signed(run.last_ms.saturating_sub(run.first_ms));
            to.unsigned(run.times);
        });
        if self.pace != Pace::default() {
            to.signed(since(self.pace.since_ms));
            to.unsigned(self.pace.entries.into());
        }
    }

    fn decode_more(
        &mut self,
        from: &mut Decoder<'_>,
        counts: &[Count],
        stamp: &Stamp,
        passed: Passed,
    ) -> Result<(), Damage> {
        let flags = from.byte()?;
        let has = |flag: u8| flags & flag != 0;
        self.keeps_week = has(KEEPS_WEEK);
        self.taken = decode_list(has(HAS_TAKEN), from, |from| {
            let age_s = i64::try_from(from.unsigned()?).map_err(|_| Damage::Broken)?;
            Ok(aged(age_s.saturating_mul(1000), passed))
        })?;
        self.had = decode_list(has(HAS_HAD), from, |from| {
            let campaign = from.fixed(8)?;
            let standing = match from.byte()? {
                0 => Some(Standing::Begun),
                1 => Some(Standing::Sent),
                2 => None,
                _ => return Err(Damage::Broken),
            };
            Ok(Had { campaign, standing, left_ms: from.signed()?.saturating_sub(passed.age_ms) })
        })?;
        let life_ms = self.taken_life_ms();
        self.taken.retain(|age_ms| *age_ms < life_ms);
        self.had.retain(|had| had.left_ms > 0);
        if has(HAS_LAST_SENT) {
            let template = decode_template(from, counts)?;
            let coded = from.unsigned()?;
            let age_ms = aged((coded >> 1).cast_signed(), passed);
            let last = LastSent { template, age_ms, opened: coded & 1 != 0 };
            self.last_sent = Some(last).filter(|last| last.age_ms < opening::LIFE_MS);
        }
        let at = |since: i64| stamp.wall_ms().saturating_sub(since);
        self.runs = decode_list(has(HAS_RUNS), from, |from| {
            let sum = from.fixed(4)? as u32;
            let last_ms = at(from.signed()?);
            let first_ms = last_ms.saturating_sub(from.signed()?);
            Ok(Run { sum, first_ms, last_ms, times: from.unsigned()? })
        })?;
        // Over, whatever its times say, when nothing has come for this time.
        self.runs.retain(|_| passed.age_ms < HOUR_MS);
        if has(HAS_PACE) {
            let pace = Pace { since_ms: at(from.signed()?), entries: from.small()? };
            self.pace = if passed.age_ms < HOUR_MS { pace } else { Pace::default() };
        }
        Ok(())
    }

    /// From bytes, as of now: what is over is gone. With the birth, 0 where it is elsewhere.
    pub fn decode(name: &Name, record: &[u8], counts: &[Count], now: &Time) -> Result<(u32, Recent), Damage> {
        let mut from = Decoder::open(name, record)?;
        let stamp = Stamp::decode(&mut from)?;
        let passed = stamp.passed(now);
        let (flags, steps) = decode_steps(&mut from)?;
        let has = |flag: u8| flags & flag != 0;
        let birth = if has(HAS_BIRTH) { from.fixed(4)? as u32 } else { 0 };
        let lease_ms = if has(HAS_LEASE) { Some(passed.left_ms(from.signed()?)) } else { None };
        let send = if has(HAS_SEND) { Some(decode_send(&mut from, counts)?) } else { None };
        let lease = lease_ms.map(|left_ms| Lease { left_ms, send });
        let waiting = if has(HAS_WAITING) {
            let process = from.fixed(8)?.cast_signed();
            Some(Waiting { process, left_ms: passed.left_ms(from.signed()?) })
        } else {
            None
        };
        let mut recent = Recent {
            // One that is over and has no send says nothing.
            lease: lease.filter(|lease| lease.left_ms > 0 || lease.send.is_some()),
            waiting: waiting.filter(|waiting| waiting.left_ms > 0),
            steps,
            in_doubt: decode_list(has(HAS_IN_DOUBT), &mut from, |from| {
                let age_ms = aged(from.signed()?, passed);
                Ok(InDoubt { send: decode_send(from, counts)?, age_ms })
            })?,
            marks: decode_list(has(HAS_MARKS), &mut from, |from| {
                let template = decode_template(from, counts)?;
                Mark::decode(template, passed, stamp.wall_ms(), from)
            })?,
            sent: decode_list(has(HAS_SENT), &mut from, |from| {
                let template = decode_template(from, counts)?;
                let msgid = from.fixed(4)? as u32;
                Ok(Sent { template, msgid, age_ms: aged(from.signed()?, passed) })
            })?,
            ..Recent::default()
        };
        if !from.is_at_end() {
            recent.decode_more(&mut from, counts, &stamp, passed)?;
        }
        from.end()?;
        recent.in_doubt.retain(|doubt| doubt.age_ms <= IN_DOUBT_LIFE_MS);
        recent.marks.retain(|mark| mark.age_ms <= MARK_LIFE_MS);
        recent.sent.retain(|sent| sent.age_ms <= IN_DOUBT_LIFE_MS);
        Ok((birth, recent))
    }

    /// The numbers of steps in a record, whoever's it is.
    pub fn steps(name: &Name, record: &[u8]) -> Result<Vec<u64>, Damage> {
        let mut from = Decoder::open(name, record)?;
        Stamp::decode(&mut from)?;
        decode_steps(&mut from).map(|(_, steps)| steps)
    }
}

/// Behind the stamp: the flags, and the numbers of steps.
fn decode_steps(from: &mut Decoder<'_>) -> Result<(u8, Vec<u64>), Damage> {
    let _life_hours = from.unsigned()?;
    let flags = from.byte()?;
    let steps = decode_list(flags & HAS_STEPS != 0, from, |from| from.fixed(8))?;
    Ok((flags, steps))
}

fn aged(age_ms: i64, passed: Passed) -> i64 {
    age_ms.saturating_add(passed.age_ms)
}

/// Nothing at all where the flags say that it is empty.
fn encode_list<T>(list: &[T], to: &mut Encoder, mut each: impl FnMut(&T, &mut Encoder)) {
    if !list.is_empty() {
        to.unsigned(list.len() as u64);
        list.iter().for_each(|one| each(one, to));
    }
}

fn decode_list<'a, T>(
    is_there: bool,
    from: &mut Decoder<'a>,
    mut each: impl FnMut(&mut Decoder<'a>) -> Result<T, Damage>,
) -> Result<Vec<T>, Damage> {
    let size = if is_there { from.small::<usize>()? } else { 0 };
    // Each takes a byte at least, so a size that is a lie ends the loop where the record does.
    (0..size).map(|_| each(from)).collect()
}

/// By its place in the lasting record, 0: spelled out.
fn encode_template(template: &Template, counts: &[Count], to: &mut Encoder) {
    match counts.iter().position(|count| count.template == *template) {
        Some(at) => to.unsigned(at as u64 + 1),
        None => {
            to.unsigned(0);
            template.encode(to);
        }
    }
}

fn decode_template(from: &mut Decoder<'_>, counts: &[Count]) -> Result<Template, Damage> {
    match from.small::<usize>()? {
        0 => Template::decode(from),
        place => counts.get(place - 1).map(|count| count.template.clone()).ok_or(Damage::Broken),
    }
}

const HAS_UNIT: u8 = 1;
const HAS_KEY: u8 = 2;
const HAS_MESSAGE: u8 = 4;
const UNCOUNTED: u8 = 8;

fn encode_send(send: &StartedSend, counts: &[Count], to: &mut Encoder) {
    let flag = |on: bool, flag: u8| if on { flag } else { 0 };
    to.byte(
        flag(send.unit, HAS_UNIT)
            | flag(send.key.is_some(), HAS_KEY)
            | flag(send.message.is_some(), HAS_MESSAGE)
            | flag(!send.counted, UNCOUNTED),
    );
    to.fixed(send.holder.cast_unsigned(), 8);
    encode_template(&send.template, counts, to);
    to.unsigned(send.granted);
    to.signed(send.started_ms);
    for id in send.key.iter().chain(&send.message) {
        to.raw(id);
    }
}

fn decode_send(from: &mut Decoder<'_>, counts: &[Count]) -> Result<StartedSend, Damage> {
    let flags = from.byte()?;
    let holder = from.fixed(8)?.cast_signed();
    let template = decode_template(from, counts)?;
    let (granted, started_ms) = (from.unsigned()?, from.signed()?);
    let mut own = |flag: u8| -> Result<Option<OwnId>, Damage> {
        if flags & flag == 0 {
            return Ok(None);
        }
        from.take(OWN)?.try_into().map(Some).map_err(|_| Damage::Broken)
    };
    Ok(StartedSend {
        holder,
        template,
        granted,
        unit: flags & HAS_UNIT != 0,
        key: own(HAS_KEY)?,
        message: own(HAS_MESSAGE)?,
        started_ms,
        counted: flags & UNCOUNTED == 0,
    })
}
