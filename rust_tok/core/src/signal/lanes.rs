//! The loops over samples of isolated contexts, and how signals are written, compiled for each instruction set and chosen at run time.
//!
//! The bodies are plain loops over integers, whose order of additions is free, and one conversion a
//! sample: so every path gives the same bits. Only calling a compiled-for-AVX copy is unsafe, and
//! only the sum of rows is written out in vectors, since its accumulators must stay in registers.

#![expect(unsafe_code, reason = "calls of functions compiled for instructions found at run time")]
#![expect(clippy::inline_always, reason = "a body must be compiled within its instruction set")]

use super::aligned::LINE;
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
    /// The sum of all squares, each shifted right by `shift` bits.
    energy(sums: &[i32], shift: u32) -> u64,
    energy_plain, energy_plain, energy_plain
}

dispatched! {
    /// Each sum times `factor`, rounded once to a 32-bit float and then to the format.
    emit<F: Format>(sums: &[i32], factor: f32, out: &mut [F::Word], streams: bool),
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
fn energy_plain(sums: &[i32], shift: u32) -> u64 {
    sums.iter().fold(0_u64, |total, sum| total.wrapping_add(square(*sum) >> shift))
}

#[inline(always)]
pub(super) fn square(value: i32) -> u64 {
    i64::from(value).wrapping_mul(i64::from(value)).cast_unsigned()
}

#[inline(always)]
fn emit_plain<F: Format>(sums: &[i32], factor: f32, out: &mut [F::Word], streams: bool) {
    if !streams {
        for (word, sum) in out.iter_mut().zip(sums) {
            *word = F::word(*sum as f32 * factor);
        }
        return;
    }
    let (lines, _) = sums.as_chunks::<LINE>();
    for (words, sums) in out.as_chunks_mut::<LINE>().0.iter_mut().zip(lines) {
        put::<F, true>(&sums.map(|sum| sum as f32 * factor), words);
    }
}

/// Output of this many bytes is not held by the caches until somebody reads it.
const STREAMED_BYTES: usize = 8 << 20;

/// Whether signals of `length` samples in `out` are to be written past the cache: they are many,
/// and each begins where a vector of 16 bytes may.
///
/// A store past the cache does not read the line that it overwrites, and leaves the cache to rows
/// and sums. Whoever writes so calls [`settle`] before another thread may read.
pub(super) fn streams<W>(out: &[W], length: usize) -> bool {
    cfg!(target_arch = "x86_64")
        && size_of_val(out) > STREAMED_BYTES
        && length.is_multiple_of(LINE)
        && out.as_ptr().addr().is_multiple_of(16)
}

/// Wait until what was written past the cache can be seen by all.
pub(super) fn settle(streams: bool) {
    #[cfg(target_arch = "x86_64")]
    if streams {
        // SAFETY: orders stores; every x86-64 processor has it.
        unsafe { std::arch::x86_64::_mm_sfence() };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = streams;
}

/// A line of samples in its format; with `STREAMS`, past the cache, at an address that
/// [`streams`] found to be a multiple of 16.
#[inline(always)]
pub(super) fn put<F: Format, const STREAMS: bool>(
    reals: &[f32; LINE],
    words: &mut [F::Word; LINE],
) {
    #[cfg(target_arch = "x86_64")]
    if STREAMS {
        use std::arch::x86_64::{__m128i, _mm_loadu_si128, _mm_stream_si128};
        let ready = reals.map(F::word);
        debug_assert!(words.as_ptr().addr().is_multiple_of(size_of::<__m128i>()));
        for part in 0..size_of_val(words) / size_of::<__m128i>() {
            // SAFETY: both arrays have these bytes, plain integers or floats; the target's address
            // is a multiple of 16, as the caller has found.
            unsafe {
                let vector = _mm_loadu_si128(ready.as_ptr().cast::<__m128i>().add(part));
                _mm_stream_si128(words.as_mut_ptr().cast::<__m128i>().add(part), vector);
            }
        }
        return;
    }
    for (word, real) in words.iter_mut().zip(reals) {
        *word = F::word(*real);
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
