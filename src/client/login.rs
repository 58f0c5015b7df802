//! A login code becomes an openid.

use super::Parts;
use super::api_transport::Timing;
use super::wechat_api::{Call, Credential};
use crate::error::{Error, Status};
use crate::wechat::{Endpoint, Identity, Request};

/// The longest login code that is sent to WeChat, in bytes: it comes from a player's device and goes into a URL.
const MAX_CODE: usize = 512;

impl Parts {
    /// Asks WeChat who a login code belongs to.
    ///
    /// # Errors
    /// [`Status::Wechat`] when the code is no good, and those of any call to WeChat.
    pub fn login(&self, code: &str) -> Result<Identity, Error> {
        self.core.refuse_observer("a login")?;
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
        answer.identity().ok_or_else(|| Error::new(Status::Wechat, "WeChat's answer to the login holds no openid"))
    }
}
