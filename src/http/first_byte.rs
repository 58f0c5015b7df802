//! Has the request left? ureq's error kinds cannot tell (a stalled TLS handshake and a silent server are the same
//! time-out), so the finished transport is wrapped and notes the first byte handed to it; what is still held for one write
//! has not been.
//!
//! And is it still being connected? ureq gives each read of a proxy's answer the whole time again, so a proxy that
//! answers a byte at a time would hold a send for ever; the connection to it is wrapped too, and keeps the time.

use std::cell::Cell;
use std::fmt;
use std::time::Instant;

use ureq::Error;
use ureq::unversioned::transport::{Buffers, ConnectionDetails, Connector, NextTimeout, Transport};

use super::one_write::OneWrite;

thread_local! {
    // ureq works on its caller's thread.
    static LEFT: Cell<bool> = const { Cell::new(false) };
    /// When a connection that is being made through a proxy must be there; None when none is being made.
    static CONNECT_BY: Cell<Option<Instant>> = const { Cell::new(None) };
}

/// Forgets earlier requests of this thread.
pub fn reset() {
    LEFT.set(false);
    CONNECT_BY.set(None);
}

/// Whether this thread's request has begun to leave since [`reset`].
pub fn has_left() -> bool {
    LEFT.get()
}

/// The last link of the connector chain.
#[derive(Debug)]
pub struct Marker {
    /// With a proxy the chain also runs for the connection to the proxy itself, where ureq takes the proxy out of the
    /// configuration; what is sent there (CONNECT, the TLS handshake) is not the request.
    pub proxied: bool,
}

impl<In: Transport> Connector<In> for Marker {
    type Out = Box<dyn Transport>;

    fn connect(&self, details: &ConnectionDetails, chained: Option<In>) -> Result<Option<Self::Out>, Error> {
        let to_proxy = self.proxied && details.config.proxy().is_none();
        Ok(chained.map(|inner| -> Box<dyn Transport> {
            if to_proxy {
                CONNECT_BY.set(Instant::now().checked_add(*details.timeout.after));
                return Box::new(Hurried(inner));
            }
            CONNECT_BY.set(None);
            Box::new(OneWrite::new(Marked(inner)))
        }))
    }
}

/// A connection to a proxy: until it is through, no read or write may take longer than what is left for connecting.
struct Hurried<T>(T);

fn hurried(mut timeout: NextTimeout) -> NextTimeout {
    if let Some(by) = CONNECT_BY.get() {
        let left = by.saturating_duration_since(Instant::now());
        if left < *timeout.after {
            timeout.after = left.into();
        }
    }
    timeout
}

impl<T: Transport> Transport for Hurried<T> {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.0.buffers()
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        self.0.transmit_output(amount, hurried(timeout))
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        self.0.await_input(hurried(timeout))
    }

    fn is_open(&mut self) -> bool {
        self.0.is_open()
    }

    fn is_tls(&self) -> bool {
        self.0.is_tls()
    }
}

impl<T: fmt::Debug> fmt::Debug for Hurried<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

struct Marked<T>(T);

impl<T: Transport> Transport for Marked<T> {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.0.buffers()
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        LEFT.set(true);
        self.0.transmit_output(amount, timeout)
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        self.0.await_input(timeout)
    }

    fn is_open(&mut self) -> bool {
        self.0.is_open()
    }

    fn is_tls(&self) -> bool {
        self.0.is_tls()
    }
}

impl<T: fmt::Debug> fmt::Debug for Marked<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
