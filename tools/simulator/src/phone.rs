//! The phone: a player's WeChat in a browser, with the game client's kit in a game.

use std::collections::BTreeMap;
use std::time::Duration;

use hyper::body::Bytes;
use hyper::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, HeaderValue, X_CONTENT_TYPE_OPTIONS,
};
use hyper::{Method, Response, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::loopback::{self, Target};

/// wx.request gives up after a minute.
const PATIENCE: Duration = Duration::from_secs(60);

/// The pages run no script but their own.
const OWN_ONLY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
                        frame-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";
/// The game's frame also runs a team's own script, from this machine.
const GAME: &str = "default-src 'none'; script-src 'self' http://127.0.0.1:* http://localhost:*; \
                    style-src 'self' 'unsafe-inline'; img-src 'self' data: blob: http://127.0.0.1:* http://localhost:*; \
                    media-src 'self' data: blob: http://127.0.0.1:* http://localhost:*; font-src data: http://127.0.0.1:*; \
                    connect-src 'self' http://127.0.0.1:* http://localhost:*; frame-ancestors 'self'; base-uri 'none'; \
                    form-action 'none'";

macro_rules! asset {
    ($name:literal) => {
        ($name, include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/phone/", $name)))
    };
}

const ASSETS: &[(&str, &str)] = &[
    asset!("index.html"),
    asset!("phone.css"),
    asset!("cards.css"),
    asset!("panel.css"),
    asset!("main.js"),
    asset!("text.js"),
    asset!("wechat.js"),
    asset!("subscriptions.js"),
    asset!("events.js"),
    asset!("dialog.js"),
    asset!("notices.js"),
    asset!("settings.js"),
    asset!("panel.js"),
    asset!("game.html"),
    asset!("game.css"),
    asset!("game.js"),
    asset!("boot.js"),
    asset!("pocket.js"),
    asset!("wx.js"),
    // The kit as game teams get it; game/ has the test that it is built from its sources.
    ("kit.js", include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../game/dist/wxsub-client.min.js"))),
];

pub(crate) async fn serve(method: &Method, path: &str, body: &[u8]) -> Response<Bytes> {
    match (method.as_str(), path) {
        ("GET", "/phone" | "/phone/") => file("index.html"),
        ("GET", _) => file(path.strip_prefix("/phone/").unwrap_or_default()),
        ("POST", "/phone/request") => {
            let answer = relay(body).await.unwrap_or_else(|error| json!({ "error": error }));
            reply(StatusCode::OK, "application/json", OWN_ONLY, answer.to_string().into())
        }
        _ => reply(StatusCode::METHOD_NOT_ALLOWED, "text/plain", OWN_ONLY, Bytes::new()),
    }
}

fn file(name: &str) -> Response<Bytes> {
    let Some((_, text)) = ASSETS.iter().find(|(asset, _)| *asset == name) else {
        return reply(StatusCode::NOT_FOUND, "text/plain", OWN_ONLY, Bytes::from_static(b"no such page"));
    };
    let content_type = match name.rsplit_once('.').map(|(_, ending)| ending) {
        Some("html") => "text/html; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        _ => "text/javascript; charset=utf-8",
    };
    let policy = if name == "game.html" { GAME } else { OWN_ONLY };
    reply(StatusCode::OK, content_type, policy, Bytes::from_static(text.as_bytes()))
}

fn reply(status: StatusCode, content_type: &'static str, policy: &'static str, body: Bytes) -> Response<Bytes> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// What a game asks of its own server by wx.request, which knows no rule about other origins as a browser has.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GameRequest {
    url: String,
    method: String,
    #[serde(default)]
    header: BTreeMap<String, String>,
    #[serde(default)]
    data: String,
}

async fn relay(body: &[u8]) -> Result<Value, String> {
    let wanted: GameRequest = serde_json::from_slice(body).map_err(|e| e.to_string())?;
    let target = Target::new(&wanted.url)?;
    let method = Method::from_bytes(wanted.method.as_bytes()).map_err(|e| e.to_string())?;
    let mut headers = Vec::new();
    let own = |name: &str| !["host", "content-length", "transfer-encoding", "connection"].contains(&name);
    for (name, value) in wanted.header.iter().filter(|(name, _)| own(&name.to_ascii_lowercase())) {
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|e| format!("{name:?}: {e}"))?;
        headers.push((name, HeaderValue::from_str(value).map_err(|e| e.to_string())?));
    }
    let data = wanted.data.into_bytes();
    let answer = loopback::request(&target, method, target.path_and_query(), headers, data, PATIENCE).await?;
    let header: BTreeMap<&str, &str> =
        answer.headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap_or_default())).collect();
    Ok(json!({
        "statusCode": answer.status,
        "header": header,
        "data": String::from_utf8_lossy(&answer.body),
    }))
}
