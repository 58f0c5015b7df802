//! A player: what is known for ever (counts) and what is known for a while (the lease, sends in doubt, pairing marks, ids
//! of messages that were sent, numbers of steps). Two records, read and written in one step.

use super::age::Stamp;
use super::codec::{Damage, Decoder, Encoder, VERSION};
use super::denial::Denial;
use super::recent::{HOUR_MS, Recent};
use super::template::{Template, TemplateId};
use crate::error::{Error, Status};
use crate::store::{Changes, Found, Name, Space, Stop, Time, Trace, View};

/// Templates of one player at most.
pub const MAX_TEMPLATES: usize = 64;

/// The version of a lasting record with refusals or bans; one without them is of version 1, which older libraries read.
const WITH_DENIALS: u8 = 2;

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
    /// He refused, or the platform banned it, and no accept came since.
    pub denial: Option<Denial>,
}

const HAS_TIME: u8 = 1;
const HASHED: u8 = 2;
const DENIED: u8 = 4;
const BANNED: u8 = 8;
/// Of the whole player.
const REFUSED_ALL: u8 = 1;

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
    /// Campaigns, and sends that the host's rules bind, pass over him until this Unix time in milliseconds; 0: they don't.
    pub muted_until_ms: i64,
    /// When he last turned the main switch off, Unix seconds; 0: he did not, or accepted something since.
    pub refused_all_s: i64,
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

    /// Reads the lasting record.
    pub fn read_lasting(&mut self, name: &Name, record: &[u8]) -> Result<(), Damage> {
        let (version, mut from) = Decoder::open_up_to(WITH_DENIALS, name, record)?;
        self.birth = from.fixed(4)? as u32;
        let all = if version < WITH_DENIALS { 0 } else { from.byte()? };
        if all & !REFUSED_ALL != 0 {
            return Err(Damage::Broken);
        }
        let mut times = Times::default();
        if all & REFUSED_ALL != 0 {
            self.refused_all_s = times.read(&mut from)?;
        }
        for _ in 0..from.small::<usize>()? {
            let flags = from.byte()?;
            let template =
                if flags & HASHED != 0 { Template::Hash(from.fixed(8)?) } else { Template::Spelled(from.text()?) };
            let (granted, spent) = (from.unsigned()?, from.unsigned()?);
            let accepted_s = if flags & HAS_TIME == 0 { 0 } else { times.read(&mut from)? };
            let denial = match flags & DENIED {
                0 => None,
                _ => Some(Denial { at_s: times.read(&mut from)?, banned: flags & BANNED != 0 }),
            };
            self.counts.push(Count { template, granted, spent, accepted_s, denial });
        }
        if !from.is_at_end() {
            self.muted_until_ms = from.signed()?;
        }
        from.end()
    }

    fn write_lasting(&self, name: &Name) -> Vec<u8> {
        let is_plain = self.refused_all_s == 0 && self.counts.iter().all(|count| count.denial.is_none());
        let version = if is_plain { VERSION } else { WITH_DENIALS };
        let mut to = Encoder::default();
        to.fixed(u64::from(self.birth), 4);
        let mut times = Times::default();
        if version == WITH_DENIALS {
            let all = if self.refused_all_s != 0 { REFUSED_ALL } else { 0 };
            to.byte(all);
            if all != 0 {
                times.write(self.refused_all_s, &mut to);
            }
        }
        to.unsigned(self.counts.len() as u64);
        for count in &self.counts {
            // Only a grant that is left can be kept from a refusal.
            let time = if count.granted > count.spent { HAS_TIME } else { 0 };
            let denied = count.denial.map_or(0, |denial| DENIED | if denial.banned { BANNED } else { 0 });
            match &count.template {
                Template::Hash(hash) => {
                    to.byte(HASHED | time | denied);
                    to.fixed(*hash, 8);
                }
                Template::Spelled(id) => {
                    to.byte(time | denied);
                    to.text(id);
                }
            }
            to.unsigned(count.granted);
            to.unsigned(count.spent);
            if time != 0 {
                times.write(count.accepted_s, &mut to);
            }
            if let Some(denial) = count.denial {
                times.write(denial.at_s, &mut to);
            }
        }
        if self.muted_until_ms != 0 {
            to.signed(self.muted_until_ms);
        }
        to.finish_as(version, name)
    }

    /// Whether there is anything to know of him for ever.
    pub fn has_lasting(&self) -> bool {
        !self.counts.is_empty() || self.refused_all_s != 0 || self.muted_until_ms != 0
    }

    /// The birth, where the passing record must hold it.
    fn born_here(&self) -> u32 {
        if self.has_lasting() { 0 } else { self.birth }
    }

    /// Whether the host has asked not to send to him now, by what the rules bind.
    pub fn is_muted(&self, wall_ms: i64) -> bool {
        self.muted_until_ms > wall_ms
    }

    /// Whether anything is known of the player.
    pub fn is_known(&self) -> bool {
        self.birth != 0
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

    /// How the journal names a template: as the player's count does, since that changes least, or as records would.
    pub fn name_of(&self, template: &TemplateId) -> Template {
        self.count(template).map_or_else(|| template.to_template(), |count| count.template.clone())
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
                self.counts.push(Count {
                    template: template.to_template(),
                    granted: 0,
                    spent: 0,
                    accepted_s: 0,
                    denial: None,
                });
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

    /// Whether there is room for another count, or one that may leave.
    pub fn has_room(&self) -> bool {
        self.counts.len() < MAX_TEMPLATES || self.counts.iter().any(|count| self.is_spare(count))
    }

    fn is_spare(&self, count: &Count) -> bool {
        count.granted <= count.spent && !self.recent.names(&count.template)
    }

    fn make_room(&mut self) -> Result<(), Error> {
        if self.counts.len() < MAX_TEMPLATES {
            return Ok(());
        }
        let spares = self.counts.iter().enumerate().filter(|(_, count)| self.is_spare(count));
        // The refusal that is known for the longest says the least.
        let oldest = spares.min_by_key(|(_, count)| count.denial.map_or(0, |denial| denial.at_s));
        let at = oldest.map(|(at, _)| at).ok_or_else(|| {
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
    /// Whether the step has changed the player so far.
    pub fn has_changed(&self) -> bool {
        self.player != self.before
    }

    /// Adds what has changed to a step's changes, after all else that it changes; on a store where answers are lost, the
    /// step's number in any case.
    pub fn save(mut self, view: &View<'_>, changes: &mut Changes) {
        // Of one whom nobody knows, since he was forgotten maybe, what is late leaves no record.
        let is_there = self.had_recent || self.player.is_known() || self.player != self.before;
        let leaves_trace = is_there || !changes.puts.is_empty();
        if let Some(step_id) = view.step_id.filter(|_| leaves_trace) {
            self.player.recent.note_step(step_id);
        }
        let Loaded { player, before, had_recent, names } = self;
        let lasting = |player: &Player| (player.birth, player.refused_all_s, player.muted_until_ms);
        if lasting(&player) != lasting(&before) || player.counts != before.counts {
            let value = player.has_lasting().then(|| player.write_lasting(&names.lasting));
            if value.is_some() || before.has_lasting() {
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

/// Times in a row: one dialog asks for several templates, so they are nearly the same, and a difference takes one byte.
#[derive(Default)]
struct Times {
    earlier_s: i64,
}

impl Times {
    fn read(&mut self, from: &mut Decoder<'_>) -> Result<i64, Damage> {
        self.earlier_s = from.signed()?.saturating_add(self.earlier_s);
        Ok(self.earlier_s)
    }

    fn write(&mut self, time_s: i64, to: &mut Encoder) {
        to.signed(time_s.saturating_sub(self.earlier_s));
        self.earlier_s = time_s;
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
