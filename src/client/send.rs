//! How one send flows: text to values, the player's turn and a unit, a token, the request, the verdict, the settlement.

use std::time::Duration;

use super::catalogue::Found;
use super::exchange::{Exchanged, Sending};
use super::options::Options;
use super::{Inner, outbox};
use crate::clock::{Deadline, Now};
use crate::config::Validate;
use crate::error::{Error, QuotaChange, Status, Verdict};
use crate::log::log_line;
use crate::panics;
use crate::store::{After, Begun, Claimed, Hold, Outcome, Settlement, Want};
use crate::template::{Fault, Kind, Mode, check, faults_message};
use crate::wechat::{Message, is_system};

/// A lease lasts this much longer than its call's deadline: time to settle, and for WeChat to finish a request whose
/// answer was no longer waited for.
const LEASE_MARGIN_MS: i64 = 2000;
/// A settlement gets this long even after the deadline: what it writes is worth more than punctuality.
const SETTLE_MS: u64 = 1000;
/// What `wxsub_result.message` can show.
const FAULTS_BYTES: usize = 247;
/// What became of the outbox's row of a claimed message.
pub(super) enum Row {
    /// Nothing yet: the send was not begun.
    Open,
    /// It was settled with the send, and was, or was not, still this claim's.
    Settled(bool),
    /// It was cancelled, replaced, or taken over before.
    Gone,
}

/// How a send may begin.
enum Taken {
    /// With the player's turn; and the boot clock's time by which its last request must have begun.
    Turn(Hold, i64),
    /// Not at all: its verdict is known.
    Known(Verdict, Row),
}

impl Inner {
    pub(super) fn send(&self, message_json: &str, options_json: Option<&str>) -> Result<Verdict, Error> {
        let verdict = self.send_now(message_json, &Options::of_send(options_json)?)?;
        self.stats.count(&verdict);
        Ok(verdict)
    }

    pub(super) fn send_now(&self, message_json: &str, options: &Options) -> Result<Verdict, Error> {
        let echo = |verdict: Verdict, template_id: &str| Verdict {
            tag: options.tag,
            key: options.key.clone().unwrap_or_default(),
            template_id: template_id.to_owned(),
            ..verdict
        };
        let message = match Message::parse(message_json) {
            Ok(message) => message,
            Err(e) => return Ok(echo(e.into(), "")),
        };
        let (touser, template_id) = (message.touser.clone(), message.template_id.clone());
        let verdict = match self.send_message(message, options, None) {
            Ok((verdict, _)) => verdict,
            Err(e) => e.into(),
        };
        self.touch_upkeep();
        log_line!(self.log, Debug, "send {touser} {template_id}: {:?}, {}", verdict.status, verdict.message);
        Ok(echo(verdict, &template_id))
    }

    /// Sends a message, one of the outbox if it is claimed, and says what became of its row.
    pub(super) fn send_message(
        &self,
        mut message: Message,
        options: &Options,
        claimed: Option<&Claimed>,
    ) -> Result<(Verdict, Row), Error> {
        let timeout_ms = options.timeout_ms.unwrap_or(self.config.timeout_ms);
        let whole = Deadline::in_ms(timeout_ms);
        // What is too late to begin; the answer to what left in time may take its time.
        let deadline = match options.expires_at {
            None => whole,
            Some(expires_at) => {
                let left_ms = u64::try_from(expires_at.saturating_sub(self.store.wall_ms())).unwrap_or(0);
                if left_ms == 0 {
                    return Err(Error::new(Status::Expired, "expires_at passed before it could be sent"));
                }
                Deadline::in_ms(timeout_ms.min(left_ms))
            }
        };
        // WeChat is not asked for the template of a message that cannot be sent; a key may have an answer all the same.
        if self.config.enforce_quota
            && options.key.is_none()
            && !is_system(&message.template_id)
            && self.catalogue.would_ask(&message.template_id, deadline)
            && !self.store.has_any(&message.touser, &message.template_id, deadline)?
        {
            return Ok((no_quota(), Row::Open));
        }
        let lasting = self.prepare(&mut message, deadline)?;
        let _turn = self.turnstile.enter(&message.touser, deadline)?;

        let (hold, last_start_boot_ms) = match self.hold(&message, lasting, options, claimed, deadline, whole)? {
            Taken::Turn(hold, last_start_boot_ms) => (hold, last_start_boot_ms),
            Taken::Known(verdict, row) => return Ok((verdict, row)),
        };
        let mut sending = Sending {
            body: message.to_body(),
            message,
            options,
            deadline,
            answer_by: whole,
            last_start_boot_ms,
            attempts: 0,
        };
        // A bug of ours on the way leaves the player's turn and unit no worse than a lost answer does.
        let exchanged = panics::catch(|| self.exchange(&mut sending)).unwrap_or_else(|place| Exchanged {
            verdict: Error::new(Status::Panic, format!("maybe sent: a bug of wxsub's was caught at {place}")).into(),
            outcome: Outcome::Maybe,
        });
        Ok(self.settle(hold, exchanged, sending, claimed))
    }

    /// Brings the message into the form that is sent, checked; says whether its template is on or off instead of counted.
    pub(super) fn prepare(&self, message: &mut Message, deadline: Deadline) -> Result<bool, Error> {
        if is_system(&message.template_id) {
            return Err(Error::new(
                Status::Arg,
                format!("{} is a system type: the platform sends it by itself, a server cannot", message.template_id),
            ));
        }
        for (field, value) in [("miniprogram_state", &self.config.miniprogram_state), ("lang", &self.config.lang)] {
            if let Some(value) = value {
                message.default_field(field, value);
            }
        }
        self.validate(message, deadline)
    }

    /// Brings the message into form and checks it against its template; says whether the template is on or off instead
    /// of counted.
    fn validate(&self, message: &mut Message, deadline: Deadline) -> Result<bool, Error> {
        let mut faults = message.normalise().err().map(|e| e.message).unwrap_or_default();
        let mode = match self.config.validate {
            Validate::Strict => Some(Mode::Strict),
            Validate::Truncate => Some(Mode::Truncate),
            Validate::Off => None,
        };
        let found = self.catalogue.find(&message.template_id, deadline);
        let Some(mode) = mode else {
            return Ok(matches!(found, Found::Known(template) if template.kind == Kind::LongTerm));
        };
        let wrong = |faults| Err(Error::new(Status::Message, faults));
        let template = match found {
            Found::Known(template) => template,
            Found::NoIdea if faults.is_empty() => return Ok(false),
            Found::NoIdea => return wrong(faults),
            Found::Unknown(count) => {
                let id = &message.template_id;
                return wrong(format!("template_id {id} is none of the account's {count} templates; nothing was sent"));
            }
        };
        let checked = check(&template, message.values(), mode);
        if faults.is_empty() && checked.passes() {
            for cut in checked.cuts {
                log_line!(self.log, Warn, "{} for {}: {cut}", message.template_id, message.touser);
                message.set_value(&cut.key, cut.value);
            }
            return Ok(template.kind == Kind::LongTerm);
        }
        // A value that is not even in form was told already, and is not missing.
        let more: Vec<Fault> =
            checked.faults.into_iter().filter(|f| !f.is_missing() || !message.has_key(&f.key)).collect();
        if !more.is_empty() {
            if !faults.is_empty() {
                faults.push_str("; ");
            }
            faults.push_str(&faults_message(&more, FAULTS_BYTES.saturating_sub(faults.len())));
        }
        wrong(faults)
    }

    /// Waits for the player's turn among all processes, and takes it with a unit; or finds the verdict already known.
    fn hold(
        &self,
        message: &Message,
        lasting: bool,
        options: &Options,
        claimed: Option<&Claimed>,
        deadline: Deadline,
        whole: Deadline,
    ) -> Result<Taken, Error> {
        let holder = self.new_holder();
        loop {
            let want = Want {
                openid: message.touser.clone(),
                template_id: message.template_id.clone(),
                enforce: self.config.enforce_quota,
                lasting,
                key: options.key.clone(),
                holder,
                process: self.process,
                lease_ms: whole.left().as_millis() as i64 + LEASE_MARGIN_MS,
                message: claimed.map(|c| (c.id, c.claim)),
            };
            let now = Now::read();
            let last_start_boot_ms = now.boot_ms + deadline.left().as_millis() as i64;
            match self.store.begin(want, now, deadline)? {
                Begun::Held(hold) => return Ok(Taken::Turn(hold, last_start_boot_ms)),
                Begun::Before(first) => {
                    let again = Verdict { flags: first.flags | Verdict::REPLAYED, ..first };
                    return Ok(Taken::Known(again, Row::Open));
                }
                Begun::NoQuota => return Ok(Taken::Known(no_quota(), Row::Open)),
                Begun::Gone => return Ok(Taken::Known(Verdict::default(), Row::Gone)),
                Begun::OtherTemplate(other) => return Err(other_template(&other)),
                Begun::Busy(ms) => {
                    let pause = Duration::from_millis(fastrand::u64(3..20).min(ms.unsigned_abs()));
                    if deadline.left() <= pause {
                        return Err(Error::new(
                            Status::Busy,
                            "another send to this player, maybe of another process, held the turn until the deadline; nothing was sent",
                        )
                        .after_ms(u32::try_from(ms).unwrap_or(u32::MAX)));
                    }
                    self.running.sleep(pause)?;
                }
            }
        }
    }

    /// Writes down what became of the message. Its verdict stands even when that fails: the worst is a count that is
    /// one too high, which WeChat's refusal heals.
    fn settle(
        &self,
        hold: Hold,
        exchanged: Exchanged,
        sending: Sending<'_>,
        claimed: Option<&Claimed>,
    ) -> (Verdict, Row) {
        let Exchanged { mut verdict, outcome } = exchanged;
        verdict.attempts = sending.attempts;
        verdict.quota = match outcome {
            Outcome::Cleared => QuotaChange::Cleared,
            Outcome::Spent if hold.unit => QuotaChange::Spent,
            Outcome::Returned | Outcome::Maybe if hold.unit => QuotaChange::Returned,
            Outcome::Spent | Outcome::Returned | Outcome::Maybe => QuotaChange::Untouched,
        };
        verdict.template_id = sending.message.template_id;
        verdict.key = sending.options.key.clone().unwrap_or_default();
        let after = claimed.map_or(After::Done, |c| outbox::next_try(c, &verdict, self.store.wall_ms()));
        if let (Some(claimed), After::Done) = (claimed, &after) {
            verdict = outbox::last_word(claimed, verdict);
        }
        let settlement = Settlement { hold, outcome, verdict: verdict.clone(), after };
        match self.store.settle(settlement, Now::read(), sending.deadline.or_at_least_ms(SETTLE_MS)) {
            Ok(settled) => {
                verdict.remaining = settled.remaining;
                (verdict, Row::Settled(settled.message))
            }
            Err(e) => {
                log_line!(self.log, Warn, "the verdict {:?} could not be written down: {}", verdict.status, e.message);
                verdict.quota = QuotaChange::Untouched;
                verdict.message = format!("{} (the count could not be updated: {})", verdict.message, e.message);
                // Whoever finds the row when its lease is over tells its outcome.
                (verdict, Row::Settled(false))
            }
        }
    }
}

/// A key's second use for something else.
pub(super) fn other_template(other: &str) -> Error {
    Error::new(Status::Arg, format!("the key was used for a send with template {other}; use another key"))
}

fn no_quota() -> Verdict {
    let why = "the player allows no more messages from this template; nothing was sent. Ask again in the game";
    Verdict { remaining: 0, ..Verdict::from(Error::new(Status::NoQuota, why)) }
}
