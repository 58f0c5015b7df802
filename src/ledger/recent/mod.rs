//! What is known of a player for a while. In memory all ages are as of the step's time.

mod campaigns;
mod opening;
mod pairing_mark;
mod record;
mod repeats;

use super::key;
use super::template::{Template, TemplateId};
use crate::store::{HASHED_ID, Name, Space};
pub use campaigns::{Had, Standing};
pub use opening::LastSent;
pub use pairing_mark::{MARK_LIFE_MS, Mark};
pub use repeats::{Pace, RUN_MS, Run};

/// An hour in milliseconds.
pub const HOUR_MS: i64 = 3_600_000;
/// A day in milliseconds.
pub const DAY_MS: i64 = 24 * HOUR_MS;
/// A week in milliseconds.
pub const WEEK_MS: i64 = 7 * DAY_MS;
/// A send in doubt that nothing has settled is forgotten after this long; its key is, too.
pub const IN_DOUBT_LIFE_MS: i64 = 24 * HOUR_MS;
/// How long the player's lease is kept after a send in doubt: WeChat may still be working on it.
pub const KEEP_LEASE_MS: i64 = 2000;
/// Numbers of steps that are kept.
pub const STEPS: usize = 8;
/// Sends in doubt of one player at most; the oldest leave first.
const MAX_IN_DOUBT: usize = 32;
/// Ids of messages that were sent within a day, at most.
const MAX_MSGIDS: usize = 32;
/// Messages whose ages are kept, at most: the largest cap.
const MAX_TAKEN: usize = 100;
/// What an engine waits longer than a record's life before it drops it: ages may go by a wall clock that was set.
const MARGIN_MS: i64 = HOUR_MS;
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
    /// Whether the funnel counts it as begun.
    pub counted: bool,
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
    /// How long ago messages were taken, or maybe taken; the newest first.
    taken: Vec<i64>,
    /// Those of a week are kept, for a cap; else those of a day.
    keeps_week: bool,
    /// Campaigns whose message the player had, or may have had.
    had: Vec<Had>,
    pub last_sent: Option<LastSent>,
    /// Refusals that may be repeated, for the history.
    pub runs: Vec<Run>,
    /// Answers in the history.
    pub pace: Pace,
    steps: Vec<u64>,
}

impl Recent {
    /// Whether there is nothing to keep: the pace alone is none.
    pub fn is_empty(&self) -> bool {
        *self == Recent { pace: self.pace, ..Recent::default() }
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
        self.last_sent.take_if(|last| last.template == *template);
    }

    /// A template has another name from now on.
    pub fn rename(&mut self, from: &Template, to: &Template) {
        let sends = self.lease.iter_mut().filter_map(|lease| lease.send.as_mut());
        let sends = sends.chain(self.in_doubt.iter_mut().map(|doubt| &mut doubt.send)).map(|send| &mut send.template);
        let marks = self.marks.iter_mut().map(|mark| &mut mark.template);
        let sent = self.sent.iter_mut().map(|sent| &mut sent.template);
        let last = self.last_sent.iter_mut().map(|last| &mut last.template);
        sends
            .chain(marks)
            .chain(sent)
            .chain(last)
            .filter(|template| *template == from)
            .for_each(|template| *template = to.clone());
    }

    /// The send that has the lease was maybe taken: from now on its holder, if it comes back, or an event settles it,
    /// whichever comes first.
    pub fn put_in_doubt(&mut self) {
        if let Some(send) = self.lease.as_mut().and_then(|lease| lease.send.take()) {
            self.in_doubt.push(InDoubt { send, age_ms: 0 });
            self.note_taken();
            let surplus = self.in_doubt.len().saturating_sub(MAX_IN_DOUBT);
            self.in_doubt.drain(..surplus);
        }
        self.lease.take_if(|lease| lease.left_ms == 0);
    }

    /// The send with this holder, which runs or is in doubt.
    fn started(&mut self, holder: i64) -> Option<&mut StartedSend> {
        let leased = self.lease.iter_mut().filter_map(|lease| lease.send.as_mut());
        let mut all = leased.chain(self.in_doubt.iter_mut().map(|doubt| &mut doubt.send));
        all.find(|send| send.holder == holder)
    }

    /// When the send with this holder began, which runs or is in doubt.
    pub fn started_ms(&mut self, holder: i64) -> Option<i64> {
        self.started(holder).map(|send| send.started_ms)
    }

    /// The funnel counts the send with this holder as begun no more; when it began, if it did so far.
    pub fn uncount(&mut self, holder: i64) -> Option<i64> {
        let send = self.started(holder).filter(|send| send.counted)?;
        send.counted = false;
        Some(send.started_ms)
    }

    /// Remembers the id of a message that WeChat took.
    pub fn note_sent(&mut self, template: &Template, msgid: i64) {
        if msgid != 0 {
            self.sent.insert(0, Sent { template: template.clone(), msgid: msgid_hash(msgid), age_ms: 0 });
            self.sent.truncate(MAX_MSGIDS);
        }
    }

    /// Whether a message with this id was taken.
    pub fn was_sent(&self, template: &TemplateId, msgid: i64) -> bool {
        self.sent.iter().any(|sent| sent.msgid == msgid_hash(msgid) && template.is(&sent.template))
    }

    /// Whether ids of messages may have made room for newer ones: then an unknown one is no news.
    pub fn may_have_dropped_msgids(&self) -> bool {
        self.sent.len() == MAX_MSGIDS
    }

    /// How long ago messages were taken, or maybe taken: the newest first, those of a day at least.
    pub fn taken(&self) -> &[i64] {
        &self.taken
    }

    /// A message was taken just now, or maybe.
    pub fn note_taken(&mut self) {
        self.taken.insert(0, 0);
        self.taken.truncate(MAX_TAKEN);
    }

    /// The last one that was maybe taken was not.
    pub fn forget_taken(&mut self) {
        if !self.taken.is_empty() {
            self.taken.remove(0);
        }
    }

    /// Those that there are, and those that come, are kept for a week.
    pub fn keep_week(&mut self) {
        self.keeps_week = !self.taken.is_empty();
    }

    /// How long those are kept.
    fn taken_life_ms(&self) -> i64 {
        if self.keeps_week { WEEK_MS } else { DAY_MS }
    }

    /// WeChat took a message just now.
    pub fn note_last_sent(&mut self, template: &Template) {
        self.last_sent = Some(LastSent { template: template.clone(), age_ms: 0, opened: false });
    }

    /// Leaves a step's number.
    pub fn note_step(&mut self, step_id: u64) {
        if self.steps.last() != Some(&step_id) {
            self.steps.push(step_id);
        }
        let surplus = self.steps.len().saturating_sub(STEPS);
        self.steps.drain(..surplus);
    }

    /// How long it must be kept at least. `birth`: 0 where the lasting record holds it; keys need it while they live.
    pub fn life_ms(&self, birth: u32) -> i64 {
        let birth = (birth != 0).then_some(key::LIFE_MS);
        let doubts = self.in_doubt.iter().map(|doubt| IN_DOUBT_LIFE_MS.saturating_sub(doubt.age_ms));
        let sent = self.sent.iter().map(|sent| IN_DOUBT_LIFE_MS.saturating_sub(sent.age_ms));
        let marks = self.marks.iter().map(|mark| MARK_LIFE_MS.saturating_sub(mark.age_ms));
        let taken = self.taken.iter().map(|age_ms| self.taken_life_ms().saturating_sub(*age_ms));
        let had = self.had.iter().map(|had| had.left_ms);
        // A lease's send becomes one in doubt.
        let lease = self.lease.iter().filter(|lease| lease.send.is_some());
        let lease = lease.map(|lease| IN_DOUBT_LIFE_MS.saturating_add(lease.left_ms));
        let last = self.last_sent.iter().map(|last| opening::LIFE_MS.saturating_sub(last.age_ms));
        // So long repeats are watched for.
        let runs = self.runs.iter().map(|_| HOUR_MS);
        let ends = doubts.chain(sent).chain(last).chain(runs).chain(marks).chain(taken).chain(had).chain(lease);
        let ends = ends.chain(birth).max();
        ends.unwrap_or(0).max(0).saturating_add(MARGIN_MS)
    }
}

fn msgid_hash(msgid: i64) -> u32 {
    let n = msgid.cast_unsigned();
    (n ^ (n >> 32)) as u32
}
