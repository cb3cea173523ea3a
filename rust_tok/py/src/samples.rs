//! Measures of generated text; `primetone.evaluation` gives them names and defaults.

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::PyString;
use rust_tok::samples::{self, Sentences, Vocabulary, WordCutter};

use crate::door::{quick, released};

/// What turns Python's sentences into numbers, the same for all texts of a call.
struct Reader {
    cutter: WordCutter,
    vocabulary: Vocabulary,
}

impl Reader {
    fn new(py: Python<'_>) -> PyResult<Self> {
        let cutter = quick(py, |_| WordCutter::new())?;
        Ok(Self { cutter, vocabulary: Vocabulary::default() })
    }

    /// A list of lines, which are cut into words, or of lists of tokens.
    fn read(&mut self, given: &Bound<'_, PyAny>, name: &str) -> PyResult<Sentences> {
        if given.is_instance_of::<PyString>() {
            return Err(refusal(name, "one str"));
        }
        let mut sentences = Sentences::default();
        for one in given.try_iter().map_err(|_| refusal(name, &type_name(given)))? {
            let one = one?;
            let vocabulary = &mut self.vocabulary;
            if let Ok(line) = one.cast::<PyString>() {
                let line = line.to_str()?;
                sentences.push(self.cutter.words(line).map(|word| vocabulary.number(&word)));
                continue;
            }
            let tokens = one.try_iter().map_err(|_| refusal(name, &type_name(&one)))?;
            let numbers = tokens
                .map(|token| {
                    let token = token?;
                    let token =
                        token.cast::<PyString>().map_err(|_| refusal(name, &type_name(&token)))?;
                    Ok(vocabulary.number(token.to_str()?))
                })
                .collect::<PyResult<Vec<u32>>>()?;
            sentences.push(numbers);
        }
        Ok(sentences)
    }
}

fn type_name(value: &Bound<'_, PyAny>) -> String {
    value.get_type().name().map_or_else(|_| String::new(), |name| name.to_string())
}

fn refusal(name: &str, found: &str) -> PyErr {
    PyTypeError::new_err(format!(
        "{name}: expected a list of lines, or of lists of str, found {found}"
    ))
}

/// Mean BLEU of orders 1 to n.
#[pyfunction]
pub(crate) fn bleu(
    py: Python<'_>,
    samples: &Bound<'_, PyAny>,
    references: &Bound<'_, PyAny>,
    n: usize,
) -> PyResult<Vec<f64>> {
    let mut reader = Reader::new(py)?;
    let (ours, theirs) = (reader.read(samples, "samples")?, reader.read(references, "references")?);
    released(py, || samples::bleu(&ours, &theirs, n))
}

/// Mean BLEU of orders 1 to n, each sample against all others.
#[pyfunction]
pub(crate) fn self_bleu(
    py: Python<'_>,
    samples: &Bound<'_, PyAny>,
    n: usize,
) -> PyResult<Vec<f64>> {
    let ours = Reader::new(py)?.read(samples, "samples")?;
    released(py, || samples::self_bleu(&ours, n))
}

/// Jensen-Shannon divergences in bits of n-grams of orders 1 to n.
#[pyfunction]
pub(crate) fn divergence(
    py: Python<'_>,
    samples: &Bound<'_, PyAny>,
    references: &Bound<'_, PyAny>,
    n: usize,
) -> PyResult<Vec<f64>> {
    let mut reader = Reader::new(py)?;
    let (ours, theirs) = (reader.read(samples, "samples")?, reader.read(references, "references")?);
    released(py, || samples::divergence(&ours, &theirs, n))
}

/// Different n-grams over all n-grams, of orders 1 to n.
#[pyfunction]
pub(crate) fn distinct(py: Python<'_>, samples: &Bound<'_, PyAny>, n: usize) -> PyResult<Vec<f64>> {
    let ours = Reader::new(py)?.read(samples, "samples")?;
    released(py, || samples::distinct(&ours, n))
}

/// Share of samples that are no sentence of the training text, and each one's longest run that stands there.
#[pyfunction]
pub(crate) fn copies(
    py: Python<'_>,
    samples: &Bound<'_, PyAny>,
    training: &Bound<'_, PyAny>,
) -> PyResult<(f64, Vec<u32>)> {
    let mut reader = Reader::new(py)?;
    let (ours, known) = (reader.read(samples, "samples")?, reader.read(training, "training")?);
    released(py, || samples::copies(&ours, &known)).map(|found| (found.novel, found.longest))
}

/// The words of a line.
#[pyfunction]
pub(crate) fn words(py: Python<'_>, line: &str) -> PyResult<Vec<String>> {
    quick(py, |_| Ok(WordCutter::new()?.words(line).collect()))
}
