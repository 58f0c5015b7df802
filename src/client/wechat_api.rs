//! The one caller of WeChat: for sends, tokens, templates and logins.
//!
//! [`ApiTransport`] makes one request at the first host that can be reached. [`WechatApi`] adds the access token, renewed
//! once if WeChat refuses it, and other tries with growing pauses, where a request surely had no effect.

use std::sync::Arc;
use std::time::Duration;

use super::api_transport::{ApiTransport, Timing};
use super::in_flight::cancelled;
use super::token::TokenSource;
use crate::error::{Error, Status};
use crate::http::{Failure, Reply};
use crate::secret::Secret;
use crate::wechat::{Endpoint, Recovery, Request, Response, rule};

/// Another try with less time than this would only put in doubt what surely was not sent.
const LEAST_LEFT: Duration = Duration::from_millis(50);
/// The first pause after no host was reached.
const UNREACHED_PAUSE_MS: u64 = 200;
/// The longest pause between two tries.
const LONGEST_PAUSE_MS: u64 = 5000;

/// A call to WeChat.
pub struct Call<'a> {
    /// Which table of codes its answer goes by.
    pub endpoint: Endpoint,
    pub timing: Timing,
    /// Requests at most.
    pub attempts: u32,
    /// What the request carries.
    pub credential: Credential<'a>,
    /// Makes the request, with that.
    pub request: &'a dyn Fn(&Secret) -> Request,
    /// Whether an answer without an error says yes.
    pub accepts: fn(&Response) -> bool,
}

/// What a request carries, so that WeChat knows the account.
pub enum Credential<'a> {
    /// The access token.
    AccessToken,
    /// The secret itself.
    Secret(&'a Secret),
}

/// What a call came to.
pub enum CallResult {
    /// WeChat did it. With the HTTP status.
    Done(Response, i32),
    /// WeChat refused it: nothing was done.
    Refused(Error, Recovery),
    /// The request left, and no answer came that says what WeChat did.
    InDoubt(String, i32),
    /// No request left that WeChat may have read.
    NotSent(Error),
}

impl CallResult {
    /// For a caller to whom a lost answer is a failure like others.
    ///
    /// # Errors
    /// Why it was not done.
    pub fn into_answer(self) -> Result<Response, Error> {
        match self {
            CallResult::Done(answer, _) => Ok(answer),
            CallResult::Refused(e, _) | CallResult::NotSent(e) => Err(e),
            CallResult::InDoubt(why, http_status) => {
                Err(Error::new(Status::Connect, format!("no answer from WeChat: {why}")).answered(0, http_status))
            }
        }
    }
}

/// What a call came to, and how many requests were made for it.
pub struct Called {
    pub result: CallResult,
    pub requests: u32,
}

/// The one caller of WeChat.
pub struct WechatApi {
    pub transport: Arc<ApiTransport>,
    token: Arc<TokenSource>,
}

impl WechatApi {
    pub fn new(transport: Arc<ApiTransport>, token: Arc<TokenSource>) -> WechatApi {
        WechatApi { transport, token }
    }

    /// Makes the call; again where it surely had no effect and there is time.
    pub fn call(&self, call: &Call<'_>) -> Called {
        let mut refused: Option<Error> = None;
        let mut tries = 0;
        let mut requests = 0;
        let end = |result, requests| Called { result, requests };
        let mut last: Option<Error> = None;
        loop {
            if let Some(e) = last.take_if(|_| call.timing.start_by.left() < LEAST_LEFT) {
                return end(CallResult::NotSent(e), requests);
            }
            let token = match call.credential {
                Credential::AccessToken => self.token.get(call.timing.start_by),
                Credential::Secret(secret) => Ok(secret.clone()),
            };
            let token = match token {
                Ok(token) => token,
                // What WeChat said of the last one is what there is to know.
                Err(e) => return end(CallResult::NotSent(with_code_of(e, refused.as_ref())), requests),
            };
            let (base_ms, e) = match self.attempt(call, &token, &mut requests) {
                CallResult::Refused(e, Recovery::NewToken) => {
                    self.token.refused(&token, &e);
                    if refused.is_some() {
                        return end(CallResult::Refused(e, Recovery::NewToken), requests);
                    }
                    refused = Some(e);
                    continue;
                }
                CallResult::Refused(e, Recovery::Retry) => (u64::from(e.retry_after_ms), e),
                CallResult::NotSent(e) if e.status == Status::Connect => (UNREACHED_PAUSE_MS, e),
                result => {
                    if matches!(result, CallResult::Done(..) | CallResult::Refused(..)) {
                        self.token.accepted(&token);
                    }
                    return end(result, requests);
                }
            };
            tries += 1;
            let pause = pause(base_ms, tries);
            let after_ms = e.retry_after_ms.max(pause.as_millis() as u32);
            let e = e.after_ms(after_ms);
            if tries >= call.attempts || pause + LEAST_LEFT >= call.timing.start_by.left() {
                return end(CallResult::NotSent(e), requests);
            }
            if let Err(e) = self.transport.in_flight.sleep(pause) {
                return end(CallResult::NotSent(e), requests);
            }
            last = Some(e);
        }
    }

    fn attempt(&self, call: &Call<'_>, token: &Secret, requests: &mut u32) -> CallResult {
        let reply = match self.transport.exchange(&(call.request)(token), call.timing) {
            Ok(reply) => reply,
            Err(Failure { left: true, text }) => {
                *requests += 1;
                return CallResult::InDoubt(format!("no answer came: {text}"), 0);
            }
            Err(_) if self.transport.in_flight.is_aborted() => return CallResult::NotSent(cancelled()),
            Err(Failure { left: false, text }) => {
                let why = format!("WeChat was not reached, surely not sent: {text}");
                return CallResult::NotSent(Error::new(Status::Connect, why));
            }
        };
        *requests += 1;
        read(call, &reply, token)
    }
}

/// What WeChat's answer means.
fn read(call: &Call<'_>, reply: &Reply, token: &Secret) -> CallResult {
    let http_status = i32::from(reply.status);
    let Some(answer) = Response::parse(&reply.body) else {
        return CallResult::InDoubt(format!("the answer is not WeChat's (HTTP {http_status})"), http_status);
    };
    if answer.errcode == 0 {
        return match (call.accepts)(&answer) {
            true => CallResult::Done(answer, http_status),
            false => CallResult::InDoubt("WeChat's answer has neither an errcode nor a msgid".to_owned(), http_status),
        };
    }
    let rule = rule(call.endpoint, answer.errcode);
    let at = match answer.data_key() {
        Some(key) if rule.status == Status::Message => format!(": data.{key}"),
        _ => String::new(),
    };
    // A gateway's answer may quote the URL.
    let message = format!("{}{at} (WeChat: {})", rule.advice, token.strike(&answer.describe()));
    let e = Error::new(rule.status, message).answered(answer.errcode, http_status).after_ms(rule.pause_ms);
    CallResult::Refused(e, rule.recovery)
}

fn with_code_of(e: Error, refused: Option<&Error>) -> Error {
    match refused {
        Some(refused) if e.errcode == 0 => e.answered(refused.errcode, refused.http_status),
        _ => e,
    }
}

/// Doubled with each try, and jittered so that those who failed together don't come back together.
fn pause(base_ms: u64, tries: u32) -> Duration {
    let doubled = (base_ms << tries.saturating_sub(1).min(10)).min(LONGEST_PAUSE_MS.max(base_ms));
    Duration::from_millis(doubled / 2 + fastrand::u64(0..=doubled / 2))
}
