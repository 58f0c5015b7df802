//! Real Redis servers for the tests: alone, as a cluster, and behind a proxy that makes trouble.

mod certificate;
mod cluster;
mod port;
mod program;
mod proxy;
mod resp;
mod server;

pub use certificate::Certificate;
pub use cluster::Cluster;
pub use program::Program;
pub use proxy::{Proxy, Trouble, frame};
pub use resp::{Connection, Reply};
pub use server::{Server, Settings};

use std::time::{Duration, Instant};

/// Waits until something is so. A busy machine takes its time; a test that waits in vain says for what.
pub fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let until = Instant::now() + Duration::from_secs(60);
    while !done() {
        assert!(Instant::now() < until, "in vain: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}
