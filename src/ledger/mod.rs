//! The ledger: what each player still allows, who is being sent to, which keys were used, what waits, and the token.
//!
//! All rules, and nothing else: pure functions that make an [`Operation`], which an engine in `store` takes on its
//! records. No SQL, no clock, no randomness, no I/O here; `docs/architecture.md` tells the rules with their reasons.
//!
//! Per player and template two numbers only grow, *granted* and *spent*; the count is their difference, less the unit that
//! a send in flight holds, never below zero.

mod age;
mod ask;
mod audit;
mod budget;
pub mod campaign;
mod codec;
mod denial;
mod event;
mod forget;
mod import;
mod inspect;
mod journal;
mod kept_a_day;
mod key;
mod late;
mod message;
mod nonce;
mod outbox;
mod pairing;
mod player;
mod player_answer;
mod recent;
mod recovery;
mod rules;
mod send;
mod settle;
mod template;
mod template_list;
mod token;
mod verdict;

#[cfg(any(test, fuzzing))]
mod any_record;
#[cfg(test)]
mod tests;

#[cfg(any(test, fuzzing))]
pub use any_record::any_record;

pub use ask::{Ask, AskWhy, Plan, Wish, ask};
pub use audit::{Act, acts, note_act, note_rows};
pub use budget::{BudgetClaim, Share, Taken, budget_left, claim_budget, release_budget};
#[cfg(test)]
pub use event::EventResult;
pub use event::{Event, EventPart, handle as handle_event};
pub use forget::{Forgetting, Forgotten, forget, forgotten_since, is_trace, note_forgotten, was_forgotten};
pub use import::{
    ImportedCount, ImportedRecord, Meets, Piece, both_records, gather, import_count, import_record, may_leave,
};
pub use inspect::{counts_in, has_probe, identity, inspect_player, leave_probe, message_in};
#[cfg(test)]
pub use journal::Funnel;
pub use journal::{
    Answered, Column, Effect, Entry, ImportedEntry, Opening, Row, Unsent, What, add_counters, check_counter, funnel,
    import_entry, mute, note_unsent, opened,
};
pub use kept_a_day::{answered, keep_answer};
pub use message::{Disposition, Message, Payload, State as MessageState};
pub use nonce::{Use, first_use};
pub use outbox::{Cancelled, EnqueueResult, KeyStatus, NewMessage, cancel, cancelled, enqueue, finish, look_up, peek};
pub use player_answer::{Applied, Change, Item, Report, report};
pub use recent::Standing;
pub use recovery::{recover, set_aside};
pub use rules::{Bound, CampaignSend, Caps, Skip, day_of, quiet_left_ms};
pub use send::{BeginResult, BeginSend, Hold, begin, has_any, other_template, remaining, standing, wait_for};
#[cfg(test)]
pub use settle::Settled;
pub use settle::{Outcome, Settlement, abandon, left_after, settle};
pub use template::{Template, TemplateId, hash_of};
pub use template_list::{confirm, put_list, read as read_templates};
#[cfg(test)]
pub use token::StoredToken;
pub use token::{
    Concerned, Failure as TokenFailure, FailureScope, TokenAsk, TokenClaim, TokenRefusal, TokenSlot,
    accepted as token_accepted, claim as claim_token, fail as fail_token, force as force_token,
    inspect as inspect_token, put as put_token, read as read_token, refused as token_refused, release as release_token,
};
pub use verdict::{SENT, found_running};

use crate::store::{Name, Space, Time};

/// Whether a passing record is over, so that an engine may drop it.
pub fn is_over(name: &Name, record: &[u8], now: &Time) -> bool {
    match name.space() {
        Space::Recent => player::is_recent_over(name, record, now),
        Space::Key => {
            key::is_over(name, record, now)
                || matches!(nonce::decode(name, record, now), Ok(None))
                || matches!(kept_a_day::decode(name, record, now), Ok(None))
        }
        Space::Player | Space::Message | Space::Account => false,
    }
}
