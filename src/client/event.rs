//! What WeChat pushes to the host's HTTP endpoint goes into the count, each part once.

use std::time::Duration;

use super::Inner;
use super::report::verdict_of;
use crate::clock::{Deadline, Now};
use crate::config::Config;
use crate::error::{Error, QuotaChange, Status, Verdict};
use crate::event::{self, AesKey, Change as Pushed, EventConfig, Opened};
use crate::log::log_line;
use crate::store::{Applied, Change, Event, EventPart, Item, Outcome};
use crate::wechat::{Act, Endpoint, rule};

/// WeChat waits 5 s for the reply and then pushes again (wechat-api: section 6); answer before that.
const REPLY_MS: u64 = 4000;

/// The keys of pushed events, if any are configured.
///
/// # Errors
/// [`Status::Config`] when one is malformed.
pub(super) fn keys(config: &Config) -> Result<Option<EventConfig>, Error> {
    let Some(keys) = &config.event else { return Ok(None) };
    let wrong = |e: event::BadConfig| Error::new(Status::Config, e.to_string());
    let aes_key = keys.aes_key.as_ref().map(|k| AesKey::from_encoded(k.expose())).transpose().map_err(wrong)?;
    EventConfig::new(keys.token.expose(), aes_key, &config.appid).map(Some).map_err(wrong)
}

impl Inner {
    /// Verifies and applies one request; returns the reply with the verdict. Nothing is applied if the reply is longer
    /// than `room`.
    pub(super) fn handle_event(&self, query: &str, body: &[u8], room: usize) -> Result<(String, Verdict), Error> {
        let Some(keys) = &self.event_keys else {
            return Err(Error::new(
                Status::Config,
                "pushed events need \"event\": {\"token\": …} in the configuration",
            ));
        };
        let opened = event::open(keys, query, body, Now::read().wall_ms / 1000).map_err(|refusal| {
            log_line!(self.log, Warn, "a pushed event was refused: {refusal}");
            Error::new(Status::Signature, refusal.to_string())
        })?;
        let reply = opened.reply().to_owned();
        if reply.len() > room {
            return Err(Error::new(
                Status::Arg,
                format!("the reply has {} bytes, the buffer {room}; nothing was applied", reply.len()),
            ));
        }
        let verdict = match opened {
            Opened::Echo(_) => Verdict::ok("WeChat checked the address; send the reply back"),
            Opened::Other => Verdict::ok("not about subscribe messages; nothing changed"),
            Opened::Event(pushed) => self.apply_event(&pushed)?,
        };
        Ok((reply, verdict))
    }

    fn apply_event(&self, pushed: &event::Event) -> Result<Verdict, Error> {
        for note in &pushed.notes {
            log_line!(self.log, Warn, "a pushed event: {note}");
        }
        if pushed.changes.is_empty() {
            return Ok(Verdict::ok("nothing in the event changes a count"));
        }
        let deadline = Deadline::in_ms(self.config.timeout_ms.min(REPLY_MS));
        let parts: Vec<(String, EventPart)> =
            pushed.changes.iter().map(|change| (pushed.identity(change), self.part_of(change, deadline))).collect();
        let applied = loop {
            let event = Event {
                openid: pushed.from_openid.clone(),
                created_wall: pushed.create_time_s.saturating_mul(1000),
                parts: parts.clone(),
            };
            match self.store.event(event, Now::read(), deadline)? {
                Ok(applied) => break applied,
                Err(ms) => {
                    let pause = Duration::from_millis(fastrand::u64(5..40).min(ms.unsigned_abs().max(1)));
                    if deadline.left() <= pause {
                        return Err(Error::new(
                            Status::Busy,
                            "a send to this player still runs and must end first; answer 500, so that WeChat pushes again",
                        ));
                    }
                    self.running.sleep(pause)?;
                }
            }
        };
        self.touch_upkeep();
        let mut verdicts: Vec<Verdict> = parts.into_iter().zip(applied).map(|((_, part), a)| told(part, a)).collect();
        for v in &verdicts {
            log_line!(self.log, Debug, "event {} {}: {}", pushed.from_openid, v.template_id, v.message);
        }
        Ok(match (verdicts.pop(), verdicts.len()) {
            (Some(only), 0) => only,
            (last, others) => Verdict::ok(format!(
                "{} parts were applied; the last: {}",
                others + 1,
                last.map(|v| v.message).unwrap_or_default()
            )),
        })
    }

    fn part_of(&self, change: &Pushed, deadline: Deadline) -> EventPart {
        match change {
            Pushed::Popup { template_id, accepted, .. } => {
                let lasting = self.is_lasting(template_id, deadline);
                let change = match accepted {
                    true if lasting => Change::SwitchOn,
                    true => Change::Grant,
                    false => Change::Clear,
                };
                EventPart::Answer(Item { template_id: template_id.clone(), change, lasting, act: true })
            }
            Pushed::Changed { template_id, rejected } => {
                let lasting = self.is_lasting(template_id, deadline);
                let change = if *rejected { Change::Clear } else { Change::Look };
                EventPart::Answer(Item { template_id: template_id.clone(), change, lasting, act: false })
            }
            Pushed::Sent { template_id, msgid, error_code, error_status } => {
                let (verdict, outcome) = match *error_code {
                    0 => (Verdict::ok("sent, as WeChat's event told later"), Outcome::Spent),
                    code => {
                        let rule = rule(Endpoint::Send, code);
                        let outcome = if rule.act == Act::Clear { Outcome::Cleared } else { Outcome::Returned };
                        let why = format!("{}, as WeChat's event told later ({code} {error_status})", rule.advice);
                        (Verdict::from(Error::new(rule.status, why).answered(code, 0)), outcome)
                    }
                };
                let quota = match outcome {
                    Outcome::Spent => QuotaChange::Spent,
                    Outcome::Cleared => QuotaChange::Cleared,
                    Outcome::Returned | Outcome::Maybe => QuotaChange::Returned,
                };
                let template_id = template_id.clone();
                let verdict = Verdict { msgid: msgid.unwrap_or(0), quota, template_id: template_id.clone(), ..verdict };
                EventPart::Sent { template_id, verdict, outcome }
            }
        }
    }
}

/// What a part of an event came to. The event itself was fine, whatever it says of the message.
fn told(part: EventPart, applied: Applied) -> Verdict {
    match part {
        EventPart::Answer(item) => Verdict { template_id: item.template_id.clone(), ..verdict_of(&item, applied) },
        EventPart::Sent { template_id, verdict: late, .. } => {
            let (flags, quota, remaining, what) = match applied {
                Applied::Now { quota, remaining } if remaining >= 0 => {
                    (0, quota, remaining, format!("an uncertain send was settled: {}", late.message))
                }
                Applied::Now { .. } | Applied::Paired(_) => {
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
