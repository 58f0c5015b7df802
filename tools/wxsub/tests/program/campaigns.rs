//! Campaigns from the command line, sent by a game server.

use serde_json::{Value, json};

use crate::common::{TEMPLATE, World};

fn message() -> String {
    json!({ "template_id": TEMPLATE, "data": { "thing1": "新赛季开启", "time2": "20:00" } }).to_string()
}

#[test]
fn everyone_who_allows_it_gets_it_once() {
    let world = World::new();
    let server = world.server();
    for i in 0..20 {
        world.player(&server, &format!("o-player-{i}"), 1);
    }
    let file = world.file("message.json", &message());
    let put =
        ["campaign", "put", "season-3", "--message", file.as_str(), "--audience", "allowed", "--expires-at", "+2h"];
    let told = world.run(&[&put[..], &["--start-at", "+1h", "--json"]].concat()).json();
    assert_eq!((&told["id"], &told["state"]), (&json!("season-3"), &json!("waiting")));
    let said = world.run(&["campaign", "forecast", "season-3"]).fine();
    assert!(said.lines().any(|line| line.split_whitespace().eq(["players", "reached", "20"])), "{said}");
    assert_eq!(world.delivered("o-player-7"), 0);

    let said = world.run(&["campaign", "start", "season-3", "--watch"]).fine();
    assert!(said.lines().any(|line| line.split_whitespace().eq(["state", "done"])), "{said}");
    for i in 0..20 {
        assert_eq!(world.delivered(&format!("o-player-{i}")), 1);
    }
    let list = world.run(&["campaign", "list", "--csv"]).fine();
    let row = list.lines().nth(1).unwrap();
    assert!(row.starts_with("season-3,done,allowed,") && list.starts_with("id,state,audience,seen,sent,"), "{list}");
}

#[test]
fn a_list_with_data_of_its_own() {
    let world = World::new();
    let server = world.server();
    for openid in ["o-alice", "o-bob", "o-carol"] {
        world.player(&server, openid, 1);
    }
    let file = world.file("message.json", &message());
    let put = ["campaign", "put", "gifts", "--message", file.as_str(), "--audience", "list"];
    assert_eq!(world.run(&[&put[..], &["--dry-run", "--json"]].concat()).json()["state"], "waiting");
    assert_eq!(world.run(&["campaign", "status", "gifts"]).code, 44, "a dry run keeps nothing");
    world.run(&put).fine();

    let list = world.file("list.csv", "openid,thing1,time2\no-alice,倚天剑,09:30\no-bob,屠龙刀,10:00\n,谁,10:00\n");
    let done = world.run(&["campaign", "add", "gifts", &list]);
    assert_eq!((done.code, done.out.as_str()), (1, "2 added, 1 refused\n"), "{done:?}");
    assert!(done.err.starts_with("wxsub: line 4 was refused: "), "{done:?}");
    let more = world.file("more.jsonl", "\"o-carol\"\n");
    assert_eq!(world.run(&["campaign", "add", "gifts", &more]).fine(), "1 added, 0 refused\n");

    world.run(&["campaign", "start", "gifts", "--watch"]).fine();
    let got = |openid: &str| -> Value { world.wechat.deliveries_to(openid)[0].data.clone() };
    assert_eq!(got("o-alice")["thing1"]["value"], "倚天剑");
    assert_eq!(got("o-bob")["time2"]["value"], "10:00");
    assert_eq!(got("o-carol")["thing1"]["value"], "新赛季开启");
}

#[test]
fn it_is_paused_and_cancelled() {
    let world = World::new();
    let server = world.server();
    world.player(&server, "o-alice", 1);
    let file = world.file("message.json", &message());
    let start = ["--audience", "allowed", "--start-at", "+1h"];
    world.run(&[&["campaign", "put", "later", "--message", file.as_str()][..], &start].concat()).fine();
    world.run(&["campaign", "pause", "later"]).fine();
    assert_eq!(world.run(&["campaign", "status", "later", "--json"]).json()["state"], "paused");
    // One who watches what rests is told so at once.
    let done = world.run(&["campaign", "status", "later", "--watch"]);
    assert_eq!(done.code, 42, "{done:?}");
    world.run(&["campaign", "cancel", "later"]).fine();
    assert_eq!(world.run(&["campaign", "status", "later", "--json"]).json()["state"], "cancelled");
    assert_eq!(world.run(&["campaign", "start", "no-such"]).code, 44);
    let done = world.run(&["campaign", "put", "bad id", "--message", file.as_str(), "--audience", "allowed"]);
    assert_eq!(done.code, 1, "{done:?}");
    assert_eq!(world.delivered("o-alice"), 0);
}
