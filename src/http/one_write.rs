//! Head and body in one write. ureq hands them over one after the other, each a system call and a packet of its own;
//! they are held until the answer is awaited.

use std::fmt;

use ureq::Error;
use ureq::unversioned::transport::{Buffers, NextTimeout, Transport};

/// Longer requests leave as they are handed over.
const MOST_HELD: usize = 8 << 10;

/// The outermost link: what it holds has not left, and what is beneath it sees one write.
pub struct OneWrite<T> {
    inner: T,
    held: Vec<u8>,
}

impl<T: Transport> OneWrite<T> {
    pub fn new(inner: T) -> OneWrite<T> {
        OneWrite { inner, held: Vec::new() }
    }

    fn flush(&mut self, timeout: NextTimeout) -> Result<(), Error> {
        let held = std::mem::take(&mut self.held);
        let mut rest = held.as_slice();
        while !rest.is_empty() {
            let output = self.inner.buffers().output();
            let (part, later) = rest.split_at(rest.len().min(output.len()));
            output[..part.len()].copy_from_slice(part);
            self.inner.transmit_output(part.len(), timeout)?;
            rest = later;
        }
        self.held = held;
        self.held.clear();
        Ok(())
    }
}

impl<T: Transport> Transport for OneWrite<T> {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.inner.buffers()
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        self.held.extend_from_slice(&self.inner.buffers().output()[..amount]);
        if self.held.len() > MOST_HELD {
            return self.flush(timeout);
        }
        Ok(())
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        self.flush(timeout)?;
        self.inner.await_input(timeout)
    }

    fn is_open(&mut self) -> bool {
        self.inner.is_open()
    }

    fn is_tls(&self) -> bool {
        self.inner.is_tls()
    }
}

/// Without what is held: the token is in it.
impl<T: fmt::Debug> fmt::Debug for OneWrite<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use ureq::Timeout;
    use ureq::unversioned::transport::LazyBuffers;

    use super::*;

    /// Keeps each write, and answers with nothing.
    #[derive(Debug)]
    struct Peer {
        buffers: LazyBuffers,
        writes: Vec<Vec<u8>>,
        is_away: bool,
    }

    impl Transport for Peer {
        fn buffers(&mut self) -> &mut dyn Buffers {
            &mut self.buffers
        }

        fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
            if self.is_away {
                return Err(Error::Timeout(timeout.reason));
            }
            let written = self.buffers.output()[..amount].to_vec();
            self.writes.push(written);
            Ok(())
        }

        fn await_input(&mut self, _: NextTimeout) -> Result<bool, Error> {
            Ok(false)
        }

        fn is_open(&mut self) -> bool {
            true
        }
    }

    fn peer(output: usize, is_away: bool) -> OneWrite<Peer> {
        OneWrite::new(Peer { buffers: LazyBuffers::new(16, output), writes: Vec::new(), is_away })
    }

    const SOON: NextTimeout = NextTimeout {
        after: ureq::unversioned::transport::time::Duration::Exact(Duration::from_secs(1)),
        reason: Timeout::Global,
        per_read: None,
        per_write: None,
    };

    fn hand_over(to: &mut OneWrite<Peer>, bytes: &[u8]) {
        to.buffers().output()[..bytes.len()].copy_from_slice(bytes);
        to.transmit_output(bytes.len(), SOON).unwrap();
    }

    #[test]
    fn a_head_and_its_body_are_one_write_when_the_answer_is_awaited() {
        let mut transport = peer(16 << 10, false);
        for request in [&b"first"[..], b"second"] {
            hand_over(&mut transport, request);
            hand_over(&mut transport, b"\r\n\r\n{}");
            transport.await_input(SOON).unwrap();
            transport.await_input(SOON).unwrap();
        }
        assert_eq!(transport.inner.writes, [&b"first\r\n\r\n{}"[..], b"second\r\n\r\n{}"]);
    }

    #[test]
    fn a_long_request_leaves_in_parts_that_are_whole_and_in_order() {
        let mut transport = peer(3000, false);
        let whole: Vec<u8> = (0..30_000_u32).map(|n| (n % 251) as u8).collect();
        whole.chunks(2500).for_each(|part| hand_over(&mut transport, part));
        assert!(!transport.inner.writes.is_empty(), "not all of it is held");
        transport.await_input(SOON).unwrap();
        assert_eq!(transport.inner.writes.concat(), whole);
    }

    #[test]
    fn what_could_not_be_written_is_an_error_and_not_written_later() {
        let mut transport = peer(16 << 10, true);
        hand_over(&mut transport, b"a request");
        assert!(matches!(transport.await_input(SOON), Err(Error::Timeout(Timeout::Global))));
        transport.inner.is_away = false;
        transport.await_input(SOON).unwrap();
        assert_eq!(transport.inner.writes.len(), 0);
    }
}
