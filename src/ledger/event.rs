//! What WeChat pushed about a player: each part once, all or none.

use super::forget;
use super::journal::What;
use super::key::{self, Key, Seen};
use super::late::{Late, settle_late};
use super::pairing::Source;
use super::player::{MAX_TEMPLATES, Player, PlayerNames};
use super::player_answer::{Applied, Change, Item, Terms, apply, count_before, note_answered};
use super::settle::Outcome;
use super::template::TemplateId;
use crate::error::{QuotaChange, Verdict};
use crate::store::{Changes, Name, Operation, Stop, View};

/// While so many templates have something left, a player gets no count of another by an event that is not trusted.
const UNTRUSTED_TEMPLATES: usize = MAX_TEMPLATES / 2;

/// What WeChat pushed about a player.
#[derive(Clone, Debug)]
pub struct Event {
    /// The player.
    pub openid: String,
    /// When it happened, in Unix milliseconds by WeChat's clock.
    pub created_ms: i64,
    /// Each with what names it among all events: a second one of the same name changes nothing.
    pub parts: Vec<(String, EventPart)>,
    /// WeChat alone can have written it; else it lowers no count, settles nothing, and leaves room for other templates.
    pub trusted: bool,
    /// As in [`super::Report::max_count`].
    pub max_count: u64,
    /// Any number, unlike others'.
    pub number: i64,
}

/// One part of an event.
#[derive(Clone, Debug)]
pub enum EventPart {
    /// The player answered, in a dialog or in the settings.
    Answer(Item),
    /// What became of a send: settles the oldest one in doubt of the player and template, if its msgid is not known.
    Sent {
        /// The template.
        template: TemplateId,
        /// What the send's key answers from now on; its msgid says which send it was.
        verdict: Box<Verdict>,
        /// What becomes of the unit.
        outcome: Outcome,
    },
}

/// What became of an event: for each part what it did. `Err(ms)`: nothing yet, since a send to the player runs, for so
/// many milliseconds at most, and what became of it must be known first.
pub type EventResult = Result<Vec<Applied>, i64>;

/// Applies an event.
pub fn handle(event: Event) -> Operation<EventResult> {
    let names = PlayerNames::new(&event.openid);
    let keys: Vec<Name> = event.parts.iter().map(|(identity, _)| key::of_event(&names.lasting, identity)).collect();
    let reads = names.and(keys.iter().cloned().chain([forget::trace_read(&names.lasting)]));
    let trace = names.trace();
    let decide = Box::new(move |view: &View<'_>| decide_event(&event, &names, &keys, view));
    Operation { reads, proven: true, trace, decide }
}

fn decide_event(
    event: &Event,
    names: &PlayerNames,
    keys: &[Name],
    view: &View<'_>,
) -> Result<(Changes, EventResult), Stop> {
    let mut changes = Changes::default();
    if forget::was_forgotten_since(&names.lasting, event.created_ms, view)? {
        // It is about a life that has ended.
        let old = || Applied::Before(Verdict { remaining: 0, ..Verdict::default() });
        return Ok((changes, Ok(event.parts.iter().map(|_| old()).collect())));
    }
    let mut loaded = Player::load(view, names)?;
    let player = &mut loaded.player;
    let mut done = Vec::with_capacity(event.parts.len());
    for ((_, part), name) in event.parts.iter().zip(keys) {
        if let Some(Seen::Ended { verdict, .. }) = Key::load(view, &changes, name, player.birth)?.map(|key| key.seen())
        {
            done.push(Applied::Before(verdict));
            continue;
        }
        if !event.trusted && (lowers(part) || crowds(player, part)) {
            done.push(Applied::Ignored(remaining(player, part)));
            continue;
        }
        let applied = match part {
            EventPart::Answer(item) => {
                let source = Source::Event { created_ms: event.created_ms, trusted: event.trusted };
                let before = count_before(player, item);
                let applied = apply(player, item, Terms { source, max_count: event.max_count }, &view.time)?;
                note_answered(&mut changes, view, player, &names.lasting, What::Event, item, &applied, before, None);
                applied
            }
            EventPart::Sent { template, verdict, outcome } => {
                match settle_late(player, names, template, event.created_ms, verdict, *outcome, view, &mut changes)? {
                    Late::Busy(ms) => return Ok((Changes::default(), Err(ms))),
                    Late::Nothing if !player.is_known() => {
                        // Maybe one who was forgotten meanwhile: nothing begins with it.
                        done.push(Applied::Now { quota: QuotaChange::Untouched, remaining: -1 });
                        continue;
                    }
                    Late::Nothing => Applied::Now { quota: QuotaChange::Untouched, remaining: -1 },
                    Late::Settled(remaining) => Applied::Now { quota: quota_of(*outcome), remaining },
                }
            }
        };
        player.be_born(event.number as u32 ^ (event.number >> 32) as u32);
        if let Some(kept) = applied.kept() {
            let template = template_of(part).to_template();
            Key::done(player.birth, 0, template, kept, true).save(name.clone(), &view.time, &mut changes);
        }
        done.push(applied);
    }
    loaded.save(view, &mut changes);
    Ok((changes, Ok(done)))
}

fn template_of(part: &EventPart) -> &TemplateId {
    match part {
        EventPart::Answer(item) => &item.template,
        EventPart::Sent { template, .. } => template,
    }
}

/// Whether it takes something from the player, or settles a send.
fn lowers(part: &EventPart) -> bool {
    match part {
        EventPart::Answer(item) => matches!(item.change, Change::Clear | Change::ClearAll),
        EventPart::Sent { .. } => true,
    }
}

/// Whether it opens a count of one template more where there are many: the player's own answers must find room. Made-up
/// templates keep what they have, since nothing is sent for them; what was used up makes room.
fn crowds(player: &Player, part: &EventPart) -> bool {
    let open = player.counts.iter().filter(|count| count.granted > count.spent).count();
    player.count(template_of(part)).is_none() && (open >= UNTRUSTED_TEMPLATES || !player.has_room())
}

fn remaining(player: &Player, part: &EventPart) -> i64 {
    match part {
        EventPart::Answer(item) => player.remaining(&item.template),
        EventPart::Sent { .. } => -1,
    }
}

fn quota_of(outcome: Outcome) -> QuotaChange {
    match outcome {
        Outcome::Spent => QuotaChange::Spent,
        Outcome::Cleared => QuotaChange::Cleared,
        Outcome::Returned | Outcome::InDoubt => QuotaChange::Untouched,
    }
}
