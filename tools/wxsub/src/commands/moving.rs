//! `wxsub move`: one ledger into another, which may be of another kind; resumable, and verified by reading both sides.

use std::fs;
use std::path::PathBuf;

use clap::ArgMatches;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use wxsub::{Client, Status};

use super::answer;
use super::transfer::private;
use crate::client::{Opened, open_with};
use crate::failure::{Failure, say};
use crate::requests::{PAGE, Pages, ask, rows, whole};
use crate::settings::{Role, Settings, is_file, option, shown_store, variable_of};
use crate::time::last_days;
use crate::{escape, interrupt, progress, text};

/// The days whose numbers are compared: about as many as one request takes.
const DAYS_COMPARED: i64 = 3650;

/// Copies everything that `--from` knows to `--to`.
pub fn run(args: &ArgMatches) -> Result<(), Failure> {
    let (from, to) = (place(args, "from")?, place(args, "to")?);
    if from == to {
        return Err(Failure::usage(text::SAME_STORE.get()));
    }
    let settings = Settings::read(args, Role::Observer)?.for_many_rows();
    let source = settings.with_store(&from);
    source.check_store(false)?;
    let source = open_with(args, &source, Role::Observer)?;
    let target = open_with(args, &settings.with_store(&to), Role::Observer)?;
    let mut state = State::find(&from, &to)?;
    interrupt::now_says(text::MOVE_INTERRUPTED, 130);
    copy(&source, &target, &mut state)?;
    let (here, there) = (digest(&source)?, digest(&target)?);
    if here != there {
        return Err(Failure::text(
            Status::Store,
            text::MOVE_DIFFERS,
            &[&here.shown(), &there.shown(), &state.path.display()],
        ));
    }
    state.done();
    let reply =
        json!({ "records": state.records, "players": here.rows, "units": here.units, "messages": here.messages });
    answer(args, &reply, || text::MOVED.with(&[&state.records, &here.shown()]))
}

/// A store, by name, or by the name of the variable that holds it: a URL with a password is for no command line.
fn place(args: &ArgMatches, name: &str) -> Result<String, Failure> {
    let given = option(args, name).unwrap_or_default();
    if let Some(variable) = given.strip_prefix("env:") {
        return variable_of(variable)?.ok_or_else(|| Failure::usage(text::NOT_SET.with(&[&variable])));
    }
    if shown_store(given) != given {
        return Err(Failure::usage(text::PASSWORD_ON_COMMAND_LINE.get()));
    }
    Ok(given.to_owned())
}

/// How far it is, kept in a file beside one of the stores.
struct State {
    path: PathBuf,
    from: String,
    to: String,
    after: Value,
    records: u64,
    begun: bool,
    copied: bool,
}

impl State {
    fn find(from: &str, to: &str) -> Result<State, Failure> {
        let beside = [to, from].into_iter().find(|store| is_file(store));
        let path = PathBuf::from(beside.map_or("wxsub.moving".to_owned(), |store| format!("{store}.moving")));
        let mut state = State {
            from: shown_store(from),
            to: shown_store(to),
            after: Value::Null,
            records: 0,
            begun: false,
            copied: false,
            path,
        };
        let Ok(text) = fs::read_to_string(&state.path) else { return Ok(state) };
        let kept: Value = serde_json::from_str(&text).unwrap_or_default();
        if kept["from"] != state.from.as_str() || kept["to"] != state.to.as_str() {
            return Err(Failure::text(Status::Arg, text::OTHER_MOVE, &[&state.path.display()]));
        }
        state.after = kept["after"].clone();
        state.records = kept["records"].as_u64().unwrap_or(0);
        state.copied = kept["copied"] == true;
        state.begun = true;
        say(&text::MOVE_GOES_ON.with(&[&state.records]));
        Ok(state)
    }

    /// Whole or not at all, also in a crash.
    fn keep(&self) -> Result<(), Failure> {
        let part = PathBuf::from(format!("{}.part", self.path.display()));
        let text = json!({
            "from": self.from, "to": self.to, "after": self.after, "records": self.records, "copied": self.copied,
        });
        let write = || {
            let mut file = private(&part)?;
            std::io::Write::write_all(&mut file, text.to_string().as_bytes())?;
            file.sync_all()?;
            fs::rename(&part, &self.path)
        };
        write().map_err(|why| Failure::io(self.path.display(), &why))
    }

    fn done(&self) {
        let _ = fs::remove_file(&self.path);
    }
}

fn copy(source: &Opened, target: &Opened, state: &mut State) -> Result<(), Failure> {
    if !state.begun {
        refuse_what_is_not_empty(target)?;
        state.keep()?;
    }
    if state.copied {
        return Ok(());
    }
    let bar = progress::bar(None, text::MOVING.get());
    let fields = json!({ "full": true, "limit": PAGE, "after": state.after });
    for reply in Pages::new(source, "export", fields) {
        let reply = reply?;
        let records = rows(&reply, "records");
        if !records.is_empty() {
            let done = ask(target, "import", json!({ "records": records }))?;
            if let Some(row) = rows(&done, "refused").first() {
                let why = escape::plain(row["why"].as_str().unwrap_or_default());
                return Err(Failure::text(Status::Store, text::RECORD_REFUSED, &[&why]));
            }
        }
        state.records += records.len() as u64;
        state.after = reply["next"].clone();
        state.copied = state.after.is_null();
        state.keep()?;
        bar.set_position(state.records);
    }
    bar.finish_and_clear();
    Ok(())
}

/// What is in the way would be mixed with what comes.
fn refuse_what_is_not_empty(target: &Opened) -> Result<(), Failure> {
    for list in [("export", "players"), ("outbox", "messages")] {
        for reply in whole(target, list.0) {
            if !rows(&reply?, list.1).is_empty() {
                return Err(Failure::text(Status::Arg, text::NOT_EMPTY, &[]));
            }
        }
    }
    if !numbers(target)?.is_empty() {
        return Err(Failure::text(Status::Arg, text::NOT_EMPTY, &[]));
    }
    Ok(())
}

/// What a ledger holds, in numbers, and a digest that no order changes.
#[derive(Default, PartialEq)]
struct Held {
    rows: u64,
    units: u64,
    messages: u64,
    digest: u128,
}

impl Held {
    fn shown(&self) -> String {
        text::HELD.with(&[&self.rows, &self.units, &self.messages])
    }

    fn add(&mut self, row: &[&str]) {
        let mut hash = Sha256::new();
        for part in row {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part.as_bytes());
        }
        let mut first = [0; 16];
        first.copy_from_slice(&hash.finalize()[..16]);
        self.digest = self.digest.wrapping_add(u128::from_be_bytes(first));
    }
}

fn digest(client: &Client) -> Result<Held, Failure> {
    let bar = progress::bar(None, text::VERIFYING.get());
    let mut held = Held::default();
    for reply in whole(client, "export") {
        for row in rows(&reply?, "players") {
            let word = |key: &str| row[key].as_str().unwrap_or_default();
            held.rows += 1;
            held.units += row["count"].as_u64().unwrap_or(0);
            held.add(&[word("openid"), word("template_id"), &row["count"].to_string()]);
        }
        bar.set_position(held.rows);
    }
    for reply in whole(client, "outbox") {
        for row in rows(&reply?, "messages") {
            let word = |key: &str| row[key].as_str().unwrap_or_default();
            held.messages += 1;
            held.add(&["message", word("openid"), word("template_id"), word("key")]);
        }
    }
    for row in numbers(client)? {
        held.add(&["funnel", &row]);
    }
    bar.finish_and_clear();
    Ok(held)
}

/// The funnel, as rows.
fn numbers(client: &Client) -> Result<Vec<String>, Failure> {
    let (from, to) = last_days(DAYS_COMPARED);
    let mut all = Vec::new();
    for reply in Pages::new(client, "funnel", json!({ "from": from, "to": to, "limit": PAGE })) {
        all.extend(rows(&reply?, "funnel").iter().map(Value::to_string));
    }
    Ok(all)
}
