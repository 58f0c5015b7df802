//! Names to addresses. ureq asks for each request, also one on a pooled connection; so numeric hosts are read directly
//! and answers are kept for a moment. The system's resolver cannot be interrupted: it runs on a thread, one for a name,
//! and whoever wants the same name meanwhile waits for that one.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use ureq::Error;
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;

/// How long an answer is used: long against a request, short against a DNS change.
const KEPT: Duration = Duration::from_secs(30);

/// A name and a port.
type Place = (String, u16);
type LookUp = fn(&Place) -> io::Result<Vec<SocketAddr>>;

#[derive(Debug)]
pub struct CachingResolver {
    look_up: LookUp,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    answers: HashMap<Place, Lookup>,
    /// With how many of each there were: a lookup's failure is told to those who waited for it.
    running: HashMap<Place, u64>,
    failures: HashMap<Place, (u64, io::ErrorKind, String)>,
    lookups: u64,
}

#[derive(Debug)]
struct Lookup {
    addresses: Vec<SocketAddr>,
    since: Instant,
}

impl Default for CachingResolver {
    fn default() -> CachingResolver {
        CachingResolver::with(|(host, port)| Ok((host.as_str(), *port).to_socket_addrs()?.collect()))
    }
}

impl CachingResolver {
    fn with(look_up: LookUp) -> CachingResolver {
        CachingResolver { look_up, shared: Arc::default() }
    }

    /// Forgets what is known of all hosts: a connection to one of them failed.
    pub fn forget(&self) {
        self.shared.state.lock().answers.clear();
    }

    /// Waits at most until then; None: for as long as it takes. `Ok(None)`: it was not found by then.
    fn addresses(&self, place: &Place, until: Option<Instant>) -> io::Result<Option<Vec<SocketAddr>>> {
        let mut state = self.shared.state.lock();
        let mut waited_for = None;
        loop {
            if let Some(answer) = state.answers.get(place).filter(|answer| answer.since.elapsed() < KEPT) {
                return Ok(Some(answer.addresses.clone()));
            }
            match (state.failures.get(place), waited_for) {
                (Some((number, kind, why)), Some(waited)) if *number == waited => {
                    return Err(io::Error::new(*kind, why.clone()));
                }
                _ => {}
            }
            let number = match state.running.get(place) {
                Some(number) => *number,
                None => self.start(&mut state, place)?,
            };
            waited_for = Some(number);
            let in_time = match until {
                Some(until) => !self.shared.changed.wait_until(&mut state, until).timed_out(),
                None => {
                    self.shared.changed.wait(&mut state);
                    true
                }
            };
            if !in_time {
                return Ok(None);
            }
        }
    }

    fn start(&self, state: &mut State, place: &Place) -> io::Result<u64> {
        let (shared, look_up, its) = (Arc::clone(&self.shared), self.look_up, place.clone());
        let number = state.lookups;
        let thread = std::thread::Builder::new().name("wxsub-resolve".to_owned());
        thread.spawn(move || {
            let found = look_up(&its);
            let mut state = shared.state.lock();
            state.running.remove(&its);
            state.answers.retain(|_, answer| answer.since.elapsed() < KEPT);
            match found {
                Ok(addresses) => {
                    state.failures.remove(&its);
                    state.answers.insert(its, Lookup { addresses, since: Instant::now() });
                }
                Err(e) => {
                    state.failures.insert(its, (number, e.kind(), e.to_string()));
                }
            }
            shared.changed.notify_all();
        })?;
        state.lookups += 1;
        state.running.insert(place.clone(), number);
        Ok(number)
    }

    fn list(&self, addresses: &[SocketAddr]) -> ResolvedSocketAddrs {
        let mut list = self.empty();
        for address in addresses.iter().take(MOST) {
            list.push(*address);
        }
        list
    }
}

/// What ureq's list holds.
const MOST: usize = 16;

impl Resolver for CachingResolver {
    fn resolve(&self, uri: &Uri, _: &Config, timeout: NextTimeout) -> Result<ResolvedSocketAddrs, Error> {
        let (host, port) = (uri.host().unwrap_or_default(), port_of(uri));
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        if let Ok(ip) = bare.parse::<IpAddr>() {
            return Ok(self.list(&[SocketAddr::new(ip, port)]));
        }
        let until = Instant::now().checked_add(*timeout.after);
        match self.addresses(&(host.to_owned(), port), until)? {
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
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    fn in_ms(ms: u64) -> Option<Instant> {
        Some(Instant::now() + Duration::from_millis(ms))
    }

    fn place(host: &str) -> Place {
        (host.to_owned(), 443)
    }

    /// 538 threads were seen after 12 s of a resolver that hung.
    #[test]
    fn a_name_that_hangs_costs_one_thread_however_often_it_is_wanted() {
        static ASKED: AtomicUsize = AtomicUsize::new(0);
        static GATE: Mutex<()> = Mutex::new(());
        let hanging = GATE.lock();
        let resolver = CachingResolver::with(|(host, port)| {
            ASKED.fetch_add(1, Ordering::SeqCst);
            drop(GATE.lock());
            assert_eq!(host, "hangs");
            Ok(vec![SocketAddr::from(([127, 0, 0, 1], *port))])
        });
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..3 {
                        assert_eq!(resolver.addresses(&place("hangs"), in_ms(10)).unwrap(), None);
                    }
                });
            }
        });
        assert_eq!(ASKED.load(Ordering::SeqCst), 1);
        // What it finds at last is kept for those who come later.
        drop(hanging);
        for _ in 0..3 {
            let found = resolver.addresses(&place("hangs"), in_ms(10_000)).unwrap();
            assert_eq!(found, Some(vec![SocketAddr::from(([127, 0, 0, 1], 443))]));
        }
        assert_eq!(ASKED.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn a_failure_is_told_and_the_name_asked_for_again() {
        static ASKED: AtomicUsize = AtomicUsize::new(0);
        let resolver = CachingResolver::with(|_| {
            ASKED.fetch_add(1, Ordering::SeqCst);
            Err(io::Error::new(io::ErrorKind::NotFound, "no such name"))
        });
        for asked in 1..4 {
            let e = resolver.addresses(&place("nowhere"), None).unwrap_err();
            assert_eq!((e.kind(), e.to_string().as_str()), (io::ErrorKind::NotFound, "no such name"));
            assert_eq!(ASKED.load(Ordering::SeqCst), asked);
        }
    }

    #[test]
    fn an_answer_is_kept_until_it_is_forgotten() {
        static ASKED: AtomicUsize = AtomicUsize::new(0);
        let resolver = CachingResolver::with(|(_, port)| {
            ASKED.fetch_add(1, Ordering::SeqCst);
            Ok((0..40).map(|n| SocketAddr::from(([127, 0, 0, n], *port))).collect())
        });
        let uri = |text: &str| text.parse::<Uri>().unwrap();
        assert_eq!(
            (port_of(&uri("https://a/")), port_of(&uri("http://a/")), port_of(&uri("http://a:7/"))),
            (443, 80, 7)
        );
        for _ in 0..3 {
            let found = resolver.addresses(&place("many"), None).unwrap().unwrap();
            assert_eq!(resolver.list(&found).len(), MOST);
        }
        assert_eq!(ASKED.load(Ordering::SeqCst), 1);
        resolver.forget();
        resolver.addresses(&place("many"), None).unwrap();
        assert_eq!(ASKED.load(Ordering::SeqCst), 2);
    }
}
