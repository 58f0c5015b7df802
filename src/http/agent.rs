//! The transport that is used unless the host brings its own: ureq with rustls.

use std::sync::Arc;
use std::time::Duration;

use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, TlsProvider, parse_pem};
use ureq::{Agent, Proxy, Timeout};

use super::connector::connector;
use super::resolver::UreqResolver;
use super::{Exchange, Failure, Reply, Transport, first_byte};
use crate::config::Config;
use crate::error::{Error, Status};
use crate::panics;

/// WeChat closes idle connections after about 20 s (wechat-api: top); give them up earlier.
const MAX_IDLE: Duration = Duration::from_secs(10);
/// No answer of WeChat's is near this; a list of templates is the longest.
const MAX_BODY: u64 = 1 << 20;
/// Requests and answers are small; ureq's default of 128 KiB each way is per connection.
const BUFFER: usize = 16 << 10;

/// ureq under our rules: every phase within the deadline, no redirects, no environment, and told whether it left.
pub struct UreqTransport {
    agent: Agent,
    resolver: UreqResolver,
    connect_timeout: Duration,
}

impl UreqTransport {
    /// Sets the agent up; no connection is made.
    ///
    /// # Errors
    /// [`Status::Config`] when `ca_file` cannot be read or holds no certificate.
    pub fn new(config: &Config) -> Result<UreqTransport, Error> {
        let roots = match &config.ca_file {
            Some(path) => RootCerts::Specific(Arc::new(read_certificates(path)?)),
            None => RootCerts::WebPki,
        };
        let tls = TlsConfig::builder()
            .provider(TlsProvider::Rustls)
            .root_certs(roots)
            .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .build();
        let proxy = match &config.proxy {
            Some(url) => Some(
                Proxy::new(url.expose())
                    .map_err(|_| Error::new(Status::Config, "proxy is not a URL like http://host:port"))?,
            ),
            None => None,
        };
        let proxied = proxy.is_some();
        let agent_config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .proxy(proxy)
            .tls_config(tls)
            .user_agent(concat!("wxsub/", env!("CARGO_PKG_VERSION")))
            .accept("application/json")
            .input_buffer_size(BUFFER)
            .output_buffer_size(BUFFER)
            .max_idle_connections(256)
            .max_idle_connections_per_host(256)
            .max_idle_age(MAX_IDLE)
            .build();
        let resolver = UreqResolver::default();
        let agent = Agent::with_parts(agent_config, connector(proxied), resolver.clone());
        Ok(UreqTransport { agent, resolver, connect_timeout: Duration::from_millis(config.connect_timeout_ms) })
    }

    fn run(&self, exchange: &Exchange<'_>) -> Result<Reply, ureq::Error> {
        let left = exchange.deadline.left();
        let connect = self.connect_timeout.min(exchange.start_by.left()).min(left);
        let url = exchange.url.expose();
        let mut response = if exchange.post {
            let request = self.agent.post(url).config();
            let request =
                request.timeout_global(Some(left)).timeout_connect(Some(connect)).timeout_resolve(Some(connect));
            request.build().header("content-type", "application/json").send(exchange.body)?
        } else {
            let request = self.agent.get(url).config();
            let request =
                request.timeout_global(Some(left)).timeout_connect(Some(connect)).timeout_resolve(Some(connect));
            request.build().call()?
        };
        let status = response.status().as_u16();
        let date = response.headers().get("date").and_then(|d| httpdate::parse_http_date(d.to_str().ok()?).ok());
        let body = response.body_mut().with_config().limit(MAX_BODY).read_to_vec()?;
        Ok(Reply { status, date, body })
    }
}

impl Transport for UreqTransport {
    fn execute(&self, exchange: &Exchange<'_>) -> Result<Reply, Failure> {
        first_byte::reset();
        if exchange.deadline.is_over() || exchange.start_by.is_over() {
            return Err(Failure { left: false, text: "the deadline was over before the request".to_owned() });
        }
        // ureq panics when the system has no thread for its resolver; what left is known all the same.
        let done = panics::catch(|| self.run(exchange))
            .unwrap_or_else(|place| Err(ureq::Error::Other(format!("a panic at {place}").into())));
        done.map_err(|e| {
            let left = first_byte::has_left();
            if !left {
                self.resolver.0.forget();
            }
            Failure { left, text: describe(&e) }
        })
    }

    fn shutdown(&self) {
        self.agent.clone().shutdown();
    }
}

/// What went wrong, in words that cannot hold the URL.
fn describe(e: &ureq::Error) -> String {
    match e {
        ureq::Error::Timeout(Timeout::Resolve) => "the host name was not resolved in time".to_owned(),
        ureq::Error::Timeout(Timeout::Connect) => "no connection in time".to_owned(),
        ureq::Error::Timeout(_) => "no answer in time".to_owned(),
        ureq::Error::HostNotFound => "the host name does not resolve".to_owned(),
        ureq::Error::Io(e) => format!("{e}"),
        ureq::Error::Protocol(_) => "the answer is not HTTP".to_owned(),
        ureq::Error::Rustls(e) => format!("TLS: {e}"),
        ureq::Error::Tls(e) => format!("TLS: {e}"),
        ureq::Error::ConnectProxyFailed(e) => format!("the proxy refused: {e}"),
        ureq::Error::BodyExceedsLimit(n) => format!("the answer is longer than {n} bytes"),
        ureq::Error::LargeResponseHeader(..) => "the answer's header is too long".to_owned(),
        ureq::Error::Other(e) => e.to_string(),
        _ => "the HTTP exchange failed".to_owned(),
    }
}

fn read_certificates(path: &str) -> Result<Vec<Certificate<'static>>, Error> {
    let wrong = |why: String| Error::new(Status::Config, format!("ca_file {path:?}: {why}"));
    let pem = std::fs::read(path).map_err(|e| wrong(e.to_string()))?;
    let mut certificates = Vec::new();
    for item in parse_pem(&pem) {
        match item {
            Ok(PemItem::Certificate(certificate)) => certificates.push(certificate),
            Ok(_) => {}
            Err(_) => return Err(wrong("is not PEM".to_owned())),
        }
    }
    if certificates.is_empty() {
        return Err(wrong("holds no certificate".to_owned()));
    }
    Ok(certificates)
}
