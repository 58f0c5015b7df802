//! Syncs the database file without a lock.
//!
//! SQLite syncs it only when a checkpoint has found the log's end, which under load it finds only while it keeps all
//! writers away, and by then many megabytes wait for the disk. So it is synced before, while writers work, by a descriptor
//! of our own: fsync asks for the file's pages, whoever wrote them. Closing that descriptor would drop this process's
//! locks on the file (POSIX), SQLite's among them. So it is never closed: there is one for each file whose log has once
//! become long, and it stays until the process ends.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{Error, ErrorKind, Result};
use std::path::{Path, PathBuf};

use parking_lot::Mutex;

use super::watch::{Identity, identity_of};

/// A file by the path and the identity by which it was opened.
type Key = (PathBuf, Identity);

static OPEN: Mutex<Option<HashMap<Key, &'static File>>> = Mutex::new(None);

/// A database file that SQLite has open.
pub struct DatabaseFile {
    key: Key,
}

impl DatabaseFile {
    /// To be called when SQLite has just opened it.
    ///
    /// # Errors
    /// Why it cannot be looked at.
    pub fn new(path: &Path) -> Result<DatabaseFile> {
        let identity = identity_of(&std::fs::metadata(path)?);
        Ok(DatabaseFile { key: (path.to_owned(), identity) })
    }

    /// Has what was written to it reach the disk. Does nothing where the file can't be opened again (no descriptor is left,
    /// the process gave up its rights, another file has its path): SQLite then syncs it, while writers wait.
    ///
    /// # Errors
    /// That of the disk.
    pub fn sync(&self) -> Result<()> {
        self.descriptor().map_or(Ok(()), File::sync_data)
    }

    fn descriptor(&self) -> Result<&'static File> {
        let mut open = OPEN.lock();
        let open = open.get_or_insert_default();
        if let Some(file) = open.get(&self.key) {
            return Ok(file);
        }
        // For writing, or Windows syncs nothing. Leaked at once: whatever follows, it is not closed.
        let file: &'static File = Box::leak(Box::new(OpenOptions::new().write(true).open(&self.key.0)?));
        let identity = identity_of(&file.metadata()?);
        open.insert((self.key.0.clone(), identity), file);
        if identity == self.key.1 {
            return Ok(file);
        }
        Err(Error::new(ErrorKind::NotFound, "another file has taken its place"))
    }
}

#[cfg(all(test, unix))]
pub(super) mod tests {
    use std::process::Command;

    use rusqlite::Connection;

    use super::*;

    /// Another process opens the store and closes it; who is the last to close one removes its log.
    pub fn log_survives_a_visitor(path: &Path) -> bool {
        let visit =
            Command::new("sqlite3").arg(path).arg("SELECT count(*) FROM t").output().expect("sqlite3 is installed");
        assert_eq!(String::from_utf8_lossy(&visit.stdout).trim(), "1", "{visit:?}");
        path.with_extension("db-wal").exists()
    }

    #[test]
    fn locks_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s.db");
        let c = Connection::open(&path).unwrap();
        c.execute_batch("PRAGMA journal_mode = WAL; CREATE TABLE t (a); INSERT INTO t VALUES (1)").unwrap();
        let file = DatabaseFile::new(&path).unwrap();
        for _ in 0..3 {
            file.sync().unwrap();
        }
        DatabaseFile::new(&path).unwrap().sync().unwrap();
        assert!(log_survives_a_visitor(&path));
        // And so would not any other descriptor.
        drop(File::open(&path).unwrap());
        assert!(!log_survives_a_visitor(&path), "this test would see lost locks");
    }

    #[test]
    fn a_file_in_its_place_is_not_taken_for_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s.db");
        std::fs::write(&path, "one").unwrap();
        let file = DatabaseFile::new(&path).unwrap();
        std::fs::write(folder.path().join("other"), "two").unwrap();
        std::fs::rename(folder.path().join("other"), &path).unwrap();
        assert_eq!(file.descriptor().unwrap_err().kind(), ErrorKind::NotFound);
        assert_eq!(file.descriptor().unwrap_err().kind(), ErrorKind::NotFound);
        file.sync().unwrap();
    }
}
