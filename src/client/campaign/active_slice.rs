//! A slice of players that this process works on.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::turn::Player;
use crate::ledger::campaign::{Tally, Turn};

/// Slices that this process has had in hand.
static IN_HAND: AtomicU64 = AtomicU64::new(0);

/// A slice, and how far its players are.
pub struct ActiveSlice {
    /// Which.
    pub number: u64,
    /// Which time in hand: a turn of an earlier time, when the slice was lost in between, is none of this one's.
    pub serial: u64,
    /// Players whose turn has not come.
    todo: VecDeque<Player>,
    /// Those who are to be tried again, and when.
    later: Vec<(Instant, Player)>,
    /// Those whose turn it is.
    running: usize,
    /// What has come of the others.
    pub tally: Tally,
}

impl ActiveSlice {
    pub fn new(number: u64, players: impl IntoIterator<Item = Player>, tally: Tally) -> ActiveSlice {
        let serial = IN_HAND.fetch_add(1, Ordering::Relaxed);
        ActiveSlice { number, serial, todo: players.into_iter().collect(), later: Vec::new(), running: 0, tally }
    }

    /// The player whose turn is next.
    pub fn next(&mut self) -> Option<Player> {
        let now = Instant::now();
        let player = match self.later.iter().position(|(when, _)| *when <= now) {
            Some(at) => self.later.swap_remove(at).1,
            None => self.todo.pop_front()?,
        };
        self.running += 1;
        Some(player)
    }

    /// How many could have their turn now.
    pub fn ready(&self) -> usize {
        let now = Instant::now();
        self.todo.len() + self.later.iter().filter(|(when, _)| *when <= now).count()
    }

    /// Whose turn it is now.
    pub fn running(&self) -> usize {
        self.running
    }

    /// A turn has ended for good.
    pub fn end(&mut self, turn: Turn) {
        self.running -= 1;
        self.tally.count(turn);
    }

    /// A turn comes again, first of all.
    pub fn put_back(&mut self, player: Player) {
        self.running -= 1;
        self.todo.push_front(player);
    }

    /// A turn comes again after a while.
    pub fn put_off(&mut self, player: Player, pause: Duration) {
        self.running -= 1;
        self.later.push((Instant::now() + pause, player));
    }

    /// Whether every player had his turn.
    pub fn is_done(&self) -> bool {
        self.todo.is_empty() && self.later.is_empty() && self.running == 0
    }
}
