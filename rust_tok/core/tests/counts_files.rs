//! Counts: equal counts are equal bytes, spilled counts are counts, and no damage goes unseen.

#![expect(clippy::unwrap_used, reason = "a test that fails may fail loudly")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use rust_tok::control::Control;
use rust_tok::count::{Counting, Counts, Limits, Spill};
use rust_tok::learn::Tie;
use rust_tok::split::Scheme;
use rust_tok::{Error, Splitter};

/// A folder that is gone at the end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("primetone-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn splitter() -> Splitter {
    Splitter::scheme(Scheme::Gpt4)
}

fn count(texts: &[(&[u8], u64)], threads: usize, spill: Option<Spill>, shard: &str) -> Counts {
    let control = Control::default();
    let mut counting = Counting::new(splitter(), threads, spill).unwrap();
    for text in texts {
        counting.add(&[*text], &control).unwrap();
    }
    let counted = counting.finish(&control).unwrap();
    Counts::new(&splitter(), counted, Some(shard.to_owned()), &control).unwrap()
}

fn bytes(counts: &Counts, path: &Path) -> Vec<u8> {
    counts.write(path, &Control::default()).unwrap();
    fs::read(path).unwrap()
}

fn words_of(counts: &Counts) -> BTreeMap<Vec<u8>, u64> {
    let mut words = BTreeMap::new();
    let mut sorted = counts.sorted().unwrap();
    while sorted.advance().unwrap() {
        assert!(words.insert(sorted.word().to_vec(), sorted.count()).is_none());
    }
    words
}

fn definition(texts: &[(&[u8], u64)]) -> BTreeMap<Vec<u8>, u64> {
    let mut words = BTreeMap::new();
    for &(text, weight) in texts.iter().filter(|text| text.1 > 0) {
        for piece in splitter().pieces(text) {
            *words.entry(piece.to_vec()).or_default() += weight;
        }
    }
    words
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 300, failure_persistence: None, ..ProptestConfig::default()
    })]

    #[test]
    fn any_shards_in_any_order_give_the_same_file(
        texts in prop::collection::vec(("[a-c é日\n]{0,12}", 0..4_u64), 1..12),
        shard_of in prop::collection::vec(0..3_usize, 12),
        threads in 1..4_usize,
    ) {
        let folder = Folder::new("shards");
        let control = Control::default();
        let texts: Vec<(&[u8], u64)> = texts.iter().map(|(t, w)| (t.as_bytes(), *w)).collect();
        let mut shards = Vec::new();
        for shard in 0..3 {
            let chosen = texts.iter().zip(&shard_of).filter(|(_, of)| **of == shard);
            let chosen: Vec<_> = chosen.map(|(text, _)| *text).rev().collect();
            let path = folder.file(&format!("shard-{shard}"));
            bytes(&count(&chosen, threads, None, &format!("s{shard}")), &path);
            shards.push((format!("shard {shard}"), Counts::open(&path).unwrap()));
        }
        let named = |order: &[usize]| -> Vec<(String, &Counts)> {
            order.iter().map(|&at| (shards[at].0.clone(), &shards[at].1)).collect()
        };
        let sum = Counts::sum(&named(&[0, 1, 2]), None, &control).unwrap();
        let other = Counts::sum(&named(&[2, 0, 1]), None, &control).unwrap();
        prop_assert_eq!(words_of(&sum), definition(&texts));
        prop_assert_eq!(bytes(&sum, &folder.file("a")), bytes(&other, &folder.file("b")));
        // counted in one go: all but the names of the shards is the same
        let whole = count(&texts, 1, None, "whole");
        prop_assert_eq!(
            &sum.summary(&control).unwrap().fingerprint,
            &whole.summary(&control).unwrap().fingerprint
        );
        let error = Counts::sum(&named(&[0, 1, 0]), None, &control).unwrap_err().to_string();
        prop_assert!(error.contains("s0") && error.contains("counted twice"), "{}", error);
    }
}

/// Texts with many different words.
fn fresh_words(num_words: u64) -> Vec<u8> {
    let mut text = Vec::new();
    let mut state = 1_u64;
    for _ in 0..num_words {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let mut rest = (state >> 33) % (num_words / 2).max(1);
        let mut word = vec![b' '];
        while rest > 0 {
            word.push(b'a' + (rest % 26) as u8);
            rest /= 26;
        }
        text.extend(word);
    }
    text
}

#[test]
fn spilled_counts_are_the_counts() {
    let folder = Folder::new("spill");
    let text = fresh_words(3_000_000);
    let texts: Vec<(&[u8], u64)> = text.chunks(1 << 20).map(|part| (part, 1)).collect();
    let all = bytes(&count(&texts, 2, None, "x"), &folder.file("all"));
    for threads in [1, 2, 3] {
        let runs = Folder::new(&format!("runs-{threads}"));
        let spill = Spill { limit: 16 << 20, folder: runs.0.clone() };
        let spilled = count(&texts, threads, Some(spill), "x");
        assert!(fs::read_dir(&runs.0).unwrap().count() > 1);
        assert!(bytes(&spilled, &folder.file("spilled")) == all, "{threads} threads");
    }
}

#[test]
fn words_with_zeros_and_of_every_length_are_sorted() {
    let control = Control::default();
    let runs = Folder::new("zeros");
    let none = Splitter::scheme(Scheme::None);
    let spill = Spill { limit: 16 << 20, folder: runs.0.clone() };
    let mut counting = Counting::new(none.clone(), 2, Some(spill)).unwrap();
    let mut expected = BTreeMap::new();
    let mut state = 1_u64;
    let words: Vec<Vec<u8>> = (0..1_200_000)
        .map(|number| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(number);
            let len = 1 + (state >> 59) as usize % 20;
            (0..len).map(|at| [0, 0, 1, b'a'][(state >> (2 * at + 8)) as usize & 3]).collect()
        })
        .collect();
    for word in &words {
        *expected.entry(word.clone()).or_default() += 1;
    }
    let texts: Vec<(&[u8], u64)> = words.iter().map(|word| (&word[..], 1)).collect();
    texts.chunks(10_000).for_each(|texts| counting.add(texts, &control).unwrap());
    let counted = counting.finish(&control).unwrap();
    assert!(counted.runs.len() > 2);
    assert!(words_of(&Counts::new(&none, counted, None, &control).unwrap()) == expected);
}

#[test]
fn more_files_than_can_be_read_at_once() {
    let folder = Folder::new("many");
    let control = Control::default();
    let mut parts = Vec::new();
    for number in 0..150 {
        let path = folder.file(&format!("part-{number}"));
        let text = format!("one two {}", number % 7);
        bytes(&count(&[(text.as_bytes(), 1)], 1, None, &format!("{number}")), &path);
        parts.push((path.display().to_string(), Counts::open(&path).unwrap()));
    }
    let named: Vec<_> = parts.iter().map(|(name, counts)| (name.clone(), counts)).collect();
    let merged = Folder::new("many-merged");
    let sum = Counts::sum(&named, Some(&merged.0), &control).unwrap();
    let all = Counts::sum(&named, None, &control).unwrap();
    assert_eq!(words_of(&sum), words_of(&all));
    assert_eq!(words_of(&sum)[&b"one"[..]], 150);
    assert_eq!(sum.summary(&control).unwrap(), all.summary(&control).unwrap());
}

#[test]
fn every_damage_is_seen_and_named() {
    let folder = Folder::new("damage");
    let path = folder.file("good.counts");
    let text = fresh_words(400);
    let good = bytes(&count(&[(&text, 3)], 1, None, "shard"), &path);
    let broken = folder.file("broken.counts");
    let read = |data: &[u8]| -> Result<(), Error> {
        fs::write(&broken, data).unwrap();
        let counts = Counts::open(&broken)?;
        let mut sorted = counts.sorted()?;
        while sorted.advance()? {}
        Ok(())
    };
    read(&good).unwrap();
    for at in 0..good.len() {
        let mut data = good.clone();
        data[at] ^= 1 << (at % 8);
        let error = read(&data).expect_err(&format!("a flipped bit in byte {at}"));
        assert!(error.to_string().contains("broken.counts"), "{error}");
        let error = read(&good[..at]).expect_err(&format!("cut to {at} bytes"));
        assert!(error.to_string().contains("broken.counts"), "{error}");
    }
    let mut longer = good.clone();
    longer.push(0);
    assert!(read(&longer).is_err());
    let newer = [&good[..16], &[2][..], &good[17..]].concat();
    assert!(read(&newer).unwrap_err().to_string().contains("version 1, found 2"));
}

#[test]
fn counts_of_other_pieces_are_refused() {
    let control = Control::default();
    let gpt4 = count(&[(b"a b", 1)], 1, None, "one");
    let counted = Counting::new(Splitter::pattern(r"\w+").unwrap(), 1, None).unwrap();
    let other = Splitter::pattern(r"\w+").unwrap();
    let custom = Counts::new(&other, counted.finish(&control).unwrap(), None, &control).unwrap();
    let parts = [("x.counts".to_owned(), &gpt4), ("y.counts".to_owned(), &custom)];
    let error = Counts::sum(&parts, None, &control).unwrap_err().to_string();
    for word in ["x.counts has split gpt4", "y.counts has the pattern", "\\\\w+"] {
        assert!(error.contains(word), "{error}");
    }
}

#[test]
fn a_limit_that_is_too_small_says_what_is_enough() {
    let control = Control::default();
    let spill = Spill { limit: 1 << 20, folder: PathBuf::new() };
    let error = Counting::new(splitter(), 1, Some(spill)).unwrap_err().to_string();
    assert!(error.contains("16MiB"), "{error}");
    let text = fresh_words(100_000);
    let counts = count(&[(&text, 1), (b" often often often", 8)], 1, None, "x");
    let load = |memory, min_word_count| {
        counts.load(
            Limits { memory: Some(memory), min_word_count, num_ids: 300 },
            Tie::default(),
            &control,
        )
    };
    let error = load(5 << 20, 1).unwrap_err().to_string();
    assert!(error.contains("the limit is 5 MiB"), "{error}");
    let said = |before: &str| -> u64 {
        let (_, rest) = error.split_once(before).unwrap();
        rest.chars().take_while(char::is_ascii_digit).collect::<String>().parse().unwrap()
    };
    assert_eq!(load(said("--max-memory ") << 20, 1).unwrap().num_dropped_words, 0);
    let loaded = load(5 << 20, said("--min-word-count ")).unwrap();
    assert_eq!(loaded.num_dropped_words, said(" leaves out "));
    assert!(loaded.words.iter().any(|(word, count)| word == b" often" && count == 24));
}
