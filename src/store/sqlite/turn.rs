//! A player's turn and the unit that goes with it: taken by a hold, ended by a settlement.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::count::{self, Player};
use super::key;
use crate::clock::Now;
use crate::error::Verdict;
use crate::store::{Begun, Hold, KEEP_TURN_MS, Outcome, Settlement, Want};

/// A maybe that no event has settled is forgotten after this long: its key is, too.
const MAYBE_LIFE_MS: i64 = 24 * 3_600_000;
/// A process that waits for a turn says so anew within this long; one that died no longer does.
const WANTED_MS: i64 = 60;
/// Characters of `msgids`: room for the last eight.
const MSGIDS: i64 = 170;

/// Takes the player's turn and one unit, if both are free.
pub fn hold(c: &Connection, appid: &str, want: &Want, now: &Now) -> rusqlite::Result<Begun> {
    let player = Player { appid, openid: &want.openid };
    let (granted, gone) = count::numbers(c, player, &want.template_id)?;
    if granted <= gone && want.enforce {
        return Ok(Begun::NoQuota);
    }
    if let Some(ms) = taken_for(c, player, now)? {
        want_turn(c, player, want.process, now)?;
        return Ok(Begun::Busy(ms));
    }
    if let Some(ms) = left_to_another_for(c, player, want.process, now)? {
        return Ok(Begun::Busy(ms));
    }
    let unit = granted > gone && !want.lasting;
    c.prepare_cached(
        "INSERT OR REPLACE INTO turn
           (appid, openid, holder, until_boot, boot_id, running, template_id, granted, unit, key, started_wall)
         VALUES (?1, ?2, ?3, ?4, ?5, 1, ?6, ?7, ?8, ?9, ?10)",
    )?
    .execute(params![
        appid,
        want.openid,
        want.holder,
        now.boot_ms + want.lease_ms,
        now.boot_id,
        want.template_id,
        granted,
        unit,
        want.key,
        now.wall_ms
    ])?;
    Ok(Begun::Held(Hold { want: want.clone(), granted, unit }))
}

/// Says that this process waits for the turn, unless another has said so: whoever has it will not take it again at once.
/// Without this the one who settles, and begins again within microseconds, starves the one who polls.
fn want_turn(c: &Connection, player: Player<'_>, process: i64, now: &Now) -> rusqlite::Result<()> {
    c.prepare_cached(
        "UPDATE turn SET wanted_by = ?3, wanted_until_boot = ?5 + ?6
         WHERE appid = ?1 AND openid = ?2 AND boot_id = ?4
           AND (wanted_by = ?3 OR wanted_until_boot <= ?5 OR wanted_until_boot > ?5 + ?6)",
    )?
    .execute(params![player.appid, player.openid, process, now.boot_id, now.boot_ms, WANTED_MS])
    .map(drop)
}

/// For how many milliseconds at most the free turn is left to another process that waits for it.
fn left_to_another_for(c: &Connection, player: Player<'_>, process: i64, now: &Now) -> rusqlite::Result<Option<i64>> {
    c.prepare_cached(
        "SELECT wanted_until_boot - ?5 FROM turn WHERE appid = ?1 AND openid = ?2 AND boot_id = ?4
         AND wanted_by <> ?3 AND wanted_until_boot > ?5 AND wanted_until_boot <= ?5 + ?6",
    )?
    .query_row(params![player.appid, player.openid, process, now.boot_id, now.boot_ms, WANTED_MS], |r| r.get(0))
    .optional()
}

/// For how many milliseconds at most another send has the player's turn. One whose lease is over, since its process
/// died or stood still, has become a maybe.
fn taken_for(c: &Connection, player: Player<'_>, now: &Now) -> rusqlite::Result<Option<i64>> {
    let turn: Option<(i64, bool)> = c
        .prepare_cached(
            "SELECT CASE WHEN boot_id = ?3 THEN until_boot - ?4 ELSE 0 END, running FROM turn
             WHERE appid = ?1 AND openid = ?2",
        )?
        .query_row(params![player.appid, player.openid, now.boot_id, now.boot_ms], |r| Ok((r.get(0)?, r.get(1)?)))
        .optional()?;
    match turn {
        None => Ok(None),
        Some((ms, _)) if ms > 0 => Ok(Some(ms)),
        Some((_, running)) => {
            if running {
                c.prepare_cached(
                    "INSERT OR IGNORE INTO maybe
                       (holder, appid, openid, template_id, granted, unit, key, started_wall, at_boot, boot_id, at_wall)
                     SELECT holder, appid, openid, template_id, granted, unit, key, started_wall, ?3, ?4, ?5 FROM turn
                     WHERE appid = ?1 AND openid = ?2",
                )?
                .execute(params![
                    player.appid,
                    player.openid,
                    now.boot_ms,
                    now.boot_id,
                    now.wall_ms
                ])?;
            }
            give_back(c, player, None, now)?;
            Ok(None)
        }
    }
}

/// Ends the hold, moves the count in the bounds of what was granted when it was taken, and says what is left.
pub fn settle(c: &Connection, appid: &str, settlement: &Settlement, now: &Now) -> rusqlite::Result<i64> {
    let Settlement { hold, outcome, verdict } = settlement;
    let want = &hold.want;
    let player = Player { appid, openid: &want.openid };
    let own = let_go(c, player, hold, *outcome, now)?;
    // Whose turn is gone and who is no maybe either was settled by an event: once is enough.
    if own || *outcome == Outcome::Cleared {
        move_count(c, player, &want.template_id, *outcome, hold.unit, hold.granted)?;
    }
    if *outcome == Outcome::Spent && verdict.msgid != 0 {
        remember_msgid(c, player, &want.template_id, verdict.msgid)?;
    }
    let remaining = count::remaining(c, player, &want.template_id, now)?;
    let remaining = if want.lasting { remaining.min(1) } else { remaining };
    if let Some(key) = &want.key {
        let verdict = Verdict { remaining, ..verdict.clone() };
        key::mark_done(c, player, key, want.holder, &verdict, now)?;
    }
    Ok(remaining)
}

/// Gives the turn back, or keeps it for a while after a maybe; false if it was not this hold's any more.
fn let_go(c: &Connection, player: Player<'_>, hold: &Hold, outcome: Outcome, now: &Now) -> rusqlite::Result<bool> {
    let Player { appid, openid } = player;
    let want = &hold.want;
    let was_turn = if outcome == Outcome::Maybe {
        c.prepare_cached(
            "UPDATE turn SET running = 0, until_boot = ?4, boot_id = ?5 WHERE appid = ?1 AND openid = ?2 AND holder = ?3",
        )?
        .execute(params![appid, openid, want.holder, now.boot_ms + KEEP_TURN_MS, now.boot_id])?
    } else {
        c.prepare_cached("DELETE FROM turn WHERE appid = ?1 AND openid = ?2 AND holder = ?3")?.execute(params![
            appid,
            openid,
            want.holder
        ])?
    };
    match outcome {
        Outcome::Maybe => {
            if was_turn > 0 {
                c.prepare_cached(
                    "INSERT OR IGNORE INTO maybe
                       (holder, appid, openid, template_id, granted, unit, key, started_wall, at_boot, boot_id, at_wall)
                     SELECT holder, appid, openid, template_id, granted, unit, key, started_wall, ?4, ?5, ?6 FROM turn
                     WHERE appid = ?1 AND openid = ?2 AND holder = ?3",
                )?
                .execute(params![
                    appid,
                    openid,
                    want.holder,
                    now.boot_ms,
                    now.boot_id,
                    now.wall_ms
                ])?;
            }
            Ok(true)
        }
        _ if was_turn > 0 => Ok(true),
        _ => Ok(c.prepare_cached("DELETE FROM maybe WHERE holder = ?1")?.execute([want.holder])? > 0),
    }
}

/// Frees the turn (of this holder only): the row goes, unless another process waits for it.
fn give_back(c: &Connection, player: Player<'_>, holder: Option<i64>, now: &Now) -> rusqlite::Result<usize> {
    let gone = c
        .prepare_cached(
            "DELETE FROM turn WHERE appid = ?1 AND openid = ?2 AND (?3 IS NULL OR holder = ?3)
             AND (boot_id <> ?4 OR wanted_until_boot <= ?5)",
        )?
        .execute(params![player.appid, player.openid, holder, now.boot_id, now.boot_ms])?;
    if gone > 0 {
        return Ok(gone);
    }
    c.prepare_cached(
        "UPDATE turn SET running = 0, until_boot = 0, holder = 0
         WHERE appid = ?1 AND openid = ?2 AND (?3 IS NULL OR holder = ?3)",
    )?
    .execute(params![player.appid, player.openid, holder])
}

fn move_count(
    c: &Connection,
    player: Player<'_>,
    template_id: &str,
    outcome: Outcome,
    unit: bool,
    granted: i64,
) -> rusqlite::Result<()> {
    let gone = match outcome {
        Outcome::Spent if unit => {
            "UPDATE quota SET gone = gone + 1
             WHERE appid = ?1 AND openid = ?2 AND template_id = ?3 AND gone < ?4"
        }
        Outcome::Cleared => {
            "UPDATE quota SET gone = ?4
             WHERE appid = ?1 AND openid = ?2 AND template_id = ?3 AND gone < ?4"
        }
        Outcome::Spent | Outcome::Returned | Outcome::Maybe => return Ok(()),
    };
    c.prepare_cached(gone)?.execute(params![player.appid, player.openid, template_id, granted]).map(drop)
}

fn remember_msgid(c: &Connection, player: Player<'_>, template_id: &str, msgid: i64) -> rusqlite::Result<()> {
    c.prepare_cached(
        "INSERT INTO quota (appid, openid, template_id, granted, gone, msgids) VALUES (?1, ?2, ?3, 0, 0, ',' || ?4 || ',')
         ON CONFLICT DO UPDATE SET msgids = substr(',' || ?4 || CASE WHEN msgids = '' THEN ',' ELSE msgids END, 1, ?5)",
    )?
    .execute(params![player.appid, player.openid, template_id, msgid, MSGIDS])
    .map(drop)
}

fn is_known(c: &Connection, player: Player<'_>, template_id: &str, msgid: i64) -> rusqlite::Result<bool> {
    c.prepare_cached(
        "SELECT EXISTS (SELECT 1 FROM quota WHERE appid = ?1 AND openid = ?2 AND template_id = ?3
                        AND instr(msgids, ',' || ?4 || ',') > 0)",
    )?
    .query_row(params![player.appid, player.openid, template_id, msgid], |r| r.get(0))
}

/// What an event of a send did.
pub enum Late {
    /// A send to the player runs, for so many milliseconds at most: it must tell first.
    Busy(i64),
    /// It was no maybe of ours.
    Nothing,
    /// It settled one; with the count after it.
    Settled(i64),
}

/// Settles the oldest maybe of the player and template that started before this time, once; unless the msgid is one
/// that is known.
pub fn settle_late(
    c: &Connection,
    player: Player<'_>,
    template_id: &str,
    started_before_wall: i64,
    verdict: &Verdict,
    outcome: Outcome,
    now: &Now,
) -> rusqlite::Result<Late> {
    let runs: bool = c
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM turn WHERE appid = ?1 AND openid = ?2 AND running)")?
        .query_row(params![player.appid, player.openid], |r| r.get(0))?;
    if runs && let Some(ms) = taken_for(c, player, now)? {
        return Ok(Late::Busy(ms));
    }
    if verdict.msgid != 0 && is_known(c, player, template_id, verdict.msgid)? {
        return Ok(Late::Nothing);
    }
    let read = |r: &Row<'_>| Ok((r.get(0)?, r.get(1)?, r.get(2)?, r.get(3)?));
    let oldest: Option<(i64, i64, bool, Option<String>)> = c
        .prepare_cached(
            "SELECT holder, granted, unit, key FROM maybe
             WHERE appid = ?1 AND openid = ?2 AND template_id = ?3 AND started_wall < ?4 ORDER BY started_wall LIMIT 1",
        )?
        .query_row(params![player.appid, player.openid, template_id, started_before_wall], read)
        .optional()?;
    let Some((holder, granted, unit, key)) = oldest else { return Ok(Late::Nothing) };
    c.prepare_cached("DELETE FROM maybe WHERE holder = ?1")?.execute([holder])?;
    move_count(c, player, template_id, outcome, unit, granted)?;
    if verdict.msgid != 0 {
        remember_msgid(c, player, template_id, verdict.msgid)?;
    }
    let remaining = count::remaining(c, player, template_id, now)?;
    if let Some(key) = key {
        let verdict = Verdict { remaining, key: key.clone(), ..verdict.clone() };
        key::mark_done(c, player, &key, holder, &verdict, now)?;
    }
    Ok(Late::Settled(remaining))
}

/// Removes maybes whose time is over, a limited number; returns how many.
pub fn prune(c: &Connection, now: &Now) -> rusqlite::Result<usize> {
    super::prune(c, "maybe", MAYBE_LIFE_MS, now)
}
