//! WeChat's record of who got how many messages, and when.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

use wxsub_simulator::{OnDelivery, Options};

/// Counts by the player's number: a million deliveries are too many to be kept.
#[derive(Clone)]
pub struct Judge(Arc<Counts>);

struct Counts {
    times: Vec<AtomicU8>,
    /// Unix milliseconds in which nothing may arrive, and how much did.
    quiet_from: AtomicU64,
    quiet_to: AtomicU64,
    in_quiet: AtomicU64,
}

impl Judge {
    pub fn of(players: usize) -> Judge {
        Judge(Arc::new(Counts {
            times: (0..players).map(|_| AtomicU8::new(0)).collect(),
            quiet_from: AtomicU64::new(0),
            quiet_to: AtomicU64::new(0),
            in_quiet: AtomicU64::new(0),
        }))
    }

    /// A simulator whose record the judge keeps.
    pub fn options(&self) -> Options {
        let counts = Arc::clone(&self.0);
        let count: OnDelivery = Arc::new(move |delivery| {
            let number: usize = delivery.openid[1..].parse().expect("a number");
            counts.times[number].fetch_add(1, Ordering::SeqCst);
            let quiet = counts.quiet_from.load(Ordering::SeqCst)..counts.quiet_to.load(Ordering::SeqCst);
            if quiet.contains(&delivery.time_ms) {
                counts.in_quiet.fetch_add(1, Ordering::SeqCst);
            }
        });
        Options { initial_grants: 10, on_delivery: Some(count), keep: 100, ..Options::default() }
    }

    /// From now on it looks at what arrives in this time.
    pub fn watch_over(&self, quiet_ms: &Range<u64>) {
        self.0.quiet_to.store(quiet_ms.end, Ordering::SeqCst);
        self.0.quiet_from.store(quiet_ms.start, Ordering::SeqCst);
    }

    pub fn in_quiet(&self) -> u64 {
        self.0.in_quiet.load(Ordering::SeqCst)
    }

    /// How many messages each player has got.
    pub fn record(&self) -> Vec<u8> {
        self.0.times.iter().map(|times| times.load(Ordering::SeqCst)).collect()
    }
}
