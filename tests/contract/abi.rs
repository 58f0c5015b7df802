//! A host that was compiled against an older header works with today's library. What each version of the ABI promised is
//! written down in tests/contract/abi/vN.txt, and the header that made the promise is kept beside it as wxsub-vN.h.
//!
//! An addition needs a new number: raise ABI in src/ffi, write the header anew, then run
//! `WXSUB_WRITE_ABI=1 cargo test --test contract abi` once, which writes the new version's file and keeps its header, and
//! write a tests/contract/abi/host-vN.c that uses what is new. A change or a loss cannot be had under this SONAME.

mod facts;
mod record;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::common::host::{Compiler, compile, library_folder, root, run, run_host};
use facts::{Fact, Header};

fn folder() -> PathBuf {
    root().join("tests/contract/abi")
}

fn todays_text() -> String {
    std::fs::read_to_string(root().join("include/wxsub.h")).expect("the header is checked in")
}

fn today() -> Header {
    facts::of_header(&todays_text())
}

/// The names of today's functions.
pub fn functions() -> Vec<String> {
    today().facts.iter().filter(|fact| fact.is("function")).map(|fact| fact.name().to_owned()).collect()
}

/// Today's constants with their numbers.
pub fn constants() -> BTreeMap<String, String> {
    let header = today();
    let constants = header.facts.iter().filter(|fact| fact.is("constant"));
    let constants = constants.map(|fact| (fact.name().to_owned(), fact.value.clone()));
    constants.chain([("WXSUB_ABI".to_owned(), header.abi.to_string())]).collect()
}

fn recorded() -> Vec<Vec<Fact>> {
    let versions = record::read(&folder());
    assert!(!versions.is_empty(), "tests/contract/abi/v1.txt is missing");
    versions
}

fn frozen_text(version: usize) -> String {
    let path = folder().join(format!("wxsub-v{version}.h"));
    std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// Writes the next version down, if today's header has its number and lost nothing.
fn write_next(header: &Header) {
    let versions = record::read(&folder());
    let next = versions.len() + 1;
    assert_eq!(header.abi, next, "WXSUB_ABI must be {next} before version {next} can be written down");
    let mut with_next = versions.clone();
    with_next.push(record::additions(&versions, header));
    assert_eq!(record::complaints(&with_next, header), [""; 0], "an addition may not change what was");
    let text = record::print(next, with_next.last().expect("just pushed"));
    std::fs::write(folder().join(format!("wxsub-v{next}.h")), todays_text()).expect("tests/contract/abi is writable");
    std::fs::write(folder().join(format!("v{next}.txt")), text).expect("tests/contract/abi is writable");
}

#[test]
fn the_header_is_what_its_versions_promised() {
    let header = today();
    if std::env::var_os("WXSUB_WRITE_ABI").is_some() {
        write_next(&header);
    }
    let wrong = record::complaints(&recorded(), &header);
    assert!(wrong.is_empty(), "the ABI changed; tests/contract/abi.rs says what to do:\n{}", wrong.join("\n"));
}

/// So that nobody writes a version's file to suit a change.
#[test]
fn every_version_is_what_its_header_was() {
    let versions = recorded();
    for version in 1..=versions.len() {
        let header = facts::of_header(&frozen_text(version));
        let wrong = record::complaints(&versions[..version], &header);
        assert!(wrong.is_empty(), "tests/contract/abi/v{version}.txt is not wxsub-v{version}.h:\n{}", wrong.join("\n"));
    }
}

fn output(program: &str, arguments: &[&str]) -> String {
    let library = library_folder().join("libwxsub.so");
    String::from_utf8(run(Command::new(program).args(arguments).arg(library)).stdout).expect("UTF-8")
}

#[test]
fn exports_are_the_header_and_nothing_else() {
    let symbols = output("nm", &["-D", "--defined-only"]);
    let exported: BTreeSet<&str> = symbols.lines().filter_map(|line| line.split_whitespace().nth(2)).collect();
    let header = today();
    let declared: BTreeSet<&str> =
        header.facts.iter().filter(|fact| fact.is("function")).map(|fact| fact.name()).collect();
    assert_eq!(exported, declared);
    assert!(exported.len() >= 23, "{exported:?}");
}

#[test]
fn the_library_names_itself_and_stays_mapped() {
    let dynamic = output("readelf", &["-d"]);
    assert!(dynamic.contains("soname: [libwxsub.so.1]"), "{dynamic}");
    assert!(dynamic.contains("NODELETE"), "{dynamic}");
}

#[test]
#[cfg(target_arch = "x86_64")]
fn structs_without_pointers_are_the_same_on_32_bit() {
    facts::check_32_bit(&today().facts);
}

fn program(source: &Path, scratch: &Path) -> Command {
    let out = scratch.join("program");
    compile(&Compiler { program: "cc", standard: "c99", more: &[] }, source, &out);
    Command::new(out)
}

/// The library's words for the statuses are the header's, and it has no others.
#[test]
fn status_names_are_the_headers() {
    let scratch = tempfile::tempdir().expect("a temporary folder");
    let source = scratch.path().join("names.c");
    let text = "#include <stdio.h>\n#include <string.h>\n#include \"wxsub.h\"\n\
                static void name(int n) {\n\
                  if (strcmp(wxsub_status_name(n), \"WXSUB_E_?\") != 0) printf(\"%s: %d\\n\", wxsub_status_name(n), n);\n\
                }\n\
                int main(void) {\n  int n;\n  for (n = -1000; n < 1000; n++) name(n);\n  name(INT32_MIN);\n  name(INT32_MAX);\n\
                  return 0;\n}\n";
    std::fs::write(&source, text).expect("a file");
    let said = String::from_utf8(run(&mut program(&source, scratch.path())).stdout).expect("text");
    let known: BTreeSet<&str> = said.lines().collect();
    let header = today();
    let is_status = |name: &str| name == "WXSUB_OK" || name.starts_with("WXSUB_E_");
    let statuses = header.facts.iter().filter(|fact| fact.is("constant") && is_status(fact.name()));
    let declared: BTreeSet<String> = statuses.map(|fact| format!("{}: {}", fact.name(), fact.value)).collect();
    assert_eq!(known, declared.iter().map(String::as_str).collect());
    assert_eq!(known.len(), said.lines().count(), "a number is used twice: {said}");
}

/// The hosts of all versions, each compiled against its own header, with today's library.
#[test]
fn old_hosts_work() {
    let versions = recorded();
    for (version, added) in (1..).zip(&versions) {
        let source = folder().join(format!("host-v{version}.c"));
        let text = std::fs::read_to_string(&source).unwrap_or_else(|e| panic!("{}: {e}", source.display()));
        assert!(text.contains(&format!("#include \"wxsub-v{version}.h\"")));
        for function in added.iter().filter(|fact| fact.is("function")) {
            assert!(
                text.contains(&format!("{}(", function.name())),
                "{} does not call {}",
                source.display(),
                function.name()
            );
        }
        let scratch = tempfile::tempdir().expect("a temporary folder");
        run_host(&mut program(&source, scratch.path()), &format!("host of version {version}"));
    }
}

/// What the guard must see, planted in version 1's header.
#[test]
fn the_guard_sees_every_change() {
    let first = frozen_text(1);
    let versions = vec![facts::of_header(&first).facts];
    let plant = |from: &str, to: &str| {
        let changed = first.replacen(from, to, 1);
        assert_ne!(first, changed, "{from}");
        facts::of_header(&changed)
    };
    for (from, to, seen) in [
        ("uint32_t wxsub_abi(void);", "", "gone: function wxsub_abi"),
        (
            "uint32_t wxsub_abi(void);",
            "int32_t wxsub_abi(void);",
            "changed: function wxsub_abi: uint32_t (void) is now int32_t (void)",
        ),
        (
            "const char *wxsub_version(void);",
            "const char *wxsub_version(int which);",
            "changed: function wxsub_version",
        ),
        (
            "uint32_t wxsub_abi(void);",
            "uint32_t wxsub_abi(void); void wxsub_more(void);",
            "new, under an old number: function wxsub_more",
        ),
        ("#define WXSUB_E_BUSY 23", "#define WXSUB_E_BUSY 28", "changed: constant WXSUB_E_BUSY: 23 is now 28"),
        (
            "#define WXSUB_E_BUSY 23",
            "#define WXSUB_E_BUSY 23\n#define WXSUB_E_MORE 46",
            "new, under an old number: constant WXSUB_E_MORE",
        ),
        ("#define WXSUB_STORED 2", "", "gone: constant WXSUB_STORED"),
        ("#define WXSUB_STATS_INIT", "#define WXSUB_STATS_START", "gone: macro WXSUB_STATS_INIT"),
        ("int64_t msgid;", "uint64_t msgid;", "changed: field wxsub_result.msgid: 32 8 int64_t is now 32 8 uint64_t"),
        ("int64_t msgid;", "", "changed: field wxsub_result.ticket: 40 8 uint64_t is now 32 8 uint64_t"),
        ("char key[64];", "char key[72];", "changed: struct wxsub_result: 448 is now 456"),
        (
            "char session_key[64];",
            "char session_key[64]; char more[64];",
            "new, under an old number: field wxsub_identity.more",
        ),
        ("size_t body_capacity;", "uint32_t body_capacity;", "changed: field wxsub_http_response.body_capacity"),
        ("typedef int32_t wxsub_status;", "typedef int64_t wxsub_status;", "changed: type wxsub_status"),
        (
            "int32_t level, const char *message);",
            "int64_t level, const char *message);",
            "changed: callback wxsub_log_fn",
        ),
        ("#define WXSUB_ABI 1", "#define WXSUB_ABI 2", "WXSUB_ABI is 2, and version 1 is the last recorded"),
    ] {
        let wrong = record::complaints(&versions, &plant(from, to));
        assert!(wrong.iter().any(|line| line.starts_with(seen)), "{to}: {wrong:?}");
    }
    // The names of parameters are nobody's business.
    assert_eq!(record::complaints(&versions, &plant("const char *openid,", "const char *player,")), [""; 0]);
}

/// Version 2, as it may one day be, and as it may not.
#[test]
fn additions_pass_under_a_new_number() {
    let first = frozen_text(1);
    let one = vec![facts::of_header(&first).facts];
    let second = |session_key: &str| {
        let text = first
            .replacen("#define WXSUB_ABI 1", "#define WXSUB_ABI 2\n#define WXSUB_E_MORE 46", 1)
            .replacen("uint32_t wxsub_abi(void);", "uint32_t wxsub_abi(void); void wxsub_more(wxsub_identity *of);", 1)
            .replacen("char session_key[64];", session_key, 1);
        facts::of_header(&text)
    };
    let grown = second("char session_key[64]; uint64_t more;");
    let added = record::additions(&one, &grown);
    let written = record::print(2, &added);
    assert!(
        written.ends_with(
            "constant WXSUB_E_MORE: 46\nstruct wxsub_identity: 208\nfield wxsub_identity.more: 200 8 uint64_t\n\
         function wxsub_more: void (wxsub_identity *)\n"
        ),
        "{written}"
    );
    let both = [one[0].clone(), record::parse(&written)];
    assert_eq!(record::complaints(&both, &grown), [""; 0]);
    // Version 1 stays what it was, and is complained of under the new header only for its number and what is missing.
    assert_eq!(record::complaints(&both[..1], &facts::of_header(&first)), [""; 0]);
    assert!(!record::complaints(&both[..1], &grown).is_empty());

    for session_key in
        ["char session_key[56]; uint64_t more;", "char session_key[32];", "uint64_t more; char session_key[64];"]
    {
        let wrong = second(session_key);
        let with_wrong = [one[0].clone(), record::additions(&one, &wrong)];
        assert!(!record::complaints(&with_wrong, &wrong).is_empty(), "{session_key}");
    }
}
