//! A copy of the file while it is in use.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::Path;

use super::{error, file};
use crate::clock::Deadline;
use crate::error::{Error, Status};

/// How long it may take to open another connection.
const OPEN_MS: u64 = 2000;

/// Copies the store into a new file, which holds one state of it and no byte of what was deleted; writers go on meanwhile.
/// A copy that was not finished is removed.
///
/// # Errors
/// [`Status::Arg`] when there is such a file already or none can be made; [`Status::Store`].
pub fn copy(store: &Path, to: &Path) -> Result<u64, Error> {
    // SQLite fills an empty file: so its mode is right from the beginning, and none that was there is written over.
    drop(create(to).map_err(|e| refused(to, &e))?);
    let copied = vacuum(store, to).and_then(|()| sync(to).map_err(|e| failed(to, &e)));
    if copied.is_err() {
        // Whoever looks must not take it for a backup; the failure itself is told.
        let _left_behind = std::fs::remove_file(to);
    }
    copied
}

fn vacuum(store: &Path, to: &Path) -> Result<(), Error> {
    let Some(path) = to.to_str() else { return Err(Error::new(Status::Arg, "path is not UTF-8")) };
    let reader = file::reader(store, Deadline::in_ms(OPEN_MS))?;
    let ready = reader.pragma_update(None, "query_only", false);
    ready.and_then(|()| reader.execute("VACUUM INTO ?1", [path])).map(drop).map_err(|e| error::describe(&e))
}

fn create(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

fn sync(path: &Path) -> io::Result<u64> {
    let copy = OpenOptions::new().write(true).open(path)?;
    copy.sync_all()?;
    // Its name is kept, too.
    #[cfg(unix)]
    if let Some(folder) = path.parent() {
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        File::open(folder)?.sync_all()?;
    }
    Ok(copy.metadata()?.len())
}

fn refused(path: &Path, e: &io::Error) -> Error {
    let why = match e.kind() {
        io::ErrorKind::AlreadyExists => {
            "there is such a file already, and a backup is never written over one".to_owned()
        }
        _ => e.to_string(),
    };
    Error::new(Status::Arg, format!("path {path:?}: {why}"))
}

fn failed(path: &Path, e: &io::Error) -> Error {
    Error::new(Status::Store, format!("the backup {path:?} could not be written: {e}"))
}
