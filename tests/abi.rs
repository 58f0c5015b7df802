//! Only `wxsub_*` leaves the shared object, and it is what the header declares.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

fn output(program: &str, arguments: &[&str]) -> String {
    let done = Command::new(program).args(arguments).output().expect("binutils are installed by scripts/test.sh");
    assert!(done.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).expect("UTF-8")
}

fn library() -> String {
    let exe = std::env::current_exe().expect("this test has a path");
    exe.parent().expect("target/PROFILE/deps").join("libwxsub.so").display().to_string()
}

#[test]
fn exports_are_the_header_and_nothing_else() {
    let exported: BTreeSet<String> = output("nm", &["-D", "--defined-only", &library()])
        .lines()
        .filter_map(|line| line.split_whitespace().nth(2))
        .map(str::to_owned)
        .collect();
    let header =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("include/wxsub.h")).expect("a header");
    let declared: BTreeSet<String> = header
        .lines()
        .filter(|line| !line.starts_with("///") && !line.contains("typedef") && !line.contains("(*"))
        .filter_map(|line| {
            let name = line.split('(').next()?.rsplit([' ', '*']).next()?;
            (line.contains('(') && name.starts_with("wxsub_")).then(|| name.to_owned())
        })
        .collect();
    assert_eq!(exported, declared);
    assert!(exported.len() >= 11, "{exported:?}");
}

#[test]
fn the_library_names_itself_and_stays_mapped() {
    let dynamic = output("readelf", &["-d", &library()]);
    assert!(dynamic.contains("soname: [libwxsub.so.1]"), "{dynamic}");
    assert!(dynamic.contains("NODELETE"), "{dynamic}");
}
