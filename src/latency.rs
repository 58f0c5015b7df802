//! How long something took, as a histogram that costs two additions.

use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Upper bounds, milliseconds.
const BOUNDS_MS: [u64; 13] = [1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000];

/// How often something took how long.
#[derive(Debug, Default)]
pub struct Histogram {
    /// By bound, each without those below; the last is beyond all bounds.
    counts: [AtomicU64; BOUNDS_MS.len() + 1],
    sum_us: AtomicU64,
}

impl Histogram {
    /// Adds one measurement.
    pub fn observe(&self, took: Duration) {
        let us = took.as_micros() as u64;
        let at = BOUNDS_MS.iter().position(|bound| us <= bound * 1000).unwrap_or(BOUNDS_MS.len());
        self.counts[at].fetch_add(1, Ordering::Relaxed);
        self.sum_us.fetch_add(us, Ordering::Relaxed);
    }

    /// In Prometheus' text format.
    pub fn write(&self, name: &str, help: &str, into: &mut String) {
        let _never_fails = self.try_write(name, help, into);
    }

    fn try_write(&self, name: &str, help: &str, into: &mut String) -> std::fmt::Result {
        writeln!(into, "# HELP {name} {help}\n# TYPE {name} histogram")?;
        let mut below = 0;
        for (bound, count) in BOUNDS_MS.iter().zip(&self.counts) {
            below += count.load(Ordering::Relaxed);
            writeln!(into, "{name}_bucket{{le=\"{}\"}} {below}", *bound as f64 / 1000.0)?;
        }
        below += self.counts[BOUNDS_MS.len()].load(Ordering::Relaxed);
        writeln!(into, "{name}_bucket{{le=\"+Inf\"}} {below}")?;
        let sum_s = self.sum_us.load(Ordering::Relaxed) as f64 / 1e6;
        writeln!(into, "{name}_sum {sum_s}\n{name}_count {below}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_holds_what_is_below_it_and_what_equals_it() {
        let histogram = Histogram::default();
        for ms in [0, 1, 2, 250, 251, 60_000] {
            histogram.observe(Duration::from_millis(ms));
        }
        let mut text = String::new();
        histogram.write("h_seconds", "Help.", &mut text);
        for line in [
            "# TYPE h_seconds histogram",
            "h_seconds_bucket{le=\"0.001\"} 2",
            "h_seconds_bucket{le=\"0.1\"} 3",
            "h_seconds_bucket{le=\"0.25\"} 4",
            "h_seconds_bucket{le=\"10\"} 5",
            "h_seconds_bucket{le=\"+Inf\"} 6",
            "h_seconds_sum 60.504",
            "h_seconds_count 6",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}: {text}");
        }
    }
}
