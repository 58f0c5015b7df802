//! JSON that comes in: its size and nesting are bounded before it is parsed, and its faults are told in words.

mod strict;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Map, Value};

pub use strict::{nearest, shown, strict, word};

/// The deepest nesting that is read: parsing and dropping recurse, and hosts call from small stacks.
pub const MAX_DEPTH: usize = 32;
/// The largest message, options or client object, in bytes.
pub const MAX_TEXT: usize = 64 * 1024;

/// What editors put before a file's text.
pub const BOM: char = '\u{feff}';

/// Reads an object. `subject` begins the text of the error: "the message is", "the options are".
///
/// # Errors
/// What is wrong with it, in words that hold nothing of the text.
pub fn object(subject: &str, text: &str) -> Result<Map<String, Value>, String> {
    read(subject, text)
}

/// The same, for a text of at most [`MAX_TEXT`] bytes, of which somebody needs only a part.
///
/// # Errors
/// As [`object`], and for a longer text.
pub fn small<'a, T: Deserialize<'a>>(subject: &str, text: &'a str) -> Result<T, String> {
    if text.len() > MAX_TEXT {
        return Err(format!("{subject} {} bytes long, at most {MAX_TEXT} are allowed", text.len()));
    }
    read(subject, text)
}

fn read<'a, T: Deserialize<'a>>(subject: &str, text: &'a str) -> Result<T, String> {
    let text = text.strip_prefix(BOM).unwrap_or(text);
    if is_too_deep(text.as_bytes()) {
        return Err(format!("{subject} nested more than {MAX_DEPTH} levels deep"));
    }
    // A list would do for serde where an object's members are wanted.
    if !text.trim_start().starts_with('{') {
        return Err(match serde_json::from_str::<IgnoredAny>(text) {
            Ok(_) => format!("{subject} not a JSON object"),
            Err(e) => format!("{subject} not JSON: {}", explained(&e)),
        });
    }
    serde_json::from_str(text).map_err(|e| match e.is_data() {
        true => format!("{subject} not as it must be: {e}"),
        false => format!("{subject} not JSON: {}", explained(&e)),
    })
}

/// Whether lists and objects stand in each other deeper than [`MAX_DEPTH`]. Exact up to the text's first mistake, where a
/// parser ends.
pub fn is_too_deep(text: &[u8]) -> bool {
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for byte in text {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            _ if in_string => {}
            b'[' | b'{' => {
                depth += 1;
                if depth > MAX_DEPTH {
                    return true;
                }
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    false
}

/// serde_json's words for half a character are those of the specification; who cut an emoji in two does not know them.
fn explained(error: &serde_json::Error) -> String {
    let text = error.to_string();
    if text.contains("surrogate") || text.contains("end of hex escape") {
        return format!("half of a character (a lone surrogate, as where a text was cut inside an emoji): {text}");
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn nested(open: &str, close: &str, levels: usize) -> String {
        format!("{{\"a\":{}1{}}}", open.repeat(levels), close.repeat(levels))
    }

    #[test]
    fn nesting_is_bounded() {
        for (open, close) in [("[", "]"), ("{\"b\":", "}"), (" \n[ ", " ] ")] {
            assert!(object("it is", &nested(open, close, MAX_DEPTH - 1)).is_ok(), "{open}");
            for levels in [MAX_DEPTH, 100, 1000, 1_000_000] {
                let refused = object("it is", &nested(open, close, levels)).unwrap_err();
                assert_eq!(refused, "it is nested more than 32 levels deep");
            }
        }
        // Brackets in a text are none, whatever is escaped there.
        let text = "[".repeat(100) + "\\\"" + &"{".repeat(100) + "\\\\";
        assert!(object("it is", &format!("{{\"a\":\"{text}\",\"{text}\":[1]}}")).is_ok());
        // Many beside each other are no nesting.
        assert!(object("it is", &format!("{{\"a\":[{}1]}}", "[],".repeat(1000))).is_ok());
    }

    #[test]
    fn what_is_wrong_is_said() {
        assert!(object("it is", "\u{feff}{\"a\":1}").is_ok());
        assert_eq!(object("they are", "[]").unwrap_err(), "they are not a JSON object");
        #[derive(Debug, Deserialize)]
        #[allow(dead_code)] // it is only read
        struct Part {
            a: String,
        }
        assert_eq!(small::<Part>("it is", "[\"x\"]").unwrap_err(), "it is not a JSON object");
        assert!(small::<Part>("it is", "{\"a\":1}").unwrap_err().starts_with("it is not as it must be: invalid type"));
        assert!(object("it is", "{").unwrap_err().starts_with("it is not JSON: EOF"));
        for text in [r#"{"a":"\ud83d"}"#, r#"{"a":"\ude00"}"#, r#"{"a":"\ud83dx"}"#, r#"{"a":"\ud83d\ud83d"}"#] {
            let refused = object("it is", text).unwrap_err();
            assert!(refused.starts_with("it is not JSON: half of a character"), "{text}: {refused}");
        }
        let long = format!("{{\"a\":\"{}\"}}", "x".repeat(MAX_TEXT));
        assert!(small::<Value>("it is", &long).unwrap_err().contains("at most 65536"));
        assert!(object("it is", &long).is_ok());
        assert!(small::<Value>("it is", &format!("{{\"a\":\"{}\"}}", "x".repeat(MAX_TEXT - 8))).is_ok());
    }

    proptest! {
        #[test]
        fn what_is_not_too_deep_is_judged_as_serde_json_does(text in "[\\[\\]{}\":,a1\\\\ ]{0,60}") {
            let parsed = serde_json::from_str::<Value>(&text);
            prop_assert_eq!(object("it is", &text).is_ok(), parsed.is_ok_and(|v| v.is_object()));
        }
    }
}
