//! What `make install` lays out is found by other people's projects: build.sh and test.sh of packaging/prefix with this
//! build. They need cmake, make, pkg-config and curl, which they install.

use std::process::Command;

use crate::common::host::{library_folder, root, run};
use wxsub_simulator::{Options, Simulator};

#[test]
fn projects_find_a_moved_prefix() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let prefix = folder.path().join("prefix");
    run(Command::new(root().join("packaging/prefix/build.sh"))
        .arg(format!("{}-linux-gnu", std::env::consts::ARCH))
        .arg(library_folder().join("libwxsub.so"))
        .arg(library_folder().join("libwxsub.a"))
        .arg("-")
        .arg(&prefix));
    let wechat = Simulator::start(Options::default());
    let output = run(Command::new(root().join("packaging/prefix/test.sh")).arg(&prefix).arg(wechat.url()));
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.contains(": 8 programs found the prefix and sent a message"), "{said}");
    assert_eq!(wechat.deliveries().len(), 8);
}

/// In every order; the archive must neither lend its symbols to the other library nor want any of that one's.
#[test]
fn another_rust_library_beside_the_archive() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let at = |name: &str| folder.path().join(name);
    run(Command::new(root().join("scripts/dist/archive.sh"))
        .arg(library_folder().join("libwxsub.a"))
        .arg(at("libours.a")));
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    run(Command::new(rustc)
        .args(["--edition=2024", "--crate-type=staticlib", "tests/hosts/packages/rust/theirs.rs", "-o"])
        .arg(at("libtheirs.a"))
        .current_dir(root()));
    for order in [["libours.a", "libtheirs.a"], ["libtheirs.a", "libours.a"]] {
        run(Command::new("cc")
            .args(["-std=c99", "-Wall", "-Werror", "-Iinclude", "tests/hosts/packages/rust/host.c", "-o"])
            .arg(at("host"))
            .args(order.map(at))
            .args(["-lpthread", "-ldl", "-lm"])
            .current_dir(root()));
        let said = run(&mut Command::new(at("host")));
        assert!(String::from_utf8_lossy(&said.stdout).contains("3 caught"));
    }
}
