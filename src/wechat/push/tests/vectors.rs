//! What wechatpy signed and encrypted; `tests/it/python_peers/wechatpy_vectors.py` makes the file.

use serde_json::{Value, json};

use super::super::AesKey;
use super::*;

const VECTORS: &str = include_str!("../../../../tests/it/python_peers/wechatpy_vectors.json");

#[test]
fn wechatpy_and_we_agree() {
    let vectors: Value = serde_json::from_str(VECTORS).unwrap();
    let cases = vectors["cases"].as_array().unwrap();
    assert!(cases.len() >= 50, "{}", cases.len());
    for case in cases {
        let text = |name: &str| case[name].as_str().unwrap();
        let key = case["aes_key"].as_str();
        let keys = key.map(|key| AesKey::from_encoded("aes_key", key).unwrap()).into_iter().collect();
        let config = EventConfig::new(text("token"), keys, text("appid")).unwrap();
        let now_s = case["now_s"].as_i64().unwrap();
        let opened = open(&config, text("query"), text("body").as_bytes(), now_s);
        assert_eq!(described(&opened), case["expect"], "{}", case["name"]);
    }
}

/// In the words of the file.
fn described(opened: &Result<Opened, Refusal>) -> Value {
    match opened {
        Ok(Opened::Echo(text)) => json!({"kind": "echo", "text": text}),
        Ok(Opened::Other) => json!({"kind": "other"}),
        Ok(Opened::Revoked(openid, create_time_s)) => {
            json!({"kind": "revoked", "openid": openid, "create_time_s": create_time_s})
        }
        Ok(Opened::Event(event)) => {
            assert!(event.notes.is_empty(), "{:?}", event.notes);
            json!({
                "kind": "event",
                "openid": event.from_openid,
                "create_time_s": event.create_time_s,
                "changes": event.changes.iter().map(change).collect::<Vec<_>>(),
            })
        }
        Err(refusal) => {
            let variant = format!("{refusal:?}");
            let name: String = variant.chars().take_while(char::is_ascii_alphanumeric).collect();
            json!({"kind": "refused", "why": name})
        }
    }
}

fn change(change: &Change) -> Value {
    let word = |accepted: bool| if accepted { "accept" } else { "reject" };
    match change {
        Change::Popup { template_id, accepted, .. } => {
            json!({"kind": "popup", "template_id": template_id, "status": word(*accepted)})
        }
        Change::Changed { template_id, rejected } => {
            json!({"kind": "change", "template_id": template_id, "status": word(!rejected)})
        }
        Change::Sent { template_id, msgid, error_code, error_status } => json!({
            "kind": "sent",
            "template_id": template_id,
            "msgid": msgid,
            "error_code": error_code,
            "error_status": error_status,
        }),
    }
}
