//! Verdicts as records keep them: codes and numbers; a sentence only where it can't be said again from those.

use super::codec::{Damage, Decoder, Encoder};
use crate::error::{Error, QuotaChange, Retry, Status, Verdict};

/// What a record keeps of a sentence, in characters.
pub const MAX_TEXT: usize = 160;

/// Sentences that are kept as their number; a released one is never changed.
const TEXTS: [&str; 3] = [SENT, FOUND_RUNNING, CANCELLED];
/// Of a send that WeChat took.
pub const SENT: &str = "sent";
const FOUND_RUNNING: &str = "the process that sent it ended before the verdict: maybe sent; it is not sent again";
/// Of a message that was taken back.
pub const CANCELLED: &str = "cancelled before it was sent";

/// The verdict on a send whose process did not end it.
pub fn found_running() -> Verdict {
    Error::new(Status::Unknown, FOUND_RUNNING).into()
}

/// All but template, key and ticket, which whoever reads it knows.
pub fn encode(verdict: &Verdict, to: &mut Encoder) {
    to.unsigned(verdict.status.code().unsigned_abs().into());
    to.byte(verdict.retry as u8 | (verdict.quota as u8) << 4);
    to.signed(verdict.errcode.into());
    to.signed(verdict.http_status.into());
    to.signed(verdict.remaining);
    to.signed(verdict.msgid);
    to.unsigned(verdict.tag);
    to.unsigned(verdict.attempts.into());
    to.unsigned(verdict.elapsed_ms.into());
    to.unsigned(verdict.retry_after_ms.into());
    to.unsigned(verdict.flags.into());
    match TEXTS.iter().position(|text| *text == verdict.message) {
        Some(at) => to.unsigned(at as u64 + 1),
        None => {
            to.unsigned(0);
            to.text(&verdict.message.chars().take(MAX_TEXT).collect::<String>());
        }
    }
}

/// What a newer version's status says is not known; then it had an effect in doubt.
pub fn decode(from: &mut Decoder<'_>) -> Result<Verdict, Damage> {
    let status = Status::from_code(from.small()?);
    let ways = from.byte()?;
    Ok(Verdict {
        status: status.unwrap_or(Status::Unknown),
        retry: match ways & 0xF {
            0 => Retry::Never,
            1 => Retry::Later,
            _ => Retry::Unsafe,
        },
        quota: match ways >> 4 {
            1 => QuotaChange::Spent,
            2 => QuotaChange::Returned,
            3 => QuotaChange::Cleared,
            4 => QuotaChange::Granted,
            _ => QuotaChange::Untouched,
        },
        errcode: i32::try_from(from.signed()?).map_err(|_| Damage::Broken)?,
        http_status: i32::try_from(from.signed()?).map_err(|_| Damage::Broken)?,
        remaining: from.signed()?,
        msgid: from.signed()?,
        tag: from.unsigned()?,
        attempts: from.small()?,
        elapsed_ms: from.small()?,
        retry_after_ms: from.small()?,
        flags: from.small()?,
        message: match from.small::<usize>()? {
            0 => from.text()?,
            // A newer version may have more of them.
            at => TEXTS.get(at - 1).copied().unwrap_or("its sentence is one of a newer wxsub's").to_owned(),
        },
        ..Verdict::default()
    })
}
