use std::time::Duration;

use hyper::Method;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use serde::Serialize;

use super::Pushed;
use crate::loopback::{self, Target};

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
    let target = Target::new(url).map_err(|e| format!("push: {e}"))?;
    let mut tries = Vec::new();
    while tries.len() < TRIES {
        let one = match post(pushed, &target).await {
            Ok((status, body)) => PushTry { status: Some(status), body, error: None },
            Err(error) => PushTry { status: None, body: String::new(), error: Some(error) },
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

async fn post(pushed: &Pushed, target: &Target) -> Result<(u16, String), String> {
    let join = if target.path_and_query().contains('?') { '&' } else { '?' };
    let path = format!("{}{join}{}", target.path_and_query(), pushed.query);
    let headers = vec![(CONTENT_TYPE, HeaderValue::from_static(pushed.content_type))];
    let body = pushed.body.clone().into_bytes();
    let answer = loopback::request(target, Method::POST, &path, headers, body, PATIENCE).await?;
    Ok((answer.status, String::from_utf8_lossy(&answer.body).into_owned()))
}
