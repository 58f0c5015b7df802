//! How one send flows: text to values, the player's lease and a unit, a token, the request, the verdict, the settlement.

mod attempt;
mod breaker;
mod lease;
mod player_locks;
mod prepare;

use std::sync::Arc;
use std::time::Instant;

use super::api_transport::Timing;
use super::core::Core;
use super::count_watch::CountWatch;
use super::options::Options;
use super::rules::{BudgetUnit, HostRules};
use super::templates::TemplateCache;
use super::wechat_api::WechatApi;
use crate::clock::Deadline;
use crate::error::{Error, QuotaChange, Status, Verdict};
use crate::ledger::{self, CampaignSend, Disposition, Hold, Settlement, Skip, Standing};
use crate::log::log_line;
use crate::panics;
use crate::store::{Name, home_of};
use crate::wechat::{Message, is_system};
use attempt::{Attempted, attempt};
use breaker::Breakers;
use player_locks::PlayerLocks;
pub use prepare::Prepared;

/// A settlement gets this long even after the deadline: what it writes is worth more than punctuality.
const SETTLE_MS: u64 = 1000;
/// How long a message of the outbox waits for its player, before it leaves its worker to others.
const PLAYER_PATIENCE_MS: u64 = 150;

/// Sends messages.
pub struct Sender {
    core: Arc<Core>,
    api: Arc<WechatApi>,
    templates: Arc<TemplateCache>,
    rules: Arc<HostRules>,
    locks: PlayerLocks,
    breakers: Breakers,
}

/// A message of the outbox that is to be sent: its record, as it was read.
pub type Stored = (Name, Box<ledger::Message>);

/// What a send came to.
pub enum Executed {
    /// Its verdict is known without a request.
    NotBegun(Verdict),
    /// It was settled; with what becomes of the outbox's message, if it was one.
    Settled(Verdict, Option<Disposition>),
    /// It could not be settled: whoever finds its lease over tells its end.
    Unsettled(Verdict),
    /// The outbox's message was cancelled, replaced, or is another's.
    NotOurs,
    /// The player is busy with other sends: the outbox's message, or the campaign's, waits.
    PlayerBusy,
    /// The player had the campaign's message, or may have had.
    Had(Standing),
}

/// For what a send is made.
enum Purpose {
    /// A caller who waits for it.
    Caller,
    /// The outbox.
    Stored(Stored),
    /// A campaign.
    Campaign(CampaignSend),
}

/// When a send must be over.
#[derive(Clone, Copy)]
struct Deadlines {
    /// For the answer.
    whole: Deadline,
    /// For the request's begin; earlier, if the message is too late after that.
    start: Deadline,
}

/// How a send may begin.
#[allow(clippy::large_enum_variant)] // one a send, and the usual one
enum Begun {
    /// With the player's lease; and the boot clock's time by which its last request must have begun.
    Held(Hold, i64),
    /// Not at all.
    Not(Executed),
}

impl Sender {
    pub fn new(core: Arc<Core>, api: Arc<WechatApi>, templates: Arc<TemplateCache>, rules: Arc<HostRules>) -> Sender {
        Sender { core, api, templates, rules, locks: PlayerLocks::default(), breakers: Breakers::default() }
    }

    /// Whether a send to the player runs in this process, or waits for one.
    pub fn is_busy(&self, home: u64) -> bool {
        self.locks.is_held(home)
    }

    /// Whether WeChat banned this template a moment ago, as far as this process knows.
    pub fn is_banned(&self, template_id: &str) -> bool {
        self.breakers.is_open(template_id)
    }

    /// Wakes all that wait; nobody gets through any more.
    pub fn abort(&self) {
        self.locks.abort();
    }

    /// Sends a message from its text.
    pub fn send(&self, message_json: &str, options: &Options) -> Verdict {
        let echo = |verdict: Verdict, template_id: &str| Verdict {
            tag: options.tag,
            key: options.key.clone().unwrap_or_default(),
            template_id: template_id.to_owned(),
            ..verdict
        };
        let message = match Message::parse(message_json) {
            Ok(message) => message,
            Err(e) => return echo(e.into(), ""),
        };
        let (touser, template_id) = (message.touser.clone(), message.template_id.clone());
        let (begun, verdict) = match self.prepare_and_execute(message, options) {
            Ok(Executed::Settled(verdict, _) | Executed::Unsettled(verdict)) => (true, verdict),
            Ok(Executed::NotBegun(verdict)) => (false, verdict),
            Ok(Executed::NotOurs | Executed::PlayerBusy | Executed::Had(_)) => {
                (false, Error::new(Status::Internal, "a send was taken for one of the outbox").into())
            }
            Err(e) => (false, e.into()),
        };
        if !begun {
            let template = self.templates.id_of(&template_id, self.core.deadline());
            self.core.note_unsent(&touser, template, options.key.as_deref(), None, &verdict);
        }
        self.core.touch_maintenance();
        log_line!(self.core.log, Debug, "send {touser} {template_id}: {:?}, {}", verdict.status, verdict.message);
        echo(verdict, &template_id)
    }

    fn prepare_and_execute(&self, message: Message, options: &Options) -> Result<Executed, Error> {
        let deadlines = self.deadlines(options)?;
        if options.key.is_none() && self.is_hopeless(&message, deadlines.start)? {
            return Ok(Executed::NotBegun(no_quota()));
        }
        let prepared = self.prepare(message, deadlines.start)?;
        self.execute_until(&prepared, options, Purpose::Caller, deadlines)
    }

    /// Whether WeChat need not be asked for the template of a message, since it can't be sent anyway.
    fn is_hopeless(&self, message: &Message, deadline: Deadline) -> Result<bool, Error> {
        if !self.core.config.enforce_quota
            || is_system(&message.template_id)
            || !self.templates.would_ask(&message.template_id, deadline)
        {
            return Ok(false);
        }
        let template = self.templates.id_of(&message.template_id, deadline);
        self.core.engine.ask(ledger::has_any(message.touser.clone(), template), deadline).map(|any| !any)
    }

    fn deadlines(&self, options: &Options) -> Result<Deadlines, Error> {
        let timeout_ms = options.timeout_ms.unwrap_or(self.core.config.timeout_ms);
        let whole = Deadline::in_ms(timeout_ms);
        let Some(expires_at) = options.expires_at else { return Ok(Deadlines { whole, start: whole }) };
        let left_ms = u64::try_from(expires_at.saturating_sub(self.core.engine.wall_ms())).unwrap_or(0);
        if left_ms == 0 {
            return Err(Error::new(Status::Expired, "expires_at passed before it could be sent"));
        }
        // The answer to what left in time may take its time.
        Ok(Deadlines { whole, start: Deadline::in_ms(timeout_ms.min(left_ms)) })
    }

    /// Sends what is prepared; a message of the outbox, if `stored` says so.
    ///
    /// # Errors
    /// Why it was not begun.
    pub fn execute(&self, prepared: &Prepared, options: &Options, stored: Stored) -> Result<Executed, Error> {
        let deadlines = self.deadlines(options)?;
        self.execute_until(prepared, options, Purpose::Stored(stored), deadlines)
    }

    /// Sends a campaign's message to one player.
    ///
    /// # Errors
    /// Why it was not begun.
    pub fn execute_campaign(
        &self,
        prepared: &Prepared,
        options: &Options,
        campaign: CampaignSend,
    ) -> Result<Executed, Error> {
        let deadlines = self.deadlines(options)?;
        self.execute_until(prepared, options, Purpose::Campaign(campaign), deadlines)
    }

    fn execute_until(
        &self,
        prepared: &Prepared,
        options: &Options,
        purpose: Purpose,
        deadlines: Deadlines,
    ) -> Result<Executed, Error> {
        let waits = matches!(purpose, Purpose::Caller);
        let patience = if waits { deadlines.start } else { deadlines.start.or_at_most_ms(PLAYER_PATIENCE_MS) };
        let (unit, skip_all) = match options.rules {
            false => (None, None),
            true => match self.unit_of_budget(prepared.template.id(), deadlines.start)? {
                Ok(unit) => (Some(unit), None),
                Err(skip) => (None, Some(skip)),
            },
        };
        let _lock = match self.locks.enter(home_of(&prepared.openid), patience) {
            Err(e) if !waits && e.status == Status::Busy => return Ok(Executed::PlayerBusy),
            lock => lock?,
        };
        let count_watch = CountWatch::begin(home_of(&prepared.openid));
        let begun = self.begin(prepared, options, purpose, skip_all, deadlines, patience)?;
        let (hold, last_start_boot_ms) = match begun {
            Begun::Held(hold, last_start_boot_ms) => (hold, last_start_boot_ms),
            Begun::Not(executed) => return Ok(executed),
        };
        let timing = Timing { start_by: deadlines.start, answer_by: deadlines.whole, last_start_boot_ms };
        let (template_id, attempts) = (prepared.template.id(), self.core.config.max_attempts);
        let request = || attempt(&self.api, &self.breakers, template_id, &prepared.body, timing, attempts);
        // A bug of ours on the way leaves the player's lease and unit no worse than a lost answer does.
        let began = Instant::now();
        let attempted = panics::catch(request).unwrap_or_else(|place| {
            Attempted::in_doubt(Error::new(
                Status::Panic,
                format!("maybe sent: a bug of wxsub's was caught at {place}"),
            ))
        });
        self.core.metrics.send.observe(began.elapsed());
        if hold.unit && attempted.verdict.status == Status::Refused {
            self.core.metrics.count_contradiction();
        }
        if attempted.taken {
            self.templates.note_sent(&prepared.template);
        }
        if let Some(unit) = unit.filter(|_| attempted.verdict.had_effect()) {
            unit.use_up();
        }
        Ok(self.settle(hold, attempted, &count_watch, deadlines.start))
    }

    /// What the rules say that need no player: quiet hours, and the template's budget.
    fn unit_of_budget<'a>(
        &'a self,
        template_id: &'a str,
        deadline: Deadline,
    ) -> Result<Result<BudgetUnit<'a>, Skip>, Error> {
        match self.rules.quiet() {
            Some(skip) => Ok(Err(skip)),
            None => self.rules.take(template_id, deadline).map_err(Error::nothing_sent),
        }
    }

    /// Writes down what became of the message. Its verdict stands even when that fails: the worst is a count that is
    /// one too high, which WeChat's refusal corrects.
    fn settle(&self, hold: Hold, attempted: Attempted, count_watch: &CountWatch, deadline: Deadline) -> Executed {
        let Attempted { verdict, outcome, .. } = attempted;
        let key = hold.begun.key.clone().unwrap_or_default();
        let template_id = hold.begun.template.id().to_owned();
        let mut verdict = Verdict { quota: outcome.quota(hold.unit), key, template_id, ..verdict };
        let settlement = Settlement { hold, outcome, verdict: verdict.clone(), spread: fastrand::u64(..) };
        if let Some(left) = ledger::left_after(&settlement).filter(|_| !count_watch.is_overtaken()) {
            self.core.engine.run_later(ledger::settle(settlement));
            return Executed::Settled(Verdict { remaining: left, ..verdict }, None);
        }
        match self.core.engine.run(ledger::settle(settlement), deadline.or_at_least_ms(SETTLE_MS)) {
            Ok(settled) => {
                verdict.remaining = settled.remaining;
                Executed::Settled(verdict, settled.disposition)
            }
            Err(e) => {
                let status = verdict.status;
                log_line!(self.core.log, Warn, "the verdict {status:?} could not be written down: {}", e.message);
                verdict.quota = QuotaChange::Untouched;
                verdict.message = format!("{} (the count could not be updated: {})", verdict.message, e.message);
                Executed::Unsettled(verdict)
            }
        }
    }
}

fn no_quota() -> Verdict {
    let why = "the player allows no more messages from this template; nothing was sent. Ask again in the game";
    Verdict { remaining: 0, ..Verdict::from(Error::new(Status::NoQuota, why)) }
}
