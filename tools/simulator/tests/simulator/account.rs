//! Sections 4 and 5 of wechat-api.md: the account's templates and its players' logins.

use crate::common::{Game, ends_in_rid};
use serde_json::{Value, json};
use wxsub_simulator::{LoginCode, Template};

#[test]
fn values_of_registered_templates_are_checked() {
    let game = Game::start();
    game.wechat.grant("o", "sim-stamina", 3);
    let token = game.token();
    let send = |data: Value| {
        let answer = game.send_with(&token, &json!({ "touser": "o", "template_id": "sim-stamina", "data": data }));
        (answer.errcode(), answer.errmsg())
    };
    let good = json!({ "value": "15:01" });
    let (errcode, errmsg) = send(json!({ "thing1": { "value": "x".repeat(21) }, "time2": good }));
    assert_eq!(errcode, 47003);
    assert!(errmsg.starts_with("argument invalid! data.thing1.value invalid rid: "), "{errmsg}");
    let (errcode, errmsg) = send(json!({ "time2": good }));
    assert_eq!(errcode, 47003);
    assert!(errmsg.starts_with("argument invalid! data.thing1.value is empty rid: "), "{errmsg}");
    assert_eq!(send(json!({ "thing1.DATA": { "value": "x" }, "time2": good })).0, 47003);
    assert_eq!(send(json!({ "thing1": { "value": "x".repeat(20) }, "time2": good, "more3": {} })).0, 0);
    assert_eq!(game.wechat.remaining("o", "sim-stamina"), 2);
}

#[test]
fn gettemplate_lists_in_wechats_shape() {
    let game = Game::start();
    let path = |token: &str| format!("/wxaapi/newtmpl/gettemplate?access_token={token}");
    assert_eq!(game.get(&path("x")).errcode(), 40001);
    assert_eq!(game.get("/wxaapi/newtmpl/gettemplate").errcode(), 41001);
    let answer = game.get(&path(&game.token())).json();
    assert_eq!((answer["errcode"].as_i64(), answer["errmsg"].as_str()), (Some(0), Some("ok")));
    let last = &answer["data"][2];
    assert_eq!(last["priTmplId"], "sim-result");
    assert_eq!(last["type"], 2);
    assert_eq!(last["content"], "对手:{{name1.DATA}}\n结果:{{enum_string2.DATA}}\n单号:{{character_string3.DATA}}\n");
    assert_eq!(
        last["keywordEnumValueList"],
        json!([{ "enumValueList": ["胜利", "失败", "平局"], "keywordCode": "enum_string2.DATA" }])
    );
    assert_eq!(answer["data"][0].get("keywordEnumValueList"), None);
}

#[test]
fn login_codes() {
    let game = Game::start();
    let login = |code: &str| {
        game.get(&format!(
            "/sns/jscode2session?appid=wx0000000000000000&secret=simulator-secret&js_code={code}&grant_type=authorization_code"
        ))
    };
    game.wechat.add_code(LoginCode {
        code: "c1".into(),
        openid: "o1".into(),
        unionid: Some("u1".into()),
        blocked: false,
    });
    game.wechat.add_code(LoginCode { code: "c2".into(), openid: "o2".into(), unionid: None, blocked: true });
    let answer = login("c1");
    assert_eq!(answer.content_type, "text/plain");
    assert_eq!((&answer.json()["openid"], &answer.json()["unionid"]), (&json!("o1"), &json!("u1")));
    assert_eq!(answer.json()["session_key"].as_str().unwrap().len(), 24);
    let used = login("c1");
    assert_eq!(used.errcode(), 40163);
    assert!(ends_in_rid(&used.errmsg(), ", rid: "), "{}", used.errmsg());
    assert_eq!(login("c2").errcode(), 40226);
    assert_eq!(login("never-issued").errcode(), 40029);
    assert_eq!(login("").errcode(), 41008);
    assert_eq!(login("code-o3").json()["openid"], "o3");
    assert_eq!(login("code-o3").errcode(), 40163);
    assert_eq!(login("code-o3~again").json()["openid"], "o3");
    assert_eq!(game.get("/sns/jscode2session?appid=wx1&secret=s&js_code=c").errcode(), 40013);
}

#[test]
fn long_term_templates_are_not_deducted() {
    let game = Game::start();
    game.wechat.add_template(Template::new("long", "").keyword("a", "thing1", "x").long_term());
    assert_eq!(game.send("o", "long").errcode(), 43101);
    game.wechat.grant("o", "long", 1);
    assert_eq!(game.send("o", "long").errcode(), 0);
    assert_eq!(game.send("o", "long").errcode(), 0);
    assert_eq!(game.wechat.remaining("o", "long"), 1);
}
