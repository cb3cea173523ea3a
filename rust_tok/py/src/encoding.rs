//! What encoding takes and gives: options, arrays of ids, and text that comes in pieces.

use numpy::PyArray1;
use pyo3::prelude::*;
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

/// The type of ids in an array: "uint16" or "uint32".
#[derive(Clone, FromPyObject)]
#[pyo3(transparent)]
pub(crate) struct IdType(String);

impl IdType {
    /// Whether the ids of a tokenizer fit.
    pub(crate) fn check(&self, tokenizer: &core::Tokenizer) -> Result<()> {
        let num_ids = tokenizer.vocab().len();
        match self.0.as_str() {
            "uint32" => Ok(()),
            "uint16" if num_ids <= 1 << 16 => Ok(()),
            "uint16" => Err(Error::Argument(format!(
                "dtype uint16 holds ids under 65,536, and this vocabulary has {num_ids}: ask for \
                 uint32, or auto"
            ))),
            other => Err(Error::Argument(format!(
                "dtype must be auto, uint16 or uint32; found {other:?}"
            ))),
        }
    }

    /// Ids that fit, as an array.
    pub(crate) fn array<'py>(&self, py: Python<'py>, ids: Vec<u32>) -> Bound<'py, PyAny> {
        if self.0 == "uint16" {
            let ids: Vec<u16> = ids.into_iter().map(|id| id as u16).collect();
            PyArray1::from_vec(py, ids).into_any()
        } else {
            PyArray1::from_vec(py, ids).into_any()
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

/// Do work on texts, in a way that their size asks for.
pub(crate) fn long_or_quick<T: Send>(
    py: Python<'_>,
    texts: &[&[u8]],
    work: impl FnOnce(&Control) -> Result<T> + Send,
) -> PyResult<T> {
    if texts.iter().map(|text| text.len()).sum::<usize>() < QUICK_BYTES {
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
    id_type: IdType,
}

#[pymethods]
impl StreamEncoder {
    #[new]
    #[pyo3(signature = (tokenizer, *, allowed_special, dropout, seed, id_type))]
    fn new(
        py: Python<'_>,
        tokenizer: Py<Tokenizer>,
        allowed_special: AllowedSpecial,
        dropout: f64,
        seed: u64,
        id_type: IdType,
    ) -> PyResult<Self> {
        let core = &tokenizer.get().0;
        let stream = quick(py, |_| {
            id_type.check(core)?;
            let dropout = Dropout::new(dropout, seed)?;
            Stream::new(core, &allowed_special.into_core()?, dropout)
        })?;
        Ok(Self { tokenizer, stream, id_type })
    }

    /// The ids that this text, which comes next, makes certain.
    fn push<'py>(&mut self, py: Python<'py>, text: Text) -> PyResult<Bound<'py, PyAny>> {
        let Self { tokenizer, stream, id_type } = self;
        let tokenizer = &tokenizer.get().0;
        let ids = long_or_quick(py, &[text.bytes()], |control| {
            stream.push(tokenizer, text.bytes(), control)
        })?;
        Ok(id_type.array(py, ids))
    }

    /// The ids of what waits, since nothing follows it.
    fn finish<'py>(&mut self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let Self { tokenizer, stream, id_type } = self;
        let tokenizer = &tokenizer.get().0;
        let ids =
            enter(py, &Control::default(), None, |control| stream.finish(tokenizer, control))?;
        Ok(id_type.array(py, ids))
    }

    /// How many bytes wait for what follows them.
    #[getter]
    fn num_waiting(&self) -> usize {
        self.stream.num_waiting()
    }
}
