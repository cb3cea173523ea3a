//! One merge: every place of the pair is visited, and what changes is gathered by neighbour.

use super::index::{Index, Pair};
use super::places::{Finder, Place};
use super::symbols::Symbols;
use super::words::{Symbol, Words};
use crate::control::Control;
use crate::error::Result;

/// How many places are visited between two looks at the interrupt flag.
const PLACES_PER_CHECK: usize = 1 << 16;

/// How many places are looked at before those that still stand are merged.
const BLOCK: usize = 64;

/// The cursor of a neighbour whose new pair is not wanted.
const UNWANTED: u64 = u64::MAX;

/// What a merge does beside one neighbour.
#[derive(Clone, Copy, Default)]
struct Change {
    /// how often the neighbour stands there; later the place in the arena for the next of its places
    sum: u64,
    places: u32,
}

/// The changes on one side of the merged pair.
struct Side<P> {
    /// by id
    changes: Vec<Change>,
    /// the neighbours that occur, each once
    touched: Vec<u32>,
    /// neighbour and place of every visit, in order
    visits: Vec<(u32, P)>,
}

/// A pair and the symbol that replaces it.
#[derive(Clone, Copy)]
pub(super) struct Step {
    pub(super) left: u32,
    pub(super) right: u32,
    pub(super) made: u32,
}

/// What merges gather, used again and again.
pub(super) struct Merger<P> {
    left: Side<P>,
    right: Side<P>,
    /// the wanted pairs that the last merge gave birth to
    pub(super) born: Vec<(u32, u32, Pair)>,
}

impl<P: Place> Side<P> {
    fn new(num_ids: usize) -> Self {
        let changes = vec![Change::default(); num_ids];
        Self { changes, touched: Vec::new(), visits: Vec::new() }
    }

    #[inline]
    fn note(&mut self, neighbour: u32, count: u64, place: P) {
        let change = &mut self.changes[neighbour as usize];
        if change.places == 0 {
            self.touched.push(neighbour);
        }
        change.sum += count;
        change.places += 1;
        self.visits.push((neighbour, place));
    }

    /// Book the old pairs that are gone; make room for the places of the new ones that are wanted.
    fn settle(
        &mut self,
        index: &mut Index<P>,
        symbols: &Symbols,
        born: &mut Vec<(u32, u32, Pair)>,
        old: impl Fn(u32) -> Option<(u32, u32)>,
        new: impl Fn(u32, u64) -> (u32, u32, u64),
    ) {
        for &id in &self.touched {
            let change = &mut self.changes[id as usize];
            if let Some((left, right)) = old(id)
                && let Some(pair) = index.pairs.get_mut(left, right)
            {
                pair.count -= change.sum;
            }
            let (left, right, count) = new(id, change.sum);
            change.sum = UNWANTED;
            if count > 0 && index.wants(left, right, count, symbols) {
                let start = index.room(change.places as usize);
                let pair = Pair { count, start, len: change.places };
                *index.pairs.entry(left, right) = pair;
                born.push((left, right, pair));
                change.sum = start as u64;
            }
        }
    }

    /// Write the places of the wanted new pairs, `back(neighbour)` cells before the merged ones.
    fn fill(&mut self, arena: &mut [P], back: impl Fn(u32) -> u32) {
        for &(neighbour, place) in &self.visits {
            let cursor = &mut self.changes[neighbour as usize].sum;
            if *cursor != UNWANTED {
                arena[*cursor as usize] = place.back(back(neighbour));
                *cursor += 1;
            }
        }
    }

    fn clear(&mut self) {
        for id in self.touched.drain(..) {
            self.changes[id as usize] = Change::default();
        }
        self.visits.clear();
    }
}

impl<P: Place> Merger<P> {
    pub(super) fn new(num_ids: usize) -> Self {
        Self { left: Side::new(num_ids), right: Side::new(num_ids), born: Vec::new() }
    }

    /// Merge the pair of `step`, whose new symbol no word holds yet, wherever it stands.
    ///
    /// # Errors
    /// [`crate::Error::Interrupted`].
    pub(super) fn merge<S: Symbol>(
        &mut self,
        step: Step,
        words: &mut Words<S>,
        index: &mut Index<P>,
        symbols: &Symbols,
        control: &Control,
    ) -> Result<()> {
        let Step { left, right, made } = step;
        self.born.clear();
        let Some(pair) = index.pairs.get_mut(left, right) else { return Ok(()) };
        pair.count = 0;
        let places = pair.start..pair.start + pair.len as usize;
        words.widths[made as usize] = words.widths[left as usize] + words.widths[right as usize];
        let mut finder = Finder::new(&words.counts, &index.ends);
        let mut beside_itself = 0;
        for places in index.arena[places.clone()].chunks(PLACES_PER_CHECK) {
            control.check()?;
            let cells = &mut words.cells;
            beside_itself +=
                self.visit(cells, &words.widths, words.separator, step, places, &mut finder);
        }
        // its places are noted by neighbour now, and new lists may take their room
        index.spent = places;
        let (left_side, right_side) = (&mut self.left, &mut self.right);
        let old = |pair| (pair != (left, right)).then_some(pair);
        left_side.settle(
            index,
            symbols,
            &mut self.born,
            // what stood before a place just behind another one is booked as a right neighbour there
            |id| if id == made { None } else { old((id, left)) },
            |id, sum| (id, made, sum),
        );
        right_side.settle(
            index,
            symbols,
            &mut self.born,
            |id| old((right, id)),
            // a left symbol that was merged in its turn is no neighbour any more
            |id, sum| (made, id, if id == left { sum - beside_itself } else { sum }),
        );
        left_side.fill(&mut index.arena, |id| words.widths[id as usize]);
        right_side.fill(&mut index.arena, |_| 0);
        left_side.clear();
        right_side.clear();
        Ok(())
    }

    /// Replace the pair at `places`, where it still stands, and note its neighbours. Returns how often
    /// it stood behind itself.
    #[inline(never)]
    fn visit<S: Symbol>(
        &mut self,
        cells: &mut [S],
        widths: &[u32],
        separator: S,
        step: Step,
        places: &[P],
        finder: &mut Finder<'_>,
    ) -> u64 {
        let (left, right, made) = (S::of(step.left), S::of(step.right), S::of(step.made));
        let left_width = widths[step.left as usize] as usize;
        let right_width = widths[step.right as usize] as usize;
        let mut behind_itself = 0;
        let mut standing = [P::default(); BLOCK];
        for places in places.chunks(BLOCK) {
            // no branches here: the loads of a whole block are under way at once
            let mut found = 0;
            for &place in places {
                let at = place.at() as usize;
                standing[found] = place;
                let stands = [cells[at] == left, cells[at + left_width] == right];
                found += usize::from(stands == [true, true]);
            }
            for &place in &standing[..found] {
                let at = place.at() as usize;
                let middle = at + left_width;
                if left == right && cells[at] != left {
                    // the places of a run of one symbol overlap
                    continue;
                }
                let end = middle + right_width;
                let (before, after) = (cells[at - 1], cells[end]);
                // the cells inside hold the newest id, so that no stale place finds its symbol here
                cells[at] = made;
                cells[middle - 1] = made;
                cells[middle] = made;
                cells[end - 1] = made;
                let count = place.count(finder);
                if before != separator {
                    self.left.note(before.id(), count, place);
                    if before == made {
                        behind_itself += count;
                    }
                }
                if after != separator {
                    self.right.note(after.id(), count, place);
                }
            }
        }
        behind_itself
    }
}
