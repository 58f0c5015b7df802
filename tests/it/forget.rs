//! Is no byte left of who was forgotten?

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rusqlite::Connection;
use serde_json::json;
use wxsub::{Answer, Status};
use wxsub_simulator::push::Mode;

use crate::common::admin::ask;
use crate::common::pushes::{hand_over, message as push_of, now_s, secure};
use crate::common::{TEMPLATE, TestEnv, message};
use crate::events::merged;

const PLAYERS: usize = 3000;
const FORGOTTEN: usize = 300;

/// One as WeChat makes them, or of another form; both are kept in their own way.
fn openid(n: usize) -> String {
    let mut random = fastrand::Rng::with_seed(n as u64);
    let own: String = std::iter::repeat_with(|| random.alphanumeric()).take(22).collect();
    if n.is_multiple_of(5) { format!("other-form-{own}") } else { format!("o6_bmj{own}") }
}

/// Every openid that one of these files holds, in any form that the store writes.
fn found(folder: &std::path::Path, openids: &[String]) -> Vec<String> {
    let mut found = Vec::new();
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        let bytes = std::fs::read(&path).unwrap();
        // By the first four bytes, so that three thousand searches are one.
        let mut places: std::collections::HashMap<[u8; 4], Vec<usize>> = std::collections::HashMap::new();
        for (at, window) in bytes.windows(4).enumerate() {
            places.entry(window.try_into().unwrap()).or_default().push(at);
        }
        for openid in openids {
            let packed = URL_SAFE_NO_PAD.decode(openid).unwrap_or_default();
            for form in [openid.as_bytes(), &packed].into_iter().filter(|form| form.len() > 8) {
                let starts = places.get(&form[..4]).map_or(&[][..], Vec::as_slice);
                if starts.iter().any(|at| bytes[*at..].starts_with(form)) {
                    found.push(format!("{openid} in {}", path.display()));
                }
            }
        }
    }
    found
}

#[test]
fn no_byte_is_left_of_who_was_forgotten() {
    let env = TestEnv::new();
    let folder = env.folder.path().join("store");
    std::fs::create_dir(&folder).unwrap();
    let client = env.client(json!({"store": folder.join("wxsub.db"), "templates": "off", "durability": "normal"}));
    let openids: Vec<String> = (0..PLAYERS).map(openid).collect();
    std::thread::scope(|scope| {
        for lane in 0..8 {
            let (client, openids, env) = (&client, &openids, &env);
            scope.spawn(move || {
                for (n, openid) in openids.iter().enumerate().skip(lane).step_by(8) {
                    let verdict = client.report(openid, Some(TEMPLATE), Answer::Accept, Some("tap"));
                    assert_eq!(verdict.status, Status::Ok);
                    if n % 10 == 0 {
                        env.wechat.grant(openid, TEMPLATE, 1);
                        assert_eq!(client.send(&message(openid), Some(r#"{"key":"k"}"#)).status, Status::Ok);
                        let later = r#"{"key":"later","deliver_at":4102444800000,"notify":false}"#;
                        client.submit(&message(openid), Some(later)).unwrap();
                    }
                }
            });
        }
    });
    while client.stats().unwrap().outbox.waiting < (PLAYERS / 10) as u64 {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    // Every tenth, so that both forms and those with messages are among them.
    let (gone, kept): (Vec<_>, Vec<_>) = openids.iter().cloned().enumerate().partition(|(n, _)| n % 10 == 0);
    let of = |list: Vec<(usize, String)>| list.into_iter().map(|(_, openid)| openid).collect::<Vec<_>>();
    let (gone, kept) = (of(gone), of(kept));
    assert_eq!(gone.len(), FORGOTTEN);
    for openid in &gone {
        let reply = ask(&client, json!({"do": "forget", "openid": openid}));
        assert_eq!(
            (&reply["forgotten"]["players"], &reply["forgotten"]["messages"]),
            (&json!(1), &json!(1)),
            "{reply}"
        );
    }
    assert!(!found(&folder, &gone).is_empty(), "deleting alone leaves stale copies, so the search finds what is there");
    let reply = ask(&client, json!({"do": "compact"}));
    assert!(reply["bytes_after"].as_u64() <= reply["bytes_before"].as_u64(), "{reply}");
    assert_eq!(found(&folder, &gone), Vec::<String>::new());
    let left = found(&folder, &kept);
    assert!(left.len() >= kept.len(), "the search finds the others: {} of {}", left.len(), kept.len());
    let (one, other) = (client.quota(&kept[0], TEMPLATE).remaining, client.quota(&gone[0], TEMPLATE).remaining);
    assert_eq!((one, other), (1, 0));
}

/// WeChat pushes again what was not taken; the player's records, which went first, must not pass for all of him.
#[test]
fn what_a_forget_has_left_goes_with_the_next_push() {
    let env = TestEnv::new();
    let path = env.folder.path().join("wxsub.db");
    let mut config = json!({"store": path, "templates": "off", "timeout_ms": 2000});
    config["event"] = secure()["event"].clone();
    let client = env.client(config);
    client.report("o1", Some(TEMPLATE), Answer::Accept, None);
    let put =
        json!({"do": "campaign.put", "id": "c", "audience": "list", "message": {"template_id": TEMPLATE, "data": {}}});
    ask(&client, put);
    ask(&client, json!({"do": "campaign.add", "id": "c", "players": ["o1", "o2"]}));
    let event = json!({"ToUserName": "gh_1", "FromUserName": "oPlatform", "CreateTime": now_s() - 5, "MsgType": "event",
        "Event": "user_authorization_revoke", "OpenID": "o1", "AppID": "wx1", "RevokeInfo": "1"});
    let event = push_of(&event.to_string(), Mode::Secure);
    let push = || hand_over(&client, &env.wechat.push(&event).unwrap());
    let history = || ask(&client, json!({"do": "history", "openid": "o1"}))["history"].as_array().unwrap().len();
    let audit = || {
        let acts = ask(&client, json!({"do": "audit"}))["audit"].clone();
        acts.as_array().unwrap().iter().filter(|act| act["do"] == "forget").count()
    };

    let other = Connection::open(&path).unwrap();
    other.execute_batch("CREATE TRIGGER t BEFORE DELETE ON history BEGIN SELECT RAISE(ABORT, 'broken'); END").unwrap();
    let failed = push().unwrap_err();
    assert_eq!((failed.status, failed.retry), (Status::Store, wxsub::Retry::Unsafe), "{failed}");
    assert!(failed.message.contains("forget him again"), "{failed}");
    assert_eq!((client.quota("o1", TEMPLATE).remaining, history(), audit()), (0, 1, 0));

    other.execute_batch("DROP TRIGGER t").unwrap();
    for said in ["was forgotten here", "was forgotten before"] {
        let (_, verdict) = push().unwrap();
        assert!(verdict.message.contains(said), "{verdict:?}");
        assert_eq!((history(), audit()), (0, 1));
    }
    let forecast = ask(&client, json!({"do": "campaign.forecast", "id": "c"}));
    assert_eq!(forecast["skipped"], json!({"not_known": 1}), "the other is left on the list: {forecast}");
}

/// Its date says nothing, or there is none: it is a duty all the same, and comes again within seconds.
#[test]
fn a_revocation_without_a_date_forgets_once() {
    let env = TestEnv::new();
    let client = env.client(merged(secure(), json!({"templates": "off"})));
    for (openid, date) in [("o1", json!(null)), ("o2", json!("x")), ("o3", json!(now_s() * 1000))] {
        let mut event = json!({"FromUserName": "oPlatform", "CreateTime": date, "MsgType": "event",
            "Event": "user_authorization_revoke", "OpenID": openid});
        if date.is_null() {
            event.as_object_mut().unwrap().remove("CreateTime");
        }
        let event = push_of(&event.to_string(), Mode::Secure);
        for (said, kept) in [("was forgotten here", 0), ("was forgotten before", 1)] {
            client.report(openid, Some(TEMPLATE), Answer::Accept, None);
            let (_, verdict) = hand_over(&client, &env.wechat.push(&event).unwrap()).unwrap();
            assert!(verdict.message.contains(said), "{date}: {verdict:?}");
            assert_eq!(client.quota(openid, TEMPLATE).remaining, kept, "{date}");
        }
    }
}

/// The list of a campaign that has ended, and could not be dropped then, goes as a whole with the first player of it who is
/// forgotten.
#[test]
fn no_part_of_an_ended_list_stays() {
    let env = TestEnv::new();
    let path = env.folder.path().join("wxsub.db");
    let client = env.client(json!({"store": path, "templates": "off"}));
    let put =
        json!({"do": "campaign.put", "id": "c", "audience": "list", "message": {"template_id": TEMPLATE, "data": {}}});
    ask(&client, put);
    let players: Vec<String> = (0..1000).map(|n| format!("o{n}")).collect();
    ask(&client, json!({"do": "campaign.add", "id": "c", "players": players}));
    let other = Connection::open(&path).unwrap();
    let parts = || -> i64 {
        let sql = "SELECT count(*) FROM account_record WHERE id LIKE 'campaign-list:%'";
        other.query_row(sql, [], |row| row.get(0)).unwrap()
    };
    let refuse = |which: &str| {
        let say = "SELECT RAISE(ABORT, 'broken')";
        let sql = format!("CREATE TRIGGER t BEFORE DELETE ON account_record WHEN OLD.id {which} BEGIN {say}; END");
        other.execute_batch(&sql).unwrap();
    };
    refuse("LIKE 'campaign-list:%'");
    ask(&client, json!({"do": "campaign.cancel", "id": "c"}));
    assert_eq!(parts(), 3);
    let failed = client.admin(r#"{"do":"forget","openid":"o999"}"#, 1 << 16).unwrap_err();
    assert!(failed.message.contains("forget him again"), "{failed}");
    // Two of them go, and then it fails again.
    other.execute_batch("DROP TRIGGER t").unwrap();
    refuse("= 'campaign-list:c:00000002'");
    assert!(client.admin(r#"{"do":"forget","openid":"o999"}"#, 1 << 16).is_err());
    assert_eq!(parts(), 1);
    other.execute_batch("DROP TRIGGER t").unwrap();
    ask(&client, json!({"do": "forget", "openid": "nobody"}));
    assert_eq!(parts(), 0);
}
