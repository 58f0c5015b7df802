//! Query, signatures, time, modes: everything around the message.

use super::sealer::body_of;
use super::*;

const POPUP: &str = r#"{"FromUserName":"oA","CreateTime":1763999990,"MsgType":"event",
    "Event":"subscribe_msg_popup_event","List":{"TemplateId":"tA","SubscribeStatusString":"accept"}}"#;

#[test]
fn the_address_check_is_answered_with_its_echostr() {
    let sealer = Sealer::new();
    for (given, expected) in
        [("5940312834517368192", "5940312834517368192"), ("a%2Bb%2F%3D", "a+b/="), ("a+b/==", "a+b/==")]
    {
        for config in [sealer.plain(), sealer.secure()] {
            for lead in ["", "?"] {
                let query = format!("{lead}{}&echostr={given}", sealer.query());
                let opened = open(&config, &query, b"", NOW).unwrap();
                assert_eq!(opened, Opened::Echo(expected.to_owned()));
            }
        }
    }
}

#[test]
fn an_echostr_is_no_way_to_inject_markup() {
    let sealer = Sealer::new();
    for echostr in ["%3Cscript%3E", "a%20b", "a%0d%0aX-Y:1", "%E4%B8%AD", "%22"] {
        let query = format!("{}&echostr={echostr}", sealer.query());
        let refusal = open(&sealer.plain(), &query, b"", NOW).unwrap_err();
        assert!(matches!(refusal, Refusal::Query(_)), "{echostr}: {refusal:?}");
    }
}

#[test]
fn a_body_beside_an_echostr_is_still_an_event() {
    let sealer = Sealer::new();
    let query = format!("{}&echostr=1", sealer.query());
    let opened = open(&sealer.plain(), &query, POPUP.as_bytes(), NOW).unwrap();
    assert!(matches!(opened, Opened::Event(_)));
}

#[test]
fn a_query_that_is_incomplete_or_ambiguous_is_refused() {
    let sealer = Sealer::new();
    let good = sealer.query();
    let without = |name: &str| {
        let kept: Vec<_> = good.split('&').filter(|pair| !pair.starts_with(name)).collect();
        kept.join("&")
    };
    let emptied = without("nonce") + "&nonce=";
    for (query, what) in [
        (String::new(), "signature is missing"),
        ("?".to_owned(), "signature is missing"),
        ("&&&===".to_owned(), "signature is missing"),
        (without("signature"), "signature is missing"),
        (without("timestamp"), "timestamp is missing"),
        (without("nonce"), "nonce is missing"),
        (emptied, "nonce is missing"),
        (format!("{good}&nonce=2"), "nonce is given twice"),
        (format!("{good}&n%6Fnce=2"), "nonce is given twice"),
        (format!("{good}&signature="), "signature is given twice"),
        (format!("{good}&echostr=1&echostr=1"), "echostr is given twice"),
        (format!("{good}&echostr=%ff"), "echostr is not UTF-8"),
        (format!("{good}&x={}", "x".repeat(9000)), "too long"),
    ] {
        let refusal = open(&sealer.plain(), &query, POPUP.as_bytes(), NOW).unwrap_err();
        assert_eq!(refusal, Refusal::Query(what.to_owned()), "{query}");
    }
}

#[test]
fn parameters_that_do_not_count_are_ignored() {
    let sealer = Sealer::new();
    let query = format!("?a=1&a=2&%ff=%ff&%=%&openid=oOther&{}&encrypt_type=raw&flag", sealer.query());
    let opened = open(&sealer.plain(), &query, POPUP.as_bytes(), NOW).unwrap();
    let Opened::Event(event) = opened else { panic!() };
    assert_eq!(event.from_openid, "oA");
}

#[test]
fn percent_encoded_values_are_decoded_before_they_are_verified() {
    let sealer = Sealer::new();
    let query = sealer.query().replace("nonce=1", "nonce=%31").replace("signature", "%73ignature");
    assert!(open(&sealer.plain(), &query, POPUP.as_bytes(), NOW).is_ok());
}

#[test]
fn a_signature_in_capitals_is_the_same_signature() {
    let sealer = Sealer::new();
    let query = sealer.query();
    let signature = &query["signature=".len()..][..40];
    let query = query.replace(signature, &signature.to_uppercase());
    assert!(open(&sealer.plain(), &query, POPUP.as_bytes(), NOW).is_ok());
}

#[test]
fn the_time_must_be_near() {
    let mut sealer = Sealer::new();
    for (ahead_s, fine) in [(0, true), (-300, true), (300, true), (-301, false), (301, false)] {
        sealer.timestamp = (NOW + ahead_s).to_string();
        let opened = open(&sealer.plain(), &sealer.query(), POPUP.as_bytes(), NOW);
        match opened {
            Ok(_) => assert!(fine, "{ahead_s}"),
            Err(refusal) => {
                assert_eq!(refusal, Refusal::Stale { ahead_s });
                assert!(!fine, "{ahead_s}");
            }
        }
        // The address check is under the same rule.
        let query = format!("{}&echostr=1", sealer.query());
        assert_eq!(open(&sealer.plain(), &query, b"", NOW).is_ok(), fine);
    }
    for timestamp in ["x", "-1764000000", "+1764000000", "1764000000.0", "1764000000000", "１"] {
        timestamp.clone_into(&mut sealer.timestamp);
        let refusal = open(&sealer.plain(), &sealer.query(), b"", NOW).unwrap_err();
        assert!(matches!(refusal, Refusal::Query(_)), "{timestamp}: {refusal:?}");
    }
    sealer.timestamp = "999999999999".to_owned();
    for now_s in [i64::MIN, -1, 0, i64::MAX] {
        let refusal = open(&sealer.plain(), &sealer.query(), b"", now_s).unwrap_err();
        assert!(matches!(refusal, Refusal::Stale { .. }), "{refusal:?}");
    }
}

#[test]
fn with_a_key_only_what_was_encrypted_counts() {
    let sealer = Sealer::new();
    let refused = open(&sealer.secure(), &sealer.query(), POPUP.as_bytes(), NOW);
    assert_eq!(refused, Err(Refusal::Plaintext));

    // Mixed mode: the same body with both; the encrypted half says reject.
    let inner = POPUP.replace("accept", "reject");
    let encrypt = sealer.seal(inner.as_bytes());
    let mixed = POPUP.replacen('{', &format!(r#"{{"Encrypt":"{encrypt}","#), 1);
    let query = sealer.query_for(&encrypt);
    for (config, accepted) in [(sealer.secure(), false), (sealer.plain(), true)] {
        let Opened::Event(event) = open(&config, &query, mixed.as_bytes(), NOW).unwrap() else {
            panic!("not an event");
        };
        assert_eq!(event.changes, [popup("tA", accepted, "")]);
    }
    let unsigned = open(&sealer.secure(), &sealer.query(), mixed.as_bytes(), NOW);
    assert_eq!(unsigned, Err(Refusal::Query("msg_signature is missing".to_owned())));
}

#[test]
fn without_a_key_an_encrypted_body_is_told_apart_from_one_that_is_not_ours() {
    let sealer = Sealer::new();
    let encrypt = sealer.seal(POPUP.as_bytes());
    let opened = open(&sealer.plain(), &sealer.query_for(&encrypt), body_of(&encrypt).as_bytes(), NOW);
    assert_eq!(opened, Err(Refusal::NoKey));
}

#[test]
fn blanks_around_the_parts_do_not_matter() {
    let sealer = Sealer::new();
    let inner = format!("\u{feff}\r\n {POPUP}\n\n");
    let encrypt = sealer.seal(inner.as_bytes());
    let body = format!(" \n\u{feff} <xml>\n<Encrypt>\n  {encrypt}\n</Encrypt>\n</xml>\n");
    let opened = open(&sealer.secure(), &sealer.query_for(&encrypt), body.as_bytes(), NOW);
    assert!(matches!(opened, Ok(Opened::Event(_))), "{opened:?}");
}

#[test]
fn while_the_key_changes_the_one_before_is_tried_too() {
    let sealer = Sealer::new();
    let other = "kZvGYbDKbtPbhv4LBWOcdsp5VktA3xe9epVhINevtGg";
    let encrypt = sealer.seal(POPUP.as_bytes());
    let (query, body) = (sealer.query_for(&encrypt), body_of(&encrypt));
    let open_with = |keys: &[&str]| open(&sealer.secure_with(keys), &query, body.as_bytes(), NOW);
    for keys in [&[sealer.key, other][..], &[other, sealer.key]] {
        assert!(matches!(open_with(keys), Ok(Opened::Event(_))), "{keys:?}");
    }
    assert_eq!(open_with(&[other]), Err(Refusal::Undecryptable));
    // What only the key before decrypts is still refused for what is wrong with it.
    let elsewhere = Sealer { appid: "wxfedcba9876543210", ..Sealer::new() };
    let opened = open(&elsewhere.secure_with(&[other, sealer.key]), &query, body.as_bytes(), NOW);
    assert_eq!(opened, Err(Refusal::OtherAppid));
}

#[test]
fn an_unsigned_event_of_the_future_is_refused() {
    let sealer = Sealer::new();
    for (ahead_s, fine) in [(-90_000, true), (0, true), (300, true), (301, false), (90_000, false)] {
        let body = POPUP.replace("1763999990", &(NOW + ahead_s).to_string());
        let opened = open_plain(&body);
        match fine {
            true => assert!(matches!(opened, Ok(Opened::Event(_))), "{ahead_s}: {opened:?}"),
            false => assert_eq!(opened, Err(Refusal::Future { ahead_s })),
        }
        // WeChat signed it: whatever its clock says.
        let encrypt = sealer.seal(body.as_bytes());
        let opened = open(&sealer.secure(), &sealer.query_for(&encrypt), body_of(&encrypt).as_bytes(), NOW);
        assert!(matches!(opened, Ok(Opened::Event(_))), "{ahead_s}: {opened:?}");
    }
    let revoked = |at: i64| {
        open_plain(&format!(
            r#"{{"MsgType":"event","Event":"user_authorization_revoke","OpenID":"oA","CreateTime":{at}}}"#
        ))
    };
    assert_eq!(revoked(NOW + 300), Ok(Opened::Revoked("oA".to_owned(), Some(NOW + 300))));
    assert_eq!(revoked(NOW + 301), Err(Refusal::Future { ahead_s: 301 }));
    // Of what is not ours nothing is asked.
    assert_eq!(open_plain(r#"{"MsgType":"event","Event":"x","CreateTime":99999999999}"#), Ok(Opened::Other));
}

#[test]
fn an_unsigned_body_is_known_by_its_query_and_its_bytes() {
    let sealer = Sealer::new();
    let unsigned = |sealer: &Sealer, query: &str, body: &str, now_s: i64| match verify(
        &sealer.plain(),
        query,
        body.as_bytes(),
        now_s,
    ) {
        Ok(Verified::Push(push)) => push.unsigned.expect("nothing is encrypted"),
        other => panic!("{other:?}"),
    };
    let first = unsigned(&sealer, &sealer.query(), POPUP, NOW);
    // What is not signed makes no other query of it.
    let dressed = format!("?openid=oZ&{}&x=1", sealer.query().replace("nonce=1", "nonce=%31"));
    assert_eq!(unsigned(&sealer, &dressed, POPUP, NOW), first);
    let other_body = unsigned(&sealer, &sealer.query(), &POPUP.replace("oA", "oB"), NOW);
    assert!(other_body.nonce == first.nonce && other_body.body != first.body);
    for other in [
        Sealer { nonce: "1320562133".to_owned(), ..Sealer::new() },
        Sealer { timestamp: (NOW + 1).to_string(), ..Sealer::new() },
    ] {
        let of_other = unsigned(&other, &other.query(), POPUP, NOW);
        assert!(of_other.nonce != first.nonce && of_other.body == first.body);
    }
    // As long as the query is accepted.
    for (later_s, keep_ms) in [(0, 301_000), (300, 1000), (-300, 601_000)] {
        assert_eq!(unsigned(&sealer, &sealer.query(), POPUP, NOW + later_s).keep_ms, keep_ms);
    }
    let encrypt = sealer.seal(POPUP.as_bytes());
    let sealed = verify(&sealer.secure(), &sealer.query_for(&encrypt), body_of(&encrypt).as_bytes(), NOW);
    assert_eq!(sealed, Ok(Verified::Push(super::super::Push { plain: POPUP.as_bytes().to_vec(), unsigned: None })));
}
