//! What is kept of the token.

use super::{StoredToken, TokenRefusal};
use crate::error::{Error, Retry, Status};
use crate::ledger::age::Stamp;
use crate::ledger::codec::{Damage, Decoder, Encoder};
use crate::secret::Secret;
use crate::store::{Changes, Name, Stop, Time, View};

/// Failures of different secrets and machines that are kept; each client remembers its own, too.
const MAX_FAILURES: usize = 16;
/// What is kept of a failure's sentence, in characters.
const MAX_WHY: usize = 240;

#[derive(Default)]
pub struct Record {
    pub token: Option<Kept>,
    /// Who asks, and for how many milliseconds others wait for it.
    pub asker: Option<(i64, i64)>,
    pub failures: Vec<Failure>,
    /// Tokens in a row that WeChat refused without having accepted them before.
    pub refused: u32,
    pub refused_pause_ms: i64,
}

pub struct Kept {
    pub stored: StoredToken,
    /// WeChat refused it, and said this.
    pub refusal: Option<TokenRefusal>,
    pub accepted: bool,
}

/// Asking for a token failed.
#[derive(Clone, Debug)]
pub struct Failure {
    /// The digest of those whom it concerns; 0: everybody.
    pub whose: u64,
    /// In a row; 0: somebody's own time was over.
    pub times: u32,
    /// For so many milliseconds none of them shall ask.
    pub pause_ms: i64,
    /// What was said.
    pub why: Error,
}

impl Record {
    /// One that is damaged counts as absent: the worst is another token.
    pub fn load(view: &View<'_>, name: &Name) -> Result<Record, Stop> {
        match view.get(name)?.map(|record| Record::decode(name, record, &view.time)) {
            Some(Ok(record)) => Ok(record),
            Some(Err(newer @ Damage::Newer { .. })) => Err(newer.into()),
            Some(Err(Damage::Broken)) | None => Ok(Record::default()),
        }
    }

    fn decode(name: &Name, record: &[u8], now: &Time) -> Result<Record, Damage> {
        let mut from = Decoder::open(name, record)?;
        let stamp = Stamp::decode(&mut from)?;
        let passed = stamp.passed(now);
        let flags = from.byte()?;
        let mut record = Record::default();
        if flags & HAS_TOKEN != 0 {
            let token = Secret::new(from.text()?);
            let (life_ms, left_ms) = (from.signed()?, from.signed()?);
            let by_wall = stamp.wall_ms().saturating_add(left_ms).saturating_sub(now.wall_ms);
            // A wall clock that was set back must not stretch a token's life.
            let left_ms =
                passed.by_boot_ms().map_or(by_wall, |ms| by_wall.min(left_ms.saturating_sub(ms))).min(left_ms);
            let stored = StoredToken { token, left_ms, life_ms };
            let said = if flags & HAS_REFUSAL != 0 { read_refusal(&mut from)? } else { TokenRefusal::default() };
            let refusal = (flags & DEAD != 0).then_some(said);
            record.token = Some(Kept { stored, refusal, accepted: flags & ACCEPTED != 0 });
        }
        if flags & HAS_ASKER != 0 {
            let holder = from.fixed(8)?.cast_signed();
            record.asker = Some((holder, passed.left_ms(from.signed()?)));
        }
        record.refused = from.small()?;
        record.refused_pause_ms = passed.left_ms(from.signed()?);
        for _ in 0..from.small::<usize>()? {
            let (whose, times, pause_ms) = (from.fixed(8)?, from.small()?, passed.left_ms(from.signed()?));
            let status = Status::from_code(from.small()?).unwrap_or(Status::Auth);
            let said = read_refusal(&mut from)?;
            let why = said.of(Error::new(status, from.text()?));
            record.failures.push(Failure { whose, times, pause_ms, why: Error { retry: Retry::Later, ..why } });
        }
        from.end()?;
        Ok(record)
    }

    pub fn save(&self, name: &Name, time: &Time, changes: &mut Changes) {
        let mut to = Encoder::default();
        Stamp::encode(time, &mut to);
        let flag = |on: bool, flag: u8| if on { flag } else { 0 };
        let token = self.token.as_ref();
        let refusal = token.and_then(|token| token.refusal);
        to.byte(
            flag(token.is_some(), HAS_TOKEN)
                | flag(refusal.is_some(), DEAD | HAS_REFUSAL)
                | flag(token.is_some_and(|token| token.accepted), ACCEPTED)
                | flag(self.asker.is_some(), HAS_ASKER),
        );
        if let Some(Kept { stored, .. }) = token {
            to.text(stored.token.expose());
            to.signed(stored.life_ms);
            to.signed(stored.left_ms);
        }
        if let Some(said) = refusal {
            write_refusal(said, &mut to);
        }
        if let Some((holder, left_ms)) = self.asker {
            to.fixed(holder.cast_unsigned(), 8);
            to.signed(left_ms);
        }
        to.unsigned(self.refused.into());
        to.signed(self.refused_pause_ms);
        to.unsigned(self.failures.len() as u64);
        for failure in &self.failures {
            to.fixed(failure.whose, 8);
            to.unsigned(failure.times.into());
            to.signed(failure.pause_ms);
            to.unsigned(failure.why.status.code().unsigned_abs().into());
            let Error { errcode, http_status, .. } = failure.why;
            write_refusal(TokenRefusal { errcode, http_status }, &mut to);
            to.text(&failure.why.message.chars().take(MAX_WHY).collect::<String>());
        }
        changes.put(name.clone(), Some(to.finish(name)), None);
    }

    pub fn alive(&self) -> Option<&StoredToken> {
        let kept = self.token.as_ref().filter(|kept| kept.refusal.is_none() && kept.stored.left_ms > 0)?;
        Some(&kept.stored)
    }

    /// What is known of a failure that concerns these.
    pub fn failure(&self, whose: u64) -> Option<&Failure> {
        self.failures.iter().find(|failure| failure.whose == whose)
    }

    /// Instead of what was known of those whom it concerns.
    pub fn note_failure(&mut self, failure: Failure) {
        self.failures.retain(|other| other.whose != failure.whose);
        self.failures.push(failure);
        while self.failures.len() > MAX_FAILURES {
            // The one that is soonest over.
            let soonest = self.failures.iter().enumerate().min_by_key(|(_, failure)| failure.pause_ms);
            let soonest = soonest.map_or(0, |(at, _)| at);
            self.failures.remove(soonest);
        }
    }

    /// What WeChat said of the token that is kept; zeros: it refused none.
    pub fn last_refusal(&self) -> TokenRefusal {
        self.token.as_ref().and_then(|kept| kept.refusal).unwrap_or_default()
    }
}

fn read_refusal(from: &mut Decoder<'_>) -> Result<TokenRefusal, Damage> {
    let mut code = || i32::try_from(from.signed()?).map_err(|_| Damage::Broken);
    Ok(TokenRefusal { errcode: code()?, http_status: code()? })
}

fn write_refusal(said: TokenRefusal, to: &mut Encoder) {
    to.signed(said.errcode.into());
    to.signed(said.http_status.into());
}

const HAS_TOKEN: u8 = 1;
/// Without [`HAS_REFUSAL`] in records that older libraries wrote.
const DEAD: u8 = 2;
const ACCEPTED: u8 = 4;
const HAS_ASKER: u8 = 8;
const HAS_REFUSAL: u8 = 16;
