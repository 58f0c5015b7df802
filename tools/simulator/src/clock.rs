use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The simulator's time: it runs as ours does, and can be moved ahead.
pub(crate) struct Clock {
    start: Instant,
    start_unix: Duration,
    ahead: Duration,
}

impl Clock {
    pub(crate) fn new() -> Self {
        Self {
            start: Instant::now(),
            start_unix: SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default(),
            ahead: Duration::ZERO,
        }
    }

    /// Time since the start.
    pub(crate) fn now(&self) -> Duration {
        self.start.elapsed() + self.ahead
    }

    pub(crate) fn unix_ms(&self) -> u64 {
        (self.start_unix + self.now()).as_millis() as u64
    }

    pub(crate) fn advance(&mut self, by: Duration) {
        self.ahead += by;
    }
}
