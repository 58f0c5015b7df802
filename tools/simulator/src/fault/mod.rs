mod bytes;
mod kind;
mod queue;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub use bytes::Bytes;
pub use kind::FaultKind;
pub(crate) use queue::Faults;

use crate::endpoint::Endpoint;

/// Something that goes wrong with the requests that it matches.
///
/// Armed faults form a queue: a request meets the first one that matches it, and uses up one of its times. Sends that are
/// answered 43108 because another one to the same player is in progress meet none.
///
/// ```
/// # use wxsub_simulator::{Endpoint, Fault};
/// let busy_twice = Fault::errcode(-1).on(Endpoint::Send).times(2);
/// let delivered_but_unheard = Fault::close().on(Endpoint::Send).openid("o-alice").applied();
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fault {
    /// Which endpoint; all of WeChat's when absent.
    #[serde(default)]
    pub endpoint: Option<Endpoint>,
    /// Only sends to this player.
    #[serde(default)]
    pub openid: Option<String>,
    /// Only sends with this template.
    #[serde(default)]
    pub template_id: Option<String>,
    /// How many requests it meets; nothing means for ever.
    #[serde(default = "once")]
    pub times: Option<u32>,
    /// Pause before what happens, in milliseconds.
    #[serde(default)]
    pub delay_ms: u64,
    /// Whether WeChat did what was asked (delivered, used the grant, made the token) before the fault struck.
    #[serde(default)]
    pub applied: bool,
    /// What happens.
    #[serde(flatten)]
    pub kind: FaultKind,
}

fn once() -> Option<u32> {
    Some(1)
}

impl Fault {
    /// A fault of this kind that meets the next request, whichever it is.
    pub fn new(kind: FaultKind) -> Self {
        Self { endpoint: None, openid: None, template_id: None, times: Some(1), delay_ms: 0, applied: false, kind }
    }

    /// [`FaultKind::Delay`].
    pub fn delay(ms: u64) -> Self {
        Self::new(FaultKind::Delay).after_ms(ms)
    }

    /// [`FaultKind::Errcode`] with its typical text and HTTP 200.
    pub fn errcode(errcode: i64) -> Self {
        Self::new(FaultKind::Errcode { errcode, errmsg: None, status: 200 })
    }

    /// [`FaultKind::Stall`].
    pub fn stall() -> Self {
        Self::new(FaultKind::Stall)
    }

    /// [`FaultKind::Close`].
    pub fn close() -> Self {
        Self::new(FaultKind::Close)
    }

    /// [`FaultKind::Reset`].
    pub fn reset() -> Self {
        Self::new(FaultKind::Reset)
    }

    /// [`FaultKind::Garbage`].
    pub fn garbage(body: impl Into<Bytes>) -> Self {
        Self::new(FaultKind::Garbage { body: body.into() })
    }

    /// [`FaultKind::Http`].
    pub fn http(status: u16, body: impl Into<Bytes>) -> Self {
        Self::new(FaultKind::Http { status, body: body.into() })
    }

    /// [`FaultKind::Empty`].
    pub fn empty() -> Self {
        Self::new(FaultKind::Empty)
    }

    /// [`FaultKind::Cut`].
    pub fn cut() -> Self {
        Self::new(FaultKind::Cut)
    }

    /// [`FaultKind::Drip`].
    pub fn drip(gap_ms: u64) -> Self {
        Self::new(FaultKind::Drip { gap_ms })
    }

    /// [`FaultKind::Raw`].
    pub fn raw(bytes: impl Into<Bytes>) -> Self {
        Self::new(FaultKind::Raw { body: bytes.into() })
    }

    /// [`FaultKind::ErrcodeAsString`].
    pub fn errcode_as_string(errcode: Option<i64>) -> Self {
        Self::new(FaultKind::ErrcodeAsString { errcode })
    }

    /// [`FaultKind::BrokenErrmsg`].
    pub fn broken_errmsg(errcode: Option<i64>) -> Self {
        Self::new(FaultKind::BrokenErrmsg { errcode })
    }

    /// Only requests to this endpoint.
    #[must_use]
    pub fn on(self, endpoint: Endpoint) -> Self {
        Self { endpoint: Some(endpoint), ..self }
    }

    /// Only sends to this player.
    #[must_use]
    pub fn openid(self, openid: impl Into<String>) -> Self {
        Self { openid: Some(openid.into()), ..self }
    }

    /// Only sends with this template.
    #[must_use]
    pub fn template(self, template_id: impl Into<String>) -> Self {
        Self { template_id: Some(template_id.into()), ..self }
    }

    /// The next `n` requests that match.
    #[must_use]
    pub fn times(self, n: u32) -> Self {
        Self { times: Some(n), ..self }
    }

    /// Every request that matches, until the faults are cleared.
    #[must_use]
    pub fn forever(self) -> Self {
        Self { times: None, ..self }
    }

    /// A pause before it happens.
    #[must_use]
    pub fn after_ms(self, ms: u64) -> Self {
        Self { delay_ms: ms, ..self }
    }

    /// WeChat did what was asked, before the fault struck.
    #[must_use]
    pub fn applied(self) -> Self {
        Self { applied: true, ..self }
    }

    /// Reads the JSON form; strict about names, since a misspelt filter would hit the wrong request.
    pub(crate) fn from_json(mut json: Map<String, Value>) -> Result<Self, String> {
        const KNOWN: [&str; 13] = [
            "endpoint",
            "openid",
            "template_id",
            "times",
            "delay_ms",
            "applied",
            "kind",
            "errcode",
            "errmsg",
            "status",
            "text",
            "base64",
            "gap_ms",
        ];
        if let Some(odd) = json.keys().find(|k| !KNOWN.contains(&k.as_str())) {
            return Err(format!("fault: unknown key {odd:?}; known: {}", KNOWN.join(", ")));
        }
        if json.get("endpoint").is_some_and(|e| e == "any") {
            json.remove("endpoint");
        }
        if json.get("times").is_some_and(|t| t == "forever") {
            json.insert("times".to_owned(), Value::Null);
        }
        serde_json::from_value(Value::Object(json)).map_err(|e| format!("fault: {e}"))
    }

    /// Whether the truth is decided on receipt of a request that meets this fault.
    pub(crate) fn is_applied(&self) -> bool {
        self.applied
            || matches!(
                self.kind,
                FaultKind::Drip { .. }
                    | FaultKind::ErrcodeAsString { errcode: None }
                    | FaultKind::BrokenErrmsg { errcode: None }
            )
    }

    pub(super) fn matches(&self, endpoint: Endpoint, openid: Option<&str>, template: Option<&str>) -> bool {
        self.endpoint.is_none_or(|e| e == endpoint)
            && self.openid.as_deref().is_none_or(|o| Some(o) == openid)
            && self.template_id.as_deref().is_none_or(|t| Some(t) == template)
    }

    pub(super) fn hits_fresh_connections(&self) -> bool {
        self.kind == FaultKind::Reset && self.endpoint.is_none() && self.openid.is_none() && self.template_id.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(text: &str) -> Result<Fault, String> {
        Fault::from_json(serde_json::from_str(text).unwrap())
    }

    #[test]
    fn first_match_in_the_queue_is_met_and_used_up() {
        let mut faults = Faults::default();
        faults.arm(Fault::errcode(1).on(Endpoint::Token));
        faults.arm(Fault::errcode(2).openid("a").times(2));
        faults.arm(Fault::errcode(3).template("t").forever());
        faults.arm(Fault::errcode(4));
        let mut meet = |e, o, t| match faults.take(e, o, t).map(|f| f.kind) {
            Some(FaultKind::Errcode { errcode, .. }) => errcode,
            _ => 0,
        };
        assert_eq!(meet(Endpoint::Send, Some("a"), Some("t")), 2);
        assert_eq!(meet(Endpoint::Send, Some("b"), Some("t")), 3);
        assert_eq!(meet(Endpoint::Send, Some("a"), Some("t")), 2);
        assert_eq!(meet(Endpoint::Send, Some("a"), Some("t")), 3);
        assert_eq!(meet(Endpoint::Send, Some("a"), Some("u")), 4);
        assert_eq!(meet(Endpoint::Send, Some("a"), Some("u")), 0);
        assert_eq!(meet(Endpoint::Token, None, None), 1);
    }

    #[test]
    fn json_forms() {
        assert_eq!(json(r#"{"kind":"stall"}"#).unwrap(), Fault::stall());
        assert_eq!(
            json(r#"{"kind":"errcode","errcode":-1,"endpoint":"send","times":"forever","delay_ms":5,"applied":true}"#)
                .unwrap(),
            Fault::errcode(-1).on(Endpoint::Send).forever().after_ms(5).applied()
        );
        assert_eq!(json(r#"{"kind":"garbage","base64":"/wA="}"#).unwrap(), Fault::garbage([0xff, 0]));
        assert_eq!(json(r#"{"kind":"http","status":502,"text":"<html>"}"#).unwrap(), Fault::http(502, "<html>"));
        assert_eq!(json(r#"{"kind":"errcode_as_string","endpoint":"any"}"#).unwrap(), Fault::errcode_as_string(None));
        assert!(json(r#"{"kind":"stall","open_id":"a"}"#).unwrap_err().contains("open_id"));
        assert!(json(r#"{"kind":"explode"}"#).is_err());
        let round = serde_json::to_value(Fault::garbage([0xff, 0]).on(Endpoint::GetTemplate)).unwrap();
        assert_eq!(
            Fault::from_json(round.as_object().unwrap().clone()).unwrap(),
            Fault::garbage([0xff, 0]).on(Endpoint::GetTemplate)
        );
    }
}
