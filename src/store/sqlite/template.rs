//! The account's templates, kept for the next start and for other processes.

use rusqlite::{Connection, OptionalExtension, params};

use crate::clock::Now;

/// The list and its age in milliseconds.
pub fn read(c: &Connection, appid: &str, now: &Now) -> rusqlite::Result<Option<(String, i64)>> {
    c.prepare_cached(
        "SELECT list, CASE WHEN boot_id = ?2 THEN ?3 - at_boot ELSE ?4 - at_wall END FROM template WHERE appid = ?1",
    )?
    .query_row(params![appid, now.boot_id, now.boot_ms, now.wall_ms], |r| Ok((r.get(0)?, r.get(1)?)))
    .optional()
}

/// Keeps the list.
pub fn put(c: &Connection, appid: &str, list: &str, now: &Now) -> rusqlite::Result<()> {
    c.prepare_cached(
        "INSERT OR REPLACE INTO template (appid, list, at_boot, boot_id, at_wall) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?
    .execute(params![appid, list, now.boot_ms, now.boot_id, now.wall_ms])
    .map(drop)
}
