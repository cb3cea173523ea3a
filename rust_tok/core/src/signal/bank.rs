//! The bank: one immutable set of atoms, and the calls that turn contexts into signals.

use super::advance::{Step, advance};
use super::aligned::AlignedRows;
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
    /// one step of the integers in real units
    unit: f64,
    /// what a norm divides, in steps of the integers
    numerator: f64,
    path: Path,
}

/// What a thread works with: sums of a window and of two before it, and rows to make them of.
struct Sums<'a> {
    now: AlignedRows,
    before: AlignedRows,
    oldest: AlignedRows,
    rows: Vec<&'a [i32]>,
}

impl Sums<'_> {
    fn new(samples: usize, window: usize) -> Self {
        let zeros = || AlignedRows::new(1, samples, 0);
        Self { now: zeros(), before: zeros(), oldest: zeros(), rows: Vec::with_capacity(window) }
    }
}

/// The document that a position lies in, empty ones skipped.
fn document_of(offsets: &[u64], at: usize) -> usize {
    offsets.partition_point(|offset| *offset <= at as u64) - 1
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
        let places = if settings.position == Position::Roll { 1 } else { settings.max_window };
        let at_place_0: Vec<i32> = (0..settings.num_symbols)
            .flat_map(|symbol| &rows.integers.row(symbol * places)[..length])
            .copied()
            .collect();
        let unit = 1.0 / f64::from(1 << rows.bits);
        let root = if settings.norm == Norm::Rms { (length as f64).sqrt() } else { 1.0 };
        Ok(Self {
            unit,
            numerator: unit * root,
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
            &self.rows.integers.row(symbol)[length - place % length..][..length]
        } else {
            self.rows.integers.row(symbol * self.settings.max_window + place)
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
        let streams = lanes::streams(out, samples);
        let state = || Sums::new(samples, length);
        let work = |state: &mut _, first: usize, words: &mut [F::Word]| {
            for (number, signal) in words.chunks_exact_mut(samples).enumerate() {
                let context = &ids[(first + number) * length..][..length];
                self.emit_context::<F, I>(context, window, state, signal, streams);
            }
            lanes::settle(streams);
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
        let streams = lanes::streams(out, samples);
        let state = || Sums::new(samples, window);
        let work = |state: &mut _, first: usize, words: &mut [F::Word]| {
            if self.settings.position == Position::Roll {
                self.roll_along::<F, I>(ids, window, offsets, first, state, words, streams);
            } else {
                let mut document = document_of(offsets, first);
                for (at, signal) in (first..).zip(words.chunks_exact_mut(samples)) {
                    while offsets[document + 1] <= at as u64 {
                        document += 1;
                    }
                    let start = offsets[document] as usize;
                    let context = &ids[start.max((at + 1).saturating_sub(window))..=at];
                    self.emit_context::<F, I>(context, window, state, signal, streams);
                }
            }
            lanes::settle(streams);
        };
        fill(out, samples, per_piece, threads, control, state, work)
    }

    /// The signals of a run of positions that begins at `first`, each made from the one before.
    #[expect(clippy::too_many_arguments, reason = "the arguments of `slide`, passed on")]
    fn roll_along<'a, F: Format, I: Symbol>(
        &'a self,
        ids: &[I],
        window: usize,
        offsets: &[u64],
        first: usize,
        state: &mut Sums<'a>,
        words: &mut [F::Word],
        streams: bool,
    ) {
        let samples = self.settings.num_samples;
        let last_place = (window + samples - 1) % samples;
        let newest = |at: usize| self.row(ids[at].index(), last_place);
        let mut document = document_of(offsets, first);
        let mut start = offsets[document] as usize;
        let mut energy = self.sum_window(ids, start, first, window, state);
        let end = first + words.len() / samples;
        // Signals that are yet to be written: of the position before, with its energy, and of the
        // one before that, with its factor, which a whole step after its energy no one waits for.
        let mut before: Option<(&mut [F::Word], u64)> = None;
        let mut oldest: Option<(&mut [F::Word], f32)> = None;
        let mut nobody = vec![F::Word::default(); samples];
        for (at, signal) in (first..).zip(words.chunks_exact_mut(samples)) {
            let next = at + 1;
            if next == end || offsets[document + 1] <= next as u64 {
                let emit = |sums: &AlignedRows, factor, signal: &mut _| {
                    lanes::emit::<F>(self.path, sums.row(0), factor, signal, streams);
                };
                if let Some((signal, factor)) = oldest.take() {
                    emit(&state.oldest, factor, signal);
                }
                if let Some((signal, energy)) = before.take() {
                    emit(&state.before, self.factor(energy), signal);
                }
                emit(&state.now, self.factor(energy), signal);
                if next < end {
                    document = document_of(offsets, next);
                    start = next;
                    energy = self.sum_window(ids, start, next, window, state);
                }
                continue;
            }
            let (out, factor, streams) = match oldest.take() {
                Some((signal, factor)) => (signal, factor, streams),
                None => (&mut nobody[..], 0.0, false),
            };
            let step = Step {
                newer: newest(next),
                older: match next.checked_sub(window) {
                    Some(gone) if gone >= start => self.row_before(ids[gone].index()),
                    _ => &self.zeros,
                },
                ahead: newest((next + 1).min(ids.len() - 1)),
                factor,
                shift: self.energy_shift,
            };
            let sums = (state.oldest.row_mut(0), state.now.row(0));
            let energy_of_next = advance::<F>(self.path, sums, &step, out, streams);
            oldest = before.take().map(|(signal, energy)| (signal, self.factor(energy)));
            before = Some((signal, energy));
            energy = energy_of_next;
            std::mem::swap(&mut state.oldest, &mut state.before);
            std::mem::swap(&mut state.before, &mut state.now);
        }
    }

    /// The signal of one context, whose last symbol stands at the end of the window.
    #[inline]
    fn emit_context<'a, F: Format, I: Symbol>(
        &'a self,
        context: &[I],
        window: usize,
        state: &mut Sums<'a>,
        signal: &mut [F::Word],
        streams: bool,
    ) {
        let energy = self.sum_context(context, window, state);
        lanes::emit::<F>(self.path, state.now.row(0), self.factor(energy), signal, streams);
    }

    /// `sum_context` of the window of a document that ends at `at`.
    fn sum_window<'a, I: Symbol>(
        &'a self,
        ids: &[I],
        start: usize,
        at: usize,
        window: usize,
        state: &mut Sums<'a>,
    ) -> u64 {
        let oldest = start.max((at + 1).saturating_sub(window));
        self.sum_context(&ids[oldest..=at], window, state)
    }

    /// The sums become those of one context; their energy.
    #[inline]
    fn sum_context<'a, I: Symbol>(
        &'a self,
        context: &[I],
        window: usize,
        state: &mut Sums<'a>,
    ) -> u64 {
        let oldest = window - context.len();
        let places = context.iter().enumerate();
        state.rows.clear();
        state.rows.extend(places.map(|(place, id)| self.row(id.index(), oldest + place)));
        let sums = state.now.row_mut(0);
        lanes::sum_rows(self.path, &state.rows, sums);
        lanes::energy(self.path, sums, self.energy_shift)
    }

    /// The row of a symbol at the place before the first: rolled by -1.
    #[inline]
    fn row_before(&self, symbol: usize) -> &[i32] {
        let length = self.settings.num_samples;
        &self.rows.integers.row(symbol)[length + 1..][..length]
    }

    /// What integer sums of that energy are multiplied by; 0 where all of them are 0.
    #[inline]
    fn factor(&self, energy: u64) -> f32 {
        let squares = energy as f64 * (1_u64 << self.energy_shift) as f64;
        let factor = match self.settings.norm {
            Norm::None => self.unit,
            _ if energy == 0 => 0.0,
            Norm::L2 | Norm::Rms => self.numerator / (squares.sqrt() * self.unit + EPSILON),
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
