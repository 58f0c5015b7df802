//! The rules are pure: no clock, no randomness, no I/O, no SQL, no Lua, no threads.

use std::fs;
use std::path::{Path, PathBuf};

/// What a rule may take from the standard library: nothing that knows of the world.
const OF_STD: [&str; 3] = ["cmp", "collections", "iter"];
/// Hashes, checksums and the alphabet of openids, and how a forecast is handed on.
const CRATES: [&str; 4] = ["base64", "crc", "serde", "sha2"];
/// Of this crate: what an error is, what a secret is, and of the store the plain types of a step.
const MODULES: [&str; 4] = ["error", "ledger", "secret", "store"];
const OF_STORE: [&str; 15] = [
    "Changes",
    "Counter",
    "Found",
    "HASHED_ID",
    "LogEntry",
    "Name",
    "Operation",
    "Put",
    "Replaced",
    "Space",
    "Stop",
    "Time",
    "Trace",
    "View",
    "When",
];
/// What needs no import.
const WORDS: [&str; 8] = ["unsafe", "thread_local", "static mut", "println", "SELECT", "redis", "include_str", "env!"];

/// Names that may stand before `::` in a path: what was imported, types, and the above.
fn roots(line: &str) -> Vec<&str> {
    let starts = line.match_indices("::").filter_map(|(at, _)| {
        let before = &line[..at];
        let start = before.rfind(|c: char| !c.is_alphanumeric() && c != '_').map_or(0, |at| at + 1);
        // Neither the rest of a path nor the type of a generic call.
        let is_root = !before[..start].ends_with("::") && !line[at..].starts_with("::<");
        is_root.then_some(&before[start..])
    });
    starts.filter(|root| root.starts_with(|c: char| c.is_lowercase())).collect()
}

/// The names that a line takes from `path`, which ends in `::`.
fn taken_from<'a>(line: &'a str, path: &str) -> Vec<&'a str> {
    let Some((_, rest)) = line.split_once(path) else { return Vec::new() };
    let names = rest.strip_prefix('{').and_then(|rest| rest.split_once('}')).map_or_else(
        || vec![rest.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default()],
        |(names, _)| names.split(',').collect(),
    );
    names.into_iter().map(str::trim).filter(|name| !name.is_empty()).collect()
}

/// What is wrong with one statement of a rule, `modules` being the ledger's own.
fn impurities(line: &str, modules: &[String]) -> Vec<String> {
    let own = |name: &str| modules.iter().any(|module| module == name);
    let primitive = |name: &str| ["u8", "u32", "u64", "i32", "i64", "usize", "str"].contains(&name);
    let mut wrong = Vec::new();
    for root in roots(line) {
        let known = ["crate", "super", "self", "std", "clippy", "any_record"].contains(&root) || CRATES.contains(&root);
        if !known && !own(root) && !primitive(root) {
            wrong.push(format!("{root}::"));
        }
    }
    let strangers = |path: &str, allowed: &[&str]| -> Vec<String> {
        let names = taken_from(line, path).into_iter().filter(|name| !allowed.contains(name));
        names.map(|name| format!("{path}{name}")).collect()
    };
    wrong.extend(strangers("std::", &OF_STD));
    wrong.extend(strangers("crate::", &MODULES));
    wrong.extend(strangers("crate::store::", &OF_STORE));
    wrong.extend(WORDS.iter().filter(|word| line.contains(**word)).map(|word| (*word).to_owned()));
    wrong
}

/// The sources of the rules: not their tests, and not what feeds them for tests.
fn sources() -> Vec<PathBuf> {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() && !path.ends_with("tests") {
                walk(&path, found);
            } else if path.extension().is_some_and(|e| e == "rs") && !path.ends_with("any_record.rs") {
                found.push(path);
            }
        }
    }
    let mut found = Vec::new();
    walk(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/ledger"), &mut found);
    found
}

/// Statements without comments and unit tests; a `use` over several lines is one.
fn statements(text: &str) -> Vec<String> {
    let end = text.find("#[cfg(test)]\nmod tests {").unwrap_or(text.len());
    let code = text[..end].lines().filter(|line| !line.trim_start().starts_with("//"));
    code.collect::<Vec<_>>().join("\n").split(['\n', ';']).fold(Vec::new(), |mut all: Vec<String>, line| {
        match all.last_mut().filter(|last| last.contains("use ") && last.contains('{') && !last.contains('}')) {
            Some(open) => open.push_str(line),
            None => all.push(line.to_owned()),
        }
        all
    })
}

#[test]
fn the_rules_import_nothing_that_knows_of_the_world() {
    let sources = sources();
    assert!(sources.len() > 15, "where are they? {sources:?}");
    let modules: Vec<String> = sources
        .iter()
        .flat_map(|path| [path.file_stem(), path.parent().and_then(Path::file_name)])
        .flatten()
        .map(|name| name.to_string_lossy().into_owned())
        .collect();
    let mut wrong = Vec::new();
    for path in &sources {
        for line in statements(&fs::read_to_string(path).unwrap()) {
            wrong.extend(impurities(&line, &modules).into_iter().map(|what| format!("{}: {what}", path.display())));
        }
    }
    assert!(wrong.is_empty(), "a rule is a pure function:\n{}", wrong.join("\n"));
}

#[test]
fn the_test_sees_what_is_not_pure() {
    let modules = ["key".to_owned()];
    for impure in [
        "use std::time::Instant",
        "use std::{fs, iter}",
        "use crate::clock::Now",
        "use crate::store::Engine",
        "use crate::store::{Changes, Engine}",
        "use parking_lot::Mutex",
        "let n = fastrand::u64(..)",
        "getrandom::fill(&mut bytes)",
        "std::thread::spawn(work)",
        "let now = crate::clock::wall_ms()",
        "c.execute(\"SELECT 1\", [])",
        "unsafe { f() }",
    ] {
        assert!(!impurities(impure, &modules).is_empty(), "{impure}");
    }
    for pure in
        ["use sha2::{Digest, Sha256}", "use crate::store::{Changes, Name}", "key::of_send(a)", "std::iter::once(1)"]
    {
        assert_eq!(impurities(pure, &modules), Vec::<String>::new(), "{pure}");
    }
    assert_eq!(statements("use a::{\n  B,\n  C,\n};\n// x\ny;").first().map(String::as_str), Some("use a::{  B,  C,}"));
}
