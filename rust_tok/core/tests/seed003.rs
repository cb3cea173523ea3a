//! The fourth original project's way of learning, from the words of its validation text: its own rule,
//! counted anew for every merge, must give the same merges.
#![allow(missing_docs, clippy::unwrap_used, reason = "helpers of tests")]

use std::collections::HashMap;
use std::path::Path;

use rust_tok::Tokenizer;
use rust_tok::control::Control;
use rust_tok::count::WordCounts;
use rust_tok::learn::{Options, Tie};
use rust_tok::tokenizer::CharacterWords;

const NUM_MERGES: usize = 400;

/// Its rule: of the pairs of symbols in words, end marks left out, the most frequent; of equals the one
/// that is met first, going through the words in the order of their first occurrence.
fn oracle(words: &mut [(Vec<String>, u64)]) -> Vec<(String, String)> {
    let mut merges = Vec::new();
    while merges.len() < NUM_MERGES {
        let mut counts: HashMap<(&str, &str), (u64, usize)> = HashMap::new();
        let mut met = 0;
        for (symbols, count) in words.iter() {
            for pair in symbols.windows(2) {
                met += 1;
                counts.entry((&pair[0], &pair[1])).or_insert((0, met)).0 += count;
            }
        }
        let best = counts.iter().max_by_key(|(_, (count, met))| (*count, std::cmp::Reverse(*met)));
        let Some((&(left, right), _)) = best else { break };
        let (left, right) = (left.to_owned(), right.to_owned());
        for (symbols, _) in words.iter_mut() {
            let mut at = 0;
            while at + 1 < symbols.len() {
                if symbols[at] == left && symbols[at + 1] == right {
                    symbols[at].push_str(&right);
                    symbols.remove(at + 1);
                }
                at += 1;
            }
        }
        merges.push((left, right));
    }
    merges
}

#[test]
fn its_merges_can_be_learnt_again_with_its_own_tie_rule() {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/seed003_validation.txt");
    let Ok(text) = std::fs::read_to_string(path) else {
        eprintln!("skipped: ../shared/data/seed003_validation.txt is not beside this checkout");
        return;
    };
    let mut counts = WordCounts::default();
    let mut places: HashMap<String, usize> = HashMap::new();
    let mut words: Vec<(Vec<String>, u64)> = Vec::new();
    for line in text.lines() {
        counts.add(line.as_bytes(), 1).unwrap();
        for word in line.split_whitespace().map(str::to_lowercase) {
            let place = *places.entry(word.clone()).or_insert_with(|| {
                words.push((word.chars().map(String::from).collect(), 0));
                words.len() - 1
            });
            words[place].1 += 1;
        }
    }
    let specials: Vec<String> = ["unk", "<pad>", "<bos>", "<eos>"].map(str::to_owned).into();
    let how = CharacterWords { lowercase: true, unknown: Some("unk") };
    let options = Options { tie: Tie::FirstOccurrence, ..Options::default() };
    let size = 4 + 1 + 26 + NUM_MERGES as u32;
    let control = Control::default();
    let (learnt, report) =
        Tokenizer::learn_characters(&counts, size, &specials, how, &options, &control).unwrap();
    assert_eq!(report.num_pieces, 215_451);
    let spelled = |id: u32| String::from_utf8(learnt.token(id).unwrap().to_vec()).unwrap();
    let ours: Vec<(String, String)> =
        learnt.merges().iter().map(|merge| (spelled(merge.left), spelled(merge.right))).collect();
    let theirs = oracle(&mut words);
    assert_eq!(ours.len(), NUM_MERGES);
    for (number, (ours, theirs)) in ours.iter().zip(&theirs).enumerate() {
        assert_eq!(ours, theirs, "merge {number}");
    }
}
