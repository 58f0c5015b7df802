//! Counts and records out and in, a ledger moved and one copied.

use std::io::Write;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use wxsub::{Answer, Client};

use crate::common::{TEMPLATE, World, message};

/// Players with one to three messages each, and one message that waits.
fn crowd(world: &World, players: usize) -> Client {
    let server = world.server();
    for i in 0..players {
        for _ in 0..=i % 3 {
            server.report(&format!("o-player-{i:04}"), Some(TEMPLATE), Answer::Accept, None);
        }
    }
    let options = json!({ "key": "later", "deliver_at": 4_000_000_000_000_u64 }).to_string();
    server.submit(&message("o-player-0000").to_string(), Some(&options)).unwrap();
    server.poll(1, Duration::from_secs(20)).unwrap();
    server
}

/// The program on another store.
fn on(world: &World, store: &str, arguments: &[&str]) -> crate::common::Done {
    world.run_with(&[arguments, &["--store", store]].concat(), &[], "")
}

#[test]
fn counts_go_out_as_csv_and_in_again() {
    let world = World::new();
    let _server = crowd(&world, 250);
    let file = world.path("counts.csv").to_string_lossy().into_owned();
    // Somebody else has put a link where the half of an export goes.
    let elsewhere = world.path("elsewhere");
    std::fs::write(&elsewhere, "not for openids").unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink(&elsewhere, format!("{file}.part")).unwrap();
    assert_eq!(world.run(&["export", &file]).fine(), "250 rows\n");
    assert_eq!(std::fs::read_to_string(&elsewhere).unwrap(), "not for openids");
    let csv = std::fs::read_to_string(&file).unwrap();
    assert!(csv.starts_with("openid,template_id,count\n") && csv.lines().count() == 251, "{csv}");
    assert!(csv.contains(&format!("\no-player-0002,{TEMPLATE},3\n")), "{csv}");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    }
    assert_eq!(world.run(&["export"]).fine(), csv);

    let other = world.path("other.db").to_string_lossy().into_owned();
    let said = on(&world, &other, &["import", &file, "--mode", "set", "--create"]).fine();
    assert_eq!(said, "250 imported, 0 refused\n");
    let sorted = |text: &str| {
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    assert_eq!(sorted(&on(&world, &other, &["export"]).fine()), sorted(&csv));
    // "max" lowers nothing, "add" adds, and once although it is repeated.
    let few = world.file("few.csv", &format!("openid,template_id,count\no-player-0002,{TEMPLATE},2\n"));
    on(&world, &other, &["import", &few, "--mode", "max"]).fine();
    assert_eq!(on(&world, &other, &["quota", "o-player-0002", TEMPLATE]).fine(), "3\n");
    for _ in 0..2 {
        on(&world, &other, &["import", &few, "--mode", "add"]).fine();
        assert_eq!(on(&world, &other, &["quota", "o-player-0002", TEMPLATE]).fine(), "5\n");
    }
    on(&world, &other, &["import", &few, "--mode", "add", "--key", "another"]).fine();
    assert_eq!(on(&world, &other, &["quota", "o-player-0002", TEMPLATE]).fine(), "7\n");
    // What came since an import is not taken back by its repetition; one with a key of its own is another.
    for (key, left) in [(None, "2\n"), (None, "9\n"), (Some("again"), "2\n")] {
        let key = key.map_or(vec![], |key| vec!["--key", key]);
        on(&world, &other, &[&["import", &few, "--mode", "set"], &key[..]].concat()).fine();
        assert_eq!(on(&world, &other, &["quota", "o-player-0002", TEMPLATE]).fine(), left);
        let more = world.file("more.csv", &format!("openid,template_id,count\no-player-0002,{TEMPLATE},7\n"));
        on(&world, &other, &["import", &more, "--mode", "add"]).fine();
    }
}

#[test]
fn wrong_rows_are_named_by_their_lines() {
    let world = World::new();
    let _server = crowd(&world, 1);
    let rows = format!("openid,template_id,count\no-good,{TEMPLATE},1\n,{TEMPLATE},1\no-neg,{TEMPLATE},-4\n");
    let done = world.run_with(&["import", "-", "--mode", "set", "--json"], &[], &rows);
    assert_eq!((done.code, done.json()), (1, json!({ "imported": 1, "refused": 2 })), "{done:?}");
    assert!(done.err.contains("line 3 was refused: ") && done.err.contains("line 4 was refused: "), "{done:?}");
    assert_eq!(world.run(&["quota", "o-good", TEMPLATE]).fine(), "1\n");
    let refused = |file: &str, mode: &[&str], code: i32, says: &str| {
        let done = world.run_with(&[&["import", "-"], mode].concat(), &[], file);
        assert_eq!((done.code, done.out.as_str()), (code, ""), "{done:?}");
        assert!(done.err.contains(says), "not {says}: {done:?}");
    };
    refused("player,template\n", &["--mode", "set"], 1, "no column openid");
    refused("openid,template_id,count\no-a,t,many\n", &["--mode", "set"], 1, "line 2: count many is not a number");
    refused("openid,template_id,count\no-a,t\n", &["--mode", "set"], 1, "line: 2");
    refused("openid,template_id,count\n", &[], 2, "--mode");
}

/// What comes through a pipe can be read once only, and is no other pipe's.
#[cfg(unix)]
#[test]
fn two_pipes_are_two_imports() {
    let world = World::new();
    let _server = crowd(&world, 1);
    for n in 1..=2 {
        let pipe = world.path(&format!("pipe{n}")).to_string_lossy().into_owned();
        assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        // More than what is read at once.
        let rows: String = (0..600).map(|row| format!("o-{n}-{row},{TEMPLATE},{n}\n")).collect();
        let writer = std::thread::spawn({
            let pipe = pipe.clone();
            move || std::fs::write(pipe, format!("openid,template_id,count\n{rows}"))
        });
        assert_eq!(world.run(&["import", &pipe, "--mode", "add"]).fine(), "600 imported, 0 refused\n");
        writer.join().unwrap().unwrap();
        assert_eq!(world.run(&["quota", &format!("o-{n}-599"), TEMPLATE]).fine(), format!("{n}\n"));
    }
}

/// Its first line is the audit, and may be longer than what is read at once.
#[test]
fn an_export_with_a_long_audit_comes_in_again() {
    let world = World::new();
    let server = crowd(&world, 3);
    for n in 0..400 {
        let request = json!({ "do": "mute", "openid": "o-player-0001", "until_ms": 4_000_000_000_000_u64 + n });
        server.admin(&request.to_string(), 1 << 16).unwrap();
    }
    let file = world.path("records.jsonl").to_string_lossy().into_owned();
    world.run(&["export", &file, "--full"]).fine();
    let longest = std::fs::read_to_string(&file).unwrap().lines().map(str::len).max();
    assert!(longest > Some(10_000), "{longest:?}");
    let other = world.path("other.db").to_string_lossy().into_owned();
    on(&world, &other, &["import", &file, "--create"]).fine();
    assert_eq!(on(&world, &other, &["quota", "o-player-0002", TEMPLATE]).fine(), "3\n");
}

/// Large records make pages of few.
#[test]
fn an_export_of_long_lists_comes_in_again() {
    let world = World::new();
    let server = crowd(&world, 1);
    let put = json!({ "do": "campaign.put", "id": "c", "audience": "list",
        "message": { "template_id": TEMPLATE, "data": { "thing1": { "value": "x" }, "time2": { "value": "10:00" } } } });
    server.admin(&put.to_string(), 1 << 16).unwrap();
    let text = "x".repeat(4000);
    for page in 0..8 {
        let player = |n: usize| json!({ "openid": format!("o-{page}-{n}"), "data": { "thing1": { "value": text } } });
        let players: Vec<Value> = (0..500).map(player).collect();
        server.admin(&json!({ "do": "campaign.add", "id": "c", "players": players }).to_string(), 1 << 16).unwrap();
    }
    let file = world.path("records.jsonl").to_string_lossy().into_owned();
    world.run(&["export", &file, "--full"]).fine();
    let size = std::fs::metadata(&file).unwrap().len();
    assert!(size > 17 << 20, "{size}");
    let other = world.path("other.db").to_string_lossy().into_owned();
    on(&world, &other, &["import", &file, "--create"]).fine();
    assert!(on(&world, &other, &["campaign", "status", "c", "--json"]).fine().contains("4000"));
}

#[test]
fn whole_records_go_out_and_in_again() {
    let world = World::new();
    let server = crowd(&world, 30);
    world.player(&server, "o-alice", 1);
    assert_eq!(server.send(&message("o-alice").to_string(), Some(r#"{"key":"k1"}"#)).message, "sent");
    let file = world.path("records.jsonl").to_string_lossy().into_owned();
    world.run(&["export", &file, "--full"]).fine();
    let other = world.path("other.db").to_string_lossy().into_owned();
    on(&world, &other, &["import", &file, "--create"]).fine();
    assert_eq!(on(&world, &other, &["quota", "o-player-0002", TEMPLATE]).fine(), "3\n");
    assert!(on(&world, &other, &["outbox", "--csv"]).fine().contains("later"));
    // The key is known there, too: it is not sent again.
    let send = [&["send", "--openid", "o-alice", "--key", "k1"][..], &crate::common::WORDS].concat();
    assert!(on(&world, &other, &send).fine().starts_with("sent before, by this key"));
    assert_eq!(world.delivered("o-alice"), 1);
}

#[test]
fn a_move_to_another_file_is_whole() {
    let world = World::new();
    drop(crowd(&world, 300));
    let to = world.path("new.db").to_string_lossy().into_owned();
    let told = world.run(&["move", "--from", &world.store, "--to", &to, "--json"]).json();
    let units: u64 = (0..300).map(|i| i % 3 + 1).sum();
    assert_eq!(
        (&told["players"], &told["units"], &told["messages"]),
        (&json!(300), &json!(units), &json!(1)),
        "{told}"
    );
    assert!(!world.path("new.db.moving").exists(), "its state is removed at the end");
    assert!(on(&world, &to, &["outbox", "--csv"]).fine().contains("later"));
    // Never into what holds something.
    let done = world.run(&["move", "--from", &world.store, "--to", &to]);
    assert_eq!((done.code, done.out.as_str()), (1, ""), "{done:?}");
    assert!(done.err.contains("is not empty"), "{done:?}");
    assert_eq!(world.run(&["move", "--from", &to, "--to", &to]).code, 2);
    let gone = world.path("gone.db").to_string_lossy().into_owned();
    assert_eq!(world.run(&["move", "--from", &gone, "--to", "x.db"]).code, 2);
}

/// A Redis of its own on a free port.
struct Redis(Child, String);

impl Redis {
    fn start() -> Redis {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut child = Command::new(std::env::var_os("WXSUB_TEST_REDIS").unwrap_or_else(|| "redis-server".into()))
            .args(["--port", &port.to_string(), "--save", "", "--appendonly", "yes", "--appendfsync", "always"])
            .args(["--requirepass", crate::common::CANARY])
            .current_dir(std::env::temp_dir())
            .args(["--dir", tempfile::tempdir().unwrap().keep().to_str().unwrap()])
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-server is installed");
        let ends = Instant::now() + Duration::from_secs(20);
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < ends && child.try_wait().unwrap().is_none(), "the Redis starts");
            std::thread::sleep(Duration::from_millis(20));
        }
        Redis(child, format!("redis://:{}@127.0.0.1:{port}", crate::common::CANARY))
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_move_to_redis_goes_on_after_it_was_killed() {
    const PLAYERS: usize = 6000;
    let world = World::new();
    let mut csv = String::from("openid,template_id,count\n");
    for i in 0..PLAYERS {
        csv += &format!("o-player-{i:05},{TEMPLATE},{}\n", i % 3 + 1);
    }
    let file = world.file("counts.csv", &csv);
    world.run(&["import", &file, "--mode", "set", "--create"]).fine();
    let redis = Redis::start();
    let environment = [("WXSUB_APPID", "wx0000000000000000"), ("TARGET", redis.1.as_str())];
    let arguments = ["move", "--from", world.store.as_str(), "--to", "env:TARGET", "--json"];
    let state = world.path("wxsub.db.moving");
    let records = || -> u64 {
        let text = std::fs::read_to_string(&state).unwrap_or_default();
        serde_json::from_str::<Value>(&text).ok().and_then(|kept| kept["records"].as_u64()).unwrap_or(0)
    };
    // Killed again and again, always a little further on.
    let mut kills = 0;
    let done = loop {
        let before = records();
        let mut child = crate::common::command(&arguments, &environment).spawn().unwrap();
        while records() <= before && child.try_wait().unwrap().is_none() {
            std::thread::sleep(Duration::from_millis(1));
        }
        if child.try_wait().unwrap().is_none() {
            kills += u32::from(child.kill().is_ok());
            child.wait().unwrap();
            assert!(kills < 100, "it does not come on");
        } else {
            break child.wait_with_output().unwrap();
        }
        if kills >= 4 {
            break crate::common::command(&arguments, &environment).output().unwrap();
        }
    };
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    assert!(done.status.success(), "{}: {said} {}", done.status, String::from_utf8_lossy(&done.stdout));
    assert!(kills > 0 && said.contains("going on with a move"), "{kills} {said}");
    assert!(!said.contains(crate::common::CANARY));
    let told: Value = serde_json::from_slice(&done.stdout).unwrap();
    let units: usize = (0..PLAYERS).map(|i| i % 3 + 1).sum();
    assert_eq!((&told["players"], &told["units"]), (&json!(PLAYERS), &json!(units)), "{told}");
    let there = world.run_with(&["quota", "o-player-00002", TEMPLATE], &[("WXSUB_STORE", &redis.1)], "");
    assert_eq!(there.fine(), "3\n");
    assert!(!state.exists());
}

#[test]
fn a_difference_at_the_end_is_told() {
    let world = World::new();
    drop(crowd(&world, 3));
    let to = world.path("new.db").to_string_lossy().into_owned();
    world.run(&["move", "--from", &world.store, "--to", &to]).fine();
    // As if it had been interrupted before it was verified, and a server had gone on.
    let kept = json!({ "from": world.store, "to": to, "after": null, "records": 3, "copied": true }).to_string();
    std::fs::File::create(world.path("new.db.moving")).unwrap().write_all(kept.as_bytes()).unwrap();
    world.server().report("o-late", Some(TEMPLATE), Answer::Accept, None);
    let done = world.run(&["move", "--from", &world.store, "--to", &to]);
    assert_eq!((done.code, done.out.as_str()), (60, ""), "{done:?}");
    assert!(done.err.contains("the stores differ: here 4 counts of 7 messages"), "{done:?}");
    // The file of one move is not another's.
    let other = world.path("third.db").to_string_lossy().into_owned();
    std::fs::copy(world.path("new.db.moving"), world.path("third.db.moving")).unwrap();
    let done = world.run(&["move", "--from", &world.store, "--to", &other]);
    assert!(done.code == 1 && done.err.contains("another move"), "{done:?}");
}

#[test]
fn a_backup_while_a_server_works_and_metrics() {
    let world = World::new();
    let server = crowd(&world, 20);
    let copy = world.path("copy.db").to_string_lossy().into_owned();
    let said = world.run(&["backup", &copy]).fine();
    assert!(said.contains(" bytes in ") && said.contains("copy.db"), "{said}");
    server.report("o-late", Some(TEMPLATE), Answer::Accept, None);
    assert_eq!(on(&world, &copy, &["quota", "o-player-0002", TEMPLATE]).fine(), "3\n");
    assert_eq!(on(&world, &copy, &["quota", "o-late", TEMPLATE]).fine(), "0\n");
    assert_ne!(world.run(&["backup", &copy]).code, 0, "never over a file");
    let metrics = world.run(&["metrics"]).fine();
    assert!(metrics.lines().any(|line| line.starts_with("# TYPE wxsub_")), "{metrics}");
}
