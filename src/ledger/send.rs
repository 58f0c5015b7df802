//! A send begins: it takes the player's lease and one unit.

use super::key::{self, Conflict, Key};
use super::message::{Message, State as MessageState};
use super::player::{Player, PlayerNames};
use super::recent::{Lease, Recent, StartedSend, Waiting, own_id};
use super::template::{Template, TemplateId};
use crate::error::{Error, Status, Verdict};
use crate::store::{Changes, Name, Operation, Stop, View};

/// A process that waits for a lease says so anew within this long; one that died no longer does.
const WAITING_MS: i64 = 60;

/// A send that wants to begin.
#[derive(Clone, Debug)]
pub struct BeginSend {
    /// The player.
    pub openid: String,
    /// The template.
    pub template: TemplateId,
    /// Whether a count of 0 stops it; else it goes on, holding nothing.
    pub enforce: bool,
    /// The template is on or off: no unit is held or spent.
    pub long_term: bool,
    /// Idempotency.
    pub key: Option<String>,
    /// Names this send among all processes.
    pub holder: i64,
    /// Names the client: processes that wait for one player take it in turns.
    pub process: i64,
    /// How long lease and unit are its own, from now.
    pub lease_ms: i64,
    /// The message of the outbox that is to be sent, as it was read.
    pub message: Option<(Name, Box<Message>)>,
}

/// How a send may begin.
#[derive(Debug)]
pub enum BeginResult {
    /// It has the player's lease, and a unit if there was one.
    Held(Hold),
    /// The key was seen before, and this is what became of it.
    Before(Verdict),
    /// The count is 0.
    NoQuota,
    /// Another send to the player, or with the key, runs; its lease ends in so many milliseconds at the latest.
    Busy(i64),
    /// The key belongs to a send with this other template.
    OtherTemplate(Template),
    /// The message was cancelled, replaced, or is another's.
    NotOurs,
}

/// The player's lease, and maybe a unit.
#[derive(Clone, Debug)]
pub struct Hold {
    /// What was asked for.
    pub begun: BeginSend,
    /// Granted, when the hold was taken: it may spend and clear nothing that was granted later.
    pub(super) granted: u64,
    /// Whether a unit is held (a count of 0 may be observed and not enforced).
    pub unit: bool,
    /// The life of the player's.
    pub(super) birth: u32,
    /// The count, less what is held, when it was taken.
    pub(super) left: i64,
    pub(super) names: PlayerNames,
    pub(super) key_name: Option<Name>,
}

impl Hold {
    /// What a step reads that ends it.
    pub(super) fn reads(&self) -> Vec<Name> {
        let message = self.begun.message.iter().map(|(name, _)| name.clone());
        self.names.and(self.key_name.iter().cloned().chain(message))
    }
}

/// Takes the player's lease and one unit, if both are free. With a key or a message, the mark "in progress" is proven.
pub fn begin(send: BeginSend) -> Operation<BeginResult> {
    let names = PlayerNames::new(&send.openid);
    let key_name = send.key.as_deref().map(|key| key::of_send(&names.lasting, key));
    let proven = send.key.is_some() || send.message.is_some();
    let trace = names.trace();
    let hold = Hold { begun: send, granted: 0, unit: false, birth: 0, left: 0, names, key_name };
    let reads = hold.reads();
    Operation { reads, proven, trace, decide: Box::new(move |view| decide_begin(&hold, view)) }
}

/// `asked`: the hold that it becomes, but for what the records say.
fn decide_begin(asked: &Hold, view: &View<'_>) -> Result<(Changes, BeginResult), Stop> {
    let Hold { begun: send, key_name, .. } = asked;
    let mut changes = Changes::default();
    let mut loaded = Player::load(view, &asked.names)?;
    let player = &mut loaded.player;
    if let Some((name, seen)) = &send.message
        && (seen.state != MessageState::Waiting || Message::load(view, name)?.as_ref() != Some(seen))
    {
        return Ok((changes, BeginResult::NotOurs));
    }
    if let Some(name) = key_name {
        let key = Key::load(view, &changes, name, player.birth)?;
        match key::conflict(key.as_ref(), &send.template) {
            None => {}
            Some(Conflict::Before(verdict)) => return Ok((changes, BeginResult::Before(verdict))),
            Some(Conflict::Running(ms)) => return Ok((changes, BeginResult::Busy(ms))),
            Some(Conflict::OtherTemplate(other)) => return Ok((changes, BeginResult::OtherTemplate(other))),
        }
    }
    let (granted, spent) = player.count(&send.template).map_or((0, 0), |count| (count.granted, count.spent));
    if granted <= spent && send.enforce {
        return Ok((changes, BeginResult::NoQuota));
    }
    if let Some(ms) = wait_for_lease(&mut player.recent, send.process) {
        loaded.save(view, &mut changes);
        return Ok((changes, BeginResult::Busy(ms)));
    }
    player.be_born(send.holder as u32 ^ (send.holder >> 32) as u32);
    let unit = granted > spent && !send.long_term;
    player.recent.waiting = None;
    player.recent.lease = Some(Lease {
        left_ms: send.lease_ms,
        send: Some(StartedSend {
            holder: send.holder,
            template: player.count(&send.template).map_or(send.template.to_template(), |c| c.template.clone()),
            granted,
            unit,
            key: key_name.as_ref().map(own_id),
            message: send.message.as_ref().map(|(name, _)| own_id(name)),
            started_ms: view.time.wall_ms,
        }),
    });
    let birth = player.birth;
    let left = i64::try_from(granted.saturating_sub(spent)).unwrap_or(i64::MAX) - i64::from(unit);
    if let Some(name) = key_name {
        Key::running(birth, send.holder, send.template.to_template(), send.lease_ms).save(
            name.clone(),
            &view.time,
            &mut changes,
        );
    }
    if let Some((name, seen)) = &send.message {
        let state = MessageState::Sending { left_ms: send.lease_ms };
        Message { state, sender: send.holder, ..(**seen).clone() }.save(name.clone(), &view.time, &mut changes);
    }
    loaded.save(view, &mut changes);
    Ok((changes, BeginResult::Held(Hold { granted, unit, birth, left, ..asked.clone() })))
}

/// None: the lease is free, and what its last send left is in doubt. Else for how long it is not, at most; and that this
/// process waits for it, unless another said so first: without this the one who settles, and begins again within
/// microseconds, starves the one who polls.
fn wait_for_lease(recent: &mut Recent, process: i64) -> Option<i64> {
    if let Some(left_ms) = recent.lease.as_ref().map(|lease| lease.left_ms).filter(|ms| *ms > 0) {
        if recent.waiting.is_none_or(|waiting| waiting.process == process) {
            recent.waiting = Some(Waiting { process, left_ms: WAITING_MS });
        }
        return Some(left_ms);
    }
    recent.put_in_doubt();
    recent.waiting.filter(|waiting| waiting.process != process).map(|waiting| waiting.left_ms)
}

/// Waits for the player's lease, without taking it and without a promise on disk: for how many milliseconds it is not
/// free at most; None: it may be.
pub fn wait_for(send: &BeginSend) -> Operation<Option<i64>> {
    let (names, process) = (PlayerNames::new(&send.openid), send.process);
    let (reads, trace) = (names.and([]), names.trace());
    let decide = Box::new(move |view: &View<'_>| {
        let mut changes = Changes::default();
        let mut loaded = Player::load(view, &names)?;
        let busy_ms = wait_for_lease(&mut loaded.player.recent, process);
        loaded.save(view, &mut changes);
        Ok((changes, busy_ms))
    });
    Operation { reads, proven: false, trace, decide }
}

/// The count, as far as nothing of it is held.
pub fn remaining(openid: String, template: TemplateId) -> Operation<i64> {
    read_player(openid, move |player| player.remaining(&template))
}

/// Whether anything is left, or held by a send that may give it back.
pub fn has_any(openid: String, template: TemplateId) -> Operation<bool> {
    read_player(openid, move |player| player.count(&template).is_some_and(|count| count.granted > count.spent))
}

fn read_player<A: Send + 'static>(openid: String, mut look: impl FnMut(&Player) -> A + Send + 'static) -> Operation<A> {
    let names = PlayerNames::new(&openid);
    Operation {
        reads: names.and([]),
        proven: false,
        trace: None,
        decide: Box::new(move |view| Ok((Changes::default(), look(&Player::load(view, &names)?.player)))),
    }
}

/// Refuses a second use of a key for something else, in words.
pub fn other_template(other: &str) -> Error {
    Error::new(Status::Arg, format!("the key was used for a send with template {other}; use another key"))
}
