//! The ledger in Redis or Valkey, for machines that share one.
//!
//! Players are spread over buckets by their openid. All keys of a bucket carry its hash tag, so that a cluster keeps them
//! together, and a step is one script on one bucket. Time is the server's. What belongs to the account has a tag of its own.

mod buckets;
mod durability;
mod duties;
mod link;
mod node;
mod script;
mod slots;
mod told;
mod trouble;

use std::sync::atomic::{AtomicI64, AtomicU16, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::clock::{self, Deadline};
use crate::config::{Config, RedisAt, TokenMode};
use crate::error::{Error, Status};
use buckets::{BUCKETS, bucket_of};
use durability::{Facts, Proof};
use link::{Link, Request};
use script::{ACCOUNT, Script};
use told::{AccountAnswer, Answer};
use trouble::Trouble;

/// An answer that may have been lost is kept so much longer than its call's deadline.
const ONCE_MARGIN_MS: u64 = 10_000;
/// The clock of a server that answers later than this is not taken over.
const LONGEST_CLOCK_CALL: Duration = Duration::from_millis(400);
/// What the names of the keys begin with, where the configuration does not say.
const PREFIX: &str = "wxsub";

pub struct RedisStore {
    link: Link,
    appid: String,
    prefix: String,
    /// The token is of the first host's; another host's token is another.
    host: String,
    place: String,
    durable: bool,
    proof: Proof,
    /// The server's clock minus this machine's.
    ahead_ms: AtomicI64,
    /// Names calls whose answer may be lost.
    nonce: u64,
    calls: AtomicU64,
    /// The next bucket of a sweep; behind the last one when none is under way.
    swept: AtomicU16,
    /// The server's clock as the tests set it; 0: its own.
    #[cfg(test)]
    now_ms: AtomicI64,
}

/// Where a step is taken.
struct At {
    key: String,
    slot: u16,
}

impl RedisStore {
    /// Connects, and finds out how the server keeps what it is given.
    ///
    /// # Errors
    /// [`Status::Store`] when it is not reached, or does not prove that a grant is kept and shall.
    pub fn open(config: &Config, at: &RedisAt) -> Result<RedisStore, Error> {
        let deadline = Deadline::in_ms(config.timeout_ms);
        let place = at.to_string();
        let mut nonce = [0; 8];
        getrandom::fill(&mut nonce)
            .map_err(|e| Error::new(Status::Internal, format!("the system gives no random numbers: {e}")))?;
        let link = Link::new(config, at).map_err(|trouble| trouble.describe(&place))?;
        let mut store = RedisStore {
            link,
            appid: config.appid.clone(),
            prefix: config.store_prefix.clone().unwrap_or_else(|| PREFIX.to_owned()),
            host: config.api_base.first().map_or("", |h| h.as_str()).to_owned(),
            place,
            durable: config.durable,
            proof: Proof::None,
            ahead_ms: AtomicI64::new(0),
            nonce: u64::from_ne_bytes(nonce),
            calls: AtomicU64::new(0),
            swept: AtomicU16::new(BUCKETS),
            #[cfg(test)]
            now_ms: AtomicI64::new(0),
        };
        let asked = Instant::now();
        let answer = store.account("clock", json!({}), deadline)?;
        store.set_clock(&answer, asked);
        store.load_scripts(deadline);
        if store.durable {
            let facts = store.facts(deadline)?;
            store.proof = facts.iter().map(Facts::proof).min().unwrap_or(Proof::None);
            if store.proof == Proof::None {
                return Err(durability::unproven(&store.place));
            }
        }
        Ok(store)
    }

    /// Has the servers know the scripts, so that no first call is made twice. Where that is forbidden, or forgotten, they
    /// learn them by those calls.
    fn load_scripts(&self, deadline: Deadline) {
        for address in self.link.masters(deadline).unwrap_or_default() {
            for script in [&*script::ANSWER, &*script::SEND, &*script::OUTBOX] {
                let _loaded = self.link.ask(&address, &script.load(), deadline);
            }
        }
    }

    /// Takes the server's clock over, which was read in the middle of the call; not from an answer that took long.
    fn set_clock(&self, answer: &AccountAnswer, asked: Instant) {
        let took = asked.elapsed();
        if took < LONGEST_CLOCK_CALL {
            let then = clock::wall_ms() - took.as_millis() as i64 / 2;
            self.ahead_ms.store(ms(answer.now) - then, Ordering::Relaxed);
        }
    }

    fn facts(&self, deadline: Deadline) -> Result<Vec<Facts>, Error> {
        let all = || -> Result<Vec<Facts>, Trouble> {
            let masters = self.link.masters(deadline)?;
            masters.iter().map(|address| Facts::ask(&self.link, address, deadline)).collect()
        };
        all().map_err(|trouble| trouble.describe(&self.place))
    }

    fn at(&self, tag: &str) -> At {
        At { key: format!("{}:{{{tag}}}:", self.prefix), slot: slots::slot_of(tag) }
    }

    /// Takes one step and parses its answer.
    fn step<A: serde::de::DeserializeOwned>(
        &self,
        script: &Script,
        at: &At,
        step: &str,
        ask: Value,
        proven: bool,
        deadline: Deadline,
    ) -> Result<A, Error> {
        self.try_step(script, at, step, ask, proven, deadline).map_err(|trouble| trouble.describe(&self.place))
    }

    /// The same; of a step that failed, whether it was maybe done.
    fn try_step<A: serde::de::DeserializeOwned>(
        &self,
        script: &Script,
        at: &At,
        step: &str,
        mut ask: Value,
        proven: bool,
        deadline: Deadline,
    ) -> Result<A, Trouble> {
        #[cfg(test)]
        {
            let now_ms = self.now_ms.load(Ordering::Relaxed);
            ask["now"] = if now_ms == 0 { Value::Null } else { json!(now_ms) };
        }
        if ask.get("once").is_some_and(Value::is_string) {
            ask["once_ms"] = json!(deadline.left().as_millis() as u64 + ONCE_MARGIN_MS);
        }
        without_nulls(&mut ask);
        let ask = ask.to_string();
        let proof = if proven && self.durable { self.proof } else { Proof::None };
        let pack = |left: Duration, whole: bool| {
            let call = script.call(whole, &at.key, step, &ask);
            std::iter::once(call).chain(proof.command(left)).collect()
        };
        let answers = 1 + usize::from(proof.command(Duration::ZERO).is_some());
        let values = self.link.run(&Request { slot: at.slot, answers, pack: &pack }, deadline)?;
        if answers > 1 && !values.last().is_some_and(|answer| proof.is_given(answer)) {
            return Err(Trouble::Unconfirmed);
        }
        let text = match values.first() {
            Some(redis::Value::BulkString(text)) => text.as_slice(),
            _ => b"",
        };
        serde_json::from_slice(text).map_err(|e| Trouble::Lost(format!("its answer to {step} was not understood: {e}")))
    }

    /// Takes one step in the player's bucket.
    fn player_step(
        &self,
        script: &Script,
        openid: &str,
        step: &str,
        ask: Value,
        proven: bool,
        deadline: Deadline,
    ) -> Result<Answer, Error> {
        self.try_player_step(script, openid, step, ask, proven, deadline)
            .map_err(|trouble| trouble.describe(&self.place))
    }

    fn try_player_step(
        &self,
        script: &Script,
        openid: &str,
        step: &str,
        ask: Value,
        proven: bool,
        deadline: Deadline,
    ) -> Result<Answer, Trouble> {
        let bucket = bucket_of(openid);
        let answer: Answer = self.try_step(script, &self.bucket(bucket), step, ask, proven, deadline)?;
        if let Some(next) = answer.next {
            // The step is done, whether it is announced or not: the next sweep finds what was not.
            let _announced = self.hint(bucket, next, false, deadline);
        }
        Ok(answer)
    }

    fn account(&self, step: &str, ask: Value, deadline: Deadline) -> Result<AccountAnswer, Error> {
        self.step(&ACCOUNT, &self.at(&self.appid), step, ask, false, deadline)
    }

    fn token_step(
        &self,
        mode: TokenMode,
        step: &str,
        mut ask: Value,
        deadline: Deadline,
    ) -> Result<AccountAnswer, Error> {
        ask["mode"] = json!(mode.word());
        ask["host"] = json!(self.host);
        self.account(step, ask, deadline)
    }

    #[cfg(test)]
    pub fn set_now(&self, ms: i64) {
        self.now_ms.store(ms, Ordering::Relaxed);
    }

    /// A name for a call that must not be done twice when its answer is lost.
    fn once(&self) -> String {
        format!("{:016x}-{:x}", self.nonce, self.calls.fetch_add(1, Ordering::Relaxed))
    }
}

fn ms(told: f64) -> i64 {
    told as i64
}

/// Lua's JSON makes something of a null that is not nothing.
fn without_nulls(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.retain(|_, v| !v.is_null());
            map.values_mut().for_each(without_nulls);
        }
        Value::Array(list) => list.iter_mut().for_each(without_nulls),
        _ => {}
    }
}
