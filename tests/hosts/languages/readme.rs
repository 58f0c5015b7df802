//! The commands of the examples' READMEs, as they are written there, in a copy of the folder and with an install prefix.

use std::path::Path;

use wxsub_simulator::{Options, Simulator};

use super::{build_folder, command, library_folder, root, run};

/// The first block of this kind in the README.
fn block(folder: &str, kind: &str) -> String {
    let path = root().join("examples").join(folder).join("README.md");
    let text = std::fs::read_to_string(&path).expect("a README");
    let (_, rest) = text.split_once(&format!("```{kind}\n")).unwrap_or_else(|| panic!("{path:?} has no {kind}"));
    rest.split_once("```").expect("its end").0.to_owned()
}

fn make_prefix(prefix: &Path) {
    std::fs::create_dir_all(prefix.join("lib/pkgconfig")).expect("a folder");
    std::os::unix::fs::symlink(root().join("include"), prefix.join("include")).expect("a link");
    for name in ["libwxsub.so", "libwxsub.so.1"] {
        std::os::unix::fs::symlink(library_folder().join("libwxsub.so"), prefix.join("lib").join(name))
            .expect("a link");
    }
    let description = "prefix=${pcfiledir}/../..\nName: wxsub\nDescription: wxsub\nVersion: 0\n\
                       Cflags: -I${prefix}/include\nLibs: -L${prefix}/lib -lwxsub\n";
    std::fs::write(prefix.join("lib/pkgconfig/wxsub.pc"), description).expect("a file");
}

fn copy_files(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).expect("the folder is there") {
        let path = entry.expect("an entry").path();
        if path.is_file() {
            std::fs::copy(&path, to.join(path.file_name().expect("a name"))).expect("a copy");
        }
    }
}

/// Runs the README's commands in `folder` against this simulator, which is not where the README has it.
fn follow(example: &str, folder: &Path, wechat: &Simulator) -> String {
    let prefix = tempfile::tempdir().expect("a temporary folder");
    make_prefix(prefix.path());
    let commands = block(example, "sh").replace("http://127.0.0.1:8900", &wechat.url());
    assert!(commands.contains(&wechat.url()), "{commands}");
    run(command("bash")
        .args(["-euc", &commands])
        .env("PREFIX", prefix.path())
        .env("GOCACHE", build_folder("go").join("cache"))
        .env("GOPROXY", "off")
        .env_remove("WXSUB_LIBRARY")
        .env_remove("LD_LIBRARY_PATH")
        .current_dir(folder))
}

#[test]
fn readmes_say_what_happens() {
    for example in ["luajit", "go", "java", "node"] {
        let wechat = Simulator::start(Options { initial_grants: 100, ..Options::default() });
        let folder = tempfile::tempdir().expect("a temporary folder");
        copy_files(&root().join("examples").join(example), folder.path());
        let said = follow(example, folder.path(), &wechat);
        let promised = block(example, "text");
        assert!(said.ends_with(&promised), "{example} promised:\n{promised}\nand said:\n{said}");
        assert_eq!(wechat.deliveries().len(), 1, "{example}");
    }
}

#[test]
fn skynet_readme_builds_the_module() {
    let wechat = Simulator::start(Options { initial_grants: 100, ..Options::default() });
    let folder = tempfile::tempdir().expect("a temporary folder");
    for name in ["3rd", "luaclib", "service", "examples"] {
        std::fs::create_dir(folder.path().join(name)).expect("a folder");
    }
    std::os::unix::fs::symlink("/usr/include/lua5.4", folder.path().join("3rd/lua")).expect("a link");
    copy_files(&root().join("examples/skynet"), folder.path());
    follow("skynet", folder.path(), &wechat);
    // The prefix, where it was linked to, is gone by now: hence the library path.
    let lua = run(command("lua5.4")
        .arg(root().join("tests/hosts/languages/skynet.lua"))
        .arg("service/wxsubd.lua")
        .env("LUA_CPATH", "luaclib/?.so")
        .env("LD_LIBRARY_PATH", library_folder())
        .current_dir(folder.path()));
    assert!(lua.starts_with("WXSUB_OK: count 1\n"), "{lua}");
    assert_eq!(wechat.deliveries().len(), 1);
}
