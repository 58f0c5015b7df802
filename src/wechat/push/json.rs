//! JSON → tree.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::tree::{Budget, Node, TOO_DEEP};
use crate::json::is_too_deep;

/// Reads one JSON object; the error is in words.
pub(super) fn read(text: &str) -> Result<Node, String> {
    if is_too_deep(text.as_bytes()) {
        return Err(TOO_DEEP.to_owned());
    }
    let mut budget = Budget::new();
    let text = without_half_characters(text);
    let mut json = serde_json::Deserializer::from_str(&text);
    let value = Value { budget: &mut budget };
    let mut nodes =
        value.deserialize(&mut json).and_then(|nodes| json.end().map(|()| nodes)).map_err(|error| error.to_string())?;
    nodes.pop().ok_or_else(|| "it is empty".to_owned())
}

/// Puts U+FFFD where an escape is half of a character (a lone surrogate), at which the parser would end.
fn without_half_characters(text: &str) -> Cow<'_, str> {
    let bytes = text.as_bytes();
    let unit = |at: usize| {
        let digits = bytes.get(at..at + ESCAPE)?.strip_prefix(b"\\u")?;
        digits.iter().try_fold(0, |unit, &digit| Some(unit << 4 | char::from(digit).to_digit(16)?))
    };
    let (mut out, mut copied, mut at) = (String::new(), 0, 0);
    while let Some(found) = text[at..].find('\\') {
        at += found;
        at += match (unit(at), unit(at + ESCAPE)) {
            (Some(0xd800..=0xdbff), Some(0xdc00..=0xdfff)) => 2 * ESCAPE,
            (Some(0xd800..=0xdfff), _) => {
                out.push_str(&text[copied..at]);
                out.push(char::REPLACEMENT_CHARACTER);
                copied = at + ESCAPE;
                ESCAPE
            }
            // The next byte belongs to it, such as another backslash; it may be the first of several.
            _ => 1 + text[at + 1..].chars().next().map_or(0, char::len_utf8),
        };
    }
    if copied == 0 {
        return Cow::Borrowed(text);
    }
    out.push_str(&text[copied..]);
    Cow::Owned(out)
}

/// Bytes of an escape: `\u` and four digits.
const ESCAPE: usize = 6;

/// One value on its way into the tree: an array is all its elements, null is none. Own code rather than
/// `serde_json::Value`, which has no bound on nodes and keeps only the last of two equal names.
struct Value<'a> {
    budget: &'a mut Budget,
}

impl Value<'_> {
    fn inner(&mut self) -> Value<'_> {
        Value { budget: self.budget }
    }
}

impl<'de> DeserializeSeed<'de> for Value<'_> {
    type Value = Vec<Node>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Vec<Node>, D::Error> {
        self.budget.take().map_err(Error::custom)?;
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Value<'_> {
    type Value = Vec<Node>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Vec<Node>, E> {
        Ok(Vec::new())
    }

    fn visit_bool<E>(self, value: bool) -> Result<Vec<Node>, E> {
        Ok(scalar(value.to_string()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Vec<Node>, E> {
        Ok(scalar(value.to_string()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Vec<Node>, E> {
        Ok(scalar(value.to_string()))
    }

    /// With its point or exponent, so that a rounded message id is never taken for a whole number.
    fn visit_f64<E>(self, value: f64) -> Result<Vec<Node>, E> {
        Ok(scalar(format!("{value:?}")))
    }

    fn visit_str<E>(self, value: &str) -> Result<Vec<Node>, E> {
        Ok(scalar(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut items: A) -> Result<Vec<Node>, A::Error> {
        let mut nodes = Vec::new();
        while let Some(mut more) = items.next_element_seed(self.inner())? {
            nodes.append(&mut more);
        }
        Ok(nodes)
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut entries: A) -> Result<Vec<Node>, A::Error> {
        let mut node = Node::default();
        while let Some(name) = entries.next_key::<String>()? {
            if name == NUMBER {
                return Ok(scalar(entries.next_value()?));
            }
            let nodes = entries.next_value_seed(self.inner())?;
            node.children.push((name, nodes));
        }
        Ok(vec![node])
    }
}

/// What serde_json's `arbitrary_precision` makes of a number that is no integer: a map of this key to its text.
const NUMBER: &str = "$serde_json::private::Number";

fn scalar(text: String) -> Vec<Node> {
    vec![Node { text, children: Vec::new() }]
}
