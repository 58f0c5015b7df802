//! The contract's texts: from Markdown to the header's plain text, and types and defaults in words.

use wxsub::contract::{Default, Key, Kind};

/// Markdown without its signs, in ASCII.
pub fn plain(markdown: &str) -> String {
    let mut text = markdown.replace('`', "").replace('…', "...");
    while let Some(middle) = text.find("](") {
        let start = text[..middle].rfind('[').expect("a link begins");
        let end = middle + text[middle..].find(')').expect("a link ends");
        text = format!("{}{}{}", &text[..start], &text[start + 1..middle], &text[end + 1..]);
    }
    text
}

/// With a capital and a full stop.
pub fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|c| c.to_ascii_uppercase()).into_iter();
    first.chain(letters).chain(['.']).collect()
}

/// In lines of at most so many bytes.
pub fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let line = lines.last_mut().expect("never empty");
        if line.is_empty() {
            line.push_str(word);
        } else if line.len() + 1 + word.len() <= width {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    lines
}

/// As the header has it: `1 to 60000, default 5000`.
pub fn kind_and_default(key: &Key) -> String {
    let kind = match key.kind {
        Kind::Text(0) => "string".to_owned(),
        Kind::Text(most) => format!("string, at most {most} bytes"),
        Kind::OneOf(words) => listed(words, key.default),
        Kind::Whole(min, u64::MAX) => format!("{min} to 2^64-1"),
        Kind::Whole(min, max) => format!("{min} to {max}"),
        Kind::Above0 => "number above 0".to_owned(),
        Kind::Bool => "true or false".to_owned(),
        Kind::Time => "Unix milliseconds".to_owned(),
        Kind::TextOrList => "string, or list".to_owned(),
        Kind::OneOfOrList(words) => format!("{}, or list", listed(words, key.default)),
        Kind::Object | Kind::Json => "object".to_owned(),
    };
    let default = match key.default {
        Default::Required => return format!("{kind}, required"),
        Default::Text(_) if matches!(key.kind, Kind::OneOf(_) | Kind::OneOfOrList(_)) => return kind,
        Default::Text(text) => format!("{text:?}"),
        Default::Number(number) => number.to_string(),
        Default::Bool(yes) => yes.to_string(),
        Default::Words(words) => plain(words),
    };
    format!("{kind}, default {default}")
}

fn listed(words: &[&'static str], default: Default) -> String {
    let marked = |word: &&'static str| {
        let mark = if default == Default::Text(word) { " (default)" } else { "" };
        format!("{word:?}{mark}")
    };
    words.iter().map(marked).collect::<Vec<_>>().join(", ")
}

#[test]
fn markdown_becomes_plain_text() {
    assert_eq!(plain("the `\"a\"`: [b `c`](d.md#e), [f, …] (g)"), "the \"a\": b c, [f, ...] (g)");
    assert_eq!(sentence("done"), "Done.");
    assert_eq!(wrapped("aa bb cc", 5), ["aa bb", "cc"]);
}
