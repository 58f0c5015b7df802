//! A WeChat that runs on loopback.
//!
//! It answers the endpoints that a mini game's server calls to send subscribe messages (tokens, send, gettemplate,
//! jscode2session) as WeChat does, and keeps the truth that WeChat keeps: which tokens live, how many messages each player still
//! allows, what was delivered. Tests script it (players accept and refuse, tokens die, answers get lost) and read its records.
//! What is known of WeChat, and how surely, is collected in `wechat-api.md`; "section" in these pages means a section of that.
//!
//! ```
//! use wxsub_simulator::{Endpoint, Fault, Options, Simulator};
//!
//! let wechat = Simulator::start(Options::default());
//! wechat.grant("o-alice", "sim-stamina", 1);
//! wechat.arm(Fault::errcode(-1).on(Endpoint::Send)); // the next send finds WeChat busy
//! // … point the server under test at wechat.url() …
//! assert_eq!(wechat.remaining("o-alice", "sim-stamina"), 1);
//! ```
//!
//! A [`Simulator`] runs on threads of its own and stops when it is dropped. Other languages run the program `wxsub-simulator`
//! and use the same controls as JSON over HTTP under `/sim`; `GET /sim` lists them.

#![warn(missing_docs)]

mod answer;
mod api;
mod call;
mod clock;
mod control;
mod endpoint;
mod fault;
mod flow;
mod guard;
mod login;
mod loopback;
mod options;
mod phone;
mod players;
pub mod program;
pub mod push;
mod records;
mod rules;
mod server;
mod shared;
mod simulator;
mod templates;
mod tls;
mod tokens;
mod wire;
mod world;

pub use endpoint::Endpoint;
pub use fault::{Bytes, Fault, FaultKind};
pub use login::LoginCode;
pub use options::{OnDelivery, Options};
pub use players::{Choice, PlayerView};
pub use records::{Counters, Delivery, Outcome, RequestRecord};
pub use simulator::Simulator;
pub use templates::{EnumValues, Template};
pub use tokens::TokenKind;
