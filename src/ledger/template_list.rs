//! What the account's templates are: their list as WeChat gave it, and the ids that records name by a hash.

use super::age::Stamp;
use super::codec::{Damage, Decoder, Encoder};
use crate::store::{Changes, Name, Operation, Stop, Time, View};

/// Ids that are kept at most; an account has at most 50 one-time templates at a time.
const MAX_IDS: usize = 1000;

/// Older than any list that is still good.
const LONG_MS: i64 = 365 * 24 * 3_600_000;

fn list_name() -> Name {
    Name::account("templates")
}

fn ids_name() -> Name {
    Name::account("template-ids")
}

/// A list, and how many milliseconds ago it was kept.
pub type KeptList = Option<(String, i64)>;

/// The list as it was kept; and all ids that are known.
pub fn read() -> Operation<(KeptList, Vec<String>)> {
    let reads = vec![list_name(), ids_name()];
    let decide = Box::new(|view: &View<'_>| {
        let name = list_name();
        let list = absent_if_broken(view.get(&name)?.map(|record| decode_list(&name, record, &view.time)))?;
        Ok((Changes::default(), (list, read_ids(view)?)))
    });
    Operation { reads, proven: false, trace: None, decide }
}

/// Keeps the list.
pub fn put_list(list: String) -> Operation<()> {
    let decide = Box::new(move |view: &View<'_>| {
        let (mut changes, name) = (Changes::default(), list_name());
        let mut to = Encoder::default();
        Stamp::encode(&view.time, &mut to);
        to.text(&list);
        changes.put(name.clone(), Some(to.finish(&name)), None);
        Ok((changes, ()))
    });
    Operation { reads: vec![list_name()], proven: false, trace: None, decide }
}

/// Adds ids that the account's list or a send confirmed; from then on records may name them by a hash. Returns those that
/// are known now.
pub fn confirm(ids: Vec<String>) -> Operation<Vec<String>> {
    let decide = Box::new(move |view: &View<'_>| {
        let mut changes = Changes::default();
        let known = add_ids(&ids, view, &mut changes)?;
        Ok((changes, known))
    });
    Operation { reads: vec![ids_name()], proven: true, trace: None, decide }
}

/// Adds ids to those that are known.
pub fn add_ids(ids: &[String], view: &View<'_>, changes: &mut Changes) -> Result<Vec<String>, Stop> {
    let mut known = read_ids(view)?;
    let before = known.len();
    for id in ids {
        if !known.contains(id) && known.len() < MAX_IDS {
            known.push(id.clone());
        }
    }
    if known.len() > before {
        let name = ids_name();
        let mut to = Encoder::default();
        to.unsigned(known.len() as u64);
        known.iter().for_each(|id| to.text(id));
        changes.put(name.clone(), Some(to.finish(&name)), None);
    }
    Ok(known)
}

/// Whether this record holds the ids.
pub fn holds_ids(name: &Name) -> bool {
    *name == ids_name()
}

fn read_ids(view: &View<'_>) -> Result<Vec<String>, Stop> {
    let name = ids_name();
    Ok(absent_if_broken(view.get(&name)?.map(|record| decode_ids(&name, record)))?.unwrap_or_default())
}

fn absent_if_broken<T>(read: Option<Result<T, Damage>>) -> Result<Option<T>, Damage> {
    match read {
        Some(Ok(read)) => Ok(Some(read)),
        Some(Err(Damage::Broken)) | None => Ok(None),
        Some(Err(newer)) => Err(newer),
    }
}

fn decode_list(name: &Name, record: &[u8], now: &Time) -> Result<(String, i64), Damage> {
    let mut from = Decoder::open(name, record)?;
    let stamp = Stamp::decode(&mut from)?;
    // A list may be fetched again at any time: no grace, and one of the future is of any age.
    let by_wall = now.wall_ms.saturating_sub(stamp.wall_ms());
    let by_wall = if by_wall < 0 { LONG_MS } else { by_wall };
    let age_ms = stamp.passed(now).by_boot_ms().unwrap_or(by_wall);
    let list = from.text()?;
    from.end()?;
    Ok((list, age_ms))
}

/// The ids in their record.
pub fn decode_ids(name: &Name, record: &[u8]) -> Result<Vec<String>, Damage> {
    let mut from = Decoder::open(name, record)?;
    let mut ids = Vec::new();
    for _ in 0..from.small::<usize>()? {
        ids.push(from.text()?);
    }
    from.end()?;
    Ok(ids)
}
