//! One player's turn, on a worker.

use std::sync::Arc;

use super::{Campaigns, Mailbox, Plan, STORE_MS};
use crate::client::options::Options;
use crate::client::send::Executed;
use crate::clock::Deadline;
use crate::error::{Error, Retry, SkipReason, Status, Verdict};
use crate::ledger::{self, Skip, Standing};
use crate::panics;

/// A player of a slice.
#[derive(Clone, Debug)]
pub struct Player {
    /// Who.
    pub openid: String,
    /// Data of his own, as JSON.
    pub data: Option<String>,
    /// Tries that failed.
    pub tries: u32,
}

/// What a turn came to.
#[derive(Debug)]
pub enum Result {
    /// It ended so; after a send that was begun, or without one.
    Ended { verdict: Box<Verdict>, begun: bool },
    /// The ledger did not answer, and how the player stands is not known.
    Unasked(Box<Verdict>),
    /// The player had the message before, or may have had.
    Had(Standing),
    /// Other messages to the player are being sent.
    PlayerBusy,
    /// It was not begun.
    NotBegun,
}

impl Result {
    fn unsent(verdict: Verdict) -> Result {
        Result::Ended { verdict: Box::new(verdict), begun: false }
    }
}

/// A turn that has ended.
pub struct Ended {
    /// Of which campaign.
    pub plan: Arc<Plan>,
    /// Of which slice, by its serial.
    pub slice: u64,
    /// Whose.
    pub player: Player,
    /// What it came to.
    pub result: Result,
}

/// A player's turn; tells what became of it, also when it is dropped undone.
pub struct Turn {
    plan: Arc<Plan>,
    slice: u64,
    player: Option<Player>,
    result: Result,
    mailbox: Arc<Mailbox>,
}

impl Turn {
    pub fn new(plan: Arc<Plan>, slice: u64, player: Player, mailbox: Arc<Mailbox>) -> Turn {
        Turn { plan, slice, player: Some(player), result: Result::NotBegun, mailbox }
    }

    /// Whose turn it is.
    pub fn openid(&self) -> &str {
        self.player.as_ref().map_or("", |player| &player.openid)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let Some(player) = self.player.take() else { return };
        let result = std::mem::replace(&mut self.result, Result::NotBegun);
        self.mailbox.tell(Ended { plan: Arc::clone(&self.plan), slice: self.slice, player, result });
    }
}

impl Campaigns {
    /// Gives a player his turn.
    pub fn take_turn(&self, mut turn: Turn) {
        if turn.plan.is_stopped() {
            return;
        }
        let Some(player) = turn.player.as_ref() else { return };
        let attempted = panics::catch(|| self.send_to(&turn.plan, player));
        turn.result = attempted
            .unwrap_or_else(|place| {
                let why = format!("maybe sent: a bug of wxsub's was caught at {place}; please report it");
                Ok(Result::Ended { verdict: Box::new(Error::new(Status::Panic, why).into()), begun: true })
            })
            .unwrap_or_else(|e| self.not_begun(&turn.plan, player, e));
    }

    /// A turn that failed without an answer of the ledger's says nothing of an earlier one, whose process died: the player
    /// may have had the message.
    fn not_begun(&self, plan: &Plan, player: &Player, failure: Error) -> Result {
        let look = ledger::standing(player.openid.clone(), plan.number);
        match self.core.engine.ask(look, Deadline::in_ms(STORE_MS)) {
            Ok(Some(standing)) => Result::Had(standing),
            Ok(None) if failure.status == Status::Expired => Result::unsent(Skip::never(SkipReason::Expired).verdict()),
            Ok(None) => Result::unsent(failure.into()),
            Err(e) if e.retry == Retry::Later => Result::Unasked(Box::new(e.into())),
            Err(e) => Result::unsent(e.into()),
        }
    }

    fn send_to(&self, plan: &Plan, player: &Player) -> std::result::Result<Result, Error> {
        let message = plan.message_to(&player.openid, player.data.as_deref())?;
        let deadline = self.core.deadline();
        let prepared = self.sender.prepare(message, deadline)?;
        let options = Options { rules: plan.rules, expires_at: Some(plan.expires_ms), ..Options::default() };
        let campaign = plan.send(self.core.engine.wall_ms());
        let executed = self.sender.execute_campaign(&prepared, &options, campaign)?;
        self.core.touch_maintenance();
        Ok(match executed {
            Executed::NotBegun(verdict) => Result::unsent(verdict),
            Executed::Settled(verdict, _) | Executed::Unsettled(verdict) => {
                Result::Ended { verdict: Box::new(verdict), begun: true }
            }
            Executed::Had(standing) => Result::Had(standing),
            Executed::PlayerBusy => Result::PlayerBusy,
            Executed::NotOurs => Result::NotBegun,
        })
    }
}
