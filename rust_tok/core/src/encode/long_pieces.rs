//! What one thread merged of pieces that are long, or of many ids.

use std::hash::BuildHasher;

use foldhash::fast::RandomState;
use hashbrown::HashTable;

/// Pieces of more bytes are merged each time: they hardly come twice.
const LONGEST: usize = 256;

/// The most that bytes and ids take: 4 MiB each.
const MOST_BYTES: usize = 4 << 20;
const MOST_IDS: usize = 1 << 20;

/// Pieces and their ids. When the room is used up, it begins anew.
#[derive(Debug, Default)]
pub(super) struct LongPieces {
    state: RandomState,
    by_bytes: HashTable<Entry>,
    bytes: Vec<u8>,
    ids: Vec<u32>,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    hash: u64,
    start: u32,
    first_id: u32,
    len: u16,
    num_ids: u16,
}

impl LongPieces {
    /// The hash of a piece that may be here.
    #[inline]
    pub(super) fn hash(&self, piece: &[u8]) -> Option<u64> {
        (piece.len() <= LONGEST).then(|| self.state.hash_one(piece))
    }

    #[inline]
    pub(super) fn get(&self, piece: &[u8], hash: u64) -> Option<&[u32]> {
        let Self { by_bytes, bytes, ids, .. } = self;
        let is_it = |entry: &Entry| {
            entry.hash == hash && bytes[entry.start as usize..][..entry.len as usize] == *piece
        };
        let Entry { first_id, num_ids, .. } = *by_bytes.find(hash, is_it)?;
        Some(&ids[first_id as usize..][..num_ids as usize])
    }

    /// Keep what a piece that is not here merged to.
    pub(super) fn insert(&mut self, piece: &[u8], hash: u64, ids: &[u32]) {
        if self.bytes.len() + piece.len() > MOST_BYTES || self.ids.len() + ids.len() > MOST_IDS {
            self.by_bytes.clear();
            self.bytes.clear();
            self.ids.clear();
        }
        let entry = Entry {
            hash,
            start: self.bytes.len() as u32,
            first_id: self.ids.len() as u32,
            len: piece.len() as u16,
            num_ids: ids.len() as u16,
        };
        self.by_bytes.insert_unique(hash, entry, |entry| entry.hash);
        self.bytes.extend_from_slice(piece);
        self.ids.extend_from_slice(ids);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_comes_back_and_the_room_is_bounded() {
        let mut pieces = LongPieces::default();
        let mut num_forgotten = 0;
        for number in 0..100_000_u32 {
            let piece = |number: u32| format!("{number:0>100}").into_bytes();
            let ids = |number: u32| vec![number; 1 + number as usize % 30];
            let hash = pieces.hash(&piece(number)).unwrap();
            assert!(pieces.get(&piece(number), hash).is_none());
            pieces.insert(&piece(number), hash, &ids(number));
            for older in [number, number - number / 5] {
                let hash = pieces.hash(&piece(older)).unwrap();
                match pieces.get(&piece(older), hash) {
                    Some(found) => assert_eq!(found, ids(older)),
                    None => num_forgotten += 1,
                }
            }
        }
        assert!(num_forgotten > 0 && num_forgotten < 50_000, "{num_forgotten}");
        assert!(pieces.bytes.len() <= MOST_BYTES && pieces.ids.len() <= MOST_IDS);
        assert!(pieces.hash(&[0; LONGEST + 1]).is_none());
    }
}
