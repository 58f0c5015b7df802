//! Asking for a token failed: whom that concerns, and for how long nobody of them asks again.

use std::time::Duration;

use super::endpoint::NoToken;
use super::{LEAST_LEFT, TokenSource};
use crate::client::in_flight::cancelled;
use crate::clock::{Deadline, Now};
use crate::config::{Config, TokenMode};
use crate::error::{Error, Status};
use crate::ledger::{self, FailureScope, TokenFailure};
use crate::log::log_line;
use crate::secret::Secret;
use crate::sync::Mutex;
use crate::wechat::{Concern, concern};

/// A pause up to this long is waited out even if the last failure was one for an operator: he may just have put it right.
const SHORT_PAUSE_MS: i64 = 500;
/// Pauses after failures: doubled each time, from …
const FIRST_PAUSE_MS: i64 = 250;
/// … to.
const LONGEST_PAUSE_MS: i64 = 30_000;
/// … or this, where the answer to a request for a legacy token was lost: each may be one of the account's 2000 a day.
const LONGEST_LEGACY_PAUSE_MS: i64 = 240_000;
/// A client's own failure says nothing any more so long after its pause.
const FORGOTTEN_AFTER_MS: i64 = 3_600_000;
/// Others look at least so often whether it is their turn.
const OTHERS_FIRST_MS: i64 = 100;

/// How this client failed last, since it got a token: the store keeps the failures of a few machines only.
#[derive(Default)]
pub(super) struct OwnFailure(Mutex<Option<Remembered>>);

struct Remembered {
    failure: TokenFailure,
    /// By the boot clock.
    paused_until_ms: i64,
}

impl OwnFailure {
    pub(super) fn read(&self, now: &Now) -> Option<TokenFailure> {
        let kept = self.0.lock();
        let Remembered { failure, paused_until_ms } = kept.as_ref()?;
        if now.boot_ms - paused_until_ms > FORGOTTEN_AFTER_MS {
            return None;
        }
        Some(TokenFailure { pause_ms: (paused_until_ms - now.boot_ms).max(0), ..failure.clone() })
    }

    fn note(&self, failure: TokenFailure) {
        let paused_until_ms = Now::read().boot_ms + failure.pause_ms;
        *self.0.lock() = Some(Remembered { failure, paused_until_ms });
    }

    pub(super) fn forget(&self) {
        *self.0.lock() = None;
    }
}

impl TokenSource {
    /// Tells others that asking failed, and waits until it may be tried again, if that is worth it.
    pub(super) fn failed(&self, no: &NoToken, failures: u32, deadline: Deadline) -> Result<Error, Error> {
        let (why, pause_ms) = (no.why.clone(), self.tell_failed(no, failures));
        if why.status == Status::Auth {
            log_line!(self.core.log, Error, "no access token: {}", why.message);
            let after_ms = why.retry_after_ms.max(pause_ms as u32);
            return Err(why.after_ms(after_ms));
        }
        log_line!(self.core.log, Warn, "no access token yet: {}", why.message);
        self.wait_out(why, pause_ms, deadline)
    }

    /// Tells others; returns for how many milliseconds none of them shall ask.
    fn tell_failed(&self, no: &NoToken, failures: u32) -> i64 {
        let why = &no.why;
        let pause_ms = pause_after(failures, why, self.longest_pause_ms(no));
        let scope = match (why.errcode, concern(why.errcode)) {
            // WeChat was not reached, or something in between answered.
            (0, _) | (_, Concern::Machine) => FailureScope::Machine,
            (_, Concern::Secret) => FailureScope::Secret,
            (_, Concern::Account) => FailureScope::Everybody,
        };
        let (process, concerned, why) = (self.core.process, self.concerned(), why.clone());
        let (whose, times) = (concerned.whose(scope), failures.saturating_add(1));
        self.own_failure.note(TokenFailure { whose, times, pause_ms, why: why.clone() });
        let told = ledger::fail_token(&self.slot, process, why, scope, concerned, pause_ms, no.maybe_lost);
        self.core.engine.run_later(told);
        pause_ms
    }

    fn longest_pause_ms(&self, no: &NoToken) -> i64 {
        if self.may_be_spent(no) { LONGEST_LEGACY_PAUSE_MS } else { LONGEST_PAUSE_MS }
    }

    /// Whether it may be one of the account's few tokens of this day.
    fn may_be_spent(&self, no: &NoToken) -> bool {
        no.maybe_lost && self.mode() == TokenMode::Legacy
    }

    /// The caller's own time was too short, or the client is being closed: that says nothing of WeChat, and others may
    /// ask at once, but for a token of which there are few. On another machine they have the first turn: those on this one may
    /// all wait for an answer that does not come.
    pub(super) fn give_up(&self, no: &NoToken, failures: u32) -> Error {
        let pause_ms = if self.may_be_spent(no) {
            self.tell_failed(no, failures)
        } else {
            let (why, concerned) = (no.why.clone(), self.concerned());
            let pause_ms = if self.core.in_flight.is_aborted() { 0 } else { OTHERS_FIRST_MS };
            let release = ledger::release_token(&self.slot, self.core.process, why, concerned, pause_ms);
            self.core.engine.run_later(release);
            FIRST_PAUSE_MS
        };
        if self.core.in_flight.is_aborted() {
            return cancelled();
        }
        let why = no.why.clone();
        let after_ms = why.retry_after_ms.max(u32::try_from(pause_ms).unwrap_or(u32::MAX));
        why.after_ms(after_ms)
    }

    /// Sleeps through the pause after a failure, if that is worth it; else fails as the one before did.
    pub(super) fn wait_out(&self, why: Error, pause_ms: i64, deadline: Deadline) -> Result<Error, Error> {
        let pause = Duration::from_millis(pause_ms.unsigned_abs());
        let short_enough = why.status != Status::Auth || pause_ms <= SHORT_PAUSE_MS;
        let why = why.after_ms(u32::try_from(pause_ms).unwrap_or(u32::MAX));
        if short_enough && pause + LEAST_LEFT < deadline.left() {
            return self.core.in_flight.sleep(pause).map(|()| why);
        }
        Err(why)
    }
}

/// What a failure to reach WeChat is shared by: this machine, and the same proxy and certificates. Containers share a
/// system, but not its name, and may have addresses of their own.
pub(super) fn way_to_wechat(config: &Config, process: i64) -> String {
    let machine = match std::fs::read_to_string("/proc/sys/kernel/hostname") {
        Ok(name) => format!("{}\n{name}", Now::read().boot_id),
        // Nothing tells it from others.
        Err(_) => format!("process {process}"),
    };
    let proxy = config.proxy.as_ref().map_or("", Secret::expose);
    [&machine, proxy, config.ca_file.as_deref().unwrap_or_default()].join("\n")
}

/// Doubled with each failure, jittered, and not below what the failure itself asks for, within reason.
fn pause_after(failures: u32, why: &Error, longest_ms: i64) -> i64 {
    let doubled = FIRST_PAUSE_MS << failures.min(10);
    let least = i64::from(why.retry_after_ms).min(LONGEST_PAUSE_MS);
    let pause = doubled.clamp(FIRST_PAUSE_MS, longest_ms).max(least);
    pause - fastrand::i64(0..=pause / 5)
}
