//! Will it work? The store by the observer; WeChat by a client without a store, which sends nothing that waits.

use axum::extract::State;
use serde_json::{Value, json};
use wxsub::{Client, Config, Status, Verdict};

use super::Shared;
use super::api::{Reply, with_client};
use crate::failure::{Failure, object};
use crate::settings::{ACCESS_TOKEN, Role, Settings, variable_of};

/// A token from outside is told to be good for so many seconds.
const TOKEN_SECONDS: u32 = 600;

/// Both verdicts; that on WeChat is null where it cannot be had from here.
pub async fn check(State(console): State<Shared>) -> Reply {
    let settings = console.settings.clone();
    with_client(console, move |client| Ok(json!({ "store": object(&client.check()), "wechat": wechat(&settings)? })))
        .await
}

fn wechat(settings: &Settings) -> Result<Value, Failure> {
    let mode = settings.text("token").unwrap_or("stable");
    let token = variable_of(ACCESS_TOKEN)?;
    // In legacy mode asking for a token ends the one that the servers use.
    let can = match mode {
        "stable" => settings.has("secret"),
        "external" => token.is_some(),
        _ => false,
    };
    if !can {
        return Ok(Value::Null);
    }
    let mut settings = settings.with_store(":memory:");
    settings.set_role(Role::Sender);
    let client = Client::open(Config::from_json(&settings.json())?)?;
    client.set_log(None, 0);
    if let (Some(token), "external") = (token, mode) {
        client.set_token(&token, TOKEN_SECONDS)?;
    }
    Ok(object(&without_store(client.check())))
}

/// What it says of its own empty store is no news.
fn without_store(verdict: Verdict) -> Verdict {
    let parts: Vec<&str> = verdict.message.split("; ").filter(|part| !part.starts_with("store: ")).collect();
    let message = parts.join("; ");
    debug_assert!(verdict.status != Status::Store);
    Verdict { message, ..verdict }
}
