//! Facts about WeChat's servers: requests and answers as bytes and values, and the one table of errcodes. Pure.
//!
//! "wechat-api: section N" in these files is the fact's place in docs/wechat-api.md.

mod answer;
mod errcode;
mod id;
mod message;
pub mod push;
mod request;
mod subscription;
pub mod template;

pub use answer::{Answer, TokenAnswer};
pub use errcode::{Concern, Endpoint, Recovery, concern, rule};
pub use id::{MAX_ID, check_id};
pub use message::Message;
pub use request::Request;
pub use subscription::{Answer as PlayerAnswer, Entry, Word, client_answers, is_system};
