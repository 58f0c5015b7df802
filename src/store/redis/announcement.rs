//! What a step leaves in the account's agenda: that a bucket has something.

use super::keys::{Keys, Place};
use super::script::{Attempt, Command};

/// That a bucket has something to look at, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Announcement {
    pub bucket: u64,
    pub at_ms: i64,
}

/// Tells all processes that a bucket has something.
pub fn announce(keys: &Keys, announcement: Announcement) -> Command {
    let Announcement { bucket, at_ms } = announcement;
    let (bucket, at) = (bucket.to_string(), at_ms.to_string());
    let mut attempt = Attempt::new(None, [].into_iter());
    attempt.then("ZADD", &keys.agenda(Place::Account), &[b"LT", at.as_bytes(), bucket.as_bytes()]);
    attempt.then("HINCRBY", &keys.own(Place::Account, "announced"), &[bucket.as_bytes(), b"1"]);
    attempt.then("INCR", &keys.own(Place::Account, "changes"), &[]);
    attempt.into_command()
}
