//! Programs in other languages, built and run as hosts of the library, each against a simulator of its own.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use wxsub_simulator::{Options, Simulator};

pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The folder of the shared library that cargo built with this test: beside it, since only `cargo build` copies it up.
pub fn library_folder() -> PathBuf {
    let exe = std::env::current_exe().expect("this test has a path");
    let folder = exe.parent().expect("target/PROFILE/deps/TEST").to_owned();
    assert!(folder.join("libwxsub.so").exists(), "{} holds no libwxsub.so", folder.display());
    folder
}

pub fn run(command: &mut Command) -> Output {
    let output =
        command.output().unwrap_or_else(|e| panic!("{command:?}: {e}; scripts/test.sh installs what the tests need"));
    assert!(
        output.status.success(),
        "{command:?}: {}\n{}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    output
}

/// The simulator's program, as hosts start it themselves: built once, since a test of this package has only its library.
pub fn simulator_program() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo.args(["build", "--quiet", "-p", "wxsub-simulator"]).current_dir(root());
        if !cfg!(debug_assertions) {
            cargo.arg("--release");
        }
        run(&mut cargo);
        let program = library_folder().with_file_name("wxsub-simulator");
        assert!(program.exists(), "{} was not built", program.display());
        program
    })
}

/// Runs a host program against a fresh simulator, with an empty folder for its files.
pub fn run_host(command: &mut Command, name: &str) {
    run_host_on(&Simulator::start(Options::default()), &library_folder(), command, name);
}

/// The same, against this simulator, and with the library in this folder.
pub fn run_host_on(wechat: &Simulator, library: &Path, command: &mut Command, name: &str) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let output = run(command
        .env("WXSUB_SIM", wechat.url())
        .env("WXSUB_APPID", wechat.appid())
        .env("WXSUB_SECRET", wechat.secret())
        .env("WXSUB_TMP", folder.path())
        .env("WXSUB_SIMULATOR", simulator_program())
        .env("WXSUB_LIBRARY", library.join("libwxsub.so"))
        .env("LD_LIBRARY_PATH", library)
        // What glibc's threads keep for themselves counts as held, and is another amount each time.
        .env("GLIBC_TUNABLES", "glibc.malloc.tcache_count=0")
        .current_dir(root()));
    let told = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    let last = told.lines().rev().find(|l| !l.trim().is_empty()).unwrap_or_default();
    println!("{name}: {last}");
}

/// What the header promises holds for the library that is shipped; an unoptimised one keeps more on the stack.
pub const LEAST_STACK_KIB: &str = if cfg!(debug_assertions) { "192" } else { "64" };

pub struct Compiler {
    pub program: &'static str,
    pub standard: &'static str,
    pub more: &'static [&'static str],
}

pub const WARNINGS: [&str; 5] = ["-Wall", "-Wextra", "-Wpedantic", "-Werror", "-Wshadow"];

pub fn compile(compiler: &Compiler, source: &Path, out: &Path) {
    compile_with(compiler, source, out, &[]);
}

/// With more libraries.
pub fn compile_with(compiler: &Compiler, source: &Path, out: &Path, libraries: &[&str]) {
    let library = library_folder();
    let text = std::fs::read_to_string(root().join(source)).expect("a source");
    let own_flags = text.lines().next().and_then(|line| line.strip_prefix("// flags: ")).unwrap_or_default();
    run(Command::new(compiler.program)
        .args(own_flags.split_whitespace())
        .arg(format!("-std={}", compiler.standard))
        .args(WARNINGS)
        .args(compiler.more)
        .arg("-Iinclude")
        .arg(source)
        .arg("-o")
        .arg(out)
        .arg(format!("-L{}", library.display()))
        .arg("-lwxsub")
        .args(libraries)
        .arg("-lpthread")
        .arg(format!("-Wl,-rpath,{}", library.display()))
        .current_dir(root()));
}
