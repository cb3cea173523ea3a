//! A tokenizer to a file, in the library's own layout.

use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

use super::super::byte_level::Table;
use super::{AddedToken, Pattern, Step, WHAT, list, words};
use crate::encode::{MARK, Merge};
use crate::error::{Error, Result};
use crate::split::{Splitter, UNICODE_VERSION};
use crate::tokenizer::{Tokenizer, Units};
use crate::vocab::Token;

#[derive(Serialize)]
struct FileOut<'t> {
    version: &'static str,
    truncation: Option<()>,
    padding: Option<()>,
    added_tokens: Vec<AddedToken>,
    normalizer: Option<Step>,
    pre_tokenizer: Option<Step>,
    post_processor: Option<Step>,
    decoder: Option<Step>,
    model: ModelOut<'t>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum ModelOut<'t> {
    Bpe(BpeOut<'t>),
    List(ListOut<'t>),
}

#[derive(Serialize)]
struct ListOut<'t> {
    r#type: &'static str,
    fingerprint: &'t str,
    unicode_version: &'static str,
    unk_token: &'t str,
    #[serde(serialize_with = "in_order")]
    vocab: Vec<(String, u32)>,
}

#[derive(Serialize)]
struct BpeOut<'t> {
    r#type: &'static str,
    fingerprint: &'t str,
    unicode_version: &'static str,
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
/// [`Error::Vocabulary`] when a special token has the spelling of a text token, or the unknown token
/// takes part in merges.
pub fn write(tokenizer: &Tokenizer) -> Result<Vec<u8>> {
    let (table, vocab, units) = (Table::new(), tokenizer.vocab(), tokenizer.units());
    let spell = |bytes: &[u8]| match units {
        Units::Bytes => table.spell(bytes),
        Units::List => {
            let word = bytes.strip_suffix(MARK.as_bytes()).unwrap_or(bytes);
            String::from_utf8_lossy(word).into_owned()
        }
        Units::Characters | Units::Words { .. } => String::from_utf8_lossy(bytes).into_owned(),
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
        let bytes = match units {
            Units::Bytes => table.read(name).ok(),
            _ => Some(name.clone().into_bytes()),
        };
        if let Some(id) = bytes.and_then(|bytes| tokenizer.id_of(&bytes)) {
            return Err(Error::Vocabulary(format!(
                "special token {name:?} has the spelling of text token {id}; the file could not tell \
                 them apart: rename the special token"
            )));
        }
    }
    let unknown = tokenizer.unknown_id();
    let merges_unknown = |merge: &&Merge| [merge.left, merge.right].map(Some).contains(&unknown);
    if let Some(merge) = tokenizer.merges().iter().find(merges_unknown) {
        return Err(Error::Vocabulary(format!(
            "the token of unknown characters, id {}, takes part in the merge that makes id {}: \
             Hugging Face would merge unknown characters, too",
            unknown.unwrap_or_default(),
            merge.id
        )));
    }
    let text = |id| spell(vocab.spelled(id));
    let fuse = Step { kind: "Fuse".to_owned(), ..Step::default() };
    let (normalizer, pre_tokenizer, post_processor, decoder) = match units {
        Units::Bytes => {
            (None, tokenizer.splitter().map(pre_tokenizer), Some(byte_level()), Some(byte_level()))
        }
        Units::Characters => (None, None, None, Some(fuse)),
        Units::List => (Some(list::normalizer()), Some(list::pre_tokenizer()), None, None),
        Units::Words { lowercase } => {
            let normalizer = words::normalizer(lowercase);
            (Some(normalizer), Some(words::pre_tokenizer()), None, Some(words::decoder()))
        }
    };
    let unknown_name = unknown.and_then(|id| match vocab.token(id)? {
        Token::Text(bytes) | Token::Special(bytes) => std::str::from_utf8(bytes).ok(),
    });
    let model = if units == Units::List {
        ModelOut::List(ListOut {
            r#type: list::KIND,
            fingerprint: tokenizer.fingerprint(),
            unicode_version: UNICODE_VERSION,
            unk_token: unknown_name.unwrap_or_default(),
            vocab: members,
        })
    } else {
        ModelOut::Bpe(BpeOut {
            r#type: "BPE",
            fingerprint: tokenizer.fingerprint(),
            unicode_version: UNICODE_VERSION,
            dropout: None,
            unk_token: unknown_name,
            continuing_subword_prefix: None,
            end_of_word_suffix: None,
            fuse_unk: false,
            byte_fallback: false,
            ignore_merges: tokenizer.ignore_merges(),
            vocab: members,
            merges: tokenizer.merges().iter().map(|m| (text(m.left), text(m.right))).collect(),
        })
    };
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
        normalizer,
        pre_tokenizer,
        post_processor,
        decoder,
        model,
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
