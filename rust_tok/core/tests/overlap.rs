//! Overlap of two texts against slow, obvious twins, and the figures on record.

#![expect(
    clippy::cast_precision_loss,
    clippy::unwrap_used,
    reason = "small counts; a test may stop"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use proptest::prelude::*;
use rust_tok::Error;
use rust_tok::control::Control;
use rust_tok::overlap::{Clusters, Found, Options, Overlap, Report, SHARED, Spread};

fn options() -> Options {
    Options { characters: vec![2, 3, 7], words: vec![1, 3], usual: 2, likeness: 0.7 }
}

fn compared(
    training: &[&[u8]],
    validation: &[&[u8]],
    options: &Options,
    batch: usize,
    threads: usize,
) -> Overlap {
    let control = Control::default();
    let mut overlap = Overlap::new(validation, options.clone(), &control).unwrap();
    for documents in training.chunks(batch) {
        overlap.feed(documents, threads, &control).unwrap();
    }
    overlap
}

/// Seen, common, longest stretch and the seen bytes of windows, position by position.
struct Slow {
    windows: u64,
    seen: u64,
    common: u64,
    longest: u64,
    bytes: Vec<bool>,
}

/// `units` gives each unit of a text with the bytes it stands at.
fn slow<U: Ord + Clone>(
    training: &[&[u8]],
    validation: &[&[u8]],
    size: usize,
    usual: u32,
    units: impl Fn(&[u8]) -> Vec<(U, std::ops::Range<usize>)>,
) -> Slow {
    let mut known: BTreeMap<Vec<U>, u32> = BTreeMap::new();
    for text in training {
        let read: Vec<U> = units(text).into_iter().map(|(unit, _)| unit).collect();
        for window in read.windows(size) {
            *known.entry(window.to_vec()).or_default() += 1;
        }
    }
    let mut slow = Slow { windows: 0, seen: 0, common: 0, longest: 0, bytes: Vec::new() };
    for text in validation {
        let start = slow.bytes.len();
        slow.bytes.extend(vec![false; text.len()]);
        let mut run = 0;
        for window in units(text).windows(size) {
            let key: Vec<U> = window.iter().map(|(unit, _)| unit.clone()).collect();
            let places = known.get(&key).copied().unwrap_or(0);
            slow.windows += 1;
            slow.seen += u64::from(places > 0);
            slow.common += u64::from(places > usual);
            run = if places > 0 { run + 1 } else { 0 };
            if run > 0 {
                slow.longest = slow.longest.max(run + size as u64 - 1);
                let bytes = start + window[0].1.start..start + window[size - 1].1.end;
                slow.bytes[bytes].fill(true);
            }
        }
    }
    slow
}

fn characters(text: &[u8]) -> Vec<(char, std::ops::Range<usize>)> {
    let text = std::str::from_utf8(text).unwrap();
    text.char_indices().map(|(at, letter)| (letter, at..at + letter.len_utf8())).collect()
}

fn words(text: &[u8]) -> Vec<(String, std::ops::Range<usize>)> {
    let mut found: Vec<(String, std::ops::Range<usize>)> = Vec::new();
    for (letter, place) in characters(text) {
        if !letter.is_alphanumeric() {
            continue;
        }
        match found.last_mut() {
            Some((word, whole)) if whole.end == place.start => {
                word.extend(letter.to_lowercase());
                whole.end = place.end;
            }
            _ => found.push((letter.to_lowercase().collect(), place)),
        }
    }
    found
}

fn assert_equal(found: &Found, slow: &Slow) {
    let figures = (found.windows, found.seen, found.common, found.longest);
    assert_eq!(figures, (slow.windows, slow.seen, slow.common, slow.longest), "{}", found.size);
}

fn lines(texts: &[&[u8]]) -> Vec<String> {
    let lines = texts.iter().flat_map(|text| text.split(|&byte| byte == b'\n'));
    lines
        .map(|line| String::from_utf8_lossy(line.trim_ascii()).into_owned())
        .filter(|line| !line.is_empty())
        .collect()
}

fn slow_divergence<U: Ord>(one: &[U], other: &[U]) -> f64 {
    let share = |side: &[U], unit: &U| {
        side.iter().filter(|other| *other == unit).count() as f64 / side.len().max(1) as f64
    };
    let all: BTreeSet<&U> = one.iter().chain(other).collect();
    all.into_iter()
        .map(|unit| {
            let (p, q) = (share(one, unit), share(other, unit));
            let part = |x: f64| if x > 0.0 { x / 2.0 * (2.0 * x / (p + q)).log2() } else { 0.0 };
            part(p) + part(q)
        })
        .sum()
}

fn check(training: &[&[u8]], validation: &[&[u8]], overlap: &Overlap, options: &Options) {
    let report = overlap.report();
    for (found, &size) in report.characters.iter().zip(&options.characters) {
        let slow = slow(training, validation, size, options.usual, characters);
        assert_equal(found, &slow);
        assert_eq!(overlap.seen_bytes(size).unwrap(), slow.bytes);
    }
    for (found, &size) in report.words.iter().zip(&options.words) {
        let slow = slow(training, validation, size, options.usual, words);
        assert_equal(found, &slow);
        let mut bytes = vec![false; slow.bytes.len()];
        for stretch in &found.stretches {
            let start: usize =
                validation[..stretch.document].iter().map(|document| document.len()).sum();
            let place = overlap.word_bytes(stretch);
            bytes[start + place.start..start + place.end].fill(true);
        }
        // what stands between two words is of neither
        let mut at = 0;
        for document in validation {
            for (_, place) in words(document) {
                let place = at + place.start..at + place.end;
                assert_eq!(bytes[place.clone()], slow.bytes[place]);
            }
            at += document.len();
        }
    }
    let known: BTreeSet<String> = lines(training).into_iter().collect();
    let own = lines(validation);
    let seen = own.iter().filter(|line| known.contains(*line)).count();
    assert_eq!(report.seen_lines, seen as u64);
    let distinct: BTreeSet<&String> = own.iter().collect();
    assert_eq!(report.repeats[1].repeats, (own.len() - distinct.len()) as u64);
    assert_eq!(report.repeats[3].repeats, (lines(training).len() - known.len()) as u64);
    let copied =
        |text: &&&[u8]| training.iter().any(|other| other.trim_ascii() == text.trim_ascii());
    assert_eq!(report.seen_documents, validation.iter().filter(copied).count() as u64);
    check_shift(&report.character_shift, training, validation, characters);
    check_shift(&report.word_shift, training, validation, words);
}

fn check_shift<U: Ord>(
    shift: &Spread,
    training: &[&[u8]],
    validation: &[&[u8]],
    units: impl Fn(&[u8]) -> Vec<(U, std::ops::Range<usize>)>,
) {
    let all = |texts: &[&[u8]]| -> Vec<U> {
        texts.iter().flat_map(|text| units(text)).map(|(unit, _)| unit).collect()
    };
    let (own, theirs) = (all(validation), all(training));
    if !own.is_empty() && !theirs.is_empty() {
        assert!((shift.divergence - slow_divergence(&own, &theirs)).abs() < 1e-9);
    }
    assert_eq!(shift.unseen, own.iter().filter(|unit| !theirs.contains(unit)).count() as u64);
}

fn texts(most: usize) -> impl Strategy<Value = Vec<String>> {
    let piece = prop_oneof![
        Just("a"),
        Just("B"),
        Just("b a"),
        Just(" "),
        Just("\n"),
        Just("é"),
        Just("猫 "),
        Just("the cat "),
    ];
    let text = prop::collection::vec(piece, 0..14).prop_map(|pieces| pieces.concat());
    prop::collection::vec(text, 1..most)
}

fn slices(texts: &[String]) -> Vec<&[u8]> {
    texts.iter().map(String::as_bytes).collect()
}

proptest! {
    #[test]
    fn all_figures_are_those_of_the_definitions(
        training in texts(6), validation in texts(5), batch in 1_usize..7, threads in 1_usize..4,
    ) {
        let (training, validation) = (slices(&training), slices(&validation));
        prop_assume!(validation.iter().any(|text| !text.is_empty()));
        let overlap = compared(&training, &validation, &options(), batch, threads);
        check(&training, &validation, &overlap, &options());
    }

    #[test]
    fn a_clean_split_shares_no_long_run(
        stamps in prop::collection::vec(prop::collection::vec(0_usize..12, 1..5), 2..14),
        threads in 1_usize..4,
    ) {
        // stretches of 15 to 70 characters, put together in many ways
        let stretch = |number: usize| -> String {
            (0..15 + number * 5).map(|at| char::from(b'a' + ((at * at * 7 + number * 31 + at) % 26) as u8)).collect()
        };
        let texts: Vec<String> =
            stamps.iter().map(|row| row.iter().map(|&number| stretch(number)).collect()).collect();
        let texts = slices(&texts);
        let division = divided(&texts, threads, 3);
        prop_assert_eq!(&division, &divided(&texts, 1, texts.len()));
        let runs = |validates: bool| -> BTreeSet<&[u8]> {
            let side = texts.iter().zip(&division.validates).filter(|side| *side.1 == validates);
            side.flat_map(|(text, _)| text.windows(SHARED)).collect()
        };
        prop_assert!(runs(true).is_disjoint(&runs(false)));
        // the same whatever the order
        let reversed: Vec<&[u8]> = texts.iter().rev().copied().collect();
        let mut other = divided(&reversed, 1, 2).validates;
        other.reverse();
        prop_assert_eq!(other, division.validates);
    }
}

fn divided(texts: &[&[u8]], threads: usize, batch: usize) -> rust_tok::overlap::Division {
    let mut clusters = Clusters::default();
    for documents in texts.chunks(batch) {
        clusters.feed(documents, threads, &Control::default()).unwrap();
    }
    clusters.divide(0.5, u32::MAX, 0.7, &Control::default()).unwrap()
}

/// Text that no short period has.
fn prose(num_words: u64, seed: u64) -> String {
    let mut state = seed;
    let mut text = String::new();
    for number in 0..num_words {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let word = ["sea", "Stone", "überall", "of", "the", "猫", "9"][(state >> 40) as usize % 7];
        text.push_str(word);
        text.push(if number % 11 == 10 { '\n' } else { ' ' });
    }
    text
}

#[test]
fn documents_longer_than_a_slice_are_read_as_a_whole() {
    let training = [prose(50_000, 1), prose(300, 2)];
    let copied: String = training[0].chars().skip(90_000).take(40_000).collect();
    let validation = [prose(2_000, 3), format!("{}{copied}{}", prose(50, 4), prose(50, 5))];
    let options = Options { characters: vec![15, 30], words: vec![5], usual: 1, likeness: 0.7 };
    let (training, validation) = (slices(&training), slices(&validation));
    let one = compared(&training, &validation, &options, 2, 1);
    for (found, &size) in one.report().characters.iter().zip(&options.characters) {
        assert_equal(found, &slow(&training, &validation, size, 1, characters));
    }
    assert_equal(&one.report().words[0], &slow(&training, &validation, 5, 1, words));
    assert!(one.report().characters[1].longest >= 40_000);
    let other = compared(&training, &validation, &options, 1, 3);
    assert_eq!(one.report(), other.report());
}

#[test]
fn near_duplicates_are_found_across() {
    let (book, other) = (prose(400, 7), prose(400, 8));
    let changed = book.replacen("sea", "lake", 3);
    let validation = [changed, prose(400, 9)];
    let training = [other, book];
    let report: Report =
        compared(&slices(&training), &slices(&validation), &options(), 1, 2).report();
    assert_eq!(report.near[0].map(|near| near.source), Some(1));
    assert!(report.near[1].is_none());
    assert_eq!(report.copies, [false, false]);
}

#[test]
fn odd_input_is_refused_or_read() {
    let control = Control::default();
    let refuse = |options: Options, texts: &[&[u8]]| {
        Overlap::new(texts, options, &control).map(|_| ()).unwrap_err()
    };
    let wrong = |characters: Vec<usize>| Options { characters, ..options() };
    assert!(matches!(refuse(wrong(vec![0]), &[b"a"]), Error::Argument(_)));
    assert!(matches!(refuse(wrong(vec![3, 3]), &[b"a"]), Error::Argument(_)));
    assert!(matches!(refuse(Options { likeness: 2.0, ..options() }, &[b"a"]), Error::Argument(_)));
    assert!(matches!(refuse(options(), &[]), Error::Text(_)));
    assert!(matches!(refuse(options(), &[b""]), Error::Text(_)));
    let broken: &[u8] = b"\xff\xfe \xe7\x8c \n\xf0\x9f";
    let overlap = compared(&[broken, b""], &[broken], &options(), 1, 1);
    let report = overlap.report();
    assert_eq!(report.characters[0].seen, report.characters[0].windows);
    assert_eq!(report.seen_documents, 1);
    assert!(overlap.seen_bytes(4).is_err());
    control.interrupt();
    let mut overlap = overlap;
    assert_eq!(overlap.feed(&[b"a b"], 1, &control), Err(Error::Interrupted));
}

/// Shares of 15-, 30- and 50-character windows of the last tenth of a text that its first nine tenths have.
#[test]
fn figures_on_record() {
    for (name, wanted) in [
        ("seed003_validation.txt", [24.337, 17.587, 16.843]),
        ("tinyshakespeare.txt", [2.568, 0.004, 0.0]),
        ("seed000_presentation.txt", [38.286, 9.637, 0.0]),
    ] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data").join(name);
        let Ok(text) = std::fs::read(&path) else {
            eprintln!("skipped: ../shared/data/{name} is not beside this checkout");
            continue;
        };
        let (training, validation) = text.split_at(text.len() * 9 / 10);
        let options = Options {
            characters: vec![15, 30, 50],
            words: vec![5, 10, 13],
            usual: 10,
            likeness: 0.7,
        };
        let report = compared(&[training], &[validation], &options, 1, 2).report();
        for (found, wanted) in report.characters.iter().zip(wanted) {
            let share = 100.0 * found.seen as f64 / found.windows as f64;
            assert!((share - wanted).abs() < 0.001, "{name} {} {share}", found.size);
        }
    }
}
