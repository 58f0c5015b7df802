use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;

use crate::api;
use crate::shared::Shared;
use crate::wire::{Socket, Wire, WireControl};

/// Binds 127.0.0.1 and nothing else.
pub(crate) fn bind(port: u16) -> io::Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    // On Windows the option would let two processes share the port.
    if cfg!(unix) {
        socket.set_reuseaddr(true)?;
    }
    socket.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))?;
    socket.listen(1024)
}

/// Serves one port until the runtime ends.
pub(crate) async fn accept(shared: Arc<Shared>, listener: TcpListener, port: u16, https: bool) {
    let mut offline = shared.offline.subscribe();
    let mut listener = Some(listener);
    loop {
        if *offline.borrow_and_update() {
            if listener.take().is_some() {
                shared.open_listeners.fetch_sub(1, Ordering::AcqRel);
            }
            if offline.changed().await.is_err() {
                return;
            }
            continue;
        }
        let open = match &listener {
            Some(open) => open,
            None => match bind(port) {
                Ok(fresh) => {
                    shared.open_listeners.fetch_add(1, Ordering::AcqRel);
                    listener.insert(fresh)
                }
                Err(_) => {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                    continue;
                }
            },
        };
        tokio::select! {
            accepted = open.accept() => match accepted {
                Ok((socket, _)) => {
                    tokio::spawn(connection(Open::new(&shared), socket, https));
                }
                // Out of descriptors: the connections in progress will free some.
                Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
            },
            _ = offline.changed() => {}
        }
    }
}

/// A connection, known and counted for as long as it lives.
struct Open {
    shared: Arc<Shared>,
    id: u64,
    control: Arc<WireControl>,
    drops: watch::Receiver<u64>,
}

impl Open {
    fn new(shared: &Arc<Shared>) -> Open {
        let (control, drops) = (Arc::new(WireControl::default()), shared.drops.subscribe());
        shared.connections.lock().push(control.clone());
        let counters = &mut shared.world.lock().counters;
        counters.connections += 1;
        counters.open_connections += 1;
        counters.max_open_connections = counters.max_open_connections.max(counters.open_connections);
        Open { shared: shared.clone(), id: counters.connections, control, drops }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        {
            let counters = &mut self.shared.world.lock().counters;
            counters.open_connections = counters.open_connections.saturating_sub(1);
        }
        self.shared.connections.lock().retain(|other| !Arc::ptr_eq(other, &self.control));
    }
}

async fn connection(open: Open, socket: TcpStream, https: bool) {
    let shared = &open.shared;
    // It came in while the listener was being closed.
    if *shared.offline.borrow() {
        return;
    }
    let reset_armed = shared.world.lock().faults.has_fresh_reset();
    // Without it each answer would wait for the caller's delayed ACK.
    if socket.set_nodelay(true).is_err() {
        return;
    }
    if reset_armed && (https || !is_control(&socket).await) && shared.world.lock().faults.take_fresh_reset() {
        shared.world.lock().counters.faults += 1;
        let _ = socket.set_zero_linger();
        return;
    }
    match shared.tls.as_ref().filter(|_| https) {
        None => serve(open, socket).await,
        Some(tls) => {
            let handshake = tokio::time::timeout(shared.idle_timeout, tls.acceptor.accept(socket));
            if let Ok(Ok(socket)) = handshake.await {
                serve(open, socket).await;
            }
        }
    }
}

/// Whether a fresh connection begins with a control call; those are not reset.
async fn is_control(socket: &TcpStream) -> bool {
    let mut head = [0; 10];
    let peek = tokio::time::timeout(Duration::from_millis(100), socket.peek(&mut head));
    match peek.await {
        Ok(Ok(n)) => [&b"GET /sim"[..], b"POST /sim", b"DELETE /si", b"GET /phon", b"POST /phon"]
            .iter()
            .any(|begin| head[..n].starts_with(begin)),
        _ => false,
    }
}

async fn serve<S: Socket>(mut open: Open, socket: S) {
    let (shared, control) = (open.shared.clone(), open.control.clone());
    let io = TokioIo::new(Wire::new(socket, control.clone()));
    let service = service_fn(|request| api::serve(&shared, &control, open.id, request));
    let mut http = http1::Builder::new();
    // Also the limit for an idle connection that waits for its next request.
    http.timer(TokioTimer::new()).header_read_timeout(shared.idle_timeout);
    let mut connection = std::pin::pin!(http.serve_connection(io, service));
    loop {
        tokio::select! {
            // One that is to be dropped takes no other request.
            biased;
            changed = open.drops.changed() => {
                if changed.is_err() || !control.is_sim() {
                    return;
                }
            }
            // Errors are the caller's going away, or a fault at work.
            _ = &mut connection => return,
        }
    }
}
