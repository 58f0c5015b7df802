//! Nonces of pushes whose body is not signed: one that comes again with another body is forged.

use super::age::Stamp;
use super::codec::{Damage, Decoder, Encoder};
use crate::store::{Changes, Name, Operation, Space, Stop, Time, View};

/// Tells a nonce's record from a key's.
pub const KIND: u8 = 3;
/// What an engine waits longer before it drops one: ages may go by a wall clock that was set.
const MARGIN_MS: i64 = 3_600_000;

/// What a nonce has seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// Nothing.
    First,
    /// The same body: WeChat pushes again.
    Repeated,
    /// Another body.
    OtherBody,
}

/// Remembers a signed query for `life_ms`, with the body that came with it; both by digests that nobody can choose.
pub fn first_use(nonce: &[u8; 20], body: &[u8; 20], life_ms: i64) -> Operation<Use> {
    let home: String = nonce.iter().map(|byte| format!("{byte:02x}")).collect();
    let name = Name::hashed(Space::Key, &home, &[b"nonce", nonce]);
    let digest = body.first_chunk::<8>().map_or(0, |first| u64::from_be_bytes(*first));
    let decide = Box::new({
        let name = name.clone();
        move |view: &View<'_>| decide_use(&name, digest, life_ms, view)
    });
    Operation { reads: vec![name], proven: false, trace: None, decide }
}

fn decide_use(name: &Name, digest: u64, life_ms: i64, view: &View<'_>) -> Result<(Changes, Use), Stop> {
    let mut changes = Changes::default();
    if let Some(record) = view.get(name)?
        && let Some(seen) = decode(name, record, &view.time)?
    {
        return Ok((changes, if seen == digest { Use::Repeated } else { Use::OtherBody }));
    }
    save(name, digest, life_ms, &view.time, &mut changes);
    Ok((changes, Use::First))
}

/// Remembers a number for so long.
pub fn save(name: &Name, digest: u64, life_ms: i64, time: &Time, changes: &mut Changes) {
    let mut to = Encoder::default();
    Stamp::encode(time, &mut to);
    to.fixed(0, 4);
    to.byte(KIND);
    to.signed(life_ms);
    to.fixed(digest, 8);
    changes.put(name.clone(), Some(to.finish(name)), Some(life_ms + MARGIN_MS));
}

/// The body's digest; None: the nonce's time is over.
pub fn decode(name: &Name, record: &[u8], now: &Time) -> Result<Option<u64>, Damage> {
    Ok(decode_aged(name, record, now)?.map(|(digest, _)| digest))
}

/// The same, with its age in milliseconds, by a clock that nobody sets.
pub fn decode_aged(name: &Name, record: &[u8], now: &Time) -> Result<Option<(u64, i64)>, Damage> {
    let mut from = Decoder::open(name, record)?;
    let passed = Stamp::decode(&mut from)?.passed(now);
    from.fixed(4)?;
    if from.byte()? != KIND {
        return Err(Damage::Broken);
    }
    let life_ms = from.signed()?;
    let digest = from.fixed(8)?;
    from.end()?;
    Ok((passed.age_ms <= life_ms).then_some((digest, passed.age_ms)))
}
