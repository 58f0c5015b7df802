//! Where each record is.
//!
//! Players are spread over buckets. All keys of a bucket carry its hash tag, so that a cluster keeps them together and a
//! step is one script; what the account has once carries a tag of its own.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::super::{Name, Space};
use super::slots::slot_of;
use crate::error::{Error, Status};

/// How many there are. Never changed, nor is their hash tag: it is where the players are.
pub const BUCKETS: u64 = 1024;

/// A ledger's keys.
pub struct Keys {
    prefix: String,
    appid: String,
}

/// One hash tag: what is kept together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Place {
    /// What the account has once.
    Account,
    /// Some of the players.
    Bucket(u64),
}

/// A record's key, and its field if the key is a hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct At {
    pub key: Vec<u8>,
    pub field: Vec<u8>,
}

/// How a family is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// As fields of a hash with this name.
    Hash(&'static str),
    /// As keys that begin like this.
    Keys(&'static str),
}

impl Place {
    /// Where all of these are.
    ///
    /// # Errors
    /// [`Status::Internal`] when they are not of one player, or of the account.
    pub fn of<'a>(names: impl IntoIterator<Item = &'a Name>) -> Result<(Place, u64), Error> {
        let mut found = None;
        for name in names {
            let place = match name.space() {
                Space::Account => (Place::Account, 0),
                _ => (Place::Bucket(name.home() % BUCKETS), name.home()),
            };
            if *found.get_or_insert(place) != place {
                return Err(Error::new(Status::Internal, "a step on more than one player, or on one and the account"));
            }
        }
        found.ok_or_else(|| Error::new(Status::Internal, "a step on nothing"))
    }
}

impl Keys {
    pub fn new(prefix: &str, appid: &str) -> Keys {
        Keys { prefix: prefix.to_owned(), appid: appid.to_owned() }
    }

    fn tag(&self, place: Place) -> String {
        match place {
            Place::Account => self.appid.clone(),
            Place::Bucket(bucket) => format!("{}:{bucket:03x}", self.appid),
        }
    }

    /// The slot of all keys there.
    pub fn slot(&self, place: Place) -> u16 {
        slot_of(&self.tag(place))
    }

    /// A key of the engine's own, and the beginning of the records'.
    pub fn own(&self, place: Place, what: &str) -> Vec<u8> {
        format!("{}:{{{}}}:{what}", self.prefix, self.tag(place)).into_bytes()
    }

    /// The messages there, by when they must be looked at; the account's: the buckets.
    pub fn agenda(&self, place: Place) -> Vec<u8> {
        self.own(place, "agenda")
    }

    /// A key that is written for nothing but the proof behind it.
    pub fn written(&self, place: Place) -> Vec<u8> {
        self.own(place, "written")
    }

    /// Where a record is. Those that do not pass share a hash with their neighbours, which costs each the least; the
    /// others are keys of their own, so that the server ends them.
    pub fn record(&self, place: Place, name: &Name) -> At {
        match Keys::family(name.space()) {
            Family::Hash(what) => At { key: self.own(place, what), field: name.id().to_vec() },
            Family::Keys(what) => At { key: [self.own(place, what), readable(name)].concat(), field: Vec::new() },
        }
    }

    /// How the records of a family are kept. Never changed.
    pub fn family(space: Space) -> Family {
        match space {
            Space::Player => Family::Hash("players"),
            Space::Message => Family::Hash("messages"),
            Space::Account => Family::Hash("account"),
            Space::Recent => Family::Keys("recent:"),
            Space::Key => Family::Keys("key:"),
        }
    }

    /// What finds such keys in all buckets, for SCAN.
    pub fn pattern(&self, what: &str) -> Vec<u8> {
        let literal = |text: &str| -> String {
            text.chars().flat_map(|c| ['\\', c].into_iter().skip(usize::from(c.is_alphanumeric()))).collect()
        };
        format!("{}:{{{}:???}}:{what}*", literal(&self.prefix), literal(&self.appid)).into_bytes()
    }

    /// The id of the record that such a key holds.
    pub fn id_in(&self, space: Space, key: &[u8], what: &str) -> Option<Vec<u8>> {
        let key = key.strip_prefix(format!("{}:{{{}:", self.prefix, self.appid).as_bytes())?;
        let id = key.get(3..)?.strip_prefix(b"}:")?.strip_prefix(what.as_bytes())?;
        if space == Space::Key { URL_SAFE_NO_PAD.decode(id).ok() } else { Some(id.to_vec()) }
    }
}

/// An id as a part of a key's name, which many tools take for text.
fn readable(name: &Name) -> Vec<u8> {
    match name.space() {
        Space::Key => URL_SAFE_NO_PAD.encode(name.id()).into_bytes(),
        _ => name.id().to_vec(),
    }
}
