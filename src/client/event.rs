//! What WeChat pushes to the host's HTTP endpoint goes into the count, each part once.

use std::sync::Arc;
use std::time::Duration;

use super::core::Core;
use super::count_watch;
use super::report::{UNSIGNED, verdict_of};
use super::templates::TemplateCache;
use crate::clock::{Deadline, Now};
use crate::config::Config;
use crate::error::{Error, QuotaChange, Status, Verdict};
use crate::ledger::{self, Applied, Change, EventPart, Forgetting, Item, Outcome, Use};
use crate::log::log_line;
use crate::store::home_of;
use crate::wechat::push::{self, AesKey, Change as Pushed, EventConfig, Opened, Refusal, Unsigned, Verified};
use crate::wechat::{Endpoint, Recovery, rule};

/// WeChat waits 5 s for the reply and then pushes again (wechat-api: section 6); answer before that.
const REPLY_MS: u64 = 4000;

/// How old a push is at most that says nothing of it: within this time WeChat has pushed it again.
const PUSHED_AGAIN_S: i64 = 60;

/// The keys of pushed events, if any are configured.
///
/// # Errors
/// [`Status::Config`] when one is malformed.
fn keys(config: &Config) -> Result<Option<EventConfig>, Error> {
    let Some(keys) = &config.event else { return Ok(None) };
    let wrong = |e: push::BadConfig| Error::new(Status::Config, e.to_string());
    let aes_keys = [("aes_key", &keys.aes_key), ("aes_key_previous", &keys.aes_key_previous)]
        .into_iter()
        .filter_map(|(name, key)| key.as_ref().map(|key| AesKey::from_encoded(name, key.expose())))
        .collect::<Result<_, _>>()
        .map_err(wrong)?;
    EventConfig::new(keys.token.expose(), aes_keys, &config.appid).map(Some).map_err(wrong)
}

/// What an operator should know of how pushed events are set up.
pub fn warning(config: &Config) -> Option<&'static str> {
    match &config.event {
        Some(keys) if keys.aes_key.is_some() => None,
        Some(keys) if keys.trust_plain => Some(
            "without event.aes_key nothing signs the bodies of pushes, and event.trust_plain believes them: whoever sees one query string can clear counts",
        ),
        Some(_) => Some(
            "without event.aes_key nothing signs the bodies of pushes: refusals and results in them are ignored; set secure mode and the key",
        ),
        None => None,
    }
}

/// Takes what WeChat pushes.
pub struct Events {
    core: Arc<Core>,
    templates: Arc<TemplateCache>,
    keys: Option<EventConfig>,
}

impl Events {
    /// # Errors
    /// [`Status::Config`] when a key is malformed.
    pub fn new(core: Arc<Core>, templates: Arc<TemplateCache>) -> Result<Events, Error> {
        let keys = keys(&core.config)?;
        Ok(Events { core, templates, keys })
    }

    /// Verifies and applies one request; returns the reply with the verdict. Nothing is applied if the reply is longer
    /// than `room`.
    ///
    /// # Errors
    /// [`Status::Signature`], [`Status::Config`], [`Status::Arg`], [`Status::Store`], [`Status::Busy`].
    pub fn handle(&self, query: &str, body: &[u8], room: usize) -> Result<(String, Verdict), Error> {
        let now_s = Now::read().wall_ms / 1000;
        let push = match self.verify_event(query, body, now_s)? {
            Verified::Echo { text, unsigned } => {
                let reply = fitting(text, room)?;
                self.refuse_reused(unsigned.as_ref())?;
                return Ok((reply, Verdict::ok("WeChat checked the address; send the reply back")));
            }
            Verified::Push(push) => push,
        };
        let opened = push.read(now_s).map_err(|refusal| self.refused_event(&refusal))?;
        let reply = match opened {
            Opened::Event(_) => "success",
            Opened::Revoked { .. } | Opened::Other => "",
        };
        let reply = fitting(reply.to_owned(), room)?;
        self.refuse_reused(push.unsigned.as_ref())?;
        let verdict = match opened {
            Opened::Event(pushed) => self.apply_event(&pushed, push.unsigned.is_some())?,
            Opened::Revoked { openid, create_time_s } => {
                let what = self.forget(&openid, create_time_s, push.unsigned.is_some())?;
                Verdict { flags: Verdict::NOT_OURS, ..Verdict::ok(what) }
            }
            Opened::Other => {
                let what =
                    "not about subscribe messages; nothing changed. The answer is yours: wxsub_open_event has the text";
                Verdict { flags: Verdict::NOT_OURS, ..Verdict::ok(what) }
            }
        };
        Ok((reply, verdict))
    }

    /// The player wants to be forgotten; what was done, in words. WeChat pushes again, which must not end a life that began
    /// since.
    fn forget(&self, openid: &str, create_time_s: Option<i64>, unsigned: bool) -> Result<&'static str, Error> {
        if !self.is_trusted(unsigned) {
            return Ok(
                "a player's authorisation ended: not forgotten, since nobody signed it; the answer is yours, too",
            );
        }
        let deadline = Deadline::in_ms(self.core.config.timeout_ms.min(REPLY_MS));
        let created_s = create_time_s.unwrap_or_else(|| self.core.engine.wall_ms() / 1000 - PUSHED_AGAIN_S);
        match self.core.engine.ask(ledger::forgotten_since(openid, created_s.saturating_mul(1000)), deadline)? {
            Forgetting::Whole => {
                return Ok("a player's authorisation ended: he was forgotten before; the answer is yours, too");
            }
            Forgetting::Records => drop(self.core.forget_rest(openid, None, deadline)?),
            Forgetting::NotSince => drop(self.core.forget(openid, deadline)?),
        }
        count_watch::note_change(home_of(openid));
        Ok("a player's authorisation ended: he was forgotten here; the answer is yours, too")
    }

    fn is_trusted(&self, unsigned: bool) -> bool {
        !unsigned || self.core.config.event.as_ref().is_some_and(|event| event.trust_plain)
    }

    /// Verifies and decrypts one request of any kind; applies nothing. The check of the address has no text.
    ///
    /// # Errors
    /// [`Status::Signature`], [`Status::Config`].
    pub fn open(&self, query: &str, body: &[u8]) -> Result<Vec<u8>, Error> {
        match self.verify_event(query, body, Now::read().wall_ms / 1000)? {
            Verified::Echo { unsigned, .. } => self.refuse_reused(unsigned.as_ref()).map(|()| Vec::new()),
            Verified::Push(push) => self.refuse_reused(push.unsigned.as_ref()).map(|()| push.plain),
        }
    }

    fn verify_event(&self, query: &str, body: &[u8], now_s: i64) -> Result<Verified, Error> {
        let Some(keys) = &self.keys else {
            return Err(Error::new(
                Status::Config,
                "pushed events need \"event\": {\"token\": …} in the configuration",
            ));
        };
        push::verify(keys, query, body, now_s).map_err(|refusal| self.refused_event(&refusal))
    }

    fn refused_event(&self, refusal: &Refusal) -> Error {
        log_line!(self.core.log, Warn, "a pushed event was refused: {refusal}");
        Error::new(Status::Signature, refusal.to_string())
    }

    /// An unsigned body must be the first that came with its query.
    fn refuse_reused(&self, unsigned: Option<&Unsigned>) -> Result<(), Error> {
        let Some(unsigned) = unsigned else { return Ok(()) };
        let life_ms = i64::try_from(unsigned.keep_ms).unwrap_or(i64::MAX);
        let operation = ledger::first_use(&unsigned.nonce, &unsigned.body, life_ms);
        match self.core.engine.run(operation, self.core.deadline())? {
            Use::First | Use::Repeated => Ok(()),
            Use::OtherBody => Err(self.refused_event(&Refusal::Reused)),
        }
    }

    fn apply_event(&self, pushed: &push::Event, unsigned: bool) -> Result<Verdict, Error> {
        for note in &pushed.notes {
            log_line!(self.core.log, Warn, "a pushed event: {note}");
        }
        if pushed.changes.is_empty() {
            return Ok(Verdict::ok("nothing in the event changes a count"));
        }
        let trusted = self.is_trusted(unsigned);
        let deadline = Deadline::in_ms(self.core.config.timeout_ms.min(REPLY_MS));
        let parts: Vec<(String, EventPart)> =
            pushed.changes.iter().map(|change| (pushed.identity(change), self.part_of(change, deadline))).collect();
        let applied = loop {
            let event = ledger::Event {
                openid: pushed.from_openid.clone(),
                created_ms: pushed.create_time_s.saturating_mul(1000),
                parts: parts.clone(),
                trusted,
                max_count: self.core.config.max_count,
                number: self.core.new_number(),
            };
            match self.core.engine.run(ledger::handle_event(event), deadline)? {
                Ok(applied) => break applied,
                Err(ms) => {
                    let pause = Duration::from_millis(fastrand::u64(5..40).min(ms.unsigned_abs().max(1)));
                    if deadline.left() <= pause {
                        return Err(Error::new(
                            Status::Busy,
                            "a send to this player still runs and must end first; answer 500, so that WeChat pushes again",
                        ));
                    }
                    self.core.in_flight.sleep(pause)?;
                }
            }
        };
        self.core.touch_maintenance();
        count_watch::note_change(home_of(&pushed.from_openid));
        let is_ignored: Vec<bool> = applied.iter().map(|applied| matches!(applied, Applied::Ignored(_))).collect();
        let verdicts: Vec<Verdict> = parts.into_iter().zip(applied).map(|((_, part), a)| told(part, a)).collect();
        for v in &verdicts {
            log_line!(self.core.log, Debug, "event {} {}: {}", pushed.from_openid, v.template_id, v.message);
        }
        let (mut ignored, mut applied) = (Vec::new(), Vec::new());
        for (verdict, is_ignored) in verdicts.into_iter().zip(is_ignored) {
            if is_ignored { &mut ignored } else { &mut applied }.push(verdict);
        }
        Ok(match (applied.pop(), applied.len(), ignored.pop(), ignored.len()) {
            (Some(only), 0, ..) | (None, _, Some(only), 0) => only,
            (None, ..) => Verdict::ok(UNSIGNED),
            (Some(last), others, ..) => {
                Verdict::ok(format!("{} parts were applied; the last: {}", others + 1, last.message))
            }
        })
    }

    fn part_of(&self, change: &Pushed, deadline: Deadline) -> EventPart {
        match change {
            Pushed::Popup { template_id, accepted, .. } => {
                let long_term = self.templates.is_long_term(template_id, deadline);
                let change = match accepted {
                    true if long_term => Change::SetOn,
                    true => Change::Grant,
                    false => Change::Clear,
                };
                EventPart::Answer(Item {
                    template: self.templates.id_of(template_id, deadline),
                    change,
                    long_term,
                    player_action: true,
                })
            }
            Pushed::Changed { template_id, rejected } => {
                let long_term = self.templates.is_long_term(template_id, deadline);
                let change = if *rejected { Change::Clear } else { Change::Look };
                EventPart::Answer(Item {
                    template: self.templates.id_of(template_id, deadline),
                    change,
                    long_term,
                    player_action: false,
                })
            }
            Pushed::Sent { template_id, msgid, error_code, error_status } => {
                let (verdict, outcome) = match *error_code {
                    0 => (Verdict::ok("sent, as WeChat's event told later"), Outcome::Spent),
                    code => {
                        let rule = rule(Endpoint::Send, code);
                        let outcome =
                            if rule.recovery == Recovery::Clear { Outcome::Cleared } else { Outcome::Returned };
                        let why = format!(
                            "{}, as WeChat's event told later ({code} {})",
                            rule.advice,
                            error_status.escape_debug()
                        );
                        (Verdict::from(Error::new(rule.status, why).answered(code, 0)), outcome)
                    }
                };
                let quota = outcome.quota(true);
                let verdict = Verdict { msgid: msgid.unwrap_or(0), quota, template_id: template_id.clone(), ..verdict };
                let template = self.templates.id_of(template_id, deadline);
                EventPart::Sent { template, verdict: Box::new(verdict), outcome }
            }
        }
    }
}

/// A reply that has room.
fn fitting(reply: String, room: usize) -> Result<String, Error> {
    if reply.len() <= room {
        return Ok(reply);
    }
    let why = format!("the reply has {} bytes, the buffer {room}; nothing was applied", reply.len());
    Err(Error::new(Status::Arg, why))
}

/// What a part of an event came to. The event itself was fine, whatever it says of the message.
fn told(part: EventPart, applied: Applied) -> Verdict {
    match part {
        EventPart::Answer(item) => Verdict { template_id: item.template.id().to_owned(), ..verdict_of(&item, applied) },
        EventPart::Sent { template, verdict: late, .. } => {
            let template_id = template.id().to_owned();
            let (flags, quota, remaining, what) = match applied {
                Applied::Now { quota, remaining } if remaining >= 0 => {
                    (0, quota, remaining, format!("a message that was maybe sent is settled: {}", late.message))
                }
                Applied::Ignored(_) => (0, QuotaChange::Untouched, -1, UNSIGNED.to_owned()),
                Applied::Now { .. } | Applied::Paired(_) | Applied::Full(_) => {
                    (0, QuotaChange::Untouched, -1, "nothing to settle".to_owned())
                }
                Applied::Before(first) => {
                    (Verdict::REPLAYED, first.quota, first.remaining, "came before; nothing changed".to_owned())
                }
            };
            Verdict { flags, quota, remaining, template_id, msgid: late.msgid, ..Verdict::ok(what) }
        }
    }
}
