//! How what is known of a player for a while is written.
//!
//! When it was written, its life in hours, one byte of flags for what follows, and of that only what there is.

use super::{HOUR_MS, IN_DOUBT_LIFE_MS, InDoubt, Lease, OWN, OwnId, Recent, Sent, StartedSend, Waiting};
use crate::ledger::age::{Passed, Stamp};
use crate::ledger::codec::{Damage, Decoder, Encoder};
use crate::ledger::pairing::{self, Mark};
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
        Some(to.finish(name))
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
        };
        from.end()?;
        recent.in_doubt.retain(|doubt| doubt.age_ms <= IN_DOUBT_LIFE_MS);
        recent.marks.retain(|mark| mark.age_ms <= pairing::LIFE_MS);
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

fn encode_send(send: &StartedSend, counts: &[Count], to: &mut Encoder) {
    let flag = |on: bool, flag: u8| if on { flag } else { 0 };
    to.byte(flag(send.unit, HAS_UNIT) | flag(send.key.is_some(), HAS_KEY) | flag(send.message.is_some(), HAS_MESSAGE));
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
    })
}
