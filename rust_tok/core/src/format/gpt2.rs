//! `vocab.json` and `merges.txt`, as GPT-2 was published.

use std::fmt::Write;

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use super::byte_level::Table;
use super::strict_map::StrictMap;
use crate::encode::Merge;
use crate::error::{Error, Result};
use crate::split::Splitter;
use crate::tokenizer::{Tokenizer, Units};
use crate::vocab::{Vocab, quote};

/// Read both files, with the split and the specials that they cannot say. A special may also stand
/// in `vocab.json`, with the same id.
///
/// # Errors
/// [`Error::Format`] with the place; [`Error::Vocabulary`].
pub fn read(
    vocab_json: &[u8],
    merges_txt: &[u8],
    splitter: Splitter,
    specials: Vec<(String, u32)>,
) -> Result<Tokenizer> {
    let StrictMap(spelled) = serde_json::from_slice::<StrictMap<u32>>(vocab_json)
        .map_err(|error| Error::format("vocab.json", error.to_string()))?;
    let text = std::str::from_utf8(merges_txt)
        .map_err(|error| Error::format("merges.txt", format!("not UTF-8: {error}")))?;
    let mut pairs = Vec::new();
    for (number, line) in text.lines().enumerate() {
        // only the first line may be a heading: a token may begin with "#version"
        if line.is_empty() || (number == 0 && line.starts_with("#version")) {
            continue;
        }
        let pair = line.split_once(' ').filter(|(_, right)| !right.contains(' '));
        pairs.push(pair.ok_or_else(|| {
            let problem = format!("line {}: expected `left right`, found {line:?}", number + 1);
            Error::format("merges.txt", problem)
        })?);
    }
    let vocab = vocab(&Table::new(), "vocab.json", spelled, specials)?;
    let merges = merges(&Table::new(), "merges.txt", &vocab, &pairs)?;
    Tokenizer::from_merges(vocab, merges, false, splitter)
}

/// A vocabulary from its byte-level spelling. A special that is also spelled must have the same id.
pub(super) fn vocab(
    table: &Table,
    what: &'static str,
    spelled: Vec<(String, u32)>,
    specials: Vec<(String, u32)>,
) -> Result<Vocab> {
    let by_name: HashMap<String, u32, FixedState> =
        specials.iter().map(|(name, id)| (name.clone(), *id)).collect();
    let mut tokens = Vec::with_capacity(spelled.len());
    for (token, id) in spelled {
        if let Some((name, special)) = by_name.get_key_value(token.as_str()) {
            if *special == id {
                continue;
            }
            return Err(Error::format(
                what,
                format!("the special token {name:?} has id {special}, and {id} in the vocabulary"),
            ));
        }
        let bytes = table.read(&token).map_err(|character| {
            let problem = format!(
                "token {token:?} (id {id}) holds {character:?}, which stands for no byte; only \
                 byte-level vocabularies can be read"
            );
            Error::format(what, problem)
        })?;
        tokens.push((id, bytes));
    }
    Vocab::new(tokens, specials)
}

/// Merges from their byte-level spelling: the two joined must be a token.
pub(super) fn merges(
    table: &Table,
    what: &'static str,
    vocab: &Vocab,
    pairs: &[(impl AsRef<str>, impl AsRef<str>)],
) -> Result<Vec<Merge>> {
    // learning may have merged into a special token
    let specials: HashMap<&[u8], u32, FixedState> =
        vocab.specials().iter().map(|(name, id)| (name.as_bytes(), *id)).collect();
    let id_of = |bytes: &[u8]| vocab.id_of(bytes).or_else(|| specials.get(bytes).copied());
    let (mut merges, mut joined) = (Vec::with_capacity(pairs.len()), Vec::new());
    for (number, (left, right)) in pairs.iter().enumerate() {
        let (left, right) = (left.as_ref(), right.as_ref());
        let no_token = |spelled: &str| {
            Error::format(what, format!("merge {number} names {spelled:?}, which is not a token"))
        };
        joined.clear();
        table.read_onto(left, &mut joined).map_err(|_| no_token(left))?;
        let cut = joined.len();
        let left_id = id_of(&joined).ok_or_else(|| no_token(left))?;
        table.read_onto(right, &mut joined).map_err(|_| no_token(right))?;
        let right_id = id_of(&joined[cut..]).ok_or_else(|| no_token(right))?;
        let id = id_of(&joined).ok_or_else(|| no_token(&format!("{left}{right}")))?;
        merges.push(Merge { left: left_id, right: right_id, id, rank: number as u32 });
    }
    Ok(merges)
}

/// `vocab.json` and `merges.txt` of a byte-level tokenizer. Specials are not written.
///
/// # Errors
/// [`Error::Vocabulary`] for a tokenizer that these files cannot hold, with the token.
pub fn write(tokenizer: &Tokenizer) -> Result<(Vec<u8>, Vec<u8>)> {
    let refuse = |why: String| {
        Err(Error::Vocabulary(format!(
            "this tokenizer cannot be written as vocab.json and merges.txt: {why}; write \
             tokenizer.json"
        )))
    };
    if tokenizer.units() != Units::Bytes {
        return refuse(format!("its tokens are not of bytes (kind {})", tokenizer.kind().name()));
    }
    let table = Table::new();
    let text = |id| tokenizer.vocab().spelled(id);
    if let Some(id) = tokenizer.first_looked_up() {
        return refuse(format!("merging does not reach the token {} (id {id})", quote(text(id))));
    }
    let mut merges = String::from("#version: 0.2\n");
    for merge in tokenizer.plain_merges()?.0.iter() {
        let left = table.spell(text(merge.left));
        if left.starts_with("#version") {
            return refuse(format!(
                "Hugging Face drops every merge whose left token begins with #version, here that of \
                 id {}",
                merge.id
            ));
        }
        // writing to a String cannot fail
        let _ = writeln!(merges, "{left} {}", table.spell(text(merge.right)));
    }
    let entries: Vec<String> = tokenizer
        .vocab()
        .text_tokens()
        .map(|(id, bytes)| {
            let key = serde_json::Value::from(table.spell(bytes));
            format!("{key}:{id}")
        })
        .collect();
    Ok((format!("{{{}}}", entries.join(",")).into_bytes(), merges.into_bytes()))
}
