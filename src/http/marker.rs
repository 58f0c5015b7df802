//! Has the request left? ureq's error kinds cannot tell (a stalled TLS handshake and a silent server are the same
//! time-out), so the finished transport is wrapped and notes the first byte handed to it.

use std::cell::Cell;
use std::fmt;

use ureq::Error;
use ureq::unversioned::transport::{Buffers, ConnectionDetails, Connector, NextTimeout, Transport};

thread_local! {
    // ureq works on its caller's thread.
    static LEFT: Cell<bool> = const { Cell::new(false) };
}

/// Forgets earlier requests of this thread.
pub fn reset() {
    LEFT.set(false);
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
            if to_proxy { Box::new(inner) } else { Box::new(Marked(inner)) }
        }))
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
