//! WeChat's signatures: hex SHA-1 over the sorted and joined parts (`wechat-api.md` section 6).

use sha1::{Digest as _, Sha1};
use subtle::ConstantTimeEq as _;

/// Whether `given` is the signature over `parts`; takes the same time wherever the two differ.
pub(super) fn matches(given: &str, parts: &[&str]) -> bool {
    let given = given.to_ascii_lowercase();
    given.as_bytes().ct_eq(sign(parts).as_bytes()).into()
}

/// The signature over `parts`, one of which is the token.
pub(super) fn sign(parts: &[&str]) -> String {
    let mut sorted = parts.to_vec();
    sorted.sort_unstable();
    let mut hash = Sha1::new();
    for part in sorted {
        hash.update(part);
    }
    hex(&hash.finalize())
}

/// Lower-case hex.
pub(super) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |nibble: u8| char::from(DIGITS[usize::from(nibble)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}
