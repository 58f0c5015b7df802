//! An entry of the history: codes and arguments; the sentence is made when it is read.
//!
//! ```text
//! byte 0   format 1 in the upper four bits, what it is in the lower
//!          the player: 0 and 21 bytes, for an openid of 28 characters of base64url; else the openid behind its length
//!          the template as records name it; status and errcode; of an answer also a byte: answer and effect
//!          flags, and what they tell: counts before and after, msgid, key, campaign, times
//! ```
//!
//! When it was made is the engine's to keep.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::error::{SkipReason, Status};
use crate::ledger::codec::{Damage, Decoder, Encoder};
use crate::ledger::template::Template;
use crate::store::Name;

const FORMAT: u8 = 1;
/// The length of an openid as WeChat makes them, and the bytes that are in it.
const OPENID: (usize, usize) = (28, 21);
/// Bytes of a key that are kept.
const MAX_KEY: usize = 64;

const HAS_COUNTS: u8 = 1;
const HAS_MSGID: u8 = 2;
const HAS_KEY: u8 = 4;
const HAS_CAMPAIGN: u8 = 8;
const HAS_TIMES: u8 = 16;

macro_rules! codes {
    ($(#[$doc:meta])* $name:ident { $($(#[$each:meta])* $variant:ident = $word:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u8)]
        pub enum $name {
            $($(#[$each])* $variant,)*
        }

        impl $name {
            /// All, by their codes; one that was written is never changed.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// Its word.
            #[allow(dead_code)] // effects are told in sentences
            pub fn word(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)*
                }
            }

            fn of_code(code: u8) -> Result<Self, Damage> {
                Self::ALL.get(usize::from(code)).copied().ok_or(Damage::Broken)
            }
        }
    };
}

codes! {
    /// What an entry tells of.
    What {
        /// An answer that the game reported.
        Report = "report",
        /// An answer that WeChat pushed.
        Event = "event",
        /// What became of a message.
        Send = "send",
        /// A message was put into the outbox.
        Stored = "stored",
        /// A rule kept a message from being sent.
        Skipped = "skipped",
        /// A message was taken back.
        Cancelled = "cancelled",
        /// What became of a send that was in doubt.
        Settled = "settled",
        /// The player came in by a message.
        Opened = "opened",
        /// Counts were imported.
        Imported = "imported",
    }
}

codes! {
    /// What a player answered.
    Answered {
        /// Accept.
        Accept = "accept",
        /// Reject.
        Reject = "reject",
        /// The platform had banned the template.
        Ban = "ban",
        /// The platform had dropped the template.
        Filter = "filter",
    }
}

codes! {
    /// What an answer did.
    Effect {
        /// Nothing.
        Nothing = "nothing",
        /// One more is allowed.
        Granted = "granted",
        /// No more is allowed.
        Cleared = "cleared",
        /// The count was at its limit.
        Full = "full",
    }
}

/// An entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What it tells of.
    pub what: What,
    /// The player.
    pub openid: String,
    /// The template; None: a newer version's entry has none.
    pub template: Option<Template>,
    /// Of an answer: what it was and what it did.
    pub answered: Option<(Answered, Effect)>,
    /// How it ended.
    pub status: Status,
    /// Of one that was skipped: the reason.
    pub skipped: Option<SkipReason>,
    /// WeChat's code.
    pub errcode: i32,
    /// WeChat's id of the message; 0: none.
    pub msgid: i64,
    /// The idempotency key, cut.
    pub key: Option<String>,
    /// The campaign.
    pub campaign: Option<String>,
    /// The count before.
    pub before: Option<i64>,
    /// The count after.
    pub after: Option<i64>,
    /// How often it happened.
    pub times: u64,
}

impl Entry {
    /// One that says nothing yet.
    pub fn new(what: What, player: &Name) -> Entry {
        Entry {
            what,
            openid: String::from_utf8_lossy(player.id()).into_owned(),
            template: None,
            answered: None,
            status: Status::Ok,
            skipped: None,
            errcode: 0,
            msgid: 0,
            key: None,
            campaign: None,
            before: None,
            after: None,
            times: 1,
        }
    }

    /// Whether it is a refusal, whose repeats are told in one entry.
    pub fn may_repeat(&self) -> bool {
        match self.what {
            What::Report | What::Event => self.answered.is_some_and(|(_, effect)| effect != Effect::Granted),
            What::Send | What::Skipped => {
                !matches!(self.status, Status::Ok | Status::Unknown | Status::Panic | Status::Cancelled)
            }
            _ => false,
        }
    }

    /// A sum of what an entry like this begins with, and how many bytes that are.
    pub fn beginning(&self) -> (u32, usize) {
        let mut to = Encoder::bare();
        self.encode_beginning(&mut to);
        let bytes = to.into_bytes();
        (crate::ledger::codec::sum(&bytes), bytes.len())
    }

    fn encode_beginning(&self, to: &mut Encoder) {
        to.byte(FORMAT << 4 | self.what as u8);
        let mut packed = [0; OPENID.1];
        match URL_SAFE_NO_PAD.decode_slice(&self.openid, &mut packed) {
            Ok(size) if (self.openid.len(), size) == OPENID => {
                to.byte(0);
                to.raw(&packed);
            }
            _ => to.text(&self.openid),
        }
        self.template.clone().unwrap_or(Template::Hash(0)).encode(to);
        to.unsigned(self.status.code().unsigned_abs().into());
        to.signed(self.errcode.into());
        if matches!(self.what, What::Report | What::Event) {
            let (answer, effect) = self.answered.unwrap_or((Answered::Accept, Effect::Nothing));
            to.byte((answer as u8) << 4 | effect as u8);
        }
        if self.what == What::Skipped {
            to.byte(self.skipped.map_or(0, |reason| reason as u8 + 1));
        }
    }

    /// As bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut to = Encoder::bare();
        self.encode_beginning(&mut to);
        let counts = self.before.is_some() || self.after.is_some();
        let flag = |on: bool, flag: u8| if on { flag } else { 0 };
        to.byte(
            flag(counts, HAS_COUNTS)
                | flag(self.msgid != 0, HAS_MSGID)
                | flag(self.key.is_some(), HAS_KEY)
                | flag(self.campaign.is_some(), HAS_CAMPAIGN)
                | flag(self.times > 1, HAS_TIMES),
        );
        if counts {
            to.signed(self.before.unwrap_or(-1));
            to.signed(self.after.unwrap_or(-1));
        }
        if self.msgid != 0 {
            to.fixed(self.msgid.cast_unsigned(), 8);
        }
        for text in self.key.iter().chain(&self.campaign) {
            let end = (0..=text.len().min(MAX_KEY)).rev().find(|at| text.is_char_boundary(*at));
            to.text(&text[..end.unwrap_or(0)]);
        }
        if self.times > 1 {
            to.unsigned(self.times);
        }
        to.into_bytes()
    }

    /// From bytes.
    ///
    /// # Errors
    /// [`Damage`], which is passed over: a page of the history is no reason to stop.
    pub fn decode(bytes: &[u8]) -> Result<Entry, Damage> {
        let mut from = Decoder::bare(bytes);
        let (what, openid) = decode_player(&mut from)?;
        let template = Some(Template::decode(&mut from)?).filter(|template| *template != Template::Hash(0));
        let status = Status::from_code(from.small()?).unwrap_or(Status::Internal);
        let errcode = i32::try_from(from.signed()?).map_err(|_| Damage::Broken)?;
        let answered = if matches!(what, What::Report | What::Event) {
            let byte = from.byte()?;
            Some((Answered::of_code(byte >> 4)?, Effect::of_code(byte & 0xF)?))
        } else {
            None
        };
        let skipped = match what {
            // A newer version may have more of them.
            What::Skipped => usize::from(from.byte()?).checked_sub(1).and_then(|at| SkipReason::ALL.get(at)),
            _ => None,
        };
        let flags = from.byte()?;
        let has = |flag: u8| flags & flag != 0;
        let known = |count: i64| (count >= 0).then_some(count);
        let (before, after) =
            if has(HAS_COUNTS) { (known(from.signed()?), known(from.signed()?)) } else { (None, None) };
        let entry = Entry {
            what,
            openid,
            template,
            answered,
            status,
            skipped: skipped.map(|(reason, _)| *reason),
            errcode,
            before,
            after,
            msgid: if has(HAS_MSGID) { from.fixed(8)?.cast_signed() } else { 0 },
            key: if has(HAS_KEY) { Some(from.text()?) } else { None },
            campaign: if has(HAS_CAMPAIGN) { Some(from.text()?) } else { None },
            times: if has(HAS_TIMES) { from.unsigned()? } else { 1 },
        };
        from.end()?;
        Ok(entry)
    }

    /// Whether these bytes are an entry of this player.
    pub fn is_of(bytes: &[u8], openid: &str) -> bool {
        decode_player(&mut Decoder::bare(bytes)).is_ok_and(|(_, other)| other == openid)
    }
}

fn decode_player(from: &mut Decoder<'_>) -> Result<(What, String), Damage> {
    let head = from.byte()?;
    if head >> 4 != FORMAT {
        return Err(Damage::Newer { version: head >> 4, known: FORMAT });
    }
    let what = What::of_code(head & 0xF)?;
    let size: usize = from.small()?;
    let openid = match size {
        0 => URL_SAFE_NO_PAD.encode(from.take(OPENID.1)?),
        size => String::from_utf8(from.take(size)?.to_vec()).map_err(|_| Damage::Broken)?,
    };
    Ok((what, openid))
}
