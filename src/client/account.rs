//! Calls to WeChat beside the send: the token, the templates, a login.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use parking_lot::RwLock;
use serde_json::Value;

use super::credentials::Credentials;
use super::hosts::Hosts;
use super::running::Running;
use crate::clock::Deadline;
use crate::error::{Error, Status};
use crate::http::{Exchange, Reply, Transport};
use crate::log::Logger;
use crate::secret::Secret;
use crate::wechat::{Act, Answer, Endpoint, Request, rule};

/// How WeChat is reached.
pub struct Network {
    transport: RwLock<Arc<dyn Transport>>,
    /// Used unless the host brings its own.
    built_in: Arc<dyn Transport>,
    pub hosts: Hosts,
    pub running: Arc<Running>,
    pub max_attempts: u32,
    /// Requests for an access token so far.
    pub token_calls: AtomicU64,
}

impl Network {
    pub fn new(built_in: Arc<dyn Transport>, hosts: Hosts, running: Arc<Running>, max_attempts: u32) -> Network {
        let transport = RwLock::new(Arc::clone(&built_in));
        Network { transport, built_in, hosts, running, max_attempts, token_calls: AtomicU64::new(0) }
    }

    /// What carries the requests.
    pub fn transport(&self) -> Arc<dyn Transport> {
        Arc::clone(&self.transport.read())
    }

    /// Has the host's transport carry them, from the next one on; None: the built-in one.
    pub fn set_transport(&self, transport: Option<Arc<dyn Transport>>) {
        let new = transport.unwrap_or_else(|| Arc::clone(&self.built_in));
        let old = std::mem::replace(&mut *self.transport.write(), new);
        // Not under the lock: this may call the host.
        drop(old);
    }

    /// Interrupts what runs and refuses what comes.
    pub fn shutdown(&self) {
        self.built_in.shutdown();
        self.transport().shutdown();
    }

    /// Makes one request at the first host that can be reached.
    ///
    /// # Errors
    /// [`Status::Connect`] when none answered.
    pub fn call(&self, request: &Request, deadline: Deadline) -> Result<Reply, Error> {
        let mut failure = "the deadline came before the request".to_owned();
        for host in self.hosts.in_order() {
            if deadline.is_over() {
                break;
            }
            let url = request.url(host.as_str());
            match self.transport().execute(&Exchange {
                post: request.post,
                url,
                body: &request.body,
                start_by: deadline,
                deadline,
            }) {
                Ok(reply) => {
                    self.hosts.tell(host, true);
                    return Ok(reply);
                }
                Err(f) => {
                    self.hosts.tell(host, f.left);
                    failure = format!("{host}: {}", f.text);
                    if f.left {
                        // A login code, for one, is good once.
                        break;
                    }
                }
            }
        }
        Err(Error::new(Status::Connect, format!("WeChat was not reached: {failure}")))
    }

    /// The same, reading the answer; what WeChat says about an error is told by its table.
    ///
    /// # Errors
    /// Also the error that WeChat answered, and [`Status::Connect`] when the answer is not WeChat's.
    pub fn ask(&self, endpoint: Endpoint, request: &Request, deadline: Deadline) -> Result<Answer, Error> {
        let reply = self.call(request, deadline)?;
        let http_status = i32::from(reply.status);
        let Some(answer) = Answer::parse(&reply.body) else {
            return Err(Error::new(Status::Connect, format!("the answer is not WeChat's (HTTP {http_status})"))
                .answered(0, http_status));
        };
        if answer.errcode == 0 {
            return Ok(answer);
        }
        let rule = rule(endpoint, answer.errcode);
        Err(Error::new(rule.status, format!("{} (WeChat: {})", rule.advice, answer.describe()))
            .answered(answer.errcode, http_status)
            .after_ms(rule.pause_ms))
    }

    /// The same, again while WeChat is busy and there is time.
    pub fn ask_patiently(&self, endpoint: Endpoint, request: &Request, deadline: Deadline) -> Result<Answer, Error> {
        let mut tries = 0;
        loop {
            let e = match self.ask(endpoint, request, deadline) {
                Ok(answer) => return Ok(answer),
                Err(e) => e,
            };
            tries += 1;
            let pause = Duration::from_millis(u64::from(e.retry_after_ms) << (tries - 1).min(4));
            let again = e.errcode != 0 && rule(endpoint, e.errcode).act == Act::Again;
            if !again || tries >= self.max_attempts || pause >= deadline.left() {
                return Err(e);
            }
            self.running.sleep(pause)?;
        }
    }
}

/// Calls that need a token.
pub struct Account {
    pub network: Arc<Network>,
    pub credentials: Arc<Credentials>,
    pub log: Arc<Logger>,
}

impl Account {
    /// Makes the request with a token, once more with a new one if WeChat refuses it.
    ///
    /// # Errors
    /// Those of the token and of [`Network::ask`].
    pub fn call_with_token(&self, deadline: Deadline, request: fn(&Secret) -> Request) -> Result<Value, Error> {
        let mut renewed = false;
        loop {
            let token = self.credentials.token(deadline)?;
            // A gateway's answer may quote the URL.
            let done = self.network.ask(Endpoint::Send, &request(&token), deadline);
            match done.map_err(|e| Error { message: token.strike(&e.message), ..e }) {
                Ok(answer) => return Ok(answer.into_value()),
                Err(e) if e.errcode != 0 && rule(Endpoint::Send, e.errcode).act == Act::NewToken => {
                    self.credentials.refused(&token, deadline);
                    if renewed {
                        return Err(e);
                    }
                    renewed = true;
                }
                Err(e) => return Err(e),
            }
        }
    }
}
