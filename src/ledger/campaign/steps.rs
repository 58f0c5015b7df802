//! Steps on campaigns: put, changed, worked on.

use sha2::{Digest, Sha256};

use super::added::AddedBy;
use super::record::{
    Definition, Part, Run, Slice, definition_name, index_name, load_index, part_name, run_name, save_index,
};
use super::state::Wish;
use super::tally::Tally;
use crate::store::{Changes, Operation, Stop, View};

/// Campaigns that may be there and have not ended.
const MOST_LIVE: usize = 32;
/// Campaigns that are kept; the oldest that have ended leave first.
const MOST: usize = 1000;

/// A campaign as it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Campaign {
    /// Its id.
    pub id: String,
    /// As it was put.
    pub definition: Definition,
    /// How far it has come.
    pub run: Run,
}

impl Campaign {
    /// What came of all players so far, those of unfinished slices included.
    pub fn tally(&self) -> Tally {
        let mut all = self.run.tally.clone();
        self.run.slices.iter().for_each(|slice| all.add(&slice.tally));
        all
    }
}

/// A change of where a campaign stands, for the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The word for where it stood.
    pub from: &'static str,
    /// The word for where it stands.
    pub to: &'static str,
}

/// The number by which players' records name a campaign.
pub fn number_of(id: &str) -> u64 {
    let digest: [u8; 32] = Sha256::digest(format!("campaign:{id}").as_bytes()).into();
    digest.first_chunk::<8>().map_or(0, |first| u64::from_be_bytes(*first))
}

/// Reads a campaign, lets time act on it, then `act`, and writes what has changed. None: there is none with this id.
fn on_campaign<A: Send + 'static>(
    id: String,
    proven: bool,
    mut act: impl FnMut(&mut Campaign, &View<'_>, &mut Changes) -> Result<A, Stop> + Send + 'static,
) -> Operation<Option<(A, Campaign, Option<Change>)>> {
    let reads = vec![definition_name(&id), run_name(&id)];
    let decide = Box::new(move |view: &View<'_>| {
        let mut changes = Changes::default();
        let Some(mut campaign) = load(view, &id)? else { return Ok((changes, None)) };
        let before = campaign.run.clone();
        let now_ms = view.time.wall_ms;
        campaign.run.advance(&campaign.definition, now_ms);
        let answer = act(&mut campaign, view, &mut changes)?;
        campaign.run.advance(&campaign.definition, now_ms);
        if campaign.run != before {
            campaign.run.save(&id, &view.time, &mut changes);
        }
        if campaign.run.state.has_ended() && !before.state.has_ended() {
            end(&id, view, &mut changes)?;
        }
        let (from, to) = (before.state.word(), campaign.run.state.word());
        let change = (from != to).then_some(Change { from, to });
        Ok((changes, Some((answer, campaign, change))))
    });
    Operation { reads, proven, trace: None, decide }
}

fn load(view: &View<'_>, id: &str) -> Result<Option<Campaign>, Stop> {
    let (definition, run) = match (Definition::load(view, id), Run::load(view, id)) {
        (Err(Stop::Need(mut one)), Err(Stop::Need(other))) => {
            one.extend(other);
            return Err(Stop::Need(one));
        }
        (definition, run) => (definition?, run?),
    };
    Ok(definition.zip(run).map(|(definition, run)| Campaign { id: id.to_owned(), definition, run }))
}

fn end(id: &str, view: &View<'_>, changes: &mut Changes) -> Result<(), Stop> {
    let mut index = load_index(view)?;
    index.iter_mut().filter(|(other, _)| other == id).for_each(|(_, ended)| *ended = true);
    save_index(&index, changes);
    Ok(())
}

/// What became of a campaign that was put.
#[derive(Debug)]
pub enum Put {
    /// It is there now, or was there in the same form.
    There(Box<Campaign>, Option<Change>),
    /// One with this id and other content has begun.
    TooLate,
    /// So many that have not ended are there already.
    TooMany(usize),
}

/// Puts a campaign there, or another content in the place of one that has not begun.
pub fn put(id: String, definition: Definition) -> Operation<Put> {
    let reads = vec![definition_name(&id), run_name(&id), index_name()];
    let decide = Box::new(move |view: &View<'_>| {
        let mut changes = Changes::default();
        let now_ms = view.time.wall_ms;
        let before = load(view, &id)?;
        let mut campaign = match &before {
            Some(there) if there.definition.given == definition.given => there.clone(),
            Some(there) => {
                let mut there = there.clone();
                there.run.advance(&there.definition, now_ms);
                if there.run.has_begun() || there.run.state.has_ended() {
                    return Ok((changes, Put::TooLate));
                }
                Campaign { definition: definition.clone(), ..there }
            }
            None => {
                let mut index = load_index(view)?;
                let live = index.iter().filter(|(_, ended)| !ended).count();
                if live >= MOST_LIVE {
                    return Ok((changes, Put::TooMany(live)));
                }
                while index.len() >= MOST {
                    let Some(at) = index.iter().position(|(_, ended)| *ended) else { break };
                    let (gone, _) = index.remove(at);
                    for name in [definition_name(&gone), run_name(&gone)] {
                        view.get(&name)?;
                        changes.put(name, None, None);
                    }
                }
                let mut run = Run::default();
                run.advance(&definition, now_ms);
                // One whose time is over already takes no place of those that live.
                index.push((id.clone(), run.state.has_ended()));
                save_index(&index, &mut changes);
                Campaign { id: id.clone(), definition: definition.clone(), run }
            }
        };
        campaign.run.advance(&campaign.definition, now_ms);
        if before.as_ref() != Some(&campaign) {
            campaign.definition.save(&id, &mut changes);
            campaign.run.save(&id, &view.time, &mut changes);
            if campaign.run.state.has_ended() {
                end_in(&id, view, &mut changes)?;
            }
        }
        let from = before.as_ref().map_or("new", |before| before.run.state.word());
        let to = campaign.run.state.word();
        let change = (from != to).then_some(Change { from, to });
        Ok((changes, Put::There(Box::new(campaign), change)))
    });
    Operation { reads, proven: true, trace: None, decide }
}

/// As [`end`], where this step has changed the index already.
fn end_in(id: &str, view: &View<'_>, changes: &mut Changes) -> Result<(), Stop> {
    if changes.made(&index_name()).is_some() {
        return Ok(());
    }
    end(id, view, changes)
}

/// Does what somebody wants. None: there is none with this id; false: it is too late for it.
pub fn wish(id: String, wish: Wish) -> Operation<Option<(bool, Campaign, Option<Change>)>> {
    on_campaign(id, true, move |campaign, view, _| {
        let Campaign { definition, run, .. } = campaign;
        Ok(run.wish(definition, &wish, view.time.wall_ms))
    })
}

/// How a campaign stands.
pub fn look(id: String) -> Operation<Option<Campaign>> {
    let reads = vec![definition_name(&id), run_name(&id)];
    let decide = Box::new(move |view: &View<'_>| {
        let mut campaign = load(view, &id)?;
        if let Some(campaign) = &mut campaign {
            campaign.run.advance(&campaign.definition, view.time.wall_ms);
        }
        Ok((Changes::default(), campaign))
    });
    Operation { reads, proven: false, trace: None, decide }
}

/// The ids of all campaigns, and whether each has ended.
pub fn ids() -> Operation<Vec<(String, bool)>> {
    let decide = Box::new(|view: &View<'_>| Ok((Changes::default(), load_index(view)?)));
    Operation { reads: vec![index_name()], proven: false, trace: None, decide }
}

/// What became of players that were added to a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Added {
    /// So many were.
    Now(u64),
    /// So many were by an earlier call with the same key.
    Before(u64),
    /// The campaign has no list.
    NoList,
    /// It has ended.
    TooLate,
}

/// Adds players to a campaign's list, once for each key.
pub fn add(id: String, parts: Vec<Part>, key: Option<u64>) -> Operation<Option<(Added, Campaign, Option<Change>)>> {
    on_campaign(id, true, move |campaign, view, changes| {
        if !campaign.definition.is_list {
            return Ok(Added::NoList);
        }
        let added_by = key.map(|key| AddedBy::load(view, &campaign.id, key)).transpose()?;
        if let Some(added) = added_by.as_ref().zip(key).and_then(|(added_by, key)| added_by.by(key)) {
            return Ok(Added::Before(added));
        }
        if campaign.run.state.has_ended() {
            return Ok(Added::TooLate);
        }
        let mut added = 0;
        for part in &parts {
            let name = part_name(&campaign.id, campaign.run.parts);
            view.get(&name)?;
            part.save(name, changes);
            campaign.run.parts += 1;
            added += part.players.len() as u64;
        }
        campaign.run.listed += added;
        if let Some((added_by, key)) = added_by.zip(key) {
            added_by.note(key, added, &view.time, changes);
        }
        Ok(Added::Now(added))
    })
}

/// Players of a part of a list; None: it is gone.
pub fn read_part(id: &str, part: u64) -> Operation<Option<Part>> {
    let name = part_name(id, part);
    let decide = Box::new({
        let name = name.clone();
        move |view: &View<'_>| {
            let record = view.get(&name)?;
            let part = record.map(|record| Part::decode(&name, record)).transpose()?;
            Ok((Changes::default(), part))
        }
    });
    Operation { reads: vec![name], proven: false, trace: None, decide }
}

/// Takes a player who is forgotten out of a part of a list; of a campaign that has ended the whole part goes.
pub fn take_out(id: &str, part: u64, openid: Option<&str>) -> Operation<()> {
    let (run_name, name) = (run_name(id), part_name(id, part));
    let (id, openid) = (id.to_owned(), openid.map(str::to_owned));
    let reads = vec![run_name, name.clone()];
    let decide = Box::new(move |view: &View<'_>| {
        let mut changes = Changes::default();
        let has_ended = Run::load(view, &id)?.is_none_or(|run| run.state.has_ended());
        let Some(record) = view.get(&name)? else { return Ok((changes, ())) };
        if has_ended {
            changes.put(name.clone(), None, None);
        } else if let Some(openid) = &openid {
            let mut part = Part::decode(&name, record)?;
            part.players.retain(|(player, _)| player != openid);
            part.save(name.clone(), &mut changes);
        }
        Ok((changes, ()))
    });
    Operation { reads, proven: false, trace: None, decide }
}

/// Whether a campaign's record names a place, as it was written last.
pub fn names_place(id: &str, place: Box<[u8]>) -> Operation<bool> {
    let (reads, id) = (vec![run_name(id)], id.to_owned());
    let decide = Box::new(move |view: &View<'_>| {
        let run = Run::load(view, &id)?;
        Ok((Changes::default(), run.is_some_and(|mut run| run.places().any(|other| *other == place))))
    });
    Operation { reads, proven: false, trace: None, decide }
}

/// Puts another place wherever a campaign's record names this one.
pub fn move_place(id: &str, place: Box<[u8]>, instead: Box<[u8]>) -> Operation<()> {
    let (reads, id) = (vec![run_name(id)], id.to_owned());
    let decide = Box::new(move |view: &View<'_>| {
        let mut changes = Changes::default();
        if let Some(mut run) = Run::load(view, &id)? {
            run.places().filter(|other| **other == place).for_each(|other| other.clone_from(&instead));
            run.save(&id, &view.time, &mut changes);
        }
        Ok((changes, ()))
    });
    Operation { reads, proven: false, trace: None, decide }
}

/// What a process tells of its slices, and what it wants.
#[derive(Clone, Debug, Default)]
pub struct Beat {
    /// Names the process.
    pub process: i64,
    /// The engine whose order places are of.
    pub engine: u8,
    /// Its slices: what has come of them, and whether they are done.
    pub slices: Vec<(u64, Tally, bool)>,
    /// It gives those that are not done back.
    pub release: bool,
    /// How long they are its own, from now.
    pub lease_ms: i64,
    /// Another slice.
    pub take: Option<Take>,
    /// So many messages that it may begin.
    pub pace: u32,
}

/// Which slice is wanted.
#[derive(Clone, Debug)]
pub enum Take {
    /// One that its process has left.
    Left,
    /// The next part of the list.
    Part,
    /// The players that were found behind a place.
    Players {
        /// The place.
        from: Option<Box<[u8]>>,
        /// Where the slice ends; None: there are no more players.
        to: Option<Box<[u8]>>,
        /// Behind it there are none.
        at_end: bool,
    },
}

/// What a process learns.
#[derive(Clone, Debug, Default)]
pub struct Beaten {
    /// Slices that are not its own any more.
    pub lost: Vec<u64>,
    /// The slice that it has now.
    pub taken: Option<Slice>,
    /// When it may begin the first of its messages, microseconds since 1970.
    pub pace_us: i64,
}

/// Keeps a process's slices its own, writes down what has come of them, and gives it another.
pub fn beat(id: String, beat: Beat) -> Operation<Option<(Beaten, Campaign, Option<Change>)>> {
    on_campaign(id, false, move |campaign, view, changes| {
        let mut beaten = Beaten::default();
        let Campaign { id, definition, run } = campaign;
        if !definition.is_list && run.engine != beat.engine {
            // Another engine's places: all players are looked at again, and those who had it are known by their marks.
            *run = Run {
                engine: beat.engine,
                again: run.engine != 0,
                place: None,
                at_end: false,
                slices: Vec::new(),
                tally: Tally::default(),
                ..run.clone()
            };
        }
        for (number, tally, done) in &beat.slices {
            let at = run.slices.iter().position(|slice| slice.number == *number && slice.owner == beat.process);
            let Some(at) = at else {
                beaten.lost.push(*number);
                continue;
            };
            if *done {
                run.tally.add(tally);
                run.slices.remove(at);
                if definition.is_list {
                    let name = part_name(id, *number);
                    view.get(&name)?;
                    changes.put(name, None, None);
                }
                continue;
            }
            let slice = &mut run.slices[at];
            slice.left_ms = if beat.release { 0 } else { beat.lease_ms };
            if tally.seen >= slice.tally.seen {
                slice.tally = tally.clone();
            }
        }
        if run.state == super::State::Running {
            beaten.taken = beat.take.as_ref().and_then(|take| take_slice(run, definition, take, &beat));
            if let Some(rate) = definition.per_1000_s.filter(|_| beat.pace > 0) {
                let interval_us = (1_000_000_000 / rate.max(1)).cast_signed();
                beaten.pace_us = run.pace_us.max(view.time.wall_ms.saturating_mul(1000));
                run.pace_us = beaten.pace_us.saturating_add(interval_us.saturating_mul(i64::from(beat.pace)));
            }
        }
        Ok(beaten)
    })
}

fn take_slice(run: &mut Run, definition: &Definition, take: &Take, beat: &Beat) -> Option<Slice> {
    match take {
        Take::Left => {
            // One that it lost may not come back before it knows that: the old tally would end it.
            let is_told = |slice: &Slice| beat.slices.iter().any(|(number, ..)| *number == slice.number);
            let slice = run.slices.iter_mut().find(|slice| slice.left_ms == 0 && !is_told(slice))?;
            (slice.owner, slice.left_ms) = (beat.process, beat.lease_ms);
            return Some(slice.clone());
        }
        Take::Part if !definition.is_list || run.parts_out >= run.parts => return None,
        Take::Players { from, .. } if definition.is_list || run.at_end || run.place != *from => return None,
        Take::Part | Take::Players { .. } => {}
    }
    let (number, from, to) = match take {
        Take::Players { from, to, at_end } => {
            run.at_end = *at_end;
            let to = to.clone()?;
            run.place = Some(to.clone());
            run.next_slice += 1;
            (run.next_slice, from.clone(), to)
        }
        Take::Part | Take::Left => {
            run.parts_out += 1;
            (run.parts_out - 1, None, Box::default())
        }
    };
    let slice = Slice { number, from, to, owner: beat.process, left_ms: beat.lease_ms, tally: Tally::default() };
    run.slices.push(slice.clone());
    Some(slice)
}
