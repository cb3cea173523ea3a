//! Hashing and decompression for the file layer.

use std::path::PathBuf;
use std::sync::Mutex;

use pyo3::prelude::*;
use pyo3::types::PyBytes;
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
        let mut digest = self.0.lock().map_err(|_| internal(py, "a hash was left broken"))?;
        digest.update(data);
        Ok(())
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
