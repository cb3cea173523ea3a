//! Texts that end, or begin, where memory ends: a read beyond them is a fault, not luck.
#![cfg(target_os = "linux")]
#![allow(unsafe_code, clippy::unwrap_used, clippy::panic, reason = "a test that maps memory")]

use std::ops::Deref;

use rust_tok::control::Control;
use rust_tok::count::Counter;
use rust_tok::encode::Allowed;
use rust_tok::learn::Options;
use rust_tok::split::{Scheme, Tier};
use rust_tok::{Splitter, Tokenizer};

const PAGE: usize = 4096;

/// Which end of a text borders on a page that may not be touched.
#[derive(Clone, Copy)]
enum Edge {
    Begin,
    End,
}

/// A copy of a text between two pages that may not be touched, at one of them.
struct Guarded {
    mapped: *mut libc::c_void,
    num_bytes: usize,
    text: *const u8,
    len: usize,
}

impl Guarded {
    fn new(text: &[u8], edge: Edge) -> Self {
        let inner = text.len().next_multiple_of(PAGE).max(PAGE);
        let num_bytes = inner + 2 * PAGE;
        // SAFETY: a private mapping of its own, of which only the inner pages become accessible; the
        // copy lies within them.
        unsafe {
            let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
            let mapped = libc::mmap(std::ptr::null_mut(), num_bytes, libc::PROT_NONE, flags, -1, 0);
            assert_ne!(mapped, libc::MAP_FAILED);
            let first: *mut u8 = mapped.cast::<u8>().add(PAGE);
            let access = libc::PROT_READ | libc::PROT_WRITE;
            assert_eq!(libc::mprotect(first.cast(), inner, access), 0);
            let start = match edge {
                Edge::Begin => first,
                Edge::End => first.add(inner - text.len()),
            };
            start.copy_from_nonoverlapping(text.as_ptr(), text.len());
            Self { mapped, num_bytes, text: start, len: text.len() }
        }
    }
}

impl Deref for Guarded {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: `len` bytes were written there, and they live as long as this.
        unsafe { std::slice::from_raw_parts(self.text, self.len) }
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        // SAFETY: the mapping of just this size that `new` made.
        assert_eq!(unsafe { libc::munmap(self.mapped, self.num_bytes) }, 0);
    }
}

/// Texts of every kind of character, and of bytes that are none.
fn texts() -> Vec<Vec<u8>> {
    let words = "It's 2026: prose, don't  you\tthink?\r\n\n  caf\u{e9} \u{4e2d}\u{6587}\u{5b57} \u{1f600}\u{1f468}\u{200d}\u{1f469} \u{645}\u{631} 1234567 ";
    let mut texts: Vec<Vec<u8>> = ["x", " ", "\n", "7", "'", "\u{e9}", "\u{20ac}", "\u{1f600}"]
        .map(|one| one.repeat(200).into_bytes())
        .into();
    texts.push(words.repeat(3).into_bytes());
    texts.push((0..=255).collect());
    texts
}

fn for_every_part(mut look: impl FnMut(&[u8], &Guarded)) {
    for text in texts() {
        for len in 0..text.len() {
            let part = &text[..len];
            for edge in [Edge::Begin, Edge::End] {
                look(part, &Guarded::new(part, edge));
            }
        }
    }
}

#[test]
fn splitting_and_counting_stay_inside_the_text() {
    let splitters: Vec<Splitter> = Scheme::ALL
        .into_iter()
        .flat_map(|scheme| Tier::ALL.map(|tier| Splitter::scheme(scheme).on_tier(tier)))
        .collect();
    for_every_part(|part, guarded| {
        for splitter in &splitters {
            assert!(splitter.pieces(guarded).iter().eq(&splitter.pieces(part)));
        }
    });
    let count = |text: &[u8]| {
        let mut counter = Counter::new(Splitter::scheme(Scheme::Gpt2), 1);
        counter.add(&[(text, 1)], &Control::default()).unwrap();
        let counts = counter.finish(&Control::default()).unwrap();
        counts.iter().map(|(word, count)| (word.to_vec(), count)).collect::<Vec<_>>()
    };
    let text = texts().concat();
    for len in (text.len() - 64)..text.len() {
        for edge in [Edge::Begin, Edge::End] {
            assert_eq!(count(&Guarded::new(&text[..len], edge)), count(&text[..len]));
        }
    }
}

#[test]
fn encoding_stays_inside_the_text() {
    let splitter = Splitter::scheme(Scheme::Gpt2);
    let control = Control::default();
    let mut counter = Counter::new(splitter.clone(), 1);
    counter.add(&[(&texts().concat(), 1)], &control).unwrap();
    let counts = counter.finish(&Control::default()).unwrap();
    let options = Options::default();
    let (tokenizer, _) = Tokenizer::learn(&counts, 320, &[], splitter, &options, &control).unwrap();
    for_every_part(|part, guarded| {
        let encode = |text| tokenizer.encode(text, &Allowed::Nothing, &control).unwrap();
        assert_eq!(encode(guarded), encode(part));
    });
}
