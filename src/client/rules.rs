//! The host's rules on a message that is about to be sent: quiet hours by the clock, and budgets, of which this process
//! claims blocks. Caps and mutes are looked at by the ledger, with the player.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;

use super::core::Core;
use crate::clock::Deadline;
use crate::error::{Error, SkipReason};
use crate::ledger::{self, Bound, BudgetClaim, CampaignSend, Caps, Share, Skip, Taken};

/// The rules of a client.
pub struct HostRules {
    core: Arc<Core>,
    /// Of each template: the part of its budget that is this process's own.
    budgets: Mutex<HashMap<String, Share>>,
}

/// One message's part of a budget; given back when it is dropped, unless it was used.
pub struct BudgetUnit<'a> {
    rules: &'a HostRules,
    template_id: &'a str,
    /// None: the template has no budget.
    day: Option<i64>,
}

impl BudgetUnit<'_> {
    /// The message was sent, or maybe.
    pub fn use_up(mut self) {
        self.day = None;
    }
}

impl Drop for BudgetUnit<'_> {
    fn drop(&mut self) {
        if let Some(day) = self.day
            && let Some(share) = self.rules.budgets.lock().get_mut(self.template_id)
        {
            share.give_back(day);
        }
    }
}

impl HostRules {
    pub fn new(core: Arc<Core>) -> HostRules {
        HostRules { core, budgets: Mutex::default() }
    }

    /// What the ledger looks at when a send begins.
    pub fn bound(&self, rules: bool, campaign: Option<CampaignSend>, skip_all: Option<Skip>) -> Bound {
        let config = &self.core.config.rules;
        Bound { rules, caps: Caps { per_day: config.per_day, per_week: config.per_week }, campaign, skip_all }
    }

    /// Now, in the time zone of the rules.
    pub fn local_ms(&self) -> i64 {
        self.core.engine.wall_ms().saturating_add(self.core.config.utc_offset_ms)
    }

    /// Whether these are quiet hours.
    pub fn quiet(&self) -> Option<Skip> {
        let left_ms = ledger::quiet_left_ms(self.core.config.rules.quiet?, self.local_ms())?;
        Some(Skip::until(SkipReason::Quiet, left_ms))
    }

    /// Takes one message's part of the template's budget.
    ///
    /// # Errors
    /// [`crate::Status::Store`] when it could not be claimed: nothing may be sent.
    pub fn take<'a>(&'a self, template_id: &'a str, deadline: Deadline) -> Result<Result<BudgetUnit<'a>, Skip>, Error> {
        let Some(limit) = self.core.config.rules.budget_of(template_id) else {
            return Ok(Ok(BudgetUnit { rules: self, template_id, day: None }));
        };
        let (day, left_ms) = ledger::day_of(self.local_ms());
        let unit = || BudgetUnit { rules: self, template_id, day: Some(day) };
        loop {
            let used = match self.of_share(template_id, |share| share.take(day)) {
                Taken::Now => return Ok(Ok(unit())),
                Taken::AllUsed(used) => used,
                Taken::DayIsOver => return Ok(Err(Skip::until(SkipReason::Budget, left_ms))),
            };
            let claim =
                BudgetClaim { template_id: template_id.to_owned(), day, process: self.core.process, used, limit };
            let claimed = self.core.engine.run(ledger::claim_budget(claim), deadline)?;
            if claimed <= used {
                return Ok(Err(Skip::until(SkipReason::Budget, left_ms)));
            }
            // Others of this process may have taken it all before this one does.
            self.of_share(template_id, |share| share.note_claimed(day, claimed));
        }
    }

    fn of_share<A>(&self, template_id: &str, act: impl FnOnce(&mut Share) -> A) -> A {
        act(self.budgets.lock().entry(template_id.to_owned()).or_default())
    }

    /// Gives back what was claimed and not used, when the client ends.
    pub fn release(&self, deadline: Deadline) {
        let (day, _) = ledger::day_of(self.local_ms());
        let budgets = std::mem::take(&mut *self.budgets.lock());
        for (template_id, share) in budgets {
            let Some(used) = share.unused_of(day) else { continue };
            let limit = self.core.config.rules.budget_of(&template_id).unwrap_or(0);
            let claim = BudgetClaim { template_id, day, process: self.core.process, used, limit };
            // If it fails, a block is wasted until the day ends.
            let _released = self.core.engine.run(ledger::release_budget(claim), deadline);
        }
    }
}
