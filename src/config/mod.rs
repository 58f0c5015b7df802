//! The configuration: strict JSON in, [`Config`] out, every mistake named.

mod fields;
mod host;
mod store;

use std::fmt;

use serde_json::Value;

use crate::error::{Error, Status};
use crate::json;
use crate::secret::Secret;
use fields::Fields;
pub use host::Host;
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

/// How a client works. Made by [`Config::from_json`]; the keys are those of `wxsub_init` in the header.
#[derive(Clone)]
#[allow(missing_docs)] // the header is the manual of the keys
pub struct Config {
    pub appid: String,
    pub secret: Option<Secret>,
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
    pub store_prefix: Option<String>,
    pub max_count: u64,
}

/// The longest `timeout_ms` that may be asked for.
pub const MAX_TIMEOUT_MS: u64 = 60_000;

/// The largest `max_count`; a larger one could not be told from none.
const MAX_COUNT: u64 = 1_000_000;

const KEYS: [&str; 22] = [
    "appid",
    "secret",
    "store",
    "api_base",
    "token",
    "timeout_ms",
    "connect_timeout_ms",
    "max_attempts",
    "proxy",
    "ca_file",
    "durability",
    "validate",
    "quota",
    "templates",
    "miniprogram_state",
    "lang",
    "event",
    "workers",
    "queue_capacity",
    "max_per_second",
    "store_prefix",
    "max_count",
];

/// `miniprogram_state` as WeChat knows it (wechat-api: section 3).
pub const MINIPROGRAM_STATES: [&str; 3] = ["developer", "trial", "formal"];
/// `lang` as WeChat knows it (wechat-api: section 3).
pub const LANGS: [&str; 4] = ["zh_CN", "en_US", "zh_HK", "zh_TW"];

impl Config {
    /// Reads the configuration.
    ///
    /// # Errors
    /// [`Status::Arg`] when the text is not a JSON object; [`Status::Config`] with every mistake in it.
    pub fn from_json(text: &str) -> Result<Config, Error> {
        let object = json::object("the configuration is", text).map_err(|why| Error::new(Status::Arg, why))?;
        let mut f = Fields::new(&object, &KEYS);

        let token = f.one_of(
            "token",
            &[("stable", TokenMode::Stable), ("legacy", TokenMode::Legacy), ("external", TokenMode::External)],
        );
        let token = token.unwrap_or(TokenMode::Stable);
        let appid = f.plain_name("appid");
        if appid.is_none() && object.get("appid").is_none_or(Value::is_null) {
            f.mistake("appid is missing");
        }
        let secret = f.secret_name("secret").map(Secret::new);
        if secret.is_none() && object.get("secret").is_none_or(Value::is_null) && token != TokenMode::External {
            f.mistake("secret is missing");
        }
        let config = Config {
            appid: appid.unwrap_or_default(),
            secret,
            store: f.store("store").unwrap_or_else(|| StoreAt::File("wxsub.db".to_owned())),
            api_base: f.hosts("api_base").unwrap_or_else(|| vec![Host::wechat()]),
            token,
            timeout_ms: f.integer("timeout_ms", 1, MAX_TIMEOUT_MS).unwrap_or(5000),
            connect_timeout_ms: f.integer("connect_timeout_ms", 1, MAX_TIMEOUT_MS).unwrap_or(2000),
            max_attempts: f.integer("max_attempts", 1, 20).unwrap_or(3) as u32,
            proxy: f.proxy("proxy").map(Secret::new),
            ca_file: f.text("ca_file"),
            durable: f.one_of("durability", &[("full", true), ("normal", false)]).unwrap_or(true),
            validate: f
                .one_of(
                    "validate",
                    &[("strict", Validate::Strict), ("truncate", Validate::Truncate), ("off", Validate::Off)],
                )
                .unwrap_or(Validate::Strict),
            enforce_quota: f.one_of("quota", &[("enforce", true), ("observe", false)]).unwrap_or(true),
            templates: f.templates("templates").unwrap_or(Templates::Auto),
            miniprogram_state: f.word("miniprogram_state", &MINIPROGRAM_STATES),
            lang: f.word("lang", &LANGS),
            event: f.event("event"),
            workers: f.integer("workers", 1, 256).unwrap_or(4) as usize,
            queue_capacity: f.integer("queue_capacity", 1, 10_000_000).unwrap_or(10_000) as usize,
            max_per_second: f.positive("max_per_second"),
            store_prefix: f.plain_name("store_prefix"),
            max_count: f.integer("max_count", 0, MAX_COUNT).unwrap_or(0),
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
