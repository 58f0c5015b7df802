//! The message: WeChat's own request body, read leniently and written as WeChat wants it.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::check_id;
use crate::config::{LANGS, MINIPROGRAM_STATES};
use crate::error::{Error, Status};
use crate::json;

/// WeChat's fields (wechat-api: section 3).
const FIELDS: [&str; 6] = ["touser", "template_id", "page", "data", "miniprogram_state", "lang"];
/// Those that may be left out.
const OPTIONAL: [&str; 3] = ["page", "miniprogram_state", "lang"];
/// Stands where the player's openid comes.
const NOBODY: &str = "nobody";
/// How many characters of a name of the caller's an error shows.
const SHOWN: usize = 48;

/// A message to one player from one template.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// The player's openid.
    pub touser: String,
    /// The template.
    pub template_id: String,
    body: Map<String, Value>,
}

impl Message {
    /// Reads the text of a message.
    ///
    /// # Errors
    /// [`Status::Arg`] when it is not a JSON object with the strings `touser` and `template_id`.
    pub fn parse(text: &str) -> Result<Message, Error> {
        let arg = |why: String| Error::new(Status::Arg, why);
        let mut body: Map<String, Value> = json::small("the message is", text).map_err(arg)?;
        // Languages that have no absence say null.
        body.retain(|field, value| !(OPTIONAL.contains(&field.as_str()) && value.is_null()));
        for field in body.keys() {
            if let Some(meant) = misspelt(field) {
                let shown: String = field.escape_debug().take(SHOWN).collect();
                return Err(arg(format!("the message has no field \"{shown}\"; did you mean {meant}?")));
            }
        }
        let text_of = |field: &str| match body.get(field) {
            Some(Value::String(s)) => check_id(field, s).map(|()| s.clone()),
            None => Err(arg(format!("the message has no \"{field}\""))),
            Some(_) => Err(arg(format!("\"{field}\" of the message must be a string"))),
        };
        Ok(Message { touser: text_of("touser")?, template_id: text_of("template_id")?, body })
    }

    /// A message that [`Message::to_player`] makes ones to many players of: without a `touser`.
    ///
    /// # Errors
    /// [`Status::Arg`] when it is not a message, or has a `touser`.
    pub fn to_many(message: Value) -> Result<Message, Error> {
        let arg = |why: &str| Error::new(Status::Arg, why.to_owned());
        let Value::Object(mut message) = message else {
            return Err(arg("message must be an object, as for wxsub_send"));
        };
        if message.contains_key("touser") {
            return Err(arg("the message of a campaign has no touser: its audience says who gets it"));
        }
        message.insert("touser".to_owned(), Value::String(NOBODY.to_owned()));
        Message::parse(&Value::Object(message).to_string())
    }

    /// The player that a message is for: what is looked at while the host waits. Whoever sends it reads the rest.
    ///
    /// # Errors
    /// [`Status::Arg`] when it is not a JSON object with the string `touser`.
    pub fn receiver(text: &str) -> Result<String, Error> {
        #[derive(Deserialize)]
        struct Head<'a> {
            #[serde(borrow)]
            touser: Option<Cow<'a, str>>,
        }
        let arg = |why: String| Error::new(Status::Arg, why);
        let head: Head<'_> = json::small("the message is", text).map_err(arg)?;
        let Some(touser) = head.touser else {
            // The whole may say what stands there instead.
            return Message::parse(text).map(|message| message.touser);
        };
        check_id("touser", &touser)?;
        Ok(touser.into_owned())
    }

    /// Brings the values of `data` into WeChat's form, `{"thing1":{"value":"…"}}`, since a value must be a JSON string
    /// (wechat-api: section 3). What is not a value and cannot become one stays, and is told.
    ///
    /// # Errors
    /// [`Status::Message`] with every fault; the message is in form as far as it could be.
    pub fn normalise(&mut self) -> Result<(), Error> {
        let mut faults = Vec::new();
        match self.body.get_mut("data") {
            Some(Value::Object(data)) => {
                for (key, value) in data.iter_mut() {
                    if let Err(fault) = normalise_value(value) {
                        let shown: String = key.escape_debug().take(SHOWN).collect();
                        faults.push(format!("data.{shown}: {fault}"));
                    }
                }
            }
            Some(_) => faults.push("data must be an object {\"thing1\": {\"value\": \"…\"}}".to_owned()),
            None => faults.push("data is missing".to_owned()),
        }
        for (field, words) in [("miniprogram_state", MINIPROGRAM_STATES), ("lang", LANGS)] {
            match self.body.get(field) {
                None => {}
                Some(Value::String(s)) if words.contains(&s.as_str()) => {}
                Some(_) => faults.push(format!("{field} must be one of {}", words.join(", "))),
            }
        }
        if self.body.get("page").is_some_and(|page| !page.is_string()) {
            faults.push("page must be a string".to_owned());
        }
        if faults.is_empty() { Ok(()) } else { Err(Error::new(Status::Message, faults.join("; "))) }
    }

    /// The values by key, once they are in form.
    pub fn values(&self) -> Vec<(&str, &str)> {
        let data = self.body.get("data").and_then(Value::as_object);
        data.into_iter()
            .flatten()
            .filter_map(|(key, value)| Some((key.as_str(), value.get("value")?.as_str()?)))
            .collect()
    }

    /// Whether it has `data` at all.
    pub fn has_data(&self) -> bool {
        self.body.contains_key("data")
    }

    /// Whether `data` has this key, in whatever form.
    pub fn has_key(&self, key: &str) -> bool {
        self.body.get("data").and_then(Value::as_object).is_some_and(|data| data.contains_key(key))
    }

    /// Replaces a value.
    pub fn set_value(&mut self, key: &str, value: String) {
        if let Some(Value::Object(data)) = self.body.get_mut("data") {
            data.insert(key.to_owned(), json!({ "value": value }));
        }
    }

    /// The same message to another player, with data of his own where there are any.
    pub fn to_player(&self, openid: &str, data: Option<Value>) -> Message {
        let mut message = Message { touser: openid.to_owned(), ..self.clone() };
        message.body.insert("touser".to_owned(), Value::String(openid.to_owned()));
        if let Some(data) = data {
            message.body.insert("data".to_owned(), data);
        }
        message
    }

    /// Puts a field in that the message does not have.
    pub fn default_field(&mut self, field: &str, value: &str) {
        if !self.body.contains_key(field) {
            self.body.insert(field.to_owned(), Value::String(value.to_owned()));
        }
    }

    /// The request body: raw UTF-8, unknown fields as they came.
    pub fn to_body(&self) -> Vec<u8> {
        // A map of strings to values always serialises.
        serde_json::to_vec(&self.body).unwrap_or_default()
    }
}

/// The field that this is another spelling of, such as `templateId`: WeChat would take no notice of it.
fn misspelt(field: &str) -> Option<&'static str> {
    if FIELDS.contains(&field) {
        return None;
    }
    let plain = |name: &str| name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
    let field = plain(field);
    FIELDS.into_iter().find(|known| plain(known) == field)
}

fn normalise_value(value: &mut Value) -> Result<(), &'static str> {
    match value {
        Value::String(_) | Value::Number(_) => {
            *value = json!({ "value": text(value) });
            Ok(())
        }
        Value::Object(object) => match object.get_mut("value") {
            Some(Value::String(_)) => Ok(()),
            Some(inner @ Value::Number(_)) => {
                *inner = Value::String(text(inner));
                Ok(())
            }
            Some(_) => Err("\"value\" must be a string"),
            None => Err("an object without \"value\""),
        },
        _ => Err("must be {\"value\": \"…\"}, a string or a number"),
    }
}

/// A number as it was written: `arbitrary_precision` keeps 99.90 from becoming 99.9.
fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn body(text: &str) -> String {
        let mut message = Message::parse(text).unwrap();
        message.normalise().unwrap();
        String::from_utf8(message.to_body()).unwrap()
    }

    #[test]
    fn values_in_all_accepted_forms() {
        assert_eq!(
            body(
                r#"{"touser":"o","template_id":"t","data":{"a":"x","b":99.90,"c":{"value":7},"d":{"value":"é\""}},"zz":[1]}"#
            ),
            r#"{"touser":"o","template_id":"t","data":{"a":{"value":"x"},"b":{"value":"99.90"},"c":{"value":"7"},"d":{"value":"é\""}},"zz":[1]}"#
        );
    }

    #[test]
    fn wrong_shapes() {
        for text in [
            "",
            "[]",
            "{",
            "{}",
            r#"{"touser":"o"}"#,
            r#"{"touser":"","template_id":"t"}"#,
            r#"{"touser":1,"template_id":"t"}"#,
        ] {
            assert_eq!(Message::parse(text).expect_err(text).status, Status::Arg, "{text}");
        }
        for (rest, part) in [
            (r#""data":"x""#, "data must be an object"),
            (r#""x":1"#, "data is missing"),
            (r#""data":{"a":true,"b":[],"c":{"v":1},"d":{"value":null}}"#, "data.d"),
            (r#""data":{},"lang":"en""#, "lang"),
            (r#""data":{},"page":7"#, "page"),
            (r#""data":{},"miniprogram_state":1"#, "miniprogram_state"),
        ] {
            let mut message = Message::parse(&format!(r#"{{"touser":"o","template_id":"t",{rest}}}"#)).unwrap();
            let e = message.normalise().expect_err(rest);
            assert_eq!(e.status, Status::Message);
            assert!(e.message.contains(part), "{rest}: {e}");
        }
    }

    #[test]
    fn null_is_absent_and_other_spellings_are_told() {
        let text = r#"{"touser":"o","template_id":"t","data":{},"page":null,"lang":null,"miniprogram_state":null,"more":null}"#;
        let mut message = Message::parse(text).unwrap();
        message.default_field("lang", "zh_CN");
        message.normalise().unwrap();
        let sent = String::from_utf8(message.to_body()).unwrap();
        assert_eq!(sent, r#"{"touser":"o","template_id":"t","data":{},"more":null,"lang":"zh_CN"}"#);
        for (wrong, meant) in [
            ("toUser", "touser"),
            ("to_user", "touser"),
            ("templateId", "template_id"),
            ("template-id", "template_id"),
            ("TemplateID", "template_id"),
            ("miniprogramState", "miniprogram_state"),
            ("Page", "page"),
            ("Data", "data"),
        ] {
            let whole = format!(r#"{{"touser":"o","template_id":"t","data":{{}},"{wrong}":"x"}}"#);
            let alone = format!(r#"{{"{wrong}":"x"}}"#);
            for text in [whole, alone] {
                let e = Message::parse(&text).expect_err(wrong);
                let hint = format!("no field \"{wrong}\"; did you mean {meant}?");
                assert!(e.status == Status::Arg && e.message.contains(&hint), "{e}");
            }
        }
        let e = Message::receiver(r#"{"toUser":"o","template_id":"t"}"#).unwrap_err();
        assert!(e.message.contains("did you mean touser?"), "{e}");
        assert!(Message::receiver(r#"{"template_id":"t"}"#).unwrap_err().message.contains("no \"touser\""));
        // What is none of them travels on.
        assert!(Message::parse(r#"{"touser":"o","template_id":"t","data":{},"users":1,"pages":"x"}"#).is_ok());
    }

    #[test]
    fn a_key_is_shown_on_one_line() {
        let mut message = Message::parse(r#"{"touser":"o","template_id":"t","data":{"a\nb\u0007":true}}"#).unwrap();
        let e = message.normalise().unwrap_err();
        assert!(e.message.starts_with("data.a\\nb\\u{7}: "), "{e}");
    }

    #[test]
    fn defaults_do_not_replace() {
        let mut message = Message::parse(r#"{"touser":"o","template_id":"t","data":{},"lang":"en_US"}"#).unwrap();
        message.default_field("lang", "zh_CN");
        message.default_field("miniprogram_state", "trial");
        let body = String::from_utf8(message.to_body()).unwrap();
        assert!(body.contains(r#""lang":"en_US""#) && body.contains(r#""miniprogram_state":"trial""#), "{body}");
    }

    proptest! {
        #[test]
        fn any_text_is_carried_unchanged(value in "\\PC{0,40}", key in "[a-z_]{1,10}") {
            let text = json!({"touser": "o", "template_id": "t", "data": {key.as_str(): value.as_str()}}).to_string();
            let sent: Value = serde_json::from_str(&body(&text)).unwrap();
            prop_assert_eq!(sent["data"][&key]["value"].as_str(), Some(value.as_str()));
        }

        #[test]
        fn no_text_panics(text in "\\PC{0,80}") {
            if let Ok(mut message) = Message::parse(&text) {
                let _ = message.normalise();
                let _ = message.to_body();
            }
        }
    }
}
