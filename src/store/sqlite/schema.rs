//! The tables, and how they came to be.

use rusqlite::{Connection, TransactionBehavior};

use crate::error::{Error, Status};

use super::trouble;

/// "wxsb": marks a file as a wxsub store.
pub const APPLICATION_ID: i32 = 0x7778_7362;
/// The schema that this version writes.
pub const VERSION: i32 = MIGRATIONS.len() as i32;

/// Each takes the schema from its index to the next; a released one is never changed.
///
/// Times: `*_boot` counts milliseconds since the boot named by `boot_id`, `*_wall` is Unix time in milliseconds.
const MIGRATIONS: [&str; 2] = ["
-- accepted_wall: when the newest accept happened. msgids: those of the last sends, each with a comma before and behind.
CREATE TABLE quota (
  appid TEXT NOT NULL, openid TEXT NOT NULL, template_id TEXT NOT NULL,
  granted INTEGER NOT NULL, gone INTEGER NOT NULL,
  accepted_wall INTEGER NOT NULL DEFAULT 0, msgids TEXT NOT NULL DEFAULT '',
  PRIMARY KEY (appid, openid, template_id)
) WITHOUT ROWID;

-- One send at a time per player. With unit it also holds one that was granted when `granted` were. Not running: kept
-- for a while after a maybe. wanted_by: the process that waits for the turn.
CREATE TABLE turn (
  appid TEXT NOT NULL, openid TEXT NOT NULL,
  holder INTEGER NOT NULL, until_boot INTEGER NOT NULL, boot_id TEXT NOT NULL, running INTEGER NOT NULL,
  template_id TEXT NOT NULL, granted INTEGER NOT NULL, unit INTEGER NOT NULL,
  key TEXT, started_wall INTEGER NOT NULL,
  wanted_by INTEGER NOT NULL DEFAULT 0, wanted_until_boot INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (appid, openid)
) WITHOUT ROWID;

-- Sends that were maybe taken, until an event settles them.
CREATE TABLE maybe (
  holder INTEGER PRIMARY KEY,
  appid TEXT NOT NULL, openid TEXT NOT NULL, template_id TEXT NOT NULL, granted INTEGER NOT NULL, unit INTEGER NOT NULL,
  key TEXT, started_wall INTEGER NOT NULL, at_boot INTEGER NOT NULL, boot_id TEXT NOT NULL, at_wall INTEGER NOT NULL
);
CREATE INDEX maybe_by_player ON maybe (appid, openid, template_id, started_wall);
CREATE INDEX maybe_by_age ON maybe (at_wall);

-- Acts that came one way, by a report or by an event, and may still come the other way.
CREATE TABLE act (
  id INTEGER PRIMARY KEY,
  appid TEXT NOT NULL, openid TEXT NOT NULL, template_id TEXT NOT NULL, refusal INTEGER NOT NULL,
  by_event INTEGER NOT NULL, act_wall INTEGER NOT NULL,
  at_boot INTEGER NOT NULL, boot_id TEXT NOT NULL, at_wall INTEGER NOT NULL
);
CREATE INDEX act_by_player ON act (appid, openid, template_id, refusal, by_event, act_wall);
CREATE INDEX act_by_age ON act (at_wall);

-- scope 0: sends, slot is empty; 1: reports, slot is the template; 2: events, slot is empty. While verdict is NULL the send runs, until done_*.
CREATE TABLE key (
  appid TEXT NOT NULL, openid TEXT NOT NULL, scope INTEGER NOT NULL, key TEXT NOT NULL, slot TEXT NOT NULL,
  template_id TEXT NOT NULL, holder INTEGER NOT NULL,
  done_boot INTEGER NOT NULL, boot_id TEXT NOT NULL, done_wall INTEGER NOT NULL,
  verdict TEXT,
  PRIMARY KEY (appid, openid, scope, key, slot)
) WITHOUT ROWID;
CREATE INDEX key_by_age ON key (done_wall);

CREATE TABLE token (
  appid TEXT NOT NULL, mode TEXT NOT NULL, host TEXT NOT NULL,
  token TEXT, life INTEGER NOT NULL DEFAULT 0,
  expires_boot INTEGER NOT NULL DEFAULT 0, boot_id TEXT NOT NULL DEFAULT '', expires_wall INTEGER NOT NULL DEFAULT 0,
  dead INTEGER NOT NULL DEFAULT 0,
  asker INTEGER NOT NULL DEFAULT 0, asks_until_boot INTEGER NOT NULL DEFAULT 0, asks_boot_id TEXT NOT NULL DEFAULT '',
  failures INTEGER NOT NULL DEFAULT 0, failure TEXT,
  pause_until_boot INTEGER NOT NULL DEFAULT 0, pause_boot_id TEXT NOT NULL DEFAULT '',
  PRIMARY KEY (appid, mode, host)
) WITHOUT ROWID;

CREATE TABLE template (
  appid TEXT PRIMARY KEY,
  list TEXT NOT NULL, at_boot INTEGER NOT NULL, boot_id TEXT NOT NULL, at_wall INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE forced_refresh (
  appid TEXT NOT NULL, at_boot INTEGER NOT NULL, boot_id TEXT NOT NULL, at_wall INTEGER NOT NULL
);
CREATE INDEX forced_refresh_by_age ON forced_refresh (appid, at_wall);
", "
-- Messages that wait. state 0: waits until due_wall; 1: claimed by holder, 2: being sent by holder, until until_boot.
-- sender: the holder of its last send, 0 before it. verdict: what an event told of that send later. maybe: an earlier try
-- was maybe taken, and another is wanted.
CREATE TABLE outbox (
  id INTEGER PRIMARY KEY,
  appid TEXT NOT NULL, openid TEXT NOT NULL, key TEXT, template_id TEXT NOT NULL,
  message TEXT NOT NULL, tag INTEGER NOT NULL, timeout_ms INTEGER, resend INTEGER NOT NULL, notify INTEGER NOT NULL,
  due_wall INTEGER NOT NULL, expires_wall INTEGER NOT NULL,
  state INTEGER NOT NULL, holder INTEGER NOT NULL, until_boot INTEGER NOT NULL, boot_id TEXT NOT NULL,
  tries INTEGER NOT NULL, why TEXT NOT NULL,
  sender INTEGER NOT NULL DEFAULT 0, verdict TEXT, maybe INTEGER NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX outbox_by_key ON outbox (appid, openid, key) WHERE key IS NOT NULL;
CREATE INDEX outbox_by_due ON outbox (appid, due_wall) WHERE state = 0;
CREATE INDEX outbox_in_hand ON outbox (appid, until_boot) WHERE state > 0;
CREATE INDEX outbox_in_hand_by_player ON outbox (appid, openid) WHERE state > 0;
CREATE INDEX outbox_by_sender ON outbox (sender) WHERE sender <> 0;

-- How many rows of the outbox there are, since counting a million takes long.
CREATE TABLE tally (appid TEXT PRIMARY KEY, waiting INTEGER NOT NULL) WITHOUT ROWID;
CREATE TRIGGER outbox_in AFTER INSERT ON outbox BEGIN
  INSERT INTO tally VALUES (new.appid, 1) ON CONFLICT DO UPDATE SET waiting = waiting + 1;
END;
CREATE TRIGGER outbox_out AFTER DELETE ON outbox BEGIN
  UPDATE tally SET waiting = waiting - 1 WHERE appid = old.appid;
END;
"];

/// Whether the file is empty, and ours to fill, or a store of this schema or an older one; without changing it. Returns
/// the schema's version, 0 for an empty one.
///
/// # Errors
/// [`Status::Store`] for another program's file and for a newer store.
pub fn identify(c: &Connection) -> Result<i32, Error> {
    let number = |pragma: &str| -> rusqlite::Result<i32> { c.query_row(&format!("PRAGMA {pragma}"), [], |r| r.get(0)) };
    let read = || -> rusqlite::Result<(i32, i32, i64)> {
        let tables = c.query_row("SELECT count(*) FROM sqlite_schema", [], |r| r.get(0))?;
        Ok((number("application_id")?, number("user_version")?, tables))
    };
    let (application_id, version, tables) = read().map_err(|e| trouble::describe(&e))?;
    if application_id == 0 && version == 0 && tables == 0 {
        return Ok(0);
    }
    if application_id != APPLICATION_ID {
        return Err(Error::new(
            Status::Store,
            "the file is an SQLite database of another program; it was left as it is. Give \"store\" another path",
        ));
    }
    if version > VERSION {
        return Err(Error::new(
            Status::Store,
            format!(
                "the store has schema {version}, written by a newer wxsub; this one knows up to {VERSION}. Update this process"
            ),
        ));
    }
    Ok(version)
}

/// Brings the schema up to date, in one transaction; several processes may try at once.
///
/// # Errors
/// Those of [`identify`], and of SQLite.
pub fn migrate(c: &mut Connection) -> Result<(), Error> {
    if identify(c)? == VERSION {
        return Ok(());
    }
    let failed = |e: rusqlite::Error| trouble::describe(&e);
    let transaction = c.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
    // Another process may have been here since.
    let done = identify(&transaction)?;
    for migration in MIGRATIONS.iter().skip(usize::try_from(done).unwrap_or(0)) {
        transaction.execute_batch(migration).map_err(failed)?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION_ID).map_err(failed)?;
    transaction.pragma_update(None, "user_version", VERSION).map_err(failed)?;
    transaction.commit().map_err(failed)
}
