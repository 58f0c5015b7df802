//! Campaigns: one message to all whose count allows it, or to a list. The rules are the ledger's; here are the thread that
//! gives players their turns, and what a worker does with one.

mod active;
mod active_slice;
mod audience;
mod plan;
mod runner;
mod turn;
mod verdicts;

use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

use super::core::Core;
use super::outbox::Queue;
use super::rules::HostRules;
use super::send::Sender;
use super::templates::TemplateCache;
use crate::ledger::campaign::{Campaign, Change};
use crate::log::log_line;
pub use plan::Plan;
pub use turn::{Ended, Turn};

/// How often the thread looks what there is to do, while turns are given.
const STEP: Duration = Duration::from_millis(50);
/// How long it waits for the store.
const STORE_MS: u64 = 2000;

/// The campaigns of a client.
pub struct Campaigns {
    core: Arc<Core>,
    sender: Arc<Sender>,
    templates: Arc<TemplateCache>,
    rules: Arc<HostRules>,
    queue: Arc<Queue>,
    mailbox: Arc<Mailbox>,
}

/// What the thread is told.
#[derive(Default)]
pub struct Mailbox {
    state: Mutex<Told>,
    changed: Condvar,
}

#[derive(Default)]
struct Told {
    woken: bool,
    stop: bool,
    runs: bool,
    turns: Vec<Ended>,
}

impl Mailbox {
    fn tell(&self, ended: Ended) {
        self.state.lock().turns.push(ended);
        self.changed.notify_all();
    }

    /// Waits up to `time` for something new: turns that have ended, and whether somebody has changed a campaign.
    fn wait(&self, time: Duration) -> (Vec<Ended>, bool) {
        let mut state = self.state.lock();
        if state.turns.is_empty() && !state.woken && !state.stop {
            self.changed.wait_while_for(&mut state, |s| s.turns.is_empty() && !s.woken && !s.stop, time);
        }
        (std::mem::take(&mut state.turns), std::mem::take(&mut state.woken))
    }

    fn is_stopped(&self) -> bool {
        self.state.lock().stop
    }
}

impl Campaigns {
    pub fn new(
        core: Arc<Core>,
        sender: Arc<Sender>,
        templates: Arc<TemplateCache>,
        rules: Arc<HostRules>,
        queue: Arc<Queue>,
    ) -> Campaigns {
        Campaigns { core, sender, templates, rules, queue, mailbox: Arc::default() }
    }

    /// Somebody has changed a campaign.
    pub fn wake(&self) {
        self.mailbox.state.lock().woken = true;
        self.mailbox.changed.notify_all();
    }

    /// Gives nobody a turn any more, and waits up to `patience` until what runs has ended and others may go on with it.
    pub fn stop(&self, patience: Duration) {
        let mut state = self.mailbox.state.lock();
        state.stop = true;
        self.mailbox.changed.notify_all();
        self.mailbox.changed.wait_while_for(&mut state, |s| s.runs, patience);
    }

    /// Writes into the log where a campaign stands, when that has changed; the list of one that has ended goes.
    pub fn tell_change(&self, campaign: &Campaign, change: Option<&Change>) {
        let Some(Change { from, to }) = change else { return };
        if campaign.run.state.has_ended()
            && let Err(e) = self.core.drop_list(campaign, self.core.deadline().in_part(2), self.core.deadline())
        {
            log_line!(self.core.log, Warn, "campaign {}: its list was not dropped: {}", campaign.id, e.message);
        }
        let tally = campaign.tally();
        let (id, sent, seen, unknown) = (&campaign.id, tally.sent, tally.seen, tally.unknown);
        let skipped: u64 = tally.skipped.values().sum();
        let failed: u64 = tally.failed.values().sum();
        let why = match &campaign.run.state {
            crate::ledger::campaign::State::Paused { why, .. } => format!(": {why}"),
            _ => String::new(),
        };
        log_line!(
            self.core.log,
            Info,
            "campaign {id}: {to}, was {from}{why}; {seen} players so far: {sent} sent, {unknown} maybe, {skipped} skipped, {failed} failed"
        );
    }
}
