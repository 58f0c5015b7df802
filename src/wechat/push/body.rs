//! Body bytes → tree, whichever format the console is set to.

use super::tree::Node;
use super::{Refusal, json, xml};
use crate::json::BOM;

/// Reads XML or JSON by its first character that is not blank; the content type is not to be trusted.
///
/// Broken UTF-8, and half a character, becomes U+FFFD: it may stand in a message that is not ours, such as a chat's
/// that was cut, which must be answered all the same, and the fields that we use are checked by themselves.
pub(super) fn read(body: &[u8]) -> Result<Node, Refusal> {
    let text = String::from_utf8_lossy(body);
    let text = text.trim_start();
    let text = text.strip_prefix(BOM).unwrap_or(text).trim();
    match text.as_bytes().first() {
        Some(b'<') => xml::read(text),
        Some(b'{') => json::read(text),
        Some(_) => Err("it is neither XML nor JSON".to_owned()),
        None => Err("it is empty".to_owned()),
    }
    .map_err(Refusal::Unreadable)
}
