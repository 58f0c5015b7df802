//! The process's resolver, as ureq wants it. ureq asks for each request, also one on a pooled connection.

use std::net::SocketAddr;
use std::time::Instant;

use ureq::Error;
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver as Resolve};
use ureq::unversioned::transport::NextTimeout;

use crate::resolver::Resolver;

/// What ureq's list holds.
const MOST: usize = 16;

#[derive(Clone, Debug, Default)]
pub struct UreqResolver(pub Resolver);

impl UreqResolver {
    fn list(&self, addresses: &[SocketAddr]) -> ResolvedSocketAddrs {
        let mut list = self.empty();
        for address in addresses.iter().take(MOST) {
            list.push(*address);
        }
        list
    }
}

impl Resolve for UreqResolver {
    fn resolve(&self, uri: &Uri, _: &Config, timeout: NextTimeout) -> Result<ResolvedSocketAddrs, Error> {
        let host = uri.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
        let until = Instant::now().checked_add(*timeout.after);
        match self.0.addresses(&(host.to_owned(), port_of(uri)), until)? {
            Some(addresses) if addresses.is_empty() => Err(Error::HostNotFound),
            Some(addresses) => Ok(self.list(&addresses)),
            None => Err(Error::Timeout(timeout.reason)),
        }
    }
}

fn port_of(uri: &Uri) -> u16 {
    uri.port_u16().unwrap_or(if uri.scheme_str() == Some("http") { 80 } else { 443 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_those_of_the_scheme() {
        let port = |text: &str| port_of(&text.parse::<Uri>().unwrap());
        assert_eq!((port("https://a/"), port("http://a/"), port("http://a:7/")), (443, 80, 7));
    }

    #[test]
    fn more_addresses_than_ureq_takes_are_cut() {
        let many: Vec<SocketAddr> = (0..40).map(|n| SocketAddr::from(([127, 0, 0, n], 1))).collect();
        assert_eq!(UreqResolver::default().list(&many).len(), MOST);
    }
}
