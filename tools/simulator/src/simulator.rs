use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::runtime::Runtime;
use tokio::sync::watch;

use crate::endpoint::Endpoint;
use crate::fault::Fault;
use crate::login::LoginCode;
use crate::options::Options;
use crate::players::{Choice, PlayerView};
use crate::push::{self, Push, PushReport, Pushed};
use crate::records::{Counters, Delivery, RequestRecord};
use crate::server;
use crate::shared::Shared;
use crate::templates::Template;
use crate::tls::Tls;
use crate::tokens::TokenKind;
use crate::world::World;

/// A running WeChat. Any thread may use it; dropping it closes every connection and frees the ports.
pub struct Simulator {
    shared: Arc<Shared>,
    runtime: Option<Runtime>,
    port: u16,
    https_port: Option<u16>,
}

impl Simulator {
    /// Starts one and returns when it listens.
    ///
    /// # Panics
    /// When [`Simulator::try_start`] fails.
    pub fn start(options: Options) -> Self {
        Self::try_start(options).unwrap_or_else(|e| panic!("the WeChat simulator can't start: {e}"))
    }

    /// Starts one and returns when it listens. Fails when a port is taken.
    pub fn try_start(options: Options) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("wxsub-simulator")
            .enable_all()
            .build()?;
        let tls = options.https.map(|_| Tls::new()).transpose()?;
        let shared = Arc::new(Shared {
            on_delivery: options.on_delivery.clone(),
            tls,
            idle_timeout: options.idle_timeout,
            drops: watch::Sender::new(0),
            offline: watch::Sender::new(false),
            connections: Mutex::default(),
            open_listeners: AtomicUsize::new(0),
            listeners: AtomicUsize::new(0),
            world: Mutex::new(World::new(options.clone())),
        });
        let listen = |port: u16, https: bool| -> io::Result<u16> {
            let _inside = runtime.enter();
            let listener = server::bind(port)?;
            let port = listener.local_addr()?.port();
            shared.listeners.fetch_add(1, Ordering::AcqRel);
            shared.open_listeners.fetch_add(1, Ordering::AcqRel);
            runtime.spawn(server::accept(shared.clone(), listener, port, https));
            Ok(port)
        };
        let port = listen(options.port, false)?;
        let https_port = options.https.map(|port| listen(port, true)).transpose()?;
        Ok(Self { shared, runtime: Some(runtime), port, https_port })
    }

    /// `http://127.0.0.1:PORT`: the `api_base` of a server under test.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// `https://127.0.0.1:PORT`, if [`Options::https`] asked for it; the certificate is good for `localhost` too.
    pub fn https_url(&self) -> Option<String> {
        self.https_port.map(|port| format!("https://127.0.0.1:{port}"))
    }

    /// The HTTP port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The CA that HTTPS is signed with, as PEM.
    pub fn ca_pem(&self) -> Option<&str> {
        self.shared.tls.as_ref().map(|tls| tls.ca_pem.as_str())
    }

    /// The account's appid.
    pub fn appid(&self) -> String {
        self.shared.world.lock().appid.clone()
    }

    /// The account's secret.
    pub fn secret(&self) -> String {
        self.shared.world.lock().secret.clone()
    }

    // Players (section 1).

    /// The player accepts `n` dialogs for a template: so many more messages. Returns what is there now; with the main switch off no
    /// dialog is shown, so nothing is added and the answer is 0.
    pub fn grant(&self, openid: &str, template_id: &str, n: u64) -> u64 {
        self.shared.world.lock().players.grant(openid, template_id, n)
    }

    /// The player refuses: what was accumulated for the template is gone.
    pub fn refuse(&self, openid: &str, template_id: &str) {
        self.shared.world.lock().players.set(openid, template_id, 0);
    }

    /// The player turns the main switch of subscribe messages off (everything accumulated is gone) or on.
    pub fn main_switch(&self, openid: &str, on: bool) {
        self.shared.world.lock().players.main_switch(openid, on);
    }

    /// The player answers a dialog about a template or system type; `keep` ticks "always keep this choice".
    pub fn answer(&self, openid: &str, id: &str, choice: Choice, keep: bool) {
        self.shared.world.lock().players.answer(openid, id, choice, keep);
    }

    /// The player sets a template or system type on WeChat's settings page; `None` takes the kept choice back.
    pub fn set_setting(&self, openid: &str, id: &str, choice: Option<Choice>) {
        self.shared.world.lock().players.keep(openid, id, choice);
    }

    /// Messages that the player still allows: what WeChat knows and tells nobody.
    pub fn remaining(&self, openid: &str, template_id: &str) -> u64 {
        self.shared.world.lock().players.remaining(openid, template_id)
    }

    /// Makes an openid one of another appid: sends to it are answered 40003 (section 3).
    pub fn set_foreign(&self, openid: &str, foreign: bool) {
        self.shared.world.lock().players.get(openid).foreign = foreign;
    }

    /// All about one player.
    pub fn player(&self, openid: &str) -> PlayerView {
        self.shared.world.lock().players.view(openid)
    }

    /// All about every player that was ever mentioned, by openid.
    pub fn players(&self) -> Vec<PlayerView> {
        self.shared.world.lock().players.all()
    }

    /// A code for `/sns/jscode2session` (section 5). `code-OPENID` and `code-OPENID~ANYTHING` work without.
    pub fn add_code(&self, code: LoginCode) {
        self.shared.world.lock().codes.register(code);
    }

    // Templates (sections 4 and 5).

    /// Registers a template, or replaces the one of the same id. From now on its rules are checked, and ids of no template are
    /// answered 40037 unless [`Options::any_template`] or [`Simulator::set_any_template`] says otherwise.
    pub fn add_template(&self, template: Template) {
        self.shared.world.lock().templates.add(template);
    }

    /// Deletes a template; false when there was none.
    pub fn remove_template(&self, id: &str) -> bool {
        self.shared.world.lock().templates.remove(id)
    }

    /// The account's templates, in the order of gettemplate.
    pub fn templates(&self) -> Vec<Template> {
        self.shared.world.lock().templates.list()
    }

    /// Whether ids of no template are taken.
    pub fn set_any_template(&self, any: bool) {
        self.shared.world.lock().templates.any = Some(any);
    }

    // Tokens (section 2).

    /// A token that works, as another server of the team would get it: the current one, or a new one if there is none.
    pub fn token(&self, kind: TokenKind) -> String {
        self.shared.world.lock().current_token(kind)
    }

    /// The current token is dead from now on: 40001. Returns it, if there was one.
    pub fn kill_token(&self, kind: TokenKind) -> Option<String> {
        let mut world = self.shared.world.lock();
        let now = world.clock.now();
        world.tokens.kill(kind, now)
    }

    /// Whether the stable endpoint hands a dead token out again until a refresh is forced.
    pub fn set_sticky_dead_token(&self, sticky: bool) {
        self.shared.world.lock().tokens.sticky_dead = sticky;
    }

    /// The life of tokens issued from now on.
    pub fn set_token_lifetime(&self, lifetime: Duration) {
        self.shared.world.lock().tokens.lifetime = lifetime;
    }

    /// How long a token goes on after it was replaced; see [`Options::token_overlap`].
    pub fn set_token_overlap(&self, overlap: Option<Duration>) {
        self.shared.world.lock().tokens.overlap = overlap;
    }

    /// The limits of forced refreshes.
    pub fn set_force_limits(&self, spacing: Duration, daily: usize) {
        let tokens = &mut self.shared.world.lock().tokens;
        (tokens.force_spacing, tokens.force_daily) = (spacing, daily);
    }

    /// The operator resets the secret; tokens live on.
    pub fn set_secret(&self, secret: &str) {
        self.shared.world.lock().secret = secret.to_owned();
    }

    // Time and trouble.

    /// How long sends take from now on.
    pub fn set_send_latency(&self, latency: Duration) {
        self.shared.world.lock().send_latency = latency;
    }

    /// How long token requests take from now on.
    pub fn set_token_latency(&self, latency: Duration) {
        self.shared.world.lock().token_latency = latency;
    }

    /// Moves the simulator's clock ahead: tokens age, limits run out.
    pub fn advance(&self, by: Duration) {
        self.shared.world.lock().clock.advance(by);
    }

    /// The simulator's clock, in Unix milliseconds.
    pub fn now_ms(&self) -> u64 {
        self.shared.world.lock().clock.unix_ms()
    }

    /// Adds a fault to the queue.
    pub fn arm(&self, fault: Fault) {
        self.shared.world.lock().faults.arm(fault);
    }

    /// The faults that are still armed; `times` is what is left.
    pub fn faults(&self) -> Vec<Fault> {
        self.shared.world.lock().faults.list()
    }

    /// Disarms everything.
    pub fn clear_faults(&self) {
        self.shared.world.lock().faults.clear();
    }

    /// Closes every connection, busy or idle; returns when done. Requests in progress end as [`crate::Outcome::Abandoned`].
    pub fn drop_connections(&self) {
        let dropped = self.shared.drop_connections();
        self.wait_until(|shared| shared.are_closed(&dropped));
    }

    /// Stops listening and drops all connections (`true`: new ones are refused), or comes back on the same ports. Returns when done.
    pub fn set_offline(&self, offline: bool) {
        self.shared.offline.send_replace(offline);
        let dropped = if offline { self.shared.drop_connections() } else { Vec::new() };
        self.wait_until(|shared| shared.offline_settled() && shared.are_closed(&dropped));
    }

    fn wait_until(&self, is_so: impl Fn(&Shared) -> bool) {
        let deadline = Instant::now() + Duration::from_secs(2);
        while !is_so(&self.shared) && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    // Records.

    /// The delivered messages, oldest first.
    pub fn deliveries(&self) -> Vec<Arc<Delivery>> {
        self.shared.world.lock().records.deliveries().cloned().collect()
    }

    /// The messages delivered to one player, oldest first.
    pub fn deliveries_to(&self, openid: &str) -> Vec<Arc<Delivery>> {
        self.shared.world.lock().records.deliveries().filter(|d| d.openid == openid).cloned().collect()
    }

    /// Every request that reached WeChat, answered or not, oldest first.
    pub fn requests(&self) -> Vec<RequestRecord> {
        self.shared.world.lock().records.requests().cloned().collect()
    }

    /// Every request that reached one endpoint.
    pub fn requests_to(&self, endpoint: Endpoint) -> Vec<RequestRecord> {
        self.shared.world.lock().records.requests().filter(|r| r.endpoint == endpoint).cloned().collect()
    }

    /// Every send to one player, answered or not.
    pub fn sends_to(&self, openid: &str) -> Vec<RequestRecord> {
        self.shared.world.lock().records.requests().filter(|r| r.openid.as_deref() == Some(openid)).cloned().collect()
    }

    /// What was counted.
    pub fn counters(&self) -> Counters {
        self.shared.world.lock().counters.clone()
    }

    /// Waits until `wanted` holds for the counters; false when it does not come true in time.
    pub fn wait_for(&self, timeout: Duration, wanted: impl Fn(&Counters) -> bool) -> bool {
        let deadline = Instant::now() + timeout;
        loop {
            if wanted(&self.shared.world.lock().counters) {
                return true;
            }
            if Instant::now() >= deadline {
                return false;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Everything as at the start: players, tokens, templates, codes, faults, latencies, records, counters. The clock, the msgids and
    /// open connections go on.
    pub fn reset(&self) {
        self.shared.world.lock().reset();
    }

    // Events (section 6).

    /// Builds the request with which WeChat would push this event, for `wxsub_handle_event` and the like.
    pub fn push(&self, event: &Push) -> Result<Pushed, String> {
        push::build(&self.shared, event)
    }

    /// Pushes the event to an HTTP endpoint on loopback as WeChat does: up to three tries until it answers `success` or nothing.
    ///
    /// # Panics
    /// On a thread of an async runtime, where it would block.
    pub fn push_to(&self, event: &Push, url: &str) -> Result<PushReport, String> {
        let pushed = self.push(event)?;
        let runtime = self.runtime.as_ref().expect("there until drop");
        runtime.block_on(push::deliver(&pushed, url))
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        let Some(runtime) = self.runtime.take() else {
            return;
        };
        if tokio::runtime::Handle::try_current().is_ok() {
            runtime.shutdown_background();
        } else {
            runtime.shutdown_timeout(Duration::from_secs(2));
        }
    }
}
