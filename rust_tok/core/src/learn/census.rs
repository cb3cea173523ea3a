//! The pairs of many ids that occur often enough, without a table of all pairs.
//!
//! Most pairs are rare, and a table of all of them would be the largest thing in memory. So the counts
//! are first added up in buckets, many pairs to one; a pair that is frequent lies in a bucket that is
//! at least as high. Only pairs of high buckets are then counted one by one.

use super::Tuning;
use super::index::{CELLS_PER_CHECK, Found, Tally};
use super::places::Place;
use super::table::{PairMap, hash_of};
use super::words::{Symbol, Words};
use crate::control::Control;
use crate::error::Result;
use crate::memory::Block;
use crate::parallel::on_threads;

/// A run of cells that one thread counts: pairs that end in it.
struct Run<'w, S> {
    words: &'w Words<S>,
    from: usize,
    to: usize,
    /// the word that its first cell stands in
    word: usize,
}

/// Compact words in runs for several threads.
pub(super) struct Runs<'w, S> {
    runs: Vec<Run<'w, S>>,
    num_buckets: usize,
}

/// The counts of pairs added up in buckets.
pub(super) struct Buckets(Block<u64>);

/// The pairs of one run that were asked for.
struct Part {
    pairs: PairMap<Tally>,
    /// for every cell one more than the number of the pair that ends there, 0 for the others
    numbers: Block<u32>,
}

/// The tallies of the pairs that were asked for.
pub(super) struct Census<'r, 'w, S> {
    runs: &'r [Run<'w, S>],
    parts: Vec<Part>,
    pairs: PairMap<Tally>,
}

impl<S: Symbol> Run<'_, S> {
    /// Call `visit(left, right, count of the word, whether this is a pair, right cell)` for all cells.
    #[inline]
    fn each(
        &self,
        control: &Control,
        mut visit: impl FnMut(u32, u32, u64, bool, usize),
    ) -> Result<()> {
        let Words { cells, counts, separator, .. } = self.words;
        let (mut last, mut word, mut at) = (cells[self.from - 1], self.word, self.from);
        for cells in cells[self.from..self.to].chunks(CELLS_PER_CHECK) {
            control.check()?;
            for &cell in cells {
                let is_pair = last != *separator && cell != *separator;
                visit(last.id(), cell.id(), counts[word], is_pair, at);
                word += usize::from(cell == *separator);
                last = cell;
                at += 1;
            }
        }
        Ok(())
    }
}

impl<'w, S: Symbol> Runs<'w, S> {
    /// Runs of about the same length for up to `threads` threads.
    pub(super) fn new(words: &'w Words<S>, threads: usize, tuning: Tuning) -> Self {
        let num_cells = words.cells.len() - 1;
        let num_runs = (num_cells / tuning.cells_per_thread).clamp(1, threads.max(1));
        let mut runs: Vec<Run<'w, S>> = Vec::with_capacity(num_runs);
        for number in 0..num_runs {
            let from = 1 + num_cells * number / num_runs;
            let to = 1 + num_cells * (number + 1) / num_runs;
            let word = runs.last().map_or(0, |run| {
                let passed = &words.cells[run.from..run.to];
                run.word + passed.iter().filter(|&&cell| cell == words.separator).count()
            });
            runs.push(Run { words, from, to, word });
        }
        let num_buckets = (num_cells / tuning.cells_per_bucket).max(tuning.least_buckets);
        Self { runs, num_buckets: num_buckets.next_power_of_two() }
    }

    /// The counts of the pairs that `may_merge`, in buckets.
    ///
    /// # Errors
    /// [`crate::Error::Interrupted`].
    pub(super) fn buckets(
        &self,
        may_merge: impl Fn(u32, u32) -> bool + Sync,
        control: &Control,
    ) -> Result<Buckets> {
        let len = self.num_buckets;
        let mut all = on_threads(self.runs.iter().collect(), |run| {
            let mut sums = Block::filled(len, 0_u64);
            run.each(control, |left, right, count, is_pair, _| {
                let counted = is_pair && may_merge(left, right);
                sums[bucket(left, right, len)] += if counted { count } else { 0 };
            })?;
            Ok(sums)
        })?;
        let mut sums = all.swap_remove(0);
        for others in all {
            for (sum, other) in sums.iter_mut().zip(others.iter()) {
                *sum += other;
            }
        }
        Ok(Buckets(sums))
    }

    /// Count the pairs that are `wanted` one by one.
    ///
    /// # Errors
    /// [`crate::Error::Interrupted`].
    pub(super) fn census(
        &self,
        wanted: impl Fn(u32, u32) -> bool + Sync,
        control: &Control,
    ) -> Result<Census<'_, 'w, S>> {
        let parts = on_threads(self.runs.iter().collect(), |run| {
            let mut part = Part {
                pairs: PairMap::with_capacity(0),
                numbers: Block::filled(run.to - run.from, 0),
            };
            run.each(control, |left, right, count, is_pair, at| {
                if is_pair && wanted(left, right) {
                    let number = part.pairs.number(left, right);
                    let tally = part.pairs.at_mut(number);
                    tally.count += count;
                    tally.places += 1;
                    part.numbers[at - run.from] = number as u32 + 1;
                }
            })?;
            Ok(part)
        })?;
        let mut pairs = PairMap::<Tally>::with_capacity(0);
        for part in &parts {
            for (left, right, tally) in part.pairs.iter() {
                let sum = pairs.entry(left, right);
                sum.count += tally.count;
                sum.places += tally.places;
            }
        }
        Ok(Census { runs: &self.runs, parts, pairs })
    }
}

#[inline]
fn bucket(left: u32, right: u32, len: usize) -> usize {
    hash_of(left, right) as usize & (len - 1)
}

impl Buckets {
    /// Whether the bucket of a pair holds `count` or more.
    #[inline]
    pub(super) fn reaches(&self, left: u32, right: u32, count: u64) -> bool {
        self.0[bucket(left, right, self.0.len())] >= count
    }

    /// A count that about `most` buckets reach, but at least one does.
    pub(super) fn threshold(&self, most: usize) -> u64 {
        // bins by the number of bits and the three bits after the first
        let bin_of = |sum: u64| match sum.checked_ilog2() {
            None => 0,
            Some(bits) if bits < 3 => sum as usize,
            Some(bits) => bits as usize * 8 + (sum >> (bits - 3)) as usize - 8,
        };
        let least_of = |bin: usize| match bin {
            0..8 => bin as u64,
            8..24 => 8,
            _ => (bin as u64 % 8 + 8) << (bin / 8 - 3),
        };
        let mut bins = [0_usize; 64 * 8];
        for &sum in self.0.iter() {
            bins[bin_of(sum)] += 1;
        }
        let (mut reached, mut least) = (0, 0);
        for bin in (1..bins.len()).rev() {
            if reached >= most.div_ceil(4) && reached + bins[bin] > most {
                break;
            }
            reached += bins[bin];
            least = least_of(bin);
        }
        least
    }
}

impl<S: Symbol> Census<'_, '_, S> {
    /// Every pair that was asked for and occurs, once.
    pub(super) fn found(&self) -> Vec<Found> {
        let numbered = self.pairs.iter().enumerate();
        numbered
            .map(|(number, (left, right, tally))| Found { number, left, right, tally })
            .collect()
    }

    /// Write the places of some pairs, given by number and start of the list, to the arena, whose last
    /// place takes those of all others.
    ///
    /// # Errors
    /// [`crate::Error::Interrupted`].
    pub(super) fn fill<P: Place>(
        &mut self,
        starts: impl Iterator<Item = (usize, usize)>,
        arena: &mut [P],
        control: &Control,
    ) -> Result<()> {
        let rest = arena.len() - 1;
        let mut all_cursors = vec![rest; self.pairs.iter().len()];
        for (number, start) in starts {
            all_cursors[number] = start;
        }
        for (run, part) in self.runs.iter().zip(&self.parts) {
            let global: Vec<usize> =
                part.pairs.iter().map(|(left, right, _)| self.pairs.number(left, right)).collect();
            let mut cursors = vec![rest];
            cursors.extend(global.iter().map(|&number| all_cursors[number]));
            let (mut word, mut at) = (run.word, run.from as u32 - 1);
            let Words { cells, counts, separator, .. } = run.words;
            let cells = cells[run.from..run.to].chunks(CELLS_PER_CHECK);
            for (cells, numbers) in cells.zip(part.numbers.chunks(CELLS_PER_CHECK)) {
                control.check()?;
                for (&cell, &number) in cells.iter().zip(numbers) {
                    let cursor = &mut cursors[number as usize];
                    arena[*cursor] = P::new(at, word as u32, counts[word]);
                    *cursor += usize::from(*cursor != rest);
                    word += usize::from(cell == *separator);
                    at += 1;
                }
            }
            for (&number, &cursor) in global.iter().zip(&cursors[1..]) {
                all_cursors[number] = cursor;
            }
        }
        Ok(())
    }
}
