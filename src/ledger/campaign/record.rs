//! How a campaign is written: what was put, and how far it has come, in two records of the account.

use super::state::State;
use super::tally::Tally;
use crate::ledger::age::Stamp;
use crate::ledger::codec::{Damage, Decoder, Encoder};
use crate::store::{Changes, Name, Stop, Time, View};

/// A campaign as it was put.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Definition {
    /// The request's fields as they were given, in one form: the same again changes nothing.
    pub given: String,
    /// The template.
    pub template_id: String,
    /// Its players are those of a list; else all whose count allows it.
    pub is_list: bool,
    /// When it begins, Unix milliseconds; None: when somebody starts it.
    pub start_ms: Option<i64>,
    /// When it ends at the latest; None: a day after it began.
    pub expires_ms: Option<i64>,
    /// Messages a second, in thousandths, of all processes.
    pub per_1000_s: Option<u64>,
    /// The count that is left to each player at least.
    pub leave: u64,
    /// Whether the host's rules bind it.
    pub rules: bool,
}

/// How far a campaign has come.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Run {
    /// Where it stands.
    pub state: State,
    /// When it began, Unix milliseconds.
    pub begun_ms: Option<i64>,
    /// When it ends at the latest; from its beginning on.
    pub expires_ms: Option<i64>,
    /// When it ended.
    pub ended_ms: Option<i64>,
    /// The engine whose order the places are of: they say nothing to another.
    pub engine: u8,
    /// They have been looked at before in another order: who had the message is known by a mark, not by the count.
    pub again: bool,
    /// Players up to this place have been given out in slices; None: none.
    pub place: Option<Box<[u8]>>,
    /// No player is left to be given out.
    pub at_end: bool,
    /// Parts of a list that were written, and those that were given out.
    pub parts: u64,
    pub parts_out: u64,
    /// Players of all parts.
    pub listed: u64,
    /// Slices that somebody works on, or shall.
    pub slices: Vec<Slice>,
    /// The number of the next slice.
    pub next_slice: u64,
    /// What came of slices that are done.
    pub tally: Tally,
    /// When the next message may be begun, in microseconds since 1970: others have been given the time before.
    pub pace_us: i64,
}

/// Some players, one after the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slice {
    /// Which; of a list: the part.
    pub number: u64,
    /// Behind this place; None: from the beginning.
    pub from: Option<Box<[u8]>>,
    /// Up to this place, it included.
    pub to: Box<[u8]>,
    /// Who works on it.
    pub owner: i64,
    /// For how long nobody else does; 0: whoever wants.
    pub left_ms: i64,
    /// What has come of it so far; all of it is counted anew by whoever takes it over.
    pub tally: Tally,
}

/// Some players of a list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Part {
    /// Players, and their own data as JSON where they have it.
    pub players: Vec<(String, Option<String>)>,
}

/// The names of a campaign's records.
pub fn definition_name(id: &str) -> Name {
    Name::account(&format!("campaign:{id}"))
}

pub fn run_name(id: &str) -> Name {
    Name::account(&format!("campaign-run:{id}"))
}

pub fn part_name(id: &str, part: u64) -> Name {
    Name::account(&format!("campaign-list:{id}:{part:08}"))
}

pub fn added_name(id: &str, bucket: u64) -> Name {
    Name::account(&format!("campaign-add:{id}:{bucket:02x}"))
}

/// The ids of all campaigns, and whether each has ended.
pub fn index_name() -> Name {
    Name::account("campaigns")
}

const HAS_START: u8 = 1;
const HAS_EXPIRY: u8 = 2;
const HAS_PACE: u8 = 4;
const IS_LIST: u8 = 8;
const HAS_RULES: u8 = 16;

impl Definition {
    pub fn load(view: &View<'_>, id: &str) -> Result<Option<Definition>, Stop> {
        let name = definition_name(id);
        let Some(record) = view.get(&name)? else { return Ok(None) };
        Ok(Some(Definition::decode(&name, record)?))
    }

    fn decode(name: &Name, record: &[u8]) -> Result<Definition, Damage> {
        let mut from = Decoder::open(name, record)?;
        let flags = from.byte()?;
        let has = |flag: u8| flags & flag != 0;
        let definition = Definition {
            start_ms: if has(HAS_START) { Some(from.signed()?) } else { None },
            expires_ms: if has(HAS_EXPIRY) { Some(from.signed()?) } else { None },
            per_1000_s: if has(HAS_PACE) { Some(from.unsigned()?) } else { None },
            leave: from.unsigned()?,
            template_id: from.text()?,
            given: from.text()?,
            is_list: has(IS_LIST),
            rules: has(HAS_RULES),
        };
        from.end()?;
        Ok(definition)
    }

    pub fn save(&self, id: &str, changes: &mut Changes) {
        let name = definition_name(id);
        let flag = |on: bool, flag: u8| if on { flag } else { 0 };
        let mut to = Encoder::default();
        to.byte(
            flag(self.start_ms.is_some(), HAS_START)
                | flag(self.expires_ms.is_some(), HAS_EXPIRY)
                | flag(self.per_1000_s.is_some(), HAS_PACE)
                | flag(self.is_list, IS_LIST)
                | flag(self.rules, HAS_RULES),
        );
        self.start_ms.iter().chain(&self.expires_ms).for_each(|ms| to.signed(*ms));
        self.per_1000_s.iter().for_each(|n| to.unsigned(*n));
        to.unsigned(self.leave);
        to.text(&self.template_id);
        to.text(&self.given);
        changes.put(name.clone(), Some(to.finish(&name)), None);
    }
}

impl Run {
    /// The parts of its list that are not done.
    pub fn parts_left(&self) -> Vec<u64> {
        self.slices.iter().map(|slice| slice.number).chain(self.parts_out..self.parts).collect()
    }

    /// Places that name players.
    pub fn places(&mut self) -> impl Iterator<Item = &mut Box<[u8]>> {
        let slices = self.slices.iter_mut().flat_map(|slice| slice.from.iter_mut().chain([&mut slice.to]));
        self.place.iter_mut().chain(slices)
    }

    /// As of now: leases that are over are nobody's.
    pub fn load(view: &View<'_>, id: &str) -> Result<Option<Run>, Stop> {
        let name = run_name(id);
        let Some(record) = view.get(&name)? else { return Ok(None) };
        Ok(Some(Run::decode(&name, record, &view.time)?))
    }

    fn decode(name: &Name, record: &[u8], now: &Time) -> Result<Run, Damage> {
        let mut from = Decoder::open(name, record)?;
        let passed = Stamp::decode(&mut from)?.passed(now);
        let state = match from.byte()? {
            0 => State::Waiting,
            1 => State::Running,
            2 => State::Paused { why: from.text()?, until_ms: optional(&mut from)? },
            3 => State::Done,
            4 => State::Cancelled,
            _ => return Err(Damage::Broken),
        };
        let mut run = Run {
            state,
            begun_ms: optional(&mut from)?,
            expires_ms: optional(&mut from)?,
            ended_ms: optional(&mut from)?,
            engine: from.byte()?,
            again: from.byte()? != 0,
            place: place(&mut from)?,
            at_end: from.byte()? != 0,
            parts: from.unsigned()?,
            parts_out: from.unsigned()?,
            listed: from.unsigned()?,
            next_slice: from.unsigned()?,
            pace_us: from.signed()?,
            tally: Tally::decode(&mut from)?,
            slices: Vec::new(),
        };
        for _ in 0..from.small::<usize>()? {
            run.slices.push(Slice {
                number: from.unsigned()?,
                from: place(&mut from)?,
                to: from.bytes()?.into(),
                owner: from.fixed(8)?.cast_signed(),
                left_ms: passed.left_ms(from.signed()?),
                tally: Tally::decode(&mut from)?,
            });
        }
        from.end()?;
        Ok(run)
    }

    pub fn save(&self, id: &str, time: &Time, changes: &mut Changes) {
        let name = run_name(id);
        let mut to = Encoder::default();
        Stamp::encode(time, &mut to);
        match &self.state {
            State::Waiting => to.byte(0),
            State::Running => to.byte(1),
            State::Paused { why, until_ms } => {
                to.byte(2);
                to.text(why);
                put_optional(*until_ms, &mut to);
            }
            State::Done => to.byte(3),
            State::Cancelled => to.byte(4),
        }
        [self.begun_ms, self.expires_ms, self.ended_ms].into_iter().for_each(|ms| put_optional(ms, &mut to));
        to.byte(self.engine);
        to.byte(u8::from(self.again));
        put_place(self.place.as_deref(), &mut to);
        to.byte(u8::from(self.at_end));
        [self.parts, self.parts_out, self.listed, self.next_slice].into_iter().for_each(|n| to.unsigned(n));
        to.signed(self.pace_us);
        self.tally.encode(&mut to);
        to.unsigned(self.slices.len() as u64);
        for slice in &self.slices {
            to.unsigned(slice.number);
            put_place(slice.from.as_deref(), &mut to);
            to.bytes(&slice.to);
            to.fixed(slice.owner.cast_unsigned(), 8);
            to.signed(slice.left_ms);
            slice.tally.encode(&mut to);
        }
        changes.put(name.clone(), Some(to.finish(&name)), None);
    }
}

impl Part {
    pub fn decode(name: &Name, record: &[u8]) -> Result<Part, Damage> {
        let mut from = Decoder::open(name, record)?;
        let mut players = Vec::new();
        for _ in 0..from.small::<usize>()? {
            let openid = from.text()?;
            let data = from.text()?;
            players.push((openid, (!data.is_empty()).then_some(data)));
        }
        from.end()?;
        Ok(Part { players })
    }

    pub fn save(&self, name: Name, changes: &mut Changes) {
        let mut to = Encoder::default();
        to.unsigned(self.players.len() as u64);
        for (openid, data) in &self.players {
            to.text(openid);
            to.text(data.as_deref().unwrap_or_default());
        }
        changes.put(name.clone(), Some(to.finish(&name)), None);
    }
}

/// The ids of campaigns and whether each has ended, in the order in which they were put.
pub fn load_index(view: &View<'_>) -> Result<Vec<(String, bool)>, Stop> {
    let name = index_name();
    let Some(record) = view.get(&name)? else { return Ok(Vec::new()) };
    Ok(decode_index(record)?)
}

fn decode_index(record: &[u8]) -> Result<Vec<(String, bool)>, Damage> {
    let mut from = Decoder::open(&index_name(), record)?;
    let mut all = Vec::new();
    for _ in 0..from.small::<usize>()? {
        all.push((from.text()?, from.byte()? != 0));
    }
    from.end()?;
    Ok(all)
}

pub fn save_index(index: &[(String, bool)], changes: &mut Changes) {
    changes.put(index_name(), Some(encode_index(index)), None);
}

fn encode_index(index: &[(String, bool)]) -> Vec<u8> {
    let mut to = Encoder::default();
    to.unsigned(index.len() as u64);
    for (id, ended) in index {
        to.text(id);
        to.byte(u8::from(*ended));
    }
    to.finish(&index_name())
}

/// The campaigns of two ledgers; None: the record is another one.
pub fn join(name: &Name, here: &[u8], other: &[u8]) -> Option<Result<Vec<u8>, Damage>> {
    (*name == index_name()).then(|| {
        let mut index = decode_index(here)?;
        for (id, ended) in decode_index(other)? {
            if !index.iter().any(|(here, _)| *here == id) {
                index.push((id, ended));
            }
        }
        Ok(encode_index(&index))
    })
}

/// Whether a record is a campaign's that is here.
pub fn is_here(name: &Name, view: &View<'_>) -> Result<bool, Stop> {
    let kinds: [&[u8]; 4] = [b"campaign:", b"campaign-run:", b"campaign-list:", b"campaign-add:"];
    let Some(rest) = kinds.iter().find_map(|kind| name.id().strip_prefix(*kind)) else { return Ok(false) };
    // No id has a colon.
    let id = rest.split(|byte| *byte == b':').next().unwrap_or_default();
    Ok(view.get(&definition_name(&String::from_utf8_lossy(id)))?.is_some())
}

fn optional(from: &mut Decoder<'_>) -> Result<Option<i64>, Damage> {
    Ok(if from.byte()? == 0 { None } else { Some(from.signed()?) })
}

fn put_optional(n: Option<i64>, to: &mut Encoder) {
    to.byte(u8::from(n.is_some()));
    n.iter().for_each(|n| to.signed(*n));
}

fn place(from: &mut Decoder<'_>) -> Result<Option<Box<[u8]>>, Damage> {
    Ok(if from.byte()? == 0 { None } else { Some(from.bytes()?.into()) })
}

fn put_place(place: Option<&[u8]>, to: &mut Encoder) {
    to.byte(u8::from(place.is_some()));
    place.iter().for_each(|place| to.bytes(place));
}
