//! How many accepts a second are safely on disk: one thread, many threads, and what the disk itself can do.
//!
//! ```text
//! cargo bench --bench report [-- --threads 64 --players 20000 --rounds 7 --phase-ms 500 --folder DIR --fsync-ms 2]
//! ```
//!
//! `wxsub_report` with `"durability": "full"` returns when the accept has been fsynced. One thread waits for the disk
//! each time; 64 threads share their fsyncs (a group commit). Beside them: a loop of write + fdatasync on the same disk,
//! of as many bytes as a small commit appends, into a file that is already that long, as the write-ahead log is. Every
//! figure is the median over the rounds, in which the three take turns. The accepts are spread over many players: one who
//! accepts some hundred times within the two hours of a pairing has a record that takes as much longer to read and write.
//!
//! The goal is a ratio of 20 where an fsync takes 2 ms or more. On a faster disk the ratio is smaller, since then it is
//! the CPU that limits the 64. `--fsync-ms 2` shows a slow disk on a fast one: the benchmark runs itself under strace,
//! which keeps each fdatasync back for so long after the disk did it (`-e inject=fdatasync,fsync:delay_exit=`) and, thanks to
//! `--seccomp-bpf`, does not slow down any other call. Linux only; strace must be installed.

mod common;

use std::ffi::{CStr, CString};
use std::fs::File;
use std::io::{Seek, Write};
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use common::host::Client;
use common::{Arguments, median};
use serde_json::json;

const USAGE: &str =
    "usage: cargo bench --bench report -- [--threads 64] [--players 20000] [--rounds 7] [--phase-ms 500]
  [--folder DIR] [--fsync-ms 2]";
/// Set in the program that strace runs.
const SLOWED: &str = "WXSUB_BENCH_SLOWED";
const TEMPLATE: &CStr = c"sim-stamina";
/// One page of the log and its header.
const COMMIT: usize = 4096 + 24;

fn main() {
    let arguments = Arguments::read(&["threads", "players", "rounds", "phase-ms", "folder", "fsync-ms"], USAGE);
    let fsync_ms = arguments.number("fsync-ms", 0);
    if fsync_ms > 0 && std::env::var_os(SLOWED).is_none() {
        slowed(fsync_ms);
    }
    let threads = arguments.number("threads", 64) as usize;
    let phase = Duration::from_millis(arguments.number("phase-ms", 500));
    let folder = common::folder(&arguments);
    // No network is used.
    let client = Client::open(&json!({
        "appid": "wx0000000000000000",
        "secret": "none",
        "store": folder.path().join("wxsub.db"),
        "durability": "full",
    }));
    let disk = Disk::new(&folder.path().join("fsync"));
    let players: Vec<CString> =
        (0..arguments.number("players", 20_000)).map(|i| CString::new(format!("oBench{i:022}")).unwrap()).collect();
    let next = AtomicU64::new(0);
    let accepts = |threads: usize| {
        rate(threads, phase, || {
            let i = next.fetch_add(1, Ordering::Relaxed) as usize % players.len();
            client.accept(&players[i], TEMPLATE);
        })
    };
    accepts(threads);
    let rounds: Vec<[f64; 3]> = (0..arguments.number("rounds", 7))
        .map(|_| [rate(1, phase, || disk.write_and_fsync()), accepts(1), accepts(threads)])
        .collect();

    let over = |f: &dyn Fn(&[f64; 3]) -> f64| median(rounds.iter().map(f).collect());
    let (fsyncs, one, many) = (over(&|r| r[0]), over(&|r| r[1]), over(&|r| r[2]));
    let ratio = over(&|r| r[2] / r[1]);
    println!("{}", folder.path().display());
    if fsync_ms > 0 {
        println!("strace keeps each fsync back for {fsync_ms} ms");
    }
    println!("{:<34} {:>10} {:>12}", "", "per second", "µs each");
    for (what, rate) in [
        ("the disk: write + fdatasync", fsyncs),
        ("wxsub_report, full, 1 thread", one),
        (&format!("wxsub_report, full, {threads} threads"), many),
    ] {
        println!("{what:<34} {rate:>10.0} {:>12.1}", 1e6 / rate);
    }
    println!("{threads} threads to 1: {ratio:.1} times; to the disk's fsyncs: {:.1} times", over(&|r| r[2] / r[0]));
    if 1000.0 / fsyncs >= 2.0 {
        println!("goal: at least 20 times 1 thread: {}", if ratio >= 20.0 { "met" } else { "MISSED" });
    } else {
        println!("no goal: an fsync takes less than 2 ms here; --fsync-ms 2 shows a slower disk");
    }
}

/// Has strace run this program again, and ends it.
fn slowed(fsync_ms: u64) -> ! {
    let ended = Command::new("strace")
        .args(["-f", "-qq", "--seccomp-bpf", "-o", "/dev/null", "-e", "trace=fdatasync,fsync", "-e"])
        .arg(format!("inject=fdatasync,fsync:delay_exit={}", fsync_ms * 1000))
        .arg(std::env::current_exe().expect("our own path"))
        .args(std::env::args().skip(1))
        .env(SLOWED, "1")
        .status();
    let ended = ended.unwrap_or_else(|e| panic!("strace cannot be run: {e}"));
    std::process::exit(ended.code().unwrap_or(1));
}

/// How often a second `work` is done by so many threads together.
fn rate(threads: usize, time: Duration, work: impl Fn() + Sync) -> f64 {
    let over = AtomicBool::new(false);
    let done = AtomicU64::new(0);
    let began = Instant::now();
    let mut elapsed = Duration::ZERO;
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    work();
                    done.fetch_add(u64::from(!over.load(Ordering::Relaxed)), Ordering::Relaxed);
                }
            });
        }
        std::thread::sleep(time);
        over.store(true, Ordering::Relaxed);
        elapsed = began.elapsed();
    });
    done.into_inner() as f64 / elapsed.as_secs_f64()
}

struct Disk(std::sync::Mutex<File>);

impl Disk {
    fn new(path: &Path) -> Disk {
        let mut file = File::create(path).expect("a file");
        file.write_all(&[0; COMMIT]).and_then(|()| file.sync_all()).expect("a disk with room");
        Disk(std::sync::Mutex::new(file))
    }

    fn write_and_fsync(&self) {
        let mut file = self.0.lock().expect("no panic");
        file.rewind().and_then(|()| file.write_all(&[1; COMMIT])).and_then(|()| file.sync_data()).expect("a disk");
    }
}
