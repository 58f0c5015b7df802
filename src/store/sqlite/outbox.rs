//! The outbox: messages that wait, are claimed by a process, are being sent, and go.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::count::Player;
use super::key;
use crate::clock::Now;
use crate::error::Verdict;
use crate::store::kept;
use crate::store::{After, Backlog, Cancelled, Claimed, Claims, Letter, Look, NewMessage, Put};

/// A row's `state`. A claim says who looks at it, and ends harmlessly; "sending" is on disk before a request leaves.
const CLAIMED: i64 = 1;
const SENDING: i64 = 2;

/// So many times more rows are looked at than are wanted, since several may be one player's.
const LOOK_AHEAD: usize = 8;

/// Rows of the past whose number is told exactly; beyond it a graph has said enough.
const COUNTED: i64 = 100_000;

struct Held {
    id: i64,
    state: i64,
    template_id: String,
    tag: u64,
    due_wall: i64,
    tries: u32,
    why: String,
    left_ms: i64,
    resend: bool,
    maybe: bool,
}

fn find(c: &Connection, player: Player<'_>, key: &str, now: &Now) -> rusqlite::Result<Option<Held>> {
    let read = |r: &Row<'_>| {
        Ok(Held {
            id: r.get(0)?,
            state: r.get(1)?,
            template_id: r.get(2)?,
            tag: r.get::<_, i64>(3)?.cast_unsigned(),
            due_wall: r.get(4)?,
            tries: r.get(5)?,
            why: r.get(6)?,
            left_ms: r.get(7)?,
            resend: r.get(8)?,
            maybe: r.get(9)?,
        })
    };
    c.prepare_cached(
        "SELECT id, state, template_id, tag, due_wall, tries, why, CASE WHEN boot_id = ?4 THEN until_boot - ?5 ELSE 0 END,
                resend, maybe
         FROM outbox WHERE appid = ?1 AND openid = ?2 AND key = ?3",
    )?
    .query_row(params![player.appid, player.openid, key, now.boot_id, now.boot_ms], read)
    .optional()
}

/// Lets a message wait, once per key.
pub fn put(c: &Connection, appid: &str, new: &NewMessage, now: &Now) -> rusqlite::Result<Put> {
    let player = Player { appid, openid: &new.openid };
    if let Some(key) = &new.key {
        if let Some(held) = find(c, player, key, now)? {
            return put_beside(c, new, &held);
        }
        match key::look_up_send(c, player, &new.template_id, key, now)? {
            None => {}
            Some(key::Seen::Before(verdict)) => return Ok(Put::Before(verdict)),
            Some(key::Seen::Running(ms)) => return Ok(Put::Sending(ms)),
            Some(key::Seen::OtherTemplate(other)) => return Ok(Put::OtherTemplate(other)),
        }
    }
    c.prepare_cached(
        "INSERT INTO outbox (appid, openid, key, template_id, message, tag, timeout_ms, resend, notify,
                             due_wall, expires_wall, state, holder, until_boot, boot_id, tries, why)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, 0, 0, 0, '', 0, '')",
    )?
    .execute(params![
        appid,
        new.openid,
        new.key,
        new.template_id,
        new.letter.message,
        new.letter.tag.cast_signed(),
        new.letter.timeout_ms.map(u64::cast_signed),
        new.letter.resend,
        new.letter.notify,
        new.deliver_wall,
        new.expires_wall,
    ])?;
    Ok(Put::New)
}

/// Where one with the key is there already.
fn put_beside(c: &Connection, new: &NewMessage, held: &Held) -> rusqlite::Result<Put> {
    if !new.replace {
        return Ok(if held.template_id == new.template_id {
            Put::Kept
        } else {
            Put::OtherTemplate(held.template_id.clone())
        });
    }
    if held.state == SENDING {
        return Ok(Put::Sending(held.left_ms.max(1)));
    }
    // Without its holder, whoever had claimed the old one finds it gone.
    c.prepare_cached(
        "UPDATE outbox SET template_id = ?2, message = ?3, tag = ?4, timeout_ms = ?5, resend = ?6, notify = ?7,
                           due_wall = ?8, expires_wall = ?9, state = 0, holder = 0, tries = 0, why = '', sender = 0,
                           verdict = NULL, maybe = 0
         WHERE id = ?1",
    )?
    .execute(params![
        held.id,
        new.template_id,
        new.letter.message,
        new.letter.tag.cast_signed(),
        new.letter.timeout_ms.map(u64::cast_signed),
        new.letter.resend,
        new.letter.notify,
        new.deliver_wall,
        new.expires_wall,
    ])?;
    Ok(Put::Replaced)
}

/// Milliseconds until a message is due or a lease ends, 0 or less when that was; None when nothing waits.
pub fn next(c: &Connection, appid: &str, now: &Now) -> rusqlite::Result<Option<i64>> {
    // Whoever has one of the player's in hand tells when it is done.
    let due: Option<i64> = c
        .prepare_cached(
            "SELECT due_wall FROM outbox AS o WHERE appid = ?1 AND state = 0
             AND NOT EXISTS (SELECT 1 FROM outbox AS h WHERE h.appid = ?1 AND h.openid = o.openid AND h.state > 0)
             ORDER BY due_wall LIMIT 1",
        )?
        .query_row([appid], |r| r.get(0))
        .optional()?;
    let lease: Option<i64> = c
        .prepare_cached(
            "SELECT min(CASE WHEN boot_id = ?2 THEN until_boot - ?3 ELSE 0 END) FROM outbox WHERE appid = ?1 AND state > 0",
        )?
        .query_row(params![appid, now.boot_id, now.boot_ms], |r| r.get(0))?;
    Ok(due.map(|wall| wall.saturating_sub(now.wall_ms)).into_iter().chain(lease).min())
}

const COLUMNS: &str = "id, openid, template_id, key, expires_wall, tries, why, message, tag, timeout_ms, resend, notify, \
                       maybe";

fn claimed(r: &Row<'_>, claim: i64) -> rusqlite::Result<Claimed> {
    Ok(Claimed {
        id: r.get(0)?,
        claim,
        openid: r.get(1)?,
        template_id: r.get(2)?,
        key: r.get(3)?,
        expires_wall: r.get(4)?,
        tries: r.get(5)?,
        why: r.get(6)?,
        maybe: r.get(12)?,
        letter: Letter {
            message: r.get(7)?,
            tag: r.get::<_, i64>(8)?.cast_unsigned(),
            timeout_ms: r.get::<_, Option<i64>>(9)?.map(i64::cast_unsigned),
            resend: r.get(10)?,
            notify: r.get(11)?,
        },
    })
}

/// Takes messages that are due, the oldest first, and ends or takes back what dead processes had.
pub fn claim(
    c: &Connection,
    appid: &str,
    claim: i64,
    most: usize,
    lease_ms: i64,
    now: &Now,
) -> rusqlite::Result<Claims> {
    let ended = take_over(c, appid, most, now)?;
    let most = most - ended.len();
    // One player's messages go one after the other, so a second one would only be in the others' way.
    let due = c
        .prepare_cached(&format!(
            "SELECT {COLUMNS} FROM outbox AS o WHERE appid = ?1 AND state = 0 AND due_wall <= ?2
             AND NOT EXISTS (SELECT 1 FROM outbox AS h WHERE h.appid = ?1 AND h.openid = o.openid AND h.state > 0)
             ORDER BY due_wall, id LIMIT ?3"
        ))?
        .query_map(params![appid, now.wall_ms, (most * LOOK_AHEAD) as i64], |r| claimed(r, claim))?
        .collect::<rusqlite::Result<Vec<Claimed>>>()?;
    let mut messages: Vec<Claimed> = Vec::with_capacity(most);
    for message in due {
        if messages.len() < most && messages.iter().all(|other| other.openid != message.openid) {
            messages.push(message);
        }
    }
    for message in &messages {
        c.prepare_cached("UPDATE outbox SET state = ?2, holder = ?3, until_boot = ?4, boot_id = ?5 WHERE id = ?1")?
            .execute(params![message.id, CLAIMED, claim, now.boot_ms + lease_ms, now.boot_id])?;
    }
    Ok(Claims { messages, ended })
}

/// Those whose lease is over: a claim goes back, a send has maybe happened.
fn take_over(c: &Connection, appid: &str, most: usize, now: &Now) -> rusqlite::Result<Vec<(Claimed, Verdict)>> {
    c.prepare_cached(
        "UPDATE outbox SET state = 0, holder = 0 WHERE appid = ?1 AND state > 0 AND state = ?2
         AND (boot_id <> ?3 OR until_boot <= ?4)",
    )?
    .execute(params![appid, CLAIMED, now.boot_id, now.boot_ms])?;
    let dead: Vec<Claimed> = c
        .prepare_cached(&format!(
            "SELECT {COLUMNS} FROM outbox WHERE appid = ?1 AND state > 0 AND state = ?2
             AND (boot_id <> ?3 OR until_boot <= ?4) LIMIT ?5"
        ))?
        .query_map(params![appid, SENDING, now.boot_id, now.boot_ms, most as i64], |r| claimed(r, 0))?
        .collect::<rusqlite::Result<_>>()?;
    let mut ended = Vec::new();
    for message in dead {
        let player = Player { appid, openid: &message.openid };
        let told = told_later(c, message.id)?;
        if message.letter.resend && told.is_none() {
            if let Some(key) = &message.key {
                key::forget_send(c, player, key)?;
            }
            c.prepare_cached(
                "UPDATE outbox SET state = 0, holder = 0, tries = tries + 1, maybe = 1, why = ?2 WHERE id = ?1",
            )?
            .execute(params![message.id, "the process that sent it ended before the verdict"])?;
            continue;
        }
        let verdict = match (told, &message.key) {
            (Some(verdict), _) => verdict,
            (None, Some(key)) => {
                let verdict = kept::found_running(key, &message.template_id);
                key::end_dead(c, player, key, &verdict, now)?;
                verdict
            }
            (None, None) => kept::found_running("", &message.template_id),
        };
        c.prepare_cached("DELETE FROM outbox WHERE id = ?1")?.execute([message.id])?;
        ended.push((message, verdict));
    }
    Ok(ended)
}

/// What an event told of the message's last send.
fn told_later(c: &Connection, id: i64) -> rusqlite::Result<Option<Verdict>> {
    let text: Option<String> =
        c.prepare_cached("SELECT verdict FROM outbox WHERE id = ?1")?.query_row([id], |r| r.get(0))?;
    Ok(text.as_deref().map(kept::from_text))
}

/// An event has settled this holder's maybe: its message has ended, whether it waits to be found or to be sent again.
pub fn tell_later(c: &Connection, sender: i64, verdict: &Verdict) -> rusqlite::Result<()> {
    c.prepare_cached(
        "UPDATE outbox SET state = ?2, holder = sender, until_boot = 0, boot_id = '', verdict = ?3
         WHERE sender <> 0 AND sender = ?1",
    )?
    .execute(params![sender, SENDING, kept::to_text(verdict)])
    .map(drop)
}

/// Whether the message is still in the hands of this claim.
pub fn is_claimed(c: &Connection, id: i64, claim: i64) -> rusqlite::Result<bool> {
    c.prepare_cached("SELECT EXISTS (SELECT 1 FROM outbox WHERE id = ?1 AND holder = ?2 AND state = ?3)")?
        .query_row(params![id, claim, CLAIMED], |r| r.get(0))
}

/// Marks a claimed message as being sent; this must be on disk before the request leaves.
pub fn mark_sending(c: &Connection, id: i64, holder: i64, lease_ms: i64, now: &Now) -> rusqlite::Result<()> {
    c.prepare_cached(
        "UPDATE outbox SET state = ?2, holder = ?3, sender = ?3, until_boot = ?4, boot_id = ?5 WHERE id = ?1",
    )?
    .execute(params![id, SENDING, holder, now.boot_ms + lease_ms, now.boot_id])
    .map(drop)
}

/// Ends what `holder` has, or lets it wait again; false when it has it no more.
pub fn after(c: &Connection, id: i64, holder: i64, after: &After) -> rusqlite::Result<bool> {
    let changed = match after {
        After::Done => c
            .prepare_cached("DELETE FROM outbox WHERE id = ?1 AND holder = ?2 AND state > 0")?
            .execute(params![id, holder])?,
        After::Again { due_wall, why, maybe } => c
            .prepare_cached(
                "UPDATE outbox SET state = 0, holder = 0, tries = tries + 1, due_wall = ?3, why = ?4, maybe = maybe OR ?5
                 WHERE id = ?1 AND holder = ?2 AND state > 0",
            )?
            .execute(params![id, holder, due_wall, why, maybe])?,
    };
    Ok(changed > 0)
}

/// Ends or puts back a claimed message that was not begun; false when it was not its claim's any more. An end is kept
/// for the key.
pub fn finish(
    c: &Connection,
    appid: &str,
    message: &Claimed,
    then: &After,
    verdict: Option<&Verdict>,
    now: &Now,
) -> rusqlite::Result<bool> {
    let ours = after(c, message.id, message.claim, then)?;
    if let (true, Some(verdict), Some(key)) = (ours, verdict, &message.key) {
        remember(c, Player { appid, openid: &message.openid }, key, verdict, now)?;
    }
    Ok(ours)
}

/// Keeps the end of a message that was not sent for its key, unless another call with the key runs or had an effect.
fn remember(c: &Connection, player: Player<'_>, key: &str, verdict: &Verdict, now: &Now) -> rusqlite::Result<()> {
    match key::look(c, player, key, now)? {
        Some(key::Seen::Running(_)) => Ok(()),
        Some(key::Seen::Before(first)) if first.had_effect() => Ok(()),
        _ => key::remember_send(c, player, key, verdict, now),
    }
}

/// Gives a claim back, as if it had never been.
pub fn release(c: &Connection, message: &Claimed) -> rusqlite::Result<()> {
    c.prepare_cached("UPDATE outbox SET state = 0, holder = 0 WHERE id = ?1 AND holder = ?2 AND state = ?3")?
        .execute(params![message.id, message.claim, CLAIMED])
        .map(drop)
}

/// Removes a message that waits.
pub fn cancel(
    c: &Connection,
    player: Player<'_>,
    key: &str,
    verdict: &Verdict,
    now: &Now,
) -> rusqlite::Result<Cancelled> {
    if let Some(held) = find(c, player, key, now)? {
        if held.state == SENDING {
            return Ok(Cancelled::TooLate(None));
        }
        if held.maybe {
            // It is not sent again; whoever looks next tells its outcome.
            let verdict = kept::found_running(key, &held.template_id);
            remember(c, player, key, &verdict, now)?;
            c.prepare_cached(
                "UPDATE outbox SET state = ?2, holder = sender, until_boot = 0, boot_id = '', verdict = ?3 WHERE id = ?1",
            )?
            .execute(params![held.id, SENDING, kept::to_text(&verdict)])?;
            return Ok(Cancelled::TooLate(Some(verdict)));
        }
        c.prepare_cached("DELETE FROM outbox WHERE id = ?1")?.execute([held.id])?;
        let verdict = Verdict { template_id: held.template_id.clone(), tag: held.tag, ..verdict.clone() };
        remember(c, player, key, &verdict, now)?;
        return Ok(Cancelled::Now { template_id: held.template_id, tag: held.tag });
    }
    Ok(match key::look(c, player, key, now)? {
        Some(key::Seen::Before(verdict)) if verdict.had_effect() => Cancelled::TooLate(Some(verdict)),
        Some(key::Seen::Running(_)) => Cancelled::TooLate(None),
        _ => Cancelled::NotFound,
    })
}

/// What became of the message with this key.
pub fn look_up(c: &Connection, player: Player<'_>, key: &str, now: &Now) -> rusqlite::Result<Look> {
    if let Some(held) = find(c, player, key, now)? {
        let told = told_later(c, held.id)?;
        return Ok(match (held.state, told) {
            (SENDING, None) if held.left_ms > 0 => Look::Sending(held.left_ms),
            // Whoever finds it next will say so to all.
            (_, Some(verdict)) => Look::Ended(verdict),
            (SENDING, None) if !held.resend => Look::Ended(kept::found_running(key, &held.template_id)),
            _ => Look::Waits {
                due_ms: held.due_wall.saturating_sub(now.wall_ms).max(0),
                template_id: held.template_id,
                tag: held.tag,
                tries: held.tries,
                why: held.why,
            },
        });
    }
    Ok(match key::look(c, player, key, now)? {
        Some(key::Seen::Before(verdict)) => Look::Ended(verdict),
        Some(key::Seen::Running(ms)) => Look::Sending(ms),
        _ => Look::NotFound,
    })
}

/// How much waits, without looking at all of it.
pub fn backlog(c: &Connection, appid: &str, now: &Now) -> rusqlite::Result<Backlog> {
    let waiting: Option<i64> =
        c.prepare_cached("SELECT waiting FROM tally WHERE appid = ?1")?.query_row([appid], |r| r.get(0)).optional()?;
    let (due, oldest): (i64, Option<i64>) = c
        .prepare_cached(
            "SELECT count(*), min(due_wall) FROM (
               SELECT due_wall FROM outbox WHERE appid = ?1 AND state = 0 AND due_wall <= ?2 ORDER BY due_wall LIMIT ?3)",
        )?
        .query_row(params![appid, now.wall_ms, COUNTED], |r| Ok((r.get(0)?, r.get(1)?)))?;
    let unsigned = |n: i64| u64::try_from(n).unwrap_or(0);
    Ok(Backlog {
        waiting: unsigned(waiting.unwrap_or(0)),
        due: unsigned(due),
        oldest_due_ms: unsigned(oldest.map_or(0, |wall| now.wall_ms.saturating_sub(wall))),
    })
}
