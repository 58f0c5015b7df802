//! A store that an earlier version wrote opens for ever. tests/it/format/ has one for each format that was released or is
//! about to be; `WXSUB_WRITE_FORMAT=1` writes today's anew, which is right only until its release.

use std::path::{Path, PathBuf};

use crate::common::{TEMPLATE, TestEnv, left, message, send};
use serde_json::json;
use wxsub::{Answer, Status, Verdict};
use wxsub_simulator::Options;

/// In the year 2100.
const LATER_MS: i64 = 4_102_444_800_000;

fn kept(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/format").join(name)
}

/// Fills a store: a player with counts of a known and of an unknown template, a message that waits, a token, templates.
fn write(path: &Path) {
    let env = TestEnv::with(Options { initial_grants: 10, ..Options::default() });
    let client = env.client(json!({}));
    for _ in 0..3 {
        assert_eq!(client.report("o-format", Some(TEMPLATE), Answer::Accept, None).status, Status::Ok);
    }
    assert_eq!(client.report("o-format", Some("unknown"), Answer::Accept, Some("a key")).status, Status::Ok);
    assert_eq!(client.report("o-format", Some("SYS_MSG_TYPE_RANK"), Answer::Accept, None).status, Status::Ok);
    assert_eq!(client.send(&message("o-format"), Some(r#"{"key":"sent"}"#)).status, Status::Ok);
    let options = json!({"key": "later", "tag": 7, "deliver_at": LATER_MS}).to_string();
    client.submit(&message("o-format"), Some(&options)).unwrap();
    let stored = client.poll(1, std::time::Duration::from_secs(30)).unwrap();
    assert_eq!(stored[0].flags, Verdict::STORED, "{stored:?}");
    drop(client);
    std::fs::copy(env.store(), path).expect("the folder is there");
}

#[test]
fn a_store_of_format_3_opens() {
    let file = kept("store-3.db");
    if std::env::var_os("WXSUB_WRITE_FORMAT").is_some() {
        write(&file);
    }
    let env = TestEnv::with(Options { initial_grants: 10, ..Options::default() });
    std::fs::copy(&file, env.store()).expect("the file is checked in");
    let client = env.client(json!({}));
    assert_eq!(left(&client, "o-format"), 2);
    assert_eq!(client.quota("o-format", "unknown").remaining, 1);
    assert_eq!(client.quota("o-format", "SYS_MSG_TYPE_RANK").remaining, 1);
    let waits = client.lookup("o-format", "later");
    assert_eq!((waits.status, waits.tag, waits.flags), (Status::Ok, 7, Verdict::STORED), "{waits:?}");
    assert_eq!(client.stats().unwrap().outbox.waiting, 1);
    assert_eq!(client.report("o-format", Some(TEMPLATE), Answer::Accept, None).remaining, 3);
    // The kept token is another simulator's, or too old: it is replaced.
    assert_eq!(send(&client, "o-format").status, Status::Ok);
    assert_eq!(client.cancel("o-format", "later").status, Status::Ok);
    drop(client);
    assert_eq!(left(&env.client(json!({})), "o-format"), 2, "what was written by both versions is there");
}
