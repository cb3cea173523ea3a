//! The scheme walk equals the published patterns in a backtracking engine.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use std::sync::LazyLock;

use fancy_regex::Regex;
use proptest::prelude::*;
use rust_tok::split::{Scheme, Splitter, Tier, class_of, safe_cuts};

/// One character of each kind that some rule tells apart.
const REPRESENTATIVES: [char; 19] = [
    'a', 'A', 'ǅ', 'ʰ', 'あ', '\u{301}', '1', '½', ' ', '\n', '\r', '\t', '\u{a0}', '\'', 's', 'l',
    '!', '/', 'ſ',
];

/// tiktoken's patterns, and llama3's and qwen2's as published.
fn published(scheme: Scheme) -> &'static str {
    match scheme {
        Scheme::Gpt2 => {
            r"'(?:[sdmt]|ll|ve|re)| ?\p{L}++| ?\p{N}++| ?[^\s\p{L}\p{N}]++|\s++$|\s+(?!\S)|\s"
        }
        Scheme::Gpt4 => {
            r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]|\s+(?!\S)|\s"
        }
        other => other.pattern().unwrap(),
    }
}

fn pieces_by_regex<'t>(regex: &Regex, text: &'t str) -> Vec<&'t str> {
    regex.find_iter(text).map(|found| found.unwrap().as_str()).collect()
}

fn assert_same(splitter: &Splitter, regex: &Regex, text: &str) {
    let expected = pieces_by_regex(regex, text);
    for splitter in [splitter, &splitter.clone().on_tier(Tier::Scalar)] {
        let ours = splitter.pieces(text.as_bytes());
        let ours: Vec<&str> = ours.iter().map(|p| std::str::from_utf8(p).unwrap()).collect();
        assert_eq!(ours, expected, "{} on {text:?}", splitter.name());
    }
}

fn schemes() -> &'static [(Splitter, Regex)] {
    static SCHEMES: LazyLock<Vec<(Splitter, Regex)>> = LazyLock::new(|| {
        Scheme::ALL
            .into_iter()
            .filter(|scheme| *scheme != Scheme::None)
            .map(|scheme| (Splitter::scheme(scheme), Regex::new(published(scheme)).unwrap()))
            .collect()
    });
    &SCHEMES
}

#[test]
fn exhaustive_short_strings() {
    for (splitter, regex) in schemes() {
        for len in 1..=4_u32 {
            for number in 0..REPRESENTATIVES.len().pow(len) {
                let mut rest = number;
                let text: String = (0..len)
                    .map(|_| {
                        let symbol = REPRESENTATIVES[rest % REPRESENTATIVES.len()];
                        rest /= REPRESENTATIVES.len();
                        symbol
                    })
                    .collect();
                assert_same(splitter, regex, &text);
            }
        }
    }
}

#[test]
fn every_edge_of_a_class_in_context() {
    let is_edge = |point: &u32| *point < 0x250 || class_of(*point) != class_of(*point - 1);
    for (splitter, regex) in schemes() {
        for scalar in (0..=0x10_ffff).filter(is_edge).filter_map(char::from_u32) {
            assert_same(splitter, regex, &format!("{scalar} {scalar}a1{scalar}!{scalar}\n"));
        }
    }
}

#[test]
fn aliases_name_the_same_scheme_and_files_keep_the_pattern() {
    for scheme in Scheme::ALL {
        assert_eq!(Scheme::of_name(scheme.name()), Some(scheme));
        if let Some(pattern) = scheme.pattern() {
            assert_eq!(Scheme::of_pattern(pattern), Some(scheme));
            assert_eq!(Scheme::of_pattern(published(scheme)), Some(scheme));
            // the pattern we write splits as the published one does
            let (own, official) = (Regex::new(pattern).unwrap(), published(scheme));
            let official = Regex::new(official).unwrap();
            for text in ["a\n\n  ", " \n a", "x  \r\n \r\n", "it's 1234  ", "\n", "  ", " \t\n!"] {
                assert_eq!(pieces_by_regex(&own, text), pieces_by_regex(&official, text));
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn long_random_strings(indices in prop::collection::vec(0..REPRESENTATIVES.len(), 0..60)) {
        let text: String = indices.into_iter().map(|index| REPRESENTATIVES[index]).collect();
        for (splitter, regex) in schemes() {
            assert_same(splitter, regex, &text);
        }
    }

    #[test]
    fn any_bytes_are_tiled(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
        for scheme in Scheme::ALL {
            prop_assert_eq!(Splitter::scheme(scheme).pieces(&bytes).concat(), bytes.clone());
        }
        let custom = Splitter::pattern(r"\p{L}+|\s").unwrap();
        prop_assert_eq!(custom.pieces(&bytes).concat(), bytes);
    }

    #[test]
    fn cutting_at_safe_cuts_changes_no_piece(
        words in prop::collection::vec("[a-zA-Z0-9' \n!\u{e9}/]{1,6}", 0..60), parts in 1..6_usize,
    ) {
        let text = words.join(" ");
        for (splitter, _) in schemes() {
            let whole = splitter.pieces(text.as_bytes());
            let runs = safe_cuts(text.as_bytes(), parts);
            prop_assert!(runs.len() <= parts);
            let cut: Vec<_> = runs.into_iter().flat_map(|run| splitter.pieces(run)).collect();
            prop_assert_eq!(whole, cut);
        }
    }
}
