//! The client: the one place that knows the order of things. A send validates, holds, gets a token, makes the request,
//! settles; a report is one transaction.

mod account;
mod breaker;
mod catalogue;
mod check;
mod closing;
mod courier;
mod credentials;
mod event;
mod exchange;
mod hosts;
mod login;
mod nonces;
mod options;
mod outbox;
mod report;
mod results;
mod running;
mod send;
mod signal;
mod stats;
mod submit;
mod turnstile;
mod upkeep;

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use crate::clock::{Deadline, Now};
use crate::config::{Config, StoreAt};
use crate::error::{Error, Status, Verdict};
use crate::event::EventConfig;
use crate::http::{Transport, UreqTransport};
use crate::log::{Logger, Sink, log_line};
use crate::secret::Secret;
use crate::store::{self, Store};
pub use crate::wechat::PlayerAnswer as Answer;
use crate::wechat::check_id;
use crate::worker::Pool;
use account::{Account, Network};
use breaker::Breakers;
use catalogue::Catalogue;
use courier::Courier;
use credentials::Credentials;
pub use login::Identity;
use nonces::Nonces;
use results::Results;
use running::Running;
use stats::Counters;
pub use stats::Stats;
use submit::Errand;
use turnstile::Turnstile;
use upkeep::Upkeep;

/// The longest idempotency key, in bytes.
const MAX_KEY: usize = 512;

/// One account with one store. Safe to use from any number of threads at once; dropping it closes it.
pub struct Client {
    inner: Arc<Inner>,
}

/// What a client holds until the last of its threads has let go of everything: the C ABI's mark that forbids a fork.
pub(crate) type Keep = Arc<dyn Send + Sync>;

struct Inner {
    config: Config,
    store: Arc<dyn Store>,
    network: Arc<Network>,
    credentials: Arc<Credentials>,
    catalogue: Arc<Catalogue>,
    event_keys: Option<EventConfig>,
    nonces: Nonces,
    turnstile: Turnstile,
    breakers: Breakers,
    running: Arc<Running>,
    upkeep: Upkeep,
    /// What works on what is submitted, once something was.
    pool: OnceLock<Pool<Errand>>,
    results: Arc<Results>,
    courier: Arc<Courier>,
    stats: Counters,
    wound_down: AtomicBool,
    /// What was interrupted.
    cut_off: AtomicUsize,
    log: Arc<Logger>,
    /// Names this client among all processes.
    process: i64,
    next_holder: AtomicI64,
    /// Dropped last.
    keep: Keep,
}

impl Client {
    /// Opens the store and gets ready; uses no network.
    ///
    /// # Errors
    /// [`Status::Config`], [`Status::Store`], or [`Status::Internal`] when the system refuses a thread.
    pub fn open(config: Config) -> Result<Client, Error> {
        Client::open_keeping(config, Arc::new(()))
    }

    /// The same, holding `keep` as long as anything of the client is left.
    pub(crate) fn open_keeping(config: Config, keep: Keep) -> Result<Client, Error> {
        let log = Arc::new(Logger::new());
        let running = Arc::new(Running::default());
        let network = Arc::new(Network::new(
            Arc::new(UreqTransport::new(&config)?),
            hosts::Hosts::new(config.api_base.clone()),
            Arc::clone(&running),
            config.max_attempts,
        ));
        let event_keys = event::keys(&config)?;
        let store = store::open(&config)?;
        log_line!(log, Info, "wxsub {}: appid {}, store {}", env!("CARGO_PKG_VERSION"), config.appid, store.place());
        if config.store == StoreAt::Memory {
            log_line!(log, Warn, "the store is in memory: every grant is lost when this client is closed");
        }
        if let Some(warning) = event::warning(&config) {
            log_line!(log, Warn, "event: {warning}");
        }
        for warning in store.warnings(Deadline::in_ms(config.timeout_ms))? {
            log_line!(log, Warn, "store: {warning}");
        }
        let first_holder = random_id()?;
        let credentials = Arc::new(Credentials::new(
            &config,
            Arc::clone(&store),
            Arc::clone(&network),
            Arc::clone(&log),
            first_holder,
        ));
        let account = Arc::new(Account {
            network: Arc::clone(&network),
            credentials: Arc::clone(&credentials),
            log: Arc::clone(&log),
        });
        let catalogue = Arc::new(Catalogue::new(&config, account, Arc::clone(&store))?);
        catalogue.load(Deadline::in_ms(config.timeout_ms));
        let upkeep = Upkeep::start(
            Arc::clone(&store),
            Arc::clone(&credentials),
            Arc::clone(&catalogue),
            Arc::clone(&log),
            Arc::clone(&keep),
        )?;
        let client = Client {
            inner: Arc::new(Inner {
                turnstile: Turnstile::default(),
                breakers: Breakers::default(),
                process: first_holder,
                next_holder: AtomicI64::new(first_holder.wrapping_add(1)),
                pool: OnceLock::new(),
                results: Arc::new(Results::new(config.queue_capacity)),
                courier: Arc::default(),
                stats: Counters::default(),
                wound_down: AtomicBool::new(false),
                cut_off: AtomicUsize::new(0),
                config,
                store,
                network,
                credentials,
                catalogue,
                event_keys,
                nonces: Nonces::default(),
                running,
                upkeep,
                log,
                keep: Arc::clone(&keep),
            }),
        };
        Courier::start(&client.inner, keep)?;
        Ok(client)
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
        let started = Instant::now();
        let mut verdicts = self.inner.run(|inner| inner.report_json(openid, json, key))?;
        verdicts.iter_mut().for_each(|v| v.elapsed_ms = since(started));
        Ok(verdicts)
    }

    /// How many messages the player still allows ([`Verdict::remaining`]); for a system type 1 or 0. See `wxsub_quota`.
    pub fn quota(&self, openid: &str, template_id: &str) -> Verdict {
        self.inner.timed(|inner| inner.quota(openid, template_id))
    }

    /// Sends one message and waits for the verdict. See `wxsub_send`.
    pub fn send(&self, message_json: &str, options_json: Option<&str>) -> Verdict {
        self.inner.timed(|inner| inner.send(message_json, options_json))
    }

    /// Verifies and applies what WeChat pushed to the host's HTTP endpoint: the reply to send back, and what happened.
    /// Nothing is applied when the reply is longer than `room` bytes. See `wxsub_handle_event`.
    ///
    /// # Errors
    /// [`Status::Signature`] when it is not WeChat's, [`Status::Store`] and [`Status::Busy`] when WeChat should push it
    /// again, [`Status::Config`] without `"event"`, [`Status::Arg`], [`Status::State`].
    pub fn handle_event(&self, query: &str, body: &[u8], room: usize) -> Result<(String, Verdict), Error> {
        self.inner.run(|inner| inner.handle_event(query, body, room))
    }

    /// Verifies and decrypts what WeChat pushed, of any kind, and applies nothing: the message as WeChat wrote it. See
    /// `wxsub_open_event`.
    ///
    /// # Errors
    /// [`Status::Signature`] when it is not WeChat's, [`Status::Config`] without `"event"`, [`Status::State`].
    pub fn open_event(&self, query: &str, body: &[u8]) -> Result<Vec<u8>, Error> {
        self.inner.run(|inner| inner.open_event(query, body))
    }

    /// Asks WeChat who a login code belongs to. See `wxsub_login`.
    ///
    /// # Errors
    /// [`Status::Wechat`] when the code is no good, and those of any call to WeChat.
    pub fn login(&self, code: &str) -> Result<Identity, Error> {
        self.inner.run(|inner| inner.login(code))
    }

    /// Tells an operator whether it will work. See `wxsub_check`.
    pub fn check(&self) -> Verdict {
        self.inner.timed(Inner::check)
    }

    /// Hands in an access token, with `"token": "external"`. See `wxsub_set_token`.
    ///
    /// # Errors
    /// [`Status::Arg`] when the client gets its own tokens or the token is empty or dead; [`Status::State`].
    pub fn set_token(&self, access_token: &str, expires_in_s: u32) -> Result<(), Error> {
        let token = Secret::new(access_token.to_owned());
        self.inner.run(|inner| inner.credentials.set(token, expires_in_s))
    }

    /// Sets where log lines go, up to this level; None: nowhere.
    pub fn set_log(&self, sink: Option<Arc<dyn Sink>>, max_level: i32) {
        self.inner.log.set(sink, max_level);
    }

    /// Takes results of what was submitted, and outcomes of what was stored, up to `most`; waits so long for the first.
    /// See `wxsub_poll`.
    ///
    /// # Errors
    /// [`Status::State`] when the client is closed meanwhile.
    pub fn poll(&self, most: usize, wait: Duration) -> Result<Vec<Verdict>, Error> {
        self.inner.results.poll(most, wait)
    }

    /// How many results can be polled.
    pub fn results_ready(&self) -> usize {
        self.inner.results.look()
    }

    /// A descriptor that is readable while there is something to poll. See `wxsub_poll_handle`.
    ///
    /// # Errors
    /// [`Status::Internal`] where there is none to be had.
    pub fn poll_handle(&self) -> Result<isize, Error> {
        self.inner.results.signal().map(|signal| signal.descriptor())
    }

    /// Takes a message back before it is sent. See `wxsub_cancel`.
    pub fn cancel(&self, openid: &str, key: &str) -> Verdict {
        self.inner.timed(|inner| inner.cancel(openid, key))
    }

    /// What became of a message with a key. See `wxsub_lookup`.
    pub fn lookup(&self, openid: &str, key: &str) -> Verdict {
        self.inner.timed(|inner| inner.look_up(openid, key))
    }

    /// What was done so far, and what waits. See `wxsub_get_stats`.
    ///
    /// # Errors
    /// [`Status::Store`] when the outbox cannot be looked at.
    pub fn stats(&self) -> Result<Stats, Error> {
        self.inner.stats()
    }

    /// Has the host carry the requests; None: the library does.
    pub(crate) fn set_transport(&self, transport: Option<Arc<dyn Transport>>) -> Result<(), Error> {
        self.inner.run(|inner| {
            inner.network.set_transport(transport);
            Ok(())
        })
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.close(true);
    }
}

impl Inner {
    /// Runs one call, unless the client is closing. Its log lines are written at its end, when nothing is held any more.
    fn run<T>(&self, work: impl FnOnce(&Inner) -> Result<T, Error>) -> Result<T, Error> {
        let _lines = self.log.hold();
        let _running = self.running.enter()?;
        work(self)
    }

    fn timed(&self, work: impl FnOnce(&Inner) -> Result<Verdict, Error>) -> Verdict {
        let started = Instant::now();
        let mut verdict = self.run(work).unwrap_or_else(Verdict::from);
        verdict.elapsed_ms = since(started);
        verdict
    }

    fn deadline(&self) -> Deadline {
        Deadline::in_ms(self.config.timeout_ms)
    }

    fn quota(&self, openid: &str, template_id: &str) -> Result<Verdict, Error> {
        check_id("openid", openid)?;
        check_id("template_id", template_id)?;
        let deadline = self.deadline();
        let count = self.store.remaining(openid, template_id, &Now::read(), deadline)?;
        let lasting = self.is_lasting(template_id, deadline);
        let remaining = if lasting { count.min(1) } else { count };
        let message = if lasting { "on is 1, off is 0".to_owned() } else { format!("{remaining} left") };
        Ok(Verdict { remaining, template_id: template_id.to_owned(), ..Verdict::ok(message) })
    }

    /// After a call that may have written, or found something that should be renewed.
    fn touch_upkeep(&self) {
        let at_once = self.store.needs_upkeep() || self.credentials.wants_renewal() || self.catalogue.wants_renewal();
        self.upkeep.touch(at_once);
    }

    /// Unique among all processes, as far as 64 random bits are.
    fn new_holder(&self) -> i64 {
        self.next_holder.fetch_add(1, Ordering::Relaxed)
    }
}

fn since(started: Instant) -> u32 {
    u32::try_from(started.elapsed().as_millis()).unwrap_or(u32::MAX)
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
