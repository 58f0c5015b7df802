//! A list in the configuration, or none.

use super::*;

#[test]
fn a_list_in_the_configuration_works_offline() {
    let env = TestEnv::new();
    let templates = json!([
        {"id": "short", "keys": ["thing1", "enum_string2"], "enums": {"enum_string2": ["胜利", "失败"]}},
        {"priTmplId": "long", "title": "t", "content": "a:{{thing1.DATA}}\nb:{{phrase3.DATA}}\n", "example": "", "type": 3},
    ]);
    let client = env.client(json!({"templates": templates}));
    env.wechat.set_offline(true);
    assert_refused(
        &client.send(&text("o1", "short", json!({"thing1": "", "enum_string2": "平局"})), None),
        "data.thing1: empty; data.enum_string2: \"平局\" is not one of 胜利, 失败",
    );
    assert_refused(
        &client.send(&text("o1", "long", json!({"thing1": "a", "phrase3": "a"})), None),
        "data.phrase3: 'a' at 1 is not Chinese (phrase: up to 5 Chinese characters)",
    );
    assert_refused(
        &client.send(&message("o1"), None),
        "template_id sim-stamina is none of the account's 2 templates; nothing was sent",
    );
    env.wechat.set_offline(false);
    accept(&env, &client, "o1", "short");
    assert_sent(&client.send(&text("o1", "short", json!({"thing1": "a", "enum_string2": "胜利"})), None));
    assert_eq!(fetches(&env), 0);
}

#[test]
fn mistakes_in_a_configured_list_are_named() {
    let env = TestEnv::new();
    for (templates, message) in [
        (json!([{"id": "a"}]), "templates[0].keys: at least one key like \"thing1\" is needed"),
        (json!([{"id": "a", "keys": ["thing1"]}, {"id": "a", "keys": ["thing1"]}]), "templates[1]: the same id"),
        (json!([{"id": "a", "keys": ["thing1"], "type": 4}]), "templates[0].type: 2 (one-time) or 3 (long-term)"),
        (json!(["a"]), "templates[0]: an object is needed"),
    ] {
        let config = Config::from_json(&env.config(json!({"templates": templates.clone()}))).unwrap();
        let Err(e) = Client::open(config) else { panic!("{templates} was taken") };
        assert_eq!(e.status, Status::Config);
        assert!(e.message.contains(message), "{templates}: {e}");
    }
}

#[test]
fn off_never_asks_and_takes_anything() {
    let env = TestEnv::new();
    env.wechat.set_any_template(true);
    let client = env.client(json!({"templates": "off"}));
    accept(&env, &client, "o1", "no-such");
    assert_sent(&client.send(&text("o1", "no-such", json!({"thing1": TOO_LONG, "thing2": "x"})), None));
    env.accept(&client, "o1");
    let refused = client.send(&faulty("o1"), None);
    assert_eq!((refused.status, refused.errcode, refused.quota), (Status::Message, 47003, QuotaChange::Returned));
    assert!(refused.message.contains("data.thing1"), "{}", refused.message);
    assert_eq!(fetches(&env), 0);
}

/// What an operator asks for does not change what messages are checked against.
#[test]
fn a_check_leaves_the_configured_templates_in_force() {
    let env = TestEnv::new();
    env.wechat.set_any_template(true);
    for (templates, sent) in [(json!("off"), "a\nb"), (json!([{"id": TEMPLATE, "keys": ["thing1"]}]), "a")] {
        let client = env.client(json!({"templates": templates.clone()}));
        accept(&env, &client, "o1", "mine");
        let faults = |client: &Client| client.send(&text("o1", TEMPLATE, json!({"thing1": sent})), None);
        env.accept(&client, "o1");
        let before = faults(&client);
        let checked = client.check();
        assert_eq!(checked.status, Status::Ok, "{}", checked.message);
        let after = faults(&client);
        let told = |v: &Verdict| (v.status, v.errcode, v.attempts);
        assert_eq!(told(&before), told(&after), "{templates}: {} became {}", before.message, after.message);
    }
}
