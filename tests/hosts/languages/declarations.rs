//! Hand-written declarations against the header: a C compiler judges offsets, numbers and prototypes, so that this file
//! knows none of them.

use std::fmt::Write;
use std::process::Command;

fn header() -> String {
    let text = std::fs::read_to_string(super::root().join("include/wxsub.h")).expect("the header");
    let is_code = |line: &&str| !line.trim_start().starts_with("///") && !line.starts_with('#');
    text.lines().filter(is_code).collect::<Vec<_>>().join("\n")
}

/// The names of the fields of wxsub_result.
pub fn fields() -> Vec<String> {
    let header = header();
    let (_, rest) = header.split_once("typedef struct wxsub_result {").expect("wxsub_result");
    let (body, _) = rest.split_once("} wxsub_result;").expect("its end");
    let fields: Vec<String> = body
        .split(';')
        .filter_map(|field| field.split_whitespace().nth(1))
        .map(|name| name.split('[').next().expect("a name").to_owned())
        .collect();
    assert!(fields.len() > 10 && fields[0] == "struct_size", "{fields:?}");
    fields
}

/// `said`: "size N", "field NAME OFFSET SIZE" and "function NAME KIND…" lines of the language's own sight. `binding`:
/// its source, with constants as `WXSUB_… = N` and, unless it told "function" lines, the prototypes as C has them.
pub fn check(said: &str, binding: &str) {
    let mut c = String::from("#include \"wxsub.h\"\n");
    let (mut told_fields, mut told_functions) = (0, 0);
    for line in said.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[..] {
            ["size", size] => claim(&mut c, &format!("sizeof(wxsub_result) == {size}")),
            ["field", name, offset, size] => {
                claim(&mut c, &format!("offsetof(wxsub_result, {name}) == {offset}"));
                claim(&mut c, &format!("sizeof(((wxsub_result *)0)->{name}) == {size}"));
                told_fields += 1;
            }
            ["function", name, ref kinds @ ..] => {
                assert_eq!(kinds, kinds_in_header(name), "{name}");
                told_functions += 1;
            }
            _ => panic!("what is this? {line}"),
        }
    }
    assert_eq!(told_fields, fields().len());
    assert!(said.starts_with("size "), "{said}");

    let numbers = numbers(binding);
    assert!(numbers.len() > 5, "{numbers:?}");
    for (name, value) in numbers {
        claim(&mut c, &format!("{name} == {value}"));
    }
    if told_functions == 0 {
        for prototype in prototypes(&binding.replace("_Out_ ", "")) {
            writeln!(c, "{prototype};").expect("a string takes all");
            told_functions += 1;
        }
    }
    assert!(told_functions > 10, "{told_functions}");
    compile(&c);
}

fn claim(c: &mut String, what: &str) {
    writeln!(c, "_Static_assert({what}, \"{what}\");").expect("a string takes all");
}

fn compile(c: &str) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let source = folder.path().join("declarations.c");
    std::fs::write(&source, c).expect("a file");
    let output = Command::new("cc")
        .args(["-std=c11", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fsyntax-only", "-Iinclude"])
        .arg(&source)
        .current_dir(super::root())
        .output()
        .expect("cc; scripts/test.sh installs what the tests need");
    assert!(output.status.success(), "not as in wxsub.h:\n{}\n{c}", String::from_utf8_lossy(&output.stderr));
}

fn numbers(binding: &str) -> Vec<(&str, &str)> {
    let mut found = Vec::new();
    for (at, _) in binding.match_indices("WXSUB_") {
        let rest = &binding[at..];
        let name = &rest[..rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len())];
        let value = rest[name.len()..].strip_prefix(" = ").unwrap_or_default();
        let value = &value[..value.find(|c: char| !c.is_ascii_digit()).unwrap_or(value.len())];
        if !value.is_empty() {
            found.push((name, value));
        }
    }
    found
}

/// Each `TYPE wxsub_name(…)` that ends in a semicolon, in one line.
fn prototypes(text: &str) -> Vec<String> {
    let begins = ["wxsub_status wxsub_", "uint32_t wxsub_", "const char *wxsub_", "void wxsub_"];
    text.split(';')
        .filter_map(|piece| piece.rsplit(['`', '}', '{']).next())
        .map(|piece| piece.split_whitespace().collect::<Vec<_>>().join(" "))
        .filter(|piece| piece.ends_with(')') && begins.iter().any(|begin| piece.starts_with(begin)))
        .collect()
}

/// What a function returns and takes, in the words of Declarations.java.
fn kinds_in_header(name: &str) -> Vec<&'static str> {
    let needle = format!("{name}(");
    let all = prototypes(&header());
    let prototype = all.iter().find(|p| p.contains(&needle)).unwrap_or_else(|| panic!("the header has no {name}"));
    let (returned, arguments) = prototype.split_once(&needle).expect("it was found by it");
    let arguments = arguments.trim_end_matches(')');
    let taken = arguments.split(',').filter(|argument| *argument != "void");
    [kind(returned)].into_iter().chain(taken.map(kind)).collect()
}

fn kind(argument: &str) -> &'static str {
    let is_long = ["int64_t", "size_t", "ptrdiff_t"].iter().any(|long| argument.contains(long));
    match argument.matches('*').count() {
        2 => "to-pointer",
        1 if argument.contains("char ") => "text",
        1 if argument.contains("wxsub_result ") => "result",
        1 if is_long => "to8",
        1 => "pointer",
        _ if argument.contains("_fn ") => "pointer",
        _ if is_long => "8",
        _ if argument.trim() == "void" => "void",
        _ => "4",
    }
}
