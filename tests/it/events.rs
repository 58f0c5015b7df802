//! What WeChat pushes to the host's address goes into the count, each part once, and nothing else does.

use std::ffi::{CStr, CString, c_char};
use std::ptr;
use std::time::Duration;

use crate::common::pushes::{
    AES_KEY, TOKEN, change, event, hand_over, in_mode, now_s, plain, popup, push, secure, sent,
};
use crate::common::{TEMPLATE, TestEnv, left, send};
use serde_json::{Value, json};
use wxsub::ffi::{
    WXSUB_E_ARG, WXSUB_E_SIGNATURE, WXSUB_E_STATE, WXSUB_OK, WXSUB_QUOTA_GRANTED, wxsub_client, wxsub_free,
    wxsub_handle_event, wxsub_init, wxsub_result,
};
use wxsub::{Answer, Client, Config, Error, QuotaChange, Status, Verdict};
use wxsub_simulator::push::{EventItem, EventKind, Format, ListName, Mode, Push, verification_query};

/// Refused as none of WeChat's.
#[track_caller]
pub fn assert_refused(result: Result<(String, Verdict), Error>, part: &str) {
    match result {
        Ok((reply, verdict)) => panic!("taken with {reply:?}: {}", verdict.message),
        Err(e) => {
            assert_eq!(e.status, Status::Signature, "{e}");
            assert!(e.message.contains(part), "{part:?} is not in {:?}", e.message);
            assert!(e.message.len() < 248, "{}", e.message);
            for secret in [TOKEN, AES_KEY] {
                assert!(!e.message.contains(secret), "{}", e.message);
            }
        }
    }
}

fn count(client: &Client, openid: &str, template_id: &str) -> i64 {
    client.quota(openid, template_id).remaining
}

#[test]
fn the_address_is_checked() {
    let env = TestEnv::new();
    for more in [plain(), secure()] {
        let client = env.client(more);
        for echostr in ["5940312834517368192", "ab+c/9=="] {
            let query = verification_query(TOKEN, echostr);
            let (reply, verdict) = client.handle_event(&query, b"", 64).unwrap();
            assert_eq!((reply.as_str(), verdict.status, verdict.quota), (echostr, Status::Ok, QuotaChange::Untouched));
            assert_eq!(client.handle_event(&format!("?{query}"), b"", echostr.len()).unwrap().0, echostr);
            let e = client.handle_event(&query, b"", echostr.len() - 1).unwrap_err();
            assert_eq!(e.status, Status::Arg, "{e}");
        }
        assert_refused(client.handle_event(&verification_query("another", "1"), b"", 64), "event.token");
        assert_refused(client.handle_event(&verification_query(TOKEN, "<script>"), b"", 64), "echostr");
        assert_refused(client.handle_event("", b"", 64), "signature is missing");
    }
}

/// Every way to push, times every event: modes, formats, names of the list, one item or two, numbers or strings.
#[test]
fn every_shape_is_read() {
    let env = TestEnv::new();
    let keyless = env.client(merged(plain(), json!({"durability": "normal"})));
    let keyed = env.client(merged(secure(), json!({"durability": "normal"})));
    let mut player = 0;
    for mode in [Mode::Plain, Mode::Mixed, Mode::Secure] {
        for format in [Format::Xml, Format::Json] {
            for list_name in [ListName::List, ListName::Event, ListName::AlwaysPopup] {
                for several in [false, true] {
                    for numbers_as_strings in [false, true] {
                        let clients = match mode {
                            Mode::Plain => vec![&keyless],
                            Mode::Mixed => vec![&keyless, &keyed],
                            Mode::Secure => vec![&keyed],
                        };
                        for client in clients {
                            player += 1;
                            let openid = format!("o{player}");
                            let shaped = |push: Push| Push { mode, format, list_name, numbers_as_strings, ..push };
                            let what = format!("{mode:?} {format:?} {list_name:?} {several} {numbers_as_strings}");
                            three_events(&env, client, &openid, several, &shaped, &what);
                        }
                    }
                }
            }
        }
    }
}

pub fn merged(mut into: Value, from: Value) -> Value {
    into.as_object_mut().unwrap().extend(from.as_object().unwrap().clone());
    into
}

fn three_events(
    env: &TestEnv,
    client: &Client,
    openid: &str,
    several: bool,
    shaped: &dyn Fn(Push) -> Push,
    what: &str,
) {
    let now = now_s();
    let item = |template: &str, status: &str| EventItem::answer(template, status);
    let others = |status: &str| if several { vec![item("other", status)] } else { Vec::new() };
    let mut items = vec![item(TEMPLATE, "accept")];
    items.extend(others("accept"));
    let granted = push(&env.wechat, client, &shaped(event(EventKind::Popup, openid, items, now - 100)));
    assert_eq!(granted.status, Status::Ok, "{what}");
    if !several {
        let told = (granted.quota, granted.remaining, granted.template_id.as_str(), granted.flags);
        assert_eq!(told, (QuotaChange::Granted, 1, TEMPLATE, 0), "{what}");
    }
    assert_eq!((count(client, openid, TEMPLATE), count(client, openid, "other")), (1, i64::from(several)), "{what}");

    let mut items = vec![EventItem::sent(TEMPLATE, 7_000_000_000_000_000_001, 0)];
    if several {
        items.push(EventItem::sent("other", 7_000_000_000_000_000_002, 43101));
    }
    let settled = push(&env.wechat, client, &shaped(event(EventKind::Sent, openid, items, now)));
    assert_eq!((settled.status, settled.quota), (Status::Ok, QuotaChange::Untouched), "{what}: {}", settled.message);
    if !several {
        assert_eq!(settled.msgid, 7_000_000_000_000_000_001, "{what}");
    }
    assert_eq!((count(client, openid, TEMPLATE), count(client, openid, "other")), (1, i64::from(several)), "{what}");

    let mut items = vec![item(TEMPLATE, "reject")];
    items.extend(others("reject"));
    push(&env.wechat, client, &shaped(event(EventKind::Change, openid, items, now)));
    assert_eq!((count(client, openid, TEMPLATE), count(client, openid, "other")), (0, 0), "{what}");
}

#[test]
fn answers_of_dialogs_and_changes_of_settings_move_the_count() {
    let env = TestEnv::new();
    let client = env.client(plain());
    let now = now_s();
    for (i, remaining) in [(0, 1), (1, 2)] {
        let accepted = push(&env.wechat, &client, &popup("o1", TEMPLATE, "accept", now - 200 + i));
        assert_eq!((accepted.quota, accepted.remaining), (QuotaChange::Granted, remaining), "{}", accepted.message);
    }
    let variant = push(&env.wechat, &client, &popup("o1", TEMPLATE, "acceptWithAudio", now - 190));
    assert_eq!((variant.quota, variant.remaining), (QuotaChange::Granted, 3));
    let refused = push(&env.wechat, &client, &popup("o1", TEMPLATE, "reject", now - 100));
    assert_eq!((refused.quota, refused.remaining), (QuotaChange::Cleared, 0));
    push(&env.wechat, &client, &popup("o1", TEMPLATE, "accept", now - 90));
    // What is on in the settings grants nothing.
    let on = push(&env.wechat, &client, &change("o1", TEMPLATE, "accept", now - 20));
    assert_eq!((on.quota, on.remaining), (QuotaChange::Untouched, 1));
    let off = push(&env.wechat, &client, &change("o1", TEMPLATE, "reject", now - 10));
    assert_eq!((off.quota, off.remaining), (QuotaChange::Cleared, 0));
    // What they grant can be sent.
    env.wechat.grant("o1", TEMPLATE, 1);
    push(&env.wechat, &client, &popup("o1", TEMPLATE, "accept", now));
    assert_eq!(send(&client, "o1").status, Status::Ok);
    assert_eq!(send(&client, "o1").status, Status::NoQuota);
}

#[test]
fn system_types_are_switches() {
    let env = TestEnv::new();
    let client = env.client(plain());
    for i in 0..2 {
        let on = push(&env.wechat, &client, &popup("o1", "SYS_MSG_TYPE_RANK", "accept", now_s() - 200 + i));
        assert_eq!((on.quota, on.remaining), (QuotaChange::Granted, 1), "{}", on.message);
    }
    let off = push(&env.wechat, &client, &change("o1", "SYS_MSG_TYPE_RANK", "reject", now_s()));
    assert_eq!((off.quota, off.remaining), (QuotaChange::Cleared, 0));
}

/// Two clocks are compared: a refusal that may have come before the newest accept leaves that one.
#[test]
fn a_refusal_event_leaves_an_accept_that_may_be_newer() {
    let env = TestEnv::new();
    let client = env.client(plain());
    let now = now_s();
    type Make = fn(&str, &str, &str, i64) -> Push;
    for (kind, make) in [("popup", popup as Make), ("change", change as Make)] {
        // By two events the difference is exact.
        for (after, remaining) in [(-5, 1), (0, 1), (59, 1), (60, 0), (100, 0)] {
            let openid = format!("{kind} {after}").replace(' ', "-");
            for i in 0..3 {
                push(&env.wechat, &client, &popup(&openid, TEMPLATE, "accept", now - 202 + i));
            }
            let refused = push(&env.wechat, &client, &make(&openid, TEMPLATE, "reject", now - 200 + after));
            let told = (refused.quota, refused.remaining);
            assert_eq!(told, (QuotaChange::Cleared, remaining), "{kind}, {after} s after the newest accept");
            assert_eq!(left(&client, &openid), remaining);
        }
        // A report's accept is as new as its arrival.
        for (after, remaining) in [(-300, 1), (55, 1), (70, 0)] {
            let openid = format!("r-{kind}{after}");
            for _ in 0..2 {
                client.report(&openid, Some(TEMPLATE), Answer::Accept, None);
            }
            push(&env.wechat, &client, &make(&openid, TEMPLATE, "reject", now_s() + after));
            assert_eq!(left(&client, &openid), remaining, "{kind}, {after} s after the newest accept");
        }
        // What is spent does not come back.
        let openid = format!("spent-{kind}");
        env.accept(&client, &openid);
        assert_eq!(send(&client, &openid).status, Status::Ok);
        push(&env.wechat, &client, &make(&openid, TEMPLATE, "reject", now_s()));
        assert_eq!(left(&client, &openid), 0);
    }
}

#[test]
fn what_is_not_wechats_is_refused_and_changes_nothing() {
    let env = TestEnv::new();
    let keyless = env.client(plain());
    let keyed = env.client(secure());
    let now = now_s();
    let accept = popup("o1", TEMPLATE, "accept", now);
    let made = |push: &Push| env.wechat.push(push).unwrap();

    let forged = made(&Push { token: "another".to_owned(), ..accept.clone() });
    assert_refused(hand_over(&keyless, &forged), "signature does not match");
    assert_refused(hand_over(&keyed, &forged), "signature does not match");
    let sealed = in_mode(&accept, Mode::Secure);
    let unsigned = made(&sealed);
    for name in ["signature", "timestamp", "nonce", "msg_signature"] {
        let without: Vec<&str> = unsigned.query.split('&').filter(|p| !p.starts_with(&format!("{name}="))).collect();
        assert_refused(keyed.handle_event(&without.join("&"), unsigned.body.as_bytes(), 64), name);
    }
    for name in ["signature", "timestamp", "nonce", "msg_signature"] {
        let altered = with_altered(&unsigned.query, name);
        assert_refused(keyed.handle_event(&altered, unsigned.body.as_bytes(), 64), "ignature does not match");
    }
    for off_s in [-310, 310, -86_400] {
        let stale = Push { timestamp: Some((now + off_s).to_string()), ..accept.clone() };
        assert_refused(hand_over(&keyless, &made(&stale)), "clock");
        assert_refused(hand_over(&keyed, &made(&in_mode(&stale, Mode::Secure))), "clock");
    }
    assert_refused(hand_over(&keyed, &made(&accept)), "not encrypted although event.aes_key is set");
    assert_refused(hand_over(&keyless, &made(&sealed)), "event.aes_key is not set");
    let foreign = Push { appid: Some("wxfedcba9876543210".to_owned()), ..sealed.clone() };
    assert_refused(hand_over(&keyed, &made(&foreign)), "another appid");
    let other_key = Push { aes_key: Some("kZvGYbDKbtPbhv4LBWOcdsp5VktA3xe9epVhINevtGg".to_owned()), ..sealed.clone() };
    assert_refused(hand_over(&keyed, &made(&other_key)), "does not decrypt");

    // An altered or broken body; in plain mode nobody signs it, but it must be readable.
    let genuine = made(&sealed);
    let altered = genuine.body.replacen("<Encrypt><![CDATA[", "<Encrypt><![CDATA[A", 1);
    assert_refused(keyed.handle_event(&genuine.query, altered.as_bytes(), 64), "msg_signature does not match");
    let bare = made(&accept);
    for format in [Format::Xml, Format::Json] {
        let whole = made(&Push { format, ..accept.clone() });
        for cut in [1, whole.body.len() / 2, whole.body.len() - 1] {
            assert_refused(keyless.handle_event(&bare.query, &whole.body.as_bytes()[..cut], 64), "cannot be read");
        }
    }
    let bomb = "<!DOCTYPE a [<!ENTITY b \"bbbb\">]><xml><Event>&b;</Event></xml>";
    let entity = "<xml><Event>&b;</Event></xml>";
    let deep = "[".repeat(5000);
    let no_time = r#"{"FromUserName":"o1","MsgType":"event","Event":"subscribe_msg_popup_event"}"#;
    let no_player = r#"{"CreateTime":1764000000,"MsgType":"event","Event":"subscribe_msg_popup_event"}"#;
    for body in ["", " \r\n", "hello", "{}x", "[]", "<xml>", "<a></b>", bomb, entity, &deep, no_time, no_player] {
        assert_refused(keyless.handle_event(&bare.query, body.as_bytes(), 64), "cannot be read");
    }
    assert_refused(keyless.handle_event(&bare.query, &[0xff, 0xfe, 0, 0x80], 64), "cannot be read");
    assert_refused(keyless.handle_event(&bare.query, &vec![b' '; (1 << 20) + 1], 64), "1048576 bytes");

    for client in [&keyless, &keyed] {
        assert_eq!(left(client, "o1"), 0);
    }
    assert_eq!(push(&env.wechat, &keyless, &accept).quota, QuotaChange::Granted, "the genuine one still counts");
}

/// The query with another last digit in this parameter.
fn with_altered(query: &str, name: &str) -> String {
    let alter = |pair: &str| match pair.split_once('=') {
        Some((own, value)) if own == name => {
            let last = if value.ends_with('1') { '2' } else { '1' };
            format!("{own}={}{last}", &value[..value.len() - 1])
        }
        _ => pair.to_owned(),
    };
    query.split('&').map(alter).collect::<Vec<_>>().join("&")
}

#[test]
fn a_client_without_keys_says_so() {
    let env = TestEnv::new();
    let client = env.client(json!({}));
    let e = client.handle_event(&verification_query(TOKEN, "1"), b"", 64).unwrap_err();
    assert_eq!((e.status, e.message.contains("\"event\"")), (Status::Config, true), "{e}");
    for (event, part) in [
        (json!({"token": "a b"}), "event.token"),
        (json!({"token": ""}), "event.token"),
        (json!({"token": "t", "aes_key": "short"}), "event.aes_key: 5 characters, an EncodingAESKey has 43"),
        (json!({"token": "t", "aes_key": "!bcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"}), "event.aes_key"),
    ] {
        let opened = Config::from_json(&env.config(json!({"event": event.clone()}))).and_then(Client::open);
        let Err(e) = opened else { panic!("{event} was taken") };
        assert_eq!(e.status, Status::Config);
        assert!(e.message.contains(part), "{event}: {e}");
    }
}

#[test]
fn a_repeated_push_counts_once() {
    let env = TestEnv::new();
    let keyed = env.client(secure());
    let keyless = env.client(plain());
    let accept = popup("o1", TEMPLATE, "accept", now_s());
    let first = push(&env.wechat, &keyless, &accept);
    assert_eq!((first.quota, first.remaining, first.flags), (QuotaChange::Granted, 1, 0));

    // The same request; the same event signed anew; in another format and mode, to another client of the store.
    let same = env.wechat.push(&accept).unwrap();
    let json = Push { format: Format::Json, numbers_as_strings: true, ..accept.clone() };
    let again: [(&Client, Push); 4] = [
        (&keyless, accept.clone()),
        (&keyless, json.clone()),
        (&keyed, in_mode(&accept, Mode::Secure)),
        (&keyed, in_mode(&json, Mode::Mixed)),
    ];
    let assert_replayed = |verdict: Verdict| {
        let told = (verdict.status, verdict.quota, verdict.remaining, verdict.flags & Verdict::REPLAYED);
        assert_eq!(told, (Status::Ok, QuotaChange::Granted, 1, Verdict::REPLAYED), "{}", verdict.message);
        assert_eq!(left(&keyless, "o1"), 1);
    };
    for (client, push_again) in &again {
        assert_replayed(push(&env.wechat, client, push_again));
    }
    for _ in 0..2 {
        assert_replayed(hand_over(&keyless, &same).unwrap().1);
    }
    drop(keyed);
    let reopened = env.client(secure());
    assert_replayed(push(&env.wechat, &reopened, &in_mode(&accept, Mode::Secure)));
    // Another second, another act; another scene, too.
    let later = popup("o1", TEMPLATE, "accept", accept.create_time.unwrap() + 1);
    assert_eq!(push(&env.wechat, &keyless, &later).remaining, 2);
    let mut elsewhere = accept.clone();
    elsewhere.items[0].popup_scene = 2;
    assert_eq!(push(&env.wechat, &keyless, &elsewhere).remaining, 3);

    // A refusal that comes again does not clear what was granted since.
    let refusal = change("o1", TEMPLATE, "reject", now_s() + 100);
    assert_eq!(push(&env.wechat, &keyless, &refusal).remaining, 0);
    push(&env.wechat, &keyless, &popup("o1", TEMPLATE, "accept", now_s() + 101));
    let repeated = push(&env.wechat, &keyless, &refusal);
    assert_eq!((repeated.quota, repeated.flags), (QuotaChange::Cleared, Verdict::REPLAYED));
    assert_eq!(left(&keyless, "o1"), 1);
}

#[test]
fn a_push_that_comes_many_times_at_once_counts_once() {
    let env = TestEnv::new();
    let clients = [env.client(plain()), env.client(plain())];
    let items = vec![EventItem::answer(TEMPLATE, "accept"), EventItem::answer("other", "accept")];
    let accept = event(EventKind::Popup, "o1", items, now_s());
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let (env, client, accept) = (&env, &clients[thread % 2], &accept);
            scope.spawn(move || push(&env.wechat, client, accept));
        }
    });
    assert_eq!((left(&clients[0], "o1"), count(&clients[0], "o1", "other")), (1, 1));
}

#[test]
fn of_an_event_what_is_understood_is_applied() {
    let env = TestEnv::new();
    let client = env.client(plain());
    let items = vec![
        EventItem::answer(TEMPLATE, "perhaps"),
        EventItem::answer("", "accept"),
        EventItem::answer("other", "accept"),
    ];
    let partly = push(&env.wechat, &client, &event(EventKind::Popup, "o1", items, now_s()));
    assert_eq!((partly.quota, partly.template_id.as_str()), (QuotaChange::Granted, "other"), "{}", partly.message);
    let nothing = push(&env.wechat, &client, &popup("o1", TEMPLATE, "perhaps", now_s()));
    assert_eq!((nothing.status, nothing.quota), (Status::Ok, QuotaChange::Untouched));
    assert_eq!(left(&client, "o1"), 0);
}

/// While the store fails there is no reply, so that WeChat pushes again; then it counts.
#[test]
fn an_event_that_the_store_cannot_take_is_taken_when_it_is_pushed_again() {
    let env = TestEnv::new();
    let client = env.client(merged(plain(), json!({"timeout_ms": 300})));
    let other = rusqlite::Connection::open(env.store()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let pushed = env.wechat.push(&popup("o1", TEMPLATE, "accept", now_s())).unwrap();
    let e = hand_over(&client, &pushed).unwrap_err();
    assert_eq!((e.status, e.retry), (Status::Store, wxsub::Retry::Later), "{e}");
    other.execute_batch("COMMIT").unwrap();
    let (reply, verdict) = hand_over(&client, &pushed).unwrap();
    assert_eq!((reply.as_str(), verdict.quota, verdict.remaining), ("success", QuotaChange::Granted, 1));
}

#[test]
fn a_reply_that_does_not_fit_applies_nothing() {
    let env = TestEnv::new();
    let client = env.client(plain());
    let pushed = env.wechat.push(&popup("o1", TEMPLATE, "accept", now_s())).unwrap();
    for room_for in 0..7 {
        let e = client.handle_event(&pushed.query, pushed.body.as_bytes(), room_for).unwrap_err();
        assert_eq!(e.status, Status::Arg, "{e}");
        assert_eq!(left(&client, "o1"), 0);
    }
    let (reply, verdict) = client.handle_event(&pushed.query, pushed.body.as_bytes(), 7).unwrap();
    assert_eq!((reply.as_str(), verdict.quota), ("success", QuotaChange::Granted));
}

/// One call through the C ABI, with a buffer of so many bytes: the status, the reply's length, the buffer, the result.
pub fn through_c(
    client: *const wxsub_client,
    query: &str,
    body: &[u8],
    capacity: usize,
) -> (i32, usize, Vec<u8>, wxsub_result) {
    let query = CString::new(query).unwrap();
    let mut buffer = vec![0x55; 64];
    let mut length = usize::MAX;
    // SAFETY: zeroes are a valid result; every pointer is to memory of the stated size that outlives the call.
    let (status, result) = unsafe {
        let mut result: wxsub_result = std::mem::zeroed();
        result.struct_size = size_of::<wxsub_result>() as u32;
        let reply = if capacity == 0 { ptr::null_mut() } else { buffer.as_mut_ptr().cast::<c_char>() };
        let (data, size) = (body.as_ptr().cast::<c_char>(), body.len());
        let status = wxsub_handle_event(client, query.as_ptr(), data, size, reply, capacity, &mut length, &mut result);
        (status, result)
    };
    assert!(buffer[capacity..].iter().all(|b| *b == 0x55), "written beyond the buffer");
    assert_eq!(status, result.status);
    (status, length, buffer, result)
}

#[test]
fn the_c_abi_writes_the_reply() {
    let env = TestEnv::new();
    let config = CString::new(env.config(plain())).unwrap();
    let mut client: *mut wxsub_client = ptr::null_mut();
    // SAFETY: a string, a place for the handle, and no result wanted.
    assert_eq!(unsafe { wxsub_init(config.as_ptr(), &mut client, ptr::null_mut()) }, WXSUB_OK);
    let accept = env.wechat.push(&popup("o1", TEMPLATE, "accept", now_s())).unwrap();

    for short in [1, 6] {
        let (status, length, buffer, _) = through_c(client, &accept.query, accept.body.as_bytes(), short);
        assert_eq!((status, length, buffer[0]), (WXSUB_E_ARG, 0, 0), "an empty reply, and nothing applied");
    }
    let (status, length, buffer, result) = through_c(client, &accept.query, accept.body.as_bytes(), 7);
    assert_eq!((status, length, &buffer[..7]), (WXSUB_OK, 7, &b"success"[..]));
    assert_eq!((result.quota, result.remaining), (WXSUB_QUOTA_GRANTED, 1));
    // SAFETY: the library ends its strings with NUL.
    let template = unsafe { CStr::from_ptr(result.template_id.as_ptr()) };
    assert_eq!(template.to_str().unwrap(), TEMPLATE);
    let (status, length, buffer, result) = through_c(client, &accept.query, accept.body.as_bytes(), 64);
    assert_eq!((status, length, &buffer[..8], result.flags), (WXSUB_OK, 7, &b"success\0"[..], Verdict::REPLAYED));

    let forged = accept.query.replacen("signature=", "signature=0", 1);
    let (status, length, buffer, result) = through_c(client, &forged, accept.body.as_bytes(), 64);
    assert_eq!((status, length, buffer[0], result.remaining), (WXSUB_E_SIGNATURE, 0, 0, -1));
    let query = verification_query(TOKEN, "5940312834517368192");
    let (status, length, buffer, _) = through_c(client, &query, b"", 64);
    assert_eq!((status, &buffer[..length]), (WXSUB_OK, &b"5940312834517368192"[..]));
    // A host that knows what to answer wants no reply.
    let later = env.wechat.push(&popup("o1", TEMPLATE, "accept", now_s() - 9)).unwrap();
    let (status, _, _, result) = through_c(client, &later.query, later.body.as_bytes(), 0);
    assert_eq!((status, result.remaining), (WXSUB_OK, 2));
    // SAFETY: NULL bodies and a freed handle are allowed.
    unsafe {
        wxsub_free(client);
        let status = wxsub_handle_event(
            client,
            config.as_ptr(),
            ptr::null(),
            0,
            ptr::null_mut(),
            0,
            ptr::null_mut(),
            ptr::null_mut(),
        );
        assert_eq!(status, WXSUB_E_STATE);
    }
}

/// A real address on loopback: the simulator pushes, the host answers 500 until its store works again.
#[test]
fn pushed_over_http_until_the_host_says_success() {
    use std::io::{BufRead, BufReader, Read, Write};

    let env = TestEnv::new();
    let client = env.client(merged(secure(), json!({"timeout_ms": 200})));
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/wechat?game=1", listener.local_addr().unwrap());
    let lock = rusqlite::Connection::open(env.store()).unwrap();
    lock.execute_batch("BEGIN IMMEDIATE").unwrap();
    let client = &client;
    std::thread::scope(|scope| {
        scope.spawn(move || {
            let mut lock = Some(lock);
            for _ in 0..2 {
                let (mut connection, _) = listener.accept().unwrap();
                connection.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
                let mut reader = BufReader::new(connection.try_clone().unwrap());
                let mut lines = Vec::new();
                loop {
                    let mut line = String::new();
                    reader.read_line(&mut line).unwrap();
                    if line.trim().is_empty() {
                        break;
                    }
                    lines.push(line.trim().to_owned());
                }
                let length = lines.iter().find_map(|l| {
                    let (name, value) = l.split_once(':')?;
                    name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().unwrap())
                });
                let mut body = vec![0; length.unwrap()];
                reader.read_exact(&mut body).unwrap();
                let target = lines[0].split(' ').nth(1).unwrap();
                let query = target.split_once('?').unwrap().1;
                let (status, reply) = match client.handle_event(query, &body, 64) {
                    Ok((reply, _)) => ("200 OK", reply),
                    Err(_) => ("500 Internal Server Error", String::new()),
                };
                let head = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", reply.len());
                connection.write_all((head + &reply).as_bytes()).unwrap();
                drop(lock.take());
            }
        });
        let accept = in_mode(&popup("o1", TEMPLATE, "accept", now_s()), Mode::Secure);
        let report = env.wechat.push_to(&accept, &url).unwrap();
        let tries: Vec<Option<u16>> = report.tries.iter().map(|t| t.status).collect();
        assert_eq!((report.accepted, tries), (true, vec![Some(500), Some(200)]));
    });
    assert_eq!(left(client, "o1"), 1);
}

/// What the store cannot tell of: events of players and templates that it never heard of.
#[test]
fn events_of_strangers_are_harmless() {
    let env = TestEnv::new();
    let client = env.client(plain());
    let now = now_s();
    let refused = push(&env.wechat, &client, &popup("o9", TEMPLATE, "reject", now));
    assert_eq!((refused.quota, refused.remaining), (QuotaChange::Cleared, 0));
    for errcode in [0, 43101, 20001, -1, i64::from(i32::MAX)] {
        let nothing = push(&env.wechat, &client, &sent("o9", TEMPLATE, 5, errcode, now));
        let told = (nothing.status, nothing.quota, nothing.remaining, nothing.msgid);
        assert_eq!(told, (Status::Ok, QuotaChange::Untouched, -1, 5), "{errcode}: {}", nothing.message);
    }
    assert_eq!(left(&client, "o9"), 0);
}
