//! A document that comes in parts splits as the whole does, wherever the parts end.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use proptest::prelude::*;
use rust_tok::Splitter;
use rust_tok::count::TextStream;
use rust_tok::split::Scheme;

/// One of every kind of character that a rule looks at.
const ALPHABET: [&str; 16] = [
    "a", "B", "s", "1", "'", " ", "\n", "\r", "\t", ".", "/", "é", "日", "\u{3000}", "\u{301}",
    "\u{a0}",
];

fn schemes() -> impl Iterator<Item = Splitter> {
    Scheme::ALL.iter().map(|&scheme| Splitter::scheme(scheme))
}

/// Patterns that end their matches in different ways: at the next character, at one far away, after so
/// many, by the order of alternatives.
const PATTERNS: [&str; 9] = [
    r"\w+|\s+|[^\w\s]+",
    r"\p{L}+|\s",
    r"a.*s|a",
    r"a.*?s|[a-zB]",
    r"ab|a|aB1?",
    r"\p{N}{1,3}| ?\p{L}+|\s+",
    r"(?s).",
    r"'(?:s|aa)|[^']+",
    r"[^\n]*\n|[^\n]+",
];

fn custom() -> impl Iterator<Item = Splitter> {
    PATTERNS.iter().map(|pattern| Splitter::pattern(pattern).unwrap())
}

fn check(splitter: &Splitter, text: &[u8], seen: usize) -> Result<(), String> {
    let cut = splitter.last_cut(&text[..seen]);
    let mut parts = splitter.pieces(&text[..cut]);
    parts.extend(splitter.pieces(&text[cut..]));
    if parts == splitter.pieces(text) {
        return Ok(());
    }
    Err(format!("{} cuts {:?} at {cut}, having seen {seen}", splitter.name(), text.escape_ascii()))
}

#[test]
fn every_short_text_is_cut_where_it_may_be() {
    for splitter in schemes() {
        for number in 0..ALPHABET.len().pow(5) {
            let digit = |place: u32| ALPHABET[number / ALPHABET.len().pow(place) % ALPHABET.len()];
            // behind a piece that is safely over, for otherwise there are too few pieces to cut
            let text: String = ["x-"].into_iter().chain((0..5).map(digit)).collect();
            check(&splitter, text.as_bytes(), text.len() - digit(4).len()).unwrap();
        }
    }
}

/// A text, valid or with a broken character in it, and how much of it is seen.
fn text_and_cut() -> impl Strategy<Value = (Vec<u8>, usize)> {
    let characters = prop::collection::vec(prop::sample::select(&ALPHABET[..]), 1..24);
    (characters, any::<bool>(), any::<prop::sample::Index>()).prop_map(
        |(characters, broken, at)| {
            let mut text = characters.concat().into_bytes();
            if broken {
                text.insert(at.index(text.len()), 0xe6);
            }
            let seen = at.index(text.len() + 1);
            (text, seen)
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 400, failure_persistence: None, ..ProptestConfig::default()
    })]

    #[test]
    fn custom_patterns_are_cut_where_they_may_be((text, seen) in text_and_cut()) {
        for splitter in custom() {
            check(&splitter, &text, seen).map_err(TestCaseError::fail)?;
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 20_000, failure_persistence: None, ..ProptestConfig::default()
    })]

    #[test]
    fn long_texts_are_cut_where_they_may_be((text, seen) in text_and_cut()) {
        for splitter in schemes() {
            check(&splitter, &text, seen).map_err(TestCaseError::fail)?;
        }
    }
}

#[test]
fn a_stream_gives_the_pieces_of_the_whole() {
    let sentences =
        "It's 10 o'clock, says she.\n\n  日本語の文章です。区切りがない\u{3000}とき。 ab";
    let text = sentences.repeat(60_000);
    for splitter in schemes() {
        let mut stream = TextStream::new(splitter.clone(), usize::MAX);
        let (mut pieces, mut runs) = (0, 0);
        for (number, part) in text.as_bytes().chunks(999_983).enumerate() {
            let goes_on = (number + 1) * 999_983 < text.len();
            if let Some(run) = stream.push(part, goes_on).unwrap() {
                pieces += splitter.pieces(&run).len();
                runs += 1;
            }
        }
        assert_eq!(pieces, splitter.pieces(text.as_bytes()).len(), "{}", splitter.name());
        assert_eq!(runs > 1, splitter.name() != "none");
    }
}

#[test]
fn custom_patterns_are_cut_where_a_match_is_over() {
    let text = "some words, and 12345 numbers";
    for (pattern, expected) in [
        (r"\w+|\s+|[^\w\s]+", "some words, and 12345 "),
        (r"\w+", "some words, and 12345"),
        // a match is told one byte late, and that it is over another
        (r"(?s).", "some words, and 12345 numbe"),
        // might go on to an x that has not come
        (r"s.*x|\w|\W", ""),
        // look around, or match nothing
        (r"\b\w+\b", ""),
        (r"^\w+|\w+", ""),
        (r"\w*", ""),
    ] {
        let cut = Splitter::pattern(pattern).unwrap().last_cut(text.as_bytes());
        assert_eq!(&text[..cut], expected, "{pattern}");
    }
}

#[test]
fn what_cannot_be_cut_is_kept_up_to_the_limit() {
    let mut stream = TextStream::new(Splitter::scheme(Scheme::None), 2 << 20);
    let part = vec![b'a'; 1 << 20];
    assert_eq!(stream.push(&part, true).unwrap(), None);
    let error = stream.push(&part, true).unwrap_err().to_string();
    assert!(error.contains("2097152 bytes") && error.contains("--max-memory"), "{error}");
}
