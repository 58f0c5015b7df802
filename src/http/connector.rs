//! How a connection is made: ureq's own links, with ours between them. TCP or a proxy's tunnel, timeouts that need no
//! system call each, TLS, whether the request left, head and body in one write.

use ureq::Error;
use ureq::unversioned::transport::{
    ConnectProxyConnector, ConnectionDetails, Connector, RustlsConnector, TcpConnector, Transport,
};

use super::first_byte::Marker;
use super::timeouts::SteadyTimeouts;

/// The whole chain.
pub fn connector(proxied: bool) -> impl Connector<Out = Box<dyn Transport>> {
    ().chain(ConnectProxyConnector::default())
        .chain(TcpConnector::default())
        .chain(SteadyTimeouts)
        .chain(Tls::default())
        .chain(Marker { proxied })
}

/// TLS with one configuration for all requests. Each of ours has timeouts of its own, which to ureq are another
/// configuration: it would read the root certificates for each connection anew, and never resume a session.
#[derive(Debug, Default)]
struct Tls(RustlsConnector);

impl<In: Transport> Connector<In> for Tls {
    type Out = <RustlsConnector as Connector<In>>::Out;

    fn connect(&self, details: &ConnectionDetails, chained: Option<In>) -> Result<Option<Self::Out>, Error> {
        let of_the_agent = ConnectionDetails {
            uri: details.uri,
            addrs: details.addrs.clone(),
            config: details.config,
            request_level: false,
            resolver: details.resolver,
            now: details.now,
            timeout: details.timeout,
            current_time: details.current_time.clone(),
            run_connector: details.run_connector.clone(),
            register_shutdown: details.register_shutdown.clone(),
        };
        self.0.connect(&of_the_agent, chained)
    }
}
