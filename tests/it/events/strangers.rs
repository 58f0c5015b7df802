//! What is not WeChat's changes nothing.

use super::*;

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
