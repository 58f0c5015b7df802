//! How a send ends: in time, after its lease, or undone because it was never made. `late` has how an event ends it.

use super::journal::{self, Column, Told, What};
use super::key::{self, Key};
use super::message::{Disposition, Message, State as MessageState, dispose};
use super::pairing;
use super::player::{Player, PlayerNames};
use super::recent::{KEEP_LEASE_MS, Lease, Recent, Standing};
use super::send::{BeginSend, Hold};
use super::template::TemplateId;
use crate::error::{Error, QuotaChange, Status, Verdict};
use crate::store::{Changes, Name, Operation, Stop, View};

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
    /// Whether it is counted as begun: not, if its lease was over, and whoever found it so sends its message again.
    Lease { counted: bool },
    /// The lease was over, and the send in doubt; whether it is counted as begun.
    Doubt { counted: bool },
    /// An event settled it already: once is enough.
    Nothing,
}

impl Owned {
    fn is_counted(self) -> bool {
        matches!(self, Owned::Lease { counted: true } | Owned::Doubt { counted: true })
    }
}

fn decide_settle(settlement: &Settlement, view: &View<'_>) -> Result<(Changes, Settled), Stop> {
    let Settlement { hold, outcome, verdict, spread } = settlement;
    let begun = &hold.begun;
    let mut changes = Changes::default();
    let mut loaded = Player::load(view, &hold.names)?;
    let player = &mut loaded.player;
    let same_life = player.birth == hold.birth;
    let mut owned = Owned::Nothing;
    if same_life {
        owned = let_go(&mut player.recent, begun.holder, *outcome);
        note_taken(&mut player.recent, begun, owned, *outcome);
        // While the lease lasted no event was taken in; after it one may have told of this very message, and settled
        // another send in doubt by it: the message was counted and entered then.
        if matches!(owned, Owned::Doubt { .. }) && player.recent.was_sent(&begun.template, verdict.msgid) {
            owned = Owned::Nothing;
        }
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
    // In another life nothing may say whose it was; that a message was begun and ended is no news of the player's.
    let counted = owned.is_counted() || !same_life;
    note_end(settlement, owned, counted, disposition.as_ref(), &verdict, &mut loaded.player, view, &mut changes);
    loaded.save(view, &mut changes);
    Ok((changes, Settled { remaining, disposition }))
}

/// What caps and campaigns remember of a send that ended so.
fn note_taken(recent: &mut Recent, begun: &BeginSend, owned: Owned, outcome: Outcome) {
    match (owned, outcome) {
        (Owned::Lease { .. }, Outcome::Spent) => recent.note_taken(),
        // It was counted when it came to be in doubt.
        (Owned::Doubt { .. }, Outcome::Returned | Outcome::Cleared) => recent.forget_taken(),
        _ => {}
    }
    if begun.bound.caps.per_week.is_some() {
        recent.keep_week();
    }
    let Some(campaign) = begun.bound.campaign.as_ref().filter(|_| owned != Owned::Nothing) else { return };
    match outcome {
        Outcome::Spent => recent.note_had(campaign.number, Standing::Sent, campaign.remember_ms),
        Outcome::Returned | Outcome::Cleared => recent.forget_had(campaign.number),
        Outcome::InDoubt => {}
    }
}

/// Counts the end of a send, and enters it.
#[allow(clippy::too_many_arguments)] // what ended, how, and where that goes
fn note_end(
    settlement: &Settlement,
    owned: Owned,
    counted: bool,
    disposition: Option<&Disposition>,
    verdict: &Verdict,
    player: &mut Player,
    view: &View<'_>,
    changes: &mut Changes,
) {
    let Settlement { hold, outcome, .. } = settlement;
    let begun = &hold.begun;
    let template = begun.template.counted_as();
    let last = match disposition {
        Some(Disposition::Again { .. }) => {
            if counted {
                journal::not_begun(changes, view, template, hold.started_ms);
                player.recent.uncount(begun.holder);
            }
            return;
        }
        Some(Disposition::Final(last)) => last.as_ref(),
        Some(Disposition::NotOurs) | None => verdict,
    };
    if counted && *outcome != Outcome::InDoubt {
        journal::ended(changes, view, template.clone(), hold.started_ms, last.status);
        if begun.bound.campaign.is_some() && last.status == Status::Ok {
            journal::count(changes, view, hold.started_ms, template, Column::Campaign, 1);
        }
    }
    let what = match owned {
        Owned::Lease { .. } => What::Send,
        Owned::Doubt { .. } if *outcome != Outcome::InDoubt => What::Settled,
        // It was told when its lease was found over.
        Owned::Doubt { .. } | Owned::Nothing => return,
    };
    let told = Told {
        what,
        template: player.name_of(&begun.template),
        verdict: &Verdict { remaining: verdict.remaining, ..last.clone() },
        key: begun.key.as_deref(),
        before: Some(hold.left + i64::from(hold.unit)),
        campaign: begun.bound.campaign.as_ref().map(|campaign| campaign.id.as_str()),
    };
    journal::enter_send(changes, view, player, &hold.names.lasting, told);
}

/// Gives the lease back, or keeps it for a while after a send in doubt.
fn let_go(recent: &mut Recent, holder: i64, outcome: Outcome) -> Owned {
    let runs = |lease: &Lease| lease.send.as_ref().filter(|send| send.holder == holder).map(|send| send.counted);
    if let Some(counted) = recent.lease.as_ref().and_then(runs) {
        if outcome == Outcome::InDoubt {
            recent.lease.iter_mut().for_each(|lease| lease.left_ms = KEEP_LEASE_MS);
            recent.put_in_doubt();
        } else {
            recent.lease = None;
        }
        return Owned::Lease { counted };
    }
    let at = recent.in_doubt.iter().position(|doubt| doubt.send.holder == holder);
    match at {
        None => Owned::Nothing,
        Some(at) if outcome == Outcome::InDoubt => Owned::Doubt { counted: recent.in_doubt[at].send.counted },
        Some(at) => Owned::Doubt { counted: recent.in_doubt.remove(at).send.counted },
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
            Outcome::Cleared if is_same => {
                count.spent = count.spent.max(granted);
                // One that came since is not what was refused.
                if granted == count.granted {
                    pairing::drop_untrusted_accept_marks(player, Some(template));
                }
            }
            Outcome::Spent | Outcome::Cleared | Outcome::Returned | Outcome::InDoubt => {}
        }
    }
    if outcome == Outcome::Spent {
        // An event may have told of it before, and the player have come in by it.
        let is_known = msgid != 0 && player.recent.was_sent(template, msgid);
        let template = player.count(template).map_or(template.to_template(), |count| count.template.clone());
        player.recent.note_sent(&template, msgid);
        if !is_known {
            player.recent.note_last_sent(&template);
        }
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
    let started_ms = loaded.player.recent.started_ms(send.holder);
    let owned = let_go(&mut loaded.player.recent, send.holder, Outcome::Returned);
    if owned == Owned::Nothing {
        return Ok((changes, ()));
    }
    note_taken(&mut loaded.player.recent, send, owned, Outcome::Returned);
    if let Some(started_ms) = started_ms.filter(|_| owned.is_counted()) {
        journal::not_begun(&mut changes, view, send.template.counted_as(), started_ms);
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
