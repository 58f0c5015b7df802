//! Records as rows: what a step reads, and what it changes.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rusqlite::types::{ToSql, ToSqlOutput, Value, ValueRef};
use rusqlite::{CachedStatement, Connection, OptionalExtension, params};

use super::agenda;
use super::error::Fault;
use crate::clock::Now;
use crate::error::{Error, Status};
use crate::panics;
use crate::store::{Changes, Name, Page, Space, Step, Stop, Time, View};

/// An openid as WeChat makes them is so long, and as many bytes when it is decoded.
const OPENID: (usize, usize) = (28, 21);

/// A player's id as it is kept: decoded where that is shorter.
pub enum PlayerId<'a> {
    Packed([u8; OPENID.1]),
    Spelled(&'a [u8]),
}

impl PlayerId<'_> {
    pub fn new(openid: &[u8]) -> PlayerId<'_> {
        let mut packed = [0; OPENID.1];
        if openid.len() == OPENID.0 && URL_SAFE_NO_PAD.decode_slice(openid, &mut packed) == Ok(OPENID.1) {
            return PlayerId::Packed(packed);
        }
        PlayerId::Spelled(openid)
    }

    /// The openid that such a value stands for.
    pub fn openid(kept: ValueRef<'_>) -> Box<[u8]> {
        match kept {
            ValueRef::Blob(packed) => URL_SAFE_NO_PAD.encode(packed).into_bytes().into(),
            ValueRef::Text(openid) => openid.into(),
            _ => Box::default(),
        }
    }
}

impl ToSql for PlayerId<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            PlayerId::Packed(packed) => ValueRef::Blob(packed),
            PlayerId::Spelled(openid) => ValueRef::Text(openid),
        }))
    }
}

/// An id as the tables of single records keep it.
struct RecordId<'a>(Space, &'a [u8]);

impl ToSql for RecordId<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        let text = self.0 == Space::Account;
        Ok(ToSqlOutput::Borrowed(if text { ValueRef::Text(self.1) } else { ValueRef::Blob(self.1) }))
    }
}

/// Both records of a player, as one step has read them and will leave them.
struct Player {
    id: Box<[u8]>,
    lasting: Option<Vec<u8>>,
    recent: Option<Vec<u8>>,
    changed: bool,
}

impl Player {
    fn half(&mut self, space: Space) -> &mut Option<Vec<u8>> {
        if space == Space::Player { &mut self.lasting } else { &mut self.recent }
    }
}

/// One account's records within one transaction and one step.
pub struct Records<'c> {
    c: &'c Connection,
    account: i64,
    players: Vec<Player>,
}

impl<'c> Records<'c> {
    pub fn new(c: &'c Connection, account: i64) -> Records<'c> {
        Records { c, account, players: Vec::new() }
    }

    /// Reads and decides, again while more is needed; nothing is written.
    pub fn decide(&mut self, step: &mut Step) -> Result<(Changes, Time), Fault> {
        let time = Time::from(&Now::read());
        let mut records = Vec::with_capacity(step.reads.len());
        for name in &step.reads {
            records.push((name.clone(), self.get(name)?));
        }
        loop {
            let view = View { time, step_id: None, records: &records };
            let decided = panics::catch(|| (step.decide)(&view));
            match decided.map_err(|place| caught(&place))? {
                Ok(changes) => return Ok((changes, time)),
                Err(Stop::Fail(e)) => return Err(e.into()),
                Err(Stop::Need(names)) => {
                    for name in names {
                        let value = self.get(&name)?;
                        records.push((name, value));
                    }
                }
            }
        }
    }

    fn get(&mut self, name: &Name) -> rusqlite::Result<Option<Vec<u8>>> {
        let sql = match name.space() {
            Space::Player | Space::Recent => return Ok(self.player(name.id())?.half(name.space()).clone()),
            Space::Key => "SELECT value FROM key WHERE account = ?1 AND id = ?2",
            Space::Message => "SELECT value FROM message WHERE account = ?1 AND id = ?2",
            Space::Account => "SELECT value FROM account_record WHERE account = ?1 AND id = ?2",
        };
        self.c
            .prepare_cached(sql)?
            .query_row(params![self.account, RecordId(name.space(), name.id())], |r| r.get(0))
            .optional()
    }

    fn player(&mut self, id: &[u8]) -> rusqlite::Result<&mut Player> {
        let at = match self.players.iter().position(|player| *player.id == *id) {
            Some(at) => at,
            None => {
                let row = self
                    .c
                    .prepare_cached("SELECT lasting, recent FROM player WHERE account = ?1 AND id = ?2")?
                    .query_row(params![self.account, PlayerId::new(id)], |r| Ok((r.get(0)?, r.get(1)?)))
                    .optional()?;
                let (lasting, recent) = row.unwrap_or_default();
                self.players.push(Player { id: id.into(), lasting, recent, changed: false });
                self.players.len() - 1
            }
        };
        Ok(&mut self.players[at])
    }

    /// Writes what a step has decided; returns how many passing records it has put.
    pub fn apply(&mut self, changes: Changes, time: &Time) -> rusqlite::Result<u64> {
        let mut passing = 0;
        for put in changes.puts {
            passing += u64::from(put.name.space().passes() && put.value.is_some());
            match put.name.space() {
                space @ (Space::Player | Space::Recent) => {
                    let player = self.player(put.name.id())?;
                    *player.half(space) = put.value;
                    player.changed = true;
                }
                space => self.put(space, put.name.id(), put.value)?,
            }
        }
        for player in self.players.iter().filter(|player| player.changed) {
            self.put_player(player)?;
        }
        for (message, when) in changes.agenda {
            agenda::put(self.c, self.account, &message, when, time)?;
        }
        Ok(passing)
    }

    fn put_player(&self, player: &Player) -> rusqlite::Result<()> {
        let id = PlayerId::new(&player.id);
        if player.lasting.is_none() && player.recent.is_none() {
            let delete = "DELETE FROM player WHERE account = ?1 AND id = ?2";
            return self.c.prepare_cached(delete)?.execute(params![self.account, id]).map(drop);
        }
        // Without a second index SQLite overwrites the row where it is.
        self.c
            .prepare_cached("REPLACE INTO player (account, id, lasting, recent) VALUES (?1, ?2, ?3, ?4)")?
            .execute(params![self.account, id, player.lasting, player.recent])
            .map(drop)
    }

    fn put(&self, space: Space, id: &[u8], value: Option<Vec<u8>>) -> rusqlite::Result<()> {
        let (put, delete) = match space {
            Space::Key => (
                "REPLACE INTO key (account, id, value) VALUES (?1, ?2, ?3)",
                "DELETE FROM key WHERE account = ?1 AND id = ?2",
            ),
            Space::Message => (
                "REPLACE INTO message (account, id, value) VALUES (?1, ?2, ?3)",
                "DELETE FROM message WHERE account = ?1 AND id = ?2",
            ),
            _ => (
                "REPLACE INTO account_record (account, id, value) VALUES (?1, ?2, ?3)",
                "DELETE FROM account_record WHERE account = ?1 AND id = ?2",
            ),
        };
        let id = RecordId(space, id);
        match value {
            Some(value) => self.c.prepare_cached(put)?.execute(params![self.account, id, value]),
            None => self.c.prepare_cached(delete)?.execute(params![self.account, id]),
        }
        .map(drop)
    }

    /// Whether the passing record, as it is now, is over; if so it goes.
    pub fn drop_if(&mut self, name: &Name, is_over: impl Fn(&[u8]) -> bool) -> rusqlite::Result<()> {
        if !self.get(name)?.is_some_and(|value| is_over(&value)) {
            return Ok(());
        }
        if name.space() != Space::Recent {
            return self.put(name.space(), name.id(), None);
        }
        self.player(name.id())?.recent = None;
        self.players.iter().filter(|player| *player.id == *name.id()).try_for_each(|player| self.put_player(player))
    }

    /// The records of a family behind this id, in the order of their table; `limit` rows are looked at.
    pub fn scan(&self, space: Space, after: Option<&[u8]>, limit: usize) -> rusqlite::Result<Page> {
        let (sql, first) = match space {
            Space::Player => {
                ("SELECT id, lasting FROM player WHERE account = ?1 AND id > ?2 ORDER BY id LIMIT ?3", text())
            }
            Space::Recent => {
                ("SELECT id, recent FROM player WHERE account = ?1 AND id > ?2 ORDER BY id LIMIT ?3", text())
            }
            Space::Key => ("SELECT id, value FROM key WHERE account = ?1 AND id > ?2 ORDER BY id LIMIT ?3", blob()),
            Space::Message => {
                ("SELECT id, value FROM message WHERE account = ?1 AND id > ?2 ORDER BY id LIMIT ?3", blob())
            }
            Space::Account => {
                ("SELECT id, value FROM account_record WHERE account = ?1 AND id > ?2 ORDER BY id LIMIT ?3", text())
            }
        };
        let mut statement: CachedStatement<'_> = self.c.prepare_cached(sql)?;
        let players = matches!(space, Space::Player | Space::Recent);
        let limit_rows = i64::try_from(limit).unwrap_or(i64::MAX);
        let mut rows = match after {
            None => statement.query(params![self.account, first, limit_rows])?,
            Some(id) if players => statement.query(params![self.account, PlayerId::new(id), limit_rows])?,
            Some(id) => statement.query(params![self.account, RecordId(space, id), limit_rows])?,
        };
        let mut page = Page::default();
        let mut seen = 0;
        while let Some(row) = rows.next()? {
            seen += 1;
            let value: Option<Vec<u8>> = row.get(1)?;
            if value.is_none() && seen < limit {
                continue;
            }
            let id = match row.get_ref(0)? {
                kept if players => PlayerId::openid(kept),
                ValueRef::Blob(id) | ValueRef::Text(id) => id.into(),
                _ => Box::default(),
            };
            if let Some(value) = value
                && let Some(name) = Name::from_id(space, &id)
            {
                page.records.push((name, value));
            }
            page.after = Some(id);
        }
        page.after = page.after.filter(|_| seen == limit);
        Ok(page)
    }
}

/// Before every text and, as all texts are, before every blob.
fn text() -> Value {
    Value::Text(String::new())
}

fn blob() -> Value {
    Value::Blob(Vec::new())
}

/// A panic in a decision or in this engine.
pub fn caught(place: &str) -> Error {
    Error::new(Status::Panic, format!("a bug of wxsub's was caught at {place}"))
}
