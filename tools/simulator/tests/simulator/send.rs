//! Sections 1 and 3 of wechat-api.md: what is sent, what is refused, what is remembered.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::common::{Game, ends_in_rid, message};
use serde_json::{Value, json};
use wxsub_simulator::{Endpoint, Fault, Options, Outcome, Template};

#[test]
fn each_accept_is_one_message() {
    let game = Game::start();
    assert_eq!(game.send("o", "t").errcode(), 43101);
    assert_eq!(game.wechat.grant("o", "t", 1), 1);
    assert_eq!(game.wechat.grant("o", "t", 1), 2);
    let (first, second) = (game.send("o", "t"), game.send("o", "t"));
    assert_eq!(first.json()["errmsg"], "ok");
    let ids = [first, second].map(|a| a.json()["msgid"].as_i64().unwrap());
    assert!(ids[0] > 1 << 53 && ids[1] > ids[0]);
    let refused = game.send("o", "t");
    assert_eq!((refused.status, refused.errcode()), (200, 43101));
    assert!(refused.errmsg().starts_with("user refuse to accept the msg") && ends_in_rid(&refused.errmsg(), " rid: "));
    assert_eq!(game.wechat.remaining("o", "t"), 0);
    assert_eq!(game.wechat.remaining("o", "other"), 0);

    let delivered = game.wechat.deliveries_to("o");
    assert_eq!(delivered.len(), 2);
    assert_eq!(delivered.iter().map(|d| d.msgid).collect::<Vec<_>>(), ids);
    assert_eq!(delivered[0].data, message("o", "t")["data"]);
    assert_eq!(delivered[0].page.as_deref(), Some("pages/index"));
    assert_eq!(delivered[0].body[..], *message("o", "t").to_string().as_bytes());
}

#[test]
fn refusal_and_main_switch_clear() {
    let game = Game::start();
    game.wechat.grant("o", "t", 5);
    game.wechat.grant("o", "u", 5);
    game.wechat.refuse("o", "t");
    assert_eq!((game.wechat.remaining("o", "t"), game.wechat.remaining("o", "u")), (0, 5));
    game.wechat.main_switch("o", false);
    assert_eq!(game.send("o", "u").errcode(), 43101);
    assert_eq!(game.wechat.grant("o", "u", 1), 0);
    game.wechat.main_switch("o", true);
    assert_eq!(game.wechat.remaining("o", "u"), 0);
    assert_eq!(game.wechat.grant("o", "u", 1), 1);
    assert_eq!(game.send("o", "u").errcode(), 0);
}

#[test]
fn initial_grants_go_with_the_main_switch() {
    let game = Game::with(Options { initial_grants: 2, ..Options::default() });
    assert_eq!(game.send("o", "t").errcode(), 0);
    assert_eq!((game.wechat.remaining("o", "t"), game.wechat.remaining("o", "u")), (1, 2));
    game.wechat.main_switch("o", false);
    game.wechat.main_switch("o", true);
    assert_eq!((game.wechat.remaining("o", "t"), game.wechat.remaining("o", "u")), (0, 0));
}

#[test]
fn who_and_what_are_checked() {
    let game = Game::start();
    game.wechat.grant("o", "t", 9);
    let token = game.token();
    let with = |key: &str, value: Value| {
        let mut body = message("o", "t");
        body[key] = value;
        let answer = game.send_with(&token, &body);
        (answer.errcode(), if answer.errcode() == 0 { String::new() } else { answer.errmsg() })
    };
    game.wechat.set_foreign("stranger", true);
    assert_eq!(with("touser", json!("stranger")).0, 40003);
    assert_eq!(with("touser", Value::Null).0, 40003);
    assert_eq!(with("template_id", json!("")).0, 40037);
    let string = with("data", json!("{\"thing1\":{\"value\":\"x\"}}"));
    assert_eq!(string.0, 47003);
    let number = with("data", json!({ "thing1": { "value": 5 } }));
    assert_eq!(number.0, 47003);
    assert!(number.1.starts_with("argument invalid! data.thing1.value invalid rid: "), "{}", number.1);
    // Not registered: the rules are not known.
    assert_eq!(with("data", json!({ "thing1": { "value": "far more than twenty characters" } })).0, 0);

    assert_eq!(game.wechat.remaining("o", "t"), 8);
    game.wechat.add_template(Template::new("known", "").keyword("a", "thing1", "x"));
    assert_eq!(with("template_id", json!("t")).0, 40037);
    game.wechat.set_any_template(true);
    assert_eq!(with("template_id", json!("t")).0, 0);
    assert_eq!(game.get("/cgi-bin/message/subscribe/send?access_token=x").errcode(), 43002);
}

#[test]
fn two_sends_to_one_player_at_once() {
    // On a busy machine the calls may begin too far apart to meet; with more time for each they do.
    let refused = [150, 600, 2400].map(Duration::from_millis).into_iter().map(three_sends_to_one_player_and_one_more);
    assert!(refused.into_iter().any(|refused| refused == 2));
}

/// Returns how many were refused.
fn three_sends_to_one_player_and_one_more(send_latency: Duration) -> u64 {
    let game = Game::with(Options { send_latency, ..Options::default() });
    game.wechat.grant("o", "t", 9);
    game.wechat.grant("p", "t", 9);
    let token = game.token();
    let codes: Vec<i64> = std::thread::scope(|s| {
        let tasks: Vec<_> = ["o", "o", "o", "p"]
            .map(|who| s.spawn(|| game.send_with(&token, &message(who, "t")).errcode()))
            .into_iter()
            .collect();
        tasks.into_iter().map(|t| t.join().unwrap()).collect()
    });
    let refused = codes.iter().filter(|code| **code == 43108).count() as u64;
    assert!(codes.iter().all(|code| matches!(code, 0 | 43108)), "{codes:?}");
    assert_eq!(codes[3], 0, "another player is not concerned");
    let player = game.wechat.player("o");
    assert_eq!((player.overlaps, player.in_progress, player.sends), (refused, 0, 3));
    assert!(player.max_concurrent <= 3 && (refused < 2 || player.max_concurrent >= 2));
    assert_eq!(player.remaining["t"], 9 - (3 - refused));
    assert_eq!(game.wechat.player("p").overlaps, 0);
    let counters = game.wechat.counters();
    assert_eq!((counters.overlaps, counters.sends_in_progress), (refused, 0));
    assert_eq!(counters.answers(Endpoint::Send, 43108), refused);
    // Answered, so the next one is alone.
    assert_eq!(game.send_with(&token, &message("o", "t")).errcode(), 0);
    refused
}

#[test]
fn latency_is_kept_to_within_a_few_milliseconds() {
    let game = Game::start();
    game.wechat.grant("o", "t", 99);
    let token = game.token();
    game.wechat.set_send_latency(Duration::from_millis(20));
    let times = std::iter::repeat_with(|| {
        let start = Instant::now();
        game.send_with(&token, &message("o", "t"));
        start.elapsed().as_millis()
    });
    // On a busy machine a single one says little; never early, and soon one on time.
    let on_time = times.take(99).inspect(|ms| assert!(*ms >= 20)).any(|ms| ms < 26);
    assert!(on_time);
    game.wechat.set_token_latency(Duration::from_millis(50));
    let start = Instant::now();
    game.token();
    assert!(start.elapsed() >= Duration::from_millis(50));
}

#[test]
fn every_request_is_on_record() {
    let game = Game::start();
    game.wechat.grant("o", "t", 1);
    let token = game.token();
    game.send_with(&token, &message("o", "t"));
    game.send_with("dead", &message("o", "u"));
    game.wechat.arm(Fault::close().on(Endpoint::Send).applied());
    assert!(game.try_send("o", "t").is_err());
    let all = game.wechat.requests();
    assert_eq!(all.iter().map(|r| r.seq).collect::<Vec<_>>(), (1..=all.len() as u64).collect::<Vec<_>>());
    let sends = game.wechat.sends_to("o");
    assert_eq!(sends.len(), 3);
    assert_eq!((sends[0].outcome, sends[0].errcode, sends[0].http_status), (Outcome::Answered, Some(0), Some(200)));
    assert_eq!(sends[0].msgid, Some(game.wechat.deliveries()[0].msgid));
    assert_eq!(game.wechat.deliveries()[0].request, sends[0].seq);
    assert_eq!((sends[0].token.as_deref(), sends[0].template_id.as_deref()), (Some(token.as_str()), Some("t")));
    assert_eq!((sends[1].errcode, sends[1].msgid, sends[1].template_id.as_deref()), (Some(40001), None, Some("u")));
    assert_eq!((sends[2].outcome, sends[2].errcode, sends[2].fault.as_deref()), (Outcome::Cut, None, Some("close")));
    assert_eq!(sends[0].connection, sends[1].connection);
    assert_eq!(game.wechat.requests_to(Endpoint::StableToken).len(), 2);
}

#[test]
fn old_records_go_but_counters_stay_exact() {
    let game = Game::with(Options { keep: 3, initial_grants: 99, ..Options::default() });
    let token = game.token();
    for _ in 0..5 {
        assert_eq!(game.send_with(&token, &message("o", "t")).errcode(), 0);
    }
    assert_eq!(game.wechat.requests().iter().map(|r| r.seq).collect::<Vec<_>>(), [4, 5, 6]);
    assert_eq!(game.wechat.requests()[2].outcome, Outcome::Answered);
    assert_eq!(game.wechat.deliveries().len(), 3);
    let counters = game.wechat.counters();
    assert_eq!((counters.delivered, counters.calls_to(Endpoint::Send), counters.forgotten), (5, 5, 5));
}

#[test]
fn the_hook_hears_each_delivery_before_the_answer() {
    let heard = Arc::new(AtomicU64::new(0));
    let hook = heard.clone();
    let game = Game::with(Options {
        initial_grants: 1,
        on_delivery: Some(Arc::new(move |d| {
            assert_eq!(d.openid, "o");
            hook.fetch_add(1, Ordering::SeqCst);
        })),
        ..Options::default()
    });
    game.send("o", "t");
    game.send("o", "t");
    assert_eq!(heard.load(Ordering::SeqCst), 1);
}

#[test]
fn reset_starts_over() {
    let game = Game::start();
    game.wechat.grant("o", "t", 2);
    let token = game.token();
    let first = game.send_with(&token, &message("o", "t")).json()["msgid"].as_i64().unwrap();
    game.wechat.add_template(Template::new("x", ""));
    game.wechat.arm(Fault::stall().forever());
    game.wechat.set_secret("other");
    game.wechat.reset();
    assert_eq!(game.wechat.remaining("o", "t"), 0);
    assert_eq!(game.send_with(&token, &message("o", "t")).errcode(), 40001);
    assert_eq!((game.wechat.secret().as_str(), game.wechat.templates().len()), ("simulator-secret", 3));
    assert!(game.wechat.deliveries().is_empty());
    game.wechat.grant("o", "t", 1);
    assert!(game.send("o", "t").json()["msgid"].as_i64().unwrap() > first);
}

#[test]
fn reset_in_the_middle_of_a_send() {
    let game = Game::with(Options { initial_grants: 9, ..Options::default() });
    let token = game.token();
    std::thread::scope(|s| {
        game.wechat.arm(Fault::delay(200).on(Endpoint::Send).applied());
        let slow = s.spawn(|| game.send_with(&token, &message("o", "t")).errcode());
        assert!(game.wechat.wait_for(Duration::from_secs(5), |c| c.sends_in_progress == 1));
        game.wechat.reset();
        assert_eq!(slow.join().unwrap(), 0);
    });
    let counters = game.wechat.counters();
    assert_eq!((counters.sends_in_progress, counters.delivered), (0, 0));
    assert_eq!(game.wechat.player("o").in_progress, 0);
}
