//! Whether two tokens can stand side by side in what merging makes of a text.
//!
//! Tokens that stand side by side, each two of them as merging alone would leave them, are what merging
//! makes of the whole (docs/bpe.md): so a text can be encoded from its front, and a token be known to be
//! reached, without merging it.

use super::merge::Merge;
use super::pairs::{NO_RANK, Packed, Pairs};

/// How each token is made, where that is by one merge alone, of tokens that were there before.
#[derive(Debug, Clone)]
pub(super) struct Borders {
    origins: Vec<Origin>,
}

/// The merge that makes a token.
#[derive(Debug, Clone, Copy, Default)]
struct Origin {
    /// how many merges there are up to this one; 0 for a token that no merge makes
    order: u32,
    left: u32,
    right: u32,
}

impl Borders {
    /// `None` where a token is made by two merges, or by one of tokens that are made later, or where the
    /// order of the merges is not that of their ranks. `num_ids` is more than any id in `merges`.
    pub(super) fn new(num_ids: usize, merges: &[Merge]) -> Option<Self> {
        let mut origins = vec![Origin::default(); num_ids];
        for (at, &Merge { left, right, id, rank }) in merges.iter().enumerate() {
            let is_next = at.checked_sub(1).is_none_or(|before| merges[before].rank < rank);
            if !is_next || origins[id as usize].order != 0 || id == left || id == right {
                return None;
            }
            origins[id as usize] = Origin { order: at as u32 + 1, left, right };
        }
        // what a merge takes was there before it
        let order = |id: u32| origins[id as usize].order;
        let is_ordered = |m: &Merge| order(m.left) < order(m.id) && order(m.right) < order(m.id);
        merges.iter().all(is_ordered).then_some(Self { origins })
    }

    /// Whether the bytes of two tokens merge to these two.
    #[inline]
    pub(super) fn hold(&self, pairs: &Packed, left: u32, right: u32) -> bool {
        self.hold_until(pairs, left, right, u32::MAX)
    }

    /// Whether the bytes of the token merge to it, if those of its two parts merge to them.
    pub(super) fn is_reached(&self, pairs: &Packed, id: u32) -> bool {
        let Origin { order, left, right } = self.origins[id as usize];
        order != 0 && self.hold_until(pairs, left, right, order)
    }

    /// Whether no merge before number `limit` joins what lies at either side of the border: the merges
    /// that made the two are undone, the last one first, and at each step the pair at the border is one
    /// that would have merged only later.
    #[inline]
    fn hold_until(&self, pairs: &Packed, mut left: u32, mut right: u32, mut limit: u32) -> bool {
        loop {
            let rank = pairs.rank(left, right);
            if rank != NO_RANK {
                let made = pairs.made(rank, left, right);
                if self.origins[made as usize].order < limit {
                    return false;
                }
            }
            let (on_left, on_right) = (self.origins[left as usize], self.origins[right as usize]);
            if on_left.order > on_right.order {
                // of equal ranks the leftmost merges first: there the one inside the left token
                (left, limit) = (on_left.right, on_left.order);
            } else if on_right.order > 0 {
                (right, limit) = (on_right.left, on_right.order + 1);
            } else {
                return true;
            }
        }
    }
}
