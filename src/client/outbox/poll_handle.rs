//! Something that a host can wait for in its own event loop.

use crate::error::{Error, Status};

/// A descriptor that is readable while it is set.
pub struct PollHandle {
    #[cfg(target_os = "linux")]
    event: std::os::fd::OwnedFd,
}

#[cfg(target_os = "linux")]
impl PollHandle {
    /// A descriptor of its own, not set.
    ///
    /// # Errors
    /// [`Status::Internal`] when the process has no descriptor left.
    pub fn new() -> Result<PollHandle, Error> {
        use rustix::event::{EventfdFlags, eventfd};
        let event = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)
            .map_err(|e| Error::new(Status::Internal, format!("the system gave no descriptor: {e}")))?;
        Ok(PollHandle { event })
    }

    /// Makes it ready.
    pub fn set(&self) {
        // It fails only when it is set 2^64 times.
        let _ready = rustix::io::write(&self.event, &1u64.to_ne_bytes());
    }

    /// Makes it not ready.
    pub fn clear(&self) {
        let _empty = rustix::io::read(&self.event, &mut [0u8; 8]);
    }

    /// What `poll`, `epoll` and their like take.
    pub fn descriptor(&self) -> isize {
        use std::os::fd::AsRawFd;
        self.event.as_raw_fd() as isize
    }
}

#[cfg(not(target_os = "linux"))]
impl PollHandle {
    /// # Errors
    /// [`Status::Internal`]: only Linux has one so far.
    pub fn new() -> Result<PollHandle, Error> {
        Err(Error::new(Status::Internal, "wxsub_poll_handle works on Linux only; poll with wait_ms instead"))
    }

    pub fn set(&self) {}

    pub fn clear(&self) {}

    pub fn descriptor(&self) -> isize {
        -1
    }
}
