//! A campaign that this process works on.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::active_slice::ActiveSlice;
use super::turn::{Ended, Player, Turn};
use super::verdicts::{Effect, Fate, MOST_IN_A_ROW, decide, told};
use super::{Campaigns, Plan, STEP, STORE_MS};
use crate::clock::Deadline;
use crate::error::{Error, SkipReason};
use crate::ledger;
use crate::ledger::campaign::{self, Beat, Beaten, Campaign, State, Take, Wish};
use crate::log::log_line;

/// The store is told this often what has come of players, and tells whether to go on.
const BEAT: Duration = Duration::from_millis(400);
/// How long a slice is its process's own after that.
const LEASE_MS: i64 = 10_000;
/// Slices of one process at most.
const MOST_SLICES: usize = 8;
/// How long a block of the campaign's pace lasts.
const BLOCK_MS: u64 = 500;

/// A campaign that runs, and this process's slices of it.
pub struct Active {
    plan: Arc<Plan>,
    /// As the store told it last.
    campaign: Campaign,
    slices: Vec<ActiveSlice>,
    beaten: Option<Instant>,
    /// Failures in a row that were the account's.
    in_a_row: u32,
    /// Messages that the pace allows, and when the next may begin.
    allowed: u32,
    next_start: Instant,
    /// It is not running any more, or there are quiet hours: no turn is given.
    resting: bool,
    over: bool,
}

impl Active {
    /// Begins to work on a campaign, if it runs and nothing else stands against it.
    pub fn open(campaigns: &Campaigns, id: &str) -> Result<Option<Active>, Error> {
        let deadline = Deadline::in_ms(STORE_MS);
        let looked = campaigns.core.engine.ask(campaign::look(id.to_owned()), deadline)?;
        let Some(campaign) = looked.filter(|campaign| is_to_be_told(&campaign.run.state)) else { return Ok(None) };
        let mut active = Active {
            plan: Arc::new(Plan::new(&campaign)?),
            campaign,
            slices: Vec::new(),
            beaten: None,
            in_a_row: 0,
            allowed: 0,
            next_start: Instant::now(),
            resting: false,
            over: false,
        };
        if active.is_quiet(campaigns) {
            return Ok(None);
        }
        // Time alone may have begun or ended it: that is written down, and told, by whoever sees it first.
        active.beat(campaigns, None, 0)?;
        if active.resting {
            return Ok(None);
        }
        // Its expiry is known from its beginning on.
        active.plan = Arc::new(Plan::new(&active.campaign)?);
        Ok(Some(active))
    }

    /// Turns that run.
    pub fn running(&self) -> usize {
        self.slices.iter().map(ActiveSlice::running).sum()
    }

    /// Whether there is nothing left to do here.
    pub fn is_over(&self) -> bool {
        self.over
    }

    fn is_quiet(&self, campaigns: &Campaigns) -> bool {
        self.plan.rules && campaigns.rules.quiet().is_some()
    }

    /// Takes in a turn that has ended.
    pub fn settle(&mut self, campaigns: &Campaigns, ended: Ended) {
        let Ended { slice, player, result, .. } = ended;
        let (fate, effect) = decide(&result, player.tries, player.data.is_some());
        if let (super::turn::Result::Ended { verdict, begun }, Fate::End(_)) = (&result, &fate) {
            campaigns.core.counters.count(verdict);
            // Of one whom the ledger does not know, maybe since he was forgotten, nothing is written down.
            if !begun && verdict.skipped != Some(SkipReason::NotKnown) {
                let template = campaigns.templates.id_of(&self.plan.template_id, Deadline::in_ms(STORE_MS));
                let send = self.plan.send(campaigns.core.engine.wall_ms());
                campaigns.core.note_unsent(&player.openid, template, None, Some(send), verdict);
            }
        }
        let Some(slice) = self.slices.iter_mut().find(|active| active.serial == slice) else { return };
        match fate {
            Fate::End(turn) => slice.end(turn),
            Fate::Again(pause, counts) => {
                let tries = player.tries + u32::from(counts);
                slice.put_off(Player { tries, ..player }, pause);
            }
            Fate::Back => slice.put_back(player),
        }
        match effect {
            Effect::Good => self.in_a_row = 0,
            Effect::None => {}
            Effect::Fails => {
                self.in_a_row += 1;
                if self.in_a_row >= MOST_IN_A_ROW {
                    let last = match &result {
                        super::turn::Result::Ended { verdict, .. } | super::turn::Result::Unasked(verdict) => {
                            told(verdict)
                        }
                        _ => String::new(),
                    };
                    self.pause(campaigns, format!("{MOST_IN_A_ROW} failures in a row, the last: {last}"), None);
                }
            }
            Effect::Stop(why) => self.pause(campaigns, why, None),
            Effect::StopForToday(why) => {
                let (_, left_ms) = crate::ledger::day_of(campaigns.rules.local_ms());
                self.pause(campaigns, why, Some(campaigns.core.engine.wall_ms().saturating_add(left_ms)));
            }
        }
    }

    /// Stops the campaign everywhere.
    fn pause(&mut self, campaigns: &Campaigns, why: String, until_ms: Option<i64>) {
        if self.resting {
            return;
        }
        self.rest();
        self.in_a_row = 0;
        let wish = campaign::wish(self.plan.id.clone(), Wish::Pause { why, until_ms });
        match campaigns.core.engine.run(wish, Deadline::in_ms(STORE_MS)) {
            Ok(Some((_, campaign, change))) => campaigns.tell_change(&campaign, change.as_ref()),
            Ok(None) => {}
            // It rests here all the same, and is opened again, and fails again.
            Err(e) => {
                log_line!(campaigns.core.log, Warn, "campaign {} could not be paused: {}", self.plan.id, e.message)
            }
        }
    }

    fn rest(&mut self) {
        self.resting = true;
        self.plan.stop();
    }

    /// Gives up to `room` turns, and tells the store; says how long there is nothing to do.
    pub fn go_on(&mut self, campaigns: &Campaigns, room: usize) -> Result<Duration, Error> {
        if !self.resting && self.is_quiet(campaigns) {
            self.rest();
        }
        if self.resting {
            self.over = self.let_go(campaigns);
            return Ok(STEP);
        }
        let is_done = self.slices.iter().any(ActiveSlice::is_done);
        let is_due = self.beaten.is_none_or(|beaten| beaten.elapsed() >= BEAT);
        let mut wants_pace = self.wants_pace(room);
        if is_done || is_due || wants_pace > 0 {
            self.beat(campaigns, None, std::mem::take(&mut wants_pace))?;
        }
        let ready: usize = self.slices.iter().map(ActiveSlice::ready).sum();
        if !self.resting && ready < 2 * campaigns.core.config.workers && self.slices.len() < MOST_SLICES {
            self.take_slice(campaigns)?;
        }
        if self.resting {
            return Ok(Duration::ZERO);
        }
        Ok(self.give_turns(campaigns, room))
    }

    /// How many messages more the pace must allow.
    fn wants_pace(&self, room: usize) -> u32 {
        let Some(rate) = self.campaign.definition.per_1000_s else { return 0 };
        if self.allowed > 0 || room == 0 || self.slices.iter().all(|slice| slice.ready() == 0) {
            return 0;
        }
        u32::try_from((rate * BLOCK_MS / 1_000_000).max(1)).unwrap_or(u32::MAX)
    }

    /// Tells the store what has come of the slices, and learns how the campaign stands.
    fn beat(&mut self, campaigns: &Campaigns, take: Option<Take>, pace: u32) -> Result<Beaten, Error> {
        let release = self.resting;
        let slices = self.slices.iter().map(|slice| (slice.number, slice.tally.clone(), slice.is_done())).collect();
        let beat = Beat {
            process: campaigns.core.process,
            engine: campaigns.core.engine.order(),
            slices,
            release,
            lease_ms: LEASE_MS,
            take,
            pace,
        };
        let step = campaign::beat(self.plan.id.clone(), beat);
        let beaten = campaigns.core.engine.run(step, Deadline::in_ms(STORE_MS))?;
        campaigns.core.touch_maintenance();
        self.beaten = Some(Instant::now());
        let Some((beaten, campaign, change)) = beaten else {
            self.rest();
            self.slices.clear();
            return Ok(Beaten::default());
        };
        campaigns.tell_change(&campaign, change.as_ref());
        self.slices.retain(|slice| !slice.is_done() && !beaten.lost.contains(&slice.number));
        if campaign.run.state != State::Running {
            self.rest();
        } else if pace > 0 {
            self.allowed = pace;
            let ahead_us = beaten.pace_us.saturating_sub(campaigns.core.engine.wall_ms().saturating_mul(1000));
            self.next_start = Instant::now() + Duration::from_micros(u64::try_from(ahead_us).unwrap_or(0));
        }
        self.campaign = campaign;
        Ok(beaten)
    }

    /// Takes another slice, if there is one.
    fn take_slice(&mut self, campaigns: &Campaigns) -> Result<(), Error> {
        let run = &self.campaign.run;
        if run.slices.iter().any(|slice| slice.left_ms == 0) {
            if let Some(slice) = self.beat(campaigns, Some(Take::Left), 0)?.taken {
                let (players, tally) = campaigns.players_of(&self.campaign, &self.plan, &slice)?;
                self.slices.push(ActiveSlice::new(slice.number, players, tally));
            }
            return Ok(());
        }
        if self.campaign.definition.is_list {
            if run.parts_out < run.parts
                && let Some(slice) = self.beat(campaigns, Some(Take::Part), 0)?.taken
            {
                let (players, tally) = campaigns.players_of(&self.campaign, &self.plan, &slice)?;
                self.slices.push(ActiveSlice::new(slice.number, players, tally));
            }
            return Ok(());
        }
        if run.at_end {
            return Ok(());
        }
        let core = &campaigns.core;
        let looked_ms = core.engine.wall_ms();
        let found = campaigns.next_players(&self.plan, run.place.clone(), run.again)?;
        let take = Take::Players { from: run.place.clone(), to: found.to, at_end: found.at_end };
        if let Some(slice) = self.beat(campaigns, Some(take), 0)?.taken {
            self.slices.push(ActiveSlice::new(slice.number, found.players, found.tally));
            let deadline = Deadline::in_ms(STORE_MS);
            // He may have been forgotten before the slice was known to end with him.
            if let Some(last) = &found.last
                && core.engine.ask(ledger::was_forgotten(last, looked_ms), deadline)?
            {
                core.take_out_of_places(last, deadline)?;
            }
        }
        Ok(())
    }

    /// Hands turns to the workers; says how long there is nothing to do.
    fn give_turns(&mut self, campaigns: &Campaigns, room: usize) -> Duration {
        let paced = self.campaign.definition.per_1000_s.map(|rate| Duration::from_micros(1_000_000_000 / rate.max(1)));
        for _ in 0..room {
            if let Some(interval) = paced {
                let now = Instant::now();
                if self.allowed == 0 {
                    return Duration::from_millis(1);
                }
                if now < self.next_start {
                    return (self.next_start - now).min(STEP);
                }
                if self.slices.iter().all(|slice| slice.ready() == 0) {
                    return STEP;
                }
                self.allowed -= 1;
                self.next_start += interval;
            }
            let next = self.slices.iter_mut().find_map(|slice| slice.next().map(|player| (slice.serial, player)));
            let Some((slice, player)) = next else { return STEP };
            let turn = Turn::new(Arc::clone(&self.plan), slice, player, Arc::clone(&campaigns.mailbox));
            campaigns.queue.push_turn(turn);
        }
        STEP
    }

    /// Gives the slices back when no turn runs any more; false: some do.
    pub fn let_go(&mut self, campaigns: &Campaigns) -> bool {
        if !self.resting {
            self.rest();
        }
        if self.running() > 0 {
            return false;
        }
        if !self.slices.is_empty()
            && let Err(e) = self.beat(campaigns, None, 0)
        {
            // Their leases end soon.
            log_line!(campaigns.core.log, Warn, "campaign {}: {}", self.plan.id, e.message);
        }
        self.slices.clear();
        true
    }
}

/// Whether a campaign that stands so, by now, is worked on, or its new standing is to be written down.
fn is_to_be_told(state: &State) -> bool {
    matches!(state, State::Running | State::Done)
}
