//! The layers: imports point one way, and each danger has one module.

use std::fs;
use std::path::{Path, PathBuf};

/// From the top down: a module may use the layers below its own, and itself.
const LAYERS: [&[&str]; 5] = [
    &["ffi"],
    &["client"],
    &["ledger", "worker", "http", "wechat"],
    &["store"],
    &["error", "log", "config", "clock", "json", "secret", "panics"],
];

/// What may appear in one module only: the text, the module, and why.
const DANGERS: [(&str, &str, &str); 5] = [
    ("unsafe ", "ffi", "unsafe code"),
    ("rusqlite", "store", "SQL"),
    ("ureq::", "http", "sockets"),
    ("TcpStream", "http", "sockets"),
    ("/cgi-bin/", "wechat", "facts about WeChat"),
];

/// Exceptions, by their place below src. A URL and a proxy are checked with ureq's own parsers where the configuration is
/// read; SQLite's file is synced by its own handle; the Redis engine has sockets of its own, whose deadlines are its callers'.
const ALLOWED: [(&str, &str); 3] =
    [("ureq::", "config"), ("unsafe ", "store/sqlite/sync.rs"), ("TcpStream", "store/redis/connection.rs")];

fn sources() -> Vec<(String, PathBuf, String)> {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).expect("src is readable") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                walk(&path, found);
            } else if path.extension().is_some_and(|e| e == "rs") {
                found.push(path);
            }
        }
    }
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut paths = Vec::new();
    walk(&src, &mut paths);
    let module = |path: &Path| {
        let first = path.strip_prefix(&src).expect("below src").components().next().expect("a name");
        first.as_os_str().to_string_lossy().trim_end_matches(".rs").to_owned()
    };
    paths.into_iter().map(|p| (module(&p), p.clone(), fs::read_to_string(&p).expect("UTF-8"))).collect()
}

/// The lines that are code of the library: no comments, no unit tests.
fn code(text: &str) -> impl Iterator<Item = &str> {
    let tests = text.find("#[cfg(test)]\nmod tests {").unwrap_or(text.len());
    text[..tests].lines().filter(|line| !line.trim_start().starts_with("//"))
}

fn layer_of(module: &str) -> Option<usize> {
    LAYERS.iter().position(|layer| layer.contains(&module))
}

/// The modules of this crate that a line names: `crate::NAME` anywhere in it.
fn modules_named(line: &str) -> Vec<String> {
    line.match_indices("crate::")
        .map(|(at, found)| {
            let rest = &line[at + found.len()..];
            rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
        })
        .collect()
}

#[test]
fn imports_point_down() {
    let mut wrong = Vec::new();
    for (module, path, text) in sources() {
        if module == "lib" || path.ends_with("tests.rs") {
            continue;
        }
        let Some(own) = layer_of(&module) else {
            wrong.push(format!("{}: no layer is known for it", path.display()));
            continue;
        };
        for line in code(&text) {
            for named in modules_named(line) {
                let below = layer_of(&named).is_none_or(|layer| layer > own);
                if named != module && !below && own != LAYERS.len() - 1 {
                    wrong.push(format!("{}: {module} uses {named}: {}", path.display(), line.trim()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "imports must point down:\n{}", wrong.join("\n"));
}

#[test]
fn each_danger_has_one_room() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut wrong = Vec::new();
    for (module, path, text) in sources() {
        if path.components().any(|part| part.as_os_str() == "tests") {
            continue;
        }
        for line in code(&text) {
            for (sign, its_module, what) in DANGERS {
                let allowed = |place: &str| path.strip_prefix(&src).is_ok_and(|path| path.starts_with(place));
                let is_allowed = ALLOWED.iter().any(|(other, place)| *other == sign && allowed(place));
                if line.contains(sign) && module != its_module && !is_allowed {
                    wrong.push(format!("{}: {what} belongs into {its_module}: {}", path.display(), line.trim()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_test_sees_an_arrow_that_points_up() {
    assert_eq!(modules_named("use crate::client::Client; crate::ffi::x()"), ["client", "ffi"]);
    assert!(layer_of("client") > layer_of("ffi") && layer_of("store") > layer_of("client"));
    assert_eq!(code("a\n // crate::ffi\nb").count(), 2);
}
