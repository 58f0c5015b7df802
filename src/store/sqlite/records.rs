//! Records as rows: what a step reads, and what it changes.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rusqlite::types::{ToSql, ToSqlOutput, ValueRef};
use rusqlite::{Connection, OptionalExtension, params};

use super::error::{Failure, Fault, caught};
use super::{agenda, journal};
use crate::clock::Now;
use crate::panics;
use crate::store::{Changes, HASHED_ID, JournalTerms, Name, Page, Scanned, Space, Step, Stop, Time, View};

/// The length of an openid as WeChat makes them.
const OPENID: usize = 28;
/// As many bytes are in it.
const PACKED: usize = 21;

/// An id as its table keeps it: a player's is decoded where that is shorter. SQLite sorts texts before blobs.
enum RowId<'a> {
    Packed([u8; PACKED]),
    Text(&'a [u8]),
    Blob(&'a [u8]),
}

impl RowId<'_> {
    const FIRST: RowId<'static> = RowId::Text(b"");

    fn new(space: Space, id: &[u8]) -> RowId<'_> {
        let mut packed = [0; PACKED];
        match space {
            Space::Key | Space::Message => RowId::Blob(id),
            Space::Account => RowId::Text(id),
            Space::Player | Space::Recent => match URL_SAFE_NO_PAD.decode_slice(id, &mut packed) {
                Ok(PACKED) if id.len() == OPENID => RowId::Packed(packed),
                _ => RowId::Text(id),
            },
        }
    }

    /// The id that this value stands for.
    fn read(space: Space, kept: ValueRef<'_>) -> Box<[u8]> {
        match (space, kept) {
            (Space::Player | Space::Recent, ValueRef::Blob(packed)) => {
                URL_SAFE_NO_PAD.encode(packed).into_bytes().into()
            }
            (_, ValueRef::Blob(id) | ValueRef::Text(id)) => id.into(),
            _ => Box::default(),
        }
    }
}

impl ToSql for RowId<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            RowId::Packed(packed) => ValueRef::Blob(packed),
            RowId::Text(id) => ValueRef::Text(id),
            RowId::Blob(id) => ValueRef::Blob(id),
        }))
    }
}

/// As [`crate::store::Engine::place_of`].
pub fn place_of(id: &[u8], kept: usize) -> Box<[u8]> {
    let is_packed = |id: &[u8]| matches!(RowId::new(Space::Player, id), RowId::Packed(_));
    let mut place = id[..kept.min(id.len())].to_vec();
    if is_packed(id) {
        // As bytes it ends with zeros.
        place.resize(id.len(), b'A');
    } else if place.len() < id.len() && is_packed(&place) {
        // It would come behind all texts.
        place.pop();
    }
    place.into()
}

/// What is asked of the table of a family.
struct Statements {
    get: &'static str,
    put: &'static str,
    delete: &'static str,
    scan: &'static str,
}

macro_rules! statements {
    ($table:literal, $value:literal) => {
        &Statements {
            get: concat!("SELECT ", $value, " FROM ", $table, " WHERE account = ?1 AND id = ?2"),
            // Without a second index SQLite overwrites the row where it is.
            put: concat!("REPLACE INTO ", $table, " (account, id, ", $value, ") VALUES (?1, ?2, ?3)"),
            delete: concat!("DELETE FROM ", $table, " WHERE account = ?1 AND id = ?2"),
            scan: concat!(
                "SELECT id, ",
                $value,
                " FROM ",
                $table,
                " WHERE account = ?1 AND id > ?2 ORDER BY id LIMIT ?3"
            ),
        }
    };
}

fn statements(space: Space) -> &'static Statements {
    match space {
        Space::Player => statements!("player", "lasting"),
        Space::Recent => statements!("player", "recent"),
        Space::Key => statements!("key", "value"),
        Space::Message => statements!("message", "value"),
        Space::Account => statements!("account_record", "value"),
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

/// Takes a step within the transaction of a group; returns how many passing records it has put.
pub fn take(c: &Connection, account: i64, terms: JournalTerms, step: &mut Step) -> Result<u64, Failure> {
    let mut records = Records::new(c, account, terms);
    let (changes, time) = records.decide(step).map_err(Failure::Unwritten)?;
    records.apply(changes, &time).map_err(Failure::HalfWritten)
}

/// One account's records within one transaction and one step.
pub struct Records<'c> {
    c: &'c Connection,
    account: i64,
    terms: JournalTerms,
    players: Vec<Player>,
}

impl<'c> Records<'c> {
    pub fn new(c: &'c Connection, account: i64, terms: JournalTerms) -> Records<'c> {
        Records { c, account, terms, players: Vec::new() }
    }

    /// Reads and decides, again while more is needed; nothing is written.
    pub fn decide(&mut self, step: &mut Step) -> Result<(Changes, Time), Fault> {
        let time = Time::from(&Now::read());
        let mut records = Vec::with_capacity(step.reads.len());
        for name in &step.reads {
            records.push((name.clone(), self.get(name)?));
        }
        loop {
            let view = View { time, step_id: None, records: &records, journal: self.terms };
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
        let space = name.space();
        if matches!(space, Space::Player | Space::Recent) {
            return Ok(self.player(name.id())?.half(space).clone());
        }
        let mut statement = self.c.prepare_cached(statements(space).get)?;
        statement.query_row(params![self.account, RowId::new(space, name.id())], |r| r.get(0)).optional()
    }

    fn player(&mut self, id: &[u8]) -> rusqlite::Result<&mut Player> {
        let at = match self.players.iter().position(|player| *player.id == *id) {
            Some(at) => at,
            None => {
                let row = self
                    .c
                    .prepare_cached("SELECT lasting, recent FROM player WHERE account = ?1 AND id = ?2")?
                    .query_row(params![self.account, RowId::new(Space::Player, id)], |r| Ok((r.get(0)?, r.get(1)?)))
                    .optional()?;
                let (lasting, recent) = row.unwrap_or_default();
                self.players.push(Player { id: id.into(), lasting, recent, changed: false });
                self.players.len() - 1
            }
        };
        Ok(&mut self.players[at])
    }

    fn apply(&mut self, changes: Changes, time: &Time) -> rusqlite::Result<u64> {
        let mut passing = 0;
        for put in changes.puts {
            let (space, id) = (put.name.space(), put.name.id());
            passing += u64::from(space.passes() && put.value.is_some());
            match space {
                Space::Player | Space::Recent => {
                    let player = self.player(id)?;
                    *player.half(space) = put.value;
                    player.changed = true;
                }
                _ => self.put(space, id, put.value)?,
            }
        }
        for player in self.players.iter().filter(|player| player.changed) {
            self.put_player(player)?;
        }
        for (message, when) in changes.agenda {
            agenda::put(self.c, self.account, &message, when, time)?;
        }
        for (counter, n) in &changes.adds {
            journal::add(self.c, self.account, counter, *n)?;
        }
        for entry in &changes.log {
            journal::append(self.c, self.account, entry, time.wall_ms)?;
        }
        Ok(passing)
    }

    fn put_player(&self, player: &Player) -> rusqlite::Result<()> {
        if player.lasting.is_none() && player.recent.is_none() {
            return self.put(Space::Player, &player.id, None);
        }
        self.c
            .prepare_cached("REPLACE INTO player (account, id, lasting, recent) VALUES (?1, ?2, ?3, ?4)")?
            .execute(params![self.account, RowId::new(Space::Player, &player.id), player.lasting, player.recent])
            .map(drop)
    }

    fn put(&self, space: Space, id: &[u8], value: Option<Vec<u8>>) -> rusqlite::Result<()> {
        let (statements, id) = (statements(space), RowId::new(space, id));
        match value {
            Some(value) => self.c.prepare_cached(statements.put)?.execute(params![self.account, id, value]),
            None => self.c.prepare_cached(statements.delete)?.execute(params![self.account, id]),
        }
        .map(drop)
    }

    /// Names of the keys and messages of the player with this hash.
    pub fn names_of(&self, home: u64, limit: usize) -> rusqlite::Result<Vec<Name>> {
        let mut names = Vec::new();
        let end = |byte: u8| [home.to_be_bytes().as_slice(), &[byte; HASHED_ID - 8]].concat();
        for space in [Space::Message, Space::Key] {
            let sql = match space {
                Space::Key => "SELECT id FROM key WHERE account = ?1 AND id >= ?2 AND id <= ?3 LIMIT ?4",
                _ => "SELECT id FROM message WHERE account = ?1 AND id >= ?2 AND id <= ?3 LIMIT ?4",
            };
            let mut statement = self.c.prepare_cached(sql)?;
            let left = i64::try_from(limit - names.len()).unwrap_or(i64::MAX);
            let mut rows = statement.query(params![self.account, end(0), end(0xFF), left])?;
            while let Some(row) = rows.next()? {
                names.extend(Name::from_id(space, row.get_ref(0)?.as_blob()?));
            }
        }
        Ok(names)
    }

    /// The records of a family behind this id, in the order of their table; `limit` rows are looked at.
    /// `home`: up to the first of another player.
    pub fn scan(&self, space: Space, home: Option<u64>, after: Option<&[u8]>, limit: usize) -> rusqlite::Result<Page> {
        let mut statement = self.c.prepare_cached(statements(space).scan)?;
        let after = after.map_or(RowId::FIRST, |id| RowId::new(space, id));
        let mut rows = statement.query(params![self.account, after, i64::try_from(limit).unwrap_or(i64::MAX)])?;
        let mut page = Page::default();
        let mut seen = 0;
        while let Some(row) = rows.next()? {
            seen += 1;
            let value: Option<Vec<u8>> = row.get(1)?;
            if value.is_none() && seen < limit {
                continue;
            }
            let id = RowId::read(space, row.get_ref(0)?);
            if let Some(value) = value
                && let Some(name) = Name::from_id(space, &id)
            {
                if home.is_some_and(|home| name.home() != home) {
                    page.after = None;
                    return Ok(page);
                }
                page.records.push(Scanned { name, value, place: id.clone() });
            }
            page.after = Some(id);
        }
        page.after = page.after.filter(|_| seen == limit);
        Ok(page)
    }
}
