//! Messages against the simulator, beside a game server on the same store.

use std::io::Read;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::json;
use wxsub::{Answer, Status, Verdict};
use wxsub_simulator::{Endpoint, Fault, TokenKind};

use crate::common::{CANARY, TEMPLATE, WORDS, World, command, message};

#[test]
fn check_says_what_works_and_what_does_not() {
    let world = World::new();
    let _server = world.server();
    let said = world.run(&["check"]).fine();
    assert!(said.starts_with("store: writable\nnetwork: reached\ncredentials: right\n"), "{said}");
    let done = world.run_with(&["check"], &[("WXSUB_SECRET", CANARY)], "");
    assert_eq!((done.code, done.out.as_str()), (24, ""), "{done:?}");
    assert!(done.err.contains("WXSUB_E_AUTH: ") && done.err.contains("\"secret\""), "{done:?}");
    let done = world.run_with(&["check", "--json"], &[("WXSUB_SECRET", CANARY)], "");
    assert_eq!((done.code, done.err.as_str(), done.json()["code"].as_i64()), (24, "", Some(24)));
    assert_eq!(world.run(&["check", "--api-base", "http://127.0.0.1:1"]).code, 40);
}

#[test]
fn the_log_on_stderr_holds_no_secret() {
    let world = World::new();
    let _server = world.server();
    let done = world.run(&["check", "-vv"]);
    assert_eq!(done.code, 0);
    assert!(done.err.contains("[INFO] "), "{done:?}");
    let token = world.wechat.token(TokenKind::Stable);
    assert!(!token.is_empty());
    assert!(!done.err.contains(&token) && !done.out.contains(&token));
}

#[test]
fn count_send_and_count_beside_a_running_server() {
    let world = World::new();
    let server = world.server();
    world.player(&server, "o-alice", 2);
    assert_eq!(world.run(&["quota", "o-alice", TEMPLATE]).fine(), "2\n");
    let send = [&["send", "--openid", "o-alice", "--key", "k1"][..], &WORDS].concat();
    let said = world.run(&send).fine();
    assert!(said.starts_with("sent: msgid ") && said.ends_with("; the player allows 1 more\n"), "{said}");
    assert_eq!(server.quota("o-alice", TEMPLATE).remaining, 1);

    let done = world.run_with(&["send", "-", "--key", "k1"], &[], &message("o-alice").to_string());
    assert!(done.fine().starts_with("sent before, by this key: msgid "));
    assert_eq!(world.delivered("o-alice"), 1);
    assert!(world.run(&["lookup", "o-alice", "k1"]).fine().starts_with("sent: msgid "));
    assert_eq!(world.run(&["lookup", "o-alice", "k1", "--json"]).json()["status"], "WXSUB_OK");

    let file = world.file("message.json", &message("o-alice").to_string());
    let told = world.run(&["send", &file, "--json"]).json();
    assert_eq!((&told["status"], &told["remaining"], &told["quota"]), (&json!("WXSUB_OK"), &json!(0), &json!("spent")));
    let told = world.run(&["quota", "o-alice", TEMPLATE, "--json"]).json();
    assert_eq!(told, json!({ "openid": "o-alice", "template_id": TEMPLATE, "remaining": 0 }));
}

#[test]
fn the_exit_code_is_the_verdict() {
    let world = World::new();
    let server = world.server();
    let ends = |code: i32, says: &str, openid: &str, more: &[&str]| {
        let done = world.run(&[&["send", "--openid", openid][..], &WORDS, more].concat());
        assert_eq!((done.code, done.out.as_str()), (code, ""), "{done:?}");
        assert!(done.err.starts_with(&format!("wxsub: {says}: ")), "{done:?}");
    };
    ends(20, "WXSUB_E_NO_QUOTA", "o-nobody", &[]);
    server.report("o-unwilling", Some(TEMPLATE), Answer::Accept, None);
    ends(21, "WXSUB_E_REFUSED", "o-unwilling", &[]);
    world.player(&server, "o-noon", 1);
    ends(3, "WXSUB_E_MESSAGE", "o-noon", &["--data", "time2=noon"]);
    world.player(&server, "o-lost", 1);
    world.wechat.arm(Fault::close().applied().on(Endpoint::Send).openid("o-lost"));
    ends(41, "WXSUB_E_UNKNOWN", "o-lost", &["--key", "k1"]);
    ends(41, "WXSUB_E_UNKNOWN", "o-lost", &["--key", "k1"]);
    assert_eq!(world.delivered("o-lost"), 1);
    let done = world.run(&["lookup", "o-lost", "k1"]);
    assert_eq!((done.code, done.err.as_str()), (0, ""));
    assert!(done.out.starts_with("WXSUB_E_UNKNOWN: "), "{done:?}");
    let done = world.run(&["lookup", "o-lost", "k2"]);
    assert_eq!((done.code, done.out.as_str()), (44, ""));
}

fn unix_ms() -> u64 {
    u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap()
}

/// Submits it to be delivered then, and waits until it is on disk.
fn store(server: &wxsub::Client, openid: &str, key: &str, deliver_at: u64) {
    let options = json!({ "key": key, "deliver_at": deliver_at }).to_string();
    server.submit(&message(openid).to_string(), Some(&options)).unwrap();
    let stored = server.poll(1, Duration::from_secs(20)).unwrap();
    assert_eq!((stored[0].status, stored[0].flags & Verdict::STORED), (Status::Ok, Verdict::STORED), "{stored:?}");
}

#[test]
fn what_waits_is_looked_up_and_taken_back() {
    let world = World::new();
    let server = world.server();
    world.player(&server, "o-alice", 1);
    store(&server, "o-alice", "later", unix_ms() + 3_600_000);
    assert!(world.run(&["lookup", "o-alice", "later"]).fine().starts_with("waits: for 20"));
    assert_eq!(world.run(&["cancel", "o-alice", "later"]).fine(), "taken back\n");
    let done = world.run(&["cancel", "o-alice", "later"]);
    assert_eq!((done.code, done.out.as_str()), (44, ""));
    assert!(world.delivered("o-alice") == 0);
}

#[test]
fn what_a_stopped_server_left_goes_out_with_a_command_that_sends_and_with_no_other() {
    let world = World::new();
    let server = world.server();
    world.player(&server, "o-alice", 1);
    store(&server, "o-alice", "left", unix_ms() + 1000);
    drop(server);
    std::thread::sleep(Duration::from_millis(1200));
    for _ in 0..3 {
        assert_eq!(world.run(&["quota", "o-alice", TEMPLATE]).fine(), "1\n");
    }
    assert!(world.delivered("o-alice") == 0, "an observer sends nothing");
    let mut said = String::new();
    let ends = Instant::now() + Duration::from_secs(30);
    while world.delivered("o-alice") == 0 && Instant::now() < ends {
        said += &world.run(&["check"]).err;
    }
    assert_eq!(world.delivered("o-alice"), 1);
    assert_eq!(said, "wxsub: a message that waited in the store, key left: sent\n");
    assert!(world.run(&["lookup", "o-alice", "left"]).fine().starts_with("sent: "));
}

#[cfg(unix)]
#[test]
fn ctrl_c_says_that_it_may_still_be_sent() {
    let world = World::new();
    let server = world.server();
    world.player(&server, "o-alice", 1);
    world.wechat.arm(Fault::stall().on(Endpoint::Send).openid("o-alice"));
    let url = world.wechat.url().to_owned();
    let environment = [
        ("WXSUB_APPID", "wx0000000000000000"),
        ("WXSUB_SECRET", "simulator-secret"),
        ("WXSUB_API_BASE", url.as_str()),
        ("WXSUB_STORE", world.store.as_str()),
    ];
    let send = [&["send", "--openid", "o-alice", "--timeout", "30"][..], &WORDS].concat();
    let mut child = command(&send, &environment).spawn().unwrap();
    let ends = Instant::now() + Duration::from_secs(30);
    let sending = || !world.wechat.sends_to("o-alice").is_empty();
    while !sending() && Instant::now() < ends {
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert_eq!(said, "wxsub: interrupted; a message that was being sent may still be sent\n");
}

#[test]
fn a_token_from_outside() {
    let world = World::new();
    let config =
        json!({ "appid": "wx0000000000000000", "token": "external", "api_base": world.wechat.url() }).to_string();
    let config = world.file("wxsub.json", &config);
    let account = [("WXSUB_CONFIG", config.as_str()), ("WXSUB_STORE", ":memory:")];
    let done = crate::common::run(&["check"], &account);
    assert_eq!(done.code, 24, "{done:?}");
    let with_token = [&account[..], &[("WXSUB_ACCESS_TOKEN", CANARY)]].concat();
    let done = crate::common::run(&["check"], &with_token);
    assert_eq!(done.code, 24, "{done:?}");
}

#[test]
fn a_players_key_does_not_move_the_cursor() {
    let world = World::new();
    let server = world.server();
    world.player(&server, "o-alice", 1);
    let done = world.run(&["lookup", "o-alice", "k\u{1b}[2J"]);
    assert_eq!(done.code, 44);
    assert!(!done.err.contains('\u{1b}'), "{done:?}");
}
