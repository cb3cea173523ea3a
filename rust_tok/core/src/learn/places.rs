//! Places where pairs stand, with the count of the word around them.

/// A place in the cells that knows, or can find, how often its word occurs.
pub(super) trait Place: Copy + Default + Send + Sync + 'static {
    /// Whether a [`Finder`] needs to know where words end.
    const NEEDS_ENDS: bool;
    /// `at` in word number `word`, which occurs `count` times.
    fn new(at: u32, word: u32, count: u64) -> Self;
    /// The cell.
    fn at(self) -> u32;
    /// The place `by` cells to the left, in the same word.
    fn back(self, by: u32) -> Self;
    /// How often the word occurs.
    fn count(self, finder: &mut Finder<'_>) -> u64;
}

/// For ordinary text: place and count travel together, so a list is read without a look elsewhere.
/// Counts over 31 bits are looked up by the number of their word.
#[derive(Clone, Copy, Default)]
pub(super) struct Counted(u64);

const BIG: u32 = 1 << 31;

impl Place for Counted {
    const NEEDS_ENDS: bool = false;

    #[inline]
    fn new(at: u32, word: u32, count: u64) -> Self {
        let small = if count < u64::from(BIG) { count as u32 } else { BIG | word };
        Self(u64::from(small) << 32 | u64::from(at))
    }

    #[inline]
    fn at(self) -> u32 {
        self.0 as u32
    }

    #[inline]
    fn back(self, by: u32) -> Self {
        Self(self.0.wrapping_sub(u64::from(by)))
    }

    #[inline]
    fn count(self, finder: &mut Finder<'_>) -> u64 {
        let small = (self.0 >> 32) as u32;
        if small < BIG { u64::from(small) } else { finder.counts[(small & !BIG) as usize] }
    }
}

/// For few long words: half the memory, and the word is found by where it ends.
#[derive(Clone, Copy, Default)]
pub(super) struct Bare(u32);

impl Place for Bare {
    const NEEDS_ENDS: bool = true;

    #[inline]
    fn new(at: u32, _: u32, _: u64) -> Self {
        Self(at)
    }

    #[inline]
    fn at(self) -> u32 {
        self.0
    }

    #[inline]
    fn back(self, by: u32) -> Self {
        Self(self.0 - by)
    }

    #[inline]
    fn count(self, finder: &mut Finder<'_>) -> u64 {
        finder.find(self.0)
    }
}

/// Finds the counts of words for places in ascending order.
pub(super) struct Finder<'w> {
    counts: &'w [u64],
    /// where each word ends
    ends: &'w [u32],
    /// the places of the word found last, and its count
    from: u32,
    to: u32,
    count: u64,
}

impl<'w> Finder<'w> {
    pub(super) fn new(counts: &'w [u64], ends: &'w [u32]) -> Self {
        Self { counts, ends, from: 0, to: 0, count: 0 }
    }

    #[inline]
    fn find(&mut self, at: u32) -> u64 {
        if at < self.from || at >= self.to {
            let word = self.ends.partition_point(|&end| end <= at);
            self.from = if word == 0 { 0 } else { self.ends[word - 1] };
            self.to = self.ends[word];
            self.count = self.counts[word];
        }
        self.count
    }
}
