//! `include/wxsub.h` is what cbindgen makes of `src/ffi`, the statuses and the keys of today.
//! `WXSUB_WRITE_HEADER=1 cargo test --test contract header` writes it anew.

use std::fmt::Write;
use std::path::Path;

use wxsub::Status;
use wxsub::contract::{CONFIGURATION, Key, OPTIONS_OF_SEND, OPTIONS_OF_SUBMIT};

use crate::words;

/// In the order in which the header shows them.
const SOURCES: [&str; 14] = [
    "types.rs",
    "library.rs",
    "lifecycle.rs",
    "report.rs",
    "ask.rs",
    "send.rs",
    "submit.rs",
    "outbox.rs",
    "event.rs",
    "login.rs",
    "check.rs",
    "stats.rs",
    "admin.rs",
    "transport.rs",
];

/// What stands in a comment of `src/ffi` for a list of keys.
const LISTS: [(&str, &[Key]); 3] = [
    ("///   {configuration}\n", CONFIGURATION),
    ("///   {options of a send}\n", OPTIONS_OF_SEND),
    ("///   {options of a submit}\n", OPTIONS_OF_SUBMIT),
];

fn generate() -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let config = cbindgen::Config::from_file(root.join("cbindgen.toml")).expect("cbindgen.toml is valid");
    let scratch = tempfile::tempdir().expect("a temporary folder");
    let constants = scratch.path().join("statuses.rs");
    std::fs::write(&constants, statuses()).expect("a file");
    let mut builder = cbindgen::Builder::new().with_config(config).with_src(constants);
    for source in SOURCES {
        builder = builder.with_src(root.join("src/ffi").join(source));
    }
    let mut header = Vec::new();
    builder.generate().expect("src/ffi parses").write(&mut header);
    let mut header = String::from_utf8(header).expect("cbindgen writes UTF-8");
    for (placeholder, keys) in LISTS {
        assert_eq!(header.matches(placeholder).count(), 1, "{placeholder}");
        header = header.replace(placeholder, &list(keys));
    }
    // Else a compiler on a Chinese Windows reads it in another encoding.
    assert!(header.is_ascii(), "{:?}", header.chars().find(|c| !c.is_ascii()));
    header
}

/// Source for cbindgen: each status as a constant.
fn statuses() -> String {
    let mut source = String::new();
    for status in Status::ALL {
        let mut text = words::sentence(&words::plain(status.meaning()));
        if !status.advice().is_empty() {
            write!(text, " {}", words::sentence(&words::plain(status.advice()))).expect("a string takes all");
        }
        for line in words::wrapped(&text, 114) {
            writeln!(source, "/// {line}").expect("a string takes all");
        }
        let name = status.c_name().to_str().expect("ASCII");
        writeln!(source, "pub const {name}: i32 = {};", status.code()).expect("a string takes all");
    }
    source
}

/// The keys in two columns.
fn list(keys: &[Key]) -> String {
    let width = keys.iter().map(|key| key.name.len()).max().unwrap_or_default() + 4;
    let mut text = String::new();
    for key in keys {
        let about = format!("{}: {}", words::kind_and_default(key), words::plain(key.meaning));
        for (i, line) in words::wrapped(&about, 112 - width).iter().enumerate() {
            let name = if i == 0 { format!("{:?}", key.name) } else { String::new() };
            writeln!(text, "///   {name:width$}{line}").expect("a string takes all");
        }
    }
    text
}

#[test]
fn checked_in_header_is_fresh() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("include/wxsub.h");
    let fresh = generate();
    if std::env::var_os("WXSUB_WRITE_HEADER").is_some() {
        std::fs::write(&path, &fresh).expect("include/ is writable");
    }
    let checked_in = std::fs::read_to_string(&path).expect("include/wxsub.h is checked in");
    assert!(
        checked_in == fresh,
        "include/wxsub.h is stale; run: WXSUB_WRITE_HEADER=1 cargo test --test contract header"
    );
}
