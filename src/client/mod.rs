//! The client: [`Client`] is the façade, and each file below it one part, named as the call that it serves.

mod admin;
mod api_transport;
mod ask;
mod campaign;
mod check;
mod core;
mod count_watch;
mod ended_lists;
mod event;
mod hosts;
mod in_flight;
mod journal;
mod login;
mod maintenance;
mod metrics;
mod options;
mod outbox;
mod report;
mod rules;
mod send;
mod shutdown;
mod stats;
mod templates;
mod token;
mod wechat_api;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use self::admin::Admin;
use self::campaign::Campaigns;
use self::core::Core;
use self::rules::HostRules;
use crate::clock::Deadline;
use crate::config::{Config, StoreAt};
use crate::error::{Error, Verdict};
use crate::http::{Transport, UreqTransport};
use crate::ledger;
use crate::log::{Logger, Sink, log_line};
use crate::secret::Secret;
use crate::store::{self, Engine};
use crate::wechat::check_id;
pub use crate::wechat::{Identity, PlayerAnswer as Answer};
use api_transport::ApiTransport;
use ended_lists::ListMaintenance;
use event::Events;
use maintenance::Chore;
use options::Options;
pub use options::{OPTIONS_OF_SEND, OPTIONS_OF_SUBMIT};
use outbox::{Dispatcher, Outbox, Queue, Results};
use report::Reports;
use send::Sender;
pub use stats::Stats;
use templates::TemplateCache;
use token::TokenSource;
use wechat_api::WechatApi;

/// One account with one store. Safe to use from any number of threads at once; dropping it closes it.
pub struct Client {
    parts: Arc<Parts>,
    /// Another thread closes it: its drop waits for nothing.
    closed_behind: AtomicBool,
}

/// What a client holds until the last of its threads has let go of everything: the C ABI's mark that forbids a fork.
pub(crate) type ForkGuard = Arc<dyn Send + Sync>;

/// What a client is made of; each part owns what it needs and shares [`Core`].
pub(crate) struct Parts {
    core: Arc<Core>,
    api: Arc<WechatApi>,
    token: Arc<TokenSource>,
    templates: Arc<TemplateCache>,
    reports: Reports,
    events: Events,
    sender: Arc<Sender>,
    rules: Arc<HostRules>,
    campaigns: Campaigns,
    outbox: Outbox,
    admin: Admin,
    stopped: AtomicBool,
    /// Calls that were aborted by a shutdown.
    aborted: AtomicUsize,
    /// Dropped last.
    _fork_guard: ForkGuard,
}

/// The store's own work.
struct StoreMaintenance(Arc<Core>);

impl Chore for StoreMaintenance {
    fn is_due(&self) -> bool {
        self.0.engine.needs_maintenance()
    }

    fn wants_another_round(&self) -> bool {
        self.0.engine.wants_another_round()
    }

    fn run(&self) -> Result<(), Error> {
        self.0.engine.maintain(ledger::is_over)
    }
}

impl Client {
    /// Opens the store and gets ready; uses no network but the store's.
    ///
    /// # Errors
    /// [`crate::Status::Config`], [`crate::Status::Store`], or [`crate::Status::Internal`] when the system refuses a
    /// thread.
    pub fn open(config: Config) -> Result<Client, Error> {
        Client::open_guarded(config, Arc::new(()))
    }

    /// The same, holding `fork_guard` as long as anything of the client is left.
    pub(crate) fn open_guarded(config: Config, fork_guard: ForkGuard) -> Result<Client, Error> {
        let parts = Parts::assemble(config, Arc::clone(&fork_guard))?;
        let chores: Vec<Arc<dyn Chore>> = vec![
            parts.token.clone(),
            parts.templates.clone(),
            Arc::new(StoreMaintenance(Arc::clone(&parts.core))),
            Arc::new(ListMaintenance::new(Arc::clone(&parts.core))),
        ];
        let (log, observer) = (Arc::clone(&parts.core.log), parts.core.config.observer);
        if !observer {
            parts.core.maintenance.start(chores, log, Arc::clone(&fork_guard))?;
        }
        let weak = Arc::downgrade(&parts);
        parts.outbox.queue.set_run(move |call, work| {
            if let Some(parts) = weak.upgrade() {
                parts.run_queued(call, work);
            }
        });
        let client = Client { parts, closed_behind: AtomicBool::new(false) };
        if !observer {
            Dispatcher::start(&client.parts, Arc::clone(&fork_guard))?;
            Campaigns::start(&client.parts, fork_guard)?;
        }
        Ok(client)
    }

    /// Tells what a player answered for one template; with None, and [`Answer::Reject`], for all. See `wxsub_report`.
    pub fn report(&self, openid: &str, template_id: Option<&str>, answer: Answer, key: Option<&str>) -> Verdict {
        self.parts.timed(|parts| parts.reports.report(openid, template_id, answer, key))
    }

    /// Tells what a player's game client got from WeChat: one verdict per template, in the object's order. See
    /// `wxsub_report_json`.
    ///
    /// # Errors
    /// [`crate::Status::Arg`] when it is no such object, [`crate::Status::Store`] when nothing was applied, [`crate::Status::State`].
    pub fn report_json(&self, openid: &str, json: &str, key: Option<&str>) -> Result<Vec<Verdict>, Error> {
        let started = Instant::now();
        let mut verdicts = self.parts.run(|parts| parts.reports.report_json(openid, json, key))?;
        verdicts.iter_mut().for_each(|v| v.elapsed_ms = since(started));
        Ok(verdicts)
    }

    /// How many messages the player still allows ([`Verdict::remaining`]); for a system type 1 or 0. See `wxsub_quota`.
    pub fn quota(&self, openid: &str, template_id: &str) -> Verdict {
        self.parts.timed(|parts| parts.quota(openid, template_id))
    }

    /// Which templates to ask the player for now, from a request and in a reply as `wxsub_ask` has them.
    ///
    /// # Errors
    /// [`crate::Status::Arg`], [`crate::Status::Store`], [`crate::Status::State`].
    pub fn ask(&self, openid: &str, request_json: &str) -> Result<String, Error> {
        self.parts.run(|parts| parts.ask(openid, request_json))
    }

    /// Sends one message and waits for the verdict. See `wxsub_send`.
    pub fn send(&self, message_json: &str, options_json: Option<&str>) -> Verdict {
        self.parts.timed(|parts| {
            parts.core.refuse_observer("a send")?;
            let verdict = parts.sender.send(message_json, &Options::of_send(options_json)?);
            parts.core.counters.count(&verdict);
            Ok(verdict)
        })
    }

    /// Verifies and applies what WeChat pushed to the host's HTTP endpoint: the reply to send back, and what happened.
    /// Nothing is applied when the reply is longer than `room` bytes. See `wxsub_handle_event`.
    ///
    /// # Errors
    /// [`crate::Status::Signature`] when it is not WeChat's, [`crate::Status::Store`] and [`crate::Status::Busy`] when WeChat should push it
    /// again, [`crate::Status::Config`] without `"event"`, [`crate::Status::Arg`], [`crate::Status::State`].
    pub fn handle_event(&self, query: &str, body: &[u8], room: usize) -> Result<(String, Verdict), Error> {
        self.parts.run(|parts| parts.events.handle(query, body, room))
    }

    /// Verifies and decrypts what WeChat pushed, of any kind, and applies nothing: the message as WeChat wrote it. See
    /// `wxsub_open_event`.
    ///
    /// # Errors
    /// [`crate::Status::Signature`] when it is not WeChat's, [`crate::Status::Config`] without `"event"`, [`crate::Status::State`].
    pub fn open_event(&self, query: &str, body: &[u8]) -> Result<Vec<u8>, Error> {
        self.parts.run(|parts| parts.events.open(query, body))
    }

    /// Asks WeChat who a login code belongs to. See `wxsub_login`.
    ///
    /// # Errors
    /// [`crate::Status::Wechat`] when the code is no good, and those of any call to WeChat.
    pub fn login(&self, code: &str) -> Result<Identity, Error> {
        self.parts.run(|parts| parts.login(code))
    }

    /// Tells an operator whether it will work. See `wxsub_check`.
    pub fn check(&self) -> Verdict {
        self.parts.timed(Parts::check)
    }

    /// Hands in an access token, with `"token": "external"`. See `wxsub_set_token`.
    ///
    /// # Errors
    /// [`crate::Status::Arg`] when the client gets its own tokens or the token is empty or dead; [`crate::Status::State`].
    pub fn set_token(&self, access_token: &str, expires_in_s: u32) -> Result<(), Error> {
        let token = Secret::new(access_token.to_owned());
        self.parts.run(|parts| parts.token.set(token, expires_in_s))
    }

    /// Sets where log lines go, up to this level; None: nowhere.
    pub fn set_log(&self, sink: Option<Arc<dyn Sink>>, max_level: i32) {
        self.parts.core.log.set(sink, max_level);
    }

    /// Takes results of what was submitted, and outcomes of what was stored, up to `most`; waits up to `wait` for the first.
    /// See `wxsub_poll`.
    ///
    /// # Errors
    /// [`crate::Status::State`] when the client is closed meanwhile.
    pub fn poll(&self, most: usize, wait: Duration) -> Result<Vec<Verdict>, Error> {
        self.parts.outbox.results.poll(most, wait)
    }

    /// How many results can be polled.
    pub fn results_ready(&self) -> usize {
        self.parts.outbox.results.look()
    }

    /// A descriptor that is readable while there is something to poll. See `wxsub_poll_handle`.
    ///
    /// # Errors
    /// [`crate::Status::Internal`] where there is none to be had.
    pub fn poll_handle(&self) -> Result<isize, Error> {
        self.parts.outbox.results.handle().map(|handle| handle.descriptor())
    }

    /// Takes a message back before it is sent. See `wxsub_cancel`.
    pub fn cancel(&self, openid: &str, key: &str) -> Verdict {
        self.parts.timed(|parts| parts.outbox.cancel(openid, key))
    }

    /// What became of a message with a key. See `wxsub_lookup`.
    pub fn lookup(&self, openid: &str, key: &str) -> Verdict {
        self.parts.timed(|parts| parts.outbox.look_up(openid, key))
    }

    /// What was done so far, and what waits. See `wxsub_get_stats`.
    ///
    /// # Errors
    /// [`crate::Status::Store`] when the outbox cannot be looked at.
    pub fn stats(&self) -> Result<Stats, Error> {
        self.parts.stats()
    }

    /// Answers an operator's request, JSON in and JSON out, in at most `room` bytes. See `wxsub_admin`.
    ///
    /// # Errors
    /// [`crate::Status::Arg`] for a request that is not understood, [`crate::Status::Store`], [`crate::Status::State`].
    pub fn admin(&self, request_json: &str, room: usize) -> Result<String, Error> {
        self.parts.run(|parts| parts.admin(request_json, room))
    }

    /// Installs the host's HTTP transport; `None` restores the built-in one.
    pub(crate) fn set_transport(&self, transport: Option<Arc<dyn Transport>>) -> Result<(), Error> {
        self.parts.run(|parts| {
            parts.api.transport.set(transport);
            Ok(())
        })
    }

    /// Copies a message, to be sent by another thread; returns its ticket, 0 when no result is wanted. Never waits. See
    /// `wxsub_submit`.
    ///
    /// # Errors
    /// [`crate::Status::QueueFull`], [`crate::Status::Arg`], [`crate::Status::State`].
    pub fn submit(&self, message_json: &str, options_json: Option<&str>) -> Result<u64, Error> {
        self.parts.outbox.queue.submit(message_json, options_json)
    }

    /// Copies a report, to be applied by another thread; returns its ticket. Never waits. See `wxsub_submit_report`.
    ///
    /// # Errors
    /// [`crate::Status::QueueFull`], [`crate::Status::Arg`], [`crate::Status::State`].
    pub fn submit_report(
        &self,
        openid: &str,
        template_id: Option<&str>,
        answer: Answer,
        key: Option<&str>,
        tag: u64,
    ) -> Result<u64, Error> {
        self.parts.outbox.queue.submit_report(openid, template_id, answer, key, tag)
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        if !self.closed_behind.load(Ordering::Acquire) {
            self.close(true);
        }
    }
}

impl Parts {
    /// Opens the store and makes the parts; starts no thread.
    fn assemble(config: Config, fork_guard: ForkGuard) -> Result<Arc<Parts>, Error> {
        let log = Arc::new(Logger::new());
        let built_in = Arc::new(UreqTransport::new(&config)?);
        let engine = store::open(&config)?;
        tell_opened(&config, &*engine, &log)?;
        let core = Arc::new(Core::new(config, engine, log)?);
        let hosts = hosts::Hosts::new(core.config.api_base.clone());
        let transport = Arc::new(ApiTransport::new(built_in, hosts, Arc::clone(&core.in_flight)));
        let token = Arc::new(TokenSource::new(Arc::clone(&core), Arc::clone(&transport)));
        let api = Arc::new(WechatApi::new(transport, Arc::clone(&token)));
        let templates = Arc::new(TemplateCache::new(Arc::clone(&core), Arc::clone(&api))?);
        templates.load(core.deadline());
        let rules = Arc::new(HostRules::new(Arc::clone(&core)));
        let sender = Sender::new(Arc::clone(&core), Arc::clone(&api), Arc::clone(&templates), Arc::clone(&rules));
        let sender = Arc::new(sender);
        let results = Arc::new(Results::new(core.config.queue_capacity));
        let queue =
            Queue::new(Arc::clone(&core), Arc::clone(&templates), Arc::clone(&results), Arc::clone(&fork_guard));
        let queue = Arc::new(queue);
        let campaigns = Campaigns::new(
            Arc::clone(&core),
            Arc::clone(&sender),
            Arc::clone(&templates),
            Arc::clone(&rules),
            Arc::clone(&queue),
        );
        let outbox = Outbox {
            core: Arc::clone(&core),
            templates: Arc::clone(&templates),
            sender: Arc::clone(&sender),
            results,
            queue,
            dispatcher: Arc::default(),
        };
        Ok(Arc::new(Parts {
            reports: Reports::new(Arc::clone(&core), Arc::clone(&templates)),
            events: Events::new(Arc::clone(&core), Arc::clone(&templates))?,
            core,
            api,
            token,
            templates,
            sender,
            rules,
            campaigns,
            outbox,
            admin: Admin::default(),
            stopped: AtomicBool::new(false),
            aborted: AtomicUsize::new(0),
            _fork_guard: fork_guard,
        }))
    }

    /// Runs one call, unless the client is closing. Its log lines are written at its end, when nothing is held any more.
    fn run<T>(&self, work: impl FnOnce(&Parts) -> Result<T, Error>) -> Result<T, Error> {
        let _lines = self.core.log.hold();
        let _running = self.core.in_flight.enter()?;
        work(self)
    }

    fn timed(&self, work: impl FnOnce(&Parts) -> Result<Verdict, Error>) -> Verdict {
        let started = Instant::now();
        let mut verdict = self.run(work).unwrap_or_else(Verdict::from);
        verdict.elapsed_ms = since(started);
        verdict
    }

    fn quota(&self, openid: &str, template_id: &str) -> Result<Verdict, Error> {
        check_id("openid", openid)?;
        check_id("template_id", template_id)?;
        let deadline = self.core.deadline();
        let template = self.templates.id_of(template_id, deadline);
        let count = self.core.engine.ask(ledger::remaining(openid.to_owned(), template), deadline)?;
        let long_term = self.templates.is_long_term(template_id, deadline);
        let remaining = if long_term { count.min(1) } else { count };
        let message = if long_term { "on is 1, off is 0".to_owned() } else { format!("{remaining} left") };
        Ok(Verdict { remaining, template_id: template_id.to_owned(), ..Verdict::ok(message) })
    }
}

/// What an operator should know when a client is opened.
fn tell_opened(config: &Config, engine: &dyn Engine, log: &Logger) -> Result<(), Error> {
    log_line!(log, Info, "wxsub {}: appid {}, store {}", env!("CARGO_PKG_VERSION"), config.appid, engine.location());
    if config.store == StoreAt::Memory {
        log_line!(log, Warn, "the store is in memory: every grant is lost when this client is closed");
    }
    if let Some(warning) = event::warning(config) {
        log_line!(log, Warn, "event: {warning}");
    }
    for warning in engine.warnings(Deadline::in_ms(config.timeout_ms))? {
        log_line!(log, Warn, "store: {warning}");
    }
    Ok(())
}

fn since(started: Instant) -> u32 {
    u32::try_from(started.elapsed().as_millis()).unwrap_or(u32::MAX)
}
