//! Words of characters in the steps of `tokenizer.json`.
//!
//! The library's own `end_of_word_suffix` glues the mark to the last character before any merge, so it
//! cannot say a mark that is a symbol of its own. Here the mark is one space: the normalizer turns
//! every run of white space into one, and puts one after a last word; each word keeps the space after
//! it; the decoder drops a space at the very end.

use super::{File, Pattern, Step};

fn step(kind: &str) -> Step {
    Step { kind: kind.to_owned(), ..Step::default() }
}

fn replace(pattern: &str, content: &str) -> Step {
    Step {
        pattern: Some(Pattern::Regex(pattern.to_owned())),
        content: Some(content.to_owned()),
        ..step("Replace")
    }
}

pub(super) fn normalizer(lowercase: bool) -> Step {
    let strip = Step { strip_left: Some(true), strip_right: Some(true), ..step("Strip") };
    let marks = [strip, replace(r"\s+|(?<=\S)\z", " ")];
    let steps = lowercase.then(|| step("Lowercase")).into_iter().chain(marks).collect();
    Step { normalizers: Some(steps), ..step("Sequence") }
}

pub(super) fn pre_tokenizer() -> Step {
    Step {
        pattern: Some(Pattern::String(" ".to_owned())),
        behavior: Some("MergedWithPrevious".to_owned()),
        invert: Some(false),
        ..step("Split")
    }
}

pub(super) fn decoder() -> Step {
    Step { decoders: Some(vec![step("Fuse"), replace(r" \z", "")]), ..step("Sequence") }
}

/// Whether a file of this shape lower-cases; `None` for a file of another shape.
pub(super) fn lowercase_of(file: &File) -> Option<bool> {
    let has_shape = file.pre_tokenizer.as_ref() == Some(&pre_tokenizer())
        && file.decoder.as_ref() == Some(&decoder())
        && file.post_processor.is_none();
    let found = file.normalizer.as_ref().filter(|_| has_shape)?;
    [true, false].into_iter().find(|&lowercase| *found == normalizer(lowercase))
}
