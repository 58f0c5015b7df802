//! The access token, shared among processes: one asks, all use.

use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, params};

use crate::clock::Now;
use crate::error::Error;
use crate::secret::Secret;
use crate::store::kept::{error_from_text, error_to_text};
use crate::store::{FORCED_APART_MS, FORCED_PER_DAY, StoredToken, TokenAsk, TokenClaim};

const DAY_MS: i64 = 24 * 3_600_000;

/// Whose token: an account's, in one mode, at one host.
pub struct Row {
    pub appid: Arc<str>,
    pub mode: &'static str,
    pub host: Arc<str>,
}

/// The token, if it is alive and WeChat has not refused it.
pub fn alive(c: &Connection, row: &Row, now: &Now) -> rusqlite::Result<Option<StoredToken>> {
    let read = c
        .prepare_cached(
            "SELECT token, life, expires_boot, boot_id, expires_wall FROM token
             WHERE appid = ?1 AND mode = ?2 AND host = ?3 AND token IS NOT NULL AND dead = 0",
        )?
        .query_row(params![row.appid, row.mode, row.host], |r| {
            let left_by_boot = (r.get::<_, String>(3)? == now.boot_id).then_some(r.get::<_, i64>(2)? - now.boot_ms);
            let left_by_wall = r.get::<_, i64>(4)? - now.wall_ms;
            Ok(StoredToken {
                token: Secret::new(r.get(0)?),
                life_ms: r.get(1)?,
                left_ms: left_by_boot.map_or(left_by_wall, |ms| ms.min(left_by_wall)),
            })
        })
        .optional()?;
    // A wall clock that was set back must not stretch a token's life.
    Ok(read.filter(|t| t.left_ms > 0).map(|t| StoredToken { left_ms: t.left_ms.min(t.life_ms), ..t }))
}

/// Whether this caller shall ask WeChat.
pub fn claim(c: &Connection, row: &Row, ask: &TokenAsk, now: &Now) -> rusqlite::Result<TokenClaim> {
    if let Some(token) = alive(c, row, now)?.filter(|t| t.left_ms > ask.need_ms) {
        return Ok(TokenClaim::Ready(token));
    }
    c.prepare_cached("INSERT OR IGNORE INTO token (appid, mode, host) VALUES (?1, ?2, ?3)")?
        .execute(params![row.appid, row.mode, row.host])?;
    let (asking_ms, pausing_ms, failure, failures, dead) = c
        .prepare_cached(
            "SELECT CASE WHEN asks_boot_id = ?4 AND asker <> ?6 THEN asks_until_boot - ?5 ELSE 0 END,
                    CASE WHEN pause_boot_id = ?4 THEN pause_until_boot - ?5 ELSE 0 END,
                    failure, failures, CASE WHEN dead THEN token END
             FROM token WHERE appid = ?1 AND mode = ?2 AND host = ?3",
        )?
        .query_row(params![row.appid, row.mode, row.host, now.boot_id, now.boot_ms, ask.holder], |r| {
            Ok((
                r.get::<_, i64>(0)?,
                r.get::<_, i64>(1)?,
                r.get::<_, Option<String>>(2)?,
                r.get::<_, u32>(3)?,
                r.get::<_, Option<String>>(4)?,
            ))
        })?;
    if asking_ms > 0 {
        return Ok(TokenClaim::Wait(asking_ms));
    }
    if pausing_ms > 0 {
        return Ok(TokenClaim::Failed(error_from_text(failure.as_deref()), pausing_ms));
    }
    c.prepare_cached(
        "UPDATE token SET asker = ?4, asks_until_boot = ?5, asks_boot_id = ?6 WHERE appid = ?1 AND mode = ?2 AND host = ?3",
    )?
    .execute(params![row.appid, row.mode, row.host, ask.holder, now.boot_ms + ask.lease_ms, now.boot_id])?;
    Ok(TokenClaim::Ask { dead: dead.map(Secret::new), failures })
}

/// Leaves a new token for all.
pub fn put(c: &Connection, row: &Row, token: &Secret, life_ms: i64, now: &Now) -> rusqlite::Result<()> {
    c.prepare_cached(
        "INSERT INTO token (appid, mode, host, token, life, expires_boot, boot_id, expires_wall)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
         ON CONFLICT DO UPDATE SET
           token = excluded.token, life = excluded.life, expires_boot = excluded.expires_boot,
           boot_id = excluded.boot_id, expires_wall = excluded.expires_wall,
           dead = 0, asks_until_boot = 0, failures = 0, failure = NULL, pause_until_boot = 0",
    )?
    .execute(params![
        row.appid,
        row.mode,
        row.host,
        token.expose(),
        life_ms,
        now.boot_ms + life_ms,
        now.boot_id,
        now.wall_ms + life_ms
    ])
    .map(drop)
}

/// Leaves word that asking failed.
pub fn fail(c: &Connection, row: &Row, holder: i64, why: &Error, pause_ms: i64, now: &Now) -> rusqlite::Result<()> {
    c.prepare_cached(
        "UPDATE token SET asks_until_boot = 0, failures = failures + 1, failure = ?5,
                          pause_until_boot = ?6, pause_boot_id = ?7
         WHERE appid = ?1 AND mode = ?2 AND host = ?3 AND asker = ?4",
    )?
    .execute(params![row.appid, row.mode, row.host, holder, error_to_text(why), now.boot_ms + pause_ms, now.boot_id])
    .map(drop)
}

/// Lets others ask.
pub fn release(c: &Connection, row: &Row, holder: i64) -> rusqlite::Result<()> {
    c.prepare_cached(
        "UPDATE token SET asks_until_boot = 0 WHERE appid = ?1 AND mode = ?2 AND host = ?3 AND asker = ?4",
    )?
    .execute(params![row.appid, row.mode, row.host, holder])
    .map(drop)
}

/// Marks this token, and no other, as dead.
pub fn kill(c: &Connection, row: &Row, token: &Secret) -> rusqlite::Result<()> {
    c.prepare_cached("UPDATE token SET dead = 1 WHERE appid = ?1 AND mode = ?2 AND host = ?3 AND token = ?4")?
        .execute(params![row.appid, row.mode, row.host, token.expose()])
        .map(drop)
}

/// Takes one of the forced refreshes that WeChat allows, or says how long to wait. Ages go by the boot clock where it
/// is the same boot, so that setting the wall clock gives nobody more of them.
pub fn force(c: &Connection, appid: &str, now: &Now) -> rusqlite::Result<Result<(), i64>> {
    let mut ages: Vec<i64> = c
        .prepare_cached("SELECT CASE WHEN boot_id = ?2 THEN ?3 - at_boot ELSE ?4 - at_wall END FROM forced_refresh WHERE appid = ?1")?
        .query_map(params![appid, now.boot_id, now.boot_ms, now.wall_ms], |r| r.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    // An age that cannot be, since the clock was wrong before this boot, is no age; WeChat's own refusal is the backstop.
    ages.retain(|age| (0..DAY_MS).contains(age));
    ages.sort_unstable();
    if let Some(newest) = ages.first().filter(|age| **age < FORCED_APART_MS) {
        return Ok(Err((FORCED_APART_MS - newest).min(FORCED_APART_MS)));
    }
    if ages.len() as i64 >= FORCED_PER_DAY {
        let oldest = ages.last().copied().unwrap_or(0);
        return Ok(Err(DAY_MS - oldest));
    }
    c.prepare_cached(
        "DELETE FROM forced_refresh WHERE appid = ?1 AND
           CASE WHEN boot_id = ?3 THEN at_boot < ?4 ELSE at_wall < ?2 OR at_wall > ?5 END",
    )?
    .execute(params![appid, now.wall_ms - 2 * DAY_MS, now.boot_id, now.boot_ms - DAY_MS, now.wall_ms])?;
    c.prepare_cached("INSERT INTO forced_refresh (appid, at_boot, boot_id, at_wall) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![appid, now.boot_ms, now.boot_id, now.wall_ms])?;
    Ok(Ok(()))
}
