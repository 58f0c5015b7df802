//! What the host asks about a player: mute, forget, what he came in by; and what its rules allow a process.

use super::*;
use crate::ledger::player::{Player, PlayerNames};
use crate::store::{Changes, Operation, View};

/// A life of a player's, until he is forgotten.
#[derive(Clone, Copy, Debug)]
pub struct Life {
    /// Which.
    pub number: u32,
    /// When it began: the one before was forgotten then.
    pub since: i64,
    /// Until when he is muted, by the store's clock; None: nobody knows.
    pub muted_until: Option<i64>,
}

impl Default for Life {
    fn default() -> Life {
        Life { number: 0, since: i64::MIN / 2, muted_until: Some(0) }
    }
}

/// The rules of the host, the same for all processes.
#[derive(Clone, Copy, Debug, Default)]
pub struct HostRules {
    pub caps: Caps,
    /// Messages of a template a day.
    pub budget: Option<u64>,
}

impl HostRules {
    pub fn draw(rng: &mut Rng) -> HostRules {
        let mut maybe = |from, to| rng.one_in(2).then(|| rng.ms(from, to) as u32);
        let caps = Caps { per_day: maybe(1, 12), per_week: maybe(3, 20) };
        HostRules { caps, budget: maybe(1, 30).map(u64::from) }
    }
}

/// Whether a message has its part of the budget.
pub enum Unit {
    /// It has, of this day, or needs none.
    Has(Option<i64>),
    /// It asks once more.
    Again,
    Skipped(Skip),
    /// The store failed.
    Failed,
}

impl World {
    /// One message's part of its template's budget.
    pub fn take_unit(&mut self, p: usize, send: &SendTask) -> Checked<Unit> {
        let Some(limit) = self.rules.budget.filter(|_| send.rules && send.unit.is_none()) else {
            return Ok(Unit::Has(send.unit));
        };
        let (day, left_ms) = day_of(self.wall());
        let used = match self.processes[p].shares[send.template].take(day) {
            Taken::Now => return Ok(Unit::Has(Some(day))),
            Taken::AllUsed(used) => used,
            Taken::DayIsOver => return Ok(Unit::Skipped(Skip::until(SkipReason::Budget, left_ms))),
        };
        let template_id = self.templates[send.template].id().to_owned();
        let claim = BudgetClaim { template_id, day, process: self.processes[p].id, used, limit };
        Ok(match self.step(p, NOBODY, Effect::Nothing, claim_budget(claim))? {
            Ok(claimed) if claimed <= used => Unit::Skipped(Skip::until(SkipReason::Budget, left_ms)),
            Ok(claimed) => {
                self.processes[p].shares[send.template].note_claimed(day, claimed);
                Unit::Again
            }
            Err(_) => Unit::Failed,
        })
    }

    /// The message was surely not sent.
    pub fn give_unit_back(&mut self, p: usize, template: usize, unit: Option<i64>) {
        if let Some(day) = unit {
            self.processes[p].shares[template].give_back(day);
        }
    }

    /// A process that has nothing to do ends in order, and another takes its place.
    pub fn leave(&mut self, p: usize) -> Checked {
        let process = &self.processes[p];
        if !process.is_up || process.is_stopped || !process.tasks.is_empty() || !process.hands.is_empty() {
            return Ok(());
        }
        self.tell(|| format!("process {p} ends in order"));
        let (day, _) = day_of(self.wall());
        for (template, share) in std::mem::take(&mut self.processes[p].shares).into_iter().enumerate() {
            if let Some(used) = share.unused_of(day) {
                let (template_id, limit) = (self.templates[template].id().to_owned(), self.rules.budget.unwrap_or(0));
                let claim = BudgetClaim { template_id, day, process: self.processes[p].id, used, limit };
                let _wasted = self.step(p, NOBODY, Effect::Nothing, release_budget(claim))?;
            }
        }
        self.flush(p)?;
        self.start(p);
        Ok(())
    }

    /// The rules of one send.
    pub fn bound(&self, send: &SendTask) -> Bound {
        let campaign = send.turn.as_ref().map(|turn| self.campaigns[turn.campaign].of_send(self.wall()));
        Bound {
            rules: send.rules,
            caps: if send.rules { self.rules.caps } else { Caps::default() },
            campaign,
            skip_all: None,
        }
    }

    /// A send that rules bind has begun: none of them stands against it.
    pub fn check_rules(&self, send: &SendTask, now_wall: i64) -> Checked {
        let (player, life) = (send.player, self.truth.lives[send.player]);
        let is_bound = send.rules || send.turn.is_some();
        if is_bound && life.muted_until.is_some_and(|until| until > now_wall) {
            return Err(format!("{send:?} has begun, and the player is muted: {life:?}"));
        }
        if send.rules {
            for (most, window) in [(self.rules.caps.per_day, DAY), (self.rules.caps.per_week, 7 * DAY)] {
                let taken = self.wechat.taken_since(player, life.number, self.now - window + 1);
                if most.is_some_and(|most| taken >= u64::from(most)) {
                    return Err(format!(
                        "{send:?} has begun, and {taken} were sent; {most:?} within {window} ms may be"
                    ));
                }
            }
        }
        let Some(turn) = &send.turn else { return Ok(()) };
        let (leave, (granted, spent, _)) =
            (self.campaigns[turn.campaign].leave, self.truth.totals(player)[send.template]);
        if granted - spent <= leave {
            return Err(format!("{send:?} has begun, and {granted} - {spent} shall leave {leave}"));
        }
        Ok(())
    }

    /// A rule has kept a send back: it is one that there is.
    pub fn check_skip(&self, send: &SendTask, skip: Skip, now_wall: i64) -> Checked {
        let life = self.truth.lives[send.player];
        let is_lie = match skip.reason {
            SkipReason::Muted => life.muted_until.is_some_and(|until| until <= now_wall),
            SkipReason::PerDay => self.rules.caps.per_day.is_none() || !send.rules,
            SkipReason::PerWeek => self.rules.caps.per_week.is_none() || !send.rules,
            SkipReason::Budget => self.rules.budget.is_none() || !send.rules,
            _ => send.turn.is_none(),
        };
        if is_lie { Err(format!("{send:?} was kept back by {skip:?}, and by no rule: {life:?}")) } else { Ok(()) }
    }

    pub fn mute(&mut self, p: usize, player: usize, for_ms: i64) -> Checked<Next> {
        let until = if for_ms == 0 { 0 } else { self.wall() + for_ms };
        let (openid, number) = (self.openids[player].clone(), self.new_number());
        let done = self.step(p, player, Effect::Nothing, mute(&openid, until, number))?;
        self.truth.lives[player].muted_until = done.ok().map(|()| until);
        Ok(Next::Over)
    }

    /// Ends a player's life, with all that is known of it; again until it is done. `lists`: only those are left.
    pub fn forget(&mut self, p: usize, player: usize, lists: bool) -> Checked<Next> {
        let again = |lists| Ok(Next::Again(Task::Forget { player, lists }));
        let openid = self.openids[player].clone();
        if !lists {
            self.flush(p)?;
            let lasting = self.names[player].lasting.clone();
            let mut others = self.engine.names_of(lasting.home(), 1000, soon()).unwrap();
            others.retain(|name| !is_trace(name, &lasting));
            let answer = self.take(NOBODY, Effect::Nothing, forget(&openid, others, true))?;
            // Without a trace, a step that has a number is sent again when it was lost.
            let is_done = match self.last_fate {
                StepFate::Fails => false,
                StepFate::IsLost => self.is_server,
                StepFate::Arrives | StepFate::AnswerIsLost => true,
            };
            if is_done {
                self.end_life(player)?;
            }
            return if answer.is_ok() { again(true) } else { again(false) };
        }
        for campaign in 0..self.campaigns.len() {
            let id = self.campaigns[campaign].id.clone();
            let Some(found) = self.engine.ask(campaign::look(id.clone()), soon()).unwrap() else { continue };
            for part in found.run.parts_left() {
                let players = self.engine.ask(campaign::read_part(&id, part), soon()).unwrap().unwrap_or_default();
                if players.players.iter().any(|(listed, _)| *listed == openid) {
                    self.campaigns[campaign].is_certain = false;
                    if self.step(p, NOBODY, Effect::Nothing, campaign::take_out(&id, part, Some(&openid)))?.is_err() {
                        return again(true);
                    }
                }
            }
        }
        Ok(Next::Over)
    }

    fn end_life(&mut self, player: usize) -> Checked {
        self.tell(|| format!("player {player} is forgotten"));
        let names = &self.names[player];
        if [&names.lasting, &names.recent].into_iter().any(|name| self.memory.record(name).is_some()) {
            return Err(format!("player {player} was forgotten, and is known"));
        }
        self.truth.told.end_life(&self.entries(Some(player))?, &self.templates);
        let openid = self.openids[player].clone();
        let is_his = |text: &[u8]| Entry::is_of(text, &openid);
        self.engine.drop_log(self.names[player].lasting.home(), &is_his, soon()).unwrap();
        self.truth.end_life(player, self.now);
        self.campaigns.iter_mut().for_each(|drive| drive.is_certain = false);
        self.recheck(player)
    }

    /// The player comes in by a message.
    pub fn open(&mut self, p: usize, player: usize) -> Checked<Next> {
        let opening = self.step(p, player, Effect::Nothing, opened(&self.openids[player].clone()))?;
        let opened = opening.as_ref().map_or(true, |opening| opening.counted);
        self.truth.told.opened(opened, opening.is_ok());
        Ok(Next::Over)
    }

    /// Counts and enters a message that ended without a send, when the process next takes a step.
    pub fn note(&mut self, p: usize, send: &SendTask, verdict: Verdict) {
        // Nobody waits for it, and it may be lost.
        let (player, key) = (send.player, send.key.clone());
        let campaign = send.turn.as_ref().map(|turn| self.campaigns[turn.campaign].of_send(self.wall()));
        let unsent = Unsent { player, template: send.template, key, campaign, verdict, ended_ms: self.wall() };
        self.defer(p, player, Effect::Nothing, Deferred::Note(Box::new(unsent)));
    }
}

/// A message that ended without a send.
pub struct Unsent {
    player: usize,
    template: usize,
    key: Option<String>,
    campaign: Option<CampaignSend>,
    verdict: Verdict,
    ended_ms: i64,
}

impl World {
    /// Whether the history does not tell yet how the player's turn in this campaign ended.
    fn is_untold(&self, player: usize, number: u64) -> Checked<bool> {
        let names = PlayerNames::new(&self.openids[player]);
        let reads = names.and([]);
        let decide = Box::new(move |view: &View<'_>| {
            Ok((Changes::default(), !Player::load(view, &names)?.player.recent.is_told_unsent(number)))
        });
        let look = Operation { reads, proven: false, trace: None, decide };
        self.engine.ask(look, soon()).map_err(|e| e.message)
    }

    /// Sends to the player that may be in doubt.
    pub fn in_doubt(&self, player: usize, template: usize) -> Checked<usize> {
        let (names, template) = (PlayerNames::new(&self.openids[player]), self.templates[template].clone());
        let reads = names.and([]);
        let decide = Box::new(move |view: &View<'_>| {
            let recent = &Player::load(view, &names)?.player.recent;
            let sends = recent.in_doubt.iter().map(|doubt| &doubt.send);
            let leased = recent.lease.iter().filter_map(|lease| lease.send.as_ref());
            Ok((Changes::default(), sends.chain(leased).filter(|send| template.is(&send.template)).count()))
        });
        let look = Operation { reads, proven: false, trace: None, decide };
        self.engine.ask(look, soon()).map_err(|e| e.message)
    }

    fn is_forgotten_since(&self, player: usize, at_ms: i64) -> Checked<bool> {
        let look = crate::ledger::was_forgotten(&self.openids[player], at_ms);
        self.engine.ask(look, soon()).map_err(|e| e.message)
    }

    pub fn take_note(&mut self, unsent: Unsent) -> Checked {
        let Unsent { player, template, key, campaign, verdict, ended_ms } = unsent;
        let status = verdict.status;
        let is_forgotten = self.is_forgotten_since(player, ended_ms)?;
        let is_new = match &campaign {
            Some(send) => is_forgotten || self.is_untold(player, send.number)?,
            None => true,
        };
        let (openid, template_id) = (self.openids[player].clone(), self.templates[template].clone());
        let unsent = crate::ledger::Unsent { template: template_id, key, campaign, verdict, ended_ms };
        let taken = self.take(player, Effect::Nothing, note_unsent(&openid, unsent))?;
        if is_new {
            self.truth.told.ended_unsent(template, status, taken.is_ok());
        }
        if is_forgotten {
            // Nothing of the player may be left to tell that it was counted, should the answer be lost.
            self.truth.told.ended_unsent(template, status, false);
        }
        Ok(())
    }
}
