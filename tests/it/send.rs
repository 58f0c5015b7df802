//! One send from the report to the delivered message, and every answer that WeChat can give to it.

use crate::common::{TEMPLATE, TestEnv, left, message, message_from, send};
use serde_json::json;
use wxsub::{Answer, QuotaChange, Retry, Status};
use wxsub_simulator::{Endpoint, Fault};

#[test]
fn accept_send_and_no_more() {
    let env = TestEnv::new();
    let client = env.client(json!({}));
    let granted = env.accept(&client, "o1");
    assert_eq!((granted.quota, granted.remaining), (QuotaChange::Granted, 1));

    let sent = client.send(&message("o1"), Some(r#"{"tag": 7}"#));
    assert_eq!(sent.status, Status::Ok, "{}", sent.message);
    assert_eq!((sent.quota, sent.remaining, sent.attempts, sent.tag), (QuotaChange::Spent, 0, 1, 7));
    assert_eq!((sent.http_status, sent.errcode, sent.template_id.as_str()), (200, 0, TEMPLATE));
    let delivered = env.wechat.deliveries();
    assert_eq!(delivered.len(), 1);
    assert_eq!(delivered[0].msgid, sent.msgid);
    assert_eq!(delivered[0].data["thing1"]["value"], "体力已满");
    assert_eq!(left(&client, "o1"), 0);

    let calls = env.wechat.counters().calls_to(Endpoint::Send);
    let turned_down = send(&client, "o1");
    assert_eq!((turned_down.status, turned_down.remaining, turned_down.attempts), (Status::NoQuota, 0, 0));
    assert_eq!(env.wechat.counters().calls_to(Endpoint::Send), calls, "WeChat was not called");
    assert_eq!(env.wechat.counters().without_length, 0, "every POST had a Content-Length");
}

#[test]
fn every_errcode_is_classified_and_gives_the_unit_back_or_clears_it() {
    use QuotaChange::{Cleared, Returned};
    use Retry::{Later, Never};

    let env = TestEnv::new();
    let client = env.client(json!({"timeout_ms": 4000}));
    for (errcode, status, retry, quota, remaining) in [
        (-1, Status::Busy, Later, Returned, 1),
        (41001, Status::Auth, Later, Returned, 1),
        (40003, Status::Message, Never, Returned, 1),
        (40037, Status::Message, Never, Returned, 1),
        (41030, Status::Message, Never, Returned, 1),
        (43101, Status::Refused, Never, Cleared, 0),
        (43108, Status::Busy, Later, Returned, 1),
        (43116, Status::Message, Never, Returned, 1),
        (45009, Status::Busy, Later, Returned, 1),
        (45011, Status::Busy, Later, Returned, 1),
        (45168, Status::Message, Never, Returned, 1),
        (47001, Status::Internal, Never, Returned, 1),
        (47003, Status::Message, Never, Returned, 1),
        (40165, Status::Message, Never, Returned, 1),
        (61007, Status::Auth, Later, Returned, 1),
        (48001, Status::Auth, Later, Returned, 1),
        (50002, Status::Wechat, Never, Returned, 1),
        (20001, Status::Wechat, Never, Returned, 1),
        (99999, Status::Wechat, Never, Returned, 1),
    ] {
        let openid = format!("o{errcode}");
        env.accept(&client, &openid);
        env.wechat.arm(Fault::errcode(errcode).on(Endpoint::Send).openid(&openid).forever());
        let verdict = send(&client, &openid);
        let got = (verdict.status, verdict.retry, verdict.quota, verdict.remaining);
        assert_eq!(got, (status, retry, quota, remaining), "{errcode}: {}", verdict.message);
        assert_eq!((verdict.errcode, verdict.http_status), (errcode as i32, 200), "{errcode}");
        assert_eq!(verdict.retry_after_ms > 0, matches!(status, Status::Busy), "{errcode}");
        assert!(verdict.message.contains("rid"), "{errcode}: the operator needs the rid: {}", verdict.message);
        assert_eq!(left(&client, &openid), remaining, "{errcode}");
        let tries = env.wechat.sends_to(&openid).len();
        let again = matches!(errcode, -1 | 43108 | 45011);
        assert_eq!(tries, if again { 3 } else { 1 }, "{errcode}");
        assert_eq!(verdict.attempts as usize, tries, "{errcode}");
    }
    assert_eq!(env.wechat.deliveries().len(), 0);
}

#[test]
fn a_ban_of_one_template_leaves_the_others_alone() {
    let env = TestEnv::new();
    let client = env.client(json!({}));
    for template in [TEMPLATE, "sim-activity"] {
        env.wechat.grant("o1", template, 1);
        client.report("o1", Some(template), Answer::Accept, None);
    }
    env.wechat.set_any_template(true);
    env.wechat.arm(Fault::errcode(43107).on(Endpoint::Send).template(TEMPLATE));
    let banned = send(&client, "o1");
    assert_eq!((banned.status, banned.errcode, banned.quota), (Status::Banned, 43107, QuotaChange::Returned));
    let calls = env.wechat.counters().calls_to(Endpoint::Send);
    let failed_fast = send(&client, "o1");
    assert_eq!((failed_fast.status, failed_fast.attempts), (Status::Banned, 0));
    assert!(failed_fast.retry_after_ms > 20_000);
    assert_eq!(env.wechat.counters().calls_to(Endpoint::Send), calls);
    assert_eq!(left(&client, "o1"), 1);
    let data = r#"{"thing1":"a","date2":"2026-11-24","number3":3}"#;
    let other = client.send(&format!(r#"{{"touser":"o1","template_id":"sim-activity","data":{data}}}"#), None);
    assert_eq!(other.status, Status::Ok, "{}", other.message);
}

#[test]
fn busy_answers_are_tried_again_within_the_deadline() {
    let env = TestEnv::new();
    let client = env.client(json!({}));
    for errcode in [-1, 43108, 45011] {
        env.accept(&client, "o1");
        env.wechat.arm(Fault::errcode(errcode).on(Endpoint::Send).times(2));
        let verdict = send(&client, "o1");
        assert_eq!((verdict.status, verdict.attempts), (Status::Ok, 3), "{errcode}: {}", verdict.message);
    }
    assert_eq!(env.wechat.deliveries().len(), 3);
}

#[test]
fn bruised_answers_are_read() {
    let env = TestEnv::new();
    let client = env.client(json!({}));
    for fault in [Fault::errcode_as_string(Some(43101)), Fault::broken_errmsg(Some(43101))] {
        env.accept(&client, "o1");
        env.wechat.arm(fault.on(Endpoint::Send));
        let verdict = send(&client, "o1");
        assert_eq!((verdict.status, verdict.errcode), (Status::Refused, 43101), "{}", verdict.message);
        assert!(!verdict.message.contains(|c: char| c.is_control()));
    }
}

#[test]
fn a_faulty_message_is_refused_before_anything_is_held() {
    let env = TestEnv::new();
    let client = env.client(json!({}));
    env.accept(&client, "o1");
    for (text, status) in [
        ("", Status::Arg),
        ("{}", Status::Arg),
        ("[1]", Status::Arg),
        (r#"{"touser":"o1","template_id":7,"data":{}}"#, Status::Arg),
        (r#"{"touser":"o1","template_id":"sim-stamina"}"#, Status::Message),
        (r#"{"touser":"o1","template_id":"sim-stamina","data":"{}"}"#, Status::Message),
        (r#"{"touser":"o1","template_id":"sim-stamina","data":{"thing1":[]}}"#, Status::Message),
        (r#"{"touser":"o1","template_id":"SYS_MSG_TYPE_RANK","data":{}}"#, Status::Arg),
    ] {
        let verdict = client.send(text, None);
        assert_eq!((verdict.status, verdict.quota), (status, QuotaChange::Untouched), "{text}: {}", verdict.message);
    }
    assert_eq!(env.wechat.counters().calls_to(Endpoint::Send), 0);
    assert_eq!(left(&client, "o1"), 1);
}

#[test]
fn observe_sends_at_zero_and_counts_what_it_sees() {
    let env = TestEnv::new();
    let client = env.client(json!({"quota": "observe"}));
    env.wechat.grant("o1", TEMPLATE, 2);
    let unseen = send(&client, "o1");
    assert_eq!((unseen.status, unseen.quota, unseen.remaining), (Status::Ok, QuotaChange::Untouched, 0));
    client.report("o1", Some(TEMPLATE), Answer::Accept, None);
    let seen = send(&client, "o1");
    assert_eq!((seen.status, seen.quota, seen.remaining), (Status::Ok, QuotaChange::Spent, 0));
    let refused = send(&client, "o1");
    assert_eq!((refused.status, refused.quota), (Status::Refused, QuotaChange::Cleared));
}

#[test]
fn configured_defaults_go_into_messages_and_unknown_fields_travel_on() {
    let env = TestEnv::new();
    let client = env.client(json!({"lang": "en_US", "miniprogram_state": "trial"}));
    env.accept(&client, "o1");
    let mut text: serde_json::Value = serde_json::from_str(&message("o1")).unwrap();
    text["page"] = json!("index?a=1");
    text["novel"] = json!({"x": [1, "é\u{1}"]});
    assert_eq!(client.send(&text.to_string(), None).status, Status::Ok);
    let body: serde_json::Value = serde_json::from_slice(&env.wechat.deliveries()[0].body).unwrap();
    assert_eq!((&body["lang"], &body["miniprogram_state"]), (&json!("en_US"), &json!("trial")));
    assert_eq!((&body["page"], &body["novel"]), (&text["page"], &text["novel"]));
    let raw = String::from_utf8(env.wechat.deliveries()[0].body.to_vec()).unwrap();
    assert!(raw.contains("体力已满"), "raw UTF-8, not escapes: {raw}");
}

#[test]
fn https_with_a_private_ca() {
    let env = TestEnv::with(wxsub_simulator::Options { https: Some(0), ..Default::default() });
    let ca = env.folder.path().join("ca.pem");
    std::fs::write(&ca, env.wechat.ca_pem().unwrap()).unwrap();
    let url = env.wechat.https_url().unwrap();
    let client = env.client(json!({"api_base": url, "ca_file": ca}));
    env.accept(&client, "o1");
    let sent = send(&client, "o1");
    assert_eq!(sent.status, Status::Ok, "{}", sent.message);

    let stranger = env.client(json!({"api_base": url, "timeout_ms": 2000}));
    env.accept(&stranger, "o2");
    let refused = stranger.send(&message_from("o2", TEMPLATE), None);
    assert_eq!(refused.status, Status::Connect, "{}", refused.message);
    assert_eq!(left(&stranger, "o2"), 1);
}
