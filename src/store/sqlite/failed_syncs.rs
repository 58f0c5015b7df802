//! What a process knows of fsyncs that failed.

use std::sync::atomic::{AtomicBool, Ordering};

/// Who starts while another is at work does not move again what was lost.
const LOST_SYNC: &str = "the disk failed when the store was synced, so its log is kept and grows: see the system's log, \
                         then end ALL processes that use the store before one of them starts again";

/// Whether the system tells of a failure once to each who had the file open, as Linux does from 4.13 on; others tell whoever
/// asks first, or promise nothing.
const TELLS_EACH: bool = cfg!(target_os = "linux");

/// What a client knows of fsyncs that failed.
#[derive(Default)]
pub struct FailedSyncs {
    /// The log's, that SQLite's checkpoint may be told of once more.
    log: AtomicBool,
    /// The log's, that those who write are not told of.
    untold: AtomicBool,
    /// The file's: what SQLite believes to be in it may not be, so the log must stay.
    file: AtomicBool,
}

impl FailedSyncs {
    /// A commit's fsync failed, which is one of the log.
    pub fn note_log(&self) {
        self.log.store(TELLS_EACH, Ordering::Relaxed);
    }

    /// That of the log before a checkpoint failed.
    pub fn note_log_before_checkpoint(&self) {
        self.note_log();
        self.untold.store(!TELLS_EACH, Ordering::Relaxed);
    }

    /// Whether what SQLite's checkpoint is told is one of the log that was told before.
    pub fn take_log(&self) -> bool {
        self.log.swap(false, Ordering::Relaxed)
    }

    /// Whether the log must begin anew although no commit was told of a failure.
    pub fn take_untold(&self) -> bool {
        self.untold.swap(false, Ordering::Relaxed)
    }

    /// A checkpoint's failed, and not that of the log: what SQLite believes to be in the file may not be, however well the next
    /// sync goes.
    pub fn note_file(&self) {
        self.file.store(true, Ordering::Relaxed);
    }

    /// Whether a checkpoint's may have lost what SQLite believes to be in the file; in words.
    pub fn warning(&self) -> Option<String> {
        self.file.load(Ordering::Relaxed).then(|| LOST_SYNC.to_owned())
    }
}
