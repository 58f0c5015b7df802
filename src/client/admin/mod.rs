//! The operator's interface: JSON in, JSON out, paged.
//!
//! A new request is a file here and a line in [`REQUESTS`]. Its handler takes a [`Call`], reads its fields by
//! [`Call::fields`] into a struct that refuses unknown ones, and answers with the reply's text, which fits into
//! [`Call::room`]; what may be long is made of [`paging::Rows`].

mod campaign;
mod client_state;
mod days;
mod export;
mod export_journal;
mod funnel;
mod history;
mod import;
mod import_journal;
mod outbox;
mod paging;
mod player;
mod player_actions;
mod players;
mod store;

use once_cell::sync::OnceCell;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::Parts;
use super::core::usable_key;
use crate::clock::Deadline;
use crate::error::{Error, Retry, Status};
use crate::json;
use crate::ledger;

/// The least capacity of a reply's buffer: enough for every reply.
pub const LEAST_ROOM: usize = 65_535;
/// A line of the audit gets this long even after the deadline: what was done must not be told as if it were not.
const NOTED_MS: u64 = 5000;
/// Bytes of the reason why a row was refused.
const MAX_WHY: usize = 200;
/// The largest request, in bytes.
const MAX_REQUEST: usize = 16 * 1024 * 1024;

/// What answers a request.
type Handler = fn(&Call<'_>) -> Result<String, Error>;

/// Every request.
const REQUESTS: &[(&str, Handler)] = &[
    ("players", players::players),
    ("player", player::player),
    ("export", export::export),
    ("import", import::import),
    ("backup", store::backup),
    ("outbox", outbox::outbox),
    ("history", history::history),
    ("audit", history::audit),
    ("funnel", funnel::funnel),
    ("opened", player_actions::opened),
    ("mute", player_actions::mute),
    ("forget", player_actions::forget),
    ("compact", store::compact),
    ("stats", client_state::stats),
    ("token", client_state::token),
    ("metrics", client_state::metrics),
    ("campaign.put", campaign::put),
    ("campaign.add", campaign::add),
    ("campaign.forecast", campaign::forecast),
    ("campaign.start", campaign::start),
    ("campaign.pause", campaign::pause),
    ("campaign.resume", campaign::resume),
    ("campaign.cancel", campaign::cancel),
    ("campaign.status", campaign::status),
    ("campaign.list", campaign::list),
];

/// What is remembered between requests.
#[derive(Default)]
pub struct Admin {
    /// The number of this ledger, once it was read.
    ledger: OnceCell<u64>,
}

/// One request.
pub struct Call<'a> {
    /// The client.
    pub parts: &'a Parts,
    /// When it must have ended.
    pub deadline: Deadline,
    /// Bytes that the reply may have.
    pub room: usize,
    /// The word in "do".
    pub what: &'static str,
    /// All else.
    fields: Map<String, Value>,
}

impl Parts {
    /// Answers one request.
    ///
    /// # Errors
    /// [`Status::Arg`] for a request that is not understood, before any effect; those of what it asks for.
    pub fn admin(&self, request_json: &str, room: usize) -> Result<String, Error> {
        if room < LEAST_ROOM {
            return Err(wrong(format!("the reply may need {} bytes, there is room for {room}", LEAST_ROOM + 1)));
        }
        if request_json.len() > MAX_REQUEST {
            let why = format!("the request is {} bytes long, at most {MAX_REQUEST} are allowed", request_json.len());
            return Err(wrong(why));
        }
        let mut fields = json::object("the request is", request_json).map_err(wrong)?;
        let (what, handler) = match fields.shift_remove("do") {
            Some(Value::String(what)) => {
                let known: Vec<_> = REQUESTS.iter().map(|request| (request.0, *request)).collect();
                json::word("do", &what, &known).map_err(wrong)?
            }
            Some(_) => return Err(wrong("do is not a string; it is the name of a request, as \"players\"")),
            None => return Err(wrong("do is missing; it is the name of a request, as \"players\"")),
        };
        handler(&Call { parts: self, deadline: self.core.deadline(), room, what, fields })
    }
}

impl Call<'_> {
    /// The fields beside "do".
    ///
    /// # Errors
    /// [`Status::Arg`] for one that is unknown, missing or of the wrong type.
    pub fn fields<T: DeserializeOwned>(&self) -> Result<T, Error> {
        json::strict(self.what, self.fields.clone()).map_err(wrong)
    }

    /// Leaves a line in the audit, behind what was done.
    ///
    /// # Errors
    /// [`Status::Store`], in words that say that it was done.
    pub fn note_act(&self, detail: &str) -> Result<(), Error> {
        let noted =
            self.parts.core.engine.run(ledger::note_act(self.what, detail), self.deadline.or_at_least_ms(NOTED_MS));
        noted.map_err(not_confirmed)
    }

    /// A reply that is short in any case.
    pub fn reply(&self, reply: &impl Serialize) -> Result<String, Error> {
        serde_json::to_string(reply)
            .map_err(|e| Error::new(Status::Internal, format!("the reply can't be written: {e}")))
    }

    /// The number of this ledger.
    fn ledger(&self) -> Result<u64, Error> {
        let core = &self.parts.core;
        let read = || core.engine.run(ledger::identity(core.new_number().cast_unsigned()), self.deadline);
        self.parts.admin.ledger.get_or_try_init(read).copied()
    }

    /// The id of a template that a record names; of one that no directory has its hash.
    pub fn spell(&self, template: &ledger::Template) -> Result<String, Error> {
        let templates = &self.parts.templates;
        match templates.spell(template) {
            // Others may have confirmed it since.
            unknown if unknown.starts_with('#') && matches!(template, ledger::Template::Hash(_)) => {
                templates.read_directory(self.deadline)?;
                Ok(templates.spell(template))
            }
            id => Ok(id),
        }
    }
}

/// Answers a request that changes something; with a key once in 24 hours, and the same each time. What `work` has done is
/// surely kept when this returns.
///
/// # Errors
/// Those of `work`, which the same key then tries again, and [`Status::Store`].
pub fn once(call: &Call<'_>, key: Option<&str>, work: impl FnOnce() -> Result<String, Error>) -> Result<String, Error> {
    let engine = &call.parts.core.engine;
    let Some(key) = usable_key(key)? else {
        let reply = work()?;
        engine.run(ledger::leave_probe(), call.deadline).map_err(not_confirmed)?;
        engine.prove_all(call.deadline).map_err(not_confirmed)?;
        return Ok(reply);
    };
    if let Some(reply) = engine.ask(ledger::answered(call.what, key), call.deadline)? {
        return Ok(reply);
    }
    let reply = work()?;
    engine.prove_all(call.deadline).map_err(not_confirmed)?;
    engine.run(ledger::keep_answer(call.what, key, reply.clone()), call.deadline).map_err(not_confirmed)?;
    Ok(reply)
}

/// The store failed behind a request's work.
fn not_confirmed(e: Error) -> Error {
    let message = format!("done, but a step behind it failed, so that it may not be kept: {}", e.message);
    Error { message, retry: Retry::Unsafe, ..e }
}

/// The reason why a row was refused, as long as a reply with many of them has room for.
fn cut_short(mut why: String) -> String {
    let end = (0..=why.len().min(MAX_WHY)).rev().find(|at| why.is_char_boundary(*at)).unwrap_or(0);
    why.truncate(end);
    why
}

/// A request that is not understood.
fn wrong(why: impl Into<String>) -> Error {
    Error::new(Status::Arg, why)
}
