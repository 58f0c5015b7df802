//! What events do to the count.

use super::*;

#[test]
fn answers_of_dialogs_and_changes_of_settings_move_the_count() {
    let env = TestEnv::new();
    let client = env.client(plain());
    let now = now_s();
    for (i, remaining) in [(0, 1), (1, 2)] {
        let accepted = push(&env.wechat, &client, &popup("o1", TEMPLATE, "accept", now - 200 + i));
        assert_eq!((accepted.quota, accepted.remaining), (QuotaChange::Granted, remaining), "{}", accepted.message);
    }
    let variant = push(&env.wechat, &client, &popup("o1", TEMPLATE, "acceptWithAudio", now - 190));
    assert_eq!((variant.quota, variant.remaining), (QuotaChange::Granted, 3));
    let refused = push(&env.wechat, &client, &popup("o1", TEMPLATE, "reject", now - 100));
    assert_eq!((refused.quota, refused.remaining), (QuotaChange::Cleared, 0));
    push(&env.wechat, &client, &popup("o1", TEMPLATE, "accept", now - 90));
    // What is on in the settings grants nothing.
    let on = push(&env.wechat, &client, &change("o1", TEMPLATE, "accept", now - 20));
    assert_eq!((on.quota, on.remaining), (QuotaChange::Untouched, 1));
    let off = push(&env.wechat, &client, &change("o1", TEMPLATE, "reject", now - 10));
    assert_eq!((off.quota, off.remaining), (QuotaChange::Cleared, 0));
    // What they grant can be sent.
    env.wechat.grant("o1", TEMPLATE, 1);
    push(&env.wechat, &client, &popup("o1", TEMPLATE, "accept", now));
    assert_eq!(send(&client, "o1").status, Status::Ok);
    assert_eq!(send(&client, "o1").status, Status::NoQuota);
}

#[test]
fn system_types_are_switches() {
    let env = TestEnv::new();
    let client = env.client(plain());
    for i in 0..2 {
        let on = push(&env.wechat, &client, &popup("o1", "SYS_MSG_TYPE_RANK", "accept", now_s() - 200 + i));
        assert_eq!((on.quota, on.remaining), (QuotaChange::Granted, 1), "{}", on.message);
    }
    let off = push(&env.wechat, &client, &change("o1", "SYS_MSG_TYPE_RANK", "reject", now_s()));
    assert_eq!((off.quota, off.remaining), (QuotaChange::Cleared, 0));
}

/// Two clocks are compared: a refusal that may have come before the newest accept leaves that one.
#[test]
fn a_refusal_event_leaves_an_accept_that_may_be_newer() {
    let env = TestEnv::new();
    let client = env.client(plain());
    let now = now_s();
    type Make = fn(&str, &str, &str, i64) -> Push;
    for (kind, make) in [("popup", popup as Make), ("change", change as Make)] {
        // By two events the difference is exact.
        for (after, remaining) in [(-5, 1), (0, 1), (59, 1), (60, 0), (100, 0)] {
            let openid = format!("{kind} {after}").replace(' ', "-");
            for i in 0..3 {
                push(&env.wechat, &client, &popup(&openid, TEMPLATE, "accept", now - 202 + i));
            }
            let refused = push(&env.wechat, &client, &make(&openid, TEMPLATE, "reject", now - 200 + after));
            let told = (refused.quota, refused.remaining);
            assert_eq!(told, (QuotaChange::Cleared, remaining), "{kind}, {after} s after the newest accept");
            assert_eq!(left(&client, &openid), remaining);
        }
        // A report's accept is as new as its arrival.
        for (after, remaining) in [(-300, 1), (55, 1), (70, 0)] {
            let openid = format!("r-{kind}{after}");
            for _ in 0..2 {
                client.report(&openid, Some(TEMPLATE), Answer::Accept, None);
            }
            push(&env.wechat, &client, &make(&openid, TEMPLATE, "reject", now_s() + after));
            assert_eq!(left(&client, &openid), remaining, "{kind}, {after} s after the newest accept");
        }
        // What is spent does not come back.
        let openid = format!("spent-{kind}");
        env.accept(&client, &openid);
        assert_eq!(send(&client, &openid).status, Status::Ok);
        push(&env.wechat, &client, &make(&openid, TEMPLATE, "reject", now_s()));
        assert_eq!(left(&client, &openid), 0);
    }
}
