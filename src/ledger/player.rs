//! A player: what is known for ever (counts) and what is known for a while (the lease, sends in doubt, pairing marks, ids
//! of messages that were sent, numbers of steps). Two records, read and written in one step.

use super::age::Stamp;
use super::codec::{Damage, Decoder, Encoder};
use super::recent::Recent;
use super::template::{Template, TemplateId};
use crate::error::{Error, Status};
use crate::store::{Changes, Found, Name, Stop, Time, Trace, View};

/// Templates of one player at most.
const MAX_TEMPLATES: usize = 64;

/// Granted and spent only grow: the count is their difference, less what is held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Count {
    /// Whose.
    pub template: Template,
    /// Accepts so far.
    pub granted: u64,
    /// Messages and refusals so far have taken so many of them.
    pub spent: u64,
    /// When the newest accept happened, in Unix seconds rounded up.
    pub accepted_s: u64,
}

/// Both records of one player, as they are at the time of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Player {
    openid: String,
    /// Names this life of the player's, from the first record on until he is forgotten; 0: there is none yet.
    pub birth: u32,
    /// By template.
    pub counts: Vec<Count>,
    /// What passes.
    pub recent: Recent,
}

/// A player and what he was like when he was read.
pub struct Loaded {
    /// As the step changes him.
    pub player: Player,
    before: Player,
}

impl Player {
    /// Both records' names.
    pub fn names(openid: &str) -> [Name; 2] {
        [Name::player(openid), Name::recent(openid)]
    }

    /// How it is found out whether a step on this player was done.
    pub fn trace(openid: &str) -> Trace {
        Trace { name: Name::recent(openid), find: find_step }
    }

    /// Reads both records.
    ///
    /// # Errors
    /// [`Stop::Need`], and [`Status::Store`] for a damaged or newer record.
    pub fn load(view: &View<'_>, openid: &str) -> Result<Loaded, Stop> {
        let names = Player::names(openid);
        view.need(&names)?;
        let mut player = Player { openid: openid.to_owned(), birth: 0, counts: Vec::new(), recent: Recent::default() };
        if let Some(record) = view.get(&names[0])? {
            player.read_lasting(&names[0], record)?;
        }
        if let Some(record) = view.get(&names[1])? {
            let (birth, recent) = Recent::decode(&names[1], record, &player.counts, &view.time)?;
            player.birth = player.birth.max(birth);
            player.recent = recent;
        }
        Ok(Loaded { before: player.clone(), player })
    }

    fn read_lasting(&mut self, name: &Name, record: &[u8]) -> Result<(), Damage> {
        let mut from = Decoder::open(name, record)?;
        self.birth = from.fixed(4)? as u32;
        for _ in 0..from.small::<usize>()? {
            let has_time = from.byte()? == 1;
            self.counts.push(Count {
                template: Template::decode(&mut from)?,
                granted: from.unsigned()?,
                spent: from.unsigned()?,
                accepted_s: if has_time { from.fixed(4)? } else { 0 },
            });
        }
        from.end()
    }

    fn write_lasting(&self, name: &Name) -> Vec<u8> {
        let mut to = Encoder::default();
        to.fixed(u64::from(self.birth), 4);
        to.unsigned(self.counts.len() as u64);
        for count in &self.counts {
            // Only a grant that is left can be kept from a refusal.
            let has_time = count.granted > count.spent;
            to.byte(u8::from(has_time));
            count.template.encode(&mut to);
            to.unsigned(count.granted);
            to.unsigned(count.spent);
            if has_time {
                to.fixed(count.accepted_s, 4);
            }
        }
        to.finish(name)
    }

    /// Whose it is.
    pub fn openid(&self) -> &str {
        &self.openid
    }

    /// The birth, where the passing record must hold it.
    fn born_here(&self) -> u32 {
        if self.counts.is_empty() { self.birth } else { 0 }
    }

    /// Begins a life, if there is none.
    pub fn be_born(&mut self, birth: u32) {
        if self.birth == 0 {
            self.birth = birth.max(1);
        }
    }

    /// The count of this template, if there is one.
    pub fn count(&self, template: &TemplateId) -> Option<&Count> {
        self.counts.iter().find(|count| template.is(&count.template))
    }

    /// The count of this template, made if there is none.
    ///
    /// # Errors
    /// [`Status::Arg`] when there are too many that matter.
    pub fn count_mut(&mut self, template: &TemplateId) -> Result<&mut Count, Error> {
        let at = match self.counts.iter().position(|count| template.is(&count.template)) {
            Some(at) => at,
            None => {
                self.make_room()?;
                self.counts.push(Count { template: template.to_template(), granted: 0, spent: 0, accepted_s: 0 });
                self.counts.len() - 1
            }
        };
        if template.shortens(&self.counts[at].template) {
            let short = template.to_template();
            self.recent.rename(&self.counts[at].template, &short);
            self.counts[at].template = short;
        }
        Ok(&mut self.counts[at])
    }

    fn make_room(&mut self) -> Result<(), Error> {
        if self.counts.len() < MAX_TEMPLATES {
            return Ok(());
        }
        let spare = |count: &Count| count.granted <= count.spent && !self.recent.names(&count.template);
        let at = self.counts.iter().position(spare).ok_or_else(|| {
            Error::new(
                Status::Arg,
                format!("the player has counts of {MAX_TEMPLATES} templates already; nothing was changed"),
            )
        })?;
        let gone = self.counts.remove(at);
        self.recent.drop_marks_of(&gone.template);
        Ok(())
    }

    /// What is left: granted − spent − held. A unit is held while the lease lasts, unless a refusal has taken it since.
    pub fn remaining(&self, template: &TemplateId) -> i64 {
        let Some(count) = self.count(template) else { return 0 };
        let left = count.granted.saturating_sub(count.spent);
        let held = self
            .recent
            .held()
            .is_some_and(|send| send.unit && template.is(&send.template) && send.granted > count.spent);
        i64::try_from(left).unwrap_or(i64::MAX) - i64::from(held && left > 0)
    }
}

impl Loaded {
    /// Adds what has changed to a step's changes; on a store where answers are lost, the step's number in any case.
    pub fn save(mut self, view: &View<'_>, changes: &mut Changes) {
        if let Some(step_id) = view.step_id {
            self.player.recent.note_step(step_id);
        }
        let Loaded { player, before } = self;
        let [lasting, recent] = Player::names(&player.openid);
        if (player.birth, &player.counts) != (before.birth, &before.counts) {
            let value = (!player.counts.is_empty()).then(|| player.write_lasting(&lasting));
            if value.is_some() || !before.counts.is_empty() {
                changes.put(lasting, value, None);
            }
        }
        // The passing record names templates by their places in the lasting one, and holds the birth where that is absent.
        let same_places = player.counts.iter().map(|c| &c.template).eq(before.counts.iter().map(|c| &c.template));
        let moved = !same_places && !before.recent.is_empty();
        if player.recent != before.recent || moved || player.born_here() != before.born_here() {
            let value = player.recent.encode(&recent, player.born_here(), &player.counts, &view.time);
            let life_ms = value.is_some().then(|| player.recent.life_ms());
            changes.put(recent, value, life_ms);
        }
    }
}

/// Whether a step left its number.
fn find_step(name: &Name, before: Option<&[u8]>, now: Option<&[u8]>, step_id: u64) -> Found {
    let (before, now) = (steps_in(name, before), steps_in(name, now));
    if now.contains(&step_id) {
        return Found::Done;
    }
    // While the newest number of before is still there, none that came later was pushed out.
    match before.last() {
        Some(newest) if now.contains(newest) => Found::NotDone,
        None if now.len() < super::recent::STEPS => Found::NotDone,
        _ => Found::InDoubt,
    }
}

fn steps_in(name: &Name, record: Option<&[u8]>) -> Vec<u64> {
    record.and_then(|record| Recent::steps(name, record).ok()).unwrap_or_default()
}

/// Whether the passing record of a player is over.
pub fn is_recent_over(name: &Name, record: &[u8], now: &Time) -> bool {
    let read = || -> Result<bool, Damage> {
        let mut from = Decoder::open(name, record)?;
        let (stamp, life_s) = (Stamp::decode(&mut from)?, from.unsigned()?);
        Ok((stamp.passed(now).age_ms / 1000).cast_unsigned() > life_s)
    };
    // What can't be read is for its player's calls to tell.
    read().unwrap_or(false)
}
