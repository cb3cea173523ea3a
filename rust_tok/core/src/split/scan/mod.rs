//! Piece ends by the buffer: 64 bytes at a time where the text is ASCII, the scalar walk elsewhere.
//!
//! A window of 64 bytes that begins where a piece begins is classified into bit masks (`masks`), which
//! tell where the next pieces begin; a piece of which the window does not tell the end is walked.
//! What differs between processors is how bytes become masks and masks become numbers.

#![expect(clippy::inline_always, reason = "each tier is one function for the processor it needs")]

mod masks;
mod table;
#[cfg(test)]
mod tests;
#[cfg(all(target_arch = "x86_64", target_pointer_width = "64"))]
#[expect(unsafe_code, reason = "vector loads and stores, and calls for the processor at hand")]
mod x86;

use super::schemes::{GPT2, GPT4, LLAMA3, O200K, QWEN2, Rules, Scheme, TEKKEN, piece_end};
use masks::{Masks, piece_starts};

/// How many ends fit a buffer.
const CAPACITY: usize = 512;

/// The most ends that one window adds, and the room that writing them may use.
const WINDOW: usize = 64;

/// What a byte that is not ASCII has.
const HIGH_BITS: u64 = 0x8080_8080_8080_8080;

/// A buffer of piece ends: offsets in a text, ascending. Empty until it is used.
#[derive(Debug, Clone, Default)]
pub struct PieceEnds {
    slots: Vec<usize>,
    len: usize,
}

impl PieceEnds {
    pub(super) fn as_slice(&self) -> &[usize] {
        &self.slots[..self.len]
    }

    /// Make room for a buffer's worth of ends.
    pub(super) fn clear(&mut self) {
        self.slots.resize(CAPACITY, 0);
        self.len = 0;
    }

    /// Whether a window's ends may not fit any more.
    #[inline]
    pub(super) fn is_full(&self) -> bool {
        self.len > CAPACITY - WINDOW
    }

    /// Add one end; the buffer must not be full.
    #[inline]
    pub(super) fn push(&mut self, end: usize) {
        self.slots[self.len] = end;
        self.len += 1;
    }
}

/// How the pieces of the named schemes are found; all give the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tier {
    /// Character by character: the ground truth.
    Scalar,
    /// Masks by a table of bytes, on any processor.
    Table,
    /// Masks by comparing 32 bytes at once, on x86-64 with AVX2.
    Avx2,
    /// Masks by permuting 64 bytes at once, on x86-64 with AVX-512 VBMI and VBMI2.
    Avx512,
}

impl Tier {
    /// All tiers, the fastest last.
    pub const ALL: [Self; 4] = [Self::Scalar, Self::Table, Self::Avx2, Self::Avx512];

    /// Whether this processor has what the tier needs.
    pub fn is_available(self) -> bool {
        match self {
            Self::Scalar | Self::Table => true,
            #[cfg(all(target_arch = "x86_64", target_pointer_width = "64"))]
            Self::Avx2 => x86::Avx2::new().is_some(),
            #[cfg(all(target_arch = "x86_64", target_pointer_width = "64"))]
            Self::Avx512 => x86::Avx512::new().is_some(),
            #[cfg(not(all(target_arch = "x86_64", target_pointer_width = "64")))]
            Self::Avx2 | Self::Avx512 => false,
        }
    }

    /// The fastest tier of this processor.
    pub fn best() -> Self {
        let available = Self::ALL.into_iter().rev().find(|tier| tier.is_available());
        available.unwrap_or(Self::Scalar)
    }
}

/// How bytes become masks, and masks become numbers.
trait Blocks: Copy {
    fn masks(self, window: &[u8; 64]) -> Masks;

    /// Write `base` plus the number of each bit of `bits`, in order, and perhaps anything after it.
    fn write(self, bits: u64, base: usize, out: &mut [usize; 64]);
}

/// Add the ends of the pieces of `text` from `from`, where one begins, until `ends` is full or the
/// text ends; returns the last.
pub(super) fn fill(
    tier: Tier,
    scheme: Scheme,
    text: &[u8],
    from: usize,
    ends: &mut PieceEnds,
) -> usize {
    if scheme == Scheme::None {
        if from < text.len() {
            ends.push(text.len());
        }
        return text.len();
    }
    #[cfg(all(target_arch = "x86_64", target_pointer_width = "64"))]
    match tier {
        Tier::Avx512 => {
            if let Some(blocks) = x86::Avx512::new() {
                return blocks.scan(scheme, text, from, ends);
            }
        }
        Tier::Avx2 => {
            if let Some(blocks) = x86::Avx2::new() {
                return blocks.scan(scheme, text, from, ends);
            }
        }
        Tier::Scalar | Tier::Table => {}
    }
    match tier {
        Tier::Scalar => walk(scheme, text, from, usize::MAX, ends),
        _ => scan(table::Table, scheme, text, from, ends),
    }
}

/// [`fill`] by windows; inlined into a function per tier, with a copy for each scheme.
#[inline(always)]
fn scan<B: Blocks>(
    blocks: B,
    scheme: Scheme,
    text: &[u8],
    from: usize,
    ends: &mut PieceEnds,
) -> usize {
    match scheme {
        Scheme::Gpt2 => windows(blocks, &GPT2, scheme, text, from, ends),
        Scheme::Gpt4 => windows(blocks, &GPT4, scheme, text, from, ends),
        Scheme::O200k => windows(blocks, &O200K, scheme, text, from, ends),
        Scheme::Llama3 => windows(blocks, &LLAMA3, scheme, text, from, ends),
        Scheme::Qwen2 => windows(blocks, &QWEN2, scheme, text, from, ends),
        Scheme::Tekken => windows(blocks, &TEKKEN, scheme, text, from, ends),
        Scheme::None => text.len(),
    }
}

#[inline(always)]
fn windows<B: Blocks>(
    blocks: B,
    rules: &Rules,
    scheme: Scheme,
    text: &[u8],
    mut at: usize,
    ends: &mut PieceEnds,
) -> usize {
    // at the end of the text: what is there, then bytes that are not ASCII
    let mut last_window = [0xff; 64];
    while at < text.len() && !ends.is_full() {
        let rest = &text[at..];
        let window = if let Some(window) = rest.first_chunk() {
            window
        } else {
            last_window[..rest.len()].copy_from_slice(rest);
            last_window[rest.len()..].fill(0xff);
            &last_window
        };
        let masks = blocks.masks(window);
        let starts = piece_starts(rules, &masks, window);
        if starts != 0
            && let Some(out) = ends.slots[ends.len..].first_chunk_mut()
        {
            blocks.write(starts, at, out);
            ends.len += starts.count_ones() as usize;
            at += 63 - starts.leading_zeros() as usize;
        }
        if starts == 0 || masks.high != 0 {
            // this piece is too long for a window, or touches what is not ASCII or not text
            at = walk(scheme, text, at, 1, ends);
        }
    }
    at
}

/// Add the ends of at most `most` pieces by the scalar walk, and of further ones that begin near
/// bytes that are not ASCII.
#[inline(never)]
fn walk(scheme: Scheme, text: &[u8], from: usize, most: usize, ends: &mut PieceEnds) -> usize {
    match scheme {
        Scheme::Gpt2 => walk_by(&GPT2, text, from, most, ends),
        Scheme::Gpt4 => walk_by(&GPT4, text, from, most, ends),
        Scheme::O200k => walk_by(&O200K, text, from, most, ends),
        Scheme::Llama3 => walk_by(&LLAMA3, text, from, most, ends),
        Scheme::Qwen2 => walk_by(&QWEN2, text, from, most, ends),
        Scheme::Tekken => walk_by(&TEKKEN, text, from, most, ends),
        Scheme::None => text.len(),
    }
}

#[inline(always)]
fn walk_by(rules: &Rules, text: &[u8], from: usize, most: usize, ends: &mut PieceEnds) -> usize {
    let (mut at, mut left) = (from, most);
    while at < text.len() && !ends.is_full() {
        if left == 0 {
            // a window that ends at once would cost more than it finds
            let near =
                text[at..].first_chunk().map_or(HIGH_BITS, |bytes| u64::from_le_bytes(*bytes));
            if near & HIGH_BITS == 0 {
                break;
            }
        } else {
            left -= 1;
        }
        at = piece_end(rules, text, at);
        ends.push(at);
    }
    at
}
