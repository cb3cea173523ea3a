//! Every format: round trips with one fingerprint, and no input that panics.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use std::sync::LazyLock;

use proptest::prelude::*;
use rust_tok::control::Control;
use rust_tok::count::{Counter, WordCounts};
use rust_tok::encode::Allowed;
use rust_tok::format::{character_merges, gpt2, merges, tekken, tiktoken, tokenizer_json};
use rust_tok::learn::{Duplicates, Options, Tie};
use rust_tok::split::Scheme;
use rust_tok::tokenizer::CharacterWords;
use rust_tok::{Error, Result, Splitter, Tokenizer};

const TEXT: &str =
    "the cat sat on the mat, the hat that sat; naïve 東京 東京\n\n  it's 1234 \\ \t x";

fn counted() -> WordCounts {
    let mut counter = Counter::new(Splitter::scheme(Scheme::Gpt4), 1);
    counter.add(&[(TEXT.as_bytes(), 1)], &Control::default()).unwrap();
    counter.finish(&Control::default()).unwrap()
}

fn learnt(specials: &[&str]) -> Tokenizer {
    learnt_with(specials, &Options::default())
}

fn learnt_with(specials: &[&str], options: &Options) -> Tokenizer {
    let specials: Vec<String> = specials.iter().map(|&name| name.to_owned()).collect();
    let (splitter, control) = (Splitter::scheme(Scheme::Gpt4), Control::default());
    Tokenizer::learn(&counted(), 300, &specials, splitter, options, &control).unwrap().0
}

const CHARACTER_MERGES: &str = "t h\nth e\na t\nc at\nu n\nun k\n";
const CHARACTER_VOCAB: &str =
    "unk\n<pad>\n</w>\n<bos>\n<eos>\nth\nthe\nat\ncat\nun\na\nc\ne\nh\nk\nn\nt\nu\n";

fn words() -> Tokenizer {
    let (vocab, merges) = (CHARACTER_VOCAB.as_bytes(), CHARACTER_MERGES.as_bytes());
    character_merges::read(vocab, merges, true, Some("unk")).unwrap()
}

/// A format: how it is read from one file, and a good file.
struct Format {
    name: &'static str,
    read: fn(&[u8]) -> Result<Tokenizer>,
    good: Vec<u8>,
    /// the tokenizer in the file
    tokenizer: Tokenizer,
}

static VOCAB_JSON: LazyLock<Vec<u8>> = LazyLock::new(|| gpt2::write(&learnt(&[])).unwrap().0);
static MERGES_TXT: LazyLock<Vec<u8>> = LazyLock::new(|| gpt2::write(&learnt(&[])).unwrap().1);

fn formats() -> &'static [Format] {
    static FORMATS: LazyLock<Vec<Format>> = LazyLock::new(|| {
        let (plain, special, words) = (learnt(&[]), learnt(&["<s>", "<|endoftext|>"]), words());
        let tekken_ids = special.renumbered().unwrap().0;
        let (vocab, merges_txt) = gpt2::write(&plain).unwrap();
        let gpt4 = || Splitter::scheme(Scheme::Gpt4);
        let read_merges = |data: &[u8]| merges::read(data).map(|read| read.tokenizer);
        let read_json = |data: &[u8]| tokenizer_json::read(data).map(|read| read.tokenizer);
        let format = |name, read, good, tokenizer: &Tokenizer| Format {
            name,
            read,
            good,
            tokenizer: tokenizer.clone(),
        };
        vec![
            format("tokenizer.json", read_json, tokenizer_json::write(&special).unwrap(), &special),
            format(
                "tokenizer.json of words",
                read_json,
                tokenizer_json::write(&words).unwrap(),
                &words,
            ),
            format(
                ".tiktoken",
                |data| tiktoken::read(data, Splitter::scheme(Scheme::Gpt4), Vec::new()),
                tiktoken::write(&plain).unwrap(),
                &plain,
            ),
            format("tekken.json", tekken::read, tekken::write(&tekken_ids).unwrap(), &tekken_ids),
            format("merges", read_merges, merges::write(&special).unwrap(), &special),
            format("merges of words", read_merges, merges::write(&words).unwrap(), &words),
            format(
                "vocab.json",
                |data| gpt2::read(data, &MERGES_TXT, Splitter::scheme(Scheme::Gpt4), Vec::new()),
                vocab,
                &gpt2::read(&VOCAB_JSON, &MERGES_TXT, gpt4(), Vec::new()).unwrap(),
            ),
            format(
                "merges.txt",
                |data| gpt2::read(&VOCAB_JSON, data, Splitter::scheme(Scheme::Gpt4), Vec::new()),
                merges_txt,
                &plain,
            ),
            format(
                "merges.txt of characters",
                |data| character_merges::read(CHARACTER_VOCAB.as_bytes(), data, true, Some("unk")),
                CHARACTER_MERGES.into(),
                &words,
            ),
            format(
                "vocab.txt",
                |data| character_merges::read(data, CHARACTER_MERGES.as_bytes(), true, Some("unk")),
                CHARACTER_VOCAB.into(),
                &words,
            ),
        ]
    });
    &FORMATS
}

#[test]
fn every_format_gives_back_the_same_tokenizer() {
    for format in formats() {
        let read = (format.read)(&format.good).unwrap();
        assert_eq!(read.fingerprint(), format.tokenizer.fingerprint(), "{}", format.name);
        let ids = |tokenizer: &Tokenizer| {
            tokenizer.encode(TEXT.as_bytes(), &Allowed::Nothing, &Control::default()).unwrap()
        };
        assert_eq!(ids(&read), ids(&format.tokenizer), "{}", format.name);
    }
}

#[test]
fn merges_keep_their_counts() {
    let tokenizer = learnt(&[]);
    let counts = tokenizer.merge_counts().unwrap();
    assert!(counts.windows(2).all(|pair| pair[0] >= pair[1]));
    let read = merges::read(&merges::write(&tokenizer).unwrap()).unwrap().tokenizer;
    assert_eq!(read.merge_counts(), Some(counts));
    assert_eq!(merges::write(&read).unwrap(), merges::write(&tokenizer).unwrap());
    assert!(tokenizer.with_merge_counts(vec![1]).is_err());
}

#[test]
fn merges_into_a_special_token_are_kept_or_refused() {
    let options = Options { duplicates: Duplicates::Reuse, ..Options::default() };
    let tokenizer = learnt_with(&["at", "<s>"], &options);
    assert!(tokenizer.merges().iter().any(|merge| merge.id == 0));
    let json = tokenizer_json::read(&tokenizer_json::write(&tokenizer).unwrap()).unwrap().tokenizer;
    assert_eq!(json.fingerprint(), tokenizer.fingerprint());
    let own = merges::read(&merges::write(&tokenizer).unwrap()).unwrap().tokenizer;
    assert_eq!(own.fingerprint(), tokenizer.fingerprint());
    for refused in [tiktoken::write(&tokenizer), tekken::write(&tokenizer.renumbered().unwrap().0)]
    {
        assert!(matches!(refused, Err(Error::Vocabulary(_))));
    }
}

#[test]
fn words_of_characters_are_learnt_from_pieces() {
    let control = Control::default();
    let specials = ["<unk>".to_owned(), "<eos>".to_owned()];
    let words = CharacterWords { lowercase: true, unknown: Some("<unk>") };
    let options = Options { tie: Tie::FirstOccurrence, ..Options::default() };
    let mut counts = WordCounts::default();
    // several words in a piece, white space alone, and two cases of a word
    for (piece, count) in [("The cat", 2), (" ", 9), ("the", 3), ("hat\n", 1), ("CAT", 1)] {
        counts.add(piece.as_bytes(), count).unwrap();
    }
    let learn =
        |size| Tokenizer::learn_characters(&counts, size, &specials, words, &options, &control);
    let (tokenizer, report) = learn(100).unwrap();
    // the 5, cat 3, hat 1: t+h 5, th+e 5, a+t 4, c+at 3, h+at 1
    let spelled: Vec<_> = tokenizer.merges().iter().map(|merge| merge.id).collect();
    let spelled: Vec<_> = spelled
        .iter()
        .map(|&id| std::str::from_utf8(tokenizer.token(id).unwrap()).unwrap())
        .collect();
    assert_eq!(spelled, ["th", "the", "at", "cat", "hat"]);
    assert_eq!(tokenizer.merge_counts().unwrap(), [5, 5, 4, 3, 1]);
    assert_eq!((report.num_words, report.num_pieces), (3, 9));
    assert_eq!(tokenizer.end_of_word_id(), Some(2));
    assert_eq!(tokenizer.token(3).unwrap(), b"a");
    let ids = tokenizer.encode(b"The HAT!", &Allowed::Nothing, &control).unwrap();
    assert_eq!(tokenizer.decode(ids).unwrap(), b"the hat<unk>");
    for size in [0, 7] {
        assert!(matches!(learn(size), Err(Error::Argument(_))));
    }
    let mut broken = WordCounts::default();
    broken.add(b"a\xff", 1).unwrap();
    let learnt = Tokenizer::learn_characters(&broken, 100, &specials, words, &options, &control);
    assert!(matches!(learnt, Err(Error::Text(_))));
    let unknown = CharacterWords { unknown: Some("<none>"), ..words };
    let learnt = Tokenizer::learn_characters(&counts, 100, &specials, unknown, &options, &control);
    assert!(matches!(learnt, Err(Error::Vocabulary(_))));
}

/// What a format may answer to a damaged file: never a panic, and an error that is about the file.
fn read_or_refuse(format: &Format, data: &[u8]) -> std::result::Result<(), TestCaseError> {
    match (format.read)(data) {
        Ok(_)
        | Err(Error::Format { .. } | Error::Vocabulary(_) | Error::Pattern(_) | Error::Text(_)) => {
            Ok(())
        }
        Err(other) => Err(TestCaseError::fail(format!("{}: {other}", format.name))),
    }
}

#[test]
fn every_truncation_is_read_or_refused() {
    for format in formats() {
        for end in (0..format.good.len()).step_by(1 + format.good.len() / 300) {
            read_or_refuse(format, &format.good[..end]).unwrap();
        }
    }
}

#[test]
fn a_flipped_bit_never_gives_another_tokenizer() {
    let sealed = ["tokenizer.json", "tokenizer.json of words", "merges", "merges of words"];
    for format in formats().iter().filter(|format| sealed.contains(&format.name)) {
        for at in 0..format.good.len() {
            let mut data = format.good.clone();
            data[at] ^= 1 << (at % 8);
            if let Ok(read) = (format.read)(&data) {
                let same = format.tokenizer.fingerprint();
                assert_eq!(read.fingerprint(), same, "{}, byte {at}", format.name);
            }
        }
    }
}

#[test]
fn deep_and_huge_documents_are_refused() {
    let deep = [vec![b'['; 100_000], vec![b'{'; 100_000], b"{\"model\":".repeat(20_000)];
    let huge: [&[u8]; 4] = [
        b"YQ== 4294967296\n",
        b"YQ== 99999999999999999999\n",
        b"primetone-merges 1\nunits bytes\nsplit gpt4\nunicode 16.0.0\nmerges 18446744073709551615\n",
        b"primetone-merges 1\nunits bytes\nsplit gpt4\nunicode 16.0.0\ntoken 4294967295 ab\nmerges 0\n",
    ];
    for format in formats() {
        for data in deep.iter().map(Vec::as_slice).chain(huge) {
            assert!((format.read)(data).is_err(), "{}", format.name);
        }
    }
}

fn damage() -> impl Strategy<Value = Vec<(u8, prop::sample::Index, prop::sample::Index, u8)>> {
    prop::collection::vec(
        (0..6_u8, any::<prop::sample::Index>(), any::<prop::sample::Index>(), any::<u8>()),
        1..4,
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn damaged_files_are_read_or_refused(damage in damage()) {
        for format in formats() {
            let mut data = format.good.clone();
            for (kind, first, second, byte) in &damage {
                if data.is_empty() {
                    break;
                }
                let (at, other) = (first.index(data.len()), second.index(data.len()));
                match kind {
                    0 => data[at] ^= 1 << (byte % 8),
                    1 => data.truncate(at),
                    2 => data.insert(at, *byte),
                    3 => drop(data.drain(at.min(other)..at.max(other))),
                    4 => {
                        let copy = data[at.min(other)..at.max(other).min(at.min(other) + 200)].to_vec();
                        data.splice(at..at, copy);
                    }
                    _ => {
                        let mut lines: Vec<_> = data.split(|&byte| byte == b'\n').map(<[u8]>::to_vec).collect();
                        let (at, other) = (first.index(lines.len()), second.index(lines.len()));
                        lines.swap(at, other);
                        data = lines.join(&b'\n');
                    }
                }
            }
            read_or_refuse(format, &data)?;
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused(data in prop::collection::vec(any::<u8>(), 0..300)) {
        for format in formats() {
            read_or_refuse(format, &data)?;
        }
    }

    #[test]
    fn words_come_back_with_one_space_between(text in r"[tThHeEaAcCuUnNkK\s]{0,40}") {
        for tokenizer in formats().iter().filter(|format| format.name.contains("words")).map(|f| &f.tokenizer) {
            let ids = tokenizer.encode(text.as_bytes(), &Allowed::Nothing, &Control::default()).unwrap();
            let expected = text.split_whitespace().map(str::to_lowercase).collect::<Vec<_>>().join(" ");
            prop_assert_eq!(String::from_utf8(tokenizer.decode(ids).unwrap()).unwrap(), expected);
        }
    }
}
