//! Lists in pages, as tables, JSON and CSV; and one player.

use serde_json::{Value, json};
use wxsub::Answer;

use crate::common::{TEMPLATE, World};

/// So many players who allow one message each, and one who allows three.
fn crowd(world: &World, players: usize) -> wxsub::Client {
    let server = world.server();
    for i in 0..players {
        server.report(&format!("o-player-{i:04}"), Some(TEMPLATE), Answer::Accept, None);
    }
    for _ in 0..3 {
        server.report("o-rich", Some(TEMPLATE), Answer::Accept, None);
    }
    server
}

#[test]
fn players_as_table_json_and_csv() {
    let world = World::new();
    let _server = crowd(&world, 3);
    let table = world.run(&["players"]).fine();
    let lines: Vec<&str> = table.lines().collect();
    assert_eq!(lines.len(), 5, "{table}");
    assert_eq!(lines[0].split_whitespace().collect::<Vec<_>>(), ["player", "template", "count"]);
    assert!(lines.iter().any(|line| line.split_whitespace().eq(["o-rich", TEMPLATE, "3"])), "{table}");

    let told = world.run(&["players", "--json"]).json();
    assert_eq!((told["players"].as_array().unwrap().len(), &told["next"]), (4, &Value::Null));
    let csv = world.run(&["players", "--csv", "--min", "2"]).fine();
    assert_eq!(csv, format!("openid,template_id,count\no-rich,{TEMPLATE},3\n"));
    assert_eq!(world.run(&["players", "--template-id", "no-such"]).fine(), "nothing\n");
    assert_eq!(world.run(&["players", "--template-id", "no-such", "--csv"]).fine(), "openid,template_id,count\n");
    let told = world.run(&["players", "--template-id", "no-such", "--json"]).json();
    assert_eq!(told, json!({ "players": [], "next": null }));
}

#[test]
fn a_list_goes_on_where_it_ended_and_all_is_all() {
    let world = World::new();
    let _server = crowd(&world, 249);
    let openids = |told: &Value| -> Vec<String> {
        told["players"]
            .as_array()
            .unwrap_or_else(|| panic!("{told}"))
            .iter()
            .map(|row| row["openid"].as_str().unwrap().to_owned())
            .collect()
    };
    let first = world.run(&["players", "--json"]).json();
    assert_eq!(openids(&first).len(), 100);
    let done = world.run(&["players"]);
    assert!(done.err.contains("there is more: --after ") && done.out.lines().count() == 101, "{}", done.err);

    let mut seen = openids(&first);
    let mut next = first["next"].clone();
    while let Some(after) = next.as_str() {
        let page = world.run(&["players", "--json", "--limit", "60", "--after", after]).json();
        seen.extend(openids(&page));
        next = page["next"].clone();
    }
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 250);
    let all = world.run(&["players", "--all", "--json"]).json();
    assert_eq!((openids(&all).len(), &all["next"]), (250, &Value::Null));
    assert_eq!(world.run(&["players", "--all", "--csv"]).fine().lines().count(), 251);
    assert_eq!(world.run(&["players", "--all"]).fine().lines().count(), 251);
    // One cursor in 64 begins with -.
    for foreign in ["nonsense", "-nonsense"] {
        let done = world.run(&["players", "--after", foreign]);
        assert_eq!((done.code, done.out.as_str()), (1, ""), "{done:?}");
    }
}

#[test]
fn one_player_and_what_waits_for_him() {
    let world = World::new();
    let server = world.server();
    world.player(&server, "o-alice", 2);
    let options = json!({ "key": "later", "deliver_at": 4_000_000_000_000_u64 }).to_string();
    server.submit(&crate::common::message("o-alice").to_string(), Some(&options)).unwrap();
    server.poll(1, std::time::Duration::from_secs(20)).unwrap();

    let said = world.run(&["player", "o-alice"]).fine();
    assert!(said.contains(&format!("{TEMPLATE} 2")) && said.lines().any(|line| line.starts_with("waiting")), "{said}");
    let told = world.run(&["player", "o-alice", "--json"]).json();
    assert_eq!((&told["counts"][TEMPLATE], &told["waiting"]), (&json!(2), &json!(1)));
    let told = world.run(&["player", "o-nobody", "--json"]).json();
    assert_eq!((&told["counts"], &told["waiting"]), (&json!({}), &json!(0)));

    let told = world.run(&["outbox", "--json"]).json();
    assert_eq!(told["messages"][0]["key"], "later");
    assert_eq!(told["messages"][0]["due_ms"], 4_000_000_000_000_u64);
    assert!(world.run(&["outbox"]).fine().contains("2096-10-02 "), "a time in this machine's zone");
    assert!(world.run(&["outbox", "--openid", "o-bob", "--csv"]).fine().lines().count() == 1);
}
