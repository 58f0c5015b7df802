//! The numbers of days: what is counted, and how it is read.

use std::collections::BTreeMap;

use crate::error::Status;
use crate::ledger::codec::{Damage, Decoder, Encoder};
use crate::ledger::template::Template;
use crate::store::Counter;

/// What is counted of a template on a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Column {
    /// Messages that were begun, or ended without: all.
    Begun,
    /// Answers: accept,
    Accepted,
    /// reject,
    Rejected,
    /// and filter.
    Filtered,
    /// Messages that WeChat took.
    Sent,
    /// Those that WeChat refused for the player.
    Refused,
    /// Those of players whose count was 0.
    NoQuota,
    /// Those that broke a rule of their template.
    BadMessage,
    /// Those that came too late.
    Expired,
    /// Those that a rule of the host's kept back.
    Skipped,
    /// Those that ended otherwise.
    Other,
    /// Those by which players came in.
    Opened,
    /// Those that were sent for a campaign.
    Campaign,
}

impl Column {
    /// All, by their codes; one that was written is never changed.
    pub const ALL: [Column; 13] = [
        Column::Begun,
        Column::Accepted,
        Column::Rejected,
        Column::Filtered,
        Column::Sent,
        Column::Refused,
        Column::NoQuota,
        Column::BadMessage,
        Column::Expired,
        Column::Skipped,
        Column::Other,
        Column::Opened,
        Column::Campaign,
    ];
}

/// Where a message that ended so is counted; None: maybe sent, which is what was begun and is counted nowhere.
pub fn column_of(status: Status) -> Option<Column> {
    Some(match status {
        Status::Ok => Column::Sent,
        Status::Refused => Column::Refused,
        Status::NoQuota => Column::NoQuota,
        Status::Message => Column::BadMessage,
        Status::Expired => Column::Expired,
        Status::Skipped => Column::Skipped,
        Status::Unknown | Status::Panic => return None,
        _ => Column::Other,
    })
}

/// The name of a counter.
pub fn name_of(template: &Template, column: Column) -> Box<[u8]> {
    let mut to = Encoder::bare();
    to.byte(column as u8);
    template.encode(&mut to);
    to.into_bytes().into()
}

/// What a counter counts, by its name.
///
/// # Errors
/// [`Damage`]: it is none, or a newer version's.
pub fn read_name(name: &[u8]) -> Result<(Column, Template), Damage> {
    let mut from = Decoder::bare(name);
    let column = Column::ALL.get(usize::from(from.byte()?)).copied().ok_or(Damage::Broken)?;
    let template = Template::decode(&mut from)?;
    from.end()?;
    Ok((column, template))
}

/// The numbers of a template on a day.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Row {
    counted: BTreeMap<Column, i64>,
}

impl Row {
    /// What is in a column.
    pub fn get(&self, column: Column) -> i64 {
        self.counted.get(&column).copied().unwrap_or(0)
    }

    /// Messages of which it is not known whether they were sent.
    pub fn unknown(&self) -> i64 {
        const ENDS: [Column; 7] = [
            Column::Sent,
            Column::Refused,
            Column::NoQuota,
            Column::BadMessage,
            Column::Expired,
            Column::Skipped,
            Column::Other,
        ];
        let ended: i64 = ENDS.iter().map(|column| self.get(*column)).sum();
        (self.get(Column::Begun) - ended).max(0)
    }
}

/// Rows by day and template id.
pub type Funnel = BTreeMap<(i64, String), Row>;

/// Puts counters together. `spell`: the id of a template.
///
/// # Errors
/// Those of `spell`.
pub fn funnel<E>(counters: Vec<(Counter, i64)>, spell: impl Fn(&Template) -> Result<String, E>) -> Result<Funnel, E> {
    let mut rows = Funnel::new();
    for (counter, n) in counters {
        // What a newer version counts is not known here.
        let Ok((column, template)) = read_name(&counter.name) else { continue };
        let row = rows.entry((counter.day, spell(&template)?)).or_default();
        *row.counted.entry(column).or_default() += n;
    }
    rows.retain(|_, row| row.counted.values().any(|n| *n != 0));
    Ok(rows)
}
