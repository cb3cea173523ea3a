//! The words of a text, the same everywhere: in measures of samples, word lists and filters of sentences.
//!
//! docs/words.md says the rule, with examples.

use std::ops::Range;

use crate::split::classes::{LETTER, LOWER, NUMBER, SPACE, UPPER, class_at};

/// The rule: a run of letters, marks and digits, with apostrophes inside; or any other sign but white space.
///
/// What is here walks over the characters itself, and tests hold it to this pattern.
pub const WORD: &str =
    r"[\p{L}\p{M}\p{N}]+(?:['’][\p{L}\p{N}][\p{L}\p{M}\p{N}]*)*|[^\s\p{L}\p{M}\p{N}]";

/// Every character by itself.
pub const CHARACTER: &str = "(?s:.)";

/// What words of more than one sign are made of: letters, digits, and marks, which are both of these.
const INSIDE: u8 = LETTER | NUMBER | UPPER | LOWER;

/// Where the words of a text are.
#[derive(Debug, Clone)]
pub struct Words<'t> {
    text: &'t str,
    at: usize,
}

/// Where the words of a text are, as they stand there.
pub fn places(text: &str) -> Words<'_> {
    Words { text, at: 0 }
}

/// The words of a text, in lower case.
///
/// "The dog's bowl, full." has the words the, dog's, bowl, the comma, full and the stop. With this rule the
/// published figures of COCO captions come out to three digits.
pub fn words(text: &str) -> impl Iterator<Item = String> {
    places(text).filter_map(|place| {
        let mut word = String::new();
        lowercase(text.get(place)?, &mut word);
        Some(word)
    })
}

/// Whether a text is one word as it comes out of here: in one piece, and in lower case.
pub fn is_word(text: &str) -> bool {
    let mut lowered = String::with_capacity(text.len());
    lowercase(text, &mut lowered);
    places(text).next() == Some(0..text.len()) && lowered == text
}

/// Whether a word is a sign, and no run of letters, marks and digits.
pub fn is_sign(word: &str) -> bool {
    !word.is_empty() && class_at(word.as_bytes(), 0).0 & INSIDE == 0
}

/// Append a word in lower case, character by character: what a letter becomes hangs on no other.
pub(crate) fn lowercase(word: &str, room: &mut String) {
    if word.is_ascii() {
        let start = room.len();
        room.push_str(word);
        if let Some(new) = room.get_mut(start..) {
            new.make_ascii_lowercase();
        }
    } else {
        room.extend(word.chars().flat_map(char::to_lowercase));
    }
}

impl Iterator for Words<'_> {
    type Item = Range<usize>;

    fn next(&mut self) -> Option<Range<usize>> {
        let text = self.text.as_bytes();
        while self.at < text.len() {
            let (class, len) = class_at(text, self.at);
            let start = self.at;
            self.at += len;
            if class & INSIDE != 0 {
                self.at = run_end(text, self.at);
                return Some(start..self.at);
            }
            if class & SPACE == 0 {
                return Some(start..self.at);
            }
        }
        None
    }
}

/// Where the run ends that goes on at `at`: over apostrophes before a letter or digit, too.
fn run_end(text: &[u8], mut at: usize) -> usize {
    loop {
        while at < text.len() {
            let (class, len) = class_at(text, at);
            if class & INSIDE == 0 {
                break;
            }
            at += len;
        }
        let rest = text.get(at..).unwrap_or_default();
        let apostrophe = match rest {
            [b'\'', ..] => 1,
            [0xe2, 0x80, 0x99, ..] => 3,
            _ => return at,
        };
        if apostrophe == rest.len() {
            return at;
        }
        let (class, len) = class_at(text, at + apostrophe);
        if class & (LETTER | NUMBER) == 0 {
            return at;
        }
        at += apostrophe + len;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use regex_automata::meta::Regex;

    use super::*;

    #[test]
    fn apostrophes_stay_inside_and_other_signs_stand_alone() {
        let of = |line| words(line).collect::<Vec<_>>();
        assert_eq!(of("The dog's bowl, full."), ["the", "dog's", "bowl", ",", "full", "."]);
        let quoted = ["'", "quoted", "'", "rock'n'roll", "-", "-"];
        assert_eq!(of("'quoted' rock'n'roll  \t--"), quoted);
        assert_eq!(of("na\u{ef}ve \u{928}\u{947}2"), ["na\u{ef}ve", "\u{928}\u{947}2"]);
        assert_eq!(of("it’s '"), ["it’s", "'"]);
        assert_eq!(of("   "), [""; 0]);
    }

    #[test]
    fn words_are_known_again_and_signs_told_apart() {
        for word in ["the", "dog's", ",", "’", "\u{301}", "2nd", "ß"] {
            assert!(is_word(word), "{word}");
        }
        for other in ["", "The", "new york", "u.s", " a", "dogs'", "İ"] {
            assert!(!is_word(other), "{other}");
        }
        assert!(is_sign(",") && is_sign("€") && is_sign("😀"));
        assert!(!is_sign("a") && !is_sign("\u{301}") && !is_sign("½") && !is_sign(""));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]
        #[test]
        fn places_are_those_of_the_pattern(
            text in "([a-cA-C0-1'’ .,\n-]|\u{301}|é|\u{928}|\u{947}|²|Ⅷ|\u{a0}|😀|İ|\\PC){0,40}"
        ) {
            static PATTERN: std::sync::OnceLock<Regex> = std::sync::OnceLock::new();
            let pattern = PATTERN.get_or_init(|| Regex::new(WORD).unwrap());
            let expected: Vec<_> = pattern.find_iter(&text).map(|found| found.range()).collect();
            prop_assert_eq!(places(&text).collect::<Vec<_>>(), expected);
        }

        /// The case of a letter does not decide what it is part of, so lower-casing may come first.
        #[test]
        fn lower_case_before_or_after_is_the_same(text in "([a-cA-C' ]|İ|Σ|Ⅷ|Ⓐ|ǅ|\\PC){0,40}") {
            let mut lowered = String::new();
            lowercase(&text, &mut lowered);
            prop_assert_eq!(words(&text).collect::<Vec<_>>(), words(&lowered).collect::<Vec<_>>());
        }
    }
}
