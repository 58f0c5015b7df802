use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use crate::answer::{Answer, with_rid};
use crate::call::Call;
use crate::clock::Clock;
use crate::endpoint::Endpoint;
use crate::fault::Faults;
use crate::login::Codes;
use crate::options::Options;
use crate::players::Players;
use crate::records::{Counters, Delivery, Records};
use crate::templates::{self, Templates};
use crate::tokens::{TokenKind, TokenState, Tokens, TooMuch};

/// Above 2^53, so that a host that reads msgid as a double is found out.
const FIRST_MSGID: i64 = 2_400_000_000_000_000_001;

/// The truth that WeChat keeps, and what is armed against it.
pub(crate) struct World {
    pub clock: Clock,
    pub appid: String,
    pub secret: String,
    pub tokens: Tokens,
    pub players: Players,
    pub templates: Templates,
    pub codes: Codes,
    pub faults: Faults,
    pub records: Records,
    pub counters: Counters,
    pub send_latency: Duration,
    pub token_latency: Duration,
    /// Rises with each reset, so that a request from before does not settle into the state after.
    pub generation: u64,
    next_msgid: i64,
    options: Options,
}

impl World {
    pub(crate) fn new(options: Options) -> Self {
        Self {
            clock: Clock::new(),
            appid: options.appid.clone(),
            secret: options.secret.clone(),
            tokens: Tokens::new(
                options.token_lifetime,
                options.token_overlap,
                options.force_refresh_spacing,
                options.force_refresh_daily,
            ),
            players: Players::new(options.initial_grants),
            templates: Templates::new(&options.templates, options.any_template),
            codes: Codes::default(),
            faults: Faults::default(),
            records: Records::new(1, options.keep),
            counters: Counters::default(),
            send_latency: options.send_latency,
            token_latency: options.token_latency,
            generation: 0,
            next_msgid: FIRST_MSGID,
            options,
        }
    }

    /// Everything as at the start, but for the clock, the msgids and the open connections.
    pub(crate) fn reset(&mut self) {
        let fresh = Self::new(self.options.clone());
        let old = std::mem::replace(self, fresh);
        self.clock = old.clock;
        self.next_msgid = old.next_msgid;
        self.generation = old.generation + 1;
        self.records = Records::new(old.records.next_seq(), self.options.keep);
        self.counters.open_connections = old.counters.open_connections;
        self.counters.max_open_connections = old.counters.open_connections;
    }

    /// What WeChat answers, with all its effects. `seq` is the request's record.
    pub(crate) fn decide(&mut self, call: &Call, seq: u64) -> Answer {
        let endpoint = call.endpoint;
        let decided = match endpoint.method() {
            Some("GET") if call.method != "GET" => Err(43001.into()),
            Some("POST") if call.method != "POST" => Err(43002.into()),
            _ => match endpoint {
                Endpoint::Send => self.send(call, seq),
                Endpoint::StableToken => self.stable_token(call),
                Endpoint::Token => self.legacy_token(call),
                Endpoint::GetTemplate => self.get_template(call),
                Endpoint::Jscode2Session => self.login(call),
                Endpoint::Other => Err(40066.into()),
            },
        };
        decided.unwrap_or_else(|refusal| match refusal.errmsg {
            Some(errmsg) => Answer::error_with(endpoint, refusal.errcode, &errmsg),
            None => Answer::error(endpoint, refusal.errcode),
        })
    }

    /// Sections 2 and 3: 41001 missing, 40001 dead, 42001 expired.
    pub(crate) fn token_complaint(&self, call: &Call) -> Option<i64> {
        match call.param("access_token") {
            None => Some(41001),
            Some(token) => match self.tokens.state(token, self.clock.now()) {
                TokenState::Good => None,
                TokenState::Dead => Some(40001),
                TokenState::Expired => Some(42001),
            },
        }
    }

    fn send(&mut self, call: &Call, seq: u64) -> Result<Answer, Refusal> {
        if let Some(errcode) = self.token_complaint(call) {
            return Err(errcode.into());
        }
        let body = call.json.as_ref().filter(|b| b.is_object()).ok_or(47001)?;
        let openid = call.openid().ok_or(40003)?;
        if self.players.get(openid).foreign {
            return Err(40003.into());
        }
        let template_id = call.template_id().filter(|id| self.templates.takes(id)).ok_or(40037)?;
        let template = self.templates.get(template_id);
        if let Some(complaint) = templates::complaint(body.get("data").unwrap_or(&Value::Null), template) {
            return Err(Refusal { errcode: 47003, errmsg: Some(complaint) });
        }
        let allowed = if template.is_none_or(|t| t.is_counted()) {
            self.players.spend(openid, template_id)
        } else {
            self.players.remaining(openid, template_id) > 0
        };
        if !allowed {
            return Err(43101.into());
        }
        let msgid = self.next_msgid;
        self.next_msgid += 1;
        let text = |name: &str| call.field(name).map(str::to_owned);
        let delivery = Arc::new(Delivery {
            openid: openid.to_owned(),
            template_id: template_id.to_owned(),
            data: body["data"].clone(),
            page: text("page"),
            miniprogram_state: text("miniprogram_state"),
            lang: text("lang"),
            msgid,
            time_ms: self.clock.unix_ms(),
            request: seq,
            body: call.body.clone(),
        });
        self.players.get(openid).delivered += 1;
        self.counters.delivered += 1;
        self.counters.forgotten += self.records.delivered(delivery.clone());
        if let Some(record) = self.records.request(seq) {
            record.msgid = Some(msgid);
        }
        let mut answer = Answer::ok(call.endpoint, format!(r#"{{"errcode":0,"errmsg":"ok","msgid":{msgid}}}"#));
        answer.delivered = Some(delivery);
        Ok(answer)
    }

    fn stable_token(&mut self, call: &Call) -> Result<Answer, Refusal> {
        let body = call.json.as_ref().filter(|b| b.is_object()).ok_or(47001)?;
        self.check_account(call.field("appid"), call.field("secret"), call.field("grant_type"), "client_credential")?;
        let force = body.get("force_refresh").and_then(Value::as_bool).unwrap_or(false);
        let (token, left) = self.tokens.stable(force, self.clock.now()).map_err(|e| match e {
            TooMuch::TooEarly => self.options.force_too_early_errcode,
            TooMuch::TooMany => self.options.force_too_many_errcode,
        })?;
        Ok(token_answer(call.endpoint, &token, left))
    }

    fn legacy_token(&mut self, call: &Call) -> Result<Answer, Refusal> {
        self.check_account(call.param("appid"), call.param("secret"), call.param("grant_type"), "client_credential")?;
        let (token, left) = self.tokens.legacy(self.clock.now());
        Ok(token_answer(call.endpoint, &token, left))
    }

    /// Section 2: a bad appid comes before anything else.
    fn check_account(
        &self,
        appid: Option<&str>,
        secret: Option<&str>,
        grant_type: Option<&str>,
        wanted: &str,
    ) -> Result<(), Refusal> {
        if appid.ok_or(41002)? != self.appid {
            return Err(40013.into());
        }
        let secret = secret.ok_or(41004)?;
        if grant_type != Some(wanted) {
            return Err(40002.into());
        }
        if secret != self.secret {
            let errcode = self.options.wrong_secret_errcode;
            let errmsg =
                (errcode == 40001).then(|| "invalid credential, access_token is invalid or not latest".to_owned());
            return Err(Refusal { errcode, errmsg });
        }
        Ok(())
    }

    fn get_template(&mut self, call: &Call) -> Result<Answer, Refusal> {
        if let Some(errcode) = self.token_complaint(call) {
            return Err(errcode.into());
        }
        let body = json!({ "errcode": 0, "errmsg": "ok", "data": self.templates.list() });
        Ok(Answer::ok(call.endpoint, body.to_string()))
    }

    fn login(&mut self, call: &Call) -> Result<Answer, Refusal> {
        self.check_account(call.param("appid"), call.param("secret"), call.param("grant_type"), "authorization_code")?;
        let session = self.codes.redeem(call.param("js_code").ok_or(41008)?)?;
        let mut body = json!({ "session_key": session.session_key, "openid": session.openid });
        if let Some(unionid) = session.unionid {
            body["unionid"] = unionid.into();
        }
        Ok(Answer::ok(call.endpoint, body.to_string()))
    }

    /// The current token of a kind; a new one if there is none that works.
    pub(crate) fn current_token(&mut self, kind: TokenKind) -> String {
        let now = self.clock.now();
        match self.tokens.current(kind) {
            Some(token) if self.tokens.state(token, now) == TokenState::Good => token.to_owned(),
            _ if kind == TokenKind::Legacy => self.tokens.legacy(now).0,
            _ => self.tokens.stable(false, now).map(|(token, _)| token).unwrap_or_default(),
        }
    }

    /// The broken text of [`crate::FaultKind::BrokenErrmsg`].
    pub(crate) fn broken(endpoint: Endpoint, errcode: i64, msgid: Option<i64>) -> Answer {
        let mut body = format!(r#"{{"errcode":{errcode},"errmsg":"broken "#).into_bytes();
        body.extend_from_slice(b"\x01\x0b\n\x7f \xff\xfe\xc3\x28 \xe4\xbd");
        body.extend_from_slice(with_rid(endpoint, "").as_bytes());
        body.push(b'"');
        if let Some(msgid) = msgid {
            body.extend_from_slice(format!(r#","msgid":{msgid}"#).as_bytes());
        }
        body.push(b'}');
        Answer { errcode, ..Answer::ok(endpoint, body) }
    }
}

fn token_answer(endpoint: Endpoint, token: &str, left: u64) -> Answer {
    Answer::ok(endpoint, format!(r#"{{"access_token":"{token}","expires_in":{left}}}"#))
}

/// A refusal by code, with its own text where the typical one won't do.
struct Refusal {
    errcode: i64,
    errmsg: Option<String>,
}

impl From<i64> for Refusal {
    fn from(errcode: i64) -> Self {
        Self { errcode, errmsg: None }
    }
}
