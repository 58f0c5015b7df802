//! What operators did: the last acts, in one record of the account's, which names no player.

use super::codec::{Damage, Decoder, Encoder};
use crate::store::{Changes, Name, Operation, View};

/// Acts that are kept, at most; the oldest leave first.
const MOST: usize = 1000;
/// Characters of a detail that are kept.
const MAX_DETAIL: usize = 120;
/// Requests of one kind with less than this between them are one act.
const ONE_ACT_MS: i64 = 600_000;

/// What somebody did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Act {
    /// Its number, which grows from act to act.
    pub number: u64,
    /// When, Unix milliseconds.
    pub at_ms: i64,
    /// The request.
    pub what: String,
    /// What is worth knowing of it, without an openid.
    pub detail: String,
}

fn name() -> Name {
    Name::account("audit")
}

fn read(view: &View<'_>) -> Result<Vec<Act>, crate::store::Stop> {
    let name = name();
    match view.get(&name)?.map(|record| decode(&name, record)) {
        None => Ok(Vec::new()),
        // It is told no more, and is no reason to stop.
        Some(Err(Damage::Broken)) => Ok(Vec::new()),
        Some(done) => Ok(done?),
    }
}

fn decode(name: &Name, record: &[u8]) -> Result<Vec<Act>, Damage> {
    let mut from = Decoder::open(name, record)?;
    let mut number = from.unsigned()?;
    let mut at_ms = 0i64;
    let mut acts = Vec::new();
    for _ in 0..from.small::<usize>()? {
        at_ms = at_ms.saturating_add(from.signed()?);
        acts.push(Act { number, at_ms, what: from.text()?, detail: from.text()? });
        number = number.saturating_add(1);
    }
    from.end()?;
    Ok(acts)
}

fn encode(acts: &[Act], name: &Name) -> Vec<u8> {
    let mut to = Encoder::default();
    to.unsigned(acts.first().map_or(0, |act| act.number));
    to.unsigned(acts.len() as u64);
    let mut before_ms = 0;
    for act in acts {
        to.signed(act.at_ms.saturating_sub(before_ms));
        before_ms = act.at_ms;
        to.text(&act.what);
        to.text(&act.detail);
    }
    to.finish(name)
}

/// Notes an act.
pub fn note_act(what: &str, detail: &str) -> Operation<()> {
    let (what, detail) = (what.to_owned(), detail.to_owned());
    noting(move |acts, at_ms| add(acts, at_ms, &what, &detail))
}

/// Notes that rows were taken. What comes in many requests one after the other is one act, with the sum of its rows.
pub fn note_rows(what: &str, kind: &str, rows: u64) -> Operation<()> {
    let (what, kind) = (what.to_owned(), kind.to_owned());
    noting(move |acts, at_ms| {
        let earlier = acts.pop_if(|last| {
            let is_recent = (0..ONE_ACT_MS).contains(&at_ms.saturating_sub(last.at_ms));
            last.what == what && is_recent && rows_in(&last.detail, &kind).is_some()
        });
        let rows = rows.saturating_add(earlier.and_then(|act| rows_in(&act.detail, &kind)).unwrap_or(0));
        add(acts, at_ms, &what, &format!("{kind}: {rows} rows"));
    })
}

fn rows_in(detail: &str, kind: &str) -> Option<u64> {
    detail.strip_prefix(kind)?.strip_prefix(": ")?.strip_suffix(" rows")?.parse().ok()
}

fn add(acts: &mut Vec<Act>, at_ms: i64, what: &str, detail: &str) {
    let number = acts.last().map_or(1, |last| last.number.saturating_add(1));
    let detail = detail.chars().take(MAX_DETAIL).collect();
    acts.push(Act { number, at_ms, what: what.to_owned(), detail });
    acts.drain(..acts.len().saturating_sub(MOST));
}

fn noting(mut note: impl FnMut(&mut Vec<Act>, i64) + Send + 'static) -> Operation<()> {
    let mut noted: Option<Act> = None;
    let decide = Box::new(move |view: &View<'_>| {
        let mut acts = read(view)?;
        // Its answer was lost: it is decided anew, and may be there.
        if !noted.as_ref().is_some_and(|act| acts.contains(act)) {
            note(&mut acts, view.time.wall_ms);
            noted = acts.last().cloned();
        }
        let (mut changes, name) = (Changes::default(), name());
        changes.put(name.clone(), Some(encode(&acts, &name)), None);
        Ok((changes, ()))
    });
    Operation { reads: vec![name()], proven: true, trace: None, decide }
}

/// What is left of the acts of two ledgers; None: the record is another one.
pub fn join(record: &Name, here: &[u8], other: &[u8]) -> Option<Result<Vec<u8>, Damage>> {
    (*record == name()).then(|| {
        let other = decode(record, other)?;
        // A damaged one is told no more.
        let mut acts = match decode(record, here) {
            Err(Damage::Broken) => Vec::new(),
            here => here?,
        };
        let first = acts.iter().chain(&other).map(|act| act.number).min().unwrap_or(1);
        for act in other {
            let is_it = |here: &Act| (here.at_ms, &here.what, &here.detail) == (act.at_ms, &act.what, &act.detail);
            if !acts.iter().any(is_it) {
                acts.push(act);
            }
        }
        acts.sort_by_key(|act| act.at_ms);
        acts.iter_mut().zip(first..).for_each(|(act, number)| act.number = number);
        acts.drain(..acts.len().saturating_sub(MOST));
        Ok(encode(&acts, record))
    })
}

/// The last acts, the oldest first.
pub fn acts() -> Operation<Vec<Act>> {
    let decide = Box::new(|view: &View<'_>| Ok((Changes::default(), read(view)?)));
    Operation { reads: vec![name()], proven: false, trace: None, decide }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{JournalTerms, Time};

    /// Where an answer is lost the step is decided anew, on what it has written itself.
    #[test]
    fn an_act_whose_answer_was_lost_is_told_once() {
        let written = |note: &mut Operation<()>, before: Option<Vec<u8>>| {
            let time = Time { wall_ms: 1_000_000, boot_ms: 1000, boot: 1 };
            let records = vec![(name(), before)];
            let view = View { time, step_id: None, records: &records, journal: JournalTerms::default() };
            let (mut changes, ()) = (note.decide)(&view).unwrap();
            changes.puts.remove(0).value.unwrap()
        };
        for (mut note, detail) in
            [(note_act("forget", "x"), "x"), (note_rows("import", "records", 7), "records: 7 rows")]
        {
            let once = written(&mut note, None);
            let again = written(&mut note, Some(once));
            let acts = decode(&name(), &again).unwrap();
            assert_eq!((acts.len(), acts[0].detail.as_str()), (1, detail));
        }
    }
}
