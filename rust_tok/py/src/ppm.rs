//! The compressor that texts are measured against.

use pyo3::prelude::*;
use rust_tok::control::Control;
use rust_tok::ppm;

use crate::door::enter;
use crate::text::Text;

/// The bytes by which `text` makes the compressed form of `known` longer, under PPM.
#[pyfunction]
#[pyo3(signature = (known, text, *, order, memory_bytes))]
pub(crate) fn ppm_added_bytes(
    py: Python<'_>,
    known: Text,
    text: Text,
    order: u32,
    memory_bytes: u32,
) -> PyResult<u64> {
    let (known, text) = (known.bytes(), text.bytes());
    let work = |control: &Control| ppm::added_bytes(known, text, order, memory_bytes, control);
    enter(py, &Control::default(), None, work)
}
