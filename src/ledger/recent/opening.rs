//! The last message that a player was sent, for which an opening counts, once.

use crate::ledger::template::Template;

/// How long after the message an opening counts.
pub const LIFE_MS: i64 = 72 * 3_600_000;

/// The last message that WeChat took for a player.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastSent {
    /// Its template.
    pub template: Template,
    /// Since when.
    pub age_ms: i64,
    /// Whether an opening was counted for it.
    pub opened: bool,
}
