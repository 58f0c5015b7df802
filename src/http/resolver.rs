//! Names to addresses. ureq asks for each request, also one on a pooled connection, and spawns a thread to ask; so
//! numeric hosts are read directly and answers are kept for a moment.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use ureq::Error;
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;

/// How long an answer is used: long against a request, short against a DNS change.
const KEPT: Duration = Duration::from_secs(30);

#[derive(Debug, Default)]
pub struct CachingResolver {
    system: DefaultResolver,
    answers: Mutex<Vec<Answer>>,
}

#[derive(Debug)]
struct Answer {
    host: String,
    port: u16,
    addresses: Vec<SocketAddr>,
    since: Instant,
}

impl CachingResolver {
    /// Forgets what is known of all hosts: a connection to one of them failed.
    pub fn forget(&self) {
        self.answers.lock().clear();
    }
}

impl Resolver for CachingResolver {
    fn resolve(&self, uri: &Uri, config: &Config, timeout: NextTimeout) -> Result<ResolvedSocketAddrs, Error> {
        let (host, port) = (uri.host().unwrap_or_default(), port_of(uri));
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        if let Ok(ip) = bare.parse::<IpAddr>() {
            return Ok(self.list(&[SocketAddr::new(ip, port)]));
        }
        {
            let mut answers = self.answers.lock();
            answers.retain(|a| a.since.elapsed() < KEPT);
            if let Some(known) = answers.iter().find(|a| a.host == host && a.port == port) {
                return Ok(self.list(&known.addresses));
            }
        }
        let found = self.system.resolve(uri, config, timeout)?;
        let answer = Answer { host: host.to_owned(), port, addresses: found.to_vec(), since: Instant::now() };
        self.answers.lock().push(answer);
        Ok(found)
    }
}

impl CachingResolver {
    fn list(&self, addresses: &[SocketAddr]) -> ResolvedSocketAddrs {
        let mut list = self.empty();
        for address in addresses {
            list.push(*address);
        }
        list
    }
}

fn port_of(uri: &Uri) -> u16 {
    uri.port_u16().unwrap_or(if uri.scheme_str() == Some("http") { 80 } else { 443 })
}
