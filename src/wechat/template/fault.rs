//! What is wrong with a message, in words that a log may hold.

use std::fmt;

use super::Rule;

/// The longest text of one fault, in bytes.
pub const MAX_FAULT_BYTES: usize = 120;

/// How much of a key a text shows: all of a real one.
pub(super) const MAX_KEY_BYTES: usize = 32;

/// How much of a value a fault's text shows: a time period of the usual form, just about.
const MAX_VALUE_BYTES: usize = 36;

/// How much of the list of allowed values a fault's text shows.
const MAX_LIST_BYTES: usize = 48;

/// One fault of a message.
///
/// `Display` names the key, the rule and what broke it, e.g. `data.thing1: 23 characters, at most 20`. It never holds a
/// control or bidirectional character and is never longer than [`MAX_FAULT_BYTES`], whatever the message held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The key in `data`, whole and as it was given.
    pub key: String,
    /// The rule of the key's type.
    pub rule: Rule,
    /// What broke it.
    pub problem: Problem,
}

/// What a fault is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Problem {
    /// The template has this key, the message does not.
    Missing {
        /// The message has it as `KEY.DATA`, which WeChat counts as missing.
        with_data: bool,
    },
    /// The message has this key, the template does not.
    Surplus,
    /// The value is empty; WeChat refuses that for every type.
    Empty,
    /// The value is too long.
    TooLong {
        /// Its length, in characters; for a number or an amount, in digits.
        length: usize,
        /// The longest allowed.
        limit: usize,
    },
    /// The first character that this type does not take.
    BadChar {
        /// The character.
        found: char,
        /// Its place in the value; the first is 1.
        at: usize,
    },
    /// The value as a whole is not of the type's form.
    BadForm {
        /// Its beginning, fit for a log.
        value: String,
    },
    /// The value is not one of those that the template lists.
    NotListed {
        /// Its beginning, fit for a log.
        value: String,
        /// The beginning of the list, fit for a log.
        allowed: String,
    },
}

impl Problem {
    pub(super) fn bad_form(value: &str) -> Self {
        Problem::BadForm { value: excerpt(value, MAX_VALUE_BYTES) }
    }

    /// A time or date that is none. A full-width tilde is named, since it is hard to see.
    pub(super) fn bad_period(value: &str) -> Self {
        match value.chars().zip(1..).find(|(c, _)| is_wide_tilde(*c)) {
            Some((found, at)) => Problem::BadChar { found, at },
            None => Problem::bad_form(value),
        }
    }

    pub(super) fn not_listed(value: &str, allowed: &[String]) -> Self {
        // No more of the list than can be shown: it may be long.
        let shown = allowed.iter().take(MAX_LIST_BYTES).map(String::as_str).collect::<Vec<_>>().join(", ");
        Problem::NotListed { value: excerpt(value, MAX_VALUE_BYTES), allowed: excerpt(&shown, MAX_LIST_BYTES) }
    }
}

impl Fault {
    /// Whether the key is not there at all.
    pub fn is_missing(&self) -> bool {
        matches!(self.problem, Problem::Missing { .. })
    }

    fn text(&self) -> String {
        let key = excerpt(&self.key, MAX_KEY_BYTES);
        let rule = self.rule;
        let text = match &self.problem {
            Problem::Missing { with_data: false } => format!("data.{key}: missing"),
            Problem::Missing { with_data: true } => {
                format!("data.{key}: missing; leave .DATA out of the key")
            }
            Problem::Surplus => format!("data.{key}: not a key of this template"),
            Problem::Empty => format!("data.{key}: empty"),
            Problem::TooLong { length, limit } => {
                format!("data.{key}: {length} {}, at most {limit}", rule.unit())
            }
            Problem::BadChar { found, at } => {
                let mut text = format!("data.{key}: '");
                push_shown(&mut text, *found);
                text += &format!("' at {at} {}", rule.refusal(*found));
                if let Some(summary) = rule.summary(*found) {
                    text += &format!(" ({summary})");
                }
                text
            }
            Problem::BadForm { value } => {
                format!("data.{key}: \"{value}\" is not {}", rule.examples())
            }
            Problem::NotListed { value, allowed } => {
                format!("data.{key}: \"{value}\" is not one of {allowed}")
            }
        };
        excerpt(&text, MAX_FAULT_BYTES)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text())
    }
}

/// All faults in one line of at most `max_bytes` bytes. What does not fit is counted: `…; … and 3 more`.
pub fn faults_message(faults: &[Fault], max_bytes: usize) -> String {
    let more = |shown: usize| match faults.len() - shown {
        0 => String::new(),
        left => format!("; … and {left} more"),
    };
    let mut line = String::new();
    let mut best = None;
    for (index, fault) in faults.iter().enumerate() {
        if index > 0 {
            line += "; ";
        }
        line += &fault.text();
        if line.len() > max_bytes {
            break;
        }
        let shown = index + 1;
        if line.len() + more(shown).len() <= max_bytes {
            best = Some((line.len(), shown));
        }
    }
    match best {
        Some((length, shown)) => {
            line.truncate(length);
            line + &more(shown)
        }
        None => {
            // Not even the first fault fits whole.
            let tail = more(1.min(faults.len()));
            match max_bytes.checked_sub(tail.len()) {
                Some(room) if room > tail.len() => excerpt(&line, room) + &tail,
                _ => excerpt(&line, max_bytes),
            }
        }
    }
}

fn is_wide_tilde(c: char) -> bool {
    matches!(c, '～' | '〜' | '∼' | '˜')
}

/// At most `max_bytes` bytes of a text, escaped to be safe in a log, with `…` for what was left out.
pub(super) fn excerpt(text: &str, max_bytes: usize) -> String {
    const ELLIPSIS: char = '…';
    let mut shown = String::new();
    let mut room = 0;
    for c in text.chars() {
        push_shown(&mut shown, c);
        if shown.len() > max_bytes {
            shown.truncate(room);
            if room + ELLIPSIS.len_utf8() <= max_bytes {
                shown.push(ELLIPSIS);
            }
            return shown;
        }
        if shown.len() + ELLIPSIS.len_utf8() <= max_bytes {
            room = shown.len();
        }
    }
    shown
}

/// Adds a character, or its escape where it could break a line, reorder it, or not be seen.
fn push_shown(text: &mut String, c: char) {
    let hidden = matches!(c,
        '\u{AD}' | '\u{61C}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}'
        | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFB}' | '\u{E0000}'..='\u{E0FFF}');
    if c.is_control() || hidden {
        text.extend(c.escape_default());
    } else {
        text.push(c);
    }
}
