//! What a process and its store take, looked at again and again for the whole of a run: in the end no more than before.

use std::time::{Duration, Instant};

/// Looks at most, and how many of them are printed.
const LOOKS: u32 = 120;
const PRINTED: usize = 12;
/// A run that is shorter has no time to become steady: its bounds are wide.
const STEADY: Duration = Duration::from_secs(600);

/// What is taken at a moment.
#[derive(Clone, Copy, Debug, Default)]
struct Look {
    at_s: u64,
    resident_kib: u64,
    threads: u64,
    files: u64,
    store: StoreSize,
    /// Accepts and messages so far.
    done: u64,
}

/// What a store takes.
#[derive(Clone, Copy, Debug, Default)]
pub struct StoreSize {
    /// Of what it keeps.
    pub kib: u64,
    /// Of its log.
    pub log_kib: u64,
}

/// All looks at one process that lives through a run.
pub struct Vitals {
    lasts: Duration,
    looks: Vec<Look>,
}

impl Vitals {
    /// Looks until then.
    pub fn watch(
        process: u32,
        until: Instant,
        store: &dyn Fn() -> Option<StoreSize>,
        done: &dyn Fn() -> u64,
    ) -> Vitals {
        let (began, mut looks, mut size) = (Instant::now(), Vec::new(), StoreSize::default());
        let lasts = until.saturating_duration_since(began);
        for n in 1..=LOOKS {
            std::thread::sleep((began + lasts / LOOKS * n).saturating_duration_since(Instant::now()));
            let at_s = began.elapsed().as_secs();
            size = store().unwrap_or(size);
            looks.push(Look { at_s, store: size, done: done(), ..Look::at(process) });
        }
        Vitals { lasts, looks }
    }

    fn quarter(&self, which: usize) -> &[Look] {
        let quarter = self.looks.len() / 4;
        &self.looks[which * quarter..(which + 1) * quarter]
    }

    /// Takes no more at the end than in the second quarter, but for what a busy moment needs. A store keeps what it must
    /// (keys for a day, the history for a month), so it is each accept and message that may take no more.
    pub fn assert_flat(&self) {
        println!("    time  resident KiB  threads  files  store KiB  log KiB  accepts and messages");
        for look in self.looks.iter().step_by((self.looks.len() / PRINTED).max(1)).chain(self.looks.last()) {
            let Look { at_s, resident_kib, threads, files, store, done } = look;
            let StoreSize { kib, log_kib } = store;
            println!("{at_s:>6} s  {resident_kib:>12}  {threads:>7}  {files:>5}  {kib:>9}  {log_kib:>7}  {done:>20}");
        }
        let is_steady = self.lasts >= STEADY;
        let (early, late) = (self.quarter(1), self.quarter(3));
        assert!(early.len() > 1, "{} looks are too few", self.looks.len());
        let flat = |what: &str, slack: u64, of: fn(&Look) -> u64| {
            let (before, after) = (median(early, of), median(late, of));
            println!("in the middle of the second quarter and of the last: {what} {before}, {after}");
            let (slack, part) = if is_steady { (slack, before / 4) } else { (8 * slack, before) };
            assert!(after <= before + part + slack, "{what}: {before}, and then {after}");
        };
        flat("resident KiB", 8 << 10, |look| look.resident_kib);
        flat("threads", 4, |look| look.threads);
        flat("files", 16, |look| look.files);
        flat("log KiB", 4 << 10, |look| look.store.log_kib);
        let each = |looks: &[Look]| {
            let (first, last) = (looks[0], looks[looks.len() - 1]);
            ((last.store.kib.saturating_sub(first.store.kib)) << 10) / (last.done - first.done).max(1)
        };
        let (before, after) = (each(early), each(late));
        println!(
            "bytes of the store for each accept and message, in the second quarter and in the last: {before}, {after}"
        );
        assert!(!is_steady || after <= before + before / 4 + 64, "each takes {before} bytes, and then {after}");
    }
}

fn median(looks: &[Look], of: fn(&Look) -> u64) -> u64 {
    let mut all: Vec<u64> = looks.iter().map(of).collect();
    all.sort_unstable();
    all[all.len() / 2]
}

impl Look {
    fn at(process: u32) -> Look {
        let status = std::fs::read_to_string(format!("/proc/{process}/status")).expect("it runs");
        let number = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("a line");
            line.split_whitespace().next().and_then(|word| word.parse().ok()).expect("a number")
        };
        let files = std::fs::read_dir(format!("/proc/{process}/fd")).expect("it runs").count() as u64;
        Look { resident_kib: number("VmRSS:"), threads: number("Threads:"), files, ..Look::default() }
    }
}
