//! The words of a line, as text-GAN papers on captions count them.

use regex_automata::meta::Regex;

/// A run of letters, marks and digits, with apostrophes inside; or any other sign but white space.
const WORD: &str =
    r"[\p{L}\p{M}\p{N}]+(?:['\u{2019}][\p{L}\p{N}][\p{L}\p{M}\p{N}]*)*|[^\s\p{L}\p{M}\p{N}]";

/// Cuts lines into words in lower case.
///
/// "The dog's bowl, full." has the words the, dog's, bowl, the comma, full and the stop. With this rule the
/// published figures of COCO captions come out to three digits.
#[derive(Debug)]
pub struct WordCutter(Regex);

impl WordCutter {
    /// Ready to cut.
    ///
    /// # Errors
    /// None that is known: [`Error::Pattern`](crate::Error::Pattern) if the pattern did not compile.
    pub fn new() -> crate::Result<Self> {
        Regex::new(WORD).map(Self).map_err(|error| crate::Error::Pattern(error.to_string()))
    }

    /// The words of a line.
    pub fn words<'a>(&'a self, line: &'a str) -> impl Iterator<Item = String> + 'a {
        self.0.find_iter(line).filter_map(|found| line.get(found.range())).map(str::to_lowercase)
    }
}

#[cfg(test)]
mod tests {
    use super::WordCutter;

    #[test]
    fn apostrophes_stay_inside_and_other_signs_stand_alone() {
        let cutter = WordCutter::new().unwrap();
        let of = |line| cutter.words(line).collect::<Vec<_>>();
        assert_eq!(of("The dog's bowl, full."), ["the", "dog's", "bowl", ",", "full", "."]);
        let quoted = ["'", "quoted", "'", "rock'n'roll", "-", "-"];
        assert_eq!(of("'quoted' rock'n'roll  \t--"), quoted);
        assert_eq!(of("na\u{ef}ve \u{928}\u{947}2"), ["na\u{ef}ve", "\u{928}\u{947}2"]);
        assert_eq!(of("   "), [""; 0]);
    }
}
