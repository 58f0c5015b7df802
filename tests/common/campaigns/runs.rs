//! Campaigns from their beginning to their end.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use wxsub::{Answer, Client, Status};

use super::{Stores, accept_all, ask, delivered, forecast, message, status, to_all, try_ask, wait_for};
use crate::common::admin::{accept, all_pages};
use crate::common::{TEMPLATE, left};

fn in_ms(ms: i64) -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_millis() as i64 + ms
}

pub fn all_who_allow_it_get_it_once(stores: &dyn Stores) {
    let client = stores.open(0, json!({"workers": 8}));
    let players: Vec<(String, u32)> = (0..900).map(|n| (format!("o{n}"), n % 3 + 1)).collect();
    accept_all(&client, &players);
    for n in 0..100 {
        client.report(&format!("r{n}"), Some(TEMPLATE), Answer::Accept, None);
        client.report(&format!("r{n}"), Some(TEMPLATE), Answer::Reject, None);
        accept(&client, &format!("x{n}"), "another", 1);
    }
    let request = to_all("season-1", json!({"leave": 1}));
    let mut dry = request.clone();
    dry["dry_run"] = json!(true);
    assert_eq!(ask(&client, dry)["state"], "running");
    assert_eq!(
        try_ask(&client, &json!({"do": "campaign.status", "id": "season-1"})).unwrap_err().status,
        Status::NotFound
    );
    let said = forecast(&client, &request);
    let wanted = json!({"players": 600, "units": 600, "skipped": {"count": 100, "leave": 300}, "seconds": said["seconds"], "next": null});
    assert_eq!(said, wanted);

    ask(&client, request.clone());
    let done = wait_for(&client, "season-1", "done");
    assert_eq!((&done["seen"], &done["sent"], &done["unknown"]), (&json!(1000), &json!(600), &json!(0)), "{done}");
    assert_eq!((&done["skipped"], &done["failed"]), (&json!({"count": 100, "leave": 300}), &json!({})));
    let got = delivered(stores.env());
    assert_eq!(got.len(), 600);
    for (openid, granted) in &players {
        assert_eq!(got.get(openid).copied(), (*granted > 1).then_some(1), "{openid}");
        assert_eq!(left(&client, openid), i64::from((*granted).max(2) - 1), "{openid}");
    }

    // The same again, and another with the same id.
    assert_eq!(ask(&client, request.clone()), done);
    let mut other = request.clone();
    other["leave"] = json!(0);
    assert_eq!(try_ask(&client, &other).unwrap_err().status, Status::TooLate);
    for what in ["start", "pause", "resume", "cancel"] {
        let late = try_ask(&client, &json!({"do": format!("campaign.{what}"), "id": "season-1"})).unwrap_err();
        assert_eq!(late.status, Status::TooLate, "{what}: {late}");
    }
    assert_eq!(client.stats().expect("statistics").ended(Status::Ok), 600);
    assert_eq!(client.poll(10, Duration::ZERO).expect("no results").len(), 0, "they give no outcomes");
    assert_eq!(delivered(stores.env()).len(), 600);
}

pub fn a_list_is_worked_through(stores: &dyn Stores) {
    let client = stores.open(0, json!({}));
    for n in 0..30 {
        accept(&client, &format!("o{n}"), TEMPLATE, 1);
    }
    let put = json!({"do": "campaign.put", "id": "list", "message": message(), "audience": "list"});
    assert_eq!(ask(&client, put)["state"], "waiting");
    let own = |n: usize| json!({"openid": format!("o{n}"), "data": {"thing1": format!("第{n}名"), "time2": "2026年11月24日 15:01"}});
    let mut players: Vec<Value> = (0..20).map(own).collect();
    players.extend([json!("o20"), json!("o20"), json!("stranger"), json!(7), json!({"openid": "o21", "data": 1})]);
    let add = json!({"do": "campaign.add", "id": "list", "players": players, "key": "first"});
    let added = ask(&client, add.clone());
    assert_eq!(added["added"], 23, "{added}");
    assert_eq!(added["refused"].as_array().map(Vec::len), Some(2), "{added}");
    assert_eq!((&added["refused"][0]["row"], &added["refused"][1]["row"]), (&json!(23), &json!(24)));
    assert_eq!(ask(&client, add)["added"], 23, "the same key adds nothing");
    assert_eq!(status(&client, "list")["listed"], 23);
    assert_eq!(forecast(&client, &json!({"id": "list"}))["skipped"], json!({"not_known": 1}));

    ask(&client, json!({"do": "campaign.start", "id": "list"}));
    let done = wait_for(&client, "list", "done");
    // One who stands there twice has had it the second time.
    assert_eq!(
        (&done["seen"], &done["sent"], &done["skipped"]),
        (&json!(23), &json!(22), &json!({"not_known": 1})),
        "{done}"
    );
    let deliveries = stores.env().wechat.deliveries();
    assert_eq!(deliveries.len(), 21);
    for delivery in deliveries {
        let n: usize = delivery.openid[1..].parse().expect("a number");
        let text = if n < 20 { format!("第{n}名") } else { "新赛季开始".to_owned() };
        assert_eq!(delivery.data["thing1"]["value"], text.as_str());
    }
    let late = try_ask(&client, &json!({"do": "campaign.add", "id": "list", "players": ["o1"]})).unwrap_err();
    assert_eq!(late.status, Status::TooLate);
}

pub fn a_list_names_nobody_who_was_forgotten(stores: &dyn Stores) {
    let client = stores.open(0, json!({}));
    let list = |id: &str| {
        ask(&client, json!({"do": "campaign.put", "id": id, "message": message(), "audience": "list"}));
        ask(&client, json!({"do": "campaign.add", "id": id, "players": ["o1", "the-forgotten", "o2"]}));
    };
    let names_him = || {
        let records = all_pages(&client, &json!({"do": "export", "full": true}), "records").0;
        records.iter().any(|record| {
            let value = STANDARD.decode(record["value"].as_str().unwrap_or_default()).expect("base64");
            value.windows(13).any(|bytes| bytes == b"the-forgotten")
        })
    };
    for openid in ["o1", "o2", "the-forgotten"] {
        accept(&client, openid, TEMPLATE, 2);
    }
    list("goes-on");
    list("ends");
    assert!(names_him());
    ask(&client, json!({"do": "forget", "openid": "the-forgotten"}));
    assert!(!names_him());
    list("ends-later");
    assert!(names_him());
    for id in ["ends", "ends-later"] {
        ask(&client, json!({"do": "campaign.cancel", "id": id}));
    }
    assert!(!names_him(), "what has ended has no list");
    ask(&client, json!({"do": "campaign.start", "id": "goes-on"}));
    let done = wait_for(&client, "goes-on", "done");
    assert_eq!((&done["seen"], &done["sent"]), (&json!(2), &json!(2)), "{done}");
}

/// In the records of campaigns, in a form that the store writes.
fn named_by_places(client: &Client, openids: &[String]) -> Vec<String> {
    let records = all_pages(client, &json!({"do": "export", "full": true}), "records").0;
    let bytes =
        |record: &Value, field: &str| STANDARD.decode(record[field].as_str().unwrap_or_default()).expect("base64");
    let runs: Vec<Vec<u8>> = records
        .iter()
        .filter(|record| bytes(record, "id").starts_with(b"campaign-run:"))
        .map(|record| bytes(record, "value"))
        .collect();
    let names =
        |openid: &&String| runs.iter().any(|run| run.windows(openid.len()).any(|bytes| bytes == openid.as_bytes()));
    openids.iter().filter(names).cloned().collect()
}

pub fn no_place_names_anybody_who_was_forgotten(stores: &dyn Stores) {
    // Of both forms, and such that neighbours differ in their last letter only.
    let openid = |n: usize| match n % 2 {
        0 => format!("o6_bmj{:022}", n * 7_919 % 1_000_003),
        _ => format!("o{n:04}"),
    };
    let openids: Vec<String> = (0..1300).map(openid).collect();
    let players: Vec<(String, u32)> = openids.iter().map(|openid| (openid.clone(), 1)).collect();
    let config = || json!({"workers": 2, "durability": "normal"});
    let client = stores.open(0, config());
    accept_all(&client, &players);
    ask(&client, to_all("season", json!({"per_second": 50})));
    let mut gone: Vec<String> = Vec::new();
    let mut forget = |client: &Client| {
        let named = named_by_places(client, &openids);
        for openid in &named {
            ask(client, json!({"do": "forget", "openid": openid}));
        }
        gone.extend(named);
        // A page that was read before he was forgotten may still become a place; whoever makes it one takes him out then. That
        // is sooner than the places move on by themselves, a page in eight seconds.
        let until = Instant::now() + Duration::from_secs(5);
        let mut still = named_by_places(client, &gone);
        while !still.is_empty() && Instant::now() < until {
            still = named_by_places(client, &gone);
        }
        assert_eq!(still, Vec::<String>::new());
    };
    // While it runs, then while it is paused and somebody else takes over what was left.
    let until = Instant::now() + Duration::from_secs(30);
    while named_by_places(&client, &openids).is_empty() {
        assert!(Instant::now() < until, "no place");
    }
    forget(&client);
    let until = Instant::now() + Duration::from_secs(30);
    while named_by_places(&client, &openids).is_empty() && status(&client, "season")["state"] == "running" {
        assert!(Instant::now() < until, "no place");
    }
    // On a busy machine it may be done by now.
    let paused = try_ask(&client, &json!({"do": "campaign.pause", "id": "season"}));
    forget(&client);
    drop(client);
    let client = stores.open(0, config());
    if paused.is_ok() {
        ask(&client, json!({"do": "campaign.resume", "id": "season"}));
    }
    let done = wait_for(&client, "season", "done");
    assert_eq!(named_by_places(&client, &openids), Vec::<String>::new(), "what is done names nobody");
    let got = delivered(stores.env());
    assert!(got.values().all(|times| *times == 1), "{got:?}");
    let missed: Vec<&String> =
        openids.iter().filter(|openid| !got.contains_key(*openid) && !gone.contains(openid)).collect();
    assert_eq!(missed, Vec::<&String>::new(), "{done}");
    assert!(!gone.is_empty());
}

/// Names of records of the account that begin like this.
fn account_records(client: &Client, kind: &str) -> Vec<Value> {
    let records = all_pages(client, &json!({"do": "export", "full": true}), "records").0;
    let is_it = |record: &Value| {
        let id = STANDARD.decode(record["id"].as_str().unwrap_or_default()).expect("base64");
        record["space"] == "account" && id.starts_with(kind.as_bytes())
    };
    records.into_iter().filter(is_it).collect()
}

pub fn a_list_that_was_left_is_dropped(stores: &dyn Stores) {
    let client = stores.open(0, json!({}));
    ask(&client, json!({"do": "campaign.put", "id": "list", "message": message(), "audience": "list"}));
    for n in 0..3 {
        let players: Vec<String> = (0..3).map(|m| format!("o{n}{m}")).collect();
        ask(&client, json!({"do": "campaign.add", "id": "list", "players": players, "key": format!("k{n}")}));
    }
    let (list, added) = (account_records(&client, "campaign-list:"), account_records(&client, "campaign-add:"));
    assert!(list.len() == 3 && !added.is_empty(), "{list:?} {added:?}");
    ask(&client, json!({"do": "campaign.cancel", "id": "list"}));
    assert_eq!(account_records(&client, "campaign-list:"), Vec::<Value>::new());
    assert_eq!(account_records(&client, "campaign-add:"), Vec::<Value>::new(), "keys go with the list");
    // As if whoever cancelled it had died before the list was dropped.
    let rest = account_records(&client, "campaign");
    let observer = stores.open(1, json!({"role": "observer", "secret": null}));
    for rows in [&list, &rest] {
        let reply = ask(&observer, json!({"do": "import", "records": rows}));
        assert_eq!(reply["refused"], json!([]));
    }
    assert_eq!(
        (status(&observer, "list")["state"].clone(), account_records(&observer, "campaign-list:").len()),
        (json!("cancelled"), 3)
    );
    drop(observer);
    let sender = stores.open(1, json!({}));
    accept(&sender, "o1", TEMPLATE, 1);
    let until = Instant::now() + Duration::from_secs(60);
    while !account_records(&sender, "campaign-list:").is_empty() {
        assert!(Instant::now() < until, "it is still there");
        std::thread::sleep(Duration::from_millis(50));
    }
}

pub fn what_is_put_is_checked(stores: &dyn Stores) {
    let client = stores.open(0, json!({}));
    for (more, says) in [
        (json!({"id": "a b"}), "must be 1 to 64 characters"),
        (json!({"id": "x".repeat(65)}), "must be 1 to 64 characters"),
        (json!({"audience": "alowed"}), "did you mean allowed"),
        (json!({"per_second": 0}), "per_second is 0"),
        (json!({"leave": -1}), "leave"),
        (json!({"start_at_ms": 1_700_000_000}), "milliseconds"),
        (json!({"expires_at_ms": in_ms(-1000)}), "is not after its start"),
        (json!({"messages": 1}), "did you mean message"),
        (json!({"message": {"touser": "o", "template_id": TEMPLATE, "data": {}}}), "no touser"),
        (json!({"message": {"template_id": TEMPLATE, "data": {"thing1": "x".repeat(33_000)}}}), "at most 32768"),
        (json!({"message": {"template_id": "SYS_MSG_TYPE_RANK", "data": {}}}), "system type"),
    ] {
        let refused = try_ask(&client, &to_all("c", more.clone())).expect_err(&more.to_string());
        assert_eq!(refused.status, Status::Arg, "{more}: {refused}");
        assert!(refused.message.contains(says), "{more}: {refused}");
    }
    let wrong = json!({"message": {"template_id": TEMPLATE, "data": {"thing1": []}}});
    assert_eq!(try_ask(&client, &to_all("c", wrong)).unwrap_err().status, Status::Message);
    assert_eq!(ask(&client, json!({"do": "campaign.list"})), json!({"campaigns": [], "next": null}));
    for what in ["start", "pause", "resume", "cancel", "status", "forecast"] {
        let none = try_ask(&client, &json!({"do": format!("campaign.{what}"), "id": "none"})).unwrap_err();
        assert_eq!(none.status, Status::NotFound, "{what}: {none}");
    }
}

pub fn a_campaign_stops_and_goes_on(stores: &dyn Stores) {
    let client = stores.open(0, json!({}));
    let other = stores.open(0, json!({}));
    let players: Vec<(String, u32)> = (0..400).map(|n| (format!("o{n}"), 1)).collect();
    accept_all(&client, &players);
    let later = to_all("later", json!({"start_at_ms": in_ms(3_600_000)}));
    assert_eq!(ask(&client, later.clone())["state"], "waiting");
    let mut changed = later.clone();
    changed["leave"] = json!(1);
    ask(&client, changed);
    assert_eq!(ask(&client, later)["state"], "waiting", "it has not begun");
    ask(&client, json!({"do": "campaign.pause", "id": "later"}));
    assert_eq!(ask(&client, json!({"do": "campaign.resume", "id": "later"}))["state"], "waiting");
    assert_eq!(ask(&client, json!({"do": "campaign.cancel", "id": "later"}))["state"], "cancelled");
    assert_eq!(ask(&client, json!({"do": "campaign.cancel", "id": "later"}))["state"], "cancelled");

    ask(&client, to_all("now", json!({"per_second": 60})));
    let count = || stores.env().wechat.deliveries().len();
    let until = Instant::now() + Duration::from_secs(60);
    while count() < 30 {
        assert!(Instant::now() < until, "nothing is sent: {}", status(&client, "now"));
        std::thread::sleep(Duration::from_millis(10));
    }
    // By another process: within a second nobody gets it any more.
    assert_eq!(ask(&other, json!({"do": "campaign.pause", "id": "now"}))["state"], "paused");
    std::thread::sleep(Duration::from_secs(1));
    let sent = count();
    std::thread::sleep(Duration::from_secs(1));
    assert_eq!(count(), sent);
    let paused = status(&client, "now");
    assert_eq!((&paused["sent"], &paused["why"]), (&json!(sent), &json!("paused by an operator")), "{paused}");
    ask(&other, json!({"do": "campaign.resume", "id": "now"}));
    let done = wait_for(&client, "now", "done");
    assert_eq!((&done["sent"], count()), (&json!(400), 400), "{done}");

    ask(&client, to_all("none", json!({})));
    assert_eq!(wait_for(&client, "none", "done")["skipped"], json!({"count": 400}));
}

pub fn its_pace_is_kept_by_all_processes(stores: &dyn Stores) {
    let clients: Vec<_> = (0..3).map(|_| stores.open(0, json!({}))).collect();
    let players: Vec<(String, u32)> = (0..120).map(|n| (format!("o{n}"), 1)).collect();
    accept_all(&clients[0], &players);
    let begun = Instant::now();
    ask(&clients[0], to_all("slow", json!({"per_second": 40})));
    wait_for(&clients[0], "slow", "done");
    // The last block may be begun at once.
    assert!(begun.elapsed() >= Duration::from_millis(2400), "{:?}", begun.elapsed());
    assert_eq!(delivered(stores.env()).values().sum::<usize>(), 120);
}

pub fn who_becomes_unreachable_is_passed_over(stores: &dyn Stores) {
    let client = stores.open(0, json!({}));
    for n in 0..60 {
        accept(&client, &format!("o{n}"), TEMPLATE, 1);
    }
    // WeChat knows that these refuse; the ledger does not.
    for n in 0..7 {
        stores.env().wechat.refuse(&format!("o{n}"), TEMPLATE);
    }
    ask(&client, to_all("c", json!({"start_at_ms": in_ms(1500)})));
    for n in 10..15 {
        client.report(&format!("o{n}"), Some(TEMPLATE), Answer::Reject, None);
    }
    let done = wait_for(&client, "c", "done");
    assert_eq!(done["skipped"], json!({"count": 5, "refused": 7}), "{done}");
    assert_eq!(done["sent"], 48);
    assert_eq!(delivered(stores.env()).len(), 48);
}

/// What the host asks for a player goes first, also while his own turn waits for a worker.
pub fn a_player_does_not_wait_for_his_turn(stores: &dyn Stores) {
    let client = stores.open(0, json!({"workers": 2}));
    let players: Vec<(String, u32)> = (0..40).map(|n| (format!("o{n}"), 1)).collect();
    let others: Vec<(String, u32)> = (0..60).map(|n| (format!("x{n}"), 1)).collect();
    accept_all(&client, &players);
    accept_all(&client, &others);
    let list: Vec<&String> = players.iter().map(|(openid, _)| openid).collect();
    ask(&client, json!({"do": "campaign.put", "id": "c", "message": message(), "audience": "list"}));
    ask(&client, json!({"do": "campaign.add", "id": "c", "players": list}));
    stores.env().wechat.set_send_latency(Duration::from_millis(150));
    ask(&client, json!({"do": "campaign.start", "id": "c"}));
    let until = Instant::now() + Duration::from_secs(60);
    while stores.env().wechat.deliveries().is_empty() {
        assert!(Instant::now() < until, "nothing is sent");
        std::thread::sleep(Duration::from_millis(5));
    }
    for (openid, _) in &others {
        client.submit(&crate::common::message(openid), None).expect("a ticket");
    }
    std::thread::sleep(Duration::from_millis(100));
    let reports: Vec<u64> = players
        .iter()
        .map(|(openid, _)| client.submit_report(openid, Some(TEMPLATE), Answer::Accept, None, 0).expect("a ticket"))
        .collect();
    let mut order = Vec::new();
    while order.len() < 100 {
        let results = client.poll(100, Duration::from_secs(60)).expect("results");
        assert!(!results.is_empty(), "{} results only", order.len());
        order.extend(results.iter().map(|result| reports.contains(&result.ticket)));
    }
    let last = order.iter().rposition(|is_report| *is_report).expect("reports");
    assert!(last < 80, "a report waited until {last} of 100 had ended");
    wait_for(&client, "c", "done");
}

pub fn campaigns_are_listed_in_pages(stores: &dyn Stores) {
    let client = stores.open(0, json!({}));
    for n in 0..7 {
        ask(&client, to_all(&format!("c{n}"), json!({"start_at_ms": in_ms(3_600_000)})));
    }
    for limit in [1, 3, 100] {
        let (rows, _) =
            crate::common::admin::all_pages(&client, &json!({"do": "campaign.list", "limit": limit}), "campaigns");
        let ids: Vec<&str> = rows.iter().map(|row| row["id"].as_str().expect("a string")).collect();
        assert_eq!(ids, ["c0", "c1", "c2", "c3", "c4", "c5", "c6"]);
    }
}
