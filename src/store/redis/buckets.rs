//! Where a player's keys are, and which buckets have something to do.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use serde_json::json;

use super::script::OUTBOX;
use super::told::Answer;
use super::{At, RedisStore, slots};
use crate::clock::Deadline;
use crate::error::Error;

/// Each has its own hash tag. Never changed: it is where the players are.
pub const BUCKETS: u16 = 1024;
/// All buckets are looked through this often by one process of all, for what a dying one left unannounced.
pub const SWEEP_MS: u64 = 30_000;
/// How long one slice of that takes.
const SLICE: Duration = Duration::from_millis(300);

/// Where this player is.
pub fn bucket_of(openid: &str) -> u16 {
    slots::slot_of(openid) % BUCKETS
}

impl RedisStore {
    /// Where a bucket's steps are taken.
    pub(super) fn bucket(&self, bucket: u16) -> At {
        self.at(&format!("{}:{bucket:03x}", self.appid))
    }

    /// Tells all processes that this bucket has something to do then.
    pub(super) fn hint(&self, bucket: u16, next: f64, quiet: bool, deadline: Deadline) -> Result<(), Error> {
        // The step itself is done: its announcement may take a moment more.
        let deadline = deadline.or_at_least_ms(200);
        let ask = json!({"bucket": bucket.to_string(), "at": next, "quiet": quiet});
        self.account("hint", ask, deadline).map(drop)
    }

    /// Looks through all buckets, a slice at a time, for messages that nobody was told of. `begin`: it is this process's
    /// turn to do so.
    pub(super) fn sweep(&self, begin: bool, deadline: Deadline) -> Result<(), Error> {
        let mut bucket = self.swept.load(Ordering::Relaxed);
        if bucket == BUCKETS && begin {
            bucket = 0;
        }
        let until = Instant::now() + SLICE;
        while bucket < BUCKETS && Instant::now() < until {
            let found: Answer = self.step(&OUTBOX, &self.bucket(bucket), "backlog", json!({}), false, deadline)?;
            if let Some(next) = found.next {
                self.hint(bucket, next, true, deadline)?;
            }
            bucket += 1;
            self.swept.store(bucket, Ordering::Relaxed);
        }
        Ok(())
    }
}
