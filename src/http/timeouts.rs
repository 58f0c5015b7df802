//! Timeouts that cost no system call each. What is left until a deadline differs with every read, and ureq tells the
//! socket each time; so it is told a coarse time that is not longer, which is mostly the one that it has.

use std::time::{Duration, Instant};

use ureq::Error;
use ureq::unversioned::transport::{Buffers, ConnectionDetails, Connector, NextTimeout, Transport};

/// So many of a time's leading bits are told: at most an eighth is cut off.
const BITS: u32 = 4;

/// The link above TCP.
#[derive(Debug)]
pub struct SteadyTimeouts;

impl<In: Transport> Connector<In> for SteadyTimeouts {
    type Out = Steady<In>;

    fn connect(&self, _: &ConnectionDetails, chained: Option<In>) -> Result<Option<Self::Out>, Error> {
        Ok(chained.map(Steady))
    }
}

/// A connection that is told coarse times.
#[derive(Debug)]
pub struct Steady<T>(T);

/// The time without its fine part; never zero.
fn coarse(time: Duration) -> Duration {
    let Ok(micros) = u64::try_from(time.as_micros()) else { return time };
    let fine = (u64::BITS - micros.leading_zeros()).saturating_sub(BITS);
    match micros >> fine << fine {
        0 => time,
        coarse => Duration::from_micros(coarse),
    }
}

impl<T: Transport> Transport for Steady<T> {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.0.buffers()
    }

    /// A peer that takes nothing, with buffers full, is given up a little early.
    fn transmit_output(&mut self, amount: usize, mut timeout: NextTimeout) -> Result<(), Error> {
        if !timeout.after.is_not_happening() {
            timeout.after = coarse(*timeout.after).into();
        }
        self.0.transmit_output(amount, timeout)
    }

    /// Waits exactly as long as it may: when the coarse time is over, once more for the rest.
    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        // Winsock promises nothing of a socket whose read timed out.
        if cfg!(windows) || timeout.after.is_not_happening() {
            return self.0.await_input(timeout);
        }
        let (began, whole) = (Instant::now(), *timeout.after);
        let mut next = coarse(whole);
        loop {
            match self.0.await_input(NextTimeout { after: next.into(), ..timeout }) {
                Err(Error::Timeout(_)) => next = whole.saturating_sub(began.elapsed()),
                done => return done,
            }
            if next.is_zero() {
                return Err(Error::Timeout(timeout.reason));
            }
        }
    }

    fn is_open(&mut self) -> bool {
        self.0.is_open()
    }

    fn is_tls(&self) -> bool {
        self.0.is_tls()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use ureq::Timeout;
    use ureq::unversioned::transport::LazyBuffers;

    use super::*;

    proptest! {
        #[test]
        fn a_coarse_time_is_shorter_by_an_eighth_at_most(nanos in 1..u64::MAX) {
            let time = Duration::from_nanos(nanos);
            let coarse = coarse(time);
            prop_assert!(coarse <= time && !coarse.is_zero());
            prop_assert!(coarse >= time - time / 8 - Duration::from_micros(1));
        }
    }

    /// Each wait ends in a timeout, as long as it was told.
    #[derive(Debug)]
    struct Silent {
        buffers: LazyBuffers,
        told: Vec<Duration>,
    }

    impl Transport for Silent {
        fn buffers(&mut self) -> &mut dyn Buffers {
            &mut self.buffers
        }

        fn transmit_output(&mut self, _: usize, timeout: NextTimeout) -> Result<(), Error> {
            self.told.push(*timeout.after);
            Ok(())
        }

        fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
            self.told.push(*timeout.after);
            std::thread::sleep(*timeout.after);
            Err(Error::Timeout(timeout.reason))
        }

        fn is_open(&mut self) -> bool {
            true
        }
    }

    fn after(time: Duration) -> NextTimeout {
        NextTimeout { after: time.into(), reason: Timeout::Global, ..NextTimeout::default() }
    }

    #[test]
    fn a_silent_peer_is_waited_for_to_the_end_and_no_longer() {
        let mut silent = Steady(Silent { buffers: LazyBuffers::new(16, 16), told: Vec::new() });
        let began = Instant::now();
        let ended = silent.await_input(after(Duration::from_millis(250)));
        assert!(matches!(ended, Err(Error::Timeout(Timeout::Global))), "{ended:?}");
        assert!(began.elapsed() >= Duration::from_millis(250));
        assert!(silent.0.told.iter().sum::<Duration>() <= Duration::from_millis(251), "{:?}", silent.0.told);
    }

    #[test]
    fn times_that_hardly_differ_are_one_to_the_socket() {
        let mut silent = Steady(Silent { buffers: LazyBuffers::new(16, 16), told: Vec::new() });
        for micros in [4_999_990, 4_999_700, 4_980_000, 4_800_000] {
            silent.transmit_output(0, after(Duration::from_micros(micros))).unwrap();
        }
        silent.0.told.dedup();
        assert_eq!(silent.0.told.len(), 1, "{:?}", silent.0.told);
    }
}
