//! Opening the file. No code but SQLite opens it or its -shm: closing any other descriptor of them would drop this
//! process's locks (POSIX). So it is looked at through SQLite, and its mode is set by its path. (`fsync` has a
//! descriptor that is never closed.)

use std::fs::OpenOptions;
use std::path::{Path, PathBuf};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use super::watch::with_suffixes;
use super::{error, schema};
use crate::clock::Deadline;
use crate::error::{Error, Status};

/// Files up to this many pages (1 MiB) are checked through when they are opened; it takes a millisecond.
const CHECKED_PAGES: i64 = 256;

/// The connections of one client.
pub struct Opened {
    pub writer: Connection,
    pub reader: Connection,
    pub maintenance: Connection,
    /// Absolute.
    pub path: PathBuf,
}

/// Opens the store, making it if it is not there.
pub fn open(store: &str, deadline: Deadline) -> Result<Opened, Error> {
    let path = std::path::absolute(store).unwrap_or_else(|_| PathBuf::from(store));
    open_at(&path, deadline).map_err(|mut e| {
        e.message = format!("store {}: {}{}", path.display(), obstacle(&path), e.message);
        e
    })
}

fn open_at(path: &Path, deadline: Deadline) -> Result<Opened, Error> {
    if path.is_dir() {
        return Err(Error::new(Status::Store, "is a folder; \"store\" must name a file"));
    }
    if !path.exists() {
        make(path, deadline)?;
    } else if !path.is_file() {
        // To open a pipe waits for its other end.
        return Err(Error::new(Status::Store, "is a pipe, a device or a socket; \"store\" must name a file"));
    }
    look(path, deadline)?;
    let mut writer = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    refuse_read_only(&writer)?;
    prepare(&mut writer, deadline)?;
    keep_private(path)?;
    let reader = reader(path, deadline)?;
    let maintenance = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    let quiet = || {
        maintenance.pragma_update(None, "synchronous", "NORMAL")?;
        open_log(&maintenance)
    };
    error::retry_busy(deadline, quiet).map_err(|e| error::describe(&e))?;
    Ok(Opened { writer, reader, maintenance, path: path.to_owned() })
}

/// Another connection that reads.
pub fn reader(path: &Path, deadline: Deadline) -> Result<Connection, Error> {
    let reader = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    let quiet = || {
        reader.pragma_update(None, "query_only", true)?;
        open_log(&reader)
    };
    error::retry_busy(deadline, quiet).map_err(|e| error::describe(&e))?;
    Ok(reader)
}

/// Opens the log now, while there are file descriptors left.
fn open_log(c: &Connection) -> rusqlite::Result<()> {
    c.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))
}

/// SQLite opens for reading what it may not write, and the first report would fail.
fn refuse_read_only(c: &Connection) -> Result<(), Error> {
    if c.is_readonly(rusqlite::MAIN_DB).map_err(|e| error::describe(&e))? {
        return Err(Error::new(
            Status::Store,
            "it cannot be written: check the file's owner and mode, and that the disk is not mounted read-only",
        ));
    }
    Ok(())
}

/// Whose the file, its log or the log's index is, or the folder where it cannot be made, if it is somebody else's; or which
/// of them may not be used. Before all else: the rest may be cut.
#[cfg(unix)]
fn obstacle(path: &Path) -> String {
    use rustix::fs::{Access, access};
    use std::os::unix::fs::{MetadataExt, PermissionsExt};

    let own = rustix::process::geteuid().as_raw();
    let of_another = |what: &str, path: &Path| {
        let uid = std::fs::metadata(path).ok()?.uid();
        (uid != own).then(|| format!("{what} belongs to uid {uid}, this process runs as uid {own}; "))
    };
    let closed = |what: &str, path: &Path| {
        let mode = std::fs::metadata(path).ok()?.permissions().mode() & 0o777;
        let is_closed = access(path, Access::READ_OK | Access::WRITE_OK).is_err();
        is_closed.then(|| format!("{what} may not be read and written (its mode is {mode:04o}); "))
    };
    let folder = || path.parent().filter(|folder| access(*folder, Access::WRITE_OK).is_err());
    let parts: Vec<(&str, PathBuf)> =
        ["the file", "its -wal", "its -shm"].into_iter().zip(with_suffixes(path, &["", "-wal", "-shm"])).collect();
    let told = parts.iter().find_map(|(what, part)| of_another(what, part));
    let told = told.or_else(|| of_another("its folder", folder()?));
    told.or_else(|| parts.iter().find_map(|(what, part)| closed(what, part))).unwrap_or_default()
}

#[cfg(not(unix))]
fn obstacle(_: &Path) -> String {
    String::new()
}

/// Makes a new store under another name and then gives it its own, so that no crash leaves a half-made one there, and
/// for its owner's eyes only: SQLite would make one by the umask, and gives -wal and -shm the mode of the file.
fn make(path: &Path, deadline: Deadline) -> Result<(), Error> {
    let cannot = |e: std::io::Error| {
        Error::new(Status::Store, format!("cannot be made: {e}; check that the folder exists and may be written"))
    };
    let mut random = [0; 8];
    getrandom::fill(&mut random).map_err(|e| cannot(std::io::Error::other(e)))?;
    let new = with_suffixes(path, &[&format!(".new-{:016x}", u64::from_ne_bytes(random))]).remove(0);
    private().open(&new).map_err(cannot)?;
    let made = connect(&new, OpenFlags::SQLITE_OPEN_READ_WRITE).and_then(|mut c| {
        prepare(&mut c, deadline)?;
        // The log keeps its name and is lost, so all of it must be in the file. Closing would try, and tell of no failure.
        let move_log = "PRAGMA wal_checkpoint(TRUNCATE)";
        c.query_row(move_log, [], |_| Ok(())).map_err(|e| error::describe(&e))
    });
    let named = made.and_then(|()| match std::fs::hard_link(&new, path) {
        Ok(()) => Ok(()),
        // Another client was faster.
        Err(_) if path.exists() => Ok(()),
        // A file system without links. Renaming could replace a store that another client has opened since; an empty
        // file becomes a store in its place, and `look` knows what a crash in the middle of that leaves.
        Err(_) => match private().open(path) {
            Err(e) if e.kind() != std::io::ErrorKind::AlreadyExists => Err(cannot(e)),
            _ => Ok(()),
        },
    });
    for part in with_suffixes(&new, &["", "-wal", "-shm", "-journal"]) {
        let _gone_already = std::fs::remove_file(part);
    }
    named
}

/// For a new file that only its owner may read.
pub fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Write-ahead logging and the schema of today.
fn prepare(c: &mut Connection, deadline: Deadline) -> Result<(), Error> {
    let read = || c.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()));
    error::retry_busy(deadline, read).map_err(|e| error::describe(&e))?;
    schema::identify(c)?;
    let ready = || -> rusqlite::Result<()> {
        use_wal(c)?;
        c.pragma_update(None, "wal_autocheckpoint", 0)?;
        c.pragma_update(None, "journal_size_limit", 16 << 20)
    };
    error::retry_busy(deadline, ready).map_err(|e| error::describe(&e))?;
    loop {
        match schema::create(c) {
            Err(e) if e.retry_after_ms == error::BUSY_AFTER_MS && !deadline.is_over() => error::pause(),
            done => return done,
        }
    }
}

fn connect(path: &Path, flags: OpenFlags) -> Result<Connection, Error> {
    let flags = flags | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection =
        Connection::open_with_flags(path, flags - OpenFlags::SQLITE_OPEN_URI).map_err(|e| error::describe(&e))?;
    let ready = || -> rusqlite::Result<()> {
        connection.busy_timeout(std::time::Duration::ZERO)?;
        connection.set_prepared_statement_cache_capacity(64);
        connection.pragma_update(None, "trusted_schema", false)?;
        // Else SQLite plans a statement anew for each value that is compared with an indexed column.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
        // On macOS a plain fsync does not reach the disk; elsewhere these do nothing.
        connection.pragma_update(None, "fullfsync", true)?;
        connection.pragma_update(None, "checkpoint_fullfsync", true)?;
        connection.pragma_update(None, "temp_store", "MEMORY")
    };
    ready().map_err(|e| error::describe(&e))?;
    Ok(connection)
}

/// Refuses what is not ours, through a connection that cannot write: a foreign or damaged file stays as it is.
fn look(path: &Path, deadline: Deadline) -> Result<(), Error> {
    let read_only = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, read_only).map_err(|e| error::describe(&e))?;
    let quiet = || -> rusqlite::Result<()> {
        connection.busy_timeout(std::time::Duration::ZERO)?;
        // Closing the last connection would move the log into the file.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true).map(drop)
    };
    quiet().map_err(|e| error::describe(&e))?;
    let read = || connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()));
    match error::retry_busy(deadline, read) {
        // A crash while another program, or an older wxsub, turned an empty file into a store: only a connection that
        // may write can roll that back, and it looks again.
        Err(e) if error::is_unfinished(&e) && path.metadata().is_ok_and(|m| m.len() <= 4096) => return Ok(()),
        done => done.map_err(|e| error::describe(&e))?,
    }
    schema::identify(&connection)?;
    let check = || -> rusqlite::Result<Option<String>> {
        let pages: i64 = connection.query_row("PRAGMA page_count", [], |r| r.get(0))?;
        if pages > CHECKED_PAGES {
            return Ok(None);
        }
        let found: String = connection.query_row("PRAGMA quick_check(1)", [], |r| r.get(0))?;
        Ok((found != "ok").then_some(found))
    };
    match error::retry_busy(deadline, check).map_err(|e| error::describe(&e))? {
        None => Ok(()),
        Some(fault) => Err(Error::new(
            Status::Store,
            format!(
                "the file is damaged; it was left as it is. Restore a copy, or move it away to start anew ({fault})"
            ),
        )),
    }
}

/// The token is in there: not for others to read.
#[cfg(unix)]
fn keep_private(path: &Path) -> Result<(), Error> {
    use std::os::unix::fs::PermissionsExt;

    let mode_of = |p: &Path| std::fs::metadata(p).map(|m| m.permissions().mode());
    for part in with_suffixes(path, &["", "-wal", "-shm"]) {
        if mode_of(&part).is_ok_and(|mode| mode & 0o077 != 0) {
            std::fs::set_permissions(&part, std::fs::Permissions::from_mode(0o600)).map_err(|e| {
                Error::new(Status::Store, format!("others may read it, and its mode cannot be set to 0600: {e}"))
            })?;
        }
    }
    Ok(())
}

#[cfg(not(unix))]
fn keep_private(_: &Path) -> Result<(), Error> {
    Ok(())
}

fn use_wal(c: &Connection) -> rusqlite::Result<()> {
    let mode: String = c.query_row("PRAGMA journal_mode = WAL", [], |r| r.get(0))?;
    if mode == "wal" {
        return Ok(());
    }
    // Network file systems answer with another mode; without WAL neither speed nor sharing holds.
    Err(rusqlite::Error::SqliteFailure(
        rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CANTOPEN),
        Some(format!("journal mode is {mode}, not wal: the store needs a local disk")),
    ))
}
