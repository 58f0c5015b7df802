//! A message of the outbox: its record, and the one decision on its end.

use super::age::Stamp;
use super::codec::{Damage, Decoder, Encoder};
use super::journal::{Told, What};
use super::player::Player;
use super::recent::KEEP_LEASE_MS;
use super::template::{Template, TemplateId};
use super::verdict;
use crate::error::{Error, Retry, SkipReason, Status, Verdict};
use crate::store::{Changes, Name, Space, Stop, Time, View, When};

/// The first pause after a try that failed; doubled with each …
const FIRST_PAUSE_MS: i64 = 2000;
/// … up to this.
const LONGEST_PAUSE_MS: i64 = 600_000;

/// The record of a message: by its key, or by a number of its own.
pub fn name_of(player: &Name, key: Option<&str>, number: i64) -> Name {
    match key {
        Some(key) => player.hashed_beside(Space::Message, &[b"message", key.as_bytes()]),
        None => player.hashed_beside(Space::Message, &[b"unkeyed", &number.to_be_bytes()]),
    }
}

/// A message that is to be sent later, or at once but surely.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The player.
    pub openid: String,
    /// The template.
    pub template_id: String,
    /// Idempotency, and the name by which it can be cancelled and looked up.
    pub key: Option<String>,
    /// When it is due, Unix milliseconds.
    pub due_ms: i64,
    /// When it is too late, Unix milliseconds.
    pub expires_ms: i64,
    /// The rest.
    pub payload: Payload,
    /// Tries that were made.
    pub tries: u32,
    /// Why the last one failed; empty before it.
    pub why: String,
    /// One of them may have arrived.
    pub in_doubt: bool,
    /// The holder of its last send; 0 before it.
    pub sender: i64,
    /// Where it stands.
    pub state: State,
}

/// What a message carries along.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payload {
    /// The request's body, as it is sent.
    pub body: String,
    /// Its values were checked against its template.
    pub checked: bool,
    /// The caller's own number.
    pub tag: u64,
    /// Instead of the configured one.
    pub timeout_ms: Option<u64>,
    /// Whether one in doubt is sent again.
    pub resend: bool,
    /// Whether its outcome is told.
    pub notify: bool,
    /// Whether the host's rules bind it.
    pub rules: bool,
}

/// Where a message stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// It waits for its time.
    Waiting,
    /// [`Message::sender`] sends it.
    Sending {
        /// How long its lease lasts; 0: it is over, and nobody ended the send.
        left_ms: i64,
    },
    /// It has ended so, which whoever finds it next tells the host.
    Ended(Box<Verdict>),
}

impl Message {
    /// The record with this name.
    ///
    /// # Errors
    /// [`Stop::Need`], and [`Status::Store`] for a damaged or newer record.
    pub fn load(view: &View<'_>, name: &Name) -> Result<Option<Message>, Stop> {
        let Some(record) = view.get(name)? else { return Ok(None) };
        Ok(Some(Message::decode(name, record, &view.time)?))
    }

    /// As of now.
    pub fn decode(name: &Name, record: &[u8], now: &Time) -> Result<Message, Damage> {
        let mut from = Decoder::open(name, record)?;
        let passed = Stamp::decode(&mut from)?.passed(now);
        let state = match from.byte()? {
            0 => State::Waiting,
            1 => State::Sending { left_ms: passed.left_ms(from.signed()?) },
            2 => State::Ended(Box::new(verdict::decode(&mut from)?)),
            _ => return Err(Damage::Broken),
        };
        let flags = from.byte()?;
        let has = |flag: u8| flags & flag != 0;
        let message = Message {
            openid: from.text()?,
            template_id: from.text()?,
            key: if has(HAS_KEY) { Some(from.text()?) } else { None },
            due_ms: from.signed()?,
            expires_ms: from.signed()?,
            tries: from.small()?,
            why: from.text()?,
            in_doubt: has(IN_DOUBT),
            sender: from.fixed(8)?.cast_signed(),
            payload: Payload {
                timeout_ms: if has(HAS_TIMEOUT) { Some(from.unsigned()?) } else { None },
                resend: has(RESEND),
                notify: has(NOTIFY),
                tag: from.unsigned()?,
                checked: has(CHECKED),
                rules: has(RULES),
                body: from.text()?,
            },
            state,
        };
        from.end()?;
        Ok(message)
    }

    /// Writes it, and when it must be looked at.
    pub fn save(&self, name: Name, time: &Time, changes: &mut Changes) {
        let mut to = Encoder::default();
        Stamp::encode(time, &mut to);
        let when = match &self.state {
            State::Waiting => {
                to.byte(0);
                When::At(self.due_ms)
            }
            State::Sending { left_ms } => {
                to.byte(1);
                to.signed(*left_ms);
                When::In(*left_ms)
            }
            State::Ended(verdict) => {
                to.byte(2);
                verdict::encode(verdict, &mut to);
                When::In(0)
            }
        };
        let flag = |on: bool, flag: u8| if on { flag } else { 0 };
        let Payload { body, checked, tag, timeout_ms, resend, notify, rules } = &self.payload;
        to.byte(
            flag(self.key.is_some(), HAS_KEY)
                | flag(self.in_doubt, IN_DOUBT)
                | flag(timeout_ms.is_some(), HAS_TIMEOUT)
                | flag(*resend, RESEND)
                | flag(*notify, NOTIFY)
                | flag(*checked, CHECKED)
                | flag(*rules, RULES),
        );
        to.text(&self.openid);
        to.text(&self.template_id);
        if let Some(key) = &self.key {
            to.text(key);
        }
        to.signed(self.due_ms);
        to.signed(self.expires_ms);
        to.unsigned(self.tries.into());
        to.text(&self.why);
        to.fixed(self.sender.cast_unsigned(), 8);
        if let Some(timeout_ms) = timeout_ms {
            to.unsigned(*timeout_ms);
        }
        to.unsigned(*tag);
        to.text(body);
        let value = to.finish(&name);
        changes.put(name.clone(), Some(value), None);
        changes.look_at(name, when);
    }

    /// How the journal names its template: short, where the player's count has it so.
    pub fn template(&self, player: &Player) -> Template {
        player.name_of(&TemplateId::new(self.template_id.clone(), false))
    }

    /// What the history says of it.
    pub fn told<'a>(&'a self, player: &Player, what: What, verdict: &'a Verdict) -> Told<'a> {
        let (template, key) = (self.template(player), self.key.as_deref());
        Told { what, template, verdict, key, before: None, campaign: None }
    }

    /// Takes it out of the outbox.
    pub fn remove(name: Name, changes: &mut Changes) {
        changes.put(name.clone(), None, None);
        changes.look_at(name, When::Never);
    }

    /// It waits again after a try.
    pub fn wait_again(&mut self, due_ms: i64, why: String, in_doubt: bool) {
        self.state = State::Waiting;
        self.tries = self.tries.saturating_add(1);
        self.due_ms = due_ms;
        self.why = why;
        self.in_doubt |= in_doubt;
    }
}

const HAS_KEY: u8 = 1;
const IN_DOUBT: u8 = 2;
const HAS_TIMEOUT: u8 = 4;
const RESEND: u8 = 8;
const NOTIFY: u8 = 16;
const CHECKED: u8 = 32;
const RULES: u8 = 64;

/// What becomes of a message after a try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Disposition {
    /// It ends, and its host is told this.
    Final(Box<Verdict>),
    /// It waits for another try.
    Again {
        /// Until then, Unix milliseconds.
        due_ms: i64,
        /// What stood in the way.
        why: String,
    },
    /// It was cancelled, replaced or taken over meanwhile: whoever did that tells its end.
    NotOurs,
}

/// Decides on a message of ours after a try that came to this verdict. `spread`: any number, so that those that failed
/// together don't come back together.
pub fn dispose(message: &Message, tried: Verdict, now_ms: i64, spread: u64) -> Disposition {
    let again = match tried.status {
        Status::Expired => false,
        Status::Unknown | Status::Panic => message.payload.resend && tried.flags & Verdict::REPLAYED == 0,
        // Of the rules only quiet hours are waited for.
        Status::Skipped => {
            let after_ms = i64::from(tried.retry_after_ms);
            tried.skipped == Some(SkipReason::Quiet) && now_ms.saturating_add(after_ms) < message.expires_ms
        }
        // Whatever the store did, the message was not sent.
        Status::Store => tried.retry != Retry::Never,
        _ => tried.retry == Retry::Later,
    };
    if !again {
        return Disposition::Final(Box::new(last_word(message, tried)));
    }
    let doubled = FIRST_PAUSE_MS.saturating_mul(1 << message.tries.min(20)).min(LONGEST_PAUSE_MS);
    let spread_ms = (spread % (doubled.cast_unsigned() / 2 + 1)).cast_signed();
    let least_ms = match tried.status {
        Status::Unknown | Status::Panic => KEEP_LEASE_MS,
        _ => i64::from(tried.retry_after_ms),
    };
    let pause_ms = if tried.status == Status::Cancelled { 0 } else { (doubled / 2 + spread_ms).max(least_ms) };
    let why = format!("{}, {}", tried.status.c_name().to_string_lossy(), tried.message)
        .chars()
        .take(verdict::MAX_TEXT)
        .collect();
    Disposition::Again { due_ms: now_ms.saturating_add(pause_ms).min(message.expires_ms), why }
}

/// The last try's verdict; when an earlier one may have arrived, it says so. Where no request left since, what that earlier
/// one came to is the last word.
fn last_word(message: &Message, tried: Verdict) -> Verdict {
    if !message.in_doubt || tried.had_effect() {
        return tried;
    }
    if tried.attempts == 0 {
        let then = tried.status.c_name().to_string_lossy();
        let text = format!("maybe sent by an earlier try; then: {then}, {}", tried.message);
        let Verdict { status, retry, message, .. } = Error::new(Status::Unknown, text).into();
        return Verdict { status, retry, retry_after_ms: 0, message, ..tried };
    }
    let retry = if tried.retry == Retry::Later { Retry::Unsafe } else { tried.retry };
    let text = format!("an earlier try may have arrived; the last one: {}", tried.message);
    Verdict { retry, message: text, ..tried }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_of_the_store_ends_a_message_only_where_its_record_is_damaged() {
        let payload = Payload {
            body: "{}".to_owned(),
            checked: true,
            tag: 0,
            timeout_ms: None,
            resend: false,
            notify: true,
            rules: false,
        };
        let message = Message {
            openid: "o".to_owned(),
            template_id: "t".to_owned(),
            key: None,
            due_ms: 0,
            expires_ms: 1_000_000,
            payload,
            tries: 0,
            why: String::new(),
            in_doubt: false,
            sender: 0,
            state: State::Waiting,
        };
        for (retry, ends) in [(Retry::Later, false), (Retry::Unsafe, false), (Retry::Never, true)] {
            let failed = Verdict::from(Error { retry, ..Error::new(Status::Store, "planted") });
            let disposition = dispose(&message, failed, 0, 0);
            assert_eq!(matches!(disposition, Disposition::Final(_)), ends, "{retry:?}: {disposition:?}");
        }
    }
}
