//! Templates as records name them: by a hash of 8 bytes where the account keeps the id, else spelled out.

use sha2::{Digest, Sha256};

use super::codec::{Damage, Decoder, Encoder};

/// A template as a caller names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemplateId {
    id: String,
    hash: u64,
    known: bool,
    /// Whether it has numbers of its own; else it is one of too many that nobody knows.
    listed: bool,
}

impl TemplateId {
    /// `known`: the account's directory holds it, so that a hash is enough.
    pub fn new(id: impl Into<String>, known: bool) -> TemplateId {
        let id = id.into();
        let hash = hash_of(&id);
        TemplateId { id, hash, known, listed: true }
    }

    /// The same, counted in the funnel together with all others that nobody knows.
    pub fn unlisted(self) -> TemplateId {
        TemplateId { listed: false, ..self }
    }

    /// How the funnel names it.
    pub fn counted_as(&self) -> Template {
        if self.listed || self.known { self.to_template() } else { Template::Hash(hash_of("")) }
    }

    /// The id itself.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Whether the account's directory holds it.
    pub fn is_known(&self) -> bool {
        self.known
    }

    /// How a record written now names it.
    pub fn to_template(&self) -> Template {
        // The empty id, of all templates, is never spelled.
        if self.known || self.id.is_empty() { Template::Hash(self.hash) } else { Template::Spelled(self.id.clone()) }
    }

    /// Whether a record's template is this one.
    pub fn is(&self, template: &Template) -> bool {
        match template {
            Template::Hash(hash) => *hash == self.hash,
            Template::Spelled(id) => *id == self.id,
        }
    }

    /// Whether a record that spells it out should hold its hash instead.
    pub fn shortens(&self, template: &Template) -> bool {
        self.known && matches!(template, Template::Spelled(id) if *id == self.id)
    }
}

/// The hash of a template's id. Never changed: records hold it.
pub fn hash_of(id: &str) -> u64 {
    let digest: [u8; 32] = Sha256::digest(id.as_bytes()).into();
    digest.first_chunk::<8>().map_or(0, |first| u64::from_be_bytes(*first))
}

/// A template as a record names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Template {
    /// By the hash of its id.
    Hash(u64),
    /// By its id.
    Spelled(String),
}

impl Template {
    pub fn encode(&self, to: &mut Encoder) {
        match self {
            // No id is empty, so its length tells them apart.
            Template::Hash(hash) => {
                to.byte(0);
                to.fixed(*hash, 8);
            }
            Template::Spelled(id) => to.text(id),
        }
    }

    pub fn decode(from: &mut Decoder<'_>) -> Result<Template, Damage> {
        let size: usize = from.small()?;
        if size == 0 {
            return Ok(Template::Hash(from.fixed(8)?));
        }
        let id = from.take(size)?.to_vec();
        String::from_utf8(id).map(Template::Spelled).map_err(|_| Damage::Broken)
    }
}
