//! Events as WeChat pushes them, made by the simulator and handed to a client.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use wxsub::{Client, Error, Verdict};
use wxsub_simulator::Simulator;
use wxsub_simulator::push::{EventItem, EventKind, Mode, Push, Pushed};

pub const TOKEN: &str = "wxsubExampleToken7";
/// Its spare bits are not zero, as those of most keys.
pub const AES_KEY: &str = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG";

/// `"event"` of a configuration in plain mode, for a host that nobody else reaches.
pub fn plain() -> Value {
    json!({"event": {"token": TOKEN, "trust_plain": true}})
}

/// The same for a host that anybody may reach: only accepts are believed.
pub fn unsigned() -> Value {
    json!({"event": {"token": TOKEN}})
}

/// `"event"` of a configuration in secure mode.
pub fn secure() -> Value {
    json!({"event": {"token": TOKEN, "aes_key": AES_KEY}})
}

pub fn now_s() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs() as i64
}

/// An event of so long ago, pushed just now.
pub fn event(kind: EventKind, openid: &str, items: Vec<EventItem>, create_time: i64) -> Push {
    Push {
        event: kind,
        openid: openid.to_owned(),
        items,
        create_time: Some(create_time),
        token: TOKEN.to_owned(),
        aes_key: Some(AES_KEY.to_owned()),
        timestamp: Some(now_s().to_string()),
        ..Push::default()
    }
}

pub fn popup(openid: &str, template_id: &str, status: &str, create_time: i64) -> Push {
    event(EventKind::Popup, openid, vec![EventItem::answer(template_id, status)], create_time)
}

pub fn change(openid: &str, template_id: &str, status: &str, create_time: i64) -> Push {
    event(EventKind::Change, openid, vec![EventItem::answer(template_id, status)], create_time)
}

pub fn sent(openid: &str, template_id: &str, msgid: i64, errcode: i64, create_time: i64) -> Push {
    event(EventKind::Sent, openid, vec![EventItem::sent(template_id, msgid, errcode)], create_time)
}

/// Hands a request over, as a host does.
pub fn hand_over(client: &Client, pushed: &Pushed) -> Result<(String, Verdict), Error> {
    client.handle_event(&pushed.query, pushed.body.as_bytes(), 64)
}

/// Pushes an event in plain mode; it must be taken.
#[track_caller]
pub fn push(wechat: &Simulator, client: &Client, push: &Push) -> Verdict {
    let pushed = wechat.push(push).expect("an event");
    match hand_over(client, &pushed) {
        Ok((reply, verdict)) => {
            assert_eq!(reply, "success");
            verdict
        }
        Err(e) => panic!("{e}\n{}\n{}", pushed.query, pushed.body),
    }
}

/// A message of another kind.
pub fn message(text: &str, mode: Mode) -> Push {
    Push { message: Some(text.to_owned()), mode, ..event(EventKind::Popup, "", Vec::new(), now_s()) }
}

/// The same event in another mode.
pub fn in_mode(push: &Push, mode: Mode) -> Push {
    Push { mode, ..push.clone() }
}
