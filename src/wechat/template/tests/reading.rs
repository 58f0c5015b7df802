//! Templates as WeChat, the configuration and the store have them.

use super::*;

fn answer() -> Value {
    json!({"errcode": 0, "errmsg": "ok", "data": [
        {
            "priTmplId": "9Aw5ZV1j9xdWTFEkqCpZ7mIBbSC34khK55OtzUPl0rU",
            "title": "报名结果通知",
            "content": "会议时间:{{date2.DATA}}\n会议地点:{{thing3.DATA}}\n结果:{{enum_string4.DATA}}\n",
            "example": "会议时间:2016年8月8日\n会议地点:TIT会议室\n结果:成功\n",
            "type": 2,
            "keywordEnumValueList": [{"enumValueList": ["失败", "成功"], "keywordCode": "enum_string4.DATA"}]
        },
        {"priTmplId": "L", "title": "长期", "content": "{{thing1.DATA}}", "example": "", "type": 3}
    ]})
}

#[test]
fn wechats_answer_is_read() {
    let templates = parse_answer(&answer()).expect("a list");
    let [one, long] = &templates[..] else { panic!("{templates:?}") };
    assert_eq!(one.id, "9Aw5ZV1j9xdWTFEkqCpZ7mIBbSC34khK55OtzUPl0rU");
    assert_eq!(one.title, "报名结果通知");
    assert_eq!((one.kind, one.complete), (Kind::OneTime, true));
    let keys: Vec<_> = one.keywords.iter().map(|keyword| (keyword.key.as_str(), keyword.rule)).collect();
    assert_eq!(keys, [("date2", Rule::Date), ("thing3", Rule::Thing), ("enum_string4", Rule::Enum)]);
    assert_eq!(one.keywords[2].allowed, Some(vec!["失败".to_owned(), "成功".to_owned()]));
    assert_eq!(one.keywords[0].allowed, None);
    assert_eq!((long.id.as_str(), long.kind), ("L", Kind::LongTerm));
}

#[test]
fn odd_answers_are_read_as_far_as_they_go() {
    for odd in [json!({}), json!(null), json!([]), json!({"data": null}), json!({"data": {}}), json!({"data": "[]"})] {
        assert_eq!(parse_answer(&odd), None, "{odd}");
    }
    assert_eq!(parse_answer(&json!({"data": []})), Some(vec![]));

    let read = |entry: Value| parse_answer(&json!({"data": [entry]})).expect("a list");
    for skipped in [json!(1), json!(null), json!({}), json!({"priTmplId": ""}), json!({"priTmplId": 7})] {
        assert_eq!(read(skipped.clone()), [], "{skipped}");
    }

    let bare = &read(json!({"priTmplId": "T"}))[0];
    assert_eq!((bare.kind, bare.complete, bare.keywords.len()), (Kind::OneTime, false, 0));
    assert!(check(bare, [("thing1", "x")], Mode::Strict).passes());

    let odd = &read(
        json!({"priTmplId": "T", "title": 1, "type": "3", "content": "a{{thing1.DATA}}{{?}}{{ time2 }}{{thing1.DATA}}{{x",
        "keywordEnumValueList": [1, {}, {"keywordCode": "thing1.DATA", "enumValueList": ["a", 1]},
            {"keywordCode": "time2", "enumValueList": []}, {"keywordCode": "nowhere", "enumValueList": ["a"]}]}),
    )[0];
    assert_eq!((odd.title.as_str(), odd.kind, odd.complete), ("", Kind::LongTerm, false));
    assert_eq!(odd.keywords, template(&["thing1", "time2"]).keywords);

    assert_eq!(read(json!({"priTmplId": "T", "type": 9, "content": "{{thing1.DATA}}"}))[0].kind, Kind::OneTime);
}

#[test]
fn the_configuration_takes_both_forms() {
    let list = answer()["data"].clone();
    assert_eq!(parse_config(&list).ok(), parse_answer(&answer()));
    let short = json!([
        {"id": "A", "type": 3, "keys": ["thing1", "enum_string4.DATA"], "enums": {"enum_string4": ["失败", "成功"]}},
        {"id": "B", "title": "体力", "keys": ["time2"]}
    ]);
    let templates = parse_config(&short).expect("templates");
    let [a, b] = &templates[..] else { panic!("{templates:?}") };
    assert_eq!((a.id.as_str(), a.kind, a.complete), ("A", Kind::LongTerm, true));
    assert_eq!(a.keywords[1], Keyword::new("enum_string4".into(), Some(vec!["失败".into(), "成功".into()])));
    assert_eq!((b.title.as_str(), b.kind, b.keywords[0].rule), ("体力", Kind::OneTime, Rule::Time));
    assert_eq!(parse_config(&json!([])), Ok(vec![]));
}

#[test]
fn mistakes_in_the_configuration_are_named() {
    let cases = [
        (json!({}), "templates: \"auto\", \"off\" or a list is needed, not {}"),
        (json!([1]), "templates[0]: an object is needed, not 1"),
        (json!([{"id": "A", "keys": ["thing1"]}, {}]), "templates[1].id: missing"),
        (json!([{"id": 5, "keys": ["thing1"]}]), "templates[0].id: a text is needed, not 5"),
        (json!([{"id": "", "keys": ["thing1"]}]), "templates[0].id: a text is needed, not \"\""),
        (json!([{"id": "A"}]), "templates[0].keys: at least one key like \"thing1\" is needed"),
        (json!([{"id": "A", "keys": "thing1"}]), "templates[0].keys: a list is needed, not \"thing1\""),
        (json!([{"id": "A", "keys": ["thing1", 2]}]), "templates[0].keys[1]: a text is needed, not 2"),
        (json!([{"id": "A", "keys": ["物\n"]}]), "templates[0].keys[0]: \"物\\n\" is not a key like thing1"),
        (json!([{"id": "A", "keys": ["thing1", "thing1.DATA"]}]), "templates[0].keys[1]: thing1 twice"),
        (
            json!([{"id": "A", "keys": ["thing1"], "type": 1}]),
            "templates[0].type: 2 (one-time) or 3 (long-term) is needed, not 1",
        ),
        (json!([{"id": "A", "keys": ["thing1"], "title": []}]), "templates[0].title: a text is needed, not []"),
        (
            json!([{"id": "A", "keyz": []}]),
            "templates[0].keyz: unknown; known are id, title, type, keys, enums, or WeChat's own with priTmplId",
        ),
        (json!([{"id": "A", "keys": ["enum1"], "enums": []}]), "templates[0].enums: an object is needed, not []"),
        (
            json!([{"id": "A", "keys": ["enum1"], "enums": {"enum2": ["a"]}}]),
            "templates[0].enums.enum2: not one of templates[0].keys",
        ),
        (
            json!([{"id": "A", "keys": ["enum1"], "enums": {"enum1": []}}]),
            "templates[0].enums.enum1: a list of values is needed, not []",
        ),
        (
            json!([{"id": "A", "keys": ["enum1"], "enums": {"enum1": ["a", 1]}}]),
            "templates[0].enums.enum1[1]: a text is needed, not 1",
        ),
        (
            json!([{"id": "A", "keys": ["thing1"]}, {"id": "A", "keys": ["thing1"]}]),
            "templates[1]: the same id as templates[0]",
        ),
        (json!([{"priTmplId": 5}]), "templates[0].content: missing"),
        (json!([{"priTmplId": 5, "content": "{{thing1.DATA}}"}]), "templates[0].priTmplId: a text is needed, not 5"),
        (json!([{"priTmplId": "A", "id": "A"}]), "templates[0]: id and priTmplId; one of them is enough"),
        (
            json!([{"priTmplId": "A", "content": "thing1"}]),
            "templates[0].content: keywords like {{thing1.DATA}} are needed, not \"thing1\"",
        ),
        (
            json!([{"priTmplId": "A", "content": "{{enum1.DATA}}", "keywordEnumValueList": [{"keywordCode": "enum1"}]}]),
            "templates[0].keywordEnumValueList[0].enumValueList: missing",
        ),
        (
            json!([{"priTmplId": "A", "content": "{{enum1.DATA}}", "keywordEnumValueList": [7]}]),
            "templates[0].keywordEnumValueList[0]: an object is needed, not 7",
        ),
    ];
    for (list, wanted) in cases {
        assert_eq!(parse_config(&list), Err(wanted.to_owned()), "{list}");
    }
}

#[test]
fn the_store_gets_back_what_it_was_given() {
    for template in parse_answer(&answer()).expect("a list") {
        let json = serde_json::to_string(&template).unwrap();
        assert_eq!(serde_json::from_str::<Template>(&json).ok(), Some(template));
        assert!(!json.contains("rule"), "{json}");
    }
    assert!(serde_json::from_str::<Template>("").is_err());
    assert!(serde_json::from_str::<Template>("{\"id\":\"A\"}").is_err());
}
