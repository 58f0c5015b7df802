//! Facts about WeChat's servers: requests and answers as bytes and values, and the one table of errcodes. Pure.
//!
//! "wechat-api: section N" in these files is the fact's place in docs/wechat-api.md.

mod errcode;
mod id;
mod message;
pub mod push;
mod request;
mod response;
mod subscription;
pub mod template;

pub use errcode::{Concern, Endpoint, Recovery, concern, ends_the_day, is_about_player, rule};
pub use id::{MAX_ID, check_id};
pub use message::Message;
pub use request::Request;
pub use response::{Identity, Response, TokenResponse};
pub use subscription::{Answer as PlayerAnswer, Entry, SCENE_OF_MESSAGE_CARD, Word, client_answers, is_system};
