//! The library in its hosts: C, C++, Python and C# programs, each against a simulator of its own.
//!
//! They need cc, c++, valgrind, python3, mcs and mono; `scripts/test.sh` installs them. A missing one is a failure, not a skip.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::common::host::{
    Compiler, LEAST_STACK_KIB, WARNINGS, compile, library_folder, root, run, run_host, run_host_on,
};
use wxsub_simulator::{Options, Simulator};

fn sources(folder: &str, ending: &str) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = std::fs::read_dir(root().join(folder))
        .expect("the folder is there")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|e| e == ending))
        .collect();
    found.sort();
    assert!(!found.is_empty(), "{folder} holds no .{ending}");
    found
}

fn compile_and_run_all(folder: &str, ending: &str, compilers: &[Compiler]) {
    for source in sources(folder, ending) {
        for compiler in compilers {
            let out = tempfile::tempdir().expect("a temporary folder");
            let program = out.path().join("program");
            compile(compiler, &source, &program);
            let name = format!("{} {}", source.display(), compiler.standard);
            run_host(Command::new(&program).env("WXSUB_STACK_KIB", LEAST_STACK_KIB), &name);
        }
    }
}

#[test]
fn c_programs() {
    let c = |standard| Compiler { program: "cc", standard, more: &[] };
    compile_and_run_all("tests/hosts/c", "c", &[c("c99")]);
}

/// What the header promises of stacks, of the library that is shipped, and over TLS, which takes the most.
#[test]
fn the_library_that_is_shipped_does_with_small_stacks() {
    let release = library_folder().ancestors().nth(2).expect("target/PROFILE/deps").join("release");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    run(Command::new(cargo).args(["build", "--quiet", "--release", "--lib"]).current_dir(root()));
    let folder = tempfile::tempdir().expect("a temporary folder");
    let program = folder.path().join("stacks");
    compile(&Compiler { program: "cc", standard: "c99", more: &[] }, Path::new("tests/hosts/c/stacks.c"), &program);
    let wechat = Simulator::start(Options { https: Some(0), ..Options::default() });
    let ca = folder.path().join("ca.pem");
    std::fs::write(&ca, wechat.ca_pem().expect("a simulator with HTTPS")).expect("a file");
    let mut stacks = Command::new(&program);
    stacks
        .env("WXSUB_STACK_KIB", "64")
        .env("WXSUB_HTTPS", wechat.https_url().expect("a simulator with HTTPS"))
        .env("WXSUB_CA", &ca);
    run_host_on(&wechat, &release, &mut stacks, "stacks, as shipped");
}

/// Some of them once more where every access is watched and nothing may be lost. Not those that fork, whose children
/// hold what their parents had, nor those that count milliseconds; `scripts/sanitize.sh` goes further.
#[test]
fn c_programs_under_valgrind() {
    for name in ["arguments", "client_answers", "log", "message", "rounds", "unload"] {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let program = folder.path().join(name);
        let source = PathBuf::from(format!("tests/hosts/c/{name}.c"));
        compile(&Compiler { program: "cc", standard: "c99", more: &["-g"] }, &source, &program);
        let mut valgrind = Command::new("valgrind");
        valgrind
            .args(["--quiet", "--error-exitcode=9", "--leak-check=full", "--read-inline-info=no", "--fair-sched=yes"])
            .args(["--show-leak-kinds=definite", "--errors-for-leak-kinds=definite"])
            .arg(&program)
            .env("WXSUB_TOOL", "valgrind");
        run_host(&mut valgrind, &format!("valgrind {name}"));
    }
}

#[test]
fn cpp_programs() {
    let cpp = |standard, more| Compiler { program: "c++", standard, more };
    compile_and_run_all(
        "tests/hosts/cpp",
        "cpp",
        &[cpp("c++11", &["-Wconversion", "-Wold-style-cast"][..]), cpp("c++20", &["-Wconversion", "-Wold-style-cast"])],
    );
}

#[test]
fn header_compiles_alone_and_twice_in_every_standard() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let text = "#include \"wxsub.h\"\n#include \"wxsub.h\"\n\
                int use_it(wxsub_result *to);\n\
                int use_it(wxsub_result *to) { wxsub_result r = WXSUB_RESULT_INIT; *to = r; return WXSUB_OK; }\n";
    for (program, standard, name) in
        [("cc", "c99", "a.c"), ("cc", "c11", "a.c"), ("c++", "c++11", "a.cpp"), ("c++", "c++20", "a.cpp")]
    {
        let source = folder.path().join(name);
        std::fs::write(&source, text).expect("a file");
        run(Command::new(program)
            .arg(format!("-std={standard}"))
            .args(WARNINGS)
            .args(["-Iinclude", "-c", "-o", "/dev/null"])
            .arg(&source)
            .current_dir(root()));
    }
}

#[test]
fn python_package() {
    let mut python = Command::new("python3");
    python.args(["-m", "unittest", "discover", "-s", "bindings/python/tests"]).env("PYTHONPATH", "bindings/python");
    run_host(&mut python, "python");
}

#[test]
fn csharp_package() {
    let mut mono = Command::new("bash");
    mono.arg("bindings/csharp/tests/run.sh").arg(library_folder());
    run_host(&mut mono, "csharp");
}

/// The examples tell the story of the README's first command, and end well only if it came true.
#[test]
fn examples() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let c = folder.path().join("c");
    compile(&Compiler { program: "cc", standard: "c99", more: &[] }, Path::new("examples/c/main.c"), &c);
    let cpp = folder.path().join("cpp");
    compile(&Compiler { program: "c++", standard: "c++11", more: &[] }, Path::new("examples/cpp/main.cpp"), &cpp);
    let mut python = Command::new("python3");
    python.arg("examples/python/main.py").env("PYTHONPATH", "bindings/python");
    for (name, template_id, mut command) in [
        ("c", "sim-activity", Command::new(c)),
        ("cpp", "sim-activity", Command::new(cpp)),
        ("python", "sim-stamina", python),
    ] {
        let wechat = Simulator::start(Options::default());
        wechat.grant("o-player", template_id, 1);
        let store = tempfile::tempdir().expect("a temporary folder");
        run(command
            .args(["--api-base", &wechat.url(), "--appid", &wechat.appid(), "--openid", "o-player"])
            .args(["--template-id", template_id, "--store"])
            .arg(store.path().join("wxsub.db"))
            .env("WXSUB_SECRET", wechat.secret())
            .env("WXSUB_LIBRARY", library_folder().join("libwxsub.so"))
            .current_dir(root()));
        assert_eq!(wechat.deliveries_to("o-player").len(), 1, "{name}");
        assert_eq!(
            wechat.sends_to("o-player").len(),
            1,
            "{name}: the second send was turned down without calling WeChat"
        );

        let right = run(command.arg("--check"));
        let said = String::from_utf8_lossy(&right.stdout).into_owned();
        assert!(said.contains("WXSUB_OK: store: writable; network: reached; credentials: right; "), "{name}: {said}");
        let wrong = command.env("WXSUB_SECRET", "wrong").output().expect("it ran before");
        let said = String::from_utf8_lossy(&wrong.stdout).into_owned();
        assert!(wrong.status.code() == Some(1) && said.contains("WXSUB_E_AUTH: "), "{name}: {} {said}", wrong.status);
        assert_eq!(wechat.sends_to("o-player").len(), 1, "{name}: a check sends nothing");
    }
}

/// Everyone who accepted is told once, also when the script runs twice.
#[test]
fn campaign_example() {
    let wechat = Simulator::start(Options { initial_grants: 2, ..Options::default() });
    let folder = tempfile::tempdir().expect("a temporary folder");
    for _ in 0..2 {
        let mut command = Command::new("python3");
        command
            .args(["examples/python/campaign.py", "--api-base", &wechat.url(), "--appid", &wechat.appid()])
            .args(["--template-id", "sim-stamina", "--openid", "o-a", "--openid", "o-b", "--store"])
            .arg(folder.path().join("wxsub.db"))
            .env("WXSUB_SECRET", wechat.secret())
            .env("WXSUB_LIBRARY", library_folder().join("libwxsub.so"))
            .env("PYTHONPATH", "bindings/python")
            .current_dir(root());
        let said = String::from_utf8_lossy(&run(&mut command).stdout).into_owned();
        assert!(said.contains("done: 2 players, 2 sent, skipped {}"), "{said}");
    }
    assert_eq!(wechat.counters().delivered, 2);
}

/// A loop of 60 frames a second that submits and polls: each player gets the message, once. `bindings/python/tests` runs
/// the scheduler, `bindings/csharp` its own loop.
#[test]
fn game_loop_example() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let program = folder.path().join("game_loop");
    let compiler = Compiler { program: "c++", standard: "c++11", more: &["-Wconversion", "-Wold-style-cast"] };
    compile(&compiler, Path::new("examples/cpp/game_loop.cpp"), &program);
    let wechat = Simulator::start(Options::default());
    let players: Vec<String> = (1..=10).map(|n| format!("o-player-{n}")).collect();
    for player in &players {
        wechat.grant(player, "sim-activity", 1);
    }
    let mut command = Command::new(program);
    command
        .args(["--api-base", &wechat.url(), "--appid", &wechat.appid(), "--openid", "o-player", "--players", "10"])
        .args(["--template-id", "sim-activity", "--store"])
        .arg(folder.path().join("wxsub.db"))
        .env("WXSUB_SECRET", wechat.secret())
        .current_dir(root());
    let said = String::from_utf8_lossy(&run(&mut command).stdout).into_owned();
    assert!(said.contains("longest submit: ") && said.contains("reports: 10, sent: 10, "), "{said}");
    for player in &players {
        assert_eq!(wechat.deliveries_to(player).len(), 1, "{player}");
    }
    let right = run(command.arg("--check"));
    let said = String::from_utf8_lossy(&right.stdout).into_owned();
    assert!(said.contains("WXSUB_OK: store: writable; network: reached; credentials: right; "), "{said}");
    assert_eq!(wechat.deliveries().len(), 10, "a check sends nothing");
}
