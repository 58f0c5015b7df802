//! What a process knows of fsyncs that failed.

use std::sync::atomic::{AtomicBool, Ordering};

/// Who starts while another is at work does not move again what was lost.
const LOST_SYNC: &str = "the disk failed when the store was synced, so its log is kept and grows: see the system's log, \
                         then end ALL processes that use the store before one of them starts again";

/// What a client knows of fsyncs that failed. Linux, from 4.13 on, tells of a failure once to each who had the file open; older
/// ones and other systems tell whoever asks first, or promise nothing.
#[derive(Default)]
pub struct FailedSyncs {
    /// The log's, for those who write: they have mended it, and the next checkpoint may be told once more. Nobody writes this
    /// where no commit is synced (`"durability": "normal"`): what a checkpoint is told is then taken for the file's.
    log: AtomicBool,
    /// The file's: what SQLite believes to be in it may not be, so the log must stay.
    file: AtomicBool,
}

impl FailedSyncs {
    /// A commit's fsync failed, which is one of the log.
    pub fn note_log(&self) {
        self.log.store(true, Ordering::Relaxed);
    }

    /// Whether a commit was told of one since this was asked last.
    pub fn take_log(&self) -> bool {
        self.log.swap(false, Ordering::Relaxed)
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
