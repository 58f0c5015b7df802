//! Ages in records: each record says when it was written, by both clocks, and how old its parts were then.
//!
//! A clock that nobody can set tells the age while its life lasts (one boot of one machine, or a server's clock).
//! Afterwards leases are over, and other ages go by the wall clock, with an hour of grace, since that may have been set.

use super::codec::{Damage, Decoder, Encoder};
use crate::store::Time;

/// What the wall clock may be off.
const GRACE_MS: i64 = 3_600_000;

/// When a record was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp(Time);

impl Stamp {
    pub fn encode(time: &Time, to: &mut Encoder) {
        to.fixed(u64::from(time.boot), 4);
        to.fixed(time.wall_ms.max(0).cast_unsigned(), 6);
        if time.boot != Time::SERVER {
            // Where there is no clock since boot, the wall clock stands in for it: no fixed five bytes.
            to.unsigned(time.boot_ms.max(0).cast_unsigned());
        }
    }

    pub fn decode(from: &mut Decoder<'_>) -> Result<Stamp, Damage> {
        let boot = from.fixed(4)? as u32;
        let wall_ms = from.fixed(6)?.cast_signed();
        let boot_ms = if boot == Time::SERVER { wall_ms } else { from.small()? };
        Ok(Stamp(Time { wall_ms, boot_ms, boot }))
    }

    /// Whether its clock that nobody can set has ended, so that all ages would be by the wall clock from now on.
    pub fn is_of_other_boot(&self, now: &Time) -> bool {
        self.0.boot != now.boot
    }

    /// The wall clock then.
    pub fn wall_ms(&self) -> i64 {
        self.0.wall_ms
    }

    /// What has passed since.
    pub fn passed(&self, now: &Time) -> Passed {
        if self.0.boot == now.boot {
            // A server that took over may be a little behind: then nothing has passed.
            let ms = now.boot_ms.saturating_sub(self.0.boot_ms).max(0);
            Passed { age_ms: ms, lease_ms: Some(ms) }
        } else {
            Passed {
                age_ms: now.wall_ms.saturating_sub(self.0.wall_ms).saturating_sub(GRACE_MS).max(0),
                lease_ms: None,
            }
        }
    }
}

/// Time that has passed since a record was written.
#[derive(Clone, Copy, Debug)]
pub struct Passed {
    /// For keys, marks and the like.
    pub age_ms: i64,
    /// For leases; None: they are over.
    lease_ms: Option<i64>,
}

impl Passed {
    /// By the clock that nobody can set, if its life lasts.
    pub fn by_boot_ms(&self) -> Option<i64> {
        self.lease_ms
    }

    /// What is left now of a lease that had `left_ms`; 0: it is over.
    pub fn left_ms(&self, left_ms: i64) -> i64 {
        self.lease_ms.map_or(0, |passed| left_ms.saturating_sub(passed).max(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Name;

    fn at(boot: u32, boot_ms: i64, wall_ms: i64) -> Time {
        Time { boot, boot_ms, wall_ms }
    }

    fn stamp(time: Time) -> Stamp {
        let mut encoder = Encoder::default();
        Stamp::encode(&time, &mut encoder);
        let record = encoder.finish(&Name::player("o"));
        let mut decoder = Decoder::open(&Name::player("o"), &record).unwrap();
        Stamp::decode(&mut decoder).unwrap()
    }

    #[test]
    fn ages_go_by_the_clock_that_nobody_sets() {
        let stamp = stamp(at(7, 1000, 1_700_000_000_000));
        let passed = stamp.passed(&at(7, 1500, 1_600_000_000_000));
        assert_eq!((passed.age_ms, passed.left_ms(700)), (500, 200));
        assert_eq!(passed.left_ms(500), 0);
    }

    #[test]
    fn after_a_reboot_leases_are_over_and_ages_go_by_the_wall_with_grace() {
        let stamp = stamp(at(7, 1000, 1_700_000_000_000));
        let passed = stamp.passed(&at(8, 10, 1_700_000_000_000 + GRACE_MS + 5));
        assert_eq!((passed.age_ms, passed.left_ms(1_000_000)), (5, 0));
        assert_eq!(stamp.passed(&at(8, 10, 1_700_000_000_000)).age_ms, 0);
    }

    #[test]
    fn where_the_wall_clock_stands_in_for_the_one_since_boot_it_is_kept_whole() {
        let now = 1_700_000_000_000;
        let passed = stamp(at(7, now, now)).passed(&at(7, now + 250, now + 250));
        assert_eq!((passed.age_ms, passed.left_ms(300)), (250, 50));
    }

    #[test]
    fn a_server_has_one_clock() {
        let stamp = stamp(Time::of_server(1_700_000_000_000));
        let passed = stamp.passed(&Time::of_server(1_700_000_000_250));
        assert_eq!((passed.age_ms, passed.left_ms(300)), (250, 50));
    }
}
