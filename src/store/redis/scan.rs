//! All records of a family, page by page, for operators.
//!
//! What shares a hash is read bucket by bucket, each in the order of its ids. Keys of their own are found by SCAN, server
//! by server; a server that grows or shrinks its tables in between may list one twice, but leaves none out.

use super::super::{Name, Page, Space};
use super::Core;
use super::error::Failure;
use super::keys::{At, BUCKETS, Family, Keys, Place};
use super::resp::Value;
use super::router::Request;
use super::script::Command;
use crate::clock::Deadline;

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

impl Core {
    /// As [`super::super::Engine::scan`].
    pub fn scan(&self, space: Space, after: Option<&[u8]>, limit: usize, deadline: Deadline) -> Result<Page, Failure> {
        let mut cursor = after.and_then(Cursor::from_bytes).unwrap_or_default();
        let mut records = Vec::new();
        while records.len() < limit {
            let (ids, next) = self.scan_once(space, &cursor, limit - records.len(), deadline)?;
            records.extend(self.values(space, ids, deadline)?);
            match next {
                Some(next) => cursor = next,
                None => return Ok(Page { records, after: None }),
            }
        }
        Ok(Page { records, after: Some(cursor.to_bytes()) })
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
                let place = if space == Space::Account { Place::Account } else { Place::Bucket(cursor.part) };
                let command = Command::plain(&[&b"HKEYS"[..], &self.keys.own(place, what)]);
                let parts = if space == Space::Account { 1 } else { BUCKETS };
                (self.read(place, vec![command], deadline)?.swap_remove(0), parts, 0)
            }
            Family::Keys(what) => self.scan_keys(space, what, cursor, deadline)?,
        };
        let ids = list.list().iter().filter_map(|id| match id {
            Value::Text(id) => Some(id.clone()),
            _ => None,
        });
        let (ids, more) = cursor.take(ids.collect(), limit);
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
