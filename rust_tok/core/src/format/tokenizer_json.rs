//! Hugging Face `tokenizer.json`: the BPE subset, read strictly, written in the library's own layout.
//!
//! Two shapes are understood: byte-level BPE (splits by a pattern, byte-level characters), and a
//! character model (no splitting, no merges, characters joined). A file that asks for more, such as a
//! normalizer, is refused by name rather than read wrong.

use std::fmt;

use foldhash::fast::FixedState;
use hashbrown::{HashMap, HashSet};
use serde::de::{self, Deserializer, SeqAccess, Visitor};
use serde::ser::{SerializeMap, Serializer};
use serde::{Deserialize, Serialize};

use super::byte_level::Table;
use super::gpt2;
use super::strict_map::StrictMap;
use crate::error::{Error, Result};
use crate::split::{Scheme, Splitter};
use crate::tokenizer::{Kind, Tokenizer};
use crate::vocab::{Token, Vocab};

const WHAT: &str = "tokenizer.json";

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(rename = "version")]
    _version: Option<String>,
    truncation: Option<de::IgnoredAny>,
    padding: Option<de::IgnoredAny>,
    #[serde(default)]
    added_tokens: Vec<AddedToken>,
    normalizer: Option<Step>,
    pre_tokenizer: Option<Step>,
    post_processor: Option<Step>,
    decoder: Option<Step>,
    model: Model,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "the file's own fields")]
struct AddedToken {
    id: u32,
    content: String,
    #[serde(default)]
    single_word: bool,
    #[serde(default)]
    lstrip: bool,
    #[serde(default)]
    rstrip: bool,
    #[serde(default)]
    normalized: bool,
    #[serde(default)]
    special: bool,
}

/// A pre-tokenizer, post-processor, decoder or normalizer: its type, and the fields that those which
/// can be read may have.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Step {
    #[serde(rename = "type")]
    kind: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pretokenizers: Option<Vec<Step>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pattern: Option<Pattern>,
    #[serde(skip_serializing_if = "Option::is_none")]
    behavior: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    invert: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    add_prefix_space: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trim_offsets: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    use_regex: Option<bool>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
enum Pattern {
    Regex(String),
    String(String),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Model {
    #[serde(rename = "type")]
    kind: Option<String>,
    dropout: Option<f64>,
    unk_token: Option<String>,
    continuing_subword_prefix: Option<String>,
    end_of_word_suffix: Option<String>,
    #[serde(default)]
    fuse_unk: bool,
    #[serde(default)]
    byte_fallback: bool,
    #[serde(default)]
    ignore_merges: bool,
    vocab: StrictMap<u32>,
    merges: Vec<MergeLine>,
}

/// A merge: `["left", "right"]`, or `"left right"` in older files.
#[derive(Debug)]
struct MergeLine(String, String);

impl<'de> Deserialize<'de> for MergeLine {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = MergeLine;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("a merge, [\"left\", \"right\"] or \"left right\"")
            }

            fn visit_str<E: de::Error>(self, line: &str) -> std::result::Result<MergeLine, E> {
                match line.split_once(' ') {
                    Some((left, right)) if !right.contains(' ') => {
                        Ok(MergeLine(left.to_owned(), right.to_owned()))
                    }
                    _ => Err(E::invalid_value(de::Unexpected::Str(line), &self)),
                }
            }

            fn visit_seq<A: SeqAccess<'de>>(
                self,
                mut items: A,
            ) -> std::result::Result<MergeLine, A::Error> {
                let mut item =
                    |at| items.next_element()?.ok_or_else(|| de::Error::invalid_length(at, &self));
                let merge = MergeLine(item(0)?, item(1)?);
                match items.next_element::<de::IgnoredAny>()? {
                    None => Ok(merge),
                    Some(_) => Err(de::Error::invalid_length(3, &self)),
                }
            }
        }
        deserializer.deserialize_any(Either)
    }
}

fn unsupported(part: &str, found: &str, supported: &str) -> Error {
    Error::format(WHAT, format!("{part} {found} is not supported; expected {supported}"))
}

/// Read a file.
///
/// # Errors
/// [`Error::Format`] with what is wrong or not supported; [`Error::Vocabulary`].
pub fn read(data: &[u8]) -> Result<Tokenizer> {
    let file: File =
        serde_json::from_slice(data).map_err(|error| Error::format(WHAT, error.to_string()))?;
    refuse_what_changes_ids(&file)?;
    let specials = specials_of(&file)?;
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
    let pairs: Vec<_> = merges.into_iter().map(|MergeLine(left, right)| (left, right)).collect();
    let merges = gpt2::merges(&table, WHAT, &vocab, &pairs)?;
    Tokenizer::from_merges(vocab, merges, ignore_merges, splitter)
}

/// Everything in a file that would make other ids than this crate computes.
fn refuse_what_changes_ids(file: &File) -> Result<()> {
    let model = &file.model;
    if let Some(kind) = model.kind.as_deref().filter(|kind| *kind != "BPE") {
        return Err(unsupported("model.type", &format!("{kind:?}"), "\"BPE\""));
    }
    if let Some(step) = &file.normalizer {
        return Err(unsupported("normalizer", &format!("{:?}", step.kind), "null"));
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
    if !file.model.merges.is_empty() {
        return Err(unsupported("model.merges without ByteLevel", "not empty", "none"));
    }
    let is_special = |name: &str, id| specials.iter().any(|(n, i)| n == name && *i == id);
    let tokens = file
        .model
        .vocab
        .0
        .into_iter()
        .filter(|(token, id)| !is_special(token, *id))
        .map(|(token, id)| (id, token.into_bytes()))
        .collect();
    let vocab = Vocab::new(tokens, specials)?;
    Tokenizer::from_characters(vocab, file.model.unk_token.as_deref())
}

#[derive(Serialize)]
struct FileOut<'t> {
    version: &'static str,
    truncation: Option<()>,
    padding: Option<()>,
    added_tokens: Vec<AddedToken>,
    normalizer: Option<()>,
    pre_tokenizer: Option<Step>,
    post_processor: Option<Step>,
    decoder: Step,
    model: ModelOut<'t>,
}

#[derive(Serialize)]
struct ModelOut<'t> {
    r#type: &'static str,
    dropout: Option<()>,
    unk_token: Option<&'t str>,
    continuing_subword_prefix: Option<()>,
    end_of_word_suffix: Option<()>,
    fuse_unk: bool,
    byte_fallback: bool,
    ignore_merges: bool,
    #[serde(serialize_with = "in_order")]
    vocab: Vec<(String, u32)>,
    merges: Vec<(String, String)>,
}

fn in_order<S: Serializer>(
    members: &[(String, u32)],
    serializer: S,
) -> std::result::Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(Some(members.len()))?;
    for (key, value) in members {
        map.serialize_entry(key, value)?;
    }
    map.end()
}

/// The file of a tokenizer: reading it back gives the same tokenizer, writing that the same bytes.
///
/// # Errors
/// [`Error::Vocabulary`] when a special token has the spelling of a text token.
pub fn write(tokenizer: &Tokenizer) -> Result<Vec<u8>> {
    let is_character = tokenizer.kind() == Kind::Char;
    let (table, vocab) = (Table::new(), tokenizer.vocab());
    let spell = |bytes: &[u8]| {
        if is_character { String::from_utf8_lossy(bytes).into_owned() } else { table.spell(bytes) }
    };
    let mut members = Vec::with_capacity(vocab.len());
    for id in 0..vocab.len() as u32 {
        match vocab.token(id) {
            None => {}
            Some(Token::Text(bytes)) => members.push((spell(bytes), id)),
            Some(Token::Special(name)) => {
                members.push((String::from_utf8_lossy(name).into_owned(), id));
            }
        }
    }
    for (name, _) in vocab.specials() {
        let bytes =
            if is_character { Some(name.clone().into_bytes()) } else { table.read(name).ok() };
        if let Some(id) = bytes.and_then(|bytes| vocab.id_of(&bytes)) {
            return Err(Error::Vocabulary(format!(
                "special token {name:?} has the spelling of text token {id}; the file could not tell \
                 them apart: rename the special token"
            )));
        }
    }
    let text = |id| spell(vocab.text(id).unwrap_or_default());
    let unknown = tokenizer.unknown_id();
    let file = FileOut {
        version: "1.0",
        truncation: None,
        padding: None,
        added_tokens: vocab
            .specials()
            .iter()
            .map(|(name, id)| AddedToken {
                id: *id,
                content: name.clone(),
                single_word: false,
                lstrip: false,
                rstrip: false,
                normalized: false,
                special: true,
            })
            .collect(),
        normalizer: None,
        pre_tokenizer: tokenizer.splitter().map(pre_tokenizer),
        post_processor: (!is_character).then(byte_level),
        decoder: if is_character {
            Step { kind: "Fuse".to_owned(), ..Step::default() }
        } else {
            byte_level()
        },
        model: ModelOut {
            r#type: "BPE",
            dropout: None,
            unk_token: vocab
                .specials()
                .iter()
                .find(|(_, id)| Some(*id) == unknown)
                .map(|(name, _)| name.as_str()),
            continuing_subword_prefix: None,
            end_of_word_suffix: None,
            fuse_unk: false,
            byte_fallback: false,
            ignore_merges: tokenizer.ignore_merges(),
            vocab: members,
            merges: tokenizer.merges().iter().map(|m| (text(m.left), text(m.right))).collect(),
        },
    };
    serde_json::to_vec_pretty(&file).map_err(|error| Error::format(WHAT, error.to_string()))
}

fn byte_level() -> Step {
    Step {
        kind: "ByteLevel".to_owned(),
        add_prefix_space: Some(false),
        trim_offsets: Some(true),
        use_regex: Some(false),
        ..Step::default()
    }
}

fn pre_tokenizer(splitter: &Splitter) -> Step {
    let Some(pattern) = splitter.pattern_text() else { return byte_level() };
    let split = Step {
        kind: "Split".to_owned(),
        pattern: Some(Pattern::Regex(pattern.to_owned())),
        behavior: Some("Isolated".to_owned()),
        invert: Some(false),
        ..Step::default()
    };
    Step {
        kind: "Sequence".to_owned(),
        pretokenizers: Some(vec![split, byte_level()]),
        ..Step::default()
    }
}
