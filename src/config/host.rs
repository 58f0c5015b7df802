//! A server that answers as WeChat does: one entry of `api_base`.

use std::fmt;
use std::net::IpAddr;

use ureq::http::Uri;

/// Scheme, authority and path prefix, without the closing slash.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Host(String);

impl Host {
    /// WeChat's own.
    pub fn wechat() -> Host {
        Host("https://api.weixin.qq.com".to_owned())
    }

    /// Takes `https://…`, or `http://…` to a loopback host, since the secret and the token travel in requests.
    pub fn parse(text: &str) -> Result<Host, String> {
        let wrong = |why: &str| Err(format!("{:?} {why}", to_be_shown(text)));
        let Ok(uri) = text.parse::<Uri>() else { return wrong("is not a URL") };
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return wrong("is not a URL like https://api.weixin.qq.com");
        };
        // Anywhere, since a slash in a password moves the rest of it into the path.
        if text.contains('@') {
            return wrong("holds a user name; that is not supported");
        }
        if uri.query().is_some() || text.contains('#') {
            return wrong("holds a query or fragment; give the base only");
        }
        match scheme {
            "https" => {}
            "http" if is_loopback(authority.host()) => {}
            "http" => return wrong("is plain http to another machine: the secret would be readable; use https://"),
            _ => return wrong("is neither https:// nor http://"),
        }
        Ok(Host(text.trim_end_matches('/').to_owned()))
    }

    /// The base URL.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost") || bare.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// Without a user's name and password, and without a query, which may hold a secret.
fn to_be_shown(text: &str) -> &str {
    let host = text.rsplit('@').next().unwrap_or_default();
    host.split(['?', '#']).next().unwrap_or_default()
}
