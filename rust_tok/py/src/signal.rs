//! The signal bank as Python sees it; `primetone.signals.SignalBank` wraps it with shapes and types.

use numpy::{PyArray1, PyReadonlyArray1, PyReadwriteArray1};
use pyo3::prelude::*;
use rust_tok::Result;
use rust_tok::control::Control;
use rust_tok::signal::{
    Atoms, Bank, Bf16, F16, F32, Format, Frequencies, Norm, Numerics, Position, Sampling, Settings,
    Symbol,
};

use crate::door::{enter, quick};

/// Calls that write fewer samples take too short a time to be interrupted.
const QUICK_SAMPLES: usize = 1 << 22;

/// Flat ids of one of three types, borrowed.
#[derive(FromPyObject)]
enum Ids<'py> {
    #[pyo3(transparent, annotation = "array of uint8")]
    Bytes(PyReadonlyArray1<'py, u8>),
    #[pyo3(transparent, annotation = "array of uint16")]
    Shorts(PyReadonlyArray1<'py, u16>),
    #[pyo3(transparent, annotation = "array of uint32")]
    Words(PyReadonlyArray1<'py, u32>),
}

impl Ids<'_> {
    fn len(&self) -> usize {
        match self {
            Self::Bytes(ids) => ids.len().unwrap_or(0),
            Self::Shorts(ids) => ids.len().unwrap_or(0),
            Self::Words(ids) => ids.len().unwrap_or(0),
        }
    }
}

/// A flat buffer for samples: floats, or the bits of 16-bit floats.
#[derive(FromPyObject)]
enum Out<'py> {
    #[pyo3(transparent, annotation = "array of float32")]
    Singles(PyReadwriteArray1<'py, f32>),
    #[pyo3(transparent, annotation = "array of uint16")]
    Halves(PyReadwriteArray1<'py, u16>),
}

/// Which of the two calls, with its own arguments.
#[derive(Clone, Copy)]
enum Call<'a> {
    Windows { length: usize },
    Slide { offsets: &'a [u64] },
}

/// Atoms of symbols, and the sums of them that contexts are. Immutable.
#[pyclass(frozen, module = "primetone._rust_tok")]
pub(crate) struct SignalBank(Bank);

#[pymethods]
impl SignalBank {
    #[new]
    #[pyo3(signature = (*, num_symbols, num_samples, atoms, tones, sampling, frequencies, position, norm, numerics, max_window, seed, times))]
    #[expect(clippy::too_many_arguments, reason = "each is a setting by its name")]
    fn new(
        py: Python<'_>,
        num_symbols: usize,
        num_samples: usize,
        atoms: &str,
        tones: usize,
        sampling: &str,
        frequencies: &str,
        position: &str,
        norm: &str,
        numerics: &str,
        max_window: usize,
        seed: u64,
        times: Option<Vec<f32>>,
    ) -> PyResult<Self> {
        let settings = quick(py, |_| {
            Ok(Settings {
                num_symbols,
                num_samples,
                atoms: Atoms::of_name(atoms)?,
                tones,
                sampling: Sampling::of_name(sampling)?,
                frequencies: Frequencies::of_name(frequencies)?,
                position: Position::of_name(position)?,
                norm: Norm::of_name(norm)?,
                numerics: Numerics::of_name(numerics)?,
                max_window,
                seed,
                times,
            })
        })?;
        enter(py, &Control::default(), None, |_| Bank::new(settings)).map(Self)
    }

    /// The atoms as they stand at place 0, flat.
    fn atoms<'py>(&self, py: Python<'py>) -> Bound<'py, PyArray1<f32>> {
        PyArray1::from_vec(py, self.0.atoms())
    }

    /// The frequency of every tone; empty where atoms are no tones.
    #[getter]
    fn frequencies(&self) -> Vec<u32> {
        self.0.frequencies().to_vec()
    }

    /// (first symbol, second symbol, "identical", "negated" or "silent") of atoms that collide.
    #[getter]
    fn collisions(&self) -> Vec<(u32, u32, &'static str)> {
        let pairs = self.0.collisions().iter();
        pairs.map(|pair| (pair.first, pair.second, pair.relation.name())).collect()
    }

    /// Signals of isolated contexts of `length` symbols each.
    #[expect(clippy::too_many_arguments, reason = "each is an argument of the core's call")]
    fn windows(
        &self,
        py: Python<'_>,
        ids: Ids<'_>,
        length: usize,
        window: usize,
        out: Out<'_>,
        format: &str,
        threads: usize,
    ) -> PyResult<()> {
        self.with_ids(py, &ids, Call::Windows { length }, window, out, format, threads)
    }

    /// The signal at every position of a stream that is cut into documents at `offsets`, or into
    /// documents of `length` each.
    #[expect(clippy::too_many_arguments, reason = "each is an argument of the core's call")]
    fn slide(
        &self,
        py: Python<'_>,
        ids: Ids<'_>,
        length: usize,
        window: usize,
        offsets: Option<PyReadonlyArray1<'_, u64>>,
        out: Out<'_>,
        format: &str,
        threads: usize,
    ) -> PyResult<()> {
        let even: Vec<u64>;
        let offsets = if let Some(offsets) = &offsets {
            offsets.as_slice()?
        } else {
            let end = ids.len() as u64;
            even = (0..end).step_by(length.max(1)).chain([end]).collect();
            &even
        };
        let call = Call::Slide { offsets: if offsets == [0] { &[0, 0] } else { offsets } };
        self.with_ids(py, &ids, call, window, out, format, threads)
    }

    /// Per context and symbol the sum of exp(-2 pi j f i / period) over its places: real, imaginary.
    fn phasors<'py>(
        &self,
        py: Python<'py>,
        ids: PyReadonlyArray1<'py, u32>,
        length: usize,
        window: usize,
    ) -> PyResult<Bound<'py, PyArray1<f64>>> {
        let ids = ids.as_slice()?;
        let found = quick(py, |_| self.0.phasors(ids, length, window))?;
        Ok(PyArray1::from_vec(py, found))
    }

    /// Inner products of all atoms with all rolled atoms, flat.
    fn gram<'py>(
        &self,
        py: Python<'py>,
        window: usize,
        threads: usize,
    ) -> PyResult<Bound<'py, PyArray1<f64>>> {
        let control = Control::default();
        let found = enter(py, &control, None, |control| self.0.gram(window, threads, control))?;
        Ok(PyArray1::from_vec(py, found))
    }
}

impl SignalBank {
    #[expect(clippy::too_many_arguments, reason = "the arguments of both calls, passed on")]
    fn with_ids(
        &self,
        py: Python<'_>,
        ids: &Ids<'_>,
        call: Call<'_>,
        window: usize,
        out: Out<'_>,
        format: &str,
        threads: usize,
    ) -> PyResult<()> {
        match ids {
            Ids::Bytes(ids) => self.fill(py, ids.as_slice()?, call, window, out, format, threads),
            Ids::Shorts(ids) => self.fill(py, ids.as_slice()?, call, window, out, format, threads),
            Ids::Words(ids) => self.fill(py, ids.as_slice()?, call, window, out, format, threads),
        }
    }

    #[expect(clippy::too_many_arguments, reason = "the arguments of both calls, passed on")]
    fn fill<I: Symbol>(
        &self,
        py: Python<'_>,
        ids: &[I],
        call: Call<'_>,
        window: usize,
        out: Out<'_>,
        format: &str,
        threads: usize,
    ) -> PyResult<()> {
        match out {
            Out::Singles(mut out) => {
                self.run::<F32, I>(py, ids, call, window, out.as_slice_mut()?, threads)
            }
            Out::Halves(mut out) if format == "float16" => {
                self.run::<F16, I>(py, ids, call, window, out.as_slice_mut()?, threads)
            }
            Out::Halves(mut out) => {
                self.run::<Bf16, I>(py, ids, call, window, out.as_slice_mut()?, threads)
            }
        }
    }

    fn run<F: Format, I: Symbol>(
        &self,
        py: Python<'_>,
        ids: &[I],
        call: Call<'_>,
        window: usize,
        out: &mut [F::Word],
        threads: usize,
    ) -> PyResult<()> {
        let is_quick = out.len() < QUICK_SAMPLES;
        let work = |control: &Control| -> Result<()> {
            match call {
                Call::Windows { length } => {
                    self.0.windows::<F, I>(ids, length, window, out, threads, control)
                }
                Call::Slide { offsets } => {
                    self.0.slide::<F, I>(ids, window, offsets, out, threads, control)
                }
            }
        };
        if is_quick { quick(py, work) } else { enter(py, &Control::default(), None, work) }
    }
}
