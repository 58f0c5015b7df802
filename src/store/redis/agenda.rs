//! Which messages must be looked at, and which buckets have any.
//!
//! Each bucket keeps its own agenda. The account's agenda says which bucket has something next; it is written after the
//! bucket's, and a count of changes for each bucket tells whoever looked meanwhile that there may be something newer. What
//! was not announced, since a process died in between, one process of all looks for every half minute.

use std::collections::{HashMap, HashSet};

use super::super::{Agenda, Backlog, Name, Space};
use super::Core;
use super::announcement::{Announcement, announce};
use super::error::Failure;
use super::keys::{At, BUCKETS, Place};
use super::node::Answers;
use super::resp::Value;
use super::router::Request;
use super::script::{Attempt, Command, Outcome, time_ms};
use crate::clock::Deadline;

/// All buckets are looked through this often by one process of all.
const SWEEP_MS: u64 = 30_000;
/// How long a bucket that could not be looked at is put off.
const PUT_OFF_MS: i64 = 5000;
/// Buckets that are looked at together.
const BUCKETS_AT_ONCE: usize = 64;
/// Messages of a bucket that are looked at first; more of them if their players are busy.
const MESSAGES_AT_ONCE: usize = 64;
/// The most messages that one answer lists.
const LONGEST_LIST: usize = 8192;

/// What a list of a bucket's messages comes with: the time, and the list.
const ANSWERS_TO_LIST: usize = 2;

/// A bucket with something due.
struct Due {
    bucket: u64,
    announced_ms: i64,
    changes: Option<Vec<u8>>,
}

/// What a bucket has.
struct Look {
    now_ms: i64,
    /// Messages that can be taken, one of each player, and when they were due.
    ready: Vec<(i64, Name)>,
    first_ms: Option<i64>,
    later_ms: Option<i64>,
}

impl Core {
    /// Announces what a step has left in a bucket.
    pub fn announce(&self, announcement: Announcement, deadline: Deadline) -> Result<(), Failure> {
        self.write(Place::Account, vec![announce(&self.keys, announcement)], deadline)
    }

    /// As [`super::super::Engine::agenda`].
    pub fn look(&self, limit: usize, skip: &dyn Fn(u64) -> bool, deadline: Deadline) -> Result<Agenda, Failure> {
        let (mut ready, mut later, mut looked) = (Vec::new(), None, Vec::new());
        let mut failed = None;
        let mut from = 0;
        loop {
            let (now_ms, page) = self.buckets(from, BUCKETS_AT_ONCE, deadline)?;
            let (due, waiting): (Vec<_>, Vec<_>) = page.into_iter().partition(|(_, at_ms)| *at_ms <= now_ms);
            soonest(&mut later, waiting.first().map(|(_, at_ms)| at_ms - now_ms));
            let last = due.len() < BUCKETS_AT_ONCE;
            let due = self.with_changes(due, deadline)?;
            for (due, look) in self.look_at(due, limit, skip, deadline) {
                match look {
                    Ok(look) => {
                        soonest(&mut later, look.later_ms.map(|at_ms| at_ms - look.now_ms));
                        ready.extend(look.ready.into_iter().map(|(at_ms, name)| (at_ms - look.now_ms, name)));
                        looked.push((due, look.first_ms));
                    }
                    Err(failure) => {
                        // Its server may be away; those of the others come first for a while.
                        looked.push((due, Some(now_ms + PUT_OFF_MS)));
                        failed.get_or_insert(failure);
                    }
                }
            }
            from += BUCKETS_AT_ONCE;
            if last || ready.len() > limit {
                break;
            }
        }
        self.note(looked, deadline);
        if let Some(failure) = failed.filter(|_| ready.is_empty()) {
            return Err(failure);
        }
        ready.sort();
        let next_ms = ready.get(limit).map(|(ms, _)| *ms).or(later);
        Ok(Agenda { ready: ready.into_iter().take(limit).map(|(_, name)| name).collect(), next_ms })
    }

    /// Some buckets of the account's agenda, those with something next first, and the time.
    fn buckets(&self, from: usize, most: usize, deadline: Deadline) -> Result<(i64, Vec<(u64, i64)>), Failure> {
        let (first, last) = (from.to_string(), (from + most - 1).to_string());
        let key = self.keys.agenda(Place::Account);
        let list = Command::plain(&[&b"ZRANGE"[..], &key, first.as_bytes(), last.as_bytes(), b"WITHSCORES"]);
        let answers = self.read(Place::Account, vec![Command::plain(&["TIME"]), list], deadline)?;
        let page = scored(&answers[1]).filter_map(|(bucket, at_ms)| Some((parse_bucket(bucket)?, at_ms)));
        Ok((time_ms(&answers[0])?, page.collect()))
    }

    fn with_changes(&self, due: Vec<(u64, i64)>, deadline: Deadline) -> Result<Vec<Due>, Failure> {
        if due.is_empty() {
            return Ok(Vec::new());
        }
        let names: Vec<String> = due.iter().map(|(bucket, _)| bucket.to_string()).collect();
        let announced = self.keys.own(Place::Account, "announced");
        let words = [&b"HMGET"[..], &announced].into_iter().chain(names.iter().map(|name| name.as_bytes()));
        let command = Command::plain(&words.collect::<Vec<_>>());
        let answers = self.read(Place::Account, vec![command], deadline)?;
        let changes = answers[0].list().iter().map(|value| match value {
            Value::Text(text) => Some(text.clone()),
            _ => None,
        });
        let with = |((bucket, announced_ms), changes)| Due { bucket, announced_ms, changes };
        Ok(due.into_iter().zip(changes).map(with).collect())
    }

    /// Looks at all these buckets together.
    fn look_at(
        &self,
        due: Vec<Due>,
        limit: usize,
        skip: &dyn Fn(u64) -> bool,
        deadline: Deadline,
    ) -> Vec<(Due, Result<Look, Failure>)> {
        let requests: Vec<Request> = due.iter().map(|due| self.list(due.bucket, 0, MESSAGES_AT_ONCE)).collect();
        // A server that is silent leaves time to note that, and to look further at the others.
        let answers = self.router.exchange_all(&requests, deadline.in_part(2));
        let looks = due.into_iter().zip(answers).map(|(due, first)| {
            let look = first.and_then(|first| self.look_on(due.bucket, first, limit, skip, deadline));
            (due, look)
        });
        looks.collect()
    }

    /// Reads on while all that was listed is due and cannot be taken.
    fn look_on(
        &self,
        bucket: u64,
        first: Answers,
        limit: usize,
        skip: &dyn Fn(u64) -> bool,
        deadline: Deadline,
    ) -> Result<Look, Failure> {
        let mut answers = whole(first, ANSWERS_TO_LIST)?;
        let mut look = Look { now_ms: time_ms(&answers[0])?, ready: Vec::new(), first_ms: None, later_ms: None };
        let (mut from, mut count) = (0, MESSAGES_AT_ONCE);
        let mut players = HashSet::new();
        loop {
            let mut listed = 0;
            for (id, at_ms) in scored(&answers[1]) {
                listed += 1;
                look.first_ms.get_or_insert(at_ms);
                if at_ms > look.now_ms {
                    look.later_ms = Some(at_ms);
                    return Ok(look);
                }
                let name = Name::from_hashed_id(Space::Message, id);
                if let Some(name) = name.filter(|name| !skip(name.home()) && !players.contains(&name.home())) {
                    players.insert(name.home());
                    look.ready.push((at_ms, name));
                }
            }
            if listed < count || look.ready.len() > limit {
                return Ok(look);
            }
            from += count;
            count = (count * 4).min(LONGEST_LIST);
            let more = self.router.exchange(&self.list(bucket, from, count), deadline)?;
            answers = whole(more, ANSWERS_TO_LIST)?;
        }
    }

    fn list(&self, bucket: u64, from: usize, count: usize) -> Request {
        let place = Place::Bucket(bucket);
        let (first, last) = (from.to_string(), (from + count - 1).to_string());
        let key = self.keys.agenda(place);
        let list = Command::plain(&[&b"ZRANGE"[..], &key, first.as_bytes(), last.as_bytes(), b"WITHSCORES"]);
        Request::read(self.keys.slot(place), vec![Command::plain(&["TIME"]), list])
    }

    /// Notes when the buckets that were looked at have something next, unless somebody has said otherwise meanwhile.
    fn note(&self, looked: Vec<(Due, Option<i64>)>, deadline: Deadline) {
        let announced = At { key: self.keys.own(Place::Account, "announced"), field: Vec::new() };
        let agenda = self.keys.agenda(Place::Account);
        let changed = looked.into_iter().filter(|(due, first_ms)| *first_ms != Some(due.announced_ms));
        let commands = changed.map(|(due, first_ms)| {
            let bucket = due.bucket.to_string();
            let at = At { field: bucket.clone().into_bytes(), ..announced.clone() };
            let mut attempt = Attempt::new(None, [(&at, Some(due.changes.as_deref()))].into_iter());
            match first_ms {
                Some(ms) => attempt.then("ZADD", &agenda, &[ms.to_string().as_bytes(), bucket.as_bytes()]),
                None => attempt.then("ZREM", &agenda, &[bucket.as_bytes()]),
            }
            attempt.into_command()
        });
        let commands: Vec<Command> = commands.collect();
        if !commands.is_empty() {
            // Without it they are looked at again, for nothing.
            let _noted = self.write(Place::Account, commands, deadline);
        }
    }

    /// As [`super::super::Engine::backlog`].
    pub fn count(&self, deadline: Deadline) -> Result<Backlog, Failure> {
        let (now_ms, buckets) = self.buckets(0, BUCKETS as usize, deadline)?;
        let now = now_ms.to_string();
        let request = |(bucket, _): &(u64, i64)| {
            let place = Place::Bucket(*bucket);
            let key = self.keys.agenda(place);
            let all = Command::plain(&[&b"ZCARD"[..], &key]);
            let due = Command::plain(&[&b"ZCOUNT"[..], &key, b"-inf", now.as_bytes()]);
            let first = Command::plain(&[&b"ZRANGE"[..], &key, b"0", b"0", b"WITHSCORES"]);
            Request::read(self.keys.slot(place), vec![all, due, first])
        };
        let requests: Vec<Request> = buckets.iter().map(request).collect();
        let mut all = Backlog::default();
        for answers in self.read_all(&requests, deadline)? {
            let number = |at: usize| answers[at].number().unwrap_or(0).max(0) as u64;
            all.waiting = all.waiting.saturating_add(number(0));
            all.due = all.due.saturating_add(number(1));
            let oldest_ms = scored(&answers[2]).next().map_or(0, |(_, at_ms)| now_ms - at_ms);
            all.oldest_due_ms = all.oldest_due_ms.max(oldest_ms.max(0) as u64);
        }
        Ok(all)
    }

    /// The number of all announcements; looks through all buckets when that is due and nobody else does.
    pub fn changes(&self, deadline: Deadline) -> Result<i64, Failure> {
        let sweeper = At { key: self.keys.own(Place::Account, "sweeper"), field: Vec::new() };
        let get = |key: &[u8]| Command::plain(&[b"GET", key]);
        let commands = vec![get(&self.keys.own(Place::Account, "changes")), get(&sweeper.key)];
        let answers = self.read_with_time(commands, deadline)?;
        if answers[1] == Value::Nil {
            let mut attempt = Attempt::new(None, [(&sweeper, Some(None))].into_iter());
            attempt.then("SET", &sweeper.key, &[b"", b"PX", SWEEP_MS.to_string().as_bytes()]);
            let request = Request { repeatable: false, ..self.request(Place::Account, vec![attempt.into_command()]) };
            let turn = self.router.exchange(&request, deadline).map(|answers| answers.values.into_iter().next());
            if let Ok(Outcome::Applied(_)) = turn.and_then(Outcome::read) {
                // If it fails there is another one in half a minute.
                let _swept = self.sweep(deadline);
            }
        }
        Ok(answers[0].number().unwrap_or(0))
    }

    fn sweep(&self, deadline: Deadline) -> Result<(), Failure> {
        let announced: HashMap<u64, i64> = self.buckets(0, BUCKETS as usize, deadline)?.1.into_iter().collect();
        let requests: Vec<Request> = (0..BUCKETS).map(|bucket| self.list(bucket, 0, 1)).collect();
        let found = self.read_all(&requests, deadline)?;
        let missing = (0..BUCKETS).zip(found).filter_map(|(bucket, answers)| {
            let (_, at_ms) = scored(&answers[1]).next()?;
            let is_known = announced.get(&bucket).is_some_and(|known_ms| *known_ms <= at_ms);
            (!is_known).then(|| announce(&self.keys, Announcement { bucket, at_ms }))
        });
        let missing: Vec<Command> = missing.collect();
        if missing.is_empty() { Ok(()) } else { self.write(Place::Account, missing, deadline) }
    }
}

/// Members and scores of a list.
fn scored(list: &Value) -> impl Iterator<Item = (&[u8], i64)> {
    list.list().chunks_exact(2).filter_map(|pair| match pair {
        [Value::Text(member), score] => Some((member.as_slice(), score.at_ms()?)),
        _ => None,
    })
}

fn parse_bucket(text: &[u8]) -> Option<u64> {
    std::str::from_utf8(text).ok()?.parse().ok().filter(|bucket| *bucket < BUCKETS)
}

/// All `count` answers, none of which is an error.
pub fn whole(answers: Answers, count: usize) -> Result<Vec<Value>, Failure> {
    for value in &answers.values {
        if let Value::Error(said) = value {
            return Err(Failure::answered(said));
        }
    }
    // Those that came before a connection broke are handed out as they are.
    if answers.values.len() == count { Ok(answers.values) } else { Err(Failure::Unreached("it broke off".to_owned())) }
}

fn soonest(so_far: &mut Option<i64>, other: Option<i64>) {
    *so_far = so_far.take().into_iter().chain(other).min();
}
