//! The access token in memory: the cache that everybody reads, and the gate that one at a time goes through to fill it.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::clock::{Deadline, Now};
use crate::ledger::TokenRefusal;
use crate::secret::Secret;
use crate::sync::{Mutex, MutexGuard, lock_until};

/// WeChat hands out a new token from 5 minutes before the end of the old one on, and both work (docs/wechat-api.md, section 2).
const RENEW_BEFORE_MS: i64 = 300_000;

/// A token and its end by both clocks; it ends by whichever says so first.
struct Kept {
    token: Secret,
    ends_boot: i64,
    ends_wall: i64,
    life_ms: i64,
}

/// What the cache holds.
#[derive(Debug, PartialEq, Eq)]
pub enum Held {
    /// A token with time left.
    Good(Secret),
    /// One that still works, but should be renewed behind the senders' backs.
    Aging(Secret),
    /// None that works.
    Nothing,
}

/// The cache and the gate.
#[derive(Default)]
pub struct TokenCache {
    kept: Mutex<Option<Kept>>,
    /// The one that was refused last: whoever reads it in the store before that knows must not bring it back.
    refused: Mutex<Option<(Secret, TokenRefusal)>>,
    /// WeChat has accepted the token that is kept.
    accepted: AtomicBool,
    gate: Mutex<()>,
}

/// With how much time left a token of this life is to be renewed: 5 minutes, or half of a short life.
fn renew_below_ms(life_ms: i64) -> i64 {
    RENEW_BEFORE_MS.min(life_ms / 2)
}

impl TokenCache {
    /// What is there now.
    pub fn read(&self, now: &Now) -> Held {
        match &*self.kept.lock() {
            None => Held::Nothing,
            Some(kept) => match (kept.ends_boot - now.boot_ms).min(kept.ends_wall - now.wall_ms) {
                left if left <= 0 => Held::Nothing,
                left if left <= renew_below_ms(kept.life_ms) => Held::Aging(kept.token.clone()),
                _ => Held::Good(kept.token.clone()),
            },
        }
    }

    /// How long the token that is there was good for, and how much of that is left; None: it is over, or there is none.
    pub fn times(&self, now: &Now) -> Option<(i64, i64)> {
        let kept = self.kept.lock();
        let kept = kept.as_ref()?;
        let left_ms = (kept.ends_boot - now.boot_ms).min(kept.ends_wall - now.wall_ms);
        (left_ms > 0).then_some((kept.life_ms, left_ms))
    }

    /// If the token should be renewed: how much must be left of one that is better.
    pub fn aging(&self, now: &Now) -> Option<i64> {
        let below_ms = self.kept.lock().as_ref().map(|kept| renew_below_ms(kept.life_ms));
        below_ms.filter(|_| matches!(self.read(now), Held::Aging(_)))
    }

    /// Puts a token in.
    pub fn put(&self, token: Secret, left_ms: i64, life_ms: i64, now: &Now) {
        self.refused.lock().take_if(|(refused, _)| *refused == token);
        let mut kept = self.kept.lock();
        self.accepted.store(false, Ordering::Relaxed);
        *kept = Some(Kept { token, ends_boot: now.boot_ms + left_ms, ends_wall: now.wall_ms + left_ms, life_ms });
    }

    /// Takes this token out, and no other: a late refusal must not drop a newer one.
    pub fn drop_refused(&self, token: &Secret, said: TokenRefusal) {
        *self.refused.lock() = Some((token.clone(), said));
        let mut kept = self.kept.lock();
        if kept.as_ref().is_some_and(|k| k.token == *token) {
            *kept = None;
        }
    }

    /// WeChat has accepted this token; whether that is news.
    pub fn note_accepted(&self, token: &Secret) -> bool {
        if self.accepted.load(Ordering::Relaxed) {
            return false;
        }
        let kept = self.kept.lock();
        let is_it = kept.as_ref().is_some_and(|kept| kept.token == *token);
        is_it && !self.accepted.swap(true, Ordering::Relaxed)
    }

    /// If this is the token that was refused last: what WeChat said.
    pub fn refusal(&self, token: &Secret) -> Option<TokenRefusal> {
        self.refused.lock().as_ref().filter(|(refused, _)| refused == token).map(|(_, said)| *said)
    }

    /// Goes through the gate; None when the deadline came first. Whoever is through looks at the cache again: the one
    /// before may have filled it.
    pub fn enter(&self, deadline: Deadline) -> Option<MutexGuard<'_, ()>> {
        lock_until(&self.gate, deadline.instant())
    }

    /// Goes through the gate if nobody is there.
    pub fn try_enter(&self) -> Option<MutexGuard<'_, ()>> {
        self.gate.try_lock()
    }
}

#[cfg(all(test, feature = "schedules"))]
mod schedules;

#[cfg(test)]
mod tests {
    use super::*;

    fn at(boot_ms: i64, wall_ms: i64) -> Now {
        Now { boot_ms, wall_ms, boot_id: "b" }
    }

    fn secret(text: &str) -> Secret {
        Secret::new(text.to_owned())
    }

    #[test]
    fn ends_by_whichever_clock_says_so_first() {
        let cache = TokenCache::default();
        cache.put(secret("t"), 7_200_000, 7_200_000, &at(0, 1_000_000));
        assert_eq!(cache.read(&at(1, 1_000_001)), Held::Good(secret("t")));
        assert_eq!(cache.read(&at(6_900_000, 1_000_001)), Held::Aging(secret("t")));
        assert_eq!(cache.read(&at(7_200_000, 1_000_001)), Held::Nothing, "the wall clock was set back");
        assert_eq!(cache.read(&at(1, 8_200_000)), Held::Nothing, "the wall clock was set forward");
    }

    #[test]
    fn a_short_life_is_renewed_at_half() {
        let cache = TokenCache::default();
        cache.put(secret("t"), 300_000, 300_000, &at(0, 0));
        assert_eq!(cache.read(&at(149_999, 0)), Held::Good(secret("t")));
        assert_eq!(cache.read(&at(150_000, 0)), Held::Aging(secret("t")));
    }

    #[test]
    fn a_late_refusal_does_not_drop_a_newer_token() {
        let cache = TokenCache::default();
        cache.put(secret("new"), 1000, 1000, &at(0, 0));
        let said = TokenRefusal { errcode: 42001, http_status: 200 };
        cache.drop_refused(&secret("old"), TokenRefusal::default());
        assert_eq!(cache.read(&at(0, 0)), Held::Good(secret("new")));
        cache.drop_refused(&secret("new"), said);
        assert_eq!(cache.read(&at(0, 0)), Held::Nothing);
        assert_eq!((cache.refusal(&secret("new")), cache.refusal(&secret("old"))), (Some(said), None));
    }
}
