//! HTTP exchanges: one request, one answer, one deadline, and whether the request left. Knows nothing of WeChat.

mod agent;
mod connector;
mod first_byte;
mod one_write;
mod resolver;
mod timeouts;

pub use agent::UreqTransport;

use crate::clock::Deadline;
use crate::secret::Secret;

/// One request to be made.
pub struct Exchange<'a> {
    /// POST with a JSON body, or GET without one.
    pub post: bool,
    /// The whole URL; the token or the secret is in its query.
    pub url: Secret,
    /// The body; empty with GET.
    pub body: &'a [u8],
    /// When a connection must be there; after it the request does not leave.
    pub start_by: Deadline,
    /// When the answer must be here.
    pub deadline: Deadline,
}

/// What came back, whatever its status. Without `Debug`: the body may hold a token.
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// The server's clock, as its `Date` header tells it.
    pub date: Option<std::time::SystemTime>,
    /// The body, read to its end.
    pub body: Vec<u8>,
}

/// No answer came.
#[derive(Debug)]
pub struct Failure {
    /// Whether any byte of the request may have left this machine.
    pub left: bool,
    /// Why, without the URL.
    pub text: String,
}

/// Carries requests.
pub trait Transport: Send + Sync {
    /// Makes one request, once.
    fn execute(&self, exchange: &Exchange<'_>) -> Result<Reply, Failure>;

    /// Interrupts what runs and refuses what comes.
    fn shutdown(&self);
}
