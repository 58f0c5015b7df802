//! Counts, switches and turns.

use rusqlite::{Connection, OptionalExtension, params};

use super::key;
use crate::clock::Now;
use crate::error::QuotaChange;
use crate::store::{Begun, Change, Hold, Outcome, Report, Reported, Want};

/// Applies one change of a report, once per key.
pub fn report_one(
    c: &Connection,
    appid: &str,
    report: &Report,
    template_id: &str,
    change: Change,
    now: &Now,
) -> rusqlite::Result<Reported> {
    let openid = report.openid.as_str();
    if let Some(key) = &report.key
        && let Some(before) = key::look_up_report(c, appid, openid, key, template_id, now)?
    {
        return Ok(Reported::Before(before));
    }
    let quota = apply(c, appid, openid, template_id, change)?;
    let remaining = match change {
        Change::Grant | Change::Look => remaining(c, appid, openid, template_id, now)?,
        Change::LookSwitch => switch(c, appid, openid, template_id)?,
        Change::Switch(on) => i64::from(on),
        Change::Clear | Change::ClearAll => 0,
    };
    if let Some(key) = &report.key {
        key::remember_report(c, appid, openid, key, template_id, quota, remaining, now)?;
    }
    Ok(Reported::Now { quota, remaining })
}

fn apply(
    c: &Connection,
    appid: &str,
    openid: &str,
    template_id: &str,
    change: Change,
) -> rusqlite::Result<QuotaChange> {
    match change {
        Change::Grant => {
            c.prepare_cached(
                "INSERT INTO quota (appid, openid, template_id, granted, gone) VALUES (?1, ?2, ?3, 1, 0)
                 ON CONFLICT DO UPDATE SET granted = granted + 1",
            )?
            .execute(params![appid, openid, template_id])?;
            Ok(QuotaChange::Granted)
        }
        Change::Clear => {
            c.prepare_cached("UPDATE quota SET gone = granted WHERE appid = ?1 AND openid = ?2 AND template_id = ?3")?
                .execute(params![appid, openid, template_id])?;
            Ok(QuotaChange::Cleared)
        }
        Change::ClearAll => {
            c.prepare_cached("UPDATE quota SET gone = granted WHERE appid = ?1 AND openid = ?2")?
                .execute(params![appid, openid])?;
            c.prepare_cached("UPDATE switch SET is_on = 0 WHERE appid = ?1 AND openid = ?2")?
                .execute(params![appid, openid])?;
            Ok(QuotaChange::Cleared)
        }
        Change::Switch(on) => {
            c.prepare_cached(
                "INSERT INTO switch (appid, openid, template_id, is_on) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT DO UPDATE SET is_on = excluded.is_on",
            )?
            .execute(params![appid, openid, template_id, on])?;
            Ok(if on { QuotaChange::Granted } else { QuotaChange::Cleared })
        }
        Change::Look | Change::LookSwitch => Ok(QuotaChange::Untouched),
    }
}

/// 1 if the switch is on, else 0.
pub fn switch(c: &Connection, appid: &str, openid: &str, template_id: &str) -> rusqlite::Result<i64> {
    let is_on = c
        .prepare_cached("SELECT is_on FROM switch WHERE appid = ?1 AND openid = ?2 AND template_id = ?3")?
        .query_row(params![appid, openid, template_id], |r| r.get(0))
        .optional()?;
    Ok(is_on.unwrap_or(0))
}

/// Granted − gone − held. A unit is held while the lease lasts, unless a refusal has taken it since.
pub fn remaining(c: &Connection, appid: &str, openid: &str, template_id: &str, now: &Now) -> rusqlite::Result<i64> {
    let (granted, gone) = numbers(c, appid, openid, template_id)?;
    if granted <= gone {
        return Ok(0);
    }
    let held: bool = c
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM turn WHERE appid = ?1 AND openid = ?2 AND template_id = ?3
                            AND granted > ?4 AND boot_id = ?5 AND until_boot > ?6)",
        )?
        .query_row(params![appid, openid, template_id, gone, now.boot_id, now.boot_ms], |r| r.get(0))?;
    Ok(granted - gone - i64::from(held))
}

fn numbers(c: &Connection, appid: &str, openid: &str, template_id: &str) -> rusqlite::Result<(i64, i64)> {
    let numbers = c
        .prepare_cached("SELECT granted, gone FROM quota WHERE appid = ?1 AND openid = ?2 AND template_id = ?3")?
        .query_row(params![appid, openid, template_id], |r| Ok((r.get(0)?, r.get(1)?)))
        .optional()?;
    Ok(numbers.unwrap_or((0, 0)))
}

/// Takes the player's turn and one unit, if both are free.
pub fn hold(c: &Connection, appid: &str, want: &Want, now: &Now) -> rusqlite::Result<Begun> {
    let (granted, gone) = numbers(c, appid, &want.openid, &want.template_id)?;
    let unit = granted > gone;
    if !unit && want.enforce {
        return Ok(Begun::NoQuota);
    }
    let taken: Option<i64> = c
        .prepare_cached(
            "SELECT until_boot FROM turn WHERE appid = ?1 AND openid = ?2 AND boot_id = ?3 AND until_boot > ?4",
        )?
        .query_row(params![appid, want.openid, now.boot_id, now.boot_ms], |r| r.get(0))
        .optional()?;
    if let Some(until) = taken {
        return Ok(Begun::Busy(until - now.boot_ms));
    }
    c.prepare_cached(
        "INSERT OR REPLACE INTO turn (appid, openid, holder, until_boot, boot_id, template_id, granted)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?
    .execute(params![
        appid,
        want.openid,
        want.holder,
        now.boot_ms + want.lease_ms,
        now.boot_id,
        unit.then_some(&want.template_id),
        granted,
    ])?;
    Ok(Begun::Held(Hold { want: want.clone(), granted, unit }))
}

/// Ends the hold and moves the count, in the bounds of what was granted when it was taken.
pub fn settle(
    c: &Connection,
    appid: &str,
    hold: &Hold,
    outcome: Outcome,
    keep_turn_ms: i64,
    now: &Now,
) -> rusqlite::Result<()> {
    let want = &hold.want;
    let gone = match outcome {
        Outcome::Spent if hold.unit => {
            "UPDATE quota SET gone = gone + 1
             WHERE appid = ?1 AND openid = ?2 AND template_id = ?3 AND gone < ?4"
        }
        Outcome::Cleared => {
            "UPDATE quota SET gone = ?4
             WHERE appid = ?1 AND openid = ?2 AND template_id = ?3 AND gone < ?4"
        }
        Outcome::Spent | Outcome::Returned => "",
    };
    if !gone.is_empty() {
        c.prepare_cached(gone)?.execute(params![appid, want.openid, want.template_id, hold.granted])?;
    }
    // Only our own turn: after the lease another send may have it.
    if keep_turn_ms > 0 {
        c.prepare_cached(
            "UPDATE turn SET template_id = NULL, until_boot = ?4, boot_id = ?5
             WHERE appid = ?1 AND openid = ?2 AND holder = ?3",
        )?
        .execute(params![appid, want.openid, want.holder, now.boot_ms + keep_turn_ms, now.boot_id])?;
    } else {
        c.prepare_cached("DELETE FROM turn WHERE appid = ?1 AND openid = ?2 AND holder = ?3")?.execute(params![
            appid,
            want.openid,
            want.holder
        ])?;
    }
    Ok(())
}
