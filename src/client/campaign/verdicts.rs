//! What a turn's verdict means for the player and for the campaign.

use std::time::Duration;

use crate::error::{Retry, SkipReason, Status, Verdict};
use crate::ledger::Standing;
use crate::ledger::campaign::Turn;
use crate::wechat::{ends_the_day, is_about_player};

use super::turn::Result;

/// Tries of one message, where the ones before surely had no effect.
const MOST_TRIES: u32 = 6;
/// The first pause before another try; doubled with each.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// A player to whom other messages are being sent is looked at again after this.
const BUSY_PAUSE: Duration = Duration::from_millis(300);
/// So many failures in a row that are the account's stop a campaign.
pub const MOST_IN_A_ROW: u32 = 20;

/// What becomes of the player.
#[derive(Debug, PartialEq)]
pub enum Fate {
    /// His turn has ended.
    End(Turn),
    /// It comes again after this time; with a try that counts.
    Again(Duration, bool),
    /// It comes again, when the campaign goes on.
    Back,
}

/// What becomes of the campaign.
#[derive(Debug, PartialEq)]
pub enum Effect {
    /// Nothing; and failures in a row begin anew.
    Good,
    /// Nothing.
    None,
    /// A failure that is the account's.
    Fails,
    /// It stops, and somebody must look.
    Stop(String),
    /// It stops until the next day.
    StopForToday(String),
}

/// Decides on a turn. `own_data`: a fault of the text is this player's alone.
pub fn decide(result: &Result, tries: u32, own_data: bool) -> (Fate, Effect) {
    let verdict = match result {
        // How the player stands is not known, so that his turn can't end.
        Result::Unasked(_) => return (Fate::Again(FIRST_PAUSE, false), Effect::Fails),
        Result::Had(Standing::Sent) => return (Fate::End(Turn::Sent), Effect::None),
        Result::Had(Standing::Begun) => return (Fate::End(Turn::Unknown), Effect::None),
        Result::PlayerBusy => return (Fate::Again(BUSY_PAUSE, false), Effect::None),
        Result::NotBegun => return (Fate::Back, Effect::None),
        Result::Ended { verdict, .. } => verdict,
    };
    let why = || told(verdict);
    match verdict.status {
        Status::Ok => (Fate::End(Turn::Sent), Effect::Good),
        // A player's answer is one of WeChat's: the account is well.
        Status::Refused => (Fate::End(Turn::Skipped(SkipReason::Refused)), Effect::Good),
        Status::NoQuota => (Fate::End(Turn::Skipped(SkipReason::Count)), Effect::None),
        Status::Unknown | Status::Panic => (Fate::End(Turn::Unknown), Effect::Fails),
        Status::Skipped => match verdict.skipped {
            Some(SkipReason::Quiet) | None => (Fate::Back, Effect::None),
            Some(reason) => (Fate::End(Turn::Skipped(reason)), Effect::None),
        },
        Status::Cancelled | Status::State => (Fate::Back, Effect::None),
        Status::Banned => (Fate::Back, Effect::Stop(format!("banned: {}", verdict.message))),
        Status::Auth => (Fate::Back, Effect::Stop(why())),
        Status::Busy if ends_the_day(verdict.errcode) => (Fate::Back, Effect::StopForToday(why())),
        // Its text was checked here, before any request.
        Status::Message if verdict.errcode == 0 && !own_data => (Fate::Back, Effect::Stop(why())),
        Status::Message if own_data => (Fate::End(Turn::Failed(Status::Message)), Effect::None),
        status => {
            // One player's other messages say nothing of the account.
            let effect = if is_of_player(verdict) { Effect::None } else { Effect::Fails };
            if verdict.retry == Retry::Later && tries + 1 < MOST_TRIES {
                let pause = FIRST_PAUSE * 2u32.pow(tries.min(10));
                (Fate::Again(pause.max(Duration::from_millis(verdict.retry_after_ms.into())), true), effect)
            } else {
                (Fate::End(Turn::Failed(status)), effect)
            }
        }
    }
}

/// A verdict in one line.
pub fn told(verdict: &Verdict) -> String {
    format!("{}, {}", verdict.status.c_name().to_string_lossy(), verdict.message)
}

/// Whether a failure is about the player and not about the account.
fn is_of_player(verdict: &Verdict) -> bool {
    let errcode = verdict.errcode;
    is_about_player(errcode) || errcode == 0 && matches!(verdict.status, Status::Busy | Status::Arg)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unsent(status: Status, retry: Retry) -> Result {
        ended(Verdict { status, retry, ..Verdict::default() }, false)
    }

    fn ended(verdict: Verdict, begun: bool) -> Result {
        Result::Ended { verdict: Box::new(verdict), begun }
    }

    /// Neither a store that is away nor another's messages use up a player's tries; what is the account's stops the campaign.
    #[test]
    fn a_turn_ends_by_what_is_the_players() {
        let skipped = |skipped| ended(Verdict { status: Status::Skipped, skipped, ..Verdict::default() }, false);
        let sent = |status| ended(Verdict { status, ..Verdict::default() }, true);
        let later = |status| ended(Verdict { status, retry: Retry::Later, ..Verdict::default() }, true);
        let table = [
            (Result::Had(Standing::Sent), 0, Fate::End(Turn::Sent), Effect::None),
            (Result::Had(Standing::Begun), 0, Fate::End(Turn::Unknown), Effect::None),
            (Result::NotBegun, 0, Fate::Back, Effect::None),
            (Result::PlayerBusy, 99, Fate::Again(BUSY_PAUSE, false), Effect::None),
            (Result::Unasked(Box::default()), 99, Fate::Again(FIRST_PAUSE, false), Effect::Fails),
            (unsent(Status::Store, Retry::Later), 0, Fate::Again(FIRST_PAUSE, true), Effect::Fails),
            // His record can't be read.
            (unsent(Status::Store, Retry::Never), 0, Fate::End(Turn::Failed(Status::Store)), Effect::Fails),
            (skipped(Some(SkipReason::Count)), 0, Fate::End(Turn::Skipped(SkipReason::Count)), Effect::None),
            (skipped(Some(SkipReason::Quiet)), 0, Fate::Back, Effect::None),
            (sent(Status::Ok), 0, Fate::End(Turn::Sent), Effect::Good),
            (sent(Status::Refused), 0, Fate::End(Turn::Skipped(SkipReason::Refused)), Effect::Good),
            (sent(Status::Unknown), 0, Fate::End(Turn::Unknown), Effect::Fails),
            (later(Status::Connect), 0, Fate::Again(FIRST_PAUSE, true), Effect::Fails),
            (later(Status::Connect), 2, Fate::Again(FIRST_PAUSE * 4, true), Effect::Fails),
            (later(Status::Connect), MOST_TRIES - 1, Fate::End(Turn::Failed(Status::Connect)), Effect::Fails),
            (later(Status::Busy), 0, Fate::Again(FIRST_PAUSE, true), Effect::None),
        ];
        for (result, tries, fate, effect) in table {
            assert_eq!(decide(&result, tries, false), (fate, effect), "{result:?} after {tries} tries");
        }
        assert!(
            matches!(decide(&sent(Status::Banned), 0, false), (Fate::Back, Effect::Stop(why)) if why.contains("banned"))
        );
        let fault = unsent(Status::Message, Retry::Never);
        assert!(matches!(decide(&fault, 0, false), (Fate::Back, Effect::Stop(_))));
        assert_eq!(decide(&fault, 0, true), (Fate::End(Turn::Failed(Status::Message)), Effect::None));
    }
}
