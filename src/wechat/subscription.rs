//! What players answer, in WeChat's words (wechat-api: section 1).

use serde_json::{Map, Value};

use super::MAX_ID;
use crate::error::{Error, Status};
use crate::json;

/// The scene in which a game starts when a player taps a message card (wechat-api: section 6).
pub const SCENE_OF_MESSAGE_CARD: i64 = 1014;

/// A player's answer for one template; the numbers of the C constants `WXSUB_ACCEPT` and so on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub enum Answer {
    /// One more message is allowed.
    Accept = 1,
    /// Nothing is allowed (any more).
    Reject = 2,
    /// Banned by the platform; says nothing about the player.
    Ban = 3,
    /// Dropped by the platform, since another template has the same title; says nothing about the player.
    Filter = 4,
}

impl Answer {
    /// The answer with this number.
    ///
    /// # Errors
    /// [`Status::Arg`] for any other number.
    pub fn from_code(code: i32) -> Result<Answer, Error> {
        match code {
            1 => Ok(Answer::Accept),
            2 => Ok(Answer::Reject),
            3 => Ok(Answer::Ban),
            4 => Ok(Answer::Filter),
            _ => Err(Error::new(
                Status::Arg,
                format!("answer {code} is none of WXSUB_ACCEPT 1, _REJECT 2, _BAN 3, _FILTER 4"),
            )),
        }
    }

    /// Every word that begins with `accept` is one: there are `acceptWithAudio` and others.
    fn from_word(word: &str) -> Option<Answer> {
        match word {
            _ if word.starts_with("accept") => Some(Answer::Accept),
            "reject" => Some(Answer::Reject),
            "ban" => Some(Answer::Ban),
            "filter" => Some(Answer::Filter),
            _ => None,
        }
    }
}

/// Whether the id is a system type, which is on or off and has no count.
pub fn is_system(template_id: &str) -> bool {
    template_id.starts_with("SYS_MSG_TYPE_")
}

/// What one entry of a client's object says.
#[derive(Clone, Debug, PartialEq)]
pub enum Word {
    /// The player answered a dialog.
    Act(Answer),
    /// `wx.getSetting` tells what the player has switched on or off: `accept` there is no new grant.
    State(Answer),
    /// A word that this version does not know.
    Unknown(String),
}

/// One entry of a client's object.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// None: all templates of the player.
    pub template_id: Option<String>,
    /// What it says.
    pub word: Word,
}

/// `errCode` of `wx.requestSubscribeMessage` when the player has turned the main switch off.
const MAIN_SWITCH_OFF: i64 = 20004;
/// The most entries that are taken; WeChat asks for three templates at once, and an account has 50.
const MAX_ENTRIES: usize = 64;
/// Members of the objects that are never template ids.
const NO_TEMPLATES: [&str; 3] = ["errMsg", "errCode", "errno"];

/// Reads what `wx.requestSubscribeMessage`, `wx.requestSubscribeSystemMessage` or `wx.getSetting` gave the game client:
/// its entries in the object's own order.
///
/// # Errors
/// [`Status::Arg`] when it is not such an object.
pub fn client_answers(text: &str) -> Result<Vec<Entry>, Error> {
    let arg = |why: String| Error::new(Status::Arg, why);
    let object: Map<String, Value> = json::small("the client's answer is", text).map_err(arg)?;
    if let Some(code) = object.get("errCode").and_then(number).filter(|code| *code != 0) {
        let refused_all = Entry { template_id: None, word: Word::Act(Answer::Reject) };
        return Ok(if code == MAIN_SWITCH_OFF { vec![refused_all] } else { Vec::new() });
    }
    let entries = match (object.get("subscriptionsSetting"), object.get("errMsg").and_then(Value::as_str)) {
        (Some(Value::Object(setting)), _) => settings(setting)?,
        (Some(_), _) => return Err(arg("subscriptionsSetting is not an object".to_owned())),
        (None, Some(message)) if message.starts_with("getSetting:") => Vec::new(),
        (None, Some(message)) if message.contains(":fail") => Vec::new(),
        _ if object.contains_key("mainSwitch") || object.contains_key("itemSettings") => settings(&object)?,
        _ => answers(&object),
    };
    bounded(entries)
}

/// The object comes from a player's device: what WeChat never makes is not taken, as a whole.
fn bounded(entries: Vec<Entry>) -> Result<Vec<Entry>, Error> {
    let too_long = |entry: &Entry| entry.template_id.as_ref().is_some_and(|id| id.len() > MAX_ID);
    let many = entries.iter().filter(|entry| entry.template_id.is_some()).count();
    let why = if many > MAX_ENTRIES {
        format!("the client's answer has {many} entries, at most {MAX_ENTRIES} are allowed")
    } else if entries.iter().any(too_long) {
        format!("the client's answer has a template id of more than {MAX_ID} bytes")
    } else {
        return Ok(entries);
    };
    Err(Error::new(Status::Arg, format!("{why}; nothing was changed")))
}

fn answers(object: &Map<String, Value>) -> Vec<Entry> {
    let entries = object.iter().filter(|(id, _)| !NO_TEMPLATES.contains(&id.as_str()));
    entries.map(|(id, value)| Entry { template_id: Some(id.clone()), word: word(value, Word::Act) }).collect()
}

fn settings(setting: &Map<String, Value>) -> Result<Vec<Entry>, Error> {
    let mut entries = Vec::new();
    match setting.get("mainSwitch") {
        Some(Value::Bool(false)) => {
            entries.push(Entry { template_id: None, word: Word::State(Answer::Reject) });
        }
        None | Some(Value::Null | Value::Bool(true)) => {}
        Some(_) => return Err(Error::new(Status::Arg, "mainSwitch is neither true nor false")),
    }
    match setting.get("itemSettings") {
        Some(Value::Object(items)) => entries.extend(
            items.iter().map(|(id, value)| Entry { template_id: Some(id.clone()), word: word(value, Word::State) }),
        ),
        None | Some(Value::Null) => {}
        Some(_) => return Err(Error::new(Status::Arg, "itemSettings is not an object")),
    }
    Ok(entries)
}

fn word(value: &Value, known: fn(Answer) -> Word) -> Word {
    match value {
        Value::String(s) => Answer::from_word(s).map_or_else(|| Word::Unknown(s.clone()), known),
        other => Word::Unknown(other.to_string()),
    }
}

fn number(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_str()?.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shown(text: &str) -> String {
        let entries = client_answers(text).expect(text);
        let one = |e: &Entry| {
            let word = match &e.word {
                Word::Act(a) => format!("{a:?}"),
                Word::State(a) => format!("is {a:?}"),
                Word::Unknown(w) => format!("?{w}"),
            };
            format!("{}={word}", e.template_id.as_deref().unwrap_or("*"))
        };
        entries.iter().map(one).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn objects_of_the_three_calls() {
        for (text, wanted) in [
            (
                r#"{"errMsg":"requestSubscribeMessage:ok","B":"accept","A":"reject","C":"ban","D":"filter"}"#,
                "B=Accept A=Reject C=Ban D=Filter",
            ),
            (r#"{"A":"acceptWithAudio","B":"acceptWithForcePush","errCode":0}"#, "A=Accept B=Accept"),
            (r#"{"A":"maybe","B":7,"C":null,"D":"Accept"}"#, "A=?maybe B=?7 C=?null D=?Accept"),
            (
                r#"{"SYS_MSG_TYPE_RANK":"accept","errMsg":"requestSubscribeSystemMessage:ok"}"#,
                "SYS_MSG_TYPE_RANK=Accept",
            ),
            (r#"{"errMsg":"requestSubscribeMessage:fail","errCode":20004}"#, "*=Reject"),
            (r#"{"errMsg":"requestSubscribeMessage:fail","errCode":"20004"}"#, "*=Reject"),
            (r#"{"errMsg":"requestSubscribeMessage:fail","errCode":10005}"#, ""),
            (r#"{"errMsg":"requestSubscribeMessage:fail can only be invoked by user TAP gesture."}"#, ""),
            (r#"{}"#, ""),
            (
                r#"{"mainSwitch":true,"itemSettings":{"A":"accept","B":"reject","SYS_MSG_TYPE_RANK":"accept","C":"ban"}}"#,
                "A=is Accept B=is Reject SYS_MSG_TYPE_RANK=is Accept C=is Ban",
            ),
            (r#"{"mainSwitch":true}"#, ""),
            (r#"{"mainSwitch":false}"#, "*=is Reject"),
            (
                r#"{"errMsg":"getSetting:ok","authSetting":{"scope.x":true},"subscriptionsSetting":{"mainSwitch":false,"itemSettings":{"A":"accept"}}}"#,
                "*=is Reject A=is Accept",
            ),
            (r#"{"errMsg":"getSetting:ok","authSetting":{"scope.x":true}}"#, ""),
        ] {
            assert_eq!(shown(text), wanted, "{text}");
        }
        for text in [
            "",
            "[]",
            "\"accept\"",
            r#"{"mainSwitch":"off"}"#,
            r#"{"itemSettings":[]}"#,
            r#"{"subscriptionsSetting":1}"#,
        ] {
            assert_eq!(client_answers(text).expect_err(text).status, Status::Arg, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_object_panics_and_every_entry_is_told(words in proptest::collection::hash_map("[A-Za-z0-9_-]{43}", "\\PC{0,12}", 0..5)) {
            let text = serde_json::to_string(&words).unwrap();
            prop_assert_eq!(client_answers(&text).unwrap().len(), words.len());
        }

        #[test]
        fn no_text_panics(text in "\\PC{0,80}") {
            let _ = client_answers(&text);
        }
    }
}
