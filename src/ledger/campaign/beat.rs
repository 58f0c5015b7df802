//! The heartbeat: by it a process keeps its slices, tells what has come of them, and gets another.

use super::record::{Definition, Run, Slice, part_name};
use super::steps::{Campaign, Change, on_campaign};
use super::tally::Tally;
use crate::store::Operation;

/// How far ahead a campaign's pace is reserved at most: so many times what a process wants, and microseconds.
const MOST_AHEAD: (i64, i64) = (256, 60_000_000);

/// What a process tells of its slices, and what it wants.
#[derive(Clone, Debug, Default)]
pub struct Beat {
    /// Names the process.
    pub process: i64,
    /// The engine whose order places are of.
    pub engine: u8,
    /// Its slices: what has come of them, and whether they are done.
    pub slices: Vec<(u64, Tally, bool)>,
    /// It gives those that are not done back.
    pub release: bool,
    /// How long they are its own, from now.
    pub lease_ms: i64,
    /// Another slice.
    pub take: Option<Take>,
    /// So many messages that it may begin.
    pub pace: u32,
}

/// Which slice is wanted.
#[derive(Clone, Debug)]
pub enum Take {
    /// One that its process has left.
    Left,
    /// The next part of the list.
    Part,
    /// The players that were found behind a place.
    Players {
        /// The place.
        from: Option<Box<[u8]>>,
        /// Where the slice ends; None: there are no more players.
        to: Option<Box<[u8]>>,
        /// Behind it there are none.
        at_end: bool,
    },
}

/// What a process learns.
#[derive(Clone, Debug, Default)]
pub struct Beaten {
    /// Slices that are not its own any more.
    pub lost: Vec<u64>,
    /// The slice that it has now.
    pub taken: Option<Slice>,
    /// When it may begin the first of its messages, microseconds since 1970.
    pub pace_us: i64,
}

/// Keeps a process's slices its own, writes down what has come of them, and gives it another.
pub fn beat(id: String, beat: Beat) -> Operation<Option<(Beaten, Campaign, Option<Change>)>> {
    on_campaign(id, false, move |campaign, view, changes| {
        let mut beaten = Beaten::default();
        let Campaign { id, definition, run } = campaign;
        if !definition.is_list && run.engine != beat.engine {
            // Another engine's places: all players are looked at again, and those who had it are known by their marks.
            *run = Run {
                engine: beat.engine,
                again: run.engine != 0,
                place: None,
                at_end: false,
                slices: Vec::new(),
                tally: Tally::default(),
                ..run.clone()
            };
        }
        for (number, tally, done) in &beat.slices {
            let at = run.slices.iter().position(|slice| slice.number == *number && slice.owner == beat.process);
            let Some(at) = at else {
                beaten.lost.push(*number);
                continue;
            };
            if *done {
                run.tally.add(tally);
                run.slices.remove(at);
                if definition.is_list {
                    let name = part_name(id, *number);
                    view.get(&name)?;
                    changes.put(name, None, None);
                }
                continue;
            }
            let slice = &mut run.slices[at];
            slice.left_ms = if beat.release { 0 } else { beat.lease_ms };
            if tally.seen >= slice.tally.seen {
                slice.tally = tally.clone();
            }
        }
        if run.state == super::State::Running {
            beaten.taken = beat.take.as_ref().and_then(|take| take_slice(run, definition, take, &beat));
            if let Some(rate) = definition.per_1000_s.filter(|_| beat.pace > 0) {
                let interval_us = (1_000_000_000 / rate.max(1)).cast_signed();
                let block_us = interval_us.saturating_mul(i64::from(beat.pace));
                beaten.pace_us = pace_from(run.pace_us, view.time.wall_ms.saturating_mul(1000), block_us);
                run.pace_us = beaten.pace_us.saturating_add(block_us);
            }
        }
        Ok(beaten)
    })
}

/// When the next messages may begin: behind those that others have reserved. What lies further ahead than so many
/// processes reserve was written by a clock that was ahead, and holds nobody up.
fn pace_from(reserved_us: i64, now_us: i64, block_us: i64) -> i64 {
    let furthest_us = now_us.saturating_add(block_us.saturating_mul(MOST_AHEAD.0).max(MOST_AHEAD.1));
    if reserved_us > furthest_us { now_us } else { reserved_us.max(now_us) }
}

fn take_slice(run: &mut Run, definition: &Definition, take: &Take, beat: &Beat) -> Option<Slice> {
    match take {
        Take::Left => {
            // One that it lost may not come back before it knows that: the old tally would end it.
            let is_told = |slice: &Slice| beat.slices.iter().any(|(number, ..)| *number == slice.number);
            let slice = run.slices.iter_mut().find(|slice| slice.left_ms == 0 && !is_told(slice))?;
            (slice.owner, slice.left_ms) = (beat.process, beat.lease_ms);
            return Some(slice.clone());
        }
        Take::Part if !definition.is_list || run.parts_out >= run.parts => return None,
        Take::Players { from, .. } if definition.is_list || run.at_end || run.place != *from => return None,
        Take::Part | Take::Players { .. } => {}
    }
    let (number, from, to) = match take {
        Take::Players { from, to, at_end } => {
            run.at_end = *at_end;
            let to = to.clone()?;
            run.place = Some(to.clone());
            run.next_slice += 1;
            (run.next_slice, from.clone(), to)
        }
        Take::Part | Take::Left => {
            run.parts_out += 1;
            (run.parts_out - 1, None, Box::default())
        }
    };
    let slice = Slice { number, from, to, owner: beat.process, left_ms: beat.lease_ms, tally: Tally::default() };
    run.slices.push(slice.clone());
    Some(slice)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_was_ahead_holds_no_campaign_up() {
        const HOUR_US: i64 = 3_600_000_000;
        for (ahead_us, block_us, waits_us) in [
            (-5, 1_000_000, 0),
            (0, 1_000_000, 0),
            (400_000, 500_000, 400_000),
            (59_000_000, 500_000, 59_000_000),
            (3 * HOUR_US, 500_000, 0),
            // One message an hour, and forty processes.
            (40 * HOUR_US, HOUR_US, 40 * HOUR_US),
            (i64::MAX - HOUR_US, HOUR_US, 0),
        ] {
            assert_eq!(pace_from(HOUR_US + ahead_us, HOUR_US, block_us), HOUR_US + waits_us, "{ahead_us} {block_us}");
        }
    }
}
