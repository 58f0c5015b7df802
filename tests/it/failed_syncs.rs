//! A sync that fails: nothing that was acknowledged is lost.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::common::process::{Child, play, say};
use crate::common::{TEMPLATE, TestEnv, left};
use serde_json::json;
use wxsub::{Answer, Client, Config, Level, Sink, Status, Verdict};

#[test]
fn child() {
    play(|role, args| {
        let client = Client::open(Config::from_json(args["config"].as_str().unwrap()).unwrap()).unwrap();
        match role {
            "accept and close" => accept_and_close(&client, args["accepts"].as_i64().unwrap()),
            "accepts that may fail" => accepts_that_may_fail(&client, args["accepts"].as_i64().unwrap()),
            other => panic!("{other}"),
        }
    });
}

fn accept(client: &Client, openid: &str) -> Verdict {
    client.report(openid, Some(TEMPLATE), Answer::Accept, None)
}

/// Says what is logged, and whether anything was.
#[derive(Default)]
struct Warnings(AtomicBool);

impl Sink for Warnings {
    fn line(&self, _level: Level, text: &str) {
        say(text);
        self.0.store(true, Ordering::SeqCst);
    }
}

fn accept_and_close(client: &Client, accepts: i64) {
    let warnings = Arc::new(Warnings::default());
    client.set_log(Some(Arc::clone(&warnings) as Arc<dyn Sink>), Level::Warn as i32);
    (0..accepts).for_each(|n| assert_eq!(accept(client, &format!("o{n}")).status, Status::Ok));
    while !warnings.0.load(Ordering::SeqCst) {
        std::thread::sleep(Duration::from_millis(50));
        accept(client, "o0");
    }
    (0..4 * accepts).for_each(|n| assert_eq!(accept(client, &format!("p{n}")).status, Status::Ok));
}

/// A sync of the file that fails once may have lost what SQLite takes for written: the log stays, with all that was
/// acknowledged, until another process has moved it.
#[test]
fn a_checkpoint_that_is_not_synced_keeps_the_log() {
    const ACCEPTS: i64 = 400;
    let env = TestEnv::new();
    let config = env.config(json!({"durability": "normal"}));
    drop(env.client(json!({"durability": "normal"})));
    let path = env.store();
    let strace = ["strace", "-f", "-o", "/dev/null", "-P", path.to_str().unwrap()];
    let inject = ["-e", "trace=fdatasync,fsync,pwrite64", "-e", "inject=fdatasync,fsync:error=EIO:when=1"];
    let wrapper = [&strace[..], &inject[..]].concat();
    let args = json!({"config": config, "accepts": ACCEPTS});
    let told = Child::start_under(module_path!(), &wrapper, "accept and close", args).finish();
    assert!(told.iter().any(|line| line.contains("could not be synced") || line.contains("disk failed")), "{told:?}");
    let log = std::fs::metadata(env.folder.path().join("wxsub.db-wal")).map_or(0, |file| file.len());
    assert!(log > 24 << 20, "{log} bytes: it has begun anew");
    let client = env.client(json!({}));
    assert!((0..4 * ACCEPTS).all(|n| left(&client, &format!("p{n}")) == 1));
}

/// Accepts of `args`, each by a player of his own, tried as often as `args` says; tells each.
fn accepts_that_may_fail(client: &Client, accepts: i64) {
    for n in 0..accepts {
        let verdict = accept(client, &format!("p{n}"));
        say(&format!("{:?}: {}", verdict.status, verdict.message));
    }
}

/// A commit's sync fails, and then that of the file by which the log was to begin anew: of earlier checkpoints' pages only the
/// log surely has all. What was acknowledged stays in it, and nothing is acknowledged behind its hole.
#[test]
fn a_log_that_could_not_begin_anew_is_kept() {
    const ACCEPTS: usize = 40;
    let env = TestEnv::new();
    drop(env.client(json!({})));
    // Of the thread that commits: its 20th sync is a commit's, then come two of the log and that of the file.
    let inject = "inject=fdatasync:error=EIO:when=20..23+3";
    let strace = ["strace", "-f", "-o", "/dev/null", "-e", "trace=fdatasync", "-e", inject];
    let args = json!({"config": env.config(json!({"timeout_ms": 60_000})), "accepts": ACCEPTS});
    let told = Child::start_under(module_path!(), &strace, "accepts that may fail", args).finish();
    let kept = told.iter().take_while(|line| line.starts_with("Ok")).count();
    assert!((1..ACCEPTS).contains(&kept), "{told:?}");
    let behind = &told[kept..];
    assert!(behind.iter().all(|line| line.starts_with("Store")), "{told:?}");
    assert!(behind.last().unwrap().contains("log is kept"), "{told:?}");
    let log = std::fs::metadata(env.folder.path().join("wxsub.db-wal")).map_or(0, |file| file.len());
    assert!(log > 0, "it has begun anew");
    let client = env.client(json!({}));
    // That of the sync that failed may have reached the disk all the same.
    for n in (0..ACCEPTS).filter(|n| *n != kept) {
        assert_eq!(left(&client, &format!("p{n}")), i64::from(n < kept), "{n}: {told:?}");
    }
}
