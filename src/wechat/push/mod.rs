//! Events that WeChat pushes to the game's own HTTP endpoint: query string and body in, list of changes out.
//!
//! Pure: the time is a parameter; there is no socket, no file and no state. The facts are section 6 of
//! `wechat-api.md`. One request goes through these steps, each in its own file:
//! query → signature → age → decryption → body (XML or JSON → tree) → changes.
//!
//! The signature is looked at before a byte of the body, so whoever does not know the token reaches no parser and no
//! cipher. In plain mode WeChat does *not* sign the body; only secure (or mixed) mode with a key protects it.

mod body;
mod change;
mod config;
mod crypt;
mod json;
mod query;
mod refusal;
mod signature;
mod tree;
mod unsigned;
mod xml;

#[cfg(test)]
mod tests;

pub use change::{Change, Event};
pub use config::{AesKey, BadConfig, EventConfig};
pub use refusal::Refusal;
pub use unsigned::Unsigned;

use query::Query;
use tree::Node;

/// The largest body that [`verify`] looks at, in bytes. Subscribe events have a few hundred.
pub const MAX_BODY: usize = 1024 * 1024;

/// How far the signed timestamp may be from the host's clock, in seconds and in both directions.
///
/// WeChat tries three times within some 15 s, so nearly all of this is for a host whose clock is off. A replay within
/// the window is harmless: [`Event::identity`] lets the store apply each change once, and [`Unsigned`] tells a repeated
/// query with another body.
pub const WINDOW_S: i64 = 300;

/// A request that is WeChat's: verified and decrypted, its message not yet read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verified {
    /// The check of the address, made when the console's message push is set up.
    Echo {
        /// The host answers with it.
        text: String,
        /// As [`Push::unsigned`]: its query must not be good for a body.
        unsigned: Option<Unsigned>,
    },
    /// A message, of whatever kind.
    Push(Push),
}

/// A pushed message in plain text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Push {
    /// XML or JSON, as WeChat wrote it.
    pub plain: Vec<u8>,
    /// What a message that came in plain is recognised by; None: it came encrypted, so its body is signed, too.
    pub unsigned: Option<Unsigned>,
}

/// What a message is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Opened {
    /// A subscribe event: apply its changes, then answer `success`.
    Event(Event),
    /// The player takes back what was authorised, or closes the account: a duty to delete, for the host as well, whose to
    /// answer it is.
    Revoked {
        /// Whom it is about; the sender is the platform.
        openid: String,
        /// When, in Unix seconds, if it says so in a way that can be read.
        create_time_s: Option<i64>,
    },
    /// A message of another kind (customer service, gifts, paid goods, accounts …): the host's to answer.
    Other,
}

/// Verifies and decrypts one request of WeChat's message push (`wechat-api.md` section 6).
///
/// `query` is the raw query string, with or without its `?`; `body` the raw body, empty for the address check; `now_s`
/// the host's clock in Unix seconds. The content type and the query's `openid` are not looked at: neither is signed.
///
/// With a key configured only what was encrypted counts, also in mixed mode, where the body holds the same message
/// in plain beside it. Without a key the plain part is used.
///
/// # Errors
///
/// A [`Refusal`] says for the operator what was wrong; every one of them is `WXSUB_E_SIGNATURE`.
pub fn verify(config: &EventConfig, query: &str, body: &[u8], now_s: i64) -> Result<Verified, Refusal> {
    if body.len() > MAX_BODY {
        return Err(Refusal::TooBig);
    }
    let query = Query::parse(query)?;
    let signed = [config.token(), &query.timestamp, &query.nonce];
    if !signature::matches(&query.signature, &signed) {
        return Err(Refusal::Signature);
    }
    let ahead_s = query.time_s()?.saturating_sub(now_s);
    if !(-WINDOW_S..=WINDOW_S).contains(&ahead_s) {
        return Err(Refusal::Stale { ahead_s });
    }
    let still_valid_s = ahead_s.saturating_add(WINDOW_S).unsigned_abs();
    let unsigned = (!config.is_keyed()).then(|| Unsigned::of(config.token(), &query, body, still_valid_s));
    if body.trim_ascii().is_empty() {
        return match query.echostr {
            Some(text) => Ok(Verified::Echo { text, unsigned }),
            None => Err(Refusal::Unreadable("it is empty".to_owned())),
        };
    }
    let plain = match unsigned {
        None => unseal(config, &query, &body::read(body)?)?,
        Some(_) if is_only_sealed(body) => return Err(Refusal::NoKey),
        Some(_) => body.to_vec(),
    };
    Ok(Verified::Push(Push { plain, unsigned }))
}

impl Push {
    /// Reads what the message is about; `now_s` is the host's clock in Unix seconds.
    ///
    /// # Errors
    ///
    /// A message that cannot be read, or one of our events without sender or time: with nothing to apply there is
    /// nothing to confirm. What is applied of unsigned ones must not come from the future: that is no late or repeated push.
    pub fn read(&self, now_s: i64) -> Result<Opened, Refusal> {
        let opened = change::read(&body::read(&self.plain)?)?;
        let created_s = match &opened {
            Opened::Event(event) => Some(event.create_time_s),
            Opened::Revoked { create_time_s, .. } => *create_time_s,
            Opened::Other => None,
        };
        let ahead_s = created_s.map_or(0, |created_s| created_s.saturating_sub(now_s));
        if self.unsigned.is_some() && ahead_s > WINDOW_S {
            return Err(Refusal::Future { ahead_s });
        }
        Ok(opened)
    }
}

/// The decrypted message of a body that must hold one.
fn unseal(config: &EventConfig, query: &Query, outer: &Node) -> Result<Vec<u8>, Refusal> {
    let encrypt = outer.text_of("Encrypt").map_err(Refusal::Unreadable)?;
    let encrypt = encrypt.ok_or(Refusal::Plaintext)?;
    let given = query.msg_signature.as_deref();
    let given = given.ok_or_else(|| Refusal::Query("msg_signature is missing".to_owned()))?;
    let signed = [config.token(), &query.timestamp, &query.nonce, encrypt];
    if !signature::matches(given, &signed) {
        return Err(Refusal::MsgSignature);
    }
    let mut refused = Refusal::Undecryptable;
    for key in config.aes_keys() {
        match crypt::decrypt(key, encrypt, config.appid()) {
            Ok(message) => return Ok(message),
            // Only the right key finds an appid at all.
            Err(Refusal::OtherAppid) => refused = Refusal::OtherAppid,
            Err(_) => {}
        }
    }
    Err(refused)
}

/// Secure mode's body has nothing but `Encrypt` and an address; mixed mode's has the plain message too.
fn is_only_sealed(body: &[u8]) -> bool {
    let outer = body::read(body);
    outer.is_ok_and(|outer| outer.has("Encrypt") && !outer.has("MsgType") && !outer.has("Event"))
}
