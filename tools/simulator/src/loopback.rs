//! HTTP to this machine and no other.

use std::time::Duration;

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::header::{HOST, HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Request, Uri};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

const MAX_ANSWER: usize = 4 << 20;

/// Where a request goes.
pub(crate) struct Target {
    uri: Uri,
}

impl Target {
    /// Checks that a URL is `http://127.0.0.1…` or `http://localhost…`.
    pub(crate) fn new(url: &str) -> Result<Self, String> {
        let uri: Uri = url.parse().map_err(|e| format!("{url:?}: {e}"))?;
        if uri.scheme_str() != Some("http") || !is_loopback(uri.host().unwrap_or_default()) {
            return Err("the url must begin with http://127.0.0.1 or http://localhost".to_owned());
        }
        Ok(Self { uri })
    }

    /// Path and query.
    pub(crate) fn path_and_query(&self) -> &str {
        self.uri.path_and_query().map_or("/", |p| p.as_str())
    }
}

/// Whether a host, without its port, is this machine's own name.
pub(crate) fn is_loopback(host: &str) -> bool {
    matches!(host, "127.0.0.1" | "localhost")
}

/// What came back.
pub(crate) struct Reply {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

/// One request on a connection of its own; `path` is path and query.
pub(crate) async fn request(
    target: &Target,
    method: Method,
    path: &str,
    headers: Vec<(HeaderName, HeaderValue)>,
    body: Vec<u8>,
    patience: Duration,
) -> Result<Reply, String> {
    let exchange = exchange(target, method, path, headers, body);
    tokio::time::timeout(patience, exchange)
        .await
        .unwrap_or_else(|_| Err(format!("no answer within {} s", patience.as_secs())))
}

async fn exchange(
    target: &Target,
    method: Method,
    path: &str,
    headers: Vec<(HeaderName, HeaderValue)>,
    body: Vec<u8>,
) -> Result<Reply, String> {
    let text = |e: &dyn std::fmt::Display| e.to_string();
    let socket = TcpStream::connect(("127.0.0.1", target.uri.port_u16().unwrap_or(80))).await.map_err(|e| text(&e))?;
    socket.set_nodelay(true).map_err(|e| text(&e))?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(socket)).await.map_err(|e| text(&e))?;
    let connection = tokio::spawn(connection);
    let mut request = Request::new(Full::new(Bytes::from(body)));
    *request.method_mut() = method;
    *request.uri_mut() = path.parse().map_err(|e| text(&e))?;
    let host = target.uri.authority().map_or("127.0.0.1", |a| a.as_str());
    request.headers_mut().insert(HOST, HeaderValue::from_str(host).map_err(|e| text(&e))?);
    request.headers_mut().extend(headers);
    let answer = sender.send_request(request).await.map_err(|e| text(&e))?;
    let (head, body) = answer.into_parts();
    let body = Limited::new(body, MAX_ANSWER).collect().await.map_err(|e| text(&e))?.to_bytes();
    connection.abort();
    Ok(Reply { status: head.status.as_u16(), headers: head.headers, body: body.to_vec() })
}
