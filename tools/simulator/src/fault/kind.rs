use serde::{Deserialize, Serialize};

use super::Bytes;

/// What a [`Fault`](crate::Fault) does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum FaultKind {
    /// Nothing but `delay_ms`. With `applied` WeChat decides on receipt and answers late; without, it decides after the pause,
    /// even if the caller has gone meanwhile.
    Delay,
    /// An error of WeChat's.
    Errcode {
        /// The code.
        errcode: i64,
        /// The text before the rid; the typical one when absent.
        #[serde(default)]
        errmsg: Option<String>,
        /// The HTTP status, 200 when absent.
        #[serde(default = "ok_status")]
        status: u16,
    },
    /// The answer never comes.
    Stall,
    /// The request is read to its end, then the connection is closed.
    Close,
    /// The connection is reset (RST). Without any filter also a fresh connection, before anything is read from it.
    Reset,
    /// HTTP 200 with any bytes at all.
    Garbage {
        /// The body.
        #[serde(flatten)]
        body: Bytes,
    },
    /// An answer of a gateway, not of WeChat.
    Http {
        /// The HTTP status.
        status: u16,
        /// The body; an HTML page when absent.
        #[serde(flatten)]
        body: Bytes,
    },
    /// HTTP 200 with an empty body.
    Empty,
    /// Half of the answer's body, though Content-Length promised all of it; then the connection is closed.
    Cut,
    /// The answer trickles in, a byte each `gap_ms`. Always applied.
    Drip {
        /// Milliseconds between two bytes.
        gap_ms: u64,
    },
    /// These bytes in place of an HTTP answer, then the connection is closed.
    Raw {
        /// The bytes.
        #[serde(flatten)]
        body: Bytes,
    },
    /// `errcode` is a JSON string: that of the error named here, else that of the true answer (then always applied).
    ErrcodeAsString {
        /// The code.
        #[serde(default)]
        errcode: Option<i64>,
    },
    /// `errmsg` holds control characters and broken UTF-8; the code is the one named here, else the true one (then always applied).
    BrokenErrmsg {
        /// The code.
        #[serde(default)]
        errcode: Option<i64>,
    },
}

impl FaultKind {
    /// The name in JSON.
    pub fn name(&self) -> &'static str {
        match self {
            FaultKind::Delay => "delay",
            FaultKind::Errcode { .. } => "errcode",
            FaultKind::Stall => "stall",
            FaultKind::Close => "close",
            FaultKind::Reset => "reset",
            FaultKind::Garbage { .. } => "garbage",
            FaultKind::Http { .. } => "http",
            FaultKind::Empty => "empty",
            FaultKind::Cut => "cut",
            FaultKind::Drip { .. } => "drip",
            FaultKind::Raw { .. } => "raw",
            FaultKind::ErrcodeAsString { .. } => "errcode_as_string",
            FaultKind::BrokenErrmsg { .. } => "broken_errmsg",
        }
    }
}

fn ok_status() -> u16 {
    200
}
