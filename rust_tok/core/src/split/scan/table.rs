//! Masks by a table of bytes: for processors without a tier of their own.

#![expect(clippy::inline_always, reason = "each tier is one function for the processor it needs")]

use super::Blocks;
use super::masks::{CLASSES, Masks};

/// Masks by a table of bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Table;

impl Blocks for Table {
    #[inline(always)]
    fn masks(self, window: &[u8; 64]) -> Masks {
        let mut masks = [0_u64; 6];
        for (number, bytes) in window.as_chunks::<8>().0.iter().enumerate() {
            let rows = transposed(u64::from_le_bytes(bytes.map(|byte| CLASSES[byte as usize])));
            for (mask, row) in masks.iter_mut().zip(rows.to_le_bytes()) {
                *mask |= u64::from(row) << (8 * number);
            }
        }
        let [letter, number, space, first, second, high] = masks;
        Masks { letter, number, space, first, second, high }
    }

    #[inline(always)]
    fn write(self, bits: u64, base: usize, out: &mut [usize; 64]) {
        write_by_eight(bits, base, out);
    }
}

/// The numbers of the bits, eight at a time: most windows need one or two rounds.
#[inline(always)]
pub(super) fn write_by_eight(mut bits: u64, base: usize, out: &mut [usize; 64]) {
    for slots in out.as_chunks_mut::<8>().0 {
        for slot in slots {
            *slot = base.wrapping_add(bits.trailing_zeros() as usize);
            bits &= bits.wrapping_sub(1);
        }
        if bits == 0 {
            break;
        }
    }
}

/// Bit `j` of byte `i` becomes bit `i` of byte `j`: an 8 x 8 matrix of bits, transposed by swapping
/// ever larger corners.
#[inline(always)]
fn transposed(mut bits: u64) -> u64 {
    for (shift, mask) in
        [(7, 0x00aa_00aa_00aa_00aa_u64), (14, 0x0000_cccc_0000_cccc), (28, 0xf0f0_f0f0)]
    {
        let swapped = (bits ^ bits >> shift) & mask;
        bits ^= swapped ^ swapped << shift;
    }
    bits
}
