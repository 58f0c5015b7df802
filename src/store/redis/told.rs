//! What the scripts answer, and what it means.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::error::{QuotaChange, Verdict};
use crate::store::{After, Applied, Claimed, Letter, Outcome, kept};

/// The answer to any step: each fills its own fields.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Answer {
    pub items: Vec<ItemDone>,
    pub left: i64,
    pub any: bool,
    pub held: bool,
    pub granted: i64,
    pub unit: bool,
    pub gone: bool,
    pub no_quota: bool,
    pub busy: Option<f64>,
    pub other: Option<String>,
    pub before: Option<Told>,
    pub message: bool,
    pub ours: bool,
    pub put: String,
    pub cancelled: String,
    pub look: String,
    pub ms: Option<f64>,
    pub template: String,
    pub tag: String,
    pub tries: u32,
    pub why: String,
    pub messages: Vec<Message>,
    pub ended: Vec<Ended>,
    pub waiting: u64,
    pub due: u64,
    pub oldest_due: f64,
    /// When the bucket has something next, Unix milliseconds.
    pub next: Option<f64>,
}

/// The answer to what concerns the account.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct AccountAnswer {
    pub ready: Option<Token>,
    pub ask: bool,
    pub dead: Option<String>,
    pub failures: u32,
    pub wait: Option<f64>,
    pub failure: Option<String>,
    pub ms: Option<f64>,
    pub list: Option<String>,
    pub age: f64,
    pub due: Vec<(String, String)>,
    pub buckets: Vec<String>,
    pub version: f64,
    pub sweep: bool,
    pub now: f64,
}

/// A token as it is kept.
#[derive(Deserialize)]
pub struct Token {
    pub token: String,
    pub left: f64,
    pub life: f64,
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Token").field("left", &self.left).finish_non_exhaustive()
    }
}

/// A verdict as it is kept: its text, what was left, its template, the caller's number; or that its process died.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Told {
    v: Option<String>,
    r: Option<i64>,
    t: Option<String>,
    g: Option<String>,
    dead: Option<String>,
    quota: String,
    left: i64,
}

impl Told {
    /// In full, for the message with this key.
    pub fn verdict(self, key: &str) -> Verdict {
        let Some(text) = self.v else { return kept::found_running(key, &self.dead.unwrap_or_default()) };
        let mut verdict = kept::from_text(&text);
        verdict.remaining = self.r.unwrap_or(verdict.remaining);
        verdict.template_id = self.t.unwrap_or(verdict.template_id);
        verdict.tag = self.g.map_or(verdict.tag, |tag| number(&tag));
        verdict.key = key.to_owned();
        verdict
    }
}

/// What one item did.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct ItemDone {
    quota: String,
    left: i64,
    paired: Option<i64>,
    before: Option<Told>,
}

impl From<ItemDone> for Applied {
    fn from(done: ItemDone) -> Applied {
        match (done.before, done.paired) {
            (Some(first), _) => {
                let quota = quota(&first.quota);
                Applied::Before(Verdict { quota, remaining: first.left, ..Verdict::default() })
            }
            (None, Some(left)) => Applied::Paired(left),
            (None, None) => Applied::Now { quota: quota(&done.quota), remaining: done.left },
        }
    }
}

/// A message that was claimed.
#[derive(Debug, Deserialize)]
pub struct Message {
    id: String,
    openid: String,
    template: String,
    key: Option<String>,
    expires: f64,
    tries: u32,
    why: String,
    maybe: bool,
    letter: String,
}

/// One that a dead process had.
#[derive(Debug, Deserialize)]
pub struct Ended {
    pub message: Message,
    pub verdict: Told,
}

impl Message {
    pub fn claimed(self, claim: i64) -> Claimed {
        Claimed {
            id: self.id.parse().unwrap_or(0),
            claim,
            openid: self.openid,
            template_id: self.template,
            key: self.key,
            expires_wall: self.expires as i64,
            tries: self.tries,
            why: self.why,
            maybe: self.maybe,
            letter: letter_from_text(&self.letter),
        }
    }
}

/// A letter as it is kept.
pub fn letter_to_text(letter: &Letter) -> String {
    json!([letter.message, letter.tag, letter.timeout_ms, letter.resend, letter.notify]).to_string()
}

fn letter_from_text(text: &str) -> Letter {
    let (message, tag, timeout_ms, resend, notify) = serde_json::from_str(text).unwrap_or_default();
    Letter { message, tag, timeout_ms, resend, notify }
}

/// A verdict for the scripts: its text, and whether its key is used up.
pub fn verdict(verdict: &Verdict) -> Value {
    json!({"v": kept::to_text(verdict), "e": verdict.had_effect()})
}

/// What becomes of a message, for the scripts: null when it goes.
pub fn again(after: &After) -> Value {
    match after {
        After::Done => Value::Null,
        After::Again { due_wall, why, maybe } => json!({"due": due_wall, "why": why, "maybe": maybe}),
    }
}

/// The word for what becomes of a unit.
pub fn outcome(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Spent => "spent",
        Outcome::Returned => "returned",
        Outcome::Maybe => "maybe",
        Outcome::Cleared => "cleared",
    }
}

fn quota(word: &str) -> QuotaChange {
    match word {
        "granted" => QuotaChange::Granted,
        "cleared" => QuotaChange::Cleared,
        "spent" => QuotaChange::Spent,
        _ => QuotaChange::Untouched,
    }
}

/// A number of 64 bits, which travels as text.
pub fn number(text: &str) -> u64 {
    text.parse().unwrap_or(0)
}
