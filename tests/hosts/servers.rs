//! The examples that are a game server's whole half, in Python and C++, over real HTTP: what a player's client and WeChat
//! send them, and what nobody should. `tools/simulator/tests/phone` plays the same servers from a browser.
//!
//! They need cpp-httplib and nlohmann's JSON, which `scripts/test.sh` installs, and aiohttp, from PyPI once.

mod lines;
mod server;

use serde_json::{Value, json};
use server::{KINDS, STAMINA, Server, build, command, wait_until, with_each};
use wxsub_simulator::push::{EventItem, EventKind, Format, Mode, Push};
use wxsub_simulator::{Options, Simulator};

use crate::common::host::{library_folder, root};
use crate::common::pushes::{AES_KEY, TOKEN};

#[test]
fn login_report_plan_event_and_the_message() {
    with_each("0.2", |server, wechat, kind| {
        wechat.grant("o-alice", STAMINA, 1);
        let session = server.login("o-alice");
        let said = server.accept(&session, "answer-1");
        assert_eq!(said["counts"][STAMINA], 1, "{kind:?}");
        assert_eq!(server.accept(&session, "answer-1")["counts"][STAMINA], 1, "{kind:?}: the same answer counts once");
        assert!(said["ask"].as_array().expect("a plan").iter().any(|id| id == "sim-activity"), "{kind:?}: {said}");

        let first = server.right("/event", Some(&session), json!({"event": "stamina"}));
        assert!(first["full_at_ms"].as_i64().is_some_and(|at| at > 1_600_000_000_000), "{kind:?}: {first}");
        wait_until("the message", || !wechat.deliveries_to("o-alice").is_empty());
        wait_until("the count", || server.count(&session) == 0);
        let delivery = &wechat.deliveries_to("o-alice")[0];
        assert_eq!(delivery.data["thing1"]["value"], "体力已满，快来领取");

        let (status, text) = server.get("/metrics");
        assert_eq!(status, 200);
        assert!(text.contains("wxsub_") && text.contains("# TYPE "), "{kind:?}: {text}");
        assert!(!text.contains("o-alice") && !text.contains(&wechat.secret()), "{kind:?}: {text}");
    });
}

/// Scene 1014 at the login after a message: counted once, in the funnel.
#[test]
fn a_card_that_is_tapped_is_counted_once() {
    with_each("0.1", |server, wechat, kind| {
        let start = |openid: &str, scene: Value| {
            let code = format!("code-{openid}~{}", fastrand::u64(..));
            server.right("/login", None, json!({"code": code, "scene": scene}));
        };
        start("o-card", json!(1014));
        assert_eq!(server.opened(wechat), 0, "{kind:?}: nothing was sent yet");
        wechat.grant("o-card", STAMINA, 1);
        let session = server.login("o-card");
        server.accept(&session, "1");
        server.right("/event", Some(&session), json!({"event": "stamina"}));
        wait_until("the count", || !wechat.deliveries_to("o-card").is_empty() && server.count(&session) == 0);
        for scene in [json!(1001), json!("1014"), json!([1014]), json!(null), json!(-1), json!(1e300)] {
            start("o-card", scene);
        }
        start("o-other", json!(1014));
        assert_eq!(server.opened(wechat), 0, "{kind:?}: no card of theirs was tapped");
        // The message may have arrived before its send is settled.
        wait_until("the tap is counted", || {
            start("o-card", json!(1014));
            server.opened(wechat) == 1
        });
        start("o-card", json!(1014));
        assert_eq!(server.opened(wechat), 1, "{kind:?}");
    });
}

/// Whoever refused a template is not asked for it again at once, and one that is in stock is not asked for.
#[test]
fn the_plan_leaves_out_what_was_refused_and_what_is_enough() {
    with_each("1", |server, _wechat, kind| {
        let session = server.login("o-plan");
        let answer = json!({"errMsg": "requestSubscribeMessage:ok", STAMINA: "accept", "sim-activity": "reject"});
        let said = server.right("/report", Some(&session), json!({"id": "1", "kind": "ask", "answer": answer}));
        assert_eq!(said["ask"], json!([STAMINA, "sim-result"]), "{kind:?}: {said}");
        server.accept(&session, "2");
        assert_eq!(server.accept(&session, "3")["ask"], json!(["sim-result"]), "{kind:?}");
    });
}

/// A game that says the same event over and over has one message sent.
#[test]
fn an_event_told_again_is_one_message() {
    with_each("1", |server, wechat, kind| {
        wechat.grant("o-bob", STAMINA, 3);
        let session = server.login("o-bob");
        for id in ["1", "2", "3"] {
            server.accept(&session, id);
        }
        let first = server.right("/event", Some(&session), json!({"event": "stamina"}));
        let again = server.right("/event", Some(&session), json!({"event": "stamina"}));
        // Were the machine so slow that a second had passed between both, they would be two events.
        let expected = if first == again { 1 } else { 2 };
        wait_until("the message", || wechat.deliveries_to("o-bob").len() == expected);
        wait_until("the count", || server.count(&session) == 3 - expected as i64);
        assert_eq!(wechat.sends_to("o-bob").len(), expected, "{kind:?}");
    });
}

/// Who it is about comes from the session; what a body says of it is not looked at.
#[test]
fn the_openid_is_the_session_s() {
    with_each("1", |server, _wechat, kind| {
        let (mallory, alice) = (server.login("o-mallory"), server.login("o-alice"));
        assert_ne!(mallory, alice);
        let body = json!({"id": "x", "kind": "ask", "openid": "o-alice", "touser": "o-alice", "answer": {
            "errMsg": "requestSubscribeMessage:ok", STAMINA: "accept"}});
        server.right("/report", Some(&mallory), body);
        assert_eq!((server.count(&alice), server.count(&mallory)), (0, 1), "{kind:?}");
        let refused = json!({"id": "y", "kind": "ask", "openid": "o-mallory", "answer": {STAMINA: "reject"}});
        server.right("/report", Some(&alice), refused);
        assert_eq!(server.count(&mallory), 1, "{kind:?}");
    });
}

#[test]
fn bad_input_is_turned_away_and_changes_nothing() {
    with_each("1", |server, wechat, kind| {
        let session = server.login("o-eve");
        server.accept(&session, "good");
        let report = |answer: Value| json!({"id": "bad", "kind": "ask", "answer": answer}).to_string().into_bytes();
        let many: Value = (0..65).map(|i| (format!("t{i}"), json!("accept"))).collect::<serde_json::Map<_, _>>().into();
        let deep = format!(r#"{{"id":"bad","answer":{}1{}}}"#, r#"{"a":"#.repeat(11_000), "}".repeat(11_000));
        let deeper = "[".repeat(60_000);
        let long = "x".repeat(129);
        let bad: Vec<(&str, Vec<u8>)> = vec![
            ("no JSON", b"{\"id\": ".to_vec()),
            ("not UTF-8", b"{\"id\": \"\xff\xfe\", \"answer\": {}}".to_vec()),
            ("half a character", br#"{"id": "\ud800", "answer": {}}"#.to_vec()),
            ("no object", b"[]".to_vec()),
            ("nothing", b"".to_vec()),
            ("no id", json!({"answer": {STAMINA: "accept"}}).to_string().into_bytes()),
            ("an id that is no text", json!({"id": 7, "answer": {STAMINA: "accept"}}).to_string().into_bytes()),
            ("a long id", json!({"id": long, "answer": {STAMINA: "accept"}}).to_string().into_bytes()),
            ("no answer", json!({"id": "bad"}).to_string().into_bytes()),
            ("a text for an answer", report(json!("accept"))),
            ("65 answers", report(many)),
            ("a long template id", report(json!({ long: "accept" }))),
            ("deep", deep.into_bytes()),
            ("deeper", deeper.into_bytes()),
        ];
        for (what, body) in bad {
            let (status, text) = server.patiently("/report", &session, &body);
            assert_eq!(status, 400, "{kind:?}: {what}: {text}");
            let said: Value = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{kind:?}: {what}: {text}: {e}"));
            assert!(said["error"].as_str().is_some_and(|why| !why.is_empty()), "{kind:?}: {what}: {text}");
        }
        // An entry with a word that nobody knows changes nothing; the others count.
        let answer = json!({STAMINA: "perhaps", "sim-activity": "accept"});
        let said = server.right("/report", Some(&session), json!({"id": "half", "kind": "ask", "answer": answer}));
        assert_eq!((&said["counts"][STAMINA], &said["counts"]["sim-activity"]), (&json!(1), &json!(1)), "{kind:?}");

        for session in [None, Some(""), Some("x"), Some("o-eve")] {
            for path in ["/report", "/plan", "/event"] {
                assert_eq!(server.post(path, session, b"{}").0, 401, "{kind:?}: {path} {session:?}");
            }
        }
        for event in [json!({}), json!({"event": "gold"}), json!({"event": ["stamina"]})] {
            assert_eq!(server.patiently("/event", &session, event.to_string().as_bytes()).0, 400, "{kind:?}: {event}");
        }
        for (code, wanted) in
            [(json!("no-such-code"), 401), (json!(7), 400), (json!("x".repeat(200)), 400), (json!(null), 400)]
        {
            let (status, text) =
                server.post("/login", None, json!({"code": code, "scene": 1001}).to_string().as_bytes());
            assert_eq!(status, wanted, "{kind:?}: {code}: {text}");
        }
        assert_eq!(server.get("/nothing").0, 404, "{kind:?}");
        assert_eq!(server.count(&session), 1, "{kind:?}");
        assert_eq!(wechat.sends_to("o-eve").len(), 0);
    });
}

/// A body beyond the bound is turned away unread, and the server goes on.
#[test]
fn bodies_are_bounded() {
    with_each("1", |server, _wechat, kind| {
        let session = server.login("o-big");
        let big = json!({"id": "big", "answer": {"errMsg": "x".repeat(1 << 20)}}).to_string();
        for path in ["/report", "/plan", "/event", "/login", "/push"] {
            // It may hang up while we still write.
            let request = server.agent.post(format!("{}{path}", server.url)).header("content-type", "application/json");
            match request.header("authorization", format!("Bearer {session}")).send(big.as_bytes()) {
                Ok(answer) => assert_eq!(answer.status(), 413, "{kind:?}: {path}"),
                Err(error) => println!("{kind:?}: {path}: {error}"),
            }
        }
        server.accept(&session, "good");
        assert_eq!(server.count(&session), 1, "{kind:?}");
    });
}

#[test]
fn one_player_s_requests_are_bounded() {
    with_each("1", |server, _wechat, kind| {
        let (hasty, calm) = (server.login("o-hasty"), server.login("o-calm"));
        let turned_away = (0..200).any(|_| server.post("/plan", Some(&hasty), b"{}").0 == 429);
        assert!(turned_away, "{kind:?}: 200 requests at once were served");
        assert_eq!(server.count(&calm), 0, "{kind:?}: the others go on");
    });
}

fn gift(openid: &str) -> Value {
    let goods = json!({"OrderId": "7", "ToUserOpenid": openid, "GoodsList": [{"Id": "gem", "Num": 1}]});
    json!({"MsgType": "event", "Event": "minigame_deliver_goods", "MiniGame": goods})
}

/// A gift, and what was paid for.
fn goods() -> Vec<Value> {
    let paid = |event: &str| {
        let payload = json!({"OutTradeNo": "8", "OpenId": "o-paid"}).to_string();
        json!({"MsgType": "event", "Event": event, "MiniGame": {"Payload": payload}})
    };
    let both = ["minigame_game_pay_goods_deliver_notify", "minigame_h5_goods_deliver_notify"];
    std::iter::once(gift("o-gift")).chain(both.map(paid)).collect()
}

/// One push address for everything that WeChat pushes, each with the answer that it wants.
#[test]
fn pushes_of_all_kinds() {
    with_each("1", |server, wechat, kind| {
        let url = format!("{}/push", server.url);
        let secure = || Push {
            token: TOKEN.to_owned(),
            aes_key: Some(AES_KEY.to_owned()),
            mode: Mode::Secure,
            format: Format::Json,
            ..Push::default()
        };
        let pushed = |message: Value| {
            let push = Push { message: Some(message.to_string()), ..secure() };
            wechat.push_to(&push, &url).expect("a push")
        };
        for message in [vec![gift("o-gift")], goods()].concat() {
            let report = pushed(message.clone());
            assert!(report.accepted && report.tries.len() == 1, "{kind:?}: {message}: {report:?}");
        }
        for wrong in [gift("o-other"), json!({"MsgType": "event", "Event": "minigame_deliver_goods"})] {
            let report = pushed(wrong.clone());
            assert!(!report.accepted, "{kind:?}: {wrong}: not delivered, and not confirmed: {report:?}");
        }
        for other in [
            json!({"MsgType": "event", "Event": "user_authorization_cancellation", "OpenID": "o-gone"}),
            json!({"MsgType": "text", "Content": "在吗"}),
        ] {
            let report = pushed(other.clone());
            assert_eq!((report.accepted, report.tries[0].body.as_str()), (true, "success"), "{kind:?}: {other}");
        }

        let accept = Push {
            event: EventKind::Popup,
            openid: "o-pushed".to_owned(),
            items: vec![EventItem::answer(STAMINA, "accept")],
            ..secure()
        };
        assert!(wechat.push_to(&accept, &url).expect("a push").accepted, "{kind:?}");
        assert_eq!(server.count(&server.login("o-pushed")), 1, "{kind:?}: an accept that came as an event");
        for forged in
            [Push { token: "wrong".to_owned(), ..accept.clone() }, Push { mode: Mode::Plain, ..accept.clone() }]
        {
            let report = wechat.push_to(&forged, &url).expect("a push");
            assert!(report.tries.iter().all(|one| one.status == Some(403)), "{kind:?}: {report:?}");
        }
        assert_eq!(server.post("/push", None, b"hello").0, 403, "{kind:?}");
        let query = wxsub_simulator::push::verification_query(TOKEN, "echo-7");
        assert_eq!(server.get(&format!("/push?{query}")), (200, "echo-7".to_owned()), "{kind:?}");
        assert_eq!(server.count(&server.login("o-pushed")), 1, "{kind:?}");
    });
}

/// Nobody signs a plain push: whoever saw the query of one could have anything delivered.
#[test]
fn a_plain_push_delivers_nothing_and_forgets_no_count() {
    for kind in KINDS {
        let (wechat, folder) = (Simulator::start(Options::default()), tempfile::tempdir().expect("a folder"));
        let server = Server::start_in_plain_mode(kind, &wechat, &folder.path().join("store.db"));
        let session = server.login("o-plain");
        server.accept(&session, "1");
        let pushed = |message: Value| {
            let plain = Push { token: TOKEN.to_owned(), mode: Mode::Plain, format: Format::Json, ..Push::default() };
            let push = Push { message: Some(message.to_string()), ..plain };
            wechat.push_to(&push, &format!("{}/push", server.url)).expect("a push")
        };
        for message in goods() {
            let report = pushed(message.clone());
            assert!(!report.accepted, "{kind:?}: {message}: {report:?}");
            assert!(report.tries[0].body.contains("\"ErrCode\":"), "{kind:?}: {message}: {report:?}");
        }
        for event in ["user_authorization_cancellation", "user_authorization_revoke"] {
            let gone = json!({"MsgType": "event", "Event": event, "OpenID": "o-plain", "CreateTime": 1_600_000_000});
            assert!(pushed(gone).accepted, "{kind:?}: {event}");
        }
        assert_eq!(server.count(&session), 1, "{kind:?}");
    }
}

/// What was answered with 200 is kept when the server is killed: the answers, and the message that waits.
#[test]
fn a_kill_between_the_event_and_the_message() {
    for kind in KINDS {
        let wechat = Simulator::start(Options::default());
        let folder = tempfile::tempdir().expect("a temporary folder");
        let store = folder.path().join("wxsub.db");
        wechat.grant("o-kill", STAMINA, 2);
        let mut server = Server::start(kind, &wechat, &store, "2");
        let session = server.login("o-kill");
        server.accept(&session, "1");
        server.accept(&session, "2");
        let said = server.right("/event", Some(&session), json!({"event": "stamina"}));
        let full_at = said["full_at_ms"].as_u64().expect("a time");
        server.kill();
        let server = Server::start(kind, &wechat, &store, "2");
        assert_eq!(server.post("/plan", Some(&session), b"{}").0, 401, "{kind:?}: sessions are the game's own");
        let session = server.login("o-kill");
        assert_eq!(server.accept(&session, "2")["counts"][STAMINA].as_i64().map(|n| n <= 2), Some(true), "{kind:?}");
        wait_until("the message", || !wechat.deliveries_to("o-kill").is_empty());
        wait_until("the count", || server.count(&session) == 1);
        let deliveries = wechat.deliveries_to("o-kill");
        assert_eq!(deliveries.len(), 1, "{kind:?}");
        assert!(deliveries[0].time_ms >= full_at, "{kind:?}: sent before the stamina was full");
    }
}

/// What the operator must put right.
#[test]
fn what_keeps_it_from_starting_is_said() {
    for kind in KINDS {
        let wechat = Simulator::start(Options::default());
        let run = |more: &[&str]| {
            let mut command = command(kind);
            command.args(more).env("WXSUB_SECRET", wechat.secret()).current_dir(root());
            let output = command.env("WXSUB_LIBRARY", library_folder().join("libwxsub.so")).output().expect("a server");
            (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
        };
        assert_eq!(run(&["--port", "0"]).0, Some(2), "{kind:?}: no appid");
        let (code, said) = run(&["--appid", "wx0", "--store", "/no/such/folder/wxsub.db", "--port", "0"]);
        assert!(code == Some(1) && said.contains("/no/such/folder"), "{kind:?}: {code:?} {said}");
    }
}
