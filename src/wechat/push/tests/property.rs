//! What holds for all inputs.

use proptest::prelude::*;

use super::sealer::body_of;
use super::*;

/// Bytes that are likelier to get somewhere than any bytes.
fn body() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        Just("<xml>"),
        Just("</xml>"),
        Just("<List>"),
        Just("</List>"),
        Just("<![CDATA["),
        Just("]]>"),
        Just("<Event>subscribe_msg_popup_event</Event>"),
        Just("<Encrypt>"),
        Just("</Encrypt>"),
        Just("&#"),
        Just("{"),
        Just("}"),
        Just("["),
        Just("]"),
        Just("\"List\":"),
        Just("\"Event\":\"subscribe_msg_sent_event\","),
        Just("\"TemplateId\":\"t\","),
        Just("\"CreateTime\":1,"),
        Just("\"FromUserName\":\"o\","),
        Just("0"),
        Just("\u{feff}"),
        Just("<!DOCTYPE x ["),
        Just("&amp;"),
        Just("<a/>"),
        Just("AAAA"),
    ];
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..300),
        prop::collection::vec(piece, 0..20).prop_map(|pieces| pieces.concat().into_bytes()),
    ]
}

proptest! {
    #[test]
    fn nothing_panics_and_nothing_unsigned_is_opened(query in ".{0,200}", body in body(), now_s: i64) {
        let sealer = Sealer::new();
        for config in [sealer.plain(), sealer.secure()] {
            prop_assert!(open(&config, &query, &body, now_s).is_err());
        }
    }

    #[test]
    fn no_signed_body_panics(body in body()) {
        let sealer = Sealer::new();
        for config in [sealer.plain(), sealer.secure()] {
            let _ = open(&config, &sealer.query(), &body, NOW);
        }
    }

    #[test]
    fn no_encrypted_blocks_panic(mut blocks in prop::collection::vec(any::<u8>(), 0..200), pad in 0_u8..40) {
        let sealer = Sealer::new();
        blocks.truncate(blocks.len() / 16 * 16);
        if let Some(last) = blocks.last_mut() {
            *last = pad;
        }
        let encrypt = sealer.encrypt(&blocks);
        let _ = open(&sealer.secure(), &sealer.query_for(&encrypt), body_of(&encrypt).as_bytes(), NOW);
    }

    #[test]
    fn what_is_sealed_is_opened_unchanged(message in prop::collection::vec(any::<u8>(), 0..500)) {
        let sealer = Sealer::new();
        let key = super::super::AesKey::from_encoded("aes_key", sealer.key).unwrap();
        let opened = super::super::crypt::decrypt(&key, &sealer.seal(&message), sealer.appid);
        prop_assert_eq!(opened, Ok(message));
    }

    #[test]
    fn an_event_comes_out_as_it_went_in(
        openid in "[A-Za-z0-9_-]{1,40}",
        time_s in 1_i64..253_402_300_799,
        items in prop::collection::vec(("[A-Za-z0-9_-]{1,43}", any::<i64>(), any::<i32>(), "[^\\s\\p{Cc}]{0,20}"), 1..5),
        as_numbers: bool,
    ) {
        let scalar = |number: String| if as_numbers { number } else { format!("\"{number}\"") };
        let list: Vec<String> = items
            .iter()
            .map(|(template_id, msgid, code, status)| format!(
                r#"{{"TemplateId":"{template_id}","MsgID":{},"ErrorCode":{},"ErrorStatus":{}}}"#,
                scalar(msgid.to_string()),
                scalar(code.to_string()),
                serde_json::to_string(status).unwrap(),
            ))
            .collect();
        let message = format!(
            r#"{{"FromUserName":"{openid}","CreateTime":{},"Event":"subscribe_msg_sent_event","List":[{}]}}"#,
            scalar(time_s.to_string()),
            list.join(","),
        );
        let sealer = Sealer::new();
        let encrypt = sealer.seal(message.as_bytes());
        let opened = open(&sealer.secure(), &sealer.query_for(&encrypt), body_of(&encrypt).as_bytes(), NOW);
        let changes = items
            .iter()
            .map(|(template_id, msgid, code, status)| {
                sent(template_id, Some(*msgid).filter(|&id| id != 0), *code, status)
            })
            .collect();
        prop_assert_eq!(opened, Ok(Opened::Event(Event {
            from_openid: openid,
            create_time_s: time_s,
            changes,
            notes: Vec::new(),
        })));
    }
}
