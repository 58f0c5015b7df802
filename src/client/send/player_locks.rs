//! One send at a time per player within this process, before the lease in the store: those for the same player wait in
//! line, others pass. Players go by their home, the hash by which their records are kept together.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use crate::client::in_flight::cancelled;
use crate::clock::Deadline;
use crate::error::{Error, Status};
use crate::sync::{Condvar, Mutex};

#[derive(Default)]
pub struct PlayerLocks {
    lines: Mutex<Lines>,
}

#[derive(Default)]
struct Lines {
    /// Who waits behind the one that is through; no entry when nobody is.
    by_player: HashMap<u64, VecDeque<Arc<Waiter>>>,
    aborted: bool,
}

#[derive(Default)]
struct Waiter {
    let_in: Mutex<bool>,
    changed: Condvar,
}

/// Being through, for one player; dropping it lets the next one in.
pub struct PlayerLock<'a> {
    locks: &'a PlayerLocks,
    home: u64,
}

impl PlayerLocks {
    /// Waits in line for this player.
    ///
    /// # Errors
    /// [`Status::Busy`] when the deadline comes first, [`Status::Cancelled`] when the client is closed meanwhile.
    pub fn enter(&self, home: u64, deadline: Deadline) -> Result<PlayerLock<'_>, Error> {
        let waiter = {
            let mut lines = self.lines.lock();
            if lines.aborted {
                return Err(cancelled());
            }
            match lines.by_player.get_mut(&home) {
                None => {
                    lines.by_player.insert(home, VecDeque::new());
                    return Ok(PlayerLock { locks: self, home });
                }
                Some(line) => {
                    let waiter = Arc::new(Waiter::default());
                    line.push_back(Arc::clone(&waiter));
                    waiter
                }
            }
        };
        {
            let mut let_in = waiter.let_in.lock();
            waiter.changed.wait_while_until(&mut let_in, |let_in| !*let_in, deadline.instant());
        }
        let mut lines = self.lines.lock();
        let aborted = lines.aborted;
        // Whoever is no longer in the line was let in, maybe just now.
        let gave_up = match lines.by_player.get_mut(&home) {
            Some(line) => {
                let before = line.len();
                line.retain(|other| !Arc::ptr_eq(other, &waiter));
                line.len() < before
            }
            None => false,
        };
        drop(lines);
        match (gave_up, aborted) {
            (false, false) => Ok(PlayerLock { locks: self, home }),
            (false, true) => {
                drop(PlayerLock { locks: self, home });
                Err(cancelled())
            }
            (true, true) => Err(cancelled()),
            (true, false) => Err(Error::new(
                Status::Busy,
                "other sends to this player took until the deadline; nothing was sent. Try again",
            )
            .after_ms(1000)),
        }
    }

    /// Whether somebody is through, or waits.
    pub fn is_held(&self, home: u64) -> bool {
        self.lines.lock().by_player.contains_key(&home)
    }

    /// Wakes all that wait; nobody gets through any more.
    pub fn abort(&self) {
        let mut lines = self.lines.lock();
        lines.aborted = true;
        for waiter in lines.by_player.values().flatten() {
            *waiter.let_in.lock() = true;
            waiter.changed.notify_one();
        }
    }
}

impl Drop for PlayerLock<'_> {
    fn drop(&mut self) {
        let mut lines = self.locks.lines.lock();
        let Some(line) = lines.by_player.get_mut(&self.home) else { return };
        match line.pop_front() {
            Some(next) => {
                *next.let_in.lock() = true;
                next.changed.notify_one();
            }
            None => {
                lines.by_player.remove(&self.home);
            }
        }
    }
}

#[cfg(all(test, feature = "schedules"))]
mod schedules;

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn one_at_a_time_per_player_and_none_left_behind() {
        let locks = PlayerLocks::default();
        let inside = [AtomicUsize::new(0), AtomicUsize::new(0)];
        let (passed, gave_up) = (AtomicUsize::new(0), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            for thread in 0..16usize {
                let (locks, inside, passed, gave_up) = (&locks, &inside, &passed, &gave_up);
                scope.spawn(move || {
                    for round in 0..200usize {
                        let player = (thread + round) % 2;
                        // Some deadlines are so short that giving up and being let in collide.
                        let deadline = if round % 3 == 0 { Deadline::in_ms(0) } else { Deadline::in_ms(10_000) };
                        match locks.enter(player as u64, deadline) {
                            Ok(_lock) => {
                                assert_eq!(inside[player].fetch_add(1, Ordering::SeqCst), 0);
                                std::thread::yield_now();
                                inside[player].fetch_sub(1, Ordering::SeqCst);
                                passed.fetch_add(1, Ordering::Relaxed);
                            }
                            Err(e) => {
                                assert_eq!(e.status, Status::Busy);
                                gave_up.fetch_add(1, Ordering::Relaxed);
                            }
                        }
                    }
                });
            }
        });
        assert_eq!(passed.into_inner() + gave_up.into_inner(), 16 * 200);
        assert!(locks.lines.lock().by_player.is_empty());
    }

    #[test]
    fn aborting_wakes_the_line() {
        let locks = PlayerLocks::default();
        let lock = locks.enter(7, Deadline::in_ms(0)).unwrap();
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| locks.enter(7, Deadline::in_ms(60_000)).map(drop));
            while locks.lines.lock().by_player[&7].is_empty() {
                std::thread::yield_now();
            }
            locks.abort();
            assert_eq!(waiting.join().unwrap().unwrap_err().status, Status::Cancelled);
        });
        drop(lock);
        assert_eq!(locks.enter(7, Deadline::in_ms(0)).err().unwrap().status, Status::Cancelled);
    }
}
