//! What a client does, on the store in a file: against the simulator, against small servers that misbehave, and through
//! the deaths of processes. tests/README.md says which file answers which question.

#[path = "../common/mod.rs"]
mod common;

mod admin;
mod ask;
mod bounds;
mod campaigns;
mod check;
mod disk;
mod events;
mod failed_syncs;
mod forget;
mod format;
mod fuzz_seeds;
mod grants;
mod holds;
mod keys;
mod late;
mod login;
mod network;
mod outbox;
mod outbox_clock;
mod outbox_crash;
mod outbox_fair;
mod outbox_rules;
mod pairing;
mod peers;
mod power;
mod push_router;
mod refusal;
mod secrets;
mod send;
mod submit;
mod templates;
mod token;
mod token_budget;
mod unsigned;
