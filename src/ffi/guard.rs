//! Around every exported function: the fork check, then the net that catches panics.

use super::fork;
use super::types::wxsub_status;
use crate::error::{Error, Status};
use crate::panics;

/// Runs the work of the exported function of this name; a panic in it is `WXSUB_E_PANIC`.
pub fn run<T>(name: &str, work: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
    fork::check()?;
    panics::silence_ours();
    let caught = panics::catch(|| {
        panics::point(name);
        work()
    });
    caught.unwrap_or_else(|place| {
        Err(Error::new(
            Status::Panic,
            format!("a bug of wxsub's was caught at {place}; the client still works; please report it"),
        ))
    })
}

/// The same for a function without a result struct.
pub fn status(name: &str, work: impl FnOnce() -> Result<(), Error>) -> wxsub_status {
    match run(name, work) {
        Ok(()) => Status::Ok.code(),
        Err(e) => e.status.code(),
    }
}
