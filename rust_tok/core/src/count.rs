//! Pieces to word counts: streaming, over all cores granted, mergeable.
//!
//! Counts are a commutative monoid: however a corpus is cut and shared out, the sum is the same.

use std::hash::BuildHasher;

use foldhash::fast::FixedState;
use hashbrown::HashTable;

use crate::control::{Control, Stage};
use crate::error::{Error, Result};
use crate::parallel::share_out;
use crate::split::Splitter;

/// Texts are shared out in units of about this size.
const UNIT_BYTES: usize = 256 << 10;

/// How many pieces may pass between two looks at the interrupt flag.
const PIECES_PER_CHECK: u32 = 1 << 14;

/// A distinct piece and how often it occurs.
#[derive(Debug, Clone, Copy)]
struct Entry {
    start: usize,
    len: u32,
    count: u64,
}

/// How often each distinct piece ("word") occurs.
#[derive(Debug, Clone, Default)]
pub struct WordCounts {
    arena: Vec<u8>,
    entries: Vec<Entry>,
    by_bytes: HashTable<u32>,
    num_pieces: u64,
    num_bytes: u64,
}

fn hash(bytes: &[u8]) -> u64 {
    FixedState::default().hash_one(bytes)
}

fn overflow() -> Error {
    Error::Argument("counts exceed 64 bits: weigh the documents less".to_owned())
}

impl WordCounts {
    /// Add `times` occurrences of `word`.
    ///
    /// # Errors
    /// [`Error::Argument`] when a sum exceeds 64 bits; [`Error::Text`] for a word of 4 GiB.
    #[inline]
    pub fn add(&mut self, word: &[u8], times: u64) -> Result<()> {
        let Self { arena, entries, by_bytes, .. } = self;
        let bytes_of = |entry: &Entry| &arena[entry.start..entry.start + entry.len as usize];
        let hash_of = hash(word);
        let found = by_bytes.find(hash_of, |&at| bytes_of(&entries[at as usize]) == word);
        if let Some(&at) = found {
            let count = &mut entries[at as usize].count;
            *count = count.checked_add(times).ok_or_else(overflow)?;
        } else {
            let number = u32::try_from(entries.len())
                .map_err(|_| Error::Text("more than 2^32 distinct pieces".to_owned()))?;
            let len = u32::try_from(word.len())
                .map_err(|_| Error::Text("a piece of text of 4 GiB or more".to_owned()))?;
            by_bytes.insert_unique(hash_of, number, |&at| hash(bytes_of(&entries[at as usize])));
            entries.push(Entry { start: arena.len(), len, count: times });
            arena.extend_from_slice(word);
        }
        self.num_pieces = self.num_pieces.checked_add(times).ok_or_else(overflow)?;
        let bytes = times.checked_mul(word.len() as u64).ok_or_else(overflow)?;
        self.num_bytes = self.num_bytes.checked_add(bytes).ok_or_else(overflow)?;
        Ok(())
    }

    /// Add all of `other`.
    ///
    /// # Errors
    /// As [`WordCounts::add`].
    pub fn merge(&mut self, other: &Self) -> Result<()> {
        other.iter().try_for_each(|(word, count)| self.add(word, count))
    }

    /// (word, count), in order of first occurrence in this table.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], u64)> {
        self.entries
            .iter()
            .map(|entry| (&self.arena[entry.start..entry.start + entry.len as usize], entry.count))
    }

    /// How many distinct words there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether no word has been counted.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// How many pieces were counted, repeats included.
    pub fn num_pieces(&self) -> u64 {
        self.num_pieces
    }

    /// How many bytes those pieces hold.
    pub fn num_bytes(&self) -> u64 {
        self.num_bytes
    }
}

/// Counts the pieces of a stream of texts on several threads.
#[derive(Debug)]
pub struct Counter {
    splitter: Splitter,
    shards: Vec<WordCounts>,
}

impl Counter {
    /// A counter with nothing counted.
    pub fn new(splitter: Splitter, threads: usize) -> Self {
        Self { splitter, shards: vec![WordCounts::default(); threads.max(1)] }
    }

    /// Count the pieces of `texts`; each text is split by itself.
    ///
    /// # Errors
    /// As [`WordCounts::add`]; [`Error::Interrupted`]. After an error the counts are incomplete.
    pub fn add(&mut self, texts: &[&[u8]], control: &Control) -> Result<()> {
        let units: Vec<&[u8]> =
            texts.iter().flat_map(|text| self.splitter.units(text, UNIT_BYTES)).collect();
        let splitter = &self.splitter;
        let shards = std::mem::take(&mut self.shards);
        self.shards = share_out(shards, units.len(), |counts, number| {
            let mut until_check = PIECES_PER_CHECK;
            splitter.try_for_each_piece(units[number], |piece| {
                until_check -= 1;
                if until_check == 0 {
                    control.check()?;
                    until_check = PIECES_PER_CHECK;
                }
                counts.add(piece, 1)
            })?;
            control.advance(units[number].len() as u64);
            control.check()
        })?;
        Ok(())
    }

    /// Say what is being counted, for progress reports; `total_bytes` is 0 where it is not known.
    pub fn begin(control: &Control, total_bytes: u64) {
        control.begin(Stage::Count, total_bytes);
    }

    /// The sum of all threads' counts.
    ///
    /// # Errors
    /// As [`WordCounts::add`].
    pub fn finish(self) -> Result<WordCounts> {
        let mut shards = self.shards.into_iter();
        let mut all = shards.next().unwrap_or_default();
        for shard in shards {
            all.merge(&shard)?;
        }
        Ok(all)
    }
}
