//! The operator's interface on a store in a file. What is asked, and what the answers must be, is in `common/admin/`.

use std::os::unix::fs::PermissionsExt;

use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use serde_json::{Map, Value, json};
use wxsub::Status;

use crate::common::admin::{Files, ROOM, Stores, accept, all_pages, ask, refused};
use crate::common::{TEMPLATE, TestEnv, left};

crate::admin_tests! { Files(TestEnv::new()) }

#[test]
fn a_backup_is_made_while_the_store_is_written_to() {
    let stores = Files(TestEnv::new());
    let client = stores.open(0, json!({}));
    (0..200).for_each(|n| accept(&client, &format!("o{n}"), TEMPLATE, 1));
    let path = stores.env().folder.path().join("backup.db");
    let request = json!({"do": "backup", "path": path});
    let reply = std::thread::scope(|scope| {
        let writer = scope.spawn(|| (0..200).for_each(|n| accept(&client, &format!("late{n}"), TEMPLATE, 1)));
        let reply = ask(&client, request.clone());
        writer.join().unwrap();
        reply
    });
    let about = std::fs::metadata(&path).unwrap();
    assert_eq!((reply["bytes"].as_u64(), about.permissions().mode() & 0o777), (Some(about.len()), 0o600));
    // Never over a file that is there: neither another backup, nor the store itself, nor what a link leads to.
    let bytes = std::fs::read(&path).unwrap();
    let link = stores.env().folder.path().join("link.db");
    std::os::unix::fs::symlink(stores.env().folder.path().join("nowhere"), &link).unwrap();
    for taken in [&path, &stores.env().folder.path().join("0.db"), &link] {
        refused(&client, &json!({"do": "backup", "path": taken}).to_string(), "there is such a file already");
    }
    assert_eq!(std::fs::read(&path).unwrap(), bytes);
    for (path, says) in [("", "path is empty"), ("a\0b", "NUL"), ("/nowhere/backup.db", "No such file"), ("/", "path")]
    {
        refused(&client, &json!({"do": "backup", "path": path}).to_string(), says);
    }
    // It is a store, with everything that was there when it was begun.
    let copy = stores.open(0, json!({"store": path}));
    (0..200).for_each(|n| assert_eq!(left(&copy, &format!("o{n}")), 1));
    let (rows, _) = all_pages(&copy, &json!({"do": "players"}), "players");
    assert!((200..=400).contains(&rows.len()));
    assert_eq!(all_pages(&client, &json!({"do": "players"}), "players").0.len(), 400);
    let in_memory = stores.open(0, json!({"store": ":memory:"}));
    refused(&in_memory, &json!({"do": "backup", "path": "x.db"}).to_string(), "not a file");
}

/// An observer has no thread that keeps the store in order, and a web server may run for months.
#[test]
fn what_an_observer_writes_makes_the_log_no_longer_than_what_a_sender_does() {
    let stores = Files(TestEnv::new());
    let observer = stores.open(0, json!({"role": "observer", "secret": null, "durability": "normal"}));
    (0..8000).for_each(|n| accept(&observer, &format!("o{n}"), TEMPLATE, 1));
    let log = std::fs::metadata(stores.env().folder.path().join("0.db-wal")).unwrap();
    assert!(log.len() < 24 << 20, "{} bytes", log.len());
}

/// A player's record, and a line of the program's, tell what can't be read; all others are there.
#[test]
fn what_is_damaged_is_left_out_and_told() {
    let stores = Files(TestEnv::new());
    let client = stores.open(0, json!({}));
    (0..9).for_each(|n| accept(&client, &format!("o{n}"), TEMPLATE, 1));
    drop(client);
    let file = rusqlite::Connection::open(stores.env().folder.path().join("0.db")).unwrap();
    let changed = file.execute("UPDATE player SET lasting = X'00' WHERE id IN ('o2', 'o3', 'o5', 'o7')", []).unwrap();
    assert_eq!(changed, 4);
    drop(file);
    let client = stores.open(0, json!({}));
    for request in [json!({"do": "players"}), json!({"do": "export"})] {
        let reply = ask(&client, request);
        assert_eq!(
            (reply["players"].as_array().unwrap().len(), &reply["left_out"]["count"]),
            (5, &json!(4)),
            "{reply}"
        );
        let first = reply["left_out"]["first"].as_array().unwrap();
        let openids: Vec<_> = first.iter().map(|record| record["openid"].as_str().unwrap()).collect();
        assert_eq!(openids, ["o2", "o3", "o5"], "{reply}");
        assert!(first.iter().all(|record| record["why"].as_str().is_some_and(|why| !why.is_empty())), "{reply}");
    }
    let whole = ask(&client, json!({"do": "players", "limit": 1}));
    assert_eq!(whole.get("left_out"), None, "{whole}");
    // Nor does one of them keep a campaign's forecast from being made.
    let message = json!({"template_id": TEMPLATE, "data": {}});
    ask(&client, json!({"do": "campaign.put", "id": "c", "audience": "list", "message": message}));
    ask(&client, json!({"do": "campaign.add", "id": "c", "players": ["o1", "o2", "o4"]}));
    let forecast = ask(&client, json!({"do": "campaign.forecast", "id": "c"}));
    assert_eq!((&forecast["players"], &forecast["skipped"]), (&json!(2), &json!({})), "{forecast}");
}

/// What an operator did stands, though its line in the audit could not be written.
#[test]
fn what_is_not_in_the_audit_is_told_as_done() {
    let stores = Files(TestEnv::new());
    let client = stores.open(0, json!({"timeout_ms": 3000}));
    ask(&client, json!({"do": "mute", "openid": "o9", "until_ms": null}));
    let file = rusqlite::Connection::open(stores.env().folder.path().join("0.db")).unwrap();
    for (when, of) in [("UPDATE", "NEW"), ("INSERT", "NEW")] {
        let refuse = "SELECT RAISE(ABORT, 'broken')";
        let sql = format!(
            "CREATE TRIGGER no_{when} BEFORE {when} ON account_record WHEN {of}.id = 'audit' BEGIN {refuse}; END"
        );
        file.execute_batch(&sql).unwrap();
    }
    let message = json!({"template_id": TEMPLATE, "data": {}});
    for request in [
        json!({"do": "campaign.put", "id": "c", "audience": "list", "message": message}),
        json!({"do": "campaign.cancel", "id": "c"}),
        json!({"do": "mute", "openid": "o1", "until_ms": (1_i64 << 50)}),
        json!({"do": "compact"}),
    ] {
        let failed = client.admin(&request.to_string(), ROOM).unwrap_err();
        assert_eq!((failed.status, failed.retry), (Status::Store, wxsub::Retry::Unsafe), "{request}: {failed}");
        assert!(failed.message.starts_with("done, but"), "{request}: {failed}");
    }
    assert_eq!(ask(&client, json!({"do": "campaign.status", "id": "c"}))["state"], "cancelled");
    assert_eq!(ask(&client, json!({"do": "player", "openid": "o1"}))["muted_until_ms"], json!(1_i64 << 50));
}

/// What a program may send that knows the words but not the rules; "backup" would write where it says.
fn any_request() -> impl Strategy<Value = String> {
    let requests = [
        "players",
        "player",
        "export",
        "import",
        "outbox",
        "stats",
        "token",
        "metrics",
        "player ",
        "history",
        "audit",
        "funnel",
        "opened",
        "mute",
        "forget",
        "campaign.put",
        "campaign.add",
        "campaign.forecast",
        "campaign.start",
        "campaign.pause",
        "campaign.resume",
        "campaign.cancel",
        "campaign.status",
        "campaign.list",
    ];
    let fields = [
        "openid",
        "template_id",
        "min",
        "after",
        "limit",
        "full",
        "players",
        "records",
        "mode",
        "key",
        "count",
        "status",
        "what",
        "from_ms",
        "to_ms",
        "from",
        "to",
        "scene",
        "until_ms",
        "id",
        "message",
        "audience",
        "per_second",
        "leave",
        "rules",
        "dry_run",
        "start_at_ms",
        "expires_at_ms",
    ];
    let value = prop_oneof![
        Just(json!(null)),
        any::<bool>().prop_map(|b| json!(b)),
        any::<i64>().prop_map(|n| json!(n)),
        (-2..1002_i64).prop_map(|n| json!(n)),
        any::<String>().prop_map(|s| json!(s)),
        prop::sample::select(vec![
            "o1",
            "set",
            "add",
            "player",
            "message",
            "AAAA",
            "",
            "allowed",
            "list",
            "2026-11-01"
        ])
        .prop_map(|s| json!(s)),
    ];
    let value = value.prop_recursive(3, 20, 5, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::Array),
            prop::collection::vec((prop::sample::select(fields.to_vec()), inner), 0..5)
                .prop_map(|all| Value::Object(all.into_iter().map(|(k, v)| (k.to_owned(), v)).collect())),
        ]
    });
    let known = (
        prop::sample::select(requests.to_vec()),
        prop::collection::vec((prop::sample::select(fields.to_vec()), value), 0..4),
    );
    let known = known.prop_map(|(what, fields)| {
        let mut request: Map<String, Value> = fields.into_iter().map(|(k, v)| (k.to_owned(), v)).collect();
        request.insert("do".to_owned(), json!(what));
        Value::Object(request).to_string()
    });
    prop_oneof![4 => known, 1 => any::<String>(), 1 => "[\\[\\]{}\":,a1\\\\ do]{0,60}"]
}

#[test]
fn any_request_is_answered_or_refused_in_words() {
    let stores = Files(TestEnv::new());
    let client = stores.open(0, json!({"durability": "normal"}));
    accept(&client, "o1", TEMPLATE, 1);
    let mut runner =
        TestRunner::new(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() });
    let answered = runner.run(&any_request(), |request| {
        match client.admin(&request, ROOM) {
            Ok(reply) => {
                prop_assert!(reply.len() <= ROOM && !reply.contains('\0'));
                prop_assert!(serde_json::from_str::<Value>(&reply).is_ok_and(|reply| reply.is_object()), "{}", reply);
            }
            Err(e) => {
                let known = [Status::Arg, Status::NotFound, Status::TooLate, Status::Message];
                prop_assert!(known.contains(&e.status), "{}: {}", request, e);
                prop_assert!(!e.message.is_empty() && !e.message.chars().any(char::is_control), "{:?}", e.message);
            }
        }
        Ok(())
    });
    answered.expect("no request does harm");
}
