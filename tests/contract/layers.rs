//! The layers: imports point one way, and each danger has one module.

use std::fs;
use std::path::{Path, PathBuf};

use syn::visit::{self, Visit};

use crate::circles::is_for_tests;

/// From the top down: a module may use the layers below its own, and itself.
const LAYERS: [&[&str]; 5] = [
    &["ffi"],
    &["client"],
    &["ledger", "worker", "http", "wechat"],
    &["store"],
    &["error", "log", "config", "clock", "json", "latency", "secret", "panics", "resolver", "sync"],
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
/// read; the Redis engine has sockets of its own, whose deadlines are its callers', and a server for tests beside them.
const ALLOWED: [(&str, &str); 3] =
    [("ureq::", "config"), ("TcpStream", "store/redis/connection.rs"), ("TcpStream", "store/redis/any_answer.rs")];

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
fn each_danger_has_one_module() {
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

/// Folders of platforms: each may know its own facts.
const PLATFORMS: [&str; 1] = ["wechat"];

/// Names of WeChat's fields, which nobody else spells.
const FIELDS: [&str; 8] =
    ["touser", "errcode", "errmsg", "errMsg", "expires_in", "js_code", "grant_type", "force_refresh"];

/// What a file says about WeChat in its code: errcodes and names of fields. Texts for people may tell of both.
#[derive(Default)]
struct Facts(Vec<String>);

impl<'a> Visit<'a> for Facts {
    fn visit_item_mod(&mut self, item: &'a syn::ItemMod) {
        if !is_for_tests(&item.attrs) {
            visit::visit_item_mod(self, item);
        }
    }

    fn visit_attribute(&mut self, _: &'a syn::Attribute) {}

    fn visit_lit_int(&mut self, number: &'a syn::LitInt) {
        if number.base10_parse::<u64>().is_ok_and(|n| (40_001..=49_999).contains(&n)) {
            self.0.push(format!("errcode {number}"));
        }
    }

    fn visit_lit_str(&mut self, text: &'a syn::LitStr) {
        let text = text.value();
        if FIELDS.contains(&text.as_str()) {
            self.0.push(format!("field {text:?}"));
        }
    }
}

fn facts_in(text: &str) -> Vec<String> {
    let mut facts = Facts::default();
    facts.visit_file(&syn::parse_file(text).expect("Rust"));
    facts.0
}

/// A second platform is a folder beside `wechat` only while nobody else knows WeChat's words.
#[test]
fn facts_about_wechat_are_in_one_module() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut wrong = Vec::new();
    for (module, path, text) in sources() {
        let place = path.strip_prefix(&src).expect("below src");
        let is_test = place.iter().any(|part| part == "tests" || part == "tests.rs" || part == "schedules.rs");
        if !PLATFORMS.contains(&module.as_str()) && !is_test {
            wrong.extend(facts_in(&text).into_iter().map(|fact| format!("{}: {fact}", place.display())));
        }
    }
    assert!(wrong.is_empty(), "facts about WeChat belong into wechat:\n{}", wrong.join("\n"));
    let text = "fn f(code: i32) -> bool { code == 43101 || g(\"errcode\") }\n/// 43101\n#[cfg(test)]\nmod tests { const X: i32 = 40001; }";
    assert_eq!(facts_in(text), ["errcode 43101", "field \"errcode\""], "the test sees them");
}

#[test]
fn the_test_sees_an_arrow_that_points_up() {
    assert_eq!(modules_named("use crate::client::Client; crate::ffi::x()"), ["client", "ffi"]);
    assert!(layer_of("client") > layer_of("ffi") && layer_of("store") > layer_of("client"));
    assert_eq!(code("a\n // crate::ffi\nb").count(), 2);
}
