//! History, funnel, and what is done to one player.

use serde_json::{Value, json};
use wxsub::{Answer, Client, Status};
use wxsub_simulator::push::{Mode, Push};
use wxsub_simulator::{Endpoint, Fault};

use super::{Stores, all_pages, ask, refused, try_ask};
use crate::common::pushes::{hand_over, message as push_of, now_s, plain, popup, push, secure, sent, unsigned};
use crate::common::{TEMPLATE, left, message, send};

/// All rows of a funnel that takes in today, whatever day it is there.
fn funnel(client: &Client) -> Vec<Value> {
    all_pages(client, &json!({"do": "funnel", "from": "2024-01-01", "to": "2033-12-31", "limit": 2}), "funnel").0
}

fn number(client: &Client, template_id: &str, column: &str) -> i64 {
    let rows = funnel(client);
    let of_template = rows.iter().filter(|row| row["template_id"] == template_id);
    of_template.map(|row| row[column].as_i64().expect("a number")).sum()
}

fn history(client: &Client, more: Value) -> Vec<Value> {
    let mut request = json!({"do": "history"});
    more.as_object().expect("an object").iter().for_each(|(key, value)| request[key] = value.clone());
    all_pages(client, &request, "history").0
}

fn grant(stores: &dyn Stores, client: &Client, openid: &str) {
    stores.env().accept(client, openid);
}

pub fn what_happened_is_told_and_counted(stores: &dyn Stores) {
    let client = stores.open(0, json!({}));
    for openid in ["o1", "o2", "o2"] {
        grant(stores, &client, openid);
    }
    assert_eq!(client.send(&message("o1"), Some(r#"{"key":"k1"}"#)).status, Status::Ok);
    (0..5).for_each(|_| assert_eq!(send(&client, "o1").status, Status::NoQuota));
    stores.env().wechat.refuse("o2", TEMPLATE);
    assert_eq!(send(&client, "o2").status, Status::Refused);
    client.report("o3", Some(TEMPLATE), Answer::Reject, None);
    client.report("o3", Some(TEMPLATE), Answer::Filter, None);
    for (column, n) in [
        ("accepted", 3),
        ("rejected", 1),
        ("filtered", 1),
        ("sent", 1),
        ("refused", 1),
        ("no_quota", 5),
        ("unknown", 0),
        ("other", 0),
    ] {
        assert_eq!(number(&client, TEMPLATE, column), n, "{column}: {:?}", funnel(&client));
    }
    let his = history(&client, json!({"openid": "o1"}));
    let told: Vec<_> = his.iter().map(|row| (row["what"].as_str().unwrap(), row["status"].as_str().unwrap())).collect();
    assert_eq!(told, [("send", "WXSUB_E_NO_QUOTA"), ("send", "WXSUB_OK"), ("report", "WXSUB_OK")], "{his:#?}");
    assert_eq!((&his[0]["times"], &his[0]["before"]), (&json!(5), &json!(0)));
    assert_eq!((&his[1]["before"], &his[1]["after"], &his[1]["key"]), (&json!(1), &json!(0), &json!("k1")));
    assert!(his[1]["msgid"].as_str().is_some_and(|id| id.parse::<i64>().is_ok()), "{}", his[1]);
    assert_eq!((&his[2]["answer"], &his[2]["template_id"]), (&json!("accept"), &json!(TEMPLATE)));
    let refusals = history(&client, json!({"status": "WXSUB_E_REFUSED"}));
    assert_eq!(refusals.len(), 1);
    assert_eq!((&refusals[0]["errcode"], &refusals[0]["openid"]), (&json!(43101), &json!("o2")));
    assert!(refusals[0]["message"].as_str().is_some_and(|text| text.contains("43101")), "{}", refusals[0]);
    assert_eq!(history(&client, json!({"what": "report", "template_id": TEMPLATE})).len(), 5);
    let all = history(&client, json!({"limit": 3}));
    let times: Vec<i64> = all.iter().map(|row| row["at_ms"].as_i64().unwrap()).collect();
    assert!(times.is_sorted_by(|one, other| one >= other) && all.len() == 8, "{all:#?}");
    let (from, to) = (times[4], times[1]);
    let between = history(&client, json!({"from_ms": from, "to_ms": to}));
    assert!(between.iter().all(|row| (from..to).contains(&row["at_ms"].as_i64().unwrap())) && !between.is_empty());
    let shown = ask(&client, json!({"do": "player", "openid": "o1"}));
    assert_eq!(shown["history"], json!(his));
}

pub fn wrong_questions_about_the_past_are_refused(stores: &dyn Stores) {
    let client = stores.open(0, json!({}));
    refused(&client, r#"{"do":"history","status":"WXSUB_E_REFUSD"}"#, "did you mean WXSUB_E_REFUSED?");
    refused(&client, r#"{"do":"history","what":"sent"}"#, "did you mean send?");
    refused(&client, r#"{"do":"history","after":"AAAA"}"#, "after is not");
    refused(&client, r#"{"do":"funnel","from":"2026-02-30","to":"2026-03-01"}"#, "2026-02-30");
    refused(&client, r#"{"do":"funnel","from":"2026-03-02","to":"2026-03-01"}"#, "span");
    refused(&client, r#"{"do":"funnel","from":"2026-03-02"}"#, "to");
    refused(&client, r#"{"do":"mute","openid":"o1"}"#, "until_ms is missing");
    refused(&client, r#"{"do":"mute","openid":"o1","until_ms":-1}"#, "above 0");
    refused(&client, r#"{"do":"opened","openid":"o1","scene":"1014"}"#, "scene");
    refused(&client, r#"{"do":"forget","openid":"o 1"}"#, "openid");
    refused(&client, r#"{"do":"compact","openid":"o1"}"#, "openid");
    assert_eq!(history(&client, json!({})), Vec::<Value>::new());
}

pub fn an_opening_counts_once(stores: &dyn Stores) {
    let client = stores.open(0, json!({}));
    let open = |scene: i64| ask(&client, json!({"do": "opened", "openid": "o1", "scene": scene}));
    assert_eq!(open(1014), json!({"counted": false, "template_id": null}));
    grant(stores, &client, "o1");
    send(&client, "o1");
    assert_eq!(open(1007), json!({"counted": false, "template_id": null}));
    assert_eq!(open(1014), json!({"counted": true, "template_id": TEMPLATE}));
    assert_eq!(open(1014), json!({"counted": false, "template_id": TEMPLATE}));
    assert_eq!(number(&client, TEMPLATE, "opened"), 1);
    assert_eq!(history(&client, json!({"what": "opened"})).len(), 1);
}

pub fn a_muted_player_is_told(stores: &dyn Stores) {
    let client = stores.open(0, json!({}));
    let until = (now_s() + 1000) * 1000;
    let muted = || ask(&client, json!({"do": "player", "openid": "o1"}))["muted_until_ms"].clone();
    assert_eq!(ask(&client, json!({"do": "mute", "openid": "o1", "until_ms": until})), json!({}));
    assert_eq!(muted(), json!(until));
    grant(stores, &client, "o1");
    assert_eq!((muted(), left(&client, "o1")), (json!(until), 1));
    ask(&client, json!({"do": "mute", "openid": "o1", "until_ms": null}));
    assert_eq!((muted(), left(&client, "o1")), (Value::Null, 1));
    let acts = all_pages(&client, &json!({"do": "audit", "limit": 1}), "audit").0;
    assert_eq!(acts.iter().map(|act| act["do"].as_str().unwrap()).collect::<Vec<_>>(), ["mute", "mute"]);
    assert!(acts.iter().all(|act| !act.to_string().contains("o1")), "{acts:?}");
}

pub fn nothing_shows_who_was_forgotten(stores: &dyn Stores) {
    let client = stores.open(0, secure());
    for openid in ["o1", "o2"] {
        (0..3).for_each(|_| grant(stores, &client, openid));
        client.send(&message(openid), Some(r#"{"key":"k"}"#));
        client.submit(&message(openid), Some(r#"{"key":"later","deliver_at":4102444800000}"#)).unwrap();
    }
    let stored = client.poll(10, std::time::Duration::from_secs(5)).unwrap();
    assert!(!stored.is_empty());
    while ask(&client, json!({"do": "outbox"}))["messages"].as_array().unwrap().len() < 2 {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let accepted_at = now_s();
    let reply = ask(&client, json!({"do": "forget", "openid": "o1"}));
    let forgotten = &reply["forgotten"];
    assert_eq!((&forgotten["players"], &forgotten["messages"]), (&json!(1), &json!(1)), "{reply}");
    assert!(forgotten["history"].as_u64().is_some_and(|entries| entries >= 4), "{reply}");
    for request in [json!({"do": "players"}), json!({"do": "outbox"}), json!({"do": "history"}), json!({"do": "audit"})]
    {
        let reply = ask(&client, request).to_string();
        assert!(!reply.contains("\"o1\""), "{reply}");
    }
    let player = ask(&client, json!({"do": "player", "openid": "o1"}));
    assert_eq!((&player["counts"], &player["history"], &player["waiting"]), (&json!({}), &json!([]), &json!(0)));
    assert_eq!(client.lookup("o1", "later").status, Status::NotFound);
    assert_eq!((left(&client, "o1"), left(&client, "o2")), (0, 2));
    // An event from before is pushed late.
    let late =
        stores.env().wechat.push(&Push { mode: Mode::Secure, ..popup("o1", TEMPLATE, "accept", accepted_at - 5) });
    let late = late.unwrap();
    hand_over(&client, &late).unwrap();
    assert_eq!(left(&client, "o1"), 0);
    grant(stores, &client, "o1");
    assert_eq!(left(&client, "o1"), 1, "a new life");
    let again = ask(&client, json!({"do": "forget", "openid": "nobody"}));
    assert_eq!(again["forgotten"], json!({"players": 0, "keys": 0, "messages": 0, "history": 0}));
}

fn revocation(openid: &str, event: &str, mode: Mode) -> Push {
    let text = json!({"ToUserName": "gh_1", "FromUserName": "oPlatform", "CreateTime": now_s() + 1, "MsgType": "event",
        "Event": event, "OpenID": openid, "AppID": "wx1", "RevokeInfo": "1"});
    push_of(&text.to_string(), mode)
}

pub fn who_takes_back_the_authorisation_is_forgotten(stores: &dyn Stores) {
    let wechat = &stores.env().wechat;
    let events = ["user_authorization_revoke", "user_authorization_cancellation"];
    for (ledger, config, mode, forgets) in
        [(0, secure(), Mode::Secure, true), (1, plain(), Mode::Plain, true), (2, unsigned(), Mode::Plain, false)]
    {
        let client = stores.open(ledger, config);
        for event in events {
            wechat.grant("o1", TEMPLATE, 1);
            client.report("o1", Some(TEMPLATE), Answer::Accept, None);
            let before = left(&client, "o1");
            let pushed = wechat.push(&revocation("o1", event, mode)).unwrap();
            let (reply, verdict) = hand_over(&client, &pushed).unwrap();
            assert_eq!((reply.as_str(), verdict.status), ("", Status::Ok));
            assert_eq!(verdict.flags & wxsub::Verdict::NOT_OURS, wxsub::Verdict::NOT_OURS);
            assert_eq!(left(&client, "o1"), if forgets { 0 } else { before }, "{event}");
        }
        let acts = ask(&client, json!({"do": "audit"}))["audit"].as_array().unwrap().len();
        assert_eq!(acts, if forgets { 2 } else { 0 });
    }
}

pub fn what_an_event_settles_is_no_more_unknown(stores: &dyn Stores) {
    let client = stores.open(0, plain());
    let wechat = &stores.env().wechat;
    grant(stores, &client, "o1");
    wechat.arm(Fault::close().on(Endpoint::Send).openid("o1").applied());
    assert_eq!(send(&client, "o1").status, Status::Unknown);
    assert_eq!((number(&client, TEMPLATE, "unknown"), number(&client, TEMPLATE, "sent")), (1, 0));
    push(wechat, &client, &sent("o1", TEMPLATE, 77, 0, now_s()));
    assert_eq!((number(&client, TEMPLATE, "unknown"), number(&client, TEMPLATE, "sent")), (0, 1));
    let his = history(&client, json!({"openid": "o1"}));
    let told: Vec<&str> = his.iter().map(|row| row["what"].as_str().unwrap()).collect();
    assert_eq!(told, ["settled", "send", "report"], "{his:#?}");
}

pub fn without_history_nothing_is_kept_of_it(stores: &dyn Stores) {
    let client = stores.open(0, json!({"history_days": 0}));
    grant(stores, &client, "o1");
    send(&client, "o1");
    assert_eq!(history(&client, json!({})), Vec::<Value>::new());
    assert_eq!(number(&client, TEMPLATE, "sent"), 1, "the numbers are kept");
}

pub fn compacting_changes_nothing_that_is_shown(stores: &dyn Stores) {
    let client = stores.open(0, json!({}));
    grant(stores, &client, "o1");
    let reply = ask(&client, json!({"do": "compact"}));
    assert!(reply["bytes_after"].is_u64() || reply["note"].is_string(), "{reply}");
    assert_eq!(left(&client, "o1"), 1);
    assert_eq!(try_ask(&client, &json!({"do": "audit"})).unwrap()["audit"][0]["do"], "compact");
}
