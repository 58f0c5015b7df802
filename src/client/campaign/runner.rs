//! The thread that gives players of campaigns their turns.
//!
//! It takes slices of players, hands their turns to the workers as fast as those are free and the campaign's pace allows,
//! and tells the store what has come of them; so it learns, too, within half a second that a campaign was paused.

use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use super::active::Active;
use super::turn::Ended;
use super::{Campaigns, Mailbox, STEP, STORE_MS};
use crate::client::{ForkGuard, Parts};
use crate::clock::Deadline;
use crate::error::{Error, Status};
use crate::ledger::campaign;
use crate::log::log_line;
use crate::panics;

/// Other processes' campaigns are looked for this often.
const TICK: Duration = Duration::from_secs(3);
/// The same while there is one that has not ended.
const LIVE_TICK: Duration = Duration::from_millis(500);
/// After a failure of the store.
const AFTER_FAILURE: Duration = Duration::from_secs(1);

/// The campaigns that this process works on, by id.
#[derive(Default)]
struct Local {
    active: HashMap<String, Active>,
    /// When the list of all was read last.
    looked: Option<Instant>,
    /// Those that have not ended, in the order in which they were put.
    live: Vec<String>,
}

impl Campaigns {
    /// Starts the thread; it lets go of `fork_guard` last of all.
    ///
    /// # Errors
    /// [`Status::Internal`] when the system refuses a thread.
    pub fn start(parts: &Arc<Parts>, fork_guard: ForkGuard) -> Result<(), Error> {
        let (weak, mailbox) = (Arc::downgrade(parts), Arc::clone(&parts.campaigns.mailbox));
        parts.campaigns.mailbox.state.lock().runs = true;
        std::thread::Builder::new()
            .name("wxsub-campaign".to_owned())
            .spawn(move || {
                let _caught = panics::catch(|| serve(&weak, &mailbox));
                drop((weak, fork_guard));
                mailbox.state.lock().runs = false;
                mailbox.changed.notify_all();
            })
            .map(drop)
            .map_err(|e| {
                parts.campaigns.mailbox.state.lock().runs = false;
                Error::new(Status::Internal, format!("the system refuses a thread: {e}"))
            })
    }
}

/// One campaign's failure does not stop the others.
fn tell(campaigns: &Campaigns, id: &str, e: &Error) {
    log_line!(campaigns.core.log, Warn, "campaign {id}: {}", e.message);
}

/// Goes on while there is a client.
fn serve(weak: &Weak<Parts>, mailbox: &Mailbox) {
    let mut local = Local::default();
    let mut wait = Duration::ZERO;
    loop {
        let (turns, woken) = mailbox.wait(wait);
        let Some(parts) = weak.upgrade() else { return };
        let campaigns = &parts.campaigns;
        let _lines = campaigns.core.log.hold();
        if woken {
            local.looked = None;
        }
        let done = panics::catch(|| {
            local.settle(campaigns, turns);
            if mailbox.is_stopped() {
                return Ok(None);
            }
            local.go_on(campaigns).map(Some)
        });
        wait = match done {
            Ok(Ok(Some(wait))) => wait,
            Ok(Ok(None)) => {
                if local.let_go(campaigns) {
                    return;
                }
                STEP
            }
            Ok(Err(e)) => {
                log_line!(campaigns.core.log, Warn, "campaigns: {}", e.message);
                AFTER_FAILURE
            }
            Err(place) => {
                log_line!(campaigns.core.log, Error, "a bug of wxsub's was caught at {place}");
                AFTER_FAILURE
            }
        };
    }
}

impl Local {
    /// Takes in turns that have ended.
    fn settle(&mut self, campaigns: &Campaigns, turns: Vec<Ended>) {
        for ended in turns {
            if let Some(active) = self.active.get_mut(&ended.plan.id) {
                active.settle(campaigns, ended);
            }
        }
    }

    /// Works on all campaigns that run; says how long there is nothing to do.
    fn go_on(&mut self, campaigns: &Campaigns) -> Result<Duration, Error> {
        let tick = if self.live.is_empty() { TICK } else { LIVE_TICK };
        if self.looked.is_none_or(|looked| looked.elapsed() >= tick) {
            let ids = campaigns.core.engine.ask(campaign::ids(), Deadline::in_ms(STORE_MS))?;
            self.live = ids.into_iter().filter(|(_, ended)| !ended).map(|(id, _)| id).collect();
            self.looked = Some(Instant::now());
        }
        for id in &self.live {
            if self.active.contains_key(id) {
                continue;
            }
            match Active::open(campaigns, id) {
                Ok(Some(active)) => drop(self.active.insert(id.clone(), active)),
                Ok(None) => {}
                Err(e) => tell(campaigns, id, &e),
            }
        }
        let running = self.active.values().map(Active::running).sum::<usize>();
        let room = (2 * campaigns.core.config.workers).saturating_sub(running);
        let share = room.div_ceil(self.active.len().max(1));
        let mut wait = if self.live.is_empty() { TICK } else { LIVE_TICK };
        for (id, active) in &mut self.active {
            match active.go_on(campaigns, share) {
                Ok(rest) => wait = wait.min(rest),
                Err(e) => tell(campaigns, id, &e),
            }
        }
        self.active.retain(|_, active| !active.is_over());
        Ok(wait)
    }

    /// Gives all slices back; false: turns are still running.
    fn let_go(&mut self, campaigns: &Campaigns) -> bool {
        let mut all = true;
        for active in self.active.values_mut() {
            all &= active.let_go(campaigns);
        }
        all
    }
}
