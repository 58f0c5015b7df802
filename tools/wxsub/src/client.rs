//! A client for one command, and what it does beside that command.

use std::io::Write;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use clap::ArgMatches;
use wxsub::{Client, Config, Level, Sink, Status};

use crate::failure::{Failure, say, worded};
use crate::settings::{ACCESS_TOKEN, Role, Settings, variable_of};
use crate::{escape, text};

/// What still runs when the work is done is given so long to end.
const DRAIN: Duration = Duration::from_secs(10);

/// A token from outside is told to be good for so many seconds; nobody told us more, and a command lasts less.
const TOKEN_SECONDS: u32 = 600;

/// An open client.
pub struct Opened {
    client: Client,
    role: Role,
}

impl Deref for Opened {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

/// A client as the command line says it.
pub fn open(args: &ArgMatches, role: Role) -> Result<Opened, Failure> {
    let settings = Settings::read(args, role)?;
    settings.check_store(args.get_flag("create"))?;
    open_with(args, &settings, role)
}

/// A client with these settings, which logs as the command line says it.
pub fn open_with(args: &ArgMatches, settings: &Settings, role: Role) -> Result<Opened, Failure> {
    let config = Config::from_json(&settings.json()).map_err(|why| {
        // What is wrong with the JSON object is a mistake of the configuration, whoever found it.
        Failure::new(if why.status == Status::Arg { Status::Config } else { why.status }, why.message)
    })?;
    let client = Client::open(config)?;
    match args.get_count("verbose") {
        0 => client.set_log(None, 0),
        1 => client.set_log(Some(Arc::new(OnStderr)), Level::Info as i32),
        _ => client.set_log(Some(Arc::new(OnStderr)), Level::Debug as i32),
    }
    if role == Role::Sender
        && let Some(token) = variable_of(ACCESS_TOKEN)?
    {
        client.set_token(&token, TOKEN_SECONDS)?;
    }
    Ok(Opened { client, role })
}

impl Opened {
    /// The client, for one who shares it.
    pub fn into_client(self) -> Client {
        self.client
    }

    /// Lets what the client does beside the command end, and tells it. A message that a stopped server left in the store
    /// goes out with whoever sends from the store next, so also with us.
    pub fn finish(self) {
        if self.role == Role::Observer {
            return;
        }
        self.client.shutdown(DRAIN, true);
        for outcome in self.client.poll(1000, Duration::ZERO).unwrap_or_default() {
            let key = if outcome.key.is_empty() { "-".to_owned() } else { escape::plain(&outcome.key) };
            let what = if outcome.status == Status::Ok { text::SENT_WORD.get().to_owned() } else { worded(&outcome) };
            say(&text::WAITED_IN_STORE.with(&[&key, &what]));
        }
    }
}

/// The library's log.
struct OnStderr;

impl Sink for OnStderr {
    fn line(&self, level: Level, text: &str) {
        let name = match level {
            Level::Error => "ERROR",
            Level::Warn => "WARN",
            Level::Info => "INFO",
            Level::Debug => "DEBUG",
        };
        let _ = writeln!(std::io::stderr(), "[{name}] {text}");
    }
}
