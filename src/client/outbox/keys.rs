//! What a host asks of a keyed message: take it back, tell what became of it.

use super::Outbox;
use super::queue::QueuedCall;
use crate::client::core::usable_key;
use crate::clock::Deadline;
use crate::error::{Error, Retry, Status, Verdict};
use crate::ledger::{self, Cancelled, KeyStatus};
use crate::store::home_of;
use crate::wechat::check_id;
use crate::worker::Found;

impl Outbox {
    /// Takes a message back before it is sent. See `wxsub_cancel`.
    ///
    /// # Errors
    /// [`Status::TooLate`], [`Status::NotFound`], [`Status::Store`], [`Status::Arg`].
    pub fn cancel(&self, openid: &str, key: &str) -> Result<Verdict, Error> {
        let key = a_key(openid, key)?;
        let deadline = self.core.deadline();
        let cancelled = |tag, template_id| Verdict {
            tag,
            template_id,
            key: key.to_owned(),
            ..Verdict::ok("cancelled: it will not be sent")
        };
        let queued = self.cancel_queued(openid, key, deadline)?;
        let operation = ledger::cancel(openid.to_owned(), key.to_owned(), ledger::cancelled().into());
        let done = self.core.engine.run(operation, deadline)?;
        self.core.touch_maintenance();
        self.dispatcher.wake();
        match done {
            Cancelled::Now { template_id, tag } => {
                self.core.counters.count(&ledger::cancelled().into());
                Ok(cancelled(tag, template_id))
            }
            Cancelled::TooLate(None) => Err(Error::new(Status::TooLate, "the message with this key is being sent")),
            Cancelled::TooLate(Some((first, template))) => {
                let (status, said) = (first.status.c_name().to_string_lossy(), &first.message);
                let why = format!("the message with this key has ended as {status}: {said}; too late to cancel it");
                let template_id = self.templates.spell(&template);
                Ok(Verdict { status: Status::TooLate, retry: Retry::Never, message: why, template_id, ..first })
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
        let Some(pool) = self.queue.pool() else { return Ok(None) };
        let lane = home_of(openid);
        let is_it = |call: &QueuedCall| call.is_message(openid, key);
        let mut cancelled = None;
        loop {
            match pool.take(lane, is_it) {
                Found::Taken(call) => {
                    self.core.counters.count(&ledger::cancelled().into());
                    cancelled = call.cancel(ledger::cancelled()).or(cancelled);
                }
                Found::Running if pool.runs(lane, |call| is_it(call) && !call.is_storing()) => {
                    return Err(Error::new(Status::TooLate, "the message with this key is being sent"));
                }
                Found::Running => {
                    // It is on disk in a moment, and can be taken back there.
                    if !pool.wait_for(lane, is_it, deadline.instant()) {
                        return Ok(cancelled);
                    }
                }
                Found::Nowhere => return Ok(cancelled),
            }
        }
    }

    /// What became of a keyed message. See `wxsub_lookup`.
    ///
    /// # Errors
    /// [`Status::NotFound`], [`Status::Store`], [`Status::Arg`].
    pub fn look_up(&self, openid: &str, key: &str) -> Result<Verdict, Error> {
        let key = a_key(openid, key)?;
        let is_it = |call: &QueuedCall| call.is_message(openid, key);
        let queued = self.queue.pool().is_some_and(|pool| pool.holds(home_of(openid), is_it));
        let named = |verdict: Verdict| Verdict { key: key.to_owned(), ..verdict };
        let busy = |why: &str, ms: i64| {
            let ms = u32::try_from(ms).unwrap_or(u32::MAX);
            Ok(named(Error::new(Status::Busy, why).after_ms(ms).into()))
        };
        let operation = ledger::look_up(openid.to_owned(), key.to_owned());
        match self.core.engine.ask(operation, self.core.deadline())? {
            KeyStatus::NotFound if queued => busy("it is in this process's queue", 0),
            KeyStatus::NotFound => Err(no_such_key()),
            KeyStatus::Sending(ms) => busy("it is being sent", ms),
            KeyStatus::Ended { effect: false, .. } if queued => busy("it is in this process's queue", 0),
            KeyStatus::Ended { verdict, template, .. } => {
                let template_id = self.templates.spell(&template);
                Ok(named(Verdict { flags: verdict.flags | Verdict::REPLAYED, template_id, ..verdict }))
            }
            KeyStatus::Waits { due_ms, template_id, tag, tries, why } => {
                let when = match (due_ms, tries) {
                    (0, 0) => "it waits and is due".to_owned(),
                    (ms, 0) => format!("it waits; due in {} s", seconds(ms)),
                    (ms, n) => format!("it waits; tries so far: {n}, the next in {} s; {why}", seconds(ms)),
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
