//! How steps count and enter what they do.

use super::entry::{Entry, What};
use super::funnel::{self, Column, column_of};
use crate::error::{Status, Verdict};
use crate::ledger::player::Player;
use crate::ledger::recent::{Pace, RUN_MS, Run};
use crate::ledger::template::{Template, TemplateId};
use crate::store::{Changes, Counter, LogEntry, Name, Replaced, View};

/// Refusals of one player that are watched for repeats, at most; the oldest leave first.
const MAX_RUNS: usize = 8;
/// Entries that answers of one player may leave in an hour: what his device sends is bounded.
const MOST_ANSWERS: u32 = 200;

/// Adds to a column of this day.
pub fn count(changes: &mut Changes, view: &View<'_>, at_ms: i64, template: Template, column: Column, n: i64) {
    changes.add(Counter { day: view.journal.day_of(at_ms), name: funnel::name_of(&template, column) }, n);
}

/// A send that begins.
pub fn begun(changes: &mut Changes, view: &View<'_>, template: &TemplateId) {
    count(changes, view, view.time.wall_ms, template.counted_as(), Column::Begun, 1);
}

/// A send that was begun is no message of its own: it was given up before it left, or is tried again.
pub fn not_begun(changes: &mut Changes, view: &View<'_>, template: Template, started_ms: i64) {
    count(changes, view, started_ms, template, Column::Begun, -1);
}

/// What became of a send that was begun then.
pub fn ended(changes: &mut Changes, view: &View<'_>, template: Template, started_ms: i64, status: Status) {
    if let Some(column) = column_of(status) {
        count(changes, view, started_ms, template, column, 1);
    }
}

/// A message that ended without a send.
pub fn ended_unsent(changes: &mut Changes, view: &View<'_>, template: Template, status: Status) {
    count(changes, view, view.time.wall_ms, template.clone(), Column::Begun, 1);
    ended(changes, view, template, view.time.wall_ms, status);
}

/// Enters what became of a message.
pub fn enter_send(changes: &mut Changes, view: &View<'_>, player: &mut Player, name: &Name, told: Told<'_>) {
    let Told { what, template, verdict, key, before, campaign } = told;
    let what = if verdict.status == Status::Skipped { What::Skipped } else { what };
    let entry = Entry {
        template: Some(template),
        status: verdict.status,
        skipped: verdict.skipped,
        errcode: verdict.errcode,
        msgid: verdict.msgid,
        key: key.map(str::to_owned),
        campaign: campaign.map(str::to_owned),
        before,
        after: (verdict.remaining >= 0).then_some(verdict.remaining),
        ..Entry::new(what, name)
    };
    enter(changes, view, player, name, entry);
}

/// The lease of a plain send is over and nobody ended it: it was maybe sent. A stored message's end is told elsewhere.
pub fn enter_lost(changes: &mut Changes, view: &View<'_>, player: &mut Player, name: &Name) {
    let send = player.recent.lease.as_ref().and_then(|lease| lease.send.as_ref());
    let Some(send) = send.filter(|send| send.message.is_none()) else { return };
    let entry =
        Entry { template: Some(send.template.clone()), status: Status::Unknown, ..Entry::new(What::Send, name) };
    enter(changes, view, player, name, entry);
}

/// What there is to say of a message.
pub struct Told<'a> {
    pub what: What,
    pub template: Template,
    pub verdict: &'a Verdict,
    pub key: Option<&'a str>,
    /// The count before its hold.
    pub before: Option<i64>,
    pub campaign: Option<&'a str>,
}

/// Appends an entry, or writes it in the place of the one that it repeats.
pub fn enter(changes: &mut Changes, view: &View<'_>, player: &mut Player, name: &Name, mut entry: Entry) {
    if view.journal.history_days == 0 {
        return;
    }
    let now_ms = view.time.wall_ms;
    let mut replaces = None;
    let (sum, prefix) = entry.beginning();
    if entry.may_repeat() {
        let runs = &mut player.recent.runs;
        runs.retain(|run| (0..RUN_MS).contains(&now_ms.saturating_sub(run.first_ms)) && run.last_ms <= now_ms);
        match runs.iter_mut().find(|run| run.sum == sum) {
            Some(run) => {
                replaces = Some(Replaced { at_ms: run.last_ms, prefix });
                (run.last_ms, run.times) = (now_ms, run.times.saturating_add(1));
                entry.times = run.times;
            }
            None => {
                runs.push(Run { sum, first_ms: now_ms, last_ms: now_ms, times: 1 });
                let surplus = runs.len().saturating_sub(MAX_RUNS);
                runs.drain(..surplus);
            }
        }
    }
    if entry.answered.is_some() && replaces.is_none() {
        let pace = &mut player.recent.pace;
        if pace.is_over(now_ms) {
            *pace = Pace { since_ms: now_ms, entries: 0 };
        }
        if pace.entries >= MOST_ANSWERS {
            return;
        }
        pace.entries += 1;
    }
    changes.log.push(LogEntry { home: name.home(), text: entry.encode(), replaces, made_ms: None });
}
