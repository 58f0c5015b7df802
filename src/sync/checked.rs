//! The same locks as a checker's. It chooses at each of them which thread goes on, and knows no time: a wait may be over
//! at any moment, and then as much time has passed; but a long one never is, so that whoever waits in vain is found.

use std::cell::Cell;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

pub use shuttle::thread;
pub use shuttle_parking_lot::{Mutex, MutexGuard};

/// A wait of this length is never over by itself.
const LONG: Duration = Duration::from_secs(10);

thread_local! {
    /// Time that waits have passed; all threads of a schedule are one of the system's.
    static PASSED: Cell<Duration> = const { Cell::new(Duration::ZERO) };
}

/// The time as waits go by it.
pub fn now() -> Instant {
    Instant::now() + PASSED.get()
}

/// For how many turns others go on while a short wait lasts, at most.
const TURNS: u32 = 3;

/// Whether it came before the wait's end.
fn came(until: Instant, has_come: impl Fn() -> bool) -> bool {
    for _ in 0..shuttle::rand::Rng::gen_range(&mut shuttle::rand::thread_rng(), 0..=TURNS) {
        if has_come() {
            return true;
        }
        thread::yield_now();
    }
    let came = has_come();
    if !came {
        PASSED.set(PASSED.get() + until.saturating_duration_since(now()));
    }
    came
}

/// Waits for a lock; None when the time is over first.
pub fn lock_until<T>(lock: &Mutex<T>, until: Instant) -> Option<MutexGuard<'_, T>> {
    if until.saturating_duration_since(now()) >= LONG {
        return Some(lock.lock());
    }
    let guard = Cell::new(None);
    came(until, || {
        guard.set(lock.try_lock());
        let taken = guard.take();
        let has_come = taken.is_some();
        guard.set(taken);
        has_come
    });
    guard.into_inner()
}

/// A condition variable without wake-ups that nobody asked for, as that of parking_lot.
#[derive(Default)]
pub struct Condvar {
    /// Nobody is interrupted while this is locked.
    waiters: std::sync::Mutex<VecDeque<Arc<Event>>>,
}

/// Whether a wait was over before anybody woke the one who waited.
pub struct WaitTimeoutResult(bool);

impl WaitTimeoutResult {
    pub fn timed_out(&self) -> bool {
        self.0
    }
}

impl Condvar {
    pub fn new() -> Condvar {
        Condvar::default()
    }

    fn waiters(&self) -> std::sync::MutexGuard<'_, VecDeque<Arc<Event>>> {
        self.waiters.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    pub fn notify_one(&self) -> bool {
        let first = self.waiters().pop_front();
        first.inspect(|waiter| waiter.set()).is_some()
    }

    pub fn notify_all(&self) -> usize {
        let all = std::mem::take(&mut *self.waiters());
        all.iter().for_each(|waiter| waiter.set());
        all.len()
    }

    pub fn wait<T>(&self, guard: &mut MutexGuard<'_, T>) {
        let waiter = Arc::new(Event::default());
        self.waiters().push_back(Arc::clone(&waiter));
        MutexGuard::unlocked(guard, || waiter.wait());
    }

    pub fn wait_until<T>(&self, guard: &mut MutexGuard<'_, T>, until: Instant) -> WaitTimeoutResult {
        if until.saturating_duration_since(now()) >= LONG {
            self.wait(guard);
            return WaitTimeoutResult(false);
        }
        let waiter = Arc::new(Event::default());
        self.waiters().push_back(Arc::clone(&waiter));
        let woken = MutexGuard::unlocked(guard, || came(until, || waiter.is_set()));
        // Who was woken just now has taken a wake-up, and must say so.
        let before = self.waiters().len();
        self.waiters().retain(|other| !Arc::ptr_eq(other, &waiter));
        WaitTimeoutResult(!woken && self.waiters().len() < before)
    }

    pub fn wait_for<T>(&self, guard: &mut MutexGuard<'_, T>, time: Duration) -> WaitTimeoutResult {
        self.wait_until(guard, now() + time)
    }

    pub fn wait_while_until<T>(
        &self,
        guard: &mut MutexGuard<'_, T>,
        mut goes_on: impl FnMut(&mut T) -> bool,
        until: Instant,
    ) -> WaitTimeoutResult {
        while goes_on(&mut *guard) {
            if self.wait_until(guard, until).timed_out() {
                return WaitTimeoutResult(goes_on(&mut *guard));
            }
        }
        WaitTimeoutResult(false)
    }

    pub fn wait_while_for<T>(
        &self,
        guard: &mut MutexGuard<'_, T>,
        goes_on: impl FnMut(&mut T) -> bool,
        time: Duration,
    ) -> WaitTimeoutResult {
        self.wait_while_until(guard, goes_on, now() + time)
    }
}

/// Something that happens once, and that threads wait for.
#[derive(Default)]
pub struct Event {
    happened: shuttle::sync::Mutex<bool>,
    changed: shuttle::sync::Condvar,
}

impl Event {
    fn happened(&self) -> shuttle::sync::MutexGuard<'_, bool> {
        self.happened.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    pub fn set(&self) {
        *self.happened() = true;
        self.changed.notify_all();
    }

    pub fn is_set(&self) -> bool {
        *self.happened()
    }

    /// For ever, if it must be.
    pub fn wait(&self) {
        let mut happened = self.happened();
        while !*happened {
            happened = self.changed.wait(happened).unwrap_or_else(std::sync::PoisonError::into_inner);
        }
    }
}

/// Runs a test under many orders of its threads, half of them by chance and half by priorities that change twice;
/// `WXSUB_SCHEDULES` times as many. A failure tells its schedule, for `shuttle::replay`.
#[cfg(test)]
pub fn explore(schedules: usize, test: impl Fn() + Send + Sync + 'static) {
    use shuttle::scheduler::{PctScheduler, RandomScheduler};

    let times = std::env::var("WXSUB_SCHEDULES").map_or(1, |text| text.parse().expect("a number"));
    let (half, test) = (schedules * times / 2, Arc::new(test));
    let mut config = shuttle::Config::new();
    // SQLite needs more than a checker's usual stack.
    config.stack_size = 1 << 18;
    config.silence_warnings = true;
    let began = Instant::now();
    let run = |test: Arc<dyn Fn() + Send + Sync>| {
        move || {
            PASSED.set(Duration::ZERO);
            test();
        }
    };
    shuttle::Runner::new(RandomScheduler::new(half), config.clone()).run(run(test.clone()));
    shuttle::Runner::new(PctScheduler::new(3, half), config).run(run(test));
    let per_s = (2 * half) as f64 / began.elapsed().as_secs_f64();
    println!("{} schedules, {per_s:.0} a second", 2 * half);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sets a flag, and maybe tells the one who waits for it.
    fn wait_for_a_flag(tells: bool, time: Duration) {
        explore(200, move || {
            let shared = Arc::new((Mutex::new(false), Condvar::new()));
            let waits = {
                let shared = Arc::clone(&shared);
                thread::spawn(move || {
                    let mut flag = shared.0.lock();
                    shared.1.wait_while_for(&mut flag, |flag| !*flag, time).timed_out()
                })
            };
            *shared.0.lock() = true;
            if tells {
                shared.1.notify_one();
            }
            let timed_out = waits.join().unwrap();
            assert!(!timed_out || time < LONG);
        });
    }

    #[test]
    fn who_is_told_goes_on() {
        wait_for_a_flag(true, 2 * LONG);
        wait_for_a_flag(true, Duration::from_millis(1));
    }

    #[test]
    #[should_panic(expected = "deadlock")]
    fn a_lost_wake_up_is_a_deadlock() {
        wait_for_a_flag(false, 2 * LONG);
    }
}
