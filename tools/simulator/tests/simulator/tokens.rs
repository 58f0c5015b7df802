//! Section 2 of wechat-api.md over real sockets; the arithmetic of lives and overlaps is tested in src/tokens.rs.

use std::time::Duration;

use crate::common::{Game, ends_in_rid, message, send_path};
use serde_json::{Value, json};
use wxsub_simulator::{Endpoint, Options, TokenKind};

#[test]
fn stable_token_is_the_same_until_its_last_five_minutes() {
    let game = Game::start();
    let first = game.stable(false);
    assert_eq!((first.status, first.content_type.as_str()), (200, "application/json; encoding=utf-8"));
    let (token, left) = (first.json()["access_token"].clone(), first.json()["expires_in"].as_u64().unwrap());
    assert!(token.as_str().unwrap().len() <= 512 && (7199..=7200).contains(&left));

    game.wechat.advance(Duration::from_secs(6800));
    let again = game.stable(false).json();
    assert_eq!(again["access_token"], token);
    assert!((300..=400).contains(&again["expires_in"].as_u64().unwrap()));

    game.wechat.advance(Duration::from_secs(200));
    let next = game.stable(false).json();
    assert_ne!(next["access_token"], token);
    game.wechat.grant("o", "t", 3);
    let old = token.as_str().unwrap();
    assert_eq!(game.send_with(old, &message("o", "t")).errcode(), 0);
    assert_eq!(game.send_with(next["access_token"].as_str().unwrap(), &message("o", "t")).errcode(), 0);
    game.wechat.advance(Duration::from_secs(301));
    assert_eq!(game.send_with(old, &message("o", "t")).errcode(), 40001);
}

#[test]
fn credentials_are_checked() {
    let game = Game::start();
    let with = |key: &str, value: Value| {
        let mut body = game.credentials(false);
        body[key] = value;
        let answer = game.post("/cgi-bin/stable_token", &body);
        assert_eq!(answer.status, 200);
        assert!(answer.errcode() == 0 || ends_in_rid(&answer.errmsg(), " rid: "), "{}", answer.errmsg());
        answer.errcode()
    };
    assert_eq!(with("appid", json!("wx1")), 40013);
    assert_eq!(with("appid", json!("")), 41002);
    assert_eq!(with("secret", json!("wrong")), 40125);
    assert_eq!(with("secret", Value::Null), 41004);
    assert_eq!(with("grant_type", json!("password")), 40002);
    assert_eq!(with("extra", json!(1)), 0);
    // "A bad appid 40013 before anything else."
    let nothing_right = json!({ "appid": "wx1" });
    assert_eq!(game.post("/cgi-bin/stable_token", &nothing_right).errcode(), 40013);
    assert_eq!(game.get("/cgi-bin/stable_token").errcode(), 43002);
    assert_eq!(game.try_post("/cgi-bin/stable_token", b"no json").unwrap().errcode(), 47001);

    let legacy = |query: &str| game.get(&format!("/cgi-bin/token?{query}")).errcode();
    assert_eq!(legacy("grant_type=client_credential&secret=simulator-secret"), 41002);
    assert_eq!(legacy("grant_type=client_credential&appid=wx1&secret=simulator-secret"), 40013);
    assert_eq!(legacy("grant_type=client_credential&appid=wx0000000000000000"), 41004);
    assert_eq!(legacy("grant_type=x&appid=wx0000000000000000&secret=simulator-secret"), 40002);
    assert_eq!(legacy("grant_type=client_credential&appid=wx0000000000000000&secret=x"), 40125);
}

#[test]
fn the_other_wrong_secret_code_and_a_rotated_secret() {
    let game = Game::with(Options { wrong_secret_errcode: 40001, ..Options::default() });
    let old = game.credentials(false);
    let token = game.token();
    game.wechat.set_secret("fresh");
    assert_eq!(game.post("/cgi-bin/stable_token", &old).errcode(), 40001);
    assert_eq!(game.token(), token);
}

#[test]
fn forced_refresh_kills_the_old_token_and_has_limits() {
    let game = Game::start();
    game.wechat.grant("o", "t", 9);
    let first = game.token();
    let second = game.stable(true).json()["access_token"].as_str().unwrap().to_owned();
    assert_ne!(first, second);
    assert_eq!(game.send_with(&first, &message("o", "t")).errcode(), 40001);
    assert_eq!(game.send_with(&second, &message("o", "t")).errcode(), 0);
    assert_eq!(game.stable(true).errcode(), 45011);
    assert_eq!(game.token(), second);
    for _ in 1..20 {
        game.wechat.advance(Duration::from_secs(30));
        assert_eq!(game.stable(true).errcode(), 0);
    }
    game.wechat.advance(Duration::from_secs(30));
    assert_eq!(game.stable(true).errcode(), 45009);
    game.wechat.set_force_limits(Duration::ZERO, 100);
    assert_eq!(game.stable(true).errcode(), 0);
    assert_eq!(game.stable(true).errcode(), 0);
}

#[test]
fn limits_answer_what_was_asked_for() {
    let options = Options {
        force_too_early_errcode: -1,
        force_refresh_daily: 1,
        force_too_many_errcode: 45010,
        ..Options::default()
    };
    let game = Game::with(options);
    game.stable(true);
    assert_eq!(game.stable(true).errcode(), -1);
    game.wechat.advance(Duration::from_secs(31));
    assert_eq!(game.stable(true).errcode(), 45010);
}

#[test]
fn a_killed_token_is_replaced_unless_it_is_sticky() {
    let game = Game::start();
    game.wechat.grant("o", "t", 9);
    let first = game.token();
    assert_eq!(game.wechat.kill_token(TokenKind::Stable), Some(first.clone()));
    assert_eq!(game.send_with(&first, &message("o", "t")).errcode(), 40001);
    let second = game.token();
    assert_ne!(second, first);

    game.wechat.set_sticky_dead_token(true);
    game.wechat.kill_token(TokenKind::Stable);
    assert_eq!(game.token(), second);
    assert_eq!(game.send_with(&second, &message("o", "t")).errcode(), 40001);
    game.stable(true);
    assert_ne!(game.token(), second);
    assert_eq!(game.send("o", "t").errcode(), 0);
}

#[test]
fn legacy_tokens_are_new_each_time_and_separate() {
    let game = Game::with(Options { token_overlap: Some(Duration::from_secs(60)), ..Options::default() });
    game.wechat.grant("o", "t", 9);
    let stable = game.token();
    let (first, second) = (game.legacy(), game.legacy());
    assert_ne!(first, second);
    assert_eq!(game.send_with(&first, &message("o", "t")).errcode(), 0);
    game.wechat.advance(Duration::from_secs(61));
    assert_eq!(game.send_with(&first, &message("o", "t")).errcode(), 40001);
    assert_eq!(game.send_with(&second, &message("o", "t")).errcode(), 0);
    assert_eq!(game.send_with(&stable, &message("o", "t")).errcode(), 0);
    assert_eq!(game.wechat.kill_token(TokenKind::Legacy), Some(second.clone()));
    assert_eq!(game.send_with(&second, &message("o", "t")).errcode(), 40001);
    assert_eq!(game.token(), stable);
    assert_eq!(game.try_post("/cgi-bin/token", b"").unwrap().errcode(), 43001);
}

#[test]
fn missing_dead_expired_before_the_body_is_looked_at() {
    let game = Game::start();
    let bad = |path: &str| game.try_post(path, b"not even json").unwrap().errcode();
    assert_eq!(bad("/cgi-bin/message/subscribe/send"), 41001);
    assert_eq!(bad("/cgi-bin/message/subscribe/send?access_token="), 41001);
    assert_eq!(bad(&send_path("made-up")), 40001);
    let token = game.token();
    assert_eq!(bad(&send_path(&token)), 47001);
    game.wechat.advance(Duration::from_secs(7200));
    assert_eq!(bad(&send_path(&token)), 42001);
}

#[test]
fn short_lives() {
    let game = Game::start();
    game.wechat.set_token_lifetime(Duration::from_secs(2));
    game.wechat.set_token_overlap(Some(Duration::from_secs(1)));
    let first = game.stable(false).json();
    assert_eq!(first["expires_in"], 2);
    game.wechat.advance(Duration::from_millis(1950));
    assert_ne!(game.token(), first["access_token"].as_str().unwrap());
}

#[test]
fn a_post_without_length_is_412_with_an_empty_body() {
    let game = Game::start();
    for path in ["/cgi-bin/stable_token", "/cgi-bin/message/subscribe/send?access_token=x", "/anything"] {
        let request = format!(
            "POST {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{{}}\r\n0\r\n\r\n"
        );
        let answer = String::from_utf8(game.raw(request.as_bytes()).unwrap()).unwrap();
        assert!(answer.starts_with("HTTP/1.1 412 "), "{answer}");
        assert!(answer.ends_with("\r\n\r\n"), "{answer}");
    }
    assert_eq!(game.wechat.counters().without_length, 3);
    assert_eq!(game.wechat.counters().calls_to(Endpoint::StableToken), 0);
}

#[test]
fn unknown_paths() {
    let game = Game::start();
    let answer = game.get("/cgi-bin/nothing");
    assert_eq!((answer.status, answer.errcode()), (200, 40066));
    assert_eq!(game.wechat.counters().calls_to(Endpoint::Other), 1);
}
