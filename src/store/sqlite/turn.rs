//! A player's turn and the unit that goes with it: taken by a hold, ended by a settlement.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::count::{self, Player};
use super::{key, outbox};
use crate::clock::Now;
use crate::error::Verdict;
use crate::store::{After, Begun, Hold, KEEP_TURN_MS, Outcome, Settled, Settlement, Want};

/// A maybe that no event has settled is forgotten after this long: its key is, too.
const MAYBE_LIFE_MS: i64 = 24 * 3_600_000;
/// A process that waits for a turn says so anew within this long; one that died no longer does.
const WANTED_MS: i64 = 60;
/// Characters of `msgids`: room for the last eight.
const MSGIDS: usize = 170;

/// Takes the player's turn and one unit, if both are free.
pub fn hold(c: &Connection, appid: &str, want: &Want, now: &Now) -> rusqlite::Result<Begun> {
    let player = Player { appid, openid: &want.openid };
    let (granted, gone) = count::numbers(c, player, &want.template_id)?;
    if granted <= gone && want.enforce {
        return Ok(Begun::NoQuota);
    }
    if let Some(turn) = find(c, player, now)? {
        if turn.taken_ms > 0 {
            want_turn(c, player, want.process, now)?;
            return Ok(Begun::Busy(turn.taken_ms));
        }
        if turn.running {
            becomes_maybe(c, player, now)?;
        }
        if turn.wanted_ms > 0 && turn.wanted_by != want.process {
            return Ok(Begun::Busy(turn.wanted_ms));
        }
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

/// A player's turn as it stands; times that are over are 0 or less.
struct Turn {
    taken_ms: i64,
    running: bool,
    wanted_by: i64,
    wanted_ms: i64,
}

fn find(c: &Connection, player: Player<'_>, now: &Now) -> rusqlite::Result<Option<Turn>> {
    c.prepare_cached(
        "SELECT CASE WHEN boot_id = ?3 THEN until_boot - ?4 ELSE 0 END, running,
                wanted_by, CASE WHEN boot_id = ?3 THEN wanted_until_boot - ?4 ELSE 0 END
         FROM turn WHERE appid = ?1 AND openid = ?2",
    )?
    .query_row(params![player.appid, player.openid, now.boot_id, now.boot_ms], |r| {
        Ok(Turn { taken_ms: r.get(0)?, running: r.get(1)?, wanted_by: r.get(2)?, wanted_ms: r.get(3)? })
    })
    .optional()
}

/// Says that this process waits for the turn, unless another has said so: whoever has it will not take it again at once.
/// Without this the one who settles, and begins again within microseconds, starves the one who polls.
fn want_turn(c: &Connection, player: Player<'_>, process: i64, now: &Now) -> rusqlite::Result<()> {
    c.prepare_cached(
        "UPDATE turn SET wanted_by = ?3, wanted_until_boot = ?5 + ?6
         WHERE appid = ?1 AND openid = ?2 AND boot_id = ?4 AND (wanted_by = ?3 OR wanted_until_boot <= ?5)",
    )?
    .execute(params![player.appid, player.openid, process, now.boot_id, now.boot_ms, WANTED_MS])
    .map(drop)
}

/// The send that has the turn was maybe taken: no answer came, or its lease is over since its process died or stood
/// still. From now on the maybe is what its holder, if it comes back, or an event settles, whichever comes first.
fn becomes_maybe(c: &Connection, player: Player<'_>, now: &Now) -> rusqlite::Result<()> {
    c.prepare_cached(
        "INSERT OR IGNORE INTO maybe
           (holder, appid, openid, template_id, granted, unit, key, started_wall, at_boot, boot_id, at_wall)
         SELECT holder, appid, openid, template_id, granted, unit, key, started_wall, ?3, ?4, ?5 FROM turn
         WHERE appid = ?1 AND openid = ?2",
    )?
    .execute(params![player.appid, player.openid, now.boot_ms, now.boot_id, now.wall_ms])?;
    c.prepare_cached("UPDATE turn SET running = 0, holder = 0 WHERE appid = ?1 AND openid = ?2")?
        .execute(params![player.appid, player.openid])
        .map(drop)
}

/// Ends the hold, moves the count in the bounds of what was granted when it was taken, and says what is left.
pub fn settle(c: &Connection, appid: &str, settlement: &Settlement, now: &Now) -> rusqlite::Result<Settled> {
    let Settlement { hold, outcome, verdict, after } = settlement;
    let want = &hold.want;
    let player = Player { appid, openid: &want.openid };
    let owned = let_go(c, player, hold, *outcome, now)?;
    // Whose turn is gone and who is no maybe either was settled by an event: once is enough.
    let unit = hold.unit && owned != Owned::Nothing;
    let left = move_count(c, player, &want.template_id, *outcome, unit, hold.granted, verdict.msgid)?;
    // Without its own turn, another send's may hold a unit.
    let left = match owned {
        Owned::Turn => left.max(0),
        Owned::Maybe | Owned::Nothing => count::remaining(c, player, &want.template_id, now)?,
    };
    let remaining = if want.lasting { left.min(1) } else { left };
    let final_verdict = matches!(after, After::Done);
    let message = match want.message {
        Some((id, _)) => outbox::after(c, id, want.holder, after)?,
        None => true,
    };
    match &want.key {
        // Whose message was taken over as a maybe corrects what was said of it.
        Some(key) if final_verdict || !message => {
            let verdict = Verdict { remaining, ..verdict.clone() };
            key::mark_done(c, player, key, want.holder, &verdict, now)?;
        }
        Some(key) => key::forget_send(c, player, key)?,
        None => {}
    }
    Ok(Settled { remaining, message })
}

/// What a hold still had when it was settled.
#[derive(PartialEq, Eq)]
enum Owned {
    Turn,
    /// Its lease was over, and it had become a maybe.
    Maybe,
    Nothing,
}

/// Gives the turn back, or keeps it for a while after a maybe.
fn let_go(c: &Connection, player: Player<'_>, hold: &Hold, outcome: Outcome, now: &Now) -> rusqlite::Result<Owned> {
    let Player { appid, openid } = player;
    let holder = hold.want.holder;
    if outcome == Outcome::Maybe {
        let was_turn = c
            .prepare_cached(
                "UPDATE turn SET until_boot = ?4, boot_id = ?5 WHERE appid = ?1 AND openid = ?2 AND holder = ?3",
            )?
            .execute(params![appid, openid, holder, now.boot_ms + KEEP_TURN_MS, now.boot_id])?;
        if was_turn == 0 {
            return Ok(Owned::Nothing);
        }
        becomes_maybe(c, player, now)?;
        return Ok(Owned::Turn);
    }
    if give_back(c, player, holder, now)? > 0 {
        return Ok(Owned::Turn);
    }
    let was_maybe = c.prepare_cached("DELETE FROM maybe WHERE holder = ?1")?.execute([holder])? > 0;
    Ok(if was_maybe { Owned::Maybe } else { Owned::Nothing })
}

/// Frees this holder's turn: the row goes, unless another process waits for it.
fn give_back(c: &Connection, player: Player<'_>, holder: i64, now: &Now) -> rusqlite::Result<usize> {
    let gone = c
        .prepare_cached(
            "DELETE FROM turn WHERE appid = ?1 AND openid = ?2 AND holder = ?3
             AND (boot_id <> ?4 OR wanted_until_boot <= ?5)",
        )?
        .execute(params![player.appid, player.openid, holder, now.boot_id, now.boot_ms])?;
    if gone > 0 {
        return Ok(gone);
    }
    c.prepare_cached(
        "UPDATE turn SET running = 0, until_boot = 0, holder = 0 WHERE appid = ?1 AND openid = ?2 AND holder = ?3",
    )?
    .execute(params![player.appid, player.openid, holder])
}

/// Moves the count of a send that ended so, remembers its msgid, and returns granted − gone.
fn move_count(
    c: &Connection,
    player: Player<'_>,
    template_id: &str,
    outcome: Outcome,
    unit: bool,
    granted: i64,
    msgid: i64,
) -> rusqlite::Result<i64> {
    let Player { appid, openid } = player;
    match outcome {
        Outcome::Spent => spend(c, player, template_id, unit, granted, msgid),
        Outcome::Cleared => {
            c.prepare_cached(
                "UPDATE quota SET gone = max(gone, ?4) WHERE appid = ?1 AND openid = ?2 AND template_id = ?3",
            )?
            .execute(params![appid, openid, template_id, granted])?;
            difference(c, player, template_id)
        }
        Outcome::Returned | Outcome::Maybe => difference(c, player, template_id),
    }
}

/// Takes the unit, if it is not gone already, and remembers the msgid.
fn spend(
    c: &Connection,
    Player { appid, openid }: Player<'_>,
    template_id: &str,
    unit: bool,
    granted: i64,
    msgid: i64,
) -> rusqlite::Result<i64> {
    // Read, then written, since RETURNING costs more than both.
    let row = c
        .prepare_cached(
            "SELECT granted, gone, msgids FROM quota WHERE appid = ?1 AND openid = ?2 AND template_id = ?3",
        )?
        .query_row([appid, openid, template_id], |r| Ok((r.get(0)?, r.get(1)?, r.get::<_, String>(2)?)))
        .optional()?;
    let write = match row {
        Some(_) => "UPDATE quota SET gone = ?4, msgids = ?5 WHERE appid = ?1 AND openid = ?2 AND template_id = ?3",
        None => "INSERT INTO quota (appid, openid, template_id, granted, gone, msgids) VALUES (?1, ?2, ?3, 0, ?4, ?5)",
    };
    let (had, mut gone, mut msgids): (i64, i64, String) = row.unwrap_or_default();
    if unit && gone < granted {
        gone += 1;
    }
    if msgid != 0 {
        let end = if msgids.is_empty() { "," } else { "" };
        msgids = format!(",{msgid}{msgids}{end}");
        msgids.truncate(MSGIDS);
    }
    c.prepare_cached(write)?.execute(params![appid, openid, template_id, gone, msgids])?;
    Ok(had - gone)
}

fn difference(c: &Connection, player: Player<'_>, template_id: &str) -> rusqlite::Result<i64> {
    count::numbers(c, player, template_id).map(|(granted, gone)| granted - gone)
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
    if let Some(turn) = find(c, player, now)?.filter(|turn| turn.running) {
        if turn.taken_ms > 0 {
            return Ok(Late::Busy(turn.taken_ms));
        }
        becomes_maybe(c, player, now)?;
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
    move_count(c, player, template_id, outcome, unit, granted, verdict.msgid)?;
    let remaining = count::remaining(c, player, template_id, now)?;
    if let Some(key) = key {
        let verdict = Verdict { remaining, key: key.clone(), ..verdict.clone() };
        key::mark_done(c, player, &key, holder, &verdict, now)?;
    }
    if outcome != Outcome::Returned || verdict.had_effect() {
        outbox::tell_later(c, holder, &Verdict { remaining, ..verdict.clone() })?;
    }
    Ok(Late::Settled(remaining))
}

/// Removes maybes whose time is over, a limited number, and turns that nobody has; returns how many maybes.
pub fn prune(c: &Connection, now: &Now) -> rusqlite::Result<usize> {
    const OVER: &str = "(boot_id <> ?1 OR (until_boot <= ?2 AND wanted_until_boot <= ?2))";
    c.prepare_cached(&format!(
        "INSERT OR IGNORE INTO maybe
           (holder, appid, openid, template_id, granted, unit, key, started_wall, at_boot, boot_id, at_wall)
         SELECT holder, appid, openid, template_id, granted, unit, key, started_wall, ?2, ?1, ?3 FROM turn
         WHERE running AND {OVER}"
    ))?
    .execute(params![now.boot_id, now.boot_ms, now.wall_ms])?;
    c.prepare_cached(&format!("DELETE FROM turn WHERE {OVER}"))?.execute(params![now.boot_id, now.boot_ms])?;
    super::prune(c, "maybe", MAYBE_LIFE_MS, now)
}
