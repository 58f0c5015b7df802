//! Tests of the module by its one entry, [`open`](super::open).

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod config;
mod envelope;
mod hostile;
mod identity;
mod property;
mod sealer;
mod shapes;
mod vectors;

use super::{Change, Event, EventConfig, Refusal, Verified, verify};
use sealer::{NOW, Sealer};

/// What a request is, once it has passed all steps.
#[derive(Debug, PartialEq)]
enum Opened {
    Echo(String),
    Event(Event),
    Revoked(String, Option<i64>),
    Other,
}

fn open(config: &EventConfig, query: &str, body: &[u8], now_s: i64) -> Result<Opened, Refusal> {
    Ok(match verify(config, query, body, now_s)? {
        Verified::Echo { text, .. } => Opened::Echo(text),
        Verified::Push(push) => match push.read(now_s)? {
            super::Opened::Event(event) => Opened::Event(event),
            super::Opened::Revoked { openid, create_time_s } => Opened::Revoked(openid, create_time_s),
            super::Opened::Other => Opened::Other,
        },
    })
}

/// Opens a plain body that is rightly signed.
fn open_plain(body: &str) -> Result<Opened, Refusal> {
    let sealer = Sealer::new();
    open(&sealer.plain(), &sealer.query(), body.as_bytes(), NOW)
}

/// The event in a plain body.
fn event(body: &str) -> Event {
    match open_plain(body) {
        Ok(Opened::Event(event)) => event,
        other => panic!("not an event of ours: {other:?}"),
    }
}

fn popup(template_id: &str, accepted: bool, scene: &str) -> Change {
    Change::Popup {
        template_id: template_id.to_owned(),
        accepted,
        scene: (!scene.is_empty()).then(|| scene.to_owned()),
    }
}

fn changed(template_id: &str, rejected: bool) -> Change {
    Change::Changed { template_id: template_id.to_owned(), rejected }
}

fn sent(template_id: &str, msgid: Option<i64>, error_code: i32, error_status: &str) -> Change {
    Change::Sent { template_id: template_id.to_owned(), msgid, error_code, error_status: error_status.to_owned() }
}
