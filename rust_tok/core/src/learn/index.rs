//! The pairs worth knowing: their counts, and where they stand.
//!
//! Because counts only sink, a pair under a threshold stays under it, and need not be known until
//! the threshold is lowered. That is an epoch: a few passes over the symbols find the pairs anew.

use std::ops::Range;

use super::Tuning;
use super::census::Runs;
use super::places::Place;
use super::square::Square;
use super::symbols::Symbols;
use super::table::PairMap;
use super::words::{Symbol, Words};
use crate::control::Control;
use crate::error::Result;
use crate::memory::room_on_large_pages;

/// How many cells are passed between two looks at the interrupt flag.
pub(super) const CELLS_PER_CHECK: usize = 1 << 18;

/// What an epoch should know.
#[derive(Clone, Copy)]
pub(super) struct Aim {
    /// how many merges are to come
    pub(super) merges: u32,
    /// about how many pairs to know, where there are so many that not all are counted
    pub(super) pairs: usize,
}

/// How often a pair occurs, and in how many places.
#[derive(Clone, Copy, Default)]
pub(super) struct Tally {
    pub(super) count: u64,
    pub(super) places: u32,
}

/// A pair that was found, with the finder's own number for it.
#[derive(Clone, Copy)]
pub(super) struct Found {
    pub(super) number: usize,
    pub(super) left: u32,
    pub(super) right: u32,
    pub(super) tally: Tally,
}

/// What is known of a pair: how often it occurs, and the list of its places.
#[derive(Clone, Copy, Default)]
pub(super) struct Pair {
    pub(super) count: u64,
    /// where its list starts in the arena
    pub(super) start: usize,
    /// the length of the list: complete, ascending, some places may be stale
    pub(super) len: u32,
}

/// The known pairs and the places where they stand.
pub(super) struct Index<P> {
    pub(super) pairs: PairMap<Pair>,
    pub(super) arena: Vec<P>,
    /// where a list was that is not needed any more
    pub(super) spent: Range<usize>,
    /// the pairs to know whatever their count, while given merges are applied
    pub(super) given: Option<PairMap<()>>,
    /// else every pair that may merge is known if it occurs this often
    pub(super) least: u64,
    /// the least that `least` may become
    pub(super) min_count: u64,
    /// pairs that must never merge
    pub(super) refused: PairMap<()>,
    /// where each word ends, for places that have to look
    pub(super) ends: Vec<u32>,
    threads: usize,
    tuning: Tuning,
}

impl<P: Place> Index<P> {
    /// An index that knows nothing yet.
    pub(super) fn new(
        given: Option<PairMap<()>>,
        min_count: u64,
        threads: usize,
        tuning: Tuning,
    ) -> Self {
        Self {
            pairs: PairMap::with_capacity(0),
            arena: Vec::new(),
            spent: 0..0,
            given,
            least: u64::MAX,
            min_count,
            refused: PairMap::with_capacity(0),
            ends: Vec::new(),
            threads,
            tuning,
        }
    }

    /// Whether a pair that occurs `count` times has to be known.
    #[inline]
    pub(super) fn wants(&self, left: u32, right: u32, count: u64, symbols: &Symbols) -> bool {
        match &self.given {
            None => count >= self.least && symbols.may_merge(left, right),
            Some(given) => given.contains(left, right),
        }
    }

    /// Room in the arena for a list of `len` places; what is there is to be written over.
    #[inline]
    pub(super) fn room(&mut self, len: usize) -> usize {
        if len <= self.spent.len() {
            let start = self.spent.start;
            self.spent.start += len;
            return start;
        }
        let start = self.arena.len();
        self.arena.resize(start + len, P::default());
        start
    }

    /// Know the wanted pairs of `words`, which are compact, anew; with `aim` first lower the threshold.
    ///
    /// # Errors
    /// [`crate::Error::Interrupted`].
    pub(super) fn rebuild<S: Symbol>(
        &mut self,
        words: &Words<S>,
        symbols: &Symbols,
        aim: Option<Aim>,
        control: &Control,
    ) -> Result<()> {
        // what was known goes before anything new is made
        self.pairs = PairMap::with_capacity(0);
        self.arena = Vec::new();
        self.spent = 0..0;
        self.ends.clear();
        if P::NEEDS_ENDS {
            let cells = words.cells.iter().zip(0..).skip(1);
            self.ends.extend(cells.filter(|(cell, _)| **cell == words.separator).map(|(_, at)| at));
        }
        if symbols.len() <= self.tuning.square_ids {
            let square = Square::new(words, symbols.len(), control)?;
            let found = square.found();
            if let Some(aim) = aim {
                self.lower(threshold(&found, aim.merges, self.tuning.last_merge));
            }
            let starts = self.know(found, symbols);
            return square.fill(words, starts.into_iter(), &mut self.arena, control);
        }
        let runs = Runs::new(words, self.threads, self.tuning);
        if let Some(given) = &self.given {
            let mut census = runs.census(|left, right| given.contains(left, right), control)?;
            let starts = self.know(census.found(), symbols);
            return census.fill(starts.into_iter(), &mut self.arena, control);
        }
        let buckets = runs.buckets(|left, right| symbols.may_merge(left, right), control)?;
        if let Some(aim) = aim {
            self.lower(buckets.threshold(aim.pairs));
        }
        let (mut census, starts) = loop {
            let least = self.least;
            let reaches = |left, right| buckets.reaches(left, right, least);
            let census = runs.census(reaches, control)?;
            let starts = self.know(census.found(), symbols);
            if self.pairs.iter().len() > 0 || least == self.min_count {
                break (census, starts);
            }
            // rare pairs had filled a bucket together, or refused ones
            self.lower(least);
        };
        drop(buckets);
        census.fill(starts.into_iter(), &mut self.arena, control)
    }

    /// Lower the threshold to `least`, but by half of it at the least.
    fn lower(&mut self, least: u64) {
        self.least = least.min(self.least / 2).max(self.min_count);
    }

    /// Know those of the pairs found that are wanted, and make room for their places, and for one more.
    /// Returns where the list of each one starts, by its number.
    fn know(&mut self, found: Vec<Found>, symbols: &Symbols) -> Vec<(usize, usize)> {
        self.pairs = PairMap::with_capacity(0);
        let (mut starts, mut places) = (Vec::new(), 0);
        for Found { number, left, right, tally } in found {
            if self.wants(left, right, tally.count, symbols) && !self.refused.contains(left, right)
            {
                let pair = Pair { count: tally.count, start: places, len: tally.places };
                *self.pairs.entry(left, right) = pair;
                starts.push((number, places));
                places += tally.places as usize;
            }
        }
        // room to grow, so that what was written once is seldom moved
        self.arena = room_on_large_pages(places + places / 2 + 1);
        self.arena.resize(places + 1, P::default());
        starts
    }
}

/// About how often the last of so many merges will occur, so that one epoch is enough; one of the pairs
/// found reaches it.
fn threshold(found: &[Found], merges: u32, last_merge: u64) -> u64 {
    let counts = || found.iter().map(|found| found.tally.count);
    let last = counts().sum::<u64>() / (u64::from(merges) * last_merge).max(1);
    last.min(counts().max().unwrap_or(0))
}
