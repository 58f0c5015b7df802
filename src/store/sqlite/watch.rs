//! Whether the file that is open is still the one at its path: a store that is removed or replaced under the process
//! would take what is written with it. Looked at by path, since nobody but SQLite may open it.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::error::{Error, Status};

/// Between two looks of those that need no certainty.
const NOW_AND_THEN: Duration = Duration::from_millis(500);

/// The file, its log and the log's index, as they were opened.
pub struct FileWatch {
    parts: Vec<(PathBuf, Identity)>,
    log: PathBuf,
    since: Instant,
    /// Milliseconds after `since`.
    looked_ms: AtomicU64,
    gone: AtomicBool,
}

/// Device and inode.
pub type Identity = (u64, u64);

impl FileWatch {
    /// To be called when the file was just opened, and its log is open.
    pub fn new(path: &Path) -> FileWatch {
        let parts = with_suffixes(path, &["", "-wal", "-shm"]);
        let log = parts[1].clone();
        let parts = parts.into_iter().filter_map(|part| identity(&part).ok().map(|identity| (part, identity)));
        let (looked_ms, gone) = (AtomicU64::new(0), AtomicBool::new(false));
        FileWatch { parts: parts.collect(), log, since: Instant::now(), looked_ms, gone }
    }

    /// Looks, unless somebody has just done so.
    ///
    /// # Errors
    /// As [`FileWatch::look`].
    pub fn look_now_and_then(&self) -> Result<(), Error> {
        let now = self.since.elapsed().as_millis() as u64;
        if now.saturating_sub(self.looked_ms.load(Ordering::Relaxed)) >= NOW_AND_THEN.as_millis() as u64 {
            return self.look();
        }
        self.told()
    }

    /// Looks whether all is where it was.
    ///
    /// # Errors
    /// [`Status::Store`] when it is not, and for ever after.
    pub fn look(&self) -> Result<(), Error> {
        self.looked_ms.store(self.since.elapsed().as_millis() as u64, Ordering::Relaxed);
        let elsewhere = |(part, opened): &(PathBuf, Identity)| match identity(part) {
            Ok(found) => found != *opened,
            // Other errors say nothing about the file: the process may have given up its right to look.
            Err(e) => e.kind() == std::io::ErrorKind::NotFound,
        };
        if self.parts.iter().any(elsewhere) {
            self.gone.store(true, Ordering::Relaxed);
        }
        self.told()
    }

    /// Has what was written to the log reach the disk. There are no locks on it that closing a descriptor would drop.
    ///
    /// # Errors
    /// The system's.
    pub fn sync_log(&self) -> std::io::Result<()> {
        // For writing, or Windows syncs nothing.
        std::fs::OpenOptions::new().write(true).open(&self.log)?.sync_data()
    }

    /// Whether it is known that it is not.
    pub fn is_gone(&self) -> bool {
        self.gone.load(Ordering::Relaxed)
    }

    /// Another file was written over it.
    pub fn note_overwritten(&self) {
        self.gone.store(true, Ordering::Relaxed);
    }

    fn told(&self) -> Result<(), Error> {
        if !self.is_gone() {
            return Ok(());
        }
        let file = self.parts.first().map(|(path, _)| path.display().to_string()).unwrap_or_default();
        Err(Error::new(
            Status::Store,
            format!(
                "the store {file} (or its -wal or -shm) was removed or replaced, or written over, while in use; nothing more \
                 is written to it. End all that use it, remove all three, put the right file there, start anew"
            ),
        ))
    }
}

/// The files that belong to this one.
pub fn with_suffixes(path: &Path, suffixes: &[&str]) -> Vec<PathBuf> {
    let with = |suffix: &&str| {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        PathBuf::from(name)
    };
    suffixes.iter().map(with).collect()
}

fn identity(path: &Path) -> std::io::Result<Identity> {
    std::fs::metadata(path).map(|found| identity_of(&found))
}

/// Tells files apart that had the same path.
#[cfg(unix)]
pub fn identity_of(found: &std::fs::Metadata) -> Identity {
    use std::os::unix::fs::MetadataExt;

    (found.dev(), found.ino())
}

/// Windows lets nobody remove or rename what SQLite has open.
#[cfg(not(unix))]
pub fn identity_of(_: &std::fs::Metadata) -> Identity {
    (0, 0)
}
