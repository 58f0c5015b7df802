//! The access token, shared among processes: one asks, all use; and the budgets that keep an account alive.

mod daily_limit;
mod record;

use sha2::{Digest, Sha256};

use super::codec::Damage;
use crate::error::{Error, Status};
use crate::secret::Secret;
use crate::store::{Changes, Name, Operation, Stop, View};
use daily_limit::DailyLimit;
pub use record::Failure;
use record::{Kept, Record};

/// Forced refreshes that WeChat allows a day, and how far apart (docs/wechat-api.md, section 2).
const FORCED: DailyLimit = DailyLimit { what: "forced-refreshes", per_day: 20, apart_ms: 30_000 };
/// WeChat allows some 2000 legacy tokens a day (docs/wechat-api.md, section 2), and then the whole account stands still. A request
/// that came to no token is given back, unless its answer was lost: WeChat may have made one.
const LEGACY: DailyLimit = DailyLimit { what: "legacy-tokens", per_day: 500, apart_ms: 0 };
/// How long nobody asks for another token after a second in a row that WeChat never accepted, doubling up to …
const REFUSED_PAUSE_MS: i64 = 60_000;
/// … this.
const LONGEST_REFUSED_PAUSE_MS: i64 = 3_600_000;
/// What is left of the budgets of two ledgers: this one's, which goes on. None: the record is another one.
pub fn join(name: &Name, here: &[u8], _other: &[u8]) -> Option<Result<Vec<u8>, Damage>> {
    [FORCED.name(), LEGACY.name()].contains(name).then(|| Ok(here.to_vec()))
}

/// A token as another process, or an earlier life of this one, left it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredToken {
    /// The token.
    pub token: Secret,
    /// Milliseconds that are left of it, by whichever clock says less.
    pub left_ms: i64,
    /// Milliseconds it was good for when it was handed out.
    pub life_ms: i64,
}

/// What WeChat said when it refused a token; zeros: not known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TokenRefusal {
    /// WeChat's.
    pub errcode: i32,
    /// HTTP's.
    pub http_status: i32,
}

impl TokenRefusal {
    /// The failure that came of it.
    pub fn of(self, why: Error) -> Error {
        why.answered(self.errcode, self.http_status)
    }
}

/// Whose token: in one mode, at one host.
#[derive(Clone, Debug)]
pub struct TokenSlot {
    name: Name,
    legacy: bool,
}

impl TokenSlot {
    /// `host`: the first one that is configured; another host's token is another.
    pub fn new(mode: &str, host: &str) -> TokenSlot {
        TokenSlot { name: Name::account(&format!("token:{mode}:{host}")), legacy: mode == "legacy" }
    }
}

/// Who asks for a new token.
#[derive(Clone, Debug)]
pub struct TokenAsk {
    /// Names the caller among all processes.
    pub holder: i64,
    /// How long others wait for it at most.
    pub lease_ms: i64,
    /// A token with less left than this is not good enough.
    pub need_ms: i64,
    /// Whose failures are the caller's own.
    pub concerned: Concerned,
    /// The caller's last one, of which the record may know no more.
    pub own_failure: Option<Failure>,
}

/// Whom a failure concerns, by digests.
#[derive(Clone, Copy, Debug)]
pub struct Concerned {
    /// Of the secret that is used.
    pub secret: u64,
    /// Of the machine and its way to WeChat, whose address WeChat sees.
    pub machine: u64,
}

impl Concerned {
    /// Digests of both; neither can be told from them.
    pub fn new(appid: &str, secret: Option<&Secret>, machine: &str) -> Concerned {
        let digest = |parts: [&str; 3]| {
            let mut hasher = Sha256::new();
            parts.iter().for_each(|part| {
                hasher.update((part.len() as u64).to_be_bytes());
                hasher.update(part.as_bytes());
            });
            let digest: [u8; 32] = hasher.finalize().into();
            // 0 is everybody's.
            digest.first_chunk::<8>().map_or(1, |first| u64::from_be_bytes(*first)).max(1)
        };
        let secret = secret.map_or("", Secret::expose);
        Concerned { secret: digest(["secret", appid, secret]), machine: digest(["machine", appid, machine]) }
    }

    /// The digest of those whom a failure of this scope concerns; 0: everybody.
    pub fn whose(&self, scope: FailureScope) -> u64 {
        match scope {
            FailureScope::Everybody => 0,
            FailureScope::Secret => self.secret,
            FailureScope::Machine => self.machine,
        }
    }

    fn is_one_of(&self, failure: &Failure) -> bool {
        [0, self.secret, self.machine].contains(&failure.whose)
    }
}

/// Whom a failure concerns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureScope {
    /// All.
    Everybody,
    /// Those with the same secret.
    Secret,
    /// Those on the same machine, with the same way to WeChat.
    Machine,
}

/// Whether to ask WeChat for a token.
#[derive(Debug)]
pub enum TokenClaim {
    /// No: here is a good one.
    Ready(StoredToken),
    /// Yes.
    Ask {
        /// The token that WeChat refused last, and what it said.
        dead: Option<(Secret, TokenRefusal)>,
        /// Tries that failed since the last success.
        failures: u32,
    },
    /// Another process asks; for how many milliseconds at most.
    Wait(i64),
    /// Asking is no use: why, and for how many milliseconds.
    Failed(Error, i64),
}

/// A step on the token's record; written when `change` says so.
fn on_record<A: Send + 'static>(
    slot: &TokenSlot,
    mut change: impl FnMut(&mut Record, &View<'_>, &mut Changes) -> Result<(bool, A), Stop> + Send + 'static,
) -> Operation<A> {
    let name = slot.name.clone();
    let reads = vec![name.clone()];
    let decide = Box::new(move |view: &View<'_>| {
        let mut changes = Changes::default();
        let mut record = Record::load(view, &name)?;
        let (write, answer) = change(&mut record, view, &mut changes)?;
        if write {
            record.save(&name, &view.time, &mut changes);
        }
        Ok((changes, answer))
    });
    Operation { reads, proven: false, trace: None, decide }
}

/// The token that is alive; or what WeChat said of the one that is not.
pub fn read(slot: &TokenSlot) -> Operation<Result<StoredToken, TokenRefusal>> {
    on_record(slot, |record, _, _| Ok((false, record.alive().cloned().ok_or_else(|| record.last_refusal()))))
}

/// How the token stands, without the token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenStanding {
    /// How long the one that is alive was good for, and how much of that is left.
    pub times: Option<(i64, i64)>,
    /// Requests in a row that failed.
    pub failures: u32,
    /// What the last of those said.
    pub why: Option<String>,
}

/// How the token stands. `own_failure`: as in [`TokenAsk`].
pub fn inspect(slot: &TokenSlot, concerned: Concerned, own_failure: Option<Failure>) -> Operation<TokenStanding> {
    on_record(slot, move |record, _, _| {
        // Somebody got a token since.
        let own_failure = own_failure.as_ref().filter(|_| record.alive().is_none());
        let failures = record.failures.iter().chain(own_failure).filter(|failure| concerned.is_one_of(failure));
        let failure = failures.filter(|failure| failure.times > 0);
        let failure = failure.max_by_key(|failure| failure.times);
        let refused = (record.refused_pause_ms > 0).then(|| all_refused(record).message);
        let standing = TokenStanding {
            times: record.alive().map(|token| (token.life_ms, token.left_ms)),
            failures: failure.map_or(0, |failure| failure.times),
            why: failure.map(|failure| failure.why.message.clone()).or(refused),
        };
        Ok((false, standing))
    })
}

/// Asks whether to ask WeChat: one caller at a time among all processes.
pub fn claim(slot: &TokenSlot, ask: TokenAsk) -> Operation<TokenClaim> {
    let legacy = slot.legacy;
    on_record(slot, move |record, view, changes| {
        let no = |claim| Ok((false, claim));
        if let Some(token) = record.alive().filter(|token| token.left_ms > ask.need_ms) {
            return no(TokenClaim::Ready(token.clone()));
        }
        if let Some((_, left_ms)) = record.asker.filter(|(holder, left_ms)| *holder != ask.holder && *left_ms > 0) {
            return no(TokenClaim::Wait(left_ms));
        }
        let failures =
            || record.failures.iter().chain(&ask.own_failure).filter(|failure| ask.concerned.is_one_of(failure));
        if let Some(failure) = failures().filter(|failure| failure.pause_ms > 0).max_by_key(|failure| failure.pause_ms)
        {
            return no(TokenClaim::Failed(failure.why.clone(), failure.pause_ms));
        }
        if record.refused_pause_ms > 0 {
            return no(TokenClaim::Failed(all_refused(record), record.refused_pause_ms));
        }
        let times = failures().map(|failure| failure.times).max().unwrap_or(0);
        if legacy && let Err(ms) = LEGACY.take(view, changes)? {
            return no(TokenClaim::Failed(record.last_refusal().of(budget_used()), ms));
        }
        record.asker = Some((ask.holder, ask.lease_ms));
        let dead = record.token.as_ref().and_then(|kept| Some((kept.stored.token.clone(), kept.refusal?)));
        Ok((true, TokenClaim::Ask { dead, failures: times }))
    })
}

fn all_refused(record: &Record) -> Error {
    let times = record.refused;
    let why = format!(
        "WeChat refused the last {times} tokens that it handed out: is the appid that of this secret, and does no other \
         program ask for tokens of this account? No other is asked for meanwhile"
    );
    record.last_refusal().of(Error::new(Status::Auth, why))
}

fn budget_used() -> Error {
    let why = format!(
        "{} legacy tokens were handed out, or lost on their way, within a day, and more would stop the whole account: use \"token\": \"stable\", \
         or find the other program that asks for tokens",
        LEGACY.per_day
    );
    Error::new(Status::Auth, why)
}

/// Leaves a new token for all. `holder`: who claimed to ask for it; None: the host handed it in. False: another one asked
/// meanwhile, so this one may be dead by now, and is not kept.
pub fn put(
    slot: &TokenSlot,
    holder: Option<i64>,
    token: Secret,
    life_ms: i64,
    concerned: Concerned,
) -> Operation<bool> {
    on_record(slot, move |record, _, _| {
        let overtaken = holder.is_some_and(|holder| match record.asker {
            Some((asker, _)) => asker != holder,
            None => record.alive().is_some(),
        });
        if overtaken {
            return Ok((false, false));
        }
        let stored = StoredToken { token: token.clone(), left_ms: life_ms, life_ms };
        record.token = Some(Kept { stored, refusal: None, accepted: false });
        record.asker = None;
        record.failures.retain(|failure| !concerned.is_one_of(failure));
        Ok((true, true))
    })
}

/// Records that asking failed, whom that concerns, and that none of them shall ask for `pause_ms`. `lost`: WeChat may have
/// made a token all the same.
pub fn fail(
    slot: &TokenSlot,
    holder: i64,
    why: Error,
    scope: FailureScope,
    concerned: Concerned,
    pause_ms: i64,
    lost: bool,
) -> Operation<()> {
    let legacy = slot.legacy;
    on_record(slot, move |record, view, changes| {
        if record.asker.take_if(|(asker, _)| *asker == holder).is_none() {
            return Ok((false, ()));
        }
        if legacy && !lost {
            LEGACY.give_back(view, changes)?;
        }
        let whose = concerned.whose(scope);
        let times = record.failure(whose).map_or(0, |failure| failure.times).saturating_add(1);
        record.note_failure(Failure { whose, times, pause_ms, why: why.clone() });
        Ok((true, ()))
    })
}

/// Gives the claim up without a word about WeChat: the caller's own time was over, or it was closed. For `pause_ms` those on
/// its machine leave the next try to others, who may have a better way; 0: they need not.
pub fn release(slot: &TokenSlot, holder: i64, why: Error, concerned: Concerned, pause_ms: i64) -> Operation<()> {
    let legacy = slot.legacy;
    on_record(slot, move |record, view, changes| {
        if record.asker.take_if(|(asker, _)| *asker == holder).is_none() {
            return Ok((false, ()));
        }
        if legacy {
            LEGACY.give_back(view, changes)?;
        }
        if pause_ms > 0 && record.failure(concerned.machine).is_none_or(|failure| failure.pause_ms < pause_ms) {
            // What WeChat, or the way there, said before is more than that the time was over.
            let known = record.failure(concerned.machine).filter(|failure| failure.times > 0).cloned();
            let failure = known.unwrap_or(Failure { whose: concerned.machine, times: 0, pause_ms, why: why.clone() });
            record.note_failure(Failure { pause_ms, ..failure });
        }
        Ok((true, ()))
    })
}

/// WeChat refused this token: it, and no other, is dead. The next one is asked for at once if it had accepted this one, or
/// if this is the first in a row that it never accepted; else after a pause that grows.
pub fn refused(slot: &TokenSlot, token: Secret, said: TokenRefusal) -> Operation<()> {
    on_record(slot, move |record, _, _| {
        let Some(kept) = record.token.as_mut().filter(|kept| kept.refusal.is_none() && kept.stored.token == token)
        else {
            return Ok((false, ()));
        };
        kept.refusal = Some(said);
        record.refused = if kept.accepted { 0 } else { record.refused.saturating_add(1) };
        record.refused_pause_ms = match record.refused {
            0 | 1 => 0,
            n => (REFUSED_PAUSE_MS << (n - 2).min(10)).min(LONGEST_REFUSED_PAUSE_MS),
        };
        Ok((true, ()))
    })
}

/// WeChat accepted this token.
pub fn accepted(slot: &TokenSlot, token: Secret) -> Operation<()> {
    on_record(slot, move |record, _, _| {
        let Some(kept) = record.token.as_mut().filter(|kept| !kept.accepted && kept.stored.token == token) else {
            return Ok((false, ()));
        };
        kept.accepted = true;
        record.refused = 0;
        record.refused_pause_ms = 0;
        Ok((true, ()))
    })
}

/// Takes one of the forced refreshes that WeChat allows. `Err(ms)` inside: not for so many milliseconds.
pub fn force() -> Operation<Result<(), i64>> {
    let decide = Box::new(move |view: &View<'_>| {
        let mut changes = Changes::default();
        let taken = FORCED.take(view, &mut changes)?;
        Ok((changes, taken))
    });
    Operation { reads: vec![FORCED.name()], proven: true, trace: None, decide }
}
