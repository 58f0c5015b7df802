//! One JSON object, read key by key, its mistakes gathered.

use serde_json::{Map, Value};

use super::keys::{Default, Key, Kind};
use super::{EventKeys, Host, Rules, StoreAt, Templates};
use crate::error::{Error, Status};
use crate::json::{self, shown};
use crate::secret::Secret;

/// Room for the text of all mistakes: what `wxsub_result.message` can show.
const MAX_TEXT: usize = 240;

pub struct Fields<'a> {
    object: &'a Map<String, Value>,
    keys: &'static [Key],
    /// What the names of the object's keys begin with in `keys`: nothing, or "event.".
    prefix: &'static str,
    mistakes: Vec<String>,
}

impl<'a> Fields<'a> {
    /// Starts on `object`; what `keys` doesn't have is a mistake at once.
    pub fn new(object: &'a Map<String, Value>, keys: &'static [Key]) -> Fields<'a> {
        Fields::below("", object, keys)
    }

    fn below(prefix: &'static str, object: &'a Map<String, Value>, keys: &'static [Key]) -> Fields<'a> {
        let mut fields = Fields { object, keys, prefix, mistakes: Vec::new() };
        fields.refuse_unknown();
        fields
    }

    pub fn mistake(&mut self, text: impl Into<String>) {
        self.mistakes.push(text.into());
    }

    /// All mistakes as one error, the text cut where a message would be, with the number of those left out.
    pub fn finish(self) -> Result<(), Error> {
        if self.mistakes.is_empty() {
            return Ok(());
        }
        let mut text = String::new();
        for (i, mistake) in self.mistakes.iter().enumerate() {
            let left = self.mistakes.len() - i;
            if i > 0 && text.len() + mistake.len() > MAX_TEXT - 16 {
                text.push_str(&format!("; and {left} more"));
                break;
            }
            if i > 0 {
                text.push_str("; ");
            }
            text.push_str(mistake);
        }
        Err(Error::new(Status::Config, text))
    }

    fn refuse_unknown(&mut self) {
        let prefix = self.prefix;
        let names = self.keys.iter().filter_map(|key| key.name.strip_prefix(prefix));
        let known: Vec<&str> = names.filter(|name| !name.contains('.')).collect();
        for key in self.object.keys().filter(|k| !known.contains(&k.as_str())) {
            let hint = match nearest(key, &known) {
                Some(k) => format!("did you mean {prefix}{k}?"),
                None => "wxsub.h lists the known ones at wxsub_init".to_owned(),
            };
            self.mistake(format!("unknown key {prefix}{}; {hint}", shown(key)));
        }
    }

    /// The value, unless it is absent or null.
    fn get(&self, key: &str) -> Option<&'a Value> {
        self.object.get(&key[self.prefix.len()..]).filter(|v| !v.is_null())
    }

    /// What `keys` says of this key.
    fn told(&self, name: &str) -> &'static Key {
        self.keys.iter().find(|key| key.name == name).unwrap_or_else(|| unreachable!("{name} is not among the keys"))
    }

    fn wrong<T>(&mut self, key: &str, wanted: &str, got: &Value) -> Option<T> {
        let kind = match got {
            Value::Null => "null",
            Value::Bool(_) => "a boolean",
            Value::Number(_) => "a number",
            Value::String(s) if s.is_empty() => "an empty string",
            Value::String(_) => "a string",
            Value::Array(_) => "a list",
            Value::Object(_) => "an object",
        };
        self.mistake(format!("{key} must be {wanted}, not {kind}"));
        None
    }

    /// A string that is not empty. Its text is never shown: it may be the secret.
    pub fn text(&mut self, key: &str) -> Option<String> {
        match self.get(key)? {
            Value::String(s) if s.contains('\0') => {
                self.mistake(format!("{key} holds a NUL character"));
                None
            }
            Value::String(s) if s.contains(json::BOM) => {
                self.mistake(format!("{key} holds a byte order mark (U+FEFF): a file was read with it"));
                None
            }
            Value::String(s) if !s.is_empty() => Some(s.clone()),
            other => self.wrong(key, "a string that is not empty", other),
        }
    }

    /// A string without spaces or control characters.
    pub fn name(&mut self, key: &str) -> Option<String> {
        let text = self.text(key)?;
        if text.chars().any(|c| c.is_whitespace() || c.is_control()) {
            self.mistake(format!("{key} {} holds a space or control character", shown(&text)));
            return None;
        }
        Some(text)
    }

    /// The same for a secret: not shown, and what a file read to its end leaves behind it is a mistake.
    pub fn secret_name(&mut self, key: &str) -> Option<String> {
        let text = self.text(key)?;
        if text.trim() != text || text.contains(char::is_control) {
            self.mistake(format!("{key} holds a line break or control character, or a space at its end"));
            return None;
        }
        Some(text)
    }

    /// One of the words that are allowed, else the default; None: there is none.
    pub fn word(&mut self, key: &str) -> Option<&'static str> {
        let told = self.told(key);
        let Kind::OneOf(words) = told.kind else { unreachable!("{key} is not one of some words") };
        let default = match told.default {
            Default::Text(word) => Some(word),
            _ => None,
        };
        let Some(value) = self.get(key) else { return default };
        let found = value.as_str().and_then(|s| words.iter().find(|word| **word == s));
        if found.is_none() {
            let words: Vec<String> = words.iter().map(|word| format!("\"{word}\"")).collect();
            // Who takes "token" for the access token itself must not find it in a log.
            let got =
                value.as_str().filter(|_| key != "token").map(|s| format!(", not {}", shown(s))).unwrap_or_default();
            self.mistake(format!("{key} must be one of {}{got}", words.join(", ")));
        }
        found.copied()
    }

    /// A whole number within its limits, else the default.
    pub fn whole(&mut self, key: &str) -> u64 {
        let Default::Number(default) = self.told(key).default else {
            unreachable!("{key} has no number as its default")
        };
        self.whole_if_given(key).unwrap_or(default)
    }

    /// A whole number within its limits.
    pub fn whole_if_given(&mut self, key: &str) -> Option<u64> {
        let Kind::Whole(min, max) = self.told(key).kind else { unreachable!("{key} is no whole number") };
        let value = self.get(key)?;
        match value.as_u64() {
            Some(n) if (min..=max).contains(&n) => Some(n),
            _ if value.is_number() => {
                let got = shown(&value.to_string());
                self.mistake(format!("{key} must be a whole number from {min} to {max}, not {got}"));
                None
            }
            _ => self.wrong(key, &format!("a whole number from {min} to {max}"), value),
        }
    }

    /// The text that counts without the key.
    pub fn default_text(&self, key: &str) -> &'static str {
        let Default::Text(text) = self.told(key).default else { unreachable!("{key} has no text as its default") };
        text
    }

    fn boolean(&mut self, key: &str) -> Option<bool> {
        match self.get(key)? {
            Value::Bool(yes) => Some(*yes),
            other => self.wrong(key, "true or false", other),
        }
    }

    pub fn positive(&mut self, key: &str) -> Option<f64> {
        let value = self.get(key)?;
        match value.as_f64() {
            Some(n) if n > 0.0 => Some(n),
            Some(n) => {
                self.mistake(format!("{key} must be a number above 0, not {n:e}"));
                None
            }
            None => self.wrong(key, "a number above 0", value),
        }
    }

    /// One base URL or a list of them.
    pub fn hosts(&mut self, key: &str) -> Option<Vec<Host>> {
        let value = self.get(key)?;
        let list = match value {
            Value::Array(list) if !list.is_empty() => list.as_slice(),
            Value::String(_) => std::slice::from_ref(value),
            other => return self.wrong(key, "a URL or a list of URLs", other),
        };
        let mut hosts = Vec::new();
        for item in list {
            match item.as_str().map(Host::parse) {
                Some(Ok(host)) => hosts.push(host),
                Some(Err(why)) => self.mistake(format!("{key}: {why}")),
                None => return self.wrong(key, "a URL or a list of URLs", item),
            }
        }
        (hosts.len() == list.len()).then_some(hosts)
    }

    pub fn store(&mut self, key: &str) -> Option<StoreAt> {
        let text = self.text(key)?;
        StoreAt::parse(&text).map_err(|why| self.mistake(format!("{key}: {why}"))).ok()
    }

    /// A part of the names of keys in a shared store, where braces would take part in which node of a cluster has them.
    pub fn plain_name(&mut self, key: &str) -> Option<String> {
        let text = self.name(key)?;
        if text.contains(['{', '}']) {
            self.mistake(format!("{key} {} holds a brace", shown(&text)));
            return None;
        }
        Some(text)
    }

    /// A proxy's URL; not shown, since it may hold a password.
    pub fn proxy(&mut self, key: &str) -> Option<String> {
        let text = self.text(key)?;
        if !text.starts_with("http://") {
            self.mistake(format!("{key} must be a URL like http://host:port (the CONNECT method is used)"));
            return None;
        }
        if ureq::Proxy::new(&text).is_err() {
            self.mistake(format!("{key} is not a URL like http://host:port"));
            return None;
        }
        Some(text)
    }

    /// A time zone as "+08:00", in milliseconds to add to UTC.
    pub fn utc_offset(&mut self, key: &str) -> i64 {
        let text = self.text(key).unwrap_or_else(|| self.default_text(key).to_owned());
        let offset = parse_utc_offset(&text);
        if offset.is_none() {
            self.mistake(format!("{key} must be from \"-14:00\" to \"+14:00\", like \"+08:00\", not {}", shown(&text)));
        }
        offset.unwrap_or_default()
    }

    pub fn templates(&mut self, key: &str) -> Option<Templates> {
        match self.get(key)? {
            Value::String(s) if s == "auto" => Some(Templates::Auto),
            Value::String(s) if s == "off" => Some(Templates::Off),
            Value::Array(list) => Some(Templates::Listed(list.clone())),
            other => self.wrong(key, "\"auto\", \"off\" or a list of templates", other),
        }
    }

    /// The host's rules.
    pub fn rules(&mut self, key: &str) -> Option<Rules> {
        let value = self.get(key)?;
        let Value::Object(object) = value else {
            return self.wrong(key, "an object {\"per_day\", \"per_week\", \"quiet\", \"daily_budget\"}", value);
        };
        let (rules, mistakes) = Rules::read(object);
        mistakes.into_iter().for_each(|mistake| self.mistake(format!("{key}: {mistake}")));
        Some(rules)
    }

    pub fn event(&mut self, key: &str) -> Option<EventKeys> {
        let object = match self.get(key)? {
            Value::Object(object) => object,
            other => return self.wrong(key, "an object {\"token\", \"aes_key\"}", other),
        };
        let mut inner = Fields::below("event.", object, self.keys);
        let token = inner.text("event.token");
        let aes_key = inner.text("event.aes_key").map(Secret::new);
        let aes_key_previous = inner.text("event.aes_key_previous").map(Secret::new);
        let trust_plain = inner.boolean("event.trust_plain").unwrap_or(false);
        if aes_key_previous.is_some() && inner.get("event.aes_key").is_none() {
            inner.mistake("event.aes_key_previous needs event.aes_key, the key that takes its place");
        }
        if inner.get("event.token").is_none() {
            inner.mistake("event.token is missing");
        }
        self.mistakes.extend(inner.mistakes);
        Some(EventKeys { token: Secret::new(token?), aes_key, aes_key_previous, trust_plain })
    }
}

fn parse_utc_offset(text: &str) -> Option<i64> {
    let (sign, digits) = match text.as_bytes().first()? {
        b'+' => (1, text.get(1..)?),
        b'-' => (-1, text.get(1..)?),
        _ => return None,
    };
    let (hours, minutes) = digits.split_once(':')?;
    let two = |part: &str| part.parse::<i64>().ok().filter(|_| part.len() == 2 && !part.starts_with('+'));
    let (hours, minutes) = (two(hours)?, two(minutes)?);
    let within = minutes < 60 && hours * 60 + minutes <= 14 * 60;
    within.then_some(sign * (hours * 60 + minutes) * 60_000)
}

/// The known key that was meant, if one is near: also by WeChat's own name for it.
fn nearest<'k>(key: &str, known: &[&'k str]) -> Option<&'k str> {
    let plain: String = key.chars().filter(char::is_ascii_alphanumeric).collect();
    match plain.to_ascii_lowercase().as_str() {
        "appsecret" => json::nearest("secret", known),
        "encodingaeskey" => json::nearest("aes_key", known),
        _ => json::nearest(key, known),
    }
}
