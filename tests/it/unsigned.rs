//! Plain mode signs the query and not the body: what a stranger with an observed query can do, and what not.

use std::sync::{Arc, Mutex};

use crate::common::pushes::{
    TOKEN, change, event, hand_over, in_mode, message, now_s, plain, popup, push, secure, sent, unsigned,
};
use crate::common::{TEMPLATE, TestEnv, left, send};
use crate::events::{assert_refused, merged};
use serde_json::json;
use wxsub::{Answer, Client, Level, QuotaChange, Sink, Status};
use wxsub_simulator::push::{EventItem, EventKind, Mode, Push, verification_query};
use wxsub_simulator::{Endpoint, Fault};

/// A client and a player with two grants that came from the game.
fn player_with_two(env: &TestEnv, config: serde_json::Value) -> Client {
    let client = env.client(config);
    for _ in 0..2 {
        client.report("o1", Some(TEMPLATE), Answer::Accept, None);
    }
    client
}

#[test]
fn an_unsigned_refusal_changes_nothing() {
    let env = TestEnv::new();
    let client = player_with_two(&env, unsigned());
    let now = now_s();
    for forged in [
        popup("o1", TEMPLATE, "reject", now + 100),
        change("o1", TEMPLATE, "reject", now + 100),
        sent("o1", TEMPLATE, 5, 43101, now + 100),
        sent("o1", TEMPLATE, 6, 0, now + 100),
        in_mode(&popup("o1", TEMPLATE, "reject", now + 101), Mode::Mixed),
    ] {
        let ignored = push(&env.wechat, &client, &forged);
        let told = (ignored.status, ignored.quota, ignored.template_id.as_str());
        assert_eq!(told, (Status::Ok, QuotaChange::Untouched, TEMPLATE), "{forged:?}");
        assert!(ignored.message.contains("aes_key"), "{}", ignored.message);
        assert_eq!(left(&client, "o1"), 2, "{forged:?}");
    }
    // Among several parts only the accept counts.
    let items = vec![EventItem::answer(TEMPLATE, "reject"), EventItem::answer("other", "accept")];
    let partly = push(&env.wechat, &client, &event(EventKind::Popup, "o1", items, now));
    assert_eq!((partly.quota, partly.template_id.as_str()), (QuotaChange::Granted, "other"), "{}", partly.message);
    assert_eq!(left(&client, "o1"), 2);
}

/// What the game reports is still the player's own word: a forged refusal before it is no half of a pair.
#[test]
fn an_unsigned_refusal_leaves_no_mark_for_pairing() {
    let env = TestEnv::new();
    let client = player_with_two(&env, unsigned());
    push(&env.wechat, &client, &popup("o1", TEMPLATE, "reject", now_s()));
    let refused = client.report("o1", Some(TEMPLATE), Answer::Reject, None);
    assert_eq!((refused.quota, refused.remaining), (QuotaChange::Cleared, 0), "{}", refused.message);
}

/// A send that was maybe made stays so, whatever an unsigned event says of it.
#[test]
fn an_unsigned_result_settles_nothing() {
    for (config, settled) in [(unsigned(), 1), (plain(), 0)] {
        let env = TestEnv::new();
        let client = env.client(merged(config, json!({"timeout_ms": 1000, "max_attempts": 1})));
        env.accept(&client, "o1");
        env.wechat.arm(Fault::close().on(Endpoint::Send).openid("o1").applied());
        let maybe = send(&client, "o1");
        assert_eq!((maybe.status, maybe.remaining), (Status::Unknown, 1), "{}", maybe.message);
        let msgid = env.wechat.deliveries_to("o1").last().unwrap().msgid;
        push(&env.wechat, &client, &sent("o1", TEMPLATE, msgid, 0, now_s()));
        assert_eq!(left(&client, "o1"), settled);
    }
}

#[test]
fn a_configuration_that_trusts_plain_mode_believes_refusals() {
    let env = TestEnv::new();
    let client = player_with_two(&env, plain());
    let refused = push(&env.wechat, &client, &popup("o1", TEMPLATE, "reject", now_s() + 100));
    assert_eq!((refused.quota, refused.remaining), (QuotaChange::Cleared, 0), "{}", refused.message);
}

/// One observed query, and bodies of one's own.
#[test]
fn a_query_that_was_seen_signs_no_other_body() {
    let env = TestEnv::new();
    for config in [unsigned(), plain()] {
        let client = env.client(config);
        let genuine = env.wechat.push(&popup("o-genuine", TEMPLATE, "accept", now_s())).unwrap();
        hand_over(&client, &genuine).unwrap();
        for other in [
            popup("o-forged", TEMPLATE, "accept", now_s()),
            message(r#"{"MsgType":"event","Event":"minigame_deliver_goods"}"#, Mode::Plain),
        ] {
            let forged = env.wechat.push(&other).unwrap().body;
            assert_refused(client.handle_event(&genuine.query, forged.as_bytes(), 64), "another body");
            let dressed = format!("?x=1&{}&openid=o2", genuine.query.replace("openid=o-genuine&", ""));
            assert_refused(client.handle_event(&dressed, forged.as_bytes(), 64), "another body");
            let opened = client.open_event(&genuine.query, forged.as_bytes()).unwrap_err();
            assert_eq!(opened.status, Status::Signature, "{opened}");
        }
        assert_eq!(left(&client, "o-forged"), 0);
        // The genuine one comes again, and is opened too.
        assert_eq!(hand_over(&client, &genuine).unwrap().1.flags, wxsub::Verdict::REPLAYED);
        assert_eq!(client.open_event(&genuine.query, genuine.body.as_bytes()).unwrap(), genuine.body.as_bytes());
    }
}

/// The check of the address shows a query, too.
#[test]
fn the_query_of_the_address_check_signs_no_body() {
    let env = TestEnv::new();
    let client = env.client(plain());
    for opened_first in [false, true] {
        let query = verification_query(TOKEN, "5940312834517368192");
        let asked = || match opened_first {
            true => client.open_event(&query, b"").map(drop),
            false => client.handle_event(&query, b"", 64).map(drop),
        };
        asked().unwrap();
        let forged = env.wechat.push(&popup("o-forged", TEMPLATE, "accept", now_s())).unwrap().body;
        assert_refused(client.handle_event(&query, forged.as_bytes(), 64), "another body");
        assert_eq!(left(&client, "o-forged"), 0);
        // The check itself may come again.
        asked().unwrap();
    }
}

/// A body that is encrypted is signed: the same query with another is no replay, only a wrong signature.
#[test]
fn an_encrypted_push_needs_no_memory_of_its_query() {
    let env = TestEnv::new();
    let client = env.client(secure());
    let nonce = Some("4711".to_owned());
    for (i, openid) in ["o1", "o2"].into_iter().enumerate() {
        let accept = popup(openid, TEMPLATE, "accept", now_s());
        let accept = Push { nonce: nonce.clone(), mode: Mode::Secure, ..accept };
        assert_eq!(push(&env.wechat, &client, &accept).quota, QuotaChange::Granted, "{i}");
    }
}

#[test]
fn an_unsigned_event_of_the_future_is_refused() {
    let env = TestEnv::new();
    let late = env.client(unsigned());
    for (ahead_s, fine) in [(-86_400, true), (290, true), (310, false), (1_000_000, false)] {
        let openid = format!("o{ahead_s}");
        let pushed = env.wechat.push(&popup(&openid, TEMPLATE, "accept", now_s() + ahead_s)).unwrap();
        match fine {
            true => assert_eq!(hand_over(&late, &pushed).unwrap().1.quota, QuotaChange::Granted, "{ahead_s}"),
            false => assert_refused(hand_over(&late, &pushed), "CreateTime"),
        }
        assert_eq!(left(&late, &openid), i64::from(fine), "{ahead_s}");
    }
}

#[derive(Default)]
struct Lines(Mutex<Vec<String>>);

impl Sink for Lines {
    fn line(&self, _level: Level, text: &str) {
        self.0.lock().unwrap().push(text.to_owned());
    }
}

/// Who sets up plain mode is told, in the log and when he asks whether it works.
#[test]
fn plain_mode_is_warned_of() {
    let env = TestEnv::new();
    for (config, told) in [(unsigned(), "are ignored"), (plain(), "trust_plain believes them"), (secure(), "")] {
        let client = env.client(config);
        let lines = Arc::new(Lines::default());
        client.set_log(Some(Arc::clone(&lines) as Arc<dyn Sink>), Level::Warn as i32);
        let verdict = client.check();
        assert_eq!(verdict.status, Status::Ok, "{}", verdict.message);
        assert_eq!(verdict.message.contains("event: without event.aes_key"), !told.is_empty(), "{}", verdict.message);
        assert!(verdict.message.contains(told) && verdict.message.contains("store: writable"), "{}", verdict.message);
        let lines = lines.0.lock().unwrap();
        assert_eq!(lines.iter().any(|line| line.contains("event: without")), !told.is_empty(), "{lines:?}");
    }
}
