//! WeChat as it is, whatever anybody believes: what each player allows, which requests it took, what it pushes.

use super::*;

/// The id of the message of the first request; each has its own.
const FIRST_MSGID: i64 = 1000;

/// What WeChat did with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is at work on it.
    Open,
    /// The message went to the player.
    Taken { msgid: i64 },
    /// The player does not allow it.
    Refused,
    /// Busy, and nothing was done.
    Busy,
}

/// A request to send.
#[derive(Clone, Debug)]
pub struct Request {
    pub player: usize,
    pub template: usize,
    pub key: Option<String>,
    /// Which stored message, and whether that is sent again when it is in doubt.
    pub message: Option<(usize, bool)>,
    /// Of which campaign.
    pub campaign: Option<usize>,
    /// In which life of the player's it was begun.
    pub life: u32,
    /// It is of this day's budget of so many.
    pub budget: Option<(i64, u64)>,
    arrived: i64,
    pub process_at: i64,
    /// None: the answer is lost.
    answer_at: Option<i64>,
    pub fate: Fate,
    /// Its sender has read the answer.
    pub answered: bool,
}

impl Request {
    fn had_no_effect_and_we_know(&self) -> bool {
        matches!(self.fate, Fate::Refused | Fate::Busy) && self.answered
    }
}

/// What it pushes.
#[derive(Clone, Debug)]
pub struct Push {
    pub at: i64,
    pub player: usize,
    pub what: Pushed,
}

#[derive(Clone, Debug)]
pub enum Pushed {
    /// What a player did.
    Act(usize),
    /// A message went out.
    Sent { template: usize, msgid: i64, created: i64 },
}

#[derive(Default)]
pub struct Wechat {
    /// What each player allows, by template.
    allowed: [[u64; TEMPLATES]; PLAYERS],
    /// Messages that went out.
    pub taken: [[u64; TEMPLATES]; PLAYERS],
    pub requests: Vec<Request>,
    pub pushes: Vec<Push>,
}

impl Wechat {
    pub fn accept(&mut self, player: usize, template: usize) {
        self.allowed[player][template] += 1;
    }

    pub fn reject(&mut self, player: usize, template: usize) {
        self.allowed[player][template] = 0;
    }

    /// A request arrives; by `answer_by` its sender waits no longer.
    pub fn receive(&mut self, request: Request, (now, answer_by): (i64, i64), rng: &mut Rng) -> Result<usize, String> {
        self.check_budget(&request)?;
        let is_same = |earlier: &&Request| earlier.player == request.player && earlier.life == request.life;
        for earlier in self.requests.iter().filter(is_same) {
            if earlier.fate == Fate::Open {
                return Err(format!("two requests to one player: {earlier:?}, {request:?}"));
            }
            let same_message = request.message.is_some() && earlier.message == request.message;
            // Who has a message sent again when it is in doubt takes a second one with its key.
            let resends = |request: &Request| request.message.is_some_and(|(_, resend)| resend);
            let may_repeat = resends(earlier) || resends(&request);
            let same_key = request.key.is_some() && earlier.key == request.key;
            let forgotten = now - earlier.arrived > KEY_LIFE;
            if (same_message || same_key) && !may_repeat && !forgotten && !earlier.had_no_effect_and_we_know() {
                return Err(format!("sent twice: {earlier:?}, {request:?}"));
            }
            let same_campaign = request.campaign.is_some() && earlier.campaign == request.campaign;
            if same_campaign && !earlier.had_no_effect_and_we_know() {
                return Err(format!("a campaign reaches a player twice: {earlier:?}, {request:?}"));
            }
        }
        // It never works longer than a lease is kept after a sender's patience.
        let process_at = (now + 1 + rng.ms(0, 400) * rng.ms(1, 8)).min(answer_by + 1900);
        let answer_at = (!rng.one_in(8)).then(|| process_at + rng.ms(0, 300));
        self.requests.push(Request { arrived: now, process_at, answer_at, ..request });
        Ok(self.requests.len() - 1)
    }

    /// A request as its sender makes it.
    pub fn request(send: &SendTask, budget: Option<u64>) -> Request {
        Request {
            player: send.player,
            template: send.template,
            key: send.key.clone(),
            message: send.stored.as_ref().map(|(number, _, message)| (*number, message.payload.resend)),
            campaign: send.turn.as_ref().map(|turn| turn.campaign),
            life: send.life,
            budget: send.unit.zip(budget),
            arrived: 0,
            process_at: 0,
            answer_at: None,
            fate: Fate::Open,
            answered: false,
        }
    }

    fn check_budget(&self, request: &Request) -> Result<(), String> {
        let Some((day, limit)) = request.budget else { return Ok(()) };
        let is_same = |r: &&Request| r.template == request.template && r.budget.is_some_and(|(of, _)| of == day);
        let used = self.requests.iter().filter(is_same).filter(|r| !r.had_no_effect_and_we_know()).count() as u64;
        if used < limit { Ok(()) } else { Err(format!("{used} of {limit} were sent on day {day}: {request:?}")) }
    }

    /// The requests that it took.
    pub fn requests_taken(&self) -> impl Iterator<Item = &Request> {
        self.requests.iter().filter(|request| matches!(request.fate, Fate::Taken { .. }))
    }

    /// The request that was this message.
    pub fn taken_as(&self, msgid: i64) -> Option<&Request> {
        let at = usize::try_from(msgid - FIRST_MSGID).ok()?;
        self.requests.get(at).filter(|request| request.fate == Fate::Taken { msgid })
    }

    /// Messages of a template, but for those that are sent again when they are in doubt.
    pub fn taken_once(&self, template: usize) -> i64 {
        let is_once = |r: &&Request| r.template == template && !r.message.is_some_and(|(_, resend)| resend);
        self.requests_taken().filter(is_once).count() as i64
    }

    pub fn taken_in_campaigns(&self, template: usize) -> i64 {
        self.requests_taken().filter(|r| r.template == template && r.campaign.is_some()).count() as i64
    }

    /// Messages that a life of a player's got since then.
    pub fn taken_since(&self, player: usize, life: u32, since: i64) -> u64 {
        let is_his = |r: &&Request| r.player == player && r.life == life && r.arrived >= since;
        self.requests_taken().filter(is_his).count() as u64
    }

    /// What its sender can read by now.
    pub fn answer(&mut self, request: usize, now: i64) -> Option<Fate> {
        let request = &mut self.requests[request];
        let came = request.fate != Fate::Open && request.answer_at.is_some_and(|at| at <= now);
        request.answered |= came;
        came.then_some(request.fate)
    }

    /// Works until this time.
    pub fn work(&mut self, now: i64, rng: &mut Rng) {
        for at in 0..self.requests.len() {
            let request = &self.requests[at];
            if request.fate == Fate::Open && request.process_at <= now {
                let (player, template, created) = (request.player, request.template, request.process_at);
                let fate = self.fate(player, template, at, rng);
                self.requests[at].fate = fate;
                if let Fate::Taken { msgid } = fate {
                    self.push_later(player, Pushed::Sent { template, msgid, created }, now, rng);
                }
            }
        }
    }

    fn fate(&mut self, player: usize, template: usize, at: usize, rng: &mut Rng) -> Fate {
        let allowed = &mut self.allowed[player][template];
        if rng.one_in(12) {
            return Fate::Busy;
        }
        if *allowed == 0 {
            return Fate::Refused;
        }
        *allowed -= 1;
        self.taken[player][template] += 1;
        Fate::Taken { msgid: FIRST_MSGID + at as i64 }
    }

    /// Late, twice or never.
    pub fn push_later(&mut self, player: usize, what: Pushed, now: i64, rng: &mut Rng) {
        for _ in 0..[0, 1, 1, 1, 2][rng.index(5)] {
            let at = now + if rng.one_in(4) { rng.ms(0, 90_000) } else { rng.ms(0, 1500) };
            self.pushes.push(Push { at, player, what: what.clone() });
        }
    }
}
