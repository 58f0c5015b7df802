//! What WeChat pushed: each part once, all or none.

use rusqlite::Connection;

use super::act::Way;
use super::count::{self, Player};
use super::key;
use super::turn::{self, Late};
use crate::clock::Now;
use crate::error::QuotaChange;
use crate::store::{Applied, Event, EventPart, Outcome};

/// A send may have started so much later than its event was created, by two clocks.
const SKEW_MS: i64 = 30_000;

/// Applies all parts; or none, and says for how many milliseconds at most a send to the player still runs.
pub fn apply(c: &Connection, appid: &str, event: &Event, now: &Now) -> rusqlite::Result<Result<Vec<Applied>, i64>> {
    let player = Player { appid, openid: &event.openid };
    let mut done = Vec::with_capacity(event.parts.len());
    for (identity, part) in &event.parts {
        if let Some(before) = key::look_up_event(c, player, identity, now)? {
            done.push(Applied::Before(before));
            continue;
        }
        let applied = match part {
            EventPart::Answer(item) => {
                count::answer(c, player, item, Way::Event { created_wall: event.created_wall }, now)?
            }
            EventPart::Sent { template_id, verdict, outcome } => {
                let before = event.created_wall + SKEW_MS;
                match turn::settle_late(c, player, template_id, before, verdict, *outcome, now)? {
                    // Only a sent event waits, and WeChat sends them with nothing else; what was done so far was looked
                    // up, or is a part of the same kind and is found by its identity the next time.
                    Late::Busy(ms) => return Ok(Err(ms)),
                    Late::Nothing => Applied::Now { quota: QuotaChange::Untouched, remaining: -1 },
                    Late::Settled(remaining) => Applied::Now { quota: quota_of(*outcome), remaining },
                }
            }
        };
        key::remember_event(c, player, identity, &applied, now)?;
        done.push(applied);
    }
    Ok(Ok(done))
}

fn quota_of(outcome: Outcome) -> QuotaChange {
    match outcome {
        Outcome::Spent => QuotaChange::Spent,
        Outcome::Cleared => QuotaChange::Cleared,
        Outcome::Returned | Outcome::Maybe => QuotaChange::Untouched,
    }
}
