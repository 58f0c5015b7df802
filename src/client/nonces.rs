//! Which signed queries were used before, and with which body: plain mode signs no body.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::event::{Digest, Unsigned};

/// What using a query once more is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// It was never used, as far as is remembered.
    First,
    /// WeChat, or whoever, pushes the same body again.
    SameBody,
    /// Somebody repeats the query with a body of his own.
    OtherBody,
}

/// The queries whose timestamps are not too old.
#[derive(Default)]
pub struct Nonces {
    used: Mutex<Used>,
}

#[derive(Default)]
struct Used {
    by_nonce: HashMap<Digest, (Digest, Instant)>,
    /// When there are so many, those that are too old are thrown out.
    tidy_at: usize,
}

/// Below this nothing is thrown out.
const FEW: usize = 1024;

impl Nonces {
    /// Remembers the first body of a query for `keep_ms`, and tells how the present one compares with it.
    pub fn first_use(&self, push: &Unsigned, now: Instant) -> Use {
        let mut used = self.used.lock();
        if used.by_nonce.len() >= used.tidy_at {
            used.by_nonce.retain(|_, (_, until)| *until > now);
            used.tidy_at = FEW.max(used.by_nonce.len() * 2);
        }
        match used.by_nonce.get(&push.nonce).filter(|(_, until)| *until > now) {
            Some((body, _)) if *body == push.body => Use::SameBody,
            Some(_) => Use::OtherBody,
            None => {
                used.by_nonce.insert(push.nonce, (push.body, now + Duration::from_millis(push.keep_ms)));
                Use::First
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn push(nonce: u16, body: u8, keep_ms: u64) -> Unsigned {
        let mut digest = [0; 20];
        digest[..2].copy_from_slice(&nonce.to_be_bytes());
        Unsigned { nonce: digest, body: [body; 20], keep_ms }
    }

    #[test]
    fn a_query_belongs_to_its_first_body() {
        let (nonces, now) = (Nonces::default(), Instant::now());
        let later = now + Duration::from_millis(999);
        assert_eq!(nonces.first_use(&push(1, 1, 1000), now), Use::First);
        assert_eq!(nonces.first_use(&push(1, 1, 1000), later), Use::SameBody);
        assert_eq!(nonces.first_use(&push(1, 2, 1000), later), Use::OtherBody);
        assert_eq!(nonces.first_use(&push(1, 1, 1000), later), Use::SameBody, "the first one stays");
        assert_eq!(nonces.first_use(&push(2, 2, 1000), later), Use::First);
        let too_old = now + Duration::from_millis(1000);
        assert_eq!(nonces.first_use(&push(1, 2, 1000), too_old), Use::First);
    }

    #[test]
    fn what_is_too_old_is_thrown_out() {
        let (nonces, mut now) = (Nonces::default(), Instant::now());
        for nonce in 0..60_000 {
            now += Duration::from_millis(1);
            assert_eq!(nonces.first_use(&push(nonce, 1, 1000), now), Use::First);
            assert!(nonces.used.lock().by_nonce.len() <= 2 * FEW, "{nonce}");
        }
    }
}
