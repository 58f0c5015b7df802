//! The configuration: strict JSON in, [`Config`] out, every mistake named.

mod fields;
mod host;
pub mod keys;
mod rules;
mod store;

use std::fmt;

use serde_json::Value;

use crate::error::{Error, Status};
use crate::json;
use crate::secret::Secret;
use fields::Fields;
pub use host::Host;
pub use keys::{LANGS, MAX_TIMEOUT_MS, MINIPROGRAM_STATES};
pub use rules::Rules;
#[cfg(feature = "redis")]
pub use store::RedisAt;
pub use store::StoreAt;

/// Where tokens come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenMode {
    /// `POST /cgi-bin/stable_token`: several processes may ask without harming each other.
    Stable,
    /// `GET /cgi-bin/token`: each call kills the token before.
    Legacy,
    /// The host hands them in.
    External,
}

impl TokenMode {
    /// The word in the configuration and in the store.
    pub fn word(self) -> &'static str {
        match self {
            TokenMode::Stable => "stable",
            TokenMode::Legacy => "legacy",
            TokenMode::External => "external",
        }
    }
}

/// What is checked before a message leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Validate {
    /// A message that breaks a rule is not sent.
    Strict,
    /// What is merely too long is cut.
    Truncate,
    /// Nothing is checked.
    Off,
}

/// Where templates come from.
#[derive(Clone, Debug, PartialEq)]
pub enum Templates {
    /// From the account itself.
    Auto,
    /// Nowhere: values are not checked.
    Off,
    /// From the configuration.
    Listed(Vec<Value>),
}

/// What pushed events are verified with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventKeys {
    /// The console's "Token".
    pub token: Secret,
    /// The console's "EncodingAESKey".
    pub aes_key: Option<Secret>,
    /// The one before it, while it is being changed.
    pub aes_key_previous: Option<Secret>,
    /// Whether a body that nobody signed may lower counts.
    pub trust_plain: bool,
}

/// How a client works. Made by [`Config::from_json`]; [`keys`] has what each takes and means.
#[derive(Clone)]
#[allow(missing_docs)] // keys.rs has the meanings
pub struct Config {
    pub appid: String,
    pub secret: Option<Secret>,
    /// It sends nothing and takes part in nothing: for operators' programs.
    pub observer: bool,
    pub store: StoreAt,
    pub api_base: Vec<Host>,
    pub token: TokenMode,
    pub timeout_ms: u64,
    pub connect_timeout_ms: u64,
    pub max_attempts: u32,
    pub proxy: Option<Secret>,
    pub ca_file: Option<String>,
    pub durable: bool,
    pub validate: Validate,
    pub enforce_quota: bool,
    pub templates: Templates,
    pub miniprogram_state: Option<String>,
    pub lang: Option<String>,
    pub event: Option<EventKeys>,
    pub workers: usize,
    pub queue_capacity: usize,
    pub max_per_second: Option<f64>,
    pub store_prefix: String,
    pub max_count: u64,
    /// Days are counted in this time zone: milliseconds to add to UTC.
    pub utc_offset_ms: i64,
    pub history_days: u32,
    pub funnel_days: u32,
    pub rules: Rules,
    pub ask_again_hours: u64,
}

/// `history_days` where it is not given: in a file or in memory, and on Redis, where it lies in memory that others need.
const HISTORY_DAYS: (u32, u32) = (30, 3);

impl Config {
    /// Reads the configuration.
    ///
    /// # Errors
    /// [`Status::Arg`] when the text is not a JSON object; [`Status::Config`] with every mistake in it.
    pub fn from_json(text: &str) -> Result<Config, Error> {
        let object = json::object("the configuration is", text).map_err(|why| Error::new(Status::Arg, why))?;
        let mut f = Fields::new(&object, keys::CONFIGURATION);

        let token = match f.word("token") {
            Some("legacy") => TokenMode::Legacy,
            Some("external") => TokenMode::External,
            _ => TokenMode::Stable,
        };
        let appid = f.plain_name("appid");
        if appid.is_none() && object.get("appid").is_none_or(Value::is_null) {
            f.mistake("appid is missing");
        }
        let observer = f.word("role") == Some("observer");
        let secret = f.secret_name("secret").map(Secret::new);
        let needs_secret = token != TokenMode::External && !observer;
        if secret.is_none() && object.get("secret").is_none_or(Value::is_null) && needs_secret {
            f.mistake("secret is missing");
        }
        let store = f.store("store").unwrap_or_else(|| StoreAt::File(f.default_text("store").to_owned()));
        let history_days = if store.is_redis() { HISTORY_DAYS.1 } else { HISTORY_DAYS.0 };
        let config = Config {
            appid: appid.unwrap_or_default(),
            secret,
            observer,
            store,
            api_base: f.hosts("api_base").unwrap_or_else(|| vec![Host::wechat()]),
            token,
            timeout_ms: f.whole("timeout_ms"),
            connect_timeout_ms: f.whole("connect_timeout_ms"),
            max_attempts: f.whole("max_attempts") as u32,
            proxy: f.proxy("proxy").map(Secret::new),
            ca_file: f.text("ca_file"),
            durable: f.word("durability") != Some("normal"),
            validate: match f.word("validate") {
                Some("truncate") => Validate::Truncate,
                Some("off") => Validate::Off,
                _ => Validate::Strict,
            },
            enforce_quota: f.word("quota") != Some("observe"),
            templates: f.templates("templates").unwrap_or(Templates::Auto),
            miniprogram_state: f.word("miniprogram_state").map(str::to_owned),
            lang: f.word("lang").map(str::to_owned),
            event: f.event("event"),
            workers: f.whole("workers") as usize,
            queue_capacity: f.whole("queue_capacity") as usize,
            max_per_second: f.positive("max_per_second"),
            store_prefix: f.plain_name("store_prefix").unwrap_or_else(|| f.default_text("store_prefix").to_owned()),
            max_count: f.whole("max_count"),
            utc_offset_ms: f.utc_offset("utc_offset"),
            history_days: f.whole_if_given("history_days").map_or(history_days, |days| days as u32),
            funnel_days: f.whole("funnel_days") as u32,
            rules: f.rules("rules").unwrap_or_default(),
            ask_again_hours: f.whole("ask_again_hours"),
        };
        f.finish()?;
        Ok(config)
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("appid", &self.appid)
            .field("store", &self.store)
            .field("api_base", &self.api_base)
            .field("token", &self.token)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
