//! What somebody else might send, and what a bad day might.

use std::time::Instant;

use super::super::MAX_BODY;
use super::sealer::{body_of, padded};
use super::*;

const POPUP: &str = r#"{"FromUserName":"oA","CreateTime":1763999990,"MsgType":"event",
    "Event":"subscribe_msg_popup_event","List":{"TemplateId":"tA","SubscribeStatusString":"accept"}}"#;

/// Opens an `Encrypt` that is rightly signed.
fn open_sealed(sealer: &Sealer, encrypt: &str) -> Result<Opened, Refusal> {
    let query = sealer.query_for(encrypt);
    open(&sealer.secure(), &query, body_of(encrypt).as_bytes(), NOW)
}

#[test]
fn unreadable_bodies_are_refused() {
    let deep_json = format!("{}1{}", r#"{"a":"#.repeat(40), "}".repeat(40));
    let deep_array = format!(r#"{{"a":{}{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
    let deep_xml = format!("{}{}", "<a>".repeat(100_000), "</a>".repeat(100_000));
    let many_json = format!(r#"{{"a":[{}0]}}"#, "0,".repeat(20_000));
    let many_xml = format!("<xml>{}</xml>", "<a/>".repeat(20_000));
    for body in [
        " \n\t ",
        "\u{feff}",
        "\u{feff}\u{feff}{}",
        "success",
        "\0",
        "[]",
        "\"{}\"",
        "{",
        "{}{}",
        "{} x",
        r#"{"a":1,}"#,
        r#"{"a":"b"#,
        r#"{"Event":"subscribe_msg_popup_event","Event":"x"}"#,
        "<xml>",
        "<xml><a></xml>",
        "<xml></a>",
        "</xml>",
        "<xml/><xml/>",
        "<xml/>text",
        "<xml>a & b</xml>",
        "<xml>&nbsp;</xml>",
        "<xml>&#x;</xml>",
        "<xml>&#-1;</xml>",
        "<xml>&#99999999999;</xml>",
        "<xml><![CDATA[</xml>",
        "<xml><!-- </xml>",
        "<!-- only a comment -->",
        "<?xml version=\"1.0\"?>",
        "<",
        "<!",
        &deep_json,
        &deep_array,
        &deep_xml,
        &many_json,
        &many_xml,
    ] {
        let started = Instant::now();
        let opened = open_plain(body);
        let start: String = body.chars().take(60).collect();
        assert!(matches!(opened, Err(Refusal::Unreadable(_))), "{start}: {opened:?}");
        assert!(started.elapsed().as_secs() < 2, "{start}");
    }
}

#[test]
fn no_document_type_no_entities() {
    let laughs: String =
        (1..10).map(|n| format!("<!ENTITY l{n} \"{}\">", format!("&l{};", n - 1).repeat(10))).collect();
    let laughs = format!("<!DOCTYPE xml [<!ENTITY l0 \"ha\">{laughs}]><xml>&l9;</xml>");
    for body in [
        laughs.as_str(),
        "<!DOCTYPE xml><xml/>",
        "<?xml version=\"1.0\"?><!DOCTYPE x SYSTEM \"file:///etc/passwd\"><xml/>",
        "<!DOCTYPE x [<!ENTITY e SYSTEM \"file:///etc/passwd\">]><xml>&e;</xml>",
        "<xml><!DOCTYPE x [<!ENTITY e \"f\">]>&e;</xml>",
        "<xml>&e;</xml>",
    ] {
        let opened = open_plain(body);
        assert!(matches!(opened, Err(Refusal::Unreadable(_))), "{body}: {opened:?}");
    }
}

#[test]
fn a_body_has_a_largest_size() {
    let sealer = Sealer::new();
    let body = format!("{POPUP}{}", " ".repeat(MAX_BODY - POPUP.len()));
    let opened = |body: &str| open(&sealer.plain(), &sealer.query(), body.as_bytes(), NOW);
    assert!(opened(&body).is_ok());
    assert_eq!(opened(&(body + " ")), Err(Refusal::TooBig));
}

#[test]
fn an_empty_body_without_echostr_is_refused() {
    let sealer = Sealer::new();
    for config in [sealer.plain(), sealer.secure()] {
        let opened = open(&config, &sealer.query(), b"", NOW);
        assert!(matches!(opened, Err(Refusal::Unreadable(_))), "{opened:?}");
    }
}

#[test]
fn a_wrong_signature_is_refused_before_the_body_is_looked_at() {
    let sealer = Sealer::new();
    let good = sealer.query();
    let signature = &good["signature=".len()..][..40];
    for wrong in ["", "0", &signature[1..], &format!("{signature}0"), &"0".repeat(40), "ＦＦ"] {
        let query = good.replace(signature, wrong);
        for config in [sealer.plain(), sealer.secure()] {
            for body in [POPUP, "", "no message"] {
                let refusal = open(&config, &query, body.as_bytes(), NOW).unwrap_err();
                assert!(matches!(refusal, Refusal::Signature | Refusal::Query(_)), "{refusal:?}");
            }
        }
    }
}

#[test]
fn every_flipped_bit_of_a_query_is_noticed() {
    let sealer = Sealer::new();
    let encrypt = sealer.seal(POPUP.as_bytes());
    let query = sealer.query_for(&encrypt);
    let body = body_of(&encrypt);
    assert!(open(&sealer.secure(), &query, body.as_bytes(), NOW).is_ok());
    for at in 0..query.len() {
        for bit in 0..7 {
            let mut bytes = query.clone().into_bytes();
            bytes[at] ^= 1 << bit;
            let flipped = String::from_utf8(bytes).unwrap();
            // Names and values that do not count, and the case of a hex digit, may change.
            if flipped.eq_ignore_ascii_case(&query) || unsigned(&query, at) {
                continue;
            }
            let opened = open(&sealer.secure(), &flipped, body.as_bytes(), NOW);
            assert!(opened.is_err(), "{flipped}");
        }
    }
}

/// Whether this place is in `openid` or `encrypt_type`.
fn unsigned(query: &str, at: usize) -> bool {
    let from = query.find("openid").unwrap();
    let to = query.find("&msg_signature").unwrap();
    (from..to).contains(&at)
}

#[test]
fn every_flipped_bit_of_an_encrypted_message_is_noticed() {
    let sealer = Sealer::new();
    let encrypt = sealer.seal(POPUP.as_bytes());
    let query = sealer.query_for(&encrypt);
    for at in 0..encrypt.len() {
        let mut bytes = encrypt.clone().into_bytes();
        bytes[at] ^= 1;
        let body = body_of(&String::from_utf8(bytes).unwrap());
        let opened = open(&sealer.secure(), &query, body.as_bytes(), NOW);
        assert!(matches!(opened, Err(Refusal::MsgSignature | Refusal::Unreadable(_))), "{at}: {opened:?}");
    }
}

#[test]
fn what_is_signed_but_does_not_decrypt_is_refused() {
    let sealer = Sealer::new();
    let good = sealer.seal(POPUP.as_bytes());
    let raw_frame = sealer.frame(1, b"x");
    for encrypt in
        ["A", "AAAA", "not base64!", "中文", &good[..good.len() - 5], &good[..8], &good[4..], "=", &"A".repeat(64)]
    {
        assert_eq!(open_sealed(&sealer, encrypt), Err(Refusal::Undecryptable), "{encrypt}");
    }
    for blocks in [
        &[0_u8; 32][..],                         // no padding
        &[33; 64],                               // more than a block of padding
        &[32; 32],                               // nothing but padding
        &[16; 32],                               // only noise
        &[&[7; 28][..], &[1, 4, 4, 4]].concat(), // a frame of 28, but the padding is not uniform
        &[255; 64],
    ] {
        let encrypt = sealer.encrypt(blocks);
        assert_eq!(open_sealed(&sealer, &encrypt), Err(Refusal::Undecryptable), "{blocks:?}");
    }
    for length in [u32::MAX, u32::MAX - 19, 0x8000_0000, 100, 20] {
        let frame = sealer.frame(length, b"x");
        let encrypt = sealer.encrypt(&padded(&frame));
        assert_eq!(open_sealed(&sealer, &encrypt), Err(Refusal::Undecryptable), "{length}");
    }
    // The frame itself ends before the length does.
    let encrypt = sealer.encrypt(&padded(&raw_frame[..18]));
    assert_eq!(open_sealed(&sealer, &encrypt), Err(Refusal::Undecryptable));
    let empty = open_sealed(&sealer, &sealer.seal(b""));
    assert!(matches!(empty, Err(Refusal::Unreadable(_))), "{empty:?}");
}

#[test]
fn an_appid_must_be_ours_to_the_last_byte() {
    let ours = Sealer::new();
    for appid in ["", "wx0123456789abcde", "wx0123456789abcdef ", "wx0123456789abcdeF", "wxother"] {
        let sealer = Sealer { appid, ..Sealer::new() };
        let encrypt = sealer.seal(POPUP.as_bytes());
        assert_eq!(open_sealed(&ours, &encrypt), Err(Refusal::OtherAppid), "{appid}");
    }
    // A length that reaches into the appid, or stops before the message does.
    let length = u32::try_from(POPUP.len()).unwrap();
    for length in [0, length - 1, length + 1] {
        let frame = ours.frame(length, POPUP.as_bytes());
        let encrypt = ours.encrypt(&padded(&frame));
        assert_eq!(open_sealed(&ours, &encrypt), Err(Refusal::OtherAppid), "{length}");
    }
}

#[test]
fn two_encrypts_are_refused() {
    let sealer = Sealer::new();
    let encrypt = sealer.seal(POPUP.as_bytes());
    let body = format!("<xml><Encrypt>{encrypt}</Encrypt><Encrypt>{encrypt}</Encrypt></xml>");
    let opened = open(&sealer.secure(), &sealer.query_for(&encrypt), body.as_bytes(), NOW);
    assert!(matches!(opened, Err(Refusal::Unreadable(_))), "{opened:?}");
}

#[test]
fn every_refusal_fits_a_result_and_shows_no_secret() {
    let sealer = Sealer::new();
    let long = "中\u{7}\n".repeat(500);
    for refusal in [
        Refusal::TooBig,
        Refusal::Query(long.clone()),
        Refusal::Signature,
        Refusal::Stale { ahead_s: i64::MIN },
        Refusal::Plaintext,
        Refusal::NoKey,
        Refusal::MsgSignature,
        Refusal::Undecryptable,
        Refusal::OtherAppid,
        Refusal::Unreadable(long),
    ] {
        let text = refusal.to_string();
        assert!(text.len() <= 247, "{} bytes: {text}", text.len());
        assert!(!text.contains(char::is_control), "{text:?}");
        assert!(!text.contains(sealer.token) && !text.contains(sealer.key), "{text}");
    }
}
