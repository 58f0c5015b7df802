//! Verdicts and errors as both engines keep them.

use crate::error::{Error, Retry, Status, Verdict};

/// The verdict on a send whose process did not end it.
pub fn found_running(key: &str, template_id: &str) -> Verdict {
    let why = "the process that sent it ended before the verdict: maybe sent; it is not sent again";
    let verdict = Verdict::from(Error::new(Status::Unknown, why));
    Verdict { key: key.to_owned(), template_id: template_id.to_owned(), ..verdict }
}

/// A verdict as it is kept.
pub fn to_text(verdict: &Verdict) -> String {
    // A flat struct of numbers and strings always serialises.
    serde_json::to_string(verdict).unwrap_or_default()
}

/// What cannot be read, such as a newer version's status, had an effect in doubt.
pub fn from_text(text: &str) -> Verdict {
    serde_json::from_str(text).unwrap_or_else(|_| {
        Verdict::from(Error::new(
            Status::Unknown,
            "the first call's verdict is kept in a form that this version cannot read",
        ))
    })
}

/// An error as it is kept.
pub fn error_to_text(e: &Error) -> String {
    serde_json::json!([e.status.code(), e.errcode, e.http_status, e.message]).to_string()
}

/// What cannot be read is a failure all the same.
pub fn error_from_text(text: Option<&str>) -> Error {
    let read = text.and_then(|t| serde_json::from_str::<(i32, i32, i32, String)>(t).ok());
    match read {
        Some((status, errcode, http_status, message)) => Error {
            retry: Retry::Later,
            ..Error::new(Status::from_code(status).unwrap_or(Status::Auth), message).answered(errcode, http_status)
        },
        None => Error::new(Status::Auth, "asking for a token failed a moment ago"),
    }
}
