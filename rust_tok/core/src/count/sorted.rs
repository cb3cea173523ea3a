//! Words in ascending order, from tables and files, and their sum.

use crate::count::{WordCounts, overflow};
use crate::error::Result;

/// Distinct words in ascending order with their counts.
pub trait Sorted {
    /// Go to the next word, at first to the first one; `false` when there is none.
    ///
    /// # Errors
    /// Those of the source.
    fn advance(&mut self) -> Result<bool>;

    /// The current word.
    fn word(&self) -> &[u8];

    /// How often it occurs.
    fn count(&self) -> u64;
}

impl<S: Sorted + ?Sized> Sorted for Box<S> {
    fn advance(&mut self) -> Result<bool> {
        (**self).advance()
    }

    fn word(&self) -> &[u8] {
        (**self).word()
    }

    fn count(&self) -> u64 {
        (**self).count()
    }
}

/// The words of a table, sorted.
pub(super) struct SortedTable<'t> {
    entries: std::vec::IntoIter<(&'t [u8], u64)>,
    current: (&'t [u8], u64),
}

impl<'t> SortedTable<'t> {
    pub(super) fn new(table: &'t WordCounts) -> Self {
        let mut entries: Vec<_> = table.iter().filter(|&(_, count)| count > 0).collect();
        entries.sort_unstable_by(|a, b| a.0.cmp(b.0));
        Self { entries: entries.into_iter(), current: (b"", 0) }
    }
}

impl Sorted for SortedTable<'_> {
    fn advance(&mut self) -> Result<bool> {
        let next = self.entries.next();
        self.current = next.unwrap_or((b"", 0));
        Ok(next.is_some())
    }

    fn word(&self) -> &[u8] {
        self.current.0
    }

    fn count(&self) -> u64 {
        self.current.1
    }
}

/// The sum of several sources.
pub(super) struct Merged<S> {
    /// a heap by word, smallest on top; those at their end are gone
    sources: Vec<S>,
    has_begun: bool,
    word: Vec<u8>,
    count: u64,
}

impl<S: Sorted> Merged<S> {
    pub(super) fn new(sources: Vec<S>) -> Self {
        Self { sources, has_begun: false, word: Vec::new(), count: 0 }
    }

    fn begin(&mut self) -> Result<()> {
        self.has_begun = true;
        for mut source in std::mem::take(&mut self.sources) {
            if source.advance()? {
                self.sources.push(source);
            }
        }
        (0..self.sources.len() / 2).rev().for_each(|at| self.sink(at));
        Ok(())
    }

    /// Restore the heap below `at`.
    fn sink(&mut self, mut at: usize) {
        loop {
            let word = |number: usize| self.sources[number].word();
            let mut smallest = at;
            for child in [2 * at + 1, 2 * at + 2] {
                if child < self.sources.len() && word(child) < word(smallest) {
                    smallest = child;
                }
            }
            if smallest == at {
                return;
            }
            self.sources.swap(at, smallest);
            at = smallest;
        }
    }
}

impl<S: Sorted> Sorted for Merged<S> {
    fn advance(&mut self) -> Result<bool> {
        if !self.has_begun {
            self.begin()?;
        }
        let Some(top) = self.sources.first() else { return Ok(false) };
        self.word.clear();
        self.word.extend_from_slice(top.word());
        self.count = 0;
        while let Some(top) = self.sources.first_mut()
            && top.word() == self.word
        {
            self.count = self.count.checked_add(top.count()).ok_or_else(overflow)?;
            if !top.advance()? {
                self.sources.swap_remove(0);
            }
            self.sink(0);
        }
        Ok(true)
    }

    fn word(&self) -> &[u8] {
        &self.word
    }

    fn count(&self) -> u64 {
        self.count
    }
}
