//! What `make install` lays out is found by other people's projects: scripts/dist/prefix.sh and test-prefix.sh with this
//! build. They need cmake, make, pkg-config and curl, which they install.

#[path = "common/host.rs"]
mod host;

use std::process::Command;

use host::{library_folder, root, run};
use wxsub_simulator::{Options, Simulator};

#[test]
fn projects_find_a_moved_prefix() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let prefix = folder.path().join("prefix");
    run(Command::new(root().join("scripts/dist/prefix.sh"))
        .arg(format!("{}-linux-gnu", std::env::consts::ARCH))
        .arg(library_folder().join("libwxsub.so"))
        .arg(library_folder().join("libwxsub.a"))
        .arg(&prefix));
    let wechat = Simulator::start(Options::default());
    let output = run(Command::new(root().join("scripts/dist/test-prefix.sh")).arg(&prefix).arg(wechat.url()));
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.contains(": 8 programs found the prefix and sent a message"), "{said}");
    assert_eq!(wechat.deliveries().len(), 8);
}
