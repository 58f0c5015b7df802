//! All records of a family, page by page, for operators.
//!
//! What shares a hash is read bucket by bucket, each in the order of its ids. Keys of their own are found by SCAN, server
//! by server; a server that grows or shrinks its tables in between may list one twice, but leaves none out.

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
/// So many are few.
const FEW: usize = 64;
/// Keys that one SCAN looks at.
const LOOKED_AT: &str = "1000";

/// Where a scan goes on: in which bucket or server, from which cursor, behind which id.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Cursor {
    part: u64,
    at: u64,
    behind: Option<Vec<u8>>,
}

impl Cursor {
    fn to_bytes(&self) -> Box<[u8]> {
        let mut bytes = [self.part.to_be_bytes(), self.at.to_be_bytes()].concat();
        if let Some(behind) = &self.behind {
            bytes.push(1);
            bytes.extend_from_slice(behind);
        }
        bytes.into()
    }

    fn from_bytes(bytes: &[u8]) -> Option<Cursor> {
        let (part, rest) = bytes.split_first_chunk()?;
        let (at, rest) = rest.split_first_chunk()?;
        let behind = rest.split_first().map(|(_, behind)| behind.to_vec());
        Some(Cursor { part: u64::from_be_bytes(*part), at: u64::from_be_bytes(*at), behind })
    }

    /// The ids that come next, and whether more of the same list are left.
    fn take(&self, mut ids: Vec<Vec<u8>>, limit: usize) -> (Vec<Vec<u8>>, bool) {
        ids.sort();
        ids.dedup();
        ids.retain(|id| self.behind.as_ref().is_none_or(|behind| id > behind));
        let more = ids.len() > limit;
        ids.truncate(limit);
        (ids, more)
    }
}

/// As [`super::super::Engine::place_of`].
pub fn place_of(player: &Name, kept: usize) -> Box<[u8]> {
    let id = player.id();
    let behind = Some(id[..kept.min(id.len())].to_vec());
    Cursor { part: player.home() % BUCKETS, at: 0, behind }.to_bytes()
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
        let mut records = Vec::new();
        while records.len() < limit {
            let (ids, next) = self.scan_once(space, &cursor, limit - records.len(), deadline)?;
            let found = self.values(space, ids, deadline)?;
            let place = |name: &Name| Cursor { behind: Some(name.id().to_vec()), ..cursor }.to_bytes();
            records.extend(found.into_iter().map(|(name, value)| Scanned { place: place(&name), name, value }));
            match next {
                Some(next) => cursor = next,
                None => return Ok(Page { records, after: None }),
            }
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
        let cursor = Cursor { behind: after.map(<[u8]>::to_vec), ..Cursor::default() };
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
        let (mut ids, mut together) = (Vec::new(), 1);
        while ids.len() < limit && cursor.part < BUCKETS {
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
                    cursor.behind = ids.last().cloned();
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

    /// Some ids, and where to go on.
    fn scan_once(
        &self,
        space: Space,
        cursor: &Cursor,
        limit: usize,
        deadline: Deadline,
    ) -> Result<(Vec<Vec<u8>>, Option<Cursor>), Failure> {
        let (list, parts, next_at) = match Keys::family(space) {
            Family::Hash(what) => {
                let command = Command::plain(&[&b"HKEYS"[..], &self.keys.own(Place::Account, what)]);
                (self.read(Place::Account, vec![command], deadline)?.swap_remove(0), 1, 0)
            }
            Family::Keys(what) => self.scan_keys(space, what, cursor, deadline)?,
        };
        let (ids, more) = cursor.take(texts(&list), limit);
        let next = match next_at {
            _ if more => Some(Cursor { behind: ids.last().cloned(), ..*cursor }),
            0 if cursor.part + 1 >= parts => None,
            0 => Some(Cursor { part: cursor.part + 1, ..Cursor::default() }),
            at => Some(Cursor { part: cursor.part, at, behind: None }),
        };
        Ok((ids, next))
    }

    /// Ids of keys on one server, how many servers there are, and where to go on; 0: this one has no more.
    fn scan_keys(
        &self,
        space: Space,
        what: &str,
        cursor: &Cursor,
        deadline: Deadline,
    ) -> Result<(Value, u64, u64), Failure> {
        let masters = self.router.masters(deadline)?;
        let Some(address) = masters.get(cursor.part as usize) else { return Ok((Value::Nil, 0, 0)) };
        let (at, pattern) = (cursor.at.to_string(), self.keys.pattern(what));
        let scan = Command::plain(&[&b"SCAN"[..], at.as_bytes(), b"MATCH", &pattern, b"COUNT", LOOKED_AT.as_bytes()]);
        let answer = self.router.ask(address, &[scan], deadline)?.pop().unwrap_or(Value::Nil);
        if let Value::Error(said) = &answer {
            return Err(Failure::answered(said));
        }
        let [next, keys] = answer.list() else {
            return Err(Failure::Unreached("its answer to SCAN was not understood".to_owned()));
        };
        let ids = keys.list().iter().filter_map(|key| match key {
            Value::Text(key) => self.keys.id_in(space, key, what).map(Value::Text),
            _ => None,
        });
        let next = next.text().and_then(|at| at.parse().ok()).unwrap_or(0);
        Ok((Value::List(ids.collect()), masters.len() as u64, next))
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
