//! All pairs of few ids, in a square table: while symbols are bytes nothing is hashed.
//!
//! The separator is one more row and column, so that the loops over the cells have no branches.

use super::index::{CELLS_PER_CHECK, Found, Tally};
use super::places::Place;
use super::words::{Symbol, Words};
use crate::control::Control;
use crate::error::Result;

/// The tallies of all pairs of ids.
pub(super) struct Square {
    num_ids: u32,
    tallies: Vec<Tally>,
}

impl Square {
    /// The pairs of compact `words`, whose ids lie under `num_ids`.
    ///
    /// # Errors
    /// [`crate::Error::Interrupted`].
    pub(super) fn new<S: Symbol>(
        words: &Words<S>,
        num_ids: u32,
        control: &Control,
    ) -> Result<Self> {
        let side = num_ids as usize + 1;
        let mut square = Self { num_ids, tallies: vec![Tally::default(); side * side] };
        let mut tallies = std::mem::take(&mut square.tallies);
        square.each(words, control, |number, count, _, _| {
            let tally = &mut tallies[number];
            // a pair with the separator may wrap; nobody reads it
            tally.count = tally.count.wrapping_add(count);
            tally.places = tally.places.wrapping_add(1);
        })?;
        square.tallies = tallies;
        Ok(square)
    }

    /// Every pair, once; numbered by its place in the square.
    pub(super) fn found(&self) -> Vec<Found> {
        let ids = 0..self.num_ids;
        let pairs = ids.clone().flat_map(|left| ids.clone().map(move |right| (left, right)));
        let found = pairs.map(|(left, right)| {
            let number = left as usize * (self.num_ids as usize + 1) + right as usize;
            Found { number, left, right, tally: self.tallies[number] }
        });
        found.filter(|found| found.tally.places > 0).collect()
    }

    /// Write the places of some pairs, given by number and start of the list, to the arena, whose last
    /// place takes those of all others.
    ///
    /// # Errors
    /// [`crate::Error::Interrupted`].
    pub(super) fn fill<S: Symbol, P: Place>(
        &self,
        words: &Words<S>,
        starts: impl Iterator<Item = (usize, usize)>,
        arena: &mut [P],
        control: &Control,
    ) -> Result<()> {
        let rest = arena.len() - 1;
        let mut cursors = vec![rest; self.tallies.len()];
        for (number, start) in starts {
            cursors[number] = start;
        }
        self.each(words, control, |number, count, place, word| {
            let cursor = &mut cursors[number];
            arena[*cursor] = P::new(place, word, count);
            *cursor += usize::from(*cursor != rest);
        })
    }

    /// Call `visit(number of the pair, count of the word, place, word)` for all neighbours, those with
    /// a separator too.
    #[inline]
    fn each<S: Symbol>(
        &self,
        words: &Words<S>,
        control: &Control,
        mut visit: impl FnMut(usize, u64, u32, u32),
    ) -> Result<()> {
        let side = self.num_ids as usize + 1;
        let (mut last, mut word, mut at) = (side - 1, 0_usize, 0_u32);
        for cells in words.cells[1..].chunks(CELLS_PER_CHECK) {
            control.check()?;
            for &cell in cells {
                let id = cell.id().min(self.num_ids) as usize;
                visit(last * side + id, words.counts[word], at, word as u32);
                word += usize::from(cell == words.separator);
                last = id;
                at += 1;
            }
        }
        Ok(())
    }
}
