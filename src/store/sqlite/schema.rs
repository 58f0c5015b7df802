//! The tables, and which files have them.

use rusqlite::{Connection, TransactionBehavior};

use super::error;
use crate::error::{Error, Status};

/// "wxsb": marks a file as a wxsub store.
pub const APPLICATION_ID: i32 = 0x7778_7362;
/// The format that this version writes. 1 and 2 had other tables and were never released.
pub const VERSION: i32 = 3;

/// Each account has a small number here, so that no row spells its appid out. A player's id is a blob of 21 bytes for an
/// openid of 28 characters of base64url, else the openid as text; those of keys and messages are 20 bytes.
const TABLES: &str = "
CREATE TABLE account (
  number INTEGER PRIMARY KEY, appid TEXT NOT NULL UNIQUE,
  waiting INTEGER NOT NULL DEFAULT 0 -- rows of its agenda, since counting a million takes long
);

-- Both records of a player: nearly every step reads and writes both. An idle player has no recent one.
CREATE TABLE player (account INTEGER NOT NULL, id NOT NULL, lasting BLOB, recent BLOB, PRIMARY KEY (account, id)) WITHOUT ROWID;
CREATE TABLE key (account INTEGER NOT NULL, id BLOB NOT NULL, value BLOB NOT NULL, PRIMARY KEY (account, id)) WITHOUT ROWID;
CREATE TABLE message (account INTEGER NOT NULL, id BLOB NOT NULL, value BLOB NOT NULL, PRIMARY KEY (account, id)) WITHOUT ROWID;
CREATE TABLE account_record (account INTEGER NOT NULL, id TEXT NOT NULL, value BLOB NOT NULL, PRIMARY KEY (account, id)) WITHOUT ROWID;

-- When a message must be looked at: boot 0: at this Unix time; else once the clock of that boot has come so far, or in
-- any later boot. Milliseconds.
CREATE TABLE agenda (
  account INTEGER NOT NULL, id BLOB NOT NULL, boot INTEGER NOT NULL, at INTEGER NOT NULL, PRIMARY KEY (account, id)
) WITHOUT ROWID;
CREATE INDEX agenda_by_time ON agenda (account, boot, at);
CREATE TRIGGER agenda_in AFTER INSERT ON agenda BEGIN
  UPDATE account SET waiting = waiting + 1 WHERE number = new.account;
END;
CREATE TRIGGER agenda_out AFTER DELETE ON agenda BEGIN
  UPDATE account SET waiting = waiting - 1 WHERE number = old.account;
END;

-- One row. The generation grows while the store is written to and is kept beside the file, too.
CREATE TABLE store (generation INTEGER NOT NULL);
INSERT INTO store VALUES (0);
";

/// What stores of this format had not at first; made when they are opened.
const LATER_TABLES: &str = "
-- The log. `at` is the position: milliseconds and a number. `home` is three bytes of the player's hash.
CREATE TABLE IF NOT EXISTS history (at INTEGER PRIMARY KEY, account INTEGER NOT NULL, home INTEGER NOT NULL, entry BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS history_by_player ON history (account, home);
-- Counters of days.
CREATE TABLE IF NOT EXISTS funnel (
  account INTEGER NOT NULL, day INTEGER NOT NULL, name BLOB NOT NULL, n INTEGER NOT NULL, PRIMARY KEY (account, day, name)
) WITHOUT ROWID;
-- One row: tells this store from all others, but for copies of it.
CREATE TABLE IF NOT EXISTS identity (id INTEGER NOT NULL);
INSERT INTO identity SELECT random() WHERE NOT EXISTS (SELECT 1 FROM identity);
";

/// Whether the file has the tables; if not, it is empty and ours to fill. Nothing is changed.
///
/// # Errors
/// [`Status::Store`] for another program's file, and for a store of an older or a newer format.
pub fn identify(c: &Connection) -> Result<bool, Error> {
    let number = |pragma: &str| -> rusqlite::Result<i32> { c.query_row(&format!("PRAGMA {pragma}"), [], |r| r.get(0)) };
    let read = || -> rusqlite::Result<(i32, i32, i64)> {
        let tables = c.query_row("SELECT count(*) FROM sqlite_schema", [], |r| r.get(0))?;
        Ok((number("application_id")?, number("user_version")?, tables))
    };
    let refused = |why: String| Err(Error::new(Status::Store, why));
    match read().map_err(|e| error::describe(&e))? {
        (0, 0, 0) => Ok(false),
        (APPLICATION_ID, VERSION, _) => Ok(true),
        (APPLICATION_ID, version, _) if version > VERSION => refused(format!(
            "the store has format {version}, written by a newer wxsub; this one knows up to {VERSION}. Update this process"
        )),
        (APPLICATION_ID, version, _) => refused(format!(
            "the store has format {version}, written by a wxsub from before the first release, which this one cannot \
             read; it was left as it is. Move it away to start anew"
        )),
        _ => refused(
            "the file is an SQLite database of another program; it was left as it is. Give \"store\" another path"
                .into(),
        ),
    }
}

/// Makes the tables if there are none, in one transaction; several processes may try at once.
///
/// # Errors
/// Those of [`identify`], and of SQLite.
pub fn create(c: &mut Connection) -> Result<(), Error> {
    if identify(c)? {
        return add_later_tables(c).map_err(|e| error::describe(&e));
    }
    let failed = |e: rusqlite::Error| error::describe(&e);
    let transaction = c.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
    // Another process may have been here since.
    if identify(&transaction)? {
        drop(transaction);
        return add_later_tables(c).map_err(failed);
    }
    transaction.execute_batch(TABLES).map_err(failed)?;
    transaction.execute_batch(LATER_TABLES).map_err(failed)?;
    transaction.pragma_update(None, "application_id", APPLICATION_ID).map_err(failed)?;
    transaction.pragma_update(None, "user_version", VERSION).map_err(failed)?;
    transaction.commit().map_err(failed)
}

/// Makes what is missing where an earlier version has made the store; several processes may try at once.
fn add_later_tables(c: &mut Connection) -> rusqlite::Result<()> {
    let made =
        "SELECT count(*) FROM sqlite_schema WHERE name IN ('history', 'history_by_player', 'funnel', 'identity')";
    if c.query_row(made, [], |r| r.get::<_, i64>(0))? == 4 {
        return Ok(());
    }
    let transaction = c.transaction_with_behavior(TransactionBehavior::Immediate)?;
    transaction.execute_batch(LATER_TABLES)?;
    transaction.commit()
}

/// The account's number; the first client of an account gives it one.
pub fn account(c: &Connection, appid: &str) -> rusqlite::Result<i64> {
    let number = || c.query_row("SELECT number FROM account WHERE appid = ?1", [appid], |r| r.get(0));
    match number() {
        Err(rusqlite::Error::QueryReturnedNoRows) => {
            c.execute("INSERT OR IGNORE INTO account (appid) VALUES (?1)", [appid])?;
            number()
        }
        done => done,
    }
}
