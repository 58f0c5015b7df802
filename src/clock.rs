//! Time: the wall clock, the clock that counts since boot, and deadlines.

#[cfg(target_os = "linux")]
use std::sync::OnceLock;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::sync::now;

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
        let wall_ms = wall_ms();
        match boot() {
            Some((boot_ms, boot_id)) => Now { boot_ms, wall_ms, boot_id },
            // All processes must measure alike. Where there is no boot clock with a name to it, the wall clock stands
            // in for it: a lease may then end early or late when that clock is set.
            None => Now { boot_ms: wall_ms, wall_ms, boot_id: "wall" },
        }
    }
}

/// Unix time in milliseconds.
pub fn wall_ms() -> i64 {
    match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(d) => d.as_millis() as i64,
        Err(_) => 0,
    }
}

/// Milliseconds since boot, suspension included, and the boot's name.
#[cfg(target_os = "linux")]
fn boot() -> Option<(i64, &'static str)> {
    static ID: OnceLock<Option<String>> = OnceLock::new();
    let id = ID.get_or_init(|| {
        let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
        Some(id.trim().to_owned()).filter(|id| !id.is_empty())
    });
    let t = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    Some((Duration::try_from(t).ok()?.as_millis() as i64, id.as_deref()?))
}

#[cfg(not(target_os = "linux"))]
fn boot() -> Option<(i64, &'static str)> {
    None
}

/// When a call must be over.
#[derive(Clone, Copy, Debug)]
pub struct Deadline(Instant);

impl Deadline {
    /// So many milliseconds from now.
    pub fn in_ms(ms: u64) -> Deadline {
        Deadline(now() + Duration::from_millis(ms))
    }

    /// What is left; zero when it is over.
    pub fn left(&self) -> Duration {
        self.0.saturating_duration_since(now())
    }

    /// Whether nothing is left.
    pub fn is_over(&self) -> bool {
        self.left().is_zero()
    }

    /// The same moment for timed locks.
    pub fn instant(&self) -> Instant {
        self.0
    }

    /// The earlier of this one and `ms` milliseconds from now.
    pub fn or_at_most_ms(&self, ms: u64) -> Deadline {
        Deadline(self.0.min(now() + Duration::from_millis(ms)))
    }

    /// When the first of so many equal parts of what is left is over.
    pub fn in_part(&self, parts: u32) -> Deadline {
        Deadline(now() + self.left() / parts.max(1))
    }

    /// The later of this one and `ms` milliseconds from now.
    pub fn or_at_least_ms(&self, ms: u64) -> Deadline {
        Deadline(self.0.max(now() + Duration::from_millis(ms)))
    }
}
