//! Each event counts once, however often it is pushed.

use super::*;

#[test]
fn a_repeated_push_counts_once() {
    let env = TestEnv::new();
    let keyed = env.client(secure());
    let keyless = env.client(plain());
    let accept = popup("o1", TEMPLATE, "accept", now_s());
    let first = push(&env.wechat, &keyless, &accept);
    assert_eq!((first.quota, first.remaining, first.flags), (QuotaChange::Granted, 1, 0));

    // The same request; the same event signed anew; in another format and mode, to another client of the store.
    let same = env.wechat.push(&accept).unwrap();
    let json = Push { format: Format::Json, numbers_as_strings: true, ..accept.clone() };
    let again: [(&Client, Push); 4] = [
        (&keyless, accept.clone()),
        (&keyless, json.clone()),
        (&keyed, in_mode(&accept, Mode::Secure)),
        (&keyed, in_mode(&json, Mode::Mixed)),
    ];
    let assert_replayed = |verdict: Verdict| {
        let told = (verdict.status, verdict.quota, verdict.remaining, verdict.flags & Verdict::REPLAYED);
        assert_eq!(told, (Status::Ok, QuotaChange::Granted, 1, Verdict::REPLAYED), "{}", verdict.message);
        assert_eq!(left(&keyless, "o1"), 1);
    };
    for (client, push_again) in &again {
        assert_replayed(push(&env.wechat, client, push_again));
    }
    for _ in 0..2 {
        assert_replayed(hand_over(&keyless, &same).unwrap().1);
    }
    drop(keyed);
    let reopened = env.client(secure());
    assert_replayed(push(&env.wechat, &reopened, &in_mode(&accept, Mode::Secure)));
    // Another second, another act; another scene, too.
    let later = popup("o1", TEMPLATE, "accept", accept.create_time.unwrap() + 1);
    assert_eq!(push(&env.wechat, &keyless, &later).remaining, 2);
    let mut elsewhere = accept.clone();
    elsewhere.items[0].popup_scene = 2;
    assert_eq!(push(&env.wechat, &keyless, &elsewhere).remaining, 3);

    // A refusal that comes again does not clear what was granted since.
    let refusal = change("o1", TEMPLATE, "reject", now_s() + 100);
    assert_eq!(push(&env.wechat, &keyless, &refusal).remaining, 0);
    push(&env.wechat, &keyless, &popup("o1", TEMPLATE, "accept", now_s() + 101));
    let repeated = push(&env.wechat, &keyless, &refusal);
    assert_eq!((repeated.quota, repeated.flags), (QuotaChange::Cleared, Verdict::REPLAYED));
    assert_eq!(left(&keyless, "o1"), 1);
}

#[test]
fn a_push_that_comes_many_times_at_once_counts_once() {
    let env = TestEnv::new();
    let clients = [env.client(plain()), env.client(plain())];
    let items = vec![EventItem::answer(TEMPLATE, "accept"), EventItem::answer("other", "accept")];
    let accept = event(EventKind::Popup, "o1", items, now_s());
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let (env, client, accept) = (&env, &clients[thread % 2], &accept);
            scope.spawn(move || push(&env.wechat, client, accept));
        }
    });
    assert_eq!((left(&clients[0], "o1"), count(&clients[0], "o1", "other")), (1, 1));
}

#[test]
fn of_an_event_what_is_understood_is_applied() {
    let env = TestEnv::new();
    let client = env.client(plain());
    let items = vec![
        EventItem::answer(TEMPLATE, "perhaps"),
        EventItem::answer("", "accept"),
        EventItem::answer("other", "accept"),
    ];
    let partly = push(&env.wechat, &client, &event(EventKind::Popup, "o1", items, now_s()));
    assert_eq!((partly.quota, partly.template_id.as_str()), (QuotaChange::Granted, "other"), "{}", partly.message);
    let nothing = push(&env.wechat, &client, &popup("o1", TEMPLATE, "perhaps", now_s()));
    assert_eq!((nothing.status, nothing.quota), (Status::Ok, QuotaChange::Untouched));
    assert_eq!(left(&client, "o1"), 0);
}

/// While the store fails there is no reply, so that WeChat pushes again; then it counts.
#[test]
fn an_event_that_the_store_cannot_take_is_taken_when_it_is_pushed_again() {
    let env = TestEnv::new();
    let client = env.client(merged(plain(), json!({"timeout_ms": 300})));
    let other = rusqlite::Connection::open(env.store()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let pushed = env.wechat.push(&popup("o1", TEMPLATE, "accept", now_s())).unwrap();
    let e = hand_over(&client, &pushed).unwrap_err();
    assert_eq!((e.status, e.retry), (Status::Store, wxsub::Retry::Later), "{e}");
    other.execute_batch("COMMIT").unwrap();
    let (reply, verdict) = hand_over(&client, &pushed).unwrap();
    assert_eq!((reply.as_str(), verdict.quota, verdict.remaining), ("success", QuotaChange::Granted, 1));
}

#[test]
fn a_reply_that_does_not_fit_applies_nothing() {
    let env = TestEnv::new();
    let client = env.client(plain());
    let pushed = env.wechat.push(&popup("o1", TEMPLATE, "accept", now_s())).unwrap();
    for room_for in 0..7 {
        let e = client.handle_event(&pushed.query, pushed.body.as_bytes(), room_for).unwrap_err();
        assert_eq!(e.status, Status::Arg, "{e}");
        assert_eq!(left(&client, "o1"), 0);
    }
    let (reply, verdict) = client.handle_event(&pushed.query, pushed.body.as_bytes(), 7).unwrap();
    assert_eq!((reply.as_str(), verdict.quota), ("success", QuotaChange::Granted));
}
