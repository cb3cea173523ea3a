//! One thread's counts: short words as the keys of a flat table, long ones in an arena.
//!
//! Nearly all pieces of a text are short and have been seen before, so that is the path to be quick:
//! one load of 16 bytes, one multiplication, one comparison, one addition. Each word also keeps where
//! it was first seen, which only a new word has to write.

use std::cmp::Ordering;
use std::hash::{BuildHasher, Hasher};

use foldhash::fast::FixedState;
use hashbrown::HashTable;

use super::key::{Key, SHORT};
use super::sorted::Sorted;
use super::{WordCounts, overflow};
use crate::error::{Error, Result};
use crate::memory::{on_large_pages, prefetch};
use crate::parallel::share_out;

/// Slots of an empty table, as a power of two.
const FIRST_SLOTS: u32 = 14;

/// So many slots are on their way at once.
const BATCH: usize = 32;

/// Sums are made in at most so many parts, as a power of two.
const MOST_LOG_PARTS: u32 = 8;

/// Makes places in a table of keys; two numbers that nobody outside knows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seed([u64; 2]);

impl Seed {
    /// One that differs from run to run, so that no text can be written to fill one place. Results
    /// do not depend on it.
    pub(crate) fn random() -> Self {
        let random = std::hash::RandomState::new();
        Self([0, 1].map(|number: u64| random.hash_one(number)))
    }

    #[inline]
    pub(crate) fn hash(self, key: Key) -> u64 {
        let product = u128::from(key.low ^ self.0[0]) * u128::from(key.high ^ self.0[1]);
        product as u64 ^ (product >> 64) as u64
    }

    fn hash_long(self, word: &[u8]) -> u64 {
        let mut hasher = FixedState::with_seed(self.0[0]).build_hasher();
        hasher.write(word);
        hasher.finish()
    }
}

/// A place in the table; free where the key's length is 0.
#[derive(Debug, Clone, Copy, Default)]
#[repr(align(32))]
struct Slot {
    key: Key,
    count: u64,
    first: u64,
}

impl Slot {
    fn counted<'t>(&self) -> Counted<'t> {
        Counted { first: self.first, count: self.count, word: Word::Short(self.key) }
    }
}

/// Counts of words of 1 to 15 bytes: open addressing, two slots a cache line.
#[derive(Debug)]
struct ShortWords {
    seed: Seed,
    slots: Vec<Slot>,
    /// a hash shifted right by this is a place
    shift: u32,
    len: usize,
}

impl ShortWords {
    fn new(seed: Seed, log_slots: u32) -> Self {
        Self { seed, slots: on_large_pages(1 << log_slots), shift: 64 - log_slots, len: 0 }
    }

    /// Have the slots where `hash` belongs brought near.
    #[inline]
    fn prefetch(&self, hash: u64) {
        prefetch(&self.slots[(hash >> self.shift) as usize]);
    }

    /// The slot that holds `key`, or the free one where it belongs.
    #[inline]
    fn slot(&mut self, key: Key, hash: u64) -> &mut Slot {
        let last = self.slots.len() - 1;
        let mut at = (hash >> self.shift) as usize;
        while self.slots[at & last].key != key && self.slots[at & last].key.high != 0 {
            at += 1;
        }
        &mut self.slots[at & last]
    }

    /// Count `times` occurrences, of which the first is no earlier than any that was counted.
    #[inline]
    fn add(&mut self, key: Key, hash: u64, times: u64, first: u64) -> Result<()> {
        let slot = self.slot(key, hash);
        if slot.key.high == 0 {
            *slot = Slot { key, count: times, first };
            self.note_new();
        } else {
            slot.count = slot.count.checked_add(times).ok_or_else(overflow)?;
        }
        Ok(())
    }

    /// Add what another table counted.
    fn join(&mut self, other: &Slot) -> Result<()> {
        let slot = self.slot(other.key, self.seed.hash(other.key));
        if slot.key.high == 0 {
            *slot = *other;
            self.note_new();
        } else {
            slot.count = slot.count.checked_add(other.count).ok_or_else(overflow)?;
            slot.first = slot.first.min(other.first);
        }
        Ok(())
    }

    #[inline]
    fn note_new(&mut self) {
        self.len += 1;
        if self.len > self.slots.len() / 2 {
            self.grow();
        }
    }

    /// The taken slots whose hashes lie in one of `1 << log_parts` equal ranges: they are neighbours,
    /// but for those that others have pushed to the right.
    fn part(&self, part: usize, log_parts: u32) -> impl Iterator<Item = &Slot> {
        let (len, log_len) = (self.slots.len(), 64 - self.shift);
        let begin = (part << log_len) >> log_parts;
        let end = ((part + 1) << log_len) >> log_parts;
        let belongs = move |slot: &&Slot| {
            slot.key.high != 0
                && u128::from(self.seed.hash(slot.key)) >> (64 - log_parts) == part as u128
        };
        let pushed = (end..end + len)
            .map(move |at| &self.slots[at & (len - 1)])
            .take_while(|slot| slot.key.high != 0);
        let pushed = if log_parts == 0 { None } else { Some(pushed) };
        self.slots[begin..end].iter().chain(pushed.into_iter().flatten()).filter(belongs)
    }

    #[cold]
    #[inline(never)]
    fn grow(&mut self) {
        let mut larger = Self::new(self.seed, 64 - self.shift + 1);
        let last = larger.slots.len() - 1;
        // in the order of old places the new ones ascend too, wraps apart
        for slot in self.slots.iter().filter(|slot| slot.key.high != 0) {
            let mut at = (self.seed.hash(slot.key) >> larger.shift) as usize;
            while larger.slots[at & last].key.high != 0 {
                at += 1;
            }
            larger.slots[at & last] = *slot;
        }
        larger.len = self.len;
        *self = larger;
    }
}

/// A word of more than 15 bytes.
#[derive(Debug)]
struct LongWord {
    start: usize,
    len: usize,
    hash: u64,
    count: u64,
    first: u64,
}

/// Counts of longer words: their bytes one after the other, and a table of their numbers.
#[derive(Debug, Default)]
struct LongWords {
    arena: Vec<u8>,
    words: Vec<LongWord>,
    by_bytes: HashTable<u32>,
}

impl LongWords {
    fn add(&mut self, word: &[u8], hash: u64, times: u64, first: u64) -> Result<()> {
        let Self { arena, words, by_bytes } = self;
        let is_it = |&number: &u32| {
            let known = &words[number as usize];
            known.hash == hash && arena[known.start..known.start + known.len] == *word
        };
        if let Some(&number) = by_bytes.find(hash, is_it) {
            let count = &mut words[number as usize].count;
            *count = count.checked_add(times).ok_or_else(overflow)?;
            return Ok(());
        }
        let number = u32::try_from(words.len())
            .map_err(|_| Error::Text("more than 2^32 distinct pieces".to_owned()))?;
        by_bytes.insert_unique(hash, number, |&number| words[number as usize].hash);
        words.push(LongWord { start: arena.len(), len: word.len(), hash, count: times, first });
        arena.extend_from_slice(word);
        Ok(())
    }

    fn counted(&self, word: &LongWord) -> Counted<'_> {
        let bytes = &self.arena[word.start..word.start + word.len];
        Counted { first: word.first, count: word.count, word: Word::Long(bytes) }
    }

    /// The words whose hashes lie in one of `1 << log_parts` equal ranges.
    fn part(&self, part: usize, log_parts: u32) -> impl Iterator<Item = &LongWord> {
        let belongs =
            move |word: &&LongWord| u128::from(word.hash) >> (64 - log_parts) == part as u128;
        self.words.iter().filter(belongs)
    }
}

/// One thread's counts.
#[derive(Debug)]
pub(super) struct Table {
    short: ShortWords,
    long: LongWords,
}

impl Table {
    pub(super) fn new(seed: Seed) -> Self {
        Self { short: ShortWords::new(seed, FIRST_SLOTS), long: LongWords::default() }
    }

    /// Count the pieces of `text` that begin at `start` and at each of `ends` but the last, each
    /// `times` times. `first` is where the text begins in the order of all texts.
    ///
    /// # Errors
    /// [`Error::Argument`] when a sum exceeds 64 bits; [`Error::Text`] for too many long words.
    pub(super) fn add_run(
        &mut self,
        text: &[u8],
        mut start: usize,
        ends: &[usize],
        times: u64,
        first: u64,
    ) -> Result<()> {
        let seed = self.short.seed;
        let mut hashed = [(Key::default(), 0); BATCH];
        for ends in ends.chunks(BATCH) {
            let mut begin = start;
            for (&end, hashed) in ends.iter().zip(&mut hashed) {
                let len = end.wrapping_sub(begin);
                *hashed = (Key::default(), 0);
                if len <= SHORT {
                    let key = Key::new(text, begin, len);
                    *hashed = (key, seed.hash(key));
                    self.short.prefetch(hashed.1);
                }
                begin = end;
            }
            for (&end, &(key, hash)) in ends.iter().zip(&hashed) {
                let first = first.wrapping_add(start as u64);
                if key.high == 0 {
                    let word = &text[start..end];
                    self.long.add(word, seed.hash_long(word), times, first)?;
                } else {
                    self.short.add(key, hash, times, first)?;
                }
                start = end;
            }
        }
        Ok(())
    }

    /// How many distinct words there are.
    pub(super) fn len(&self) -> usize {
        self.short.len + self.long.words.len()
    }

    /// The most memory in bytes that the table takes while `num_new` words come in.
    pub(super) fn heap_bytes(&self, num_new: usize) -> usize {
        // what grows doubles, and stands beside its old self for a while
        let grows = |grown: bool| if grown { 3 } else { 1 };
        let ShortWords { slots, len, .. } = &self.short;
        let short = slots.len() * size_of::<Slot>() * grows(len + num_new > slots.len() / 2);
        let LongWords { arena, words, by_bytes } = &self.long;
        let numbers = by_bytes.capacity() * (size_of::<u32>() + 1) * 8 / 7;
        let long = words.capacity() * size_of::<LongWord>() + numbers + arena.capacity();
        // a long word has 16 bytes or more
        short + long * grows(words.len() + num_new / 4 > words.capacity())
    }

    /// The words in ascending order of bytes.
    pub(super) fn sorted(&self) -> SortedCounts<'_> {
        let Self { short, long } = self;
        let mut words: Vec<_> = short.part(0, 0).map(Slot::counted).collect();
        words.extend(long.words.iter().map(|word| long.counted(word)));
        words.sort_unstable_by(|a, b| a.word.cmp(&b.word));
        SortedCounts { words: words.into_iter(), bytes: [0; 16], current: None }
    }
}

/// What sorting takes for a word, and what a sum takes.
pub(super) const SORT_BYTES: usize = size_of::<Counted>();
pub(super) const SUM_BYTES: usize = SORT_BYTES + 2 * size_of::<u64>() + 2 * size_of::<Key>();

/// The words of a table in ascending order.
pub(super) struct SortedCounts<'t> {
    words: std::vec::IntoIter<Counted<'t>>,
    /// the current word, if it is short
    bytes: [u8; 16],
    current: Option<Counted<'t>>,
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

/// A word as it leaves the tables; in the order of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Word<'t> {
    Short(Key),
    Long(&'t [u8]),
}

impl Word<'_> {
    fn len(self) -> usize {
        match self {
            Self::Short(key) => key.len(),
            Self::Long(word) => word.len(),
        }
    }
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

/// A word, how often it occurs, and where it was first seen.
#[derive(Debug, Clone, Copy)]
struct Counted<'t> {
    first: u64,
    count: u64,
    word: Word<'t>,
}

/// The sum of `tables`, in order of first occurrence, by as many threads as there are tables.
///
/// Each thread adds up those words of all tables whose hashes lie in its part of the range.
///
/// # Errors
/// As [`WordCounts::add`].
pub(super) fn sum(tables: &[Table]) -> Result<WordCounts> {
    let log_parts = tables.len().next_power_of_two().ilog2().min(MOST_LOG_PARTS);
    let workers = vec![Vec::new(); tables.len().max(1)];
    let done = share_out(workers, 1 << log_parts, |done, part| {
        done.push(sum_of_part(tables, part, log_parts)?);
        Ok(())
    })?;
    let parts: Vec<Vec<Counted>> = done.into_iter().flatten().collect();
    let words = || parts.iter().flatten();
    // sorting the places alone moves fewer bytes than sorting the words
    let mut order: Vec<(u64, &Counted)> = words().map(|word| (word.first, word)).collect();
    order.sort_unstable_by_key(|&(first, _)| first);
    let mut sum = WordCounts::default();
    sum.reserve(order.len(), words().map(|counted| counted.word.len()).sum());
    for (_, &Counted { word, count, .. }) in order {
        match word {
            Word::Short(key) => sum.push_new(&key.bytes()[..key.len()], count)?,
            Word::Long(word) => sum.push_new(word, count)?,
        }
    }
    Ok(sum)
}

/// The sum of the words whose hashes lie in a part of the range.
fn sum_of_part(tables: &[Table], part: usize, log_parts: u32) -> Result<Vec<Counted<'_>>> {
    let most = tables.iter().map(Table::len).max().unwrap_or(0) >> log_parts;
    let mut words = Vec::with_capacity(most);
    if let [only] = tables {
        words.extend(only.short.part(part, log_parts).map(Slot::counted));
        words.extend(only.long.part(part, log_parts).map(|word| only.long.counted(word)));
    } else {
        // the parts come in the order of their hashes, which must not be that of the sum's
        let mut sum = ShortWords::new(Seed::random(), FIRST_SLOTS);
        for slot in tables.iter().flat_map(|table| table.short.part(part, log_parts)) {
            sum.join(slot)?;
        }
        words.extend(sum.part(0, 0).map(Slot::counted));
        let mut sum: HashTable<(u64, Counted)> = HashTable::new();
        for table in tables.iter().map(|table| &table.long) {
            for word in table.part(part, log_parts) {
                join_long(&mut sum, word.hash, table.counted(word))?;
            }
        }
        words.extend(sum.into_iter().map(|(_, counted)| counted));
    }
    Ok(words)
}

/// Add what another table counted.
fn join_long<'t>(
    sum: &mut HashTable<(u64, Counted<'t>)>,
    hash: u64,
    counted: Counted<'t>,
) -> Result<()> {
    let is_it = |(other, known): &(u64, Counted)| *other == hash && known.word == counted.word;
    if let Some((_, known)) = sum.find_mut(hash, is_it) {
        known.count = known.count.checked_add(counted.count).ok_or_else(overflow)?;
        known.first = known.first.min(counted.first);
    } else {
        sum.insert_unique(hash, (hash, counted), |(hash, _)| *hash);
    }
    Ok(())
}
