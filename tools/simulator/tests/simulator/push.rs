//! Section 6 of wechat-api.md: pushed events, taken apart as a game's server would.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread::JoinHandle;

use crate::common::Game;
use aes::Aes256;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cbc::cipher::block_padding::NoPadding;
use cbc::cipher::{BlockModeDecrypt, KeyIvInit};
use serde_json::{Value, json};
use sha1::{Digest, Sha1};
use wxsub_simulator::push::{EventItem, EventKind, Format, ListName, Mode, Push, Pushed, verification_query};

const TOKEN: &str = "console-token";
/// Its last character has spare bits that a strict decoder refuses.
const AES_KEY: &str = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG";

fn popup() -> Push {
    Push {
        openid: "o".into(),
        items: vec![EventItem::answer("t", "accept")],
        create_time: Some(1_700_000_000),
        token: TOKEN.into(),
        aes_key: Some(AES_KEY.into()),
        ..Push::default()
    }
}

fn param(query: &str, name: &str) -> String {
    form_urlencoded::parse(query.as_bytes())
        .find(|(k, _)| k == name)
        .map_or_else(|| panic!("no {name} in {query}"), |(_, v)| v.into_owned())
}

fn sha1(mut parts: Vec<String>) -> String {
    parts.sort();
    Sha1::digest(parts.concat()).iter().map(|b| format!("{b:02x}")).collect()
}

fn assert_signed(query: &str) {
    let parts = vec![TOKEN.to_owned(), param(query, "timestamp"), param(query, "nonce")];
    assert_eq!(param(query, "signature"), sha1(parts));
}

/// Checks msg_signature and gives the message and the appid inside.
fn decrypt(pushed: &Pushed, encrypted: &str) -> (String, String) {
    let query = &pushed.query;
    let parts = vec![TOKEN.to_owned(), param(query, "timestamp"), param(query, "nonce"), encrypted.to_owned()];
    assert_eq!(param(query, "msg_signature"), sha1(parts));
    assert_eq!(param(query, "encrypt_type"), "aes");
    // The spare bits of the last character changed to zero: the key a strict decoder agrees to.
    let key = STANDARD.decode(format!("{}E=", &AES_KEY[..42])).unwrap();
    let cipher = cbc::Decryptor::<Aes256>::new_from_slices(&key, &key[..16]).unwrap();
    let plain = cipher.decrypt_padded_vec::<NoPadding>(&STANDARD.decode(encrypted).unwrap()).unwrap();
    assert_eq!(plain.len() % 32, 0);
    let pad = usize::from(*plain.last().unwrap());
    let length = u32::from_be_bytes(plain[16..20].try_into().unwrap()) as usize;
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (text(&plain[20..20 + length]), text(&plain[20 + length..plain.len() - pad]))
}

fn between<'a>(text: &'a str, start: &str, end: &str) -> &'a str {
    text.split_once(start)
        .and_then(|(_, rest)| rest.split_once(end))
        .unwrap_or_else(|| panic!("no {start} in {text}"))
        .0
}

#[test]
fn plain_xml() {
    let game = Game::start();
    let pushed = game.wechat.push(&popup()).unwrap();
    assert_signed(&pushed.query);
    assert_eq!((param(&pushed.query, "openid").as_str(), pushed.content_type), ("o", "text/xml"));
    assert_eq!(
        pushed.body,
        "<xml><ToUserName><![CDATA[gh_simulator]]></ToUserName><FromUserName><![CDATA[o]]></FromUserName>\
         <CreateTime>1700000000</CreateTime><MsgType><![CDATA[event]]></MsgType>\
         <Event><![CDATA[subscribe_msg_popup_event]]></Event>\
         <SubscribeMsgPopupEvent><List><TemplateId><![CDATA[t]]></TemplateId>\
         <SubscribeStatusString><![CDATA[accept]]></SubscribeStatusString><PopupScene>0</PopupScene></List>\
         </SubscribeMsgPopupEvent></xml>"
    );
    assert!(!pushed.query.contains("msg_signature"));
}

#[test]
fn hostile_text_stays_inside_its_element() {
    let game = Game::start();
    let pushed = game.wechat.push(&Push { openid: "a]]><x>&".into(), ..popup() }).unwrap();
    let mut reader = quick_xml::Reader::from_str(&pushed.body);
    let mut names = 0;
    loop {
        match reader.read_event().expect("well-formed") {
            quick_xml::events::Event::Start(start) => {
                assert_ne!(start.name().as_ref(), "x");
                names += 1;
            }
            quick_xml::events::Event::Eof => break,
            _ => {}
        }
    }
    assert_eq!(names, 11);
}

#[test]
fn json_has_an_object_for_one_and_an_array_for_several() {
    let game = Game::start();
    let mut push = Push { format: Format::Json, ..popup() };
    let body = |push: &Push| -> Value { serde_json::from_str(&game.wechat.push(push).unwrap().body).unwrap() };
    let one = body(&push);
    assert_eq!(one["List"], json!({ "TemplateId": "t", "SubscribeStatusString": "accept", "PopupScene": 0 }));
    assert_eq!((&one["CreateTime"], &one["Event"]), (&json!(1_700_000_000), &json!("subscribe_msg_popup_event")));
    push.items.push(EventItem::answer("u", "reject"));
    push.numbers_as_strings = true;
    push.list_name = ListName::Event;
    let two = body(&push);
    assert_eq!(two["CreateTime"], "1700000000");
    assert_eq!(two["SubscribeMsgPopupEvent"].as_array().unwrap().len(), 2);
    assert_eq!(two["SubscribeMsgPopupEvent"][1]["PopupScene"], "0");
}

#[test]
fn change_and_sent() {
    let game = Game::start();
    let change = Push { event: EventKind::Change, items: vec![EventItem::answer("t", "reject")], ..popup() };
    let body = game.wechat.push(&change).unwrap().body;
    assert!(body.contains("<SubscribeMsgChangeEvent><List>") && !body.contains("PopupScene"));
    let odd = game.wechat.push(&Push { list_name: ListName::AlwaysPopup, ..change }).unwrap().body;
    assert!(odd.contains("<![CDATA[subscribe_msg_change_event]]>") && odd.contains("<SubscribeMsgPopupEvent><List>"));
    let items = vec![EventItem::sent("t", 2_400_000_000_000_000_001, 0), EventItem::sent("t", 7, 43101)];
    let sent = game.wechat.push(&Push { event: EventKind::Sent, items, ..popup() }).unwrap().body;
    assert!(
        sent.contains("<MsgID>2400000000000000001</MsgID><ErrorCode>0</ErrorCode><ErrorStatus><![CDATA[success]]>")
    );
    assert!(sent.contains("<MsgID>7</MsgID><ErrorCode>43101</ErrorCode><ErrorStatus><![CDATA[failed]]>"));
    assert_eq!(sent.matches("<List>").count(), 2);
}

#[test]
fn secure_and_mixed() {
    let game = Game::start();
    let plain = game.wechat.push(&popup()).unwrap().body;
    let secure = game.wechat.push(&Push { mode: Mode::Secure, ..popup() }).unwrap();
    assert_signed(&secure.query);
    assert!(!secure.body.contains("TemplateId") && secure.body.contains("<ToUserName>"));
    let encrypted = between(&secure.body, "<Encrypt><![CDATA[", "]]></Encrypt>");
    assert_eq!(decrypt(&secure, encrypted), (plain.clone(), "wx0000000000000000".to_owned()));

    let mixed = game.wechat.push(&Push { mode: Mode::Mixed, ..popup() }).unwrap();
    assert!(mixed.body.contains("<TemplateId>"));
    assert_eq!(decrypt(&mixed, between(&mixed.body, "<Encrypt><![CDATA[", "]]></Encrypt>")).0, plain);

    let foreign = Push { mode: Mode::Secure, format: Format::Json, appid: Some("wx-other".into()), ..popup() };
    let pushed = game.wechat.push(&foreign).unwrap();
    let body: Value = serde_json::from_str(&pushed.body).unwrap();
    let (message, appid) = decrypt(&pushed, body["Encrypt"].as_str().unwrap());
    assert_eq!((appid.as_str(), body.get("Event")), ("wx-other", None));
    assert_eq!(serde_json::from_str::<Value>(&message).unwrap()["Event"], "subscribe_msg_popup_event");
    assert!(game.wechat.push(&Push { mode: Mode::Secure, aes_key: None, ..popup() }).unwrap_err().contains("aes_key"));
}

#[test]
fn the_act_itself_if_wanted() {
    let game = Game::start();
    game.wechat.push(&popup()).unwrap();
    assert_eq!(game.wechat.remaining("o", "t"), 0);
    game.wechat.push(&Push { apply: true, ..popup() }).unwrap();
    assert_eq!(game.wechat.remaining("o", "t"), 1);
    game.wechat.push(&Push { apply: true, items: vec![EventItem::answer("t", "reject")], ..popup() }).unwrap();
    assert_eq!(game.wechat.remaining("o", "t"), 0);
}

#[test]
fn address_check() {
    let query = verification_query(TOKEN, "echo me");
    assert_signed(&query);
    assert_eq!(param(&query, "echostr"), "echo me");
    let game = Game::start();
    let query =
        game.get(&format!("/sim/verification?token={TOKEN}&echostr=e")).json()["query"].as_str().unwrap().to_owned();
    assert_signed(&query);
}

/// An endpoint that answers each request with the next of these and gives back what it got.
fn endpoint(answers: &'static [&'static str]) -> (String, JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/events?game=1", listener.local_addr().unwrap());
    let serve = move || {
        let mut got = Vec::new();
        for answer in answers {
            let (mut socket, _) = listener.accept().unwrap();
            let mut bytes = Vec::new();
            while !String::from_utf8_lossy(&bytes).contains("</xml>") {
                let mut chunk = [0; 4096];
                let n = socket.read(&mut chunk).unwrap();
                bytes.extend_from_slice(&chunk[..n]);
            }
            socket.write_all(answer.as_bytes()).unwrap();
            got.push(String::from_utf8(bytes).unwrap());
        }
        got
    };
    (url, std::thread::spawn(serve))
}

const SUCCESS: &str = "HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\nsuccess";
const FAILURE: &str = "HTTP/1.1 500 Oops\r\ncontent-length: 0\r\n\r\n";

#[test]
fn pushed_again_until_it_is_taken() {
    let game = Game::start();
    let (url, served) = endpoint(&[FAILURE, "", SUCCESS]);
    let report = game.wechat.push_to(&popup(), &url).unwrap();
    assert!(report.accepted);
    assert_eq!(report.tries.iter().map(|t| t.status).collect::<Vec<_>>(), [Some(500), None, Some(200)]);
    assert_eq!(report.tries[2].body, "success");
    let got = served.join().unwrap();
    assert!(got[0].starts_with("POST /events?game=1&signature="));
    assert!(got[0].contains("content-type: text/xml") && got[0].contains("content-length: "));
    assert_eq!(got[0], got[2]);
}

#[test]
fn given_up_after_three() {
    let game = Game::start();
    let (url, served) = endpoint(&[FAILURE, FAILURE, FAILURE]);
    let report = game.wechat.push_to(&popup(), &url).unwrap();
    assert_eq!((report.accepted, report.tries.len()), (false, 3));
    served.join().unwrap();
    assert!(game.wechat.push_to(&popup(), "http://example.com/").unwrap_err().contains("127.0.0.1"));
    assert!(game.wechat.push_to(&popup(), "not a url").is_err());
}

#[test]
fn over_http() {
    let game = Game::start();
    let mut body = json!({
        "event": "popup", "openid": "o", "token": TOKEN, "mode": "secure", "aes_key": AES_KEY,
        "items": [{ "template_id": "t", "status": "accept" }],
    });
    let built = game.sim("push", &body);
    assert_signed(built["query"].as_str().unwrap());
    assert!(built["body"].as_str().unwrap().starts_with("<xml>"));
    let (url, served) = endpoint(&[SUCCESS]);
    body["url"] = url.into();
    let done = game.sim("push", &body);
    assert_eq!((&done["report"]["accepted"], &done["report"]["tries"][0]["body"]), (&json!(true), &json!("success")));
    served.join().unwrap();
}
