//! XML → tree. No document type, so no entities but the five that XML predefines, and character references.

use quick_xml::escape::{EscapeError, ParseCharRefError, resolve_xml_entity};
use quick_xml::events::{BytesRef, Event};
use quick_xml::{Error, Reader};

use super::tree::{Budget, Node};

/// Reads one element with all that is in it; attributes are ignored. The error is in words.
pub(super) fn read(text: &str) -> Result<Node, String> {
    let mut reader = Reader::from_str(text);
    reader.config_mut().expand_empty_elements = true;
    let mut budget = Budget::new();
    let mut open: Vec<(String, Node)> = Vec::new();
    let mut root = None;
    loop {
        match reader.read_event().map_err(|error| error.to_string())? {
            Event::Start(tag) if root.is_none() => {
                budget.take_at(open.len())?;
                open.push((tag.name().as_ref().to_owned(), Node::default()));
            }
            Event::Start(_) => return Err("it has more than one root".to_owned()),
            Event::End(_) => {
                let (name, node) = open.pop().ok_or("it closes what is not open")?;
                match open.last_mut() {
                    Some((_, parent)) => parent.children.push((name, vec![node])),
                    None => root = Some(node),
                }
            }
            Event::Text(text) => append(&mut open, &text.xml10_content())?,
            Event::CData(text) => append(&mut open, &text.xml10_content())?,
            Event::GeneralRef(entity) => {
                append(&mut open, resolve(&entity)?.encode_utf8(&mut [0; 4]))?;
            }
            Event::DocType(_) => return Err("it has a DOCTYPE".to_owned()),
            Event::Decl(_) | Event::PI(_) | Event::Comment(_) => {}
            Event::Empty(_) => return Err("it has an element that was not expanded".to_owned()),
            Event::Eof => break,
        }
    }
    if open.is_empty() { root.ok_or_else(|| "it has no root".to_owned()) } else { Err("it breaks off".to_owned()) }
}

fn append(open: &mut [(String, Node)], text: &str) -> Result<(), String> {
    match open.last_mut() {
        Some((_, node)) => node.text.push_str(text),
        None if text.trim().is_empty() => {}
        None => return Err("it has text outside of its root".to_owned()),
    }
    Ok(())
}

/// The character that a reference stands for; U+FFFD: a code that is none, such as half of one.
fn resolve(entity: &BytesRef<'_>) -> Result<char, String> {
    use ParseCharRefError::{IllegalCharacter, InvalidCodepoint};
    let referred = match entity.resolve_char_ref() {
        Err(Error::Escape(EscapeError::InvalidCharRef(InvalidCodepoint(_) | IllegalCharacter(_)))) => {
            Some(char::REPLACEMENT_CHARACTER)
        }
        resolved => resolved.map_err(|error| error.to_string())?,
    };
    referred
        .or_else(|| resolve_xml_entity(entity)?.chars().next())
        .ok_or_else(|| "it has an entity that XML does not predefine".to_owned())
}
