//! What stops a campaign.

use std::time::Duration;

use serde_json::{Value, json};
use wxsub::Client;
use wxsub_simulator::{Endpoint, Fault};

use super::{Stores, accept_all, ask, delivered, status, to_all, wait_for};

const PLAYERS: usize = 200;

fn open(stores: &dyn Stores) -> Client {
    let client = stores.open(0, json!({"timeout_ms": 2000, "max_attempts": 1}));
    let players: Vec<(String, u32)> = (0..PLAYERS).map(|n| (format!("o{n}"), 1)).collect();
    accept_all(&client, &players);
    client
}

/// It has stopped and stays so, and few requests were made; when the trouble is over, it goes on to the end.
fn stops(stores: &dyn Stores, client: &Client, says: &str, at_most: usize) -> Value {
    ask(client, to_all("c", json!({})));
    let paused = wait_for(client, "c", "paused");
    assert!(paused["why"].as_str().is_some_and(|why| why.contains(says)), "{paused}");
    std::thread::sleep(Duration::from_millis(700));
    let wechat = &stores.env().wechat;
    let calls = wechat.requests_to(Endpoint::Send).len();
    assert!(calls <= at_most, "{calls} requests");
    std::thread::sleep(Duration::from_millis(700));
    assert_eq!(wechat.requests_to(Endpoint::Send).len(), calls, "nothing more is tried");
    assert_eq!(status(client, "c")["state"], "paused");
    paused
}

fn goes_on(stores: &dyn Stores, client: &Client) {
    stores.env().wechat.clear_faults();
    ask(client, json!({"do": "campaign.resume", "id": "c"}));
    let done = wait_for(client, "c", "done");
    assert_eq!(done["sent"], PLAYERS, "{done}");
    let got = delivered(stores.env());
    assert_eq!(got.len(), PLAYERS);
    assert!(got.values().all(|times| *times == 1));
}

pub fn a_ban_stops_it(stores: &dyn Stores) {
    let client = open(stores);
    stores.env().wechat.arm(Fault::errcode(43107).on(Endpoint::Send).forever());
    stops(stores, &client, "banned", 20);
}

pub fn the_daily_limit_stops_it_for_today(stores: &dyn Stores) {
    let client = open(stores);
    stores.env().wechat.arm(Fault::errcode(45009).on(Endpoint::Send).forever());
    stops(stores, &client, "daily limit", 20);
    goes_on(stores, &client);
}

pub fn a_refused_secret_stops_it(stores: &dyn Stores) {
    let client = open(stores);
    stores.env().wechat.arm(Fault::errcode(40164).on(Endpoint::StableToken).forever());
    stops(stores, &client, "WXSUB_E_AUTH", 20);
}

pub fn failures_in_a_row_stop_it(stores: &dyn Stores) {
    let client = open(stores);
    stores.env().wechat.arm(Fault::errcode(20001).on(Endpoint::Send).forever());
    let paused = stops(stores, &client, "20 failures in a row", 40);
    assert!(paused["why"].as_str().is_some_and(|why| why.contains("WXSUB_E_WECHAT")), "{paused}");
}

pub fn a_lost_answer_counts_as_had(stores: &dyn Stores) {
    let client = open(stores);
    for n in 0..5 {
        stores.env().wechat.arm(Fault::close().on(Endpoint::Send).openid(format!("o{n}")));
        stores.env().wechat.arm(Fault::close().applied().on(Endpoint::Send).openid(format!("o{}", n + 5)));
    }
    ask(&client, to_all("c", json!({})));
    let done = wait_for(&client, "c", "done");
    assert_eq!((&done["sent"], &done["unknown"]), (&json!(PLAYERS - 10), &json!(10)), "{done}");
    let got = delivered(stores.env());
    assert_eq!(got.len(), PLAYERS - 5);
    assert!(got.values().all(|times| *times == 1));
    for n in 0..10 {
        assert_eq!(stores.env().wechat.sends_to(&format!("o{n}")).len(), 1);
    }
}
