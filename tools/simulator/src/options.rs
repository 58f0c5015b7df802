use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::records::Delivery;
use crate::templates::Template;

/// Called for each delivered message; see [`Options::on_delivery`].
pub type OnDelivery = Arc<dyn Fn(&Delivery) + Send + Sync>;

/// How a simulator starts. The defaults are WeChat's numbers, no latency, any free port.
#[derive(Clone)]
pub struct Options {
    /// The HTTP port on 127.0.0.1; 0 is any free one.
    pub port: u16,
    /// Listen for HTTPS too, on this port; 0 is any free one.
    pub https: Option<u16>,
    /// The account; a call with another appid is answered 40013.
    pub appid: String,
    /// Its secret; another one is answered [`Options::wrong_secret_errcode`].
    pub secret: String,
    /// How long a send takes.
    pub send_latency: Duration,
    /// How long a token request takes.
    pub token_latency: Duration,
    /// The account's templates; [`Template::samples`] when empty.
    pub templates: Vec<Template>,
    /// Whether ids of no template are taken too (then only the shape of `data` is checked). By default: until a template is registered,
    /// here or later.
    pub any_template: Option<bool>,
    /// What a player has of each template before the first grant.
    pub initial_grants: u64,
    /// Life of a token (wechat-api.md, section 2: two hours).
    pub token_lifetime: Duration,
    /// How long a replaced token goes on; by default five minutes, for stable tokens at most 1/24 of their life.
    pub token_overlap: Option<Duration>,
    /// The pause between two forced refreshes (section 2: 30 s).
    pub force_refresh_spacing: Duration,
    /// Forced refreshes in 24 hours (section 2: 20).
    pub force_refresh_daily: usize,
    /// The answer to a forced refresh that comes too early; WeChat's is not documented. Default 45011.
    pub force_too_early_errcode: i64,
    /// The answer to one forced refresh too many; WeChat's is not documented. Default 45009.
    pub force_too_many_errcode: i64,
    /// 40125 (default) or 40001; both were seen (section 2).
    pub wrong_secret_errcode: i64,
    /// Idle kept-alive connections are closed after this time (head of wechat-api.md: about 20 s).
    pub idle_timeout: Duration,
    /// How many requests, and how many deliveries, are remembered (about 3 KB for both); older ones
    /// are forgotten, the counters stay exact. A benchmark wants few.
    pub keep: usize,
    /// Called on a server thread for each delivered message, before the answer goes out. It must not block.
    pub on_delivery: Option<OnDelivery>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            port: 0,
            https: None,
            appid: "wx0000000000000000".to_owned(),
            secret: "simulator-secret".to_owned(),
            send_latency: Duration::ZERO,
            token_latency: Duration::ZERO,
            templates: Vec::new(),
            any_template: None,
            initial_grants: 0,
            token_lifetime: Duration::from_secs(7200),
            token_overlap: None,
            force_refresh_spacing: Duration::from_secs(30),
            force_refresh_daily: 20,
            force_too_early_errcode: 45011,
            force_too_many_errcode: 45009,
            wrong_secret_errcode: 40125,
            idle_timeout: Duration::from_secs(20),
            keep: 100_000,
            on_delivery: None,
        }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("port", &self.port)
            .field("https", &self.https)
            .field("appid", &self.appid)
            .finish_non_exhaustive()
    }
}
