//! The options of a send and of a submit.

use serde_json::{Map, Value};

use super::core::{MAX_KEY, usable_key};
use crate::config::MAX_TIMEOUT_MS;
use crate::config::keys::{Default as D, Key, Kind, key};
use crate::error::{Error, Status};
use crate::json;

/// A Unix time below this is one in seconds.
const LEAST_MS: i64 = 1_000_000_000_000;
/// How long after its time a scheduled message without `expires_at` is too late.
const LIFE_MS: i64 = 24 * 3_600_000;

/// How much of a key `wxsub_result.key` shows, in bytes.
const SHOWN_KEY: usize = 63;

const ON_CONFLICT: &[&str] = &["keep", "replace"];
const ON_UNKNOWN: &[&str] = &["report", "resend"];

/// What `wxsub_send` takes beside the message, and `wxsub_submit`, too.
pub const OPTIONS_OF_SEND: &[Key] = &[
    key(
        "key",
        Kind::Text(MAX_KEY),
        D::Words("none"),
        "idempotency: the same key for this player again, from any thread, process or after a restart, within 24 hours of \
         the verdict, sends nothing and answers as the first did, with `WXSUB_REPLAYED`, if the first was sent or may have \
         been. After an outcome that surely had no effect it tries afresh. While the first runs, the second waits for it. \
         A send found in progress after a crash is `WXSUB_E_UNKNOWN`; with another template the key is `WXSUB_E_ARG`. A \
         result shows its first 63 bytes",
    ),
    key("tag", Kind::Whole(0, u64::MAX), D::Number(0), "your own number, echoed in the result"),
    key(
        "timeout_ms",
        Kind::Whole(1, MAX_TIMEOUT_MS),
        D::Words("the configured one"),
        "for this send instead of the configured one",
    ),
    key(
        "rules",
        Kind::Bool,
        D::Bool(false),
        "the configured `rules` bind it: what they keep back is `WXSUB_E_SKIPPED`, and only a stored message waits, for the \
         end of the quiet hours",
    ),
];

/// What `wxsub_submit` takes besides.
pub const OPTIONS_OF_SUBMIT: &[Key] = &[
    key(
        "durable",
        Kind::Bool,
        D::Bool(false),
        "the message is put into the store and survives a crash. Its ticket's result is `WXSUB_OK` with `WXSUB_STORED` as \
         soon as it is on disk (its template is checked before), or why not. Its verdict comes later as an outcome: a \
         result with `WXSUB_OUTCOME`, ticket 0, and your tag and key, from the `wxsub_poll` of the process that sent it; \
         `wxsub_lookup` tells it everywhere. Failures that may pass are tried again with growing pauses until \
         `expires_at`; the count is looked at when it is sent",
    ),
    key(
        "deliver_at",
        Kind::Time,
        D::Words("now"),
        "when it is sent, by whichever process has the store open then; implies `durable`",
    ),
    key(
        "expires_at",
        Kind::Time,
        D::Words("24 hours after `deliver_at`"),
        "after that it is `WXSUB_E_EXPIRED` instead of late",
    ),
    key(
        "on_conflict",
        Kind::OneOf(ON_CONFLICT),
        D::Text("keep"),
        "what becomes of one that waits with the same key: it stays, and the result says `WXSUB_OK`, `WXSUB_STORED` and \
         `WXSUB_REPLAYED`; or this one takes its place (`WXSUB_E_TOO_LATE` when it is being sent)",
    ),
    key(
        "on_unknown",
        Kind::OneOf(ON_UNKNOWN),
        D::Text("report"),
        "what becomes of one that was maybe sent, also when its process died while it was sending: it ends as \
         `WXSUB_E_UNKNOWN`; or it is sent again, maybe twice",
    ),
    key(
        "notify",
        Kind::Bool,
        D::Bool(true),
        "false: neither result nor outcome is wanted, and the ticket is 0. A stored message whose outcome is wanted needs \
         a tag when its key has more than 63 bytes, which is all that a result shows",
    ),
];

/// What may be said beside the message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Idempotency.
    pub key: Option<String>,
    /// The caller's own number.
    pub tag: u64,
    /// Instead of the configured one.
    pub timeout_ms: Option<u64>,
    /// In the store, not in memory.
    pub durable: bool,
    /// When it is due, Unix milliseconds; None: at once.
    pub deliver_at: Option<i64>,
    /// When it is too late, Unix milliseconds.
    pub expires_at: Option<i64>,
    /// Whether it takes the place of one that waits with its key.
    pub replace: bool,
    /// Whether a maybe is sent again.
    pub resend: bool,
    /// Whether its result and outcome are wanted.
    pub notify: bool,
    /// Whether the host's rules bind it.
    pub rules: bool,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            key: None,
            tag: 0,
            timeout_ms: None,
            durable: false,
            deliver_at: None,
            expires_at: None,
            replace: false,
            resend: false,
            notify: true,
            rules: false,
        }
    }
}

impl Options {
    /// Reads the options of `wxsub_send`.
    ///
    /// # Errors
    /// [`Status::Arg`] for an unknown option or a wrong value.
    pub fn of_send(text: Option<&str>) -> Result<Options, Error> {
        let mut options = Options::default();
        for (name, value) in &object(text)? {
            if !options.take(name, value)? {
                return Err(wrong(format!("unknown option {name:?}; a send knows {}", names(OPTIONS_OF_SEND))));
            }
        }
        Ok(options)
    }

    /// Reads the options of `wxsub_submit`.
    ///
    /// # Errors
    /// [`Status::Arg`] for an unknown option, a wrong value, or one that needs another.
    pub fn of_submit(text: Option<&str>) -> Result<Options, Error> {
        let mut options = Options::default();
        let object = object(text)?;
        for (name, value) in &object {
            if !options.take(name, value)? && !options.take_more(name, value)? {
                let (send, more) = (names(OPTIONS_OF_SEND), names(OPTIONS_OF_SUBMIT));
                return Err(wrong(format!("unknown option {name:?}; a submit knows {send}, {more}")));
            }
        }
        if options.deliver_at.is_some() && !options.durable {
            if object.get("durable") == Some(&Value::Bool(false)) {
                return Err(wrong("deliver_at needs the store: durable cannot be false with it".to_owned()));
            }
            options.durable = true;
        }
        let needs =
            |name: &str| wrong(format!("option {name} is for messages in the store: give durable or deliver_at too"));
        if !options.durable {
            for name in ["on_conflict", "on_unknown"] {
                if object.get(name).is_some_and(|value| !value.is_null()) {
                    return Err(needs(name));
                }
            }
        }
        if options.replace && options.key.is_none() {
            return Err(wrong("option on_conflict needs a key".to_owned()));
        }
        if options.durable && options.notify && options.tag == 0 {
            // Its outcome comes without a ticket, and the key in it is cut.
            if let Some(key) = options.key.as_ref().filter(|key| key.len() > SHOWN_KEY) {
                return Err(wrong(format!(
                    "the key is {} bytes long, and a result shows {SHOWN_KEY}: give a tag, or notify false, or the outcome \
                     could not be told apart",
                    key.len()
                )));
            }
        }
        if let (Some(deliver), Some(expires)) = (options.deliver_at, options.expires_at)
            && expires <= deliver
        {
            return Err(wrong(format!("option expires_at {expires} is not after deliver_at {deliver}")));
        }
        Ok(options)
    }

    /// When the message is due and when it is too late, by the wall clock.
    pub fn times(&self, now_wall_ms: i64) -> (i64, i64) {
        let deliver = self.deliver_at.unwrap_or(now_wall_ms);
        (deliver, self.expires_at.unwrap_or(deliver.saturating_add(LIFE_MS)))
    }

    fn take(&mut self, name: &str, value: &Value) -> Result<bool, Error> {
        match name {
            "key" | "tag" | "timeout_ms" | "rules" if value.is_null() => {}
            "rules" => self.rules = yes_or_no(name, value)?,
            "key" => {
                let key = value.as_str().ok_or_else(|| wrong("option key must be a string".to_owned()))?;
                self.key = usable_key(Some(key))?.map(str::to_owned);
            }
            "tag" => {
                self.tag = value
                    .as_u64()
                    .ok_or_else(|| wrong(format!("option tag must be a whole number from 0 to 2^64-1, not {value}")))?;
            }
            "timeout_ms" => {
                let ms = value.as_u64().filter(|ms| (1..=MAX_TIMEOUT_MS).contains(ms)).ok_or_else(|| {
                    wrong(format!("option timeout_ms must be a whole number from 1 to {MAX_TIMEOUT_MS}, not {value}"))
                })?;
                self.timeout_ms = Some(ms);
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn take_more(&mut self, name: &str, value: &Value) -> Result<bool, Error> {
        let time = || {
            let ms = value.as_i64().filter(|ms| (LEAST_MS..100 * LEAST_MS).contains(ms)).ok_or_else(|| {
                let hint = match value.as_i64() {
                    Some(1_000_000_000..LEAST_MS) => " (is it in seconds?)",
                    _ => "",
                };
                wrong(format!("option {name} must be a Unix time in milliseconds, not {value}{hint}"))
            });
            ms.map(Some)
        };
        let second_of = |words: &[&str]| match value.as_str() {
            Some(word) if words.contains(&word) => Ok(word == words[1]),
            _ => Err(wrong(format!("option {name} must be {:?} or {:?}, not {value}", words[0], words[1]))),
        };
        match name {
            "durable" | "deliver_at" | "expires_at" | "on_conflict" | "on_unknown" | "notify" if value.is_null() => {}
            "durable" => self.durable = yes_or_no(name, value)?,
            "notify" => self.notify = yes_or_no(name, value)?,
            "deliver_at" => self.deliver_at = time()?,
            "expires_at" => self.expires_at = time()?,
            "on_conflict" => self.replace = second_of(ON_CONFLICT)?,
            "on_unknown" => self.resend = second_of(ON_UNKNOWN)?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

fn yes_or_no(name: &str, value: &Value) -> Result<bool, Error> {
    value.as_bool().ok_or_else(|| wrong(format!("option {name} must be true or false, not {value}")))
}

fn object(text: Option<&str>) -> Result<Map<String, Value>, Error> {
    let Some(text) = text.filter(|t| !t.trim().is_empty()) else { return Ok(Map::new()) };
    if text.trim() == "null" {
        return Ok(Map::new());
    }
    json::small("the options are", text).map_err(wrong)
}

fn names(keys: &[Key]) -> String {
    keys.iter().map(|key| key.name).collect::<Vec<_>>().join(", ")
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
        assert_eq!(Options::of_send(None).unwrap(), Options::default());
        assert_eq!(Options::of_send(Some("{\"key\":\"\",\"tag\":null}")).unwrap(), Options::default());
        let read = Options::of_send(Some(r#"{"key":"k","tag":18446744073709551615,"timeout_ms":60000}"#)).unwrap();
        assert_eq!(
            read,
            Options { key: Some("k".to_owned()), tag: u64::MAX, timeout_ms: Some(60000), ..Options::default() }
        );
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
            assert_eq!(Options::of_send(Some(text)).expect_err(text).status, Status::Arg, "{text}");
        }
    }

    #[test]
    fn options_of_a_submit() {
        let read = |text: &str| Options::of_submit(Some(text));
        let stored = |key: usize, more: &str| format!(r#"{{"durable":true,"key":"{}"{more}}}"#, "k".repeat(key));
        for fine in [stored(63, ""), stored(64, r#","tag":1"#), stored(512, r#","notify":false"#)] {
            assert!(read(&fine).is_ok(), "{fine}");
        }
        assert!(read(&format!(r#"{{"key":"{}"}}"#, "k".repeat(512))).is_ok(), "a ticket tells it apart");
        let options = read(r#"{"key":"k","deliver_at":1800000000000,"on_conflict":"replace","notify":false}"#).unwrap();
        assert!(options.durable && options.replace && !options.resend && !options.notify);
        assert_eq!(options.times(7), (1_800_000_000_000, 1_800_000_000_000 + LIFE_MS));
        let options = read(r#"{"durable":true,"on_unknown":"resend","expires_at":1800000000000}"#).unwrap();
        assert!(options.resend && options.times(5) == (5, 1_800_000_000_000));
        assert_eq!(read(r#"{"durable":null,"deliver_at":null}"#).unwrap(), Options::default());
        for (text, part) in [
            (r#"{"deliver_at":1800000000}"#, "in seconds"),
            (r#"{"deliver_at":"tomorrow"}"#, "milliseconds"),
            (r#"{"deliver_at":1800000000000,"durable":false}"#, "cannot be false"),
            (r#"{"deliver_at":1800000000000,"expires_at":1800000000000}"#, "is not after"),
            (r#"{"on_conflict":"keep"}"#, "durable or deliver_at"),
            (r#"{"on_unknown":"resend"}"#, "durable or deliver_at"),
            (r#"{"durable":true,"on_conflict":"replace"}"#, "needs a key"),
            (r#"{"durable":true,"key":"k","on_conflict":"drop"}"#, "\"keep\" or \"replace\""),
            (r#"{"durable":1}"#, "true or false"),
            (r#"{"delay":1}"#, "unknown option"),
            (&stored(64, ""), "the key is 64 bytes long, and a result shows 63"),
            (&stored(64, r#","tag":0"#), "give a tag"),
        ] {
            let e = read(text).expect_err(text);
            assert!(e.status == Status::Arg && e.message.contains(part), "{text}: {e}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1000) })]

        #[test]
        fn no_text_panics(text in any::<String>()) {
            if let Err(e) = Options::of_send(Some(&text)) {
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
            match Options::of_send(Some(&text)) {
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
