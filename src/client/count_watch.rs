//! Players to whom this process is sending, all its clients together, and whether something else has changed their counts
//! meanwhile. A settlement that nobody waits for tells the count as its hold left it, which is right unless it did.

use std::collections::HashMap;
use std::sync::LazyLock;

use parking_lot::Mutex;

/// By a player's home: sends in progress, and changes since the first of them began.
static PLAYERS: LazyLock<Mutex<HashMap<u64, Player>>> = LazyLock::new(Mutex::default);

#[derive(Default)]
struct Player {
    sends: usize,
    changes: u64,
}

/// A send to a player that is in progress.
pub struct CountWatch {
    home: u64,
    changes: u64,
}

impl CountWatch {
    /// Watches the player's count from now on.
    pub fn begin(home: u64) -> CountWatch {
        let mut players = PLAYERS.lock();
        let player = players.entry(home).or_default();
        player.sends += 1;
        CountWatch { home, changes: player.changes }
    }

    /// Whether something else has changed the player's count since.
    pub fn is_overtaken(&self) -> bool {
        PLAYERS.lock().get(&self.home).is_none_or(|player| player.changes != self.changes)
    }
}

impl Drop for CountWatch {
    fn drop(&mut self) {
        let mut players = PLAYERS.lock();
        if let Some(player) = players.get_mut(&self.home) {
            player.sends -= 1;
            if player.sends == 0 {
                players.remove(&self.home);
            }
        }
    }
}

/// A report or an event has changed the player's count.
pub fn note_change(home: u64) {
    if let Some(player) = PLAYERS.lock().get_mut(&home) {
        player.changes += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_overtakes_the_sends_that_began_before_it() {
        // A home of its own: the table is the process's.
        const HOME: u64 = 0xA11C_E000_0000_0001;
        note_change(HOME);
        let first = CountWatch::begin(HOME);
        assert!(!first.is_overtaken());
        note_change(HOME);
        let second = CountWatch::begin(HOME);
        assert!(first.is_overtaken() && !second.is_overtaken());
        drop(first);
        assert!(!second.is_overtaken());
        drop(second);
        assert!(!PLAYERS.lock().contains_key(&HOME));
    }
}
