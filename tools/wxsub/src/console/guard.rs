//! Who may use the console: the browser that was given the address, by its own page.

use std::sync::Mutex;

use axum::body::Body;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, COOKIE, HOST, HeaderMap, HeaderName, HeaderValue, ORIGIN,
    REFERRER_POLICY, REFRESH, SET_COOKIE, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::{Method, StatusCode, Uri};
use axum::response::Response;
use sha2::{Digest, Sha256};

use crate::text;

/// The page runs no script but its own and asks nobody else.
const OWN_ONLY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
                        connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// What becomes of a request.
pub enum Admission {
    /// It comes from the page.
    Session,
    /// The token was exchanged for a session.
    Exchanged(Response),
    /// It does not, and this is the answer.
    Refused(Response),
}

/// The console's lock.
pub struct Guard {
    port: u16,
    /// Good for one exchange.
    token: Mutex<Option<String>>,
    first: String,
    /// The cookie's value.
    session: String,
    /// What the page says with each request. Browsers give cookies to every port of a host, and so to other users' programs
    /// on this machine; what a page keeps, only pages of its own port see.
    page: String,
}

/// Has it.
const PAGE: HeaderName = HeaderName::from_static("x-wxsub-console");

impl Guard {
    /// With a token and a session that nobody can guess.
    pub fn new(port: u16) -> Result<Guard, getrandom::Error> {
        let token = random()?;
        Ok(Guard { port, first: token.clone(), token: Mutex::new(Some(token)), session: random()?, page: random()? })
    }

    /// The address to open.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/?token={}", self.port, self.first)
    }

    /// Judges a request.
    pub fn admit(&self, method: &Method, uri: &Uri, headers: &HeaderMap) -> Admission {
        // A Host of another name is a page that had its own name point here.
        let host = text_of(headers, &HOST);
        if !["127.0.0.1", "localhost"].iter().any(|name| host == format!("{name}:{}", self.port)) {
            return refused(text::OTHER_HOST);
        }
        let origin = headers.contains_key(ORIGIN).then(|| text_of(headers, &ORIGIN));
        if origin.map_or(method != Method::GET, |origin| origin != format!("http://{host}")) {
            return refused(text::OTHER_ORIGIN);
        }
        let fetched = text_of(headers, &HeaderName::from_static("sec-fetch-site"));
        if uri.path() == "/"
            && let Some(given) = uri.query().and_then(|query| query.strip_prefix("token="))
        {
            return self.exchange(given);
        }
        if fetched == "cross-site" {
            return refused(text::OTHER_ORIGIN);
        }
        let is_page = method == Method::GET || same(&text_of(headers, &PAGE), &self.page);
        if is_page && self.has_session(headers) { Admission::Session } else { refused(text::NO_SESSION) }
    }

    fn exchange(&self, given: &str) -> Admission {
        let mut token = self.token.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if !token.as_ref().is_some_and(|token| same(token, given)) {
            return refused(text::WRONG_TOKEN);
        }
        *token = None;
        let mut response = Response::new(Body::empty());
        let cookie = format!("{}={}; HttpOnly; SameSite=Strict; Path=/", self.cookie(), self.session);
        // Not a redirect: SameSite=Strict would keep the cookie from one that began at another site's link.
        let next = format!("0; url=/#key={}", self.page);
        for (name, value) in [(REFRESH, next), (SET_COOKIE, cookie)] {
            let Ok(value) = HeaderValue::from_str(&value) else { return refused(text::WRONG_TOKEN) };
            response.headers_mut().insert(name, value);
        }
        Admission::Exchanged(response)
    }

    /// Cookies are shared by all ports of a host, so the name has ours.
    fn cookie(&self) -> String {
        format!("wxsub_console_{}", self.port)
    }

    fn has_session(&self, headers: &HeaderMap) -> bool {
        let name = self.cookie();
        headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(';')).any(
            |pair| pair.trim().split_once('=').is_some_and(|(key, value)| key == name && same(value, &self.session)),
        )
    }
}

fn random() -> Result<String, getrandom::Error> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// By digests, so that the time it takes tells nothing of the text.
fn same(one: &str, other: &str) -> bool {
    Sha256::digest(one) == Sha256::digest(other)
}

fn text_of(headers: &HeaderMap, name: &HeaderName) -> String {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
}

fn refused(why: text::Text) -> Admission {
    let mut response = Response::new(Body::from(format!("{}\n", why.get())));
    *response.status_mut() = StatusCode::FORBIDDEN;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    Admission::Refused(response)
}

/// What every answer says to the browser.
pub fn harden(headers: &mut HeaderMap) {
    for (name, value) in [
        (CONTENT_SECURITY_POLICY, OWN_ONLY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (X_FRAME_OPTIONS, "DENY"),
        (REFERRER_POLICY, "no-referrer"),
        (CACHE_CONTROL, "no-store"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admit(guard: &Guard, method: Method, uri: &str, headers: &[(&str, &str)]) -> u16 {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(HeaderName::from_bytes(name.as_bytes()).unwrap(), value.parse().unwrap());
        }
        match guard.admit(&method, &uri.parse().unwrap(), &map) {
            Admission::Session => 200,
            Admission::Exchanged(_) => 303,
            Admission::Refused(response) => response.status().as_u16(),
        }
    }

    #[test]
    fn only_the_page_that_was_let_in_is_let_in() {
        let guard = Guard::new(8900).unwrap();
        let host = ("host", "127.0.0.1:8900");
        let cookie = format!("a=b; wxsub_console_8900={}", guard.session);
        let cookie = ("cookie", cookie.as_str());
        let own = ("origin", "http://127.0.0.1:8900");
        let page = ("x-wxsub-console", guard.page.as_str());
        for (fine, method, headers) in [
            (true, Method::GET, vec![host, cookie]),
            (true, Method::GET, vec![("host", "localhost:8900"), cookie]),
            (true, Method::POST, vec![host, cookie, own, page]),
            (false, Method::POST, vec![host, cookie, own]),
            (false, Method::POST, vec![host, cookie, own, ("x-wxsub-console", &guard.session)]),
            (false, Method::POST, vec![host, cookie, page]),
            (false, Method::POST, vec![host, own, page]),
            (false, Method::GET, vec![host]),
            (false, Method::GET, vec![cookie]),
            (false, Method::GET, vec![("host", "evil.example:8900"), cookie]),
            (false, Method::GET, vec![("host", "127.0.0.1"), cookie]),
            (false, Method::GET, vec![("host", "127.0.0.1:8901"), cookie]),
            (false, Method::POST, vec![host, cookie, page, ("origin", "http://evil.example")]),
            (false, Method::POST, vec![host, cookie, page, ("origin", "null")]),
            (false, Method::POST, vec![host, cookie, page, ("origin", "http://localhost:8900")]),
            (false, Method::GET, vec![host, cookie, ("sec-fetch-site", "cross-site")]),
            (false, Method::GET, vec![host, ("cookie", "wxsub_console_8900=")]),
            (false, Method::GET, vec![host, ("cookie", "wxsub_console_8900=0")]),
        ] {
            assert_eq!(
                admit(&guard, method.clone(), "/api/ask", &headers),
                if fine { 200 } else { 403 },
                "{headers:?}"
            );
        }
    }

    #[test]
    fn the_token_is_good_once() {
        let guard = Guard::new(8900).unwrap();
        let host = ("host", "127.0.0.1:8900");
        let url = guard.url();
        let uri = url.strip_prefix("http://127.0.0.1:8900").unwrap();
        assert_eq!(admit(&guard, Method::GET, "/?token=", &[host]), 403);
        assert_eq!(admit(&guard, Method::GET, &format!("{uri}0"), &[host]), 403);
        assert_eq!(admit(&guard, Method::GET, uri, &[("host", "evil.example:8900")]), 403);
        assert_eq!(admit(&guard, Method::GET, uri, &[host]), 303);
        assert_eq!(admit(&guard, Method::GET, uri, &[host]), 403);
    }
}
