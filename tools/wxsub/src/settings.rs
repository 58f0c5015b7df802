//! Where the configuration comes from: a file, the environment, and options that are no secrets. There is no option for a
//! secret: a command line can be read by others.

use std::env;
use std::path::Path;

use clap::ArgMatches;
use serde_json::{Map, Value};
use wxsub::Status;

use crate::failure::{Failure, say};
use crate::text;

/// Variables that stand for one key each; they win over the file.
pub const VARIABLES: [(&str, &str); 6] = [
    ("appid", "WXSUB_APPID"),
    ("secret", "WXSUB_SECRET"),
    ("store", "WXSUB_STORE"),
    ("api_base", "WXSUB_API_BASE"),
    ("proxy", "WXSUB_PROXY"),
    ("ca_file", "WXSUB_CA_FILE"),
];

/// With `"token": "external"`: the token itself.
pub const ACCESS_TOKEN: &str = "WXSUB_ACCESS_TOKEN";

/// What a command needs a client for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// To look at the store and change what is in it; it sends nothing.
    Observer,
    /// To speak with WeChat.
    Sender,
}

/// The longest deadline that the library takes.
const LONGEST_MS: u64 = 60_000;

/// The library's configuration, and the store's name in it.
#[derive(Clone)]
pub struct Settings(Map<String, Value>);

impl Settings {
    /// Everything together: options win over variables, variables over the file.
    pub fn read(args: &ArgMatches, role: Role) -> Result<Settings, Failure> {
        let mut settings = from_file(option(args, "config"))?;
        for (key, variable) in VARIABLES {
            if let Some(value) = variable_of(variable)? {
                settings.insert(key.to_owned(), value.into());
            }
        }
        for key in ["appid", "store", "api_base"] {
            if let Some(value) = option(args, key) {
                settings.insert(key.to_owned(), value.into());
            }
        }
        if is_empty(settings.get("appid")) {
            return Err(wrong(text::NO_APPID.get()));
        }
        if role == Role::Sender && is_empty(settings.get("secret")) && settings.get("token") != Some(&"external".into())
        {
            return Err(wrong(text::NO_SECRET.get()));
        }
        let mut settings = Settings(settings);
        settings.set_role(role);
        Ok(settings)
    }

    /// The same for another role.
    pub fn set_role(&mut self, role: Role) {
        let role = match role {
            Role::Observer => "observer",
            Role::Sender => "sender",
        };
        self.0.insert("role".to_owned(), role.into());
    }

    /// The same with the longest deadline, where none is configured: a thousand rows are taken one after the other, each
    /// with a round trip to a store that may be far away.
    pub fn for_many_rows(mut self) -> Settings {
        self.0.entry("timeout_ms").or_insert_with(|| LONGEST_MS.into());
        self
    }

    /// The same with another store.
    pub fn with_store(&self, store: &str) -> Settings {
        let mut settings = self.clone();
        settings.0.insert("store".to_owned(), store.into());
        settings
    }

    /// A key that is text.
    pub fn text(&self, key: &str) -> Option<&str> {
        self.0.get(key).and_then(Value::as_str)
    }

    /// Whether a key has a value.
    pub fn has(&self, key: &str) -> bool {
        !is_empty(self.0.get(key))
    }

    /// The library makes a file that is not there. Here that would mostly be a mistyped path, and a count of 0.
    pub fn check_store(&self, create: bool) -> Result<(), Failure> {
        let Some(store) = self.0.get("store") else { return Err(wrong(text::NO_STORE.get())) };
        let Some(store) = store.as_str().filter(|store| is_file(store)) else { return Ok(()) };
        if create || Path::new(store).exists() {
            return Ok(());
        }
        let path = std::path::absolute(store).unwrap_or_else(|_| store.into());
        Err(wrong(text::STORE_NOT_THERE.with(&[&path.display()])))
    }

    /// As the library reads it.
    pub fn json(&self) -> String {
        serde_json::to_string(&self.0).unwrap_or_default()
    }
}

/// Whether a store's name is a path.
pub fn is_file(store: &str) -> bool {
    store != ":memory:" && !store.contains("://")
}

/// The store's name without a password in it.
pub fn shown_store(store: &str) -> String {
    match (store.split_once("://"), store.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, host))) => format!("{scheme}://***@{host}"),
        _ => store.to_owned(),
    }
}

/// An option's value, where the command has that option.
pub fn option<'a>(args: &'a ArgMatches, name: &str) -> Option<&'a str> {
    args.try_get_one::<String>(name).ok().flatten().map(String::as_str).filter(|value| !value.is_empty())
}

/// The value of a variable that is set to something.
pub fn variable_of(name: &str) -> Result<Option<String>, Failure> {
    match env::var(name) {
        Ok(value) if value.is_empty() => Ok(None),
        Ok(value) => Ok(Some(value)),
        Err(env::VarError::NotPresent) => Ok(None),
        Err(env::VarError::NotUnicode(_)) => Err(wrong(text::NOT_UTF8.with(&[&name]))),
    }
}

fn is_empty(value: Option<&Value>) -> bool {
    value.is_none_or(|value| value.is_null() || value.as_str() == Some(""))
}

/// The object in the file, or in the variable itself.
fn from_file(named: Option<&str>) -> Result<Map<String, Value>, Failure> {
    if named.is_some_and(|named| named.trim_start().starts_with('{')) {
        return Err(wrong(text::CONFIG_IS_JSON.get()));
    }
    let variable = variable_of("WXSUB_CONFIG")?;
    let Some(source) = named.map(str::to_owned).or(variable) else { return Ok(Map::new()) };
    if source.trim_start().starts_with('{') {
        return object(&source, "WXSUB_CONFIG");
    }
    let bytes = std::fs::read(&source).map_err(|why| config(Failure::io(&source, &why)))?;
    let text = String::from_utf8(bytes).map_err(|_| wrong(text::NOT_UTF8.with(&[&source])))?;
    let settings = object(text.trim_start_matches('\u{feff}'), &source)?;
    if settings.contains_key("secret") && others_may_read(&source) {
        say(&text::SECRET_IS_OPEN.with(&[&source]));
    }
    Ok(settings)
}

fn object(text: &str, source: &str) -> Result<Map<String, Value>, Failure> {
    // serde's own words name the place; of a value they quote no more than its kind.
    let value: Value = serde_json::from_str(text).map_err(|why| {
        wrong(text::NOT_JSON.with(&[&source, &format!("line {}, column {}", why.line(), why.column())]))
    })?;
    match value {
        Value::Object(object) => Ok(object),
        _ => Err(wrong(text::NO_OBJECT.with(&[&source]))),
    }
}

#[cfg(unix)]
fn others_may_read(path: &str) -> bool {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).is_ok_and(|file| file.permissions().mode() & 0o044 != 0)
}

#[cfg(not(unix))]
fn others_may_read(_path: &str) -> bool {
    false
}

fn wrong(message: impl Into<String>) -> Failure {
    Failure::new(Status::Config, message)
}

/// The same words, as a mistake of the configuration.
fn config(failure: Failure) -> Failure {
    match failure {
        Failure::Verdict(verdict) => wrong(verdict.message),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_not_shown() {
        assert_eq!(shown_store("redis://:pa@ss@host:6379/1"), "redis://***@host:6379/1");
        assert_eq!(shown_store("redis://host"), "redis://host");
        assert_eq!(shown_store("/srv/a@b/wxsub.db"), "/srv/a@b/wxsub.db");
    }
}
