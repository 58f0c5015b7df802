//! What a thread of the pool does with a call, and what becomes of calls that were not begun.

use std::sync::Arc;
use std::time::Instant;

use super::queue::{QueuedCall, Work};
use super::results::ResultSlot;
use crate::client::in_flight::cancelled;
use crate::client::{Parts, since};
use crate::error::{Error, Retry, Status, Verdict};
use crate::log::log_line;
use crate::panics;

impl Parts {
    /// Does what a call asks for.
    pub fn run_queued(&self, call: &QueuedCall, work: Work) {
        let started = Instant::now();
        // Kept until the result is there, so that no look at what runs misses it.
        let (_running, refused) = match self.core.in_flight.enter_queued() {
            Ok(running) => (Some(running), None),
            Err(e) => (None, Some(e)),
        };
        let unless_refused = |work: &dyn Fn() -> Result<Verdict, Error>| match refused.clone() {
            Some(e) => Err(e),
            None => caught(work),
        };
        let is_report = matches!(work, Work::Report { .. });
        let done = |slot: Option<ResultSlot>, verdict: Result<Verdict, Error>| {
            let verdict = Verdict { elapsed_ms: since(started), ..verdict.unwrap_or_else(Verdict::from) };
            if !is_report && verdict.flags & Verdict::STORED == 0 {
                self.core.counters.count(&verdict);
            }
            call.set_answered();
            match slot {
                Some(slot) => slot.fill(verdict),
                None if verdict.status != Status::Ok => {
                    let (status, why) = (verdict.status, &verdict.message);
                    log_line!(self.core.log, Warn, "a message without notify: {status:?}, {why}");
                }
                None => {}
            }
        };
        match work {
            Work::Report { template_id, answer, slot } => {
                let key = slot.key().to_owned();
                let key = Some(key.as_str()).filter(|k| !k.is_empty());
                let report = || self.reports.report(call.openid(), template_id.as_deref(), answer, key);
                let verdict = unless_refused(&report);
                done(Some(slot), verdict);
            }
            Work::Store { message, options, slot, .. } => {
                done(slot, unless_refused(&|| self.outbox.enqueue(&message, &options)));
            }
            Work::Send { message, options, slot } => {
                let send = || {
                    let verdict = self.sender.send(&message, &options);
                    Ok(too_late(verdict, options.expires_at, self.core.engine.wall_ms()))
                };
                done(slot, unless_refused(&send));
            }
            Work::Turn(turn) => {
                if refused.is_none() {
                    self.campaigns.take_turn(*turn);
                }
            }
            Work::Deliver { name, slot } => match refused {
                None => self.outbox.deliver(&name, slot),
                Some(_) => slot.into_iter().for_each(ResultSlot::give_up),
            },
        }
    }

    /// Tells those who wait for it that it was not done.
    pub fn give_up(&self, left: impl IntoIterator<Item = Arc<QueuedCall>>) {
        for call in left {
            match call.take() {
                Some(Work::Report { slot, .. }) => slot.fill(cancelled().into()),
                Some(Work::Store { slot, .. } | Work::Send { slot, .. }) => {
                    self.core.counters.count(&cancelled().into());
                    if let Some(slot) = slot {
                        slot.fill(cancelled().into());
                    }
                }
                Some(Work::Deliver { slot, .. }) => slot.into_iter().for_each(ResultSlot::give_up),
                Some(Work::Turn(_)) | None => {}
            }
        }
    }
}

/// One that could be sent later only after it is too late has expired.
fn too_late(verdict: Verdict, expires_at: Option<i64>, now_ms: i64) -> Verdict {
    let again_ms = now_ms.saturating_add(i64::from(verdict.retry_after_ms));
    // What a rule keeps back is told so.
    let fails = verdict.retry != Retry::Later || verdict.status == Status::Skipped;
    if fails || expires_at.is_none_or(|at| at > again_ms) {
        return verdict;
    }
    let why = format!("expires_at passed before it could be sent: {}", verdict.message);
    Verdict { status: Status::Expired, retry: Retry::Never, message: why, ..verdict }
}

fn caught(work: impl FnOnce() -> Result<Verdict, Error>) -> Result<Verdict, Error> {
    panics::catch(work).unwrap_or_else(|place| {
        Err(Error::new(Status::Panic, format!("maybe done: a bug of wxsub's was caught at {place}; please report it")))
    })
}
