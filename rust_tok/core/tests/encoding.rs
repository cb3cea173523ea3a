//! Counting, places and streams against encoding the whole, for every kind of tokenizer.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use std::sync::LazyLock;

use proptest::prelude::*;
use rust_tok::control::Control;
use rust_tok::count::{Counter, WordCounts};
use rust_tok::encode::{Allowed, Dropout, OffsetUnit, StreamEncoder};
use rust_tok::format::character_merges;
use rust_tok::learn::Options;
use rust_tok::split::Scheme;
use rust_tok::{Error, Splitter, Tokenizer};

const TEXT: &str =
    "the cat sat on the mat, the hat that sat; naïve 東京 東京\n\n  it's 1234 \\ \t x The Hat";

/// Of several that begin at one place the longest counts; one holds a space, one goes on from another.
const SPECIALS: [&str; 5] = ["<a>", "<a>b", "<a>b the", "<|end|>", "日本"];

fn counted(splitter: &Splitter) -> WordCounts {
    let mut counter = Counter::new(splitter.clone(), 1);
    counter.add(&[(TEXT.as_bytes(), 1)], &Control::default()).unwrap();
    counter.finish(&Control::default()).unwrap()
}

fn named(specials: &[&str]) -> Vec<String> {
    specials.iter().map(|&name| name.to_owned()).collect()
}

fn learnt(splitter: Splitter) -> Tokenizer {
    let (counts, control) = (counted(&splitter), Control::default());
    let options = Options::default();
    Tokenizer::learn(&counts, 310, &named(&SPECIALS), splitter, &options, &control).unwrap().0
}

fn words(lowercase: bool) -> Tokenizer {
    let vocab = "unk\n<pad>\n</w>\nth\nthe\nat\ncat\na\nc\ne\nh\nt\nthe</w>\n";
    let merges = "t h\nth e\na t\nc at\nthe </w>\n";
    let unknown = Some("unk");
    character_merges::read(vocab.as_bytes(), merges.as_bytes(), lowercase, unknown).unwrap()
}

static TOKENIZERS: LazyLock<Vec<Tokenizer>> = LazyLock::new(|| {
    let mut all: Vec<_> = Scheme::ALL.into_iter().map(Splitter::scheme).map(learnt).collect();
    let patterns = [r"\w+|\s+|[^\w\s]+", r"a.*t|.", r"\b\w", r" ?\p{L}+|\p{N}{1,3}"];
    all.extend(patterns.map(|pattern| learnt(Splitter::pattern(pattern).unwrap())));
    let gpt4 = Splitter::scheme(Scheme::Gpt4);
    let specials = named(&SPECIALS);
    all.push(Tokenizer::learn_words(&counted(&gpt4), 300, &specials, gpt4).unwrap().0);
    all.push(Tokenizer::bytes(&specials).unwrap());
    let unknown = named(&["<unk>", "<a>", "<a>b"]);
    let alphabet = Tokenizer::characters("abcdeht <>|é日", &unknown, Some("<unk>")).unwrap();
    all.push(alphabet);
    all.extend([words(true), words(false)]);
    all
});

/// Something of everything that decides where pieces and specials begin.
fn texts() -> impl Strategy<Value = String> {
    const PARTS: [&str; 22] = [
        "the", " cat", "a", "t", "<a>", "<a>b", "<a>b the", "<|end|>", "<", "|end", " ", "\n",
        "'s", "1", "12345", ".", "é", "日", "日本", "\u{3000}", "İ", "Th",
    ];
    prop::collection::vec(prop::sample::select(&PARTS[..]), 0..30).prop_map(|parts| parts.concat())
}

fn allowed(which: usize, tokenizer: &Tokenizer) -> Allowed {
    match which {
        0 => Allowed::Nothing,
        1 => Allowed::All,
        _ => {
            let names = tokenizer.vocab().specials().iter().map(|(name, _)| name.clone());
            Allowed::Names(names.step_by(2).collect())
        }
    }
}

fn streamed(
    tokenizer: &Tokenizer,
    text: &[u8],
    cuts: &[prop::sample::Index],
    allowed: &Allowed,
    dropout: Option<Dropout>,
) -> Vec<u32> {
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(text.len() + 1)).collect();
    cuts.extend([0, text.len()]);
    cuts.sort_unstable();
    let mut encoder = StreamEncoder::new(tokenizer, allowed, dropout).unwrap();
    let control = Control::default();
    let mut ids = Vec::new();
    for pair in cuts.windows(2) {
        ids.extend(encoder.push(tokenizer, &text[pair[0]..pair[1]], &control).unwrap());
    }
    ids.extend(encoder.finish(tokenizer, &control).unwrap());
    assert_eq!(encoder.num_waiting(), 0);
    ids
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 1500, failure_persistence: None, ..ProptestConfig::default()
    })]

    #[test]
    fn counting_equals_the_length(text in texts(), which in 0..3_usize, limit in 0..60_u64) {
        let control = Control::default();
        for tokenizer in TOKENIZERS.iter() {
            let allowed = allowed(which, tokenizer);
            let texts = [text.as_bytes(), b"", b"the cat"];
            let expected = tokenizer.encode_batch(&texts, &allowed, None, 1, &control).unwrap();
            let lens: Vec<u64> =
                expected.offsets.windows(2).map(|pair| pair[1] - pair[0]).collect();
            prop_assert_eq!(&tokenizer.count_batch(&texts, &allowed, 2, &control).unwrap(), &lens);
            let until = tokenizer.count_until(text.as_bytes(), &allowed, limit, &control).unwrap();
            prop_assert_eq!(until, Some(lens[0]).filter(|&len| len <= limit));
        }
    }

    #[test]
    fn spans_tile_what_is_encoded(text in texts(), which in 0..3_usize) {
        let control = Control::default();
        let starts: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
        for tokenizer in TOKENIZERS.iter() {
            let allowed = allowed(which, tokenizer);
            let spans = |unit| {
                let found = tokenizer.encode_with_spans(text.as_bytes(), &allowed, unit, &control);
                found.unwrap()
            };
            let bytes = spans(OffsetUnit::Bytes);
            let ids = tokenizer.encode(text.as_bytes(), &allowed, &control).unwrap();
            prop_assert_eq!(&bytes.ids, &ids);
            prop_assert_eq!(bytes.spans.len(), ids.len());
            let mut last = 0;
            for (&[start, end], &id) in bytes.spans.iter().zip(&ids) {
                let piece = &text.as_bytes()[start as usize..end as usize];
                // white space between words of characters belongs to no token, and a character that is
                // lower-cased to two belongs to both
                let of_words = tokenizer.end_of_word_id().is_some();
                let gap = text.as_bytes().get(last as usize..start as usize);
                prop_assert!(gap.is_some() || of_words && piece == "İ".as_bytes());
                let gap = String::from_utf8_lossy(gap.unwrap_or_default());
                let is_space = gap.chars().all(char::is_whitespace);
                prop_assert!(gap.is_empty() || (of_words && is_space));
                if Some(id) == tokenizer.unknown_id() {
                    prop_assert_eq!(std::str::from_utf8(piece).unwrap().chars().count(), 1);
                } else if of_words {
                    let spelled = String::from_utf8_lossy(tokenizer.vocab().spelled(id));
                    let piece = std::str::from_utf8(piece).unwrap();
                    prop_assert_eq!(piece.to_lowercase(), spelled.trim_end().to_lowercase());
                } else {
                    prop_assert_eq!(piece, tokenizer.vocab().spelled(id));
                }
                last = end;
            }
            prop_assert!(text[last as usize..].chars().all(char::is_whitespace));
            // the shortest run of characters that holds the bytes
            let characters = spans(OffsetUnit::Characters);
            for (&[start, end], &[first, after]) in bytes.spans.iter().zip(&characters.spans) {
                let expected_after = starts.partition_point(|&at| (at as u64) < end) as u64;
                let expected_first = if start == end {
                    expected_after
                } else {
                    starts.partition_point(|&at| at as u64 <= start) as u64 - 1
                };
                prop_assert_eq!([first, after], [expected_first, expected_after]);
            }
        }
    }

    #[test]
    fn streams_equal_the_whole(
        text in texts(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..40),
        which in 0..3_usize,
        probability in prop::sample::select(vec![0.0, 0.0, 0.4, 1.0]),
    ) {
        let dropout = Dropout::new(probability, 5).unwrap();
        for tokenizer in TOKENIZERS.iter() {
            let allowed = allowed(which, tokenizer);
            let control = Control::default();
            let texts = [text.as_bytes()];
            let whole = tokenizer.encode_batch(&texts, &allowed, dropout, 1, &control).unwrap();
            let ids = streamed(tokenizer, text.as_bytes(), &cuts, &allowed, dropout);
            prop_assert_eq!(ids, whole.ids, "{:?}", tokenizer.splitter().map(Splitter::pattern_text));
        }
    }

    #[test]
    fn streams_of_broken_text_equal_the_whole(
        text in prop::collection::vec(prop::sample::select(b"a <>b|e1\xe6\x97\xa5\xc3\xff".to_vec()), 0..40),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..40),
        which in 0..3_usize,
    ) {
        let of_bytes = |t: &&Tokenizer| t.splitter().is_some();
        for tokenizer in TOKENIZERS.iter().filter(of_bytes) {
            let allowed = allowed(which, tokenizer);
            let whole = tokenizer.encode(&text, &allowed, &Control::default()).unwrap();
            prop_assert_eq!(streamed(tokenizer, &text, &cuts, &allowed, None), whole);
        }
    }

    #[test]
    fn dropout_does_not_depend_on_threads_and_spells_the_text(
        text in texts(), seed in any::<u64>(),
    ) {
        let control = Control::default();
        for tokenizer in TOKENIZERS.iter().filter(|tokenizer| tokenizer.splitter().is_some()) {
            let encode = |texts: &[&[u8]], probability, threads| {
                let dropout = Dropout::new(probability, seed).unwrap();
                tokenizer.encode_batch(texts, &Allowed::Nothing, dropout, threads, &control).unwrap()
            };
            let texts = [b"x the cat".as_slice(), text.as_bytes(), text.as_bytes()];
            let some = encode(&texts, 0.5, 1);
            prop_assert_eq!(&encode(&texts, 0.5, 3), &some);
            prop_assert_eq!(tokenizer.decode(some.ids).unwrap(), texts.concat());
            let bytes = encode(&texts[1..2], 1.0, 1);
            prop_assert_eq!(bytes.ids.len(), text.len());
        }
    }
}

#[test]
fn what_waits_in_a_stream_is_little_where_the_split_cuts() {
    let text = "It's 10 o'clock, says she.\n\n  日本語の文章です。区切りがない\u{3000}とき。 ab "
        .repeat(200);
    for tokenizer in TOKENIZERS.iter().filter(|t| t.end_of_word_id().is_none()) {
        let split = tokenizer.splitter().map(|splitter| splitter.pattern_text());
        // one token, one word with look-around, or a line without an end
        let is_whole = matches!(split, Some(None | Some(r"\b\w" | r"a.*t|.")));
        if is_whole && tokenizer.vocab().len() > 300 {
            continue;
        }
        let mut encoder = StreamEncoder::new(tokenizer, &Allowed::All, None).unwrap();
        for part in text.as_bytes().chunks(7) {
            encoder.push(tokenizer, part, &Control::default()).unwrap();
            assert!(encoder.num_waiting() < 120, "{split:?}: {}", encoder.num_waiting());
        }
    }
}

#[test]
fn a_text_that_is_refused_leaves_the_stream_as_it_was() {
    let tokenizer = Tokenizer::characters("ab<>c", &named(&["<c>"]), None).unwrap();
    let control = Control::default();
    let mut encoder = StreamEncoder::new(&tokenizer, &Allowed::All, None).unwrap();
    assert_eq!(encoder.push(&tokenizer, b"ab<", &control).unwrap().len(), 2);
    let error = encoder.push(&tokenizer, b"az", &control).unwrap_err().to_string();
    assert!(error.contains("'z'") && error.contains("byte 4"), "{error}");
    let error = encoder.push(&tokenizer, b"a\xff", &control).unwrap_err();
    assert!(matches!(&error, Error::Text(text) if text.contains("byte at 4")), "{error}");
    assert_eq!(encoder.push(&tokenizer, b"c>b", &control).unwrap(), [0, 2]);
    assert!(encoder.push(&tokenizer, b"\xc3", &control).unwrap().is_empty());
    assert!(encoder.finish(&tokenizer, &control).is_err());
    assert!(encoder.push(&tokenizer, b"a", &control).is_err());
}

#[test]
fn a_word_that_is_refused_does_not_stay() {
    let vocab = "</w>\na\nb\n";
    let tokenizer = character_merges::read(vocab.as_bytes(), b"", false, None).unwrap();
    let control = Control::default();
    let mut encoder = StreamEncoder::new(&tokenizer, &Allowed::All, None).unwrap();
    assert!(encoder.push(&tokenizer, "a☃".as_bytes(), &control).unwrap().is_empty());
    let error = encoder.push(&tokenizer, b" b", &control).unwrap_err().to_string();
    assert!(error.contains('☃') && error.contains("byte 1"), "{error}");
    assert_eq!(encoder.num_waiting(), 0);
    assert_eq!(encoder.push(&tokenizer, b"b ", &control).unwrap(), [2, 0]);
    // what waits and is sound stays where the new text is at fault
    assert!(encoder.push(&tokenizer, b"a", &control).unwrap().is_empty());
    assert!(encoder.push(&tokenizer, "☃ ".as_bytes(), &control).is_err());
    assert_eq!(encoder.num_waiting(), 1);
    assert!(encoder.push(&tokenizer, "☃".as_bytes(), &control).unwrap().is_empty());
    assert!(encoder.finish(&tokenizer, &control).is_err());
    assert!(encoder.finish(&tokenizer, &control).unwrap().is_empty());
}

#[test]
fn counting_stops_where_more_is_sure() {
    let tokenizer = &TOKENIZERS[1];
    let endless = vec![b'a'; 64 << 20];
    let control = Control::default();
    let until = |text: &[u8], limit| {
        tokenizer.count_until(text, &Allowed::Nothing, limit, &control).unwrap()
    };
    assert_eq!(until(&endless, 1000), None);
    assert_eq!(until(b"", 0), Some(0));
    assert_eq!(until(b"a", 0), None);
}

#[test]
fn counting_looks_at_no_more_than_it_has_to() {
    let control = Control::default();
    // a character that has no id stands behind what is enough
    let far = "a ".repeat(100_000) + "☃";
    let words = character_merges::read(b"</w>\na\n", b"", false, None).unwrap();
    let characters = Tokenizer::characters("a ", &[], None).unwrap();
    for tokenizer in [words, characters] {
        let until =
            |limit| tokenizer.count_until(far.as_bytes(), &Allowed::Nothing, limit, &control);
        assert_eq!(until(1000), Ok(None));
        assert!(until(u64::MAX).is_err());
    }
    // for bytes their number may be enough: who was interrupted and says so has looked
    let tokenizer = &TOKENIZERS[1];
    let text = vec![b'~'; 1 << 20];
    let stopped = Control::default();
    stopped.interrupt();
    let until =
        |limit, control: &Control| tokenizer.count_until(&text, &Allowed::Nothing, limit, control);
    assert_eq!(until(1000, &stopped), Ok(None));
    assert_eq!(until(1 << 20, &stopped), Err(Error::Interrupted));
    assert_eq!(until(1 << 20, &control), Ok(Some(1 << 20)));
    // and where it is not, parts behind what is enough are not begun
    let text = "~~<|end|>".repeat(10_000);
    let (limit, control) = (2 * text.len() as u64 / 9, Control::default());
    let until = tokenizer.count_until(text.as_bytes(), &Allowed::All, limit, &control);
    assert_eq!(until, Ok(None));
    let (_, done, _) = control.progress();
    assert!(0 < done && done < text.len() as u64 * 3 / 4, "{done}");
}

#[test]
fn places_of_a_long_text_are_those_of_its_parts() {
    let text = "the cat sat 日本語, naïve <a>b\n".repeat(30_000);
    let control = Control::default();
    for tokenizer in TOKENIZERS.iter().filter(|tokenizer| tokenizer.splitter().is_some()) {
        let (text, all) = (text.as_bytes(), Allowed::All);
        let ids = tokenizer.encode_batch(&[text], &all, None, 2, &control).unwrap().ids;
        let unit = OffsetUnit::Bytes;
        let found = tokenizer.encode_with_spans(text, &all, unit, &control).unwrap();
        assert_eq!(found.ids, ids);
        assert_eq!(found.spans.last().unwrap()[1], text.len() as u64);
        assert_eq!(tokenizer.count_batch(&[text], &all, 2, &control).unwrap(), [ids.len() as u64]);
    }
}

#[test]
fn places_in_characters_need_characters() {
    let tokenizer = &TOKENIZERS[0];
    let encode = |unit| {
        tokenizer.encode_with_spans(b"ab\xffc", &Allowed::Nothing, unit, &Control::default())
    };
    assert_eq!(encode(OffsetUnit::Bytes).unwrap().spans.last(), Some(&[3, 4]));
    let error = encode(OffsetUnit::Characters).unwrap_err().to_string();
    assert!(error.contains("byte at 2"), "{error}");
}
