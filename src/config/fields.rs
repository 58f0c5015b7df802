//! One JSON object, read key by key, its mistakes gathered.

use serde_json::{Map, Value};

use super::{EventKeys, Host, StoreAt, Templates};
use crate::error::{Error, Status};
use crate::secret::Secret;

/// Room for the text of all mistakes: what `wxsub_result.message` can show.
const MAX_TEXT: usize = 240;

pub struct Fields<'a> {
    object: &'a Map<String, Value>,
    mistakes: Vec<String>,
}

impl<'a> Fields<'a> {
    /// Starts on `object`; its unknown keys are mistakes at once.
    pub fn new(object: &'a Map<String, Value>, known: &[&str]) -> Fields<'a> {
        let mut fields = Fields { object, mistakes: Vec::new() };
        fields.refuse_unknown("", object, known);
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

    fn refuse_unknown(&mut self, prefix: &str, object: &Map<String, Value>, known: &[&str]) {
        for key in object.keys().filter(|k| !known.contains(&k.as_str())) {
            let hint = match nearest(key, known) {
                Some(k) => format!("did you mean {prefix}{k}?"),
                None => "wxsub.h lists the known ones at wxsub_init".to_owned(),
            };
            self.mistake(format!("unknown key {prefix}{}; {hint}", shown(key)));
        }
    }

    /// The value, unless it is absent or null.
    fn get(&self, key: &str) -> Option<&'a Value> {
        self.object.get(key).filter(|v| !v.is_null())
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

    pub fn one_of<T: Copy>(&mut self, key: &str, words: &[(&str, T)]) -> Option<T> {
        let value = self.get(key)?;
        let found = value.as_str().and_then(|s| words.iter().find(|(word, _)| *word == s));
        if found.is_none() {
            let words: Vec<String> = words.iter().map(|(word, _)| format!("\"{word}\"")).collect();
            // Who takes "token" for the access token itself must not find it in a log.
            let got =
                value.as_str().filter(|_| key != "token").map(|s| format!(", not {}", shown(s))).unwrap_or_default();
            self.mistake(format!("{key} must be one of {}{got}", words.join(", ")));
        }
        found.map(|(_, meaning)| *meaning)
    }

    pub fn word(&mut self, key: &str, words: &[&'static str]) -> Option<String> {
        let words: Vec<(&str, &str)> = words.iter().map(|w| (*w, *w)).collect();
        self.one_of(key, &words).map(str::to_owned)
    }

    pub fn integer(&mut self, key: &str, min: u64, max: u64) -> Option<u64> {
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

    pub fn templates(&mut self, key: &str) -> Option<Templates> {
        match self.get(key)? {
            Value::String(s) if s == "auto" => Some(Templates::Auto),
            Value::String(s) if s == "off" => Some(Templates::Off),
            Value::Array(list) => Some(Templates::Listed(list.clone())),
            other => self.wrong(key, "\"auto\", \"off\" or a list of templates", other),
        }
    }

    pub fn event(&mut self, key: &str) -> Option<EventKeys> {
        let object = match self.get(key)? {
            Value::Object(object) => object,
            other => return self.wrong(key, "an object {\"token\", \"aes_key\"}", other),
        };
        let mut inner = Fields { object, mistakes: Vec::new() };
        inner.refuse_unknown("event.", object, &["token", "aes_key", "aes_key_previous", "trust_plain"]);
        let token = inner.text("token");
        let aes_key = inner.text("aes_key").map(Secret::new);
        let aes_key_previous = inner.text("aes_key_previous").map(Secret::new);
        let trust_plain = inner.boolean("trust_plain").unwrap_or(false);
        if aes_key_previous.is_some() && inner.get("aes_key").is_none() {
            inner.mistake("aes_key_previous needs event.aes_key, the key that takes its place");
        }
        if token.is_none() && !object.contains_key("token") {
            inner.mistake("token is missing");
        }
        let prefixed =
            inner.mistakes.iter().map(|m| if m.starts_with("unknown") { m.clone() } else { format!("event.{m}") });
        self.mistakes.extend(prefixed);
        Some(EventKeys { token: Secret::new(token?), aes_key, aes_key_previous, trust_plain })
    }
}

/// The known key that was meant, if one is near: another spelling, WeChat's own name for it, or a slip of the pen.
fn nearest<'k>(key: &str, known: &[&'k str]) -> Option<&'k str> {
    let plain = |name: &str| name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
    let named = match plain(key).as_str() {
        "appsecret" => "secret".to_owned(),
        "encodingaeskey" => "aeskey".to_owned(),
        other => other.to_owned(),
    };
    known.iter().copied().find(|k| plain(k) == named).or_else(|| {
        let distances = known.iter().map(|k| (strsim::osa_distance(key, k), *k));
        distances.min().filter(|(distance, k)| *distance <= k.len().div_ceil(2)).map(|(_, k)| k)
    })
}

/// A value in quotes, cut, for a message.
fn shown(text: &str) -> String {
    const MOST: usize = 40;
    let cut: String = text.chars().take(MOST).collect();
    let dots = if cut.len() < text.len() { "…" } else { "" };
    format!("{:?}", format!("{cut}{dots}"))
}
