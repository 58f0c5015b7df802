//! One send at a time per player within this process: those for the same player wait in line, others pass.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use parking_lot::{Condvar, Mutex};

use super::running::cancelled;
use crate::clock::Deadline;
use crate::error::{Error, Status};

#[derive(Default)]
pub struct Turnstile {
    lines: Mutex<Lines>,
}

#[derive(Default)]
struct Lines {
    /// Who waits behind the one that is through; no entry when nobody is.
    by_player: HashMap<Arc<str>, VecDeque<Arc<Waiter>>>,
    interrupted: bool,
}

#[derive(Default)]
struct Waiter {
    let_in: Mutex<bool>,
    changed: Condvar,
}

/// Being through, for one player; dropping it lets the next one in.
pub struct Turn<'a> {
    turnstile: &'a Turnstile,
    player: Arc<str>,
}

impl Turnstile {
    /// Waits in line for this player.
    ///
    /// # Errors
    /// [`Status::Busy`] when the deadline comes first, [`Status::Cancelled`] when the client is closed meanwhile.
    pub fn enter(&self, openid: &str, deadline: Deadline) -> Result<Turn<'_>, Error> {
        let player: Arc<str> = openid.into();
        let waiter = {
            let mut lines = self.lines.lock();
            if lines.interrupted {
                return Err(cancelled());
            }
            match lines.by_player.get_mut(&player) {
                None => {
                    lines.by_player.insert(Arc::clone(&player), VecDeque::new());
                    return Ok(Turn { turnstile: self, player });
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
        let interrupted = lines.interrupted;
        // Whoever is no longer in the line was let in, maybe just now.
        let gave_up = match lines.by_player.get_mut(&player) {
            Some(line) => {
                let before = line.len();
                line.retain(|other| !Arc::ptr_eq(other, &waiter));
                line.len() < before
            }
            None => false,
        };
        drop(lines);
        match (gave_up, interrupted) {
            (false, false) => Ok(Turn { turnstile: self, player }),
            (false, true) => {
                drop(Turn { turnstile: self, player });
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

    /// Wakes all that wait; nobody gets through any more.
    pub fn interrupt(&self) {
        let mut lines = self.lines.lock();
        lines.interrupted = true;
        for waiter in lines.by_player.values().flatten() {
            *waiter.let_in.lock() = true;
            waiter.changed.notify_one();
        }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut lines = self.turnstile.lines.lock();
        let Some(line) = lines.by_player.get_mut(&self.player) else { return };
        match line.pop_front() {
            Some(next) => {
                *next.let_in.lock() = true;
                next.changed.notify_one();
            }
            None => {
                lines.by_player.remove(&self.player);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn one_at_a_time_per_player_and_none_left_behind() {
        let turnstile = Turnstile::default();
        let inside = [AtomicUsize::new(0), AtomicUsize::new(0)];
        let (passed, gave_up) = (AtomicUsize::new(0), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            for thread in 0..16usize {
                let (turnstile, inside, passed, gave_up) = (&turnstile, &inside, &passed, &gave_up);
                scope.spawn(move || {
                    for round in 0..200usize {
                        let player = (thread + round) % 2;
                        // Some deadlines are so short that giving up and being let in collide.
                        let deadline = if round % 3 == 0 { Deadline::in_ms(0) } else { Deadline::in_ms(10_000) };
                        match turnstile.enter(&player.to_string(), deadline) {
                            Ok(_turn) => {
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
        assert!(turnstile.lines.lock().by_player.is_empty());
    }

    #[test]
    fn interrupting_wakes_the_line() {
        let turnstile = Turnstile::default();
        let turn = turnstile.enter("o", Deadline::in_ms(0)).unwrap();
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| turnstile.enter("o", Deadline::in_ms(60_000)).map(drop));
            while turnstile.lines.lock().by_player["o"].is_empty() {
                std::thread::yield_now();
            }
            turnstile.interrupt();
            assert_eq!(waiting.join().unwrap().unwrap_err().status, Status::Cancelled);
        });
        drop(turn);
        assert_eq!(turnstile.enter("o", Deadline::in_ms(0)).err().unwrap().status, Status::Cancelled);
    }
}
