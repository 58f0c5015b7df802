use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::sync::{Event, explore, thread};

const LONG_MS: u64 = 600_000;
const SHORT_MS: u64 = 50;

/// Enters and leaves again; nobody else may be there meanwhile.
fn pass(locks: &PlayerLocks, inside: &AtomicUsize, deadline_ms: u64) -> Result<(), Error> {
    let _lock = locks.enter(7, Deadline::in_ms(deadline_ms))?;
    assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0, "two requests to one player");
    thread::yield_now();
    inside.fetch_sub(1, Ordering::SeqCst);
    Ok(())
}

#[test]
fn one_at_a_time_and_who_gives_up_keeps_nobody_out() {
    explore(6000, || {
        let (locks, inside) = (Arc::new(PlayerLocks::default()), Arc::new(AtomicUsize::new(0)));
        let threads: Vec<_> = [LONG_MS, SHORT_MS, LONG_MS, SHORT_MS]
            .into_iter()
            .map(|ms| {
                let (locks, inside) = (Arc::clone(&locks), Arc::clone(&inside));
                thread::spawn(move || match pass(&locks, &inside, ms) {
                    Ok(()) => {}
                    Err(e) => assert!(ms == SHORT_MS && e.status == Status::Busy, "{e}"),
                })
            })
            .collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert!(locks.lines.lock().by_player.is_empty(), "somebody is left behind");
    });
}

#[test]
fn aborting_ends_every_wait() {
    explore(4000, || {
        let locks = Arc::new(PlayerLocks::default());
        let inside = Arc::new(AtomicUsize::new(0));
        let threads: Vec<_> = (0..3)
            .map(|_| {
                let (locks, inside) = (Arc::clone(&locks), Arc::clone(&inside));
                thread::spawn(move || match pass(&locks, &inside, LONG_MS) {
                    Ok(()) => {}
                    Err(e) => assert_eq!(e.status, Status::Cancelled),
                })
            })
            .collect();
        locks.abort();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert!(locks.enter(7, Deadline::in_ms(LONG_MS)).is_err());
    });
}

/// Who sends to a player holds nothing that a send to another one needs.
#[test]
fn nothing_else_is_held_while_a_request_runs() {
    explore(2000, || {
        let (locks, other) = (Arc::new(PlayerLocks::default()), Arc::new(Event::default()));
        let request = {
            let (locks, other) = (Arc::clone(&locks), Arc::clone(&other));
            thread::spawn(move || {
                let _lock = locks.enter(1, Deadline::in_ms(LONG_MS)).unwrap();
                other.wait();
            })
        };
        assert!(!locks.is_held(2));
        drop(locks.enter(2, Deadline::in_ms(LONG_MS)).unwrap());
        other.set();
        request.join().unwrap();
    });
}
