//! A send begins: it takes the player's lease and one unit.

use super::journal;
use super::key::{self, Conflict, Key};
use super::message::{Message, State as MessageState};
use super::player::{Player, PlayerNames};
use super::recent::{Lease, Standing, StartedSend, Waiting, own_id};
use super::rules::{self, Bound, Skip};
use super::template::{Template, TemplateId};
use crate::error::{Error, SkipReason, Status, Verdict};
use crate::store::{Changes, Name, Operation, Stop, View};

/// A process that waits for a lease says so anew within this long; one that died no longer does.
const WAITING_MS: i64 = 200;

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
    /// The rules that bind it.
    pub bound: Bound,
}

/// How a send may begin.
#[derive(Debug)]
#[allow(clippy::large_enum_variant)] // one a send, and the usual one
pub enum BeginResult {
    /// It has the player's lease, and a unit if there was one.
    Held(Hold),
    /// The key was seen before, and this is what became of it.
    Before(Verdict),
    /// The count is 0.
    NoQuota,
    /// A rule keeps it back.
    Skipped(Skip),
    /// The player had the campaign's message, or may have had.
    Had(Standing),
    /// Another send to the player, or with the key, runs; in how many milliseconds its lease ends at the latest.
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
    /// When it was taken, Unix milliseconds.
    pub(super) started_ms: i64,
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
    let proven = send.key.is_some() || send.message.is_some() || send.bound.campaign.is_some();
    let trace = names.trace();
    let hold = Hold { begun: send, granted: 0, unit: false, birth: 0, left: 0, started_ms: 0, names, key_name };
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
    let campaign = send.bound.campaign.as_ref();
    // A send that runs may be the campaign's own, and tells soon what becomes of it.
    if player.recent.held().is_none()
        && let Some(standing) = campaign.and_then(|campaign| player.recent.had(campaign.number))
    {
        return Ok((changes, BeginResult::Had(standing)));
    }
    // What is known of the player may be another when they are over.
    if let Some(quiet) = send.bound.skip_all.filter(|skip| skip.reason == SkipReason::Quiet) {
        return Ok((changes, BeginResult::Skipped(quiet)));
    }
    let (granted, spent) = player.count(&send.template).map_or((0, 0), |count| (count.granted, count.spent));
    if granted <= spent && send.enforce && campaign.is_none() {
        return Ok((changes, BeginResult::NoQuota));
    }
    let rules_say = |player: &Player| {
        rules::check(player, &send.bound, &send.template, send.long_term, send.enforce, view.time.wall_ms, 0)
            .or(send.bound.skip_all)
    };
    // Only what a campaign would say depends on the send that runs.
    if campaign.is_none()
        && send.bound.skip_all.is_some()
        && let Some(skip) = rules_say(player)
    {
        return Ok((changes, BeginResult::Skipped(skip)));
    }
    if let Some(ms) = wait_for_lease(player, &asked.names, send.process, view, &mut changes) {
        loaded.save(view, &mut changes);
        return Ok((changes, BeginResult::Busy(ms)));
    }
    if let Some(skip) = rules_say(player) {
        loaded.save(view, &mut changes);
        return Ok((changes, BeginResult::Skipped(skip)));
    }
    if let Some(campaign) = campaign {
        player.recent.note_had(campaign.number, Standing::Begun, campaign.remember_ms);
    }
    if send.bound.caps.per_week.is_some() {
        player.recent.keep_week();
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
            counted: true,
        }),
    });
    journal::begun(&mut changes, view, &send.template);
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
    Ok((
        changes,
        BeginResult::Held(Hold { granted, unit, birth, left, started_ms: view.time.wall_ms, ..asked.clone() }),
    ))
}

/// None: the lease is free, and what its last send left is in doubt. Else for how long it is not, at most; and that this
/// process waits for it, unless another said so first: without this the one who settles, and begins again within
/// microseconds, starves the one who polls.
fn wait_for_lease(
    player: &mut Player,
    names: &PlayerNames,
    process: i64,
    view: &View<'_>,
    changes: &mut Changes,
) -> Option<i64> {
    let recent = &mut player.recent;
    if let Some(left_ms) = recent.lease.as_ref().map(|lease| lease.left_ms).filter(|ms| *ms > 0) {
        // Said again in time, but not at each look, of which each would be written.
        let is_said = |waiting: Waiting| waiting.process != process || waiting.left_ms > WAITING_MS / 2;
        if !recent.waiting.is_some_and(is_said) {
            recent.waiting = Some(Waiting { process, left_ms: WAITING_MS });
        }
        return Some(left_ms);
    }
    journal::enter_lost(changes, view, player, &names.lasting);
    player.recent.put_in_doubt();
    player.recent.waiting.filter(|waiting| waiting.process != process).map(|waiting| waiting.left_ms)
}

/// Waits for the player's lease, without taking it and without a promise on disk: for how many milliseconds it is not
/// free at most; None: it may be.
pub fn wait_for(send: &BeginSend) -> Operation<Option<i64>> {
    let (names, process) = (PlayerNames::new(&send.openid), send.process);
    let (reads, trace) = (names.and([]), names.trace());
    let decide = Box::new(move |view: &View<'_>| {
        let mut changes = Changes::default();
        let mut loaded = Player::load(view, &names)?;
        let busy_ms = wait_for_lease(&mut loaded.player, &names, process, view, &mut changes);
        if loaded.has_changed() {
            loaded.save(view, &mut changes);
        }
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

/// What the player had of a campaign, by its number.
pub fn standing(openid: String, campaign: u64) -> Operation<Option<Standing>> {
    read_player(openid, move |player| player.recent.had(campaign))
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
