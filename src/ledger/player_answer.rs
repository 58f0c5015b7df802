//! What a player answered: it moves counts, once per act and once per key.

use super::denial::Denial;
use super::journal::{self, Answered, Column, Effect, Entry, What};
use super::key::{self, Key, Seen};
use super::pairing::{Source, drop_untrusted_accept_marks, leave_mark, match_pair};
use super::player::{Player, PlayerNames};
use super::template::TemplateId;
use crate::error::{QuotaChange, Verdict};
use crate::store::{Changes, Name, Operation, Stop, Time, View};

/// A refusal event created less than this after the newest accept may have come before it, by two clocks: in doubt the
/// newest accept is kept.
const DOUBT_MS: i64 = 60_000;

/// What an answer does to one template's count, or to all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Granted += 1.
    Grant,
    /// Granted += 1 unless the count is above 0 already: what is long-term is on or off.
    SetOn,
    /// Spent = granted, the count is 0.
    Clear,
    /// The same for every template of the player. Its template says nothing.
    ClearAll,
    /// Nothing but that the template is banned, for this player: his device said so.
    Ban,
    /// Nothing; only tells the count.
    Look,
    /// Nothing: the platform has dropped it from the dialog.
    Filter,
}

/// A player's answer for one template.
#[derive(Clone, Debug)]
pub struct Item {
    /// The template.
    pub template: TemplateId,
    /// What the answer does.
    pub change: Change,
    /// The template is on or off: a count above 0 is told as 1.
    pub long_term: bool,
    /// The answer is an act of the player's that reaches us twice, from the game and as WeChat's event.
    pub player_action: bool,
}

/// What a player answered in the game, applied together or not at all.
#[derive(Clone, Debug)]
pub struct Report {
    /// The player.
    pub openid: String,
    /// By template.
    pub items: Vec<Item>,
    /// Idempotency, for each template of its own.
    pub key: Option<String>,
    /// An accept above this count changes nothing; 0: there is no such limit.
    pub max_count: u64,
    /// Any number, unlike others'.
    pub number: i64,
}

/// What one item of a report, or one part of an event, did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Applied {
    /// It was applied.
    Now {
        /// What it did.
        quota: QuotaChange,
        /// The count after it.
        remaining: i64,
    },
    /// The same act had come the other way before; nothing was changed. With the count.
    Paired(i64),
    /// The count is as high as the configuration lets it become; nothing was changed. With the count.
    Full(i64),
    /// Anybody may have written it, and it would take something from the player; nothing was changed. With the count, -1
    /// where it says none.
    Ignored(i64),
    /// The key, or the event, was seen before: this was the first one's answer.
    Before(Verdict),
}

impl Applied {
    /// What is kept for its key; None: it was seen before.
    pub fn kept(&self) -> Option<Verdict> {
        let (quota, remaining) = match self {
            Applied::Now { quota, remaining } => (*quota, *remaining),
            Applied::Paired(remaining) | Applied::Full(remaining) => (QuotaChange::Untouched, *remaining),
            Applied::Before(_) | Applied::Ignored(_) => return None,
        };
        Some(Verdict { quota, remaining, ..Verdict::default() })
    }
}

/// How answers are taken.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    /// Which way they came.
    pub source: Source,
    /// As in [`Report::max_count`].
    pub max_count: u64,
}

/// Applies a report.
pub fn report(report: Report) -> Operation<Vec<Applied>> {
    let names = PlayerNames::new(&report.openid);
    let key_of = |item: &Item| report.key.as_deref().map(|key| key::of_report(&names.lasting, key, item.template.id()));
    let keys: Vec<Option<Name>> = report.items.iter().map(key_of).collect();
    let reads = names.and(keys.iter().flatten().cloned());
    let trace = names.trace();
    let decide = Box::new(move |view: &View<'_>| decide_report(&report, &names, &keys, view));
    Operation { reads, proven: true, trace, decide }
}

fn decide_report(
    report: &Report,
    names: &PlayerNames,
    keys: &[Option<Name>],
    view: &View<'_>,
) -> Result<(Changes, Vec<Applied>), Stop> {
    let mut changes = Changes::default();
    let mut loaded = Player::load(view, names)?;
    let player = &mut loaded.player;
    let terms = Terms { source: Source::Report, max_count: report.max_count };
    let mut all = Vec::with_capacity(report.items.len());
    for (item, key_name) in report.items.iter().zip(keys) {
        if let Some(name) = key_name
            && let Some(Seen::Ended { verdict, .. }) =
                Key::load(view, &changes, name, player.birth)?.map(|key| key.seen())
        {
            all.push(Applied::Before(verdict));
            continue;
        }
        let before = count_before(player, item);
        let applied = apply(player, item, terms, &view.time)?;
        note_answered(
            &mut changes,
            view,
            player,
            &names.lasting,
            What::Report,
            item,
            &applied,
            before,
            report.key.as_deref(),
        );
        // What had no effect does not use the key up.
        let had_effect = !matches!(applied, Applied::Now { quota: QuotaChange::Untouched, .. } | Applied::Full(_));
        if let (Some(name), true, Some(kept)) = (key_name, had_effect, applied.kept()) {
            player.be_born(report.number as u32 ^ (report.number >> 32) as u32);
            Key::done(player.birth, 0, item.template.to_template(), kept, true).save(
                name.clone(),
                &view.time,
                &mut changes,
            );
        }
        all.push(applied);
    }
    if player.has_lasting() {
        player.be_born(report.number as u32 ^ (report.number >> 32) as u32);
    }
    loaded.save(view, &mut changes);
    Ok((changes, all))
}

/// The count that an answer finds: of its template, or of all.
pub fn count_before(player: &Player, item: &Item) -> i64 {
    match item.change {
        Change::ClearAll => {
            let left = player.counts.iter().map(|count| count.granted.saturating_sub(count.spent));
            i64::try_from(left.fold(0, u64::saturating_add)).unwrap_or(i64::MAX)
        }
        _ => player.remaining(&item.template),
    }
}

/// Applies one answer, unless the same act had come the other way.
///
/// # Errors
/// [`crate::Status::Arg`] when the player has counts of too many templates.
pub fn apply(player: &mut Player, item: &Item, terms: Terms, time: &Time) -> Result<Applied, Stop> {
    let told = |count: i64| if item.long_term { count.min(1) } else { count };
    let before = player.remaining(&item.template);
    let refusal = match item.change {
        Change::Grant | Change::SetOn => Some(false),
        Change::Clear => Some(true),
        Change::ClearAll | Change::Look | Change::Ban | Change::Filter => None,
    };
    let refusal = refusal.filter(|_| item.player_action);
    if refusal.is_some_and(|refusal| match_pair(player, &item.template, refusal, terms.source, time)) {
        return Ok(Applied::Paired(told(before)));
    }
    if item.change == Change::Grant && terms.max_count > 0 && before.max(0).cast_unsigned() >= terms.max_count {
        return Ok(Applied::Full(told(before)));
    }
    let quota = move_count(player, item, terms.source, time)?;
    note_denial(player, item, terms.source, time);
    if let Some(refusal) = refusal {
        leave_mark(player, &item.template, refusal, terms.source, time);
    }
    let remaining = if item.change == Change::ClearAll { 0 } else { told(player.remaining(&item.template)) };
    Ok(Applied::Now { quota, remaining })
}

fn move_count(player: &mut Player, item: &Item, source: Source, time: &Time) -> Result<QuotaChange, Stop> {
    let acted_ms = source.acted_ms(time);
    match item.change {
        Change::Grant | Change::SetOn => {
            let count = player.count_mut(&item.template)?;
            if item.change == Change::SetOn && count.granted > count.spent {
                return Ok(QuotaChange::Granted);
            }
            count.granted = count.granted.saturating_add(1);
            // Rounded up: in doubt the accept is the later one, and stays.
            count.accepted_s = count.accepted_s.max(acted_ms.max(0).saturating_add(999) / 1000);
            Ok(QuotaChange::Granted)
        }
        Change::Clear => {
            if player.count(&item.template).is_some() {
                let count = player.count_mut(&item.template)?;
                // A report comes after its act, so all accepts that are known came before it.
                let keep_newest = match source {
                    Source::Report => false,
                    Source::Event { created_ms, .. } => {
                        count.accepted_s.saturating_mul(1000) > created_ms.saturating_sub(DOUBT_MS)
                    }
                };
                let kept = u64::from(keep_newest && count.granted > 0);
                count.spent = count.spent.max(count.granted - kept);
                if kept == 0 {
                    drop_untrusted_accept_marks(player, Some(&item.template));
                }
            }
            Ok(QuotaChange::Cleared)
        }
        Change::ClearAll => {
            player.counts.iter_mut().for_each(|count| count.spent = count.spent.max(count.granted));
            drop_untrusted_accept_marks(player, None);
            Ok(QuotaChange::Cleared)
        }
        Change::Look | Change::Ban | Change::Filter => Ok(QuotaChange::Untouched),
    }
}

/// Takes from an answer that was applied whether the player is to be left alone.
fn note_denial(player: &mut Player, item: &Item, source: Source, time: &Time) {
    let acted_s = (source.acted_ms(time) / 1000).max(1);
    match item.change {
        Change::ClearAll => player.refused_all_s = player.refused_all_s.max(acted_s),
        Change::Clear => {
            // One that left the newest accept was not the last word.
            let is_last = player.count(&item.template).is_none_or(|count| count.granted <= count.spent);
            if is_last {
                put_denial(player, item, acted_s, Some(false));
            }
        }
        Change::Ban => put_denial(player, item, acted_s, Some(true)),
        Change::Grant | Change::SetOn => {
            put_denial(player, item, acted_s, None);
            // A kept choice says nothing of the main switch; an accept in a dialog needs it on.
            if item.player_action && player.refused_all_s <= acted_s {
                player.refused_all_s = 0;
            }
        }
        Change::Look | Change::Filter => {}
    }
}

/// None: he accepted. An event may come late, so the newest act counts.
fn put_denial(player: &mut Player, item: &Item, acted_s: i64, banned: Option<bool>) {
    if banned.is_none() && player.count(&item.template).is_none() {
        return;
    }
    // One with counts of too many templates is asked again.
    let Ok(count) = player.count_mut(&item.template) else { return };
    if count.denial.is_none_or(|denial| denial.at_s <= acted_s) {
        count.denial = banned.map(|banned| Denial { at_s: acted_s, banned });
    }
}

/// Counts and enters an answer of the player's.
#[allow(clippy::too_many_arguments)] // what it was, and where it goes
pub fn note_answered(
    changes: &mut Changes,
    view: &View<'_>,
    player: &mut Player,
    name: &Name,
    what: What,
    item: &Item,
    applied: &Applied,
    before: i64,
    key: Option<&str>,
) {
    let Some((answer, column)) = answer_of(item) else { return };
    let (effect, after) = match applied {
        Applied::Now { quota: QuotaChange::Granted, remaining } => (Effect::Granted, *remaining),
        Applied::Now { quota: QuotaChange::Cleared, remaining } => (Effect::Cleared, *remaining),
        Applied::Now { remaining, .. } => (Effect::Nothing, *remaining),
        Applied::Full(remaining) => (Effect::Full, *remaining),
        // It was told before, or is nobody's word.
        Applied::Paired(_) | Applied::Before(_) | Applied::Ignored(_) => return,
    };
    // A state is told again and again; only what it changes is news.
    let is_news = match item.change {
        Change::Grant => true,
        Change::SetOn => before <= 0,
        Change::Clear | Change::ClearAll => before > 0,
        Change::Look | Change::Ban | Change::Filter => false,
    };
    if !item.player_action && !is_news {
        return;
    }
    if let Some(column) = column.filter(|_| effect != Effect::Full) {
        journal::count(changes, view, view.time.wall_ms, item.template.counted_as(), column, 1);
    }
    let entry = Entry {
        template: Some(player.name_of(&item.template)),
        answered: Some((answer, effect)),
        key: key.map(str::to_owned),
        before: Some(before),
        after: Some(after),
        ..Entry::new(what, name)
    };
    journal::enter(changes, view, player, name, entry);
}

fn answer_of(item: &Item) -> Option<(Answered, Option<Column>)> {
    Some(match item.change {
        Change::Grant | Change::SetOn => (Answered::Accept, Some(Column::Accepted)),
        Change::Clear | Change::ClearAll => (Answered::Reject, Some(Column::Rejected)),
        Change::Filter => (Answered::Filter, Some(Column::Filtered)),
        Change::Ban => (Answered::Ban, None),
        Change::Look => return None,
    })
}
