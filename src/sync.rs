//! The locks, threads and the time of what waits, by one name.
//!
//! In a build with the feature `schedules` they are those of a checker, [shuttle](https://docs.rs/shuttle), which runs the
//! tests named `schedules` under thousands of orders of their threads: a wake-up that is lost is a deadlock there.

#[cfg(feature = "schedules")]
mod checked;

#[cfg(feature = "schedules")]
pub use checked::{Condvar, Mutex, MutexGuard, lock_until, now, thread};
#[cfg(all(test, feature = "schedules"))]
pub use checked::{Event, explore};

#[cfg(not(feature = "schedules"))]
pub use parking_lot::{Condvar, Mutex, MutexGuard};
#[cfg(not(feature = "schedules"))]
pub use std::thread;

/// Waits for a lock; None when the time is over first.
#[cfg(not(feature = "schedules"))]
pub fn lock_until<T>(lock: &Mutex<T>, until: std::time::Instant) -> Option<MutexGuard<'_, T>> {
    lock.try_lock_until(until)
}

/// The time as waits go by it.
#[cfg(not(feature = "schedules"))]
pub fn now() -> std::time::Instant {
    std::time::Instant::now()
}
