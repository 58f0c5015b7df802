//! The log and the counters of days.
//!
//! Each bucket keeps the log of its players as a stream, of bounded length and life, and the counters of the last days as a
//! hash. Days that are over are folded: their sums go into the account's hash, and then out of the buckets.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::ops::RangeInclusive;

use super::super::{Counter, LogPage, LogQuery, Logged};
use super::Core;
use super::entries::{counter_of, field_of};
use super::error::Failure;
use super::keys::{At, BUCKETS, Place};
use super::resp::Value;
use super::router::Request;
use super::script::{Attempt, Command, Outcome};
use crate::clock::Deadline;

/// Entries of a bucket that are looked at together, where all buckets are.
const DEEPEST: usize = 16;
/// Entries of one bucket that are read in one go.
const READ_AT_ONCE: usize = 500;
/// How many days after its end a day is folded: what began on it may be settled a day later.
const FOLDED_AFTER_DAYS: i64 = 3;
/// Between two rounds of all processes.
const ROUND_MS: i64 = 3_600_000;

/// Counters and what is in them.
type Counters = Vec<(Counter, i64)>;

/// Where an entry of the log is. Pages go on from the newest to the oldest, those of one millisecond bucket by bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Position {
    ms: u64,
    bucket: u64,
    number: u64,
}

impl Position {
    fn to_bytes(self) -> Box<[u8]> {
        [self.ms.to_be_bytes(), self.bucket.to_be_bytes(), self.number.to_be_bytes()].concat().into()
    }

    fn from_bytes(bytes: &[u8]) -> Option<Position> {
        let (ms, rest) = bytes.split_first_chunk()?;
        let (bucket, number) = rest.split_first_chunk()?;
        let number = u64::from_be_bytes(number.try_into().ok()?);
        Some(Position { ms: u64::from_be_bytes(*ms), bucket: u64::from_be_bytes(*bucket), number })
    }

    /// The first id of a bucket's stream that is behind this position.
    fn behind_in(self, bucket: u64, oldest_first: bool) -> String {
        match (bucket.cmp(&self.bucket), oldest_first) {
            (Ordering::Less, false) | (Ordering::Greater, true) => self.ms.to_string(),
            (Ordering::Equal, _) => format!("({}-{}", self.ms, self.number),
            (Ordering::Greater, false) => format!("({}-0", self.ms),
            (Ordering::Less, true) => self.ms.saturating_add(1).to_string(),
        }
    }
}

/// Entries of an answer to XRANGE and the like.
fn entries(answer: &Value, bucket: u64) -> impl Iterator<Item = (Position, Vec<u8>)> {
    answer.list().iter().filter_map(move |entry| match entry.list() {
        [id, fields] => {
            let (ms, number) = id.text()?.split_once('-')?;
            let position = Position { ms: ms.parse().ok()?, bucket, number: number.parse().ok()? };
            match fields.list() {
                [_, Value::Text(text)] => Some((position, text.clone())),
                _ => None,
            }
        }
        _ => None,
    })
}

impl Core {
    /// As [`super::super::Engine::log`].
    pub fn log(&self, query: &LogQuery, deadline: Deadline) -> Result<LogPage, Failure> {
        let from_ms = query.from_ms.max(self.journal.log_from_ms(self.time_ms())).max(0);
        if from_ms >= query.to_ms || query.limit == 0 {
            return Ok(LogPage::default());
        }
        let after = query.after.as_deref().and_then(Position::from_bytes);
        // No id of these milliseconds is behind the last one's end, or before the first one.
        let newest = Position { ms: query.to_ms.max(0).cast_unsigned(), bucket: 0, number: 0 };
        let end = after.filter(|after| !query.oldest_first && *after < newest).unwrap_or(newest);
        let begin = after.filter(|after| query.oldest_first && after.ms >= from_ms.cast_unsigned());
        let (buckets, each) = match query.home {
            Some(home) => (home % BUCKETS..home % BUCKETS + 1, query.limit),
            None => (0..BUCKETS, (query.limit / BUCKETS as usize).clamp(1, DEEPEST)),
        };
        let request = |bucket| {
            let place = Place::Bucket(bucket);
            let (key, count) = (self.keys.own(place, "log"), each.to_string());
            let end = end.behind_in(bucket, false);
            let from = begin.map_or_else(|| from_ms.to_string(), |begin| begin.behind_in(bucket, true));
            let (command, first, last) =
                if query.oldest_first { ("XRANGE", &from, &end) } else { ("XREVRANGE", &end, &from) };
            let list = [command.as_bytes(), &key, first.as_bytes(), last.as_bytes(), b"COUNT", count.as_bytes()];
            Request::read(self.keys.slot(place), vec![Command::plain(&list)])
        };
        let requests: Vec<Request> = buckets.clone().map(request).collect();
        let answers = self.read_all(&requests, deadline)?;
        let in_order = |one: &Position, other: &Position| {
            if query.oldest_first { one.cmp(other) } else { other.cmp(one) }
        };
        let (mut found, mut horizon): (Vec<(Position, Vec<u8>)>, Option<Position>) = (Vec::new(), None);
        for (bucket, answers) in buckets.zip(answers) {
            let before = found.len();
            found.extend(entries(&answers[0], bucket));
            if found.len() - before == each {
                // There may be more there, so nothing behind its last is known to come next.
                let last = found.last().map(|(position, _)| *position);
                horizon = horizon.into_iter().chain(last).min_by(in_order);
            }
        }
        found.retain(|(position, _)| horizon.is_none_or(|horizon| in_order(position, &horizon).is_le()));
        found.sort_by(|(one, _), (other, _)| in_order(one, other));
        let logged = |(position, text): (Position, Vec<u8>)| Logged {
            at_ms: position.ms.cast_signed(),
            text,
            position: position.to_bytes(),
        };
        Ok(LogPage { entries: found.into_iter().map(logged).collect(), more: horizon.is_some() })
    }

    /// As [`super::super::Engine::drop_log`].
    pub fn drop_log(&self, home: u64, is_his: &dyn Fn(&[u8]) -> bool, deadline: Deadline) -> Result<u64, Failure> {
        let bucket = home % BUCKETS;
        let place = Place::Bucket(bucket);
        let (key, count) = (self.keys.own(place, "log"), READ_AT_ONCE.to_string());
        let (mut from, mut dropped) = ("-".to_owned(), 0);
        loop {
            let list = [&b"XRANGE"[..], &key, from.as_bytes(), b"+", b"COUNT", count.as_bytes()];
            let answers = self.read(place, vec![Command::plain(&list)], deadline)?;
            let found: Vec<(Position, Vec<u8>)> = entries(&answers[0], bucket).collect();
            let Some((last, _)) = found.last() else { return Ok(dropped) };
            from = format!("({}-{}", last.ms, last.number);
            let his = found.iter().filter(|(_, text)| is_his(text));
            let ids: Vec<String> = his.map(|(position, _)| format!("{}-{}", position.ms, position.number)).collect();
            if !ids.is_empty() {
                let words = [&b"XDEL"[..], &key].into_iter().chain(ids.iter().map(String::as_bytes));
                self.write(place, vec![Command::plain(&words.collect::<Vec<_>>())], deadline)?;
                dropped += ids.len() as u64;
            }
        }
    }

    /// Drops the log of all players.
    pub fn drop_logs(&self, deadline: Deadline) -> Result<(), Failure> {
        let request = |bucket| {
            let place = Place::Bucket(bucket);
            self.request(place, vec![Command::plain(&[&b"UNLINK"[..], &self.keys.own(place, "log")])])
        };
        let requests: Vec<Request> = (0..BUCKETS).map(request).collect();
        self.read_all(&requests, deadline).map(drop)
    }

    /// As [`super::super::Engine::counters`].
    pub fn counters(&self, days: &RangeInclusive<i64>, deadline: Deadline) -> Result<HashMap<Counter, i64>, Failure> {
        // The buckets first: what is folded meanwhile is found twice, not missed.
        let mut all = self.counters_of_buckets(deadline)?.into_iter().fold(HashMap::new(), |mut all, (_, found)| {
            found.into_iter().for_each(|(counter, n)| add(all.entry(counter).or_default(), n));
            all
        });
        for (day, folded) in self.folded_days(deadline)? {
            all.retain(|counter: &Counter, _| counter.day != day);
            all.extend(folded);
        }
        all.retain(|counter, _| days.contains(&counter.day));
        Ok(all)
    }

    fn counters_of_buckets(&self, deadline: Deadline) -> Result<Vec<(u64, Counters)>, Failure> {
        let request = |bucket| {
            let place = Place::Bucket(bucket);
            let all = Command::plain(&[&b"HGETALL"[..], &self.keys.own(place, "funnel")]);
            Request::read(self.keys.slot(place), vec![all])
        };
        let requests: Vec<Request> = (0..BUCKETS).map(request).collect();
        let answers = self.read_all(&requests, deadline)?;
        let of_bucket = |(bucket, answers): (u64, Vec<Value>)| {
            let pairs = answers[0].list().chunks_exact(2);
            let counters = pairs.filter_map(|pair| match pair {
                [Value::Text(field), n] => Some((counter_of(field)?, n.number()?)),
                _ => None,
            });
            (bucket, counters.collect())
        };
        Ok((0..BUCKETS).zip(answers).map(of_bucket).collect())
    }

    fn folded_days(&self, deadline: Deadline) -> Result<Vec<(i64, Counters)>, Failure> {
        let all = Command::plain(&[&b"HGETALL"[..], &self.keys.own(Place::Account, "funnel")]);
        let answers = self.read(Place::Account, vec![all], deadline)?;
        let days = answers[0].list().chunks_exact(2).filter_map(|pair| match pair {
            [day, Value::Text(sums)] => Some((day.number()?, unfold(day.number()?, sums))),
            _ => None,
        });
        Ok(days.collect())
    }

    /// Folds days that are over, and drops what is older than it is kept; one process of all, now and then.
    pub fn maintain_journal(&self, deadline: Deadline) -> Result<(), Failure> {
        let turn = At { key: self.keys.own(Place::Account, "folding"), field: Vec::new() };
        let mut attempt = Attempt::new(None, [(&turn, Some(None))].into_iter());
        attempt.then("SET", &turn.key, &[b"", b"PX", ROUND_MS.to_string().as_bytes()]);
        let request = Request { repeatable: false, ..self.request(Place::Account, vec![attempt.into_command()]) };
        let turn = self.router.exchange(&request, deadline)?.values.into_iter().next();
        match Outcome::read(turn)? {
            Outcome::Applied(now_ms) => self.fold(now_ms, deadline),
            Outcome::Found(..) => Ok(()),
        }
    }

    /// What is over by this time goes where it is kept, or goes.
    pub fn fold(&self, now_ms: i64, deadline: Deadline) -> Result<(), Failure> {
        let open_from = self.journal.day_of(now_ms) - FOLDED_AFTER_DAYS;
        let kept_from = self.journal.counters_from_day(now_ms);
        let buckets = self.counters_of_buckets(deadline)?;
        let mut days: HashMap<i64, HashMap<&[u8], i64>> = HashMap::new();
        let over = buckets.iter().flat_map(|(_, counters)| counters).filter(|(counter, _)| counter.day < open_from);
        for (counter, n) in over {
            add(days.entry(counter.day).or_default().entry(&counter.name).or_default(), *n);
        }
        for (day, sums) in days.iter().filter(|(day, _)| **day >= kept_from) {
            let at = At { key: self.keys.own(Place::Account, "funnel"), field: day.to_string().into_bytes() };
            // Whoever was faster has seen the whole of it.
            let mut attempt = Attempt::new(None, [(&at, Some(None))].into_iter());
            attempt.then("HSET", &at.key, &[&at.field, &folded(sums)]);
            let prove = self.durable.then(|| self.write_for_proof(Place::Account));
            let commands = vec![attempt.into_command()];
            let request = Request { repeatable: false, prove, ..self.request(Place::Account, commands) };
            let answers = self.router.exchange(&request, deadline)?;
            Outcome::read(answers.values.into_iter().next())?;
        }
        self.drop_over(now_ms, open_from, &buckets, deadline)
    }

    fn drop_over(
        &self,
        now_ms: i64,
        open_from: i64,
        buckets: &[(u64, Counters)],
        deadline: Deadline,
    ) -> Result<(), Failure> {
        let oldest = self.journal.log_from_ms(now_ms).max(0).to_string();
        let request = |(bucket, counters): &(u64, Counters)| {
            let place = Place::Bucket(*bucket);
            let log = self.keys.own(place, "log");
            let mut commands = vec![Command::plain(&[&b"XTRIM"[..], &log, b"MINID", b"~", oldest.as_bytes()])];
            let over: Vec<Vec<u8>> = counters
                .iter()
                .filter(|(counter, _)| counter.day < open_from)
                .map(|(counter, _)| field_of(counter))
                .collect();
            if !over.is_empty() {
                let funnel = self.keys.own(place, "funnel");
                let words = [&b"HDEL"[..], &funnel].into_iter().chain(over.iter().map(Vec::as_slice));
                commands.push(Command::plain(&words.collect::<Vec<_>>()));
            }
            self.request(place, commands)
        };
        let requests: Vec<Request> = buckets.iter().map(request).collect();
        self.read_all(&requests, deadline)?;
        let kept_from = self.journal.counters_from_day(now_ms);
        let over: Vec<String> = self
            .folded_days(deadline)?
            .into_iter()
            .filter(|(day, _)| *day < kept_from)
            .map(|(day, _)| day.to_string())
            .collect();
        if over.is_empty() {
            return Ok(());
        }
        let key = self.keys.own(Place::Account, "funnel");
        let words = [&b"HDEL"[..], &key].into_iter().chain(over.iter().map(String::as_bytes));
        self.write(Place::Account, vec![Command::plain(&words.collect::<Vec<_>>())], deadline)
    }
}

/// Adds what somebody counted; nobody's number ends this process.
fn add(sum: &mut i64, n: i64) {
    *sum = sum.saturating_add(n);
}

/// The sums of a day: for each the length of its name, the name, and the number in eight bytes.
fn folded(sums: &HashMap<&[u8], i64>) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (name, n) in sums {
        bytes.extend_from_slice(&(name.len() as u32).to_be_bytes());
        bytes.extend_from_slice(name);
        bytes.extend_from_slice(&n.to_be_bytes());
    }
    bytes
}

fn unfold(day: i64, mut bytes: &[u8]) -> Vec<(Counter, i64)> {
    let mut next = || {
        let (size, rest) = bytes.split_first_chunk()?;
        let (name, rest) = rest.split_at_checked(u32::from_be_bytes(*size) as usize)?;
        let (n, rest) = rest.split_first_chunk()?;
        bytes = rest;
        Some((Counter { day, name: name.into() }, i64::from_be_bytes(*n)))
    };
    std::iter::from_fn(&mut next).collect()
}
