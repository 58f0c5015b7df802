//! Tokens and keys.

use super::super::{AesKey, BadConfig};
use super::*;

const ZERO_SPARE: &str = "kZvGYbDKbtPbhv4LBWOcdsp5VktA3xe9epVhINevtGg";

#[test]
fn spare_bits_of_a_key_do_not_matter() {
    let keys: Vec<_> = ["g", "h", "i", "j"]
        .iter()
        .map(|last| format!("{}{last}", &ZERO_SPARE[..42]))
        .map(|key| *AesKey::from_encoded("aes_key", &key).unwrap().bytes())
        .collect();
    assert!(keys.iter().all(|key| *key == keys[0]));
    let with_padding = AesKey::from_encoded("aes_key", &format!("{ZERO_SPARE}=")).unwrap();
    assert_eq!(*with_padding.bytes(), keys[0]);
}

#[test]
fn a_malformed_key_is_told_but_not_shown() {
    let short = "secretsecret";
    let umlaut = format!("ü{}", &ZERO_SPARE[1..]);
    let blank = format!(" {}", &ZERO_SPARE[1..]);
    let padded_inside = format!("{}==", &ZERO_SPARE[..42]);
    let two_lines = format!("{ZERO_SPARE}\n");
    for (key, expected) in [
        ("", BadConfig::KeyLength("aes_key", 0)),
        (short, BadConfig::KeyLength("aes_key", 12)),
        (&umlaut, BadConfig::KeyAlphabet("aes_key")),
        (&blank, BadConfig::KeyAlphabet("aes_key")),
        (&padded_inside, BadConfig::KeyAlphabet("aes_key")),
        (&two_lines, BadConfig::KeyLength("aes_key", 44)),
    ] {
        let error = AesKey::from_encoded("aes_key", key).unwrap_err();
        assert_eq!(error, expected);
        let text = format!("{error} {error:?}");
        assert!(text.contains("event.aes_key"), "{text}");
        assert!(!text.contains("secret") && !text.contains(&ZERO_SPARE[1..9]), "{text}");
    }
}

#[test]
fn a_token_that_cannot_be_right_is_refused() {
    let bad = |token| EventConfig::new(token, Vec::new(), "wx1").unwrap_err();
    assert_eq!(bad(""), BadConfig::NoToken);
    for token in [" abc", "abc\n", "a bc", "a\0bc", "a\u{3000}bc"] {
        assert_eq!(bad(token), BadConfig::BlankInToken);
    }
    assert!(!bad("hush hush").to_string().contains("hush"));
}

#[test]
fn debug_shows_no_secret() {
    let sealer = Sealer::new();
    let key = AesKey::from_encoded("aes_key", sealer.key).unwrap();
    let text = format!("{:?} {key:?} {:#?}", sealer.secure(), sealer.plain());
    assert!(text.contains(sealer.appid), "{text}");
    assert!(!text.contains(sealer.token), "{text}");
    assert!(!text.contains("abcdefgh"), "{text}");
    let raw: Vec<String> = key.bytes().iter().map(u8::to_string).collect();
    assert!(!text.contains(&raw[..3].join(", ")), "{text}");
}
