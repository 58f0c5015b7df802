//! Through a proxy.

use super::*;

#[test]
fn through_a_proxy() {
    const TIMEOUT_MS: u32 = 1500;
    let env = secure_env();
    let stranger = Simulator::start(Options { https: Some(0), ..Options::default() });
    let ca = ca_file(&env.wechat, env.folder.path());
    let tls = https_port(&env.wechat);
    let proxied = |relay: &Relay, store: &str| {
        let transport = json!({
            "api_base": env.wechat.https_url(), "ca_file": ca, "proxy": format!("http://me:pass@127.0.0.1:{}", relay.port()),
            "timeout_ms": TIMEOUT_MS, "connect_timeout_ms": 400,
        });
        client_on(&env, store, transport)
    };

    let proxy = Relay::proxy(Mode::Forward(tls));
    let client = proxied(&proxy, "good");
    // An answer may take longer than a connection, on a fresh one and on one that is used again.
    env.wechat.arm(Fault::delay(700).on(Endpoint::StableToken));
    for slow in [false, true, false] {
        if slow {
            env.wechat.arm(Fault::delay(700).on(Endpoint::Send));
        }
        env.accept(&client, "o1");
        let sent = send(&client, "o1");
        assert_eq!((sent.status, sent.attempts), (Status::Ok, 1), "{}", sent.message);
    }
    let heads = proxy.heads();
    assert!(heads.len() <= 2, "each request made its own tunnel: {}", heads.len());
    assert!(heads[0].starts_with(&format!("CONNECT 127.0.0.1:{tls} HTTP/1.1\r\n")), "{}", heads[0]);
    assert!(heads[0].contains("Basic bWU6cGFzcw=="), "{}", heads[0]);
    assert!(!heads[0].contains("access_token"));

    for fault in [Fault::stall(), Fault::close().applied(), Fault::http(502, "")] {
        let openid = format!("o-{:?}", fault.kind).replace(' ', "");
        env.accept(&client, &openid);
        env.wechat.arm(fault.on(Endpoint::Send).openid(&openid).forever());
        assert_maybe_sent(&openid, &send(&client, &openid), TIMEOUT_MS);
        assert_eq!(env.wechat.sends_to(&openid).len(), 1, "{openid}");
    }

    let cases = [
        ("no answer to CONNECT", Mode::Silent),
        ("hangs up", Mode::Close),
        ("403", Mode::Say("HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n")),
        ("407", Mode::Say("HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n")),
        ("502", Mode::Say("HTTP/1.1 502 Bad Gateway\r\ncontent-length: 3\r\n\r\nno\n")),
        ("a tunnel in which TLS is never answered", Mode::Say("HTTP/1.1 200 OK\r\n\r\n")),
        ("a tunnel to a server without TLS", Mode::Forward(env.wechat.port())),
        ("a tunnel to a stranger", Mode::Forward(https_port(&stranger))),
        ("a handshake of a minute", Mode::Trickle(tls, Duration::from_millis(30))),
    ];
    std::thread::scope(|scope| {
        for (number, (what, mode)) in cases.into_iter().enumerate() {
            let (env, proxied) = (&env, &proxied);
            scope.spawn(move || {
                let proxy = Relay::proxy(Mode::Forward(tls));
                let client = proxied(&proxy, &number.to_string());
                let openid = format!("o-{number}");
                env.accept(&client, &openid);
                assert_eq!(send(&client, &openid).status, Status::Ok, "{what}");
                proxy.set(mode);
                env.accept(&client, &openid);
                let verdict = send(&client, &openid);
                assert_surely_not_sent(what, &verdict, TIMEOUT_MS);
                assert_eq!(env.wechat.sends_to(&openid).len(), 1, "{what}");
                assert!(!verdict.message.contains("pass@"), "{what}: {}", verdict.message);
                proxy.stop();
                assert_surely_not_sent("no proxy", &send(&client, &openid), TIMEOUT_MS);
            });
        }
    });
    assert_eq!(stranger.requests().len(), 0);
}

#[test]
fn a_proxy_that_answers_a_byte_at_a_time_ends_with_the_deadline() {
    const TIMEOUT_MS: u32 = 1000;
    const ANSWER: &str = "HTTP/1.1 200 Connection established\r\nvia: 1.1 a-proxy-that-takes-its-time\r\n\r\n";
    let env = secure_env();
    let proxy = Relay::proxy(Mode::Drip(ANSWER, Duration::from_millis(100)));
    let client = env.client(json!({
        "api_base": env.wechat.https_url(), "ca_file": ca_file(&env.wechat, env.folder.path()),
        "proxy": proxy.url("http"), "timeout_ms": TIMEOUT_MS, "connect_timeout_ms": 400,
    }));
    env.accept(&client, "o1");
    assert_surely_not_sent("a dripping proxy", &send(&client, "o1"), TIMEOUT_MS);
}

#[test]
fn a_name_is_resolved_by_the_proxy_not_by_us() {
    let env = secure_env();
    let proxy = Relay::proxy(Mode::Forward(https_port(&env.wechat)));
    let client = env.client(json!({
        "api_base": "https://wechat.invalid", "ca_file": ca_file(&env.wechat, env.folder.path()),
        "proxy": proxy.url("http"), "timeout_ms": 800, "connect_timeout_ms": 400,
    }));
    env.accept(&client, "o1");
    let verdict = send(&client, "o1");
    assert_surely_not_sent("the certificate is not for that name", &verdict, 800);
    assert!(proxy.heads()[0].starts_with("CONNECT wechat.invalid:443 "), "{:?}", proxy.heads());
}
