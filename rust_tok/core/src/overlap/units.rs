//! What texts are compared by: characters as they are, and words in lower case.
//!
//! A text is read in slices, so that one long text keeps all threads busy. A unit belongs to the slice that it
//! begins in; where slices are cut changes nothing.

use std::ops::Range;

/// Stands for a byte that is part of no character: this plus the byte.
const BROKEN_BYTE: u32 = 0x11_0000;

/// The character that begins at `at` and its length in bytes; of bytes that are no UTF-8 each is one unit.
pub(super) fn unit_at(bytes: &[u8], at: usize) -> (u32, usize) {
    let first = bytes[at];
    if first < 0x80 {
        return (u32::from(first), 1);
    }
    let length = match first {
        0xc2..=0xdf => 2,
        0xe0..=0xef => 3,
        0xf0..=0xf4 => 4,
        _ => 1,
    };
    let found = bytes.get(at..at + length).and_then(|part| std::str::from_utf8(part).ok());
    match found.and_then(|part| part.chars().next()) {
        Some(character) => (u32::from(character), length),
        None => (BROKEN_BYTE + u32::from(first), 1),
    }
}

/// The first place at or after `at` where a character begins.
pub(super) fn next_start(bytes: &[u8], at: usize) -> usize {
    for back in 1..=at.min(3) {
        let before = at - back;
        // a byte that leads a character is never inside of another one
        if at < bytes.len() && bytes[before] >= 0xc0 {
            return before + unit_at(bytes, before).1.max(back);
        }
    }
    at
}

/// Characters that begin in a range, and `more` that follow, into `units`; how many began in the range.
pub(super) fn read_characters(
    bytes: &[u8],
    range: Range<usize>,
    more: usize,
    units: &mut Vec<u32>,
) -> usize {
    units.clear();
    let mut at = next_start(bytes, range.start);
    let mut own = 0;
    while at < bytes.len() && (at < range.end || units.len() < own + more) {
        let (unit, length) = unit_at(bytes, at);
        units.push(unit);
        own += usize::from(at < range.end);
        at += length;
    }
    own
}

/// A word of a text: its letters in lower case, and where it stands.
pub(super) struct Word<'a> {
    pub(super) letters: &'a [u8],
    pub(super) place: Range<usize>,
}

/// Give every word that begins in a range, and `more` that follow, to `take`.
///
/// A word is a run of letters, digits and the marks on them (Unicode's alphabetic and numeric characters).
pub(super) fn each_word(
    bytes: &[u8],
    range: Range<usize>,
    more: usize,
    mut take: impl FnMut(&Word<'_>),
) {
    let mut at = next_start(bytes, range.start);
    if range.start > 0 && is_in_word_before(bytes, at) {
        while at < range.end.min(bytes.len()) {
            let (unit, length) = unit_at(bytes, at);
            if !is_of_word(unit) {
                break;
            }
            at += length;
        }
    }
    let mut letters = String::new();
    // words that follow are of use only to words that begin here
    let mut left = 0;
    while at < bytes.len() {
        let (unit, length) = unit_at(bytes, at);
        if !is_of_word(unit) {
            at += length;
            // what follows the range is read for words alone
            if at >= range.end && left == 0 {
                return;
            }
            continue;
        }
        if at >= range.end {
            if left == 0 {
                return;
            }
            left -= 1;
        } else {
            left = more;
        }
        let start = at;
        letters.clear();
        while at < bytes.len() {
            let (unit, length) = unit_at(bytes, at);
            if !is_of_word(unit) {
                break;
            }
            match char::from_u32(unit) {
                Some(letter) if letter.is_ascii() => letters.push(letter.to_ascii_lowercase()),
                Some(letter) => letters.extend(letter.to_lowercase()),
                None => {}
            }
            at += length;
        }
        take(&Word { letters: letters.as_bytes(), place: start..at });
    }
}

/// Whether the character that ends at `at` is one of a word.
fn is_in_word_before(bytes: &[u8], at: usize) -> bool {
    (1..=at.min(4)).any(|back| {
        let (unit, length) = unit_at(bytes, at - back);
        length == back && is_of_word(unit)
    })
}

fn is_of_word(unit: u32) -> bool {
    if unit < 0x80 {
        return u8::try_from(unit).is_ok_and(|byte| byte.is_ascii_alphanumeric());
    }
    // marks that stand alone are of the word that they are in
    matches!(unit, 0x300..=0x36f) || char::from_u32(unit).is_some_and(char::is_alphanumeric)
}

/// A hash of a word that is the same on every machine.
pub(super) fn word_hash(letters: &[u8]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for &byte in letters {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    scramble(hash)
}

/// A one-to-one mapping of numbers that leaves no pattern (the end of `MurmurHash3`).
pub(super) fn scramble(value: u64) -> u64 {
    let mut value = value;
    value = (value ^ (value >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    value = (value ^ (value >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    value ^ (value >> 33)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn words(bytes: &[u8], range: Range<usize>) -> Vec<(Vec<u8>, Range<usize>)> {
        let mut found = Vec::new();
        each_word(bytes, range, 0, |word| found.push((word.letters.to_vec(), word.place.clone())));
        found
    }

    fn text() -> impl Strategy<Value = Vec<u8>> {
        let piece = prop_oneof![
            Just(b"a".to_vec()),
            Just(b" ".to_vec()),
            Just("é".as_bytes().to_vec()),
            Just("猫".as_bytes().to_vec()),
            Just("🐈\u{301}İ".as_bytes().to_vec()),
            prop::collection::vec(any::<u8>(), 0..3),
        ];
        prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn slices_give_the_units_of_the_whole(bytes in text(), cut in any::<prop::sample::Index>()) {
            let cut = cut.index(bytes.len() + 1);
            let (mut whole, mut head, mut tail) = (Vec::new(), Vec::new(), Vec::new());
            read_characters(&bytes, 0..bytes.len(), 0, &mut whole);
            let own = read_characters(&bytes, 0..cut, 0, &mut head);
            prop_assert_eq!(own, head.len());
            read_characters(&bytes, cut..bytes.len(), 0, &mut tail);
            prop_assert_eq!([head, tail].concat(), whole);
            let parts = [words(&bytes, 0..cut), words(&bytes, cut..bytes.len())].concat();
            prop_assert_eq!(parts, words(&bytes, 0..bytes.len()));
        }

        #[test]
        fn characters_are_those_of_the_text(text in any::<String>()) {
            let mut units = Vec::new();
            read_characters(text.as_bytes(), 0..text.len(), 0, &mut units);
            prop_assert_eq!(units, text.chars().map(u32::from).collect::<Vec<_>>());
        }
    }

    #[test]
    fn words_are_in_lower_case_and_whole() {
        let text = "Don't STOP, İ9 re\u{301}sume\u{301} नमक".as_bytes();
        let found = words(text, 0..text.len());
        let letters: Vec<_> =
            found.iter().map(|(word, _)| String::from_utf8_lossy(word).into_owned()).collect();
        assert_eq!(letters, ["don", "t", "stop", "i\u{307}9", "re\u{301}sume\u{301}", "नमक"]);
    }
}
