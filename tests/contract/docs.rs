//! The documents: English and Chinese pages have the same structure and the same programs, every relative link leads
//! somewhere, and no script is named that does not exist.

mod links;
mod page;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use page::Page;

/// For contributors, in English only.
const ENGLISH_ONLY: [&str; 3] = ["architecture.md", "performance.md", "wechat-api.md"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All files below this folder that end so, without what is built or fetched.
fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display())) {
        let path = entry.expect("an entry").path();
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        if path.is_dir() && !path.is_symlink() {
            if !name.starts_with('.') && !["target", "dist", "node_modules"].contains(&name.as_str()) {
                found.extend(files(&path, ending));
            }
        } else if name.ends_with(ending) {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// English pages, each with the place of its Chinese twin.
fn pairs() -> Vec<(PathBuf, PathBuf)> {
    let docs = root().join("docs");
    let chinese = docs.join("zh-CN");
    let mut pairs = vec![(root().join("README.md"), root().join("README.zh-CN.md"))];
    for english in files(&docs, ".md") {
        let name = english.strip_prefix(&docs).expect("below docs");
        if !name.starts_with("zh-CN") && !ENGLISH_ONLY.iter().any(|only| name == Path::new(only)) {
            pairs.push((english.clone(), chinese.join(name)));
        }
    }
    pairs
}

#[test]
fn every_page_for_users_is_there_in_both_languages() {
    let missing: Vec<PathBuf> = pairs().into_iter().map(|(_, chinese)| chinese).filter(|path| !path.exists()).collect();
    assert!(missing.is_empty(), "not translated: {missing:?}");
    let twins: Vec<PathBuf> = pairs().into_iter().map(|(_, chinese)| chinese).collect();
    let alone: Vec<PathBuf> =
        files(&root().join("docs/zh-CN"), ".md").into_iter().filter(|path| !twins.contains(path)).collect();
    assert!(alone.is_empty(), "without an English page: {alone:?}");
}

#[test]
fn both_languages_have_the_same_structure_and_programs() {
    let mut wrong = Vec::new();
    for (english, chinese) in pairs() {
        if let Some(difference) = page::difference(&Page::parse(&read(&english)), &Page::parse(&read(&chinese))) {
            wrong.push(format!("{} and {}: {difference}", english.display(), chinese.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn relative_links_lead_somewhere() {
    let pages = files(root(), ".md");
    assert!(pages.len() > 20, "{pages:?}");
    let mut wrong = Vec::new();
    for path in pages {
        for link in links::relative(&read(&path)) {
            if let Err(why) = links::follow(&path, &link) {
                wrong.push(format!("{}: {link}: {why}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn scripts_that_are_named_exist() {
    let mut texts = files(root(), ".md");
    texts.extend(["Cargo.toml", "Makefile"].map(|name| root().join(name)));
    let mut named = 0;
    for path in texts {
        for script in links::scripts(&read(&path)) {
            named += 1;
            assert!(root().join(&script).exists(), "{} names {script}, which does not exist", path.display());
        }
    }
    assert!(named > 10, "only {named} scripts were found");
}

/// Rules move; a bug that can't be planted any more shows nothing.
#[test]
fn every_bug_can_still_be_planted() {
    let script = root().join("scripts/planted-bugs.sh");
    let told = Command::new(script).arg("--list").output().expect("bash");
    let says = String::from_utf8_lossy(&told.stderr);
    assert!(told.status.success(), "{says}");
    let bugs = String::from_utf8_lossy(&told.stdout).lines().count();
    assert!(read(&root().join("docs/reliability.md")).contains(&format!("plants {bugs} bugs")), "it plants {bugs}");
}
