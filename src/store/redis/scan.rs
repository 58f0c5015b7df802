//! All records of a family, page by page, for operators.
//!
//! What shares a hash is read bucket by bucket, each in the order of its ids. Keys of their own are found by SCAN, server
//! by server, in batches. The same cursor does not list the same batch again: other keys come and go, and the server grows
//! and shrinks its tables. So who goes on within a batch brings along what he has seen of it. One may be listed twice then,
//! but none is left out.

use sha2::{Digest, Sha256};

use super::super::{Name, Page, Scanned, Space};
use super::Core;
use super::error::Failure;
use super::keys::{At, BUCKETS, Family, Keys, Place};
use super::resp::Value;
use super::router::Request;
use super::script::Command;
use crate::clock::Deadline;

/// Buckets that are read together at most, as long as each has few records.
const MOST_TOGETHER: u64 = 64;
/// … and at first.
const FIRST_TOGETHER: u64 = 8;
/// So many are few.
const FEW: usize = 64;
/// Keys that one SCAN looks at …
const LOOKED_AT: u64 = 1000;
/// … and where they are mostly ours, so that there is little to bring along.
const LOOKED_AT_LEAST: u64 = 32;
/// So many of ours in a batch are too many to bring along.
const MANY: usize = 48;
/// Bytes that stand for an id that was seen.
const SEEN: usize = 6;

/// Where a scan goes on: in which bucket or server, from which cursor, and what it has passed there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Cursor {
    pub(super) part: u64,
    pub(super) at: u64,
    pub(super) passed: Passed,
}

/// What of a list was taken already.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Passed {
    #[default]
    Nothing,
    /// All up to this id.
    UpTo(Vec<u8>),
    /// These, by their digests.
    These(Vec<[u8; SEEN]>),
}

pub(super) fn digest(id: &[u8]) -> [u8; SEEN] {
    Sha256::digest(id).first_chunk().copied().unwrap_or_default()
}

impl Passed {
    fn has(&self, id: &[u8]) -> bool {
        match self {
            Passed::Nothing => false,
            Passed::UpTo(last) => id <= last.as_slice(),
            Passed::These(seen) => seen.contains(&digest(id)),
        }
    }

    /// Without what is not in the list any more: it may be listed again elsewhere.
    fn within(&self, ids: &[Vec<u8>]) -> Passed {
        match self {
            Passed::These(_) => Passed::These(ids.iter().filter(|id| self.has(id)).map(|id| digest(id)).collect()),
            passed => passed.clone(),
        }
    }

    /// With these, which came next.
    fn and(&self, space: Space, ids: &[Vec<u8>]) -> Passed {
        match (Keys::family(space), self, ids) {
            (_, passed, []) => passed.clone(),
            (Family::Hash(_), _, [.., last]) => Passed::UpTo(last.clone()),
            (Family::Keys(_), passed, ids) => {
                let seen = if let Passed::These(seen) = passed { seen.as_slice() } else { &[] };
                Passed::These(seen.iter().copied().chain(ids.iter().map(|id| digest(id))).collect())
            }
        }
    }
}

impl Cursor {
    pub(super) fn to_bytes(&self) -> Box<[u8]> {
        let mut bytes = [self.part.to_be_bytes(), self.at.to_be_bytes()].concat();
        match &self.passed {
            Passed::Nothing => {}
            Passed::UpTo(last) => bytes.extend([&[1], last.as_slice()].concat()),
            Passed::These(seen) => bytes.extend([&[2], seen.as_flattened()].concat()),
        }
        bytes.into()
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Cursor> {
        let (part, rest) = bytes.split_first_chunk()?;
        let (at, rest) = rest.split_first_chunk()?;
        let passed = match rest.split_first() {
            Some((1, last)) => Passed::UpTo(last.to_vec()),
            Some((2, seen)) => Passed::These(seen.as_chunks().0.to_vec()),
            _ => Passed::Nothing,
        };
        Some(Cursor { part: u64::from_be_bytes(*part), at: u64::from_be_bytes(*at), passed })
    }

    /// The ids that come next, and whether more of the same list are left.
    fn take(&self, mut ids: Vec<Vec<u8>>, limit: usize) -> (Vec<Vec<u8>>, bool) {
        ids.sort();
        ids.dedup();
        ids.retain(|id| !self.passed.has(id));
        let more = ids.len() > limit;
        ids.truncate(limit);
        (ids, more)
    }

    /// The place behind these, which came next.
    fn behind(&self, space: Space, ids: &[Vec<u8>]) -> Cursor {
        Cursor { passed: self.passed.and(space, ids), ..*self }
    }
}

/// As [`super::super::Engine::place_of`].
pub fn place_of(player: &Name, kept: usize) -> Box<[u8]> {
    let id = player.id();
    let passed = Passed::UpTo(id[..kept.min(id.len())].to_vec());
    Cursor { part: player.home() % BUCKETS, at: 0, passed }.to_bytes()
}

/// Then a page ends where it is: it goes on with the next call, where one that came too late would fail again.
fn enough_of(deadline: Deadline) -> Deadline {
    deadline.in_part(2)
}

/// What one look gives.
struct Batch {
    ids: Vec<Vec<u8>>,
    /// Where to go on behind all of them; None: nowhere.
    next: Option<Cursor>,
}

impl Core {
    /// Names of messages of the player with this hash. Keys are not looked for: they lie among everybody's, say nothing in
    /// another life of the player's, and pass within a day.
    pub fn messages_of(&self, home: u64, limit: usize, deadline: Deadline) -> Result<Vec<Name>, Failure> {
        let place = Place::Bucket(home % BUCKETS);
        let Family::Hash(what) = Keys::family(Space::Message) else { return Ok(Vec::new()) };
        let list = Command::plain(&[&b"HKEYS"[..], &self.keys.own(place, what)]);
        let answers = self.read(place, vec![list], deadline)?;
        let names = answers[0].list().iter().filter_map(|id| match id {
            Value::Text(id) => Name::from_id(Space::Message, id),
            _ => None,
        });
        Ok(names.filter(|name| name.home() == home).take(limit).collect())
    }

    /// As [`super::super::Engine::scan`].
    pub fn scan(&self, space: Space, after: Option<&[u8]>, limit: usize, deadline: Deadline) -> Result<Page, Failure> {
        let mut cursor = after.and_then(Cursor::from_bytes).unwrap_or_default();
        if let Family::Hash(what) = Keys::family(space)
            && space != Space::Account
        {
            return self.scan_buckets(space, what, cursor, limit, deadline);
        }
        let (mut records, mut looked_at) = (Vec::new(), LOOKED_AT);
        let (enough, mut moved) = (enough_of(deadline), false);
        while records.len() < limit && !(moved && enough.is_over()) {
            let batch = self.batch(space, &cursor, looked_at, deadline)?;
            if batch.ids.len() > MANY && looked_at > LOOKED_AT_LEAST && space != Space::Account {
                looked_at = LOOKED_AT_LEAST.max(looked_at / 2);
                continue;
            }
            moved = true;
            cursor.passed = cursor.passed.within(&batch.ids);
            let (ids, more) = cursor.take(batch.ids, limit - records.len());
            for (name, value) in self.values(space, ids.clone(), deadline)? {
                let seen = ids.iter().position(|id| **id == *name.id()).map_or(ids.len(), |at| at + 1);
                records.push(Scanned { place: cursor.behind(space, &ids[..seen]).to_bytes(), name, value });
            }
            cursor = match batch.next {
                _ if more => cursor.behind(space, &ids),
                Some(next) => next,
                None => return Ok(Page { records, after: None }),
            };
        }
        Ok(Page { records, after: Some(cursor.to_bytes()) })
    }

    /// As [`super::super::Engine::scan_of`]: the ids in the player's bucket that begin with his hash.
    pub fn scan_of(
        &self,
        space: Space,
        home: u64,
        after: Option<&[u8]>,
        limit: usize,
        deadline: Deadline,
    ) -> Result<Page, Failure> {
        let Family::Hash(what) = Keys::family(space) else { return Ok(Page::default()) };
        let place = Place::Bucket(home % BUCKETS);
        let command = Command::plain(&[&b"HKEYS"[..], &self.keys.own(place, what)]);
        let ids = texts(&self.read(place, vec![command], deadline)?.swap_remove(0));
        let passed = after.map_or(Passed::Nothing, |last| Passed::UpTo(last.to_vec()));
        let cursor = Cursor { passed, ..Cursor::default() };
        let theirs = ids.into_iter().filter(|id| id.starts_with(&home.to_be_bytes())).collect();
        let (ids, more) = cursor.take(theirs, limit);
        let after = ids.last().filter(|_| more).map(|id| id.as_slice().into());
        let found = self.values(space, ids, deadline)?;
        let scanned = |(name, value): (Name, Vec<u8>)| Scanned { place: name.id().into(), name, value };
        Ok(Page { records: found.into_iter().map(scanned).collect(), after })
    }

    /// The buckets in turn, several in one round trip where there is hardly anything in them.
    fn scan_buckets(
        &self,
        space: Space,
        what: &str,
        mut cursor: Cursor,
        limit: usize,
        deadline: Deadline,
    ) -> Result<Page, Failure> {
        // Who goes on found more than a page, or had no time for more.
        let mut together = if cursor == Cursor::default() { FIRST_TOGETHER } else { 1 };
        let mut ids = Vec::new();
        let (enough, mut moved) = (enough_of(deadline), false);
        while ids.len() < limit && cursor.part < BUCKETS && !(moved && enough.is_over()) {
            moved = true;
            let parts = cursor.part..(cursor.part + together).min(BUCKETS);
            let request = |part| {
                let place = Place::Bucket(part);
                let list = Command::plain(&[&b"HKEYS"[..], &self.keys.own(place, what)]);
                Request::read(self.keys.slot(place), vec![list])
            };
            let lists = self.read_all(&parts.clone().map(request).collect::<Vec<_>>(), deadline)?;
            let mut most = 0;
            for (part, answers) in parts.zip(lists) {
                let all = texts(&answers[0]);
                most = most.max(all.len());
                let (some, more) = cursor.take(all, limit - ids.len());
                ids.extend(some);
                if more || ids.len() == limit {
                    cursor = cursor.behind(space, &ids);
                    break;
                }
                cursor = Cursor { part: part + 1, ..Cursor::default() };
            }
            together = if most < FEW { MOST_TOGETHER.min(2 * together) } else { 1 };
        }
        let found = self.values(space, ids, deadline)?;
        let scanned = |(name, value): (Name, Vec<u8>)| Scanned { place: place_of(&name, name.id().len()), name, value };
        let after = (cursor.part < BUCKETS).then(|| cursor.to_bytes());
        Ok(Page { records: found.into_iter().map(scanned).collect(), after })
    }

    /// All ids of the list, or of a batch of about so many keys, at which the cursor is.
    fn batch(&self, space: Space, cursor: &Cursor, looked_at: u64, deadline: Deadline) -> Result<Batch, Failure> {
        match Keys::family(space) {
            Family::Hash(what) => {
                let command = Command::plain(&[&b"HKEYS"[..], &self.keys.own(Place::Account, what)]);
                let list = self.read(Place::Account, vec![command], deadline)?.swap_remove(0);
                Ok(Batch { ids: texts(&list), next: None })
            }
            Family::Keys(what) => self.batch_of_keys(space, what, cursor, looked_at, deadline),
        }
    }

    fn batch_of_keys(
        &self,
        space: Space,
        what: &str,
        cursor: &Cursor,
        looked_at: u64,
        deadline: Deadline,
    ) -> Result<Batch, Failure> {
        let masters = self.router.masters(deadline)?;
        let Some(address) = masters.get(cursor.part as usize) else { return Ok(Batch { ids: Vec::new(), next: None }) };
        let (at, pattern, count) = (cursor.at.to_string(), self.keys.pattern(what), looked_at.to_string());
        let scan = Command::plain(&[&b"SCAN"[..], at.as_bytes(), b"MATCH", &pattern, b"COUNT", count.as_bytes()]);
        let answer = self.router.ask(address, &[scan], deadline)?.pop().unwrap_or(Value::Nil);
        if let Value::Error(said) = &answer {
            return Err(Failure::answered(said));
        }
        let [next, keys] = answer.list() else {
            return Err(Failure::Unreached("its answer to SCAN was not understood".to_owned()));
        };
        let id = |key: &Value| match key {
            Value::Text(key) => self.keys.id_in(space, key, what),
            _ => None,
        };
        let next = match next.text().and_then(|at| at.parse().ok()).unwrap_or(0) {
            0 if cursor.part + 1 >= masters.len() as u64 => None,
            0 => Some(Cursor { part: cursor.part + 1, ..Cursor::default() }),
            at => Some(Cursor { part: cursor.part, at, ..Cursor::default() }),
        };
        Ok(Batch { ids: keys.list().iter().filter_map(id).collect(), next })
    }

    fn values(&self, space: Space, ids: Vec<Vec<u8>>, deadline: Deadline) -> Result<Vec<(Name, Vec<u8>)>, Failure> {
        let names: Vec<Name> = ids.iter().filter_map(|id| Name::from_id(space, id)).collect();
        let request = |name: &Name| {
            let place = Place::of([name]).map_or(Place::Account, |(place, _)| place);
            let At { key, field } = self.keys.record(place, name);
            let get = match field.as_slice() {
                [] => Command::plain(&[&b"GET"[..], &key]),
                field => Command::plain(&[&b"HGET"[..], &key, field]),
            };
            Request::read(self.keys.slot(place), vec![get])
        };
        let requests: Vec<Request> = names.iter().map(request).collect();
        let values = self.read_all(&requests, deadline)?;
        let found = names.into_iter().zip(values).filter_map(|(name, mut answers)| match answers.pop() {
            Some(Value::Text(value)) => Some((name, value)),
            _ => None,
        });
        Ok(found.collect())
    }
}

fn texts(list: &Value) -> Vec<Vec<u8>> {
    let text = |value: &Value| match value {
        Value::Text(text) => Some(text.clone()),
        _ => None,
    };
    list.list().iter().filter_map(text).collect()
}
