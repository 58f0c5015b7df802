//! The query string that WeChat's servers call the address with.

use percent_encoding::percent_decode_str;

use super::Refusal;

/// The longest query string that is looked at; WeChat's have some 200 characters.
const MAX_QUERY: usize = 8 * 1024;
/// Digits of the longest timestamp; more could not be seconds.
const MAX_TIME_DIGITS: usize = 12;

/// The parameters that count. Others, among them the unsigned `openid`, are ignored.
pub(super) struct Query {
    pub signature: String,
    pub timestamp: String,
    pub nonce: String,
    pub msg_signature: Option<String>,
    pub echostr: Option<String>,
}

impl Query {
    /// A `+` stays a plus: none of these values has blanks, and `echostr` may be base64.
    pub fn parse(query: &str) -> Result<Self, Refusal> {
        if query.len() > MAX_QUERY {
            return Err(bad("too long"));
        }
        let [mut signature, mut timestamp, mut nonce, mut msg_signature, mut echostr] = [const { None }; 5];
        let query = query.strip_prefix('?').unwrap_or(query);
        for pair in query.split('&') {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            // Broken names are somebody else's parameters: what is lost makes none of ours.
            let name = percent_decode_str(name).decode_utf8_lossy();
            let slot = match name.as_ref() {
                "signature" => &mut signature,
                "timestamp" => &mut timestamp,
                "nonce" => &mut nonce,
                "msg_signature" => &mut msg_signature,
                "echostr" => &mut echostr,
                _ => continue,
            };
            let value = percent_decode_str(value).decode_utf8();
            let value = value.map_err(|_| bad(format!("{name} is not UTF-8")))?;
            if slot.replace(value.into_owned()).is_some() {
                return Err(bad(format!("{name} is given twice")));
            }
        }
        Ok(Self {
            signature: required("signature", signature)?,
            timestamp: required("timestamp", timestamp)?,
            nonce: required("nonce", nonce)?,
            msg_signature: msg_signature.filter(|value| !value.is_empty()),
            echostr: echostr.filter(|value| !value.is_empty()).map(harmless).transpose()?,
        })
    }

    /// The signed time in Unix seconds.
    pub fn time_s(&self) -> Result<i64, Refusal> {
        let digits = &self.timestamp;
        if digits.len() > MAX_TIME_DIGITS || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return Err(bad("timestamp is not Unix seconds"));
        }
        digits.parse().map_err(|_| bad("timestamp is not Unix seconds"))
    }
}

/// `echostr` is sent back but not signed: without this an observed query could make the host answer with markup.
fn harmless(echostr: String) -> Result<String, Refusal> {
    let fine = |b: u8| b.is_ascii_graphic() && !b"<>&\"'`".contains(&b);
    if echostr.bytes().all(fine) { Ok(echostr) } else { Err(bad("echostr is not one of WeChat's")) }
}

fn required(name: &str, value: Option<String>) -> Result<String, Refusal> {
    value.filter(|value| !value.is_empty()).ok_or_else(|| bad(format!("{name} is missing")))
}

fn bad(what: impl Into<String>) -> Refusal {
    Refusal::Query(what.into())
}
