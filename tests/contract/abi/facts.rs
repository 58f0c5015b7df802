//! What a host depends on in a header, a line each: names and types as they are written there, numbers, sizes and
//! offsets as the C compiler has them.

use std::fmt::Write;
use std::path::Path;
use std::process::Command;

use crate::common::host::{root, run};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fact {
    /// "field wxsub_result.status"
    pub what: String,
    /// "4 4 wxsub_status"
    pub value: String,
}

impl Fact {
    fn new(kind: &str, name: &str, value: impl Into<String>) -> Fact {
        Fact { what: format!("{kind} {name}"), value: value.into() }
    }

    pub fn is(&self, kind: &str) -> bool {
        self.what.split(' ').next() == Some(kind)
    }

    pub fn name(&self) -> &str {
        self.what.split_once(' ').map_or("", |(_, name)| name)
    }

    /// The struct and the field of a "field".
    pub fn place(&self) -> Option<(&str, &str)> {
        if self.is("field") { self.name().split_once('.') } else { None }
    }

    /// The first number of a "struct" (its size) or a "field" (its offset).
    pub fn number(&self) -> u64 {
        self.value.split(' ').next().and_then(|n| n.parse().ok()).unwrap_or_else(|| panic!("{self:?} has no number"))
    }
}

pub struct Header {
    /// WXSUB_ABI, which is no fact: it rises.
    pub abi: usize,
    pub facts: Vec<Fact>,
}

/// Reads a header's text. What it cannot read is a failure, so that nothing escapes.
pub fn of_header(text: &str) -> Header {
    let (code, defines) = parts(text);
    let mut facts = Vec::new();
    for (name, value) in &defines {
        // The include guard has no value.
        match value.as_str() {
            "" => {}
            _ if value.parse::<i64>().is_ok() => facts.push(Fact::new("constant", name, "")),
            _ => facts.push(Fact::new("macro", name, "")),
        }
    }
    for statement in statements(&code) {
        facts.extend(of_statement(&statement));
    }
    measure(text, &mut facts);
    let abi = facts.iter().position(|fact| fact.what == "constant WXSUB_ABI").expect("the header has WXSUB_ABI");
    let abi = facts.remove(abi).value.parse().expect("WXSUB_ABI is a number");
    Header { abi, facts }
}

/// The declarations, without comments and directives, and what is #defined.
fn parts(text: &str) -> (String, Vec<(String, String)>) {
    let lines = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    let mut whole = lines.collect::<Vec<_>>().join("\n").replace("\\\n", " ");
    while let Some(start) = whole.find("/*") {
        let end = start + whole[start..].find("*/").expect("a comment ends") + 2;
        whole.replace_range(start..end, " ");
    }
    let mut code = String::new();
    let mut defines = Vec::new();
    for line in whole.lines() {
        let line = line.split("//").next().unwrap_or_default().trim();
        if let Some(definition) = line.strip_prefix("#define ") {
            let (name, value) = definition.split_once(' ').unwrap_or((definition, ""));
            defines.push((name.to_owned(), value.trim().to_owned()));
        } else if !line.starts_with('#') && line != "extern \"C\" {" && line != "}" {
            code.push_str(line);
            code.push(' ');
        }
    }
    (code, defines)
}

fn statements(code: &str) -> Vec<String> {
    let mut depth = 0;
    code.split_inclusive([';', '{', '}'])
        .fold(vec![String::new()], |mut all, part| {
            depth += i32::from(part.ends_with('{')) - i32::from(part.ends_with('}'));
            let current = all.last_mut().expect("never empty");
            match part.strip_suffix(';') {
                Some(end) if depth == 0 => {
                    current.push_str(end);
                    all.push(String::new());
                }
                _ => current.push_str(part),
            }
            all
        })
        .iter()
        .map(|statement| statement.split_whitespace().collect::<Vec<_>>().join(" "))
        .filter(|statement| !statement.is_empty())
        .collect()
}

fn of_statement(statement: &str) -> Vec<Fact> {
    if let Some(definition) = statement.strip_prefix("typedef ") {
        if let Some((fields, name)) = definition.strip_prefix("struct ").and_then(between_braces) {
            let mut facts = vec![Fact::new("struct", name, "")];
            for field in fields.split(';').map(str::trim).filter(|field| !field.is_empty()) {
                let (kind, field) = split_name(field);
                facts.push(Fact::new("field", &format!("{name}.{field}"), kind));
            }
            return facts;
        }
        if let Some((result, rest)) = definition.split_once(" (*") {
            let (name, parameters) = rest.split_once(')').expect("a pointer to a function");
            return vec![Fact::new("callback", name, format!("{result} {}", types(parameters)))];
        }
        let (kind, name) = split_name(definition);
        // struct X X: opaque
        return vec![Fact::new("type", &name, if kind == name { "opaque".to_owned() } else { kind })];
    }
    let (head, parameters) =
        statement.split_once('(').unwrap_or_else(|| panic!("tests/contract/abi/facts.rs cannot read: {statement}"));
    let (result, name) = split_name(head);
    vec![Fact::new("function", &name, format!("{result} {}", types(&format!("({parameters}"))))]
}

fn between_braces(text: &str) -> Option<(&str, &str)> {
    let inner = text.split_once('{')?.1;
    let (fields, name) = inner.rsplit_once('}')?;
    Some((fields, name.trim()))
}

/// "(const char *key, size_t n)" without the names, which no host depends on.
fn types(parameters: &str) -> String {
    let inner = parameters.trim().trim_start_matches('(').trim_end_matches(')');
    let types = inner.split(',').map(|parameter| {
        let (kind, name) = split_name(parameter);
        if kind.is_empty() { name } else { kind }
    });
    format!("({})", types.collect::<Vec<_>>().join(", "))
}

/// "char key[64]": ("char [64]", "key").
fn split_name(declaration: &str) -> (String, String) {
    let declaration = declaration.trim();
    let (head, dimension) = declaration.split_at(declaration.find('[').unwrap_or(declaration.len()));
    let head = head.trim();
    let at = head.rfind(|c: char| !c.is_ascii_alphanumeric() && c != '_').map_or(0, |at| at + 1);
    let kind = format!("{} {dimension}", head[..at].trim()).replace("struct ", "");
    (kind.trim().to_owned(), head[at..].to_owned())
}

/// Asks the C compiler for every number.
fn measure(header: &str, facts: &mut [Fact]) {
    let mut program = String::from(
        "#include <stddef.h>\n#include <stdio.h>\n#include \"wxsub.h\"\n\
         #define FIELD(s, f) printf(\"%lu %lu\\n\", (unsigned long)offsetof(s, f), (unsigned long)sizeof((s *)0)->f)\n\
         int main(void) {\n",
    );
    for fact in facts.iter() {
        let name = fact.name();
        match (fact.place(), fact.what.split(' ').next()) {
            (Some((of, field)), _) => writeln!(program, "FIELD({of}, {field});"),
            (_, Some("constant")) => writeln!(program, "printf(\"%lld\\n\", (long long)({name}));"),
            (_, Some("struct")) => writeln!(program, "printf(\"%lu\\n\", (unsigned long)sizeof({name}));"),
            _ => writeln!(program, "puts(\"\");"),
        }
        .expect("a string takes it");
    }
    program.push_str("return 0;\n}\n");

    let folder = tempfile::tempdir().expect("a temporary folder");
    let (source, out) = (folder.path().join("measure.c"), folder.path().join("measure"));
    std::fs::write(folder.path().join("wxsub.h"), header).expect("a file");
    std::fs::write(&source, program).expect("a file");
    run(Command::new("cc")
        .args(["-std=c99", "-Wall", "-Werror", "-I"])
        .arg(folder.path())
        .arg(&source)
        .arg("-o")
        .arg(&out));
    let said = String::from_utf8(run(&mut Command::new(&out)).stdout).expect("text");
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines.len(), facts.len());
    for (fact, measured) in facts.iter_mut().zip(lines) {
        fact.value = format!("{measured} {}", fact.value).trim().to_owned();
    }
}

/// The structs without pointers and sizes have the same layout where those have 32 bit. Only compiled: freestanding, so
/// that no 32 bit C library is needed.
pub fn check_32_bit(facts: &[Fact]) {
    let varies = |name: &str| {
        facts.iter().any(|fact| {
            fact.place().is_some_and(|(of, _)| of == name)
                && (fact.value.contains('*') || fact.value.contains("size_t"))
        })
    };
    let mut program = String::from("#include <stddef.h>\n#include \"wxsub.h\"\n");
    let mut checked = 0;
    for fact in facts {
        let (condition, of) = match fact.place() {
            Some((of, field)) => (format!("offsetof({of}, {field})"), of),
            None if fact.is("struct") => (format!("sizeof({})", fact.name()), fact.name()),
            None => continue,
        };
        if !varies(of) {
            checked += 1;
            writeln!(program, "typedef char check_{checked}[{condition} == {} ? 1 : -1];", fact.number())
                .expect("a string");
        }
    }
    assert!(checked > 40, "{checked}");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let source = folder.path().join("small.c");
    std::fs::write(&source, program).expect("a file");
    run(Command::new("cc")
        .args(["-m32", "-ffreestanding", "-std=c99", "-c", "-o", "/dev/null", "-I"])
        .arg(root().join(Path::new("include")))
        .arg(&source));
}
