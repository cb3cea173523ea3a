//! What short pieces encode to: a table of the vocabulary that all threads read, and a small one of
//! what a thread merged lately.

pub(super) use crate::count::key::SHORT;
use crate::count::key::{Key, Seed};
use crate::memory::{on_large_pages, prefetch};

/// Slots of a thread's own table, as powers of two: it begins small, where it stays near, and grows to
/// 8 MiB.
const FIRST_SLOTS: u32 = 10;
const MOST_SLOTS: u32 = 18;

/// A short piece, ready to be looked up; the default stands for a piece that is not short.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Hashed {
    pub(super) key: Key,
    pub(super) hash: u64,
}

impl Hashed {
    #[inline]
    pub(super) fn is_short(&self) -> bool {
        self.key.high != 0
    }
}

/// Makes short pieces ready for the tables of one tokenizer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hasher(Seed);

impl Hasher {
    /// The piece of `len` bytes, 1 to 15, at `start` of `text`.
    #[expect(
        clippy::inline_always,
        reason = "handed over in memory, its two words are loaded as one"
    )]
    #[inline(always)]
    pub(super) fn hashed(self, text: &[u8], start: usize, len: usize) -> Hashed {
        self.of_key(Key::new(text, start, len))
    }

    #[inline]
    pub(super) fn of_key(self, key: Key) -> Hashed {
        Hashed { key, hash: self.0.hash(key) }
    }
}

/// Half a cache line, so that looking one up takes one.
#[derive(Debug, Clone, Copy, Default)]
#[repr(align(32))]
struct Slot<V> {
    /// of length 0 where the slot is free
    key: Key,
    value: V,
}

/// What is known of short pieces: open addressing, at most half full.
#[derive(Debug, Clone)]
struct Table<V> {
    slots: Vec<Slot<V>>,
    /// a hash shifted right by this is a place
    shift: u32,
    len: usize,
}

impl<V: Copy + Default> Table<V> {
    fn with_slots(log_slots: u32) -> Self {
        Self { slots: on_large_pages(1 << log_slots), shift: 64 - log_slots, len: 0 }
    }

    #[inline]
    fn prefetch(&self, piece: &Hashed) {
        prefetch(&self.slots[(piece.hash >> self.shift) as usize]);
    }

    /// The slot of a piece, or the free one where it would be.
    #[inline]
    fn place(&self, piece: &Hashed) -> usize {
        let last = self.slots.len() - 1;
        let mut at = (piece.hash >> self.shift) as usize;
        while self.slots[at & last].key != piece.key && self.slots[at & last].key.high != 0 {
            at += 1;
        }
        at & last
    }

    #[inline]
    fn get(&self, piece: &Hashed) -> Option<V> {
        let Slot { key, value } = self.slots[self.place(piece)];
        (key.high != 0).then_some(value)
    }

    /// Keep what is new; the table must not be full.
    fn insert(&mut self, piece: &Hashed, value: V) {
        let at = self.place(piece);
        self.slots[at] = Slot { key: piece.key, value };
        self.len += 1;
    }

    fn is_half_full(&self) -> bool {
        2 * self.len >= self.slots.len()
    }
}

/// The tokens of 1 to 15 bytes.
#[derive(Debug, Clone)]
pub(super) struct ShortTokens {
    hasher: Hasher,
    table: Table<u32>,
}

impl ShortTokens {
    /// Those of these that are short.
    pub(super) fn new<'v>(tokens: impl Iterator<Item = (u32, &'v [u8])>) -> Self {
        let hasher = Hasher(Seed::random());
        let short: Vec<_> = tokens
            .filter(|(_, bytes)| bytes.len() <= SHORT)
            .map(|(id, bytes)| (hasher.hashed(bytes, 0, bytes.len()), id))
            .collect();
        let log_slots = (2 * short.len().max(8)).next_power_of_two().ilog2();
        let mut table = Table::with_slots(log_slots);
        for (piece, id) in short {
            table.insert(&piece, id);
        }
        Self { hasher, table }
    }

    pub(super) fn hasher(&self) -> Hasher {
        self.hasher
    }

    /// Have the place of a piece brought near.
    #[inline]
    pub(super) fn prefetch(&self, piece: &Hashed) {
        self.table.prefetch(piece);
    }

    /// The id of a piece that is a token.
    #[inline]
    pub(super) fn get(&self, piece: &Hashed) -> Option<u32> {
        self.table.get(piece)
    }
}

/// Up to five ids under 2^24, from the lowest bits on, and how many they are in the highest byte.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct FewIds(u128);

impl FewIds {
    pub(super) const MOST: usize = 5;
    const BITS: u32 = 24;

    /// `None` where they do not fit.
    fn new(ids: &[u32]) -> Option<Self> {
        let fit = ids.len() <= Self::MOST && ids.iter().all(|id| id >> Self::BITS == 0);
        let bits = |bits: u128, &id: &u32| bits << Self::BITS | u128::from(id);
        fit.then(|| Self((ids.len() as u128) << 120 | ids.iter().rev().fold(0, bits)))
    }

    pub(super) fn len(self) -> usize {
        (self.0 >> 120) as usize
    }

    /// As many as there are, and zeros.
    #[inline]
    pub(super) fn all(self) -> [u32; Self::MOST] {
        [0, 1, 2, 3, 4].map(|at| (self.0 >> (at * Self::BITS)) as u32 & ((1 << Self::BITS) - 1))
    }
}

/// What one thread merged: short pieces that are no tokens. A table that is full grows; where it is as
/// large as it may be, it begins anew.
#[derive(Debug)]
pub(super) struct MergedPieces(Table<FewIds>);

impl Default for MergedPieces {
    fn default() -> Self {
        Self(Table::with_slots(FIRST_SLOTS))
    }
}

impl MergedPieces {
    #[inline]
    pub(super) fn prefetch(&self, piece: &Hashed) {
        self.0.prefetch(piece);
    }

    #[inline]
    pub(super) fn get(&self, piece: &Hashed) -> Option<FewIds> {
        self.0.get(piece)
    }

    /// Keep what a piece that is not here merged to, if there is room for so many ids.
    pub(super) fn insert(&mut self, hasher: Hasher, piece: &Hashed, ids: &[u32]) {
        let Some(ids) = FewIds::new(ids).filter(|_| piece.is_short()) else { return };
        if self.0.is_half_full() {
            self.make_room(hasher);
        }
        self.0.insert(piece, ids);
    }

    #[cold]
    fn make_room(&mut self, hasher: Hasher) {
        let log_slots = 64 - self.0.shift;
        if log_slots == MOST_SLOTS {
            self.0.slots.fill(Slot::default());
            self.0.len = 0;
            return;
        }
        let mut larger = Table::with_slots(log_slots + 1);
        for slot in self.0.slots.iter().filter(|slot| slot.key.high != 0) {
            larger.insert(&hasher.of_key(slot.key), slot.value);
        }
        self.0 = larger;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_comes_back_whatever_was_kept_since() {
        let hasher = Hasher(Seed::random());
        let mut merged = MergedPieces::default();
        let text = |number: u32| number.to_le_bytes();
        let piece = |number| hasher.hashed(&text(number), 0, 4);
        let ids =
            |number: u32| (0..number % 6).map(|at| (number + at) % (1 << 24)).collect::<Vec<_>>();
        for number in 0..3 << MOST_SLOTS {
            assert!(merged.get(&piece(number)).is_none());
            merged.insert(hasher, &piece(number), &ids(number));
            for older in [number / 2, number / 3] {
                if let Some(found) = merged.get(&piece(older)) {
                    assert_eq!(found.all()[..found.len()], ids(older));
                } else {
                    assert!(number >= 1 << (MOST_SLOTS - 1), "only a full table forgets");
                }
            }
            assert!(merged.get(&piece(number)).is_some());
        }
        assert!(merged.0.slots.len() <= 1 << MOST_SLOTS);
    }

    #[test]
    fn ids_that_do_not_fit_are_not_kept() {
        let hasher = Hasher(Seed::random());
        let mut merged = MergedPieces::default();
        let piece = hasher.hashed(b"piece", 0, 5);
        for ids in [&[1 << 24][..], &[1; 6]] {
            merged.insert(hasher, &piece, ids);
            assert!(merged.get(&piece).is_none());
        }
        let long = Hashed::default();
        merged.insert(hasher, &long, &[1]);
        assert!(merged.get(&long).is_none());
        merged.insert(hasher, &piece, &[(1 << 24) - 1, 0, 7]);
        let found = merged.get(&piece).unwrap();
        assert_eq!((found.all(), found.len()), ([(1 << 24) - 1, 0, 7, 0, 0], 3));
    }
}
