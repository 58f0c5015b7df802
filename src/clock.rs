//! Time: the wall clock, the clock that counts since boot, and deadlines.

use std::sync::OnceLock;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// One reading of both clocks. Ages are measured by the boot clock, which no operator and no time server can move;
/// it means something only together with the boot id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Now {
    /// Milliseconds since this machine booted, suspension included.
    pub boot_ms: i64,
    /// Unix time in milliseconds, as far as the system knows it.
    pub wall_ms: i64,
    /// Names this boot of this machine.
    pub boot_id: &'static str,
}

impl Now {
    /// Reads both clocks.
    pub fn read() -> Now {
        Now { boot_ms: boot_ms(), wall_ms: wall_ms(), boot_id: boot_id() }
    }
}

/// Unix time in milliseconds.
pub fn wall_ms() -> i64 {
    match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(d) => d.as_millis() as i64,
        Err(_) => 0,
    }
}

/// Milliseconds since boot, suspension included.
#[cfg(target_os = "linux")]
pub fn boot_ms() -> i64 {
    let t = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    t.tv_sec * 1000 + t.tv_nsec / 1_000_000
}

/// Milliseconds by a clock that only goes forward. Its zero is this process's first reading, so [`boot_id`] must name
/// the process here: elsewhere than on Linux, std offers no clock that several processes share.
#[cfg(not(target_os = "linux"))]
pub fn boot_ms() -> i64 {
    static START: OnceLock<Instant> = OnceLock::new();
    START.get_or_init(Instant::now).elapsed().as_millis() as i64
}

/// Names this boot of this machine (where the system has no such name: this process).
pub fn boot_id() -> &'static str {
    static ID: OnceLock<String> = OnceLock::new();
    ID.get_or_init(|| match std::fs::read_to_string("/proc/sys/kernel/random/boot_id") {
        Ok(id) if cfg!(target_os = "linux") => id.trim().to_owned(),
        _ => format!("process-{}-{}", std::process::id(), wall_ms()),
    })
}

/// When a call must be over.
#[derive(Clone, Copy, Debug)]
pub struct Deadline(Instant);

impl Deadline {
    /// So many milliseconds from now.
    pub fn in_ms(ms: u64) -> Deadline {
        Deadline(Instant::now() + Duration::from_millis(ms))
    }

    /// What is left; zero when it is over.
    pub fn left(&self) -> Duration {
        self.0.saturating_duration_since(Instant::now())
    }

    /// Whether nothing is left.
    pub fn is_over(&self) -> bool {
        self.left().is_zero()
    }

    /// The same moment for timed locks.
    pub fn instant(&self) -> Instant {
        self.0
    }

    /// The later of this one and so many milliseconds from now.
    pub fn or_at_least_ms(&self, ms: u64) -> Deadline {
        Deadline(self.0.max(Instant::now() + Duration::from_millis(ms)))
    }
}
