//! Steps on a campaign's list of players.

use super::added::AddedBy;
use super::record::{Part, Run, part_name, run_name};
use super::steps::{Campaign, Change, on_campaign};
use crate::ledger::codec::Damage;
use crate::store::{Changes, Name, Operation, View};

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

/// Whether any of these parts of a list is there, damaged or not.
pub fn has_any_part(id: &str, parts: &[u64]) -> Operation<bool> {
    let names: Vec<Name> = parts.iter().map(|part| part_name(id, *part)).collect();
    let reads = names.clone();
    let decide = Box::new(move |view: &View<'_>| {
        let mut any = false;
        for name in &names {
            any |= view.get(name)?.is_some();
        }
        Ok((Changes::default(), any))
    });
    Operation { reads, proven: false, trace: None, decide }
}

/// Which of these parts of a list name a player. One that is damaged names nobody who could be read.
pub fn parts_with(id: &str, parts: &[u64], openid: &str) -> Operation<Vec<u64>> {
    let names: Vec<(u64, Name)> = parts.iter().map(|part| (*part, part_name(id, *part))).collect();
    let (reads, openid) = (names.iter().map(|(_, name)| name.clone()).collect(), openid.to_owned());
    let decide = Box::new(move |view: &View<'_>| {
        let mut found = Vec::new();
        for (number, name) in &names {
            match view.get(name)?.map(|record| Part::decode(name, record)) {
                Some(Ok(part)) if part.players.iter().any(|(player, _)| *player == openid) => found.push(*number),
                Some(Err(newer @ Damage::Newer { .. })) => return Err(newer.into()),
                _ => {}
            }
        }
        Ok((Changes::default(), found))
    });
    Operation { reads, proven: false, trace: None, decide }
}

/// Takes a player who is forgotten out of a part of a list; None: the part goes, if the campaign has ended. Lists go from the
/// first part to the last, so no other part may be missing.
pub fn take_out(id: &str, part: u64, openid: Option<&str>) -> Operation<()> {
    let (run_name, name) = (run_name(id), part_name(id, part));
    let (id, openid) = (id.to_owned(), openid.map(str::to_owned));
    let reads = vec![run_name, name.clone()];
    let decide = Box::new(move |view: &View<'_>| {
        let mut changes = Changes::default();
        let has_ended = Run::load(view, &id)?.is_none_or(|run| run.state.has_ended());
        let Some(record) = view.get(&name)? else { return Ok((changes, ())) };
        match &openid {
            None if has_ended => changes.put(name.clone(), None, None),
            None => {}
            Some(openid) => {
                let mut part = Part::decode(&name, record)?;
                part.players.retain(|(player, _)| player != openid);
                part.save(name.clone(), &mut changes);
            }
        }
        Ok((changes, ()))
    });
    Operation { reads, proven: false, trace: None, decide }
}
