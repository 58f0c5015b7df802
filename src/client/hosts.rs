//! The hosts of `api_base`: the first is preferred, one that could not be reached comes last for a while.

use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::config::Host;

/// How long a host that could not be reached comes last.
const AVOIDED: Duration = Duration::from_secs(30);

pub struct Hosts {
    hosts: Vec<Host>,
    failed: Mutex<Vec<Option<Instant>>>,
}

impl Hosts {
    pub fn new(hosts: Vec<Host>) -> Hosts {
        let failed = Mutex::new(vec![None; hosts.len()]);
        Hosts { hosts, failed }
    }

    /// In the order in which they are to be tried.
    pub fn in_order(&self) -> Vec<&Host> {
        let failed = self.failed.lock();
        let avoided = |i: &usize| failed[*i].is_some_and(|since| since.elapsed() < AVOIDED);
        let (last, first): (Vec<usize>, Vec<usize>) = (0..self.hosts.len()).partition(avoided);
        first.into_iter().chain(last).map(|i| &self.hosts[i]).collect()
    }

    /// The host was reached, or not.
    pub fn tell(&self, host: &Host, reached: bool) {
        if let Some(i) = self.hosts.iter().position(|h| h == host) {
            self.failed.lock()[i] = (!reached).then(Instant::now);
        }
    }
}
