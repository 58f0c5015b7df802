//! `include/wxsub.h` is what cbindgen makes of `src/ffi` today.
//! `WXSUB_WRITE_HEADER=1 cargo test --test contract header` writes it anew.

use std::path::Path;

/// In the order in which the header shows them.
const SOURCES: [&str; 11] = [
    "types.rs",
    "library.rs",
    "lifecycle.rs",
    "count.rs",
    "send.rs",
    "submit.rs",
    "outbox.rs",
    "event.rs",
    "account.rs",
    "stats.rs",
    "transport.rs",
];

fn generate() -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let config = cbindgen::Config::from_file(root.join("cbindgen.toml")).expect("cbindgen.toml is valid");
    let mut builder = cbindgen::Builder::new().with_config(config);
    for source in SOURCES {
        builder = builder.with_src(root.join("src/ffi").join(source));
    }
    let mut header = Vec::new();
    builder.generate().expect("src/ffi parses").write(&mut header);
    String::from_utf8(header).expect("cbindgen writes UTF-8")
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
