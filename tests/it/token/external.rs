//! The host hands in the tokens.

use super::*;

fn assert_wants_a_token(env: &TestEnv, client: &Client, openid: &str) {
    env.accept(client, openid);
    let verdict = send(client, openid);
    assert_eq!((verdict.status, verdict.retry), (Status::Auth, Retry::Later), "{openid}: {}", verdict.message);
    assert_eq!(verdict.quota, QuotaChange::Returned, "{openid}");
    assert!(verdict.message.contains("wxsub_set_token"), "{openid}: no advice in {:?}", verdict.message);
}

#[test]
fn an_external_token_works_until_it_dies_and_a_new_one_at_once() {
    let env = TestEnv::new();
    let external = || env.client(json!({"token": "external", "secret": null}));
    let (client, other) = (external(), external());
    assert_wants_a_token(&env, &client, "o-none");
    assert_eq!(env.wechat.counters().calls_to(Endpoint::Send), 0);

    let good = env.wechat.token(TokenKind::Legacy);
    for (token, expires_in_s) in [("", 7200), ("two words", 7200), ("line\nbreak", 7200), (good.as_str(), 0)] {
        assert_eq!(client.set_token(token, expires_in_s).unwrap_err().status, Status::Arg, "{token:?}");
    }
    assert_wants_a_token(&env, &client, "o-still-none");

    client.set_token(&good, 7200).unwrap();
    assert_eq!(assert_sends(&env, &client, "o1").attempts, 1);
    assert_eq!(assert_sends(&env, &other, "o2").attempts, 1, "it found the token in the store");

    env.wechat.kill_token(TokenKind::Legacy);
    assert_wants_a_token(&env, &client, "o-dead");
    assert_wants_a_token(&env, &other, "o-dead-too");
    let calls = env.wechat.counters().calls_to(Endpoint::Send);
    assert_wants_a_token(&env, &client, "o-known-dead");
    assert_eq!(env.wechat.counters().calls_to(Endpoint::Send), calls, "a token known dead is not tried again");

    let new = env.wechat.token(TokenKind::Legacy);
    assert_ne!(new, good);
    client.set_token(&new, 7200).unwrap();
    assert_eq!(assert_sends(&env, &client, "o3").attempts, 1);
    assert_eq!(assert_sends(&env, &other, "o4").attempts, 1);
    drop((client, other));
    assert_eq!(assert_sends(&env, &external(), "o-reopened").attempts, 1);
    assert_eq!(stable_calls(&env) + legacy_calls(&env), 0, "the library asked for no token");
}

#[test]
fn an_external_token_is_replaced_while_it_is_in_use() {
    let env = TestEnv::new();
    let external = || env.client(json!({"token": "external"}));
    let (client, other) = (external(), external());
    let first = env.wechat.token(TokenKind::Stable);
    for client in [&client, &other] {
        client.set_token(&first, 7200).unwrap();
        assert_sends(&env, client, "o1");
    }
    env.wechat.kill_token(TokenKind::Stable);
    let second = env.wechat.token(TokenKind::Stable);
    client.set_token(&second, 7200).unwrap();
    assert_eq!(assert_sends(&env, &client, "o2").attempts, 1);
    assert_eq!(assert_sends(&env, &other, "o3").attempts, 2, "it met the dead one, and found the new one");
    assert_eq!(assert_sends(&env, &other, "o4").attempts, 1);

    client.set_token(&second, 1).unwrap();
    std::thread::sleep(Duration::from_millis(1100));
    let calls = env.wechat.counters().calls_to(Endpoint::Send);
    assert_wants_a_token(&env, &client, "o-over");
    assert_eq!(env.wechat.counters().calls_to(Endpoint::Send), calls, "its time is over: it is not tried");

    // A 40001 may have been a mistake: what the host hands in is believed again.
    client.set_token(&second, 7200).unwrap();
    env.wechat.arm(Fault::errcode(40001).on(Endpoint::Send));
    assert_wants_a_token(&env, &client, "o-refused");
    client.set_token(&second, 7200).unwrap();
    assert_eq!(assert_sends(&env, &client, "o5").attempts, 1);
}

#[test]
fn only_an_external_client_takes_tokens() {
    let env = TestEnv::new();
    for mode in ["stable", "legacy"] {
        let client = env.client(json!({"token": mode}));
        assert_eq!(client.set_token("a-token", 7200).unwrap_err().status, Status::Arg, "{mode}");
        assert_sends(&env, &client, mode);
    }
}
