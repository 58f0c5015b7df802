//! The C ABI: each exported function decodes its arguments, makes one call, and encodes the result.
//!
//! All `unsafe` of the crate is here. The safety contract of every function is the header's (`include/wxsub.h`,
//! rules 1 to 9 at its top): a pointer is NULL where that is allowed, or points to what its type says for the length
//! of the call; strings end in NUL. What a function needs beyond that stands in its own comment. Handles need no
//! trust: their value is looked up, never dereferenced.

#![allow(non_camel_case_types, clippy::missing_safety_doc)]
#![deny(unsafe_op_in_unsafe_fn, clippy::undocumented_unsafe_blocks)]

mod admin;
mod ask;
mod callback;
mod check;
mod event;
mod fork;
mod guard;
mod input;
mod library;
mod lifecycle;
mod login;
mod module;
mod outbox;
mod output;
mod registry;
mod report;
mod send;
mod stats;
mod submit;
mod transport;
mod types;

pub use crate::error::codes::*;
pub use admin::wxsub_admin;
pub use ask::wxsub_ask;
pub use check::wxsub_check;
pub use event::{wxsub_handle_event, wxsub_open_event};
pub use library::{wxsub_abi, wxsub_status_name, wxsub_version};
pub use lifecycle::{wxsub_free, wxsub_init, wxsub_set_log, wxsub_shutdown};
pub use login::wxsub_login;
pub use outbox::{wxsub_cancel, wxsub_lookup};
pub use report::{wxsub_quota, wxsub_report, wxsub_report_json};
pub use send::{wxsub_send, wxsub_set_token};
pub use stats::wxsub_get_stats;
pub use submit::{wxsub_poll, wxsub_poll_handle, wxsub_submit, wxsub_submit_report};
pub use transport::wxsub_set_transport;
pub use types::*;
