//! The wrappers have all that the contract has, with its types and limits: `include/wxsub.hpp`, `bindings/csharp/Runtime`,
//! `bindings/python/wxsub`; and the examples name nothing that it has not. Read as text, so that this needs no other
//! language; the hosts' tests compare layouts and signatures where these run.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use wxsub::Status;
use wxsub::contract::{CONFIGURATION, Default, Key, Kind, OPTIONS_OF_SEND, OPTIONS_OF_SUBMIT};

use crate::abi;

/// Functions that a wrapper leaves out; its README names each, with the reason.
const LEFT_OUT: [(&str, &str); 2] =
    [("bindings/csharp", "wxsub_poll_handle"), ("bindings/csharp", "wxsub_set_transport")];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
}

/// The files below a folder that end so, each with its text.
fn files(folder: &str, endings: &[&str]) -> BTreeMap<String, String> {
    fn walk(folder: &Path, endings: &[&str], found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display())) {
            let path = entry.expect("an entry").path();
            let name = path.file_name().expect("a name").to_string_lossy().into_owned();
            if path.is_dir() && !["node_modules", "bin", "obj", "target", "__pycache__"].contains(&name.as_str()) {
                walk(&path, endings, found);
            } else if endings.iter().any(|ending| name.ends_with(ending)) {
                found.push(path);
            }
        }
    }
    let mut paths = Vec::new();
    walk(&root().join(folder), endings, &mut paths);
    let named = |path: PathBuf| {
        let name = path.strip_prefix(root()).expect("below the root").display().to_string();
        let text = read(&name);
        (name, text)
    };
    paths.into_iter().map(named).collect()
}

/// Without comments in the manner of C++.
fn code(text: &str) -> String {
    text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

/// From `begin` to the next line that is `end`.
fn block<'t>(text: &'t str, begin: &str, end: &str) -> &'t str {
    let (_, rest) = text.split_once(begin).unwrap_or_else(|| panic!("there is no {begin}"));
    rest.split_once(end).unwrap_or_else(|| panic!("{begin} has no end")).0
}

/// What follows `before` up to `after`, wherever that stands in the text.
fn between<'t>(text: &'t str, before: &str, after: &str) -> Option<&'t str> {
    let (_, rest) = text.split_once(before)?;
    Some(rest.split_once(after)?.0)
}

/// `event.aes_key` as `EventAesKey`.
fn pascal(name: &str) -> String {
    let word = |part: &str| part[..1].to_uppercase() + &part[1..];
    name.split(['_', '.']).map(word).collect()
}

/// The words above the place where `declared` stands: the comment.
fn comment_above(text: &str, declared: &str) -> String {
    let Some(at) = text.find(declared) else { return String::new() };
    let above = text[..at].lines().rev().skip(usize::from(!text[..at].ends_with('\n')));
    let comment: Vec<&str> = above.take_while(|line| line.trim_start().starts_with("///")).collect();
    comment.into_iter().rev().map(|line| line.trim_start().trim_start_matches("///")).collect()
}

/// Numbers that a wrapper's comment tells must be the contract's: "default 5000", "at most 60000".
fn wrong_numbers(key: &Key, comment: &str) -> Option<String> {
    let told = |sign: &str| -> Option<u64> {
        let (_, rest) = comment.split_once(sign)?;
        let digits: String = rest.trim_start().chars().take_while(char::is_ascii_digit).collect();
        digits.parse().ok()
    };
    let most = match key.kind {
        Kind::Whole(_, max) => Some(max),
        Kind::Text(most) if most > 0 => Some(most as u64),
        _ => None,
    };
    if let (Some(told), Some(most)) = (told("at most "), most)
        && told != most
    {
        return Some(format!("its comment says at most {told}, not {most}"));
    }
    match (told("default "), key.default) {
        (Some(told), Default::Number(default)) if told != default => {
            Some(format!("its comment says default {told}, not {default}"))
        }
        _ => None,
    }
}

/// What one wrapper lacks, in words.
#[derive(Default)]
struct Complaints(Vec<String>);

impl Complaints {
    fn add(&mut self, place: &str, name: &str, what: impl std::fmt::Display) {
        self.0.push(format!("{place}: {name}: {what}"));
    }

    fn none(self) {
        assert!(self.0.is_empty(), "the wrappers and the contract differ:\n{}", self.0.join("\n"));
    }
}

#[test]
fn every_configuration_key_is_in_every_wrapper() {
    let mut complaints = Complaints::default();
    let cpp = read("include/wxsub.hpp");
    let cpp = block(&cpp, "\nclass Config {", "\n};");
    let csharp = read("bindings/csharp/Runtime/Config.cs");
    for key in CONFIGURATION {
        cpp_method(&mut complaints, "Config", cpp, key);
        if key.kind != Kind::Object {
            csharp_property(&mut complaints, "bindings/csharp/Runtime/Config.cs", &csharp, key);
        }
    }
    // Python takes any key as a keyword.
    assert!(
        read("bindings/python/wxsub/client.py")
            .contains("def __init__(self, config: Optional[Json] = None, **settings: Any)")
    );
    complaints.none();
}

#[test]
fn every_option_is_in_every_wrapper() {
    let mut complaints = Complaints::default();
    let cpp = read("include/wxsub.hpp");
    let cpp_options = block(&cpp, "\nclass Options {", "\n};");
    let all: Vec<&Key> = OPTIONS_OF_SEND.iter().chain(OPTIONS_OF_SUBMIT).collect();
    for key in &all {
        cpp_method(&mut complaints, "Options", cpp_options, key);
        if let Kind::OneOf(words) = key.kind {
            let members = code(block(&cpp, &format!("\nenum class {} {{", pascal(key.name)), "};"));
            same_words(&mut complaints, "include/wxsub.hpp", key, words, &members);
            let place = format!("bindings/csharp/Runtime/{}.cs", pascal(key.name));
            let members = code(block(&read(&place), "public enum", "\n    }"));
            same_words(&mut complaints, &place, key, words, members.split_once('{').expect("an enum").1);
        }
    }
    for (file, keys) in [("SendOptions.cs", OPTIONS_OF_SEND.iter().collect()), ("SubmitOptions.cs", all.clone())] {
        let place = format!("bindings/csharp/Runtime/{file}");
        let text = read(&place);
        keys.into_iter().for_each(|key| csharp_property(&mut complaints, &place, &text, key));
    }
    let sends: Vec<&Key> = OPTIONS_OF_SEND.iter().collect();
    // One that waits for its result wants it.
    let awaited: Vec<&Key> = all.iter().copied().filter(|key| key.name != "notify").collect();
    for (place, method, keys) in [
        ("bindings/python/wxsub/client.py", "send", &sends),
        ("bindings/python/wxsub/client.py", "try_send", &sends),
        ("bindings/python/wxsub/_submitting.py", "submit", &all),
        ("bindings/python/wxsub/awaiting.py", "submit", &awaited),
    ] {
        let text = read(place);
        let signature = block(&text, &format!("def {method}("), ") ->");
        keys.iter().for_each(|key| python_keyword(&mut complaints, place, method, signature, key));
    }
    complaints.none();
}

fn same_words(complaints: &mut Complaints, place: &str, key: &Key, words: &[&str], members: &str) {
    let members: Vec<String> = members.split(',').map(|member| member.trim().to_lowercase()).collect();
    for word in words {
        if !members.iter().any(|member| member == word || member.starts_with(&format!("{word} "))) {
            complaints.add(place, key.name, format_args!("lacks {word}"));
        }
    }
}

/// `Config &timeout_ms(std::uint32_t ms)`.
fn cpp_method(complaints: &mut Complaints, class: &str, text: &str, key: &Key) {
    let place = "include/wxsub.hpp";
    // The keys of the event are arguments of event(), or methods.
    let name = key.name.strip_prefix("event.").unwrap_or(key.name);
    if key.kind != Kind::Object && !text.contains(&format!("\"{name}\"")) {
        return complaints.add(place, key.name, format_args!("{class} does not write this key"));
    }
    let takes = match key.kind {
        Kind::Text(_) | Kind::TextOrList | Kind::OneOfOrList(_) | Kind::Json => "const Text &".to_owned(),
        Kind::OneOf(_) if class == "Config" => "const Text &".to_owned(),
        Kind::OneOf(_) => format!("{} ", pascal(key.name)),
        Kind::Whole(_, max) if max <= u64::from(u32::MAX) => "std::uint32_t ".to_owned(),
        Kind::Whole(..) => "std::uint64_t ".to_owned(),
        Kind::Above0 => "double ".to_owned(),
        Kind::Bool => "bool ".to_owned(),
        Kind::Time => "std::int64_t ".to_owned(),
        Kind::Object => "const Text &token".to_owned(),
    };
    if key.name.starts_with("event.") && key.kind == Kind::Text(0) {
        let arguments = between(text, "Config &event(", ") {").unwrap_or_default();
        if !arguments.contains(&format!("{takes}{name}")) {
            complaints.add(place, key.name, format_args!("Config::event() does not take it as {takes}{name}"));
        }
        return;
    }
    let declared = format!("{class} &{name}(");
    match between(text, &declared, ")") {
        None => complaints.add(place, key.name, format_args!("{class} has no method {name}()")),
        Some(_) if !text.contains(&format!("{declared}{takes}")) => {
            complaints.add(place, key.name, format_args!("{class}::{name}() does not take {}", takes.trim()));
        }
        Some(_) => {}
    }
    if let Some(wrong) = wrong_numbers(key, &comment_above(text, &declared)) {
        complaints.add(place, key.name, wrong);
    }
}

/// `public int? TimeoutMs { get; set; }`, and its place in `ToJson`.
fn csharp_property(complaints: &mut Complaints, place: &str, text: &str, key: &Key) {
    let property = pascal(key.name);
    let kind = match key.kind {
        Kind::Text(_) | Kind::OneOfOrList(_) | Kind::Json => "string".to_owned(),
        Kind::OneOf(_) if place.ends_with("Config.cs") => "string".to_owned(),
        Kind::OneOf(_) => format!("{property}?"),
        Kind::Whole(_, max) if max <= i32::MAX as u64 => "int?".to_owned(),
        Kind::Whole(..) => "ulong?".to_owned(),
        Kind::Above0 => "double?".to_owned(),
        Kind::Bool => "bool?".to_owned(),
        Kind::Time => "DateTimeOffset?".to_owned(),
        Kind::TextOrList => "string[]".to_owned(),
        Kind::Object => unreachable!("its keys are properties of their own"),
    };
    let declared = format!("public {kind} {property} {{ get; set; }}");
    if !text.contains(&declared) {
        complaints.add(place, key.name, format_args!("lacks `{declared}`"));
    }
    let name = key.name.rsplit('.').next().expect("a name");
    if !text.contains(&format!(".Add(\"{name}\", {property}")) {
        complaints.add(place, key.name, format_args!("ToJson() does not write {property}"));
    }
    if let Some(wrong) = wrong_numbers(key, &comment_above(text, &declared)) {
        complaints.add(place, key.name, wrong);
    }
}

/// `timeout: Optional[float]`.
fn python_keyword(complaints: &mut Complaints, place: &str, method: &str, signature: &str, key: &Key) {
    // Python's durations are seconds.
    let name = key.name.strip_suffix("_ms").unwrap_or(key.name);
    let kind = match key.kind {
        Kind::Text(_) => "Optional[str]".to_owned(),
        Kind::Whole(..) if name != key.name => "Optional[float]".to_owned(),
        Kind::Whole(..) => "Optional[int]".to_owned(),
        Kind::Bool => "bool".to_owned(),
        Kind::Time => "Optional[When]".to_owned(),
        Kind::OneOf(_) => format!("Optional[{}]", pascal(key.name)),
        other => panic!("{}: no Python type is known for {other:?}", key.name),
    };
    if !signature.contains(&format!(" {name}: {kind} =")) {
        complaints.add(place, key.name, format_args!("{method}() lacks the keyword {name}: {kind}"));
    }
}

#[test]
fn every_status_is_in_every_wrapper() {
    let mut complaints = Complaints::default();
    let cpp = read("include/wxsub.hpp");
    let csharp = read("bindings/csharp/Runtime/Status.cs");
    let python = read("bindings/python/wxsub/result.py");
    let places = [
        ("include/wxsub.hpp", block(&cpp, "enum class Status", "};")),
        ("bindings/csharp/Runtime/Status.cs", block(&csharp, "enum Status", "\n    }")),
        ("bindings/python/wxsub/result.py", block(&python, "class Status", "\n\n\n")),
    ];
    for status in Status::ALL {
        let c = status.c_name().to_str().expect("ASCII");
        let name = c.trim_start_matches("WXSUB_").trim_start_matches("E_");
        let csharp_name = if name == "WECHAT" { "WeChat".to_owned() } else { pascal(&name.to_lowercase()) };
        let number = status.code();
        let lines = [
            format!("{} = {c}", name.to_lowercase()),
            format!("{csharp_name} = {number}"),
            format!("{name} = {number}"),
        ];
        for ((place, text), line) in places.iter().zip(lines) {
            let is_it = |at: &str| at.trim().trim_end_matches(',') == line;
            if !text.lines().any(is_it) {
                complaints.add(place, c, format_args!("lacks `{line}`"));
            }
        }
    }
    complaints.none();
}

#[test]
fn every_function_is_in_every_wrapper() {
    let mut complaints = Complaints::default();
    let functions = abi::functions();
    assert!(functions.len() >= 24, "{functions:?}");
    let cpp = code(&read("include/wxsub.hpp"));
    let native = code(&read("bindings/csharp/Runtime/Native.cs"));
    let csharp: String = files("bindings/csharp/Runtime", &[".cs"]).values().map(|text| code(text)).collect();
    let signatures = read("bindings/python/wxsub/_native.py");
    let python: String = files("bindings/python/wxsub", &[".py"]).into_values().collect();
    for name in &functions {
        let mut need = |place: &str, text: &str, sign: String| {
            let left_out = LEFT_OUT.iter().any(|(wrapper, out)| place.starts_with(wrapper) && out == name);
            if left_out == text.contains(&sign) {
                let what = if left_out { "is said to be left out, and is there" } else { "lacks" };
                complaints.add(place, name, format_args!("{what} `{sign}`"));
            }
        };
        need("include/wxsub.hpp", &cpp, format!("{name}("));
        need("bindings/csharp/Runtime/Native.cs", &native, format!(" {name}("));
        need("bindings/csharp/Runtime", &csharp, format!("Native.{name}("));
        need("bindings/python/wxsub/_native.py", &signatures, format!("    \"{name}\": ("));
        need("bindings/python/wxsub", &python, format!("lib.{name}"));
    }
    for (wrapper, name) in LEFT_OUT {
        assert!(
            read(&format!("{wrapper}/README.md")).contains(name),
            "{wrapper}/README.md does not say why {name} is left out"
        );
    }
    complaints.none();
}

/// An example is a part of the header in another language: what it names must be there, and numbers be the same.
#[test]
fn examples_name_only_what_there_is() {
    let mut complaints = Complaints::default();
    let functions = abi::functions();
    let constants = abi::constants();
    let endings = [".go", ".java", ".lua", ".mjs", ".c", ".cpp", ".cs", ".py"];
    let mut seen = 0;
    for (place, text) in files("examples", &endings) {
        for name in names(&text, "wxsub_").filter(|(_, rest)| rest.starts_with('(')).map(|(name, _)| name) {
            // Lua's own module, whose name begins as ours.
            if !functions.contains(&name.to_owned()) && name != "wxsub_" {
                complaints.add(&place, name, "there is no such function");
            }
            seen += 1;
        }
        for (name, rest) in names(&text, "WXSUB_") {
            let number =
                rest.strip_prefix(" = ").map(|rest| rest.chars().take_while(char::is_ascii_digit).collect::<String>());
            match constants.get(name) {
                Some(right) if number.as_ref().is_some_and(|number| !number.is_empty() && number != right) => {
                    complaints.add(&place, name, format_args!("is {right}"));
                }
                None if number.is_some_and(|number| !number.is_empty()) || name.starts_with("WXSUB_E_") => {
                    complaints.add(&place, name, "there is no such constant");
                }
                _ => {}
            }
            seen += 1;
        }
    }
    assert!(seen > 100, "only {seen} names were found");
    complaints.none();
}

/// Each name in the text that begins so, with what follows it.
fn names<'t>(text: &'t str, begin: &'static str) -> impl Iterator<Item = (&'t str, &'t str)> {
    text.match_indices(begin).filter_map(move |(at, _)| {
        let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if text[..at].ends_with(is_part) {
            return None;
        }
        let rest = &text[at..];
        let end = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
        Some((&rest[..end], &rest[end..]))
    })
}

/// The checks see what they are for, planted here.
#[test]
fn what_is_missing_is_named() {
    let key = Key { name: "more_ms", kind: Kind::Whole(1, 9), default: Default::Number(3), meaning: "" };
    let told = |text: &str| {
        let mut complaints = Complaints::default();
        cpp_method(&mut complaints, "Config", text, &key);
        complaints.0.join("; ")
    };
    assert_eq!(told("  Config &more_ms(std::uint32_t ms) { return number(\"more_ms\", ms); }"), "");
    assert!(told("").contains("more_ms: Config does not write this key"));
    assert!(told("Config &more_ms(double ms) { \"more_ms\" }").contains("does not take std::uint32_t"));
    let commented = "  /// Wait; default 4, at\n  Config &more_ms(std::uint32_t ms) { \"more_ms\" }";
    assert!(told(commented).contains("says default 4, not 3"), "{}", told(commented));
    let commented = "  /// Wait, at most 10.\n  Config &more_ms(std::uint32_t ms) { \"more_ms\" }";
    assert!(told(commented).contains("says at most 10, not 9"));
    let mut complaints = Complaints::default();
    csharp_property(&mut complaints, "Config.cs", "public int? MoreMs { get; set; }", &key);
    csharp_property(&mut complaints, "Config.cs", ".Add(\"more_ms\", MoreMs)", &key);
    assert_eq!(complaints.0.len(), 2, "{:?}", complaints.0);
}
