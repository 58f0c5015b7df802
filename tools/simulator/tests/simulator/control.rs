//! The controls over HTTP, as a test in another language uses them.

use std::net::TcpStream;
use std::time::Duration;

use crate::common::{Game, message};
use serde_json::json;
use wxsub_simulator::{Endpoint, Options};

#[test]
fn players() {
    let game = Game::start();
    assert_eq!(game.sim("grant", &json!({ "openid": "o", "template_id": "t" })), json!({ "remaining": 1 }));
    assert_eq!(game.sim("grant", &json!({ "openid": "o", "template_id": "t", "n": 4 })), json!({ "remaining": 5 }));
    assert_eq!(game.get("/sim/remaining?openid=o&template_id=t").json()["remaining"], 5);
    game.sim("refuse", &json!({ "openid": "o", "template_id": "t" }));
    assert_eq!(game.wechat.remaining("o", "t"), 0);
    game.sim("grant", &json!({ "openid": "o", "template_id": "t" }));
    game.sim("main_switch", &json!({ "openid": "o", "on": false }));
    let player = game.get("/sim/player?openid=o").json();
    assert_eq!((&player["main_switch"], &player["remaining"]["t"]), (&json!(false), &json!(0)));
    game.sim("foreign", &json!({ "openid": "f" }));
    assert_eq!(game.send("f", "t").errcode(), 40003);
    assert_eq!(game.get("/sim/players").json().as_array().unwrap().len(), 2);
    game.sim("codes", &json!([{ "code": "c", "openid": "o" }]));
    let login =
        "/sns/jscode2session?appid=wx0000000000000000&secret=simulator-secret&js_code=c&grant_type=authorization_code";
    assert_eq!(game.get(login).json()["openid"], "o");
}

#[test]
fn records() {
    let game = Game::with(Options { initial_grants: 9, ..Options::default() });
    game.send("o", "t");
    game.send("p", "t");
    let all = game.get("/sim/deliveries").json();
    assert_eq!(all.as_array().unwrap().len(), 2);
    assert_eq!(all[0]["data"]["thing1"]["value"], "体力已满");
    assert_eq!(all[0]["body"], message("o", "t").to_string());
    let one = game.get("/sim/deliveries?openid=p").json();
    assert_eq!((one.as_array().unwrap().len(), &one[0]["openid"]), (1, &json!("p")));
    let sends = game.get("/sim/requests?endpoint=send&openid=o").json();
    assert_eq!((sends.as_array().unwrap().len(), &sends[0]["outcome"]), (1, &json!("answered")));
    let counters = game.get("/sim/counters").json();
    assert_eq!((&counters["calls"]["send"], &counters["errcodes"]["send"]["0"]), (&json!(2), &json!(2)));
    game.sim("reset", &json!({}));
    assert_eq!(game.get("/sim/deliveries").json(), json!([]));
}

#[test]
fn templates() {
    let game = Game::start();
    assert_eq!(game.get("/sim/templates").json().as_array().unwrap().len(), 3);
    let listed = game.get(&format!("/wxaapi/newtmpl/gettemplate?access_token={}", game.token())).json();
    game.sim("templates", &listed);
    game.sim("templates", &json!({ "priTmplId": "mine", "content": "a:{{thing1.DATA}}" }));
    game.sim("grant", &json!({ "openid": "o", "template_id": "mine" }));
    assert_eq!(game.send("o", "mine").errcode(), 0);
    assert_eq!(game.send("o", "other").errcode(), 40037);
    game.sim("templates/any", &json!({ "any": true }));
    assert_eq!(game.send("o", "other").errcode(), 43101);
    assert_eq!(game.sim("templates/remove", &json!({ "id": "mine" })), json!({ "removed": true }));
}

#[test]
fn tokens_time_and_secret() {
    let game = Game::start();
    let token = game.token();
    assert_eq!(game.get("/sim/token").json(), json!({ "stable": token, "legacy": null }));
    assert_eq!(game.sim("token", &json!({ "kill": "stable", "sticky_dead": true }))["killed"], token);
    assert_eq!(game.token(), token);
    assert_eq!(game.send("o", "t").errcode(), 40001);
    game.sim("token", &json!({ "sticky_dead": false, "lifetime_s": 10 }));
    assert_eq!(game.stable(false).json()["expires_in"], 10);
    let old = game.token();
    game.sim("advance", &json!({ "seconds": 10.5 }));
    assert_eq!(game.send_with(&old, &message("o", "t")).errcode(), 42001);
    let before = game.credentials(false);
    game.sim("secret", &json!({ "secret": "new" }));
    assert_eq!(game.post("/cgi-bin/stable_token", &before).errcode(), 40125);
    assert_eq!(game.get("/sim/account").json()["secret"], "new");
}

#[test]
fn trouble() {
    let game = Game::with(Options { initial_grants: 9, ..Options::default() });
    game.sim(
        "faults",
        &json!([
            { "kind": "errcode", "errcode": -1, "endpoint": "send", "times": 2 },
            { "kind": "close", "endpoint": "send", "applied": true, "times": "forever" },
        ]),
    );
    assert_eq!(game.send("o", "t").errcode(), -1);
    let armed = game.get("/sim/faults").json();
    assert_eq!((&armed[0]["times"], &armed[1]["times"], &armed[1]["kind"]), (&json!(1), &json!(null), &json!("close")));
    game.send("o", "t");
    assert!(game.try_send("o", "t").is_err());
    assert_eq!(game.wechat.deliveries().len(), 1);
    game.sim("faults/clear", &json!({}));
    game.sim("latency", &json!({ "send_ms": 30 }));
    assert_eq!(game.send("o", "t").errcode(), 0);
    game.sim("connections/drop", &json!({}));
    assert_eq!(game.wechat.counters().calls_to(Endpoint::Send), 4);
}

#[test]
fn offline_for_a_while() {
    let game = Game::start();
    game.sim("offline", &json!({ "ms": 150 }));
    let connect = || TcpStream::connect(("127.0.0.1", game.wechat.port()));
    let mut refused = false;
    let back = (0..200).any(|_| {
        std::thread::sleep(Duration::from_millis(10));
        refused |= connect().is_err();
        refused && connect().is_ok()
    });
    assert!(back && refused);
}

#[test]
fn mistakes_are_told() {
    let game = Game::start();
    let bad = |path: &str, body: &str| {
        let answer = game.try_post(path, body.as_bytes()).unwrap();
        (answer.status, answer.json()["error"].as_str().unwrap().to_owned())
    };
    assert_eq!(bad("/sim/nothing", "{}").0, 404);
    for (path, body, names) in [
        ("/sim/grant", r#"{"openid":"o","template":"t"}"#, "template"),
        ("/sim/grant", r#"{"openid":"o"}"#, "template_id"),
        ("/sim/faults", r#"{"kind":"stall","endpont":"send"}"#, "endpont"),
        ("/sim/faults", r#"{"kind":"explode"}"#, "explode"),
        ("/sim/token", r#"{"kill":"both"}"#, "both"),
        ("/sim/templates", r#"{"title":"x"}"#, "priTmplId"),
        ("/sim/push", r#"{"event":"popup"}"#, "openid"),
        ("/sim/advance", r#"{"seconds":-1}"#, "negative"),
    ] {
        let (status, error) = bad(path, body);
        assert_eq!(status, 400, "{path}");
        assert!(error.contains(names), "{path}: {error}");
    }
    assert_eq!(game.get("/sim/remaining?openid=o").status, 400);
    assert_eq!(game.get("/sim/requests?endpoint=sned").status, 400);
    let help = String::from_utf8(game.get("/sim").body).unwrap();
    assert!(help.contains("POST /sim/grant"));
}
