//! A send in doubt that ends by WeChat's event, which may come before its holder gives up or long after.

use super::journal::{self, Column, Told, What};
use super::key::Key;
use super::message::{Message, State as MessageState};
use super::player::{Player, PlayerNames};
use super::recent::{StartedSend, name_of};
use super::settle::{Outcome, move_count};
use super::template::TemplateId;
use crate::error::Verdict;
use crate::store::{Changes, Space, Stop, View};

/// A send may have started so much later than its event was created, by two clocks.
const SKEW_MS: i64 = 30_000;

/// What a late event did to the player's sends.
pub enum Late {
    /// A send to the player runs, for so many milliseconds at most: it must tell first.
    Busy(i64),
    /// It was no send of ours in doubt.
    Nothing,
    /// It settled one; with the count after it.
    Settled(i64),
}

/// Settles the oldest send in doubt of the player and template that started before the event was created, once; unless the
/// msgid is one that is known, or may have been: a unit that is spent too much is a message that the player loses.
#[allow(clippy::too_many_arguments)] // what the event says, and where it is applied
pub fn settle_late(
    player: &mut Player,
    names: &PlayerNames,
    template: &TemplateId,
    created_ms: i64,
    verdict: &Verdict,
    outcome: Outcome,
    view: &View<'_>,
    changes: &mut Changes,
) -> Result<Late, Stop> {
    if let Some(lease) = player.recent.lease.as_ref().filter(|lease| lease.send.is_some()) {
        if lease.left_ms > 0 {
            return Ok(Late::Busy(lease.left_ms));
        }
        journal::enter_lost(changes, view, player, &names.lasting);
        player.recent.put_in_doubt();
    }
    let was_sent = verdict.msgid != 0 && player.recent.was_sent(template, verdict.msgid);
    if was_sent || player.recent.may_have_dropped_msgids() {
        return Ok(Late::Nothing);
    }
    let started_before_ms = created_ms.saturating_add(SKEW_MS);
    let fits = |send: &StartedSend| template.is(&send.template) && send.started_ms < started_before_ms;
    // They stand in the order in which they began, whatever clock was set in between.
    let oldest = player.recent.in_doubt.iter().position(|doubt| fits(&doubt.send));
    let Some(at) = oldest else { return Ok(Late::Nothing) };
    let send = player.recent.in_doubt.remove(at).send;
    if matches!(outcome, Outcome::Returned | Outcome::Cleared) {
        player.recent.forget_taken();
    }
    let before = player.remaining(template);
    move_count(player, template, outcome, send.unit, send.granted, verdict.msgid)?;
    let remaining = player.remaining(template);
    let verdict = Verdict { remaining, ..verdict.clone() };
    if let Some(name) = send.key.and_then(|own| name_of(Space::Key, &names.lasting, &own))
        && let Some(key) = Key::load(view, changes, &name, player.birth)?.filter(|key| key.holder == send.holder)
    {
        let effect = verdict.had_effect();
        Key::done(player.birth, send.holder, key.template, verdict.clone(), effect).save(name, &view.time, changes);
    }
    let mut key = None;
    if let Some(name) = send.message.and_then(|own| name_of(Space::Message, &names.lasting, &own))
        && (outcome != Outcome::Returned || verdict.had_effect())
        && let Some(mut message) = Message::load(view, &name)?.filter(|message| message.sender == send.holder)
    {
        if message.state == MessageState::Waiting && message.tries <= 1 {
            // The one try that was in doubt is this one.
            message.in_doubt = false;
        }
        if !send.counted {
            if message.state == MessageState::Waiting {
                // It was to be sent again, and is not.
                journal::count(changes, view, send.started_ms, template.counted_as(), Column::Begun, 1);
            }
            journal::ended(changes, view, template.counted_as(), send.started_ms, verdict.status);
        }
        key = message.key.clone();
        // It has ended, whether it waits to be found or to be sent again.
        message.state = MessageState::Ended(Box::new(verdict.clone()));
        message.save(name, &view.time, changes);
    }
    if send.counted {
        journal::ended(changes, view, template.counted_as(), send.started_ms, verdict.status);
    }
    let told = Told {
        what: What::Settled,
        template: send.template,
        verdict: &verdict,
        key: key.as_deref(),
        before: Some(before),
        campaign: None,
    };
    journal::enter_send(changes, view, player, &names.lasting, told);
    Ok(Late::Settled(remaining))
}
