//! What was counted leaves the shards: in the order of the text, or in that of the bytes.

use std::cmp::Ordering;

use super::key::Key;
use super::shards::Shard;
use super::sorted::Sorted;
use super::{Entry, WordCounts};
use crate::control::Control;
use crate::error::Result;
use crate::memory::{Block, prefetch};
use crate::parallel::on_threads;

/// What sorting takes for a word, and what a table in the order of the text takes beside its bytes.
pub(super) const SORT_BYTES: usize = size_of::<Counted>();
pub(super) const HARVEST_BYTES: usize = size_of::<Place>() * 3 / 2 + size_of::<Entry>() + 16;

/// How many words are passed between two looks at the interrupt flag.
const WORDS_PER_CHECK: usize = 1 << 16;

/// So many words are on their way at once.
const AHEAD: usize = 16;

/// Where a word was first seen, and where its counts are.
#[derive(Debug, Clone, Copy, Default)]
struct Place {
    first: u64,
    shard: u32,
    /// of the slot; those of long words follow
    number: u32,
}

/// The places of all words of a shard.
fn places(shard: &Shard, number: u32) -> impl Iterator<Item = Place> {
    let slots = shard.short.slots().iter().zip(0..).filter(|(slot, _)| !slot.is_free());
    let short = slots.map(|(slot, number)| (slot.first, number));
    let after = shard.short.slots().len() as u32;
    let long = shard.long.list().words().iter().zip(after..).map(|(word, at)| (word.first, at));
    short.chain(long).map(move |(first, at)| Place { first, shard: number, number: at })
}

/// The words of all shards, in order of first occurrence.
///
/// # Errors
/// As [`WordCounts::add`]; [`crate::Error::Interrupted`].
pub(super) fn in_text_order(
    shards: &[Shard],
    threads: usize,
    control: &Control,
) -> Result<WordCounts> {
    let num_words = shards.iter().map(Shard::len).sum();
    let mut order = Block::filled(num_words, Place::default());
    let (mut rest, mut groups) = (&mut order[..], Vec::new());
    let numbers: Vec<u32> = (0..shards.len() as u32).collect();
    for numbers in numbers.chunks(shards.len().div_ceil(threads.max(1)).max(1)) {
        let len = numbers.iter().map(|&number| shards[number as usize].len()).sum();
        let group;
        (group, rest) = rest.split_at_mut(len);
        groups.push((numbers, group));
    }
    on_threads(groups, |(numbers, group)| {
        let places = numbers.iter().flat_map(|&at| places(&shards[at as usize], at));
        group.iter_mut().zip(places).for_each(|(to, place)| *to = place);
        group.sort_unstable_by_key(|place| place.first);
        control.check()
    })?;
    // a stable sort merges runs
    order.sort_by_key(|place| place.first);
    control.check()?;
    let mut words = WordCounts::default();
    let lens = shards.iter().map(|shard| {
        let short = shard.short.slots().iter().map(|slot| slot.key.len()).sum::<usize>();
        short + shard.long.list().num_bytes()
    });
    words.reserve(num_words, lens.sum());
    for (at, &Place { shard, number, .. }) in order.iter().enumerate() {
        if at.is_multiple_of(WORDS_PER_CHECK) {
            control.check()?;
        }
        if let Some(next) = order.get(at + AHEAD)
            && let Some(slot) = shards[next.shard as usize].short.slots().get(next.number as usize)
        {
            prefetch(slot);
        }
        let Shard { short, long } = &shards[shard as usize];
        if let Some(slot) = short.slots().get(number as usize) {
            words.push_new(&slot.key.bytes()[..slot.key.len()], slot.count)?;
        } else {
            let word = &long.list().words()[number as usize - short.slots().len()];
            words.push_new(long.list().bytes(word), word.count)?;
        }
    }
    Ok(words)
}

/// A word and how often it occurs.
#[derive(Debug, Clone, Copy)]
struct Counted<'t> {
    count: u64,
    word: Word<'t>,
}

/// The words of some shards in ascending order of bytes.
pub(super) struct SortedCounts<'t> {
    words: std::vec::IntoIter<Counted<'t>>,
    /// the current word, if it is short
    bytes: [u8; 16],
    current: Option<Counted<'t>>,
}

impl<'t> SortedCounts<'t> {
    pub(super) fn new(shards: &'t [Shard]) -> Self {
        let mut words = Vec::with_capacity(shards.iter().map(Shard::len).sum());
        for Shard { short, long } in shards {
            let slots = short.slots().iter().filter(|slot| !slot.is_free());
            words.extend(
                slots.map(|slot| Counted { count: slot.count, word: Word::Short(slot.key) }),
            );
            words.extend(long.list().words().iter().map(|word| Counted {
                count: word.count,
                word: Word::Long(long.list().bytes(word)),
            }));
        }
        words.sort_unstable_by(|a: &Counted, b| a.word.cmp(&b.word));
        Self { words: words.into_iter(), bytes: [0; 16], current: None }
    }
}

impl Sorted for SortedCounts<'_> {
    fn advance(&mut self) -> Result<bool> {
        self.current = self.words.next();
        if let Some(Counted { word: Word::Short(key), .. }) = self.current {
            self.bytes = key.bytes();
        }
        Ok(self.current.is_some())
    }

    fn word(&self) -> &[u8] {
        match &self.current {
            Some(Counted { word: Word::Short(key), .. }) => &self.bytes[..key.len()],
            Some(Counted { word: Word::Long(word), .. }) => word,
            None => b"",
        }
    }

    fn count(&self) -> u64 {
        self.current.map_or(0, |counted| counted.count)
    }
}

/// A word as it leaves the shards; in the order of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Word<'t> {
    Short(Key),
    Long(&'t [u8]),
}

impl Ord for Word<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            // zeros stand after the end; where they decide nothing, the shorter word comes first
            (Self::Short(a), Self::Short(b)) => a.rank().cmp(&b.rank()),
            (Self::Long(a), Self::Long(b)) => a.cmp(b),
            (Self::Short(a), Self::Long(b)) => a.bytes()[..a.len()].cmp(b),
            (Self::Long(a), Self::Short(b)) => a[..].cmp(&b.bytes()[..b.len()]),
        }
    }
}

impl PartialOrd for Word<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
