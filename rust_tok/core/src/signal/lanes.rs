//! The three loops that take the time, compiled for each instruction set and chosen at run time.
//!
//! The bodies are plain loops over integers, whose order of additions is free, and one conversion a
//! sample: so every path gives the same bits. Only calling a compiled-for-AVX copy is unsafe, and
//! only the sum of rows is written out in vectors, since its accumulators must stay in registers.

#![expect(unsafe_code, reason = "calls of functions compiled for instructions found at run time")]
#![expect(clippy::inline_always, reason = "a body must be compiled within its instruction set")]

use super::output::Format;

/// An instruction set that this machine has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Path {
    /// What the crate was compiled for.
    Portable,
    /// AVX2.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// AVX-512 with its foundation, byte, double-word and short-vector parts.
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

impl Path {
    /// The paths that this machine can take, the fastest last.
    pub fn available() -> Vec<Self> {
        let mut paths = vec![Self::Portable];
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx2") {
                paths.push(Self::Avx2);
            }
            if is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("avx512dq")
                && is_x86_feature_detected!("avx512vl")
            {
                paths.push(Self::Avx512);
            }
        }
        paths
    }
}

macro_rules! dispatched {
    ($(#[$about:meta])* $name:ident $(<$generic:ident: $bound:ident>)? ($($argument:ident: $kind:ty),*) $(-> $result:ty)?,
     $portable:ident, $avx2:ident, $avx512:ident) => {
        $(#[$about])*
        pub(super) fn $name $(<$generic: $bound>)? (path: Path, $($argument: $kind),*) $(-> $result)? {
            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx2")]
                fn avx2 $(<$generic: $bound>)? ($($argument: $kind),*) $(-> $result)? {
                    $avx2 $(::<$generic>)? ($($argument),*)
                }
                #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
                fn avx512 $(<$generic: $bound>)? ($($argument: $kind),*) $(-> $result)? {
                    $avx512 $(::<$generic>)? ($($argument),*)
                }
                match path {
                    // SAFETY: a `Path` other than `Portable` comes from `Path::available` alone,
                    // which found these instructions on this machine.
                    Path::Avx512 => return unsafe { avx512 $(::<$generic>)? ($($argument),*) },
                    // SAFETY: as above.
                    Path::Avx2 => return unsafe { avx2 $(::<$generic>)? ($($argument),*) },
                    Path::Portable => {}
                }
            }
            #[cfg(not(target_arch = "x86_64"))]
            let Path::Portable = path;
            $portable $(::<$generic>)? ($($argument),*)
        }
    };
}

dispatched! {
    /// `sums` becomes the sum of the rows, sample by sample; with no rows, zeros.
    sum_rows(rows: &[&[i32]], sums: &mut [i32]),
    sum_rows_plain, sum_rows_avx2, sum_rows_avx512
}

dispatched! {
    /// Put one row into the sums and take one out; the energy after it, as `energy` gives it.
    exchange(sums: &mut [i32], newer: &[i32], older: &[i32], shift: u32) -> u64,
    exchange_plain, exchange_plain, exchange_avx512
}

dispatched! {
    /// The sum of all squares, each shifted right by `shift` bits.
    energy(sums: &[i32], shift: u32) -> u64,
    energy_plain, energy_plain, energy_plain
}

dispatched! {
    /// Each sum times `factor`, rounded once to a 32-bit float and then to the format.
    emit<F: Format>(sums: &[i32], factor: f32, out: &mut [F::Word]),
    emit_plain, emit_plain, emit_plain
}

/// Samples that the portable sum handles at a time: 16 vectors of four.
const BLOCK: usize = 64;

#[inline(always)]
fn sum_rows_plain(rows: &[&[i32]], sums: &mut [i32]) {
    for (number, block) in sums.chunks_mut(BLOCK).enumerate() {
        add_rows(rows, number * BLOCK, block);
    }
}

/// `block` becomes the sum of what the rows have from `start` on.
#[inline(always)]
fn add_rows(rows: &[&[i32]], start: usize, block: &mut [i32]) {
    block.fill(0);
    for row in rows {
        for (sum, value) in block.iter_mut().zip(&row[start..]) {
            *sum = sum.wrapping_add(*value);
        }
    }
}

#[inline(always)]
fn exchange_plain(sums: &mut [i32], newer: &[i32], older: &[i32], shift: u32) -> u64 {
    let length = sums.len();
    let (newer, older) = (&newer[..length], &older[..length]);
    let mut total = 0_u64;
    for place in 0..length {
        let sum = sums[place].wrapping_add(newer[place]).wrapping_sub(older[place]);
        sums[place] = sum;
        total = total.wrapping_add(square(sum) >> shift);
    }
    total
}

#[inline(always)]
fn energy_plain(sums: &[i32], shift: u32) -> u64 {
    sums.iter().fold(0_u64, |total, sum| total.wrapping_add(square(*sum) >> shift))
}

#[inline(always)]
fn square(value: i32) -> u64 {
    i64::from(value).wrapping_mul(i64::from(value)).cast_unsigned()
}

#[inline(always)]
fn emit_plain<F: Format>(sums: &[i32], factor: f32, out: &mut [F::Word]) {
    for (word, sum) in out.iter_mut().zip(sums) {
        *word = F::word(*sum as f32 * factor);
    }
}

#[cfg(target_arch = "x86_64")]
macro_rules! sum_rows_in_vectors {
    ($name:ident, $features:literal, $vectors:literal) => {
        /// The block of a sum stays in registers while its rows pass by.
        #[target_feature(enable = $features)]
        fn $name(rows: &[&[i32]], sums: &mut [i32]) {
            use std::arch::x86_64::{
                __m256i, _mm256_add_epi32, _mm256_loadu_si256, _mm256_setzero_si256,
                _mm256_storeu_si256,
            };
            const BLOCK: usize = 8 * $vectors;
            let whole = sums.len() / BLOCK * BLOCK;
            let (blocks, rest) = sums.split_at_mut(whole);
            for (number, block) in blocks.chunks_exact_mut(BLOCK).enumerate() {
                let mut accumulators: [__m256i; $vectors] = [_mm256_setzero_si256(); $vectors];
                for row in rows {
                    let part = &row[number * BLOCK..][..BLOCK];
                    for (vector, accumulator) in accumulators.iter_mut().enumerate() {
                        // SAFETY: `part` has a block of samples; unaligned loads are allowed.
                        let values =
                            unsafe { _mm256_loadu_si256(part.as_ptr().add(8 * vector).cast()) };
                        *accumulator = _mm256_add_epi32(*accumulator, values);
                    }
                }
                for (vector, accumulator) in accumulators.into_iter().enumerate() {
                    let place = block.as_mut_ptr().wrapping_add(8 * vector);
                    // SAFETY: `place` is within the block; unaligned stores are allowed.
                    unsafe { _mm256_storeu_si256(place.cast(), accumulator) };
                }
            }
            add_rows(rows, whole, rest);
        }
    };
}

#[cfg(target_arch = "x86_64")]
sum_rows_in_vectors!(sum_rows_avx2, "avx2", 8);
// Vectors of 32 bytes here, too: rows begin anywhere, and every load of 64 would span two lines.
#[cfg(target_arch = "x86_64")]
sum_rows_in_vectors!(sum_rows_avx512, "avx512f,avx512bw,avx512dq,avx512vl", 16);

/// Sixteen samples at a time; even and odd lanes are squared apart.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
fn exchange_avx512(sums: &mut [i32], newer: &[i32], older: &[i32], shift: u32) -> u64 {
    use std::arch::x86_64::{
        __m512i, _mm_cvtsi32_si128, _mm512_add_epi32, _mm512_add_epi64, _mm512_loadu_si512,
        _mm512_mul_epi32, _mm512_reduce_add_epi64, _mm512_setzero_si512, _mm512_srl_epi64,
        _mm512_srli_epi64, _mm512_storeu_si512, _mm512_sub_epi32,
    };
    const LANES: usize = 16;
    let whole = sums.len() / LANES * LANES;
    let (blocks, rest) = sums.split_at_mut(whole);
    let count = _mm_cvtsi32_si128(shift.cast_signed());
    let mut totals: [__m512i; 2] = [_mm512_setzero_si512(); 2];
    let others = newer.chunks_exact(LANES).zip(older.chunks_exact(LANES));
    for (block, (newer, older)) in blocks.chunks_exact_mut(LANES).zip(others) {
        // SAFETY: all three have 16 samples; unaligned loads and stores are allowed.
        let sum = unsafe {
            let before = _mm512_loadu_si512(block.as_ptr().cast());
            let added = _mm512_add_epi32(before, _mm512_loadu_si512(newer.as_ptr().cast()));
            let sum = _mm512_sub_epi32(added, _mm512_loadu_si512(older.as_ptr().cast()));
            _mm512_storeu_si512(block.as_mut_ptr().cast(), sum);
            sum
        };
        let odd = _mm512_srli_epi64::<32>(sum);
        for (total, lanes) in totals.iter_mut().zip([sum, odd]) {
            let squares = _mm512_srl_epi64(_mm512_mul_epi32(lanes, lanes), count);
            *total = _mm512_add_epi64(*total, squares);
        }
    }
    let total = _mm512_reduce_add_epi64(_mm512_add_epi64(totals[0], totals[1])).cast_unsigned();
    total.wrapping_add(exchange_plain(rest, &newer[whole..], &older[whole..], shift))
}

/// Ask for the memory of a signal that will be written soon, so that it is there by then.
#[inline]
pub(super) fn fetch<W>(words: &[W]) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_ET0, _mm_prefetch};
        let start = words.as_ptr().cast::<i8>();
        for offset in (0..size_of_val(words)).step_by(64) {
            // SAFETY: a hint that reads and writes nothing, within the slice.
            unsafe { _mm_prefetch::<_MM_HINT_ET0>(start.add(offset)) };
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = words;
}
