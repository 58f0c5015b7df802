//! Counts: what a player answered goes in, what is left comes out.

use rusqlite::{Connection, OptionalExtension, params};

use super::act::{self, Way};
use super::key;
use crate::clock::Now;
use crate::error::QuotaChange;
use crate::store::{Applied, Change, Item, Report};

/// A refusal event created less than this after the newest accept may have come before it, by two clocks: in doubt
/// the newest accept is kept.
const DOUBT_MS: i64 = 60_000;

/// Whose count.
#[derive(Clone, Copy)]
pub struct Player<'a> {
    pub appid: &'a str,
    pub openid: &'a str,
}

/// Applies one item of a report, once per key.
pub fn report(c: &Connection, appid: &str, report: &Report, item: &Item, now: &Now) -> rusqlite::Result<Applied> {
    let player = Player { appid, openid: &report.openid };
    if let Some(key) = &report.key
        && let Some(before) = key::look_up_report(c, player, key, &item.template_id, now)?
    {
        return Ok(Applied::Before(before));
    }
    let applied = answer(c, player, item, Way::Report, now)?;
    // What had no effect does not use the key up.
    let had_effect = !matches!(applied, Applied::Now { quota: QuotaChange::Untouched, .. });
    if let Some(key) = report.key.as_ref().filter(|_| had_effect) {
        key::remember_report(c, player, key, &item.template_id, &applied, now)?;
    }
    Ok(applied)
}

/// Applies one answer, unless the same act had come the other way.
pub fn answer(c: &Connection, player: Player<'_>, item: &Item, way: Way, now: &Now) -> rusqlite::Result<Applied> {
    let template_id = item.template_id.as_str();
    let told = |count: i64| if item.lasting { count.min(1) } else { count };
    let refusal = match item.change {
        Change::Grant | Change::SwitchOn => Some(false),
        Change::Clear => Some(true),
        Change::ClearAll | Change::Look => None,
    };
    if item.act
        && let Some(refusal) = refusal
        && act::pairs(c, player, template_id, refusal, way, now)?
    {
        return Ok(Applied::Paired(told(remaining(c, player, template_id, now)?)));
    }
    let quota = apply(c, player, item, way, now)?;
    let remaining = if item.change == Change::ClearAll { 0 } else { told(remaining(c, player, template_id, now)?) };
    Ok(Applied::Now { quota, remaining })
}

fn apply(c: &Connection, player: Player<'_>, item: &Item, way: Way, now: &Now) -> rusqlite::Result<QuotaChange> {
    let Player { appid, openid } = player;
    let template_id = item.template_id.as_str();
    match item.change {
        Change::Grant => {
            c.prepare_cached(
                "INSERT INTO quota (appid, openid, template_id, granted, gone, accepted_wall) VALUES (?1, ?2, ?3, 1, 0, ?4)
                 ON CONFLICT DO UPDATE SET granted = granted + 1, accepted_wall = max(accepted_wall, ?4)",
            )?
            .execute(params![appid, openid, template_id, way.act_wall(now)])?;
            Ok(QuotaChange::Granted)
        }
        Change::SwitchOn => {
            c.prepare_cached(
                "INSERT INTO quota (appid, openid, template_id, granted, gone, accepted_wall) VALUES (?1, ?2, ?3, 1, 0, ?4)
                 ON CONFLICT DO UPDATE SET granted = max(granted, gone + 1), accepted_wall = max(accepted_wall, ?4)",
            )?
            .execute(params![appid, openid, template_id, way.act_wall(now)])?;
            Ok(QuotaChange::Granted)
        }
        Change::Clear => {
            // A report comes after its act, so all accepts that are known came before it.
            let in_doubt_after = match way {
                Way::Report => i64::MAX,
                Way::Event { created_wall } => created_wall - DOUBT_MS,
            };
            c.prepare_cached(
                "UPDATE quota SET gone = CASE WHEN accepted_wall > ?4 THEN max(gone, granted - 1) ELSE granted END
                 WHERE appid = ?1 AND openid = ?2 AND template_id = ?3",
            )?
            .execute(params![appid, openid, template_id, in_doubt_after])?;
            Ok(QuotaChange::Cleared)
        }
        Change::ClearAll => {
            c.prepare_cached("UPDATE quota SET gone = granted WHERE appid = ?1 AND openid = ?2")?
                .execute(params![appid, openid])?;
            Ok(QuotaChange::Cleared)
        }
        Change::Look => Ok(QuotaChange::Untouched),
    }
}

/// Granted − gone − held. A unit is held while the lease lasts, unless a refusal has taken it since.
pub fn remaining(c: &Connection, player: Player<'_>, template_id: &str, now: &Now) -> rusqlite::Result<i64> {
    let (granted, gone) = numbers(c, player, template_id)?;
    if granted <= gone {
        return Ok(0);
    }
    let held: bool = c
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM turn WHERE appid = ?1 AND openid = ?2 AND template_id = ?3
                            AND running AND unit AND granted > ?4 AND boot_id = ?5 AND until_boot > ?6)",
        )?
        .query_row(params![player.appid, player.openid, template_id, gone, now.boot_id, now.boot_ms], |r| r.get(0))?;
    Ok(granted - gone - i64::from(held))
}

/// Granted and gone.
pub fn numbers(c: &Connection, player: Player<'_>, template_id: &str) -> rusqlite::Result<(i64, i64)> {
    let numbers = c
        .prepare_cached("SELECT granted, gone FROM quota WHERE appid = ?1 AND openid = ?2 AND template_id = ?3")?
        .query_row(params![player.appid, player.openid, template_id], |r| Ok((r.get(0)?, r.get(1)?)))
        .optional()?;
    Ok(numbers.unwrap_or((0, 0)))
}
