//! What comes from another ledger, or from what a team had before: counts, and whole records.

use super::codec::{Damage, Decoder};
use super::journal::{self, Entry, What};
use super::key::{self, Key};
use super::message::Message;
use super::player::{Player, PlayerNames};
use super::recent::Recent;
use super::template::TemplateId;
use super::{audit, budget, campaign, kept_a_day, nonce, template_list, token};
use crate::error::{Error, Status, Verdict};
use crate::store::{Changes, Name, Operation, Space, Stop, View};

/// What an engine waits longer than a key's life before it drops one.
const MARGIN_MS: i64 = 3_600_000;

/// How an imported count meets the one that is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meets {
    /// It takes its place.
    Set,
    /// It comes on top.
    Add,
    /// The higher one stays.
    Max,
}

/// A player's count from elsewhere.
#[derive(Clone, Debug)]
pub struct ImportedCount {
    /// The player.
    pub openid: String,
    /// The template.
    pub template: TemplateId,
    /// It is on or off.
    pub long_term: bool,
    /// How many; 0 or 1 where it is on or off.
    pub count: u64,
    /// How it meets what is there.
    pub meets: Meets,
    /// Names the row; the same one again changes nothing.
    pub key: Option<String>,
    /// Unique among all steps.
    pub number: i64,
}

/// Takes a count over; it is not proven to be kept, since many come together. A unit that a running send holds stays its.
pub fn import_count(row: ImportedCount) -> Operation<()> {
    let names = PlayerNames::new(&row.openid);
    let key = row.key.as_deref().map(|key| key::of_report(&names.lasting, key, row.template.id()));
    let (reads, trace) = (names.and(key.iter().cloned()), names.trace());
    let decide = Box::new(move |view: &View<'_>| {
        let mut changes = Changes::default();
        let mut loaded = Player::load(view, &names)?;
        if let Some(key) = &key
            && Key::load(view, &changes, key, loaded.player.birth)?.is_some()
        {
            return Ok((changes, ()));
        }
        let player = &mut loaded.player;
        player.be_born(row.number as u32 ^ (row.number >> 32) as u32);
        let before = player.remaining(&row.template);
        move_count(player, &row)?;
        let after = player.remaining(&row.template);
        if after != before {
            let entry = Entry {
                template: Some(player.name_of(&row.template)),
                before: Some(before),
                after: Some(after),
                ..Entry::new(What::Imported, &names.lasting)
            };
            journal::enter(&mut changes, view, player, &names.lasting, entry);
        }
        if let Some(key) = &key {
            let done = Key::done(player.birth, 0, row.template.to_template(), Verdict::ok(""), true);
            done.save(key.clone(), &view.time, &mut changes);
        }
        loaded.save(view, &mut changes);
        Ok((changes, ()))
    });
    Operation { reads, proven: false, trace, decide }
}

/// Granted and spent only grow, whatever the new count is.
fn move_count(player: &mut Player, row: &ImportedCount) -> Result<(), Error> {
    if row.count == 0 && (row.meets != Meets::Set || player.count(&row.template).is_none()) {
        return Ok(());
    }
    let count = player.count_mut(&row.template)?;
    let left = count.granted.saturating_sub(count.spent);
    let wanted = match row.meets {
        Meets::Set => row.count,
        Meets::Add => left.saturating_add(row.count),
        Meets::Max => left.max(row.count),
    };
    let wanted = if row.long_term { wanted.min(1) } else { wanted };
    count.granted = count.granted.saturating_add(wanted.saturating_sub(left));
    count.spent = count.spent.saturating_add(left.saturating_sub(wanted));
    Ok(())
}

/// A record as another ledger has it; a player's two come together.
#[derive(Clone, Debug)]
pub struct ImportedRecord {
    /// Which; for a player's the lasting one's.
    pub name: Name,
    /// What it holds.
    pub value: Option<Vec<u8>>,
    /// What the player's passing one holds.
    pub recent: Option<Vec<u8>>,
}

/// Whether a record may go to another ledger: all but those that are this ledger's own, and the token.
pub fn may_leave(name: &Name) -> bool {
    let own = || name.id().starts_with(b"token:") || matches!(name.id(), b"ledger" | b"check");
    name.space() != Space::Account || !own()
}

/// Puts a record in the place of what is there. [`Status::Arg`]: it is none, or not of this name.
pub fn import_record(record: ImportedRecord) -> Operation<()> {
    let reads = match record.name.space() {
        Space::Player | Space::Recent => {
            vec![record.name.also_in(Space::Player), record.name.also_in(Space::Recent)]
        }
        _ => vec![record.name.clone()],
    };
    let decide = Box::new(move |view: &View<'_>| {
        let mut changes = Changes::default();
        put(&record, view, &mut changes)?;
        Ok((changes, ()))
    });
    Operation { reads, proven: false, trace: None, decide }
}

fn put(record: &ImportedRecord, view: &View<'_>, changes: &mut Changes) -> Result<(), Stop> {
    let ImportedRecord { name, value, .. } = record;
    if !may_leave(name) {
        return Err(
            Error::new(Status::Arg, "not imported: this record is valid only in the ledger that wrote it").into()
        );
    }
    let whole = || value.as_deref().ok_or_else(|| Error::new(Status::Arg, "value is missing"));
    match name.space() {
        Space::Player | Space::Recent => put_player(record, view, changes),
        Space::Key => {
            // What is over is not missed.
            if is_alive(name, whole()?, view).map_err(no_record)? {
                changes.put(name.clone(), value.clone(), Some(key::LIFE_MS + MARGIN_MS));
            }
            Ok(())
        }
        Space::Message => {
            let message = Message::decode(name, whole()?, &view.time).map_err(no_record)?;
            message.save(name.clone(), &view.time, changes);
            Ok(())
        }
        Space::Account => {
            Decoder::open(name, whole()?).map_err(no_record)?;
            put_of_account(name, whole()?, view, changes)
        }
    }
}

/// What an account has once may be in use here: lists are joined, of budgets nothing is given back, and a campaign that is
/// here goes on as it is.
fn put_of_account(name: &Name, record: &[u8], view: &View<'_>, changes: &mut Changes) -> Result<(), Stop> {
    let here = view.get(name)?;
    if template_list::holds_ids(name) {
        let ids = template_list::decode_ids(name, record).map_err(no_record)?;
        return template_list::add_ids(&ids, view, changes).map(drop);
    }
    let joined = match here {
        Some(here) if here != record => {
            if campaign::is_here(name, view)? {
                let why = "a campaign with its id is here already; it was left as it is";
                return Err(Error::new(Status::Arg, why).into());
            }
            let joined = [audit::join, campaign::join, budget::join, token::join];
            joined.into_iter().find_map(|join| join(name, here, record)).transpose().map_err(no_record)?
        }
        Some(_) => None,
        // A part of a list, maybe, that was worked through.
        None if campaign::is_here(name, view)? => {
            return Err(Error::new(Status::Arg, "its campaign is here already; it was left as it is").into());
        }
        None => None,
    };
    changes.put(name.clone(), Some(joined.unwrap_or_else(|| record.to_vec())), None);
    Ok(())
}

fn put_player(record: &ImportedRecord, view: &View<'_>, changes: &mut Changes) -> Result<(), Stop> {
    let (lasting, passing) = (record.name.also_in(Space::Player), record.name.also_in(Space::Recent));
    let mut player = Player::default();
    if let Some(value) = &record.value {
        player.read_lasting(&lasting, value).map_err(no_record)?;
    }
    let mut life_ms = None;
    if let Some(value) = &record.recent {
        let (birth, recent) = Recent::decode(&passing, value, &player.counts, &view.time).map_err(no_record)?;
        life_ms = Some(recent.life_ms(birth));
    }
    if record.value.is_none() && record.recent.is_none() {
        return Err(Error::new(Status::Arg, "value is missing").into());
    }
    if record.value.is_none() && view.get(&lasting)?.is_some() {
        let why = "the player has counts here, which a row without value would take from him; he was left as he is";
        return Err(Error::new(Status::Arg, why).into());
    }
    changes.put(lasting, record.value.clone(), None);
    changes.put(passing, record.recent.clone(), life_ms);
    Ok(())
}

fn is_alive(name: &Name, value: &[u8], view: &View<'_>) -> Result<bool, Damage> {
    match (nonce::decode(name, value, &view.time), kept_a_day::decode(name, value, &view.time)) {
        (Ok(nonce), _) => Ok(nonce.is_some()),
        (_, Ok(kept)) => Ok(kept.is_some()),
        _ => key::is_alive(name, value, &view.time),
    }
}

fn no_record(damage: Damage) -> Error {
    let why = match damage {
        Damage::Newer { version, .. } => format!("it has version {version}, of a newer wxsub: update this one"),
        Damage::Broken => "it is damaged, or not of this name".to_owned(),
    };
    Error::new(Status::Arg, why)
}

/// A piece of a record that does not fit into one row.
#[derive(Clone, Debug)]
pub struct Piece {
    /// The record's name.
    pub name: Name,
    /// Where the piece begins.
    pub at: usize,
    /// Bytes of the whole.
    pub size: usize,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// Keeps a piece that follows the ones before it; with the last one comes the whole.
pub fn gather(piece: Piece) -> Operation<Option<Vec<u8>>> {
    let space = [piece.name.space() as u8];
    let name = piece.name.hashed_beside(Space::Key, &[b"pieces", &space, piece.name.id()]);
    let decide = Box::new({
        let name = name.clone();
        move |view: &View<'_>| {
            let mut changes = Changes::default();
            let mut all = kept_a_day::load(view, &name)?.unwrap_or_default().to_vec();
            let end = piece.at.saturating_add(piece.bytes.len());
            if piece.at > all.len() || end > piece.size || piece.bytes.is_empty() {
                let why = format!("the piece at {} does not follow: {} bytes are there", piece.at, all.len());
                return Err(Error::new(Status::Arg, why).into());
            }
            all.truncate(piece.at);
            all.extend_from_slice(&piece.bytes);
            kept_a_day::save(name.clone(), &all, &view.time, &mut changes);
            Ok((changes, (all.len() == piece.size).then_some(all)))
        }
    });
    Operation { reads: vec![name], proven: false, trace: None, decide }
}

/// The lasting and the passing record of a player.
pub type BothRecords = (Option<Vec<u8>>, Option<Vec<u8>>);

/// Both records of a player, read together.
pub fn both_records(name: &Name) -> Operation<BothRecords> {
    let (lasting, recent) = (name.also_in(Space::Player), name.also_in(Space::Recent));
    let reads = vec![lasting.clone(), recent.clone()];
    let decide = Box::new(move |view: &View<'_>| {
        let read = |name| -> Result<_, Stop> { Ok(view.get(name)?.map(<[u8]>::to_vec)) };
        Ok((Changes::default(), (read(&lasting)?, read(&recent)?)))
    });
    Operation { reads, proven: false, trace: None, decide }
}
