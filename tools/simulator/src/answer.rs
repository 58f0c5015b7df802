use std::sync::Arc;

use crate::endpoint::Endpoint;
use crate::records::Delivery;

/// What goes back to the caller, unless a fault gets in between.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub status: u16,
    pub content_type: String,
    pub body: Vec<u8>,
    /// What WeChat says; 0 on success.
    pub errcode: i64,
    pub delivered: Option<Arc<Delivery>>,
}

impl Answer {
    pub(crate) fn ok(endpoint: Endpoint, body: impl Into<Vec<u8>>) -> Self {
        Self {
            status: 200,
            content_type: endpoint.content_type().to_owned(),
            body: body.into(),
            errcode: 0,
            delivered: None,
        }
    }

    /// An error as WeChat words it: HTTP 200, text with a rid.
    pub(crate) fn error(endpoint: Endpoint, errcode: i64) -> Self {
        Self::error_with(endpoint, errcode, default_errmsg(errcode))
    }

    pub(crate) fn error_with(endpoint: Endpoint, errcode: i64, errmsg: &str) -> Self {
        let text = serde_json::Value::from(with_rid(endpoint, errmsg));
        Self { errcode, ..Self::ok(endpoint, format!(r#"{{"errcode":{errcode},"errmsg":{text}}}"#)) }
    }
}

/// ` rid: 8hex-8hex-8hex` on /cgi-bin, with a comma on /sns; the first group is the Unix second (head of wechat-api.md).
pub(crate) fn with_rid(endpoint: Endpoint, errmsg: &str) -> String {
    let second = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |d| d.as_secs() as u32);
    let comma = if endpoint == Endpoint::Jscode2Session { "," } else { "" };
    format!("{errmsg}{comma} rid: {second:08x}-{:08x}-{:08x}", fastrand::u32(..), fastrand::u32(..))
}

/// The typical texts of sections 2, 3 and 5.
pub(crate) fn default_errmsg(errcode: i64) -> &'static str {
    match errcode {
        0 => "ok",
        -1 => "system error",
        40001 => {
            "invalid credential, access_token is invalid or not latest, could get access_token by \
             getStableAccessToken, more details at https://mmbizurl.cn/s/JtxxFh33r"
        }
        40002 => "invalid grant_type",
        40003 => "invalid openid",
        40013 => "invalid appid",
        40014 => "invalid access_token",
        40029 => "invalid code",
        40037 => "invalid template_id",
        40066 => "invalid url",
        40125 => "invalid appsecret, view more at http://t.cn/RAEkdVq",
        40163 => "code been used",
        40164 => "invalid ip 127.0.0.1 ipv6 ::ffff:127.0.0.1, not in whitelist",
        40165 => "invalid weapp pagepath",
        40226 => "code blocked",
        40243 => "AppSecret has been frozen, please unfreeze it and try again",
        41001 => "access_token missing",
        41002 => "appid missing",
        41004 => "appsecret missing",
        41008 => "missing code",
        41030 => "invalid page",
        42001 => "access_token expired",
        43001 => "require GET method",
        43002 => "require POST method",
        43101 => "user refuse to accept the msg",
        43108 => "Cannot make concurrent calls to the same OpenID, please try again",
        45009 => "reach max api daily quota limit",
        45011 => "api minute-quota reach limit, must slower, retry next minute",
        47001 => "data format error",
        47003 => "argument invalid!",
        48001 => "api unauthorized",
        50002 => "user limited",
        50004 | 50007 => "account frozen",
        61007 => "api is unauthorized to component",
        _ => "request refused",
    }
}
