//! What the host's rules say of one message: caps, the count that is to be left, a mute, quiet hours. A rule that keeps a
//! message back is told with its reason.

use super::player::Player;
use super::recent::{DAY_MS, WEEK_MS};
use super::template::TemplateId;
use crate::error::{Error, Retry, SkipReason, Status, Verdict};

/// Messages to one player at most, of all templates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Caps {
    /// In any 24 hours.
    pub per_day: Option<u32>,
    /// In any 7 days.
    pub per_week: Option<u32>,
}

/// What binds a send.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bound {
    /// Whether the host's rules bind it: caps, and the player's mute.
    pub rules: bool,
    /// The caps.
    pub caps: Caps,
    /// The campaign that it belongs to.
    pub campaign: Option<CampaignSend>,
    /// The rule that keeps all messages back, whoever the player is: quiet hours, or the template's budget. A known verdict
    /// comes before both, what the player allows before the budget.
    pub skip_all: Option<Skip>,
}

/// A message of a campaign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CampaignSend {
    /// Its id, for the history.
    pub id: String,
    /// Names the campaign.
    pub number: u64,
    /// The count that is left to the player at least.
    pub leave: u64,
    /// How long the player's record remembers that he had it.
    pub remember_ms: i64,
}

/// A rule that keeps a message back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Skip {
    /// Which.
    pub reason: SkipReason,
    /// When it may be sent, milliseconds from now; None: never as far as is known.
    pub after_ms: Option<i64>,
}

impl Skip {
    /// One that no waiting ends.
    pub fn never(reason: SkipReason) -> Skip {
        Skip { reason, after_ms: None }
    }

    /// One that is over after `after_ms`.
    pub fn until(reason: SkipReason, after_ms: i64) -> Skip {
        Skip { reason, after_ms: Some(after_ms.max(1)) }
    }

    /// As the caller is told.
    pub fn verdict(self) -> Verdict {
        let what = match self.reason {
            SkipReason::Count => "count: the player allows no more messages from this template",
            SkipReason::Leave => "leave: the player allows no more than shall be left",
            SkipReason::PerDay => "per_day: the player had as many messages within 24 hours as \"rules\" allow",
            SkipReason::PerWeek => "per_week: the player had as many messages within 7 days as \"rules\" allow",
            SkipReason::Quiet => "quiet: these are the quiet hours of \"rules\"",
            SkipReason::Budget => "budget: the template's daily_budget of \"rules\" is used up for today",
            SkipReason::Muted => "muted: the player is muted",
            SkipReason::Refused => "refused: the player does not allow it",
            SkipReason::LongTermOff => "long_term_off: the player has switched this template off",
            SkipReason::Expired => "expired: the campaign's time is over",
            SkipReason::NotKnown => "not_known: the ledger does not know this player",
        };
        let (retry, retry_after_ms) = match self.after_ms {
            Some(ms) => (Retry::Later, u32::try_from(ms).unwrap_or(u32::MAX)),
            None => (Retry::Never, 0),
        };
        let error = Error { retry, retry_after_ms, ..Error::new(Status::Skipped, format!("{what}; nothing was sent")) };
        Verdict { skipped: Some(self.reason), ..Verdict::from(error) }
    }
}

/// What the rules say of a message to this player now, `ahead_ms` from the time at which the player was read. None: it may
/// be sent. The count is looked at only where `enforce` says so, and `leave` only for a campaign.
pub fn check(
    player: &Player,
    bound: &Bound,
    template: &TemplateId,
    long_term: bool,
    enforce: bool,
    wall_ms: i64,
    ahead_ms: i64,
) -> Option<Skip> {
    if let Some(campaign) = bound.campaign.as_ref().filter(|_| enforce)
        && let Some(reason) = reach(player, template, long_term, campaign.leave)
    {
        return Some(Skip::never(reason));
    }
    if (bound.rules || bound.campaign.is_some()) && player.is_muted(wall_ms.saturating_add(ahead_ms)) {
        return Some(Skip::never(SkipReason::Muted));
    }
    if !bound.rules {
        return None;
    }
    let taken = player.recent.taken();
    let full = |most: Option<u32>, window_ms: i64, reason| {
        let most = usize::try_from(most?).ok()?;
        // Newest first: while this one is within the window, there are as many in it as may be.
        let Some(at) = most.checked_sub(1) else { return Some(Skip::never(reason)) };
        let left_ms = window_ms.saturating_sub(taken.get(at)?.saturating_add(ahead_ms));
        (left_ms > 0).then(|| Skip::until(reason, left_ms))
    };
    full(bound.caps.per_day, DAY_MS, SkipReason::PerDay)
        .into_iter()
        .chain(full(bound.caps.per_week, WEEK_MS, SkipReason::PerWeek))
        .max_by_key(|skip| skip.after_ms.unwrap_or(i64::MAX))
}

/// Why a campaign does not reach a player; None: the player's count is above what shall be left.
fn reach(player: &Player, template: &TemplateId, long_term: bool, leave: u64) -> Option<SkipReason> {
    let Some(count) = player.count(template) else {
        return Some(match (player.is_known(), long_term) {
            (false, _) => SkipReason::NotKnown,
            (true, true) => SkipReason::LongTermOff,
            (true, false) => SkipReason::Count,
        });
    };
    match (count.granted.saturating_sub(count.spent), long_term) {
        (0, true) => Some(SkipReason::LongTermOff),
        (0, false) => Some(SkipReason::Count),
        (left, false) if left <= leave => Some(SkipReason::Leave),
        _ => None,
    }
}

/// How long the quiet hours, from and to a minute of the day, still last; None: these are none. `local_ms`: the time in
/// their time zone. From 22:00 to 9:00 they go over midnight; from and to the same minute there are none.
pub fn quiet_left_ms((from, to): (u32, u32), local_ms: i64) -> Option<i64> {
    let (from_ms, to_ms) = (i64::from(from) * 60_000, i64::from(to) * 60_000);
    let now_ms = local_ms.rem_euclid(DAY_MS);
    let length_ms = (to_ms - from_ms).rem_euclid(DAY_MS);
    let since_ms = (now_ms - from_ms).rem_euclid(DAY_MS);
    (since_ms < length_ms).then_some(length_ms - since_ms)
}

/// The day of a local time, and how long it still lasts.
pub fn day_of(local_ms: i64) -> (i64, i64) {
    (local_ms.div_euclid(DAY_MS), DAY_MS - local_ms.rem_euclid(DAY_MS))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000;

    #[test]
    fn quiet_hours_go_over_midnight() {
        let night = (22 * 60, 9 * 60);
        for (hour, left) in [(21, None), (22, Some(11)), (23, Some(10)), (0, Some(9)), (8, Some(1)), (9, None)] {
            assert_eq!(quiet_left_ms(night, 40 * DAY_MS + hour * HOUR), left.map(|hours: i64| hours * HOUR), "{hour}");
        }
        assert_eq!(quiet_left_ms((60, 120), 90 * 60_000), Some(HOUR / 2));
        assert_eq!(quiet_left_ms((60, 120), 2 * HOUR), None);
        assert_eq!(quiet_left_ms((60, 60), HOUR), None, "no time at all");
        assert_eq!(quiet_left_ms(night, -HOUR), Some(10 * HOUR), "before 1970, too");
    }

    #[test]
    fn days() {
        assert_eq!(day_of(0), (0, DAY_MS));
        assert_eq!(day_of(-1), (-1, 1));
        assert_eq!(day_of(DAY_MS + HOUR), (1, DAY_MS - HOUR));
    }
}
