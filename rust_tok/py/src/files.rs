//! Hashing, decompression and reading in chunks for the file layer.

use std::path::PathBuf;
use std::sync::Mutex;

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList};
use rust_tok::chunks;
use rust_tok::compressed::{self, Compression};
use rust_tok::digest::Digest;

use crate::door::{quick, released};
use crate::errors::internal;

/// The BLAKE3 hash of some bytes, as 64 hexadecimal digits.
#[pyfunction]
pub(crate) fn blake3_hex(py: Python<'_>, data: &[u8]) -> String {
    py.detach(|| {
        let mut digest = Digest::default();
        digest.update(data);
        digest.hex()
    })
}

/// A BLAKE3 hash taken piece by piece.
#[pyclass(frozen, module = "primetone._rust_tok")]
#[derive(Default)]
pub(crate) struct Blake3(Mutex<Digest>);

#[pymethods]
impl Blake3 {
    #[new]
    fn new() -> Self {
        Self::default()
    }

    /// Hash these bytes next.
    fn update(&self, py: Python<'_>, data: &[u8]) -> PyResult<()> {
        let update = || self.0.lock().map(|mut digest| digest.update(data)).is_ok();
        if py.detach(update) { Ok(()) } else { Err(internal(py, "a hash was left broken")) }
    }

    /// The hash so far, as 64 hexadecimal digits.
    fn hexdigest(&self, py: Python<'_>) -> PyResult<String> {
        Ok(self.0.lock().map_err(|_| internal(py, "a hash was left broken"))?.hex())
    }
}

/// A gzip ("gz") or zstd ("zst") file, read as a stream.
#[pyclass(frozen, module = "primetone._rust_tok")]
pub(crate) struct Decompressor(Mutex<compressed::Decompressor>);

#[pymethods]
impl Decompressor {
    #[new]
    fn new(py: Python<'_>, path: PathBuf, kind: &str) -> PyResult<Self> {
        let compression = match kind {
            "gz" => Compression::Gzip,
            "zst" => Compression::Zstd,
            other => {
                return Err(pyo3::exceptions::PyValueError::new_err(format!(
                    "kind must be \"gz\" or \"zst\"; found {other:?}"
                )));
            }
        };
        let file = quick(py, |_| compressed::Decompressor::open(&path, compression))?;
        Ok(Self(Mutex::new(file)))
    }

    /// At most `size` bytes; none at the end of the file.
    fn read<'py>(&self, py: Python<'py>, size: usize) -> PyResult<Bound<'py, PyBytes>> {
        // a hostile size must not allocate: nobody needs more at once
        let size = size.min(64 << 20);
        let data = released(py, || self.0.lock().ok().map(|mut file| file.read(size)).transpose())?;
        let data = data.ok_or_else(|| internal(py, "a file was left half read"))?;
        Ok(PyBytes::new(py, &data))
    }
}

/// Checks text in UTF-8 chunk by chunk; a chunk may end inside a character.
#[pyclass(frozen, module = "primetone._rust_tok")]
#[derive(Default)]
pub(crate) struct Utf8Checker(Mutex<chunks::Utf8Checker>);

#[pymethods]
impl Utf8Checker {
    #[new]
    fn new() -> Self {
        Self::default()
    }

    /// Take the next chunk; False when it does not go on in UTF-8, and then nothing is taken.
    fn push(&self, py: Python<'_>, chunk: &[u8]) -> PyResult<bool> {
        let mut checker = self.0.lock().map_err(|_| internal(py, "a check was left broken"))?;
        Ok(checker.push(chunk))
    }

    /// The bytes of the character that the last chunk ended in; none between characters.
    #[getter]
    fn kept<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let checker = self.0.lock().map_err(|_| internal(py, "a check was left broken"))?;
        Ok(PyBytes::new(py, checker.kept()))
    }

    /// How many line feeds there were.
    #[getter]
    fn num_lines(&self, py: Python<'_>) -> PyResult<u64> {
        let checker = self.0.lock().map_err(|_| internal(py, "a check was left broken"))?;
        Ok(checker.num_lines())
    }
}

/// Divides a text that comes in chunks wherever a separator stands, which may lie across chunks.
#[pyclass(frozen, module = "primetone._rust_tok")]
pub(crate) struct Divider(Mutex<chunks::Divider>);

#[pymethods]
impl Divider {
    #[new]
    fn new(separator: &[u8]) -> PyResult<Self> {
        if separator.is_empty() {
            return Err(pyo3::exceptions::PyValueError::new_err("an empty separator"));
        }
        Ok(Self(Mutex::new(chunks::Divider::new(separator))))
    }

    /// Take the next chunk; returns the parts that a separator ended, empty ones too.
    fn push<'py>(&self, py: Python<'py>, chunk: &[u8]) -> PyResult<Bound<'py, PyList>> {
        let mut divider = self.0.lock().map_err(|_| internal(py, "a text was left divided"))?;
        let parts = PyList::empty(py);
        divider.push(chunk, |part| parts.append(PyBytes::new(py, part)))?;
        Ok(parts)
    }

    /// What stands behind the last separator.
    fn finish<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let mut divider = self.0.lock().map_err(|_| internal(py, "a text was left divided"))?;
        Ok(PyBytes::new(py, &divider.finish()))
    }
}
