//! What the page asks for: the library's own requests, of which those that change something need `--write`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use wxsub::{Client, Error, Status, Verdict};

use super::Shared;
use crate::failure::{object, succeeded};
use crate::text;
use crate::{failure, requests};

/// Requests that change nothing.
const READS: [&str; 11] = [
    "players",
    "player",
    "history",
    "audit",
    "funnel",
    "outbox",
    "stats",
    "token",
    "campaign.forecast",
    "campaign.status",
    "campaign.list",
];

/// Requests that change something, and that the page has a button for.
const WRITES: [&str; 6] = ["forget", "mute", "campaign.start", "campaign.pause", "campaign.resume", "campaign.cancel"];

/// A reply, or why there is none.
pub type Reply = Result<Json<Value>, (StatusCode, Json<Value>)>;

/// One of the library's requests.
pub async fn ask(State(console): State<Shared>, Json(request): Json<Value>) -> Reply {
    let what = request["do"].as_str().unwrap_or_default();
    match (READS.contains(&what), WRITES.contains(&what)) {
        (true, _) => {}
        (_, true) => needs_write(&console)?,
        _ => return Err(not_here(text::NOT_IN_CONSOLE)),
    }
    with_client(console, move |client| requests::reply(client, &request)).await
}

/// A message of the outbox.
#[derive(Deserialize)]
pub struct Kept {
    openid: String,
    key: String,
}

/// Takes a message back.
pub async fn cancel(State(console): State<Shared>, Json(kept): Json<Kept>) -> Reply {
    needs_write(&console)?;
    with_client(console, move |client| Ok(object(&succeeded(client.cancel(&kept.openid, &kept.key))?))).await
}

/// Where campaigns were, over the time that the console runs.
pub async fn samples(State(console): State<Shared>) -> Json<Value> {
    Json(console.samples.told())
}

fn needs_write(console: &Shared) -> Result<(), (StatusCode, Json<Value>)> {
    if console.write { Ok(()) } else { Err(not_here(text::READ_ONLY)) }
}

fn not_here(why: text::Text) -> (StatusCode, Json<Value>) {
    let verdict = Verdict::from(Error::new(Status::Config, why.get()));
    (StatusCode::FORBIDDEN, Json(object(&verdict)))
}

/// The library's calls wait for the store, so they have threads of their own.
pub async fn with_client(
    console: Shared,
    work: impl FnOnce(&Client) -> Result<Value, failure::Failure> + Send + 'static,
) -> Reply {
    let console = Arc::clone(&console);
    let done = tokio::task::spawn_blocking(move || work(&console.client)).await;
    let failed = |verdict: &Verdict| (StatusCode::UNPROCESSABLE_ENTITY, Json(object(verdict)));
    match done {
        Ok(Ok(reply)) => Ok(Json(reply)),
        Ok(Err(failure::Failure::Verdict(verdict))) => Err(failed(&verdict)),
        Ok(Err(failure::Failure::Output(why))) => {
            Err((StatusCode::INTERNAL_SERVER_ERROR, Json(json!({ "message": why.to_string() }))))
        }
        Err(_) => Err(failed(&Verdict::from(Error::new(Status::Panic, "a bug of the console's, caught")))),
    }
}
