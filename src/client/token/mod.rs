//! Getting the access token: from memory, from the store, from WeChat, or from the host.

mod cache;
mod endpoint;
mod failures;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use serde::Serialize;

use super::api_transport::ApiTransport;
use super::core::Core;
use super::maintenance::Chore;
use crate::clock::{Deadline, Now};
use crate::config::TokenMode;
use crate::error::{Error, Status};
use crate::json;
use crate::ledger::{self, Concerned, TokenAsk, TokenClaim, TokenRefusal, TokenSlot};
use crate::log::log_line;
use crate::secret::Secret;
use crate::wechat::TokenResponse;
use cache::{Held, TokenCache};
use endpoint::{NoToken, TokenEndpoint};
use failures::{OwnFailure, way_to_wechat};

/// An asker's lease lasts this much longer than its deadline.
const LEASE_MARGIN_MS: i64 = 1000;
/// With less time than this left of a call, a token would come too late.
const LEAST_LEFT: Duration = Duration::from_millis(20);
/// Background renewal has time: nobody waits for it.
const RENEWAL_MS: u64 = 10_000;

/// How the access token stands, for operators: never the token itself.
#[derive(Debug, Serialize)]
pub struct TokenReport {
    mode: &'static str,
    /// Where this process would take one from: its memory, the store, or none is there.
    source: &'static str,
    age_ms: Option<i64>,
    left_ms: Option<i64>,
    /// Requests in a row that failed.
    failures: u32,
    /// What the last of those said.
    why: Option<String>,
}

/// Where access tokens come from.
pub struct TokenSource {
    core: Arc<Core>,
    endpoint: TokenEndpoint,
    cache: TokenCache,
    slot: TokenSlot,
    transport: Arc<ApiTransport>,
    /// Those who ask by the built-in transport, and by the host's own: its failures are this process's.
    concerned: [Concerned; 2],
    own_failure: OwnFailure,
    renewal_wanted: AtomicBool,
    /// By the boot clock: not again right after a failure.
    renew_not_before: AtomicI64,
}

impl TokenSource {
    pub fn new(core: Arc<Core>, transport: Arc<ApiTransport>) -> TokenSource {
        let config = &core.config;
        let host = config.api_base.first().map_or("", |host| host.as_str());
        TokenSource {
            endpoint: TokenEndpoint::new(Arc::clone(&core), Arc::clone(&transport)),
            transport,
            cache: TokenCache::default(),
            slot: TokenSlot::new(config.token.word(), host),
            concerned: [way_to_wechat(config, core.process), format!("transport of {}", core.process)]
                .map(|way| Concerned::new(&config.appid, config.secret.as_ref(), &way)),
            own_failure: OwnFailure::default(),
            renewal_wanted: AtomicBool::new(false),
            renew_not_before: AtomicI64::new(i64::MIN),
            core,
        }
    }

    /// Requests for an access token so far.
    pub fn requests(&self) -> u64 {
        self.endpoint.requests()
    }

    /// How the token stands, without the token.
    ///
    /// # Errors
    /// [`Status::Store`] when its record can't be read.
    pub fn report(&self, deadline: Deadline) -> Result<TokenReport, Error> {
        let inspect = ledger::inspect_token(&self.slot, self.concerned(), self.own_failure.read(&Now::read()));
        let stored = self.core.engine.ask(inspect, deadline)?;
        let held = self.cache.times(&Now::read()).map(|times| ("memory", times));
        let found = held.or(stored.times.map(|times| ("store", times)));
        Ok(TokenReport {
            mode: self.mode().word(),
            source: found.map_or("none", |(source, _)| source),
            age_ms: found.map(|(_, (life_ms, left_ms))| (life_ms - left_ms).max(0)),
            left_ms: found.map(|(_, (_, left_ms))| left_ms),
            failures: stored.failures,
            why: stored.why,
        })
    }

    fn concerned(&self) -> Concerned {
        self.concerned[usize::from(self.transport.is_the_hosts())]
    }

    fn mode(&self) -> TokenMode {
        self.core.config.token
    }

    /// A token to send with.
    ///
    /// # Errors
    /// [`Status::Auth`] when an operator or the host must act; [`Status::Connect`], [`Status::Busy`], [`Status::Store`]
    /// when it may work later; nothing was sent.
    pub fn get(&self, deadline: Deadline) -> Result<Secret, Error> {
        match self.cache.read(&Now::read()) {
            Held::Good(token) => return Ok(token),
            Held::Aging(token) => {
                self.renewal_wanted.store(self.mode() != TokenMode::External, Ordering::Relaxed);
                return Ok(token);
            }
            Held::Nothing => {}
        }
        let Some(_gate) = self.cache.enter(deadline) else {
            return Err(no_token_in_time());
        };
        match self.cache.read(&Now::read()) {
            Held::Good(token) | Held::Aging(token) => Ok(token),
            Held::Nothing if self.mode() == TokenMode::External => self.handed_in(deadline),
            Held::Nothing => self.obtain(0, deadline),
        }
    }

    /// WeChat refused this token: nobody shall use it again.
    pub fn refused(&self, token: &Secret, why: &Error) {
        let said = TokenRefusal { errcode: why.errcode, http_status: why.http_status };
        self.cache.drop_refused(token, said);
        self.tell_refused(token, said);
    }

    /// Nobody waits for it; whoever asks for a token after this sees it.
    fn tell_refused(&self, token: &Secret, said: TokenRefusal) {
        self.core.engine.run_later(ledger::token_refused(&self.slot, token.clone(), said));
    }

    /// WeChat accepted this token: should it refuse it one day, the next one is asked for at once.
    pub fn accepted(&self, token: &Secret) {
        if self.cache.note_accepted(token) {
            self.core.engine.run_later(ledger::token_accepted(&self.slot, token.clone()));
        }
    }

    /// The host hands a token in.
    pub fn set(&self, token: Secret, expires_in_s: u32) -> Result<(), Error> {
        let wrong = |why: &str| Err(Error::new(Status::Arg, why));
        if self.mode() != TokenMode::External {
            return wrong(
                "this client gets its own tokens; wxsub_set_token needs \"token\": \"external\" in the configuration",
            );
        }
        if token.expose().is_empty()
            || token.expose().chars().any(|c| c.is_whitespace() || c.is_control() || c == json::BOM)
        {
            return wrong("the access_token is empty, or holds a space, a control character or a byte order mark");
        }
        if expires_in_s == 0 {
            return wrong("expires_in_s is 0: the token is dead already");
        }
        let life_ms = i64::from(expires_in_s) * 1000;
        let now = Now::read();
        self.cache.put(token.clone(), life_ms, life_ms, &now);
        let operation = ledger::put_token(&self.slot, None, token, life_ms, self.concerned());
        if let Err(e) = self.core.engine.run(operation, Deadline::in_ms(1000)) {
            log_line!(
                self.core.log,
                Warn,
                "the token handed in works here, but is not in the store for others: {}",
                e.message
            );
        }
        Ok(())
    }

    /// Asks WeChat for a token although there may be one: whether appid, secret and IP are right. Not with legacy
    /// tokens, where asking kills the one in use.
    ///
    /// # Errors
    /// What an operator must know.
    pub fn prove(&self, deadline: Deadline) -> Result<(), Error> {
        match self.mode() {
            TokenMode::Stable => self.endpoint.request(false, deadline).map(drop).map_err(|no| no.why),
            TokenMode::Legacy | TokenMode::External => self.get(deadline).map(drop),
        }
    }

    fn handed_in(&self, deadline: Deadline) -> Result<Secret, Error> {
        let now = Now::read();
        let stored = self.core.engine.ask(ledger::read_token(&self.slot), deadline)?;
        let usable = stored.and_then(|stored| self.cache.refusal(&stored.token).map_or(Ok(stored), Err));
        let stored = usable.map_err(|said| {
            let why = "there is no access token that works: hand in a new one with wxsub_set_token";
            said.of(Error::new(Status::Auth, why))
        })?;
        self.cache.put(stored.token.clone(), stored.left_ms, stored.life_ms, &now);
        Ok(stored.token)
    }

    /// Gets a token that others left in the store, if more than `need_ms` is left of it, or asks WeChat. The caller is
    /// through the gate.
    fn obtain(&self, need_ms: i64, deadline: Deadline) -> Result<Secret, Error> {
        let mut last = None;
        loop {
            // What ends here is the wait for a token, not the store.
            if deadline.left() < LEAST_LEFT {
                return Err(last.unwrap_or_else(no_token_in_time));
            }
            let now = Now::read();
            let lease_ms = deadline.left().as_millis() as i64 + LEASE_MARGIN_MS;
            let (concerned, own_failure) = (self.concerned(), self.own_failure.read(&now));
            let ask = TokenAsk { holder: self.core.process, lease_ms, need_ms, concerned, own_failure };
            let claim = match self.core.engine.run(ledger::claim_token(&self.slot, ask), deadline) {
                Ok(claim) => claim,
                Err(e) => return Err(last.unwrap_or(e.nothing_sent())),
            };
            match claim {
                TokenClaim::Ready(stored) => match self.cache.refusal(&stored.token) {
                    // Refused in this process a moment ago, which the store is about to hear.
                    Some(said) => {
                        self.tell_refused(&stored.token, said);
                        // Nor does it hear it at once where it cannot be written.
                        self.pause(Duration::from_millis(fastrand::u64(5..25)), deadline)?;
                    }
                    None => {
                        self.own_failure.forget();
                        self.cache.put(stored.token.clone(), stored.left_ms, stored.life_ms, &now);
                        return Ok(stored.token);
                    }
                },
                TokenClaim::Wait(ms) => {
                    self.pause(Duration::from_millis(fastrand::u64(5..25).min(ms.unsigned_abs())), deadline)?;
                }
                TokenClaim::Failed(why, ms) => last = Some(self.wait_out(why, ms, deadline)?),
                TokenClaim::Ask { dead, failures } => match self.ask(dead, deadline) {
                    Ok(answer) => match self.keep(answer, deadline) {
                        Some(token) => return Ok(token),
                        None => last = None,
                    },
                    Err(no) if self.core.in_flight.is_aborted() || deadline.is_over() => {
                        return Err(self.give_up(&no, failures));
                    }
                    Err(no) => last = Some(self.failed(&no, failures, deadline)?),
                },
            }
        }
    }

    fn pause(&self, pause: Duration, deadline: Deadline) -> Result<(), Error> {
        if deadline.left() <= pause {
            return Err(no_token_in_time());
        }
        self.core.in_flight.sleep(pause)
    }

    /// Asks WeChat. If the stable endpoint repeats the token that is known dead, once more by force.
    fn ask(&self, dead: Option<(Secret, TokenRefusal)>, deadline: Deadline) -> Result<TokenResponse, NoToken> {
        let answer = self.endpoint.request(false, deadline)?;
        // Only the stable endpoint repeats tokens, and only it can be forced.
        let repeated = dead.filter(|(dead, _)| self.mode() == TokenMode::Stable && *dead == answer.access_token);
        let Some((_, said)) = repeated else { return Ok(answer) };
        match self.core.engine.run(ledger::force_token(), deadline).map_err(Error::nothing_sent)? {
            Ok(()) => {
                log_line!(
                    self.core.log,
                    Warn,
                    "WeChat handed out the token again that it refuses; asking for another by force"
                );
                self.endpoint.request(true, deadline)
            }
            Err(ms) => {
                let why = format!(
                    "WeChat hands out the token again that it refuses; another forced refresh is allowed in {} s",
                    ms / 1000
                );
                let after_ms = u32::try_from(ms).unwrap_or(u32::MAX);
                Err(said.of(Error::new(Status::Auth, why).after_ms(after_ms)).into())
            }
        }
    }

    /// Keeps it for all. None: it came so late that another process has asked for one since.
    fn keep(&self, answer: TokenResponse, deadline: Deadline) -> Option<Secret> {
        let now = Now::read();
        let (token, life_ms) = (answer.access_token, i64::from(answer.expires_in_s) * 1000);
        let put = || ledger::put_token(&self.slot, Some(self.core.process), token.clone(), life_ms, self.concerned());
        match self.core.engine.run(put(), deadline) {
            Ok(true) => {}
            Ok(false) => {
                log_line!(
                    self.core.log,
                    Warn,
                    "an access token came too late: another process asked for one meanwhile"
                );
                return None;
            }
            Err(e) => {
                let why = &e.message;
                log_line!(
                    self.core.log,
                    Warn,
                    "the new token works here, but is not in the store for others yet: {why}"
                );
                self.core.engine.run_later(put());
            }
        }
        self.own_failure.forget();
        self.cache.put(token.clone(), life_ms, life_ms, &now);
        let (mode, life_s) = (self.mode().word(), answer.expires_in_s);
        log_line!(self.core.log, Info, "new {mode} access token, good for {life_s} s");
        Some(token)
    }
}

impl Chore for TokenSource {
    fn is_due(&self) -> bool {
        self.renewal_wanted.load(Ordering::Relaxed)
            && Now::read().boot_ms >= self.renew_not_before.load(Ordering::Relaxed)
    }

    /// Renews the token ahead of its end; the senders go on with the old one.
    fn run(&self) -> Result<(), Error> {
        if !self.is_due() {
            return Ok(());
        }
        self.renewal_wanted.store(false, Ordering::Relaxed);
        let Some(_gate) = self.cache.try_enter() else { return Ok(()) };
        let Some(need_ms) = self.cache.aging(&Now::read()) else { return Ok(()) };
        if let Err(e) = self.obtain(need_ms, Deadline::in_ms(RENEWAL_MS)) {
            let pause_ms = i64::from(e.retry_after_ms).max(1000);
            self.renew_not_before.store(Now::read().boot_ms + pause_ms, Ordering::Relaxed);
            log_line!(self.core.log, Warn, "the token could not be renewed ahead of its end: {}", e.message);
        }
        Ok(())
    }
}

fn no_token_in_time() -> Error {
    Error::new(
        Status::Connect,
        "no access token until the deadline: another call or process was asking; nothing was sent",
    )
    .after_ms(500)
}
