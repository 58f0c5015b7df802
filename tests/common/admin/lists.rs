//! What comes in pages.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use wxsub::{Answer, Status};

use super::{Stores, accept, all_pages, ask, refused};
use crate::common::message_from;

/// Counts by player and template.
fn counts(rows: &[Value]) -> BTreeMap<(String, String), i64> {
    let text = |value: &Value| value.as_str().expect("a string").to_owned();
    let mut counts = BTreeMap::new();
    for row in rows {
        let name = (text(&row["openid"]), text(&row["template_id"]));
        assert_eq!(counts.insert(name, row["count"].as_i64().expect("a number")), None, "twice: {row}");
    }
    counts
}

pub fn players_come_in_pages_of_any_size(stores: &dyn Stores) {
    let client = stores.open(0, json!({}));
    let mut wanted = BTreeMap::new();
    for n in 0..37_usize {
        // Ids of WeChat's form and others, since a file keeps them in two ways.
        let openid = if n % 2 == 0 { format!("oABCDEFGHIJKLMNOPQRSTUVWXY{n:02}") } else { format!("p{n}") };
        for (template_id, times) in [("A", n % 3), ("B", 1), ("C", n % 2 + 1)] {
            accept(&client, &openid, template_id, times);
            if times > 0 {
                wanted.insert((openid.clone(), template_id.to_owned()), times as i64);
            }
        }
        client.report(&openid, Some("D"), Answer::Accept, None);
        client.report(&openid, Some("D"), Answer::Reject, None);
    }
    for limit in [1, 2, 7, 100, 1000] {
        let (rows, pages) = all_pages(&client, &json!({"do": "players", "limit": limit}), "players");
        assert_eq!(counts(&rows), wanted, "by {limit}");
        let least = wanted.len().div_ceil(limit);
        assert!((least..=least + 1).contains(&pages), "{pages} pages of {limit}");
    }
    let (rows, _) = all_pages(&client, &json!({"do": "players", "template_id": "A", "min": 2, "limit": 5}), "players");
    let mut two_of_a = wanted.clone();
    two_of_a.retain(|(_, template_id), count| template_id == "A" && *count >= 2);
    assert_eq!(counts(&rows), two_of_a);
    assert!(!two_of_a.is_empty());
    let none = ask(&client, json!({"do": "players", "template_id": "nobody's", "after": null}));
    assert_eq!(none, json!({"players": [], "next": null}));
}

pub fn a_page_ends_early_where_it_would_not_fit(stores: &dyn Stores) {
    let client = stores.open(0, json!({}));
    let openid = |n: usize| format!("{n:0>128}");
    let template_id = |n: usize| format!("T{n:0>127}");
    for n in 0..5 {
        // As many templates as a player may have, in one report.
        let answers: serde_json::Map<String, Value> = (0..64).map(|t| (template_id(t), json!("accept"))).collect();
        let verdicts = client.report_json(&openid(n), &Value::Object(answers).to_string(), None).unwrap();
        assert!(verdicts.iter().all(|verdict| verdict.status == Status::Ok));
    }
    let (rows, pages) = all_pages(&client, &json!({"do": "players", "limit": 1000}), "players");
    assert_eq!(counts(&rows).len(), 5 * 64);
    assert_eq!(pages, 2, "some 220 rows of 300 bytes fit");
}

pub fn a_list_goes_on_while_players_come_and_go(stores: &dyn Stores) {
    let client = stores.open(0, json!({}));
    for n in 0..60 {
        accept(&client, &format!("o{n:02}"), "A", 1);
        accept(&client, &format!("o{n:02}"), "B", 1);
    }
    let mut request = json!({"do": "players", "limit": 7});
    let (mut seen, mut round) = (Vec::new(), 0);
    loop {
        let reply = ask(&client, request.clone());
        seen.extend(reply["players"].as_array().unwrap().clone());
        if reply["next"].is_null() {
            break;
        }
        request["after"] = reply["next"].clone();
        // Others change under the list.
        accept(&client, &format!("new{round}"), "A", 1);
        client.report(&format!("o{round:02}"), None, Answer::Reject, None);
        round += 1;
    }
    let found = counts(&seen);
    // Who neither came nor went was listed, once.
    for n in round..60 {
        for template_id in ["A", "B"] {
            assert_eq!(found.get(&(format!("o{n:02}"), template_id.to_owned())), Some(&1), "o{n:02} {template_id}");
        }
    }
}

pub fn waiting_messages_are_listed(stores: &dyn Stores) {
    let client = stores.open(0, json!({}));
    let due_ms = now_ms() + 3_600_000;
    for n in 0..23 {
        let openid = format!("o{}", n % 5);
        accept(&client, &openid, "A", 1);
        let key = format!("k{n}-{}", "é".repeat(40));
        let options = json!({"deliver_at": due_ms + n, "key": key, "notify": false});
        client.submit(&message_from(&openid, "A"), Some(&options.to_string())).expect("stored");
    }
    for _ in 0..1000 {
        if client.stats().unwrap().outbox.waiting == 23 {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    for limit in [1, 10, 1000] {
        let (mut rows, _) = all_pages(&client, &json!({"do": "outbox", "limit": limit}), "messages");
        rows.sort_by_key(|row| row["due_ms"].as_i64());
        assert_eq!(rows.len(), 23);
        for (n, row) in rows.iter().enumerate() {
            // A key is cut at 64 bytes, and at a character; then it names no message.
            let key: String = format!("k{n}-{}", "é".repeat(40));
            let cut = row["key"].as_str().unwrap();
            assert!(key.starts_with(cut) && (63..=64).contains(&cut.len()), "{row}");
            let due_ms = due_ms + n as i64;
            let wanted = json!({"openid": format!("o{}", n % 5), "template_id": "A", "key": cut, "key_cut": true, "due_ms": due_ms,
                "expires_ms": due_ms + 86_400_000, "tries": 0, "why": ""});
            assert_eq!(*row, wanted);
        }
        let (theirs, _) = all_pages(&client, &json!({"do": "outbox", "openid": "o3", "limit": limit}), "messages");
        assert_eq!(theirs.len(), 4);
        assert!(theirs.iter().all(|row| row["openid"] == "o3"));
    }
    assert_eq!(ask(&client, json!({"do": "player", "openid": "o3"}))["waiting"], 4);
    assert_eq!(ask(&client, json!({"do": "outbox", "openid": "nobody"})), json!({"messages": [], "next": null}));
    client.cancel("o3", &format!("k3-{}", "é".repeat(40)));
    assert_eq!(ask(&client, json!({"do": "player", "openid": "o3"}))["waiting"], 3);
}

pub fn now_ms() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
    since.as_millis() as i64
}

pub fn a_cursor_belongs_to_one_ledger_and_one_request(stores: &dyn Stores) {
    let (client, other) = (stores.open(0, json!({})), stores.open(1, json!({})));
    for client in [&client, &other] {
        for n in 0..9 {
            accept(client, &format!("o{n}"), "A", 1);
        }
    }
    let request = json!({"do": "players", "template_id": "A", "limit": 2});
    let next = ask(&client, request.clone())["next"].as_str().expect("more").to_owned();
    let with = |more: Value| {
        let mut request = request.clone();
        request["after"] = json!(next);
        more.as_object().unwrap().iter().for_each(|(name, value)| request[name] = value.clone());
        request.to_string()
    };
    // Another client on the ledger takes it, and the page may have another size.
    let again = stores.open(0, json!({}));
    assert!(again.admin(&with(json!({"limit": 3, "min": null})), super::ROOM).is_ok());
    let says = "after is not a";
    refused(&other, &with(json!({})), says);
    refused(&client, &with(json!({"template_id": "B"})), says);
    refused(&client, &with(json!({"min": 2})), says);
    refused(&client, &json!({"do": "outbox", "after": next}).to_string(), says);
    for broken in ["", "x", "????", &next[1..], &next[..next.len() - 2], &next.to_uppercase(), &next.repeat(2)] {
        refused(&client, &with(json!({"after": broken})), says);
    }
    // No byte of it can be changed.
    for at in 0..next.len() {
        let mut bytes = next.clone().into_bytes();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        refused(&client, &with(json!({"after": String::from_utf8(bytes).unwrap()})), says);
    }
}
