//! What ids spell, and the order that a tie rule gives their pairs.

use std::cmp::Ordering;
use std::hash::BuildHasher;

use foldhash::fast::FixedState;
use hashbrown::HashTable;

use super::options::{MaxLength, Tie};

/// What each id spells and of how much it is made. New ids are appended.
pub(super) struct Symbols {
    arena: Vec<u8>,
    ends: Vec<usize>,
    /// of how many initial symbols an id is made
    units: Vec<u32>,
    /// an id's place under the rule `raw`
    raw: Vec<u32>,
    by_bytes: HashTable<u32>,
    /// the place under `raw` of the next id that a merge makes
    next_raw: u32,
    tie: Tie,
    longest: Option<MaxLength>,
}

impl Symbols {
    /// The ids of `spelled`, each an initial symbol until [`Symbols::make`] says otherwise.
    pub(super) fn new(spelled: &[Vec<u8>], tie: Tie, longest: Option<MaxLength>) -> Self {
        let mut symbols = Self {
            arena: Vec::new(),
            ends: Vec::new(),
            units: Vec::new(),
            raw: Vec::new(),
            by_bytes: HashTable::with_capacity(spelled.len()),
            next_raw: spelled.len() as u32,
            tie,
            longest,
        };
        for bytes in spelled {
            symbols.arena.extend_from_slice(bytes);
            symbols.number();
        }
        let mut by_bytes: Vec<u32> = (0..spelled.len() as u32).collect();
        by_bytes.sort_by_key(|&id| &spelled[id as usize]);
        for (place, id) in by_bytes.into_iter().enumerate() {
            symbols.raw[id as usize] = place as u32;
        }
        symbols
    }

    /// Give the bytes at the end of the arena an id, one initial unit long.
    fn number(&mut self) -> u32 {
        let id = self.ends.len() as u32;
        self.ends.push(self.arena.len());
        self.units.push(1);
        self.raw.push(0);
        let Self { arena, ends, by_bytes, .. } = self;
        let bytes = span(arena, ends, id);
        if !bytes.is_empty()
            && by_bytes.find(hash(bytes), |&o| span(arena, ends, o) == bytes).is_none()
        {
            by_bytes.insert_unique(hash(bytes), id, |&other| hash(span(arena, ends, other)));
        }
        id
    }

    /// What `id` spells; nothing for a hole.
    pub(super) fn bytes(&self, id: u32) -> &[u8] {
        span(&self.arena, &self.ends, id)
    }

    /// How many ids there are.
    pub(super) fn len(&self) -> u32 {
        self.ends.len() as u32
    }

    /// The first id that spells what `left` and `right` spell together.
    pub(super) fn find_joined(&self, left: u32, right: u32) -> Option<u32> {
        let joined = [self.bytes(left), self.bytes(right)].concat();
        self.by_bytes.find(hash(&joined), |&id| self.bytes(id) == joined).copied()
    }

    /// A new id for `left` and `right` joined.
    pub(super) fn mint(&mut self, left: u32, right: u32) -> u32 {
        for id in [left, right] {
            let start = self.start(id);
            self.arena.extend_from_within(start..self.ends[id as usize]);
        }
        self.number()
    }

    /// Note that `id`, which no word holds yet, is made of `left` and `right`.
    pub(super) fn make(&mut self, left: u32, right: u32, id: u32) {
        self.units[id as usize] =
            self.units[left as usize].saturating_add(self.units[right as usize]);
        self.raw[id as usize] = self.next_raw;
        self.next_raw += 1;
    }

    fn start(&self, id: u32) -> usize {
        if id == 0 { 0 } else { self.ends[id as usize - 1] }
    }

    /// Whether the limit on length lets `left` and `right` merge.
    #[inline]
    pub(super) fn may_merge(&self, left: u32, right: u32) -> bool {
        let Some(longest) = self.longest else { return true };
        let units = |id: u32| u64::from(self.units[id as usize]);
        match longest {
            MaxLength::Exact(most) => {
                self.bytes(left).len() + self.bytes(right).len() <= most as usize
            }
            MaxLength::HfCompat(limit) => {
                let together = units(left) + units(right);
                together == 2 || together < u64::from(limit)
            }
        }
    }

    /// The place of a pair among those of its count, the smallest first; where two are equal
    /// [`Symbols::compare`] decides. `position` is where the pair first stands.
    #[inline]
    pub(super) fn key(&self, left: u32, right: u32, position: u32) -> u64 {
        let joined = |high: u32, low: u32| u64::from(high) << 32 | u64::from(low);
        match self.tie {
            Tie::Hf => joined(left, right),
            Tie::Raw => joined(self.raw[left as usize], self.raw[right as usize]),
            Tie::FirstOccurrence => u64::from(position),
            Tie::BytesMax => !prefix(self.bytes(left)),
            Tie::BytesMin => prefix(self.bytes(left)),
            Tie::SentencePiece => {
                let units =
                    u64::from(self.units[left as usize]) + u64::from(self.units[right as usize]);
                units.min(u64::from(u32::MAX)) << 32
            }
            Tie::YouTokenToMe => {
                let (larger, smaller) = (left.max(right), left.min(right));
                joined(larger, smaller << 1 | u32::from(left != larger))
            }
        }
    }

    /// The order of two pairs of the same count and key.
    pub(super) fn compare(&self, one: (u32, u32), other: (u32, u32)) -> Ordering {
        let spelled = |pair: (u32, u32)| (self.bytes(pair.0), self.bytes(pair.1));
        let by_bytes = match self.tie {
            Tie::BytesMax => spelled(other).cmp(&spelled(one)),
            Tie::BytesMin => spelled(one).cmp(&spelled(other)),
            Tie::SentencePiece => {
                let joined = |pair: (u32, u32)| self.bytes(pair.0).iter().chain(self.bytes(pair.1));
                joined(one).cmp(joined(other))
            }
            Tie::Hf | Tie::Raw | Tie::FirstOccurrence | Tie::YouTokenToMe => Ordering::Equal,
        };
        by_bytes.then_with(|| one.cmp(&other))
    }
}

/// The first eight bytes as a number, so that an unequal pair of these is ordered as the bytes are.
fn prefix(bytes: &[u8]) -> u64 {
    let mut first = [0; 8];
    let len = bytes.len().min(8);
    first[..len].copy_from_slice(&bytes[..len]);
    u64::from_be_bytes(first)
}

fn span<'a>(arena: &'a [u8], ends: &[usize], id: u32) -> &'a [u8] {
    let start = if id == 0 { 0 } else { ends[id as usize - 1] };
    &arena[start..ends[id as usize]]
}

fn hash(bytes: &[u8]) -> u64 {
    FixedState::default().hash_one(bytes)
}
