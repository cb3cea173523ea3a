//! Measures of generated text; `primetone.evaluation` gives them names and defaults.

use pyo3::exceptions::{PyOverflowError, PyTypeError};
use pyo3::inspect::PyStaticExpr;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};
use rust_tok::Result;
use rust_tok::control::Control;
use rust_tok::samples::{self, Sentences, Vocabulary, wrong_order};
use rust_tok::words;

use crate::door::enter;
use crate::errors::to_python;
use crate::text::half_pair;

/// Between two looks for Ctrl-C so many sentences are read.
const SENTENCES_A_LOOK: usize = 1 << 10;

/// Strings have to be text here.
const ADVICE: &str = "replace it, as encode(errors=\"replace\").decode() does";

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
#[derive(Default)]
struct Reader {
    vocabulary: Vocabulary,
}

impl Reader {
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
                sentences.push(words::words(line).map(|word| vocabulary.number(&word)));
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

/// A measure of samples beside references, of orders 1 to n.
fn compared(
    samples: &Bound<'_, PyAny>,
    references: &Bound<'_, PyAny>,
    n: Order,
    measure: impl FnOnce(&Sentences, &Sentences, usize, &Control) -> Result<Vec<f64>> + Send,
) -> PyResult<Vec<f64>> {
    let mut reader = Reader::default();
    let (ours, theirs) = (reader.read(samples, "samples")?, reader.read(references, "references")?);
    measured(samples.py(), |control| measure(&ours, &theirs, n.0, control))
}

/// A measure of samples alone, of orders 1 to n.
fn alone(
    samples: &Bound<'_, PyAny>,
    n: Order,
    measure: impl FnOnce(&Sentences, usize, &Control) -> Result<Vec<f64>> + Send,
) -> PyResult<Vec<f64>> {
    let ours = Reader::default().read(samples, "samples")?;
    measured(samples.py(), |control| measure(&ours, n.0, control))
}

/// Mean BLEU of orders 1 to n.
#[pyfunction]
pub(crate) fn bleu(
    samples: &Bound<'_, PyAny>,
    references: &Bound<'_, PyAny>,
    n: Order,
) -> PyResult<Vec<f64>> {
    compared(samples, references, n, samples::bleu)
}

/// Mean BLEU of orders 1 to n, each sample against all others.
#[pyfunction]
pub(crate) fn self_bleu(samples: &Bound<'_, PyAny>, n: Order) -> PyResult<Vec<f64>> {
    alone(samples, n, samples::self_bleu)
}

/// Jensen-Shannon divergences in bits of n-grams of orders 1 to n.
#[pyfunction]
pub(crate) fn divergence(
    samples: &Bound<'_, PyAny>,
    references: &Bound<'_, PyAny>,
    n: Order,
) -> PyResult<Vec<f64>> {
    compared(samples, references, n, samples::divergence)
}

/// Different n-grams over all n-grams, of orders 1 to n.
#[pyfunction]
pub(crate) fn distinct(samples: &Bound<'_, PyAny>, n: Order) -> PyResult<Vec<f64>> {
    alone(samples, n, samples::distinct)
}

/// Share of samples that are no sentence of the training text, and each one's longest run that stands there.
#[pyfunction]
pub(crate) fn copies(
    samples: &Bound<'_, PyAny>,
    training: &Bound<'_, PyAny>,
) -> PyResult<(f64, Vec<u32>)> {
    let mut reader = Reader::default();
    let (ours, known) = (reader.read(samples, "samples")?, reader.read(training, "training")?);
    measured(samples.py(), |control| samples::copies(&ours, &known, control))
        .map(|found| (found.novel, found.longest))
}

/// What `measure` gives a figure for in each order.
const MEASURES: [&str; 5] = ["bleu", "backward_bleu", "self_bleu", "jsd", "distinct"];

/// All measures at once, each text read once; `bleu`, `jsd` and `distinct` are the highest orders.
#[pyfunction]
#[pyo3(signature = (samples, references, training, *, bleu, jsd, distinct))]
pub(crate) fn measure<'py>(
    samples: &Bound<'py, PyAny>,
    references: &Bound<'py, PyAny>,
    training: Option<&Bound<'py, PyAny>>,
    bleu: usize,
    jsd: usize,
    distinct: usize,
) -> PyResult<Bound<'py, PyDict>> {
    let (py, mut reader) = (samples.py(), Reader::default());
    let (ours, theirs) = (reader.read(samples, "samples")?, reader.read(references, "references")?);
    let known = training.map(|training| reader.read(training, "training")).transpose()?;
    let (orders, copied) = measured(py, |control| {
        let orders = [
            samples::bleu(&ours, &theirs, bleu, control)?,
            samples::bleu(&theirs, &ours, bleu, control)?,
            samples::self_bleu(&ours, bleu, control)?,
            samples::divergence(&ours, &theirs, jsd, control)?,
            samples::distinct(&ours, distinct, control)?,
        ];
        let copied = known.map(|known| samples::copies(&ours, &known, control)).transpose()?;
        Ok((orders, copied))
    })?;
    let dict = PyDict::new(py);
    dict.set_item("num_samples", ours.len())?;
    for (name, values) in MEASURES.iter().zip(orders) {
        dict.set_item(name, values)?;
    }
    dict.set_item("novelty", copied.as_ref().map(|found| found.novel))?;
    dict.set_item("longest", copied.map(|found| found.longest))?;
    Ok(dict)
}

/// The words of a line.
#[pyfunction]
#[pyo3(name = "words")]
pub(crate) fn words_of(line: &Bound<'_, PyString>) -> PyResult<Vec<String>> {
    Ok(words::words(text(line, "line")?).collect())
}
