//! Filters of sentences as Python sees them; `primetone.text.sentences` reads and writes the files.

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};
use rust_tok::sentences::{self, Filters};

use crate::door::quick;
use crate::encoding::long_or_quick;
use crate::tokenizer::Tokenizer;

/// Clean sentences from text that comes in pieces.
#[pyclass(module = "primetone._rust_tok")]
pub(crate) struct SentenceFilter {
    core: sentences::SentenceFilter,
    vocabulary: Option<Py<Tokenizer>>,
}

#[pymethods]
impl SentenceFilter {
    /// Ready to read; `vocabulary` is a list of words.
    #[new]
    #[pyo3(signature = (*, min_words, max_words, min_share, drops_signs, limit, vocabulary))]
    fn new(
        py: Python<'_>,
        min_words: u64,
        max_words: u64,
        min_share: f64,
        drops_signs: bool,
        limit: Option<u64>,
        vocabulary: Option<Py<Tokenizer>>,
    ) -> PyResult<Self> {
        let limit = limit.unwrap_or(u64::MAX);
        let filters = Filters { min_words, max_words, min_share, drops_signs, limit };
        Ok(Self { core: quick(py, |_| sentences::SentenceFilter::new(filters))?, vocabulary })
    }

    /// The sentences of the lines that end in these bytes; with `ends`, of the last one, too.
    #[pyo3(signature = (text, *, ends))]
    fn push<'py>(
        &mut self,
        py: Python<'py>,
        text: &[u8],
        ends: bool,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let Self { core, vocabulary } = self;
        let vocabulary = vocabulary.as_ref().map(|list| &list.get().0);
        let out = long_or_quick(py, text.len(), |control| {
            let mut out = Vec::new();
            core.push(text, ends, vocabulary, &mut out, control)?;
            Ok(out)
        })?;
        Ok(PyBytes::new(py, &out))
    }

    /// Whether there are as many sentences as may be.
    #[getter]
    fn is_full(&self) -> bool {
        self.core.is_full()
    }

    /// How many lines went where.
    fn tally<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let (tally, dict) = (self.core.tally(), PyDict::new(py));
        for (name, count) in [
            ("lines", tally.lines),
            ("kept", tally.kept),
            ("empty", tally.empty),
            ("too_short", tally.too_short),
            ("too_long", tally.too_long),
            ("too_many_signs", tally.too_many_signs),
            ("unknown", tally.unknown),
            ("words", tally.words),
            ("unknown_words", tally.unknown_words),
        ] {
            dict.set_item(name, count)?;
        }
        Ok(dict)
    }

    /// The most frequent words outside the vocabulary, with how often they occur.
    fn most_unknown(&self, count: usize) -> Vec<(String, u64)> {
        let words = self.core.most_unknown(count).into_iter();
        words.map(|(word, count)| (word.to_owned(), count)).collect()
    }
}
