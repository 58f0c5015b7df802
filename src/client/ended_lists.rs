//! Lists of campaigns that have ended: they name players, so nothing of them stays.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::core::Core;
use super::maintenance::Chore;
use crate::clock::Deadline;
use crate::error::Error;
use crate::ledger::campaign::{self, Campaign};

/// How often lists are looked for that were left.
const LOOK_EVERY: Duration = Duration::from_secs(3600);
/// How long a round of that takes the thread that it shares.
const ROUND_MS: u64 = 1000;

impl Core {
    /// Drops what is left of the list of a campaign that has ended, and who has added to it, a part at least; false: not all
    /// of it until `over`.
    pub fn drop_list(&self, campaign: &Campaign, over: Deadline, deadline: Deadline) -> Result<bool, Error> {
        self.engine.run(campaign::drop_added(&campaign.id), deadline)?;
        let mut parts = given_out(campaign).chain(self.first_part(campaign, deadline)?..campaign.run.parts).peekable();
        while let Some(part) = parts.next() {
            self.engine.run(campaign::take_out(&campaign.id, part, None), deadline)?;
            if over.is_over() && parts.peek().is_some() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Whether there is anything of it: parts that nobody was given go from the first to the last.
    pub fn has_list(&self, campaign: &Campaign, deadline: Deadline) -> Result<bool, Error> {
        let run = &campaign.run;
        let last = (run.parts_out < run.parts).then(|| run.parts - 1);
        let parts: Vec<u64> = given_out(campaign).chain(last).collect();
        if parts.is_empty() {
            return Ok(false);
        }
        self.engine.ask(campaign::has_any_part(&campaign.id, &parts), deadline)
    }

    /// The first part that nobody was given and that is there.
    fn first_part(&self, campaign: &Campaign, deadline: Deadline) -> Result<u64, Error> {
        let (mut from, mut to) = (campaign.run.parts_out, campaign.run.parts);
        while from < to {
            let middle = from + (to - from) / 2;
            match self.engine.ask(campaign::has_any_part(&campaign.id, &[middle]), deadline)? {
                true => to = middle,
                false => from = middle + 1,
            }
        }
        Ok(from)
    }
}

/// Parts that were being worked on when it ended.
fn given_out(campaign: &Campaign) -> impl Iterator<Item = u64> {
    campaign.run.slices.iter().map(|slice| slice.number)
}

/// Whoever ended a campaign drops its list; what he could not drop goes now and then.
pub struct ListMaintenance {
    core: Arc<Core>,
    state: Mutex<ListState>,
}

#[derive(Default)]
struct ListState {
    looked: Option<Instant>,
    /// Campaigns of this round that need no look any more.
    done: HashSet<String>,
}

impl ListMaintenance {
    pub fn new(core: Arc<Core>) -> ListMaintenance {
        ListMaintenance { core, state: Mutex::default() }
    }
}

impl Chore for ListMaintenance {
    fn is_due(&self) -> bool {
        false
    }

    fn run(&self) -> Result<(), Error> {
        let mut state = self.state.lock();
        if state.looked.is_some_and(|looked| looked.elapsed() < LOOK_EVERY) {
            return Ok(());
        }
        let (core, over) = (&self.core, Deadline::in_ms(ROUND_MS));
        for (id, ended) in core.engine.ask(campaign::ids(), core.deadline())? {
            if !ended || state.done.contains(&id) {
                continue;
            }
            if over.is_over() {
                return Ok(());
            }
            if let Some(campaign) = core.engine.ask(campaign::look(id.clone()), core.deadline())?
                && core.has_list(&campaign, core.deadline())?
                && !core.drop_list(&campaign, over, core.deadline().or_at_least_ms(2 * ROUND_MS))?
            {
                return Ok(());
            }
            state.done.insert(id);
        }
        state.done.clear();
        state.looked = Some(Instant::now());
        Ok(())
    }
}
