//! Hugging Face `tokenizer.json`: a subset, read strictly, written in the library's own layout.
//!
//! Four shapes are understood: byte-level BPE (splits by a pattern, byte-level characters), a character
//! model (no splitting, no merges, characters joined), words of characters (see `words`), and lists of words
//! (see `list`).
//! A file that asks for more, such as another normalizer, is refused by name rather than read wrong.

mod list;
mod read;
mod words;
mod write;

pub use read::read;
pub use write::write;

use std::fmt;

use serde::de::{self, Deserializer, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};

use super::strict_map::StrictMap;

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
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
struct Step {
    #[serde(rename = "type")]
    kind: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    normalizers: Option<Vec<Step>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pretokenizers: Option<Vec<Step>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    decoders: Option<Vec<Step>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pattern: Option<Pattern>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    strip_left: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    strip_right: Option<bool>,
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

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
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
    /// ours: other readers pass over it
    fingerprint: Option<String>,
    /// ours
    unicode_version: Option<String>,
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
    /// not of a list of words
    merges: Option<Vec<MergeLine>>,
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
