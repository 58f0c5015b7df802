//! What needs no network: the command line, the configuration, the languages.

use std::fs::File;
use std::process::Stdio;

use serde_json::Value;

use crate::common::{CANARY, command, refused, run};

const NONE: &[(&str, &str)] = &[];
const ACCOUNT: &[(&str, &str)] = &[("WXSUB_APPID", "wx1"), ("WXSUB_SECRET", CANARY)];
const IN_MEMORY: &[(&str, &str)] = &[("WXSUB_APPID", "wx1"), ("WXSUB_SECRET", CANARY), ("WXSUB_STORE", ":memory:")];

const COMMANDS: &[&str] = &[
    "check",
    "quota",
    "send",
    "lookup",
    "cancel",
    "outbox",
    "players",
    "player",
    "history",
    "mute",
    "forget",
    "funnel",
    "audit",
    "export",
    "import",
    "move",
    "backup",
    "compact",
    "metrics",
    "campaign",
    "simulator",
    "version",
];

#[test]
fn version_names_program_library_and_abi() {
    let said = run(&["version"], NONE).fine();
    assert!(said.starts_with("wxsub 0.") && said.contains(", library 0.") && said.contains("(sqlite 3."), "{said}");
    let told = run(&["version", "--json"], NONE).json();
    assert_eq!(told["package"], env!("CARGO_PKG_VERSION"));
    assert!(told["abi"].as_u64() >= Some(2) && told["path"].as_str().unwrap().contains("wxsub"), "{told}");
}

#[test]
fn an_answer_that_cannot_be_written_is_no_success() {
    let full = File::options().write(true).open("/dev/full").unwrap();
    let done = command(&["version"], NONE).stdout(Stdio::from(full)).output().unwrap();
    assert_eq!(done.status.code(), Some(62));
    let said = String::from_utf8(done.stderr).unwrap();
    assert_eq!(said, "wxsub: the answer could not be written: No space left on device\n");
}

#[test]
fn a_reader_that_went_away_is_no_news() {
    let mut child = command(&["--help"], NONE).spawn().unwrap();
    drop(child.stdout.take());
    let done = child.wait_with_output().unwrap();
    assert!(done.stderr.is_empty(), "{}", String::from_utf8_lossy(&done.stderr));
    assert!(matches!(done.status.code(), Some(0 | 141)), "{:?}", done.status);
}

#[test]
fn help_names_every_command_and_takes_no_secret() {
    let help = run(&["--help"], NONE).fine();
    for name in COMMANDS {
        assert!(help.contains(&format!("\n  {name} ")), "{name} is not in {help}");
        let one = run(&[name, "--help"], NONE).fine();
        assert!(one.contains("Usage: wxsub") && one.contains(name), "{one}");
        if *name != "simulator" {
            assert!(!one.contains("--secret"), "{one}");
        }
    }
    assert!(!help.contains("--secret"));
}

#[test]
fn help_and_mistakes_come_in_the_language_of_the_environment() {
    let chinese: &[(&str, &str)] = &[("LANG", "zh_CN.UTF-8")];
    for name in COMMANDS.iter().filter(|name| **name != "simulator") {
        let help = run(&[name, "--help"], chinese).fine();
        assert!(help.contains("用法：") && !help.contains("Usage"), "{help}");
        // All but the names of options and their values, and constants, is Chinese.
        for line in help.lines().filter(|line| line.trim_start().starts_with("--") && !line.contains("json")) {
            let is_chinese = |c: char| ('\u{4e00}'..='\u{9fff}').contains(&c);
            assert!(line.contains(is_chinese) || line.split_whitespace().count() <= 2, "{line:?} in {help}");
        }
    }
    refused(&["quota", "o"], chinese, 2, "缺少：<TEMPLATE_ID>");
    let english: &[(&str, &str)] = &[("LANG", "zh_CN.UTF-8"), ("LC_ALL", "C")];
    refused(&["quota", "o"], english, 2, "missing: <TEMPLATE_ID>");
}

#[test]
fn a_secret_on_the_command_line_is_refused_and_not_repeated() {
    for given in [vec!["--secret", CANARY], vec!["--access-token", CANARY], vec!["--Secret", CANARY]] {
        refused(&[&["check"], given.as_slice()].concat(), NONE, 2, "not taken from the command line");
    }
    for given in [format!("--secret={CANARY}"), format!("--token={CANARY}"), format!("--ACCESS_TOKEN={CANARY}")] {
        refused(&["check", &given], NONE, 2, "not taken from the command line");
    }
    refused(&["check", "--config", &format!("{{\"secret\":\"{CANARY}\"}}")], NONE, 2, "takes a file");
    refused(&["check", &format!("--sekret={CANARY}")], NONE, 2, "unknown option: --sekret");
    refused(&["check", CANARY], NONE, 2, "too many arguments");
    let url = format!("redis://:{CANARY}@127.0.0.1:1");
    refused(&["move", "--from", "a.db", "--to", &url], ACCOUNT, 2, "env:NAME");
    refused(&["move", "--from", "a.db", "--to", "env:NOWHERE"], ACCOUNT, 2, "NOWHERE is not set");
}

#[test]
fn a_wrong_command_line_is_a_configuration_error() {
    refused::<&str>(&[], NONE, 2, "a COMMAND is missing");
    refused(&["quotas"], NONE, 2, "did you mean quota?");
    refused(&["quota", "o-alice"], NONE, 2, "TEMPLATE_ID");
    refused(&["import", "a.csv", "--mode", "plus"], NONE, 2, "--mode");
    refused(&["players", "--limit", "many"], NONE, 2, "--limit");
    assert!(
        run(&["players", "--csv", "--json"], NONE).json()["message"]
            .as_str()
            .unwrap()
            .contains("cannot be used together")
    );
    refused(&["mute", "o", "--until", "soon"], IN_MEMORY, 2, "--until soon: not a time");
    refused(&["campaign"], NONE, 2, "COMMAND");
    let done = run(&["--json", "quota", "o-alice"], NONE);
    assert_eq!((done.code, done.err.as_str()), (2, ""));
    assert_eq!(done.json()["status"], "WXSUB_E_CONFIG");
}

#[test]
fn what_is_missing_is_named() {
    refused(&["check"], NONE, 2, "no appid: ");
    refused(&["check"], &[("WXSUB_APPID", "wx1")], 2, "no secret: ");
    refused(&["check"], ACCOUNT, 2, "no store: ");
    let folder = tempfile::tempdir().unwrap();
    let gone = folder.path().join("typo.db");
    let said = refused(&["quota", "o", "t", "--store", gone.to_str().unwrap()], ACCOUNT, 2, "no store at ");
    assert!(said.contains("typo.db") && !gone.exists(), "{said}");
}

#[test]
fn only_what_sends_needs_the_secret() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("wxsub.db");
    let account: &[(&str, &str)] = &[("WXSUB_APPID", "wx1"), ("WXSUB_STORE", store.to_str().unwrap())];
    assert_eq!(run(&["quota", "o", "t", "--create"], account).fine(), "0\n");
    refused(&["check"], account, 2, "no secret: ");
    refused(&["send", "--openid", "o", "--template-id", "t"], account, 2, "no secret: ");
}

#[test]
fn options_win_over_variables_and_variables_over_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
    let config = path("wxsub.json");
    std::fs::write(&config, format!(r#"{{"appid":"wx-file","secret":"{CANARY}","store":"{}"}}"#, path("file.db")))
        .unwrap();
    let exists = |name: &str| folder.path().join(name).exists();
    let given: &[(&str, &str)] = &[("WXSUB_CONFIG", &config)];
    let done = run(&["quota", "o", "t", "--create"], given);
    assert_eq!((done.code, done.out.as_str()), (0, "0\n"), "{done:?}");
    assert!(exists("file.db"));
    #[cfg(unix)]
    assert!(done.err.contains("others may read it: chmod 600"), "{done:?}");
    let variable = path("variable.db");
    let given: &[(&str, &str)] = &[("WXSUB_CONFIG", &config), ("WXSUB_STORE", &variable)];
    run(&["quota", "o", "t", "--create"], given);
    assert!(exists("variable.db"));
    run(&["quota", "o", "t", "--create", "--store", &path("option.db")], given);
    assert!(exists("option.db"));
    // The variable may hold the object itself.
    let object = format!(r#"{{"appid":"wx1","secret":"{CANARY}","store":":memory:"}}"#);
    assert_eq!(run(&["quota", "o", "t"], &[("WXSUB_CONFIG", &object)]).fine(), "0\n");
}

#[test]
fn a_wrong_configuration_is_told_without_its_values() {
    let folder = tempfile::tempdir().unwrap();
    let file = |content: &str| {
        let path = folder.path().join("wxsub.json");
        std::fs::write(&path, content).unwrap();
        #[cfg(unix)]
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        path.to_string_lossy().into_owned()
    };
    let object = |more: &str| format!(r#"{{"appid":"wx1","secret":"{CANARY}","store":":memory:"{more}}}"#);
    refused(&["quota", "o", "t", "--config", &file(&object(r#","tiemout_ms":1"#))], NONE, 2, "timeout_ms");
    refused(&["quota", "o", "t", "--config", &file(&format!("{{\"secret\":\"{CANARY}"))], NONE, 2, "not JSON: line 1");
    refused(&["quota", "o", "t", "--config", &file("[1]")], NONE, 2, "not a JSON object");
    refused(&["quota", "o", "t", "--config", "/nowhere/wxsub.json"], NONE, 2, "No such file");
    std::fs::write(folder.path().join("bytes.json"), b"{\"appid\":\"\xff\"}").unwrap();
    refused(&["quota", "o", "t", "--config", folder.path().join("bytes.json").to_str().unwrap()], NONE, 2, "not UTF-8");
}

#[test]
fn a_store_that_is_none_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let other = folder.path().join("other.db");
    let content = "not a store at all, but a text of some length".repeat(20);
    std::fs::write(&other, &content).unwrap();
    refused(&["quota", "o", "t", "--store", other.to_str().unwrap()], ACCOUNT, 60, "WXSUB_E_STORE");
    assert_eq!(std::fs::read_to_string(&other).unwrap(), content);
}

#[test]
fn send_says_what_is_wrong_with_its_message() {
    let folder = tempfile::tempdir().unwrap();
    let bad = folder.path().join("bad.json");
    std::fs::write(&bad, "{").unwrap();
    refused(&["send"], IN_MEMORY, 2, "a MESSAGE, or --openid");
    refused(&["send", "a.json", "--openid", "o"], IN_MEMORY, 2, "cannot be used together");
    refused(&["send", "--openid", "o", "--template-id", "t", "--data", "thing1"], IN_MEMORY, 2, "KEYWORD=VALUE");
    refused(&["send", "--openid", "o", "--template-id", "t", "--timeout", "0"], IN_MEMORY, 2, "--timeout");
    refused(&["send", "/nowhere/message.json"], IN_MEMORY, 1, "No such file");
    refused(&["send", bad.to_str().unwrap()], IN_MEMORY, 1, "WXSUB_E_");
}

#[test]
fn failures_as_json_have_every_field() {
    let done = run(&["lookup", "o", "k", "--json"], IN_MEMORY);
    assert_eq!((done.code, done.err.as_str()), (44, ""));
    let told = done.json();
    assert_eq!((&told["status"], &told["code"]), (&"WXSUB_E_NOT_FOUND".into(), &44.into()));
    for field in ["message", "errcode", "http_status", "retry", "retry_after_ms", "quota", "replayed", "stored"] {
        assert_ne!(told[field], Value::Null, "{field} of {told}");
    }
}
