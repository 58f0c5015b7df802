use base64::Engine;
use serde::{Deserialize, Serialize};

/// Bytes in JSON: `"text"`, or `"base64"` for what is not text.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "BytesJson", into = "BytesJson")]
pub struct Bytes(pub Vec<u8>);

#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct BytesJson {
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    base64: Option<String>,
}

impl TryFrom<BytesJson> for Bytes {
    type Error = String;

    fn try_from(json: BytesJson) -> Result<Self, String> {
        match json {
            BytesJson { base64: Some(b), text: None } => {
                base64::engine::general_purpose::STANDARD.decode(b).map(Self).map_err(|e| format!("base64: {e}"))
            }
            BytesJson { text, base64: None } => Ok(Self(text.unwrap_or_default().into_bytes())),
            _ => Err("give text or base64, not both".to_owned()),
        }
    }
}

impl From<Bytes> for BytesJson {
    fn from(bytes: Bytes) -> Self {
        match String::from_utf8(bytes.0) {
            Ok(text) => Self { text: Some(text), base64: None },
            Err(e) => {
                Self { text: None, base64: Some(base64::engine::general_purpose::STANDARD.encode(e.into_bytes())) }
            }
        }
    }
}

impl<T: Into<Vec<u8>>> From<T> for Bytes {
    fn from(bytes: T) -> Self {
        Self(bytes.into())
    }
}
