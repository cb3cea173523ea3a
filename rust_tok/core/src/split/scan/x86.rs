//! Masks by the vector units of x86-64.
//!
//! A value of [`Avx2`] or [`Avx512`] exists only where the processor was asked and has the
//! instructions, so its safe functions may call what needs them. Loads and stores go through
//! references to arrays of their size; there are no raw pointers beyond them.

#![expect(clippy::inline_always, reason = "each tier is one function for the processor it needs")]

use std::arch::x86_64::{
    __m256i, _mm_unpackhi_epi64, _mm256_cmpeq_epi8, _mm256_loadu_si256, _mm256_min_epu8,
    _mm256_movemask_epi8, _mm256_or_si256, _mm256_set1_epi8, _mm256_sub_epi8, _mm512_add_epi64,
    _mm512_alignr_epi64, _mm512_castsi512_si128, _mm512_cvtepu8_epi64, _mm512_loadu_si512,
    _mm512_maskz_compress_epi8, _mm512_maskz_permutex2var_epi8, _mm512_movepi8_mask,
    _mm512_set_epi8, _mm512_set1_epi8, _mm512_set1_epi64, _mm512_setzero_si512,
    _mm512_storeu_si512, _mm512_test_epi8_mask,
};

use super::masks::{CLASSES, FIRST, LETTER, Masks, NUMBER, SECOND, SPACE};
use super::table::write_by_eight;
use super::{Blocks, PieceEnds, Scheme, scan};

/// Proof that the processor has AVX2 and the bit instructions that came with it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Avx2(());

impl Avx2 {
    #[inline]
    pub(super) fn new() -> Option<Self> {
        let has = is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("bmi1")
            && is_x86_feature_detected!("bmi2")
            && is_x86_feature_detected!("lzcnt")
            && is_x86_feature_detected!("popcnt");
        has.then_some(Self(()))
    }

    pub(super) fn scan(
        self,
        scheme: Scheme,
        text: &[u8],
        from: usize,
        ends: &mut PieceEnds,
    ) -> usize {
        // SAFETY: `self` is the proof that the processor has these features.
        unsafe { scan_avx2(self, scheme, text, from, ends) }
    }
}

#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
fn scan_avx2(
    blocks: Avx2,
    scheme: Scheme,
    text: &[u8],
    from: usize,
    ends: &mut PieceEnds,
) -> usize {
    scan(blocks, scheme, text, from, ends)
}

impl Blocks for Avx2 {
    #[inline(always)]
    fn masks(self, window: &[u8; 64]) -> Masks {
        // SAFETY: `self` is the proof that the processor has AVX2.
        unsafe { masks_avx2(window) }
    }

    #[inline(always)]
    fn write(self, bits: u64, base: usize, out: &mut [usize; 64]) {
        write_by_eight(bits, base, out);
    }
}

#[inline]
#[target_feature(enable = "avx2")]
fn masks_avx2(window: &[u8; 64]) -> Masks {
    let halves = window.as_chunks::<32>().0;
    let (low, high) = (half_masks(&halves[0]), half_masks(&halves[1]));
    let join = |at: usize| u64::from(low[at]) | u64::from(high[at]) << 32;
    Masks {
        letter: join(0),
        number: join(1),
        space: join(2),
        first: join(3),
        second: join(4),
        high: join(5),
    }
}

#[inline]
#[target_feature(enable = "avx2")]
fn half_masks(bytes: &[u8; 32]) -> [u32; 6] {
    // SAFETY: the load reads the 32 bytes of the array; no alignment is asked for.
    let text = unsafe { _mm256_loadu_si256(bytes.as_ptr().cast()) };
    let bits = |lanes: __m256i| _mm256_movemask_epi8(lanes).cast_unsigned();
    let is = |byte: u8| _mm256_cmpeq_epi8(text, _mm256_set1_epi8(byte.cast_signed()));
    // whether `lanes - first`, read as unsigned, is at most `span`
    let within = |lanes: __m256i, first: u8, span: u8| {
        let offset = _mm256_sub_epi8(lanes, _mm256_set1_epi8(first.cast_signed()));
        _mm256_cmpeq_epi8(_mm256_min_epu8(offset, _mm256_set1_epi8(span.cast_signed())), offset)
    };
    let lower = _mm256_or_si256(text, _mm256_set1_epi8(0x20));
    let letter = within(lower, b'a', 25);
    let upper = within(text, b'A', 25);
    let newline = _mm256_or_si256(is(b'\n'), is(b'\r'));
    let first = _mm256_or_si256(newline, is(b'/'));
    let second = _mm256_or_si256(upper, _mm256_or_si256(is(b' '), is(b'\'')));
    let space = _mm256_or_si256(within(text, b'\t', 4), is(b' '));
    [bits(letter), bits(within(text, b'0', 9)), bits(space), bits(first), bits(second), bits(text)]
}

/// Proof that the processor has AVX-512 with its byte permutations and compressions.
#[derive(Debug, Clone, Copy)]
pub(super) struct Avx512(());

impl Avx512 {
    #[inline]
    pub(super) fn new() -> Option<Self> {
        let has = Avx2::new().is_some()
            && is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512vbmi")
            && is_x86_feature_detected!("avx512vbmi2");
        has.then_some(Self(()))
    }

    pub(super) fn scan(
        self,
        scheme: Scheme,
        text: &[u8],
        from: usize,
        ends: &mut PieceEnds,
    ) -> usize {
        // SAFETY: `self` is the proof that the processor has these features.
        unsafe { scan_avx512(self, scheme, text, from, ends) }
    }
}

#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt,avx512f,avx512bw,avx512vbmi,avx512vbmi2")]
fn scan_avx512(
    blocks: Avx512,
    scheme: Scheme,
    text: &[u8],
    from: usize,
    ends: &mut PieceEnds,
) -> usize {
    scan(blocks, scheme, text, from, ends)
}

impl Blocks for Avx512 {
    #[inline(always)]
    fn masks(self, window: &[u8; 64]) -> Masks {
        // SAFETY: `self` is the proof that the processor has AVX-512 VBMI.
        unsafe { masks_avx512(window) }
    }

    #[inline(always)]
    fn write(self, bits: u64, base: usize, out: &mut [usize; 64]) {
        // SAFETY: `self` is the proof that the processor has AVX-512 VBMI2.
        unsafe { write_avx512(bits, base, out) }
    }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
fn masks_avx512(window: &[u8; 64]) -> Masks {
    let table = CLASSES.as_chunks::<64>().0;
    // SAFETY: each load reads the 64 bytes of an array; no alignment is asked for.
    let (text, low_classes, high_classes) = unsafe {
        (
            _mm512_loadu_si512(window.as_ptr().cast()),
            _mm512_loadu_si512(table[0].as_ptr().cast()),
            _mm512_loadu_si512(table[1].as_ptr().cast()),
        )
    };
    let high = _mm512_movepi8_mask(text);
    // the permutation looks at the low 7 bits of each byte
    let classes = _mm512_maskz_permutex2var_epi8(!high, low_classes, text, high_classes);
    let having = |bit: u8| _mm512_test_epi8_mask(classes, _mm512_set1_epi8(bit.cast_signed()));
    Masks {
        letter: having(LETTER),
        number: having(NUMBER),
        space: having(SPACE),
        first: having(FIRST),
        second: having(SECOND),
        high,
    }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi2")]
fn write_avx512(bits: u64, base: usize, out: &mut [usize; 64]) {
    let numbers = _mm512_set_epi8(
        63, 62, 61, 60, 59, 58, 57, 56, 55, 54, 53, 52, 51, 50, 49, 48, 47, 46, 45, 44, 43, 42, 41,
        40, 39, 38, 37, 36, 35, 34, 33, 32, 31, 30, 29, 28, 27, 26, 25, 24, 23, 22, 21, 20, 19, 18,
        17, 16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0,
    );
    let base = _mm512_set1_epi64(base.cast_signed() as i64);
    let mut packed = _mm512_maskz_compress_epi8(bits, numbers);
    let mut left = bits.count_ones();
    for slots in out.as_chunks_mut::<16>().0 {
        let sixteen = _mm512_castsi512_si128(packed);
        let first = _mm512_add_epi64(base, _mm512_cvtepu8_epi64(sixteen));
        let second =
            _mm512_add_epi64(base, _mm512_cvtepu8_epi64(_mm_unpackhi_epi64(sixteen, sixteen)));
        let (first_slots, second_slots) = slots.split_at_mut(8);
        // SAFETY: each store writes 8 slots of 8 bytes, all of the half that it is given; `usize` has
        // 64 bits on this architecture, and no alignment is asked for.
        unsafe {
            _mm512_storeu_si512(first_slots.as_mut_ptr().cast(), first);
            _mm512_storeu_si512(second_slots.as_mut_ptr().cast(), second);
        }
        if left <= 16 {
            break;
        }
        left -= 16;
        // bring the next 16 bytes down
        packed = _mm512_alignr_epi64::<2>(_mm512_setzero_si512(), packed);
    }
}
