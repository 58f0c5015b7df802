//! One act counts once: a player's answer reaches us from the game (a report) and from WeChat (an event), in either
//! order, and the second of a pair changes nothing.

use rusqlite::{Connection, OptionalExtension, params};

use super::count::Player;
use crate::clock::Now;

/// An event carries the act's time, a report comes after the act. They pair if the report arrived at most this long
/// before the event's time (two clocks are being compared) …
const BEFORE_MS: i64 = 30_000;
/// … and at most this long after it.
const AFTER_MS: i64 = 600_000;
/// Marks that found no partner are kept this long: longer than any pair is apart, and than WeChat pushes again.
const LIFE_MS: i64 = 2 * 3_600_000;

/// Which way an answer came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// From the game, just now.
    Report,
    /// From WeChat, with its own time of the act.
    Event { created_wall: i64 },
}

impl Way {
    /// When the act happened, as far as this way tells.
    pub fn act_wall(self, now: &Now) -> i64 {
        match self {
            Way::Report => now.wall_ms,
            Way::Event { created_wall } => created_wall,
        }
    }
}

/// Whether the act had come the other way; then its mark is used up. Else a mark is left for the other way.
pub fn pairs(
    c: &Connection,
    player: Player<'_>,
    template_id: &str,
    refusal: bool,
    way: Way,
    now: &Now,
) -> rusqlite::Result<bool> {
    let time = way.act_wall(now);
    let (by_event, from, to) = match way {
        Way::Report => (true, time - AFTER_MS, time + BEFORE_MS),
        Way::Event { .. } => (false, time - BEFORE_MS, time + AFTER_MS),
    };
    let partner: Option<i64> = c
        .prepare_cached(
            "SELECT id FROM act WHERE appid = ?1 AND openid = ?2 AND template_id = ?3 AND refusal = ?4 AND by_event = ?5
             AND act_wall BETWEEN ?6 AND ?7 ORDER BY act_wall LIMIT 1",
        )?
        .query_row(params![player.appid, player.openid, template_id, refusal, by_event, from, to], |r| r.get(0))
        .optional()?;
    if let Some(id) = partner {
        c.prepare_cached("DELETE FROM act WHERE id = ?1")?.execute([id])?;
        return Ok(true);
    }
    c.prepare_cached(
        "INSERT INTO act (appid, openid, template_id, refusal, by_event, act_wall, at_boot, boot_id, at_wall)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )?
    .execute(params![
        player.appid,
        player.openid,
        template_id,
        refusal,
        !by_event,
        time,
        now.boot_ms,
        now.boot_id,
        now.wall_ms
    ])?;
    Ok(false)
}

/// Removes marks whose time is over, a limited number; returns how many.
pub fn prune(c: &Connection, now: &Now) -> rusqlite::Result<usize> {
    super::prune(c, "act", LIFE_MS, now)
}
