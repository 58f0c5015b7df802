//! Bytes that are kept for a day: what an operator's request was answered, for its key; the pieces of a record that come one
//! after the other.

use super::age::Stamp;
use super::codec::{Damage, Decoder, Encoder};
use super::key::LIFE_MS;
use crate::store::{Changes, Name, Operation, Space, Stop, Time, View};

/// Tells such a record from a key's and a nonce's.
const KIND: u8 = 4;
/// What an engine waits longer before it drops one: ages may go by a wall clock that was set.
const MARGIN_MS: i64 = 3_600_000;

/// What the request `what` with this key was answered; None: it was not seen within a day.
pub fn answered(what: &str, key: &str) -> Operation<Option<String>> {
    let name = answer_name(what, key);
    let decide = Box::new({
        let name = name.clone();
        move |view: &View<'_>| {
            let kept = load(view, &name)?;
            Ok((Changes::default(), kept.and_then(|bytes| String::from_utf8(bytes.to_vec()).ok())))
        }
    });
    Operation { reads: vec![name], proven: false, trace: None, decide }
}

/// Keeps the answer for the key.
pub fn keep_answer(what: &str, key: &str, answer: String) -> Operation<()> {
    let name = answer_name(what, key);
    let decide = Box::new({
        let name = name.clone();
        move |view: &View<'_>| {
            let mut changes = Changes::default();
            save(name.clone(), answer.as_bytes(), &view.time, &mut changes);
            Ok((changes, ()))
        }
    });
    Operation { reads: vec![name], proven: true, trace: None, decide }
}

fn answer_name(what: &str, key: &str) -> Name {
    // Of no player: one bucket has them all, and they are few.
    Name::hashed(Space::Key, "", &[b"admin", what.as_bytes(), key.as_bytes()])
}

/// The bytes, unless their day is over.
pub fn load<'a>(view: &View<'a>, name: &Name) -> Result<Option<&'a [u8]>, Stop> {
    let Some(record) = view.get(name)? else { return Ok(None) };
    Ok(decode(name, record, &view.time)?)
}

/// Keeps them.
pub fn save(name: Name, bytes: &[u8], time: &Time, changes: &mut Changes) {
    let mut to = Encoder::default();
    Stamp::encode(time, &mut to);
    to.fixed(0, 4);
    to.byte(KIND);
    to.bytes(bytes);
    let record = to.finish(&name);
    changes.put(name, Some(record), Some(LIFE_MS + MARGIN_MS));
}

/// The bytes in a record; None: their day is over.
pub fn decode<'a>(name: &Name, record: &'a [u8], now: &Time) -> Result<Option<&'a [u8]>, Damage> {
    let mut from = Decoder::open(name, record)?;
    let passed = Stamp::decode(&mut from)?.passed(now);
    from.fixed(4)?;
    if from.byte()? != KIND {
        return Err(Damage::Broken);
    }
    let bytes = from.bytes()?;
    from.end()?;
    Ok((passed.age_ms <= LIFE_MS).then_some(bytes))
}
