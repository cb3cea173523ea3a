//! Text as it comes from Python, borrowed: `str` as UTF-8, or `bytes` as they are.

use pyo3::exceptions::PyTypeError;
use pyo3::inspect::PyStaticExpr;
use pyo3::prelude::*;
use pyo3::pybacked::{PyBackedBytes, PyBackedStr};
use pyo3::type_hint_union;
use pyo3::types::PyString;

/// One text; the Python object stays alive as long as this does.
pub(crate) enum Text {
    /// a `str` without lone surrogates
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
        // by type first, so that a lone surrogate is a UnicodeEncodeError and not a wrong type
        if text.is_instance_of::<PyString>() {
            return text.extract().map(Self::Str);
        }
        text.extract().map(Self::Bytes).map_err(|_| {
            let found = text.get_type().name().map_or_else(|_| String::new(), |n| n.to_string());
            PyTypeError::new_err(format!("expected str or bytes, found {found}"))
        })
    }
}

impl Text {
    pub(crate) fn bytes(&self) -> &[u8] {
        match self {
            Self::Str(text) => text.as_bytes(),
            Self::Bytes(bytes) => bytes,
        }
    }
}

/// The bytes of several texts.
pub(crate) fn slices(texts: &[Text]) -> Vec<&[u8]> {
    texts.iter().map(Text::bytes).collect()
}
