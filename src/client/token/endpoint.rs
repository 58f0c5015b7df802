//! One request for an access token at WeChat, and what its answer means.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use crate::client::api_transport::{ApiTransport, Timing};
use crate::client::core::Core;
use crate::clock::Deadline;
use crate::config::TokenMode;
use crate::error::{Error, Retry, Status};
use crate::http::Failure;
use crate::secret::Secret;
use crate::wechat::{Endpoint, Recovery, Request, Response, TokenResponse, rule};

/// Why there is no token.
pub struct NoToken {
    /// In words; nothing was sent.
    pub why: Error,
    /// WeChat may have handed one out all the same, and the answer was lost.
    pub maybe_lost: bool,
}

impl From<Error> for NoToken {
    fn from(why: Error) -> NoToken {
        NoToken { why, maybe_lost: false }
    }
}

/// WeChat's endpoint for tokens, in the configured mode.
pub struct TokenEndpoint {
    core: Arc<Core>,
    transport: Arc<ApiTransport>,
    /// Requests so far.
    requests: AtomicU64,
}

impl TokenEndpoint {
    pub fn new(core: Arc<Core>, transport: Arc<ApiTransport>) -> TokenEndpoint {
        TokenEndpoint { core, transport, requests: AtomicU64::new(0) }
    }

    /// Requests so far.
    pub fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    /// Asks once. `force_refresh`: the stable endpoint shall make a new token, which kills the one before.
    ///
    /// # Errors
    /// Why there is none; nothing was sent.
    pub fn request(&self, force_refresh: bool, deadline: Deadline) -> Result<TokenResponse, NoToken> {
        self.requests.fetch_add(1, Ordering::Relaxed);
        let config = &self.core.config;
        let Some(secret) = &config.secret else {
            return Err(Error::new(Status::Internal, "a token is wanted and there is no secret").into());
        };
        let request = match config.token {
            TokenMode::Legacy => Request::legacy_token(&config.appid, secret),
            TokenMode::Stable | TokenMode::External => Request::stable_token(&config.appid, secret, force_refresh),
        };
        let began = Instant::now();
        let fetched = self.transport.exchange(&request, Timing::until(deadline));
        self.core.metrics.token.observe(began.elapsed());
        let reply = fetched.map_err(|Failure { left, text }| {
            let why = format!("no access token, nothing was sent: WeChat was not reached: {text}");
            NoToken { why: Error::new(Status::Connect, why), maybe_lost: left }
        })?;
        // What is no answer of WeChat's may hide one.
        read(&reply.body, i32::from(reply.status), secret).map_err(|why| NoToken { maybe_lost: why.errcode == 0, why })
    }
}

fn read(body: &[u8], http_status: i32, secret: &Secret) -> Result<TokenResponse, Error> {
    let unreadable = || {
        Error::new(
            Status::Connect,
            format!("the answer to the token request is not WeChat's (HTTP {http_status}); nothing was sent"),
        )
        .answered(0, http_status)
    };
    let answer = Response::parse(body).ok_or_else(unreadable)?;
    if let Some(token) = answer.token() {
        return Ok(token);
    }
    if answer.errcode == 0 {
        return Err(unreadable());
    }
    let rule = rule(Endpoint::Token, answer.errcode);
    // Whatever else goes wrong at this endpoint, the message is not at fault and was not sent.
    let status = match rule.status {
        Status::Busy if rule.recovery == Recovery::Retry => Status::Busy,
        Status::Auth | Status::Busy | Status::Internal => rule.status,
        _ => Status::Auth,
    };
    // A gateway's answer may quote the URL or the body.
    let message = format!("no access token: {} (WeChat: {})", rule.advice, secret.strike(&answer.describe()));
    let retry = Retry::Later;
    Err(Error { retry, ..Error::new(status, message).answered(answer.errcode, http_status).after_ms(rule.pause_ms) })
}
