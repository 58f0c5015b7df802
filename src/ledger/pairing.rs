//! One player action counts once: a player's answer reaches us from the game (a report) and from WeChat (an event), in
//! either order, and the second of a pair changes nothing.

use super::player::Player;
use super::recent::Mark;
use super::template::TemplateId;
use crate::store::Time;

/// An event carries the act's time, a report comes after the act. They pair if the report arrived at most this long
/// before the event's time (two clocks are being compared) …
const BEFORE_MS: i64 = 30_000;
/// … and at most this long after it.
const AFTER_MS: i64 = 600_000;
/// Marks of one player at most; the oldest leave first.
const MAX_MARKS: usize = 256;

/// Which way an answer came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// From the game, just now.
    Report,
    /// From WeChat, with its own time of the act in Unix milliseconds.
    Event {
        /// CreateTime.
        created_ms: i64,
        /// As in [`super::Event::trusted`].
        trusted: bool,
    },
}

impl Source {
    /// When the act happened, as far as this way tells.
    pub fn acted_ms(self, time: &Time) -> i64 {
        match self {
            Source::Report => time.wall_ms,
            Source::Event { created_ms, .. } => created_ms,
        }
    }
}

/// Whether the act had come the other way; then its mark is used up.
pub fn match_pair(player: &mut Player, template: &TemplateId, refusal: bool, source: Source, time: &Time) -> bool {
    let acted_ms = source.acted_ms(time);
    let (by_event, before_ms, after_ms) = match source {
        Source::Report => (true, AFTER_MS, BEFORE_MS),
        Source::Event { .. } => (false, BEFORE_MS, AFTER_MS),
    };
    let (from, to) = (acted_ms.saturating_sub(before_ms), acted_ms.saturating_add(after_ms));
    let fits = |mark: &Mark| {
        mark.refusal == refusal
            && mark.by_event == by_event
            && template.is(&mark.template)
            && (from..=to).contains(&mark.acted_ms)
    };
    let marks = &mut player.recent.marks;
    let fitting = marks.iter().enumerate().filter(|(_, mark)| fits(mark));
    let oldest = fitting.min_by_key(|(_, mark)| mark.acted_ms).map(|(at, _)| at);
    oldest.inspect(|at| drop(marks.remove(*at))).is_some()
}

/// WeChat refused what was accepted, or the player does since: an accept by an event that is not trusted may never have been,
/// and the next report is another act. One that WeChat told of was; the game's own report of it may still come. None: of
/// all templates.
pub fn drop_untrusted_accept_marks(player: &mut Player, template: Option<&TemplateId>) {
    let is_of = |mark: &Mark| template.is_none_or(|template| template.is(&mark.template));
    player.recent.marks.retain(|mark| mark.refusal || !mark.untrusted || !is_of(mark));
}

/// Leaves a mark for the other way.
pub fn leave_mark(player: &mut Player, template: &TemplateId, refusal: bool, source: Source, time: &Time) {
    let by_event = matches!(source, Source::Event { .. });
    let untrusted = matches!(source, Source::Event { trusted: false, .. });
    // By the name that its count has, since that is short.
    let template = player.count(template).map_or_else(|| template.to_template(), |count| count.template.clone());
    let marks = &mut player.recent.marks;
    marks.push(Mark { template, refusal, by_event, untrusted, acted_ms: source.acted_ms(time), age_ms: 0 });
    let surplus = marks.len().saturating_sub(MAX_MARKS);
    marks.drain(..surplus);
}
