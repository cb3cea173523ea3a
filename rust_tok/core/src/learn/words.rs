//! All words in one flat array of symbols that shrinks as they merge.
//!
//! Every word stands between two separators. A symbol covers as many cells as it had when it was
//! made; its id stands in its first cell and in its last one, so both neighbours of a place are found
//! in one step and no word is ever walked. [`Words::compact`] makes every symbol one cell again.
//! The cells inside a symbol hold ids that are newer than any symbol that ever began there, so a
//! place where a symbol `x` began holds `x` exactly as long as `x` stands there.

use super::merge::Step;
use crate::control::Control;
use crate::error::{Error, Result};
use crate::memory::room_on_large_pages;

/// An id as the cells hold it.
pub(super) trait Symbol: Copy + Eq + Default + Send + Sync + 'static {
    /// `id`, which fits.
    fn of(id: u32) -> Self;
    /// The id.
    fn id(self) -> u32;
}

impl Symbol for u16 {
    #[inline]
    fn of(id: u32) -> Self {
        id as Self
    }
    #[inline]
    fn id(self) -> u32 {
        u32::from(self)
    }
}

impl Symbol for u32 {
    #[inline]
    fn of(id: u32) -> Self {
        id
    }
    #[inline]
    fn id(self) -> u32 {
        self
    }
}

/// Words as sequences of initial symbols, with their counts.
pub trait Front {
    /// The words in order of their first occurrence: their symbols, and how often each occurs.
    fn words(&self) -> impl Iterator<Item = (impl Iterator<Item = u32>, u64)>;
}

/// The words of two symbols or more that learning works on.
pub(super) struct Words<S> {
    pub(super) cells: Vec<S>,
    /// how often each word occurs
    pub(super) counts: Vec<u64>,
    /// how many cells a symbol covers, by id
    pub(super) widths: Vec<u32>,
    pub(super) separator: S,
}

/// How many cells are passed between two looks at the interrupt flag.
const CELLS_PER_CHECK: usize = 1 << 18;

impl<S: Symbol> Words<S> {
    /// The words of `front`, whose symbols lie under `num_initial`; `num_ids` is an upper bound of the
    /// ids there will be.
    ///
    /// # Errors
    /// [`Error::Argument`] for a larger symbol and when the counts together exceed 64 bits, [`Error::Text`] when there is more
    /// text than 32-bit places can address; [`Error::Interrupted`].
    pub(super) fn new(
        front: &impl Front,
        num_initial: u32,
        num_ids: u32,
        control: &Control,
    ) -> Result<Self> {
        let separator = S::of(num_ids);
        let mut room = 1;
        for (number, (symbols, _)) in front.words().enumerate() {
            room += symbols.count() + 1;
            if number.is_multiple_of(CELLS_PER_CHECK) {
                control.check()?;
            }
        }
        let (mut cells, mut counts) = (room_on_large_pages(room), Vec::new());
        cells.push(separator);
        let (mut all_pairs, mut largest) = (0_u64, 0);
        let mut next_check = CELLS_PER_CHECK;
        for (symbols, count) in front.words() {
            let start = cells.len();
            cells.extend(symbols.map(|id| {
                largest = largest.max(id);
                S::of(id)
            }));
            let len = cells.len() - start;
            if len < 2 || count == 0 {
                cells.truncate(start);
                continue;
            }
            cells.push(separator);
            counts.push(count);
            // no count of a pair can exceed this sum, so later ones need no check
            all_pairs = count
                .checked_mul(len as u64)
                .and_then(|pairs| all_pairs.checked_add(pairs))
                .ok_or_else(|| {
                    Error::Argument("pair counts exceed 64 bits: weigh the documents less".into())
                })?;
            if cells.len() > next_check {
                control.check()?;
                next_check = cells.len() + CELLS_PER_CHECK;
            }
        }
        if largest >= num_initial && !counts.is_empty() {
            return Err(Error::Argument(format!(
                "a word holds symbol {largest}, but the base has only {num_initial} ids"
            )));
        }
        if u32::try_from(cells.len()).is_err() {
            return Err(Error::Text(format!(
                "the distinct words hold {} symbols together; learning takes up to {}: learn from a \
                 part of the text",
                cells.len(),
                u32::MAX
            )));
        }
        Ok(Self { cells, counts, widths: vec![1; num_ids as usize], separator })
    }

    /// Make every symbol one cell wide and drop the words that are one symbol; on the way apply `step`,
    /// if there is one. All places change.
    ///
    /// # Errors
    /// [`Error::Interrupted`].
    pub(super) fn compact(&mut self, step: Option<Step>, control: &Control) -> Result<()> {
        let separator = self.separator;
        let step = step.map(|step| (S::of(step.left), S::of(step.right), S::of(step.made)));
        let (mut read, mut write) = (1, 1);
        let mut kept = 0;
        let mut next_check = CELLS_PER_CHECK;
        for word in 0..self.counts.len() {
            let start = write;
            while self.cells[read] != separator {
                let mut symbol = self.cells[read];
                read += self.widths[symbol.id() as usize] as usize;
                if let Some((left, right, made)) = step
                    && symbol == left
                    && self.cells[read] == right
                {
                    symbol = made;
                    read += self.widths[right.id() as usize] as usize;
                }
                self.cells[write] = symbol;
                write += 1;
                if write > next_check {
                    control.check()?;
                    next_check = write + CELLS_PER_CHECK;
                }
            }
            read += 1;
            if write - start < 2 {
                write = start;
            } else {
                self.cells[write] = separator;
                write += 1;
                self.counts[kept] = self.counts[word];
                kept += 1;
            }
        }
        self.cells.truncate(write);
        self.counts.truncate(kept);
        self.widths.fill(1);
        Ok(())
    }

    /// Whether `left`, then `right` stand at `place`, where a `left` began once.
    #[inline]
    pub(super) fn stands(&self, place: u32, left: u32, right: u32) -> bool {
        let at = place as usize;
        self.cells[at].id() == left
            && self.cells[at + self.widths[left as usize] as usize].id() == right
    }
}
