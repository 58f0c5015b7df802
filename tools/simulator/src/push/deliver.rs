use std::time::Duration;

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::header::{CONTENT_TYPE, HOST};
use hyper::{Request, Uri};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use tokio::net::TcpStream;

use super::Pushed;

/// Section 6: an answer within 5 s, or it is pushed again, three tries in all.
const TRIES: usize = 3;
const PATIENCE: Duration = Duration::from_secs(5);

/// How a push went.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PushReport {
    /// Whether the endpoint answered as it must, with HTTP 200: `success` or nothing; for gifts and paid goods
    /// `{"ErrCode":0}`.
    pub accepted: bool,
    /// Every try, in order.
    pub tries: Vec<PushTry>,
}

/// One try of a push.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PushTry {
    /// The HTTP status, if there was an answer.
    pub status: Option<u16>,
    /// The answer's body.
    pub body: String,
    /// Why there was no answer.
    pub error: Option<String>,
}

pub(crate) async fn deliver(pushed: &Pushed, url: &str) -> Result<PushReport, String> {
    let uri: Uri = url.parse().map_err(|e| format!("push: {url:?}: {e}"))?;
    let host = uri.host().unwrap_or_default();
    if uri.scheme_str() != Some("http") || !matches!(host, "127.0.0.1" | "localhost") {
        return Err("push: the url must begin with http://127.0.0.1 or http://localhost".to_owned());
    }
    let mut tries = Vec::new();
    while tries.len() < TRIES {
        let answered = tokio::time::timeout(PATIENCE, post(pushed, &uri)).await;
        let one = match answered {
            Ok(Ok((status, body))) => PushTry { status: Some(status), body, error: None },
            Ok(Err(error)) => PushTry { status: None, body: String::new(), error: Some(error) },
            Err(_) => PushTry { status: None, body: String::new(), error: Some("no answer within 5 s".to_owned()) },
        };
        let accepted = one.status == Some(200) && confirms(pushed, &one.body);
        tries.push(one);
        if accepted {
            return Ok(PushReport { accepted, tries });
        }
    }
    Ok(PushReport { accepted: false, tries })
}

fn confirms(pushed: &Pushed, answer: &str) -> bool {
    if !pushed.wants_delivery {
        return matches!(answer.trim(), "" | "success");
    }
    serde_json::from_str(answer).is_ok_and(|answer: serde_json::Value| answer["ErrCode"] == 0)
}

async fn post(pushed: &Pushed, uri: &Uri) -> Result<(u16, String), String> {
    let text = |e: &dyn std::fmt::Display| e.to_string();
    let socket = TcpStream::connect(("127.0.0.1", uri.port_u16().unwrap_or(80))).await.map_err(|e| text(&e))?;
    socket.set_nodelay(true).map_err(|e| text(&e))?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(socket)).await.map_err(|e| text(&e))?;
    let connection = tokio::spawn(connection);
    let join = if uri.query().is_some() { '&' } else { '?' };
    let target = format!("{}{join}{}", uri.path_and_query().map_or("/", |p| p.as_str()), pushed.query);
    let request = Request::post(target)
        .header(HOST, uri.authority().map_or("127.0.0.1", |a| a.as_str()))
        .header(CONTENT_TYPE, pushed.content_type)
        .body(Full::new(Bytes::from(pushed.body.clone())))
        .map_err(|e| text(&e))?;
    let answer = sender.send_request(request).await.map_err(|e| text(&e))?;
    let status = answer.status().as_u16();
    let body = Limited::new(answer.into_body(), 1 << 20).collect().await.map_err(|e| text(&e))?.to_bytes();
    connection.abort();
    Ok((status, String::from_utf8_lossy(&body).into_owned()))
}
