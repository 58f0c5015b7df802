//! The phone from the server's side; what a person does with it is tested in tests/phone, in a browser.

use serde_json::json;
use wxsub_simulator::{Choice, Options, Simulator};

use crate::common::Game;

#[test]
fn a_dialog_grants_refuses_and_keeps() {
    let game = Game::start();
    let answer = |answers, keep| {
        game.sim("answer", &json!({ "openid": "o", "answers": answers, "keep": keep }));
        game.get("/sim/player?openid=o").json()
    };
    let player = answer(json!({ "a": "accept", "b": "accept" }), false);
    assert_eq!((&player["remaining"], &player["settings"]), (&json!({ "a": 1, "b": 1 }), &json!({})));
    let player = answer(json!({ "a": "accept", "b": "reject" }), true);
    assert_eq!(player["remaining"], json!({ "a": 2, "b": 0 }));
    assert_eq!(player["settings"], json!({ "a": "accept", "b": "reject" }));

    let player = answer(json!({ "SYS_MSG_TYPE_RANK": "accept", "SYS_MSG_TYPE_WHATS_NEW": "reject" }), false);
    assert_eq!(player["settings"]["SYS_MSG_TYPE_RANK"], "accept", "for good");
    assert_eq!(player["settings"].get("SYS_MSG_TYPE_WHATS_NEW"), None);
    assert_eq!(player["remaining"].get("SYS_MSG_TYPE_RANK"), None, "not counted");

    let wrong = game.post("/sim/answer", &json!({ "openid": "o", "answers": { "a": "maybe" } }));
    assert_eq!(wrong.status, 400);
}

#[test]
fn the_settings_page_takes_back_but_grants_nothing() {
    let wechat = Simulator::start(Options::default());
    wechat.answer("o", "a", Choice::Accept, true);
    wechat.set_setting("o", "a", Some(Choice::Reject));
    assert_eq!(wechat.remaining("o", "a"), 0);
    wechat.set_setting("o", "a", Some(Choice::Accept));
    assert_eq!((wechat.remaining("o", "a"), wechat.player("o").settings["a"]), (0, Choice::Accept));
    wechat.set_setting("o", "a", None);
    assert!(wechat.player("o").settings.is_empty());

    wechat.main_switch("o", false);
    wechat.answer("o", "a", Choice::Accept, false);
    assert_eq!(wechat.remaining("o", "a"), 0, "no dialog is shown with the main switch off");
}

#[test]
fn every_file_that_a_page_names_is_there_and_the_kit_is_the_shipped_one() {
    let game = Game::start();
    let kit = concat!(env!("CARGO_MANIFEST_DIR"), "/../../game/dist/wxsub-client.min.js");
    assert_eq!(game.get("/phone/kit.js").body, std::fs::read(kit).unwrap());
    let mut found = 0;
    for page in ["/phone", "/phone/game.html"] {
        let html = String::from_utf8(game.get(page).body).unwrap();
        for name in html.split('"').filter(|text| text.starts_with("/phone/")) {
            let file = game.get(name);
            let wanted = if name.ends_with(".css") { "text/css" } else { "text/javascript" };
            assert!(file.status == 200 && file.content_type.starts_with(wanted), "{name}");
            found += 1;
        }
    }
    assert!(found >= 7, "{found}");
    assert_eq!(game.get("/phone/../src/phone.rs").status, 404);
    assert_eq!(game.get("/phonebook").json()["errcode"], 40066, "WeChat's own paths begin where /phone ends");
}

#[test]
fn requests_of_the_game_go_to_this_machine_only() {
    let game = Game::start();
    let relay = |url: &str| {
        game.post("/phone/request", &json!({ "url": url, "method": "POST", "header": { "Host": "x" }, "data": "{}" }))
            .json()
    };
    let answer = relay(&format!("{}/cgi-bin/stable_token", game.wechat.url()));
    assert_eq!(answer["statusCode"], 200);
    assert!(answer["data"].as_str().unwrap().contains("errcode"), "{answer}");
    for url in ["http://192.0.2.1/", "https://127.0.0.1/", "http://127.0.0.1.example/", "ftp://localhost/", ""] {
        assert!(relay(url)["error"].is_string(), "{url}");
    }
    assert!(relay("http://127.0.0.1:1/")["error"].is_string(), "nobody there");
}

#[test]
fn other_sites_reach_neither_the_phone_nor_the_controls() {
    let game = Game::start();
    let port = game.wechat.port();
    let status = |path: &str, host: &str, origin: &str| {
        let request = format!("GET {path} HTTP/1.1\r\nhost: {host}\r\n{origin}connection: close\r\n\r\n");
        String::from_utf8_lossy(&game.raw(request.as_bytes()).unwrap())[9..12].to_owned()
    };
    for path in ["/phone", "/sim/account"] {
        assert_eq!(status(path, &format!("localhost:{port}"), ""), "200");
        assert_eq!(status(path, &format!("127.0.0.1:{port}"), &format!("origin: http://127.0.0.1:{port}\r\n")), "200");
        assert_eq!(status(path, "evil.example", ""), "403");
        assert_eq!(status(path, &format!("127.0.0.1:{port}"), "origin: http://evil.example\r\n"), "403");
    }
}
