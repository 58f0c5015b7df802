//! Is a player asked for what is short and worth it, and left alone where he refused?

use serde_json::{Value, json};
use wxsub::{Answer, Client, QuotaChange, Status};
use wxsub_simulator::{Endpoint, Fault};

use crate::common::{TEMPLATE, TestEnv, message_from, send};

fn plan(client: &Client, openid: &str, request: &Value) -> Value {
    serde_json::from_str(&client.ask(openid, &request.to_string()).unwrap()).unwrap()
}

fn list(ids: &[&str]) -> Value {
    json!({"templates": ids.iter().map(|id| json!({"id": id})).collect::<Vec<_>>()})
}

#[test]
fn what_is_short_is_asked_for_in_order_of_worth() {
    let env = TestEnv::new();
    let client = env.client(json!({"templates": "off"}));
    for _ in 0..3 {
        assert_eq!(client.report("o1", Some("stocked"), Answer::Accept, None).status, Status::Ok);
    }
    assert_eq!(client.report("o1", Some("two"), Answer::Accept, None).remaining, 1);
    let request = list(&["stocked", "one", "two", "three", "four"]);
    assert_eq!(
        plan(&client, "o1", &request),
        json!({
            "ask": ["one", "two", "three"],
            "counts": {"stocked": 3, "one": 0, "two": 1, "three": 0, "four": 0},
            "why": {"stocked": "stocked", "one": "ask", "two": "ask", "three": "ask", "four": "ask"},
        })
    );
    // A message that waits moves its template to the front.
    let later = json!({"key": "later", "deliver_at": 4_102_444_800_000_i64}).to_string();
    client.submit(&message_from("o1", "four"), Some(&later)).unwrap();
    assert_eq!(client.poll(1, std::time::Duration::from_secs(30)).unwrap()[0].status, Status::Ok);
    assert_eq!(plan(&client, "o1", &request)["ask"], json!(["four", "one", "two"]));
    assert_eq!(plan(&client, "o2", &request)["ask"], json!(["stocked", "one", "two"]), "another player's waits");
    // The accepts beyond the limit would change nothing.
    let limited = env.client(json!({"templates": "off", "max_count": 1}));
    assert_eq!(plan(&limited, "o1", &request)["why"]["two"], "stocked");
}

#[test]
fn a_refusal_is_remembered_by_the_store_and_a_ban_for_its_player() {
    let env = TestEnv::new();
    let client = env.client(json!({"templates": "off"}));
    let client_answer = r#"{"errMsg":"requestSubscribeMessage:ok","no":"reject","banned":"ban","filtered":"filter"}"#;
    let told = client.report_json("o1", client_answer, None).unwrap();
    assert_eq!(told.iter().map(|verdict| verdict.quota).collect::<Vec<_>>()[1], QuotaChange::Untouched);
    let request = list(&["no", "banned", "filtered"]);
    drop(client);
    let client = env.client(json!({"templates": "off"}));
    let answer = plan(&client, "o1", &request);
    assert_eq!(answer["why"], json!({"no": "refused", "banned": "banned", "filtered": "ask"}));
    assert_eq!(answer["ask"], json!(["filtered"]));
    assert_eq!(plan(&client, "o2", &request)["ask"], json!(["no", "banned", "filtered"]));
    let observer = env.client(json!({"templates": "off", "role": "observer", "secret": null}));
    assert_eq!(plan(&observer, "o1", &request), answer);
    let impatient = env.client(json!({"templates": "off", "ask_again_hours": 0}));
    assert_eq!(plan(&impatient, "o1", &request)["ask"], json!(["no", "banned", "filtered"]));
    // The main switch is off: 20004 from the game, until he accepts something.
    client.report_json("o2", r#"{"errMsg":"requestSubscribeMessage:fail","errCode":20004}"#, None).unwrap();
    assert_eq!(plan(&client, "o2", &request)["ask"], json!([]));
    client.report("o2", Some("no"), Answer::Accept, None);
    assert_eq!(plan(&client, "o2", &request)["ask"], json!(["no", "banned", "filtered"]));
}

#[test]
fn what_wechat_bans_is_not_asked_for_while_it_is_left_alone() {
    let env = TestEnv::new();
    let client = env.client(json!({"templates": "off"}));
    env.accept(&client, "o1");
    let request = list(&[TEMPLATE, "other"]);
    assert_eq!(plan(&client, "o1", &request)["ask"], json!([TEMPLATE, "other"]));
    env.wechat.arm(Fault::errcode(43107).on(Endpoint::Send));
    assert_eq!(send(&client, "o1").status, Status::Banned);
    let answer = plan(&client, "o2", &request);
    assert_eq!((&answer["ask"], &answer["why"][TEMPLATE]), (&json!(["other"]), &json!("banned")));
}

#[test]
fn it_is_a_read_that_asks_nobody() {
    let env = TestEnv::new();
    let client = env.client(json!({}));
    // Also with "templates": "auto", and nothing known of the account.
    plan(&client, "o1", &list(&["a", "b"]));
    assert_eq!(env.wechat.requests().len(), 0);
    let system = plan(&client, "o1", &list(&["SYS_MSG_TYPE_RANK", "SYS_MSG_TYPE_INTERACTIVE"]));
    assert_eq!(system["ask"], json!(["SYS_MSG_TYPE_RANK", "SYS_MSG_TYPE_INTERACTIVE"]));
    client.report("o1", Some("SYS_MSG_TYPE_RANK"), Answer::Accept, None);
    assert_eq!(
        plan(&client, "o1", &list(&["SYS_MSG_TYPE_RANK"])),
        json!({"ask": [], "counts": {"SYS_MSG_TYPE_RANK": 1}, "why": {"SYS_MSG_TYPE_RANK": "stocked"}})
    );
    let e = client.ask("o 1", &list(&["a"]).to_string()).unwrap_err();
    assert!(e.status == Status::Arg && e.message.contains("openid"), "{e}");
}
