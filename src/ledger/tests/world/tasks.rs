//! What a process is in the middle of. Each step of it is one of the ledger's, or one exchange with WeChat.

use super::*;
use crate::ledger::campaign::Turn;

/// One call, and how far it has come.
#[derive(Clone, Debug)]
pub enum Task {
    Report {
        act: usize,
        until: i64,
    },
    Send(SendTask),
    Enqueue {
        number: usize,
        replace: bool,
        due_in_ms: i64,
        life_ms: i64,
    },
    Cancel {
        player: usize,
        key: String,
    },
    Token(TokenTask),
    /// `added`: the next part of the campaign's list; None: it is to be put there first.
    Put {
        campaign: usize,
        added: Option<u64>,
    },
    Wish {
        campaign: usize,
        wish: campaign::Wish,
    },
    /// `for_ms`: 0: not any more.
    Mute {
        player: usize,
        for_ms: i64,
    },
    /// `lists`: only the lists of campaigns are left.
    Forget {
        player: usize,
        lists: bool,
    },
    Open {
        player: usize,
    },
}

impl Task {
    /// The player whose turn it needs in its process.
    pub fn sends_to(&self) -> Option<usize> {
        match self {
            Task::Send(send) => Some(send.player),
            _ => None,
        }
    }
}

/// A send of the host's, or of a stored message.
#[derive(Clone, Debug)]
pub struct SendTask {
    pub player: usize,
    pub template: usize,
    pub key: Option<String>,
    pub stored: Option<(usize, Name, Box<Message>)>,
    /// Of a campaign.
    pub turn: Option<TurnOf>,
    /// Whether the host's rules bind it.
    pub rules: bool,
    /// The day of whose budget it has a part.
    pub unit: Option<i64>,
    /// The life of the player's in which it was begun.
    pub life: u32,
    pub until: i64,
    pub phase: Phase,
}

impl SendTask {
    pub fn new(player: usize, template: usize, until: i64) -> SendTask {
        SendTask {
            player,
            template,
            key: None,
            stored: None,
            turn: None,
            rules: false,
            unit: None,
            life: 0,
            until,
            phase: Phase::Begin,
        }
    }
}

#[derive(Clone, Debug)]
pub enum Phase {
    Begin,
    /// Has the lease; its request must begin by then.
    Request(Box<Hold>, i64),
    Wait(Box<Hold>, i64, usize),
    Settle(Box<Hold>, Outcome, Box<Verdict>, Option<usize>),
}

#[derive(Clone, Debug)]
pub enum TokenTask {
    Claim,
    Fetch { holder: i64, answer_at: i64 },
}

fn turn_of(standing: Standing) -> Turn {
    if standing == Standing::Sent { Turn::Sent } else { Turn::Unknown }
}

/// What is left of a task after a step of it.
pub enum Next {
    Again(Task),
    Over,
}

impl World {
    /// One step of a task.
    pub fn work_on(&mut self, p: usize, task: Task) -> Checked<Next> {
        match task {
            Task::Report { act, until } => self.report(p, act, until),
            Task::Send(send) => self.send(p, send),
            Task::Enqueue { number, replace, due_in_ms, life_ms } => {
                self.enqueue(p, number, replace, due_in_ms, life_ms)
            }
            Task::Cancel { player, key } => self.cancel(p, player, key),
            Task::Token(token) => self.token(p, token),
            Task::Put { campaign, added } => self.put_campaign(p, campaign, added),
            Task::Wish { campaign, wish } => self.wish(p, campaign, wish),
            Task::Mute { player, for_ms } => self.mute(p, player, for_ms),
            Task::Forget { player, lists } => self.forget(p, player, lists),
            Task::Open { player } => self.open(p, player),
        }
    }

    /// An answer of a player's; one that is in doubt is reported again with the same key, for a while.
    fn report(&mut self, p: usize, act: usize, until: i64) -> Checked<Next> {
        // So late it may not be told from another act.
        if self.now > until {
            return Ok(Next::Over);
        }
        let Act { player, template, refusal, .. } = self.truth.acts[act];
        let life = self.truth.lives[player].number;
        self.truth.acts[act].tried |= 1 << life;
        let change = if refusal { Change::Clear } else { Change::Grant };
        let item = Item { template: self.templates[template].clone(), change, long_term: false, player_action: true };
        let report = report(Report {
            openid: self.openids[player].clone(),
            items: vec![item],
            key: Some(format!("tap {act}")),
            max_count: 0,
            number: self.new_number(),
        });
        let effect = if refusal { Effect::Clear(template) } else { Effect::Grant(template) };
        match self.step(p, player, effect, report)? {
            Ok(_) => {
                self.truth.acts[act].reported = Some(life);
                self.recheck(player)?;
                Ok(Next::Over)
            }
            Err(_) if self.now < until => Ok(Next::Again(Task::Report { act, until })),
            Err(_) => Ok(Next::Over),
        }
    }

    fn send(&mut self, p: usize, send: SendTask) -> Checked<Next> {
        match send.phase.clone() {
            Phase::Begin => self.begin_send(p, send),
            Phase::Request(hold, last_start) => self.request(hold, last_start, send),
            Phase::Wait(hold, last_start, request) => self.wait(hold, last_start, request, send),
            Phase::Settle(hold, outcome, verdict, request) => {
                self.settle_send(p, send, *hold, outcome, *verdict, request)
            }
        }
    }

    fn begin_send(&mut self, p: usize, send: SendTask) -> Checked<Next> {
        let left = send.until - self.now;
        if left <= 0 {
            self.give_unit_back(p, send.template, send.unit);
            let end = self.end_unbegun(p, &send)?;
            self.end_turn(p, &send, end);
            return Ok(Next::Over);
        }
        let (send, skip_all) = match self.take_unit(p, &send)? {
            Unit::Has(unit) => (SendTask { unit, ..send }, None),
            Unit::Again => return Ok(Next::Again(Task::Send(send))),
            Unit::Skipped(skip) => (send, Some(skip)),
            Unit::Failed => {
                let end = self.end_unbegun(p, &send)?;
                self.end_turn(p, &send, end);
                return Ok(Next::Over);
            }
        };
        let wish = BeginSend {
            openid: self.openids[send.player].clone(),
            template: self.templates[send.template].clone(),
            enforce: true,
            long_term: false,
            key: send.key.clone(),
            holder: self.new_number(),
            process: self.processes[p].id,
            lease_ms: left + LEASE_MARGIN,
            message: send.stored.as_ref().map(|(_, name, message)| (name.clone(), message.clone())),
            bound: Bound { skip_all, ..self.bound(&send) },
        };
        let begun = match self.step(p, send.player, Effect::Nothing, begin(wish.clone()))? {
            Ok(begun) => begun,
            Err(e) => {
                if e.retry == Retry::Unsafe {
                    self.truth.told.open[send.template] += 1;
                    let life = self.truth.lives[send.player].number;
                    let abandon = Deferred::Abandon(send.template, life, Box::new(wish));
                    self.defer(p, send.player, Effect::Nothing, abandon);
                }
                self.give_unit_back(p, send.template, send.unit);
                let end = self.end_unbegun(p, &send)?;
                self.end_turn(p, &send, end);
                return Ok(Next::Over);
            }
        };
        let finished = |verdict: Verdict| Verdict { flags: verdict.flags | Verdict::REPLAYED, ..verdict };
        match begun {
            BeginResult::Held(_) if skip_all.is_some() => Err(format!("{send:?} has begun against {skip_all:?}")),
            BeginResult::Held(hold) => {
                self.truth.told.open[send.template] += 1;
                let life = self.truth.lives[send.player].number;
                let phase = Phase::Request(Box::new(hold), send.until);
                let send = SendTask { phase, life, ..send };
                self.check_rules(&send, self.wall())?;
                self.note_begun(p, &send);
                Ok(Next::Again(Task::Send(send)))
            }
            BeginResult::Before(verdict) => {
                self.check_replay(&send, &verdict)?;
                self.finish(p, send, finished(verdict))
            }
            BeginResult::NoQuota => self.finish(p, send, failed(Status::NoQuota)),
            BeginResult::Skipped(skip) => self.skip(p, send, skip),
            BeginResult::Had(standing) if send.turn.is_some() => self.end_had(p, send, standing),
            BeginResult::Busy(_) if send.stored.is_none() && send.turn.is_none() => Ok(Next::Again(Task::Send(send))),
            BeginResult::Busy(_) | BeginResult::NotOurs => {
                self.give_unit_back(p, send.template, send.unit);
                self.end_turn(p, &send, TurnEnd::Back);
                Ok(Next::Over)
            }
            other => Err(format!("{send:?} met {other:?}")),
        }
    }

    /// The player had the campaign's message, or may have had.
    fn end_had(&mut self, p: usize, send: SendTask, standing: Standing) -> Checked<Next> {
        self.give_unit_back(p, send.template, send.unit);
        self.end_turn(p, &send, TurnEnd::Final(turn_of(standing)));
        Ok(Next::Over)
    }

    /// A turn did not begin, for want of time or of the ledger's answer: whether the player had the message is asked.
    fn end_unbegun(&mut self, p: usize, send: &SendTask) -> Checked<TurnEnd> {
        let Some(turn) = &send.turn else { return Ok(TurnEnd::Failed) };
        let look = standing(self.openids[send.player].clone(), self.campaigns[turn.campaign].number);
        Ok(match self.step(p, send.player, Effect::Nothing, look)? {
            Ok(Some(standing)) => TurnEnd::Final(turn_of(standing)),
            Ok(None) => TurnEnd::Failed,
            Err(_) => TurnEnd::Unasked,
        })
    }

    /// A rule keeps it back: a stored message ends by it, or waits again; another one is noted.
    fn skip(&mut self, p: usize, send: SendTask, skip: Skip) -> Checked<Next> {
        self.check_skip(&send, skip, self.wall())?;
        self.end_turn(p, &send, TurnEnd::Final(Turn::Skipped(skip.reason)));
        self.finish(p, send, skip.verdict())
    }

    /// A key's first answer is what happened; but an event tells of no key, so it may settle another send in doubt.
    fn check_replay(&self, send: &SendTask, verdict: &Verdict) -> Checked {
        let taken = self.was_taken(|r| r.player == send.player && r.template == send.template);
        if verdict.status == Status::Ok && !taken {
            return Err(format!("{send:?} is said to be sent, and nothing was"));
        }
        Ok(())
    }

    pub fn was_taken(&self, which: impl Fn(&Request) -> bool) -> bool {
        self.wechat.requests.iter().any(|r| matches!(r.fate, Fate::Taken { .. }) && which(r))
    }

    fn request(&mut self, hold: Box<Hold>, last_start: i64, send: SendTask) -> Checked<Next> {
        let settle = |hold, outcome, verdict| {
            let phase = Phase::Settle(hold, outcome, Box::new(verdict), None);
            Ok(Next::Again(Task::Send(SendTask { phase, ..send.clone() })))
        };
        if self.now > last_start || self.rng.one_in(25) {
            return settle(hold, Outcome::Returned, failed(Status::Connect));
        }
        if let Some((number, ..)) = send.stored
            && let Some(how) = self.truth.stored[number].ended
        {
            return Err(format!("message {number} is sent, and has ended: {how}"));
        }
        let request = Wechat::request(&send, self.rules.budget);
        let request = self.wechat.receive(request, (self.now, send.until), &mut self.rng)?;
        self.tell(|| format!("request {request} to player {}", send.player));
        Ok(Next::Again(Task::Send(SendTask { phase: Phase::Wait(hold, last_start, request), ..send })))
    }

    fn wait(&mut self, hold: Box<Hold>, last_start: i64, request: usize, send: SendTask) -> Checked<Next> {
        let (outcome, verdict) = match self.wechat.answer(request, self.now) {
            Some(Fate::Taken { msgid }) => (Outcome::Spent, sent(msgid)),
            Some(Fate::Refused) => (Outcome::Cleared, refused()),
            // What surely had no effect is tried again within the deadline.
            Some(Fate::Busy) if self.rng.one_in(2) => {
                return Ok(Next::Again(Task::Send(SendTask { phase: Phase::Request(hold, last_start), ..send })));
            }
            Some(_) => (Outcome::Returned, failed(Status::Busy)),
            None if self.now < send.until => return Ok(Next::Again(Task::Send(send))),
            None => (Outcome::InDoubt, failed(Status::Unknown)),
        };
        let verdict = Verdict { attempts: 1, ..verdict };
        let phase = Phase::Settle(hold, outcome, Box::new(verdict), Some(request));
        Ok(Next::Again(Task::Send(SendTask { phase, ..send })))
    }

    fn settle_send(
        &mut self,
        p: usize,
        send: SendTask,
        hold: Hold,
        outcome: Outcome,
        verdict: Verdict,
        request: Option<usize>,
    ) -> Checked<Next> {
        let effect = match outcome {
            Outcome::Spent => Effect::Spend(send.template),
            Outcome::Cleared => Effect::ClearTo(send.template, hold.granted),
            Outcome::Returned | Outcome::InDoubt => Effect::Nothing,
        };
        let spread = self.rng.next();
        let settlement = Settlement { hold, outcome, verdict: verdict.clone(), spread };
        self.tell(|| format!("settles {request:?} as {outcome:?}"));
        self.end_turn(
            p,
            &send,
            match outcome {
                Outcome::Spent => TurnEnd::Final(Turn::Sent),
                Outcome::Cleared => TurnEnd::Final(Turn::Skipped(SkipReason::Refused)),
                Outcome::Returned => TurnEnd::Failed,
                Outcome::InDoubt => TurnEnd::Final(Turn::Unknown),
            },
        );
        if matches!(outcome, Outcome::Returned | Outcome::Cleared) {
            self.give_unit_back(p, send.template, send.unit);
        }
        if left_after(&settlement).is_some() {
            self.defer(p, send.player, effect, Deferred::Settle(send.template, send.life, Box::new(settlement)));
            return Ok(Next::Over);
        }
        self.note_late(send.player, send.template, send.life);
        let settled = self.step(p, send.player, effect, settle(settlement))?;
        self.truth.told.open[send.template] -= i64::from(settled.is_ok() && outcome != Outcome::InDoubt);
        let Some((number, ..)) = send.stored else { return Ok(Next::Over) };
        match settled {
            Ok(settled) => self.dispose(number, disposed(settled))?,
            Err(_) => self.truth.stored[number].in_doubt = true,
        }
        Ok(Next::Over)
    }

    /// A send that was not begun: a stored message ends by it, or waits again.
    pub fn finish(&mut self, p: usize, send: SendTask, verdict: Verdict) -> Checked<Next> {
        self.give_unit_back(p, send.template, send.unit);
        let Some((number, name, message)) = send.stored else {
            if verdict.flags & Verdict::REPLAYED == 0 {
                self.note(p, &send, verdict);
            }
            return Ok(Next::Over);
        };
        let spread = self.rng.next();
        match self.step(p, send.player, Effect::Nothing, finish(name, *message, verdict.clone(), spread))? {
            Ok(disposition) => {
                if let Disposition::Final(last) = &disposition
                    && last.flags & Verdict::REPLAYED == 0
                {
                    self.truth.told.ended_unsent(send.template, last.status, true);
                }
                self.dispose(number, disposition)?;
            }
            Err(_) => {
                self.truth.told.ended_unsent(send.template, verdict.status, false);
                self.truth.told.open[send.template] += 1;
                self.truth.stored[number].in_doubt = true;
            }
        }
        Ok(Next::Over)
    }

    /// One asks for the token, among all processes.
    fn token(&mut self, p: usize, task: TokenTask) -> Checked<Next> {
        let slot = self.token_slot.clone();
        match task {
            TokenTask::Claim => {
                let (holder, concerned) = (self.new_number(), self.concerned);
                let ask = TokenAsk { holder, lease_ms: TOKEN_LEASE, need_ms: 0, concerned, own_failure: None };
                let claimed = self.step(p, NOBODY, Effect::Nothing, claim_token(&slot, ask))?;
                if !matches!(claimed, Ok(TokenClaim::Ask { .. })) {
                    return Ok(Next::Over);
                }
                if let Some((other, _)) = self.asks.filter(|(_, until)| *until > self.now) {
                    return Err(format!("{holder} asks for a token while {other} does"));
                }
                self.asks = Some((holder, self.now + TOKEN_LEASE));
                let answer_at = self.now + self.rng.ms(0, TOKEN_LEASE + 500);
                Ok(Next::Again(Task::Token(TokenTask::Fetch { holder, answer_at })))
            }
            TokenTask::Fetch { answer_at, .. } if self.now < answer_at => Ok(Next::Again(Task::Token(task))),
            TokenTask::Fetch { holder, .. } => {
                let concerned = self.concerned;
                if self.rng.one_in(3) {
                    let (why, everybody) = (Error::new(Status::Auth, "no"), FailureScope::Everybody);
                    let failed = fail_token(&slot, holder, why, everybody, concerned, 400, false);
                    let _in_doubt = self.step(p, NOBODY, Effect::Nothing, failed)?;
                } else {
                    let token = crate::secret::Secret::new(format!("token {holder}"));
                    let put = put_token(&slot, Some(holder), token, 3000, concerned);
                    let _in_doubt = self.step(p, NOBODY, Effect::Nothing, put)?;
                }
                self.asks.take_if(|(asker, _)| *asker == holder);
                Ok(Next::Over)
            }
        }
    }
}
