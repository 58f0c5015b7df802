//! The player's lease among all processes: waited for, and taken.

use std::time::{Duration, Instant};

use super::{Begun, Deadlines, Executed, Prepared, Purpose, Sender, no_quota};
use crate::client::options::Options;
use crate::clock::{Deadline, Now};
use crate::error::{Error, Retry, Status, Verdict};
use crate::ledger::{self, BeginResult, BeginSend, Skip};

/// A lease lasts this much longer than its call's deadline: time to settle, and for WeChat to finish a request whose
/// answer was no longer waited for.
const LEASE_MARGIN_MS: i64 = 2000;
/// A look at a busy player that begins with less time than this may fail for want of it: he counts as busy.
const LAST_LOOK: Duration = Duration::from_millis(50);

impl Sender {
    /// Waits for the player's lease among all processes, and takes it with a unit; or finds the verdict already known.
    pub(super) fn begin(
        &self,
        prepared: &Prepared,
        options: &Options,
        purpose: Purpose,
        skip_all: Option<Skip>,
        deadlines: Deadlines,
        patience: Deadline,
    ) -> Result<Begun, Error> {
        let waits = matches!(purpose, Purpose::Caller);
        let (message, campaign) = match purpose {
            Purpose::Caller => (None, None),
            Purpose::Stored(stored) => (Some(stored), None),
            Purpose::Campaign(campaign) => (None, Some(campaign)),
        };
        let mut begin = BeginSend {
            openid: prepared.openid.clone(),
            template: prepared.template.clone(),
            enforce: self.core.config.enforce_quota,
            long_term: prepared.long_term,
            key: options.key.clone(),
            holder: self.core.new_number(),
            process: self.core.process,
            lease_ms: 0,
            message,
            bound: self.rules.bound(options.rules, campaign, skip_all),
        };
        let (mut busy_ms, mut took) = (None, Duration::ZERO);
        loop {
            begin.lease_ms = deadlines.whole.left().as_millis() as i64 + LEASE_MARGIN_MS;
            let last_start_boot_ms = Now::read().boot_ms + deadlines.start.left().as_millis() as i64;
            let (began, left) = (Instant::now(), deadlines.start.left());
            let begun = self.core.engine.run(ledger::begin(begin.clone()), deadlines.start);
            let ms = match begun {
                Err(e) => {
                    let e = self.not_begun(&begin, e);
                    return match busy_ms.filter(|_| is_too_late(&e, left, took)) {
                        Some(ms) => player_busy(waits, ms),
                        None => Err(e),
                    };
                }
                Ok(BeginResult::Held(hold)) => return Ok(Begun::Held(hold, last_start_boot_ms)),
                Ok(BeginResult::Before(first)) => {
                    let again = Verdict { flags: first.flags | Verdict::REPLAYED, ..first };
                    return Ok(Begun::Not(Executed::NotBegun(again)));
                }
                Ok(BeginResult::NoQuota) => return Ok(Begun::Not(Executed::NotBegun(no_quota()))),
                Ok(BeginResult::Skipped(skip)) => return Ok(Begun::Not(Executed::NotBegun(skip.verdict()))),
                Ok(BeginResult::Had(standing)) => return Ok(Begun::Not(Executed::Had(standing))),
                Ok(BeginResult::NotOurs) => return Ok(Begun::Not(Executed::NotOurs)),
                Ok(BeginResult::OtherTemplate(other)) => {
                    return Err(ledger::other_template(&self.templates.spell(&other)));
                }
                Ok(BeginResult::Busy(ms)) => ms,
            };
            (busy_ms, took) = (Some(ms), began.elapsed());
            let pause = pause_before_look(ms);
            if patience.left() <= pause {
                return player_busy(waits, ms);
            }
            self.core.in_flight.sleep(pause)?;
            self.wait_for_player(&begin, patience)?;
        }
    }

    /// Waits until the player's lease may be free, or there is no patience left.
    fn wait_for_player(&self, begin: &BeginSend, patience: Deadline) -> Result<(), Error> {
        let mut took = Duration::ZERO;
        loop {
            let (began, left) = (Instant::now(), patience.left());
            let ms = match self.core.engine.run(ledger::wait_for(begin), patience) {
                Ok(None) => return Ok(()),
                Ok(Some(ms)) => ms,
                // He was busy at the last look.
                Err(e) if is_too_late(&e, left, took) => return Ok(()),
                Err(e) => return Err(e.nothing_sent()),
            };
            took = began.elapsed();
            let pause = pause_before_look(ms);
            if patience.left() <= pause {
                return Ok(());
            }
            self.core.in_flight.sleep(pause)?;
        }
    }

    /// What was maybe begun is given back; nothing has left, so that the same call may be made later.
    fn not_begun(&self, begin: &BeginSend, e: Error) -> Error {
        if e.status == Status::Store && e.retry == Retry::Unsafe {
            self.core.engine.run_later(ledger::abandon(begin.clone()));
        }
        e.nothing_sent()
    }
}

/// How long to wait before a look at a player who is busy for so many milliseconds at most.
fn pause_before_look(ms: i64) -> Duration {
    Duration::from_millis(fastrand::u64(3..20).min(ms.unsigned_abs()))
}

/// Whether the store failed since there was hardly any time for it when it was asked; the look before `took` so long.
fn is_too_late(e: &Error, left: Duration, took: Duration) -> bool {
    e.status == Status::Store && left < LAST_LOOK.max(2 * took)
}

fn player_busy(waits: bool, ms: i64) -> Result<Begun, Error> {
    if !waits {
        return Ok(Begun::Not(Executed::PlayerBusy));
    }
    let why =
        "another send to this player, maybe of another process, held the lease until the deadline; nothing was sent";
    Err(Error::new(Status::Busy, why).after_ms(u32::try_from(ms).unwrap_or(u32::MAX)))
}
