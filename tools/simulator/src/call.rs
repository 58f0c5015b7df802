use std::sync::Arc;

use serde_json::Value;

use crate::endpoint::Endpoint;

/// One request to WeChat, read to its end.
pub(crate) struct Call {
    pub endpoint: Endpoint,
    pub method: String,
    pub target: String,
    pub query: Vec<(String, String)>,
    pub body: Arc<[u8]>,
    /// The body as JSON, when it is some.
    pub json: Option<Value>,
    pub connection: u64,
}

impl Call {
    pub(crate) fn new(endpoint: Endpoint, method: &str, target: &str, body: &[u8], connection: u64) -> Self {
        let query = target.split_once('?').map_or("", |(_, q)| q);
        Self {
            endpoint,
            method: method.to_owned(),
            target: target.to_owned(),
            query: form_urlencoded::parse(query.as_bytes()).into_owned().collect(),
            body: body.into(),
            json: serde_json::from_slice(body).ok(),
            connection,
        }
    }

    /// A parameter of the query; an empty one counts as missing.
    pub(crate) fn param(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(k, v)| k == name && !v.is_empty()).map(|(_, v)| v.as_str())
    }

    /// A string in the JSON body; an empty one counts as missing.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.json.as_ref()?.get(name)?.as_str().filter(|s| !s.is_empty())
    }

    pub(crate) fn openid(&self) -> Option<&str> {
        self.field("touser").filter(|_| self.endpoint == Endpoint::Send)
    }

    pub(crate) fn template_id(&self) -> Option<&str> {
        self.field("template_id").filter(|_| self.endpoint == Endpoint::Send)
    }
}
