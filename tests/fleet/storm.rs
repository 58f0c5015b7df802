//! Trouble with the disk and the clock, for a fleet on one machine.

use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// The wall clock is set up to so far back and forth.
const CLOCK_S: i64 = 3;
/// Files of a process whose disk is full may not grow beyond this; the log of a busy store is longer, a journal is not.
const FULL: &str = "--fsize=200000:unlimited";

pub struct Storm {
    library: PathBuf,
    path: PathBuf,
    clock: std::fs::File,
}

impl Storm {
    pub fn brew(folder: &Path) -> Storm {
        let (library, path) = (folder.join("clock.so"), folder.join("clock"));
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/clock.c");
        let made = Command::new("cc").args(["-shared", "-fPIC", "-O", "-o"]).arg(&library).arg(source).status();
        assert!(made.expect("cc; scripts/test.sh installs it").success());
        let clock = std::fs::File::create(&path).expect("a file");
        let storm = Storm { library, path, clock };
        storm.calm();
        storm
    }

    /// What a process is started with: its clock can be set, and a full disk is an error and no signal.
    pub fn wrapper(&self) -> Vec<String> {
        let shell = ["sh", "-c", "trap '' XFSZ; exec \"$@\"", "sh", "env"].map(str::to_owned);
        let preload = format!("LD_PRELOAD={}", self.library.display());
        shell.into_iter().chain([preload, format!("WXSUB_TEST_CLOCK={}", self.path.display())]).collect()
    }

    fn set_clock(&self, off_by_s: i64) {
        self.clock.write_all_at(&off_by_s.to_ne_bytes(), 0).expect("a file");
    }

    /// Sets the clock of all, or fills the disk of this process for a moment.
    pub fn blow(&self, process: u32) {
        if fastrand::bool() {
            return self.set_clock(fastrand::i64(-CLOCK_S..=CLOCK_S));
        }
        limit(process, FULL);
        std::thread::sleep(Duration::from_millis(fastrand::u64(50..500)));
        limit(process, "--fsize=unlimited");
    }

    pub fn calm(&self) {
        self.set_clock(0);
    }
}

fn limit(process: u32, size: &str) {
    let done = Command::new("prlimit").args(["--pid", &process.to_string(), size]).status();
    assert!(done.expect("prlimit").success());
}
