//! What a player was last told no with: his own refusal, or the platform's ban. Only what he answers moves it; WeChat's
//! 43101 does not, since it also comes where a count was merely used up.

use crate::store::Time;

/// Why asking for a template was of no use, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Denial {
    /// When it was answered, Unix seconds.
    pub at_s: i64,
    /// The platform banned it; else the player refused.
    pub banned: bool,
}

/// Whether something of this time, Unix seconds, is less than `span_ms` ago, or ahead by less: a clock was set.
pub fn is_within(at_s: i64, span_ms: i64, now: &Time) -> bool {
    at_s != 0 && now.wall_ms.saturating_sub(at_s.saturating_mul(1000)).saturating_abs() < span_ms
}
