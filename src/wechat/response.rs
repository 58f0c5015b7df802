//! Answers of WeChat, however damaged they arrive.

use serde_json::{Map, Value};

use crate::json;
use crate::secret::Secret;

/// An answer that could be read. Without `Debug`: it may hold a token.
#[derive(Clone, PartialEq)]
pub struct Response {
    /// 0 when it was left out, which some answers do on success (wechat-api: top).
    pub errcode: i32,
    /// Without control characters; holds no secret.
    pub errmsg: String,
    /// The id of a message that was taken; 0 none (wechat-api: section 3).
    pub msgid: i64,
    fields: Map<String, Value>,
}

/// A token that was handed out.
pub struct TokenResponse {
    /// The token.
    pub access_token: Secret,
    /// Seconds that are left of it.
    pub expires_in_s: u32,
}

/// Who a player is.
#[derive(Debug)]
pub struct Identity {
    /// The player's id in this game.
    pub openid: String,
    /// The player's id among all apps of the same owner; empty when WeChat gives none.
    pub unionid: String,
    /// Signs what the player's client sends; it must not leave the server (wechat-api: section 5).
    pub session_key: Secret,
}

impl Response {
    /// Reads a body. None when it is not a JSON object, or one whose errcode is no number: then nobody can say what
    /// WeChat did. Survives what was seen in the field (wechat-api: top): errcode as a string, control characters and
    /// broken UTF-8 inside errmsg.
    pub fn parse(body: &[u8]) -> Option<Response> {
        if json::is_too_deep(body) {
            return None;
        }
        let fields = match serde_json::from_slice(body) {
            Ok(Value::Object(fields)) => fields,
            Ok(_) => return None,
            Err(_) => {
                let text: String =
                    String::from_utf8_lossy(body).chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
                let Ok(Value::Object(fields)) = serde_json::from_str(text.trim_start_matches('\u{feff}')) else {
                    return None;
                };
                fields
            }
        };
        let errcode = match fields.get("errcode") {
            None => 0,
            Some(value) => i32::try_from(integer(value)?).ok()?,
        };
        let errmsg = fields.get("errmsg").and_then(Value::as_str).unwrap_or_default();
        let errmsg = errmsg.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let msgid = fields.get("msgid").and_then(integer).unwrap_or(0);
        Some(Response { errcode, errmsg, msgid, fields })
    }

    /// Whether the answer to a send says that the message was taken. Without errcode it needs another sign of it.
    pub fn is_taken(&self) -> bool {
        self.errcode == 0
            && (self.fields.contains_key("errcode") || self.msgid != 0 || self.errmsg.eq_ignore_ascii_case("ok"))
    }

    /// The token in it, if the answer is one that hands out a token.
    pub fn token(&self) -> Option<TokenResponse> {
        let token = self.fields.get("access_token")?.as_str().filter(|t| !t.is_empty())?;
        // At least a second, so that a strange answer does not make every send ask.
        let expires_in = self.fields.get("expires_in").and_then(integer).unwrap_or(7200).max(1);
        if self.errcode != 0 {
            return None;
        }
        Some(TokenResponse {
            access_token: Secret::new(token.to_owned()),
            expires_in_s: u32::try_from(expires_in).unwrap_or(7200),
        })
    }

    /// Who the player is, if the answer to a login says so (wechat-api: section 5).
    pub fn identity(&self) -> Option<Identity> {
        let openid = self.text("openid");
        (!openid.is_empty()).then(|| Identity {
            openid: openid.to_owned(),
            unionid: self.text("unionid").to_owned(),
            session_key: Secret::new(self.text("session_key").to_owned()),
        })
    }

    /// A string in it; empty when it is not there.
    fn text(&self, field: &str) -> &str {
        self.fields.get(field).and_then(Value::as_str).unwrap_or_default()
    }

    /// The whole object.
    pub fn into_value(self) -> Value {
        Value::Object(self.fields)
    }

    /// "47003 argument invalid! …", for the operator; the rid in it is what WeChat's support asks for.
    pub fn describe(&self) -> String {
        if self.errmsg.is_empty() {
            self.errcode.to_string()
        } else {
            format!("{} {}", self.errcode, self.errmsg.trim())
        }
    }

    /// The key that a 47003 names, as in `data.thing1.value invalid` (wechat-api: section 3).
    pub fn data_key(&self) -> Option<&str> {
        let after = self.errmsg.split_once("data.")?.1;
        let key = after.split(['.', ' ']).next()?;
        (!key.is_empty()).then_some(key)
    }
}

fn integer(value: &Value) -> Option<i64> {
    match value {
        Value::Number(n) => n.as_i64(),
        Value::String(s) => s.trim().parse().ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn damaged_answers() {
        let read = |body: &[u8]| Response::parse(body).map(|a| (a.errcode, a.msgid, a.is_taken()));
        for (body, wanted) in [
            (&br#"{"errcode":0,"errmsg":"ok","msgid":1234567890123456789}"#[..], Some((0, 1234567890123456789, true))),
            (br#"{"errcode":"43101","errmsg":"user refuse"}"#, Some((43101, 0, false))),
            (b"\xef\xbb\xbf {\"errcode\":-1,\"errmsg\":\"a\x01\xff\nb\"}", Some((-1, 0, false))),
            (br#"{"errcode":0,"errmsg":"ok"}"#, Some((0, 0, true))),
            (br#"{"errcode":0}"#, Some((0, 0, true))),
            (br#"{"errmsg":"ok","msgid":"77"}"#, Some((0, 77, true))),
            (b"{}", Some((0, 0, false))),
            (br#"{"errcode":null}"#, None),
            (br#"{"errcode":{}}"#, None),
            (br#"{"errcode":99999999999}"#, None),
            (br#"{"errcode":0,"errm"#, None),
            (b"<html><body>502 Bad Gateway", None),
            (b"", None),
            (b"null", None),
            (b"[]", None),
        ] {
            assert_eq!(read(body), wanted, "{}", String::from_utf8_lossy(body));
        }
    }

    #[test]
    fn key_of_a_47003() {
        for (errmsg, key) in [
            ("argument invalid! data.thing1.value invalid rid: 1-2-3", Some("thing1")),
            ("argument invalid! data.thing1.value is emtpy", Some("thing1")),
            ("argument invalid! data.character_strin", Some("character_strin")),
            ("data format error", None),
            ("data.", None),
        ] {
            let body = serde_json::json!({"errcode": 47003, "errmsg": errmsg}).to_string();
            assert_eq!(Response::parse(body.as_bytes()).unwrap().data_key(), key, "{errmsg}");
        }
    }

    proptest! {
        #[test]
        fn no_body_panics(body in proptest::collection::vec(any::<u8>(), 0..200)) {
            if let Some(answer) = Response::parse(&body) {
                let _ = (answer.describe(), answer.data_key().map(str::len), answer.token().is_some());
            }
        }

        #[test]
        fn no_errmsg_panics(errmsg in ".{0,60}", errcode in any::<i32>()) {
            let body = serde_json::json!({"errcode": errcode, "errmsg": errmsg}).to_string();
            let answer = Response::parse(body.as_bytes()).unwrap();
            prop_assert_eq!(answer.errcode, errcode);
            prop_assert!(!answer.describe().contains('\n'));
        }
    }
}
