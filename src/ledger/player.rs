//! A player: what is known for ever (counts) and what is known for a while (the lease, sends in doubt, pairing marks, ids
//! of messages that were sent, numbers of steps). Two records, read and written in one step.

use super::age::Stamp;
use super::codec::{Damage, Decoder, Encoder};
use super::recent::{HOUR_MS, Recent};
use super::template::{Template, TemplateId};
use crate::error::{Error, Status};
use crate::store::{Changes, Found, Name, Space, Stop, Time, Trace, View};

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
    pub accepted_s: i64,
}

const HAS_TIME: u8 = 1;
const HASHED: u8 = 2;

/// The names of a player's two records.
#[derive(Clone, Debug)]
pub struct PlayerNames {
    /// Of what is known for ever.
    pub lasting: Name,
    /// Of what passes.
    pub recent: Name,
}

impl PlayerNames {
    /// Those of the player with this openid.
    pub fn new(openid: &str) -> PlayerNames {
        let lasting = Name::player(openid);
        PlayerNames { recent: lasting.also_in(Space::Recent), lasting }
    }

    /// What a step on the player reads: both, and these.
    pub fn and(&self, others: impl IntoIterator<Item = Name>) -> Vec<Name> {
        [&self.lasting, &self.recent].into_iter().cloned().chain(others).collect()
    }

    /// How it is found out whether a step on this player was done.
    pub fn trace(&self) -> Option<Trace> {
        Some(Trace { name: self.recent.clone(), find: find_step })
    }
}

/// Both records of one player, as they are at the time of a step.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Player {
    /// Names this life of the player's, from the first record on until he is forgotten; 0: there is none yet.
    pub birth: u32,
    /// By template.
    pub counts: Vec<Count>,
    /// What passes.
    pub recent: Recent,
}

/// A player and what he was like when he was read.
pub struct Loaded<'a> {
    /// As the step changes him.
    pub player: Player,
    before: Player,
    had_recent: bool,
    names: &'a PlayerNames,
}

impl Player {
    /// Reads both records.
    ///
    /// # Errors
    /// [`Stop::Need`], and [`Status::Store`] for a damaged or newer record.
    pub fn load<'a>(view: &View<'_>, names: &'a PlayerNames) -> Result<Loaded<'a>, Stop> {
        let (lasting, recent) = match (view.get(&names.lasting), view.get(&names.recent)) {
            (Ok(lasting), Ok(recent)) => (lasting, recent),
            (Err(Stop::Need(_)), Err(Stop::Need(_))) => return Err(Stop::Need(names.and([]))),
            (Err(stop), _) | (_, Err(stop)) => return Err(stop),
        };
        let mut player = Player::default();
        if let Some(record) = lasting {
            player.read_lasting(&names.lasting, record)?;
        }
        if let Some(record) = recent {
            let (birth, recent) = Recent::decode(&names.recent, record, &player.counts, &view.time)?;
            player.birth = player.birth.max(birth);
            player.recent = recent;
        }
        Ok(Loaded { before: player.clone(), player, had_recent: recent.is_some(), names })
    }

    fn read_lasting(&mut self, name: &Name, record: &[u8]) -> Result<(), Damage> {
        let mut from = Decoder::open(name, record)?;
        self.birth = from.fixed(4)? as u32;
        let mut earlier_s = 0;
        for _ in 0..from.small::<usize>()? {
            let flags = from.byte()?;
            let template =
                if flags & HASHED != 0 { Template::Hash(from.fixed(8)?) } else { Template::Spelled(from.text()?) };
            let (granted, spent) = (from.unsigned()?, from.unsigned()?);
            let accepted_s = if flags & HAS_TIME == 0 { 0 } else { from.signed()?.saturating_add(earlier_s) };
            earlier_s = if flags & HAS_TIME == 0 { earlier_s } else { accepted_s };
            self.counts.push(Count { template, granted, spent, accepted_s });
        }
        from.end()
    }

    fn write_lasting(&self, name: &Name) -> Vec<u8> {
        let mut to = Encoder::default();
        to.fixed(u64::from(self.birth), 4);
        to.unsigned(self.counts.len() as u64);
        // One dialog asks for several templates, so their times are nearly the same: the difference takes one byte.
        let mut earlier_s = 0;
        for count in &self.counts {
            // Only a grant that is left can be kept from a refusal.
            let time = if count.granted > count.spent { HAS_TIME } else { 0 };
            match &count.template {
                Template::Hash(hash) => {
                    to.byte(HASHED | time);
                    to.fixed(*hash, 8);
                }
                Template::Spelled(id) => {
                    to.byte(time);
                    to.text(id);
                }
            }
            to.unsigned(count.granted);
            to.unsigned(count.spent);
            if time != 0 {
                to.signed(count.accepted_s.saturating_sub(earlier_s));
                earlier_s = count.accepted_s;
            }
        }
        to.finish(name)
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

impl Loaded<'_> {
    /// Adds what has changed to a step's changes, after all else that it changes; on a store where answers are lost, the
    /// step's number in any case.
    pub fn save(mut self, view: &View<'_>, changes: &mut Changes) {
        if let Some(step_id) = view.step_id {
            self.player.recent.note_step(step_id);
        }
        let Loaded { player, before, had_recent, names } = self;
        if (player.birth, &player.counts) != (before.birth, &before.counts) {
            let value = (!player.counts.is_empty()).then(|| player.write_lasting(&names.lasting));
            if value.is_some() || !before.counts.is_empty() {
                changes.put(names.lasting.clone(), value, None);
            }
        }
        // The passing record names templates by their places in the lasting one, and holds the birth where that is absent.
        let moved = had_recent && !same_places(&before.counts, &player.counts);
        let birth = player.born_here();
        // A key says nothing without its birth, which must therefore live as long.
        let prolongs =
            birth != 0 && changes.puts.iter().any(|put| put.name.space() == Space::Key && put.value.is_some());
        if player.recent != before.recent || moved || birth != before.born_here() || prolongs {
            let value = player.recent.encode(&names.recent, birth, &player.counts, &view.time);
            let life_ms = value.is_some().then(|| player.recent.life_ms(birth));
            changes.put(names.recent.clone(), value, life_ms);
        }
    }
}

/// Whether all that names the templates of `before` by their places still finds them there.
fn same_places(before: &[Count], now: &[Count]) -> bool {
    before.len() <= now.len() && before.iter().zip(now).all(|(before, now)| before.template == now.template)
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
        let (stamp, life_hours) = (Stamp::decode(&mut from)?, from.unsigned()?);
        Ok((stamp.passed(now).age_ms / HOUR_MS).cast_unsigned() >= life_hours)
    };
    // What can't be read is for its player's calls to tell.
    read().unwrap_or(false)
}
