//! The same event has the same identity, and no other has it.

use std::collections::HashSet;

use super::sealer::body_of;
use super::*;

fn one(change: Change) -> (Event, Change) {
    let event = Event {
        from_openid: "oA".to_owned(),
        create_time_s: 1_763_999_990,
        changes: vec![change.clone()],
        notes: Vec::new(),
    };
    (event, change)
}

/// Identities are in the stores of running games: these must never come out otherwise. (Reckoned by Python's hashlib:
/// SHA-1 over the parts, each with its length as eight bytes before it.)
#[test]
fn identities_are_for_ever() {
    for (change, expected) in [
        (popup("tA", true, "0"), "3d5380d323de2c8d3c3f2b4f597eb4605c882294"),
        (changed("tA", true), "163d637ad9b42cd7d21e04c92ce3994b73095817"),
        (sent("tA", Some(7), 43101, "failed"), "37c0a89766ff62aafcb6adede61c1c6787231b90"),
    ] {
        let (event, change) = one(change);
        assert_eq!(event.identity(&change), expected);
    }
}

#[test]
fn a_repeated_push_has_the_same_identity_in_every_format_and_mode() {
    let json = r#"{"FromUserName":"oA","CreateTime":"1763999990","MsgType":"event","Event":"subscribe_msg_popup_event",
        "List":{"PopupScene":0,"SubscribeStatusString":"accept","TemplateId":"tA"}}"#;
    let xml = "<xml><FromUserName>oA</FromUserName><CreateTime>1763999990</CreateTime><MsgType>event</MsgType>\
        <Event>subscribe_msg_popup_event</Event><SubscribeMsgPopupEvent><List><TemplateId>tA</TemplateId>\
        <SubscribeStatusString>accept</SubscribeStatusString><PopupScene>0</PopupScene></List></SubscribeMsgPopupEvent></xml>";
    let mut sealer = Sealer::new();
    let mut identities = HashSet::new();
    for nonce in ["1", "2"] {
        nonce.clone_into(&mut sealer.nonce);
        for message in [json, xml] {
            let encrypt = sealer.seal(message.as_bytes());
            for (config, query, body) in [
                (sealer.plain(), sealer.query(), message.to_owned()),
                (sealer.secure(), sealer.query_for(&encrypt), body_of(&encrypt)),
            ] {
                let Ok(Opened::Event(event)) = open(&config, &query, body.as_bytes(), NOW) else {
                    panic!("not an event: {body}");
                };
                identities.insert(event.identity(&event.changes[0]));
            }
        }
    }
    assert_eq!(identities.len(), 1);
}

#[test]
fn whatever_differs_makes_another_identity() {
    let mut seen = HashSet::new();
    for change in [
        popup("tA", true, "0"),
        popup("tA", false, "0"),
        popup("tA", true, "2"),
        popup("tA", true, ""),
        popup("tB", true, "0"),
        popup("tAaccept", true, ""),
        changed("tA", true),
        changed("tA", false),
        sent("tA", Some(1), 0, "success"),
        sent("tA", Some(2), 0, "success"),
        sent("tA", Some(1), 43101, "success"),
        sent("tA", Some(1), 0, "failed"),
        sent("tA", None, 0, "success"),
    ] {
        let (mut event, change) = one(change);
        assert!(seen.insert(event.identity(&change)), "{change:?}");
        event.create_time_s += 1;
        assert!(seen.insert(event.identity(&change)), "{change:?}");
        event.from_openid.push('1');
        assert!(seen.insert(event.identity(&change)), "{change:?}");
    }
    assert!(seen.iter().all(|id| id.len() == 40 && id.bytes().all(|b| b.is_ascii_hexdigit())));
}
