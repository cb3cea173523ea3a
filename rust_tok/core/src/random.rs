//! Random numbers of `SplitMix64` (Steele, Lea and Flood, 2014): equal for equal seeds, on every machine.

/// From one state to the next, modulo 2^64.
pub(crate) const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// Numbers, one after the other.
#[derive(Debug)]
pub(crate) struct SplitMix {
    state: u64,
}

impl SplitMix {
    /// Those of a seed, which is mixed so that neighbouring seeds have nothing in common.
    pub(crate) fn new(seed: u64) -> Self {
        Self::from_state(mixed(seed))
    }

    /// Those that follow a state.
    pub(crate) fn from_state(state: u64) -> Self {
        Self { state }
    }

    /// 64 random bits.
    pub(crate) fn draw(&mut self) -> u64 {
        self.state = self.state.wrapping_add(STEP);
        mixed(self.state)
    }

    /// A number under `end`, all of them alike but for one part in 2^64 / `end`.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        ((u128::from(self.draw()) * u128::from(end)) >> 64) as u64
    }
}

/// Every bit spread over all 64, one-to-one: the finaliser.
pub(crate) fn mixed(mut bits: u64) -> u64 {
    bits = (bits ^ bits >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ bits >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ bits >> 31
}
