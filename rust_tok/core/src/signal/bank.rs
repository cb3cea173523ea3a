//! The bank: one immutable set of atoms, and the calls that turn contexts into signals.

use super::atoms::{self, Rows};
use super::collisions::{self, Collision};
use super::frequencies;
use super::lanes::{self, Path};
use super::output::Format;
use super::settings::{Norm, Numerics, Position, Settings};
use super::work::{Symbol, check_ids, fill};
use crate::control::Control;
use crate::error::{Error, Result};

/// Added to a norm before it divides.
const EPSILON: f64 = 1e-8;
/// Samples of the widest vector.
const VECTOR: usize = 16;
/// Isolated contexts that a thread takes at a time.
const WINDOWS_PER_PIECE: usize = 256;
/// Positions of a stream that a thread takes at a time, at least.
const POSITIONS_PER_PIECE: usize = 1024;

/// Atoms as integers, and how sums of them become signals. Immutable and cheap to share.
pub struct Bank {
    pub(super) settings: Settings,
    pub(super) frequencies: Vec<u32>,
    pub(super) rows: Rows,
    collisions: Vec<Collision>,
    zeros: Vec<i32>,
    /// squares are shifted by this, so that a sum of them fits 64 bits
    energy_shift: u32,
    path: Path,
}

impl Bank {
    /// Build the atoms and look for collisions. Cost: `num_symbols * num_samples` sines.
    ///
    /// # Errors
    /// [`Error::Argument`] for settings that contradict each other or ask for too much.
    pub fn new(settings: Settings) -> Result<Self> {
        settings.check()?;
        let frequencies = frequencies::choose(&settings)?;
        let rows = atoms::build(&settings, &frequencies)?;
        let length = settings.num_samples;
        let at_place_0: Vec<i32> = rows
            .integers
            .chunks(
                length * if settings.position == Position::Roll { 2 } else { settings.max_window },
            )
            .flat_map(|rows| &rows[..length])
            .copied()
            .collect();
        Ok(Self {
            collisions: collisions::find(&settings, &frequencies, &at_place_0),
            zeros: vec![0; length],
            energy_shift: length.next_power_of_two().trailing_zeros(),
            path: Path::available().pop().unwrap_or(Path::Portable),
            settings,
            frequencies,
            rows,
        })
    }

    /// The same bank computing with other instructions; the bits stay the same.
    #[must_use]
    pub fn on(mut self, path: Path) -> Self {
        if Path::available().contains(&path) {
            self.path = path;
        }
        self
    }

    /// What it was built from.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The frequency of every symbol's tone, in turns a period; empty where atoms are no tones.
    pub fn frequencies(&self) -> &[u32] {
        &self.frequencies
    }

    /// Pairs of symbols with equal or opposite atoms, and symbols whose atom is zero.
    pub fn collisions(&self) -> &[Collision] {
        &self.collisions
    }

    /// Bits after the point of the integer rows.
    pub fn fraction_bits(&self) -> u32 {
        self.rows.bits.unsigned_abs()
    }

    /// The atoms at place 0 as 32-bit floats, each correctly rounded, `num_samples` a symbol.
    pub fn atoms(&self) -> Vec<f32> {
        self.rows.reals.iter().map(|value| *value as f32).collect()
    }

    /// The row of a symbol at a place of the context.
    #[inline]
    pub(super) fn row(&self, symbol: usize, place: usize) -> &[i32] {
        let length = self.settings.num_samples;
        if self.settings.position == Position::Roll {
            &self.rows.integers[(2 * symbol + 1) * length - place % length..][..length]
        } else {
            &self.rows.integers[(symbol * self.settings.max_window + place) * length..][..length]
        }
    }

    /// Signals of isolated contexts: `ids` holds `length` symbols each, oldest first.
    ///
    /// The last symbol of a context has place `window - 1`, so that a context shorter than the window
    /// is one whose oldest symbols are missing. `out` takes `num_samples` words a context.
    ///
    /// # Errors
    /// [`Error::UnknownToken`] for an id outside the bank, [`Error::Argument`] for sizes that do not
    /// fit, [`Error::Interrupted`].
    pub fn windows<F: Format, I: Symbol>(
        &self,
        ids: &[I],
        length: usize,
        window: usize,
        out: &mut [F::Word],
        threads: usize,
        control: &Control,
    ) -> Result<()> {
        self.check_window(window)?;
        let samples = self.settings.num_samples;
        let contexts = out.len() / samples;
        if length > window || ids.len() != contexts * length || out.len() != contexts * samples {
            return Err(Error::Argument(format!(
                "expected contexts of at most {window} symbols and {samples} samples for each; \
                 found {} ids in contexts of {length} and {} samples",
                ids.len(),
                out.len()
            )));
        }
        check_ids(ids, self.settings.num_symbols)?;
        let state = || (vec![0; samples], Vec::with_capacity(length));
        let work = |state: &mut (Vec<i32>, Vec<_>), first: usize, words: &mut [F::Word]| {
            for (number, signal) in words.chunks_exact_mut(samples).enumerate() {
                let context = &ids[(first + number) * length..][..length];
                self.emit_context::<F, I>(context, window, state, signal);
            }
        };
        fill(out, samples, WINDOWS_PER_PIECE, threads, control, state, work)
    }

    /// The signal at every position of a stream: of the window of `window` symbols that ends there.
    ///
    /// Windows do not reach back over the starts of documents, given by `offsets` (`[0, .., len]`);
    /// there they have fewer symbols. Where places are rolls the cost does not depend on `window`.
    /// The bits are those of [`Bank::windows`].
    ///
    /// # Errors
    /// As [`Bank::windows`].
    pub fn slide<F: Format, I: Symbol>(
        &self,
        ids: &[I],
        window: usize,
        offsets: &[u64],
        out: &mut [F::Word],
        threads: usize,
        control: &Control,
    ) -> Result<()> {
        self.check_window(window)?;
        let samples = self.settings.num_samples;
        if out.len() != ids.len() * samples {
            return Err(Error::Argument(format!(
                "expected room for {} signals of {samples} samples; found {} samples",
                ids.len(),
                out.len()
            )));
        }
        let is_cut = offsets.first() == Some(&0)
            && offsets.last() == Some(&(ids.len() as u64))
            && offsets.is_sorted();
        if !is_cut {
            return Err(Error::Argument(format!(
                "offsets must rise from 0 to the number of ids, {}",
                ids.len()
            )));
        }
        check_ids(ids, self.settings.num_symbols)?;
        let per_piece = POSITIONS_PER_PIECE.max(8 * window.min(1 << 16));
        let state = || (vec![0; samples], Vec::with_capacity(window));
        let work = |state: &mut (Vec<i32>, Vec<_>), first: usize, words: &mut [F::Word]| {
            let mut document = offsets.partition_point(|offset| *offset <= first as u64) - 1;
            let mut is_fresh = true;
            let mut rest = words;
            for at in first.. {
                let Some((signal, later)) = rest.split_at_mut_checked(samples) else { break };
                lanes::fetch(&later[..samples.min(later.len())]);
                rest = later;
                while offsets[document + 1] <= at as u64 {
                    document += 1;
                    is_fresh = true;
                }
                let start = offsets[document] as usize;
                if self.settings.position == Position::Roll {
                    let energy = self.step(ids, start, at, window, is_fresh, state);
                    // the frame stands still and the window moves through it
                    let turn = (at + 1 + samples - window % samples) % samples;
                    self.emit_turned::<F>(&state.0, turn, self.factor(energy), signal);
                } else {
                    let context = &ids[start.max((at + 1).saturating_sub(window))..=at];
                    self.emit_context::<F, I>(context, window, state, signal);
                }
                is_fresh = false;
            }
        };
        fill(out, samples, per_piece, threads, control, state, work)
    }

    /// The signal of one context, whose last symbol stands at the end of the window.
    #[inline]
    fn emit_context<'a, F: Format, I: Symbol>(
        &'a self,
        context: &[I],
        window: usize,
        (sums, rows): &mut (Vec<i32>, Vec<&'a [i32]>),
        signal: &mut [F::Word],
    ) {
        let oldest = window - context.len();
        let places = context.iter().enumerate();
        rows.clear();
        rows.extend(places.map(|(place, id)| self.row(id.index(), oldest + place)));
        lanes::sum_rows(self.path, rows, sums);
        let energy = lanes::energy(self.path, sums, self.energy_shift);
        lanes::emit::<F>(self.path, sums, self.factor(energy), signal);
    }

    /// Move the sums on to the window that ends at `at`: in a frame where symbol `i` of the stream
    /// is rolled by `i`. Fresh sums are made anew. The energy of the sums.
    #[inline]
    fn step<'a, I: Symbol>(
        &'a self,
        ids: &[I],
        start: usize,
        at: usize,
        window: usize,
        is_fresh: bool,
        (sums, rows): &mut (Vec<i32>, Vec<&'a [i32]>),
    ) -> u64 {
        if is_fresh {
            let oldest = start.max((at + 1).saturating_sub(window));
            rows.clear();
            rows.extend((oldest..=at).map(|place| self.row(ids[place].index(), place)));
            lanes::sum_rows(self.path, rows, sums);
            return lanes::energy(self.path, sums, self.energy_shift);
        }
        let newer = self.row(ids[at].index(), at);
        let older = match at.checked_sub(window) {
            Some(gone) if gone >= start => self.row(ids[gone].index(), gone),
            _ => &self.zeros,
        };
        lanes::exchange(self.path, sums, newer, older, self.energy_shift)
    }

    /// Sample `k` of the signal is sum `k + turn` of the frame, cyclically.
    ///
    /// Sums are read in the vectors in which they were just written. Read across two of them, a load
    /// waits until both have left the store buffer, behind all signals before. Measured on a busy
    /// machine only, where no clear difference showed.
    #[inline]
    fn emit_turned<F: Format>(
        &self,
        sums: &[i32],
        turn: usize,
        factor: f32,
        signal: &mut [F::Word],
    ) {
        let (length, down) = (sums.len(), turn / VECTOR * VECTOR);
        let up = turn.next_multiple_of(VECTOR).min(length);
        let mut rest = signal;
        for part in [&sums[turn..up], &sums[up..], &sums[..down], &sums[down..turn]] {
            let (words, later) = rest.split_at_mut(part.len());
            lanes::emit::<F>(self.path, part, factor, words);
            rest = later;
        }
    }

    /// What integer sums of that energy are multiplied by; 0 where all of them are 0.
    #[inline]
    fn factor(&self, energy: u64) -> f32 {
        let unit = 1.0 / f64::from(1 << self.rows.bits);
        let length = self.settings.num_samples as f64;
        let norm = (energy as f64 * (1_u64 << self.energy_shift) as f64).sqrt() * unit;
        let factor = match self.settings.norm {
            Norm::None => unit,
            _ if energy == 0 => 0.0,
            Norm::L2 => unit / (norm + EPSILON),
            Norm::Rms => unit * length.sqrt() / (norm + EPSILON),
        };
        factor as f32
    }

    fn check_window(&self, window: usize) -> Result<()> {
        let most = self.settings.max_window;
        if window > most {
            return Err(Error::Argument(format!(
                "expected a window of at most {most} places, found {window}: build the bank with \
                 max_window={window}"
            )));
        }
        Ok(())
    }

    /// Whether sums are turned by phases exactly: tones of the period that the shift has.
    pub(super) fn has_phasors(&self) -> bool {
        self.settings.is_tone()
            && self.settings.position == Position::Roll
            && self.settings.numerics == Numerics::Exact
            && self.settings.period() == self.settings.num_samples
    }
}
