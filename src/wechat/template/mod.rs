//! Message templates: what a value may be, before WeChat is asked.
//!
//! Pure: values in, values out. The facts are those of `wechat-api.md`, section 4 (rules by keyword type) and
//! section 5 (`gettemplate`). One principle decides everything that they leave open: a value that passes wrongly costs
//! one 47003, a value refused wrongly costs a player's message. **In doubt, pass.**
//!
//! ```text
//! parse_answer / parse_config ─► Template ─► check(template, data, mode) ─► Checked { faults, cuts }
//! ```

mod cut;
mod fault;
mod parse;
mod rule;
mod scan;
#[cfg(test)]
mod tests;

pub use fault::{Fault, Problem, faults_message};
pub use parse::{parse_answer, parse_config};
pub use rule::Rule;

use std::fmt;

use serde::{Deserialize, Serialize};

/// A message template of the account.
///
/// Its serde form is what the store keeps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Template {
    /// WeChat's `priTmplId`, which messages name as `template_id`. Usually 43 characters, which nothing relies on.
    pub id: String,
    /// The title as the player sees it; empty where it isn't known.
    pub title: String,
    /// Whether an accept is worth one message or lasts.
    pub kind: Kind,
    /// The keywords, all of them required, in the template's order.
    pub keywords: Vec<Keyword>,
    /// `false` where a part of WeChat's `content` could not be read: there may be more keywords than these, so a
    /// surplus key is not held against a message.
    pub complete: bool,
}

/// Whether an accept is worth one message or lasts (`type` in `gettemplate`, section 5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// `type` 2: each accept is one message.
    OneTime,
    /// `type` 3: on or off; a send deducts nothing.
    LongTerm,
}

/// One keyword of a template: a key of the message's `data`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "StoredKeyword")]
pub struct Keyword {
    /// The key without `.DATA`, e.g. `thing1`.
    pub key: String,
    /// The rule that the key's type sets. Not stored: a later version may know more types.
    #[serde(skip_serializing)]
    pub rule: Rule,
    /// The only values that WeChat takes, where the template lists them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allowed: Option<Vec<String>>,
}

/// [`Keyword`] without what follows from its key.
#[derive(Deserialize)]
struct StoredKeyword {
    key: String,
    #[serde(default)]
    allowed: Option<Vec<String>>,
}

impl From<StoredKeyword> for Keyword {
    fn from(stored: StoredKeyword) -> Self {
        Keyword::new(stored.key, stored.allowed)
    }
}

impl Keyword {
    /// A keyword with the rule that its key sets. An empty list allows nothing and is taken as no list.
    pub fn new(key: String, allowed: Option<Vec<String>>) -> Self {
        let rule = Rule::of_key(&key);
        let allowed = allowed.filter(|values| !values.is_empty());
        Keyword { key, rule, allowed }
    }
}

/// What to do with a message that breaks a rule (`validate` in the configuration; with `"off"` nobody asks).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Everything that breaks a rule is a fault, and so is a key that the template does not have.
    Strict,
    /// As strict, but free text that is merely too long is cut, and surplus keys are let through: WeChat seems to
    /// ignore them (section 4, one report).
    Truncate,
}

/// What [`check`] found. The message may be sent if there are no faults, with the cuts put in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Checked {
    /// All that is wrong: first by the template's order of keywords, then the surplus keys.
    pub faults: Vec<Fault>,
    /// The values to replace; always empty in [`Mode::Strict`].
    pub cuts: Vec<Cut>,
}

impl Checked {
    /// Whether the message may be sent.
    pub fn passes(&self) -> bool {
        self.faults.is_empty()
    }
}

/// A value that was too long, cut to fit. `Display` is for the log and leaves the value out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cut {
    /// The key in `data`.
    pub key: String,
    /// The value to send instead; it ends in `…`.
    pub value: String,
    /// How many characters the value had.
    pub length: usize,
    /// How many it may have, the `…` included.
    pub limit: usize,
}

impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = fault::excerpt(&self.key, fault::MAX_KEY_BYTES);
        write!(f, "data.{key}: {} characters, cut to {}", self.length, self.limit)
    }
}

/// Checks a message's `data` against its template (section 4) and finds every fault at once.
///
/// `data` gives each key with its value as text: the caller has taken `{"value": …}` apart and turned numbers into
/// text. It is walked once per keyword, hence the `Clone`. Nothing is allocated where nothing is wrong.
///
/// A cut is made only where the value's length is its one fault and the type is free text in which `…` itself is
/// legal: `thing`, `short_thing` and `name`. A number, code, date, amount or `phrase` would mean something else, or
/// be refused, with its end cut off.
pub fn check<'a, I>(template: &Template, data: I, mode: Mode) -> Checked
where
    I: IntoIterator<Item = (&'a str, &'a str)>,
    I::IntoIter: Clone,
{
    let pairs = data.into_iter();
    let given = |key: &str| pairs.clone().any(|(name, _)| name == key);
    let mut checked = Checked::default();

    for keyword in &template.keywords {
        let mut missing = true;
        for (_, value) in pairs.clone().filter(|(name, _)| *name == keyword.key) {
            missing = false;
            checked.value(keyword, value, mode);
        }
        if missing {
            let with_data = pairs.clone().any(|(name, _)| without_data(name) == Some(&keyword.key));
            checked.fault(keyword, Problem::Missing { with_data });
        }
    }

    if mode == Mode::Strict && template.complete {
        let known = |key: &str| template.keywords.iter().any(|keyword| keyword.key == key);
        for (name, _) in pairs.clone().filter(|(name, _)| !known(name)) {
            // `thing1.DATA` in place of `thing1` is one mistake and was reported as the missing key.
            let reported = without_data(name).is_some_and(|key| known(key) && !given(key));
            if !reported {
                checked.faults.push(Fault {
                    key: name.to_owned(),
                    rule: Rule::of_key(name),
                    problem: Problem::Surplus,
                });
            }
        }
    }
    checked
}

impl Checked {
    fn fault(&mut self, keyword: &Keyword, problem: Problem) {
        self.faults.push(Fault { key: keyword.key.clone(), rule: keyword.rule, problem });
    }

    fn value(&mut self, keyword: &Keyword, value: &str, mode: Mode) {
        let (first, second) = match &keyword.allowed {
            _ if value.is_empty() => (Some(Problem::Empty), None),
            Some(allowed) if allowed.iter().any(|one| one == value) => (None, None),
            Some(allowed) => (Some(Problem::not_listed(value, allowed)), None),
            None => scan::problems(keyword.rule, value),
        };
        if let (Some(&Problem::TooLong { length, limit }), None, Mode::Truncate) = (first.as_ref(), &second, mode)
            && keyword.rule.can_be_cut()
            && let Some(value) = cut::shorten(value, limit)
        {
            self.cuts.push(Cut { key: keyword.key.clone(), value, length, limit });
            return;
        }
        for problem in [first, second].into_iter().flatten() {
            self.fault(keyword, problem);
        }
    }
}

/// `thing1` for `thing1.DATA`: how templates write a key, and messages must not.
fn without_data(name: &str) -> Option<&str> {
    name.strip_suffix(".DATA")
}
