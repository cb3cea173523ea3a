//! What encoding takes and gives: options, arrays of ids, and text that comes in pieces.

use numpy::PyArray1;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedStr;
use rust_tok as core;
use rust_tok::control::Control;
use rust_tok::encode::{Allowed, Dropout, OffsetUnit, StreamEncoder as Stream};
use rust_tok::{Error, Result};

use crate::door::{QUICK_BYTES, enter, quick};
use crate::text::Text;
use crate::tokenizer::Tokenizer;

/// What `allowed_special` may be: names, or "all".
#[derive(FromPyObject)]
pub(crate) enum AllowedSpecial {
    #[pyo3(transparent, annotation = "str")]
    Word(String),
    #[pyo3(transparent, annotation = "collection of str")]
    Names(Vec<String>),
}

impl AllowedSpecial {
    pub(crate) fn into_core(self) -> Result<Allowed> {
        match self {
            Self::Word(word) if word == "all" => Ok(Allowed::All),
            Self::Word(word) => Err(Error::Argument(format!(
                "allowed_special must be \"all\" or a collection of names; found {word:?}"
            ))),
            Self::Names(names) if names.is_empty() => Ok(Allowed::Nothing),
            Self::Names(names) => Ok(Allowed::Names(names)),
        }
    }
}

/// The type of ids in an array: "auto", "uint16" or "uint32".
#[derive(FromPyObject)]
#[pyo3(transparent)]
pub(crate) struct Dtype(PyBackedStr);

/// The width of ids in an array.
#[derive(Clone, Copy)]
pub(crate) enum Width {
    Bits16,
    Bits32,
}

impl Dtype {
    /// The width that is asked for, if the ids of a tokenizer fit it; "auto" is the smaller one that
    /// holds the whole vocabulary.
    pub(crate) fn width(&self, tokenizer: &core::Tokenizer) -> Result<Width> {
        let num_ids = tokenizer.vocab().len();
        match &*self.0 {
            "auto" | "uint16" if num_ids <= 1 << 16 => Ok(Width::Bits16),
            "auto" | "uint32" => Ok(Width::Bits32),
            "uint16" => Err(Error::Argument(format!(
                "dtype uint16 holds ids under 65,536, and this vocabulary has {num_ids}: ask for \
                 uint32, or auto"
            ))),
            other => Err(Error::Argument(format!(
                "dtype must be auto, uint16 or uint32; found {other:?}"
            ))),
        }
    }
}

impl Width {
    /// Ids that fit, as an array.
    pub(crate) fn array(self, py: Python<'_>, ids: Vec<u32>) -> Bound<'_, PyAny> {
        match self {
            Self::Bits16 => {
                let ids: Vec<u16> = ids.into_iter().map(|id| id as u16).collect();
                PyArray1::from_vec(py, ids).into_any()
            }
            Self::Bits32 => PyArray1::from_vec(py, ids).into_any(),
        }
    }
}

/// What places are counted in: "bytes" or "characters".
#[derive(FromPyObject)]
#[pyo3(transparent)]
pub(crate) struct Unit(String);

impl Unit {
    pub(crate) fn into_core(self) -> Result<OffsetUnit> {
        match self.0.as_str() {
            "bytes" => Ok(OffsetUnit::Bytes),
            "characters" => Ok(OffsetUnit::Characters),
            other => Err(Error::Argument(format!(
                "unit must be \"bytes\" or \"characters\"; found {other:?}"
            ))),
        }
    }
}

/// Do work on so many bytes of text.
pub(crate) fn long_or_quick<T: Send>(
    py: Python<'_>,
    num_bytes: usize,
    work: impl FnOnce(&Control) -> Result<T> + Send,
) -> PyResult<T> {
    if num_bytes < QUICK_BYTES {
        quick(py, work)
    } else {
        enter(py, &Control::default(), None, work)
    }
}

/// Text that comes in pieces to ids that no later text can change.
#[pyclass(module = "primetone._rust_tok")]
pub(crate) struct StreamEncoder {
    tokenizer: Py<Tokenizer>,
    stream: Stream,
    width: Width,
}

#[pymethods]
impl StreamEncoder {
    #[new]
    #[pyo3(signature = (tokenizer, *, allowed_special, dropout, seed, dtype))]
    fn new(
        py: Python<'_>,
        tokenizer: Py<Tokenizer>,
        allowed_special: AllowedSpecial,
        dropout: f64,
        seed: u64,
        dtype: Dtype,
    ) -> PyResult<Self> {
        let core = &tokenizer.get().0;
        let (stream, width) = quick(py, |_| {
            let dropout = Dropout::new(dropout, seed)?;
            let stream = Stream::new(core, &allowed_special.into_core()?, dropout)?;
            Ok((stream, dtype.width(core)?))
        })?;
        Ok(Self { tokenizer, stream, width })
    }

    /// The ids that this text, which comes next, makes certain.
    fn push<'py>(&mut self, py: Python<'py>, text: Text) -> PyResult<Bound<'py, PyAny>> {
        let Self { tokenizer, stream, width } = self;
        let tokenizer = &tokenizer.get().0;
        let ids = long_or_quick(py, stream.num_waiting() + text.bytes().len(), |control| {
            stream.push(tokenizer, text.bytes(), control)
        })?;
        Ok(width.array(py, ids))
    }

    /// The ids of what waits, since nothing follows it.
    fn finish<'py>(&mut self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let Self { tokenizer, stream, width } = self;
        let tokenizer = &tokenizer.get().0;
        let ids =
            enter(py, &Control::default(), None, |control| stream.finish(tokenizer, control))?;
        Ok(width.array(py, ids))
    }

    /// How many bytes wait for what follows them.
    #[getter]
    fn num_waiting(&self) -> usize {
        self.stream.num_waiting()
    }
}
