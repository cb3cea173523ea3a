//! Counting equals adding piece by piece, for any number of threads.

use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::control::Control;
use crate::split::{Scheme, Splitter, Tier};

/// Piece by piece, as the scalar walk finds them.
fn one_by_one(splitter: &Splitter, texts: &[(&[u8], u64)]) -> WordCounts {
    let splitter = splitter.clone().on_tier(Tier::Scalar);
    let mut counts = WordCounts::default();
    for &(text, weight) in texts.iter().filter(|(_, weight)| *weight > 0) {
        for piece in splitter.pieces(text) {
            counts.add(piece, weight).unwrap();
        }
    }
    counts
}

fn assert_same(found: &WordCounts, expected: &WordCounts) {
    assert!(found.iter().eq(expected.iter()), "other words, counts, or order");
    assert_eq!(
        (found.len(), found.num_pieces(), found.num_bytes()),
        (expected.len(), expected.num_pieces(), expected.num_bytes())
    );
}

/// Count texts that come in by a feed with hardly any room.
fn count_fed(splitter: &Splitter, texts: &[(&[u8], u64)], threads: usize) -> Result<WordCounts> {
    let control = Control::default();
    let mut counting = Counting::new(splitter.clone(), threads, None)?;
    let feed = Feed::new(splitter.clone(), 1 << 10);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for texts in texts.chunks(3) {
                let texts = texts.iter().map(|(text, weight)| (text.to_vec(), *weight));
                if !feed.push(texts.collect()) {
                    break;
                }
                while !feed.has_room(Duration::from_millis(1)) {}
            }
            feed.end();
        });
        counting.add_all(&feed, &control)
    })?;
    Ok(counting.finish(&control)?.table)
}

#[test]
fn a_feed_forgets_what_was_counted_whoever_gives_it_back_last() {
    let splitter = Splitter::scheme(Scheme::Gpt2);
    let text = vec![b'a'; 128 << 10];
    let feed = Feed::new(splitter, usize::MAX);
    for _ in 0..10_000 {
        // two jobs, which two threads give back at nearly the same time
        feed.push(vec![(text.as_slice(), 1), (text.as_slice(), 1)]);
    }
    feed.end();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while let Some(share) = feed.take(false) {
                    feed.done(share);
                }
            });
        }
    });
    assert_eq!(feed.held_bytes(), 0);
}

/// Count in two batches, and by a feed, on each number of threads.
fn check(splitter: &Splitter, texts: &[(&[u8], u64)]) {
    let expected = one_by_one(splitter, texts);
    for threads in [1, 2, 3, 8] {
        let mut counter = Counter::new(splitter.clone(), threads);
        let (one, other) = texts.split_at(texts.len() / 2);
        counter.add(one, &Control::default()).unwrap();
        counter.add(other, &Control::default()).unwrap();
        assert_same(&counter.finish(&Control::default()).unwrap(), &expected);
        assert_same(&count_fed(splitter, texts, threads).unwrap(), &expected);
    }
}

/// Many distinct words of all lengths, frequent and rare, from a fixed recipe.
fn long_text(bytes: usize) -> Vec<u8> {
    let (mut text, mut state) = (Vec::with_capacity(bytes + 64), 1_u64);
    while text.len() < bytes {
        state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        let (mut rare, len) = (state >> 40, (state >> 20) % 5 + 1);
        if state >> 60 < 10 {
            rare %= 50;
        }
        for _ in 0..len * if rare == 7 { 8 } else { 1 } {
            text.push(b'a' + (rare % 26) as u8);
            rare /= 26;
        }
        text.push(b" \n!1 "[(state >> 50) as usize % 5]);
    }
    text
}

#[test]
fn large_texts_of_every_scheme() {
    let text = long_text(3 << 20);
    for scheme in Scheme::ALL {
        check(&Splitter::scheme(scheme), &[(&text[..1 << 20], 1), (&text, 3), (b"a b", 0)]);
    }
    check(&Splitter::pattern(r"[a-z]+|\s").unwrap(), &[(&text[..1 << 20], 2), (b"x y", 1)]);
}

#[test]
fn words_that_differ_in_length_or_in_zeros_only() {
    let words: Vec<Vec<u8>> = (1..20).map(|len| vec![0; len]).collect();
    let mut texts: Vec<(&[u8], u64)> = words.iter().map(|word| (&word[..], 1)).collect();
    texts.extend([(&b"a"[..], 2), (b"a\0", 3), (b"a\0\0", 4), (b"", 5), (b"a", 6)]);
    check(&Splitter::scheme(Scheme::None), &texts);
}

#[test]
fn one_word_of_many_megabytes() {
    let text = vec![b'x'; 16 << 20];
    for scheme in [Scheme::None, Scheme::Gpt4] {
        check(&Splitter::scheme(scheme), &[(&text, 1), (&text, 1)]);
    }
}

#[test]
fn sums_over_64_bits_are_refused() {
    let long = [b'y'; 40];
    for (one, other) in [(&b"a"[..], &b"a"[..]), (&long, &long), (b"a", b"b")] {
        for threads in [1, 2] {
            let mut counter = Counter::new(Splitter::scheme(Scheme::Gpt4), threads);
            let outcome = counter
                .add(&[(one, u64::MAX), (other, 1)], &Control::default())
                .and_then(|()| counter.finish(&Control::default()));
            assert!(matches!(outcome, Err(Error::Argument(_))), "{threads} threads");
            let texts: Vec<_> = (0..1000).flat_map(|_| [(one, u64::MAX), (other, 1)]).collect();
            let outcome = count_fed(&Splitter::scheme(Scheme::Gpt4), &texts, threads);
            assert!(matches!(outcome, Err(Error::Argument(_))), "{threads} threads, fed");
        }
    }
}

#[test]
fn an_interrupt_ends_counting() {
    let control = Control::default();
    control.interrupt();
    let mut counter = Counter::new(Splitter::scheme(Scheme::Gpt2), 2);
    let outcome = counter.add(&[(&long_text(1 << 20), 1)], &control);
    assert!(matches!(outcome, Err(Error::Interrupted)));
}

#[test]
fn words_may_be_added_to_what_was_counted() {
    let mut counter = Counter::new(Splitter::scheme(Scheme::Gpt2), 2);
    counter.add(&[(b"one two one", 1)], &Control::default()).unwrap();
    let mut counts = counter.finish(&Control::default()).unwrap();
    counts.add(b" two", 4).unwrap();
    counts.add(b"three", 1).unwrap();
    let words: Vec<_> = counts.iter().collect();
    let expected: [(&[u8], u64); 4] = [(b"one", 1), (b" two", 5), (b" one", 1), (b"three", 1)];
    assert_eq!(words, expected);
    assert_eq!((counts.num_pieces(), counts.num_bytes()), (8, 32));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_texts(
        texts in prop::collection::vec((prop_oneof![
            prop::collection::vec(any::<u8>(), 0..60),
            "[ab \u{e9}\u{3042}]{0,40}".prop_map(String::into_bytes),
        ], 0..4_u64), 0..12),
    ) {
        let texts: Vec<(&[u8], u64)> = texts.iter().map(|(text, weight)| (&text[..], *weight)).collect();
        for scheme in Scheme::ALL {
            check(&Splitter::scheme(scheme), &texts);
        }
    }
}
