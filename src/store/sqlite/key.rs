//! Keys: what was done once is not done again.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::count::Player;
use crate::clock::Now;
use crate::error::{QuotaChange, Verdict};
use crate::store::kept::{found_running, from_text, to_text};
use crate::store::{Applied, Want};

const SENDS: i64 = 0;
const REPORTS: i64 = 1;
const EVENTS: i64 = 2;

/// A key lives so long after its verdict …
const LIFE_MS: i64 = 24 * HOUR_MS;
/// … and this much longer when its age is by the wall clock, which may have been set.
const HOUR_MS: i64 = 3_600_000;

struct Entry {
    template_id: String,
    done_boot: i64,
    boot_id: String,
    done_wall: i64,
    verdict: Option<Verdict>,
}

impl Entry {
    fn is_over(&self, now: &Now) -> bool {
        if self.boot_id == now.boot_id {
            now.boot_ms - self.done_boot > LIFE_MS
        } else {
            now.wall_ms - self.done_wall > LIFE_MS + HOUR_MS
        }
    }

    /// While it runs, its end is when its lease will be over.
    fn runs_for_ms(&self, now: &Now) -> Option<i64> {
        let left = self.done_boot - now.boot_ms;
        (self.verdict.is_none() && self.boot_id == now.boot_id && left > 0).then_some(left)
    }
}

/// What a key has seen.
pub enum Seen {
    /// A call that ended so.
    Before(Verdict),
    /// A send that runs, for so many milliseconds at most.
    Running(i64),
    /// A send with this other template.
    OtherTemplate(String),
}

/// What became of an earlier send with this key; None when the new one may go on.
pub fn look_up_send(
    c: &Connection,
    player: Player<'_>,
    template_id: &str,
    key: &str,
    now: &Now,
) -> rusqlite::Result<Option<Seen>> {
    let Some(entry) = find(c, player, SENDS, key, "")?.filter(|e| !e.is_over(now)) else { return Ok(None) };
    let runs_for = entry.runs_for_ms(now);
    let found_dead = entry.verdict.is_none() && runs_for.is_none();
    let verdict = entry.verdict.unwrap_or_else(|| found_running(key, &entry.template_id));
    if !verdict.had_effect() {
        return Ok(None);
    }
    if entry.template_id != template_id {
        return Ok(Some(Seen::OtherTemplate(entry.template_id)));
    }
    if let Some(ms) = runs_for {
        return Ok(Some(Seen::Running(ms)));
    }
    if found_dead {
        write_verdict(c, player, key, &verdict, None, now)?;
    }
    Ok(Some(Seen::Before(verdict)))
}

/// The same for those who only look, at whatever template: also what had no effect.
pub fn look(c: &Connection, player: Player<'_>, key: &str, now: &Now) -> rusqlite::Result<Option<Seen>> {
    let Some(entry) = find(c, player, SENDS, key, "")?.filter(|e| !e.is_over(now)) else { return Ok(None) };
    Ok(Some(match entry.runs_for_ms(now) {
        Some(ms) => Seen::Running(ms),
        None => Seen::Before(entry.verdict.unwrap_or_else(|| found_running(key, &entry.template_id))),
    }))
}

/// Keeps the verdict of a message that ended without a send of its own.
pub fn remember_send(
    c: &Connection,
    player: Player<'_>,
    key: &str,
    verdict: &Verdict,
    now: &Now,
) -> rusqlite::Result<()> {
    put(c, player, SENDS, key, "", &verdict.template_id, verdict, now)
}

/// Keeps what is said of a send whose process did not end it; if that comes back, its own verdict replaces this one.
pub fn end_dead(c: &Connection, player: Player<'_>, key: &str, verdict: &Verdict, now: &Now) -> rusqlite::Result<()> {
    write_verdict(c, player, key, verdict, None, now)
}

/// Removes the mark of a send that is to be made again.
pub fn forget_send(c: &Connection, player: Player<'_>, key: &str) -> rusqlite::Result<()> {
    c.prepare_cached("DELETE FROM key WHERE appid = ?1 AND openid = ?2 AND scope = ?3 AND key = ?4 AND slot = ''")?
        .execute(params![player.appid, player.openid, SENDS, key])
        .map(drop)
}

/// Marks the send as in progress; this must be on disk before the request leaves.
pub fn mark_running(c: &Connection, appid: &str, want: &Want, key: &str, now: &Now) -> rusqlite::Result<()> {
    c.prepare_cached(
        "INSERT OR REPLACE INTO key
           (appid, openid, scope, key, slot, template_id, holder, done_boot, boot_id, done_wall, verdict)
         VALUES (?1, ?2, ?3, ?4, '', ?5, ?6, ?7, ?8, ?9, NULL)",
    )?
    .execute(params![
        appid,
        want.openid,
        SENDS,
        key,
        want.template_id,
        want.holder,
        now.boot_ms + want.lease_ms,
        now.boot_id,
        now.wall_ms + want.lease_ms,
    ])
    .map(drop)
}

/// Keeps the verdict of the send that marked the key; also when somebody found it dead meanwhile.
pub fn mark_done(
    c: &Connection,
    player: Player<'_>,
    key: &str,
    holder: i64,
    verdict: &Verdict,
    now: &Now,
) -> rusqlite::Result<()> {
    write_verdict(c, player, key, verdict, Some(holder), now)
}

/// The first answer to a report with this key for this template.
pub fn look_up_report(
    c: &Connection,
    player: Player<'_>,
    key: &str,
    template_id: &str,
    now: &Now,
) -> rusqlite::Result<Option<Verdict>> {
    verdict_of(find(c, player, REPORTS, key, template_id)?, now)
}

/// Keeps the answer to a report.
pub fn remember_report(
    c: &Connection,
    player: Player<'_>,
    key: &str,
    template_id: &str,
    applied: &Applied,
    now: &Now,
) -> rusqlite::Result<()> {
    remember(c, player, REPORTS, key, template_id, applied, now)
}

/// What a part of an event did when it came first.
pub fn look_up_event(
    c: &Connection,
    player: Player<'_>,
    identity: &str,
    now: &Now,
) -> rusqlite::Result<Option<Verdict>> {
    verdict_of(find(c, player, EVENTS, identity, "")?, now)
}

/// Keeps what a part of an event did.
pub fn remember_event(
    c: &Connection,
    player: Player<'_>,
    identity: &str,
    applied: &Applied,
    now: &Now,
) -> rusqlite::Result<()> {
    remember(c, player, EVENTS, identity, "", applied, now)
}

fn verdict_of(entry: Option<Entry>, now: &Now) -> rusqlite::Result<Option<Verdict>> {
    Ok(entry.filter(|e| !e.is_over(now)).and_then(|e| e.verdict))
}

fn remember(
    c: &Connection,
    player: Player<'_>,
    scope: i64,
    key: &str,
    slot: &str,
    applied: &Applied,
    now: &Now,
) -> rusqlite::Result<()> {
    let verdict = match applied {
        Applied::Now { quota, remaining } => Verdict { quota: *quota, remaining: *remaining, ..Verdict::default() },
        Applied::Paired(remaining) => {
            Verdict { quota: QuotaChange::Untouched, remaining: *remaining, ..Verdict::default() }
        }
        Applied::Before(_) => return Ok(()),
    };
    put(c, player, scope, key, slot, slot, &verdict, now)
}

#[allow(clippy::too_many_arguments)] // a row has as many columns
fn put(
    c: &Connection,
    player: Player<'_>,
    scope: i64,
    key: &str,
    slot: &str,
    template_id: &str,
    verdict: &Verdict,
    now: &Now,
) -> rusqlite::Result<()> {
    c.prepare_cached(
        "INSERT OR REPLACE INTO key
           (appid, openid, scope, key, slot, template_id, holder, done_boot, boot_id, done_wall, verdict)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, 0, ?7, ?8, ?9, ?10)",
    )?
    .execute(params![
        player.appid,
        player.openid,
        scope,
        key,
        slot,
        template_id,
        now.boot_ms,
        now.boot_id,
        now.wall_ms,
        to_text(verdict)
    ])
    .map(drop)
}

/// Removes keys whose time is over, a limited number; returns how many.
pub fn prune(c: &Connection, now: &Now) -> rusqlite::Result<usize> {
    c.prepare_cached(
        "DELETE FROM key WHERE (appid, openid, scope, key, slot) IN (
           SELECT appid, openid, scope, key, slot FROM key
           WHERE done_wall < ?1 AND (boot_id <> ?2 OR done_boot < ?3) ORDER BY done_wall LIMIT ?4)",
    )?
    .execute(params![
        now.wall_ms - LIFE_MS - HOUR_MS,
        now.boot_id,
        now.boot_ms - LIFE_MS,
        super::PRUNED_AT_ONCE as i64
    ])
}

fn find(c: &Connection, player: Player<'_>, scope: i64, key: &str, slot: &str) -> rusqlite::Result<Option<Entry>> {
    let read = |r: &Row<'_>| {
        let verdict: Option<String> = r.get(4)?;
        Ok(Entry {
            template_id: r.get(0)?,
            done_boot: r.get(1)?,
            boot_id: r.get(2)?,
            done_wall: r.get(3)?,
            verdict: verdict.as_deref().map(from_text),
        })
    };
    c.prepare_cached(
        "SELECT template_id, done_boot, boot_id, done_wall, verdict FROM key
         WHERE appid = ?1 AND openid = ?2 AND scope = ?3 AND key = ?4 AND slot = ?5",
    )?
    .query_row(params![player.appid, player.openid, scope, key, slot], read)
    .optional()
}

fn write_verdict(
    c: &Connection,
    player: Player<'_>,
    key: &str,
    verdict: &Verdict,
    holder: Option<i64>,
    now: &Now,
) -> rusqlite::Result<()> {
    c.prepare_cached(
        "UPDATE key SET verdict = ?5, done_boot = ?6, boot_id = ?7, done_wall = ?8
         WHERE appid = ?1 AND openid = ?2 AND scope = ?3 AND key = ?4 AND slot = '' AND (?9 IS NULL OR holder = ?9)",
    )?
    .execute(params![
        player.appid,
        player.openid,
        SENDS,
        key,
        to_text(verdict),
        now.boot_ms,
        now.boot_id,
        now.wall_ms,
        holder
    ])
    .map(drop)
}
