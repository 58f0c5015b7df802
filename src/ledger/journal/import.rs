//! The journal of another ledger: its entries with their times, and its numbers of days.

use super::entry::Entry;
use super::funnel::read_name;
use crate::error::{Error, Status};
use crate::ledger::forget::{trace_read, was_forgotten_since};
use crate::ledger::kept_a_day;
use crate::store::{Changes, Counter, LogEntry, Name, Operation, Space, View};

/// A number of a day that is taken, at most.
const MOST_COUNTED: u64 = 1_000_000_000_000_000;
/// Bytes of a counter's name: an id of 128 is in it.
const MAX_NAME: usize = 160;
/// Bytes of an entry; a ledger makes none that is half as long.
const MAX_ENTRY: usize = 1024;
/// An entry may be so much later than now, by two clocks.
const AHEAD_MS: i64 = 300_000;

/// An entry of another ledger's history.
#[derive(Clone, Debug)]
pub struct ImportedEntry {
    /// When it was made, Unix milliseconds.
    pub made_ms: i64,
    /// What it says.
    pub text: Vec<u8>,
}

impl ImportedEntry {
    /// The player whom it tells of.
    ///
    /// # Errors
    /// [`Status::Arg`] for bytes that are no entry.
    pub fn openid(&self) -> Result<String, Error> {
        let entry = Entry::decode(&self.text).ok().filter(|_| self.text.len() <= MAX_ENTRY);
        entry.map(|entry| entry.openid).ok_or_else(|| Error::new(Status::Arg, "value is no entry of a history"))
    }
}

/// Enters it at its own time, unless that is over here, or the player was forgotten since.
pub fn import_entry(player: &Name, entry: ImportedEntry) -> Operation<()> {
    let (player, reads) = (player.clone(), vec![trace_read(player)]);
    let decide = Box::new(move |view: &View<'_>| {
        let (terms, now_ms, made_ms) = (view.journal, view.time.wall_ms, entry.made_ms);
        if !(0..=now_ms.saturating_add(AHEAD_MS)).contains(&made_ms) {
            return Err(Error::new(Status::Arg, format!("at_ms is {made_ms}, and it is {now_ms} now")).into());
        }
        let mut changes = Changes::default();
        let is_over = terms.history_days == 0 || made_ms < terms.log_from_ms(now_ms);
        if !is_over && !was_forgotten_since(&player, made_ms, view)? {
            let (home, text) = (player.home(), entry.text.clone());
            changes.log.push(LogEntry { home, text, made_ms: Some(made_ms), replaces: None });
        }
        Ok((changes, ()))
    });
    Operation { reads, proven: false, trace: None, decide }
}

/// Whether a number of a day is one that a ledger may have.
///
/// # Errors
/// [`Status::Arg`]: it is none.
pub fn check_counter(name: &[u8], n: i64) -> Result<(), Error> {
    if name.len() > MAX_NAME || read_name(name).is_err() {
        return Err(Error::new(Status::Arg, "numbers: unknown counter name"));
    }
    if n.unsigned_abs() > MOST_COUNTED {
        return Err(Error::new(Status::Arg, format!("a number of the funnel is {n}, at most {MOST_COUNTED} is taken")));
    }
    Ok(())
}

/// Adds to numbers of one day, once. `beside`: a player's name, beside whose record they are kept; `number`: unique among
/// all steps.
pub fn add_counters(beside: &Name, adds: Vec<(Counter, i64)>, number: i64) -> Operation<()> {
    let mark = beside.hashed_beside(Space::Key, &[b"numbers", &number.to_be_bytes()]);
    let reads = vec![mark.clone()];
    let decide = Box::new(move |view: &View<'_>| {
        let mut changes = Changes::default();
        // It is there when the answer of the first time was lost.
        if kept_a_day::load(view, &mark)?.is_none() {
            kept_a_day::save(mark.clone(), b"", &view.time, &mut changes);
            adds.iter().for_each(|(counter, n)| changes.add(counter.clone(), *n));
        }
        Ok((changes, ()))
    });
    Operation { reads, proven: false, trace: None, decide }
}
