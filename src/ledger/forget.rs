//! Forgetting a player: his life ends, with all that is known of him.
//!
//! What is late for him – a settlement, an event that WeChat pushes again – finds another life, or none. A trace is left for
//! two days, by a hash of his openid, so that an old event begins no new life.

use super::nonce;
use super::player::PlayerNames;
use crate::store::{Changes, Name, Operation, Space, Stop, View, When};

/// WeChat pushes an event again for less than this.
const TRACE_LIFE_MS: i64 = 48 * 3_600_000;

/// What was forgotten.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Forgotten {
    /// 1, if anything was known of the player.
    pub players: u64,
    /// What keys and events had seen.
    pub keys: u64,
    /// Messages that waited or were being sent.
    pub messages: u64,
}

/// How far a player was forgotten, as of some time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forgetting {
    /// Not at all since then.
    NotSince,
    /// His records are gone; lists and history may still name him.
    Records,
    /// Nothing shows him.
    Whole,
}

fn trace_of(player: &Name) -> Name {
    player.hashed_beside(Space::Key, &[b"forgotten"])
}

/// Left when lists and history are done, too.
fn whole_trace_of(player: &Name) -> Name {
    player.hashed_beside(Space::Key, &[b"forgotten-whole"])
}

/// Whether a record is a trace of one who was forgotten.
pub fn is_trace(name: &Name, player: &Name) -> bool {
    *name == trace_of(player) || *name == whole_trace_of(player)
}

/// Ends a player's life. `others`: names of his keys and messages; `is_last`: there are no more, so a trace is left. Records
/// are not read as anything, so that a damaged one goes like any other.
pub fn forget(openid: &str, others: Vec<Name>, is_last: bool) -> Operation<Forgotten> {
    let names = PlayerNames::new(openid);
    let trace = trace_of(&names.lasting);
    let others: Vec<Name> = others.into_iter().filter(|name| !is_trace(name, &names.lasting)).collect();
    let reads = names.and(others.iter().cloned().chain([trace.clone()]));
    let decide = Box::new(move |view: &View<'_>| {
        let (mut changes, mut forgotten) = (Changes::default(), Forgotten::default());
        for name in [&names.lasting, &names.recent].into_iter().chain(&others) {
            let is_there = view.get(name)?.is_some();
            if is_there {
                changes.put(name.clone(), None, None);
            }
            match name.space() {
                Space::Player | Space::Recent => forgotten.players |= u64::from(is_there),
                Space::Message => {
                    changes.look_at(name.clone(), When::Never);
                    forgotten.messages += u64::from(is_there);
                }
                Space::Key | Space::Account => forgotten.keys += u64::from(is_there),
            }
        }
        if is_last {
            leave(&trace, view, &mut changes);
        }
        Ok((changes, forgotten))
    });
    Operation { reads, proven: true, trace: None, decide }
}

fn leave(trace: &Name, view: &View<'_>, changes: &mut Changes) {
    nonce::save(trace, view.time.wall_ms.cast_unsigned(), TRACE_LIFE_MS, &view.time, changes);
}

/// Notes that lists and history are done, too.
pub fn note_forgotten(openid: &str) -> Operation<()> {
    let trace = whole_trace_of(&Name::player(openid));
    let reads = vec![trace.clone()];
    let decide = Box::new(move |view: &View<'_>| {
        let mut changes = Changes::default();
        leave(&trace, view, &mut changes);
        Ok((changes, ()))
    });
    Operation { reads, proven: false, trace: None, decide }
}

/// Whether the player was forgotten after this time, so that what happened then is no news.
pub fn was_forgotten_since(player: &Name, at_ms: i64, view: &View<'_>) -> Result<bool, Stop> {
    is_left_since(&trace_of(player), at_ms, view)
}

fn is_left_since(trace: &Name, at_ms: i64, view: &View<'_>) -> Result<bool, Stop> {
    let Some(record) = view.get(trace)? else { return Ok(false) };
    // By the clock of that time and by today's, since either may have been wrong: what is lost by mistake is a grant.
    let forgotten = nonce::decode_aged(trace, record, &view.time)?;
    let forgotten_ms =
        forgotten.map(|(then_ms, age_ms)| then_ms.cast_signed().min(view.time.wall_ms.saturating_sub(age_ms)));
    Ok(forgotten_ms.is_some_and(|forgotten_ms| forgotten_ms > at_ms))
}

/// The same, by itself.
pub fn was_forgotten(openid: &str, at_ms: i64) -> Operation<bool> {
    let player = Name::player(openid);
    let reads = vec![trace_of(&player)];
    let decide = Box::new(move |view: &View<'_>| Ok((Changes::default(), was_forgotten_since(&player, at_ms, view)?)));
    Operation { reads, proven: false, trace: None, decide }
}

/// How far the player was forgotten after this time.
pub fn forgotten_since(openid: &str, at_ms: i64) -> Operation<Forgetting> {
    let player = Name::player(openid);
    let reads = vec![trace_of(&player), whole_trace_of(&player)];
    let decide = Box::new(move |view: &View<'_>| {
        let how_far = match was_forgotten_since(&player, at_ms, view)? {
            false => Forgetting::NotSince,
            true if is_left_since(&whole_trace_of(&player), at_ms, view)? => Forgetting::Whole,
            true => Forgetting::Records,
        };
        Ok((Changes::default(), how_far))
    });
    Operation { reads, proven: false, trace: None, decide }
}

/// What a step reads that asks that.
pub fn trace_read(player: &Name) -> Name {
    trace_of(player)
}
