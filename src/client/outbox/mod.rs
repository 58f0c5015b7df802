//! Messages in the store: put there, delivered when their time comes, cancelled, looked up.

mod dispatcher;
mod keys;
mod poll_handle;
mod queue;
mod results;
mod worker;

use std::sync::Arc;
use std::time::Instant;

use super::core::Core;
use super::options::Options;
use super::send::{Executed, Prepared, Sender};
use super::since;
use super::templates::TemplateCache;
use crate::clock::Deadline;
use crate::error::{Error, Retry, Status, Verdict};
use crate::ledger::{self, Disposition, EnqueueResult, MessageState, NewMessage, Payload};
use crate::log::log_line;
use crate::panics;
use crate::store::Name;
use crate::wechat::Message;
pub use dispatcher::Dispatcher;
pub use queue::Queue;
pub use results::{ResultSlot, Results};

/// Messages in the store.
pub struct Outbox {
    pub core: Arc<Core>,
    pub templates: Arc<TemplateCache>,
    pub sender: Arc<Sender>,
    pub results: Arc<Results>,
    pub queue: Arc<Queue>,
    pub dispatcher: Arc<Dispatcher>,
}

impl Outbox {
    /// Checks the message and lets it wait in the store.
    ///
    /// # Errors
    /// Why it was not stored.
    pub fn enqueue(&self, message_json: &str, options: &Options) -> Result<Verdict, Error> {
        let deadline = Deadline::in_ms(options.timeout_ms.unwrap_or(self.core.config.timeout_ms));
        let message = Message::parse(message_json)?;
        let (openid, template_id) = (message.touser.clone(), message.template_id.clone());
        let now_ms = self.core.engine.wall_ms();
        let (due_ms, expires_ms) = options.times(now_ms);
        let prepared = self.sender.prepare(message, deadline).and_then(|prepared| match expires_ms <= now_ms {
            true => Err(Error::new(Status::Expired, "expires_at has passed already; nothing was stored or sent")),
            false => Ok(prepared),
        });
        let prepared = prepared.inspect_err(|e| {
            let template = self.templates.id_of(&template_id, deadline);
            self.core.note_unsent(&openid, template, options.key.as_deref(), None, &e.clone().into());
        })?;
        let Prepared { openid, template, checked, body, .. } = prepared;
        // It was a text when it came.
        let body = String::from_utf8(body).unwrap_or_default();
        let template_id = template.id().to_owned();
        let new = NewMessage {
            openid: openid.clone(),
            template,
            key: options.key.clone(),
            number: self.core.new_number(),
            replace: options.replace,
            due_ms,
            expires_ms,
            payload: Payload {
                body,
                checked,
                tag: options.tag,
                timeout_ms: options.timeout_ms,
                resend: options.resend,
                notify: options.notify,
                rules: options.rules,
            },
        };
        let result = self.core.engine.run(ledger::enqueue(new), deadline)?;
        self.core.touch_maintenance();
        self.dispatcher.wake();
        let verdict = self.told(result, options)?;
        log_line!(self.core.log, Debug, "store {openid} {template_id}: {}", verdict.message);
        Ok(Verdict { template_id, ..verdict })
    }

    fn told(&self, result: EnqueueResult, options: &Options) -> Result<Verdict, Error> {
        let stored = |flags: u32, what: &str| Verdict { flags: Verdict::STORED | flags, ..Verdict::ok(what) };
        Ok(match result {
            EnqueueResult::Stored => stored(0, "stored"),
            EnqueueResult::Replaced => stored(0, "stored, instead of the one that waited with this key"),
            EnqueueResult::Kept => stored(Verdict::REPLAYED, "one with this key waits already, and stays"),
            EnqueueResult::Before(first) => Verdict { flags: first.flags | Verdict::REPLAYED, ..first },
            EnqueueResult::Sending(_) if options.replace => {
                return Err(Error::new(Status::TooLate, "the message with this key is being sent; nothing was stored"));
            }
            EnqueueResult::Sending(ms) => {
                let ms = u32::try_from(ms).unwrap_or(u32::MAX);
                return Err(Error::new(Status::Busy, "a call with this key runs; nothing was stored").after_ms(ms));
            }
            EnqueueResult::OtherTemplate(other) => {
                return Err(ledger::other_template(&self.templates.spell(&other)));
            }
        })
    }

    /// Does what is to be done with a message whose time has come; its outcome goes to `slot`.
    pub fn deliver(&self, name: &Name, slot: Option<ResultSlot>) {
        let started = Instant::now();
        let ended = panics::catch(|| self.try_to_deliver(name)).unwrap_or_else(|at| {
            // Before or after the send itself, whose own panics end as its verdict: the lease will tell.
            log_line!(self.core.log, Error, "a bug of wxsub's was caught at {at}");
            self.dispatcher.put_off(name.home());
            None
        });
        match ended {
            Some((message, verdict)) => {
                self.tell_outcome(&message, Verdict { elapsed_ms: since(started), ..verdict }, slot);
            }
            None => slot.into_iter().for_each(ResultSlot::give_up),
        }
        self.dispatcher.wake();
    }

    /// The message and its last word, if it has ended.
    fn try_to_deliver(&self, name: &Name) -> Option<(ledger::Message, Verdict)> {
        let message = match self.core.engine.ask(ledger::peek(name.clone()), self.core.deadline()) {
            Ok(Some(message)) => message,
            Ok(None) => {
                self.set_aside(name);
                return None;
            }
            Err(e) => {
                self.unreadable(name, &e);
                return None;
            }
        };
        match &message.state {
            MessageState::Waiting if message.due_ms > self.core.engine.wall_ms() => return None,
            MessageState::Waiting => {}
            MessageState::Sending { left_ms: 1.. } => return None,
            MessageState::Sending { .. } | MessageState::Ended(_) => return self.recover(name, &message),
        }
        let executed = self.execute(name, &message).unwrap_or_else(|e| Executed::NotBegun(e.into()));
        let disposition = match executed {
            // It waits for whoever comes after this client.
            Executed::NotBegun(_) if self.core.in_flight.is_aborted() => Disposition::NotOurs,
            Executed::NotBegun(verdict) => self.finish(name, &message, verdict),
            Executed::Settled(_, disposition) => disposition.unwrap_or(Disposition::NotOurs),
            Executed::Unsettled(verdict) => self.in_doubt(name, verdict),
            Executed::NotOurs => {
                self.dispatcher.note_contention();
                Disposition::NotOurs
            }
            Executed::Had(_) => Disposition::NotOurs,
            Executed::PlayerBusy => {
                self.dispatcher.put_off(name.home());
                Disposition::NotOurs
            }
        };
        self.core.touch_maintenance();
        match disposition {
            Disposition::Final(verdict) => Some((message, *verdict)),
            Disposition::Again { .. } | Disposition::NotOurs => None,
        }
    }

    fn execute(&self, name: &Name, message: &ledger::Message) -> Result<Executed, Error> {
        if self.core.engine.wall_ms() >= message.expires_ms {
            let why = match message.why.as_str() {
                "" => "expires_at passed before it could be sent".to_owned(),
                why => format!("expires_at passed; {} tries before it, the last: {why}", message.tries),
            };
            return Err(Error::new(Status::Expired, why));
        }
        let options = Options {
            key: message.key.clone(),
            tag: message.payload.tag,
            timeout_ms: message.payload.timeout_ms,
            expires_at: Some(message.expires_ms),
            rules: message.payload.rules,
            ..Options::default()
        };
        let deadline = self.core.deadline();
        let prepared = if message.payload.checked {
            Prepared {
                openid: message.openid.clone(),
                template: self.templates.id_of(&message.template_id, deadline),
                long_term: self.templates.is_long_term(&message.template_id, deadline),
                checked: true,
                body: message.payload.body.clone().into_bytes(),
            }
        } else {
            self.sender.prepare(Message::parse(&message.payload.body)?, deadline)?
        };
        self.sender.execute(&prepared, &options, (name.clone(), Box::new(message.clone())))
    }

    /// Writes down what becomes of a message that was not begun.
    fn finish(&self, name: &Name, message: &ledger::Message, tried: Verdict) -> Disposition {
        let tried = Verdict { template_id: message.template_id.clone(), ..tried };
        let operation = ledger::finish(name.clone(), message.clone(), tried.clone(), fastrand::u64(..));
        self.core.engine.run(operation, self.core.deadline()).unwrap_or_else(|e| {
            self.unwritten(name, &e);
            if e.retry == Retry::Unsafe { self.in_doubt(name, tried) } else { Disposition::NotOurs }
        })
    }

    /// A message whose end was maybe written down: if it is gone, that was done, and this is its last word. Else whoever
    /// finds it when its lease is over tells its outcome.
    fn in_doubt(&self, name: &Name, verdict: Verdict) -> Disposition {
        match self.core.engine.ask(ledger::peek(name.clone()), self.core.deadline()) {
            Ok(None) => Disposition::Final(Box::new(verdict)),
            Ok(Some(_)) | Err(_) => Disposition::NotOurs,
        }
    }

    fn unwritten(&self, name: &Name, e: &Error) {
        log_line!(self.core.log, Warn, "a message's end could not be written down: {}", e.message);
        self.dispatcher.put_off(name.home());
    }

    /// Ends, or lets wait again, what a dead process was sending, or an event has settled.
    fn recover(&self, name: &Name, message: &ledger::Message) -> Option<(ledger::Message, Verdict)> {
        let recovered = self.core.engine.run(ledger::recover(name.clone(), message), self.core.deadline());
        recovered.unwrap_or_else(|e| {
            self.unwritten(name, &e);
            let verdict = match &message.state {
                MessageState::Ended(verdict) => (**verdict).clone(),
                MessageState::Sending { .. } | MessageState::Waiting => ledger::found_running(),
            };
            let disposition = if e.retry == Retry::Unsafe { self.in_doubt(name, verdict) } else { return None };
            match disposition {
                Disposition::Final(verdict) => Some((message.clone(), *verdict)),
                Disposition::Again { .. } | Disposition::NotOurs => None,
            }
        })
    }

    /// One that is damaged is set aside: it stays where it is, and nobody looks at it again.
    fn unreadable(&self, name: &Name, e: &Error) {
        if e.retry == Retry::Never && self.set_aside(name) {
            log_line!(self.core.log, Error, "a message of the outbox was set aside: {}", e.message);
            return;
        }
        log_line!(self.core.log, Warn, "a message of the outbox could not be read: {}", e.message);
        self.dispatcher.put_off(name.home());
    }

    fn set_aside(&self, name: &Name) -> bool {
        self.core.engine.run(ledger::set_aside(name.clone()), self.core.deadline()).is_ok()
    }

    fn tell_outcome(&self, message: &ledger::Message, verdict: Verdict, slot: Option<ResultSlot>) {
        self.core.counters.count(&verdict);
        let (openid, template_id) = (&message.openid, &message.template_id);
        log_line!(self.core.log, Debug, "deliver {openid} {template_id}: {:?}, {}", verdict.status, verdict.message);
        let verdict = Verdict {
            flags: verdict.flags | Verdict::OUTCOME,
            template_id: template_id.clone(),
            key: message.key.clone().unwrap_or_default(),
            ..verdict
        };
        match slot {
            Some(slot) if message.payload.notify => slot.tagged(message.payload.tag).fill(verdict),
            Some(slot) => slot.give_up(),
            None if message.payload.notify => self.results.lose(),
            None => {}
        }
    }
}
