//! What XML and JSON have in common: names, texts, and several values under one name.

use crate::json::MAX_DEPTH;

/// What is said of a message that is nested deeper than [`MAX_DEPTH`]; a subscribe event needs four levels.
pub(super) const TOO_DEEP: &str = "it is nested too deeply";
/// The most values that one body may have, so that a small body cannot become a large tree.
const MAX_NODES: usize = 10_000;

/// An element of XML or a value of JSON.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Node {
    /// Text, number or word; XML's with the blanks around it.
    pub text: String,
    /// The values under each name; a JSON array is several under one, as repeated elements are.
    pub children: Vec<(String, Vec<Node>)>,
}

impl Node {
    pub fn has(&self, name: &str) -> bool {
        self.all(name).next().is_some()
    }

    /// Every value under `name`.
    pub fn all<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a Node> {
        self.children.iter().filter(move |(own, _)| own == name).flat_map(|(_, nodes)| nodes)
    }

    /// The one text under `name`, without blanks around it; an empty one is none. Two are an error, in words, because
    /// it would be anybody's guess which was meant.
    pub fn text_of(&self, name: &str) -> Result<Option<&str>, String> {
        let mut nodes = self.all(name);
        let text = nodes.next().map(|node| node.text.trim());
        if nodes.next().is_some() {
            return Err(format!("{name} is there more than once"));
        }
        Ok(text.filter(|text| !text.is_empty()))
    }
}

/// How many nodes may still be made.
pub(super) struct Budget(usize);

impl Budget {
    pub fn new() -> Self {
        Self(MAX_NODES)
    }

    /// Takes one node that may hold others, at a depth of `depth` (the root's is 0).
    pub fn take_at(&mut self, depth: usize) -> Result<(), &'static str> {
        if depth >= MAX_DEPTH {
            return Err(TOO_DEEP);
        }
        self.take()
    }

    /// Takes one node.
    pub fn take(&mut self) -> Result<(), &'static str> {
        self.0 = self.0.checked_sub(1).ok_or("it has too many values")?;
        Ok(())
    }
}
