//! Names to addresses, for the whole process. The system's resolver cannot be interrupted: it runs on a thread, one for a
//! name, and whoever wants the same name meanwhile waits for that one, whichever client asks. Answers are kept for a moment.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

/// How long an answer is used: long against a call, short against a change of the name.
const KEPT: Duration = Duration::from_secs(30);

/// A host's name or address, and a port.
pub type Address = (String, u16);
type LookUp = fn(&Address) -> io::Result<Vec<SocketAddr>>;

/// What is known of names, the same for all.
#[derive(Clone, Debug)]
pub struct Resolver {
    look_up: LookUp,
    shared: Arc<Shared>,
    /// Older answers are of no use to this client.
    forgotten: Arc<Mutex<Option<Instant>>>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    answers: HashMap<Address, Answer>,
    /// With how many of each there were: a lookup's failure is told to those who waited for it.
    running: HashMap<Address, u64>,
    failures: HashMap<Address, (u64, io::ErrorKind, String)>,
    lookups: u64,
}

#[derive(Debug)]
struct Answer {
    addresses: Vec<SocketAddr>,
    since: Instant,
}

/// This process's, by its id: a child of fork has none of its parent's threads, which would never answer it.
static OF_ALL: Mutex<Option<(u32, Arc<Shared>)>> = Mutex::new(None);

impl Default for Resolver {
    fn default() -> Resolver {
        let mut of_all = OF_ALL.lock();
        if of_all.as_ref().is_none_or(|(process, _)| *process != std::process::id()) {
            *of_all = Some((std::process::id(), Arc::default()));
        }
        let shared = of_all.as_ref().map(|(_, shared)| Arc::clone(shared)).unwrap_or_default();
        Resolver::with(|(host, port)| Ok((host.as_str(), *port).to_socket_addrs()?.collect()), shared)
    }
}

impl Resolver {
    fn with(look_up: LookUp, shared: Arc<Shared>) -> Resolver {
        Resolver { look_up, shared, forgotten: Arc::default() }
    }

    /// Has all names asked anew for this client: a connection to one of them failed.
    pub fn forget(&self) {
        *self.forgotten.lock() = Some(Instant::now());
    }

    /// Waits at most until then; None: for as long as it takes. `Ok(None)`: it was not found by then.
    ///
    /// # Errors
    /// The system's.
    pub fn addresses(&self, address: &Address, until: Option<Instant>) -> io::Result<Option<Vec<SocketAddr>>> {
        if let Ok(ip) = address.0.parse::<IpAddr>() {
            return Ok(Some(vec![SocketAddr::new(ip, address.1)]));
        }
        let mut state = self.shared.state.lock();
        let mut waited_for = None;
        loop {
            let is_fresh = |answer: &&Answer| {
                answer.since.elapsed() < KEPT && self.forgotten.lock().is_none_or(|forgotten| forgotten <= answer.since)
            };
            if let Some(answer) = state.answers.get(address).filter(is_fresh) {
                return Ok(Some(answer.addresses.clone()));
            }
            match (state.failures.get(address), waited_for) {
                (Some((number, kind, why)), Some(waited)) if *number == waited => {
                    return Err(io::Error::new(*kind, why.clone()));
                }
                _ => {}
            }
            let number = match state.running.get(address) {
                Some(number) => *number,
                None => self.start(&mut state, address)?,
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

    fn start(&self, state: &mut State, address: &Address) -> io::Result<u64> {
        let (shared, look_up, its) = (Arc::clone(&self.shared), self.look_up, address.clone());
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
                    state.answers.insert(its, Answer { addresses, since: Instant::now() });
                }
                Err(e) => {
                    state.failures.insert(its, (number, e.kind(), e.to_string()));
                }
            }
            shared.changed.notify_all();
        })?;
        state.lookups += 1;
        state.running.insert(address.clone(), number);
        Ok(number)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    fn with(look_up: LookUp) -> Resolver {
        Resolver::with(look_up, Arc::default())
    }

    fn in_ms(ms: u64) -> Option<Instant> {
        Some(Instant::now() + Duration::from_millis(ms))
    }

    fn name(host: &str) -> Address {
        (host.to_owned(), 443)
    }

    /// 538 threads were seen after 12 s of a resolver that hung.
    #[test]
    fn a_name_that_hangs_costs_one_thread_however_often_it_is_wanted() {
        static ASKED: AtomicUsize = AtomicUsize::new(0);
        static GATE: Mutex<()> = Mutex::new(());
        let hanging = GATE.lock();
        let resolver = with(|(host, port)| {
            ASKED.fetch_add(1, Ordering::SeqCst);
            drop(GATE.lock());
            assert_eq!(host, "hangs");
            Ok(vec![SocketAddr::from(([127, 0, 0, 1], *port))])
        });
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..3 {
                        assert_eq!(resolver.addresses(&name("hangs"), in_ms(10)).unwrap(), None);
                    }
                });
            }
        });
        assert_eq!(ASKED.load(Ordering::SeqCst), 1);
        // What it finds at last is kept for those who come later.
        drop(hanging);
        for _ in 0..3 {
            let found = resolver.addresses(&name("hangs"), in_ms(10_000)).unwrap();
            assert_eq!(found, Some(vec![SocketAddr::from(([127, 0, 0, 1], 443))]));
        }
        assert_eq!(ASKED.load(Ordering::SeqCst), 1);
    }

    /// Also a server that opens a client again and again while a name hangs.
    #[test]
    fn all_clients_have_the_same() {
        assert!(Arc::ptr_eq(&Resolver::default().shared, &Resolver::default().shared));
    }

    #[test]
    fn a_failure_is_told_and_the_name_asked_for_again() {
        static ASKED: AtomicUsize = AtomicUsize::new(0);
        let resolver = with(|_| {
            ASKED.fetch_add(1, Ordering::SeqCst);
            Err(io::Error::new(io::ErrorKind::NotFound, "no such name"))
        });
        for asked in 1..4 {
            let e = resolver.addresses(&name("nowhere"), None).unwrap_err();
            assert_eq!((e.kind(), e.to_string().as_str()), (io::ErrorKind::NotFound, "no such name"));
            assert_eq!(ASKED.load(Ordering::SeqCst), asked);
        }
    }

    #[test]
    fn an_answer_is_kept_until_it_is_forgotten() {
        static ASKED: AtomicUsize = AtomicUsize::new(0);
        let resolver = with(|(_, port)| {
            ASKED.fetch_add(1, Ordering::SeqCst);
            Ok((0..40).map(|n| SocketAddr::from(([127, 0, 0, n], *port))).collect())
        });
        let another = Resolver::with(resolver.look_up, Arc::clone(&resolver.shared));
        for (client, asked) in [(&resolver, 1), (&resolver, 1), (&another, 1), (&resolver, 2), (&another, 2)] {
            if asked == 2 {
                resolver.forget();
            }
            assert_eq!(client.addresses(&name("many"), None).unwrap().unwrap().len(), 40);
            assert_eq!(ASKED.load(Ordering::SeqCst), asked);
        }
    }
}
