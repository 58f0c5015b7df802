use std::collections::{HashMap, HashSet};

use base64::Engine;
use serde::{Deserialize, Serialize};

/// What `wx.login` gave the game client, and who it stands for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoginCode {
    /// The code.
    pub code: String,
    /// The player.
    pub openid: String,
    /// The player's unionid, if the account has such.
    #[serde(default)]
    pub unionid: Option<String>,
    /// A high-risk player: 40226.
    #[serde(default)]
    pub blocked: bool,
}

pub(crate) struct Session {
    pub openid: String,
    pub unionid: Option<String>,
    pub session_key: String,
}

/// Codes that were handed out, and those that were used.
#[derive(Default)]
pub(crate) struct Codes {
    known: HashMap<String, LoginCode>,
    used: HashSet<String>,
}

impl Codes {
    pub(crate) fn register(&mut self, code: LoginCode) {
        self.used.remove(&code.code);
        self.known.insert(code.code.clone(), code);
    }

    /// Section 5: a code is good once. `code-OPENID` and `code-OPENID~ANYTHING` are good without registration.
    pub(crate) fn redeem(&mut self, code: &str) -> Result<Session, i64> {
        let entry = match self.known.get(code) {
            Some(entry) => entry.clone(),
            None => {
                let rest = code.strip_prefix("code-").ok_or(40029)?;
                let openid = rest.split('~').next().filter(|o| !o.is_empty()).ok_or(40029)?;
                LoginCode { code: code.to_owned(), openid: openid.to_owned(), unionid: None, blocked: false }
            }
        };
        if !self.used.insert(code.to_owned()) {
            return Err(40163);
        }
        if entry.blocked {
            return Err(40226);
        }
        let key: [u8; 16] = std::array::from_fn(|_| fastrand::u8(..));
        Ok(Session {
            openid: entry.openid,
            unionid: entry.unionid,
            session_key: base64::engine::general_purpose::STANDARD.encode(key),
        })
    }
}
