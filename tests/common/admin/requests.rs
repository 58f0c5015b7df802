//! Single requests, right and wrong.

use serde_json::{Value, json};
use wxsub::{Answer, Status};
use wxsub_simulator::{Endpoint, Fault};

use super::{ROOM, Stores, accept, ask, refused};
use crate::common::{TEMPLATE, message, message_from};

pub fn a_player_is_told_whole(stores: &dyn Stores) {
    let client = stores.open(0, json!({}));
    let nobody = json!({"openid": "o1", "counts": {}, "system": {}, "muted_until_ms": null, "sending": null,
        "in_doubt": 0, "waiting": 0, "history": []});
    assert_eq!(ask(&client, json!({"do": "player", "openid": "o1"})), nobody);
    for template_id in [TEMPLATE, "other"] {
        accept(&client, "o1", template_id, 2);
    }
    client.report("o1", Some("SYS_MSG_TYPE_RANK"), Answer::Accept, None);
    client.report("o1", Some("SYS_MSG_TYPE_INTERACTIVE"), Answer::Accept, None);
    client.report("o1", Some("SYS_MSG_TYPE_INTERACTIVE"), Answer::Reject, None);
    client.report("o1", Some("other"), Answer::Reject, None);
    let seen = ask(&client, json!({"do": "player", "openid": "o1"}));
    assert_eq!(seen["counts"], json!({TEMPLATE: 2, "other": 0}));
    assert_eq!(seen["system"], json!({"SYS_MSG_TYPE_RANK": true, "SYS_MSG_TYPE_INTERACTIVE": false}));

    // A send in doubt.
    stores.env().wechat.grant("o1", TEMPLATE, 2);
    stores.env().wechat.arm(Fault::close().on(Endpoint::Send).openid("o1"));
    assert_eq!(client.send(&message("o1"), None).status, Status::Unknown);
    let seen = ask(&client, json!({"do": "player", "openid": "o1"}));
    assert_eq!((&seen["in_doubt"], &seen["sending"]), (&json!(1), &Value::Null));
    assert_eq!(seen["counts"][TEMPLATE], 2, "given back while nobody knows");

    // One that runs holds a unit.
    accept(&client, "o2", TEMPLATE, 1);
    stores.env().wechat.grant("o2", TEMPLATE, 1);
    stores.env().wechat.arm(Fault::delay(2500).on(Endpoint::Send).openid("o2"));
    std::thread::scope(|scope| {
        let sending = scope.spawn(|| client.send(&message("o2"), None));
        let seen = (0..400).find_map(|_| {
            std::thread::sleep(std::time::Duration::from_millis(5));
            let seen = ask(&client, json!({"do": "player", "openid": "o2"}));
            (!seen["sending"].is_null()).then_some(seen)
        });
        let seen = seen.expect("it is sent for two seconds");
        assert_eq!((&seen["sending"]["template_id"], &seen["counts"][TEMPLATE]), (&json!(TEMPLATE), &json!(0)));
        assert!(seen["sending"]["until_ms"].as_i64().unwrap() > 1_700_000_000_000);
        assert_eq!(sending.join().unwrap().status, Status::Ok);
    });
    // A read sees what a call did that ended before it.
    let seen = ask(&client, json!({"do": "player", "openid": "o2"}));
    assert_eq!((&seen["sending"], &seen["counts"][TEMPLATE]), (&Value::Null, &json!(0)));
}

pub fn statistics_and_the_token_are_told(stores: &dyn Stores) {
    let client = stores.open(0, json!({}));
    let token = ask(&client, json!({"do": "token"}));
    let none = json!({"mode": "stable", "source": "none", "age_ms": null, "left_ms": null, "failures": 0, "why": null});
    assert_eq!(token, none);
    accept(&client, "o1", TEMPLATE, 2);
    stores.env().wechat.grant("o1", TEMPLATE, 1);
    assert_eq!(client.send(&message("o1"), None).status, Status::Ok);
    assert_eq!(client.send(&message_from("nobody", TEMPLATE), None).status, Status::NoQuota);
    let stats = ask(&client, json!({"do": "stats"}));
    for (name, n) in [("sent", 1), ("no_quota", 1), ("reports", 2), ("token_calls", 1), ("other", 0), ("running", 1)] {
        assert_eq!(stats[name], n, "{name}: {stats}");
    }
    let header = std::fs::read_to_string(crate::common::host::root().join("include/wxsub.h")).expect("the header");
    let fields =
        header.split_once("typedef struct wxsub_stats {").and_then(|(_, rest)| rest.split_once("} wxsub_stats;"));
    let fields = fields
        .expect("the struct")
        .0
        .lines()
        .filter_map(|line| line.trim().strip_prefix("uint64_t ")?.strip_suffix(';'));
    let (mut fields, mut told): (Vec<&str>, Vec<&str>) =
        (fields.collect(), stats.as_object().unwrap().keys().map(String::as_str).collect());
    fields.sort_unstable();
    told.sort_unstable();
    assert_eq!(told, fields);
    let secret = stores.env().wechat.secret();
    for (client, source) in [(&client, "memory"), (&stores.open(0, json!({})), "store")] {
        let reply = client.admin(r#"{"do": "token"}"#, ROOM).unwrap();
        let token: Value = serde_json::from_str(&reply).unwrap();
        assert_eq!(
            (&token["mode"], &token["source"], &token["failures"]),
            (&json!("stable"), &json!(source), &json!(0))
        );
        let (age_ms, left_ms) = (token["age_ms"].as_i64().unwrap(), token["left_ms"].as_i64().unwrap());
        assert!((0..60_000).contains(&age_ms) && (6_000_000..=7_200_000).contains(&left_ms), "{token}");
        assert!(!reply.contains(&secret) && reply.len() < 200, "{reply}");
    }
}

pub fn what_is_not_understood_is_refused(stores: &dyn Stores) {
    let client = stores.open(0, json!({}));
    accept(&client, "o1", "A", 1);
    let before = ask(&client, json!({"do": "players"}));
    for (request, says) in [
        ("", "not JSON"),
        ("{", "not JSON"),
        ("null", "not a JSON object"),
        ("[{\"do\":\"players\"}]", "not a JSON object"),
        ("\"players\"", "not a JSON object"),
        ("{}", "do is missing"),
        (r#"{"do":null}"#, "do is not a string"),
        (r#"{"do":["players"]}"#, "do is not a string"),
        (r#"{"do":""}"#, "unknown word \"\""),
        (r#"{"do":"Players"}"#, "did you mean players?"),
        (r#"{"do":"plyaer"}"#, "did you mean player"),
        (r#"{"do":"drop everything, now"}"#, "unknown word \"drop everything, now\""),
        (r#"{"do":"players\u0000\n"}"#, "unknown word \"players\\0\\n\""),
        (r#"{"do":"players","Do":1}"#, "unknown field \"Do\""),
        (r#"{"do":"players","limt":1}"#, "did you mean limit?"),
        (r#"{"do":"players","openid":"o1"}"#, "unknown field \"openid\"; known are template_id, min, after, limit"),
        (r#"{"do":"players","limit":0}"#, "limit is 0; it goes from 1 to 1000"),
        (r#"{"do":"players","limit":1001}"#, "limit is 1001"),
        (r#"{"do":"players","limit":-1}"#, "limit"),
        (r#"{"do":"players","limit":1.5}"#, "limit"),
        (r#"{"do":"players","limit":99999999999999999999999}"#, "limit"),
        (r#"{"do":"players","limit":"ten"}"#, "limit"),
        (r#"{"do":"players","min":0}"#, "min is 0"),
        (r#"{"do":"players","min":[]}"#, "min"),
        (r#"{"do":"players","after":7}"#, "after"),
        (r#"{"do":"players","after":""}"#, "after is not a"),
        (r#"{"do":"player"}"#, "missing field `openid`"),
        (r#"{"do":"player","openid":null}"#, "openid"),
        (r#"{"do":"player","openid":""}"#, "openid is empty"),
        (r#"{"do":"player","openid":"o 1"}"#, "white space"),
        (r#"{"do":"player","openid":"o1","limit":1}"#, "unknown field \"limit\""),
        (r#"{"do":"outbox","openid":"o\t1"}"#, "white space"),
        (r#"{"do":"outbox","template_id":"A"}"#, "unknown field"),
        (r#"{"do":"stats","all":true}"#, "there is none"),
        (r#"{"do":"token","mode":"stable"}"#, "there is none"),
    ] {
        refused(&client, request, says);
    }
    let long = format!(r#"{{"do":"player","openid":"{}"}}"#, "o".repeat(129));
    refused(&client, &long, "at most 128");
    refused(&client, &format!(r#"{{"do":"{}"}}"#, "x".repeat(1_000_000)), "unknown word");
    refused(&client, &format!(r#"{{"do":"stats","{}":1}}"#, "x".repeat(1_000_000)), "unknown field");
    refused(&client, &format!(r#"{{"do":"stats","a":{}}}"#, "[".repeat(1000)), "nested");
    refused(&client, &format!(r#"{{"do":"stats"}}{}"#, " ".repeat(16 * 1024 * 1024)), "at most 16777216");
    for room in [0, 1, 65_534] {
        let refused = client.admin(r#"{"do":"stats"}"#, room).expect_err("too little room");
        assert_eq!(refused.status, Status::Arg);
    }
    assert_eq!(ask(&client, json!({"do": "players"})), before);
    client.shutdown(std::time::Duration::ZERO, true);
    assert_eq!(client.admin(r#"{"do":"stats"}"#, ROOM).expect_err("closing").status, Status::State);
}

/// The value of a line of the metrics.
fn value(text: &str, name: &str) -> f64 {
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("{name} is not in {text}")).parse().expect("a number")
}

pub fn metrics_are_as_prometheus_wants_them(stores: &dyn Stores) {
    let client = stores.open(0, json!({}));
    accept(&client, "o1", TEMPLATE, 3);
    client.report("o1", Some("\"}\n evil{"), Answer::Ban, None);
    client.report("o1", Some("other"), Answer::Reject, None);
    stores.env().wechat.grant("o1", TEMPLATE, 1);
    assert_eq!(client.send(&message("o1"), None).status, Status::Ok);
    // WeChat's count is used up, ours is not.
    assert_eq!(client.send(&message("o1"), None).status, Status::Refused);
    assert_eq!(client.send(&message("o1"), None).status, Status::NoQuota);
    let text = ask(&client, json!({"do": "metrics"}))["metrics"].as_str().expect("a text").to_owned();
    for (name, n) in [
        ("wxsub_sends_total{status=\"WXSUB_OK\"}", 1.0),
        ("wxsub_sends_total{status=\"WXSUB_E_REFUSED\"}", 1.0),
        ("wxsub_sends_total{status=\"WXSUB_E_NO_QUOTA\"}", 1.0),
        ("wxsub_sends_total{status=\"WXSUB_E_BUSY\"}", 0.0),
        ("wxsub_reports_total{answer=\"accept\"}", 3.0),
        ("wxsub_reports_total{answer=\"reject\"}", 1.0),
        ("wxsub_contradictions_total", 1.0),
        ("wxsub_send_seconds_count", 2.0),
        ("wxsub_send_seconds_bucket{le=\"+Inf\"}", 2.0),
        ("wxsub_token_seconds_count", 1.0),
        ("wxsub_outbox_messages", 0.0),
    ] {
        assert_eq!(value(&text, name), n, "{name}");
    }
    assert!(value(&text, "wxsub_store_seconds_count") >= 8.0 && value(&text, "wxsub_send_seconds_sum") > 0.0);
    for outside in ["o1", TEMPLATE, "other", "evil"] {
        assert!(!text.contains(outside), "{outside} came from outside");
    }
    let mut promtool = std::process::Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .expect("promtool is there: scripts/test.sh installs it");
    std::io::Write::write_all(promtool.stdin.as_mut().expect("a pipe"), text.as_bytes()).expect("it reads");
    let checked = promtool.wait_with_output().expect("it ends");
    let said = String::from_utf8_lossy(&checked.stdout).into_owned() + &String::from_utf8_lossy(&checked.stderr);
    assert!(checked.status.success() && said.is_empty(), "{said}");
}
