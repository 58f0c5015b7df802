//! Forced refreshes stay within WeChat's limits.

use super::*;

/// A quarter of a minute more than WeChat wants between two forced refreshes.
fn a_while_passes(env: &TestEnv) {
    for ids in ["forced-refreshes", "token:%"] {
        shift(&env.store(), ids, Shift::earlier(Duration::from_secs(45)));
    }
}

/// Also by the wall clock of another boot, with its hour of grace: no machine need have run for a day.
fn a_day_passes(env: &TestEnv) {
    let wall_ms = -(25 * 3_600_000 + 60_000);
    shift(&env.store(), "forced-refreshes", Shift { wall_ms, other_boot: true, ..Shift::default() });
    shift(&env.store(), "token:%", Shift::earlier(Duration::from_secs(45)));
}

/// WeChat repeats dead tokens until it is forced, and takes any number of forced refreshes.
fn stubborn_env() -> TestEnv {
    let env = TestEnv::new();
    env.wechat.set_force_limits(Duration::ZERO, 1000);
    env.wechat.set_sticky_dead_token(true);
    env
}

fn assert_not_forced(env: &TestEnv, client: &Client, forced: usize, what: &str) {
    env.accept(client, "o-not-forced");
    let verdict = send(client, "o-not-forced");
    assert_eq!((verdict.status, verdict.retry), (Status::Auth, Retry::Later), "{what}: {}", verdict.message);
    assert!(verdict.retry_after_ms > 0, "{what}");
    assert!(verdict.message.contains("forced refresh is allowed in"), "{what}: {}", verdict.message);
    assert_eq!(forced_calls(env), forced, "{what}");
}

#[test]
fn forced_refreshes_are_half_a_minute_apart_for_all_clients_and_across_restarts() {
    let env = stubborn_env();
    let clients = [env.client(json!({})), env.client(json!({}))];
    for client in &clients {
        assert_sends(&env, client, "o1");
    }
    assert_eq!(forced_calls(&env), 0);
    env.wechat.kill_token(TokenKind::Stable);
    assert_sends(&env, &clients[0], "o1");
    assert_sends(&env, &clients[1], "o1");
    assert_eq!(forced_calls(&env), 1);

    env.wechat.kill_token(TokenKind::Stable);
    assert_not_forced(&env, &clients[0], 1, "too soon");
    assert_not_forced(&env, &clients[1], 1, "the other client");
    drop(clients);
    assert_not_forced(&env, &env.client(json!({})), 1, "after a restart");
    a_while_passes(&env);
    assert_sends(&env, &env.client(json!({})), "o1");
    assert_eq!(forced_calls(&env), 2);
}

#[test]
fn forced_refreshes_are_twenty_a_day() {
    let env = stubborn_env();
    let clients = [env.client(json!({})), env.client(json!({}))];
    for client in &clients {
        assert_sends(&env, client, "o1");
    }
    for round in 1..=20 {
        env.wechat.kill_token(TokenKind::Stable);
        a_while_passes(&env);
        assert_sends(&env, &clients[round % 2], "o1");
        assert_eq!(forced_calls(&env), round);
        assert_sends(&env, &clients[(round + 1) % 2], "o1");
    }
    env.wechat.kill_token(TokenKind::Stable);
    a_while_passes(&env);
    assert_not_forced(&env, &clients[0], 20, "the 21st");
    drop(clients);
    a_while_passes(&env);
    assert_not_forced(&env, &env.client(json!({})), 20, "after a restart");
    a_day_passes(&env);
    assert_sends(&env, &env.client(json!({})), "o1");
    assert_eq!(forced_calls(&env), 21);
}
