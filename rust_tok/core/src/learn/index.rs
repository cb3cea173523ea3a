//! The pairs worth knowing: their counts, and where they stand.
//!
//! Because counts only sink, a pair under a threshold stays under it, and need not be known until
//! the threshold is lowered. That is an epoch: one pass over the symbols finds all pairs anew.

use super::places::Place;
use super::symbols::Symbols;
use super::table::PairMap;
use super::words::{Symbol, Words};
use crate::control::Control;
use crate::error::Result;

/// How many cells are passed between two looks at the interrupt flag.
const CELLS_PER_CHECK: usize = 1 << 18;

/// Up to this many ids a square table of all pairs is small enough.
const DENSE_IDS: u32 = 512;

/// What is known of a pair: how often it occurs, and the list of its places.
#[derive(Clone, Copy, Default)]
pub(super) struct Pair {
    pub(super) count: u64,
    /// where its list starts in the arena
    pub(super) start: usize,
    /// the length of the list: complete, ascending, some places may be stale
    pub(super) len: u32,
}

/// Which pairs are worth knowing.
pub(super) enum Wanted {
    /// about this many of the most frequent ones, none under the count; a rebuild finds the threshold
    Best { most: usize, min_count: u64 },
    /// those that occur this often and may merge
    AtLeast(u64),
    /// those that will be merged whatever their count
    Given(PairMap<()>),
}

/// The known pairs and the places where they stand.
pub(super) struct Index<P> {
    pub(super) pairs: PairMap<Pair>,
    pub(super) arena: Vec<P>,
    pub(super) wanted: Wanted,
    /// pairs that must never merge
    pub(super) refused: PairMap<()>,
    /// where each word ends, for places that have to look
    pub(super) ends: Vec<u32>,
}

/// How often a pair occurs, and in how many places.
#[derive(Clone, Copy, Default)]
struct Tally {
    count: u64,
    places: u32,
}

impl<P: Place> Index<P> {
    pub(super) fn new(wanted: Wanted) -> Self {
        Self {
            pairs: PairMap::with_capacity(0),
            arena: Vec::new(),
            wanted,
            refused: PairMap::with_capacity(0),
            ends: Vec::new(),
        }
    }

    /// Whether a pair that occurs `count` times has to be known.
    #[inline]
    pub(super) fn wants(&self, left: u32, right: u32, count: u64, symbols: &Symbols) -> bool {
        match &self.wanted {
            Wanted::AtLeast(least) | Wanted::Best { min_count: least, .. } => {
                count >= *least && symbols.may_merge(left, right)
            }
            Wanted::Given(pairs) => pairs.get(left, right).is_some(),
        }
    }

    /// Know the wanted pairs of `words`, which are compact, anew.
    ///
    /// # Errors
    /// [`crate::Error::Interrupted`].
    pub(super) fn rebuild<S: Symbol>(
        &mut self,
        words: &Words<S>,
        symbols: &Symbols,
        control: &Control,
    ) -> Result<()> {
        let mut found = tallies(words, symbols.len(), control)?;
        found.retain(|&(left, right, tally)| {
            self.wants(left, right, tally.count, symbols) && self.refused.get(left, right).is_none()
        });
        if let Wanted::Best { most, min_count } = self.wanted {
            let mut least = min_count;
            if found.len() > most {
                let by_count = |one: &Found, other: &Found| other.2.count.cmp(&one.2.count);
                least = found.select_nth_unstable_by(most, by_count).1.2.count;
                found.retain(|&(_, _, tally)| tally.count >= least);
            }
            self.wanted = Wanted::AtLeast(least);
        }
        self.pairs = PairMap::with_capacity(found.len());
        let mut places = 0;
        for &(left, right, tally) in &found {
            *self.pairs.entry(left, right) = Pair { count: tally.count, start: places, len: 0 };
            places += tally.places as usize;
        }
        self.arena.clear();
        self.arena.resize(places, P::default());
        self.ends.clear();
        each_pair(words, control, |left, right, at, word| {
            if let Some(pair) = self.pairs.get_mut(left, right) {
                let place = P::new(at, word as u32, words.counts[word]);
                self.arena[pair.start + pair.len as usize] = place;
                pair.len += 1;
            }
        })?;
        if P::NEEDS_ENDS {
            let cells = words.cells.iter().zip(0..).skip(1);
            self.ends.extend(cells.filter(|(cell, _)| **cell == words.separator).map(|(_, at)| at));
        }
        Ok(())
    }
}

type Found = (u32, u32, Tally);

/// Every pair of `words`, once.
fn tallies<S: Symbol>(words: &Words<S>, num_ids: u32, control: &Control) -> Result<Vec<Found>> {
    if num_ids <= DENSE_IDS {
        let mut square = vec![Tally::default(); (num_ids * num_ids) as usize];
        each_pair(words, control, |left, right, _, word| {
            let tally = &mut square[(left * num_ids + right) as usize];
            tally.count += words.counts[word];
            tally.places += 1;
        })?;
        let numbered = (0..num_ids * num_ids).zip(square);
        let seen = numbered.filter(|(_, tally)| tally.places > 0);
        return Ok(seen.map(|(at, tally)| (at / num_ids, at % num_ids, tally)).collect());
    }
    let mut table = PairMap::<Tally>::with_capacity(words.cells.len() / 8);
    each_pair(words, control, |left, right, _, word| {
        let tally = table.entry(left, right);
        tally.count += words.counts[word];
        tally.places += 1;
    })?;
    Ok(table.iter().collect())
}

/// Call `visit(left, right, place, word)` for all neighbours in compact words.
#[inline]
fn each_pair<S: Symbol>(
    words: &Words<S>,
    control: &Control,
    mut visit: impl FnMut(u32, u32, u32, usize),
) -> Result<()> {
    let mut last = words.separator;
    let mut word = usize::MAX;
    let mut until_check = CELLS_PER_CHECK;
    for (at, &cell) in words.cells.iter().enumerate() {
        if cell == words.separator {
            word = word.wrapping_add(1);
        } else if last != words.separator {
            visit(last.id(), cell.id(), at as u32 - 1, word);
        }
        last = cell;
        until_check -= 1;
        if until_check == 0 {
            control.check()?;
            until_check = CELLS_PER_CHECK;
        }
    }
    Ok(())
}
