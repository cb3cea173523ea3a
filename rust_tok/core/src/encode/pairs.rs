//! What two neighbouring symbols merge into: open-addressing tables of (left, right).

use super::merge::Merge;
use crate::memory::room_on_large_pages;

/// Merges by pair.
///
/// Where ids ascend as ranks do, as learning gives them, the id is as good as the rank: a pair and
/// what it makes then take 8 bytes in place of 16, and half the cache.
#[derive(Debug, Clone)]
pub(crate) enum PairTable {
    Packed(Packed),
    Wide(Wide),
}

impl PairTable {
    pub(crate) fn with_capacity(pairs: usize) -> Self {
        Self::Packed(Packed { table: Table::with_capacity(pairs), last: None })
    }

    /// Add the last of `merges`, whose pair is not there; those before it are there.
    pub(crate) fn insert_last(&mut self, merges: &[Merge]) {
        let Some(merge) = merges.last() else { return };
        match self {
            Self::Packed(packed) => {
                if !packed.insert(merge) {
                    let mut table = Table::with_capacity(merges.len());
                    for merge in merges {
                        table.insert(WideSlot::new(merge));
                    }
                    *self = Self::Wide(Wide { table });
                }
            }
            Self::Wide(wide) => wide.table.insert(WideSlot::new(merge)),
        }
    }

    /// Whether a pair merges.
    pub(crate) fn contains(&self, left: u32, right: u32) -> bool {
        let rank = match self {
            Self::Packed(packed) => packed.rank(left, right),
            Self::Wide(wide) => wide.rank(left, right),
        };
        rank != NO_RANK
    }
}

/// No pair has this rank.
pub(crate) const NO_RANK: u32 = u32::MAX;

/// What merging asks of a table.
pub(crate) trait Pairs {
    /// The rank of a pair: lower ones merge first. `NO_RANK` where it does not merge.
    fn rank(&self, left: u32, right: u32) -> u32;

    /// What a pair of this rank makes.
    fn made(&self, rank: u32, left: u32, right: u32) -> u32;
}

/// Of a merge in 64 bits: 21 for each of the symbols of the pair, 22 for the one it makes.
const PAIR_BITS: u32 = 21;
const MADE_BITS: u32 = 22;
const MADE: u64 = (1 << MADE_BITS) - 1;

/// Merges whose ids are small and ascend as their ranks do; the rank of a pair is its id.
#[derive(Debug, Clone)]
pub(crate) struct Packed {
    table: Table<u64>,
    /// (rank, id) of the merge that was added last
    last: Option<(u32, u32)>,
}

impl Packed {
    /// Add a merge; `false` where it does not fit.
    fn insert(&mut self, merge: &Merge) -> bool {
        let Merge { left, right, id, rank } = *merge;
        let ascends =
            self.last.is_none_or(|last| last == (rank, id) || last.0 < rank && last.1 < id);
        if !ascends || (left | right | id) >> PAIR_BITS != 0 {
            return false;
        }
        self.last = Some((rank, id));
        self.table.insert(Self::key_of(left, right) << MADE_BITS | u64::from(id));
        true
    }

    #[inline]
    fn key_of(left: u32, right: u32) -> u64 {
        u64::from(left) << PAIR_BITS | u64::from(right)
    }
}

impl Pairs for Packed {
    #[inline]
    fn rank(&self, left: u32, right: u32) -> u32 {
        if (left | right) >> PAIR_BITS != 0 {
            return NO_RANK;
        }
        self.table.find(Self::key_of(left, right)).map_or(NO_RANK, |slot| (slot & MADE) as u32)
    }

    #[inline]
    fn made(&self, rank: u32, _: u32, _: u32) -> u32 {
        rank
    }
}

/// Any merges.
#[derive(Debug, Clone)]
pub(crate) struct Wide {
    table: Table<WideSlot>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct WideSlot {
    key: u64,
    rank: u32,
    id: u32,
}

impl WideSlot {
    fn new(merge: &Merge) -> Self {
        let key = Self::key_of(merge.left, merge.right);
        Self { key, rank: merge.rank, id: merge.id }
    }

    #[inline]
    fn key_of(left: u32, right: u32) -> u64 {
        u64::from(left) << 32 | u64::from(right)
    }
}

impl Pairs for Wide {
    #[inline]
    fn rank(&self, left: u32, right: u32) -> u32 {
        self.table.find(WideSlot::key_of(left, right)).map_or(NO_RANK, |slot| slot.rank)
    }

    #[inline]
    fn made(&self, _: u32, left: u32, right: u32) -> u32 {
        self.table.find(WideSlot::key_of(left, right)).map_or(left, |slot| slot.id)
    }
}

/// What stands in a table.
trait Slot: Copy + PartialEq {
    /// What no merge is.
    const FREE: Self;

    fn key(self) -> u64;
}

impl Slot for u64 {
    const FREE: Self = Self::MAX;

    #[inline]
    fn key(self) -> u64 {
        self >> MADE_BITS
    }
}

impl Slot for WideSlot {
    const FREE: Self = Self { key: u64::MAX, rank: 0, id: 0 };

    #[inline]
    fn key(self) -> u64 {
        self.key
    }
}

/// At most half full, so that an absent key is found absent quickly.
#[derive(Debug, Clone)]
struct Table<S> {
    slots: Vec<S>,
    /// a hash shifted right by this is a place
    shift: u32,
    len: usize,
}

impl<S: Slot> Table<S> {
    fn with_capacity(len: usize) -> Self {
        let size = (len.max(8) * 2).next_power_of_two();
        let mut slots = room_on_large_pages(size);
        slots.resize(size, S::FREE);
        Self { slots, shift: 64 - size.trailing_zeros(), len: 0 }
    }

    /// Where `key` is or would be.
    #[inline]
    fn place(&self, key: u64) -> usize {
        let last = self.slots.len() - 1;
        // Fibonacci hashing: the high bits of the product depend on all bits of the key
        let mut at = ((key ^ key >> 29).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> self.shift) as usize;
        loop {
            let slot = self.slots[at & last];
            if slot.key() == key || slot == S::FREE {
                return at & last;
            }
            at += 1;
        }
    }

    #[inline]
    fn find(&self, key: u64) -> Option<S> {
        let slot = self.slots[self.place(key)];
        (slot != S::FREE).then_some(slot)
    }

    /// Add what is not there.
    fn insert(&mut self, slot: S) {
        if self.len * 2 >= self.slots.len() {
            let mut larger = Self::with_capacity(self.slots.len());
            for &slot in self.slots.iter().filter(|slot| **slot != S::FREE) {
                larger.insert(slot);
            }
            *self = larger;
        }
        let at = self.place(slot.key());
        self.slots[at] = slot;
        self.len += 1;
    }
}
