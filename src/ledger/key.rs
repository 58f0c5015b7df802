//! Keys: what was done once is not done again.

use super::age::Stamp;
use super::codec::{Damage, Decoder, Encoder};
use super::template::{Template, TemplateId};
use super::verdict;
use crate::error::{Status, Verdict};
use crate::store::{Changes, Name, Space, Stop, Time, View};

/// How long a key is kept after its verdict.
pub const LIFE_MS: i64 = 24 * 3_600_000;
/// What an engine waits longer before it drops one: ages may go by a wall clock that was set.
const MARGIN_MS: i64 = 3_600_000;

/// The record of a send's key.
pub fn of_send(player: &Name, key: &str) -> Name {
    player.hashed_beside(Space::Key, &[b"send", key.as_bytes()])
}

/// The record of a report's key, for each template of its own.
pub fn of_report(player: &Name, key: &str, template_id: &str) -> Name {
    player.hashed_beside(Space::Key, &[b"report", key.as_bytes(), template_id.as_bytes()])
}

/// The record of a part of an event.
pub fn of_event(player: &Name, identity: &str) -> Name {
    player.hashed_beside(Space::Key, &[b"event", identity.as_bytes()])
}

/// What a key has seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// The life of the player's that it belongs to; in another one it says nothing.
    birth: u32,
    /// The send that used it, while that may still correct the verdict; 0: none.
    pub holder: i64,
    /// Of which template.
    pub template: Template,
    /// What is known.
    pub state: State,
}

/// How far the call with a key has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// It runs; when its lease is over, nobody ended it.
    Running {
        /// Of the lease.
        left_ms: i64,
    },
    /// It has ended.
    Done {
        /// So.
        verdict: Verdict,
        /// It had, or may have had, an effect: the key is used up.
        effect: bool,
    },
}

impl Key {
    /// A send that begins.
    pub fn running(birth: u32, holder: i64, template: Template, lease_ms: i64) -> Key {
        Key { birth, holder, template, state: State::Running { left_ms: lease_ms } }
    }

    /// A call that has ended.
    pub fn done(birth: u32, holder: i64, template: Template, verdict: Verdict, effect: bool) -> Key {
        // Only what is in doubt can still be corrected.
        let holder = if matches!(verdict.status, Status::Unknown | Status::Panic) { holder } else { 0 };
        Key { birth, holder, template, state: State::Done { verdict, effect } }
    }

    /// The key's record, unless its life, or its player's, is over; as this step has changed it so far.
    pub fn load(view: &View<'_>, changes: &Changes, name: &Name, birth: u32) -> Result<Option<Key>, Stop> {
        let record = match changes.made(name) {
            Some(made) => made,
            None => view.get(name)?,
        };
        let Some(record) = record else { return Ok(None) };
        Ok(Key::decode(name, record, &view.time)?.filter(|key| key.birth == birth))
    }

    /// Writes it.
    pub fn save(&self, name: Name, time: &Time, changes: &mut Changes) {
        let mut to = Encoder::default();
        Stamp::encode(time, &mut to);
        to.fixed(self.birth.into(), 4);
        let life_ms = match &self.state {
            State::Running { left_ms } => {
                to.byte(0);
                to.signed(*left_ms);
                LIFE_MS.saturating_add(*left_ms)
            }
            State::Done { verdict, effect } => {
                to.byte(if *effect { 2 } else { 1 });
                verdict::encode(verdict, &mut to);
                LIFE_MS
            }
        };
        self.template.encode(&mut to);
        if self.holder != 0 {
            to.fixed(self.holder.cast_unsigned(), 8);
        }
        let value = to.finish(&name);
        changes.put(name, Some(value), Some(life_ms.saturating_add(MARGIN_MS)));
    }

    fn decode(name: &Name, record: &[u8], now: &Time) -> Result<Option<Key>, Damage> {
        let mut from = Decoder::open(name, record)?;
        let passed = Stamp::decode(&mut from)?.passed(now);
        let birth = from.fixed(4)? as u32;
        let (state, life_ms) = match from.byte()? {
            0 => {
                let lease_ms = from.signed()?;
                (State::Running { left_ms: passed.left_ms(lease_ms) }, LIFE_MS.saturating_add(lease_ms))
            }
            effect @ (1 | 2) => (State::Done { verdict: verdict::decode(&mut from)?, effect: effect == 2 }, LIFE_MS),
            _ => return Err(Damage::Broken),
        };
        let template = Template::decode(&mut from)?;
        let holder = from.fixed(8).map_or(0, u64::cast_signed);
        from.end()?;
        Ok((passed.age_ms <= life_ms).then_some(Key { birth, holder, template, state }))
    }

    /// What whoever looks is told.
    pub fn seen(&self) -> Seen {
        match &self.state {
            State::Running { left_ms } if *left_ms > 0 => Seen::Running(*left_ms),
            State::Running { .. } => Seen::Ended { verdict: verdict::found_running(), effect: true, found_dead: true },
            State::Done { verdict, effect } => {
                Seen::Ended { verdict: verdict.clone(), effect: *effect, found_dead: false }
            }
        }
    }
}

/// What a key tells whoever looks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    /// A call that runs; for how many milliseconds at most.
    Running(i64),
    /// A call that has ended.
    Ended {
        /// So.
        verdict: Verdict,
        /// It had, or may have had, an effect.
        effect: bool,
        /// Its process did not say so itself.
        found_dead: bool,
    },
}

/// What stands in the way of a new send with a key.
#[derive(Debug)]
pub enum Conflict {
    /// A call that ended so.
    Before(Verdict),
    /// A send that runs; for how many milliseconds at most.
    Running(i64),
    /// A send with this other template.
    OtherTemplate(Template),
}

/// What an earlier call with the key means for a new send; None: it may go on.
pub fn conflict(key: Option<&Key>, template: &TemplateId) -> Option<Conflict> {
    let key = key?;
    let seen = key.seen();
    if matches!(seen, Seen::Ended { effect: false, .. }) {
        return None;
    }
    if !template.is(&key.template) {
        return Some(Conflict::OtherTemplate(key.template.clone()));
    }
    Some(match seen {
        Seen::Running(ms) => Conflict::Running(ms),
        Seen::Ended { verdict, .. } => Conflict::Before(verdict),
    })
}

/// Whether a key's record still says something.
///
/// # Errors
/// [`Damage`], when it is none.
pub fn is_alive(name: &Name, record: &[u8], now: &Time) -> Result<bool, Damage> {
    Ok(Key::decode(name, record, now)?.is_some())
}

/// Whether a key's record is over, whoever's it is.
pub fn is_over(name: &Name, record: &[u8], now: &Time) -> bool {
    matches!(Key::decode(name, record, now), Ok(None))
}
