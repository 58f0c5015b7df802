//! Rule 7: in a child of `fork()` nothing of a client can be trusted: its threads are gone, its locks may be held for
//! ever, and SQLite's connections must not cross. A flag, set by the system in the child, answers before any lock.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::error::{Error, Status};

static FORKED: AtomicBool = AtomicBool::new(false);
static OPEN: AtomicUsize = AtomicUsize::new(0);

/// Counts a client as open, from before its first resource is taken until after its last one is let go.
pub struct Open(());

impl Open {
    pub fn new() -> Open {
        OPEN.fetch_add(1, Ordering::SeqCst);
        Open(())
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        OPEN.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Fails in a child of a process that had a client open.
pub fn check() -> Result<(), Error> {
    if FORKED.load(Ordering::Relaxed) {
        return Err(Error::new(
            Status::Forked,
            "this process was forked from one that had a wxsub client open; call wxsub_init after the fork, in the \
             process that sends, and not before it",
        ));
    }
    Ok(())
}

/// Has the system tell us of forks, from now on.
#[cfg(unix)]
pub fn watch() -> Result<(), Error> {
    use once_cell::sync::OnceCell;

    extern "C" fn in_child() {
        if OPEN.load(Ordering::SeqCst) > 0 {
            FORKED.store(true, Ordering::SeqCst);
        }
    }
    static WATCHED: OnceCell<()> = OnceCell::new();
    // SAFETY: in_child only touches atomics, which is allowed in a forked child, and lives as long as the process: the
    // library is never unmapped (linked with -z nodelete).
    let watch = || match unsafe { libc::pthread_atfork(None, None, Some(in_child)) } {
        0 => Ok(()),
        code => Err(Error::new(Status::Internal, format!("pthread_atfork failed with {code}; is memory exhausted?"))),
    };
    WATCHED.get_or_try_init(watch).copied()
}

/// There is no fork to watch for.
#[cfg(not(unix))]
pub fn watch() -> Result<(), Error> {
    Ok(())
}
