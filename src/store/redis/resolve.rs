//! Names to addresses. The system's resolver knows no deadline, so a thread of its own asks it, one for each name at most.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use crate::clock::Deadline;

/// A host's name or address, and a port.
pub type Address = (String, u16);

/// How long an answer is used: long against a call, short against a change of the name.
const KEPT: Duration = Duration::from_secs(30);

/// What is known of names.
#[derive(Default)]
pub struct Resolver {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    names: Mutex<HashMap<Address, Lookup>>,
    changed: Condvar,
}

#[derive(Default)]
struct Lookup {
    asking: bool,
    since: Option<Instant>,
    found: Option<Result<Vec<SocketAddr>, String>>,
}

impl Resolver {
    /// The addresses of this name.
    ///
    /// # Errors
    /// Why there are none, in words.
    pub fn resolve(&self, address: &Address, deadline: Deadline) -> Result<Vec<SocketAddr>, String> {
        if let Ok(ip) = address.0.parse::<IpAddr>() {
            return Ok(vec![SocketAddr::new(ip, address.1)]);
        }
        let mut names = self.shared.names.lock();
        loop {
            let answer = names.entry(address.clone()).or_default();
            if let (Some(Ok(found)), Some(since)) = (&answer.found, answer.since)
                && since.elapsed() < KEPT
            {
                return Ok(found.clone());
            }
            if !answer.asking {
                answer.asking = true;
                answer.found = None;
                if let Err(e) = self.ask(address.clone()) {
                    names.remove(address);
                    return Err(format!("the system refuses a thread: {e}"));
                }
            }
            let timed_out = self.shared.changed.wait_until(&mut names, deadline.instant()).timed_out();
            match names.get(address) {
                Some(Lookup { found: Some(Err(why)), .. }) => return Err(why.clone()),
                Some(Lookup { found: Some(Ok(found)), .. }) => return Ok(found.clone()),
                _ if timed_out => return Err(format!("the name {} was not resolved in time", address.0)),
                _ => {}
            }
        }
    }

    /// Has the name asked anew: nobody was reached at its addresses.
    pub fn forget(&self, address: &Address) {
        if let Some(answer) = self.shared.names.lock().get_mut(address) {
            answer.since = None;
        }
    }

    fn ask(&self, address: Address) -> std::io::Result<()> {
        let shared = Arc::clone(&self.shared);
        let ask = move || {
            let found = match (address.0.as_str(), address.1).to_socket_addrs() {
                Ok(found) => Ok(found.collect()),
                Err(e) => Err(format!("the name {} is not resolved: {e}", address.0)),
            };
            let answer = Lookup { asking: false, since: Some(Instant::now()), found: Some(found) };
            shared.names.lock().insert(address, answer);
            shared.changed.notify_all();
        };
        std::thread::Builder::new().name("wxsub-resolve".to_owned()).spawn(ask).map(drop)
    }
}
