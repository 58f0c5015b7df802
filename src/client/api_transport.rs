//! How WeChat is reached: one request at the first host that can be reached, by the library's HTTP or the host's own.

use std::sync::Arc;

use parking_lot::RwLock;

use super::hosts::Hosts;
use super::in_flight::InFlight;
use crate::clock::{Deadline, Now};
use crate::error::{Error, Status};
use crate::http::{Exchange, Failure, Reply, Transport};
use crate::wechat::Request;

/// How WeChat is reached.
pub struct ApiTransport {
    transport: RwLock<Arc<dyn Transport>>,
    /// Used unless the host brings its own.
    built_in: Arc<dyn Transport>,
    hosts: Hosts,
    pub in_flight: Arc<InFlight>,
}

/// When a request may begin, and when its answer must be there.
#[derive(Clone, Copy)]
pub struct Timing {
    /// When a connection must be there; after it the request does not leave.
    pub start_by: Deadline,
    /// When the answer must be there.
    pub answer_by: Deadline,
    /// The boot clock's time by which the request must have begun; i64::MAX: any.
    pub last_start_boot_ms: i64,
}

impl Timing {
    /// All until then.
    pub fn until(deadline: Deadline) -> Timing {
        Timing { start_by: deadline, answer_by: deadline, last_start_boot_ms: i64::MAX }
    }

    fn is_over(&self) -> bool {
        self.start_by.is_over() || Now::read().boot_ms >= self.last_start_boot_ms
    }
}

impl ApiTransport {
    pub fn new(built_in: Arc<dyn Transport>, hosts: Hosts, in_flight: Arc<InFlight>) -> ApiTransport {
        ApiTransport { transport: RwLock::new(Arc::clone(&built_in)), built_in, hosts, in_flight }
    }

    fn current(&self) -> Arc<dyn Transport> {
        Arc::clone(&self.transport.read())
    }

    /// Installs the host's HTTP transport, from the next request on; `None` restores the built-in one.
    pub fn set(&self, transport: Option<Arc<dyn Transport>>) {
        let new = transport.unwrap_or_else(|| Arc::clone(&self.built_in));
        let old = std::mem::replace(&mut *self.transport.write(), new);
        // Not under the lock: this may call the host.
        drop(old);
    }

    /// Whether the host's own transport is installed.
    pub fn is_the_hosts(&self) -> bool {
        !Arc::ptr_eq(&*self.transport.read(), &self.built_in)
    }

    /// Interrupts what runs and refuses what comes.
    pub fn abort(&self) {
        self.built_in.shutdown();
        self.current().shutdown();
    }

    /// Makes one request at the first host that can be reached.
    ///
    /// # Errors
    /// [`Failure`] with whether the request may have left.
    pub fn exchange(&self, request: &Request, timing: Timing) -> Result<Reply, Failure> {
        let mut last = Failure { left: false, text: "the deadline came before the request".to_owned() };
        for host in self.hosts.in_order() {
            if timing.is_over() || self.in_flight.is_aborted() {
                break;
            }
            let done = self.current().execute(&Exchange {
                post: request.post,
                url: request.url(host.as_str()),
                body: &request.body,
                start_by: timing.start_by,
                deadline: timing.answer_by,
            });
            self.hosts.tell(host, !matches!(&done, Err(Failure { left: false, .. })));
            match done {
                Err(Failure { left: false, text }) => last.text = format!("{host}: {text}"),
                done => return done,
            }
        }
        Err(last)
    }

    /// The same, without other tries, for a caller to whom a lost answer is a failure like others.
    ///
    /// # Errors
    /// [`Status::Connect`] when no answer came.
    pub fn fetch(&self, request: &Request, deadline: Deadline) -> Result<Reply, Error> {
        self.exchange(request, Timing::until(deadline))
            .map_err(|failure| Error::new(Status::Connect, format!("WeChat was not reached: {}", failure.text)))
    }
}
