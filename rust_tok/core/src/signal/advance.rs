//! One step of a stream in one pass over its samples: the next sums, and a signal written.
//!
//! Sums stand in the frame of their own signal. The next ones are the last ones turned by one
//! sample, without the oldest symbol and with the newest; nearly all loads and stores are of whole
//! lines. Sums are kept for three positions: while those of a fourth are made, in their place, the
//! oldest ones are written as a signal. Its factor, a root and a quotient, is ready by then; with
//! factors that were waited for a signal of 512 samples took 20 to 30 ns longer (measured, Zen 4).

#![expect(unsafe_code, reason = "calls of functions compiled for instructions found at run time")]

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::{
    __m256i, __m512i, _mm_cvtsi32_si128, _mm256_add_epi32, _mm256_add_epi64, _mm256_blend_epi32,
    _mm256_cvtepi32_ps, _mm256_loadu_si256, _mm256_mul_epi32, _mm256_mul_ps,
    _mm256_permutevar8x32_epi32, _mm256_set1_ps, _mm256_setr_epi32, _mm256_setzero_si256,
    _mm256_srl_epi64, _mm256_srli_epi64, _mm256_storeu_ps, _mm256_storeu_si256, _mm256_sub_epi32,
    _mm512_add_epi32, _mm512_add_epi64, _mm512_alignr_epi32, _mm512_cvtepi32_ps,
    _mm512_loadu_si512, _mm512_mul_epi32, _mm512_mul_ps, _mm512_reduce_add_epi64, _mm512_set1_ps,
    _mm512_setzero_si512, _mm512_srl_epi64, _mm512_srli_epi64, _mm512_storeu_ps,
    _mm512_storeu_si512, _mm512_stream_si512, _mm512_sub_epi32,
};

use super::aligned::LINE;
use super::lanes::{self, Path, square};
use super::output::Format;
#[cfg(target_arch = "x86_64")]
use crate::memory::prefetch;

/// What a step needs beside the sums.
#[derive(Clone, Copy)]
pub(super) struct Step<'a> {
    /// the newest symbol's row at the last place of the window
    pub(super) newer: &'a [i32],
    /// the row of the symbol that leaves, rolled by -1; zeros where none does
    pub(super) older: &'a [i32],
    /// what `newer` will be a step later: asked for in time
    pub(super) ahead: &'a [i32],
    /// what the oldest sums are multiplied by
    pub(super) factor: f32,
    /// squares are shifted right by this before they are added up
    pub(super) shift: u32,
}

/// Write the signal of the oldest sums, and put those that follow `sums` in their place; their
/// energy, as [`lanes::energy`] has it.
///
/// With `streams` the signal goes past the cache: see [`lanes::streams`].
pub(super) fn advance<F: Format>(
    path: Path,
    (oldest_sums, sums): (&mut [i32], &[i32]),
    step: &Step<'_>,
    out: &mut [F::Word],
    streams: bool,
) -> u64 {
    let length = sums.len();
    assert!(
        [&*oldest_sums, step.newer, step.older, step.ahead].iter().all(|row| row.len() == length)
            && out.len() == length,
        "rows, sums and signals have the same length"
    );
    #[cfg(target_arch = "x86_64")]
    if length.is_multiple_of(LINE) {
        match (path, streams) {
            // SAFETY: a `Path` other than `Portable` comes from `Path::available` alone, which
            // found these instructions on this machine.
            (Path::Avx512, false) => {
                return unsafe { by_16::<F, CACHED>((oldest_sums, sums), step, out) };
            }
            (Path::Avx512, true) => {
                let is_on_lines = out.as_ptr().addr().is_multiple_of(4 * LINE);
                // SAFETY: as above.
                return unsafe {
                    if size_of_val(out) == 4 * length && is_on_lines {
                        by_16::<F, WHOLE_LINES>((oldest_sums, sums), step, out)
                    } else {
                        by_16::<F, QUARTERS>((oldest_sums, sums), step, out)
                    }
                };
            }
            // SAFETY: as above.
            (Path::Avx2, false) => {
                return unsafe { by_8::<F, false>((oldest_sums, sums), step, out) };
            }
            // SAFETY: as above.
            (Path::Avx2, true) => {
                return unsafe { by_8::<F, true>((oldest_sums, sums), step, out) };
            }
            (Path::Portable, _) => {}
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let (Path::Portable, _) = (path, streams);
    by_1::<F>((oldest_sums, sums), step, out)
}

/// The step as it is defined, and the twin of the others.
fn by_1<F: Format>(
    (oldest_sums, sums): (&mut [i32], &[i32]),
    step: &Step<'_>,
    out: &mut [F::Word],
) -> u64 {
    for (word, sum) in out.iter_mut().zip(&*oldest_sums) {
        *word = F::word(*sum as f32 * step.factor);
    }
    let (first, later) = sums.split_at(1);
    let turned = later.iter().chain(first).zip(step.newer).zip(step.older);
    let mut total = 0_u64;
    for (sum, ((before, newer), older)) in oldest_sums.iter_mut().zip(turned) {
        *sum = before.wrapping_add(*newer).wrapping_sub(*older);
        total = total.wrapping_add(square(*sum) >> step.shift);
    }
    total
}

/// Words are written to the cache,
const CACHED: u8 = 0;
/// past it by 16 bytes,
const QUARTERS: u8 = 1;
/// or past it by 64, where these are one line.
const WHOLE_LINES: u8 = 2;

/// Both loops go by places: iterators over five slices at once were twice as slow.
///
/// # Safety
/// Rows and `out` are as long as the sums, a multiple of [`LINE`] above 0. What goes past the cache
/// begins at a multiple of 16 bytes; whole lines have words of four bytes and begin where a line does.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
unsafe fn by_16<F: Format, const WAY: u8>(
    (oldest_sums, sums): (&mut [i32], &[i32]),
    step: &Step<'_>,
    out: &mut [F::Word],
) -> u64 {
    let factor = _mm512_set1_ps(step.factor);
    let shift = _mm_cvtsi32_si128(step.shift.cast_signed());
    let mut totals: [__m512i; 2] = [_mm512_setzero_si512(); 2];
    let (length, sums, target) = (sums.len(), sums.as_ptr(), oldest_sums.as_mut_ptr());
    let (newer, older, ahead) = (step.newer.as_ptr(), step.older.as_ptr(), step.ahead.as_ptr());
    let out = out.as_mut_ptr();
    // SAFETY: every place is the first of a line within its slice.
    let load = |row: *const i32, place: usize| unsafe { _mm512_loadu_si512(row.add(place).cast()) };
    let first = load(sums, 0);
    let mut here = first;
    for place in (0..length).step_by(LINE) {
        let following = if place + LINE < length { load(sums, place + LINE) } else { first };
        let mut reals = [0.0_f32; LINE];
        // SAFETY: as above; `reals` has room for a line.
        unsafe {
            let scaled = _mm512_mul_ps(_mm512_cvtepi32_ps(load(target, place)), factor);
            _mm512_storeu_ps(reals.as_mut_ptr(), scaled);
            match WAY {
                CACHED => lanes::put::<F, false>(&reals, &mut *out.add(place).cast()),
                QUARTERS => lanes::put::<F, true>(&reals, &mut *out.add(place).cast()),
                _ => {
                    let words = reals.map(F::word);
                    let line = _mm512_loadu_si512(words.as_ptr().cast());
                    _mm512_stream_si512(out.add(place).cast(), line);
                }
            }
            prefetch(&*ahead.add(place));
        }
        let turned = _mm512_alignr_epi32::<1>(following, here);
        let added = _mm512_add_epi32(turned, load(newer, place));
        let sum = _mm512_sub_epi32(added, load(older, place));
        // SAFETY: as above.
        unsafe { _mm512_storeu_si512(target.add(place).cast(), sum) };
        let odd = _mm512_srli_epi64::<32>(sum);
        for (total, lanes) in totals.iter_mut().zip([sum, odd]) {
            let squares = _mm512_srl_epi64(_mm512_mul_epi32(lanes, lanes), shift);
            *total = _mm512_add_epi64(*total, squares);
        }
        here = following;
    }
    _mm512_reduce_add_epi64(_mm512_add_epi64(totals[0], totals[1])).cast_unsigned()
}

/// # Safety
/// As of [`by_16`].
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
unsafe fn by_8<F: Format, const STREAMS: bool>(
    (oldest_sums, sums): (&mut [i32], &[i32]),
    step: &Step<'_>,
    out: &mut [F::Word],
) -> u64 {
    const HALF: usize = LINE / 2;
    let factor = _mm256_set1_ps(step.factor);
    let shift = _mm_cvtsi32_si128(step.shift.cast_signed());
    let turn = _mm256_setr_epi32(1, 2, 3, 4, 5, 6, 7, 0);
    let mut totals: [__m256i; 2] = [_mm256_setzero_si256(); 2];
    let (length, sums, target) = (sums.len(), sums.as_ptr(), oldest_sums.as_mut_ptr());
    let (newer, older, ahead) = (step.newer.as_ptr(), step.older.as_ptr(), step.ahead.as_ptr());
    let out = out.as_mut_ptr();
    // SAFETY: every place is the first or the middle of a line within its slice.
    let load = |row: *const i32, place: usize| unsafe { _mm256_loadu_si256(row.add(place).cast()) };
    let first = load(sums, 0);
    let mut here = first;
    for line in (0..length).step_by(LINE) {
        let mut reals = [0.0_f32; LINE];
        for half in [0, HALF] {
            let place = line + half;
            let following = if place + HALF < length { load(sums, place + HALF) } else { first };
            let scaled = _mm256_mul_ps(_mm256_cvtepi32_ps(load(target, place)), factor);
            // SAFETY: there is room for eight from the start or the middle of a line on.
            unsafe { _mm256_storeu_ps(reals.as_mut_ptr().add(half), scaled) };
            let turned = _mm256_blend_epi32::<0x80>(
                _mm256_permutevar8x32_epi32(here, turn),
                _mm256_permutevar8x32_epi32(following, turn),
            );
            let added = _mm256_add_epi32(turned, load(newer, place));
            let sum = _mm256_sub_epi32(added, load(older, place));
            // SAFETY: as above.
            unsafe { _mm256_storeu_si256(target.add(place).cast(), sum) };
            let odd = _mm256_srli_epi64::<32>(sum);
            for (total, lanes) in totals.iter_mut().zip([sum, odd]) {
                let squares = _mm256_srl_epi64(_mm256_mul_epi32(lanes, lanes), shift);
                *total = _mm256_add_epi64(*total, squares);
            }
            here = following;
        }
        // SAFETY: as above.
        unsafe {
            lanes::put::<F, STREAMS>(&reals, &mut *out.add(line).cast());
            prefetch(&*ahead.add(line));
        }
    }
    let both = _mm256_add_epi64(totals[0], totals[1]);
    let mut parts = [0_u64; 4];
    // SAFETY: there is room for four.
    unsafe { _mm256_storeu_si256(parts.as_mut_ptr().cast(), both) };
    parts.iter().fold(0, |total, part| total.wrapping_add(*part))
}
