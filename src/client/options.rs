//! The options of a send.

use serde_json::{Map, Value};

use super::usable_key;
use crate::config::MAX_TIMEOUT_MS;
use crate::error::{Error, Status};

/// What may be said beside the message.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Idempotency.
    pub key: Option<String>,
    /// The caller's own number.
    pub tag: u64,
    /// Instead of the configured one.
    pub timeout_ms: Option<u64>,
}

impl Options {
    /// Reads the options of `wxsub_send`.
    ///
    /// # Errors
    /// [`Status::Arg`] for an unknown option or a wrong value.
    pub fn parse(text: Option<&str>) -> Result<Options, Error> {
        let Some(text) = text.filter(|t| !t.trim().is_empty()) else { return Ok(Options::default()) };
        let object: Map<String, Value> = match serde_json::from_str(text) {
            Ok(Value::Object(object)) => object,
            Ok(Value::Null) => Map::new(),
            Ok(_) => return Err(wrong("the options are not a JSON object".to_owned())),
            Err(e) => return Err(wrong(format!("the options are not JSON: {e}"))),
        };
        let mut options = Options::default();
        for (name, value) in &object {
            match name.as_str() {
                "key" | "tag" | "timeout_ms" if value.is_null() => {}
                "key" => {
                    let key = value.as_str().ok_or_else(|| wrong("option key must be a string".to_owned()))?;
                    options.key = usable_key(Some(key))?.map(str::to_owned);
                }
                "tag" => {
                    options.tag = value.as_u64().ok_or_else(|| {
                        wrong(format!("option tag must be a whole number from 0 to 2^64-1, not {value}"))
                    })?;
                }
                "timeout_ms" => {
                    let ms = value.as_u64().filter(|ms| (1..=MAX_TIMEOUT_MS).contains(ms)).ok_or_else(|| {
                        wrong(format!(
                            "option timeout_ms must be a whole number from 1 to {MAX_TIMEOUT_MS}, not {value}"
                        ))
                    })?;
                    options.timeout_ms = Some(ms);
                }
                other => return Err(wrong(format!("unknown option {other:?}; a send knows key, tag and timeout_ms"))),
            }
        }
        Ok(options)
    }
}

fn wrong(text: String) -> Error {
    Error::new(Status::Arg, text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn options() {
        assert_eq!(Options::parse(None).unwrap(), Options::default());
        assert_eq!(Options::parse(Some("{\"key\":\"\",\"tag\":null}")).unwrap(), Options::default());
        let read = Options::parse(Some(r#"{"key":"k","tag":18446744073709551615,"timeout_ms":60000}"#)).unwrap();
        assert_eq!(read, Options { key: Some("k".to_owned()), tag: u64::MAX, timeout_ms: Some(60000) });
        let long = format!(r#"{{"key":"{}"}}"#, "k".repeat(513));
        for text in [
            "[]",
            "x",
            r#"{"kee":null}"#,
            r#"{"key":7}"#,
            r#"{"tag":-1}"#,
            r#"{"tag":"1"}"#,
            r#"{"timeout_ms":0}"#,
            r#"{"timeout_ms":60001}"#,
            r#"{"durable":true}"#,
            &long,
        ] {
            assert_eq!(Options::parse(Some(text)).expect_err(text).status, Status::Arg, "{text}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1000) })]

        #[test]
        fn no_text_panics(text in any::<String>()) {
            if let Err(e) = Options::parse(Some(&text)) {
                prop_assert_eq!(e.status, Status::Arg);
            }
        }

        #[test]
        fn what_is_said_is_read_or_refused(
            key in prop_oneof!["\\PC{0,20}", "k{500,520}"],
            tag: i128,
            timeout_ms in -10_i64..70_000,
            other in prop_oneof![Just("tag".to_owned()), "[a-z_]{1,12}"],
        ) {
            let tag = tag >> 60;
            let text = format!(
                r#"{{"key":{},"tag":{tag},"timeout_ms":{timeout_ms},"{other}":{tag}}}"#,
                Value::from(key.as_str())
            );
            let good = key.len() <= 512
                && u64::try_from(tag).is_ok()
                && (1..=60_000).contains(&timeout_ms)
                && (other == "tag" || other == "timeout_ms" && (1..=60_000).contains(&tag));
            match Options::parse(Some(&text)) {
                Err(e) => prop_assert!(!good && e.status == Status::Arg, "{}: {}", text, e),
                Ok(read) => {
                    prop_assert!(good, "{}", text);
                    prop_assert_eq!(read.key.unwrap_or_default(), key);
                    prop_assert_eq!(i128::from(read.tag), tag);
                }
            }
        }
    }
}
