//! What the benchmarks share: the C ABI as a host calls it, a WeChat in a process of its own, arguments, figures.
#![allow(dead_code)] // each benchmark uses its part

pub mod crowd;
pub mod curl;
pub mod host;
pub mod load;
pub mod redis;
pub mod steady;
pub mod wechat;

use std::path::Path;
use std::time::Duration;

/// The command line: `--name value` pairs. Cargo's own `--bench` is left out.
pub struct Arguments(Vec<(String, String)>);

impl Arguments {
    /// Reads them; ends the program with `usage` when one is not in `known`.
    pub fn read(known: &[&str], usage: &str) -> Arguments {
        let mut pairs = Vec::new();
        let mut words = std::env::args().skip(1).filter(|word| word != "--bench");
        while let Some(word) = words.next() {
            let name = word.strip_prefix("--").filter(|name| known.contains(name));
            match (name, words.next()) {
                (Some(name), Some(value)) => pairs.push((name.to_owned(), value)),
                _ => {
                    eprintln!("{word}?\n{usage}");
                    std::process::exit(2);
                }
            }
        }
        Arguments(pairs)
    }

    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.iter().rev().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    pub fn number(&self, name: &str, otherwise: u64) -> u64 {
        self.numbers(name, &[otherwise])[0]
    }

    pub fn numbers(&self, name: &str, otherwise: &[u64]) -> Vec<u64> {
        let Some(text) = self.text(name) else { return otherwise.to_vec() };
        let number = |n: &str| n.trim().parse().unwrap_or_else(|_| panic!("--{name} {text}: {n:?} is no whole number"));
        text.split(',').map(number).collect()
    }
}

/// A folder on a disk that vanishes afterwards. Not in /tmp, which may be memory, where an fsync costs nothing.
pub fn folder(arguments: &Arguments) -> tempfile::TempDir {
    let parent = arguments.text("folder").unwrap_or(env!("CARGO_TARGET_TMPDIR"));
    tempfile::Builder::new()
        .prefix("wxsub-bench-")
        .tempdir_in(Path::new(parent))
        .unwrap_or_else(|e| panic!("{parent}: {e}"))
}

/// CPU time that this process has used, all threads together, in user space and in the kernel.
#[cfg(unix)]
pub fn cpu_time() -> Duration {
    let t = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(t.tv_sec as u64, t.tv_nsec as u32)
}

#[cfg(not(unix))]
pub fn cpu_time() -> Duration {
    Duration::ZERO
}

pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    percentile(&values, 50)
}

/// Of sorted values.
pub fn percentile(sorted: &[f64], percent: usize) -> f64 {
    let at = sorted.len() * percent / 100;
    sorted.get(at.min(sorted.len().saturating_sub(1))).copied().unwrap_or(f64::NAN)
}

/// Memory of this process that is in use, KiB.
pub fn memory_kib() -> u64 {
    status_kib("VmRSS:")
}

/// The most that was in use since [`forget_peak`], KiB.
pub fn peak_kib() -> u64 {
    status_kib("VmHWM:")
}

/// From now on the peak counts anew.
pub fn forget_peak() {
    std::fs::write("/proc/self/clear_refs", "5").unwrap_or_else(|e| panic!("/proc/self/clear_refs: {e}"));
}

fn status_kib(name: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0)
}
