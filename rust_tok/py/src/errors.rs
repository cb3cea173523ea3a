//! Core errors to the exception classes of `primetone.errors`.

use pyo3::exceptions::{PyKeyboardInterrupt, PyRuntimeError};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use rust_tok::Error;

/// The Python exception of a core error.
pub(crate) fn to_python(py: Python<'_>, error: &Error) -> PyErr {
    let class = match error {
        Error::Format { .. } => "FormatError",
        Error::Vocabulary(_) => "VocabularyError",
        Error::UnknownToken(_) => "UnknownTokenError",
        Error::Pattern(_) => "PatternError",
        Error::Text(_) => "TextError",
        Error::Argument(_) => "ConfigError",
        Error::Io { .. } => "FileError",
        Error::Interrupted => return PyKeyboardInterrupt::new_err(()),
        other => return internal(py, &other.to_string()),
    };
    let keywords = PyDict::new(py);
    if let Error::Io { path, code, .. } = error {
        // a dict of two strings cannot refuse them
        let _ = keywords.set_item("errno", code);
        let _ = keywords.set_item("filename", path);
    }
    raise(py, class, &error.to_string(), &keywords)
}

/// A bug of ours: a panic that was caught at the boundary.
pub(crate) fn internal(py: Python<'_>, problem: &str) -> PyErr {
    let message = format!("internal error in primetone's core: {problem}");
    raise(py, "InternalError", &message, &PyDict::new(py))
}

fn raise<'py>(py: Python<'py>, class: &str, message: &str, keywords: &Bound<'py, PyDict>) -> PyErr {
    let make = || -> PyResult<PyErr> {
        let class = py.import("primetone.errors")?.getattr(class)?;
        Ok(PyErr::from_value(class.call((message,), Some(keywords))?))
    };
    make().unwrap_or_else(|error: PyErr| {
        PyRuntimeError::new_err(format!("primetone.errors is incomplete: {error}"))
    })
}
