//! `"role": "observer"`: looks on and corrects, and takes part in nothing.

use std::time::{Duration, Instant};

use serde_json::json;
use wxsub::{Answer, Status};

use super::{Stores, accept, ask};
use crate::common::{TEMPLATE, left, message, send};

pub fn an_observer_looks_on_and_sends_nothing(stores: &dyn Stores) {
    let (sender, wechat) = (stores.open(0, json!({})), &stores.env().wechat);
    let observer = stores.open(0, json!({"role": "observer", "secret": null, "templates": null}));
    accept(&sender, "o1", TEMPLATE, 2);
    wechat.grant("o1", TEMPLATE, 2);
    assert_eq!(send(&sender, "o1").status, Status::Ok);
    let calls = wechat.requests().len();

    for refused in [
        send(&observer, "o1"),
        observer.login("code").expect_err("an observer").into(),
        observer.submit(&message("o1"), None).expect_err("an observer").into(),
        observer.submit(&message("o1"), Some(r#"{"durable": true}"#)).expect_err("an observer").into(),
        observer.submit_report("o1", Some(TEMPLATE), Answer::Accept, None, 0).expect_err("an observer").into(),
    ] {
        assert_eq!(refused.status, Status::Config, "{}", refused.message);
        assert!(refused.message.contains("observer"), "{}", refused.message);
    }
    let checked = observer.check();
    assert_eq!((checked.status, checked.message.as_str()), (Status::Ok, "store: writable"));

    // What it may do.
    assert_eq!(left(&observer, "o1"), 1);
    accept(&observer, "o1", TEMPLATE, 1);
    assert_eq!(left(&sender, "o1"), 2);
    assert_eq!(ask(&observer, json!({"do": "player", "openid": "o1"}))["counts"][TEMPLATE], 2);
    assert_eq!(ask(&observer, json!({"do": "token"}))["source"], "store");
    assert_eq!(observer.lookup("o1", "k").status, Status::NotFound);
    assert_eq!(observer.cancel("o1", "k").status, Status::NotFound);
    assert_eq!(wechat.requests().len(), calls, "it asks WeChat nothing");
    // What the check leaves behind is no player.
    let (players, _) = super::all_pages(&observer, &json!({"do": "players"}), "players");
    assert_eq!(players, [json!({"openid": "o1", "template_id": TEMPLATE, "count": 2})]);
}

/// What is over is the senders' to say; what is not to be kept is not, whoever writes it.
pub fn an_observer_keeps_no_history_where_none_is_wanted(stores: &dyn Stores) {
    let config = |days: u32| json!({"role": "observer", "secret": null, "history_days": days});
    let entries = |openid: &str| {
        let reply = ask(&stores.open(0, json!({})), json!({"do": "history", "openid": openid}));
        reply["history"].as_array().expect("a list").len()
    };
    accept(&stores.open(0, config(0)), "o1", TEMPLATE, 1);
    accept(&stores.open(0, config(1)), "o2", TEMPLATE, 1);
    assert_eq!((entries("o1"), entries("o2")), (0, 1));
}

pub fn an_observer_claims_no_message_and_ends_at_once(stores: &dyn Stores) {
    let sender = stores.open(0, json!({}));
    accept(&sender, "o1", TEMPLATE, 1);
    stores.env().wechat.grant("o1", TEMPLATE, 1);
    let now_ms = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis() as u64;
    let options = json!({"deliver_at": now_ms + 1500, "key": "k", "notify": false}).to_string();
    sender.submit(&message("o1"), Some(&options)).unwrap();
    let stored = || sender.lookup("o1", "k").status != Status::NotFound;
    assert!(
        (0..1000).any(|_| stored() || {
            std::thread::sleep(Duration::from_millis(5));
            false
        }),
        "it is stored"
    );
    drop(sender);

    let observer = stores.open(0, json!({"role": "observer", "secret": null}));
    std::thread::sleep(Duration::from_millis(2500));
    assert_eq!(stores.env().wechat.deliveries_to("o1").len(), 0, "it is due, and nobody's");
    assert_eq!(ask(&observer, json!({"do": "outbox"}))["messages"][0]["key"], "k");
    let began = Instant::now();
    drop(observer);
    assert!(began.elapsed() < Duration::from_secs(1), "there is nothing to wait for");

    let sender = stores.open(0, json!({}));
    let sent = || stores.env().wechat.deliveries_to("o1").len() == 1;
    assert!(
        (0..2000).any(|_| sent() || {
            std::thread::sleep(Duration::from_millis(5));
            false
        }),
        "a sender sends it"
    );
    assert_eq!(left(&sender, "o1"), 0);
}
