//! What happened, in numbers and in words; and what operators do about it.

use serde_json::{Value, json};
use wxsub::{Answer, Client};

use crate::common::{CANARY, TEMPLATE, World, message};

/// One who accepts and gets it, one who refuses, one without a count.
fn day(world: &World) -> Client {
    let server = world.server();
    world.player(&server, "o-alice", 2);
    server.send(&message("o-alice").to_string(), Some(r#"{"key":"stamina-1"}"#));
    server.report("o-bob", Some(TEMPLATE), Answer::Accept, None);
    server.send(&message("o-bob").to_string(), None);
    server.send(&message("o-nobody").to_string(), None);
    server
}

#[test]
fn history_by_player_status_and_time() {
    let world = World::new();
    let _server = day(&world);
    let told = world.run(&["history", "--openid", "o-alice", "--json"]).json();
    let whats: Vec<&str> =
        told["history"].as_array().unwrap().iter().map(|row| row["what"].as_str().unwrap()).collect();
    assert_eq!(whats, ["send", "report", "report"], "{told}");
    assert_eq!(told["history"][0]["key"], "stamina-1");
    let told = world.run(&["history", "--status", "WXSUB_E_REFUSED", "--json"]).json();
    assert_eq!((told["history"].as_array().unwrap().len(), &told["history"][0]["openid"]), (1, &json!("o-bob")));
    assert_eq!(world.run(&["history", "--to", "-1d"]).fine(), "nothing\n");
    let csv = world.run(&["history", "--from", "-1h", "--what", "send", "--csv"]).fine();
    assert!(csv.starts_with("at_ms,what,openid,template_id,answer,status,") && csv.lines().count() == 4, "{csv}");
    let table = world.run(&["history"]).fine();
    assert!(table.contains("WXSUB_E_NO_QUOTA") && table.contains("accept"), "{table}");
    let said = world.run(&["player", "o-bob"]).fine();
    assert!(said.contains("WXSUB_E_REFUSED"), "{said}");
    let done = world.run(&["history", "--status", "WXSUB_E_REFUSD"]);
    assert!(done.code == 1 && done.err.contains("WXSUB_E_REFUSED"), "the nearest is named: {done:?}");
}

#[test]
fn the_funnel_of_the_day() {
    let world = World::new();
    let _server = day(&world);
    let told = world.run(&["funnel", "--json"]).json();
    let rows = told["funnel"].as_array().unwrap();
    assert_eq!(rows.len(), 1, "{told}");
    let number = |key: &str| rows[0][key].as_u64();
    let numbers = ["accepted", "sent", "refused", "no_quota", "opened"].map(number);
    assert_eq!(numbers, [Some(3), Some(1), Some(1), Some(1), Some(0)], "{told}");
    let csv = world.run(&["funnel", "--csv", "--template-id", TEMPLATE]).fine();
    assert!(csv.starts_with("day,template_id,accepted,") && csv.lines().count() == 2, "{csv}");
    assert_eq!(world.run(&["funnel", "--from", "2020-01-01", "--to", "2020-01-02"]).fine(), "nothing\n");
    assert_eq!(world.run(&["funnel", "--from", "yesterday"]).code, 1);
}

#[test]
fn a_player_is_muted_forgotten_and_not_in_the_audit() {
    let world = World::new();
    let server = day(&world);
    assert!(world.run(&["mute", "o-alice", "--until", "+7d"]).fine().starts_with("muted until 20"));
    let muted = world.run(&["player", "o-alice", "--json"]).json()["muted_until_ms"].clone();
    assert!(muted.as_i64() > Some(0), "{muted}");
    assert_eq!(world.run(&["mute", "o-alice", "--off"]).fine(), "no longer muted\n");
    assert_eq!(world.run(&["player", "o-alice", "--json"]).json()["muted_until_ms"], Value::Null);

    let said = world.run(&["forget", "o-alice"]).fine();
    assert!(said.starts_with("forgotten: players 1"), "{said}");
    assert_eq!(server.quota("o-alice", TEMPLATE).remaining, 0);
    assert_eq!(world.run(&["history", "--openid", "o-alice"]).fine(), "nothing\n");
    assert!(world.run(&["compact"]).fine().contains(" bytes before, "));
    let audit = world.run(&["audit"]).fine();
    assert!(audit.contains("forget") && audit.contains("compact") && !audit.contains("o-alice"), "{audit}");
    assert!(!audit.contains(CANARY));
}
