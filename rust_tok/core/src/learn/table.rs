//! Hash tables of pairs with open addressing. A pair is never taken out.

/// The key of an empty slot; ids stay under 2^31, so no pair has it.
const EMPTY: u64 = u64::MAX;

#[inline]
fn key_of(left: u32, right: u32) -> u64 {
    u64::from(left) << 32 | u64::from(right)
}

/// (left, right) of a key.
#[inline]
pub(super) fn ids_of(key: u64) -> (u32, u32) {
    ((key >> 32) as u32, key as u32)
}

/// Spreads keys: both halves of the product are needed, so that either id moves every bit.
#[inline]
fn spread(key: u64) -> usize {
    let product = u128::from(key ^ 0x9e37_79b9_7f4a_7c15) * 0xd6e8_feb8_6659_fd93;
    ((product >> 64) as u64 ^ product as u64) as usize
}

/// Values by pair.
pub(super) struct PairMap<V> {
    /// a power of two, at most half full
    slots: Vec<(u64, V)>,
    len: usize,
}

impl<V: Copy + Default> PairMap<V> {
    pub(super) fn with_capacity(pairs: usize) -> Self {
        let slots = (pairs * 2).next_power_of_two().max(16);
        Self { slots: vec![(EMPTY, V::default()); slots], len: 0 }
    }

    #[inline]
    fn slot(&self, key: u64) -> usize {
        let mask = self.slots.len() - 1;
        let mut at = spread(key) & mask;
        while self.slots[at].0 != key && self.slots[at].0 != EMPTY {
            at = (at + 1) & mask;
        }
        at
    }

    #[inline]
    pub(super) fn get(&self, left: u32, right: u32) -> Option<V> {
        let slot = &self.slots[self.slot(key_of(left, right))];
        (slot.0 != EMPTY).then_some(slot.1)
    }

    #[inline]
    pub(super) fn get_mut(&mut self, left: u32, right: u32) -> Option<&mut V> {
        let at = self.slot(key_of(left, right));
        let slot = &mut self.slots[at];
        (slot.0 != EMPTY).then_some(&mut slot.1)
    }

    /// The value of a pair, the default one if it is new.
    #[inline]
    pub(super) fn entry(&mut self, left: u32, right: u32) -> &mut V {
        let key = key_of(left, right);
        let mut at = self.slot(key);
        if self.slots[at].0 == EMPTY {
            if self.len * 2 >= self.slots.len() {
                self.grow();
                at = self.slot(key);
            }
            self.slots[at].0 = key;
            self.len += 1;
        }
        &mut self.slots[at].1
    }

    #[cold]
    fn grow(&mut self) {
        let bigger = vec![(EMPTY, V::default()); self.slots.len() * 2];
        let old = std::mem::replace(&mut self.slots, bigger);
        for (key, value) in old {
            if key != EMPTY {
                let at = self.slot(key);
                self.slots[at] = (key, value);
            }
        }
    }

    /// (left, right, value), in an order that means nothing.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, u32, V)> {
        self.slots.iter().filter(|slot| slot.0 != EMPTY).map(|&(key, value)| {
            let (left, right) = ids_of(key);
            (left, right, value)
        })
    }
}
