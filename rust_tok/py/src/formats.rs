//! Tokenizer files as Python sees them: bytes to tokenizers and back.

use pyo3::prelude::*;
use pyo3::types::PyBytes;
use rust_tok::format::{
    character_merges, gpt2, merges, tekken, tiktoken, tokenizer_json, word_list,
};

use crate::door::released;
use crate::tokenizer::{Tokenizer, splitter};

/// Read a `tokenizer.json`.
#[pyfunction]
pub(crate) fn read_tokenizer_json(
    py: Python<'_>,
    data: &[u8],
) -> PyResult<(Tokenizer, Option<String>)> {
    let read = released(py, || tokenizer_json::read(data))?;
    Ok((Tokenizer(read.tokenizer), read.unicode_version))
}

/// Read `.tiktoken` rank lines.
#[pyfunction]
#[pyo3(signature = (data, *, split, pattern, specials))]
pub(crate) fn read_tiktoken(
    py: Python<'_>,
    data: &[u8],
    split: Option<&str>,
    pattern: Option<&str>,
    specials: Vec<(String, u32)>,
) -> PyResult<Tokenizer> {
    released(py, || tiktoken::read(data, splitter(split, pattern)?, specials)).map(Tokenizer)
}

/// Read a `vocab.json` and a `merges.txt`.
#[pyfunction]
#[pyo3(signature = (vocab_json, merges_txt, *, split, pattern, specials))]
pub(crate) fn read_gpt2(
    py: Python<'_>,
    vocab_json: &[u8],
    merges_txt: &[u8],
    split: Option<&str>,
    pattern: Option<&str>,
    specials: Vec<(String, u32)>,
) -> PyResult<Tokenizer> {
    let read = || gpt2::read(vocab_json, merges_txt, splitter(split, pattern)?, specials);
    released(py, read).map(Tokenizer)
}

/// Read a `tekken.json`.
#[pyfunction]
pub(crate) fn read_tekken(py: Python<'_>, data: &[u8]) -> PyResult<Tokenizer> {
    released(py, || tekken::read(data)).map(Tokenizer)
}

/// Read a merges file: (tokenizer, the Unicode version that it was written with).
#[pyfunction]
pub(crate) fn read_merges(py: Python<'_>, data: &[u8]) -> PyResult<(Tokenizer, Option<String>)> {
    let read = released(py, || merges::read(data))?;
    Ok((Tokenizer(read.tokenizer), read.unicode_version))
}

/// Read the two plain lists of a subword learner: words of characters.
#[pyfunction]
#[pyo3(signature = (vocab_txt, merges_txt, *, lowercase, unknown))]
pub(crate) fn read_character_merges(
    py: Python<'_>,
    vocab_txt: &[u8],
    merges_txt: &[u8],
    lowercase: bool,
    unknown: Option<&str>,
) -> PyResult<Tokenizer> {
    let read = || character_merges::read(vocab_txt, merges_txt, lowercase, unknown);
    released(py, read).map(Tokenizer)
}

/// Read rows of id,word: (tokenizer, the words that no text has as the rule cuts them).
#[pyfunction]
pub(crate) fn read_word_list(py: Python<'_>, data: &[u8]) -> PyResult<(Tokenizer, Vec<String>)> {
    let read = released(py, || word_list::read(data))?;
    Ok((Tokenizer(read.tokenizer), read.never_found))
}

/// The rows of id,word of a list.
#[pyfunction]
pub(crate) fn write_word_list<'py>(
    py: Python<'py>,
    tokenizer: &Tokenizer,
) -> PyResult<Bound<'py, PyBytes>> {
    Ok(PyBytes::new(py, &released(py, || word_list::write(&tokenizer.0))?))
}

/// The `tokenizer.json` of a tokenizer.
#[pyfunction]
pub(crate) fn write_tokenizer_json<'py>(
    py: Python<'py>,
    tokenizer: &Tokenizer,
) -> PyResult<Bound<'py, PyBytes>> {
    Ok(PyBytes::new(py, &released(py, || tokenizer_json::write(&tokenizer.0))?))
}

/// The `.tiktoken` lines of a tokenizer.
#[pyfunction]
pub(crate) fn write_tiktoken<'py>(
    py: Python<'py>,
    tokenizer: &Tokenizer,
) -> PyResult<Bound<'py, PyBytes>> {
    Ok(PyBytes::new(py, &released(py, || tiktoken::write(&tokenizer.0))?))
}

/// The `vocab.json` and `merges.txt` of a tokenizer.
#[pyfunction]
pub(crate) fn write_gpt2<'py>(
    py: Python<'py>,
    tokenizer: &Tokenizer,
) -> PyResult<(Bound<'py, PyBytes>, Bound<'py, PyBytes>)> {
    let (vocab, merges) = released(py, || gpt2::write(&tokenizer.0))?;
    Ok((PyBytes::new(py, &vocab), PyBytes::new(py, &merges)))
}

/// The `tekken.json` of a tokenizer.
#[pyfunction]
pub(crate) fn write_tekken<'py>(
    py: Python<'py>,
    tokenizer: &Tokenizer,
) -> PyResult<Bound<'py, PyBytes>> {
    Ok(PyBytes::new(py, &released(py, || tekken::write(&tokenizer.0))?))
}

/// The merges file of a tokenizer.
#[pyfunction]
pub(crate) fn write_merges<'py>(
    py: Python<'py>,
    tokenizer: &Tokenizer,
) -> PyResult<Bound<'py, PyBytes>> {
    Ok(PyBytes::new(py, &released(py, || merges::write(&tokenizer.0))?))
}
