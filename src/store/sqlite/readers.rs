//! Connections that read beside the writer: several, so that look-ups that wait for the disk don't wait for each other.

use std::path::{Path, PathBuf};

use once_cell::sync::OnceCell;
use parking_lot::{Mutex, MutexGuard};
use rusqlite::Connection;

use super::error::{self, Fault};
use super::file;
use crate::clock::Deadline;
use crate::error::{Error, Status};

/// Connections at most.
const READERS: usize = 4;

/// Opened when they are first needed, but for the first one.
pub struct Readers {
    path: PathBuf,
    first: Mutex<Connection>,
    others: [OnceCell<Mutex<Connection>>; READERS - 1],
}

impl Readers {
    pub fn new(path: PathBuf, first: Connection) -> Readers {
        Readers { path, first: Mutex::new(first), others: Default::default() }
    }

    /// The store's.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Runs `work` in a transaction that sees one state of the store.
    pub fn snapshot<R>(
        &self,
        deadline: Deadline,
        mut work: impl FnMut(&Connection) -> Result<R, Fault>,
    ) -> Result<R, Error> {
        let connection = self.any(deadline)?;
        loop {
            match in_transaction(&connection, &mut work) {
                Err(Fault::Sqlite(e)) if error::is_busy(&e) && !deadline.is_over() => error::pause(),
                done => return done.map_err(Error::from),
            }
        }
    }

    /// Runs `work` on the same connection each time.
    pub fn on_first<R>(
        &self,
        deadline: Deadline,
        work: impl Fn(&Connection) -> rusqlite::Result<R>,
    ) -> Result<R, Error> {
        let first = self.first.try_lock_until(deadline.instant()).ok_or_else(too_late)?;
        error::retry_busy(deadline, || work(&first)).map_err(|e| error::describe(&e))
    }

    fn any(&self, deadline: Deadline) -> Result<MutexGuard<'_, Connection>, Error> {
        if let Some(free) = self.first.try_lock() {
            return Ok(free);
        }
        for other in &self.others {
            // Without file descriptors left, those that are there must do.
            let opened = other.get_or_try_init(|| file::reader(&self.path, deadline).map(Mutex::new));
            if let Some(free) = opened.ok().and_then(|connection| connection.try_lock()) {
                return Ok(free);
            }
        }
        let opened: Vec<_> = self.others.iter().filter_map(OnceCell::get).collect();
        let waits_for = fastrand::usize(0..=opened.len());
        let connection = opened.get(waits_for).copied().unwrap_or(&self.first);
        connection.try_lock_until(deadline.instant()).ok_or_else(too_late)
    }
}

fn in_transaction<R>(c: &Connection, work: &mut impl FnMut(&Connection) -> Result<R, Fault>) -> Result<R, Fault> {
    let execute = |sql: &str| c.prepare_cached(sql)?.execute([]);
    if !c.is_autocommit() {
        // Left behind by a panic.
        execute("ROLLBACK")?;
    }
    execute("BEGIN")?;
    let done = work(c);
    if let Err(e) = execute("COMMIT")
        && !c.is_autocommit()
    {
        execute("ROLLBACK")?;
        return Err(e.into());
    }
    done
}

fn too_late() -> Error {
    Error::new(Status::Store, "the store was busy with other reads until the deadline").after_ms(100)
}
