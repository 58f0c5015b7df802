//! The ledger in an SQLite file: several clients and several processes of one host may share it.

mod act;
mod count;
mod event;
mod file;
mod group;
mod key;
mod outbox;
mod schema;
mod template;
mod token;
mod trouble;
mod turn;
mod writer;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};
use std::time::Instant;

use parking_lot::Mutex;
use rusqlite::Connection;

use super::{
    After, Applied, Backlog, Begun, Cancelled, Claimed, Claims, Event, Look, NewMessage, Put, Report, Settled,
    Settlement, Store, StoredToken, TokenAsk, TokenClaim, Want,
};
use crate::clock::{Deadline, Now};
use crate::config::{Config, TokenMode};
use crate::error::{Error, Status, Verdict};
use crate::secret::Secret;
use count::Player;
use group::Writers;

/// Pages of the write-ahead log that are not in the file yet, from which on a checkpoint is due at once (4 MiB).
const WAL_PAGES: u32 = 1000;
/// Pages from which on the log begins anew, for which writers wait a moment (16 MiB, as long as its file may stay).
const WAL_PAGES_TOO_MANY: u32 = 4_000;

/// Rows that are pruned in one transaction at most.
pub const PRUNED_AT_ONCE: usize = 500;

/// Rows are looked for so often at most.
pub const PRUNE_EVERY_MS: i64 = 1000;
/// Transactions that prune one table in one round at most; the next round goes on.
const PRUNES: usize = 10;

pub struct SqliteStore {
    appid: Arc<str>,
    /// The token is of the first host's; another host's token is another.
    host: Arc<str>,
    durable: bool,
    place: String,
    writers: Writers,
    /// Reads beside the writers; none for `:memory:`, whose database belongs to one connection.
    reader: Option<Mutex<Connection>>,
    keeper: Option<Mutex<Connection>>,
    /// Pages in the write-ahead log, as of the last commit.
    wal_pages: Arc<AtomicU32>,
    /// Those of them that the last checkpoint found in the file.
    moved_pages: AtomicU32,
    /// When rows were pruned last, by the boot clock.
    pruned_boot: AtomicI64,
}

impl SqliteStore {
    pub fn open(config: &Config, path: &str) -> Result<SqliteStore, Error> {
        let deadline = Deadline::in_ms(config.timeout_ms);
        let wal_pages = Arc::new(AtomicU32::new(0));
        let mut opened = file::open(path, deadline)?;
        let pages = Arc::clone(&wal_pages);
        opened
            .writer
            .wal_hook(Some(move |_: &mut rusqlite::hooks::Wal, n: std::ffi::c_int| {
                pages.store(n.unsigned_abs(), Ordering::Relaxed);
                Ok(())
            }))
            .map_err(|e| trouble::describe(&e))?;
        Ok(SqliteStore {
            appid: config.appid.as_str().into(),
            host: config.api_base.first().map_or("", |h| h.as_str()).into(),
            durable: config.durable,
            place: opened.place,
            writers: Writers::new(opened.writer),
            reader: opened.reader.map(Mutex::new),
            keeper: opened.keeper.map(Mutex::new),
            wal_pages,
            moved_pages: AtomicU32::new(0),
            pruned_boot: AtomicI64::new(i64::MIN / 2),
        })
    }

    fn write<R: Send + 'static>(
        &self,
        fsync: bool,
        deadline: Deadline,
        work: impl FnMut(&Connection) -> rusqlite::Result<R> + Send + 'static,
    ) -> Result<R, Error> {
        self.writers.run(fsync && self.durable, deadline, work)
    }

    fn read<R>(&self, deadline: Deadline, work: impl Fn(&Connection) -> rusqlite::Result<R>) -> Result<R, Error> {
        let Some(reader) = &self.reader else { return self.writers.alone(deadline, work) };
        let Some(connection) = reader.try_lock_until(deadline.instant()) else {
            return Err(
                Error::new(Status::Store, "the store was busy with other reads until the deadline").after_ms(100)
            );
        };
        trouble::retry_busy(deadline, || work(&connection)).map_err(|e| trouble::describe(&e))
    }
}

impl Store for SqliteStore {
    fn report(&self, report: Report, now: Now, deadline: Deadline) -> Result<Vec<Applied>, Error> {
        let appid = Arc::clone(&self.appid);
        self.write(true, deadline, move |c| {
            report.items.iter().map(|item| count::report(c, &appid, &report, item, &now)).collect()
        })
    }

    fn event(&self, event: Event, now: Now, deadline: Deadline) -> Result<Result<Vec<Applied>, i64>, Error> {
        let appid = Arc::clone(&self.appid);
        self.write(true, deadline, move |c| event::apply(c, &appid, &event, &now))
    }

    fn templates(&self, now: &Now, deadline: Deadline) -> Result<Option<(String, i64)>, Error> {
        self.read(deadline, |c| template::read(c, &self.appid, now))
    }

    fn put_templates(&self, list: String, now: Now, deadline: Deadline) -> Result<(), Error> {
        let appid = Arc::clone(&self.appid);
        self.write(false, deadline, move |c| template::put(c, &appid, &list, &now))
    }

    fn remaining(&self, openid: &str, template_id: &str, now: &Now, deadline: Deadline) -> Result<i64, Error> {
        self.read(deadline, |c| count::remaining(c, Player { appid: &self.appid, openid }, template_id, now))
    }

    fn has_any(&self, openid: &str, template_id: &str, deadline: Deadline) -> Result<bool, Error> {
        let player = Player { appid: &self.appid, openid };
        self.read(deadline, |c| count::numbers(c, player, template_id).map(|(granted, gone)| granted > gone))
    }

    fn begin(&self, want: Want, now: Now, deadline: Deadline) -> Result<Begun, Error> {
        let appid = Arc::clone(&self.appid);
        let marks = want.key.is_some() || want.message.is_some();
        self.write(marks, deadline, move |c| begin(c, &appid, &want, &now))
    }

    fn settle(&self, settlement: Settlement, now: Now, deadline: Deadline) -> Result<Settled, Error> {
        let appid = Arc::clone(&self.appid);
        // What it waited for the connection must not shorten the time that a turn is kept.
        let since = Instant::now();
        self.write(false, deadline, move |c| turn::settle(c, &appid, &settlement, &now.later(since.elapsed())))
    }

    fn put_message(&self, message: NewMessage, now: Now, deadline: Deadline) -> Result<Put, Error> {
        let appid = Arc::clone(&self.appid);
        self.write(true, deadline, move |c| outbox::put(c, &appid, &message, &now))
    }

    fn next_message_ms(&self, now: &Now, deadline: Deadline) -> Result<Option<i64>, Error> {
        self.read(deadline, |c| outbox::next(c, &self.appid, now))
    }

    fn claim_messages(
        &self,
        claim: i64,
        most: usize,
        lease_ms: i64,
        now: Now,
        deadline: Deadline,
    ) -> Result<Claims, Error> {
        let appid = Arc::clone(&self.appid);
        self.write(false, deadline, move |c| outbox::claim(c, &appid, claim, most, lease_ms, &now))
    }

    fn finish_message(
        &self,
        message: Claimed,
        after: After,
        verdict: Option<Verdict>,
        now: Now,
        deadline: Deadline,
    ) -> Result<bool, Error> {
        let appid = Arc::clone(&self.appid);
        self.write(false, deadline, move |c| outbox::finish(c, &appid, &message, &after, verdict.as_ref(), &now))
    }

    fn release_message(&self, message: Claimed, deadline: Deadline) -> Result<(), Error> {
        self.write(false, deadline, move |c| outbox::release(c, &message))
    }

    fn cancel_message(
        &self,
        openid: &str,
        key: &str,
        verdict: Verdict,
        now: Now,
        deadline: Deadline,
    ) -> Result<Cancelled, Error> {
        let (appid, openid, key) = (Arc::clone(&self.appid), openid.to_owned(), key.to_owned());
        self.write(true, deadline, move |c| {
            outbox::cancel(c, Player { appid: &appid, openid: &openid }, &key, &verdict, &now)
        })
    }

    fn look_up(&self, openid: &str, key: &str, now: &Now, deadline: Deadline) -> Result<Look, Error> {
        self.read(deadline, |c| outbox::look_up(c, Player { appid: &self.appid, openid }, key, now))
    }

    fn backlog(&self, now: &Now, deadline: Deadline) -> Result<Backlog, Error> {
        self.read(deadline, |c| outbox::backlog(c, &self.appid, now))
    }

    fn version(&self, deadline: Deadline) -> Result<Option<i64>, Error> {
        if self.reader.is_none() {
            return Ok(None);
        }
        self.read(deadline, |c| c.prepare_cached("PRAGMA data_version")?.query_row([], |r| r.get(0))).map(Some)
    }

    fn token(&self, mode: TokenMode, now: &Now, deadline: Deadline) -> Result<Option<StoredToken>, Error> {
        self.read(deadline, |c| token::alive(c, &self.token_row(mode), now))
    }

    fn claim_token(&self, mode: TokenMode, ask: TokenAsk, now: Now, deadline: Deadline) -> Result<TokenClaim, Error> {
        let row = self.token_row(mode);
        self.write(false, deadline, move |c| token::claim(c, &row, &ask, &now))
    }

    fn put_token(
        &self,
        mode: TokenMode,
        token: Secret,
        life_ms: i64,
        now: Now,
        deadline: Deadline,
    ) -> Result<(), Error> {
        let row = self.token_row(mode);
        self.write(false, deadline, move |c| token::put(c, &row, &token, life_ms, &now))
    }

    fn fail_token(
        &self,
        mode: TokenMode,
        holder: i64,
        why: Error,
        pause_ms: i64,
        now: Now,
        deadline: Deadline,
    ) -> Result<(), Error> {
        let row = self.token_row(mode);
        self.write(false, deadline, move |c| token::fail(c, &row, holder, &why, pause_ms, &now))
    }

    fn release_token(&self, mode: TokenMode, holder: i64, deadline: Deadline) -> Result<(), Error> {
        let row = self.token_row(mode);
        self.write(false, deadline, move |c| token::release(c, &row, holder))
    }

    fn kill_token(&self, mode: TokenMode, token: Secret, _now: Now, deadline: Deadline) -> Result<(), Error> {
        let row = self.token_row(mode);
        self.write(false, deadline, move |c| token::kill(c, &row, &token))
    }

    fn force_token(&self, now: Now, deadline: Deadline) -> Result<Result<(), i64>, Error> {
        let appid = Arc::clone(&self.appid);
        self.write(true, deadline, move |c| token::force(c, &appid, &now))
    }

    fn upkeep(&self, now: &Now) -> Result<(), Error> {
        let before = self.pruned_boot.load(Ordering::Relaxed);
        let prunes: &[fn(&Connection, &Now) -> rusqlite::Result<usize>] = match now.boot_ms - before {
            0..PRUNE_EVERY_MS => &[],
            _ => &[key::prune, act::prune, turn::prune],
        };
        if !prunes.is_empty() {
            self.pruned_boot.store(now.boot_ms, Ordering::Relaxed);
        }
        for prune in prunes {
            for _ in 0..PRUNES {
                let now = now.clone();
                let pruned = self.writers.run(false, Deadline::in_ms(1000), move |c| prune(c, &now))?;
                if pruned < PRUNED_AT_ONCE {
                    break;
                }
            }
        }
        if let Some(keeper) = &self.keeper {
            let keeper = keeper.lock();
            let moved = file::checkpoint(&keeper).map_err(|e| trouble::describe(&e))?;
            self.moved_pages.store(moved, Ordering::Relaxed);
            if self.wal_pages.load(Ordering::Relaxed) > WAL_PAGES_TOO_MANY {
                // A log that is always written to never begins anew by itself.
                self.writers.alone(Deadline::in_ms(1000), |_| file::begin_log_anew(&keeper))?;
            }
        }
        Ok(())
    }

    fn needs_upkeep(&self) -> bool {
        let pages = self.wal_pages.load(Ordering::Relaxed);
        // Fewer pages than were moved: the log has begun anew.
        let unmoved = pages.checked_sub(self.moved_pages.load(Ordering::Relaxed)).unwrap_or(pages);
        unmoved > WAL_PAGES
    }

    fn place(&self) -> &str {
        &self.place
    }

    fn warnings(&self, _deadline: Deadline) -> Result<Vec<String>, Error> {
        Ok(Vec::new())
    }
}

impl SqliteStore {
    /// For tests that look at rows.
    #[cfg(test)]
    pub fn writers(&self) -> &Writers {
        &self.writers
    }

    fn token_row(&self, mode: TokenMode) -> token::Row {
        token::Row { appid: Arc::clone(&self.appid), mode: mode.word(), host: Arc::clone(&self.host) }
    }
}

/// Whether the send may begin, and its marks.
fn begin(c: &Connection, appid: &str, want: &Want, now: &Now) -> rusqlite::Result<Begun> {
    if let Some((id, claim)) = want.message
        && !outbox::is_claimed(c, id, claim)?
    {
        return Ok(Begun::Gone);
    }
    if let Some(key) = &want.key {
        let player = Player { appid, openid: &want.openid };
        match key::look_up_send(c, player, &want.template_id, key, now)? {
            None => {}
            Some(key::Seen::Before(verdict)) => return Ok(Begun::Before(verdict)),
            Some(key::Seen::Running(ms)) => return Ok(Begun::Busy(ms)),
            Some(key::Seen::OtherTemplate(other)) => return Ok(Begun::OtherTemplate(other)),
        }
    }
    let begun = turn::hold(c, appid, want, now)?;
    if let Begun::Held(_) = &begun {
        if let Some(key) = &want.key {
            key::mark_running(c, appid, want, key, now)?;
        }
        if let Some((id, _)) = want.message {
            outbox::mark_sending(c, id, want.holder, want.lease_ms, now)?;
        }
    }
    Ok(begun)
}

/// Removes rows of this table that are older than their life, a limited number. Ages go by the boot clock where it is
/// the same boot, else by the wall clock and a grace hour.
fn prune(c: &Connection, table: &str, life_ms: i64, now: &Now) -> rusqlite::Result<usize> {
    const GRACE_MS: i64 = 3_600_000;
    c.prepare_cached(&format!(
        "DELETE FROM {table} WHERE rowid IN (
           SELECT rowid FROM {table} WHERE at_wall < ?1 AND (boot_id <> ?2 OR at_boot < ?3) ORDER BY at_wall LIMIT ?4)"
    ))?
    .execute(rusqlite::params![
        now.wall_ms - life_ms - GRACE_MS,
        now.boot_id,
        now.boot_ms - life_ms,
        PRUNED_AT_ONCE as i64
    ])
}
