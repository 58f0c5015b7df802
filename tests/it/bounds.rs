//! What players' devices hand in is bounded, on every way in; more is refused, and nothing of it is applied.

use std::time::Duration;

use crate::common::pushes::{event, hand_over, now_s, plain};
use crate::common::{TEMPLATE, TestEnv, left, message_from};
use serde_json::{Map, Value, json};
use wxsub::{Answer, Client, Status, Verdict};
use wxsub_simulator::push::{EventItem, EventKind};

const LONGEST: usize = 128;
const ENTRIES: usize = 64;
const BYTES: usize = 64 * 1024;

/// A client's object with so many accepts.
fn accepts(many: usize) -> Map<String, Value> {
    (0..many).map(|i| (format!("T{i}"), Value::from("accept"))).collect()
}

#[track_caller]
fn assert_refused(verdict: &Verdict, part: &str) {
    assert_eq!(verdict.status, Status::Arg, "{}", verdict.message);
    assert!(verdict.message.contains(part) && verdict.message.len() < 248, "{part}: {}", verdict.message);
}

#[track_caller]
fn object_refused(client: &Client, openid: &str, object: &str, part: &str) {
    let e = client.report_json(openid, object, None).expect_err("it is taken");
    assert!(e.status == Status::Arg && e.message.contains(part), "{part}: {e}");
}

#[test]
fn a_client_object_has_a_most_of_everything() {
    let env = TestEnv::new();
    let client = env.client(json!({"templates": "off"}));
    let text = |object: Map<String, Value>| Value::Object(object).to_string();

    let mut most = accepts(ENTRIES);
    most.insert("errMsg".to_owned(), "requestSubscribeMessage:ok".into());
    let verdicts = client.report_json("o-most", &text(most), None).unwrap();
    assert!(verdicts.len() == ENTRIES && verdicts.iter().all(|v| v.remaining == 1));
    for many in [ENTRIES + 1, 2000] {
        object_refused(&client, "o-many", &text(accepts(many)), "at most 64");
        let settings = json!({"mainSwitch": true, "itemSettings": accepts(many)});
        object_refused(&client, "o-many", &settings.to_string(), "at most 64");
        let whole = json!({"errMsg": "getSetting:ok", "subscriptionsSetting": settings});
        object_refused(&client, "o-many", &whole.to_string(), "at most 64");
    }
    assert_eq!(client.quota("o-many", "T0").remaining, 0, "nothing of it was applied");

    let mut long = accepts(1);
    long.insert("t".repeat(LONGEST), "accept".into());
    assert_eq!(client.report_json("o-long", &text(long.clone()), None).unwrap().len(), 2);
    long.insert("t".repeat(LONGEST + 1), "accept".into());
    object_refused(&client, "o-longer", &text(long), "128 bytes");
    assert_eq!(client.quota("o-longer", "T0").remaining, 0, "nothing of it was applied");

    let padded = |bytes: usize| {
        let object = json!({"T0": "accept", "errMsg": ""}).to_string();
        object.replace("\"errMsg\":\"\"", &format!("\"errMsg\":\"{}\"", "x".repeat(bytes - object.len())))
    };
    assert_eq!(padded(BYTES).len(), BYTES);
    assert_eq!(client.report_json("o-big", &padded(BYTES), None).unwrap().len(), 1);
    object_refused(&client, "o-bigger", &padded(BYTES + 1), "at most 65536");
    assert_eq!(client.quota("o-bigger", "T0").remaining, 0, "nothing of it was applied");

    for levels in [33, 120, 20_000] {
        let deep = format!("{{\"T0\":\"accept\",\"T1\":{}{}}}", "[".repeat(levels), "]".repeat(levels));
        object_refused(&client, "o-deep", &deep, "nested more than 32");
    }
    assert_eq!(client.quota("o-deep", "T0").remaining, 0, "nothing of it was applied");
}

#[test]
fn ids_are_bounded_on_every_way_in() {
    let env = TestEnv::new();
    let client = env.client(json!({"templates": "off"}));
    let bad = ["o".repeat(LONGEST + 1), "o".repeat(10_000), String::new(), "o 1".to_owned(), "o1\n".to_owned()];
    let fine = "o".repeat(LONGEST);
    let key = Some(r#"{"key":"k"}"#);
    for openid in &bad {
        let part = if openid.len() > LONGEST { "at most 128" } else { "" };
        assert_refused(&client.report(openid, Some(TEMPLATE), Answer::Accept, None), part);
        assert_refused(&client.report(openid, None, Answer::Reject, None), part);
        object_refused(&client, openid, r#"{"T":"accept"}"#, part);
        assert_refused(&client.quota(openid, TEMPLATE), part);
        assert_refused(&client.send(&message_from(openid, TEMPLATE), key), part);
        assert_refused(&client.cancel(openid, "k"), part);
        assert_refused(&client.lookup(openid, "k"), part);
        for options in [None, Some(r#"{"durable":true}"#)] {
            assert_refused(&client.submit(&message_from(openid, TEMPLATE), options).unwrap_err().into(), part);
        }
        let e = client.submit_report(openid, Some(TEMPLATE), Answer::Accept, None, 0).unwrap_err();
        assert_refused(&e.into(), part);

        // The template's id, in the same places.
        assert_refused(&client.report(&fine, Some(openid), Answer::Accept, None), part);
        assert_refused(&client.quota(&fine, openid), part);
        assert_refused(&client.send(&message_from(&fine, openid), None), part);
        let e = client.submit_report(&fine, Some(openid), Answer::Accept, None, 0).unwrap_err();
        assert_refused(&e.into(), part);
    }
    // What a thread finds out comes as the ticket's result.
    client.submit(&message_from(&fine, &bad[0]), Some(r#"{"durable":true}"#)).unwrap();
    let results = client.poll(2, Duration::from_secs(10)).unwrap();
    assert_eq!(results.len(), 1);
    assert_refused(&results[0], "at most 128");

    assert_eq!(client.report(&fine, Some(&fine), Answer::Accept, None).remaining, 1);
    assert_eq!(client.quota(&fine, &fine).remaining, 1);
    assert_eq!(client.lookup(&fine, "k").status, Status::NotFound);
}

#[test]
fn a_message_and_its_options_have_a_largest_size() {
    let env = TestEnv::new();
    let client = env.client(json!({"templates": "off", "validate": "off"}));
    let big =
        |bytes: usize| json!({"touser": "o1", "template_id": "T", "data": {}, "more": "x".repeat(bytes)}).to_string();
    assert_eq!(client.send(&big(BYTES - 100), None).status, Status::NoQuota);
    assert_refused(&client.send(&big(BYTES), None), "at most 65536");
    assert_refused(&client.submit(&big(BYTES), None).unwrap_err().into(), "at most 65536");
    let options = format!("{{\"key\":\"k\"{}}}", " ".repeat(BYTES));
    assert_refused(&client.send(&big(10), Some(&options)), "at most 65536");
    assert_refused(&client.submit(&big(10), Some(&options)).unwrap_err().into(), "at most 65536");
    let deep = big(1).replace("\"x\"", &format!("{}{}", "[".repeat(40), "]".repeat(40)));
    assert_refused(&client.send(&deep, None), "nested more than 32");
    assert_refused(&client.submit(&deep, None).unwrap_err().into(), "nested more than 32");
    let code = client.login(&"c".repeat(513)).unwrap_err();
    assert_eq!(code.status, Status::Arg, "{code}");
}

#[test]
fn an_event_has_a_most_of_items() {
    let env = TestEnv::new();
    let client = env.client(plain());
    let items = |many: usize| {
        let items = (0..many).map(|i| EventItem::answer(&format!("T{i}"), "accept")).collect();
        env.wechat.push(&event(EventKind::Popup, "o1", items, now_s())).unwrap()
    };
    let e = hand_over(&client, &items(ENTRIES + 1)).unwrap_err();
    assert!(e.status == Status::Signature && e.message.contains("at most 64"), "{e}");
    assert_eq!(client.quota("o1", "T0").remaining, 0, "nothing of it was applied");
    hand_over(&client, &items(ENTRIES)).unwrap();
    assert_eq!((client.quota("o1", "T63").remaining, left(&client, "o1")), (1, 0));
}

#[test]
fn a_game_client_that_repeats_accepts_piles_up_no_more_than_max_count() {
    let env = TestEnv::new();
    let client = env.client(json!({"max_count": 3, "templates": "off"}));
    for n in 1..=3 {
        assert_eq!(client.report("o1", Some(TEMPLATE), Answer::Accept, None).remaining, n);
    }
    for key in [None, Some("k"), Some("k")] {
        let full = client.report("o1", Some(TEMPLATE), Answer::Accept, key);
        let told = (full.status, full.quota, full.remaining, full.flags);
        assert_eq!(told, (Status::Ok, wxsub::QuotaChange::Untouched, 3, 0), "{}", full.message);
        assert!(full.message.contains("max_count"), "{}", full.message);
    }
    // What was spent makes room, also for the key whose accept had no effect.
    env.wechat.grant("o1", TEMPLATE, 1);
    assert_eq!(crate::common::send(&client, "o1").status, Status::Ok);
    assert_eq!(client.report("o1", Some(TEMPLATE), Answer::Accept, Some("k")).remaining, 3);
    // Without the limit there is none.
    let client = env.client(json!({"templates": "off", "store": env.folder.path().join("other.db")}));
    for n in 1..=20 {
        assert_eq!(client.report("o1", Some(TEMPLATE), Answer::Accept, None).remaining, n);
    }
}
