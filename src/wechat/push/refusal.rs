//! Why a request is not taken for WeChat's, in words for the operator.

use std::fmt;

use super::{MAX_BODY, WINDOW_S};

/// The longest piece of a request that a text repeats, in bytes; keeps a text within a result's `message`.
const SHOWN: usize = 100;

/// Why a request was refused; all are `WXSUB_E_SIGNATURE`.
///
/// The text (`Display`) says what was wrong and what to check. It is meant for the operator's log, not for the answer
/// to the request, and holds no secret and no signature. It fits the 247 bytes of a result's `message`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// The body is larger than [`MAX_BODY`].
    TooBig,
    /// The query string lacks a parameter, has it twice, or cannot be read.
    Query(String),
    /// `signature` is not that of our token.
    Signature,
    /// Rightly signed, but too long ago (or in the future) by the host's clock.
    Stale {
        /// How far the request's timestamp is ahead of the host's clock; negative: behind.
        ahead_s: i64,
    },
    /// In plain mode: the event says that it happened later than now.
    Future {
        /// How far its `CreateTime` is ahead of the host's clock.
        ahead_s: i64,
    },
    /// In plain mode: the query was used before, with another body.
    Reused,
    /// A key is configured and the body is not encrypted.
    Plaintext,
    /// The body is encrypted and no key is configured.
    NoKey,
    /// `msg_signature` is not that of our token and the encrypted message.
    MsgSignature,
    /// Rightly signed, but does not decrypt with our key.
    Undecryptable,
    /// Decrypted, but meant for another appid.
    OtherAppid,
    /// The body, or the decrypted message, is not a message that can be read.
    Unreadable(String),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooBig => write!(f, "the body has more than {MAX_BODY} bytes: not an event of WeChat's"),
            Self::Query(what) => write!(
                f,
                "the query string: {}. Hand over the request's raw query string, undecoded",
                shown(what)
            ),
            Self::Signature => f.write_str(
                "signature does not match: either event.token is not the Token set in the console, or the request is not WeChat's",
            ),
            Self::Stale { ahead_s } => write!(
                f,
                "rightly signed, but its timestamp is {} s {} this host's clock and {WINDOW_S} s are allowed: check the clock, or somebody repeats an old request",
                ahead_s.unsigned_abs(),
                if *ahead_s < 0 { "behind" } else { "ahead of" },
            ),
            Self::Future { ahead_s } => write!(
                f,
                "its CreateTime is {ahead_s} s ahead of this host's clock and {WINDOW_S} s are allowed: check the clock, or somebody made it up, since plain mode signs no body"
            ),
            Self::Reused => f.write_str(
                "its query string was used before, with another body: somebody repeats a query that was seen; use secure mode (event.aes_key), which signs the body",
            ),
            Self::Plaintext => f.write_str(
                "the body is not encrypted although event.aes_key is set: set the console's message push to secure mode, or take event.aes_key out",
            ),
            Self::NoKey => f.write_str(
                "the body is encrypted but event.aes_key is not set: set it to the console's EncodingAESKey",
            ),
            Self::MsgSignature => f.write_str(
                "msg_signature does not match the encrypted message: it was altered on its way; hand over the raw body",
            ),
            Self::Undecryptable => f.write_str(
                "rightly signed, but does not decrypt: event.aes_key is not the EncodingAESKey set in the console; while you change it, event.aes_key_previous is tried too",
            ),
            Self::OtherAppid => f.write_str(
                "rightly signed, but meant for another appid: this address belongs to another account, too",
            ),
            Self::Unreadable(what) => write!(
                f,
                "rightly signed, but the body cannot be read: {}. Hand over the raw body",
                shown(what)
            ),
        }
    }
}

impl std::error::Error for Refusal {}

/// Part of what a request holds, safe to print: cut, and without line breaks or control characters.
pub(super) fn shown(text: &str) -> String {
    let fits = |&(at, c): &(usize, char)| at + c.len_utf8() <= SHOWN;
    let tame = |(_, c): (usize, char)| if c.is_control() { '?' } else { c };
    let mut out: String = text.char_indices().take_while(fits).map(tame).collect();
    if text.len() > SHOWN {
        out.push('…');
    }
    out
}
