//! What Python says about learning, and what it is told afterwards.

use pyo3::prelude::*;
use pyo3::types::PyDict;
use rust_tok::count::{Limits, Loaded};
use rust_tok::learn::{Duplicates, MaxLength, Named, Options, Stop, Tie};
use rust_tok::tokenizer::LearnReport;
use rust_tok::{Error, Result};

/// How merges are learnt, as a mapping with all of these keys.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub(crate) struct LearnOptions {
    tie: String,
    min_count: u64,
    max_token_bytes: Option<u32>,
    max_token_rule: String,
    duplicates: String,
}

impl LearnOptions {
    pub(crate) fn into_core(self, threads: usize) -> Result<Options> {
        let rule = match &*self.max_token_rule {
            "exact" => MaxLength::Exact,
            "hf_compat" => MaxLength::HfCompat,
            other => {
                return Err(Error::Argument(format!(
                    "max_token_rule must be one of exact, hf_compat; found {other:?}"
                )));
            }
        };
        Ok(Options {
            tie: Tie::of_name(&self.tie)?,
            min_count: self.min_count,
            max_token_bytes: self.max_token_bytes.map(rule),
            duplicates: Duplicates::of_name(&self.duplicates)?,
            threads,
        })
    }
}

/// What learning may hold in memory, as a mapping with both keys.
#[derive(FromPyObject, Clone, Copy)]
#[pyo3(from_item_all)]
pub(crate) struct LearnLimits {
    memory: Option<u64>,
    min_word_count: u64,
}

impl LearnLimits {
    pub(crate) fn into_core(self, num_ids: u32) -> Limits {
        Limits { memory: self.memory, min_word_count: self.min_word_count, num_ids }
    }
}

/// What learning did.
pub(crate) fn report<'py>(
    py: Python<'py>,
    report: &LearnReport,
    loaded: &Loaded,
) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    dict.set_item("num_dropped_words", loaded.num_dropped_words)?;
    dict.set_item("num_dropped_pieces", loaded.num_dropped_pieces)?;
    dict.set_item("num_bytes", report.num_bytes)?;
    dict.set_item("num_pieces", report.num_pieces)?;
    dict.set_item("num_words", report.num_words)?;
    dict.set_item("num_merges", report.num_merges)?;
    let stop = match report.stop {
        Stop::Enough => "vocab_size",
        Stop::NoPairsLeft => "no pairs left",
    };
    dict.set_item("stop", stop)?;
    Ok(dict)
}
