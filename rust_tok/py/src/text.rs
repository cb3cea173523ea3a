//! Text as it comes from Python, borrowed: `str` as UTF-8, or `bytes` as they are.

use pyo3::prelude::*;
use pyo3::pybacked::{PyBackedBytes, PyBackedStr};

/// One text; the Python object stays alive as long as this does.
#[derive(FromPyObject)]
pub(crate) enum Text {
    /// a `str` without lone surrogates
    #[pyo3(transparent, annotation = "str")]
    Str(PyBackedStr),
    /// any bytes
    #[pyo3(transparent, annotation = "bytes")]
    Bytes(PyBackedBytes),
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
