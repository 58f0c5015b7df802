//! What the console's message push is set to: token, key, and whose appid.

use std::fmt;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use zeroize::Zeroizing;

/// Base64 that takes spare bits which are not zero, and does not insist on `=`.
pub(super) const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Bytes of an AES-256 key.
pub(super) const KEY_BYTES: usize = 32;
/// Characters of an EncodingAESKey.
const KEY_CHARS: usize = 43;

/// What the messages are verified and decrypted with. Its `Debug` shows no secret; they are wiped when it is dropped.
#[derive(Clone)]
pub struct EventConfig {
    token: Zeroizing<String>,
    aes_keys: Vec<AesKey>,
    appid: String,
}

impl EventConfig {
    /// `token` is the console's Token; `aes_keys` its EncodingAESKey and, while it is being changed, the one before (none:
    /// plain mode); `appid` the client's own.
    ///
    /// # Errors
    ///
    /// A token that is empty, which would let anybody sign, or that holds a blank, which the console does not allow.
    pub fn new(token: &str, aes_keys: Vec<AesKey>, appid: &str) -> Result<Self, BadConfig> {
        if token.is_empty() {
            return Err(BadConfig::NoToken);
        }
        if token.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return Err(BadConfig::BlankInToken);
        }
        Ok(Self { token: Zeroizing::new(token.to_owned()), aes_keys, appid: appid.to_owned() })
    }

    pub(super) fn token(&self) -> &str {
        &self.token
    }

    /// Whether messages must be encrypted.
    #[must_use]
    pub fn is_keyed(&self) -> bool {
        !self.aes_keys.is_empty()
    }

    /// The present key first.
    pub(super) fn aes_keys(&self) -> &[AesKey] {
        &self.aes_keys
    }

    pub(super) fn appid(&self) -> &str {
        &self.appid
    }
}

impl fmt::Debug for EventConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventConfig")
            .field("token", &"…")
            .field("aes_keys", &self.aes_keys)
            .field("appid", &self.appid)
            .finish()
    }
}

/// The key of secure mode. Its `Debug` does not show it; it is wiped when it is dropped.
#[derive(Clone)]
pub struct AesKey(Zeroizing<[u8; KEY_BYTES]>);

impl AesKey {
    /// From the console's EncodingAESKey, which the configuration has under `name`: 43 characters of base64 (a `=` behind them is tolerated).
    ///
    /// Decoded leniently (`wechat-api.md` section 6): 43 characters carry 258 bits, and most keys in use have spare
    /// bits that are not zero, which a strict decoder refuses.
    ///
    /// # Errors
    ///
    /// Another number of characters, or one that is not base64's. The error holds nothing of the key.
    pub fn from_encoded(name: &'static str, encoded: &str) -> Result<Self, BadConfig> {
        let bare = encoded.strip_suffix('=').unwrap_or(encoded);
        let chars = bare.chars().count();
        if chars != KEY_CHARS {
            return Err(BadConfig::KeyLength(name, chars));
        }
        // One byte more than the key: the decoder wants room for its own estimate.
        let mut decoded = Zeroizing::new([0; KEY_BYTES + 1]);
        let filled = LENIENT.decode_slice(bare, decoded.as_mut_slice());
        if filled != Ok(KEY_BYTES) {
            return Err(BadConfig::KeyAlphabet(name));
        }
        let mut key = Zeroizing::new([0; KEY_BYTES]);
        key.copy_from_slice(&decoded[..KEY_BYTES]);
        Ok(Self(key))
    }

    pub(super) fn bytes(&self) -> &[u8; KEY_BYTES] {
        &self.0
    }
}

impl fmt::Debug for AesKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AesKey(…)")
    }
}

/// What is wrong with a token or key. The text names the configuration's key and holds nothing secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadConfig {
    /// The token is empty.
    NoToken,
    /// The token has a blank, line break or control character in it.
    BlankInToken,
    /// The key of this name has this many characters.
    KeyLength(&'static str, usize),
    /// The key of this name has a character outside base64's alphabet.
    KeyAlphabet(&'static str),
}

impl fmt::Display for BadConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoToken => f.write_str("event.token: is empty"),
            Self::BlankInToken => f.write_str("event.token: holds a blank or control character; copy it again"),
            Self::KeyLength(name, chars) => {
                write!(f, "event.{name}: {chars} characters, an EncodingAESKey has {KEY_CHARS}")
            }
            Self::KeyAlphabet(name) => write!(f, "event.{name}: holds a character that is not base64's"),
        }
    }
}

impl std::error::Error for BadConfig {}
