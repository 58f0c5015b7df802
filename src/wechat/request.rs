//! Requests to WeChat.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::json;
use zeroize::Zeroizing;

use crate::secret::Secret;

/// What stays as it is in a query value (RFC 3986, unreserved).
const QUERY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// One request, for any host that answers as WeChat does.
pub struct Request {
    /// POST with a JSON body, or GET without one.
    pub post: bool,
    path_and_query: Secret,
    /// Raw UTF-8 JSON, whole, so that it goes out with a Content-Length: WeChat answers 412 to a chunked one
    /// (wechat-api: top).
    pub body: Zeroizing<Vec<u8>>,
}

impl Request {
    /// `POST /cgi-bin/message/subscribe/send` (wechat-api: section 3).
    pub fn send(token: &Secret, body: &[u8]) -> Request {
        Request {
            post: true,
            path_and_query: query("/cgi-bin/message/subscribe/send", &[("access_token", token.expose())]),
            body: Zeroizing::new(body.to_vec()),
        }
    }

    /// `POST /cgi-bin/stable_token` (wechat-api: section 2).
    pub fn stable_token(appid: &str, secret: &Secret, force_refresh: bool) -> Request {
        let body = json!({
            "grant_type": "client_credential",
            "appid": appid,
            "secret": secret.expose(),
            "force_refresh": force_refresh,
        });
        Request {
            post: true,
            path_and_query: query("/cgi-bin/stable_token", &[]),
            body: Zeroizing::new(body.to_string().into_bytes()),
        }
    }

    /// `GET /cgi-bin/token` (wechat-api: section 2).
    pub fn legacy_token(appid: &str, secret: &Secret) -> Request {
        let parameters = [("grant_type", "client_credential"), ("appid", appid), ("secret", secret.expose())];
        Request { post: false, path_and_query: query("/cgi-bin/token", &parameters), body: Zeroizing::default() }
    }

    /// `GET /wxaapi/newtmpl/gettemplate` (wechat-api: section 5).
    pub fn templates(token: &Secret) -> Request {
        let path_and_query = query("/wxaapi/newtmpl/gettemplate", &[("access_token", token.expose())]);
        Request { post: false, path_and_query, body: Zeroizing::default() }
    }

    /// `GET /sns/jscode2session` (wechat-api: section 5).
    pub fn login(appid: &str, secret: &Secret, code: &str) -> Request {
        let parameters =
            [("appid", appid), ("secret", secret.expose()), ("js_code", code), ("grant_type", "authorization_code")];
        Request { post: false, path_and_query: query("/sns/jscode2session", &parameters), body: Zeroizing::default() }
    }

    /// A request that WeChat refuses whoever asks: its answer tells that WeChat is there, and its time.
    pub fn probe() -> Request {
        Request { post: false, path_and_query: query("/cgi-bin/get_api_domain_ip", &[]), body: Zeroizing::default() }
    }

    /// The whole URL at this base.
    pub fn url(&self, base: &str) -> Secret {
        Secret::new(format!("{base}{}", self.path_and_query.expose()))
    }
}

fn query(path: &str, parameters: &[(&str, &str)]) -> Secret {
    let mut text = path.to_owned();
    for (i, (name, value)) in parameters.iter().enumerate() {
        text.push(if i == 0 { '?' } else { '&' });
        text.push_str(name);
        text.push('=');
        text.extend(utf8_percent_encode(value, QUERY));
    }
    Secret::new(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn query_values_are_escaped() {
        let secret = Secret::new("a+b&c=é".to_owned());
        let url = Request::legacy_token("wx1", &secret).url("https://h/p");
        assert_eq!(
            url.expose(),
            "https://h/p/cgi-bin/token?grant_type=client_credential&appid=wx1&secret=a%2Bb%26c%3D%C3%A9"
        );
    }
}
