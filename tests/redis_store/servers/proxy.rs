//! A proxy between client and server that makes trouble at a certain request, or for everybody.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use super::port::Port;
use super::wait_until;

/// What happens to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// So many bytes of it go on, then both sides are hung up on: the server never has it whole.
    CutRequest(usize),
    /// The server carries it out; so many bytes of its answer go on, then both sides are hung up on.
    CutReply(usize),
    /// It waits for [`Proxy::release`].
    HoldRequest,
    /// The server carries it out; the answer waits for [`Proxy::release`].
    HoldReply,
}

pub struct Proxy {
    port: Port,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    target: AtomicU16,
    armed: Mutex<VecDeque<(Vec<String>, Trouble)>>,
    met: AtomicUsize,
    open: Mutex<Vec<TcpStream>>,
    /// Nothing passes while this is true.
    stalled: Mutex<bool>,
    /// Goes up with each release; who is held waits for a higher number.
    releases: Mutex<usize>,
    changed: Condvar,
    /// How long each answer takes, in milliseconds; those that come together take it once.
    latency_ms: AtomicU64,
    refusing: AtomicBool,
    listening: AtomicBool,
    ended: AtomicBool,
}

impl Proxy {
    pub fn to(target: u16) -> Proxy {
        let shared = Arc::new(Shared { target: AtomicU16::new(target), ..Shared::default() });
        let port = Port::take();
        let (its, number) = (Arc::clone(&shared), port.number());
        std::thread::spawn(move || its.listen(number));
        let proxy = Proxy { port, shared };
        proxy.wait_for_listener(true);
        proxy
    }

    pub fn port(&self) -> u16 {
        self.port.number()
    }

    /// Connections from now on go there.
    pub fn lead_to(&self, target: u16) {
        self.shared.target.store(target, Ordering::SeqCst);
    }

    /// The next request with all of these words in it (as bytes, in any place) meets this trouble, once. Several wait in a row.
    pub fn arm(&self, words: &[&str], trouble: Trouble) {
        let words = words.iter().map(|word| word.to_lowercase()).collect();
        self.shared.armed.lock().unwrap().push_back((words, trouble));
    }

    pub fn disarm(&self) {
        self.shared.armed.lock().unwrap().clear();
    }

    /// How many troubles were met.
    pub fn met(&self) -> usize {
        self.shared.met.load(Ordering::SeqCst)
    }

    pub fn wait_until_met(&self, times: usize) {
        wait_until("the trouble is met", || self.met() >= times);
    }

    /// Lets go on what is held.
    pub fn release(&self) {
        *self.shared.releases.lock().unwrap() += 1;
        self.shared.changed.notify_all();
    }

    /// Each answer takes so long from now on, as from a server far away.
    pub fn set_latency_ms(&self, ms: u64) {
        self.shared.latency_ms.store(ms, Ordering::SeqCst);
    }

    /// Nothing passes from now on, in no direction; connections are taken.
    pub fn stall(&self) {
        *self.shared.stalled.lock().unwrap() = true;
    }

    pub fn go_on(&self) {
        *self.shared.stalled.lock().unwrap() = false;
        self.shared.changed.notify_all();
    }

    /// Hangs up on all that are connected.
    pub fn cut(&self) {
        for stream in self.shared.open.lock().unwrap().drain(..) {
            let _gone_already = stream.shutdown(Shutdown::Both);
        }
    }

    /// Closes the port and all connections; new ones are refused.
    pub fn refuse(&self) {
        self.shared.refusing.store(true, Ordering::SeqCst);
        self.wait_for_listener(false);
        self.cut();
    }

    /// Opens the port again.
    pub fn accept(&self) {
        self.shared.refusing.store(false, Ordering::SeqCst);
        self.wait_for_listener(true);
    }

    fn wait_for_listener(&self, listening: bool) {
        wait_until("the proxy's port", || self.shared.listening.load(Ordering::SeqCst) == listening);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::SeqCst);
        self.go_on();
        self.release();
        self.cut();
    }
}

impl Shared {
    fn listen(self: Arc<Shared>, port: u16) {
        let mut listener = None;
        while !self.ended.load(Ordering::SeqCst) {
            if self.refusing.load(Ordering::SeqCst) {
                listener = None;
            } else if listener.is_none() {
                // Its old connections may keep the port for a moment.
                listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).ok();
                if let Some(listener) = &listener {
                    listener.set_nonblocking(true).expect("a socket that does not block");
                }
            }
            self.listening.store(listener.is_some(), Ordering::SeqCst);
            match listener.as_ref().map(TcpListener::accept) {
                Some(Ok((client, _))) => {
                    Arc::clone(&self).serve(client);
                }
                _ => std::thread::sleep(Duration::from_millis(1)),
            }
        }
    }

    fn serve(self: Arc<Shared>, client: TcpStream) {
        client.set_nonblocking(false).expect("a socket that blocks");
        let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, self.target.load(Ordering::SeqCst))) else { return };
        let pair = Arc::new(Pair { client, server, fates: Mutex::default() });
        for stream in [&pair.client, &pair.server] {
            stream.set_nodelay(true).expect("TCP_NODELAY");
            self.open.lock().unwrap().push(stream.try_clone().expect("a second handle"));
        }
        let (up, down) = ((Arc::clone(&self), Arc::clone(&pair)), (self, pair));
        std::thread::spawn(move || up.1.requests(&up.0));
        std::thread::spawn(move || down.1.replies(&down.0));
    }

    /// The trouble that waits for such a request.
    fn trouble_for(&self, request: &[u8]) -> Option<Trouble> {
        let mut armed = self.armed.lock().unwrap();
        if armed.is_empty() {
            return None;
        }
        let text = String::from_utf8_lossy(request).to_lowercase();
        let place = armed.iter().position(|(words, _)| words.iter().all(|word| text.contains(word)))?;
        armed.remove(place).map(|(_, trouble)| trouble)
    }

    fn pass_the_stall(&self) {
        let stalled = self.stalled.lock().unwrap();
        let _free = self.changed.wait_while(stalled, |stalled| *stalled).unwrap();
    }

    fn meet(&self) {
        self.met.fetch_add(1, Ordering::SeqCst);
    }

    fn meet_and_wait(&self) {
        let releases = self.releases.lock().unwrap();
        let before = *releases;
        self.meet();
        let ended = || self.ended.load(Ordering::SeqCst);
        let _free = self.changed.wait_while(releases, |now| *now == before && !ended()).unwrap();
    }
}

/// A client's connection and its continuation to the server.
struct Pair {
    client: TcpStream,
    server: TcpStream,
    /// What is to happen to the answers that are still to come, in their order.
    fates: Mutex<VecDeque<Option<Trouble>>>,
}

impl Pair {
    fn requests(&self, shared: &Shared) {
        each_frame(&self.client, |request, _| {
            shared.pass_the_stall();
            let trouble = shared.trouble_for(request);
            match trouble {
                Some(Trouble::CutRequest(bytes)) => {
                    let _gone_already = (&self.server).write_all(&request[..bytes.min(request.len() - 1)]);
                    // First, so that who was hung up on finds it counted.
                    shared.meet();
                    self.cut();
                    return false;
                }
                Some(Trouble::HoldRequest) => shared.meet_and_wait(),
                _ => {}
            }
            self.fates.lock().unwrap().push_back(trouble);
            (&self.server).write_all(request).is_ok()
        });
        self.cut();
    }

    fn replies(&self, shared: &Shared) {
        each_frame(&self.server, |reply, is_first| {
            shared.pass_the_stall();
            if is_first {
                std::thread::sleep(Duration::from_millis(shared.latency_ms.load(Ordering::SeqCst)));
            }
            match self.fates.lock().unwrap().pop_front().flatten() {
                Some(Trouble::CutReply(bytes)) => {
                    let _gone_already = (&self.client).write_all(&reply[..bytes.min(reply.len() - 1)]);
                    // First, so that who was hung up on finds it counted.
                    shared.meet();
                    self.cut();
                    return false;
                }
                Some(Trouble::HoldReply) => shared.meet_and_wait(),
                _ => {}
            }
            (&self.client).write_all(reply).is_ok()
        });
        self.cut();
    }

    fn cut(&self) {
        let _gone_already = (self.client.shutdown(Shutdown::Both), self.server.shutdown(Shutdown::Both));
    }
}

/// Calls `take` with each whole request or answer, and whether it is the first of what came together, until it says no or the
/// other side has gone.
fn each_frame(mut from: &TcpStream, mut take: impl FnMut(&[u8], bool) -> bool) {
    let mut waiting = Vec::new();
    let mut buffer = [0; 16 << 10];
    loop {
        match from.read(&mut buffer) {
            Err(e) if e.kind() == ErrorKind::Interrupted => continue,
            Ok(n) if n > 0 => waiting.extend_from_slice(&buffer[..n]),
            _ => return,
        }
        let mut done = 0;
        while let Some(length) = frame(&waiting[done..]) {
            if !take(&waiting[done..done + length], done == 0) {
                return;
            }
            done += length;
        }
        waiting.drain(..done);
    }
}

/// The length of the first value of the protocol, of its second or third version; None when it is not whole.
pub fn frame(bytes: &[u8]) -> Option<usize> {
    let line = bytes.windows(2).position(|pair| pair == b"\r\n")? + 2;
    let count = || std::str::from_utf8(&bytes[1..line - 2]).ok()?.parse::<i64>().ok();
    let values = |n: i64| (0..n).try_fold(line, |at, _| Some(at + frame(&bytes[at..])?));
    match bytes[0] {
        b'$' | b'!' | b'=' => match usize::try_from(count()?) {
            Ok(length) => (bytes.len() >= line + length + 2).then_some(line + length + 2),
            Err(_) => Some(line),
        },
        b'*' | b'~' | b'>' => values(count()?),
        b'%' => values(2 * count()?),
        _ => Some(line),
    }
}
