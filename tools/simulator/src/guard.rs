//! Who may use the controls and the phone: this machine, and no page of another site in its browser.

use hyper::HeaderMap;
use hyper::header::{HOST, ORIGIN};

use crate::loopback::is_loopback;

/// A `Host` of another name is a page that had its own name point here; an `Origin` of another site is its script.
pub(crate) fn check(headers: &HeaderMap) -> Result<(), &'static str> {
    let text = |name| headers.get(&name).map(|value| value.to_str().unwrap_or_default());
    let host = text(HOST).unwrap_or_default();
    let name = host.rsplit_once(':').filter(|(_, port)| port.bytes().all(|b| b.is_ascii_digit())).map_or(host, |h| h.0);
    if !is_loopback(name) {
        return Err("the simulator answers to 127.0.0.1 and localhost only");
    }
    match text(ORIGIN) {
        Some(origin) if origin != format!("http://{host}") && origin != format!("https://{host}") => {
            Err("the simulator's controls and its phone are not for other sites")
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_names_and_own_origin_only() {
        let checked = |host: &str, origin: Option<&str>| {
            let mut headers = HeaderMap::new();
            headers.insert(HOST, host.parse().unwrap());
            origin.map(|origin| headers.insert(ORIGIN, origin.parse().unwrap()));
            check(&headers).is_ok()
        };
        for (host, origin, fine) in [
            ("127.0.0.1:8900", None, true),
            ("localhost:8900", Some("http://localhost:8900"), true),
            ("localhost", Some("https://localhost"), true),
            ("localhost:8900", Some("http://127.0.0.1:8900"), false),
            ("127.0.0.1:8900", Some("http://127.0.0.1:8901"), false),
            ("127.0.0.1:8900", Some("http://evil.example"), false),
            ("127.0.0.1:8900", Some("null"), false),
            ("evil.example:8900", None, false),
            ("127.0.0.1.evil.example", None, false),
            ("", None, false),
        ] {
            assert_eq!(checked(host, origin), fine, "{host} {origin:?}");
        }
        assert!(check(&HeaderMap::new()).is_err());
    }
}
