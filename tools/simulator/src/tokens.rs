use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The two kinds of access token; WeChat keeps them entirely apart (wechat-api.md, section 2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenKind {
    /// From `/cgi-bin/stable_token`.
    Stable,
    /// From `/cgi-bin/token`.
    Legacy,
}

/// Section 2: the last five minutes of a stable token, and the life of a replaced one.
const FIVE_MINUTES: Duration = Duration::from_secs(300);
const DAY: Duration = Duration::from_secs(86_400);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TokenState {
    Good,
    /// Unknown, foreign, killed or replaced: 40001.
    Dead,
    /// Ours, but its time is over: 42001.
    Expired,
}

/// A forced refresh that came too early, or one too many today.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TooMuch {
    TooEarly,
    TooMany,
}

struct Issued {
    expires: Duration,
    /// From when on it is not valid any more although its time is not over.
    dies: Option<Duration>,
}

/// All tokens ever handed out, and which of them are current.
pub(crate) struct Tokens {
    issued: HashMap<String, Issued>,
    stable: Option<String>,
    legacy: Option<String>,
    forced: VecDeque<Duration>,
    pub lifetime: Duration,
    pub overlap: Option<Duration>,
    /// The stable endpoint hands a dead token out again until someone forces a refresh.
    pub sticky_dead: bool,
    pub force_spacing: Duration,
    pub force_daily: usize,
}

impl Tokens {
    pub(crate) fn new(lifetime: Duration, overlap: Option<Duration>, spacing: Duration, daily: usize) -> Self {
        Self {
            issued: HashMap::new(),
            stable: None,
            legacy: None,
            forced: VecDeque::new(),
            lifetime,
            overlap,
            sticky_dead: false,
            force_spacing: spacing,
            force_daily: daily,
        }
    }

    pub(crate) fn state(&self, token: &str, now: Duration) -> TokenState {
        match self.issued.get(token) {
            None => TokenState::Dead,
            Some(t) if t.dies.is_some_and(|at| at <= now) => TokenState::Dead,
            Some(t) if t.expires <= now => TokenState::Expired,
            Some(_) => TokenState::Good,
        }
    }

    pub(crate) fn current(&self, kind: TokenKind) -> Option<&str> {
        match kind {
            TokenKind::Stable => self.stable.as_deref(),
            TokenKind::Legacy => self.legacy.as_deref(),
        }
    }

    /// `/cgi-bin/stable_token`: the token and the seconds that are left.
    pub(crate) fn stable(&mut self, force: bool, now: Duration) -> Result<(String, u64), TooMuch> {
        if force {
            self.count_forced(now)?;
            self.kill(TokenKind::Stable, now);
            return Ok(self.issue(TokenKind::Stable, now));
        }
        if let Some(current) = self.stable.clone() {
            let state = self.state(&current, now);
            let expires = self.issued[&current].expires;
            let left = expires.saturating_sub(now);
            if state == TokenState::Dead && self.sticky_dead {
                return Ok((current, left.as_secs().max(1)));
            }
            if state == TokenState::Good {
                if left > self.window() {
                    return Ok((current, left.as_secs().max(1)));
                }
                let overlap = self.overlap.unwrap_or_else(|| self.window());
                if let Some(old) = self.issued.get_mut(&current) {
                    old.expires = now + overlap;
                    old.dies = Some(now + overlap);
                }
            }
        }
        Ok(self.issue(TokenKind::Stable, now))
    }

    /// `/cgi-bin/token`: a new token with each call.
    pub(crate) fn legacy(&mut self, now: Duration) -> (String, u64) {
        let dies = now + self.overlap.unwrap_or(FIVE_MINUTES);
        if let Some(old) = self.legacy.take().and_then(|t| self.issued.get_mut(&t)) {
            old.dies = Some(old.dies.map_or(dies, |at| at.min(dies)));
        }
        self.issue(TokenKind::Legacy, now)
    }

    /// From now on the current token answers 40001. Returns it.
    pub(crate) fn kill(&mut self, kind: TokenKind, now: Duration) -> Option<String> {
        let current = self.current(kind)?.to_owned();
        self.issued.get_mut(&current)?.dies = Some(now);
        Some(current)
    }

    /// Five minutes for the usual two hours; in proportion for the short lives of tests.
    fn window(&self) -> Duration {
        (self.lifetime / 24).min(FIVE_MINUTES)
    }

    fn count_forced(&mut self, now: Duration) -> Result<(), TooMuch> {
        while self.forced.front().is_some_and(|at| *at + DAY <= now) {
            self.forced.pop_front();
        }
        if self.forced.back().is_some_and(|at| now < *at + self.force_spacing) {
            return Err(TooMuch::TooEarly);
        }
        if self.forced.len() >= self.force_daily {
            return Err(TooMuch::TooMany);
        }
        self.forced.push_back(now);
        Ok(())
    }

    fn issue(&mut self, kind: TokenKind, now: Duration) -> (String, u64) {
        let random = std::iter::repeat_with(fastrand::alphanumeric).take(133);
        let token: String = "98_".chars().chain(random).collect();
        self.issued.insert(token.clone(), Issued { expires: now + self.lifetime, dies: None });
        match kind {
            TokenKind::Stable => self.stable = Some(token.clone()),
            TokenKind::Legacy => self.legacy = Some(token.clone()),
        }
        (token, self.lifetime.as_secs().max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn tokens() -> Tokens {
        Tokens::new(at(7200), None, at(30), 20)
    }

    #[test]
    fn stable_token_stays_the_same_and_counts_down() {
        let mut t = tokens();
        let (first, left) = t.stable(false, at(0)).unwrap();
        assert_eq!(left, 7200);
        assert_eq!(t.stable(false, at(1000)).unwrap(), (first.clone(), 6200));
        assert_eq!(t.stable(false, at(6899)).unwrap(), (first, 301));
    }

    #[test]
    fn in_its_last_five_minutes_a_new_one_comes_and_both_work() {
        let mut t = tokens();
        let (first, _) = t.stable(false, at(0)).unwrap();
        let (second, left) = t.stable(false, at(7000)).unwrap();
        assert_ne!(first, second);
        assert_eq!(left, 7200);
        assert_eq!(t.stable(false, at(7001)).unwrap().0, second);
        assert_eq!(t.state(&first, at(7299)), TokenState::Good);
        assert_eq!(t.state(&first, at(7300)), TokenState::Dead);
        assert_eq!(t.state(&second, at(7300)), TokenState::Good);
    }

    #[test]
    fn nobody_asked_in_time_then_the_token_is_expired() {
        let mut t = tokens();
        let (first, _) = t.stable(false, at(0)).unwrap();
        assert_eq!(t.state(&first, at(7200)), TokenState::Expired);
        assert_ne!(t.stable(false, at(7201)).unwrap().0, first);
        assert_eq!(t.state(&first, at(7202)), TokenState::Expired);
    }

    #[test]
    fn forced_refresh_kills_and_is_limited() {
        let mut t = tokens();
        let (first, _) = t.stable(false, at(0)).unwrap();
        let (second, _) = t.stable(true, at(1)).unwrap();
        assert_eq!(t.state(&first, at(1)), TokenState::Dead);
        assert_eq!(t.state(&second, at(1)), TokenState::Good);
        assert_eq!(t.stable(true, at(30)).unwrap_err(), TooMuch::TooEarly);
        for n in 1..20 {
            t.stable(true, at(1 + 30 * n)).unwrap();
        }
        assert_eq!(t.stable(true, at(10_000)).unwrap_err(), TooMuch::TooMany);
        t.stable(true, at(86_402)).unwrap();
    }

    #[test]
    fn a_sticky_dead_token_comes_back_until_forced() {
        let mut t = tokens();
        let (first, _) = t.stable(false, at(0)).unwrap();
        t.sticky_dead = true;
        t.kill(TokenKind::Stable, at(1));
        assert_eq!(t.stable(false, at(2)).unwrap().0, first);
        let (second, _) = t.stable(true, at(3)).unwrap();
        assert_ne!(second, first);
        assert_eq!(t.stable(false, at(4)).unwrap().0, second);
    }

    #[test]
    fn without_sticky_a_killed_token_is_replaced() {
        let mut t = tokens();
        let (first, _) = t.stable(false, at(0)).unwrap();
        t.kill(TokenKind::Stable, at(1));
        assert_ne!(t.stable(false, at(2)).unwrap().0, first);
    }

    #[test]
    fn each_legacy_call_starts_the_end_of_the_one_before() {
        let mut t = tokens();
        let (stable, _) = t.stable(false, at(0)).unwrap();
        let (first, _) = t.legacy(at(0));
        let (second, _) = t.legacy(at(10));
        assert_ne!(first, second);
        assert_eq!(t.state(&first, at(309)), TokenState::Good);
        assert_eq!(t.state(&first, at(310)), TokenState::Dead);
        assert_eq!(t.state(&second, at(310)), TokenState::Good);
        assert_eq!(t.state(&stable, at(310)), TokenState::Good);
    }

    #[test]
    fn short_lives_keep_their_proportions() {
        let mut t = Tokens::new(at(24), None, at(30), 20);
        let (first, left) = t.stable(false, at(0)).unwrap();
        assert_eq!(left, 24);
        assert_eq!(t.stable(false, at(22)).unwrap().0, first);
        assert_ne!(t.stable(false, at(23)).unwrap().0, first);
        assert_eq!(t.state(&first, at(24)), TokenState::Dead);
    }
}
