//! How a send ends: in time, late, or by WeChat's word.

use super::key::{self, Key};
use super::message::{Disposition, Message, State as MessageState, dispose};
use super::player::{Player, PlayerNames};
use super::recent::{KEEP_LEASE_MS, Lease, Recent, StartedSend, name_of};
use super::send::{BeginSend, Hold};
use super::template::TemplateId;
use crate::error::{Error, QuotaChange, Verdict};
use crate::store::{Changes, Name, Operation, Space, Stop, View};

/// What becomes of the unit of a hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The message was taken: spent += 1, if spent < granted at the hold.
    Spent,
    /// It was not sent: nothing is spent.
    Returned,
    /// It may have been sent: nothing is spent, the player's lease is kept for a while, and a late event may settle it.
    InDoubt,
    /// The player refuses: spent = granted at the hold.
    Cleared,
}

impl Outcome {
    /// What it did to the count, where a unit was held or not.
    pub fn quota(self, unit: bool) -> QuotaChange {
        match self {
            Outcome::Cleared => QuotaChange::Cleared,
            Outcome::Spent if unit => QuotaChange::Spent,
            Outcome::Returned | Outcome::InDoubt if unit => QuotaChange::Returned,
            Outcome::Spent | Outcome::Returned | Outcome::InDoubt => QuotaChange::Untouched,
        }
    }
}

/// How a send ended.
#[derive(Clone, Debug)]
pub struct Settlement {
    /// What it held.
    pub hold: Hold,
    /// What becomes of the unit.
    pub outcome: Outcome,
    /// What its caller is told, but for the count.
    pub verdict: Verdict,
    /// Any number, for the pause before another try.
    pub spread: u64,
}

/// What a settlement came to.
#[derive(Debug)]
pub struct Settled {
    /// The count that is left.
    pub remaining: i64,
    /// Of the outbox's message, if there is one.
    pub disposition: Option<Disposition>,
}

/// Ends a send; also one whose lease is over.
pub fn settle(settlement: Settlement) -> Operation<Settled> {
    let (reads, trace) = (settlement.hold.reads(), settlement.hold.names.trace());
    Operation { reads, proven: false, trace, decide: Box::new(move |view| decide_settle(&settlement, view)) }
}

/// What is left after a settlement that nobody waits for, as its hold tells; None: it must be waited for.
pub fn left_after(settlement: &Settlement) -> Option<i64> {
    let Hold { begun, unit, left, .. } = &settlement.hold;
    if begun.key.is_some() || begun.message.is_some() {
        return None;
    }
    let left = match settlement.outcome {
        Outcome::Spent => *left,
        Outcome::Returned => left + i64::from(*unit),
        Outcome::InDoubt | Outcome::Cleared => return None,
    };
    Some(if begun.long_term { left.min(1) } else { left })
}

/// What a hold still had when it was settled.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Owned {
    Lease,
    /// The lease was over, and the send in doubt.
    Doubt,
    /// An event settled it already: once is enough.
    Nothing,
}

fn decide_settle(settlement: &Settlement, view: &View<'_>) -> Result<(Changes, Settled), Stop> {
    let Settlement { hold, outcome, verdict, spread } = settlement;
    let begun = &hold.begun;
    let mut changes = Changes::default();
    let mut loaded = Player::load(view, &hold.names)?;
    let player = &mut loaded.player;
    let same_life = player.birth == hold.birth;
    if same_life {
        let owned = let_go(&mut player.recent, begun.holder, *outcome);
        let unit = hold.unit && owned != Owned::Nothing;
        move_count(player, &begun.template, *outcome, unit, hold.granted, verdict.msgid)?;
    }
    let left = player.remaining(&begun.template);
    let remaining = if begun.long_term { left.min(1) } else { left };
    let verdict = Verdict { remaining, ..verdict.clone() };
    let mut earlier = false;
    let mut disposition = None;
    if let Some((name, _)) = &begun.message {
        let ours = |m: &Message| m.sender == begun.holder && matches!(m.state, MessageState::Sending { .. });
        let message = Message::load(view, name)?.filter(ours);
        earlier = message.as_ref().is_some_and(|message| message.in_doubt);
        disposition = Some(match message {
            Some(message) => settle_message(name, message, verdict.clone(), *spread, view, &mut changes),
            None => Disposition::NotOurs,
        });
    }
    if let Some(name) = hold.key_name.as_ref().filter(|_| same_life) {
        let last = match &disposition {
            Some(Disposition::Final(last)) => last.as_ref(),
            _ => &verdict,
        };
        let again = matches!(disposition, Some(Disposition::Again { .. }));
        settle_key(name.clone(), hold, (!again).then_some(last), earlier, view, &mut changes)?;
    }
    loaded.save(view, &mut changes);
    Ok((changes, Settled { remaining, disposition }))
}

/// Gives the lease back, or keeps it for a while after a send in doubt.
fn let_go(recent: &mut Recent, holder: i64, outcome: Outcome) -> Owned {
    let runs = |lease: &Lease| lease.send.as_ref().is_some_and(|send| send.holder == holder);
    if recent.lease.as_ref().is_some_and(runs) {
        if outcome == Outcome::InDoubt {
            recent.lease.iter_mut().for_each(|lease| lease.left_ms = KEEP_LEASE_MS);
            recent.put_in_doubt();
        } else {
            recent.lease = None;
        }
        return Owned::Lease;
    }
    let at = recent.in_doubt.iter().position(|doubt| doubt.send.holder == holder);
    match at {
        None => Owned::Nothing,
        Some(_) if outcome == Outcome::InDoubt => Owned::Doubt,
        Some(at) => {
            recent.in_doubt.remove(at);
            Owned::Doubt
        }
    }
}

/// Moves the count of a send that ended so, and remembers its msgid.
pub fn move_count(
    player: &mut Player,
    template: &TemplateId,
    outcome: Outcome,
    unit: bool,
    granted: u64,
    msgid: i64,
) -> Result<(), Error> {
    if player.count(template).is_some() {
        let count = player.count_mut(template)?;
        // Granted never falls: a count that has less is another one, made after the first had left for want of room.
        let is_same = granted <= count.granted;
        match outcome {
            Outcome::Spent if unit && is_same && count.spent < granted => count.spent += 1,
            Outcome::Cleared if is_same => count.spent = count.spent.max(granted),
            Outcome::Spent | Outcome::Cleared | Outcome::Returned | Outcome::InDoubt => {}
        }
    }
    if outcome == Outcome::Spent {
        let template = player.count(template).map_or(template.to_template(), |count| count.template.clone());
        player.recent.note_sent(&template, msgid);
    }
    Ok(())
}

fn settle_message(
    name: &Name,
    mut message: Message,
    verdict: Verdict,
    spread: u64,
    view: &View<'_>,
    changes: &mut Changes,
) -> Disposition {
    let in_doubt = verdict.had_effect();
    let disposition = dispose(&message, verdict, view.time.wall_ms, spread);
    match &disposition {
        Disposition::Final(_) => Message::remove(name.clone(), changes),
        Disposition::Again { due_ms, why } => {
            message.wait_again(*due_ms, why.clone(), in_doubt);
            message.save(name.clone(), &view.time, changes);
        }
        Disposition::NotOurs => {}
    }
    disposition
}

/// Keeps the verdict for the key; also when somebody found the send dead meanwhile. None: it is to be made again, and
/// nothing is kept. `earlier`: an earlier try may have had an effect, whatever this one came to.
fn settle_key(
    name: Name,
    hold: &Hold,
    verdict: Option<&Verdict>,
    earlier: bool,
    view: &View<'_>,
    changes: &mut Changes,
) -> Result<(), Stop> {
    let holder = hold.begun.holder;
    let Some(key) = Key::load(view, changes, &name, hold.birth)?.filter(|key| key.holder == holder) else {
        return Ok(());
    };
    match verdict {
        None => changes.put(name, None, None),
        Some(verdict) => {
            let effect = earlier || verdict.had_effect();
            Key::done(hold.birth, holder, key.template, verdict.clone(), effect).save(name, &view.time, changes);
        }
    }
    Ok(())
}

/// Undoes a begin of which it is not known whether it was done; nothing has left.
pub fn abandon(send: BeginSend) -> Operation<()> {
    let names = PlayerNames::new(&send.openid);
    let key_name = send.key.as_deref().map(|key| key::of_send(&names.lasting, key));
    let (reads, trace) = (names.and([]), names.trace());
    let decide = Box::new(move |view: &View<'_>| decide_abandon(&send, &names, key_name.as_ref(), view));
    Operation { reads, proven: false, trace, decide }
}

fn decide_abandon(
    send: &BeginSend,
    names: &PlayerNames,
    key_name: Option<&Name>,
    view: &View<'_>,
) -> Result<(Changes, ()), Stop> {
    let mut changes = Changes::default();
    let mut loaded = Player::load(view, names)?;
    if let_go(&mut loaded.player.recent, send.holder, Outcome::Returned) == Owned::Nothing {
        return Ok((changes, ()));
    }
    if let Some(name) = key_name
        && Key::load(view, &changes, name, loaded.player.birth)?.is_some_and(|key| key.holder == send.holder)
    {
        changes.put(name.clone(), None, None);
    }
    if let Some((name, seen)) = &send.message
        && Message::load(view, name)?.is_some_and(|message| message.sender == send.holder)
    {
        seen.save(name.clone(), &view.time, &mut changes);
    }
    loaded.save(view, &mut changes);
    Ok((changes, ()))
}

/// What a late event did to the player's sends.
pub enum Late {
    /// A send to the player runs, for so many milliseconds at most: it must tell first.
    Busy(i64),
    /// It was no send of ours in doubt.
    Nothing,
    /// It settled one; with the count after it.
    Settled(i64),
}

/// Settles the oldest send in doubt of the player and template that started before this time, once; unless the msgid is
/// one that is known.
#[allow(clippy::too_many_arguments)] // what the event says, and where it is applied
pub fn settle_late(
    player: &mut Player,
    names: &PlayerNames,
    template: &TemplateId,
    started_before_ms: i64,
    verdict: &Verdict,
    outcome: Outcome,
    view: &View<'_>,
    changes: &mut Changes,
) -> Result<Late, Stop> {
    if let Some(lease) = player.recent.lease.as_ref().filter(|lease| lease.send.is_some()) {
        if lease.left_ms > 0 {
            return Ok(Late::Busy(lease.left_ms));
        }
        player.recent.put_in_doubt();
    }
    if verdict.msgid != 0 && player.recent.was_sent(template, verdict.msgid) {
        return Ok(Late::Nothing);
    }
    let doubts = player.recent.in_doubt.iter().enumerate();
    let fits = |send: &StartedSend| template.is(&send.template) && send.started_ms < started_before_ms;
    let oldest = doubts.filter(|(_, doubt)| fits(&doubt.send)).min_by_key(|(_, doubt)| doubt.send.started_ms);
    let Some(at) = oldest.map(|(at, _)| at) else { return Ok(Late::Nothing) };
    let send = player.recent.in_doubt.remove(at).send;
    move_count(player, template, outcome, send.unit, send.granted, verdict.msgid)?;
    let remaining = player.remaining(template);
    let verdict = Verdict { remaining, ..verdict.clone() };
    if let Some(name) = send.key.and_then(|own| name_of(Space::Key, &names.lasting, &own))
        && let Some(key) = Key::load(view, changes, &name, player.birth)?.filter(|key| key.holder == send.holder)
    {
        let effect = verdict.had_effect();
        Key::done(player.birth, send.holder, key.template, verdict.clone(), effect).save(name, &view.time, changes);
    }
    if let Some(name) = send.message.and_then(|own| name_of(Space::Message, &names.lasting, &own))
        && (outcome != Outcome::Returned || verdict.had_effect())
        && let Some(mut message) = Message::load(view, &name)?.filter(|message| message.sender == send.holder)
    {
        if message.state == MessageState::Waiting && message.tries <= 1 {
            // The one try that was in doubt is this one.
            message.in_doubt = false;
        }
        // It has ended, whether it waits to be found or to be sent again.
        message.state = MessageState::Ended(Box::new(verdict.clone()));
        message.save(name, &view.time, changes);
    }
    Ok(Late::Settled(remaining))
}
