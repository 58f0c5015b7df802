//! The programs of README.md and docs/languages, as a reader follows them: saved under the name in their first line, built
//! and run by the commands below them. The Chinese pages have the same programs: `contract/docs.rs` compares them. And the
//! commands of the examples' pages for the languages that have wrappers; `languages/readme.rs` follows the others.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use crate::common::host::{library_folder, root, run};
use wxsub_simulator::{Options, Simulator};

/// Where the pages have the simulator.
const ADDRESS: &str = "http://127.0.0.1:8900";

/// The kinds and bodies of a page's programs.
fn blocks(page: &str) -> Vec<(String, String)> {
    let text = fs::read_to_string(root().join(page)).unwrap_or_else(|e| panic!("{page}: {e}"));
    text.split("\n```")
        .skip(1)
        .step_by(2)
        .map(|block| block.split_once('\n').expect("a line with the kind"))
        .map(|(kind, body)| (kind.to_owned(), format!("{body}\n")))
        .collect()
}

/// `guide.c` for `/* guide.c */`.
fn file_name(kind: &str, body: &str) -> Option<String> {
    let open = match kind {
        "c" => "/* ",
        "cpp" | "csharp" => "// ",
        "python" => "# ",
        _ => return None,
    };
    let name = body.lines().next()?.strip_prefix(open)?.trim_end_matches(" */");
    name.contains('.').then(|| name.to_owned())
}

/// A folder that looks like the root of the checkout after `cargo build --release`.
fn like_the_checkout() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for name in ["include", "bindings"] {
        symlink(root().join(name), folder.path().join(name)).expect("a link");
    }
    fs::create_dir(folder.path().join("target")).expect("a folder");
    symlink(library_folder(), folder.path().join("target/release")).expect("a link");
    folder
}

fn run_commands(commands: &str, folder: &Path) -> String {
    let output = run(Command::new("timeout")
        .args(["120", "bash", "-euc", commands])
        .env("WXSUB_LIBRARY", library_folder().join("libwxsub.so"))
        .current_dir(folder));
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// Saves the page's programs and runs the commands that build or run one of them; what each time was printed.
fn follow(page: &str, folder: &Path, wechat: &Simulator) -> Vec<String> {
    let mut said = Vec::new();
    let mut stems: Vec<String> = Vec::new();
    for (kind, body) in blocks(page) {
        if let Some(name) = file_name(&kind, &body) {
            assert!(body.contains(ADDRESS), "{page}: {name} does not name the simulator");
            fs::write(folder.join(&name), body.replace(ADDRESS, &wechat.url())).expect("a file");
            stems.push(name.split('.').next().expect("a stem").to_owned());
        } else if kind == "sh" && stems.iter().any(|stem| body.contains(stem.as_str())) {
            said.push(run_commands(&body, folder));
        }
    }
    said
}

#[test]
fn the_readme_s_programs_send() {
    let wechat = Simulator::start(Options { initial_grants: 100, ..Options::default() });
    let folder = like_the_checkout();
    let said = follow("README.md", folder.path(), &wechat);
    assert_eq!(said, ["WXSUB_OK: sent\n", "OK: sent\n", "Ok: sent\n"]);
    assert_eq!(wechat.deliveries().len(), 3);
}

#[test]
fn the_languages_pages_say_what_happens() {
    for page in ["c", "cpp", "python", "csharp"].map(|name| format!("docs/languages/{name}.md")) {
        let wechat = Simulator::start(Options { initial_grants: 100, ..Options::default() });
        let folder = like_the_checkout();
        let blocks = blocks(&page);
        let (_, promised) = blocks.iter().find(|(kind, _)| kind == "text").expect("what it prints");
        for time in ["first", "second"] {
            let said = follow(&page, folder.path(), &wechat);
            assert_eq!(said.concat(), *promised, "{page}, the {time} time");
        }
        assert_eq!(wechat.deliveries().len(), 1, "{page}: the key is recognised");
    }
}

#[test]
fn the_examples_pages_commands_end_well() {
    for (example, place, delivered) in
        [("c", ".", 1), ("cpp", ".", 21), ("python", ".", 3), ("csharp", "examples/csharp", 11)]
    {
        let wechat = Simulator::start(Options { initial_grants: 100, ..Options::default() });
        let folder = like_the_checkout();
        let programs = folder.path().join("examples").join(example);
        fs::create_dir_all(&programs).expect("a folder");
        for entry in fs::read_dir(root().join("examples").join(example)).expect("the example") {
            let path = entry.expect("an entry").path();
            if path.is_file() {
                fs::copy(&path, programs.join(path.file_name().expect("a name"))).expect("a copy");
            }
        }
        for (_, commands) in blocks(&format!("examples/{example}/README.md")).iter().filter(|(kind, _)| kind == "sh") {
            assert!(commands.contains(ADDRESS), "{example}: {commands}");
            run_commands(&commands.replace(ADDRESS, &wechat.url()), &folder.path().join(place));
        }
        assert_eq!(wechat.deliveries().len(), delivered, "{example}");
    }
}
