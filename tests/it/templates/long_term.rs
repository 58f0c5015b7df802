//! Long-term templates are on or off.

use super::*;

/// An environment with one long-term template.
fn long_term_env() -> TestEnv {
    let lasting = Template::new("lasting", "版本更新").keyword("内容", "thing1", "x").long_term();
    TestEnv::with(Options { templates: vec![lasting], any_template: Some(true), ..Options::default() })
}

fn send_lasting(client: &Client) -> Verdict {
    client.send(&text("o1", "lasting", json!({"thing1": "新版本"})), None)
}

#[test]
fn a_long_term_template_is_on_or_off() {
    let env = long_term_env();
    let client = env.client(json!({}));
    assert_eq!(send_lasting(&client).status, Status::NoQuota, "off");
    for _ in 0..3 {
        env.wechat.grant("o1", "lasting", 1);
        let on = client.report("o1", Some("lasting"), Answer::Accept, None);
        assert_eq!((on.status, on.quota, on.remaining), (Status::Ok, QuotaChange::Granted, 1), "{}", on.message);
        let sent = send_lasting(&client);
        assert_sent(&sent);
        assert_eq!((sent.quota, sent.remaining), (QuotaChange::Untouched, 1));
    }
    assert_eq!(client.quota("o1", "lasting").remaining, 1);

    env.wechat.refuse("o1", "lasting");
    let refused = send_lasting(&client);
    assert_eq!((refused.status, refused.quota, refused.remaining), (Status::Refused, QuotaChange::Cleared, 0));
    assert_eq!(send_lasting(&client).status, Status::NoQuota);

    env.wechat.grant("o1", "lasting", 1);
    assert_eq!(client.report("o1", Some("lasting"), Answer::Accept, None).remaining, 1);
    assert_sent(&send_lasting(&client));
    let off = client.report("o1", Some("lasting"), Answer::Reject, None);
    assert_eq!((off.quota, off.remaining), (QuotaChange::Cleared, 0));
    assert_eq!(client.quota("o1", "lasting").remaining, 0);
    assert_eq!(send_lasting(&client).status, Status::NoQuota);
    assert_eq!(env.wechat.deliveries().len(), 4);
}

/// Accepts that were counted before anybody knew the template's kind are one switch, too.
#[test]
fn a_long_term_template_learnt_late_is_on_or_off_all_the_same() {
    let env = long_term_env();
    let client = env.client(json!({}));
    for _ in 0..3 {
        accept(&env, &client, "o1", "lasting");
    }
    for _ in 0..5 {
        let sent = send_lasting(&client);
        assert_sent(&sent);
        assert_eq!((sent.quota, sent.remaining), (QuotaChange::Untouched, 1));
    }
    assert_eq!(client.quota("o1", "lasting").remaining, 1);
    assert_eq!(client.report("o1", Some("lasting"), Answer::Reject, None).remaining, 0);
    assert_eq!(send_lasting(&client).status, Status::NoQuota);
}

#[test]
fn a_long_term_template_lasts_without_validation_too() {
    let env = long_term_env();
    let client = env.client(json!({"validate": "off"}));
    accept(&env, &client, "o1", "lasting");
    for _ in 0..2 {
        let sent = send_lasting(&client);
        assert_sent(&sent);
        assert_eq!((sent.quota, sent.remaining), (QuotaChange::Untouched, 1));
    }
}

/// An uncertain send of a long-term template takes nothing either.
#[test]
fn a_long_term_template_survives_a_maybe() {
    let env = long_term_env();
    let client = env.client(json!({}));
    accept(&env, &client, "o1", "lasting");
    env.wechat.arm(Fault::close().on(Endpoint::Send).applied());
    let maybe = send_lasting(&client);
    assert_eq!((maybe.status, maybe.quota, maybe.remaining), (Status::Unknown, QuotaChange::Untouched, 1));
    assert_sent(&send_lasting(&client));
    assert_eq!(left(&client, "o1"), 0, "other templates have their own count");
}
