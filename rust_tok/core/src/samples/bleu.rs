//! BLEU of every sample against all references, in time linear in the text.
//!
//! Papineni et al. 2002, sentence by sentence as NLTK's `sentence_bleu` with smoothing method 1 of Chen & Cherry
//! 2014, then the mean, as Texygen reports it (Zhu et al. 2018, arXiv 1802.01886).
//!
//! Counts are clipped by the largest count in any one reference. That largest count is all that is needed of
//! the references, and for a sample that is itself among them the largest of the others: the two largest, and
//! whose the first is.

use std::collections::BTreeMap;

use super::ngrams::{NONE, Table};
use super::{Sentences, checked_order, require};
use crate::Result;
use crate::control::Control;

/// Takes the place of 0 matches: method 1's.
const EPSILON: f64 = 0.1;

/// Mean BLEU-1 to BLEU-`order` of the samples, each against all references.
///
/// # Errors
/// [`Error::Argument`](crate::Error::Argument) for no samples, no references, or an order outside 1 to 16;
/// [`Error::Interrupted`](crate::Error::Interrupted).
pub fn bleu(
    samples: &Sentences,
    references: &Sentences,
    order: usize,
    control: &Control,
) -> Result<Vec<f64>> {
    require(samples, 1, "samples")?;
    require(references, 1, "references")?;
    mean_scores(samples, Some(references), checked_order(order)?, control)
}

/// Mean BLEU-1 to BLEU-`order` of the samples, each against all others.
///
/// # Errors
/// [`Error::Argument`](crate::Error::Argument) for fewer than two samples, or an order outside 1 to 16;
/// [`Error::Interrupted`](crate::Error::Interrupted).
pub fn self_bleu(samples: &Sentences, order: usize, control: &Control) -> Result<Vec<f64>> {
    require(samples, 2, "samples")?;
    mean_scores(samples, None, checked_order(order)?, control)
}

/// The largest count of an n-gram in one reference, whose it is, and the largest in any other.
#[derive(Clone, Copy, Default)]
struct Largest {
    first: u32,
    owner: u32,
    second: u32,
}

/// Matches and n-grams of one order in one sample.
#[derive(Clone, Copy, Default)]
struct Precision {
    matches: u32,
    total: u32,
}

fn mean_scores(
    samples: &Sentences,
    references: Option<&Sentences>,
    order: usize,
    control: &Control,
) -> Result<Vec<f64>> {
    let known = references.unwrap_or(samples);
    let mut precisions = vec![Precision::default(); samples.len() * order];
    let (mut known_shorter, mut sample_shorter) = (None, None);
    for level in 0..order {
        let mut table = Table::default();
        let known_numbers = table.extend(known, known_shorter.as_deref(), control)?;
        let largest = largest_counts(known, &known_numbers, table.len(), control)?;
        let looked_up = |_| table.look_up(samples, sample_shorter.as_deref(), control);
        let sample_numbers = references.map(looked_up).transpose()?;
        let numbers = sample_numbers.as_deref().unwrap_or(&known_numbers);
        let mut counts = Counts::new(table.len());
        for (at, sentence) in parts(samples, numbers).enumerate() {
            control.check()?;
            let own = references.is_none().then_some(at as u32);
            counts.count(sentence);
            let matches = counts.drain().map(|(ngram, count)| {
                let Some(largest) = largest.get(ngram as usize) else { return 0 };
                let is_own = own == Some(largest.owner);
                count.min(if is_own { largest.second } else { largest.first })
            });
            let found = Precision {
                matches: matches.sum(),
                total: sentence.len().saturating_sub(level) as u32,
            };
            if let Some(place) = precisions.get_mut(at * order + level) {
                *place = found;
            }
        }
        known_shorter = Some(known_numbers);
        sample_shorter = sample_numbers;
    }
    let lengths = Lengths::of(known);
    let mut sums = vec![0.0; order];
    for (sentence, levels) in samples.iter().zip(precisions.chunks(order)) {
        let nearest = lengths.nearest(sentence.len(), references.is_none());
        for (sum, score) in sums.iter_mut().zip(scores(sentence.len(), nearest, levels)) {
            *sum += score;
        }
    }
    Ok(sums.iter().map(|sum| sum / samples.len() as f64).collect())
}

/// BLEU-1, BLEU-2 and so on of one sample.
fn scores(length: usize, nearest: usize, levels: &[Precision]) -> impl Iterator<Item = f64> {
    let brevity = match length {
        0 => 0.0,
        _ if length > nearest => 1.0,
        _ => (1.0 - nearest as f64 / length as f64).exp(),
    };
    let has_match = levels.first().is_some_and(|single| single.matches > 0);
    let mut logs = 0.0;
    levels.iter().zip(1..).map(move |(level, order)| {
        let matches = if level.matches == 0 { EPSILON } else { f64::from(level.matches) };
        logs += (matches / f64::from(level.total.max(1))).ln();
        if has_match { brevity * (logs / f64::from(order)).exp() } else { 0.0 }
    })
}

fn largest_counts(
    references: &Sentences,
    numbers: &[u32],
    num_ngrams: usize,
    control: &Control,
) -> Result<Vec<Largest>> {
    let mut largest = vec![Largest::default(); num_ngrams];
    let mut counts = Counts::new(num_ngrams);
    for (at, sentence) in parts(references, numbers).enumerate() {
        control.check()?;
        counts.count(sentence);
        for (ngram, count) in counts.drain() {
            let Some(of) = largest.get_mut(ngram as usize) else { continue };
            if count > of.first {
                *of = Largest { first: count, owner: at as u32, second: of.first };
            } else {
                of.second = of.second.max(count);
            }
        }
    }
    Ok(largest)
}

/// What stands in `numbers` of each sentence.
fn parts<'a>(sentences: &'a Sentences, numbers: &'a [u32]) -> impl Iterator<Item = &'a [u32]> {
    let mut rest = numbers;
    sentences.iter().map(move |sentence| {
        let (part, after) = rest.split_at(sentence.len());
        rest = after;
        part
    })
}

/// Counts in one sentence, for all n-grams; only what was touched is cleared.
struct Counts {
    by_ngram: Vec<u32>,
    touched: Vec<u32>,
}

impl Counts {
    fn new(num_ngrams: usize) -> Self {
        Self { by_ngram: vec![0; num_ngrams], touched: Vec::new() }
    }

    fn count(&mut self, ngrams: &[u32]) {
        for &ngram in ngrams {
            if ngram == NONE {
                continue;
            }
            if let Some(count) = self.by_ngram.get_mut(ngram as usize) {
                if *count == 0 {
                    self.touched.push(ngram);
                }
                *count += 1;
            }
        }
    }

    fn drain(&mut self) -> impl Iterator<Item = (u32, u32)> {
        self.touched.drain(..).map(|ngram| {
            let count = self.by_ngram.get_mut(ngram as usize).map_or(0, std::mem::take);
            (ngram, count)
        })
    }
}

/// How many references have which length.
struct Lengths(BTreeMap<usize, usize>);

impl Lengths {
    fn of(references: &Sentences) -> Self {
        let mut lengths = BTreeMap::new();
        for sentence in references.iter() {
            *lengths.entry(sentence.len()).or_default() += 1;
        }
        Self(lengths)
    }

    /// The length nearest to that of a sample, the shorter of two; `is_among` them it does not count itself.
    fn nearest(&self, length: usize, is_among: bool) -> usize {
        let here = self.0.get(&length).copied().unwrap_or(0);
        if here > usize::from(is_among) {
            return length;
        }
        let below = self.0.range(..length).next_back().map(|(&found, _)| found);
        let above = self.0.range(length + 1..).next().map(|(&found, _)| found);
        match (below, above) {
            (Some(below), Some(above)) if above - length < length - below => above,
            (Some(below), _) => below,
            (None, above) => above.unwrap_or(length),
        }
    }
}
