//! SQLite's errors in words, and what to do about them.

use std::time::Duration;

use rusqlite::ErrorCode;

use crate::clock::Deadline;
use crate::error::{Error, Status};

/// After a lock that was held: try again this much later.
pub const BUSY_AFTER_MS: u32 = 100;

/// Why something came to no end: SQLite's reason, or one that is told as it is.
#[derive(Debug)]
pub enum Fault {
    Sqlite(rusqlite::Error),
    Told(Error),
}

impl From<rusqlite::Error> for Fault {
    fn from(e: rusqlite::Error) -> Fault {
        Fault::Sqlite(e)
    }
}

impl From<Error> for Fault {
    fn from(e: Error) -> Fault {
        Fault::Told(e)
    }
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Error {
        match fault {
            Fault::Sqlite(e) => describe(&e),
            Fault::Told(e) => e,
        }
    }
}

/// How a piece of work failed.
#[derive(Debug)]
pub enum Failure {
    /// Before it wrote anything.
    Unwritten(Fault),
    /// Maybe in the middle of its writes.
    HalfWritten(rusqlite::Error),
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Error {
        match failure {
            Failure::Unwritten(fault) => fault.into(),
            Failure::HalfWritten(e) => describe(&e),
        }
    }
}

/// A panic in a decision or in this engine.
pub fn caught(place: &str) -> Error {
    Error::new(Status::Panic, format!("a bug of wxsub's was caught at {place}"))
}

/// Whether a change must be rolled back first, which a connection that only reads cannot do.
pub fn is_unfinished(e: &rusqlite::Error) -> bool {
    e.sqlite_error().is_some_and(|e| e.extended_code == rusqlite::ffi::SQLITE_READONLY_ROLLBACK)
}

/// Whether an fsync failed.
pub fn is_failed_sync(e: &rusqlite::Error) -> bool {
    e.sqlite_error().is_some_and(|e| e.extended_code == rusqlite::ffi::SQLITE_IOERR_FSYNC)
}

/// Whether the log's index could not grow, for which SQLite has one code whatever the cause.
fn is_index_growth(e: &rusqlite::Error) -> bool {
    e.sqlite_error().is_some_and(|e| e.extended_code == rusqlite::ffi::SQLITE_IOERR_SHMSIZE)
}

/// Whether another connection holds a lock that this one needs.
pub fn is_busy(e: &rusqlite::Error) -> bool {
    matches!(e.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
}

/// As `WXSUB_E_STORE`, with advice.
pub fn describe(e: &rusqlite::Error) -> Error {
    let advice = match e.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            "another process has kept it locked until the deadline; try again"
        }
        Some(ErrorCode::DiskFull) => "the disk is full: make room, then try again",
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => {
            "it cannot be written: check the file's and folder's owner and mode"
        }
        Some(ErrorCode::CannotOpen) => {
            "it cannot be opened: check that the folder exists and may be written, and that file descriptors are left"
        }
        _ if is_nonsense(e) => {
            "the file is damaged or no wxsub store; it was left as it is. Restore a copy, or move it away to start anew"
        }
        Some(ErrorCode::SystemIoFailure) if is_index_growth(e) => {
            "the disk is full: make room, then try again; or the disk failed: see the system's log"
        }
        Some(ErrorCode::SystemIoFailure) => "the disk failed: see the system's log",
        Some(ErrorCode::OutOfMemory) => "memory is exhausted",
        _ => "an error that wxsub does not know: please report it",
    };
    let later = if is_busy(e) { BUSY_AFTER_MS } else { 1000 };
    Error::new(Status::Store, format!("the store failed: {advice} (SQLite: {})", bare(e))).after_ms(later)
}

/// Also a value that no statement of ours writes: a log was applied to another file than its own.
fn is_nonsense(e: &rusqlite::Error) -> bool {
    matches!(e.sqlite_error_code(), Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase))
        || matches!(e, rusqlite::Error::InvalidColumnType(..) | rusqlite::Error::FromSqlConversionFailure(..))
}

/// What the system told of a sync of ours.
pub fn not_synced(e: &std::io::Error) -> Error {
    Error::new(Status::Store, format!("the store failed: the disk failed: see the system's log ({e})")).after_ms(1000)
}

/// SQLite's own text without the statement.
fn bare(e: &rusqlite::Error) -> String {
    match e {
        rusqlite::Error::SqliteFailure(code, Some(text)) => format!("{text}, code {}", code.extended_code),
        rusqlite::Error::SqliteFailure(code, None) => format!("{code}, code {}", code.extended_code),
        rusqlite::Error::SqlInputError { error, .. } => format!("{error}"),
        other => other.to_string(),
    }
}

/// Repeats `work` while another connection is in the way, until the deadline; at least once.
pub fn retry_busy<R>(deadline: Deadline, mut work: impl FnMut() -> rusqlite::Result<R>) -> rusqlite::Result<R> {
    loop {
        match work() {
            Err(e) if is_busy(&e) && !deadline.is_over() => pause(),
            done => return done,
        }
    }
}

/// Less than a millisecond, and not the same for two that wait: SQLite's own handler waits in steps of up to 100 ms,
/// in which a busy process beside it gets the lock a thousand times.
pub fn pause() {
    std::thread::sleep(Duration::from_micros(fastrand::u64(50..400)));
}
