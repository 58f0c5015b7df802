//! Pushed events against `wechatpy`, which none of us wrote: it opens what our simulator makes, and we what it makes.
//!
//! It is installed from PyPI into a folder below `target`, once. Without Python or PyPI the test fails; it is not skipped.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use crate::common::TestEnv;
use crate::common::host::run;
use crate::common::pushes::{AES_KEY, TOKEN, event, now_s};
use crate::common::python::python_with;
use serde_json::{Value, json};
use wxsub::Status;
use wxsub_simulator::push::{EventItem, EventKind, Format, ListName, Mode, Push, verification_query};
use wxsub_simulator::{Options, Simulator};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/python_peers")
}

fn python() -> &'static Path {
    static PYTHON: OnceLock<PathBuf> = OnceLock::new();
    PYTHON.get_or_init(|| python_with(&folder().join("requirements.txt")))
}

/// Runs the peer, a line for each of these, and returns its lines.
fn ask_peer(what: &str, lines: &[Value]) -> Vec<Value> {
    let mut peer = Command::new(python())
        .arg(folder().join("wechatpy_peer.py"))
        .arg(what)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("Python runs");
    let mut stdin = peer.stdin.take().expect("a pipe");
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    // It reads while it writes, and both may be more than a pipe holds.
    let writer = std::thread::spawn(move || stdin.write_all(text.as_bytes()));
    let output = peer.wait_with_output().expect("Python ends");
    writer.join().expect("no panic").expect("the peer reads all");
    assert!(output.status.success(), "the peer failed, see above: {}", output.status);
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

/// What wechatpy must find in a push of ours.
fn contents(push: &Push) -> Value {
    let name = match push.event {
        EventKind::Popup => "subscribe_msg_popup_event",
        EventKind::Change => "subscribe_msg_change_event",
        EventKind::Sent => "subscribe_msg_sent_event",
    };
    let item = |item: &EventItem| match push.event {
        EventKind::Popup => json!({
            "TemplateId": item.template_id,
            "SubscribeStatusString": item.status,
            "PopupScene": item.popup_scene.to_string(),
        }),
        EventKind::Change => json!({"TemplateId": item.template_id, "SubscribeStatusString": item.status}),
        EventKind::Sent => json!({
            "TemplateId": item.template_id,
            "MsgID": item.msg_id.to_string(),
            "ErrorCode": item.error_code.to_string(),
            "ErrorStatus": item.error_status,
        }),
    };
    json!({
        "event": name,
        "openid": push.openid,
        "create_time": push.create_time.unwrap().to_string(),
        "items": push.items.iter().map(item).collect::<Vec<_>>(),
    })
}

#[test]
fn wechatpy_opens_what_the_simulator_pushes() {
    let wechat = Simulator::start(Options::default());
    let mut pushes = Vec::new();
    let results = vec![
        EventItem { error_status: "success".to_owned(), ..EventItem::sent("a", i64::MAX, 0) },
        EventItem { error_status: "用户拒收 ]]> & <订阅>".to_owned(), ..EventItem::sent("b", 1, 43101) },
    ];
    let answers = vec![EventItem::answer("a", "accept"), EventItem::answer("b", "reject")];
    for (kind, items) in [(EventKind::Popup, &answers), (EventKind::Change, &answers), (EventKind::Sent, &results)] {
        for format in [Format::Xml, Format::Json] {
            for mode in [Mode::Plain, Mode::Mixed, Mode::Secure] {
                for list_name in [ListName::List, ListName::Event, ListName::AlwaysPopup] {
                    for count in 1..=items.len() {
                        let numbers_as_strings = count == 2;
                        let push = event(kind, "o7esq5OI1Uej6Xixw1lA2H7XDVbc", items[..count].to_vec(), now_s() - 3);
                        pushes.push(Push { format, mode, list_name, numbers_as_strings, ..push });
                    }
                }
            }
        }
    }
    let request = |query: &str, body: &str| json!({"token": TOKEN, "aes_key": AES_KEY, "appid": wechat.appid(), "query": query, "body": body});
    let mut requests = vec![request(&verification_query(TOKEN, "5940312834517368192"), "")];
    let mut wanted = vec![json!({"echostr": "5940312834517368192"})];
    for push in &pushes {
        let pushed = wechat.push(push).expect("an event");
        requests.push(request(&pushed.query, &pushed.body));
        wanted.push(contents(push));
    }
    let found = ask_peer("open", &requests);
    assert_eq!(found.len(), wanted.len());
    for ((found, wanted), request) in found.iter().zip(&wanted).zip(&requests) {
        assert_eq!(found, wanted, "{request}");
    }
    assert_eq!(found.len(), 1 + 3 * 2 * 3 * 3 * 2);
}

#[test]
fn we_take_what_wechatpy_makes() {
    let stories = ask_peer("make", &[json!({"now": now_s()})]);
    assert_eq!(stories.len(), 2 * (1 + 4 * 2));
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let appid = text(&stories[0]["appid"]);
    let env = TestEnv::with(Options { appid, ..Options::default() });
    for story in &stories {
        let name = text(&story["name"]);
        let keys = json!({"token": story["token"], "aes_key": story["aes_key"], "trust_plain": true});
        let client = env.client(json!({"store": ":memory:", "event": keys}));
        let openid = text(&story["openid"]);
        let counts = || -> Vec<i64> {
            let ids = story["templates"].as_array().expect("a list");
            ids.iter().map(|id| client.quota(&openid, id.as_str().expect("a text")).remaining).collect()
        };
        for step in story["steps"].as_array().expect("a list") {
            let what = format!("{name}: {}", step["what"]);
            let before = counts();
            match (client.handle_event(&text(&step["query"]), text(&step["body"]).as_bytes(), 64), &step["counts"]) {
                (Ok((reply, _)), wanted @ Value::Array(_)) => {
                    // What is not ours is the host's to answer.
                    let answer = if step["what"] == "a chat message" { "" } else { "success" };
                    assert_eq!((reply.as_str(), &json!(counts())), (answer, wanted), "{what}");
                }
                (Err(e), Value::Null) => {
                    assert_eq!((e.status, counts()), (Status::Signature, before), "{what}: {e}");
                }
                (Ok(_), _) => panic!("{what}: taken"),
                (Err(e), _) => panic!("{what}: {e}"),
            }
        }
    }
}

/// The vectors that the unit tests read are wechatpy's, as their script makes them.
#[test]
fn the_vectors_are_wechatpys() {
    let script = folder().join("wechatpy_vectors.py");
    run(Command::new(python()).arg(script).arg("--check").env("PYTHONDONTWRITEBYTECODE", "1"));
}
