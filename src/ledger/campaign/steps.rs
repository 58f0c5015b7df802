//! Steps on campaigns: put, changed, worked on.

use sha2::{Digest, Sha256};

use super::record::{Definition, Run, definition_name, index_name, load_index, run_name, save_index};
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
pub fn on_campaign<A: Send + 'static>(
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

/// Puts a campaign there, or another content in the place of one that has not begun. `at_once`: it begins now, by the clock of
/// this step.
pub fn put(id: String, definition: Definition, at_once: bool) -> Operation<Put> {
    let reads = vec![definition_name(&id), run_name(&id), index_name()];
    let decide = Box::new(move |view: &View<'_>| {
        let mut changes = Changes::default();
        let now_ms = view.time.wall_ms;
        let start_ms = if at_once { Some(now_ms) } else { definition.start_ms };
        let definition = Definition { start_ms, ..definition.clone() };
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
