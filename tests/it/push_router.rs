//! One address for messages of all kinds: what is not ours is handed on, in plain text, and answered by the host.

use std::ffi::CString;
use std::ptr;

use crate::common::pushes::{AES_KEY, TOKEN, hand_over, in_mode, message, now_s, plain, popup, push, secure, unsigned};
use crate::common::{TEMPLATE, TestEnv, left};
use serde_json::{Value, json};
use wxsub::ffi::{
    WXSUB_E_ARG, WXSUB_E_SIGNATURE, WXSUB_E_STATE, WXSUB_NOT_OURS, WXSUB_OK, wxsub_client, wxsub_free, wxsub_init,
    wxsub_open_event, wxsub_result,
};
use wxsub::{QuotaChange, Status, Verdict};
use wxsub_simulator::push::{Mode, verification_query};

const GIFT: &str = r#"{"ToUserName":"gh","FromUserName":"o1","CreateTime":1,"MsgType":"event",
    "Event":"minigame_deliver_goods","MiniGame":{"OrderId":"7","GoodsList":[{"Id":"gem","Num":10}]}}"#;

const OTHERS: [&str; 9] = [
    "<xml><FromUserName>o1</FromUserName><CreateTime>1</CreateTime><MsgType>text</MsgType><Content>在吗</Content></xml>",
    r#"{"FromUserName":"o1","CreateTime":1,"MsgType":"event","Event":"user_enter_tempsession"}"#,
    GIFT,
    r#"{"MsgType":"event","Event":"minigame_game_pay_goods_deliver_notify","MiniGame":{"Payload":"{}"}}"#,
    // The platform is the sender; they carry a duty of the host's.
    r#"{"FromUserName":"oPlatform","CreateTime":1,"MsgType":"event","Event":"user_authorization_revoke","OpenID":"o1"}"#,
    "<xml><MsgType>event</MsgType><Event>user_authorization_cancellation</Event><OpenID>o1</OpenID></xml>",
    r#"{"Event":"subscribe_msg_popup_event","MsgType":"text","FromUserName":"o1"}"#,
    "{}",
    "\u{feff}<xml/>",
];

#[test]
fn what_is_not_ours_is_left_to_the_host() {
    let env = TestEnv::new();
    // Two of them are a player's leave: he is forgotten where the body is trusted.
    let trusted = [(unsigned(), Mode::Plain, false), (plain(), Mode::Plain, true), (secure(), Mode::Secure, true)];
    for (config, mode, forgets) in trusted {
        let client = env.client(config);
        push(&env.wechat, &client, &in_mode(&popup("o1", TEMPLATE, "accept", now_s()), mode));
        let before = left(&client, "o1");
        for text in OTHERS {
            let pushed = env.wechat.push(&message(text, mode)).unwrap();
            let open = || client.open_event(&pushed.query, pushed.body.as_bytes()).unwrap();
            assert_eq!(open(), text.as_bytes(), "before the event is handled");
            let (reply, verdict) = hand_over(&client, &pushed).unwrap();
            let told = (reply.as_str(), verdict.status, verdict.quota, verdict.flags);
            assert_eq!(told, ("", Status::Ok, QuotaChange::Untouched, Verdict::NOT_OURS), "{text}");
            assert_eq!(open(), text.as_bytes(), "and after it");
        }
        assert_eq!(left(&client, "o1"), if forgets { 0 } else { before });
    }
}

/// Ours is opened, too, and nothing of it is applied.
#[test]
fn opening_applies_nothing() {
    let env = TestEnv::new();
    for (config, mode) in [(unsigned(), Mode::Plain), (secure(), Mode::Secure), (secure(), Mode::Mixed)] {
        let client = env.client(config);
        let openid = format!("o-{mode:?}");
        let accept = in_mode(&popup(&openid, TEMPLATE, "accept", now_s()), mode);
        let pushed = env.wechat.push(&accept).unwrap();
        let plain = client.open_event(&pushed.query, pushed.body.as_bytes()).unwrap();
        assert!(String::from_utf8(plain).unwrap().contains("subscribe_msg_popup_event"));
        assert_eq!(left(&client, &openid), 0);
        let (reply, verdict) = hand_over(&client, &pushed).unwrap();
        assert_eq!((reply.as_str(), verdict.quota, verdict.flags), ("success", QuotaChange::Granted, 0));
    }
}

#[test]
fn what_is_not_wechats_is_not_opened() {
    let env = TestEnv::new();
    let keyed = env.client(secure());
    let sealed = env.wechat.push(&message(GIFT, Mode::Secure)).unwrap();
    let bare = env.wechat.push(&message(GIFT, Mode::Plain)).unwrap();
    let forged = sealed.query.replacen("signature=", "signature=0", 1);
    let altered = sealed.body.replacen("<Encrypt><![CDATA[", "<Encrypt><![CDATA[A", 1);
    for (query, body) in [(&forged, &sealed.body), (&sealed.query, &altered), (&bare.query, &bare.body)] {
        let e = keyed.open_event(query, body.as_bytes()).unwrap_err();
        assert_eq!(e.status, Status::Signature, "{e}");
    }
    let keyless = env.client(unsigned());
    assert_eq!(keyless.open_event(&sealed.query, sealed.body.as_bytes()).unwrap_err().status, Status::Signature);
    // The check of the address holds no message.
    assert_eq!(keyed.open_event(&verification_query(TOKEN, "1"), b"").unwrap(), b"");
    let deaf = env.client(json!({}));
    assert_eq!(deaf.open_event(&bare.query, bare.body.as_bytes()).unwrap_err().status, Status::Config);
}

/// While the EncodingAESKey is changed, WeChat's pushes come under either.
#[test]
fn two_keys_during_a_change() {
    let env = TestEnv::new();
    let new_key = "kZvGYbDKbtPbhv4LBWOcdsp5VktA3xe9epVhINevtGg";
    let config = |event: Value| json!({"event": event});
    let both = json!({"token": TOKEN, "aes_key": new_key, "aes_key_previous": AES_KEY});
    let client = env.client(config(both));
    for (openid, key) in [("o-new", new_key), ("o-old", AES_KEY)] {
        let accept = in_mode(&popup(openid, TEMPLATE, "accept", now_s()), Mode::Secure);
        let accept = wxsub_simulator::push::Push { aes_key: Some(key.to_owned()), ..accept };
        assert_eq!(push(&env.wechat, &client, &accept).quota, QuotaChange::Granted, "{openid}");
    }
    for (event, part) in [
        (json!({"token": "t", "aes_key_previous": AES_KEY}), "aes_key_previous needs event.aes_key"),
        (json!({"token": "t", "aes_key": AES_KEY, "aes_key_previous": "x"}), "event.aes_key_previous: 1 characters"),
        (json!({"token": "t", "trust_plain": "yes"}), "event.trust_plain must be true or false"),
    ] {
        let opened = wxsub::Config::from_json(&env.config(config(event))).and_then(wxsub::Client::open);
        let Err(e) = opened else { panic!("{part}") };
        assert!(e.status == Status::Config && e.message.contains(part), "{e}");
    }
}

/// One call through the C ABI, with a buffer of `capacity` bytes.
fn open_in_c(client: *const wxsub_client, query: &str, body: &[u8], capacity: usize) -> (i32, usize, Vec<u8>) {
    let query = CString::new(query).unwrap();
    let mut buffer = vec![0x55; capacity + 8];
    let mut length = usize::MAX;
    // SAFETY: zeroes are a valid result; every pointer is to memory of the stated size that outlives the call.
    let status = unsafe {
        let mut why: wxsub_result = std::mem::zeroed();
        why.struct_size = size_of::<wxsub_result>() as u32;
        let plain = if capacity == 0 { ptr::null_mut() } else { buffer.as_mut_ptr().cast() };
        let (data, size) = (body.as_ptr().cast(), body.len());
        let status = wxsub_open_event(client, query.as_ptr(), data, size, plain, capacity, &mut length, &mut why);
        assert_eq!(status, why.status);
        status
    };
    assert!(buffer[capacity..].iter().all(|b| *b == 0x55), "written beyond the buffer");
    buffer.truncate(capacity);
    (status, length, buffer)
}

#[test]
fn the_c_abi_hands_out_the_text() {
    let env = TestEnv::new();
    let config = CString::new(env.config(secure())).unwrap();
    let mut client: *mut wxsub_client = ptr::null_mut();
    // SAFETY: a string, a place for the handle, and no result wanted.
    assert_eq!(unsafe { wxsub_init(config.as_ptr(), &mut client, ptr::null_mut()) }, WXSUB_OK);
    let gift = env.wechat.push(&message(GIFT, Mode::Secure)).unwrap();
    let open = |capacity| open_in_c(client, &gift.query, gift.body.as_bytes(), capacity);
    let all = GIFT.len();
    for short in [1, all - 1] {
        let (status, length, buffer) = open(short);
        assert_eq!((status, length, buffer[0]), (WXSUB_E_ARG, all, 0));
    }
    assert_eq!(open(0), (WXSUB_OK, all, Vec::new()));
    assert_eq!(open(all), (WXSUB_OK, all, GIFT.as_bytes().to_vec()));
    let (status, length, buffer) = open(gift.body.len());
    assert!(all < gift.body.len());
    assert_eq!((status, length, &buffer[..all], buffer[all]), (WXSUB_OK, all, GIFT.as_bytes(), 0));
    let forged = gift.query.replacen("signature=", "signature=0", 1);
    let (status, length, buffer) = open_in_c(client, &forged, gift.body.as_bytes(), 9);
    assert_eq!((status, length, buffer[0]), (WXSUB_E_SIGNATURE, 0, 0));
    let (status, length, buffer, result) = crate::events::through_c(client, &gift.query, gift.body.as_bytes(), 64);
    assert_eq!((status, length, buffer[0], result.flags), (WXSUB_OK, 0, 0, WXSUB_NOT_OURS));
    // SAFETY: a freed handle is allowed.
    unsafe { wxsub_free(client) };
    assert_eq!(open(9).0, WXSUB_E_STATE);
}
