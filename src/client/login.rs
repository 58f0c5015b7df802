//! A login code becomes an openid.

use super::Parts;
use super::wechat_api::{Call, Credential, Timing};
use crate::error::{Error, Status};
use crate::secret::Secret;
use crate::wechat::{Endpoint, Request};

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

/// The longest login code that is sent to WeChat, in bytes: it comes from a player's device and goes into a URL.
const MAX_CODE: usize = 512;

impl Parts {
    /// Asks WeChat who a login code belongs to.
    ///
    /// # Errors
    /// [`Status::Wechat`] when the code is no good, and those of any call to WeChat.
    pub fn login(&self, code: &str) -> Result<Identity, Error> {
        if code.is_empty() {
            return Err(Error::new(Status::Arg, "code is empty"));
        }
        if code.len() > MAX_CODE {
            let why = format!("code is {} bytes long, at most {MAX_CODE} are allowed", code.len());
            return Err(Error::new(Status::Arg, why));
        }
        let Some(secret) = &self.core.config.secret else {
            return Err(Error::new(
                Status::Config,
                "a login needs \"secret\" in the configuration, also with \"token\": \"external\"",
            ));
        };
        let call = Call {
            endpoint: Endpoint::Login,
            timing: Timing::until(self.core.deadline()),
            attempts: self.core.config.max_attempts,
            credential: Credential::Secret(secret),
            request: &|secret| Request::login(&self.core.config.appid, secret, code),
            accepts: |_| true,
        };
        let answer = self.api.call(&call).result.into_answer()?;
        if answer.text("openid").is_empty() {
            return Err(Error::new(Status::Wechat, "WeChat's answer to the login holds no openid"));
        }
        Ok(Identity {
            openid: answer.text("openid").to_owned(),
            unionid: answer.text("unionid").to_owned(),
            session_key: Secret::new(answer.text("session_key").to_owned()),
        })
    }
}
