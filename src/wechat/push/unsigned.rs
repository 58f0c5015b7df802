//! Plain mode signs the query and not the body: what tells a repeated query with another body from a repeated push.

use sha1::{Digest as _, Sha1};

use super::query::Query;

/// SHA-1 with the token in it, so that nobody without the token can prepare two bodies that have the same.
pub type Digest = [u8; 20];

/// A request whose body is not signed. WeChat uses a query once, and again only to push the same body again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsigned {
    /// Of the signed part: timestamp and nonce.
    pub nonce: Digest,
    /// Of the body.
    pub body: Digest,
    /// How long the query is still accepted, from now.
    pub keep_ms: u64,
}

impl Unsigned {
    /// `still_valid_s`: how long the query's timestamp is not too old.
    pub(super) fn of(token: &str, query: &Query, body: &[u8], still_valid_s: u64) -> Self {
        let token = token.as_bytes();
        Self {
            nonce: digest([b"nonce", token, query.timestamp.as_bytes(), query.nonce.as_bytes()]),
            body: digest([b"body", token, body, b""]),
            // One more second: the timestamp has whole ones.
            keep_ms: still_valid_s.saturating_add(1).saturating_mul(1000),
        }
    }
}

fn digest(parts: [&[u8]; 4]) -> Digest {
    let mut hash = Sha1::new();
    for part in parts {
        // With its length before it, no two lists of parts come out as the same bytes.
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}
