//! The examples in other languages, each in its real runtime against a simulator of its own; and what they declare by
//! hand, compared with the header.
//!
//! They need luajit, lua5.4, go, javac and java with JNA, node and npm; `scripts/test.sh` installs them. A missing one is a
//! failure, not a skip. What is built or fetched for them goes below `target/tmp/languages`.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use wxsub_simulator::{Options, Simulator};

mod declarations;
mod readme;

const JNA: &str = "/usr/share/java/jna.jar";

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The folder of the shared library that cargo built with this test.
fn library_folder() -> PathBuf {
    let exe = std::env::current_exe().expect("this test has a path");
    let folder = exe.parent().expect("target/PROFILE/deps/TEST").to_owned();
    assert!(folder.join("libwxsub.so").exists(), "{} holds no libwxsub.so", folder.display());
    folder
}

/// A folder that stays, so that the next run is quick.
fn build_folder(language: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("languages").join(language);
    std::fs::create_dir_all(&folder).expect("a folder below target");
    folder
}

/// Two minutes are for a program that waits for a result that never comes.
fn command(program: &str) -> Command {
    let path = std::env::var_os("PATH").expect("a PATH");
    assert!(
        std::env::split_paths(&path).any(|folder| folder.join(program).is_file()),
        "{program} is not installed; scripts/test.sh installs what the tests need"
    );
    let mut command = Command::new("timeout");
    command
        .args(["120", program])
        .env("WXSUB_LIBRARY", library_folder().join("libwxsub.so"))
        .env("LD_LIBRARY_PATH", library_folder())
        .current_dir(root());
    command
}

fn text(output: &Output) -> String {
    format!("{}\n{}{}", output.status, String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn run(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|e| panic!("{command:?}: {e}"));
    assert!(output.status.success(), "{command:?}: {}", text(&output));
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// Runs the example in an empty folder with this configuration.
fn run_example(example: &mut Command, folder: &Path, config: &str) -> Output {
    std::fs::write(folder.join("wxsub.json"), config).expect("a file");
    example.current_dir(folder).output().unwrap_or_else(|e| panic!("{example:?}: {e}"))
}

/// What every example tells: the player accepts, gets one message, the next is turned down here; a second run changes
/// nothing; and what goes wrong is told.
fn tells_the_story(example: &mut Command, openid: &str) {
    let wechat = Simulator::start(Options::default());
    wechat.grant(openid, "sim-stamina", 1);
    let config = |store: &str, secret: &str| {
        format!(
            r#"{{"appid": "{}", "secret": "{secret}", "store": "{store}", "api_base": "{}"}}"#,
            wechat.appid(),
            wechat.url()
        )
    };
    let folder = tempfile::tempdir().expect("a temporary folder");

    for round in ["first", "second"] {
        let output = run_example(example, folder.path(), &config("wxsub.db", &wechat.secret()));
        let said = text(&output);
        assert!(output.status.success(), "{round} run: {said}");
        let deliveries = wechat.deliveries_to(openid);
        assert_eq!(deliveries.len(), 1, "{round} run: {said}");
        assert_eq!(wechat.sends_to(openid).len(), 1, "{round} run: the second message never reached WeChat: {said}");
        assert_eq!(deliveries[0].data["thing1"]["value"], "体力已满，快来领取");
        for wanted in ["count 1\n", &format!("message id {}, count 0", deliveries[0].msgid), "WXSUB_E_NO_QUOTA"] {
            assert!(said.contains(wanted), "{round} run, {wanted}: {said}");
        }
    }

    let output = run_example(example, folder.path(), &config("other.db", "wrong"));
    let said = text(&output);
    assert!(!output.status.success() && said.contains("WXSUB_E_AUTH"), "wrong secret: {said}");

    let output = run_example(example, folder.path(), r#"{"体力": 1}"#);
    let said = text(&output);
    let told = said.contains(r#"WXSUB_E_CONFIG: unknown key "体力""#);
    assert!(!output.status.success() && told, "a text of ours that is not ASCII: {said}");

    std::fs::remove_file(folder.path().join("wxsub.json")).expect("it was there");
    let output = example.output().expect("it ran before");
    assert!(!output.status.success() && text(&output).contains("wxsub.json"), "no configuration: {}", text(&output));
    assert_eq!(wechat.deliveries().len(), 1);
}

#[test]
fn luajit() {
    let fields = declarations::fields();
    let said = run(command("luajit").arg("tests/hosts/languages/declarations.lua").args(&fields));
    let binding = std::fs::read_to_string(root().join("examples/luajit/wxsub.lua")).expect("a file");
    declarations::check(&said, &binding);
    tells_the_story(command("luajit").arg(root().join("examples/luajit/main.lua")), "o-luajit");
}

/// In Debian's Lua, with a stand-in for skynet, which is in no package.
#[test]
fn skynet() {
    let folder = build_folder("skynet");
    run(command("cc")
        .args(["-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-O2", "-fPIC", "-shared"])
        .args(["-I/usr/include/lua5.4", "-Iinclude", "examples/skynet/lwxsub.c", "-o"])
        .arg(folder.join("lwxsub.so"))
        .arg(format!("-L{}", library_folder().display()))
        .arg("-lwxsub"));
    let mut lua = command("lua5.4");
    lua.arg(root().join("tests/hosts/languages/skynet.lua"))
        .arg(root().join("examples/skynet/wxsubd.lua"))
        .env("LUA_CPATH", folder.join("?.so"));
    tells_the_story(&mut lua, "o-skynet");
}

/// Go reads the header itself, so that there is nothing to compare.
#[test]
fn go() {
    let folder = build_folder("go");
    let program = folder.join("example");
    let library = library_folder();
    for step in [&["vet", "."][..], &["build", "-o", program.to_str().expect("UTF-8"), "."]] {
        run(command("go")
            .args(step)
            .env("CGO_ENABLED", "1")
            .env("CGO_CFLAGS", format!("-I{}", root().join("include").display()))
            .env("CGO_LDFLAGS", format!("-L{}", library.display()))
            .env("GOCACHE", folder.join("cache"))
            .env("GOPROXY", "off")
            .current_dir(root().join("examples/go")));
    }
    tells_the_story(&mut command_at(&program), "o-go");
}

/// A program that was built here.
fn command_at(program: &Path) -> Command {
    let mut env = command("env");
    env.arg(program);
    env
}

#[test]
fn java() {
    assert!(Path::new(JNA).exists(), "{JNA} is missing; scripts/test.sh installs what the tests need");
    let classes = build_folder("java");
    let class_path = format!("{JNA}:{}", classes.display());
    run(command("javac").args(["-encoding", "UTF-8", "-Xlint:all", "-Werror", "-cp", JNA, "-d"]).arg(&classes).args([
        "examples/java/Wxsub.java",
        "examples/java/Main.java",
        "tests/hosts/languages/Declarations.java",
    ]));
    let java = || {
        let mut java = command("java");
        // What it passes to the library must not depend on the locale; what it prints may, by JDK 17's name or by 19's.
        java.env("LC_ALL", "C").args(["-Dsun.stderr.encoding=UTF-8", "-Dstderr.encoding=UTF-8", "-cp", &class_path]);
        java
    };
    let said = run(java().arg("Declarations").args(declarations::fields()));
    let binding = std::fs::read_to_string(root().join("examples/java/Wxsub.java")).expect("a file");
    declarations::check(&said, &binding);
    tells_the_story(java().arg("Main"), "o-java");

    // The log comes through a callback from the library's threads.
    let wechat = Simulator::start(Options::default());
    wechat.grant("o-java", "sim-stamina", 1);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let config = format!(
        r#"{{"appid": "{}", "secret": "{}", "store": "体力.db", "api_base": "{}"}}"#,
        wechat.appid(),
        wechat.secret(),
        wechat.url()
    );
    let output = run_example(java().arg("-Dfile.encoding=UTF-8").arg("Main"), folder.path(), &config);
    let said = text(&output);
    assert!(output.status.success() && said.contains("体力.db\n") && said.contains("access token"), "{said}");
}

#[test]
fn node() {
    let folder = build_folder("node");
    for name in ["package.json", "wxsub.mjs", "main.mjs"] {
        std::fs::copy(root().join("examples/node").join(name), folder.join(name)).expect("a copy");
    }
    for name in ["declarations.mjs", "stalls.mjs"] {
        std::fs::copy(root().join("tests/hosts/languages").join(name), folder.join(name)).expect("a copy");
    }
    run(command("npm").args(["install", "--no-audit", "--no-fund", "--prefer-offline"]).current_dir(&folder));

    let said = run(command("node").arg(folder.join("declarations.mjs")).args(declarations::fields()));
    let binding = std::fs::read_to_string(root().join("examples/node/wxsub.mjs")).expect("a file");
    declarations::check(&said, &binding);
    tells_the_story(command("node").arg(folder.join("main.mjs")), "o-node");

    // With a WeChat that takes its time the event loop goes on.
    let wechat = Simulator::start(Options { send_latency: Duration::from_millis(1500), ..Options::default() });
    wechat.grant("o-node", "sim-stamina", 1);
    let store = tempfile::tempdir().expect("a temporary folder");
    let config = format!(
        r#"{{"appid": "{}", "secret": "{}", "store": "wxsub.db", "api_base": "{}"}}"#,
        wechat.appid(),
        wechat.secret(),
        wechat.url()
    );
    let output = run_example(command("node").arg(folder.join("stalls.mjs")), store.path(), &config);
    assert!(output.status.success(), "{}", text(&output));
    println!("node: {}", String::from_utf8_lossy(&output.stdout).lines().last().unwrap_or_default());
}
