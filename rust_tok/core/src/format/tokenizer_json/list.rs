//! Lists of words in the steps of `tokenizer.json`: lower case, words by their pattern, then each looked up.
//!
//! The file's tokens are the bare words, and what decodes puts a space between two of them.

use super::{File, Pattern, Step};
use crate::words::WORD;

/// The type of the model.
pub(super) const KIND: &str = "WordLevel";

pub(super) fn normalizer() -> Step {
    Step { kind: "Lowercase".to_owned(), ..Step::default() }
}

pub(super) fn pre_tokenizer() -> Step {
    Step {
        kind: "Split".to_owned(),
        pattern: Some(Pattern::Regex(WORD.to_owned())),
        behavior: Some("Removed".to_owned()),
        invert: Some(true),
        ..Step::default()
    }
}

/// Whether a file has these steps and no other.
pub(super) fn has_shape(file: &File) -> bool {
    file.normalizer.as_ref() == Some(&normalizer())
        && file.pre_tokenizer.as_ref() == Some(&pre_tokenizer())
        && file.post_processor.is_none()
        && file.decoder.is_none()
}
