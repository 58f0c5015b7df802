//! Rules: caps, quiet hours, budgets.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use wxsub::{Client, Retry, Status, Verdict};

use super::{Stores, accept_all, ask, delivered, forecast, status, to_all, try_ask, wait_for};
use crate::common::admin::accept;
use crate::common::{TEMPLATE, message, send};

const RULES: Option<&str> = Some(r#"{"rules":true}"#);

/// Quiet hours that begin and end so many minutes from now.
fn quiet(from: i64, to: i64) -> Value {
    let minutes = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs() as i64 / 60 + 8 * 60;
    let time = |ahead: i64| {
        let minute = (minutes + ahead).rem_euclid(24 * 60);
        format!("{:02}:{:02}", minute / 60, minute % 60)
    };
    json!(format!("{}-{}", time(from), time(to)))
}

pub fn caps_bind_what_they_shall(stores: &dyn Stores) {
    let client = stores.open(0, json!({"rules": {"per_day": 2, "per_week": 3}}));
    accept(&client, "o1", TEMPLATE, 6);
    accept(&client, "o2", TEMPLATE, 2);
    assert_eq!(send(&client, "o1").status, Status::Ok);
    assert_eq!(client.send(&message("o1"), RULES).status, Status::Ok);
    let skipped = client.send(&message("o1"), RULES);
    assert_eq!((skipped.status, skipped.retry), (Status::Skipped, Retry::Later), "{skipped:?}");
    assert!(skipped.message.contains("per_day"), "{skipped:?}");
    assert!((86_000_000..=86_400_000).contains(&skipped.retry_after_ms), "{skipped:?}");
    assert_eq!(skipped.remaining, -1);
    assert_eq!(send(&client, "o1").status, Status::Ok, "what rules do not bind is never stopped");
    assert_eq!(client.stats().expect("statistics").ended(Status::Skipped), 1);

    // A stored message ends.
    client.submit(&message("o1"), Some(r#"{"rules":true,"durable":true,"tag":5}"#)).expect("a ticket");
    let mut results = Vec::new();
    while results.len() < 2 {
        results.extend(client.poll(2, Duration::from_secs(30)).expect("results"));
    }
    let outcome = results.iter().find(|verdict| verdict.ticket == 0).expect("an outcome");
    assert_eq!((outcome.status, outcome.tag), (Status::Skipped, 5), "{outcome:?}");

    ask(&client, to_all("c", json!({})));
    let done = wait_for(&client, "c", "done");
    assert_eq!((&done["sent"], &done["skipped"]), (&json!(1), &json!({"per_week": 1})), "{done}");
    ask(&client, to_all("unbound", json!({"rules": false})));
    assert_eq!(wait_for(&client, "unbound", "done")["sent"], 2);
}

pub fn quiet_hours_are_waited_for(stores: &dyn Stores) {
    let loud = stores.open(0, json!({}));
    accept(&loud, "o1", TEMPLATE, 3);
    drop(loud);
    let client = stores.open(0, json!({"rules": {"quiet": quiet(-5, 5)}}));
    let skipped = client.send(&message("o1"), RULES);
    assert_eq!((skipped.status, skipped.retry), (Status::Skipped, Retry::Later), "{skipped:?}");
    assert!(skipped.message.contains("quiet") && skipped.retry_after_ms <= 300_000, "{skipped:?}");
    assert!(skipped.retry_after_ms > 200_000, "{skipped:?}");

    // A stored message waits, unless that is too long.
    let submit = |options: Value| client.submit(&message("o1"), Some(&options.to_string())).expect("a ticket");
    submit(json!({"rules": true, "durable": true, "key": "waits", "tag": 1}));
    let soon = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_millis() as i64 + 60_000;
    submit(json!({"rules": true, "durable": true, "expires_at": soon, "key": "ends", "tag": 2}));
    let mut results = Vec::new();
    while results.len() < 3 {
        let more = client.poll(3, Duration::from_secs(30)).expect("results");
        assert!(!more.is_empty(), "{results:?}");
        results.extend(more);
    }
    let outcome = results.iter().find(|verdict| verdict.ticket == 0).expect("an outcome");
    assert_eq!((outcome.status, outcome.tag), (Status::Skipped, 2), "{outcome:?}");
    assert!(outcome.message.contains("quiet"), "{outcome:?}");
    let looked_at = || client.lookup("o1", "waits").retry_after_ms > 0;
    for _ in 0..1000 {
        if looked_at() {
            break;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    let waits = client.lookup("o1", "waits");
    assert!(waits.flags & wxsub::Verdict::STORED != 0 && waits.retry_after_ms > 200_000, "{waits:?}");

    let said = forecast(&client, &to_all("c", json!({"per_second": 10})));
    assert_eq!(said["players"], 1);
    assert!((200..=301).contains(&said["seconds"].as_u64().expect("a number")), "{said}");
    ask(&client, to_all("c", json!({})));
    std::thread::sleep(Duration::from_millis(1500));
    assert_eq!(status(&client, "c")["state"], "running");
    assert!(delivered(stores.env()).is_empty());
    ask(&client, json!({"do": "campaign.cancel", "id": "c"}));
    assert_eq!(send(&client, "o1").status, Status::Ok, "what rules do not bind is never stopped");
}

pub fn a_budget_is_never_exceeded(stores: &dyn Stores) {
    let rules = json!({"workers": 4, "rules": {"daily_budget": {TEMPLATE: 130}}});
    let clients: Vec<_> = (0..3).map(|_| stores.open(0, rules.clone())).collect();
    let players: Vec<(String, u32)> = (0..300).map(|n| (format!("o{n}"), 2)).collect();
    accept_all(&clients[0], &players);
    assert_eq!(forecast(&clients[0], &to_all("c", json!({})))["skipped"], json!({"budget": 170}));
    ask(&clients[0], to_all("c", json!({})));
    std::thread::scope(|scope| {
        for (n, client) in clients.iter().enumerate() {
            scope.spawn(move || {
                for player in 0..40 {
                    let verdict = client.send(&message(&format!("o{}", 3 * player + n)), RULES);
                    assert!(matches!(verdict.status, Status::Ok | Status::Skipped), "{verdict:?}");
                }
            });
        }
    });
    let done = wait_for(&clients[0], "c", "done");
    let sent: usize = delivered(stores.env()).values().sum();
    assert!(sent <= 130, "{sent}");
    // What one process has claimed and not used is out of the others' reach.
    assert!(sent >= 120, "{sent}: {done}");
    accept(&clients[0], "another", TEMPLATE, 200);
    let used_up = (0..130).map(|_| clients[0].send(&message("another"), RULES)).find(|v| v.status != Status::Ok);
    let used_up = used_up.expect("the end of the budget");
    assert!(used_up.status == Status::Skipped && used_up.message.contains("budget"), "{used_up:?}");
    assert_eq!(used_up.retry, Retry::Later);
    what_is_known_comes_before_the_budget(&clients[0]);
    assert_eq!(send(&clients[1], "another").status, Status::Ok, "a budget counts only what rules bind");
}

/// A send whose key was seen is answered, and a player's own reason is told, also when the day's budget is used up.
fn what_is_known_comes_before_the_budget(client: &Client) {
    let send = |openid: &str, options: Value| client.send(&message(openid), Some(&options.to_string()));
    accept(client, "keyed", TEMPLATE, 1);
    assert_eq!(send("keyed", json!({"key": "k"})).status, Status::Ok);
    let again = send("keyed", json!({"key": "k", "rules": true}));
    assert_eq!((again.status, again.flags), (Status::Ok, Verdict::REPLAYED), "{again:?}");
    ask(client, json!({"do": "mute", "openid": "another", "until_ms": i64::MAX / 2}));
    let muted = send("another", json!({"rules": true}));
    assert!(muted.status == Status::Skipped && muted.message.contains("muted"), "{muted:?}");
    ask(client, json!({"do": "mute", "openid": "another", "until_ms": null}));
}

/// Who is looked at again, since he stands on the list twice or his slice is done again, had it: no rule kept it back.
pub fn who_had_it_is_told_so_when_the_budget_is_used_up(stores: &dyn Stores) {
    let client = stores.open(0, json!({"workers": 1, "rules": {"daily_budget": {TEMPLATE: 1}}}));
    accept(&client, "o1", TEMPLATE, 2);
    accept(&client, "o2", TEMPLATE, 2);
    ask(&client, json!({"do": "campaign.put", "id": "c", "message": super::message(), "audience": "list"}));
    ask(&client, json!({"do": "campaign.add", "id": "c", "players": ["o1", "o1", "o2"]}));
    ask(&client, json!({"do": "campaign.start", "id": "c"}));
    let done = wait_for(&client, "c", "done");
    assert_eq!((&done["sent"], &done["skipped"]), (&json!(2), &json!({"budget": 1})), "{done}");
    assert_eq!(delivered(stores.env()).values().sum::<usize>(), 1);
}

/// A mute, and what is told of those who are passed over: history, funnel, statistics, audit.
pub fn who_is_passed_over_is_told(stores: &dyn Stores) {
    let client = stores.open(0, json!({"rules": {"per_day": 1}}));
    for openid in ["o1", "o2", "o3"] {
        accept(&client, openid, TEMPLATE, 3);
    }
    assert_eq!(send(&client, "o1").status, Status::Ok);
    let until = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_millis() as u64 + 3_600_000;
    ask(&client, json!({"do": "mute", "openid": "o2", "until_ms": until}));
    let muted = client.send(&message("o2"), RULES);
    assert_eq!((muted.status, muted.retry), (Status::Skipped, Retry::Never), "{muted:?}");
    assert_eq!(forecast(&client, &to_all("c", json!({})))["skipped"], json!({"muted": 1, "per_day": 1}));
    ask(&client, to_all("c", json!({})));
    let done = wait_for(&client, "c", "done");
    assert_eq!((&done["sent"], &done["skipped"]), (&json!(1), &json!({"muted": 1, "per_day": 1})), "{done}");
    for (openid, reason) in [("o1", "per_day"), ("o2", "muted")] {
        let told = ask(&client, json!({"do": "history", "openid": openid, "what": "skipped"}));
        let entry = told["history"].as_array().and_then(|all| all.first()).cloned().unwrap_or_default();
        assert_eq!((&entry["campaign"], &entry["status"]), (&json!("c"), &json!("WXSUB_E_SKIPPED")), "{told}");
        assert!(entry["message"].as_str().is_some_and(|message| message.contains(reason)), "{told}");
    }
    let sent = ask(&client, json!({"do": "history", "openid": "o3", "what": "send"}));
    assert_eq!((&sent["history"][0]["campaign"], &sent["history"][0]["status"]), (&json!("c"), &json!("WXSUB_OK")));
    assert_eq!(client.stats().expect("statistics").ended(Status::Skipped), 3);
    let audit = ask(&client, json!({"do": "audit"}));
    let acts: Vec<&str> =
        audit["audit"].as_array().expect("a list").iter().filter_map(|act| act["do"].as_str()).collect();
    assert_eq!(acts, ["campaign.put", "mute"], "{audit}");
}

/// A slice that was given back is worked through again, and those whom a rule keeps out are met again.
pub fn a_pause_tells_nobody_twice(stores: &dyn Stores) {
    let client = stores.open(0, json!({"workers": 2}));
    let until = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_millis() as u64 + 3_600_000;
    let players: Vec<String> = (0..60).map(|n| format!("o{n}")).collect();
    for (n, openid) in players.iter().enumerate() {
        accept(&client, openid, TEMPLATE, 1);
        if n % 2 == 0 {
            ask(&client, json!({"do": "mute", "openid": openid, "until_ms": until}));
        }
    }
    let put =
        json!({"do": "campaign.put", "id": "c", "message": super::message(), "audience": "list", "per_second": 40});
    ask(&client, put);
    ask(&client, json!({"do": "campaign.add", "id": "c", "players": players}));
    ask(&client, json!({"do": "campaign.start", "id": "c"}));
    for seen in [15, 35] {
        while status(&client, "c")["seen"].as_u64().expect("a number") < seen {
            std::thread::sleep(Duration::from_millis(5));
        }
        // A machine that stood still meanwhile may have come to the end.
        if try_ask(&client, &json!({"do": "campaign.pause", "id": "c"})).is_err() {
            break;
        }
        // Its slices are given back within the second.
        std::thread::sleep(Duration::from_secs(1));
        ask(&client, json!({"do": "campaign.resume", "id": "c"}));
    }
    let done = wait_for(&client, "c", "done");
    assert_eq!((&done["sent"], &done["skipped"]), (&json!(30), &json!({"muted": 30})), "{done}");
    let told = ask(&client, json!({"do": "history", "what": "skipped", "limit": 1000}));
    let times: Vec<u64> =
        told["history"].as_array().expect("a list").iter().filter_map(|e| e["times"].as_u64()).collect();
    assert!(
        told["history"].as_array().is_some_and(|all| all.len() == 30) && times.iter().all(|times| *times == 1),
        "{told}"
    );
}

pub fn a_forecast_is_what_happens(stores: &dyn Stores) {
    let client = stores.open(0, json!({"workers": 8, "rules": {"per_day": 1, "daily_budget": {TEMPLATE: 400}}}));
    let players: Vec<(String, u32)> = (0..700).map(|n| (format!("o{n}"), n % 4)).collect();
    accept_all(&client, &players);
    for n in (0..200).filter(|n| n % 4 != 0) {
        assert_eq!(send(&client, &format!("o{n}")).status, Status::Ok);
    }
    let before: usize = delivered(stores.env()).values().sum();
    let said = forecast(&client, &to_all("c", json!({})));
    ask(&client, to_all("c", json!({})));
    let done = wait_for(&client, "c", "done");
    let sent = delivered(stores.env()).values().sum::<usize>() - before;
    assert_eq!((&said["players"], &said["units"]), (&json!(sent), &json!(sent)), "{said} {done}");
    assert_eq!(said["skipped"], done["skipped"], "{said} {done}");
}
