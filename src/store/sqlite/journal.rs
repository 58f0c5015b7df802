//! The log and the counters of days.
//!
//! An entry's row id is its position: when it was made and a number for those of the same millisecond, so that rows lie in
//! the order of time and need no index on it. A player's entries are found by three bytes of his hash; those of a stranger
//! with the same three come with them.

use rusqlite::{Connection, OptionalExtension, params};

use crate::store::{Counter, JournalTerms, LogEntry, LogPage, LogQuery, Logged};

/// Positions count from here, so that they stay short: 2026-01-01.
const EPOCH_MS: i64 = 1_767_225_600_000;
/// Bits of a position for those of one millisecond.
const NUMBER: u32 = 8;
/// An entry may have been put behind a full millisecond.
const SPILLED_MS: i64 = 20;
/// Rows that are dropped in one transaction at most.
pub const DROPPED_AT_ONCE: i64 = 256;

fn position(at_ms: i64) -> i64 {
    at_ms.saturating_sub(EPOCH_MS).clamp(i64::MIN >> NUMBER, i64::MAX >> NUMBER) << NUMBER
}

fn at_ms(position: i64) -> i64 {
    (position >> NUMBER) + EPOCH_MS
}

/// Three bytes of the hash; SQLite keeps signed numbers.
fn short_home(home: u64) -> i64 {
    (home >> 40).cast_signed() - (1 << 23)
}

pub fn add(c: &Connection, account: i64, counter: &Counter, n: i64) -> rusqlite::Result<()> {
    c.prepare_cached(
        "INSERT INTO funnel (account, day, name, n) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO UPDATE SET n = n + excluded.n",
    )?
    .execute(params![account, counter.day, counter.name, n])
    .map(drop)
}

pub fn append(c: &Connection, account: i64, entry: &LogEntry, now_ms: i64) -> rusqlite::Result<()> {
    if let Some(old) = entry.replaces {
        let (from, to) = (position(old.at_ms), position(old.at_ms.saturating_add(SPILLED_MS)));
        let beginning = entry.text.get(..old.prefix).unwrap_or_default();
        c.prepare_cached(
            "DELETE FROM history WHERE at >= ?1 AND at < ?2 AND account = ?3 AND home = ?6 AND substr(entry, 1, ?4) = ?5",
        )?
        .execute(params![from, to, account, old.prefix as i64, beginning, short_home(entry.home)])?;
    }
    let mut at = position(entry.made_ms.unwrap_or(now_ms));
    loop {
        // The next number of this millisecond; where that is full, of one behind it.
        let end = (at | ((1 << NUMBER) - 1)) + 1;
        let last: Option<i64> = c
            .prepare_cached("SELECT max(at) FROM history WHERE at >= ?1 AND at < ?2")?
            .query_row(params![at, end], |r| r.get(0))?;
        at = last.map_or(at, |last| last + 1);
        if at < end {
            break;
        }
    }
    c.prepare_cached("INSERT INTO history (at, account, home, entry) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![at, account, short_home(entry.home), entry.text])
        .map(drop)
}

pub fn page(c: &Connection, account: i64, query: &LogQuery, oldest_ms: i64) -> rusqlite::Result<LogPage> {
    let (mut from, mut before) = (position(query.from_ms.max(oldest_ms)), position(query.to_ms));
    match query.after.as_deref().and_then(|bytes| bytes.try_into().ok()).map(i64::from_be_bytes) {
        Some(after) if query.oldest_first => from = from.max(after.saturating_add(1)),
        Some(after) => before = before.min(after),
        None => {}
    }
    let limit = i64::try_from(query.limit).unwrap_or(i64::MAX);
    let which = match query.home {
        Some(_) => "INDEXED BY history_by_player WHERE at >= ?1 AND at < ?2 AND home = ?3 AND account = ?5",
        None => "WHERE at >= ?1 AND at < ?2 AND ?3 = ?3",
    };
    let order = if query.oldest_first { "ASC" } else { "DESC" };
    let mut statement =
        c.prepare_cached(&format!("SELECT at, entry, account FROM history {which} ORDER BY at {order} LIMIT ?4"))?;
    let home = query.home.map_or(0, short_home);
    let mut rows = match query.home {
        Some(_) => statement.query(params![from, before, home, limit, account])?,
        None => statement.query(params![from, before, home, limit])?,
    };
    let mut page = LogPage::default();
    while let Some(row) = rows.next()? {
        let at: i64 = row.get(0)?;
        // Another account's says nothing here, but it was looked at.
        let text = if row.get::<_, i64>(2)? == account { row.get(1)? } else { Vec::new() };
        page.entries.push(Logged { at_ms: at_ms(at), text, position: at.to_be_bytes().into() });
    }
    page.more = page.entries.len() == query.limit;
    Ok(page)
}

/// Positions and texts of entries that may be this player's, behind this position.
pub fn of_player(c: &Connection, account: i64, home: u64, behind: i64) -> rusqlite::Result<Vec<(i64, Vec<u8>)>> {
    let mut statement = c.prepare_cached(
        "SELECT at, entry FROM history INDEXED BY history_by_player
         WHERE account = ?1 AND home = ?2 AND at > ?3 ORDER BY at LIMIT ?4",
    )?;
    let rows = statement
        .query_map(params![account, short_home(home), behind, DROPPED_AT_ONCE], |row| Ok((row.get(0)?, row.get(1)?)))?;
    rows.collect()
}

pub fn drop_at(c: &Connection, account: i64, at: i64) -> rusqlite::Result<()> {
    c.prepare_cached("DELETE FROM history WHERE at = ?1 AND account = ?2")?.execute(params![at, account]).map(drop)
}

pub fn counters(c: &Connection, account: i64, from: i64, to: i64) -> rusqlite::Result<Vec<(Counter, i64)>> {
    let mut statement =
        c.prepare_cached("SELECT day, name, n FROM funnel WHERE account = ?1 AND day >= ?2 AND day <= ?3")?;
    let rows = statement.query_map(params![account, from, to], |row| {
        let counter = Counter { day: row.get(0)?, name: row.get::<_, Vec<u8>>(1)?.into() };
        Ok((counter, row.get(2)?))
    })?;
    rows.collect()
}

/// Whether there is anything that [`drop_over`] would drop; looked at without the lock of those who write.
pub fn has_over(c: &Connection, account: i64, terms: &JournalTerms, now_ms: i64) -> rusqlite::Result<bool> {
    let oldest = c
        .prepare_cached("SELECT 1 FROM history WHERE at < ?1 AND account = ?2 LIMIT 1")?
        .query_row(params![position(terms.log_from_ms(now_ms)), account], |_| Ok(()))
        .optional()?;
    let day = c
        .prepare_cached("SELECT 1 FROM funnel WHERE account = ?1 AND day < ?2 LIMIT 1")?
        .query_row(params![account, terms.counters_from_day(now_ms)], |_| Ok(()))
        .optional()?;
    Ok(oldest.is_some() || day.is_some())
}

/// Drops some of what is over; whether there may be more.
pub fn drop_over(c: &Connection, account: i64, terms: &JournalTerms, now_ms: i64) -> rusqlite::Result<bool> {
    let gone = c
        .prepare_cached(
            "DELETE FROM history WHERE at IN (SELECT at FROM history WHERE at < ?1 AND account = ?2 ORDER BY at LIMIT ?3)",
        )?
        .execute(params![position(terms.log_from_ms(now_ms)), account, DROPPED_AT_ONCE])?;
    let days = c
        .prepare_cached(
            "DELETE FROM funnel WHERE account = ?1 AND day = (SELECT min(day) FROM funnel WHERE account = ?1) AND day < ?2",
        )?
        .execute(params![account, terms.counters_from_day(now_ms)])?;
    Ok(gone == DROPPED_AT_ONCE as usize || days > 0)
}
