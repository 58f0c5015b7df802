//! Small servers that misbehave where the simulator cannot: below HTTP, below TLS, and as a proxy.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What a [`Relay`] does with the connections that come from now on.
#[derive(Clone, Copy, Debug)]
pub enum Mode {
    /// Passes everything on to this port and back.
    Forward(u16),
    /// The same, but what comes back comes a byte at a time, with this pause between two.
    Trickle(u16, Duration),
    /// Accepts, and never says a word.
    Silent,
    /// Accepts, and hangs up.
    Close,
    /// Says this, whatever it is told, and no more.
    Say(&'static str),
    /// Says this a byte at a time.
    Drip(&'static str, Duration),
}

/// A server on loopback between the client and whatever it is told to be.
pub struct Relay {
    port: u16,
    shared: Arc<Shared>,
}

struct Shared {
    mode: Mutex<Mode>,
    /// As an HTTP proxy: reads a CONNECT first, and answers it before it forwards.
    proxy: bool,
    heads: Mutex<Vec<String>>,
    open: Mutex<Vec<TcpStream>>,
    accepted: AtomicUsize,
    stopped: AtomicBool,
}

impl Relay {
    pub fn start(mode: Mode) -> Relay {
        Relay::with(mode, false)
    }

    /// A proxy for the CONNECT method. It tunnels to its own port, whichever host it is asked for.
    pub fn proxy(mode: Mode) -> Relay {
        Relay::with(mode, true)
    }

    fn with(mode: Mode, proxy: bool) -> Relay {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let shared = Arc::new(Shared {
            mode: Mutex::new(mode),
            proxy,
            heads: Mutex::default(),
            open: Mutex::default(),
            accepted: AtomicUsize::new(0),
            stopped: AtomicBool::new(false),
        });
        let its = Arc::clone(&shared);
        std::thread::spawn(move || {
            for connection in listener.incoming() {
                if its.stopped.load(Ordering::SeqCst) {
                    break;
                }
                let Ok(connection) = connection else { continue };
                its.accepted.fetch_add(1, Ordering::SeqCst);
                let its = Arc::clone(&its);
                std::thread::spawn(move || its.serve(connection));
            }
        });
        Relay { port, shared }
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn url(&self, scheme: &str) -> String {
        format!("{scheme}://127.0.0.1:{}", self.port)
    }

    /// Cuts what is open; new connections are treated in this way.
    pub fn set(&self, mode: Mode) {
        *self.shared.mode.lock().unwrap() = mode;
        self.shared.cut();
    }

    /// Closes the port: connections are refused from now on.
    pub fn stop(&self) {
        if !self.shared.stopped.swap(true, Ordering::SeqCst) {
            let _wake = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port));
            while TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).is_ok() {
                std::thread::sleep(Duration::from_millis(5));
            }
        }
        self.shared.cut();
    }

    pub fn accepted(&self) -> usize {
        self.shared.accepted.load(Ordering::SeqCst)
    }

    /// What the proxy was asked: the heads of the CONNECT requests.
    pub fn heads(&self) -> Vec<String> {
        self.shared.heads.lock().unwrap().clone()
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Shared {
    fn cut(&self) {
        for connection in self.open.lock().unwrap().drain(..) {
            let _gone_already = connection.shutdown(Shutdown::Both);
        }
    }

    /// Keeps a connection open until it is cut.
    fn keep(&self, connection: &TcpStream) {
        self.open.lock().unwrap().push(connection.try_clone().expect("a second handle"));
    }

    fn serve(&self, mut client: TcpStream) {
        let mode = *self.mode.lock().unwrap();
        client.set_nodelay(true).expect("TCP_NODELAY");
        self.keep(&client);
        if self.proxy {
            let Some(head) = read_head(&mut client) else { return };
            self.heads.lock().unwrap().push(head);
        }
        match mode {
            Mode::Forward(port) => self.tunnel(client, port, Duration::ZERO),
            Mode::Trickle(port, gap) => self.tunnel(client, port, gap),
            Mode::Silent => swallow(client),
            Mode::Close => {
                let _gone_already = client.shutdown(Shutdown::Both);
            }
            Mode::Say(text) => {
                if client.write_all(text.as_bytes()).is_ok() {
                    swallow(client);
                }
            }
            Mode::Drip(text, gap) => {
                for byte in text.as_bytes() {
                    std::thread::sleep(gap);
                    if client.write_all(&[*byte]).is_err() {
                        return;
                    }
                }
                swallow(client);
            }
        }
    }

    fn tunnel(&self, mut client: TcpStream, port: u16, gap: Duration) {
        let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)) else { return };
        server.set_nodelay(true).expect("TCP_NODELAY");
        self.keep(&server);
        if self.proxy && client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").is_err() {
            return;
        }
        let (to, back) = (server.try_clone().expect("a handle"), client.try_clone().expect("a handle"));
        std::thread::scope(|scope| {
            scope.spawn(|| copy(client, to, Duration::ZERO));
            copy(server, back, gap);
        });
    }
}

fn copy(mut from: TcpStream, mut to: TcpStream, gap: Duration) {
    let mut buffer = [0; 16 << 10];
    let most = if gap.is_zero() { buffer.len() } else { 1 };
    loop {
        match from.read(&mut buffer[..most]) {
            Ok(n) if n > 0 && to.write_all(&buffer[..n]).is_ok() => std::thread::sleep(gap),
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            _ => break,
        }
    }
    let _gone_already = (to.shutdown(Shutdown::Both), from.shutdown(Shutdown::Both));
}

/// Reads until the other side has gone.
fn swallow(mut connection: TcpStream) {
    let mut buffer = [0; 4096];
    while connection.read(&mut buffer).is_ok_and(|n| n > 0) {}
}

fn read_head(connection: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        connection.read_exact(&mut byte).ok()?;
        head.push(byte[0]);
    }
    String::from_utf8(head).ok()
}

/// A port where nobody listens: tcpmux, which is never handed out as a free one.
pub const REFUSING: u16 = 1;

/// A port that swallows SYNs, as a firewall does: its queue of connections is full and never read.
#[cfg(target_os = "linux")]
pub struct BlackHole {
    port: u16,
    _listener: TcpListener,
    _queued: Vec<TcpStream>,
}

#[cfg(target_os = "linux")]
impl BlackHole {
    pub fn dig() -> BlackHole {
        use std::os::fd::AsRawFd;

        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let address = listener.local_addr().expect("an address");
        // SAFETY: a listening socket's descriptor; listening again only changes the length of its queue.
        assert_eq!(unsafe { libc::listen(listener.as_raw_fd(), 0) }, 0);
        let mut queued = Vec::new();
        while let Ok(connection) = connect_soon(&address) {
            queued.push(connection);
            assert!(queued.len() < 16, "the queue of connections does not fill up");
        }
        BlackHole { port: address.port(), _listener: listener, _queued: queued }
    }

    pub fn port(&self) -> u16 {
        self.port
    }
}

#[cfg(target_os = "linux")]
fn connect_soon(address: &SocketAddr) -> std::io::Result<TcpStream> {
    TcpStream::connect_timeout(address, Duration::from_millis(300))
}
