//! Measures of samples against slow, obvious twins.

#![expect(
    clippy::cast_precision_loss,
    clippy::unwrap_used,
    reason = "small counts; a test may stop"
)]

use std::collections::{BTreeMap, BTreeSet};

use proptest::collection::vec;
use proptest::prelude::*;
use rust_tok::Error;
use rust_tok::control::Control;
use rust_tok::samples::{Sentences, bleu, copies, distinct, divergence, self_bleu};

fn sentences(rows: &[Vec<u32>]) -> Sentences {
    let mut made = Sentences::default();
    for row in rows {
        made.push(row.iter().copied());
    }
    made
}

fn counts(row: &[u32], order: usize) -> BTreeMap<Vec<u32>, u32> {
    let mut counts = BTreeMap::new();
    for ngram in row.windows(order) {
        *counts.entry(ngram.to_vec()).or_default() += 1;
    }
    counts
}

/// BLEU by its definition: every sample beside every reference.
fn slow_bleu(sample: &[u32], references: &[&Vec<u32>], order: usize) -> f64 {
    let distance = |length: usize| (length.abs_diff(sample.len()), length);
    let nearest =
        references.iter().map(|row| row.len()).min_by_key(|&length| distance(length)).unwrap();
    let mut product = 1.0;
    for level in 1..=order {
        let own = counts(sample, level);
        let matches: u32 = own
            .iter()
            .map(|(ngram, &count)| {
                let most = references
                    .iter()
                    .map(|row| counts(row, level).get(ngram).copied().unwrap_or(0));
                count.min(most.max().unwrap())
            })
            .sum();
        if level == 1 && matches == 0 {
            return 0.0;
        }
        let total: u32 = own.values().sum();
        let share = if matches == 0 { 0.1 } else { f64::from(matches) };
        product *= share / f64::from(total.max(1));
    }
    let brevity = if sample.len() > nearest {
        1.0
    } else {
        (1.0 - nearest as f64 / sample.len() as f64).exp()
    };
    brevity * product.powf(1.0 / order as f64)
}

fn near(found: &[f64], wanted: &[f64]) {
    assert_eq!(found.len(), wanted.len());
    for (found, wanted) in found.iter().zip(wanted) {
        assert!((found - wanted).abs() < 1e-12, "{found} {wanted}");
    }
}

proptest! {
    #[test]
    fn bleu_is_that_of_all_pairs(
        samples in vec(vec(0_u32..4, 0..9), 1..6),
        references in vec(vec(0_u32..5, 0..9), 1..6),
    ) {
        let all: Vec<_> = references.iter().collect();
        let wanted: Vec<f64> = (1..=5)
            .map(|order| {
                samples.iter().map(|row| slow_bleu(row, &all, order)).sum::<f64>() / samples.len() as f64
            })
            .collect();
        near(&bleu(&sentences(&samples), &sentences(&references), 5, &Control::default()).unwrap(), &wanted);
    }

    #[test]
    fn self_bleu_is_bleu_against_all_others(samples in vec(vec(0_u32..4, 0..9), 2..7)) {
        let wanted: Vec<f64> = (1..=4)
            .map(|order| {
                let score = |at: usize| {
                    let others: Vec<_> =
                        samples.iter().enumerate().filter(|&(one, _)| one != at).map(|(_, row)| row).collect();
                    slow_bleu(&samples[at], &others, order)
                };
                (0..samples.len()).map(score).sum::<f64>() / samples.len() as f64
            })
            .collect();
        near(&self_bleu(&sentences(&samples), 4, &Control::default()).unwrap(), &wanted);
    }

    #[test]
    fn divergence_is_that_of_two_histograms(
        left in vec(vec(0_u32..4, 3..9), 1..6),
        right in vec(vec(0_u32..5, 3..9), 1..6),
    ) {
        let histogram = |rows: &[Vec<u32>], order: usize| {
            let mut all: BTreeMap<Vec<u32>, f64> = BTreeMap::new();
            for row in rows {
                for (ngram, count) in counts(row, order) {
                    *all.entry(ngram).or_default() += f64::from(count);
                }
            }
            let total: f64 = all.values().sum();
            for count in all.values_mut() {
                *count /= total;
            }
            all
        };
        let wanted: Vec<f64> = (1..=3)
            .map(|order| {
                let (p, q) = (histogram(&left, order), histogram(&right, order));
                let keys: BTreeSet<_> = p.keys().chain(q.keys()).collect();
                let entropy = |share: f64| if share > 0.0 { -share * share.log2() } else { 0.0 };
                let of = |all: &BTreeMap<Vec<u32>, f64>, key: &Vec<u32>| all.get(key).copied().unwrap_or(0.0);
                keys.iter()
                    .map(|key| {
                        let (p, q) = (of(&p, key), of(&q, key));
                        entropy(f64::midpoint(p, q)) - f64::midpoint(entropy(p), entropy(q))
                    })
                    .sum()
            })
            .collect();
        near(&divergence(&sentences(&left), &sentences(&right), 3, &Control::default()).unwrap(), &wanted);
    }

    #[test]
    fn distinct_counts_sets(samples in vec(vec(0_u32..4, 0..9), 1..6)) {
        let wanted: Vec<f64> = (1..=3)
            .map(|order| {
                let all: Vec<_> = samples.iter().flat_map(|row| row.windows(order)).collect();
                let different: BTreeSet<_> = all.iter().collect();
                different.len() as f64 / all.len().max(1) as f64
            })
            .collect();
        near(&distinct(&sentences(&samples), 3, &Control::default()).unwrap(), &wanted);
    }

    #[test]
    fn the_longest_copied_run_is_that_of_all_pairs(
        samples in vec(vec(0_u32..3, 0..9), 1..5),
        training in vec(vec(0_u32..3, 0..12), 1..5),
    ) {
        let found = copies(&sentences(&samples), &sentences(&training), &Control::default()).unwrap();
        let is_copied = |run: &[u32]| training.iter().any(|row| row.windows(run.len()).any(|part| part == run));
        for (row, &longest) in samples.iter().zip(&found.longest) {
            let wanted = (1..=row.len())
                .filter(|&length| row.windows(length).any(is_copied))
                .max()
                .unwrap_or(0);
            prop_assert_eq!(longest as usize, wanted);
        }
        let novel = samples.iter().filter(|&row| !training.contains(row)).count();
        prop_assert!((found.novel - novel as f64 / samples.len() as f64).abs() < 1e-15);
    }
}

#[test]
fn too_little_is_refused() {
    let idle = Control::default();
    let (none, one) = (Sentences::default(), sentences(&[vec![1, 2]]));
    assert!(bleu(&none, &one, 2, &idle).is_err());
    assert!(bleu(&one, &none, 2, &idle).is_err());
    assert!(bleu(&one, &one, 0, &idle).is_err());
    assert!(bleu(&one, &one, 17, &idle).is_err());
    assert!(self_bleu(&one, 2, &idle).is_err());
    assert!(divergence(&one, &one, 3, &idle).is_err());
    assert!(copies(&one, &none, &idle).is_err());
}

#[test]
fn all_measures_can_be_stopped() {
    let rows = sentences(&[vec![1, 2], vec![2, 3]]);
    let control = Control::default();
    control.interrupt();
    let figures = [
        bleu(&rows, &rows, 2, &control),
        self_bleu(&rows, 2, &control),
        divergence(&rows, &rows, 2, &control),
        distinct(&rows, 2, &control),
    ];
    assert!(figures.iter().all(|figure| *figure == Err(Error::Interrupted)), "{figures:?}");
    assert_eq!(copies(&rows, &rows, &control), Err(Error::Interrupted));
}
