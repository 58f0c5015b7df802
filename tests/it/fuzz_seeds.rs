//! What the fuzz targets look for does not come with their seeds: those are tests, too, without a fuzzer. The targets whose
//! entry is inside the library are played in `src/ledger/tests/records.rs` and `src/store/redis/tests/answers.rs`.

#[path = "../../fuzz/src/lib.rs"]
mod fuzz;

/// Plays all seeds of a target.
fn play(target: &str, run: fn(&[u8]), at_least: usize) {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds").join(target);
    let entries = std::fs::read_dir(folder).expect("the target has seeds");
    let seeds: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    assert!(seeds.len() >= at_least, "{target} has {} seeds", seeds.len());
    for seed in seeds {
        println!("{}", seed.display());
        run(&std::fs::read(&seed).expect("a file"));
    }
}

#[test]
fn admin() {
    play("admin", fuzz::admin::run, 12);
}

#[test]
fn answers() {
    play("answers", fuzz::answers::run, 4);
}

#[test]
fn ask() {
    play("ask", fuzz::ask::run, 5);
}

#[test]
fn calls() {
    play("calls", fuzz::calls::run, 1);
}

#[test]
fn config() {
    play("config", fuzz::config::run, 3);
}

#[test]
fn event() {
    play("event", fuzz::event::run, 6);
}

#[test]
fn message() {
    play("message", fuzz::message::run, 3);
}

#[test]
fn wechat() {
    play("wechat", fuzz::wechat::run, 10);
}

/// Each target has a module or a door, seeds, and a place in the script and in its crate.
#[test]
fn nothing_is_left_out() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let names = |folder: &str| -> Vec<String> {
        let entries = std::fs::read_dir(root.join("fuzz").join(folder)).expect("a folder");
        let stem = |path: std::path::PathBuf| path.file_stem().expect("a name").to_string_lossy().into_owned();
        let mut all: Vec<String> = entries.map(|entry| stem(entry.expect("an entry").path())).collect();
        all.sort();
        all
    };
    let targets = names("fuzz_targets");
    assert_eq!(names("seeds"), targets);
    let read = |file: &str| std::fs::read_to_string(root.join(file)).expect("a file");
    let (crate_file, script, here) = (read("fuzz/Cargo.toml"), read("scripts/fuzz.sh"), read("tests/it/fuzz_seeds.rs"));
    let listed = script
        .lines()
        .find_map(|line| line.split_once("targets=(").filter(|(_, rest)| rest.starts_with(char::is_alphabetic)));
    let mut listed: Vec<&str> = listed.expect("a list").1.trim_end_matches(')').split(' ').collect();
    listed.sort_unstable();
    assert_eq!(listed, targets);
    for target in &targets {
        assert!(crate_file.contains(&format!("path = \"fuzz_targets/{target}.rs\"")), "{target}");
        let played = here.contains(&format!("fuzz::{target}::run")) || ["record", "redis"].contains(&target.as_str());
        assert!(played, "nobody plays the seeds of {target}");
    }
}
