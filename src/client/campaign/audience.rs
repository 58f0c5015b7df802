//! Players of a campaign, read from the store.

use super::turn::Player;
use super::{Campaigns, Plan, STORE_MS};
use crate::clock::Deadline;
use crate::error::{Error, Status};
use crate::ledger::campaign::{self, Campaign, Slice, Tally, Turn};
use crate::store::{Scanned, Space};

/// Players of a slice …
const PLAYERS: usize = 400;
/// … of at most this many that are looked at.
const LOOKED_AT: usize = 4000;
/// Records that are read at once.
const AT_ONCE: usize = 400;
/// A slice that was left is looked through for so many times as many records as it had at most.
const MARGIN: usize = 4;

/// Players behind a place.
#[derive(Default)]
pub struct FoundPlayers {
    /// Whose turn may come.
    pub players: Vec<Player>,
    /// What has come of the others.
    pub tally: Tally,
    /// The place of the last one that was looked at, and who that is.
    pub to: Option<Box<[u8]>>,
    pub last: Option<String>,
    /// There are no others.
    pub at_end: bool,
}

impl Campaigns {
    /// The next players of all.
    pub fn next_players(&self, plan: &Plan, from: Option<Box<[u8]>>, again: bool) -> Result<FoundPlayers, Error> {
        let mut found = FoundPlayers::default();
        let (mut after, mut looked) = (from, 0);
        while found.players.len() < PLAYERS && looked < LOOKED_AT && !found.at_end {
            let page = self.core.engine.scan(Space::Player, after, AT_ONCE, self.deadline())?;
            looked += page.records.len();
            for record in &page.records {
                self.sort(plan, record, again, &mut found)?;
            }
            if let Some(last) = page.records.last() {
                found.to = Some(last.place.clone());
                found.last = Some(openid_of(last));
            }
            found.at_end = page.after.is_none();
            after = page.after;
        }
        Ok(found)
    }

    /// The players of a slice, those of one that was left, too.
    pub fn players_of(&self, campaign: &Campaign, plan: &Plan, slice: &Slice) -> Result<(Vec<Player>, Tally), Error> {
        if campaign.definition.is_list {
            let part = self.core.engine.ask(campaign::read_part(&plan.id, slice.number), self.deadline())?;
            let players = part.unwrap_or_default().players.into_iter();
            let players = players.map(|(openid, data)| Player { openid, data, tries: 0 });
            return Ok((players.collect(), Tally::default()));
        }
        let mut found = FoundPlayers::default();
        // The last one may be gone.
        let end = self.core.first_behind(slice.to.clone(), || self.deadline())?;
        let (mut after, mut looked) = (slice.from.clone(), 0);
        while looked < MARGIN * LOOKED_AT {
            let page = self.core.engine.scan(Space::Player, after, AT_ONCE, self.deadline())?;
            looked += page.records.len();
            for record in &page.records {
                if end.as_ref() == Some(&record.place) {
                    return Ok((found.players, found.tally));
                }
                self.sort(plan, record, true, &mut found)?;
            }
            after = page.after;
            if after.is_none() {
                break;
            }
        }
        Ok((found.players, found.tally))
    }

    fn deadline(&self) -> Deadline {
        Deadline::in_ms(STORE_MS)
    }

    /// Whether a player's turn may come; what has come of him, if not. `again`: he may have had his turn before, and used
    /// up what he allowed.
    fn sort(&self, plan: &Plan, record: &Scanned, again: bool, found: &mut FoundPlayers) -> Result<(), Error> {
        let template = self.templates.id_of(&plan.template_id, self.deadline());
        match campaign::of_audience(&record.name, &record.value, &template, plan.leave) {
            Ok(None) => {}
            Ok(Some(Some(reason))) if !again => found.tally.count(Turn::Skipped(reason)),
            Ok(Some(_)) => {
                found.players.push(Player { openid: openid_of(record), data: None, tries: 0 });
            }
            Err(e) if e.status == Status::Store && e.retry == crate::error::Retry::Never => {
                found.tally.count(Turn::Failed(Status::Store));
            }
            Err(e) => return Err(e),
        }
        Ok(())
    }
}

fn openid_of(record: &Scanned) -> String {
    String::from_utf8_lossy(record.name.id()).into_owned()
}
