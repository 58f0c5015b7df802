//! What an operator looks at: nothing is changed.

use super::codec::{Decoder, Encoder};
use super::message::Message;
use super::player::{Player, PlayerNames};
use super::template::Template;
use crate::error::Error;
use crate::store::{Changes, Name, Operation, Time, View};

/// What is left of one template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counted {
    /// Of which.
    pub template: Template,
    /// Granted − spent; of one player less the unit that a running send holds.
    pub left: i64,
}

/// A player as an operator sees him.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InspectedPlayer {
    /// By template.
    pub counts: Vec<Counted>,
    /// The template of the send that runs, and when its lease ends, Unix milliseconds.
    pub sending: Option<(Template, i64)>,
    /// Sends in doubt.
    pub in_doubt: usize,
    /// Campaigns and what the host's rules bind pass over him until then, Unix milliseconds.
    pub muted_until_ms: i64,
}

/// All that is known of a player; nothing of one who is not known.
pub fn inspect_player(openid: &str) -> Operation<InspectedPlayer> {
    let names = PlayerNames::new(openid);
    let reads = names.and([]);
    let decide = Box::new(move |view: &View<'_>| {
        let player = Player::load(view, &names)?.player;
        let held = player.recent.held();
        let counts = player.counts.iter().map(|count| {
            let left = i64::try_from(count.granted.saturating_sub(count.spent)).unwrap_or(i64::MAX);
            let holds = held.is_some_and(|send| {
                send.unit && send.template == count.template && send.granted > count.spent && left > 0
            });
            Counted { template: count.template.clone(), left: left - i64::from(holds) }
        });
        let until_ms = player.recent.lease.as_ref().map_or(0, |lease| view.time.wall_ms.saturating_add(lease.left_ms));
        let inspected = InspectedPlayer {
            counts: counts.collect(),
            sending: held.map(|send| (send.template.clone(), until_ms)),
            in_doubt: player.recent.in_doubt.len(),
            muted_until_ms: player.muted_until_ms,
        };
        Ok((Changes::default(), inspected))
    });
    Operation { reads, proven: false, trace: None, decide }
}

/// What is left in a player's lasting record; a unit that a running send holds is still there.
///
/// # Errors
/// [`crate::Status::Store`] for a damaged or newer record.
pub fn counts_in(name: &Name, record: &[u8]) -> Result<Vec<Counted>, Error> {
    let mut player = Player::default();
    player.read_lasting(name, record)?;
    let left = |granted: u64, spent| i64::try_from(granted.saturating_sub(spent)).unwrap_or(i64::MAX);
    let counted = player.counts.into_iter();
    Ok(counted.map(|count| Counted { left: left(count.granted, count.spent), template: count.template }).collect())
}

/// The message in a record of the outbox.
///
/// # Errors
/// [`crate::Status::Store`] for a damaged or newer record.
pub fn message_in(name: &Name, record: &[u8], now: &Time) -> Result<Message, Error> {
    Ok(Message::decode(name, record, now)?)
}

/// Leaves a record that says nothing, to see whether the store takes it.
pub fn leave_probe() -> Operation<()> {
    let name = probe();
    let decide = Box::new(|_: &View<'_>| {
        let (mut changes, name) = (Changes::default(), probe());
        changes.put(name.clone(), Some(Encoder::default().finish(&name)), None);
        Ok((changes, ()))
    });
    Operation { reads: vec![name], proven: true, trace: None, decide }
}

/// Whether that record is there, as it was written.
pub fn has_probe() -> Operation<bool> {
    let decide = Box::new(|view: &View<'_>| {
        let name = probe();
        let is_whole =
            view.get(&name)?.is_some_and(|record| Decoder::open(&name, record).and_then(Decoder::end).is_ok());
        Ok((Changes::default(), is_whole))
    });
    Operation { reads: vec![probe()], proven: false, trace: None, decide }
}

fn probe() -> Name {
    Name::account("check")
}

/// The number by which this ledger is told from others, made of `random` where there is none yet.
pub fn identity(random: u64) -> Operation<u64> {
    let name = Name::account("ledger");
    let reads = vec![name.clone()];
    let decide = Box::new(move |view: &View<'_>| {
        let mut changes = Changes::default();
        if let Some(record) = view.get(&name)? {
            let mut from = Decoder::open(&name, record)?;
            let number = from.fixed(8)?;
            from.end()?;
            return Ok((changes, number));
        }
        let mut to = Encoder::default();
        to.fixed(random, 8);
        changes.put(name.clone(), Some(to.finish(&name)), None);
        Ok((changes, random))
    });
    Operation { reads, proven: false, trace: None, decide }
}
