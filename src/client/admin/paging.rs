//! Lists in pages: rows until the reply is full, and a cursor that goes on behind the last.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::{Call, wrong};
use crate::clock::Deadline;
use crate::error::{Error, Retry, Status};
use crate::log::log_line;
use crate::store::{Page, Scanned, Space};

/// Rows of a page where the request does not say.
const USUAL: usize = 100;
/// Rows of a page at most.
const MOST: u64 = 1000;
/// Records that one call looks at.
pub const LOOKED_AT: usize = 20_000;
/// Records that are read at once.
const AT_ONCE: usize = 1000;
/// … of messages, which may be large.
const MESSAGES_AT_ONCE: usize = 50;
/// Bytes of a reply that are left for its end: a cursor, and what was left out.
const END: usize = 3072;
/// Records that were left out and are named.
const MOST_LEFT_OUT: usize = 3;
/// Bytes of the reason for one.
const MAX_WHY: usize = 200;
/// Bytes of a cursor that say that it is ours.
const SEAL: usize = 12;

/// Where a list goes on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Position {
    /// In which of several families.
    pub family: u8,
    /// Behind this place of a scan; None: at its beginning.
    pub place: Option<Box<[u8]>>,
    /// In the record of this place, which comes then, behind the row with this name; None: with its first.
    pub within: Option<(Box<[u8]>, String)>,
}

impl Position {
    fn to_bytes(&self) -> Vec<u8> {
        let (record, row) = self.within.as_ref().map_or((None, ""), |(record, row)| (Some(&**record), row));
        let mut bytes = vec![self.family];
        for place in [self.place.as_deref(), record] {
            bytes.push(u8::from(place.is_some()));
            bytes.extend_from_slice(&(place.map_or(0, <[u8]>::len) as u16).to_be_bytes());
            bytes.extend_from_slice(place.unwrap_or_default());
        }
        bytes.extend_from_slice(row.as_bytes());
        bytes
    }

    fn from_bytes(bytes: &[u8]) -> Option<Position> {
        let (family, rest) = bytes.split_first()?;
        let (place, rest) = read_place(rest)?;
        let (record, row) = read_place(rest)?;
        let row = String::from_utf8(row.to_vec()).ok()?;
        Some(Position { family: *family, place, within: record.map(|record| (record, row)) })
    }
}

/// A place of a scan, if one is there, and what stands behind it.
#[allow(clippy::type_complexity)] // a pair
fn read_place(bytes: &[u8]) -> Option<(Option<Box<[u8]>>, &[u8])> {
    let (is_there, rest) = bytes.split_first()?;
    let (size, rest) = rest.split_first_chunk()?;
    let (place, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*size)))?;
    Some(((*is_there != 0).then(|| place.into()), rest))
}

/// Rows of a reply, as long as they fit.
pub struct Rows {
    text: String,
    count: usize,
    limit: usize,
    room: usize,
    left_out: LeftOut,
}

/// Records that can't be read.
#[derive(Default, Serialize)]
struct LeftOut {
    count: usize,
    first: Vec<LeftOutRecord>,
}

#[derive(Serialize)]
struct LeftOutRecord {
    /// Of a player's.
    openid: Option<String>,
    why: String,
}

impl Rows {
    /// `name`: that of the list in the reply.
    pub fn new(name: &str, limit: usize, room: usize) -> Rows {
        Rows {
            text: format!("{{\"{name}\":["),
            count: 0,
            limit,
            room: room.saturating_sub(END),
            left_out: LeftOut::default(),
        }
    }

    /// Adds a row; false: it has no place any more.
    ///
    /// # Errors
    /// [`Status::Internal`], for one that can't be written, or would not fit into any reply.
    pub fn push(&mut self, row: &impl Serialize) -> Result<bool, Error> {
        let row = serde_json::to_string(row).map_err(|e| Error::new(Status::Internal, format!("a row: {e}")))?;
        if self.count == self.limit || self.text.len() + row.len() + 1 > self.room {
            if self.count == 0 {
                return Err(Error::new(Status::Internal, format!("a row of {} bytes fits into no reply", row.len())));
            }
            return Ok(false);
        }
        if self.count > 0 {
            self.text.push(',');
        }
        self.text.push_str(&row);
        self.count += 1;
        Ok(true)
    }

    /// A record has no row, since it can't be read.
    fn leave_out(&mut self, record: &Scanned, why: &str) {
        self.left_out.count += 1;
        if self.left_out.first.len() < MOST_LEFT_OUT {
            let is_players = matches!(record.name.space(), Space::Player | Space::Recent);
            let openid = is_players.then(|| String::from_utf8_lossy(record.name.id()).into_owned());
            let end = (0..=why.len().min(MAX_WHY)).rev().find(|at| why.is_char_boundary(*at)).unwrap_or(0);
            self.left_out.first.push(LeftOutRecord { openid, why: why[..end].to_owned() });
        }
    }

    /// The whole reply.
    pub fn finish(mut self, next: Option<String>) -> String {
        self.text.push(']');
        if self.left_out.count > 0
            && let Ok(left_out) = serde_json::to_string(&self.left_out)
        {
            self.text.push_str(&format!(",\"left_out\":{left_out}"));
        }
        self.text.push_str(",\"next\":");
        match next {
            Some(next) => self.text.push_str(&format!("\"{next}\"}}")),
            None => self.text.push_str("null}"),
        }
        self.text
    }
}

impl Call<'_> {
    /// How many rows are wanted.
    ///
    /// # Errors
    /// [`Status::Arg`] for a number that no page has.
    pub fn limit(&self, limit: Option<u64>) -> Result<usize, Error> {
        match limit {
            None => Ok(USUAL),
            Some(limit @ 1..=MOST) => Ok(limit as usize),
            Some(limit) => Err(wrong(format!("{}: limit is {limit}; it goes from 1 to {MOST}", self.what))),
        }
    }

    /// The cursor of a position.
    ///
    /// # Errors
    /// [`Status::Store`] when the ledger's number can't be read.
    pub fn cursor(&self, position: &Position) -> Result<String, Error> {
        let bytes = position.to_bytes();
        Ok(URL_SAFE_NO_PAD.encode([&self.seal(&bytes)?[..], &bytes].concat()))
    }

    /// Where a list goes on that was given this cursor.
    ///
    /// # Errors
    /// [`Status::Arg`] for a cursor of another ledger or request, or for none.
    pub fn position(&self, after: Option<&str>) -> Result<Position, Error> {
        let Some(after) = after else { return Ok(Position::default()) };
        let foreign = || {
            wrong(format!(
                "{}: after is not a \"next\" of this request at this ledger; with it the other fields stay the same",
                self.what
            ))
        };
        let bytes = URL_SAFE_NO_PAD.decode(after).map_err(|_| foreign())?;
        let (seal, bytes) = bytes.split_first_chunk::<SEAL>().ok_or_else(foreign)?;
        if *seal != self.seal(bytes)? {
            return Err(foreign());
        }
        Position::from_bytes(bytes).ok_or_else(foreign)
    }

    /// Binds a cursor to this ledger and request: whoever does not know the ledger's number makes none.
    fn seal(&self, bytes: &[u8]) -> Result<[u8; SEAL], Error> {
        let mut fields: Vec<(&String, &Value)> = self
            .fields
            .iter()
            .filter(|(name, value)| !matches!(name.as_str(), "after" | "limit") && !value.is_null())
            .collect();
        fields.sort_by_key(|(name, _)| *name);
        let fields: Map<String, Value> =
            fields.into_iter().map(|(name, value)| (name.clone(), value.clone())).collect();
        let request = Value::Object(fields).to_string();
        let ledger = self.ledger()?.to_be_bytes();
        let mut hasher = Sha256::new();
        for part in [&ledger, self.parts.core.config.appid.as_bytes(), self.what.as_bytes(), request.as_bytes(), bytes]
        {
            hasher.update((part.len() as u64).to_be_bytes());
            hasher.update(part);
        }
        let digest: [u8; 32] = hasher.finalize().into();
        Ok(digest.first_chunk().copied().unwrap_or_default())
    }

    /// Lists what `rows_of` makes of records, each row with its name, by which those of a record are in order.
    ///
    /// # Errors
    /// Those of the store; a record that can't be read is left out, and told in the reply and in the log.
    pub fn list<R: Serialize>(
        &self,
        source: Source,
        rows: Rows,
        from: Position,
        rows_of: impl FnMut(&Scanned) -> Result<Vec<(String, R)>, Error>,
    ) -> Result<String, Error> {
        Ok(match self.list_from(&[source], rows, from, rows_of)? {
            Listed::All(rows) => rows.finish(None),
            Listed::Part(reply) => reply,
        })
    }

    /// The same for several families, one after the other; and maybe something else behind them.
    ///
    /// # Errors
    /// As [`Call::list`].
    pub fn list_all<R: Serialize>(
        &self,
        families: &[Space],
        rows: Rows,
        from: Position,
        rows_of: impl FnMut(&Scanned) -> Result<Vec<(String, R)>, Error>,
    ) -> Result<Listed, Error> {
        let sources: Vec<Source> = families.iter().map(|space| Source { space: *space, home: None }).collect();
        self.list_from(&sources, rows, from, rows_of)
    }

    fn list_from<R: Serialize>(
        &self,
        sources: &[Source],
        rows: Rows,
        from: Position,
        mut rows_of: impl FnMut(&Scanned) -> Result<Vec<(String, R)>, Error>,
    ) -> Result<Listed, Error> {
        let enough = self.deadline.in_part(2);
        let mut listing = Listing { call: self, rows, at: from, looked_at: 0, enough };
        while let Some(source) = sources.get(usize::from(listing.at.family)) {
            let is_through = listing.is_through(*source, &mut rows_of)?;
            if is_through {
                listing.at = Position { family: listing.at.family + 1, ..Position::default() };
            }
            // What comes behind it, too, may take as long again.
            if !is_through || listing.enough.is_over() {
                let next = self.cursor(&listing.at)?;
                return Ok(Listed::Part(listing.rows.finish(Some(next))));
            }
        }
        Ok(Listed::All(listing.rows))
    }
}

/// How far a list came.
pub enum Listed {
    /// To its end; there may be room for more rows.
    All(Rows),
    /// To the end of this reply.
    Part(String),
}

/// What is listed.
#[derive(Clone, Copy)]
pub struct Source {
    /// Records of this family.
    pub space: Space,
    /// … of this player only.
    pub home: Option<u64>,
}

struct Listing<'a, 'c> {
    call: &'a Call<'c>,
    rows: Rows,
    at: Position,
    looked_at: usize,
    /// Then the reply ends where it is: one that comes too late says not even where to go on.
    enough: Deadline,
}

impl Listing<'_, '_> {
    /// Whether all records of a source were listed; else the reply ends at `self.at`.
    fn is_through<R: Serialize>(
        &mut self,
        source: Source,
        rows_of: &mut impl FnMut(&Scanned) -> Result<Vec<(String, R)>, Error>,
    ) -> Result<bool, Error> {
        let most = if source.space == Space::Message { MESSAGES_AT_ONCE } else { AT_ONCE };
        let mut at_once = self.rows.limit.min(most);
        let mut moved = false;
        while self.looked_at < LOOKED_AT && !(moved && self.enough.is_over()) {
            moved = true;
            let page = self.scan(source, at_once.min(LOOKED_AT - self.looked_at))?;
            self.looked_at += at_once;
            at_once = (2 * at_once).min(most);
            // What was found is not to be looked for again, as long as its rows take no time.
            let late = self.call.deadline.in_part(2);
            for record in page.records {
                if !self.add(&record, rows_of)? {
                    return Ok(false);
                }
                self.at.place = Some(record.place);
                self.at.within = None;
                if late.is_over() {
                    return Ok(false);
                }
            }
            if page.after.is_none() {
                return Ok(true);
            }
            self.at.place = page.after;
        }
        Ok(false)
    }

    fn scan(&self, source: Source, limit: usize) -> Result<Page, Error> {
        let (engine, after, deadline) = (&self.call.parts.core.engine, self.at.place.clone(), self.call.deadline);
        match source.home {
            Some(home) => engine.scan_of(source.space, home, after, limit, deadline),
            None => engine.scan(source.space, after, limit, deadline),
        }
    }

    /// Adds the rows of a record; false: not all of them had a place.
    fn add<R: Serialize>(
        &mut self,
        record: &Scanned,
        rows_of: &mut impl FnMut(&Scanned) -> Result<Vec<(String, R)>, Error>,
    ) -> Result<bool, Error> {
        let rows = match rows_of(record) {
            Ok(rows) => rows,
            // What can't be read now may be read later; only what is damaged is left out.
            Err(e) if e.status == Status::Store && e.retry == Retry::Never => {
                let log = &self.call.parts.core.log;
                log_line!(log, Warn, "{}: a record was left out: {}", self.call.what, e.message);
                self.rows.leave_out(record, &e.message);
                return Ok(true);
            }
            Err(e) => return Err(e),
        };
        for (name, row) in rows {
            if self.at.within.as_ref().is_some_and(|(place, last)| *place == record.place && name <= *last) {
                continue;
            }
            if !self.rows.push(&row)? {
                return Ok(false);
            }
            self.at.within = Some((record.place.clone(), name));
        }
        Ok(true)
    }
}
