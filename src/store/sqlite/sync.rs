//! Syncs the database file without a lock.
//!
//! SQLite syncs it only when a checkpoint has found the log's end, which under load it finds only while it keeps all
//! writers away, and by then many megabytes wait for the disk. So it is synced before, while writers work. That needs
//! SQLite's own handle: any other descriptor of the file would drop this process's locks when it is closed.

use rusqlite::{Connection, ffi};

/// Has what was written to the database file reach the disk.
///
/// # Errors
/// SQLite's, with its extended code.
#[allow(unsafe_code)]
pub fn sync_database_file(c: &Connection) -> rusqlite::Result<()> {
    let mut file: *mut ffi::sqlite3_file = std::ptr::null_mut();
    // SAFETY: the connection is open and, being borrowed, stays so; nobody else uses it meanwhile, since it is not Sync.
    // SQLITE_FCNTL_FILE_POINTER stores the pointer to its file, which lives as long as the connection.
    let code = unsafe {
        let code = ffi::sqlite3_file_control(
            c.handle(),
            c"main".as_ptr(),
            ffi::SQLITE_FCNTL_FILE_POINTER,
            std::ptr::from_mut(&mut file).cast(),
        );
        let methods = file.as_ref().and_then(|file| file.pMethods.as_ref());
        match methods.and_then(|methods| methods.xSync) {
            Some(sync) if code == ffi::SQLITE_OK => sync(file, ffi::SQLITE_SYNC_FULL),
            _ => ffi::SQLITE_MISUSE,
        }
    };
    if code == ffi::SQLITE_OK { Ok(()) } else { Err(rusqlite::Error::SqliteFailure(ffi::Error::new(code), None)) }
}
