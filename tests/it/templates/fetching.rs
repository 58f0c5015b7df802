//! When the account's templates are fetched.

use super::*;

#[test]
fn fetched_on_first_need_once_and_kept_for_the_next_start() {
    let env = TestEnv::new();
    let client = env.client(json!({}));
    env.accept(&client, "o1");
    env.accept(&client, "o1");
    assert_eq!(fetches(&env), 0, "neither opening nor a report needs them");
    assert_sent(&send(&client, "o1"));
    assert_refused(&client.send(&faulty("o1"), None), "data.thing1: 23 characters, at most 20");
    assert_eq!(fetches(&env), 1);
    drop(client);

    env.wechat.arm(Fault::errcode(-1).on(Endpoint::GetTemplate).forever());
    let reopened = env.client(json!({}));
    assert_refused(&reopened.send(&faulty("o1"), None), "data.thing1: 23 characters, at most 20");
    assert_sent(&send(&reopened, "o1"));
    assert_eq!(fetches(&env), 1, "the store had them");
}

/// WeChat is not asked about a message that cannot be sent anyway.
#[test]
fn a_send_without_a_count_fetches_nothing() {
    let env = TestEnv::new();
    let client = env.client(json!({}));
    for _ in 0..3 {
        assert_eq!(send(&client, "o1").status, Status::NoQuota);
    }
    let counters = env.wechat.counters();
    assert_eq!((fetches(&env), counters.calls_to(Endpoint::StableToken)), (0, 0));
    // With "observe" it is sent all the same.
    let observing = env.client(json!({"quota": "observe"}));
    env.wechat.grant("o1", TEMPLATE, 1);
    assert_refused(&observing.send(&faulty("o1"), None), "data.thing1: 23 characters, at most 20");
    assert_sent(&send(&observing, "o1"));
    assert_eq!(fetches(&env), 1);
}

#[test]
fn many_first_sends_fetch_once() {
    let env = TestEnv::new();
    let client = env.client(json!({}));
    std::thread::scope(|scope| {
        for player in 0..8 {
            let (env, client) = (&env, &client);
            scope.spawn(move || {
                let openid = format!("o{player}");
                env.accept(client, &openid);
                assert_sent(&send(client, &openid));
            });
        }
    });
    assert_eq!(fetches(&env), 1);
}

#[test]
fn an_unknown_template_is_asked_for_once_a_minute_and_then_refused() {
    let env = TestEnv::new();
    let client = env.client(json!({}));
    env.accept(&client, "o1");
    assert_sent(&send(&client, "o1"));
    let unknown = "template_id new is none of the account's 3 templates; nothing was sent";
    accept(&env, &client, "o1", "new");
    assert_refused(&client.send(&message_from("o1", "new"), None), unknown);
    env.wechat.add_template(Template::new("new", "").keyword("a", "thing1", "x").keyword("b", "time2", "x"));
    assert_refused(&client.send(&message_from("o1", "new"), None), unknown);
    assert_eq!((fetches(&env), sends(&env)), (1, 1), "asked a moment ago");
    assert_eq!(client.quota("o1", "new").remaining, 1);
    drop(client);

    age_kept_templates(&env, Duration::from_secs(61));
    let client = env.client(json!({}));
    assert_sent(&client.send(&message_from("o1", "new"), None));
    assert_eq!(fetches(&env), 2);
    assert_refused(
        &client.send(&message_from("o1", "newer"), None),
        "template_id newer is none of the account's 4 templates; nothing was sent",
    );
    assert_eq!(fetches(&env), 2);
}

#[test]
#[ignore = "takes more than a minute"]
fn a_template_added_at_wechat_is_known_after_a_minute() {
    let env = TestEnv::new();
    let client = env.client(json!({}));
    accept(&env, &client, "o1", "new");
    assert_eq!(client.send(&message_from("o1", "new"), None).status, Status::Message);
    env.wechat.add_template(Template::new("new", "").keyword("a", "thing1", "x").keyword("b", "time2", "x"));
    std::thread::sleep(Duration::from_secs(61));
    assert_sent(&client.send(&message_from("o1", "new"), None));
    assert_eq!(fetches(&env), 2);
}

/// An old list that WeChat does not renew says nothing about a template that it lacks.
#[test]
fn an_unknown_template_passes_while_wechat_cannot_be_asked() {
    let env = TestEnv::new();
    let client = env.client(json!({}));
    env.accept(&client, "o1");
    assert_sent(&send(&client, "o1"));
    drop(client);
    age_kept_templates(&env, Duration::from_secs(61));
    env.wechat.set_any_template(true);
    env.wechat.arm(Fault::errcode(-1).on(Endpoint::GetTemplate).forever());
    let client = env.client(json!({}));
    accept(&env, &client, "o1", "new");
    assert_sent(&client.send(&message_from("o1", "new"), None));
    env.accept(&client, "o1");
    assert_refused(&client.send(&faulty("o1"), None), "data.thing1: 23 characters, at most 20");
}

#[test]
fn a_failed_fetch_never_fails_a_send() {
    let faults = [
        ("busy", Fault::errcode(-1)),
        ("no permission", Fault::errcode(48001)),
        ("unknown code", Fault::errcode(12345)),
        ("closed", Fault::close()),
        ("reset", Fault::reset()),
        ("HTML", Fault::http(502, "<html>Bad Gateway</html>")),
        ("garbage", Fault::garbage("\u{0}[")),
        ("no list", Fault::garbage(r#"{"errcode":0,"errmsg":"ok"}"#)),
        ("no answer", Fault::stall()),
    ];
    for (name, fault) in faults {
        let env = TestEnv::new();
        let client = env.client(json!({"timeout_ms": 2000}));
        let lines = Lines::listen(&client);
        env.wechat.arm(fault.on(Endpoint::GetTemplate).forever());
        env.accept(&client, "o1");
        env.accept(&client, "o1");
        let started = Instant::now();
        let sent = send(&client, "o1");
        assert_eq!(sent.status, Status::Ok, "{name}: {}", sent.message);
        assert!(started.elapsed() < Duration::from_millis(1900), "{name}: at most half of the time");
        let asked = fetches(&env);
        assert_eq!(send(&client, "o1").status, Status::Ok, "{name}");
        assert_eq!(fetches(&env), asked, "{name}: not again within a minute");
        let warned = lines.warnings();
        assert!(warned.iter().any(|w| w.contains("templates could not be fetched")), "{name}: {warned:?}");
    }
}

/// However much time a send has, it does not spend it on the templates.
#[test]
fn a_list_that_does_not_come_is_not_waited_for_long() {
    let env = TestEnv::new();
    let client = env.client(json!({"timeout_ms": 20_000}));
    env.wechat.arm(Fault::stall().on(Endpoint::GetTemplate).forever());
    env.accept(&client, "o1");
    let started = Instant::now();
    assert_sent(&send(&client, "o1"));
    assert!(started.elapsed() < Duration::from_secs(7), "three seconds: {:?}", started.elapsed());
}

#[test]
fn a_token_refused_for_the_templates_is_renewed() {
    let env = TestEnv::new();
    let client = env.client(json!({}));
    env.accept(&client, "o1");
    env.wechat.arm(Fault::errcode(42001).on(Endpoint::GetTemplate));
    env.wechat.kill_token(wxsub_simulator::TokenKind::Stable);
    assert_refused(&client.send(&faulty("o1"), None), "data.thing1: 23 characters, at most 20");
    assert_eq!(fetches(&env), 2);
}

#[test]
fn an_empty_list_says_nothing() {
    let env = TestEnv::new();
    for sample in Template::samples() {
        env.wechat.remove_template(&sample.pri_tmpl_id);
    }
    env.wechat.set_any_template(true);
    let client = env.client(json!({}));
    accept(&env, &client, "o1", "any");
    assert_sent(&client.send(&message_from("o1", "any"), None));
    assert_eq!(fetches(&env), 1);
}

#[test]
fn an_old_list_is_renewed_behind_the_senders_backs() {
    let env = TestEnv::new();
    let client = env.client(json!({}));
    env.accept(&client, "o1");
    assert_sent(&send(&client, "o1"));
    drop(client);
    age_kept_templates(&env, Duration::from_secs(7 * 3600));
    env.wechat.add_template(
        Template::new(TEMPLATE, "")
            .keyword("温馨提示", "thing1", "x")
            .keyword("恢复时间", "time2", "x")
            .keyword("地点", "thing3", "x"),
    );
    env.wechat.arm(Fault::delay(1000).on(Endpoint::GetTemplate));
    let client = env.client(json!({}));
    env.accept(&client, "o1");
    let started = Instant::now();
    let with_old_rules = send(&client, "o1");
    assert!(started.elapsed() < Duration::from_millis(900), "the send did not wait for the list");
    assert_eq!((with_old_rules.status, with_old_rules.errcode), (Status::Message, 47003), "only WeChat knew better");
    let patience = Instant::now() + Duration::from_secs(10);
    while send(&client, "o1").message != "data.thing3: missing" {
        assert!(Instant::now() < patience, "the list was not renewed: {}", send(&client, "o1").message);
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(fetches(&env), 2);
}

#[test]
fn a_renewal_that_fails_is_not_repeated_at_every_send() {
    let env = TestEnv::new();
    let client = env.client(json!({}));
    env.accept(&client, "o1");
    assert_sent(&send(&client, "o1"));
    drop(client);
    age_kept_templates(&env, Duration::from_secs(7 * 3600));
    env.wechat.arm(Fault::errcode(48001).on(Endpoint::GetTemplate).forever());
    let client = env.client(json!({}));
    for _ in 0..10 {
        env.accept(&client, "o1");
        assert_sent(&send(&client, "o1"));
        std::thread::sleep(Duration::from_millis(30));
    }
    assert_eq!(fetches(&env), 2);
}
