//! The queue of pairs: highest count first, then the tie rule.

use std::cmp::Ordering;

use super::symbols::Symbols;

/// Children of a place in the heap: a wide heap is shallow, and its children share cache lines.
const WIDTH: usize = 4;

/// A pair with the count and the key it had when it was put here; both can only have grown worse.
#[derive(Clone, Copy)]
pub(super) struct Candidate {
    pub(super) count: u64,
    pub(super) key: u64,
    pub(super) left: u32,
    pub(super) right: u32,
}

impl Candidate {
    #[inline]
    fn before(&self, other: &Self, symbols: &Symbols) -> bool {
        let place =
            |candidate: &Self| u128::from(candidate.count) << 64 | u128::from(!candidate.key);
        let (mine, its) = (place(self), place(other));
        mine > its || mine == its && self.spelled_before(other, symbols)
    }

    #[cold]
    fn spelled_before(&self, other: &Self, symbols: &Symbols) -> bool {
        let ids = |candidate: &Self| (candidate.left, candidate.right);
        symbols.compare(ids(self), ids(other)) == Ordering::Less
    }
}

/// A heap whose order needs the symbols' spelling.
#[derive(Default)]
pub(super) struct Queue(Vec<Candidate>);

impl Queue {
    /// Exchange everything for these.
    pub(super) fn refill(
        &mut self,
        candidates: impl Iterator<Item = Candidate>,
        symbols: &Symbols,
    ) {
        self.0.clear();
        self.0.extend(candidates);
        for at in (0..self.0.len().div_ceil(WIDTH)).rev() {
            self.sink(at, symbols);
        }
    }

    pub(super) fn push(&mut self, candidate: Candidate, symbols: &Symbols) {
        let mut at = self.0.len();
        self.0.push(candidate);
        while at > 0 {
            let parent = (at - 1) / WIDTH;
            if !candidate.before(&self.0[parent], symbols) {
                break;
            }
            self.0[at] = self.0[parent];
            at = parent;
        }
        self.0[at] = candidate;
    }

    pub(super) fn peek(&self) -> Option<Candidate> {
        self.0.first().copied()
    }

    /// Take the first away.
    pub(super) fn drop_first(&mut self, symbols: &Symbols) {
        if let Some(last) = self.0.pop()
            && let Some(first) = self.0.first_mut()
        {
            *first = last;
            self.sink(0, symbols);
        }
    }

    /// Put the first back in its place with a count or a key that has grown worse.
    pub(super) fn replace_first(&mut self, candidate: Candidate, symbols: &Symbols) {
        if let Some(first) = self.0.first_mut() {
            *first = candidate;
            self.sink(0, symbols);
        }
    }

    fn sink(&mut self, at: usize, symbols: &Symbols) {
        let mut at = at;
        let candidate = self.0[at];
        loop {
            let first = at * WIDTH + 1;
            let children = first..(first + WIDTH).min(self.0.len());
            let mut best = at;
            let mut best_one = candidate;
            for child in children {
                if self.0[child].before(&best_one, symbols) {
                    (best, best_one) = (child, self.0[child]);
                }
            }
            if best == at {
                self.0[at] = candidate;
                return;
            }
            self.0[at] = best_one;
            at = best;
        }
    }
}
