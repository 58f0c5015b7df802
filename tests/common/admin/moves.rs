//! Counts and whole ledgers, out of one store and into another.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use wxsub::{Answer, Client, Status, Verdict};
use wxsub_simulator::{Endpoint, Fault};

use super::{ROOM, Stores, accept, all_pages, ask, refused};
use crate::common::{TEMPLATE, left, message, message_from};

/// Everything that `from` may hand out goes into `to`, by pages of this size; returns the records.
pub fn move_all(from: &Client, to: &Client, limit: usize) -> Vec<Value> {
    let (mut request, mut moved) = (json!({"do": "export", "full": true, "limit": limit}), Vec::new());
    loop {
        let page = ask(from, request.clone());
        let records = page["records"].as_array().unwrap().clone();
        let reply = ask(to, json!({"do": "import", "records": records, "key": page["next"]}));
        assert_eq!(reply, json!({"imported": records.len(), "refused": []}));
        moved.extend(records);
        if page["next"].is_null() {
            return moved;
        }
        request["after"] = page["next"].clone();
    }
}

/// A ledger in which there is something of everything.
fn fill(stores: &dyn Stores, client: &Client) {
    let wechat = &stores.env().wechat;
    for n in 0..30 {
        let openid = format!("o{n}");
        accept(client, &openid, TEMPLATE, n % 4);
        accept(client, &openid, "spelled", 1);
        client.report(&openid, Some("SYS_MSG_TYPE_RANK"), Answer::Accept, None);
    }
    client.report("o7", Some(TEMPLATE), Answer::Accept, Some("tap"));
    wechat.grant("o7", TEMPLATE, 9);
    assert_eq!(client.send(&message("o7"), Some(r#"{"key": "sent"}"#)).status, Status::Ok);
    wechat.arm(Fault::close().on(Endpoint::Send).openid("o7"));
    assert_eq!(client.send(&message("o7"), Some(r#"{"key": "doubt"}"#)).status, Status::Unknown);
    client.report("idle", None, Answer::Reject, Some("of nobody"));
    let due_ms = super::lists::now_ms() + 3_600_000;
    let long = json!({"touser": "o8", "template_id": "spelled", "data": {"thing1": {"value": "字".repeat(20_000)}}});
    for (n, text) in [message("o8"), message_from("o8", "spelled"), long.to_string()].iter().enumerate() {
        let options = json!({"deliver_at": due_ms + n as i64, "key": format!("later{n}"), "notify": false});
        client.submit(text, Some(&options.to_string())).expect("taken");
    }
    let is_kept = |id: &str| {
        let (records, _) = all_pages(client, &json!({"do": "export", "full": true}), "records");
        records.iter().any(|record| record["space"] == "account" && record["id"] == id)
    };
    // "template-ids": the send has confirmed one.
    let kept = || client.stats().unwrap().outbox.waiting == 3 && is_kept("dGVtcGxhdGUtaWRz");
    assert!((0..1000).any(|_| kept() || {
        std::thread::sleep(Duration::from_millis(10));
        false
    }));
    accept(client, "by-hash", TEMPLATE, 2);
}

/// What must be the same of two ledgers: records but messages, whose stamps are their store's, the journal, and what messages
/// say.
fn told(client: &Client) -> (Vec<String>, Vec<String>, Vec<String>) {
    let text = |rows: Vec<Value>| {
        let mut rows: Vec<String> = rows.iter().map(Value::to_string).collect();
        rows.sort();
        rows
    };
    let (mut records, _) = all_pages(client, &json!({"do": "export", "full": true}), "records");
    // What imports leave for their own keys, and in the audit, is no part of what they brought.
    let is_own = |record: &Value| record["space"] == "account" && record["id"] == STANDARD.encode("audit");
    records.retain(|record| record["space"] != "message" && record["space"] != "key" && !is_own(record));
    let (players, _) = all_pages(client, &json!({"do": "export"}), "players");
    let (messages, _) = all_pages(client, &json!({"do": "outbox"}), "messages");
    (text(records), text(players), text(messages))
}

fn is_whole(client: &Client) {
    for (key, status) in [("sent", Status::Ok), ("doubt", Status::Unknown)] {
        let again = client.send(&message("o7"), Some(&json!({"key": key}).to_string()));
        assert_eq!((again.status, again.flags), (status, Verdict::REPLAYED), "{key}: {}", again.message);
    }
    assert_eq!(client.report("o7", Some(TEMPLATE), Answer::Accept, Some("tap")).flags, Verdict::REPLAYED);
    assert_eq!(left(client, "by-hash"), 2);
    let player = ask(client, json!({"do": "player", "openid": "o7"}));
    assert_eq!((&player["in_doubt"], &player["system"]), (&json!(1), &json!({"SYS_MSG_TYPE_RANK": true})));
    assert_eq!(ask(client, json!({"do": "player", "openid": "o8"}))["waiting"], 3);
    let cancelled = client.cancel("o8", "later1");
    assert_eq!(cancelled.status, Status::Ok, "{}", cancelled.message);
}

/// From `start`, which is empty, through `between` to `end`.
pub fn a_ledger_moves_whole(stores: &dyn Stores, start: &Client, between: &Client, end: &Client) {
    fill(stores, start);
    let wanted = told(start);
    let records = move_all(start, between, 7);
    assert_eq!(told(between), wanted);
    for space in ["history", "funnel"] {
        assert!(records.iter().any(|record| record["space"] == space), "no {space} in {records:?}");
    }
    let pieces = records.iter().filter(|record| !record["size"].is_null()).count();
    assert_eq!(pieces, 2, "60000 bytes fit into no row");
    let all = serde_json::to_string(&records).unwrap();
    assert!(records.iter().all(|record| record["space"] != "account" || record["id"] != "bGVkZ2Vy"), "{all}");
    let token = stores.env().wechat.token(wxsub_simulator::TokenKind::Stable);
    for secret in [token, stores.env().wechat.secret()] {
        let has = |record: &Value, field: &str| {
            let bytes = record[field].as_str().map(|text| STANDARD.decode(text).unwrap());
            bytes.is_some_and(|bytes| bytes.windows(secret.len()).any(|window| window == secret.as_bytes()))
        };
        assert!(!records.iter().any(|record| has(record, "value") || has(record, "id")), "a secret leaves");
    }
    move_all(between, end, 1000);
    assert_eq!(told(end), wanted);
    // Again: records replace what is there.
    move_all(between, end, 100);
    assert_eq!(told(end), wanted);
    is_whole(end);
    let cursor = ask(start, json!({"do": "export", "full": true, "limit": 1}))["next"].clone();
    refused(end, &json!({"do": "export", "full": true, "after": cursor}).to_string(), "after is not a");
    refused(start, &json!({"do": "export", "after": cursor}).to_string(), "after is not a");
}

pub fn a_ledger_moves_to_another_and_on(stores: &dyn Stores) {
    let observer = || json!({"role": "observer", "secret": null});
    let (start, between, end) = (stores.open(0, json!({})), stores.open(1, observer()), stores.open(2, json!({})));
    a_ledger_moves_whole(stores, &start, &between, &end);
}

pub fn counts_come_in_by_three_ways(stores: &dyn Stores) {
    let client = stores.open(0, json!({}));
    let import = |mode: &str, count: u64| {
        let rows = json!([{"openid": "o1", "template_id": TEMPLATE, "count": count}]);
        let reply = ask(&client, json!({"do": "import", "mode": mode, "players": rows}));
        assert_eq!(reply, json!({"imported": 1, "refused": []}));
        left(&client, "o1")
    };
    let counts =
        [("set", 5), ("set", 2), ("add", 3), ("max", 4), ("max", 9), ("add", 0), ("set", 0), ("max", 0), ("set", 1)];
    let lefts: Vec<i64> = counts.iter().map(|(mode, count)| import(mode, *count)).collect();
    assert_eq!(lefts, [5, 2, 5, 5, 9, 9, 0, 0, 1]);
    // It is a count like any other.
    stores.env().wechat.grant("o1", TEMPLATE, 1);
    assert_eq!(client.send(&message("o1"), None).status, Status::Ok);
    assert_eq!(left(&client, "o1"), 0);
    // System types are on or off.
    let rank = |count| json!([{"openid": "o1", "template_id": "SYS_MSG_TYPE_RANK", "count": count}]);
    for (mode, count, on) in [("set", 7, true), ("add", 3, true), ("set", 0, false), ("add", 2, true)] {
        ask(&client, json!({"do": "import", "mode": mode, "players": rank(count)}));
        assert_eq!(ask(&client, json!({"do": "player", "openid": "o1"}))["system"]["SYS_MSG_TYPE_RANK"], on);
        assert_eq!(client.quota("o1", "SYS_MSG_TYPE_RANK").remaining, i64::from(on));
    }
    let exported = ask(&client, json!({"do": "export"}));
    assert_eq!(
        exported["players"],
        json!([
            {"openid": "o1", "template_id": "SYS_MSG_TYPE_RANK", "count": 1},
            {"openid": "o1", "template_id": TEMPLATE, "count": 0},
        ])
    );
}

pub fn an_import_with_a_key_counts_once(stores: &dyn Stores) {
    let client = stores.open(0, json!({}));
    let rows: Vec<Value> = (0..20)
        .map(|n| json!({"openid": if n == 13 { " ".to_owned() } else { format!("o{}", n % 10) }, "template_id": TEMPLATE, "count": 1}))
        .collect();
    let request = json!({"do": "import", "mode": "add", "players": rows, "key": "monday"});
    let first = ask(&client, request.clone());
    assert_eq!((&first["imported"], &first["refused"][0]["row"]), (&json!(19), &json!(13)));
    for client in [&client, &stores.open(0, json!({}))] {
        assert_eq!(ask(client, request.clone()), first, "the same answer");
        assert_eq!((left(client, "o1"), left(client, "o3")), (2, 1), "and no other effect");
    }
    let mut other = request.clone();
    other["key"] = json!("tuesday");
    ask(&client, other);
    assert_eq!(left(&client, "o1"), 4);
    let acts = ask(&client, json!({"do": "audit"}))["audit"].clone();
    assert_eq!((&acts[0]["do"], &acts[0]["detail"]), (&json!("import"), &json!("players, add: 38 rows")), "{acts}");
    assert_eq!(acts.as_array().unwrap().len(), 1, "one import in two requests");
    let history = ask(&client, json!({"do": "history", "openid": "o1", "what": "imported"}))["history"].clone();
    let counts: Vec<_> = history.as_array().unwrap().iter().map(|entry| (&entry["before"], &entry["after"])).collect();
    let expected: Vec<_> = [3, 2, 1, 0].map(|before| (json!(before), json!(before + 1))).to_vec();
    assert_eq!(counts, expected.iter().map(|(before, after)| (before, after)).collect::<Vec<_>>());
    refused(
        &client,
        &json!({"do": "import", "mode": "add", "players": [], "key": "k".repeat(513)}).to_string(),
        "at most 512",
    );
}

pub fn a_wrong_row_keeps_no_other_from_being_taken(stores: &dyn Stores) {
    let client = stores.open(0, json!({}));
    let good = json!({"openid": "o1", "template_id": TEMPLATE, "count": 1});
    let with = |name: &str, value: Value| {
        let mut row = good.clone();
        row[name] = value;
        row
    };
    let wrong = [
        (json!(null), "not an object"),
        (json!([good]), "not an object"),
        (json!({}), "missing field"),
        (with("openid", json!("")), "openid is empty"),
        (with("openid", json!("o 1")), "white space"),
        (with("openid", json!(7)), "openid"),
        (with("openid", json!("o".repeat(129))), "at most 128"),
        (with("template_id", json!("\u{0}")), "control character"),
        (with("count", json!(-1)), "count"),
        (with("count", json!(1.5)), "count"),
        (with("count", json!("1")), "count"),
        (with("count", json!(1_000_001)), "at most 1000000"),
        (with("counts", json!(1)), "did you mean count?"),
    ];
    let rows: Vec<Value> = wrong.iter().flat_map(|(row, _)| [row.clone(), good.clone()]).collect();
    let reply = ask(&client, json!({"do": "import", "mode": "add", "players": rows}));
    assert_eq!(reply["imported"], wrong.len());
    assert_eq!(left(&client, "o1"), wrong.len() as i64);
    let told = reply["refused"].as_array().unwrap();
    assert_eq!(told.len(), wrong.len());
    for (n, ((row, says), refused)) in wrong.iter().zip(told).enumerate() {
        assert_eq!(refused["row"], 2 * n);
        assert!(refused["why"].as_str().unwrap().contains(says), "{row}: {refused}");
    }
    // A thousand long reasons fit all the same.
    let rows = vec![json!({"é".repeat(300): 1}); 1000];
    let reply = ask(&client, json!({"do": "import", "mode": "set", "players": rows}));
    assert_eq!((&reply["imported"], reply["refused"].as_array().unwrap().len()), (&json!(0), 100));
    for (request, says) in [
        (json!({"do": "import"}), "players or records"),
        (json!({"do": "import", "players": [], "records": [], "mode": "set"}), "players or records"),
        (json!({"do": "import", "players": []}), "need mode"),
        (json!({"do": "import", "players": [], "mode": "sett"}), "did you mean set?"),
        (json!({"do": "import", "records": [], "mode": "set"}), "mode goes with players"),
        (json!({"do": "import", "players": vec![good.clone(); 1001], "mode": "set"}), "at most 1000"),
        (json!({"do": "import", "players": {}, "mode": "set"}), "players"),
        (json!({"do": "export", "full": "yes"}), "full"),
    ] {
        refused(&client, &request.to_string(), says);
    }
    assert_eq!(left(&client, "o1"), wrong.len() as i64);
}

pub fn a_wrong_record_changes_nothing(stores: &dyn Stores) {
    let client = stores.open(0, json!({}));
    accept(&client, "o1", TEMPLATE, 2);
    accept(&client, "o2", TEMPLATE, 3);
    client.report("o1", Some(TEMPLATE), Answer::Accept, Some("k"));
    let (records, _) = all_pages(&client, &json!({"do": "export", "full": true}), "records");
    let of = |space: &str| records.iter().find(|record| record["space"] == space).expect("one").clone();
    let (player, key) = (of("player"), of("key"));
    let (number, entry) = (&of("funnel")["numbers"][0][0], of("history"));
    let mut wrong: Vec<(Value, &str)> = vec![
        (json!("x"), "not an object"),
        (json!({"space": "player", "id": player["id"]}), "value is missing"),
        (json!({"space": "plyer", "id": "", "value": ""}), "did you mean player?"),
        (json!({"space": "player", "id": "?", "value": player["value"]}), "base64"),
        (json!({"space": "player", "id": "", "value": player["value"]}), "id is empty"),
        (json!({"space": "player", "id": "b3RoZXI=", "value": player["value"]}), "not of this name"),
        (json!({"space": "player", "id": player["id"], "value": "AAAA"}), "damaged"),
        (json!({"space": "player", "id": player["id"], "value": key["value"]}), "damaged"),
        (json!({"space": "key", "id": key["id"], "value": player["value"]}), "damaged"),
        (json!({"space": "key", "id": player["id"], "value": key["value"]}), "none of this space"),
        (json!({"space": "message", "id": key["id"], "value": key["value"]}), "damaged"),
        (json!({"space": "account", "id": "bGVkZ2Vy", "value": player["value"]}), "only in the ledger that wrote it"),
        (
            json!({"space": "account", "id": "dG9rZW46c3RhYmxlOg==", "value": player["value"]}),
            "only in the ledger that wrote it",
        ),
        (json!({"space": "message", "id": key["id"], "value": "AAAA", "at": 3, "size": 9}), "does not follow"),
        (json!({"space": "message", "id": key["id"], "value": "AAAA", "at": 0}), "come together"),
        (json!({"space": "message", "id": key["id"], "value": "AAAA", "at": 0, "size": 2}), "does not follow"),
        (json!({"space": "message", "id": key["id"], "value": "", "at": 0, "size": 2}), "does not follow"),
        (json!({"space": "message", "id": key["id"], "value": "AAAA", "at": 0, "size": u64::MAX}), "size"),
        (json!({"space": "message", "id": key["id"], "value": "AAAA", "at": 0, "size": 3}), "damaged"),
        (json!({"space": "history", "at_ms": 1}), "value"),
        (json!({"space": "history", "at_ms": 1, "value": "AAAA"}), "no entry of a history"),
        (json!({"space": "history", "at_ms": 1, "value": player["value"]}), "no entry of a history"),
        (json!({"space": "history", "at_ms": "now", "value": "AAAA"}), "at_ms"),
        (json!({"space": "funnel", "day": "today", "numbers": []}), "no day"),
        (json!({"space": "funnel", "day": "2026-11-29", "numbers": [["AAAA", 1]]}), "unknown counter name"),
        (json!({"space": "funnel", "day": "2026-11-29", "numbers": [["?", 1]]}), "numbers"),
        (json!({"space": "funnel", "day": "2026-11-29", "numbers": [[number, i64::MAX]]}), "at most"),
        (json!({"space": "funnel", "day": "2026-11-29", "numbers": [[number, i64::MIN]]}), "at most"),
        (json!({"space": "funnel", "day": "2026-11-29", "numbers": [[number, 5], [number, 5]]}), "twice"),
        (json!({"space": "funnel", "day": "1960-01-01", "numbers": [[number, 5]]}), "no day"),
        (json!({"space": "funnel", "day": "2026-11-29", "numbers": vec![json!([number, 5]); 201]}), "at most 200"),
        (json!({"space": "history", "at_ms": i64::MAX, "value": entry["value"]}), "at_ms"),
        (json!({"space": "history", "at_ms": -1, "value": entry["value"]}), "at_ms"),
        (json!({"space": "history", "at_ms": 1, "value": STANDARD.encode(vec![b'a'; 2000])}), "no entry of a history"),
    ];
    // No bit of it can be changed.
    let value = player["value"].as_str().unwrap();
    for at in 0..value.trim_end_matches('=').len() {
        let mut bytes = value.as_bytes().to_vec();
        bytes[at] = if bytes[at] == b'A' { b'Q' } else { b'A' };
        let changed = String::from_utf8(bytes).unwrap();
        wrong.push((json!({"space": "player", "id": player["id"], "value": changed}), ""));
    }
    let rows: Vec<&Value> = wrong.iter().map(|(row, _)| row).collect();
    let reply = ask(&client, json!({"do": "import", "records": rows}));
    assert_eq!(reply["imported"], 0, "{reply}");
    for ((row, says), refused) in wrong.iter().zip(reply["refused"].as_array().unwrap()) {
        assert!(refused["why"].as_str().unwrap().contains(says), "{row}: {refused}");
    }
    assert_eq!((left(&client, "o1"), left(&client, "o2")), (3, 3));
    let is_journal = |record: &&Value| matches!(record["space"].as_str(), Some("history" | "funnel"));
    let now = all_pages(&client, &json!({"do": "export", "full": true}), "records").0;
    assert!(records.iter().filter(is_journal).eq(now.iter().filter(is_journal)), "{now:?}");
    assert!(client.admin(r#"{"do":"players"}"#, ROOM).is_ok());
}

/// A campaign for a list that waits, from one ledger with one player or from another with two.
fn put_list(client: &Client, id: &str, word: &str, players: &[&str]) {
    let data = json!({"thing1": word, "time2": "2026年11月24日 15:01"});
    let message = json!({"template_id": TEMPLATE, "data": data});
    ask(client, json!({"do": "campaign.put", "id": id, "message": message, "audience": "list"}));
    ask(client, json!({"do": "campaign.add", "id": id, "players": players, "key": "once"}));
}

fn acts(client: &Client) -> Vec<(String, String)> {
    let all = all_pages(client, &json!({"do": "audit", "limit": 2}), "audit").0;
    let text = |act: &Value, name: &str| act[name].as_str().unwrap().to_owned();
    all.iter().map(|act| (text(act, "do"), text(act, "detail"))).collect()
}

pub fn a_ledger_in_use_keeps_what_it_has(stores: &dyn Stores) {
    let (from, to) = (stores.open(0, json!({})), stores.open(1, json!({})));
    put_list(&from, "both", "一", &["o1"]);
    put_list(&from, "theirs", "一", &["o1"]);
    ask(&from, json!({"do": "mute", "openid": "o1", "until_ms": 4_000_000_000_000_i64}));
    put_list(&to, "both", "二", &["o1", "o2"]);
    put_list(&to, "ours", "二", &["o1", "o2"]);
    ask(&to, json!({"do": "mute", "openid": "o2", "until_ms": 4_000_000_000_001_i64}));
    let (theirs, ours) = (acts(&from), acts(&to));
    let (records, _) = all_pages(&from, &json!({"do": "export", "full": true}), "records");
    let import = || ask(&to, json!({"do": "import", "records": records}));
    for round in 1..=2 {
        let reply = import();
        let refused = reply["refused"].as_array().unwrap();
        assert!(!refused.is_empty());
        for row in refused {
            assert!(row["why"].as_str().unwrap().contains("is here already"), "{row}");
            let record = &records[row["row"].as_u64().unwrap() as usize];
            let id = String::from_utf8(STANDARD.decode(record["id"].as_str().unwrap()).unwrap()).unwrap();
            assert!(id.contains(":both"), "{id}");
        }
        let campaigns = all_pages(&to, &json!({"do": "campaign.list"}), "campaigns").0;
        let told: Vec<_> = campaigns.iter().map(|one| (one["id"].as_str().unwrap(), one["listed"].as_u64())).collect();
        assert_eq!(told, [("both", Some(2)), ("ours", Some(2)), ("theirs", Some(1))], "round {round}");
        let now = acts(&to);
        assert!(ours.iter().chain(&theirs).all(|act| now.contains(act)), "{now:?}");
        // Those of both, and the import's own line, once however often it is repeated.
        assert_eq!(now.len(), ours.len() + theirs.len() + 1, "{now:?}");
        let rows = round * reply["imported"].as_u64().unwrap();
        assert_eq!(now[0], ("import".to_owned(), format!("records: {rows} rows")));
    }
    // Each goes on with its own list and words.
    for openid in ["o1", "o2"] {
        accept(&to, openid, TEMPLATE, 9);
        stores.env().wechat.grant(openid, TEMPLATE, 9);
    }
    ask(&to, json!({"do": "mute", "openid": "o1", "until_ms": null}));
    ask(&to, json!({"do": "mute", "openid": "o2", "until_ms": null}));
    for id in ["both", "theirs"] {
        ask(&to, json!({"do": "campaign.start", "id": id}));
        crate::common::campaigns::wait_for(&to, id, "done");
    }
    let got: Vec<_> = stores.env().wechat.deliveries().iter().map(|one| one.data["thing1"]["value"].clone()).collect();
    assert_eq!(got.iter().filter(|word| **word == "二").count(), 2, "{got:?}");
    assert_eq!(got.iter().filter(|word| **word == "一").count(), 1, "{got:?}");
}
