//! What all parts of a client share.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::in_flight::InFlight;
use super::maintenance::Maintenance;
use super::metrics::Metrics;
use super::stats::Counters;
use crate::clock::Deadline;
use crate::config::Config;
use crate::error::{Error, Status};
use crate::ledger;
use crate::log::{Logger, log_line};
use crate::store::{Engine, Space};

/// The longest idempotency key, in bytes.
pub const MAX_KEY: usize = 512;
/// How long an observer leaves the store alone that it could not keep in order.
const MAINTENANCE_PAUSE: Duration = Duration::from_secs(60);

/// Shared by all parts of a client.
pub struct Core {
    pub config: Config,
    pub engine: Arc<dyn Engine>,
    pub log: Arc<Logger>,
    pub in_flight: Arc<InFlight>,
    pub maintenance: Maintenance,
    pub counters: Counters,
    pub metrics: Metrics,
    /// Names this client among all processes.
    pub process: i64,
    next_number: AtomicI64,
    /// An observer's: who keeps the store in order, and before when nobody tries again.
    observer_maintenance: Mutex<Option<Instant>>,
}

impl Core {
    /// # Errors
    /// [`Status::Internal`] when the system gives no random numbers.
    pub fn new(config: Config, engine: Arc<dyn Engine>, log: Arc<Logger>) -> Result<Core, Error> {
        let mut bytes = [0; 8];
        getrandom::fill(&mut bytes)
            .map_err(|e| Error::new(Status::Internal, format!("the system gave no random numbers: {e}")))?;
        let process = i64::from_ne_bytes(bytes);
        Ok(Core {
            config,
            engine,
            log,
            in_flight: Arc::default(),
            maintenance: Maintenance::default(),
            counters: Counters::default(),
            metrics: Metrics::default(),
            process,
            next_number: AtomicI64::new(process.wrapping_add(1)),
            observer_maintenance: Mutex::default(),
        })
    }

    /// What an observer must not do; `what` begins the sentence: "a login".
    ///
    /// # Errors
    /// [`Status::Config`] for one.
    pub fn refuse_observer(&self, what: &str) -> Result<(), Error> {
        if !self.config.observer {
            return Ok(());
        }
        let why =
            format!("{what} needs a client with \"role\": \"sender\"; this one is an observer, and sends nothing");
        Err(Error::new(Status::Config, why))
    }

    /// A call's deadline, as it is configured.
    pub fn deadline(&self) -> Deadline {
        Deadline::in_ms(self.config.timeout_ms)
    }

    /// The place of the first player behind this one; None: there is none. `deadline`: each scan's.
    ///
    /// # Errors
    /// [`crate::Status::Store`].
    pub fn first_behind(&self, place: Box<[u8]>, deadline: impl Fn() -> Deadline) -> Result<Option<Box<[u8]>>, Error> {
        let mut after = Some(place);
        while after.is_some() {
            let page = self.engine.scan(Space::Player, after, 1, deadline())?;
            if let Some(record) = page.records.into_iter().next() {
                return Ok(Some(record.place));
            }
            // It was cut short for want of time.
            after = page.after;
        }
        Ok(None)
    }

    /// Unique among all processes, as far as 64 random bits are.
    pub fn new_number(&self) -> i64 {
        self.next_number.fetch_add(1, Ordering::Relaxed)
    }

    /// After a call that may have written, or found something that should be renewed. An observer has no thread for it: one of
    /// its callers keeps the store in order.
    pub fn touch_maintenance(&self) {
        let is_due = self.engine.needs_maintenance();
        if !self.config.observer {
            return self.maintenance.touch(is_due);
        }
        if is_due
            && let Some(mut rests_until) = self.observer_maintenance.try_lock()
            && rests_until.is_none_or(|until| until <= Instant::now())
            && let Err(e) = self.engine.maintain(ledger::is_over)
        {
            log_line!(self.log, Warn, "store maintenance failed: {}; tried again in 60 s", e.message);
            *rests_until = Some(Instant::now() + MAINTENANCE_PAUSE);
        }
    }
}

/// An empty key is none: hosts in languages without NULL pass one.
pub fn usable_key(key: Option<&str>) -> Result<Option<&str>, Error> {
    match key {
        Some(k) if k.len() > MAX_KEY => {
            Err(Error::new(Status::Arg, format!("the key is {} bytes long, at most {MAX_KEY} are allowed", k.len())))
        }
        other => Ok(other.filter(|k| !k.is_empty())),
    }
}
