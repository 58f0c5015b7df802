use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

/// How a connection ends after a script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Close,
    Reset,
}

/// Bytes that go out in place of what the HTTP server wants to write.
#[derive(Debug)]
pub(crate) struct Script {
    bytes: Vec<u8>,
    sent: usize,
    end: End,
}

impl Script {
    pub(crate) fn new(bytes: Vec<u8>, end: End) -> Self {
        Self { bytes, sent: 0, end }
    }

    pub(crate) fn end(end: End) -> Self {
        Self::new(Vec::new(), end)
    }
}

/// The request handler's hand on its connection.
#[derive(Default)]
pub(crate) struct WireControl {
    scripted: AtomicBool,
    script: Mutex<Option<Script>>,
    sim: AtomicBool,
}

impl WireControl {
    /// The next write is replaced by the script.
    pub(crate) fn play(&self, script: Script) {
        *self.script.lock() = Some(script);
        self.scripted.store(true, Ordering::Release);
    }

    /// The connection carries control calls: it is spared when connections are dropped.
    pub(crate) fn mark_sim(&self) {
        self.sim.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_sim(&self) -> bool {
        self.sim.load(Ordering::Relaxed)
    }
}

/// A byte stream over a TCP socket.
pub(crate) trait Socket: AsyncRead + AsyncWrite + Unpin {
    fn tcp(&self) -> &TcpStream;
}

impl Socket for TcpStream {
    fn tcp(&self) -> &TcpStream {
        self
    }
}

impl Socket for TlsStream<TcpStream> {
    fn tcp(&self) -> &TcpStream {
        self.get_ref().0
    }
}

/// A socket whose output a [`WireControl`] can take over.
pub(crate) struct Wire<S> {
    socket: S,
    control: Arc<WireControl>,
}

impl<S: Socket> Wire<S> {
    pub(crate) fn new(socket: S, control: Arc<WireControl>) -> Self {
        Self { socket, control }
    }

    /// Always ends in an error, which makes the HTTP server drop the connection.
    fn poll_script(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let mut guard = self.control.script.lock();
        let Some(script) = guard.as_mut() else {
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        };
        while script.sent < script.bytes.len() {
            let n = ready!(Pin::new(&mut self.socket).poll_write(cx, &script.bytes[script.sent..]))?;
            script.sent += n;
        }
        ready!(Pin::new(&mut self.socket).poll_flush(cx))?;
        if script.end == End::Reset {
            self.socket.tcp().set_zero_linger()?;
        }
        *guard = None;
        Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()))
    }
}

impl<S: Socket> AsyncRead for Wire<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_read(cx, buf)
    }
}

impl<S: Socket> AsyncWrite for Wire<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        if self.control.scripted.load(Ordering::Acquire) {
            return self.poll_script(cx);
        }
        Pin::new(&mut self.socket).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.control.scripted.load(Ordering::Acquire) {
            return self.poll_script(cx);
        }
        Pin::new(&mut self.socket).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}
