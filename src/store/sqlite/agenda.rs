//! When messages must be looked at.

use std::collections::HashSet;

use rusqlite::{Connection, OptionalExtension, params};

use crate::store::{Agenda, Backlog, Name, Space, Time, When};

/// The boot of entries that go by the wall clock; no real one has this number.
const WALL: u32 = 0;
/// Entries of the past whose number is told exactly; beyond it a graph has said enough.
const COUNTED: i64 = 100_000;

pub fn put(c: &Connection, account: i64, message: &Name, when: When, time: &Time) -> rusqlite::Result<()> {
    let (boot, at) = match when {
        When::At(wall_ms) => (WALL, wall_ms),
        When::In(ms) => (time.boot, time.boot_ms.saturating_add(ms)),
        When::Never => {
            let delete = "DELETE FROM agenda WHERE account = ?1 AND id = ?2";
            return c.prepare_cached(delete)?.execute(params![account, message.id()]).map(drop);
        }
    };
    c.prepare_cached(
        "INSERT INTO agenda (account, id, boot, at) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT DO UPDATE SET boot = excluded.boot, at = excluded.at",
    )?
    .execute(params![account, message.id(), boot, at])
    .map(drop)
}

pub fn read(
    c: &Connection,
    account: i64,
    time: &Time,
    limit: usize,
    skip: &dyn Fn(u64) -> bool,
) -> rusqlite::Result<Agenda> {
    let mut search = Search { limit, skip, agenda: Agenda::default(), players: HashSet::new() };
    let other = "SELECT id, 0 FROM agenda WHERE account = ?1 AND boot > ?2 AND boot < ?3 ORDER BY boot, at";
    let past = "SELECT id, at - ?3 FROM agenda WHERE account = ?1 AND boot = ?2 AND at <= ?3 ORDER BY at";
    let boot = i64::from(time.boot);
    let parts = [
        (other, i64::from(WALL), boot),
        (other, boot, i64::MAX),
        (past, boot, time.boot_ms),
        (past, i64::from(WALL), time.wall_ms),
    ];
    for (sql, from, to) in parts {
        let mut statement = c.prepare_cached(sql)?;
        let mut rows = statement.query(params![account, from, to])?;
        while let Some(row) = rows.next()? {
            let id = row.get_ref(0)?.as_blob()?;
            if !search.take(id, row.get(1)?) {
                return Ok(search.agenda);
            }
        }
    }
    let next = |boot: i64, now: i64| {
        c.prepare_cached("SELECT at - ?3 FROM agenda WHERE account = ?1 AND boot = ?2 AND at > ?3 ORDER BY at LIMIT 1")?
            .query_row(params![account, boot, now], |r| r.get::<_, i64>(0))
            .optional()
    };
    let (lease, wall) = (next(boot, time.boot_ms)?, next(i64::from(WALL), time.wall_ms)?);
    search.agenda.next_ms = lease.into_iter().chain(wall).min();
    Ok(search.agenda)
}

struct Search<'a> {
    limit: usize,
    skip: &'a dyn Fn(u64) -> bool,
    agenda: Agenda,
    players: HashSet<u64>,
}

impl Search<'_> {
    /// Takes a message whose time has come; false when there are enough.
    fn take(&mut self, id: &[u8], ms: i64) -> bool {
        let Some(name) = Name::from_hashed_id(Space::Message, id) else { return true };
        if (self.skip)(name.home()) || self.players.contains(&name.home()) {
            return true;
        }
        if self.agenda.ready.len() == self.limit {
            self.agenda.next_ms = Some(ms);
            return false;
        }
        self.players.insert(name.home());
        self.agenda.ready.push(name);
        true
    }
}

pub fn backlog(c: &Connection, account: i64, time: &Time) -> rusqlite::Result<Backlog> {
    let waiting: i64 =
        c.prepare_cached("SELECT waiting FROM account WHERE number = ?1")?.query_row([account], |r| r.get(0))?;
    let (due, oldest): (i64, Option<i64>) = c
        .prepare_cached(
            "SELECT count(*), min(at) FROM (
               SELECT at FROM agenda WHERE account = ?1 AND boot = ?2 AND at <= ?3 ORDER BY at LIMIT ?4)",
        )?
        .query_row(params![account, WALL, time.wall_ms, COUNTED], |r| Ok((r.get(0)?, r.get(1)?)))?;
    let unsigned = |n: i64| u64::try_from(n).unwrap_or(0);
    Ok(Backlog {
        waiting: unsigned(waiting),
        due: unsigned(due),
        oldest_due_ms: unsigned(oldest.map_or(0, |at| time.wall_ms.saturating_sub(at))),
    })
}
