//! What is promised is kept through a power cut, which a kill cannot show: a kill leaves what the system has not written yet.
//!
//! A process is recorded while it makes promises (`recorder.c`). From the record the tests build what the disk may hold
//! after a cut at any moment (`disk.rs`), and look whether it is all there (`promises.rs`). `scripts/power-cuts.sh` does
//! that by the ten thousand.
#![cfg(target_os = "linux")]

mod disk;
mod life;
mod promises;
mod recording;

use std::path::Path;
use std::time::Instant;

use fastrand::Rng;
use serde_json::{Value, json};
use tempfile::TempDir;
use wxsub_simulator::Options;

use crate::common::TestEnv;
use crate::common::process::play;
use disk::{Disk, Ignored, Image, Unsynced};
use promises::Promises;
use recording::{Op, Recording};

#[test]
fn child() {
    play(|role, args| match role {
        "live" => life::live(args),
        "accept" => life::accept_one_by_one(args),
        other => panic!("{other}"),
    });
}

/// Images by hand instead of some hundreds; and the seed of a failure, to see it again.
const CUTS: &str = "WXSUB_POWER_CUTS";
const SEED: &str = "WXSUB_POWER_SEED";

fn number_from(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|text| text.parse().unwrap_or_else(|e| panic!("{variable}={text}: {e}")))
}

/// In memory where there is such a folder: the disk is played, and thousands of images are written.
fn folder() -> TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.expect("a temporary folder")
}

/// Where processes live.
struct World {
    env: TestEnv,
    folder: TempDir,
}

impl World {
    fn new() -> World {
        let options = Options { initial_grants: 1 << 40, ..Options::default() };
        World { env: TestEnv::with(options), folder: folder() }
    }

    /// Records a life of two sessions, after which the store is closed.
    fn live(&self, life: u64, rounds: u64) -> Recording {
        self.play("live", json!({"life": life, "rounds": rounds, "sessions": 2}), "full")
    }

    fn play(&self, role: &str, mut args: Value, durability: &str) -> Recording {
        let store = self.folder.path().join("wxsub.db");
        let config = json!({"store": store, "templates": "off", "timeout_ms": 30_000, "durability": durability});
        args["config"] = self.env.config(config).into();
        Recording::of(module_path!(), role, args, self.folder.path())
    }

    /// The folder after a cut.
    fn restore(&self, image: &Image) {
        for entry in std::fs::read_dir(self.folder.path()).unwrap() {
            std::fs::remove_file(entry.unwrap().path()).unwrap();
        }
        write(self.folder.path(), image);
    }
}

fn write(folder: &Path, image: &Image) {
    for (name, content) in image {
        std::fs::write(folder.join(name), content).unwrap();
    }
}

/// What is left of a life when the power is cut.
struct Examination<'a> {
    recording: &'a Recording,
    /// In an earlier life.
    promised: Promises,
    appid: String,
    ignored: Ignored<'a>,
    seed: u64,
}

impl<'a> Examination<'a> {
    fn of(recording: &'a Recording, world: &World) -> Examination<'a> {
        let appid = world.env.wechat.appid();
        Examination { recording, promised: Promises::default(), appid, ignored: Ignored::Nothing, seed: 7 }
    }

    /// Cuts the power so often, at half of the times just after something was promised; tells what is wrong.
    fn cut(self, images: usize) -> Vec<String> {
        let mut rng = Rng::with_seed(self.seed);
        let moments = self.moments(images, &mut rng);
        self.cut_at(moments, rng)
    }

    fn moments(&self, images: usize, rng: &mut Rng) -> Vec<(usize, Unsynced)> {
        let ops = &self.recording.ops;
        let is_promise =
            |op: &Op| matches!(op, Op::Sent(_)) || matches!(op, Op::Said(text) if text.contains("@@ done"));
        let promises: Vec<usize> = (0..ops.len()).filter(|at| is_promise(&ops[*at])).map(|at| at + 1).collect();
        let hows = [Unsynced::Lost, Unsynced::Kept, Unsynced::Prefix, Unsynced::Subset, Unsynced::Torn];
        let mut moment = |n: usize| match n % 4 {
            0 => (promises[rng.usize(..promises.len())], Unsynced::Lost),
            1 => (promises[rng.usize(..promises.len())], hows[rng.usize(1..hows.len())]),
            _ => (rng.usize(..=ops.len()), hows[rng.usize(..hows.len())]),
        };
        let mut moments: Vec<_> = (0..images).map(&mut moment).collect();
        moments.sort_by_key(|(at, _)| *at);
        moments
    }

    fn cut_at(self, moments: Vec<(usize, Unsynced)>, mut rng: Rng) -> Vec<String> {
        let mut disk = Disk::new(self.recording, self.ignored);
        let (mut promised, mut followed) = (self.promised, 0);
        let (mut faults, mut closing) = (Vec::new(), Vec::new());
        for (at, how) in moments {
            disk.advance(at);
            self.recording.ops[followed..at].iter().for_each(|op| promised.follow(op));
            followed = at;
            let image = disk.image(how, &mut rng);
            let place = folder();
            write(place.path(), &image);
            match promised.check(&self.appid, place.path(), &mut rng) {
                Ok(client) => closing.push(std::thread::spawn(move || drop((client, place)))),
                Err(fault) => {
                    let files = image.iter().map(|(name, content)| format!("{name} {}", content.len()));
                    let files: Vec<_> = files.collect();
                    faults.push(format!("seed {}, cut before operation {at}, {how:?}, {files:?}: {fault}", self.seed));
                }
            }
        }
        closing.into_iter().for_each(|closing| closing.join().expect("it closes"));
        faults
    }
}

/// Lives, cuts the power, lives on with what was left, and cuts it again.
fn live_and_cut(rounds: u64, images: usize) {
    let world = World::new();
    let seed = number_from(SEED).unwrap_or_else(|| fastrand::u64(..));
    let examine = |recording: &Recording, promised: &Promises, images: usize| {
        let examination = Examination { promised: promised.clone(), seed, ..Examination::of(recording, &world) };
        let (began, faults) = (Instant::now(), examination.cut(images));
        let (ops, took, wrong) = (recording.ops.len(), began.elapsed(), faults.len());
        let begins_log = |op: &&Op| matches!(op, Op::Write { at: 0, data, .. } if data.len() == 32);
        let logs = recording.ops.iter().filter(begins_log).count();
        println!("seed {seed}: {ops} operations, {logs} logs, {images} images in {took:.1?}, {wrong} faults");
        assert!(faults.is_empty(), "{wrong} of {images} images: {:#?}", &faults[..wrong.min(5)]);
    };
    let first = world.live(1, rounds);
    examine(&first, &Promises::default(), images / 2);

    let mut rng = Rng::with_seed(seed);
    let at = rng.usize(first.ops.len() / 2..first.ops.len());
    let mut disk = Disk::new(&first, Ignored::Nothing);
    disk.advance(at);
    let mut promised = Promises::default();
    first.ops[..at].iter().for_each(|op| promised.follow(op));
    world.restore(&disk.image(Unsynced::Torn, &mut rng));
    let second = world.live(2, rounds);
    examine(&second, &promised, images - images / 2);
}

fn images(few: usize) -> usize {
    number_from(CUTS).map_or(few, |all| all as usize / 2)
}

/// The making of the store, its first promises, its closing and opening.
#[test]
fn a_short_life_keeps_its_promises_through_a_power_cut() {
    live_and_cut(4, images(300));
}

/// Thousands of promises, checkpoints beside them, and a log that begins anew.
#[test]
fn a_busy_life_keeps_its_promises_through_a_power_cut() {
    live_and_cut(900, images(120));
}

/// Where a file is not synced, the tests above must fail; else they show nothing.
#[test]
fn the_syncs_of_each_file_are_missed() {
    let world = World::new();
    let recording = &world.live(1, 60);
    for file in ["wxsub.db-wal", "wxsub.db", "."] {
        let ignored = Ignored::OfFile(file);
        let found = Examination { ignored, ..Examination::of(recording, &world) }.cut(60);
        println!("without the syncs of {file}: {} of 60; {}", found.len(), found.first().map_or("", |f| f));
        assert!(!found.is_empty(), "nobody misses the syncs of {file}");
    }
}

/// The same where one single sync of the log is taken out, and the power is cut when its accept was acknowledged.
#[test]
fn each_single_sync_of_the_log_is_missed() {
    let world = World::new();
    let recording = &world.play("accept", json!({"rounds": 8}), "full");
    let syncs = recording.syncs_of("wxsub.db-wal");
    let mut missed = 0;
    for (at, (number, _, ended)) in syncs.iter().enumerate() {
        let next = syncs.get(at + 1).map_or(recording.ops.len(), |(_, begun, _)| *begun);
        let is_told = |op: &Op| matches!(op, Op::Said(text) if text.contains("@@ done"));
        // Some syncs promise nothing by themselves: of the head of a new log, of what was made when the store was opened.
        let Some(told) = recording.ops[*ended..next].iter().position(is_told) else { continue };
        let examination = Examination { ignored: Ignored::One(*number), ..Examination::of(recording, &world) };
        let found = examination.cut_at(vec![(ended + told + 1, Unsynced::Lost)], Rng::with_seed(7));
        assert_eq!(found.len(), 1, "nobody misses sync {number}");
        missed += 1;
    }
    assert!(missed >= 8, "{missed}: each accept has one");
}

/// Nor does it go unnoticed when the library itself does not sync.
#[test]
fn a_library_that_does_not_sync_is_found_out() {
    let world = World::new();
    let recording = &world.play("accept", json!({"rounds": 30}), "normal");
    let found = Examination::of(recording, &world).cut(40);
    assert!(found.iter().any(|fault| fault.contains("were acknowledged")), "{found:#?}");
    assert!(!found.iter().any(|fault| fault.contains("damaged")), "what is lost is not broken: {found:#?}");
}
