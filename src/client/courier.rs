//! The thread that looks for messages whose time has come, and hands them to those that send.
//!
//! It sleeps until the next one is due. Messages of other processes are their own affair while they live; whether one
//! was put there, or left behind, is seen now and then without a look at the disk.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

use super::results::Place;
use super::submit::{Errand, Task};
use super::{Inner, Keep};
use crate::clock::{Deadline, Now};
use crate::error::{Error, Status};
use crate::log::log_line;
use crate::panics;
use crate::store::Claimed;

/// Both clocks and other processes are looked at this often.
const TICK: Duration = Duration::from_secs(5);
/// After a failure of the store, and while nothing can be taken.
const PAUSE: Duration = Duration::from_millis(100);
/// A claim without a send is given up by itself after this long.
const LEASE_MS: i64 = 10_000;
/// How long the store is waited for.
const STORE_MS: u64 = 2000;

#[derive(Default)]
pub struct Courier {
    state: Mutex<State>,
    changed: Condvar,
    in_hand: AtomicUsize,
}

#[derive(Default)]
struct State {
    woken: bool,
    stop: bool,
    ended: bool,
}

/// What the last look at the store found.
struct Seen {
    version: Option<i64>,
    at: Now,
    /// Milliseconds from then on until there is something to do.
    due_ms: Option<i64>,
}

impl Seen {
    /// What is left of that; None when it must be looked at again, since somebody wrote or the wall clock was set.
    fn still(&self, version: Option<i64>, now: &Now) -> Option<Option<i64>> {
        let passed = now.boot_ms - self.at.boot_ms;
        let was_set = (now.wall_ms - self.at.wall_ms - passed).abs() > 500;
        (self.version == version && !was_set).then(|| self.due_ms.map(|ms| ms - passed))
    }
}

impl Courier {
    /// Starts the thread; it lets go of `keep` last of all.
    pub fn start(inner: &Arc<Inner>, keep: Keep) -> Result<(), Error> {
        let (weak, courier) = (Arc::downgrade(inner), Arc::clone(&inner.courier));
        std::thread::Builder::new()
            .name("wxsub-outbox".to_owned())
            .spawn(move || {
                let _caught = panics::catch(|| serve(&weak));
                drop((weak, keep));
                courier.state.lock().ended = true;
                courier.changed.notify_all();
            })
            .map(drop)
            .map_err(|e| Error::new(Status::Internal, format!("the system refuses a thread: {e}")))
    }

    /// There may be something to do earlier than was thought.
    pub fn wake(&self) {
        self.state.lock().woken = true;
        self.changed.notify_all();
    }

    /// One of the claimed messages is out of the way.
    pub fn one_done(&self) {
        self.in_hand.fetch_sub(1, Ordering::AcqRel);
        self.wake();
    }

    /// Claims no more; waits so long for the thread's end.
    pub fn stop(&self, patience: Duration) {
        let mut state = self.state.lock();
        state.stop = true;
        self.changed.notify_all();
        self.changed.wait_while_for(&mut state, |s| !s.ended, patience);
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
}

/// Goes on while there is a client.
fn serve(weak: &Weak<Inner>) {
    let mut seen: Option<Seen> = None;
    loop {
        let Some(inner) = weak.upgrade() else { return };
        if inner.courier.is_stopped() {
            return;
        }
        let wait = panics::catch(|| {
            let _lines = inner.log.hold();
            inner.look(&mut seen)
        });
        let wait = match wait {
            Ok(Ok(wait)) => wait,
            Ok(Err(e)) => {
                log_line!(inner.log, Warn, "the outbox could not be read: {}", e.message);
                seen = None;
                Some(TICK / 5)
            }
            Err(place) => {
                log_line!(inner.log, Error, "a bug of wxsub's was caught at {place}");
                Some(TICK)
            }
        };
        if inner.courier.sleep(wait) {
            seen = None;
        }
    }
}

impl Inner {
    /// Hands out what is due; returns how long there is nothing to do, None: until somebody says so.
    fn look(self: &Arc<Self>, seen: &mut Option<Seen>) -> Result<Option<Duration>, Error> {
        while !self.courier.is_stopped() {
            let deadline = Deadline::in_ms(STORE_MS);
            let now = Now::read();
            let version = self.store.version(deadline)?;
            let left_ms = match seen.as_ref().and_then(|seen| seen.still(version, &now)) {
                Some(left_ms) => left_ms,
                None => {
                    let due_ms = self.store.next_message_ms(&now, deadline)?;
                    *seen = Some(Seen { version, at: now.clone(), due_ms });
                    due_ms
                }
            };
            match left_ms {
                Some(..=0) => {}
                Some(ms) => return Ok(Some(Duration::from_millis(ms.unsigned_abs()).min(TICK))),
                // Without a version nobody else can write.
                None => return Ok(version.is_some().then_some(TICK)),
            }
            *seen = None;
            let most = (2 * self.config.workers).max(8);
            let room = most.saturating_sub(self.courier.in_hand.load(Ordering::Acquire));
            if room < most / 2 {
                // Whoever gets ready says so.
                return Ok(Some(TICK));
            }
            let Some(places) = self.places(room) else { return Ok(Some(PAUSE)) };
            if !self.hand_out(places, now, deadline)? {
                return Ok(Some(PAUSE));
            }
        }
        Ok(None)
    }

    /// Room for as many outcomes; fewer, and none for a host that does not poll; None: wait for it to poll.
    fn places(&self, wanted: usize) -> Option<Vec<Option<Place>>> {
        let mut places = Vec::with_capacity(wanted);
        for _ in 0..wanted {
            match self.results.reserve(0, 0, "") {
                Some(place) => places.push(Some(place)),
                None if self.results.is_listened_to() => break,
                None => places.push(None),
            }
        }
        (!places.is_empty()).then_some(places)
    }

    /// Claims as many messages as there are places and queues them; false when there is nothing more to do at once: no
    /// message, or nobody to take it.
    fn hand_out(self: &Arc<Self>, places: Vec<Option<Place>>, now: Now, deadline: Deadline) -> Result<bool, Error> {
        let mut places = places.into_iter();
        let claims = self.store.claim_messages(self.new_holder(), places.len(), LEASE_MS, now, deadline);
        let claims = match claims {
            Ok(claims) => claims,
            Err(e) => {
                places.flatten().for_each(Place::give_up);
                return Err(e);
            }
        };
        self.touch_upkeep();
        let mut goes_on = !claims.messages.is_empty() || !claims.ended.is_empty();
        let mut place_for = |claimed: &Claimed| {
            let place = places.next().flatten();
            match place {
                Some(place) if claimed.letter.notify => Some(place.tagged(claimed.letter.tag)),
                Some(place) => {
                    place.give_up();
                    None
                }
                None => None,
            }
        };
        for (claimed, verdict) in claims.ended {
            let place = place_for(&claimed);
            self.tell_outcome(&claimed, verdict, place);
        }
        for claimed in claims.messages {
            let place = place_for(&claimed);
            goes_on &= self.hand_over(claimed, place);
        }
        places.flatten().for_each(Place::give_up);
        Ok(goes_on)
    }

    fn hand_over(self: &Arc<Self>, claimed: Claimed, place: Option<Place>) -> bool {
        let openid = claimed.openid.clone();
        self.courier.in_hand.fetch_add(1, Ordering::AcqRel);
        let errand = Arc::new(Errand::new(claimed.key.clone(), Task::Deliver { claimed: Box::new(claimed), place }));
        let pushed = self.pool(self).push_beyond(&openid, Arc::clone(&errand));
        if pushed.is_err() {
            self.give_up([errand]);
        }
        pushed.is_ok()
    }
}
