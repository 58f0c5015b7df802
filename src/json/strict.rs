//! Members that nobody knows, and words that are none, told with the nearest known ones.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// Reads a struct whose type refuses unknown members (`deny_unknown_fields`). `subject` names the object in the error's
/// text, as "players".
///
/// # Errors
/// Which member is wrong, and how.
pub fn strict<T: DeserializeOwned>(subject: &str, object: Map<String, Value>) -> Result<T, String> {
    serde_path_to_error::deserialize(Value::Object(object)).map_err(|e| {
        let (place, text) = (e.path().to_string(), e.inner().to_string());
        match unknown(&text) {
            Some((kind, bad, known)) => format!("{subject}: {}", not_known(kind, bad, &known)),
            None if place == "." => format!("{subject}: {text}"),
            None => format!("{subject}: {place}: {text}"),
        }
    })
}

/// What a word stands for.
///
/// # Errors
/// When it is none of these.
pub fn word<T: Copy>(subject: &str, word: &str, words: &[(&str, T)]) -> Result<T, String> {
    let found = words.iter().find(|(known, _)| *known == word).map(|(_, meaning)| *meaning);
    let known: Vec<&str> = words.iter().map(|(known, _)| *known).collect();
    found.ok_or_else(|| format!("{subject}: {}", not_known("word", word, &known)))
}

fn not_known(kind: &str, bad: &str, known: &[&str]) -> String {
    let hint = match nearest(bad, known) {
        Some(near) => format!("did you mean {near}?"),
        None if known.is_empty() => "there is none".to_owned(),
        None => format!("known are {}", known.join(", ")),
    };
    format!("unknown {kind} {}; {hint}", shown(bad))
}

/// serde's sentence on a member or word that is not known, taken apart: it has no other way to say so. Its names of ours
/// are Rust's, without a backquote.
fn unknown(text: &str) -> Option<(&'static str, &str, Vec<&str>)> {
    let fields = text.strip_prefix("unknown field `").map(|rest| ("field", rest));
    let (kind, rest) = fields.or_else(|| text.strip_prefix("unknown variant `").map(|rest| ("word", rest)))?;
    if let Some(bad) = rest.strip_suffix("`, there are no fields").or(rest.strip_suffix("`, there are no variants")) {
        return Some((kind, bad, Vec::new()));
    }
    let (bad, known) = rest.rsplit_once("`, expected ")?;
    Some((kind, bad, known.split('`').skip(1).step_by(2).collect()))
}

/// The known name that was meant, if one is near: another spelling, or a slip of the pen.
pub fn nearest<'k>(name: &str, known: &[&'k str]) -> Option<&'k str> {
    let plain = |name: &str| name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
    let named = plain(name);
    known.iter().copied().find(|k| plain(k) == named).or_else(|| {
        // Who writes a whole text where a word belongs means none.
        let distances = known.iter().filter(|_| name.len() < 100).map(|k| (strsim::osa_distance(name, k), *k));
        distances.min().filter(|(distance, k)| *distance <= k.len().div_ceil(2)).map(|(_, k)| k)
    })
}

/// A value in quotes, cut, for a message.
pub fn shown(text: &str) -> String {
    const MOST: usize = 40;
    let cut: String = text.chars().take(MOST).collect();
    let dots = if cut.len() < text.len() { "…" } else { "" };
    format!("{:?}", format!("{cut}{dots}"))
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(deny_unknown_fields)]
    struct Ask {
        openid: String,
        limit: Option<u32>,
        mode: Option<Mode>,
    }

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(rename_all = "lowercase")]
    enum Mode {
        Set,
        Add,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Nothing {}

    fn read<T: DeserializeOwned>(text: &str) -> Result<T, String> {
        strict("it", serde_json::from_str(text).unwrap())
    }

    #[test]
    fn what_is_wrong_is_named_with_what_was_meant() {
        assert_eq!(read::<Ask>(r#"{"openid":"o","limit":null}"#).unwrap().limit, None);
        for (text, says) in [
            (r#"{"openid":"o","limt":1}"#, r#"it: unknown field "limt"; did you mean limit?"#),
            (r#"{"openid":"o","LIMIT":1}"#, r#"it: unknown field "LIMIT"; did you mean limit?"#),
            (r#"{"openid":"o","colour":1}"#, r#"it: unknown field "colour"; known are openid, limit, mode"#),
            (r#"{"openid":"o","`, expected \n`":1}"#, r#"it: unknown field "`, expected \n`"; known are"#),
            (r#"{"openid":"o","mode":"ad"}"#, r#"it: unknown word "ad"; did you mean add?"#),
            (r#"{"openid":7}"#, "it: openid: invalid type: number, expected a string"),
            (r#"{"openid":"o","limit":-1}"#, "it: limit: "),
            ("{}", "it: missing field `openid`"),
        ] {
            let why = read::<Ask>(text).unwrap_err();
            assert!(why.starts_with(says), "{text}: {why}");
        }
        assert_eq!(read::<Nothing>(r#"{"a":1}"#).unwrap_err(), r#"it: unknown field "a"; there is none"#);
        assert_eq!(
            word("mode", "sett", &[("set", 1), ("add", 2)]).unwrap_err(),
            r#"mode: unknown word "sett"; did you mean set?"#
        );
        assert_eq!(word("mode", "add", &[("set", 1), ("add", 2)]), Ok(2));
    }
}
