//! What a process was promised up to a moment, and whether a store keeps it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use fastrand::Rng;
use rusqlite::Connection;
use serde_json::json;
use wxsub::{Answer, Client, Config, Status, Verdict};

use super::recording::Op;
use crate::common::TEMPLATE;

/// Keys of accepts that are looked at in each image: the last ones, and some of the others.
const LAST_KEYS: usize = 6;
const OTHER_KEYS: usize = 6;

/// What was promised, and what may have happened beside it.
#[derive(Clone, Default)]
pub struct Promises {
    /// Accepts of each player: tried, acknowledged.
    accepts: BTreeMap<String, (i64, i64)>,
    /// Player and key of those that were acknowledged.
    keys: Vec<(String, String)>,
    /// Messages for later, by player and key.
    stored: BTreeMap<(String, String), Stored>,
    /// Players by the keys of messages that were due, or whose request has left.
    known: BTreeMap<String, String>,
    /// Requests that left, of each player.
    requests: BTreeMap<String, i64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Waits { tag: u64 },
    Cancelled,
}

#[derive(Clone, Default)]
struct Stored {
    acknowledged: Option<Fate>,
    /// Tried, and maybe done.
    tried: Option<Fate>,
}

impl Promises {
    /// Goes on by one operation.
    pub fn follow(&mut self, op: &Op) {
        match op {
            Op::Said(text) => {
                for line in text.lines().filter_map(|line| line.split_once("@@ ")) {
                    self.said(&line.1.split(' ').collect::<Vec<_>>());
                }
            }
            Op::Sent(text) => self.left(text),
            _ => {}
        }
    }

    fn said(&mut self, words: &[&str]) {
        let [phase, what, openid, key, ..] = words else { panic!("{words:?}") };
        let (is_done, openid, key) = (*phase == "done", (*openid).to_owned(), (*key).to_owned());
        match *what {
            "accept" => {
                let (tried, acknowledged) = self.accepts.entry(openid.clone()).or_default();
                if is_done {
                    *acknowledged += 1;
                    self.keys.push((openid, key));
                } else {
                    *tried += 1;
                }
            }
            "store" | "cancel" => {
                let tag = words.get(4).map(|tag| tag.parse().expect("a number"));
                let fate = tag.map_or(Fate::Cancelled, |tag| Fate::Waits { tag });
                let stored = self.stored.entry((openid, key)).or_default();
                if is_done {
                    *stored = Stored { acknowledged: Some(fate), tried: None };
                } else {
                    stored.tried = Some(fate);
                }
            }
            "due" | "send" if is_done => drop(self.known.insert(key, openid)),
            "due" | "send" => {}
            other => panic!("{other}"),
        }
    }

    /// A request left: the body names its key and its player.
    fn left(&mut self, text: &str) {
        let value = |before: &str| {
            let rest = text.split_once(before).unwrap_or_else(|| panic!("no {before} in {text}")).1;
            rest.split_once('"').expect("a closing quote").0.to_owned()
        };
        let (openid, key) = (value(r#""touser":""#), value(r#""thing1":{"value":""#));
        *self.requests.entry(openid.clone()).or_default() += 1;
        self.known.insert(key, openid);
    }

    /// Whether the store in this folder keeps all of it; with the client that looked, which may take a while to close.
    pub fn check(&self, appid: &str, folder: &Path, rng: &mut Rng) -> Result<Client, String> {
        let path = folder.join("wxsub.db");
        // Nobody is there: what is due waits on.
        let config = json!({
            "appid": appid, "secret": "0123456789abcdef0123456789abcdef", "store": path, "workers": 1,
            "timeout_ms": 20_000, "templates": "off", "api_base": "http://127.0.0.1:1", "max_attempts": 1,
        });
        let client = Client::open(Config::from_json(&config.to_string()).expect("a configuration"))
            .map_err(|e| format!("does not open: {e}"))?;
        self.check_counts(&client)?;
        self.check_keys(&client, rng)?;
        self.check_messages(&client)?;
        check_file(&path)?;
        Ok(client)
    }

    fn check_counts(&self, client: &Client) -> Result<(), String> {
        for (openid, (tried, acknowledged)) in &self.accepts {
            let verdict = client.quota(openid, TEMPLATE);
            if verdict.status != Status::Ok {
                return Err(format!("the count of {openid} can't be told: {}", verdict.message));
            }
            let left = verdict.remaining;
            // The lease of a send that was cut off is over; but what was due is being tried again, and holds a unit.
            let held = i64::from(openid.starts_with('r'));
            let spent = self.requests.get(openid).copied().unwrap_or(0) + held;
            if left < acknowledged - spent || left > *tried || left < 0 {
                return Err(format!("{openid} has {left}; {acknowledged} of {tried} were acknowledged, {spent} spent"));
            }
        }
        Ok(())
    }

    fn check_keys(&self, client: &Client, rng: &mut Rng) -> Result<(), String> {
        let all = self.keys.len();
        let others = (0..OTHER_KEYS.min(all)).map(|_| rng.usize(..all));
        let looked: BTreeSet<usize> = (all.saturating_sub(LAST_KEYS)..all).chain(others).collect();
        for (openid, key) in looked.into_iter().map(|at| &self.keys[at]) {
            let again = client.report(openid, Some(TEMPLATE), Answer::Accept, Some(key));
            if again.status != Status::Ok || again.flags & Verdict::REPLAYED == 0 {
                return Err(format!("the accept {key} of {openid} was acknowledged and is forgotten: {again:?}"));
            }
        }
        Ok(())
    }

    fn check_messages(&self, client: &Client) -> Result<(), String> {
        for ((openid, key), stored) in &self.stored {
            let verdict = client.lookup(openid, key);
            let found = match verdict.status {
                Status::NotFound => None,
                Status::Cancelled => Some(Fate::Cancelled),
                Status::Ok if verdict.flags & Verdict::STORED != 0 => Some(Fate::Waits { tag: verdict.tag }),
                _ => return Err(format!("{key} of {openid} became {verdict:?}")),
            };
            if found != stored.acknowledged && (stored.tried.is_none() || found != stored.tried) {
                let Stored { acknowledged, tried } = stored;
                return Err(format!("{key} of {openid}: {found:?}; promised {acknowledged:?}, then tried {tried:?}"));
            }
        }
        for (key, openid) in &self.known {
            if client.lookup(openid, key).status == Status::NotFound {
                return Err(format!("{key} of {openid} was stored, or its request left, and nothing knows it"));
            }
        }
        Ok(())
    }
}

/// The file by itself.
fn check_file(path: &Path) -> Result<(), String> {
    let store = Connection::open(path).map_err(|e| e.to_string())?;
    let told: String =
        store.query_row("PRAGMA integrity_check", [], |row| row.get(0)).map_err(|e| format!("damaged: {e}"))?;
    if told != "ok" {
        return Err(format!("damaged: {told}"));
    }
    let inside: i64 =
        store.query_row("SELECT generation FROM store", [], |row| row.get(0)).map_err(|e| e.to_string())?;
    let beside = std::fs::read_to_string(path.with_file_name("wxsub.db-generation")).unwrap_or_default();
    let beside: i64 = beside.trim().parse().unwrap_or(0);
    if beside > inside {
        return Err(format!("taken for a copy that was put back: generation {inside}, and beside it {beside}"));
    }
    Ok(())
}
