//! Messages in the store: put there, delivered when their time comes, cancelled, looked up.

use super::options::Options;
use super::results::Place;
use super::send::Row;
use super::{Inner, since, usable_key};
use crate::clock::{Deadline, Now};
use crate::error::{Error, Retry, Status, Verdict};
use crate::log::log_line;
use crate::panics;
use crate::store::{After, Cancelled, Claimed, Letter, Look, NewMessage, Put};
use crate::wechat::{Message, check_id};
use crate::worker::Found;

/// The first pause after a try that failed; doubled with each …
const FIRST_PAUSE_MS: i64 = 2000;
/// … up to this.
const LONGEST_PAUSE_MS: i64 = 600_000;
/// What a row keeps of the reason for the last failure, in characters.
const WHY: usize = 160;

impl Inner {
    /// Checks the message and lets it wait in the store.
    pub(super) fn store_message(&self, message_json: &str, options: &Options) -> Result<Verdict, Error> {
        let deadline = Deadline::in_ms(options.timeout_ms.unwrap_or(self.config.timeout_ms));
        let mut message = Message::parse(message_json)?;
        self.prepare(&mut message, deadline)?;
        let now_wall = self.store.wall_ms();
        let (deliver_wall, expires_wall) = options.times(now_wall);
        if expires_wall <= now_wall {
            return Err(Error::new(Status::Expired, "expires_at has passed already; nothing was stored or sent"));
        }
        let new = NewMessage {
            openid: message.touser.clone(),
            template_id: message.template_id.clone(),
            key: options.key.clone(),
            replace: options.replace,
            deliver_wall,
            expires_wall,
            letter: Letter {
                message: message_json.to_owned(),
                tag: options.tag,
                timeout_ms: options.timeout_ms,
                resend: options.resend,
                notify: options.notify,
            },
        };
        let put = self.store.put_message(new, Now::read(), deadline)?;
        self.touch_upkeep();
        self.courier.wake();
        let stored = |flags: u32, what: &str| Verdict { flags: Verdict::STORED | flags, ..Verdict::ok(what) };
        let verdict = match put {
            Put::New => stored(0, "stored"),
            Put::Replaced => stored(0, "stored, instead of the one that waited with this key"),
            Put::Kept => stored(Verdict::REPLAYED, "one with this key waits already, and stays"),
            Put::Before(first) => Verdict { flags: first.flags | Verdict::REPLAYED, ..first },
            Put::Sending(_) if options.replace => {
                return Err(Error::new(Status::TooLate, "the message with this key is being sent; nothing was stored"));
            }
            Put::Sending(ms) => {
                let ms = u32::try_from(ms).unwrap_or(u32::MAX);
                return Err(Error::new(Status::Busy, "a call with this key runs; nothing was stored").after_ms(ms));
            }
            Put::OtherTemplate(other) => return Err(super::send::other_template(&other)),
        };
        log_line!(self.log, Debug, "store {} {}: {}", message.touser, message.template_id, verdict.message);
        Ok(Verdict { template_id: message.template_id, ..verdict })
    }

    /// Sends a claimed message, or says why not; its outcome goes to `place`.
    pub(super) fn deliver(&self, claimed: Claimed, place: Option<Place>) {
        let started = std::time::Instant::now();
        let tried = panics::catch(|| self.try_to_deliver(&claimed)).unwrap_or_else(|at| {
            // Before or after the send itself, whose own panics end as its verdict: the lease will tell.
            log_line!(self.log, Error, "a bug of wxsub's was caught at {at}");
            (Verdict::ok(""), Row::Gone)
        });
        let (verdict, row) = tried;
        let after = next_try(&claimed, &verdict, self.store.wall_ms());
        let verdict = if matches!(after, After::Done) { last_word(&claimed, verdict) } else { verdict };
        let ours = match row {
            Row::Gone | Row::Settled(false) => false,
            Row::Settled(true) => true,
            Row::Open => {
                // What was kept of an earlier call with this key stays.
                let kept = (verdict.flags & Verdict::REPLAYED == 0).then(|| verdict.clone());
                self.finish(&claimed, after.clone(), kept)
            }
        };
        if ours && matches!(after, After::Done) {
            let verdict = Verdict { elapsed_ms: since(started), ..verdict };
            self.tell_outcome(&claimed, verdict, place);
        } else if let Some(place) = place {
            place.give_up();
        }
        self.courier.one_done();
    }

    fn try_to_deliver(&self, claimed: &Claimed) -> (Verdict, Row) {
        if self.store.wall_ms() >= claimed.expires_wall {
            let why = match claimed.why.as_str() {
                "" => "expires_at passed before it could be sent".to_owned(),
                why => format!("expires_at passed; {} tries before it, the last: {why}", claimed.tries),
            };
            return (Error::new(Status::Expired, why).into(), Row::Open);
        }
        let options = Options {
            key: claimed.key.clone(),
            tag: claimed.letter.tag,
            timeout_ms: claimed.letter.timeout_ms,
            expires_at: Some(claimed.expires_wall),
            ..Options::default()
        };
        match Message::parse(&claimed.letter.message) {
            Ok(message) => match self.send_message(message, &options, Some(claimed)) {
                Ok(sent) => sent,
                Err(e) => (e.into(), Row::Open),
            },
            Err(e) => (e.into(), Row::Open),
        }
    }

    fn finish(&self, claimed: &Claimed, after: After, verdict: Option<Verdict>) -> bool {
        let deadline = self.deadline();
        let verdict = verdict.map(|v| Verdict {
            key: claimed.key.clone().unwrap_or_default(),
            template_id: claimed.template_id.clone(),
            ..v
        });
        let kept = verdict.filter(|_| matches!(after, After::Done));
        self.store.finish_message(claimed.clone(), after, kept, Now::read(), deadline).unwrap_or_else(|e| {
            // The claim ends by itself, and another try is made.
            log_line!(self.log, Warn, "a message's end could not be written down: {}", e.message);
            false
        })
    }

    pub(super) fn tell_outcome(&self, claimed: &Claimed, verdict: Verdict, place: Option<Place>) {
        self.stats.count(&verdict);
        log_line!(
            self.log,
            Debug,
            "deliver {} {}: {:?}, {}",
            claimed.openid,
            claimed.template_id,
            verdict.status,
            verdict.message
        );
        let verdict = Verdict {
            flags: verdict.flags | Verdict::OUTCOME,
            template_id: claimed.template_id.clone(),
            key: claimed.key.clone().unwrap_or_default(),
            ..verdict
        };
        match place {
            Some(place) => place.fill(verdict),
            None if claimed.letter.notify => self.results.lose(),
            None => {}
        }
    }

    /// Gives a claimed message back that was not begun.
    pub(super) fn put_back(&self, claimed: Claimed, place: Option<Place>, deadline: Deadline) {
        if let Some(place) = place {
            place.give_up();
        }
        // No log line: this may run in wxsub_free, under a lock that the host's log function wants. If it fails, the
        // claim ends by itself.
        let _released = self.store.release_message(claimed, deadline);
        self.courier.one_done();
    }

    /// Takes a message back before it is sent. See `wxsub_cancel`.
    pub(super) fn cancel(&self, openid: &str, key: &str) -> Result<Verdict, Error> {
        let key = a_key(openid, key)?;
        let deadline = self.deadline();
        let why = || Error::new(Status::Cancelled, "cancelled before it was sent");
        let cancelled = |tag, template_id| Verdict {
            tag,
            template_id,
            key: key.to_owned(),
            ..Verdict::ok("cancelled: it will not be sent")
        };
        let queued = self.cancel_queued(openid, key, deadline)?;
        let verdict = Verdict { key: key.to_owned(), ..Verdict::from(why()) };
        let done = self.store.cancel_message(openid, key, verdict, Now::read(), deadline)?;
        self.touch_upkeep();
        self.courier.wake();
        match done {
            Cancelled::Now { template_id, tag } => {
                self.stats.count(&why().into());
                Ok(cancelled(tag, template_id))
            }

            Cancelled::TooLate(None) => Err(Error::new(Status::TooLate, "the message with this key is being sent")),
            Cancelled::TooLate(Some(first)) => {
                let why = format!("the message with this key has ended: {:?}, {}", first.status, first.message);
                Ok(Verdict { status: Status::TooLate, retry: Retry::Never, message: why, ..first })
            }
            Cancelled::NotFound => match queued {
                Some(tag) => Ok(cancelled(tag, String::new())),
                None => {
                    let why = "no message of this player waits with this key: it never did, or was cancelled before";
                    Err(Error::new(Status::NotFound, why))
                }
            },
        }
    }

    /// Takes all messages with this key out of the queue; with the last one's number.
    fn cancel_queued(&self, openid: &str, key: &str, deadline: Deadline) -> Result<Option<u64>, Error> {
        let Some(pool) = self.pool.get() else { return Ok(None) };
        let mut cancelled = None;
        loop {
            match pool.take(openid, |errand| errand.is_message(key)) {
                Found::Taken(errand) => {
                    let why = Error::new(Status::Cancelled, "cancelled before it was sent");
                    self.stats.count(&why.clone().into());
                    cancelled = errand.cancel(why).or(cancelled);
                }
                Found::Running if pool.runs(openid, |errand| errand.is_message(key) && !errand.is_storing()) => {
                    return Err(Error::new(Status::TooLate, "the message with this key is being sent"));
                }
                Found::Running => {
                    // It is on disk in a moment, and can be taken back there.
                    if !pool.wait_for(openid, |errand| errand.is_message(key), deadline.instant()) {
                        return Ok(cancelled);
                    }
                }
                Found::Nowhere => return Ok(cancelled),
            }
        }
    }

    /// What became of a keyed message. See `wxsub_lookup`.
    pub(super) fn look_up(&self, openid: &str, key: &str) -> Result<Verdict, Error> {
        let key = a_key(openid, key)?;
        let waits = self.pool.get().is_some_and(|pool| pool.holds(openid, |errand| errand.is_message(key)));
        let named = |verdict: Verdict| Verdict { key: key.to_owned(), ..verdict };
        let busy = |why: &str, ms: i64| {
            let ms = u32::try_from(ms).unwrap_or(u32::MAX);
            Ok(named(Error::new(Status::Busy, why).after_ms(ms).into()))
        };
        match self.store.look_up(openid, key, &Now::read(), self.deadline())? {
            Look::NotFound if waits => busy("it is in this process's queue", 0),
            Look::NotFound => Err(no_such_key()),
            Look::Sending(ms) => busy("it is being sent", ms),
            Look::Ended(verdict) if waits && !verdict.had_effect() => busy("it is in this process's queue", 0),
            Look::Ended(verdict) => Ok(named(Verdict { flags: verdict.flags | Verdict::REPLAYED, ..verdict })),
            Look::Waits { due_ms, template_id, tag, tries, why } => {
                let when = match (due_ms, tries) {
                    (0, 0) => "it waits and is due".to_owned(),
                    (ms, 0) => format!("it waits; due in {} s", seconds(ms)),
                    (ms, n) => format!("it waits; {n} tries so far, the next in {} s; {why}", seconds(ms)),
                };
                let retry_after_ms = u32::try_from(due_ms).unwrap_or(u32::MAX);
                let flags = Verdict::STORED;
                Ok(named(Verdict { flags, retry_after_ms, template_id, tag, ..Verdict::ok(when) }))
            }
        }
    }
}

fn seconds(ms: i64) -> i64 {
    ms / 1000 + i64::from(ms % 1000 > 0)
}

fn a_key<'a>(openid: &str, key: &'a str) -> Result<&'a str, Error> {
    check_id("openid", openid)?;
    usable_key(Some(key))?
        .ok_or_else(|| Error::new(Status::Arg, "key is empty: only a message that was given a key can be found"))
}

fn no_such_key() -> Error {
    Error::new(Status::NotFound, "no message of this player has this key, or it ended more than 24 hours ago")
}

/// Whether the message waits for another try, which is made no later than when it is too late.
pub(super) fn next_try(claimed: &Claimed, verdict: &Verdict, now_wall: i64) -> After {
    let again = match verdict.status {
        Status::Expired => false,
        Status::Unknown | Status::Panic => claimed.letter.resend && verdict.flags & Verdict::REPLAYED == 0,
        _ => verdict.retry == Retry::Later,
    };
    if !again {
        return After::Done;
    }
    let doubled = FIRST_PAUSE_MS.saturating_mul(1 << claimed.tries.min(20)).min(LONGEST_PAUSE_MS);
    let pause = match verdict.status {
        Status::Cancelled => 0,
        _ => (doubled / 2 + fastrand::i64(0..=doubled / 2)).max(i64::from(verdict.retry_after_ms)),
    };
    let why = format!("{:?}, {}", verdict.status, verdict.message).chars().take(WHY).collect();
    let maybe = verdict.had_effect();
    After::Again { due_wall: now_wall.saturating_add(pause).min(claimed.expires_wall), why, maybe }
}

/// The last word on a message: when an earlier try was maybe taken, a later one that was not does not undo that.
pub(super) fn last_word(claimed: &Claimed, verdict: Verdict) -> Verdict {
    if !claimed.maybe || verdict.had_effect() {
        return verdict;
    }
    let why = format!("maybe sent by an earlier try; the last one: {:?}, {}", verdict.status, verdict.message);
    let Verdict { status, retry, message, .. } = Error::new(Status::Unknown, why).into();
    Verdict { status, retry, retry_after_ms: 0, message, ..verdict }
}
