//! Measures of generated text; `primetone.evaluation` gives them names and defaults.

use std::sync::OnceLock;

use pyo3::exceptions::{PyOverflowError, PyTypeError};
use pyo3::inspect::PyStaticExpr;
use pyo3::prelude::*;
use pyo3::types::PyString;
use rust_tok::Result;
use rust_tok::control::Control;
use rust_tok::samples::{self, Sentences, Vocabulary, WordCutter, wrong_order};

use crate::door::{enter, quick};
use crate::errors::to_python;
use crate::text::half_pair;

/// Between two looks for Ctrl-C so many sentences are read.
const SENTENCES_A_LOOK: usize = 1 << 10;

/// Strings have to be text here.
const ADVICE: &str = "replace it, as encode(errors=\"replace\").decode() does";

/// The one cutter: its pattern takes milliseconds to compile.
fn cutter(py: Python<'_>) -> PyResult<&'static WordCutter> {
    static CUTTER: OnceLock<WordCutter> = OnceLock::new();
    if let Some(cutter) = CUTTER.get() {
        return Ok(cutter);
    }
    let made = quick(py, |_| WordCutter::new())?;
    Ok(CUTTER.get_or_init(|| made))
}

/// The highest order of n-grams that is asked for; any number that is no `usize` is none, either.
pub(crate) struct Order(usize);

impl<'py> FromPyObject<'_, 'py> for Order {
    type Error = PyErr;

    const INPUT_TYPE: PyStaticExpr = <usize as FromPyObject>::INPUT_TYPE;

    fn extract(n: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        n.extract().map(Self).map_err(|error: PyErr| {
            let is_number = error.is_instance_of::<PyOverflowError>(n.py());
            if is_number { to_python(n.py(), &wrong_order(&*n)) } else { error }
        })
    }
}

/// What turns Python's sentences into numbers, the same for all texts of a call.
struct Reader {
    cutter: &'static WordCutter,
    vocabulary: Vocabulary,
}

impl Reader {
    fn new(py: Python<'_>) -> PyResult<Self> {
        Ok(Self { cutter: cutter(py)?, vocabulary: Vocabulary::default() })
    }

    /// A list of lines, which are cut into words, or of lists of tokens.
    fn read(&mut self, given: &Bound<'_, PyAny>, name: &str) -> PyResult<Sentences> {
        if given.is_instance_of::<PyString>() {
            return Err(refusal(name, "one str"));
        }
        let mut sentences = Sentences::default();
        let all = given.try_iter().map_err(|_| refusal(name, &type_name(given)))?;
        for (number, one) in all.enumerate() {
            if number.is_multiple_of(SENTENCES_A_LOOK) {
                given.py().check_signals()?;
            }
            let one = one?;
            let vocabulary = &mut self.vocabulary;
            if let Ok(line) = one.cast::<PyString>() {
                let line = text(line, name)?;
                sentences.push(self.cutter.words(line).map(|word| vocabulary.number(&word)));
                continue;
            }
            let tokens = one.try_iter().map_err(|_| refusal(name, &type_name(&one)))?;
            let numbers = tokens
                .map(|token| {
                    let token = token?;
                    let token =
                        token.cast::<PyString>().map_err(|_| refusal(name, &type_name(&token)))?;
                    Ok(vocabulary.number(text(token, name)?))
                })
                .collect::<PyResult<Vec<u32>>>()?;
            sentences.push(numbers);
        }
        Ok(sentences)
    }
}

/// The text of a string of that argument.
fn text<'t>(string: &'t Bound<'_, PyString>, name: &str) -> PyResult<&'t str> {
    let told = |error| half_pair(string.py(), error, &format!("{name}: "), ADVICE);
    string.to_str().map_err(told)
}

/// Do work that takes as long as there is text.
fn measured<T: Send>(
    py: Python<'_>,
    work: impl FnOnce(&Control) -> Result<T> + Send,
) -> PyResult<T> {
    enter(py, &Control::default(), None, work)
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
    n: Order,
) -> PyResult<Vec<f64>> {
    let mut reader = Reader::new(py)?;
    let (ours, theirs) = (reader.read(samples, "samples")?, reader.read(references, "references")?);
    measured(py, |control| samples::bleu(&ours, &theirs, n.0, control))
}

/// Mean BLEU of orders 1 to n, each sample against all others.
#[pyfunction]
pub(crate) fn self_bleu(
    py: Python<'_>,
    samples: &Bound<'_, PyAny>,
    n: Order,
) -> PyResult<Vec<f64>> {
    let ours = Reader::new(py)?.read(samples, "samples")?;
    measured(py, |control| samples::self_bleu(&ours, n.0, control))
}

/// Jensen-Shannon divergences in bits of n-grams of orders 1 to n.
#[pyfunction]
pub(crate) fn divergence(
    py: Python<'_>,
    samples: &Bound<'_, PyAny>,
    references: &Bound<'_, PyAny>,
    n: Order,
) -> PyResult<Vec<f64>> {
    let mut reader = Reader::new(py)?;
    let (ours, theirs) = (reader.read(samples, "samples")?, reader.read(references, "references")?);
    measured(py, |control| samples::divergence(&ours, &theirs, n.0, control))
}

/// Different n-grams over all n-grams, of orders 1 to n.
#[pyfunction]
pub(crate) fn distinct(py: Python<'_>, samples: &Bound<'_, PyAny>, n: Order) -> PyResult<Vec<f64>> {
    let ours = Reader::new(py)?.read(samples, "samples")?;
    measured(py, |control| samples::distinct(&ours, n.0, control))
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
    measured(py, |control| samples::copies(&ours, &known, control))
        .map(|found| (found.novel, found.longest))
}

/// The words of a line.
#[pyfunction]
pub(crate) fn words(line: &Bound<'_, PyString>) -> PyResult<Vec<String>> {
    let (py, cutter) = (line.py(), cutter(line.py())?);
    let line = text(line, "line")?;
    quick(py, |_| Ok(cutter.words(line).collect()))
}
