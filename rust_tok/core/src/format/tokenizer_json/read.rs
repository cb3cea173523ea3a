//! A file to a tokenizer: whatever would make other ids than this crate computes is refused by name.

use foldhash::fast::FixedState;
use hashbrown::{HashMap, HashSet};
use serde_json::error::Category;

use super::super::byte_level::Table;
use super::super::gpt2;
use super::super::{Read, Seal};
use super::{AddedToken, File, MergeLine, Model, Pattern, Step, WHAT, list, words};
use crate::encode::{MARK, Merge};
use crate::error::{Error, Result};
use crate::split::{Scheme, Splitter};
use crate::tokenizer::{Tokenizer, WordUnits};
use crate::vocab::Vocab;

fn unsupported(part: &str, found: &str, supported: &str) -> Error {
    Error::format(WHAT, format!("{part} {found} is not supported; expected {supported}"))
}

/// Read a file.
///
/// # Errors
/// [`Error::Format`] with what is wrong or not supported; [`Error::Vocabulary`].
pub fn read(data: &[u8]) -> Result<Read> {
    let mut file: File = serde_json::from_slice(data).map_err(|error| not_the_format(&error))?;
    refuse_what_changes_ids(&file)?;
    let fingerprint = file.model.fingerprint.take();
    let unicode_version = file.model.unicode_version.take();
    let seal =
        Seal { fingerprint: fingerprint.as_deref(), unicode_version: unicode_version.as_deref() };
    Read::sealed(WHAT, build(file)?, seal)
}

/// The library's words for what is wrong with the JSON, and what that means.
fn not_the_format(error: &serde_json::Error) -> Error {
    let meaning = match error.classify() {
        Category::Eof => "the file is cut off: write or fetch it again",
        Category::Data => "not what a BPE tokenizer of Hugging Face holds",
        Category::Syntax | Category::Io => "not JSON: the file is damaged, or another format",
    };
    Error::format(WHAT, format!("{meaning} ({error})"))
}

fn build(file: File) -> Result<Tokenizer> {
    let specials = specials_of(&file)?;
    if file.model.kind.as_deref() == Some(list::KIND) {
        return read_list(file, specials);
    }
    if file.model.merges.is_none() {
        return Err(Error::format(
            WHAT,
            "a BPE model without the field `merges`: the file is incomplete",
        ));
    }
    if let Some(lowercase) = words::lowercase_of(&file) {
        return read_words(file.model, specials, lowercase);
    }
    if let Some(step) = &file.normalizer {
        return Err(unsupported(
            "normalizer",
            &format!("{:?}", step.kind),
            "null, or the steps that primetone writes for words of characters",
        ));
    }
    if file.pre_tokenizer.is_none() && file.decoder.as_ref().is_some_and(|d| d.kind == "Fuse") {
        return read_characters(file, specials);
    }
    let splitter = match &file.pre_tokenizer {
        Some(step) => splitter_of(step)?,
        None => {
            return Err(unsupported("pre_tokenizer", "null", "ByteLevel, or Split and ByteLevel"));
        }
    };
    if let Some(name) = &file.model.unk_token {
        return Err(unsupported("model.unk_token", &format!("{name:?}"), "null with ByteLevel"));
    }
    let Model { vocab, merges, ignore_merges, .. } = file.model;
    let table = Table::new();
    let vocab = gpt2::vocab(&table, WHAT, vocab.0, specials)?;
    let merges = merges.into_iter().flatten();
    let pairs: Vec<_> = merges.map(|MergeLine(left, right)| (left, right)).collect();
    let merges = gpt2::merges(&table, WHAT, &vocab, &pairs)?;
    Tokenizer::from_merges(vocab, merges, ignore_merges, splitter)
}

/// Everything in a file that would make other ids than this crate computes.
fn refuse_what_changes_ids(file: &File) -> Result<()> {
    let model = &file.model;
    if let Some(kind) = model.kind.as_deref().filter(|kind| !["BPE", list::KIND].contains(kind)) {
        return Err(unsupported("model.type", &format!("{kind:?}"), "\"BPE\" or \"WordLevel\""));
    }
    if let Some(step) = file.post_processor.as_ref().filter(|step| step.kind != "ByteLevel") {
        return Err(unsupported(
            "post_processor",
            &format!("{:?}", step.kind),
            "ByteLevel or null",
        ));
    }
    if file.truncation.is_some() || file.padding.is_some() {
        return Err(unsupported("truncation or padding", "in the file", "null for both"));
    }
    if model.dropout.is_some_and(|rate| rate != 0.0) {
        return Err(unsupported("model.dropout", "in the file", "null"));
    }
    let affixes = [&model.continuing_subword_prefix, &model.end_of_word_suffix];
    if affixes.into_iter().flatten().any(|affix| !affix.is_empty()) {
        let part = "model.continuing_subword_prefix or end_of_word_suffix";
        return Err(unsupported(part, "in the file", "null for both"));
    }
    if model.byte_fallback {
        return Err(unsupported("model.byte_fallback", "true", "false with ByteLevel"));
    }
    if model.fuse_unk && model.unk_token.is_some() {
        return Err(unsupported("model.fuse_unk", "true", "false"));
    }
    Ok(())
}

/// The added tokens, with the ids that the reference loader would give them.
fn specials_of(file: &File) -> Result<Vec<(String, u32)>> {
    let names: HashSet<&str, FixedState> =
        file.added_tokens.iter().map(|token| token.content.as_str()).collect();
    let members = file.model.vocab.0.iter();
    let listed: HashMap<&str, u32, FixedState> = members
        .filter(|(name, _)| names.contains(name.as_str()))
        .map(|(name, id)| (name.as_str(), *id))
        .collect();
    let mut next = file.model.vocab.0.len() as u32;
    let mut specials = Vec::with_capacity(file.added_tokens.len());
    for token in &file.added_tokens {
        let AddedToken { id, content, .. } = token;
        if token.single_word || token.lstrip || token.rstrip {
            let part = format!("added token {content:?} with");
            return Err(unsupported(&part, "single_word, lstrip or rstrip", "all three false"));
        }
        let listed = listed.get(content.as_str()).copied();
        let expected = listed.unwrap_or(next);
        if *id != expected {
            return Err(Error::format(
                WHAT,
                format!("added token {content:?} has id {id}; its place makes it {expected}"),
            ));
        }
        next += u32::from(listed.is_none());
        specials.push((content.clone(), *id));
    }
    Ok(specials)
}

fn splitter_of(step: &Step) -> Result<Splitter> {
    let steps = step.pretokenizers.as_deref().unwrap_or(std::slice::from_ref(step));
    let (split, byte_level) = match steps {
        [only] => (None, only),
        [split, byte_level] => (Some(split), byte_level),
        _ => {
            let found = format!("of {} steps", steps.len());
            return Err(unsupported("pre_tokenizer", &found, "ByteLevel, or Split and ByteLevel"));
        }
    };
    if byte_level.kind != "ByteLevel" {
        let found = format!("{:?}", byte_level.kind);
        return Err(unsupported("pre_tokenizer", &found, "ByteLevel, or Split and ByteLevel"));
    }
    if byte_level.add_prefix_space.unwrap_or(true) {
        return Err(unsupported("pre_tokenizer ByteLevel.add_prefix_space", "true", "false"));
    }
    let splits_again = byte_level.use_regex.unwrap_or(true);
    let Some(split) = split else {
        let scheme = if splits_again { Scheme::Gpt2 } else { Scheme::None };
        return Ok(Splitter::scheme(scheme));
    };
    if split.kind != "Split" {
        let found = format!("{:?} before ByteLevel", split.kind);
        return Err(unsupported("pre_tokenizer", &found, "Split"));
    }
    if splits_again {
        let part = "pre_tokenizer ByteLevel.use_regex after a Split";
        return Err(unsupported(part, "true", "false, or the text is split twice"));
    }
    if split.behavior.as_deref() != Some("Isolated") || split.invert == Some(true) {
        let found = format!("{:?}, invert {:?}", split.behavior, split.invert);
        return Err(unsupported("pre_tokenizer Split.behavior", &found, "Isolated, invert false"));
    }
    match &split.pattern {
        Some(Pattern::Regex(pattern)) => Splitter::pattern(pattern),
        Some(Pattern::String(text)) => Splitter::pattern(&regex_syntax::escape(text)),
        None => Err(Error::format(WHAT, "pre_tokenizer Split has no pattern")),
    }
}

fn read_characters(file: File, specials: Vec<(String, u32)>) -> Result<Tokenizer> {
    if file.model.merges.is_some_and(|merges| !merges.is_empty()) {
        return Err(unsupported("model.merges without ByteLevel", "not empty", "none"));
    }
    let unknown = file.model.unk_token;
    let vocab = vocab_as_spelled(file.model.vocab.0, specials, "")?;
    Tokenizer::from_characters(vocab, unknown.as_deref())
}

fn read_list(file: File, specials: Vec<(String, u32)>) -> Result<Tokenizer> {
    if !list::has_shape(&file) {
        return Err(unsupported(
            "normalizer, pre_tokenizer, post_processor or decoder of a WordLevel model",
            "in the file",
            "the steps that primetone writes for a list of words",
        ));
    }
    let Model { vocab, merges, unk_token, .. } = file.model;
    if merges.is_some() {
        return Err(unsupported("model.merges of a WordLevel model", "in the file", "none"));
    }
    let vocab = vocab_as_spelled(vocab.0, specials, MARK)?;
    // the library asks for a name, and the empty one is that of no token
    let unknown = unk_token.filter(|name| !name.is_empty()).map(|name| {
        let found = vocab.specials().iter().find(|(special, _)| *special == name);
        found.map(|(_, id)| *id).ok_or_else(|| {
            Error::format(WHAT, format!("model.unk_token {name:?} is not a special token"))
        })
    });
    Tokenizer::from_list(vocab, unknown.transpose()?)
}

fn read_words(model: Model, specials: Vec<(String, u32)>, lowercase: bool) -> Result<Tokenizer> {
    let Model { vocab, merges, unk_token, ignore_merges, .. } = model;
    if ignore_merges {
        return Err(unsupported("model.ignore_merges", "true", "false with words of characters"));
    }
    let vocab = vocab_as_spelled(vocab.0, specials, "")?;
    let unknown = unk_token.map(|name| {
        vocab.id_of_name(&name).ok_or_else(|| {
            Error::format(WHAT, format!("model.unk_token {name:?} is not in the vocabulary"))
        })
    });
    let id_of = |number: usize, token: &str| {
        vocab.id_of(token.as_bytes()).ok_or_else(|| {
            Error::format(WHAT, format!("merge {number} names {token:?}, which is not a token"))
        })
    };
    let mut ranked = Vec::new();
    for (number, MergeLine(left, right)) in merges.iter().flatten().enumerate() {
        let (left_id, right_id) = (id_of(number, left)?, id_of(number, right)?);
        let id = id_of(number, &format!("{left}{right}"))?;
        ranked.push(Merge { left: left_id, right: right_id, id, rank: number as u32 });
    }
    let units = WordUnits { lowercase, unknown: unknown.transpose()? };
    Tokenizer::from_words(vocab, ranked, units)
}

/// A vocabulary whose tokens stand in the file as they are, but for `mark` at their ends.
fn vocab_as_spelled(
    spelled: Vec<(String, u32)>,
    specials: Vec<(String, u32)>,
    mark: &str,
) -> Result<Vocab> {
    let tokens = {
        let by_name: HashMap<&str, u32, FixedState> =
            specials.iter().map(|(name, id)| (name.as_str(), *id)).collect();
        spelled
            .into_iter()
            .filter(|(token, id)| by_name.get(token.as_str()) != Some(id))
            .map(|(token, id)| (id, (token + mark).into_bytes()))
            .collect()
    };
    Vocab::new(tokens, specials)
}
