//! The trace of a player's act, until the same act comes by the other way; `pairing` has the rules.

use crate::ledger::age::Passed;
use crate::ledger::codec::{Damage, Decoder, Encoder};
use crate::ledger::template::Template;
use crate::store::Time;

/// Marks that found no partner are kept this long: longer than any pair is apart, and than WeChat pushes again.
pub const MARK_LIFE_MS: i64 = 2 * 3_600_000;

/// An act that came one way and may still come the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// Of which template.
    pub template: Template,
    /// A refusal; else an accept.
    pub refusal: bool,
    /// It came by an event; else by a report.
    pub by_event: bool,
    /// By an event that others than WeChat may have written.
    pub untrusted: bool,
    /// When the act happened, Unix milliseconds.
    pub acted_ms: i64,
    /// How long ago it came.
    pub age_ms: i64,
}

impl Mark {
    /// All but its template.
    pub fn encode(&self, time: &Time, to: &mut Encoder) {
        to.byte(u8::from(self.refusal) | u8::from(self.by_event) << 1 | u8::from(self.untrusted) << 2);
        to.signed(self.age_ms);
        to.signed(self.acted_ms.saturating_sub(time.wall_ms.saturating_sub(self.age_ms)));
    }

    /// As of now; `written_ms`: the wall clock when it was written.
    pub fn decode(template: Template, passed: Passed, written_ms: i64, from: &mut Decoder<'_>) -> Result<Mark, Damage> {
        let flags = from.byte()?;
        let age_ms = from.signed()?;
        let acted_ms = from.signed()?.saturating_add(written_ms.saturating_sub(age_ms));
        let age_ms = age_ms.saturating_add(passed.age_ms);
        let (refusal, by_event, untrusted) = (flags & 1 != 0, flags & 2 != 0, flags & 4 != 0);
        Ok(Mark { template, refusal, by_event, untrusted, acted_ms, age_ms })
    }
}
