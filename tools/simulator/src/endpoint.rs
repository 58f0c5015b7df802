use serde::{Deserialize, Serialize};

/// One of WeChat's endpoints that the simulator knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Endpoint {
    /// `POST /cgi-bin/message/subscribe/send` (wechat-api.md, section 3).
    Send,
    /// `POST /cgi-bin/stable_token` (section 2).
    StableToken,
    /// `GET /cgi-bin/token`, the legacy token (section 2).
    Token,
    /// `GET /wxaapi/newtmpl/gettemplate` (section 5).
    #[serde(rename = "gettemplate")]
    GetTemplate,
    /// `GET /sns/jscode2session` (section 5).
    #[serde(rename = "jscode2session")]
    Jscode2Session,
    /// Any other path; the answer is errcode 40066.
    Other,
}

impl Endpoint {
    pub(crate) fn of(path: &str) -> Self {
        match path {
            "/cgi-bin/message/subscribe/send" => Self::Send,
            "/cgi-bin/stable_token" => Self::StableToken,
            "/cgi-bin/token" => Self::Token,
            "/wxaapi/newtmpl/gettemplate" => Self::GetTemplate,
            "/sns/jscode2session" => Self::Jscode2Session,
            _ => Self::Other,
        }
    }

    /// The name used in JSON: `send`, `stable_token`, `token`, `gettemplate`, `jscode2session`, `other`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Send => "send",
            Self::StableToken => "stable_token",
            Self::Token => "token",
            Self::GetTemplate => "gettemplate",
            Self::Jscode2Session => "jscode2session",
            Self::Other => "other",
        }
    }

    pub(crate) fn by_name(name: &str) -> Option<Self> {
        [Self::Send, Self::StableToken, Self::Token, Self::GetTemplate, Self::Jscode2Session, Self::Other]
            .into_iter()
            .find(|e| e.name() == name)
    }

    /// GET or POST; nothing where either would do.
    pub(crate) fn method(self) -> Option<&'static str> {
        match self {
            Self::Send | Self::StableToken => Some("POST"),
            Self::Token | Self::GetTemplate | Self::Jscode2Session => Some("GET"),
            Self::Other => None,
        }
    }

    /// "The content type varies" (head of wechat-api.md).
    pub(crate) fn content_type(self) -> &'static str {
        match self {
            Self::Jscode2Session => "text/plain",
            _ => "application/json; encoding=utf-8",
        }
    }
}
