//! The one caller of WeChat: for sends, tokens, templates and logins.
//!
//! [`ApiTransport`] makes one request at the first host that can be reached. [`WechatApi`] adds the access token, renewed
//! once if WeChat refuses it, and other tries with growing pauses, where a request surely had no effect.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::RwLock;

use super::hosts::Hosts;
use super::in_flight::{InFlight, cancelled};
use super::token::TokenSource;
use crate::clock::{Deadline, Now};
use crate::error::{Error, Status};
use crate::http::{Exchange, Failure, Reply, Transport};
use crate::secret::Secret;
use crate::wechat::{Answer, Endpoint, Recovery, Request, rule};

/// Another try with less time than this would only put in doubt what surely was not sent.
const LEAST_LEFT: Duration = Duration::from_millis(50);
/// The first pause after no host was reached.
const UNREACHED_PAUSE_MS: u64 = 200;
/// The longest pause between two tries.
const LONGEST_PAUSE_MS: u64 = 5000;

/// How WeChat is reached.
pub struct ApiTransport {
    transport: RwLock<Arc<dyn Transport>>,
    /// Used unless the host brings its own.
    built_in: Arc<dyn Transport>,
    hosts: Hosts,
    in_flight: Arc<InFlight>,
}

/// When a request may begin, and when its answer must be there.
#[derive(Clone, Copy)]
pub struct Timing {
    /// When a connection must be there; after it the request does not leave.
    pub start_by: Deadline,
    /// When the answer must be there.
    pub answer_by: Deadline,
    /// The boot clock's time by which the request must have begun; i64::MAX: any.
    pub last_start_boot_ms: i64,
}

impl Timing {
    /// All until then.
    pub fn until(deadline: Deadline) -> Timing {
        Timing { start_by: deadline, answer_by: deadline, last_start_boot_ms: i64::MAX }
    }

    fn is_over(&self) -> bool {
        self.start_by.is_over() || Now::read().boot_ms >= self.last_start_boot_ms
    }
}

impl ApiTransport {
    pub fn new(built_in: Arc<dyn Transport>, hosts: Hosts, in_flight: Arc<InFlight>) -> ApiTransport {
        ApiTransport { transport: RwLock::new(Arc::clone(&built_in)), built_in, hosts, in_flight }
    }

    fn current(&self) -> Arc<dyn Transport> {
        Arc::clone(&self.transport.read())
    }

    /// Installs the host's HTTP transport, from the next request on; `None` restores the built-in one.
    pub fn set(&self, transport: Option<Arc<dyn Transport>>) {
        let new = transport.unwrap_or_else(|| Arc::clone(&self.built_in));
        let old = std::mem::replace(&mut *self.transport.write(), new);
        // Not under the lock: this may call the host.
        drop(old);
    }

    /// Interrupts what runs and refuses what comes.
    pub fn abort(&self) {
        self.built_in.shutdown();
        self.current().shutdown();
    }

    /// Makes one request at the first host that can be reached.
    ///
    /// # Errors
    /// [`Failure`] with whether the request may have left.
    pub fn exchange(&self, request: &Request, timing: Timing) -> Result<Reply, Failure> {
        let mut last = Failure { left: false, text: "the deadline came before the request".to_owned() };
        for host in self.hosts.in_order() {
            if timing.is_over() || self.in_flight.is_aborted() {
                break;
            }
            let done = self.current().execute(&Exchange {
                post: request.post,
                url: request.url(host.as_str()),
                body: &request.body,
                start_by: timing.start_by,
                deadline: timing.answer_by,
            });
            self.hosts.tell(host, !matches!(&done, Err(Failure { left: false, .. })));
            match done {
                Err(Failure { left: false, text }) => last.text = format!("{host}: {text}"),
                done => return done,
            }
        }
        Err(last)
    }

    /// The same, without other tries, for a caller to whom a lost answer is a failure like others.
    ///
    /// # Errors
    /// [`Status::Connect`] when no answer came.
    pub fn fetch(&self, request: &Request, deadline: Deadline) -> Result<Reply, Error> {
        self.exchange(request, Timing::until(deadline))
            .map_err(|failure| Error::new(Status::Connect, format!("WeChat was not reached: {}", failure.text)))
    }
}

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
    pub accepts: fn(&Answer) -> bool,
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
    Done(Answer, i32),
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
    pub fn into_answer(self) -> Result<Answer, Error> {
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
                    self.token.refused(&token, &e, call.timing.start_by);
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
    let Some(answer) = Answer::parse(&reply.body) else {
        return CallResult::InDoubt(format!("the answer is not WeChat's (HTTP {http_status})"), http_status);
    };
    if answer.errcode == 0 {
        return match (call.accepts)(&answer) {
            true => CallResult::Done(answer, http_status),
            false => CallResult::InDoubt("the answer says neither yes nor no".to_owned(), http_status),
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
