//! Whether the request had left decides between CONNECT and UNKNOWN.

use super::*;

/// What can go wrong once WeChat has the request, and the HTTP status that the verdict then tells.
fn after_it_left(wechat: &str) -> Vec<(&'static str, Fault, i32)> {
    let answered = |status: &str, headers: &str, body: &str| {
        // The server closes the connection after it; said so, no other send takes it meanwhile.
        format!("HTTP/1.1 {status}\r\n{headers}connection: close\r\ncontent-length: {}\r\n\r\n{body}", body.len())
    };
    let elsewhere = format!("location: {wechat}/cgi-bin/elsewhere\r\n");
    vec![
        ("stall", Fault::stall(), 0),
        ("stall, delivered", Fault::stall().applied(), 0),
        ("an answer after the deadline", Fault::delay(1500).applied(), 0),
        ("close after reading", Fault::close(), 0),
        ("close after reading, delivered", Fault::close().applied(), 0),
        ("reset after reading", Fault::reset().applied(), 0),
        ("a 502 page", Fault::http(502, ""), 502),
        ("a 504 page, delivered", Fault::http(504, "").applied(), 504),
        ("a captive portal's page", Fault::http(200, "<html>Please log in</html>"), 200),
        ("a gateway's own JSON", Fault::http(503, r#"{"code":503,"message":"no upstream"}"#), 503),
        ("an empty body", Fault::empty().applied(), 200),
        ("a cut body", Fault::cut().applied(), 0),
        ("a body of 80 bytes in 8 seconds", Fault::drip(100), 0),
        ("bytes that are no text", Fault::garbage([0xff, 0x00, 0xfe, 0x0a]), 200),
        ("null", Fault::garbage("null"), 200),
        ("a list", Fault::garbage("[]"), 200),
        ("an object without errcode", Fault::garbage("{}"), 200),
        ("an errcode that is no number", Fault::garbage(r#"{"errcode":null,"errmsg":"ok"}"#), 200),
        ("half of the JSON", Fault::garbage(&OK_BODY[..OK_BODY.len() / 2]), 200),
        ("a body without end", Fault::garbage(" ".repeat((1 << 20) + 1) + OK_BODY), 0),
        ("not HTTP", Fault::raw("SSH-2.0-OpenSSH_9.2\r\n"), 0),
        ("half of the headers", Fault::raw("HTTP/1.1 200 OK\r\ncontent-le"), 0),
        ("headers without end", Fault::raw(format!("HTTP/1.1 200 OK\r\nx: {}", "x".repeat(200_000))), 0),
        ("a broken chunk", Fault::raw("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n{}"), 0),
        ("only an interim answer", Fault::raw("HTTP/1.1 100 Continue\r\n\r\n"), 0),
        ("301", Fault::raw(answered("301 Moved", &elsewhere, "")), 301),
        ("302 with a page", Fault::raw(answered("302 Found", &elsewhere, "<a href=x>")), 302),
        ("307", Fault::raw(answered("307 Temporary Redirect", &elsewhere, "")), 307),
        ("308", Fault::raw(answered("308 Permanent Redirect", &elsewhere, "")), 308),
    ]
}

#[test]
fn after_the_request_left_it_was_maybe_sent() {
    const TIMEOUT_MS: u32 = 800;
    let env = secure_env();
    let https = json!({"api_base": env.wechat.https_url(), "ca_file": ca_file(&env.wechat, env.folder.path())});
    for (scheme, transport) in [("http", json!({})), ("https", https)] {
        let client = client_on(&env, scheme, transport);
        env.accept(&client, "o-first");
        assert_eq!(send(&client, "o-first").status, Status::Ok, "a connection to reuse, and a token");
        let options = json!({"timeout_ms": TIMEOUT_MS}).to_string();
        std::thread::scope(|scope| {
            for (what, fault, http_status) in after_it_left(&env.wechat.url()) {
                let (env, client, options) = (&env, &client, &options);
                scope.spawn(move || {
                    let delivers = fault.applied || what.contains("80 bytes");
                    let what = format!("{scheme}, {what}").replace([' ', ','], "-");
                    env.accept(client, &what);
                    env.wechat.arm(fault.on(Endpoint::Send).openid(&what).forever());
                    let verdict = client.send(&message(&what), Some(options));
                    assert_maybe_sent(&what, &verdict, TIMEOUT_MS);
                    assert_eq!(verdict.http_status, http_status, "{what}: {}", verdict.message);
                    assert_eq!(left(client, &what), 1, "{what}");
                    // On a busy machine WeChat may read it later than we gave up.
                    let start = Instant::now();
                    while env.wechat.sends_to(&what).is_empty() && start.elapsed() < Duration::from_secs(5) {
                        std::thread::sleep(Duration::from_millis(5));
                    }
                    assert_eq!(env.wechat.sends_to(&what).len(), 1, "{what}: sent once");
                    assert_eq!(env.wechat.deliveries_to(&what).len(), usize::from(delivers), "{what}");
                });
            }
        });
    }
    assert_eq!(env.wechat.requests_to(Endpoint::Other).len(), 0, "no redirect was followed");
}

#[test]
fn before_the_request_left_it_was_surely_not_sent() {
    const TIMEOUT_MS: u32 = 1500;
    let env = secure_env();
    let stranger = Simulator::start(Options { https: Some(0), ..Options::default() });
    let ca = ca_file(&env.wechat, env.folder.path());
    let (plain, tls) = (env.wechat.port(), https_port(&env.wechat));
    let slowly = Duration::from_millis(30);
    let cases = [
        ("TLS that is never answered", "https", Mode::Silent, true),
        ("TLS that is hung up on", "https", Mode::Close, true),
        ("a server without TLS", "https", Mode::Say("HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n"), true),
        ("WeChat's plain port", "https", Mode::Forward(plain), true),
        ("a certificate of another CA", "https", Mode::Forward(https_port(&stranger)), true),
        ("a handshake of a minute", "https", Mode::Trickle(tls, slowly), true),
        // The contrast: without TLS nothing but the request can be what was not answered.
        ("a plain server that says nothing", "http", Mode::Silent, false),
        ("a plain server that hangs up", "http", Mode::Close, false),
    ];
    std::thread::scope(|scope| {
        for (number, (what, scheme, mode, surely_not)) in cases.into_iter().enumerate() {
            let (env, ca) = (&env, &ca);
            scope.spawn(move || {
                let relay = Relay::start(Mode::Forward(if scheme == "https" { tls } else { plain }));
                let transport = json!({
                    "api_base": relay.url(scheme), "ca_file": ca,
                    "timeout_ms": TIMEOUT_MS, "connect_timeout_ms": 400,
                });
                let client = client_on(env, &number.to_string(), transport);
                let openid = format!("o-{number}");
                for stage in ["token", "send"] {
                    let what = format!("{what}, at the {stage}");
                    if stage == "send" {
                        relay.set(Mode::Forward(if scheme == "https" { tls } else { plain }));
                        // A pause may be running since the token request failed.
                        let options = json!({"timeout_ms": 10_000}).to_string();
                        let first = client.send(&message(&openid), Some(&options));
                        assert_eq!(first.status, Status::Ok, "{what}: {}", first.message);
                    }
                    env.accept(&client, &openid);
                    let sent_before = env.wechat.sends_to(&openid).len();
                    relay.set(mode);
                    let verdict = send(&client, &openid);
                    if surely_not || stage == "token" {
                        assert_surely_not_sent(&what, &verdict, TIMEOUT_MS);
                    } else {
                        assert_maybe_sent(&what, &verdict, TIMEOUT_MS);
                    }
                    assert_eq!(left(&client, &openid), 1, "{what}");
                    assert_eq!(env.wechat.sends_to(&openid).len(), sent_before, "{what}");
                }
            });
        }
    });
    assert_eq!(stranger.requests().len(), 0, "nothing was told to a server without the right certificate");
}

#[test]
fn a_host_that_cannot_be_reached_is_surely_not_sent_to() {
    const TIMEOUT_MS: u32 = 1500;
    let env = TestEnv::new();
    let hole = BlackHole::dig();
    std::thread::scope(|scope| {
        for (number, base) in [
            format!("http://127.0.0.1:{REFUSING}"),
            format!("https://127.0.0.1:{REFUSING}"),
            "https://no-such-host.invalid".to_owned(),
            format!("http://127.0.0.1:{}", hole.port()),
            format!("https://127.0.0.1:{}", hole.port()),
        ]
        .into_iter()
        .enumerate()
        {
            let env = &env;
            scope.spawn(move || {
                let transport = json!({"api_base": base, "timeout_ms": TIMEOUT_MS, "connect_timeout_ms": 300});
                let client = client_on(env, &number.to_string(), transport);
                env.accept(&client, "o1");
                let verdict = send(&client, "o1");
                assert_surely_not_sent(&base, &verdict, TIMEOUT_MS);
                assert_eq!(left(&client, "o1"), 1, "{base}");
            });
        }
    });
}

#[test]
fn a_send_that_is_refused_is_tried_again_and_arrives() {
    let env = TestEnv::new();
    let client = env.client(json!({"max_attempts": 20}));
    env.accept(&client, "o1");
    assert_eq!(send(&client, "o1").status, Status::Ok);
    env.accept(&client, "o1");
    env.wechat.set_offline(true);
    drop_connections(&env);
    std::thread::scope(|scope| {
        let sending = scope.spawn(|| send(&client, "o1"));
        std::thread::sleep(Duration::from_millis(300));
        env.wechat.set_offline(false);
        let verdict = sending.join().unwrap();
        assert_eq!((verdict.status, verdict.attempts), (Status::Ok, 1), "{}", verdict.message);
        assert!(verdict.elapsed_ms >= 250, "WeChat was there all the time: {} ms", verdict.elapsed_ms);
    });

    env.accept(&client, "o1");
    env.wechat.set_offline(true);
    drop_connections(&env);
    let verdict = client.send(&message("o1"), Some(r#"{"timeout_ms": 700}"#));
    assert_surely_not_sent("WeChat stays away", &verdict, 700);
    env.wechat.set_offline(false);
    let at_once = send(&client, "o1");
    assert_eq!(at_once.status, Status::Ok, "{}", at_once.message);
    assert!(at_once.elapsed_ms < 1500, "what surely was not sent keeps no turn: {} ms", at_once.elapsed_ms);
}

#[test]
fn an_unreached_host_gives_way_to_the_next_but_never_one_that_heard_the_request() {
    let env = secure_env();
    let hole = BlackHole::dig();
    let stranger = Simulator::start(Options { https: Some(0), ..Options::default() });
    let silent_tls = Relay::start(Mode::Silent);
    let closing_tls = Relay::start(Mode::Close);
    let ca = ca_file(&env.wechat, env.folder.path());
    let working = env.wechat.url();
    for (number, base) in [
        format!("http://127.0.0.1:{REFUSING}"),
        "https://no-such-host.invalid".to_owned(),
        format!("http://127.0.0.1:{}", hole.port()),
        silent_tls.url("https"),
        closing_tls.url("https"),
        stranger.https_url().unwrap(),
    ]
    .into_iter()
    .enumerate()
    {
        let hosts = json!({"api_base": [base, working], "ca_file": ca, "connect_timeout_ms": 300});
        let client = client_on(&env, &number.to_string(), hosts);
        let openid = format!("o-{number}");
        for round in ["first", "second"] {
            env.accept(&client, &openid);
            let verdict = send(&client, &openid);
            assert_eq!((verdict.status, verdict.attempts), (Status::Ok, 1), "{base}, {round}: {}", verdict.message);
            assert_in_time(&base, &verdict, 300);
        }
        assert_eq!(env.wechat.sends_to(&openid).len(), 2, "{base}");
    }
    assert_eq!(silent_tls.accepted(), 1, "a host that was not reached comes last for a while");

    let relay = Relay::start(Mode::Forward(env.wechat.port()));
    let hosts = json!({"api_base": [relay.url("http"), working], "max_attempts": 1});
    let client = client_on(&env, "goes-away", hosts);
    for what in ["the first host is there", "it is gone"] {
        env.accept(&client, "o-goes-away");
        let verdict = send(&client, "o-goes-away");
        assert_eq!((verdict.status, verdict.attempts), (Status::Ok, 1), "{what}: {}", verdict.message);
        relay.stop();
    }
    assert!(relay.accepted() > 0);

    let relay = Relay::start(Mode::Forward(env.wechat.port()));
    let hosts = json!({"api_base": [relay.url("http"), working], "timeout_ms": 800});
    for (number, mode) in [Mode::Silent, Mode::Close].into_iter().enumerate() {
        relay.set(Mode::Forward(env.wechat.port()));
        let client = client_on(&env, &format!("left-{number}"), hosts.clone());
        let openid = format!("o-left-{number}");
        env.accept(&client, &openid);
        assert_eq!(send(&client, &openid).status, Status::Ok);
        env.accept(&client, &openid);
        relay.set(mode);
        assert_maybe_sent("the first host heard it", &send(&client, &openid), 800);
        assert_eq!(env.wechat.sends_to(&openid).len(), 1, "the next host was not told");
    }
}
