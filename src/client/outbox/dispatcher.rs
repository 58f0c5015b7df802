//! The thread that looks for messages whose time has come, and hands them to the workers.
//!
//! It sleeps until the next one is due. A message that it hands over is nobody's yet: the worker that begins it takes the
//! player's lease and the message in one step. Whether another process put one there, or left one behind, is seen now and
//! then without a look at the disk.

use std::cell::Cell;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use super::results::ResultSlot;
use crate::client::{ForkGuard, Parts};
use crate::clock::{Deadline, Now};
use crate::error::{Error, Status};
use crate::log::log_line;
use crate::panics;

/// Both clocks and other processes are looked at this often.
const TICK: Duration = Duration::from_secs(5);
/// After a failure of the store.
const AFTER_FAILURE: Duration = Duration::from_secs(1);
/// While there is no place for an outcome, or only players have something that is due who are busy.
const PAUSE: Duration = Duration::from_millis(100);
/// A player who was busy, or whose message could not be written, is left alone this long.
const PUT_OFF: Duration = Duration::from_millis(250);
/// How long the store is waited for.
const STORE_MS: u64 = 2000;
/// Messages at hand for the workers, at least.
const LEAST_AT_HAND: usize = 8;
/// Where several processes take the same messages, each looks at this many times more and takes any of them.
const LOOK_AHEAD: usize = 4;

/// The thread, and how it is told.
#[derive(Default)]
pub struct Dispatcher {
    state: Mutex<State>,
    changed: Condvar,
    /// Another process began a message that was handed over here.
    contended: AtomicBool,
}

#[derive(Default)]
struct State {
    woken: bool,
    stop: bool,
    running: bool,
    put_off: HashMap<u64, Instant>,
}

/// What the last look at the agenda found.
struct Seen {
    version: Option<i64>,
    at: Now,
    /// Milliseconds from then on until there is something to do.
    next_ms: Option<i64>,
}

impl Seen {
    /// What is left of that; None when it must be looked at again, since somebody wrote or the wall clock was set.
    fn still(&self, version: Option<i64>, now: &Now) -> Option<Option<i64>> {
        let passed = now.boot_ms - self.at.boot_ms;
        let was_set = (now.wall_ms - self.at.wall_ms - passed).abs() > 500;
        (self.version == version && !was_set).then(|| self.next_ms.map(|ms| ms - passed))
    }
}

impl Dispatcher {
    /// Starts the thread; it lets go of `fork_guard` last of all.
    ///
    /// # Errors
    /// [`Status::Internal`] when the system refuses a thread.
    pub fn start(parts: &Arc<Parts>, fork_guard: ForkGuard) -> Result<(), Error> {
        let (weak, dispatcher) = (Arc::downgrade(parts), Arc::clone(&parts.outbox.dispatcher));
        dispatcher.state.lock().running = true;
        std::thread::Builder::new()
            .name("wxsub-outbox".to_owned())
            .spawn(move || {
                let _caught = panics::catch(|| serve(&weak));
                drop((weak, fork_guard));
                dispatcher.state.lock().running = false;
                dispatcher.changed.notify_all();
            })
            .map(drop)
            .map_err(|e| Error::new(Status::Internal, format!("the system refuses a thread: {e}")))
    }

    /// There may be something to do earlier than was thought.
    pub fn wake(&self) {
        self.state.lock().woken = true;
        self.changed.notify_all();
    }

    /// Leaves a player's messages alone for a moment.
    pub fn put_off(&self, home: u64) {
        self.state.lock().put_off.insert(home, Instant::now() + PUT_OFF);
    }

    /// Another process began a message that was handed over here.
    pub fn note_contention(&self) {
        self.contended.store(true, Ordering::Relaxed);
    }

    /// Hands out no more; waits up to `patience` for the thread's end.
    pub fn stop(&self, patience: Duration) {
        let mut state = self.state.lock();
        state.stop = true;
        self.changed.notify_all();
        self.changed.wait_while_for(&mut state, |s| s.running, patience);
    }

    fn sleep(&self, time: Option<Duration>) -> bool {
        let mut state = self.state.lock();
        match time {
            Some(time) => drop(self.changed.wait_while_for(&mut state, |s| !s.woken && !s.stop, time)),
            None => self.changed.wait_while(&mut state, |s| !s.woken && !s.stop),
        }
        std::mem::take(&mut state.woken)
    }

    fn is_stopped(&self) -> bool {
        self.state.lock().stop
    }

    /// Players who are left alone for now.
    fn players_put_off(&self) -> HashMap<u64, Instant> {
        let mut state = self.state.lock();
        let now = Instant::now();
        state.put_off.retain(|_, until| *until > now);
        state.put_off.clone()
    }
}

/// Goes on while there is a client.
fn serve(weak: &Weak<Parts>) {
    let mut seen: Option<Seen> = None;
    loop {
        let Some(parts) = weak.upgrade() else { return };
        let dispatcher = Arc::clone(&parts.outbox.dispatcher);
        if dispatcher.is_stopped() {
            return;
        }
        let wait = panics::catch(|| {
            let _lines = parts.core.log.hold();
            parts.dispatch(&mut seen)
        });
        let wait = match wait {
            Ok(Ok(wait)) => wait,
            Ok(Err(e)) => {
                log_line!(parts.core.log, Warn, "the outbox could not be read: {}", e.message);
                seen = None;
                Some(AFTER_FAILURE)
            }
            Err(place) => {
                log_line!(parts.core.log, Error, "a bug of wxsub's was caught at {place}");
                Some(TICK)
            }
        };
        drop(parts);
        if dispatcher.sleep(wait) {
            seen = None;
        }
    }
}

impl Parts {
    /// Hands over what is due; returns how long there is nothing to do, None: until somebody says so.
    fn dispatch(&self, seen: &mut Option<Seen>) -> Result<Option<Duration>, Error> {
        let engine = &self.core.engine;
        while !self.outbox.dispatcher.is_stopped() {
            let deadline = Deadline::in_ms(STORE_MS);
            let now = Now::read();
            let version = engine.version(deadline)?;
            match seen.as_ref().and_then(|seen| seen.still(version, &now)) {
                Some(Some(ms @ 1..)) => return Ok(Some(Duration::from_millis(ms.unsigned_abs()).min(TICK))),
                // Without a version nobody else can write.
                Some(None) => return Ok(version.is_some().then_some(TICK)),
                Some(Some(_)) | None => {}
            }
            *seen = None;
            let at_hand = (2 * self.core.config.workers).max(LEAST_AT_HAND);
            let room = at_hand.saturating_sub(self.outbox.queue.pool().map_or(0, |pool| pool.due()));
            if room < at_hand / 2 {
                // Whoever gets ready says so.
                return Ok(Some(TICK));
            }
            let (handed_over, next_ms) = self.hand_over(room, deadline)?;
            if handed_over < room {
                *seen = Some(Seen { version, at: now, next_ms });
                // Not looked at again at once: on a busy store each own commit is a new version.
                return Ok(match next_ms {
                    Some(..=0) => Some(PAUSE),
                    Some(ms) => Some(Duration::from_millis(ms.unsigned_abs()).min(TICK)),
                    None => version.is_some().then_some(TICK),
                });
            }
        }
        Ok(None)
    }

    /// A place for an outcome; `Some(None)`: there is none, for a host that does not poll. None: wait for it to poll.
    fn slot(&self) -> Option<Option<ResultSlot>> {
        let results = &self.outbox.results;
        match results.reserve(0, 0, "") {
            Some(slot) => Some(Some(slot)),
            None if results.is_listened_to() => None,
            None => Some(None),
        }
    }

    /// Hands over up to `room` messages, of players who are free; says how many that were, and in how many milliseconds
    /// there is something to do again.
    fn hand_over(&self, room: usize, deadline: Deadline) -> Result<(usize, Option<i64>), Error> {
        let outbox = &self.outbox;
        let put_off = outbox.dispatcher.players_put_off();
        let pool = outbox.queue.pool();
        let passed_over = Cell::new(false);
        let is_busy = |home: u64| {
            let busy = put_off.contains_key(&home)
                || pool.is_some_and(|pool| pool.is_busy(home))
                || outbox.sender.is_busy(home);
            passed_over.set(passed_over.get() || busy);
            busy
        };
        let contended = outbox.dispatcher.contended.swap(false, Ordering::Relaxed);
        let limit = if contended { room * LOOK_AHEAD } else { room };
        let agenda = self.core.engine.agenda(limit, &is_busy, deadline)?;
        let mut ready = agenda.ready;
        if contended {
            fastrand::shuffle(&mut ready);
        }
        let mut handed_over = 0;
        for name in ready.into_iter().take(room) {
            let Some(slot) = self.slot() else {
                passed_over.set(true);
                break;
            };
            handed_over += usize::from(outbox.queue.push_due(name, slot));
        }
        // Nobody says when a player who was passed over is free again, or a host polls.
        let look_again = passed_over.get().then_some(PAUSE.as_millis() as i64);
        Ok((handed_over, agenda.next_ms.into_iter().chain(look_again).min()))
    }
}
