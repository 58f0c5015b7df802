use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::sync::{explore, thread};

const LONG: Duration = Duration::from_secs(600);

/// Two calls that come, sleep and go, while the client is shut down: it waits until they are over, and nobody comes later.
#[test]
fn shutting_down_waits_for_who_runs_and_lets_nobody_in() {
    explore(6000, || {
        let (in_flight, running) = (Arc::new(InFlight::default()), Arc::new(AtomicUsize::new(0)));
        let calls: Vec<_> = (0..3)
            .map(|n| {
                let (in_flight, running) = (Arc::clone(&in_flight), Arc::clone(&running));
                thread::spawn(move || {
                    let entered = if n == 0 { in_flight.enter_queued() } else { in_flight.enter() };
                    let Ok(_call) = entered else { return };
                    running.fetch_add(1, Ordering::SeqCst);
                    thread::yield_now();
                    running.fetch_sub(1, Ordering::SeqCst);
                })
            })
            .collect();
        assert!(in_flight.close());
        assert!(in_flight.enter().is_err());
        assert!(in_flight.wait_until_idle(LONG));
        in_flight.abort();
        assert!(in_flight.enter_queued().is_err());
        calls.into_iter().for_each(|call| call.join().unwrap());
        assert_eq!((in_flight.calls(), running.load(Ordering::SeqCst)), (0, 0));
    });
}

#[test]
fn aborting_ends_every_sleep() {
    explore(4000, || {
        let in_flight = Arc::new(InFlight::default());
        let sleeps: Vec<_> = (0..2)
            .map(|_| {
                let in_flight = Arc::clone(&in_flight);
                thread::spawn(move || assert_eq!(in_flight.sleep(LONG).unwrap_err().status, Status::Cancelled))
            })
            .collect();
        in_flight.abort();
        sleeps.into_iter().for_each(|sleep| sleep.join().unwrap());
    });
}
