//! The words that one thread has met lately, in a table that fits the caches nearest to it.
//!
//! Nearly all pieces of a text are short and have been seen a moment ago. Here they cost one load of
//! 16 bytes, one multiplication, two comparisons and one addition; only what is met seldom leaves,
//! with what was counted so far, for the large table that all threads share.

use super::key::Key;
use super::overflow;
use super::short::Slot;
use crate::error::Result;
use crate::memory::{LargePage, large_page_of, prefetch};

/// Lines of the table, as a power of two: one large page.
const LOG_LINES: u32 = 15;

const NUM_LINES: usize = 1 << LOG_LINES;

/// A cache line: the two words of one place, the more frequent one perhaps first.
#[derive(Debug, Clone, Copy, Default)]
#[repr(align(64))]
struct Line([Slot; 2]);

/// Counts of some short words.
#[derive(Debug)]
pub(super) struct Recent {
    /// a single one
    page: Vec<LargePage<Line, NUM_LINES>>,
}

impl Recent {
    pub(super) fn new() -> Self {
        Self { page: large_page_of(Line::default()) }
    }

    /// Have the line of a word with this hash brought near.
    #[inline]
    pub(super) fn prefetch(&self, hash: u64) {
        prefetch(&self.page[0].0[(hash >> (64 - LOG_LINES)) as usize]);
    }

    /// Count `times` occurrences of a word, of which the first is at `first`; returns the word that had
    /// to leave for it, if one had to.
    #[inline]
    pub(super) fn add(
        &mut self,
        key: Key,
        hash: u64,
        times: u64,
        first: u64,
    ) -> Result<Option<Slot>> {
        let Line(slots) = &mut self.page[0].0[(hash >> (64 - LOG_LINES)) as usize];
        // which of the two it is nobody can predict, so there is no branch on that
        let [is_first, is_second] = [0, 1].map(|way: usize| slots[way].key.is(key));
        if is_first | is_second {
            let count = &mut slots[usize::from(is_second)].count;
            *count = count.checked_add(times).ok_or_else(overflow)?;
            return Ok(None);
        }
        // the more frequent word stays
        if slots[0].count < slots[1].count {
            slots.swap(0, 1);
        }
        let left = std::mem::replace(&mut slots[1], Slot { key, count: times, first });
        Ok(if left.is_free() { None } else { Some(left) })
    }

    /// Take out all words.
    pub(super) fn drain(&mut self) -> impl Iterator<Item = Slot> {
        let lines = self.page.iter_mut().flat_map(|page| &mut page.0);
        let slots = lines.flat_map(|Line(slots)| slots);
        slots.map(std::mem::take).filter(|slot| !slot.is_free())
    }

    /// How much memory in bytes this takes, and how many words it holds at most.
    pub(super) const HEAP_BYTES: usize = size_of::<Line>() * NUM_LINES;
    pub(super) const MOST_WORDS: usize = 2 * NUM_LINES;
}
