//! One connection: made, secured and logged in under a deadline, like everything that is said on it.

use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use socket2::{SockRef, TcpKeepalive};

use super::error::Failure;
use super::resp::{self, Value};
use crate::clock::Deadline;
use crate::config::{Config, RedisAt};
use crate::resolver::{Address, Resolver};

/// After how much silence the system asks the other side, so that no load balancer forgets the connection in use.
const KEEPALIVE: Duration = Duration::from_secs(5);
/// What is read at once.
const CHUNK: usize = 16 << 10;

/// How connections are made.
pub struct Dialer {
    at: RedisAt,
    tls: Option<Arc<ClientConfig>>,
    connect_timeout: Duration,
    resolver: Resolver,
}

/// A connection that is ready for commands.
pub struct Connection {
    socket: Socket,
    input: Vec<u8>,
    /// Of the input, what was taken.
    taken: usize,
    /// When it was last of use.
    pub used: Instant,
}

enum Socket {
    Plain(TimedStream),
    Tls(Box<StreamOwned<ClientConnection, TimedStream>>),
}

/// A socket whose every operation ends at a moment: a peer that sends a byte now and then does not outlast it.
struct TimedStream {
    stream: TcpStream,
    until: Instant,
    timeouts: [Duration; 2],
}

/// Why reading or writing ended.
#[derive(Debug)]
pub enum Broken {
    /// The time was over; it can go on later.
    TimedOut,
    /// It can't go on.
    For(String),
}

impl From<io::Error> for Broken {
    fn from(e: io::Error) -> Broken {
        match e.kind() {
            ErrorKind::TimedOut | ErrorKind::WouldBlock => Broken::TimedOut,
            ErrorKind::UnexpectedEof | ErrorKind::WriteZero => Broken::For("the connection was closed".to_owned()),
            _ => Broken::For(in_words(&e)),
        }
    }
}

impl Broken {
    /// For whoever waits for an answer.
    pub fn in_words(self) -> String {
        match self {
            Broken::TimedOut => "no answer came in time".to_owned(),
            Broken::For(why) => why,
        }
    }
}

impl Dialer {
    /// Reads the CA's certificate.
    pub fn new(config: &Config, at: &RedisAt) -> Result<Dialer, Failure> {
        let tls = if at.tls { Some(Arc::new(tls_config(config.ca_file.as_deref())?)) } else { None };
        let connect_timeout = Duration::from_millis(config.connect_timeout_ms);
        Ok(Dialer { at: at.clone(), tls, connect_timeout, resolver: Resolver::default() })
    }

    /// Connects and logs in.
    pub fn dial(&self, address: &Address, deadline: Deadline) -> Result<Connection, Failure> {
        let timeout = self.connect_timeout.min(deadline.left());
        if timeout.is_zero() {
            return Err(Failure::TooLate);
        }
        let until = Instant::now() + timeout;
        let unreached = |why: String| Failure::Unreached(format!("{why}{}", self.announced(address)));
        let stream = self.reach(address, until).map_err(unreached)?;
        let mut connection =
            Connection { socket: Socket::Plain(stream), input: Vec::new(), taken: 0, used: Instant::now() };
        if let Some(config) = &self.tls {
            connection = connection.secure(Arc::clone(config), &address.0).map_err(unreached)?;
        }
        let logged_in = self.log_in(&mut connection, until);
        logged_in.map_err(|failure| match failure {
            Failure::Unreached(why) => unreached(why),
            other => other,
        })?;
        Ok(connection)
    }

    /// Has names asked anew.
    pub fn resolve_again(&self) {
        self.resolver.forget();
    }

    fn reach(&self, address: &Address, until: Instant) -> Result<TimedStream, String> {
        let left = || until.saturating_duration_since(Instant::now());
        let name = &address.0;
        let found = match self.resolver.addresses(address, Some(until)) {
            Ok(Some(found)) => found,
            Ok(None) => return Err(format!("the name {name} was not resolved in time")),
            Err(e) => return Err(format!("the name {name} is not resolved: {e}")),
        };
        let mut why = format!("the name {name} has no address");
        for (tried, socket) in found.iter().enumerate() {
            // A first address that is silent must leave time for the next one.
            let share = left() / (found.len() - tried) as u32;
            match TcpStream::connect_timeout(socket, share.max(Duration::from_millis(1))) {
                Ok(stream) => {
                    // Where the system refuses them, it works all the same.
                    let _nodelay = stream.set_nodelay(true);
                    let _keepalive =
                        SockRef::from(&stream).set_tcp_keepalive(&TcpKeepalive::new().with_time(KEEPALIVE));
                    return Ok(TimedStream { stream, until, timeouts: [Duration::ZERO; 2] });
                }
                Err(e) if e.kind() == ErrorKind::TimedOut => why = "connecting took too long".to_owned(),
                Err(e) => why = in_words(&e),
            }
        }
        self.resolver.forget();
        Err(why)
    }

    /// Says who named an address that the configuration does not.
    fn announced(&self, address: &Address) -> String {
        if self.at.nodes.contains(address) {
            return String::new();
        }
        let (host, port) = address;
        format!(
            " ({host}:{port} is what the cluster announces; if that is not the way from here, set cluster-announce-ip)"
        )
    }

    fn log_in(&self, connection: &mut Connection, until: Instant) -> Result<(), Failure> {
        let mut commands: Vec<Vec<&str>> = Vec::new();
        if let Some(password) = &self.at.password {
            let user = self.at.user.as_deref();
            commands.push(["AUTH"].into_iter().chain(user).chain([password.expose()]).collect());
        }
        let db = self.at.db.to_string();
        if self.at.db != 0 {
            commands.push(vec!["SELECT", &db]);
        }
        let mut packed = Vec::new();
        commands.iter().for_each(|command| resp::pack(command, &mut packed));
        let answers = connection.converse(&packed, commands.len(), until);
        for answer in answers.map_err(|broken| Failure::Unreached(broken.in_words()))? {
            if let Value::Error(said) = answer {
                // One that knows no AUTH quotes its arguments.
                let said = self.at.password.as_ref().map_or(said.clone(), |password| password.strike(&said));
                return Err(Failure::answered(&said));
            }
        }
        Ok(())
    }
}

impl Connection {
    /// Whether it has said more than anybody asked for: then what comes next is no answer to what is asked next.
    pub fn is_ahead(&self) -> bool {
        self.taken < self.input.len()
    }

    /// Whether the other side has hung up, or says what nobody asked for.
    pub fn is_dead(&self) -> bool {
        let (stream, tls) = match &self.socket {
            Socket::Plain(stream) => (stream, false),
            Socket::Tls(stream) => (&stream.sock, true),
        };
        let looked = stream.stream.set_nonblocking(true).and_then(|()| stream.stream.peek(&mut [0]));
        let back = stream.stream.set_nonblocking(false);
        match looked {
            // TLS hands out tickets now and then.
            Ok(bytes) => back.is_err() || bytes == 0 || !tls,
            Err(e) => back.is_err() || e.kind() != ErrorKind::WouldBlock,
        }
    }

    /// Sends all of it; on failure, how much of it left at most.
    pub fn send(&mut self, bytes: &[u8], until: Instant) -> Result<(), (usize, Broken)> {
        self.until(until);
        let mut sent = 0;
        // What TLS has taken may have left, though it says that it failed.
        let tls = matches!(self.socket, Socket::Tls(_));
        let at_most = |sent| if tls { bytes.len() } else { sent };
        while sent < bytes.len() {
            match self.socket.as_stream().write(&bytes[sent..]) {
                Ok(0) => return Err((at_most(sent), Broken::For("the connection was closed".to_owned()))),
                Ok(more) => sent += more,
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) => return Err((at_most(sent), e.into())),
            }
        }
        self.socket.as_stream().flush().map_err(|e| (sent, e.into()))
    }

    /// The next answer.
    pub fn receive(&mut self, until: Instant) -> Result<Value, Broken> {
        loop {
            if let Some((value, length)) = resp::parse(&self.input[self.taken..]).map_err(Broken::For)? {
                self.taken += length;
                if self.taken == self.input.len() {
                    self.input.clear();
                    self.taken = 0;
                }
                return Ok(value);
            }
            self.until(until);
            let filled = self.input.len();
            if filled - self.taken > resp::LONGEST_ANSWER {
                return Err(Broken::For("an endless answer".to_owned()));
            }
            self.input.resize(filled + CHUNK, 0);
            let read = self.socket.as_stream().read(&mut self.input[filled..]);
            self.input.truncate(filled + *read.as_ref().unwrap_or(&0));
            match read {
                Ok(0) => return Err(Broken::For("the connection was closed".to_owned())),
                Ok(_) => {}
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) => return Err(e.into()),
            }
        }
    }

    /// Sends commands and reads an answer to each.
    pub fn converse(&mut self, packed: &[u8], answers: usize, until: Instant) -> Result<Vec<Value>, Broken> {
        self.send(packed, until).map_err(|(_, broken)| broken)?;
        (0..answers).map(|_| self.receive(until)).collect()
    }

    fn secure(self, config: Arc<ClientConfig>, host: &str) -> Result<Connection, String> {
        let Socket::Plain(mut stream) = self.socket else { return Ok(self) };
        let name = ServerName::try_from(host.to_owned()).map_err(|_| format!("{host} is no name for TLS"))?;
        let mut session = ClientConnection::new(config, name).map_err(|e| e.to_string())?;
        while session.is_handshaking() {
            session.complete_io(&mut stream).map_err(|e| untrusted(&e))?;
        }
        Ok(Connection { socket: Socket::Tls(Box::new(StreamOwned::new(session, stream))), ..self })
    }

    fn until(&mut self, until: Instant) {
        match &mut self.socket {
            Socket::Plain(stream) => stream.until = until,
            Socket::Tls(stream) => stream.sock.until = until,
        }
    }
}

trait ReadWrite: Read + Write {}
impl<S: Read + Write> ReadWrite for S {}

impl Socket {
    fn as_stream(&mut self) -> &mut dyn ReadWrite {
        match self {
            Socket::Plain(stream) => stream,
            Socket::Tls(stream) => stream,
        }
    }
}

impl TimedStream {
    /// Does it until it is done or the time is over. The system's timeout is set in powers of two, so seldom anew.
    fn within<T>(
        &mut self,
        which: usize,
        set: impl Fn(&TcpStream, Option<Duration>) -> io::Result<()>,
        mut operation: impl FnMut(&mut TcpStream) -> io::Result<T>,
    ) -> io::Result<T> {
        loop {
            let left = self.until.saturating_duration_since(Instant::now()).as_millis() as u64;
            if left == 0 {
                return Err(ErrorKind::TimedOut.into());
            }
            let timeout = Duration::from_millis(1 << left.ilog2());
            if self.timeouts[which] != timeout {
                set(&self.stream, Some(timeout))?;
                self.timeouts[which] = timeout;
            }
            match operation(&mut self.stream) {
                Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
                done => return done,
            }
        }
    }
}

impl Read for TimedStream {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.within(0, TcpStream::set_read_timeout, |stream| stream.read(into))
    }
}

impl Write for TimedStream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.within(1, TcpStream::set_write_timeout, |stream| stream.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn tls_config(ca_file: Option<&str>) -> Result<ClientConfig, Failure> {
    let mut roots = RootCertStore::empty();
    match ca_file {
        None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
        Some(path) => {
            let wrong = |why: String| Failure::Config(format!("ca_file {path}: {why}"));
            let pem = std::fs::read(path).map_err(|e| wrong(e.to_string()))?;
            for certificate in CertificateDer::pem_slice_iter(&pem) {
                let certificate = certificate.map_err(|e| wrong(e.to_string()))?;
                roots.add(certificate).map_err(|e| wrong(e.to_string()))?;
            }
            if roots.is_empty() {
                return Err(wrong("there is no certificate in it".to_owned()));
            }
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let builder = builder.map_err(|e| Failure::Config(e.to_string()))?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

/// Why a handshake failed, and what to do.
fn untrusted(e: &io::Error) -> String {
    use rustls::{CertificateError, Error};
    let why = match e.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) {
        Some(Error::InvalidCertificate(CertificateError::UnknownIssuer)) => {
            "its certificate is of a CA that is not known here: name that CA's file in \"ca_file\""
        }
        Some(Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        )) => "its certificate is for another name than the one in \"store\"",
        Some(Error::InvalidMessage(_)) => "it speaks no TLS: correct the port, or write redis:// in \"store\"",
        Some(other) if other.to_string().contains("CaUsedAsEndEntity") => {
            "its certificate is a CA's own: make one for the server (basicConstraints CA:FALSE), and name its CA's file in \"ca_file\""
        }
        Some(other) => return format!("TLS failed: {other}; is \"ca_file\" the right one?"),
        None if matches!(e.kind(), ErrorKind::TimedOut | ErrorKind::WouldBlock) => {
            "no answer came in time to the TLS handshake; does it speak TLS on this port?"
        }
        None => return format!("the TLS handshake failed: {}; does it speak TLS on this port?", in_words(e)),
    };
    why.to_owned()
}

/// Without the system's number.
fn in_words(e: &io::Error) -> String {
    let text = match e.kind() {
        ErrorKind::ConnectionRefused => "the connection was refused",
        ErrorKind::UnexpectedEof
        | ErrorKind::ConnectionReset
        | ErrorKind::BrokenPipe
        | ErrorKind::ConnectionAborted => "the connection was closed",
        _ => return e.to_string(),
    };
    text.to_owned()
}
