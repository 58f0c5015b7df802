//! Does the plan of what to ask for work on Redis as it does on a file?

use serde_json::{Value, json};
use wxsub::{Answer, Status};

use crate::common::message_from;
use crate::env::RedisEnv;
use crate::servers::Server;

#[test]
fn refusals_and_waiting_messages_are_seen_by_every_process() {
    let env = RedisEnv::new();
    let server = Server::start(RedisEnv::settings());
    let url = RedisEnv::url(server.port());
    let (one, two) = (env.open(&url, json!({})), env.open(&url, json!({})));
    env.ok(one.report("o1", Some("refused"), Answer::Reject, None));
    env.ok(one.report("o1", Some("stocked"), Answer::Accept, None));
    let later = json!({"key": "later", "deliver_at": 4_102_444_800_000_i64}).to_string();
    one.submit(&message_from("o1", "waits"), Some(&later)).unwrap();
    assert_eq!(one.poll(1, std::time::Duration::from_secs(30)).unwrap()[0].status, Status::Ok);
    let wanted = ["refused", "first", "stocked", "waits"].map(|id| json!({"id": id, "keep": 1}));
    let request = json!({"templates": wanted}).to_string();
    let plan: Value = serde_json::from_str(&two.ask("o1", &request).unwrap()).unwrap();
    assert_eq!(
        plan,
        json!({
            "ask": ["waits", "first"],
            "counts": {"refused": 0, "first": 0, "stocked": 1, "waits": 0},
            "why": {"refused": "refused", "first": "ask", "stocked": "stocked", "waits": "ask"},
        })
    );
}
