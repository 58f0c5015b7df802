//! Messages are checked before they leave.

use super::*;

#[test]
fn all_faults_are_told_at_once_and_nothing_is_held_or_sent() {
    let env = TestEnv::new();
    let client = env.client(json!({}));
    for template in [TEMPLATE, "sim-activity", "sim-result"] {
        accept(&env, &client, "o1", template);
    }
    let refused = |template: &str, data: Value, wanted: &str| {
        assert_refused(&client.send(&text("o1", template, data), Some(r#"{"key": "k"}"#)), wanted);
        assert_eq!(client.quota("o1", template).remaining, 1);
    };
    refused(TEMPLATE, json!({"thing1": TOO_LONG, "time2": "15:01"}), "data.thing1: 23 characters, at most 20");
    refused(
        "sim-result",
        json!({"name1": "a1", "enum_string2": "赢", "character_string3": "中"}),
        "data.name1: '1' at 2 is a digit (name: up to 10 Chinese characters, or 20 letters or symbols); \
         data.enum_string2: \"赢\" is not one of 胜利, 失败, 平局; … and 1 more",
    );
    refused(
        "sim-result",
        json!({"name1": {"value": "张三"}, "enum_string2": "赢", "character_string3": {"value": ""}}),
        "data.enum_string2: \"赢\" is not one of 胜利, 失败, 平局; data.character_string3: empty",
    );
    refused(
        "sim-activity",
        json!({"thing1.DATA": "a", "number3": 12.50, "date2": "明天", "thing9": "b", "amount4": 1}),
        "data.thing1: missing; leave .DATA out of the key; \
         data.date2: \"明天\" is not a date like 2019年10月1日 or 2019-10-01 15:01; \
         data.thing9: not a key of this template; data.amount4: not a key of this template",
    );
    refused(
        TEMPLATE,
        json!({"thing1": "a\nb", "time2": "2019年10月1日 15:01～16:01"}),
        "data.thing1: '\\n' at 2 is a control character or line break; data.time2: '～' at 17 must be a half-width ~",
    );
    refused(TEMPLATE, json!({}), "data.thing1: missing; data.time2: missing");
    refused(
        "sim-activity",
        json!({"thing1": "a", "date2": "2026-11-24", "number3": "x"}),
        "data.number3: \"x\" is not a number like 12 or 12.5",
    );
    assert_eq!(sends(&env), 0);
    let mended = client.send(&message("o1"), Some(r#"{"key": "k"}"#));
    assert_sent(&mended);
    assert_eq!(mended.flags & Verdict::REPLAYED, 0, "the key of a refused message is free");
}

#[test]
fn faults_of_form_do_not_hide_faults_of_values() {
    let env = TestEnv::new();
    let client = env.client(json!({}));
    env.accept(&client, "o1");
    let refused = client.send(&text("o1", TEMPLATE, json!({"thing1": TOO_LONG, "time2": []})), None);
    assert_eq!(refused.status, Status::Message);
    for part in
        ["data.thing1: 23 characters, at most 20", "data.time2: must be {\"value\": \"…\"}, a string or a number"]
    {
        assert!(refused.message.contains(part), "{part:?} is not in {:?}", refused.message);
    }
}

#[test]
fn truncate_cuts_free_text_and_says_so() {
    let env = TestEnv::new();
    let client = env.client(json!({"validate": "truncate"}));
    let lines = Lines::listen(&client);
    env.accept(&client, "o1");
    assert_sent(&client.send(&faulty("o1"), None));
    let delivered = &env.wechat.deliveries()[0];
    assert_eq!(delivered.data["thing1"]["value"], "体力已经完全恢复，快回到游戏里来领取今…");
    assert_eq!(delivered.data["time2"]["value"], "15:01");
    let warned = lines.warnings();
    assert_eq!(warned, ["sim-stamina for o1: data.thing1: 23 characters, cut to 20"]);

    // Nothing else is rewritten: what is not merely too long, or not free text, is a fault.
    let refused = |template: &str, data: Value, wanted: &str| {
        assert_refused(&client.send(&text("o1", template, data), None), wanted);
    };
    refused(
        "sim-activity",
        json!({"thing1": TOO_LONG, "date2": "2026-11-24", "number3": "123456789012345678901234567890123"}),
        "data.number3: 33 digits, at most 32",
    );
    refused(
        TEMPLATE,
        json!({"thing1": "体力已经完全恢复，快回到游戏里来领取今天\n的奖励", "time2": "15:01"}),
        "data.thing1: 24 characters, at most 20; data.thing1: '\\n' at 21 is a control character or line break",
    );
    // A surplus key seems to be ignored by WeChat.
    env.accept(&client, "o1");
    assert_sent(&client.send(&text("o1", TEMPLATE, json!({"thing1": "a", "time2": "15:01", "thing3": "b"})), None));
    // A name with Chinese in it has ten characters.
    accept(&env, &client, "o1", "sim-result");
    let data = json!({"name1": "买买提·阿不都热西提", "enum_string2": "胜利", "character_string3": "B-1"});
    assert_sent(&client.send(&text("o1", "sim-result", data), None));
    let long = json!({"name1": "买买提·阿不都热西提·卡", "enum_string2": "胜利", "character_string3": "B-1"});
    accept(&env, &client, "o1", "sim-result");
    assert_sent(&client.send(&text("o1", "sim-result", long), None));
    let names: Vec<Value> = env.wechat.deliveries()[2..].iter().map(|d| d.data["name1"]["value"].clone()).collect();
    assert_eq!(names, ["买买提·阿不都热西提", "买买提·阿不都热西…"]);
}

#[test]
fn validate_off_passes_everything_on() {
    let env = TestEnv::new();
    let client = env.client(json!({"validate": "off"}));
    env.accept(&client, "o1");
    for data in
        [json!({"thing1": TOO_LONG, "time2": "15:01"}), json!({"thing1": "a"}), json!("{}"), json!({"thing1": []})]
    {
        let verdict = client.send(&text("o1", TEMPLATE, data.clone()), None);
        assert_eq!((verdict.status, verdict.errcode), (Status::Message, 47003), "{data}: {}", verdict.message);
        assert_eq!((verdict.attempts, verdict.quota), (1, QuotaChange::Returned), "{data}");
    }
    assert_eq!(client.send(&message_from("o1", "new"), None).status, Status::NoQuota, "unknown templates pass too");
    assert_sent(&client.send(&text("o1", TEMPLATE, json!({"thing1": "a", "time2": "15:01", "more1": "b"})), None));
}
