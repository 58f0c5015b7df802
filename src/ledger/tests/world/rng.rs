//! Numbers that are the same on every machine, whatever version a crate has.

/// SplitMix64.
pub struct Rng(u64);

impl Rng {
    /// Those of one step of one history: a step that is left out changes no other's.
    pub fn of_step(seed: u64, step: u64) -> Rng {
        let mut rng = Rng(seed ^ step.wrapping_mul(0xD6E8_FEB8_6659_FD93));
        rng.next();
        rng
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Below this.
    pub fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    pub fn index(&mut self, length: usize) -> usize {
        self.below(length as u64) as usize
    }

    pub fn ms(&mut self, from: i64, to: i64) -> i64 {
        from + self.below((to - from) as u64) as i64
    }

    /// Once in so many.
    pub fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }
}
