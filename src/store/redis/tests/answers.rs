//! What a server may answer, whatever it is.

use super::super::any_answer;

/// The seeds of the fuzz target: answers of each kind, and what was found.
#[test]
fn any_answer_is_an_error_or_a_value() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds/redis");
    let mut seeds = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        println!("{}", path.display());
        any_answer(&std::fs::read(path).unwrap());
        seeds += 1;
    }
    assert!(seeds >= 20, "{seeds} seeds");
}
