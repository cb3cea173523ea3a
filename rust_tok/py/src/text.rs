//! Text as it comes from Python, borrowed: `str` as UTF-8, or `bytes` as they are.

use pyo3::exceptions::PyTypeError;
use pyo3::inspect::PyStaticExpr;
use pyo3::prelude::*;
use pyo3::pybacked::{PyBackedBytes, PyBackedStr};
use pyo3::type_hint_union;
use pyo3::types::{PyList, PyString};
use rust_tok::Error;

use crate::errors::to_python;

/// One text; the Python object stays alive as long as this does.
pub(crate) enum Text {
    /// a `str` without halves of surrogate pairs
    Str(PyBackedStr),
    /// any bytes
    Bytes(PyBackedBytes),
}

impl<'py> FromPyObject<'_, 'py> for Text {
    type Error = PyErr;

    const INPUT_TYPE: PyStaticExpr = type_hint_union!(
        <PyBackedStr as FromPyObject>::INPUT_TYPE,
        <PyBackedBytes as FromPyObject>::INPUT_TYPE
    );

    fn extract(text: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        Self::of(&text, "")
    }
}

impl Text {
    /// The text of a Python object; `place` begins the message of an error.
    fn of(text: &Bound<'_, PyAny>, place: &str) -> PyResult<Self> {
        // by type first, so that half of a surrogate pair is not told as a wrong type
        if text.is_instance_of::<PyString>() {
            let advice = "encode it with errors=\"replace\", or give bytes";
            let told = |error| half_pair(text.py(), error, place, advice);
            return text.extract().map(Self::Str).map_err(told);
        }
        text.extract().map(Self::Bytes).map_err(|_| {
            let found = text.get_type().name().map_or_else(|_| String::new(), |n| n.to_string());
            PyTypeError::new_err(format!("{place}expected str or bytes, found {found}"))
        })
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        match self {
            Self::Str(text) => text.as_bytes(),
            Self::Bytes(bytes) => bytes,
        }
    }
}

/// What is said of a `str` that has no UTF-8, from Python's error; `place` begins it, `advice` ends it.
pub(crate) fn half_pair(py: Python<'_>, error: PyErr, place: &str, advice: &str) -> PyErr {
    let at = error.value(py).getattr("start").and_then(|at| at.extract::<usize>());
    let Ok(at) = at else { return error };
    let problem = format!(
        "{place}found half of a surrogate pair at character {at}, which is no text; {advice}"
    );
    to_python(py, &Error::Text(problem))
}

/// Several texts; an error names the text that it is in.
pub(crate) struct Texts(Vec<Text>);

impl<'py> FromPyObject<'_, 'py> for Texts {
    type Error = PyErr;

    const INPUT_TYPE: PyStaticExpr = <Vec<Text> as FromPyObject>::INPUT_TYPE;

    fn extract(texts: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        let numbered = texts.cast::<PyList>()?.iter().enumerate();
        let one = |(number, text): (usize, Bound<'py, PyAny>)| {
            Text::of(&text, &format!("text {number}: "))
        };
        numbered.map(one).collect::<PyResult<_>>().map(Self)
    }
}

impl Texts {
    /// Their bytes.
    pub(crate) fn slices(&self) -> Vec<&[u8]> {
        self.0.iter().map(Text::bytes).collect()
    }

    /// How many bytes they have together.
    pub(crate) fn num_bytes(&self) -> usize {
        self.0.iter().map(|text| text.bytes().len()).sum()
    }
}
