//! Every shape that a message is known to come in.

use super::*;

/// An XML event of ours with these items.
fn xml(event: &str, items: &str) -> String {
    format!(
        "<xml><ToUserName><![CDATA[gh_1]]></ToUserName><FromUserName><![CDATA[oA]]></FromUserName>\
         <CreateTime>1763999990</CreateTime><MsgType><![CDATA[event]]></MsgType>\
         <Event><![CDATA[{event}]]></Event>{items}</xml>"
    )
}

/// A JSON event of ours with these members.
fn json(event: &str, members: &str) -> String {
    format!(
        r#"{{"ToUserName":"gh_1","FromUserName":"oA","CreateTime":1763999990,"MsgType":"event","Event":"{event}",{members}}}"#
    )
}

#[test]
fn popup_events() {
    let (one, two) = (popup("tA", true, "0"), popup("tB", false, "0"));
    let item_a = r#"{"TemplateId":"tA","SubscribeStatusString":"accept","PopupScene":"0"}"#;
    let item_b = r#"{"TemplateId":"tB","SubscribeStatusString":"reject","PopupScene":0}"#;
    let list_a = "<List><TemplateId>tA</TemplateId><SubscribeStatusString>accept</SubscribeStatusString><PopupScene>0</PopupScene></List>";
    let list_b = "<List><TemplateId>tB</TemplateId><SubscribeStatusString>reject</SubscribeStatusString><PopupScene>0</PopupScene></List>";
    let json = |members: &str| json("subscribe_msg_popup_event", members);
    let xml = |items: &str| xml("subscribe_msg_popup_event", items);
    let named = "SubscribeMsgPopupEvent";
    for (body, expected) in [
        (json(&format!(r#""List":{item_a}"#)), vec![one.clone()]),
        (json(&format!(r#""List":[{item_a}]"#)), vec![one.clone()]),
        (json(&format!(r#""List":[{item_a},{item_b}]"#)), vec![one.clone(), two.clone()]),
        (json(&format!(r#""{named}":{item_a}"#)), vec![one.clone()]),
        (json(&format!(r#""{named}":[{item_a},{item_b}]"#)), vec![one.clone(), two.clone()]),
        (json(&format!(r#""{named}":{{"List":{item_a}}}"#)), vec![one.clone()]),
        (json(&format!(r#""subscribe_msg_popup_event":{item_a}"#)), vec![one.clone()]),
        (json(&format!(r#""subscribe_msg_popup_event":[{item_a},{item_b}]"#)), vec![one.clone(), two.clone()]),
        (json(&format!(r#""{named}":{{"List":[{item_a},{item_b}]}}"#)), vec![one.clone(), two.clone()]),
        (xml(&format!("<{named}>{list_a}</{named}>")), vec![one.clone()]),
        (xml(&format!("<{named}>\n {list_a}\n {list_b}\n</{named}>")), vec![one.clone(), two.clone()]),
        (xml(&format!("<{named}>{list_a}</{named}><{named}>{list_b}</{named}>")), vec![one.clone(), two.clone()]),
        (xml(&format!("{list_a}{list_b}")), vec![one.clone(), two.clone()]),
    ] {
        let event = event(&body);
        assert_eq!(event.changes, expected, "{body}");
        assert_eq!(event.notes, Vec::<String>::new(), "{body}");
        assert_eq!((event.from_openid.as_str(), event.create_time_s), ("oA", 1_763_999_990));
    }
}

#[test]
fn change_events_come_under_either_name() {
    let list =
        "<List><TemplateId>SYS_MSG_TYPE_RANK</TemplateId><SubscribeStatusString>reject</SubscribeStatusString></List>";
    for named in ["SubscribeMsgChangeEvent", "SubscribeMsgPopupEvent"] {
        let body = xml("subscribe_msg_change_event", &format!("<{named}>{list}</{named}>"));
        assert_eq!(event(&body).changes, [changed("SYS_MSG_TYPE_RANK", true)]);
    }
    let body = json("subscribe_msg_change_event", r#""List":{"SubscribeStatusString":"accept","TemplateId":"tA"}"#);
    assert_eq!(event(&body).changes, [changed("tA", false)]);
}

#[test]
fn sent_events() {
    for (item, expected) in [
        (
            r#""MsgID":"1864323726461255680","ErrorCode":"0","ErrorStatus":"success""#,
            sent("tA", Some(1_864_323_726_461_255_680), 0, "success"),
        ),
        (
            r#""MsgID":1864323726461255680,"ErrorCode":43101,"ErrorStatus":"用户拒收""#,
            sent("tA", Some(1_864_323_726_461_255_680), 43101, "用户拒收"),
        ),
        (r#""ErrorCode":-1"#, sent("tA", None, -1, "")),
        (r#""MsgID":"","ErrorCode":"0","ErrorStatus":null"#, sent("tA", None, 0, "")),
        (r#""MsgID":0,"ErrorCode":0"#, sent("tA", None, 0, "")),
    ] {
        let members = format!(r#""List":[{{"TemplateId":"tA",{item}}}]"#);
        let event = event(&json("subscribe_msg_sent_event", &members));
        assert_eq!(event.changes, [expected], "{item}");
        assert!(event.notes.is_empty(), "{:?}", event.notes);
    }
    let long = "中".repeat(1000);
    let members = format!(r#""List":{{"TemplateId":"tA","ErrorCode":1,"ErrorStatus":"{long}"}}"#);
    let changes = event(&json("subscribe_msg_sent_event", &members)).changes;
    assert_eq!(changes, [sent("tA", None, 1, &"中".repeat(256))]);
}

#[test]
fn words_and_odd_items() {
    for (item, expected, note) in [
        (r#"{"TemplateId":"tA","SubscribeStatusString":"acceptWithAudio"}"#, Some(popup("tA", true, "")), ""),
        (r#"{"TemplateId":" tA ","SubscribeStatusString":" reject\n"}"#, Some(popup("tA", false, "")), ""),
        (
            r#"{"TemplateId":"tA","SubscribeStatusString":"perhaps"}"#,
            None,
            "item 1 left out: SubscribeStatusString is \"perhaps\"",
        ),
        (
            r#"{"TemplateId":"tA","SubscribeStatusString":"ban"}"#,
            None,
            "item 1 left out: SubscribeStatusString is \"ban\"",
        ),
        (r#"{"TemplateId":"tA"}"#, None, "item 1 left out: SubscribeStatusString is missing"),
        (
            r#"{"TemplateId":"tA","SubscribeStatusString":{}}"#,
            None,
            "item 1 left out: SubscribeStatusString is missing",
        ),
        (r#"{"SubscribeStatusString":"accept"}"#, None, "item 1 left out: TemplateId is missing"),
        (r#"{"TemplateId":"t A","SubscribeStatusString":"accept"}"#, None, "item 1 left out: TemplateId is \"t A\""),
        (
            r#"{"TemplateId":"tA","TemplateId":"tB","SubscribeStatusString":"accept"}"#,
            None,
            "item 1 left out: TemplateId is there more than once",
        ),
        (
            r#"{"TemplateId":["tA","tB"],"SubscribeStatusString":"accept"}"#,
            None,
            "item 1 left out: TemplateId is there more than once",
        ),
        ("7", None, "item 1 left out: TemplateId is missing"),
        ("[]", None, "the event has no items"),
        ("null", None, "the event has no items"),
    ] {
        let event = event(&json("subscribe_msg_popup_event", &format!(r#""List":{item}"#)));
        assert_eq!(event.changes, expected.into_iter().collect::<Vec<_>>(), "{item}");
        assert_eq!(event.notes.join("|"), note, "{item}");
    }
    for (item, note) in [
        (r#""MsgID":1"#, "ErrorCode is missing"),
        (r#""ErrorCode":"no""#, "ErrorCode is \"no\""),
        (r#""ErrorCode":99999999999"#, "ErrorCode is \"99999999999\""),
        (r#""ErrorCode":0,"MsgID":1.8e18"#, "MsgID is \"1.8e+18\""),
        (r#""ErrorCode":0,"MsgID":9223372036854775808"#, "MsgID is \"9223372036854775808\""),
        (r#""ErrorCode":0,"MsgID":"x""#, "MsgID is \"x\""),
    ] {
        let members = format!(r#""List":{{"TemplateId":"tA",{item}}}"#);
        let event = event(&json("subscribe_msg_sent_event", &members));
        assert_eq!((event.changes.len(), event.notes.len()), (0, 1), "{item}");
        assert_eq!(event.notes[0], format!("item 1 left out: {note}"));
    }
}

#[test]
fn an_odd_item_does_not_take_the_others_with_it() {
    let body = json(
        "subscribe_msg_popup_event",
        r#""List":[{"TemplateId":"tA","SubscribeStatusString":"accept"},{"TemplateId":"tB","SubscribeStatusString":"hm"},
                   {"TemplateId":"tC","SubscribeStatusString":"reject"}]"#,
    );
    let event = event(&body);
    assert_eq!(event.changes, [popup("tA", true, ""), popup("tC", false, "")]);
    assert_eq!(event.notes, ["item 2 left out: SubscribeStatusString is \"hm\""]);
}

#[test]
fn what_is_not_ours_is_left_alone() {
    for body in [
        r#"{"MsgType":"text","FromUserName":"oA","CreateTime":1,"Content":"subscribe_msg_popup_event","MsgId":1}"#,
        r#"{"MsgType":"event","Event":"user_enter_tempsession","SessionFrom":"x"}"#,
        r#"{"MsgType":"event","Event":"subscribe_msg_future_event","FromUserName":"oA"}"#,
        r#"{"MsgType":"text","Event":"subscribe_msg_popup_event","FromUserName":"oA","CreateTime":1}"#,
        r#"{"Event":{"deeply":["nested",1.5,true,null]}}"#,
        "{}",
        "<xml/>",
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><!-- a comment --><xml a='b' xmlns:c='d'><c:x/>text &amp; more<y>z</y></xml>",
        "<xml><MsgType>text</MsgType><Content><![CDATA[<Event>subscribe_msg_popup_event</Event>]]></Content></xml>",
    ] {
        assert_eq!(open_plain(body), Ok(Opened::Other), "{body}");
    }
    // A chat's text that was cut inside an emoji, and texts that only look like that.
    for text in [r"\ud83d", r"\udfae\ud83c", r"\ud83d\ud83d\ude00", r"\\\ud83d", r"\\ud83d", r"\uD83Dx\u4f60", "\\\\"] {
        let body = format!(r#"{{"MsgType":"text","Content":"{text}"}}"#);
        assert_eq!(open_plain(&body), Ok(Opened::Other), "{body}");
    }
    for text in ["&#55357;", "&#xDE00;&#xd83d;", "x&#0;y", "&#x110000;"] {
        let body = format!("<xml><MsgType>text</MsgType><Content>{text}</Content></xml>");
        assert_eq!(open_plain(&body), Ok(Opened::Other), "{body}");
    }
    let items = r#""Title":"\ud83c","List":[{"TemplateId":"tA","SubscribeStatusString":"accept","PopupScene":"\ud83c\udfae\udfae"}]"#;
    let whole_and_half = popup("tA", true, "🎮\u{fffd}");
    assert_eq!(event(&json("subscribe_msg_popup_event", items)).changes, [whole_and_half]);
    let sealer = Sealer::new();
    let broken = b"{\"MsgType\":\"text\",\"Content\":\"\xff\xfe\"}";
    let opened = open(&sealer.plain(), &sealer.query(), broken, NOW);
    assert_eq!(opened, Ok(Opened::Other));
}

#[test]
fn who_takes_back_what_was_authorised_is_told() {
    let json =
        r#"{"MsgType":"event","Event":"user_authorization_revoke","FromUserName":"gh_1","CreateTime":5,"OpenID":"oA"}"#;
    assert_eq!(open_plain(json), Ok(Opened::Revoked("oA".to_owned(), Some(5))));
    let xml = "<xml><MsgType>event</MsgType><Event>user_authorization_cancellation</Event><OpenID>oA</OpenID></xml>";
    assert_eq!(open_plain(xml), Ok(Opened::Revoked("oA".to_owned(), None)));
    for unreadable in [r#""x""#, "1764000000000000", "0", "1.5", "[]"] {
        let json = json.replace(":5,", &format!(":{unreadable},"));
        assert_eq!(open_plain(&json), Ok(Opened::Revoked("oA".to_owned(), None)), "{json}");
    }
    for body in [
        r#"{"MsgType":"event","Event":"user_authorization_revoke","FromUserName":"oA","CreateTime":5}"#,
        r#"{"MsgType":"event","Event":"user_authorization_revoke","OpenID":"o\u0000A","CreateTime":5}"#,
        r#"{"MsgType":"text","Event":"user_authorization_revoke","OpenID":"oA","CreateTime":5}"#,
        r#"{"MsgType":"event","Event":"user_info_modified","OpenID":"oA","CreateTime":5}"#,
    ] {
        assert_eq!(open_plain(body), Ok(Opened::Other), "{body}");
    }
}

#[test]
fn xml_text_is_put_together_from_all_its_parts() {
    let items = "<SubscribeMsgPopupEvent><List><TemplateId>t<!-- no -->&#65;<![CDATA[&<x]]>&lt;&#x42;</TemplateId>\
                 <SubscribeStatusString>\n  <![CDATA[accept]]>\n</SubscribeStatusString></List></SubscribeMsgPopupEvent>";
    let changes = event(&xml("subscribe_msg_popup_event", items)).changes;
    assert_eq!(changes, [popup("tA&<x<B", true, "")]);
}

#[test]
fn an_event_without_msg_type_is_still_one() {
    let body = json("subscribe_msg_popup_event", r#""List":[]"#).replace(r#""MsgType":"event","#, "");
    assert_eq!(event(&body).changes, []);
}

#[test]
fn sender_and_time_must_be_there_and_sane() {
    for (from, to) in [
        (r#""FromUserName":"oA""#, r#""FromUserName":"""#),
        (r#""FromUserName":"oA""#, r#""FromUserName":"o\u0000A""#),
        (r#""FromUserName":"oA""#, r#""FromUserName":["oA","oB"]"#),
        (r#""FromUserName":"oA""#, r#""X":"oA""#),
        ("1763999990", "0"),
        ("1763999990", "-5"),
        ("1763999990", "253402300800"),
        ("1763999990", "1763999990.5"),
        ("1763999990", "99999999999999999999999"),
        ("1763999990", "\"today\""),
        ("1763999990", "null"),
    ] {
        let body = json("subscribe_msg_popup_event", r#""List":[]"#).replace(from, to);
        let opened = open_plain(&body);
        assert!(matches!(opened, Err(Refusal::Unreadable(_))), "{body}: {opened:?}");
    }
    let body = json("subscribe_msg_popup_event", r#""List":[]"#).replace("1763999990", "\" 1763999990 \"");
    assert_eq!(event(&body).create_time_s, 1_763_999_990);
}
