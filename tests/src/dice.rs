//! Numbers that look random, from a seed that a failure names.

/// Xorshift: the same seed gives the same numbers.
pub struct Dice(u64);

impl Dice {
    /// From a seed that is not 0.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// From a seed that somebody gave: any two that are near each other begin far apart.
    pub fn of(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    /// A number below `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % end
    }

    /// One side of the sync of one of the first `most` commits of a run, as `--die-at` takes it.
    pub fn point(&mut self, most: u64) -> String {
        format!("{}:{}", self.below(most) + 1, if self.below(2) == 0 { "before" } else { "after" })
    }
}
