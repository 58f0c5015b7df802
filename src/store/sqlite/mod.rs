//! The ledger in an SQLite file: several clients and several processes of one host may share it.

mod count;
mod file;
mod group;
mod key;
mod schema;
mod token;
mod trouble;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use parking_lot::Mutex;
use rusqlite::Connection;

use super::{Begun, Hold, Report, Reported, Settlement, Store, StoredToken, TokenAsk, TokenClaim, Want};
use crate::clock::{Deadline, Now};
use crate::config::{Config, TokenMode};
use crate::error::{Error, Status, Verdict};
use crate::secret::Secret;
use group::Writers;

/// Pages in the write-ahead log from which on a checkpoint is due at once (4 MiB).
const WAL_PAGES: u32 = 1000;
/// Pages from which on the log is cut, for which writers wait a moment (64 MiB).
const WAL_PAGES_TOO_MANY: u32 = 16_000;

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
    wal_pages: Arc<AtomicU32>,
}

impl SqliteStore {
    pub fn open(config: &Config) -> Result<SqliteStore, Error> {
        let deadline = Deadline::in_ms(config.timeout_ms);
        let wal_pages = Arc::new(AtomicU32::new(0));
        let mut opened = file::open(&config.store, deadline)?;
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
    fn report(&self, report: Report, now: Now, deadline: Deadline) -> Result<Vec<Reported>, Error> {
        let appid = Arc::clone(&self.appid);
        self.write(true, deadline, move |c| {
            let mut done = Vec::with_capacity(report.changes.len());
            for (template_id, change) in &report.changes {
                done.push(count::report_one(c, &appid, &report, template_id, *change, &now)?);
            }
            Ok(done)
        })
    }

    fn remaining(
        &self,
        openid: &str,
        template_id: &str,
        switch: bool,
        now: &Now,
        deadline: Deadline,
    ) -> Result<i64, Error> {
        self.read(deadline, |c| {
            if switch {
                count::switch(c, &self.appid, openid, template_id)
            } else {
                count::remaining(c, &self.appid, openid, template_id, now)
            }
        })
    }

    fn begin(&self, want: Want, now: Now, deadline: Deadline) -> Result<Begun, Error> {
        let appid = Arc::clone(&self.appid);
        self.write(want.key.is_some(), deadline, move |c| {
            if let Some(key) = &want.key
                && let Some(answer) = key::look_up_send(c, &appid, &want, key, &now)?
            {
                return Ok(answer);
            }
            let begun = count::hold(c, &appid, &want, &now)?;
            if let (Begun::Held(_), Some(key)) = (&begun, &want.key) {
                key::mark_running(c, &appid, &want, key, &now)?;
            }
            Ok(begun)
        })
    }

    fn settle(&self, settlement: Settlement, now: Now, deadline: Deadline) -> Result<i64, Error> {
        let appid = Arc::clone(&self.appid);
        self.write(false, deadline, move |c| {
            let Settlement { hold, outcome, keep_turn_ms, verdict } = &settlement;
            let Hold { want, .. } = hold;
            count::settle(c, &appid, hold, *outcome, *keep_turn_ms, &now)?;
            let remaining = count::remaining(c, &appid, &want.openid, &want.template_id, &now)?;
            if let Some(key) = &want.key {
                let verdict = Verdict { remaining, ..verdict.clone() };
                key::mark_done(c, &appid, want, key, &verdict, &now)?;
            }
            Ok(remaining)
        })
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

    fn kill_token(&self, mode: TokenMode, token: Secret, _now: Now, deadline: Deadline) -> Result<(), Error> {
        let row = self.token_row(mode);
        self.write(false, deadline, move |c| token::kill(c, &row, &token))
    }

    fn force_token(&self, now: Now, deadline: Deadline) -> Result<Result<(), i64>, Error> {
        let appid = Arc::clone(&self.appid);
        self.write(true, deadline, move |c| token::force(c, &appid, &now))
    }

    fn upkeep(&self, now: &Now) -> Result<(), Error> {
        let now = now.clone();
        loop {
            let now = now.clone();
            let pruned = self.writers.run(false, Deadline::in_ms(1000), move |c| key::prune(c, &now))?;
            if pruned < key::PRUNED_AT_ONCE {
                break;
            }
        }
        if let Some(keeper) = &self.keeper {
            file::checkpoint(&keeper.lock(), self.wal_pages.load(Ordering::Relaxed) > WAL_PAGES_TOO_MANY)
                .map_err(|e| trouble::describe(&e))?;
            self.wal_pages.store(0, Ordering::Relaxed);
        }
        Ok(())
    }

    fn needs_upkeep(&self) -> bool {
        self.wal_pages.load(Ordering::Relaxed) > WAL_PAGES
    }

    fn place(&self) -> &str {
        &self.place
    }
}

impl SqliteStore {
    fn token_row(&self, mode: TokenMode) -> token::Row {
        token::Row { appid: Arc::clone(&self.appid), mode: mode.word(), host: Arc::clone(&self.host) }
    }
}
