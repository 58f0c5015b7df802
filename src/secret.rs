//! [`Secret`]: text that cannot print itself.

use std::fmt;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use zeroize::Zeroizing;

/// The app secret, a token, a key: no `Display`, a `Debug` that says nothing, wiped when dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes the text over.
    pub fn new(text: String) -> Secret {
        Secret(Zeroizing::new(text))
    }

    /// A text of somebody else's, such as an error that quotes our request, with this secret struck out.
    pub fn strike(&self, text: &str) -> String {
        if self.0.is_empty() {
            return text.to_owned();
        }
        let in_url = Zeroizing::new(utf8_percent_encode(&self.0, NON_ALPHANUMERIC).to_string());
        let unreserved =
            Zeroizing::new(in_url.replace("%2D", "-").replace("%2E", ".").replace("%5F", "_").replace("%7E", "~"));
        text.replace(self.0.as_str(), "***").replace(in_url.as_str(), "***").replace(unreserved.as_str(), "***")
    }

    /// The text itself, for the one place that must write it: a request or the store.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}
