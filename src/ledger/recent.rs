//! What is known of a player for a while. In memory all ages are as of the step's time.

use super::age::{Passed, Stamp};
use super::codec::{Damage, Decoder, Encoder};
use super::pairing::{self, Mark};
use super::player::Count;
use super::template::Template;
use crate::store::{HASHED_ID, Name, Space, Time};

/// A send in doubt that nothing has settled is forgotten after this long; its key is, too.
pub const IN_DOUBT_LIFE_MS: i64 = 24 * 3_600_000;
/// Numbers of steps that are kept.
pub const STEPS: usize = 8;
/// Sends in doubt of one player at most; the oldest leave first.
const MAX_IN_DOUBT: usize = 32;
/// Ids of messages that were sent, at most.
const MAX_MSGIDS: usize = 8;
/// What an engine waits longer than a record's life before it drops it: ages may go by a wall clock that was set.
const MARGIN_MS: i64 = 3_600_000;
/// Bytes of a hashed id that are its own.
const OWN: usize = HASHED_ID - 8;

/// The part of a hashed name that is its own.
pub type OwnId = [u8; OWN];

/// The part of a hashed name that is its own.
pub fn own_id(name: &Name) -> OwnId {
    name.id().last_chunk().copied().unwrap_or_default()
}

/// The name again.
pub fn name_of(space: Space, player: &Name, own: &OwnId) -> Option<Name> {
    let mut id = player.home().to_be_bytes().to_vec();
    id.extend_from_slice(own);
    Name::from_hashed_id(space, &id)
}

/// A send that was begun.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StartedSend {
    /// Names it among all processes' sends.
    pub holder: i64,
    /// Whose count it moves.
    pub template: Template,
    /// Granted when it began: it spends and clears nothing that was granted later.
    pub granted: u64,
    /// Whether it holds a unit.
    pub unit: bool,
    /// Its key's record.
    pub key: Option<OwnId>,
    /// Its message's record in the outbox.
    pub message: Option<OwnId>,
    /// When it began, Unix milliseconds.
    pub started_ms: i64,
}

/// The player's lease: nobody else sends to him meanwhile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// How long it lasts; 0: it is over, and its send was not settled.
    pub left_ms: i64,
    /// The send that runs; None: one ended in doubt, and WeChat may still be working on it.
    pub send: Option<StartedSend>,
}

/// Another process waits for the lease: whoever has it won't take it again at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// Names the process.
    pub process: i64,
    /// How long its wish counts.
    pub left_ms: i64,
}

/// A send that was maybe taken, until its holder comes back or an event settles it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InDoubt {
    /// Which.
    pub send: StartedSend,
    /// Since when.
    pub age_ms: i64,
}

/// A message that WeChat took.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    /// Its template.
    pub template: Template,
    /// A hash of its id.
    pub msgid: u32,
    /// Since when.
    pub age_ms: i64,
}

/// What passes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recent {
    pub lease: Option<Lease>,
    pub waiting: Option<Waiting>,
    pub in_doubt: Vec<InDoubt>,
    pub marks: Vec<Mark>,
    pub sent: Vec<Sent>,
    steps: Vec<u64>,
}

const HAS_BIRTH: u8 = 1;
const HAS_LEASE: u8 = 2;
const HAS_SEND: u8 = 4;
const HAS_WAITING: u8 = 8;

impl Recent {
    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        *self == Recent::default()
    }

    /// The send that runs under the lease.
    pub fn held(&self) -> Option<&StartedSend> {
        self.lease.as_ref().filter(|lease| lease.left_ms > 0).and_then(|lease| lease.send.as_ref())
    }

    /// Whether a hold or a send in doubt names this template.
    pub fn names(&self, template: &Template) -> bool {
        let leased = self.lease.iter().filter_map(|lease| lease.send.as_ref());
        leased.chain(self.in_doubt.iter().map(|doubt| &doubt.send)).any(|send| send.template == *template)
    }

    /// Forgets marks and messages of a template whose count goes.
    pub fn drop_marks_of(&mut self, template: &Template) {
        self.marks.retain(|mark| mark.template != *template);
        self.sent.retain(|sent| sent.template != *template);
    }

    /// A template has another name from now on.
    pub fn rename(&mut self, from: &Template, to: &Template) {
        let sends = self.lease.iter_mut().filter_map(|lease| lease.send.as_mut());
        let sends = sends.chain(self.in_doubt.iter_mut().map(|doubt| &mut doubt.send)).map(|send| &mut send.template);
        let marks = self.marks.iter_mut().map(|mark| &mut mark.template);
        let sent = self.sent.iter_mut().map(|sent| &mut sent.template);
        sends.chain(marks).chain(sent).filter(|template| *template == from).for_each(|template| *template = to.clone());
    }

    /// The send that has the lease was maybe taken: from now on its holder, if it comes back, or an event settles it,
    /// whichever comes first.
    pub fn put_in_doubt(&mut self) {
        if let Some(send) = self.lease.as_mut().and_then(|lease| lease.send.take()) {
            self.in_doubt.push(InDoubt { send, age_ms: 0 });
            let surplus = self.in_doubt.len().saturating_sub(MAX_IN_DOUBT);
            self.in_doubt.drain(..surplus);
        }
        self.lease.take_if(|lease| lease.left_ms == 0);
    }

    /// Remembers the id of a message that WeChat took.
    pub fn note_sent(&mut self, template: &Template, msgid: i64) {
        if msgid != 0 {
            self.sent.insert(0, Sent { template: template.clone(), msgid: msgid_hash(msgid), age_ms: 0 });
            self.sent.truncate(MAX_MSGIDS);
        }
    }

    /// Whether a message with this id was taken.
    pub fn was_sent(&self, template: &Template, msgid: i64) -> bool {
        self.sent.iter().any(|sent| sent.template == *template && sent.msgid == msgid_hash(msgid))
    }

    /// Leaves a step's number.
    pub fn note_step(&mut self, step_id: u64) {
        if self.steps.last() != Some(&step_id) {
            self.steps.push(step_id);
        }
        let surplus = self.steps.len().saturating_sub(STEPS);
        self.steps.drain(..surplus);
    }

    /// How long it must be kept at least.
    pub fn life_ms(&self) -> i64 {
        let doubts = self.in_doubt.iter().map(|doubt| IN_DOUBT_LIFE_MS - doubt.age_ms);
        let sent = self.sent.iter().map(|sent| IN_DOUBT_LIFE_MS - sent.age_ms);
        let marks = self.marks.iter().map(|mark| pairing::LIFE_MS - mark.age_ms);
        // A lease's send becomes one in doubt; a key's life needs the birth.
        let lease =
            self.lease.iter().filter(|lease| lease.send.is_some()).map(|lease| lease.left_ms + IN_DOUBT_LIFE_MS);
        let ends = doubts.chain(sent).chain(marks).chain(lease).max();
        ends.unwrap_or(0).max(0) + MARGIN_MS
    }

    /// As bytes; None: there is nothing to keep. `birth`: 0 where the lasting record holds it.
    pub fn encode(&self, name: &Name, birth: u32, counts: &[Count], time: &Time) -> Option<Vec<u8>> {
        if self.is_empty() && birth == 0 {
            return None;
        }
        let mut to = Encoder::default();
        Stamp::encode(time, &mut to);
        let least_ms = if birth == 0 { 0 } else { IN_DOUBT_LIFE_MS + MARGIN_MS };
        to.unsigned((self.life_ms().max(least_ms) / 1000).cast_unsigned());
        to.unsigned(self.steps.len() as u64);
        self.steps.iter().for_each(|step| to.fixed(*step, 8));
        let flag = |on: bool, flag: u8| if on { flag } else { 0 };
        let send = self.lease.as_ref().and_then(|lease| lease.send.as_ref());
        to.byte(
            flag(birth != 0, HAS_BIRTH)
                | flag(self.lease.is_some(), HAS_LEASE)
                | flag(send.is_some(), HAS_SEND)
                | flag(self.waiting.is_some(), HAS_WAITING),
        );
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
        to.unsigned(self.in_doubt.len() as u64);
        for doubt in &self.in_doubt {
            to.signed(doubt.age_ms);
            encode_send(&doubt.send, counts, &mut to);
        }
        to.unsigned(self.marks.len() as u64);
        for mark in &self.marks {
            encode_template(&mark.template, counts, &mut to);
            mark.encode(time, &mut to);
        }
        to.unsigned(self.sent.len() as u64);
        for sent in &self.sent {
            encode_template(&sent.template, counts, &mut to);
            to.fixed(u64::from(sent.msgid), 4);
            to.signed(sent.age_ms);
        }
        Some(to.finish(name))
    }

    /// From bytes, as of now: what is over is gone. With the birth, 0 where it is elsewhere.
    pub fn decode(name: &Name, record: &[u8], counts: &[Count], now: &Time) -> Result<(u32, Recent), Damage> {
        let mut from = Decoder::open(name, record)?;
        let stamp = Stamp::decode(&mut from)?;
        let passed = stamp.passed(now);
        from.unsigned()?;
        let steps = decode_steps(&mut from)?;
        let flags = from.byte()?;
        let has = |flag: u8| flags & flag != 0;
        let birth = if has(HAS_BIRTH) { from.fixed(4)? as u32 } else { 0 };
        let lease_left = if has(HAS_LEASE) { Some(passed.left_ms(from.signed()?)) } else { None };
        let send = if has(HAS_SEND) { Some(decode_send(&mut from, counts)?) } else { None };
        let lease = lease_left.map(|left_ms| Lease { left_ms, send });
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
            ..Recent::default()
        };
        recent.decode_lists(from, counts, passed, stamp.wall_ms())?;
        Ok((birth, recent))
    }

    fn decode_lists(
        &mut self,
        mut from: Decoder<'_>,
        counts: &[Count],
        passed: Passed,
        written_ms: i64,
    ) -> Result<(), Damage> {
        for _ in 0..from.small::<usize>()? {
            let age_ms = from.signed()?.saturating_add(passed.age_ms);
            let send = decode_send(&mut from, counts)?;
            self.in_doubt.push(InDoubt { send, age_ms });
        }
        for _ in 0..from.small::<usize>()? {
            let template = decode_template(&mut from, counts)?;
            self.marks.push(Mark::decode(template, passed, written_ms, &mut from)?);
        }
        for _ in 0..from.small::<usize>()? {
            let template = decode_template(&mut from, counts)?;
            let msgid = from.fixed(4)? as u32;
            self.sent.push(Sent { template, msgid, age_ms: from.signed()?.saturating_add(passed.age_ms) });
        }
        self.in_doubt.retain(|doubt| doubt.age_ms <= IN_DOUBT_LIFE_MS);
        self.marks.retain(|mark| mark.age_ms <= pairing::LIFE_MS);
        self.sent.retain(|sent| sent.age_ms <= IN_DOUBT_LIFE_MS);
        from.end()
    }

    /// The numbers of steps in a record, whoever's it is.
    pub fn steps(name: &Name, record: &[u8]) -> Result<Vec<u64>, Damage> {
        let mut from = Decoder::open(name, record)?;
        Stamp::decode(&mut from)?;
        from.unsigned()?;
        decode_steps(&mut from)
    }
}

fn decode_steps(from: &mut Decoder<'_>) -> Result<Vec<u64>, Damage> {
    let mut steps = Vec::new();
    for _ in 0..from.small::<usize>()? {
        steps.push(from.fixed(8)?);
    }
    Ok(steps)
}

fn msgid_hash(msgid: i64) -> u32 {
    let n = msgid.cast_unsigned();
    (n ^ (n >> 32)) as u32
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
