//! What threads work with, kept by a tokenizer between calls: a text need not find it all anew.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Mutex;

use super::long_pieces::LongPieces;
use super::merge::Node;
use super::piece_counts::PieceCounts;
use super::pieces::MergedPieces;
use crate::split::PieceEnds;

/// The most that are kept.
const MOST_KEPT: usize = 16;

/// Of a longer piece the room it took is given back.
const MOST_NODES: usize = 1 << 16;

/// What one thread uses again and again. It belongs to one tokenizer: it holds ids.
#[derive(Default)]
pub(crate) struct Scratch {
    pub(crate) ends: PieceEnds,
    pub(super) merged: MergedPieces,
    pub(super) long: LongPieces,
    pub(super) piece_counts: PieceCounts,
    pub(super) nodes: Vec<Node>,
    pub(super) heap: BinaryHeap<Reverse<u64>>,
    /// the ids of a piece of which only their number is asked
    pub(super) counted: Vec<u32>,
}

/// Those that no thread has at the moment.
#[derive(Default)]
pub(crate) struct Scratches(Mutex<Vec<Scratch>>);

impl Scratches {
    /// One that was used before, or a new one. Never waits: a process that was forked off while
    /// another thread held the lock would wait for ever.
    pub(crate) fn take(&self) -> Scratch {
        self.0.try_lock().ok().and_then(|mut kept| kept.pop()).unwrap_or_default()
    }

    /// Keep one for the next call.
    pub(crate) fn give(&self, mut scratch: Scratch) {
        if scratch.nodes.capacity().max(scratch.counted.capacity()) > MOST_NODES {
            (scratch.nodes, scratch.heap, scratch.counted) = Default::default();
        }
        if let Ok(mut kept) = self.0.try_lock()
            && kept.len() < MOST_KEPT
        {
            kept.push(scratch);
        }
    }
}

impl Clone for Scratches {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl std::fmt::Debug for Scratches {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Scratches")
    }
}
