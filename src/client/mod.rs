//! The client: the one place that knows the order of things. A send validates, holds, gets a token, makes the request,
//! settles; a report is one transaction.

mod breaker;
mod credentials;
mod hosts;
mod options;
mod report;
mod running;
mod send;
mod turnstile;
mod upkeep;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use crate::clock::{Deadline, Now};
use crate::config::Config;
use crate::error::{Error, Status, Verdict};
use crate::http::{Transport, UreqTransport};
use crate::log::{Logger, Sink, log_line};
use crate::secret::Secret;
use crate::store::{self, Store};
use crate::wechat;
pub use crate::wechat::PlayerAnswer as Answer;
use breaker::Breakers;
use credentials::Credentials;
use running::Running;
use turnstile::Turnstile;
use upkeep::Upkeep;

/// The longest idempotency key, in bytes.
const MAX_KEY: usize = 512;

/// One account with one store. Safe to use from any number of threads at once; dropping it closes it.
pub struct Client {
    inner: Arc<Inner>,
}

struct Inner {
    config: Config,
    store: Arc<dyn Store>,
    transport: Arc<dyn Transport>,
    hosts: Arc<hosts::Hosts>,
    credentials: Arc<Credentials>,
    turnstile: Turnstile,
    breakers: Breakers,
    running: Arc<Running>,
    upkeep: Upkeep,
    log: Arc<Logger>,
    next_holder: AtomicI64,
}

impl Client {
    /// Opens the store and gets ready; uses no network.
    ///
    /// # Errors
    /// [`Status::Config`], [`Status::Store`], or [`Status::Internal`] when the system refuses a thread.
    pub fn open(config: Config) -> Result<Client, Error> {
        let log = Arc::new(Logger::new());
        let transport: Arc<dyn Transport> = Arc::new(UreqTransport::new(&config)?);
        let store = store::open(&config)?;
        log_line!(log, Info, "wxsub {}: appid {}, store {}", env!("CARGO_PKG_VERSION"), config.appid, store.place());
        if config.store == ":memory:" {
            log_line!(log, Warn, "the store is in memory: every grant is lost when this client is closed");
        }
        let running = Arc::new(Running::default());
        let hosts = Arc::new(hosts::Hosts::new(config.api_base.clone()));
        let first_holder = random_id()?;
        let credentials = Arc::new(Credentials::new(
            &config,
            Arc::clone(&store),
            Arc::clone(&transport),
            Arc::clone(&hosts),
            Arc::clone(&running),
            Arc::clone(&log),
            first_holder,
        ));
        let upkeep = Upkeep::start(Arc::clone(&store), Arc::clone(&credentials), Arc::clone(&log))?;
        Ok(Client {
            inner: Arc::new(Inner {
                turnstile: Turnstile::default(),
                breakers: Breakers::default(),
                next_holder: AtomicI64::new(first_holder.wrapping_add(1)),
                config,
                store,
                transport,
                hosts,
                credentials,
                running,
                upkeep,
                log,
            }),
        })
    }

    /// Tells what a player answered for one template; with None, and [`Answer::Reject`], for all. See `wxsub_report`.
    pub fn report(&self, openid: &str, template_id: Option<&str>, answer: Answer, key: Option<&str>) -> Verdict {
        self.inner.timed(|inner| inner.report(openid, template_id, answer, key))
    }

    /// Tells what a player's game client got from WeChat: one verdict per template, in the object's order. See
    /// `wxsub_report_json`.
    ///
    /// # Errors
    /// [`Status::Arg`] when it is no such object, [`Status::Store`] when nothing was applied, [`Status::State`].
    pub fn report_json(&self, openid: &str, json: &str, key: Option<&str>) -> Result<Vec<Verdict>, Error> {
        let _running = self.inner.running.enter()?;
        self.inner.report_json(openid, json, key)
    }

    /// How many messages the player still allows ([`Verdict::remaining`]); for a system type 1 or 0. See `wxsub_quota`.
    pub fn quota(&self, openid: &str, template_id: &str) -> Verdict {
        self.inner.timed(|inner| inner.quota(openid, template_id))
    }

    /// Sends one message and waits for the verdict. See `wxsub_send`.
    pub fn send(&self, message_json: &str, options_json: Option<&str>) -> Verdict {
        self.inner.timed(|inner| inner.send(message_json, options_json))
    }

    /// Hands in an access token, with `"token": "external"`. See `wxsub_set_token`.
    ///
    /// # Errors
    /// [`Status::Arg`] when the client gets its own tokens or the token is empty or dead; [`Status::State`].
    pub fn set_token(&self, token: Secret, expires_in_s: u32) -> Result<(), Error> {
        let _running = self.inner.running.enter()?;
        self.inner.credentials.set(token, expires_in_s)
    }

    /// Sets where log lines go, up to this level; None: nowhere.
    pub fn set_log(&self, sink: Option<Arc<dyn Sink>>, max_level: i32) {
        self.inner.log.set(sink, max_level);
    }

    /// Closes the client: new calls get [`Status::State`], running ones a second, then they are interrupted. With
    /// `wait` false (a caller who may be one of those that run) it goes on behind the caller's back.
    pub fn close(&self, wait: bool) {
        if !self.inner.running.close() {
            return;
        }
        let inner = Arc::clone(&self.inner);
        if wait {
            inner.wind_down();
        } else {
            let closer = std::thread::Builder::new().name("wxsub-close".to_owned());
            if let Err(_refused) = closer.spawn(move || inner.wind_down()) {
                // No thread to be had: what runs is interrupted at once instead of in a second.
                self.inner.interrupt();
            }
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.close(true);
    }
}

impl Inner {
    fn timed(&self, work: impl FnOnce(&Inner) -> Result<Verdict, Error>) -> Verdict {
        let started = std::time::Instant::now();
        let done = self.running.enter().and_then(|_running| work(self));
        let mut verdict = done.unwrap_or_else(Verdict::from);
        verdict.elapsed_ms = u32::try_from(started.elapsed().as_millis()).unwrap_or(u32::MAX);
        verdict
    }

    fn deadline(&self) -> Deadline {
        Deadline::in_ms(self.config.timeout_ms)
    }

    fn quota(&self, openid: &str, template_id: &str) -> Result<Verdict, Error> {
        not_empty("openid", openid)?;
        not_empty("template_id", template_id)?;
        let switch = wechat::is_system(template_id);
        let remaining = self.store.remaining(openid, template_id, switch, &Now::read(), self.deadline())?;
        let message = if switch { "on is 1, off is 0".to_owned() } else { format!("{remaining} left") };
        Ok(Verdict { remaining, template_id: template_id.to_owned(), ..Verdict::ok(message) })
    }

    /// Unique among all processes, as far as 64 random bits are.
    fn new_holder(&self) -> i64 {
        self.next_holder.fetch_add(1, Ordering::Relaxed)
    }

    fn wind_down(&self) {
        if !self.running.wait_until_idle(running::GRACE) {
            self.interrupt();
            self.running.wait_until_idle(running::AFTER_INTERRUPT);
        }
        self.transport.shutdown();
        self.upkeep.stop();
        self.log.set(None, 0);
    }

    fn interrupt(&self) {
        log_line!(self.log, Warn, "closing: calls that still run are interrupted");
        self.running.interrupt();
        self.turnstile.interrupt();
        self.transport.shutdown();
    }
}

fn not_empty(name: &str, text: &str) -> Result<(), Error> {
    if text.is_empty() { Err(Error::new(Status::Arg, format!("{name} is empty"))) } else { Ok(()) }
}

/// An empty key is none: hosts in languages without NULL pass one.
fn usable_key(key: Option<&str>) -> Result<Option<&str>, Error> {
    match key {
        Some(k) if k.len() > MAX_KEY => {
            Err(Error::new(Status::Arg, format!("the key is {} bytes long, at most {MAX_KEY} are allowed", k.len())))
        }
        other => Ok(other.filter(|k| !k.is_empty())),
    }
}

fn random_id() -> Result<i64, Error> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes)
        .map_err(|e| Error::new(Status::Internal, format!("the system gave no random numbers: {e}")))?;
    Ok(i64::from_ne_bytes(bytes))
}
