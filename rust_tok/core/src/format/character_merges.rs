//! Merges of words of characters in two plain lists, as subword learners of old write them: `left right`
//! a line in the order they apply, and a vocabulary of one token a line, whose ids count from 0.
//!
//! The mark after a word is spelled `</w>` in them.

use foldhash::fast::FixedState;
use hashbrown::{HashMap, HashSet};

use crate::encode::{MARK, Merge};
use crate::error::{Error, Result};
use crate::tokenizer::{Tokenizer, WordUnits};
use crate::vocab::Vocab;

/// How these files spell the mark after a word.
const SPELLED_MARK: &str = "</w>";

const VOCAB: &str = "vocab.txt";
const MERGES: &str = "merges.txt";

/// Read both files. An entry that is neither the mark, nor a character, nor made by a merge, can never
/// come from text: it is a special token. `unknown` names the entry for characters outside the alphabet.
///
/// # Errors
/// [`Error::Format`] with the line; [`Error::Vocabulary`].
pub fn read(
    vocab_txt: &[u8],
    merges_txt: &[u8],
    lowercase: bool,
    unknown: Option<&str>,
) -> Result<Tokenizer> {
    let entries: Vec<&str> = lines(VOCAB, vocab_txt)?.collect();
    let mut ids: HashMap<String, u32, FixedState> = HashMap::default();
    for (entry, id) in entries.iter().zip(0..) {
        if let Some(first) = ids.insert(text_of(entry), id) {
            let problem =
                format!("line {}: {entry:?} stands on line {} already", id + 1, first + 1);
            return Err(Error::format(VOCAB, problem));
        }
    }
    let mut merges = Vec::new();
    let mut made: HashSet<u32, FixedState> = HashSet::default();
    for (number, line) in lines(MERGES, merges_txt)?.enumerate() {
        if number == 0 && line.starts_with("#version") {
            continue;
        }
        let error =
            |problem: String| Error::format(MERGES, format!("line {}: {problem}", number + 1));
        let pair = line.split_once(' ').filter(|(_, right)| !right.contains(' '));
        let (left, right) =
            pair.ok_or_else(|| error(format!("expected `left right`, found {line:?}")))?;
        let (left, right) = (text_of(left), text_of(right));
        let id_of = |token: &str| {
            let id = ids.get(token).copied();
            id.ok_or_else(|| error(format!("{token:?} is not in the vocabulary")))
        };
        let id = id_of(&format!("{left}{right}"))?;
        merges.push(Merge {
            left: id_of(&left)?,
            right: id_of(&right)?,
            id,
            rank: merges.len() as u32,
        });
        made.insert(id);
    }
    let (mut tokens, mut specials) = (Vec::new(), Vec::new());
    for (entry, id) in entries.iter().zip(0..) {
        let text = text_of(entry);
        if made.contains(&id) || text.chars().count() == 1 {
            tokens.push((id, text.into_bytes()));
        } else {
            specials.push((text, id));
        }
    }
    let vocab = Vocab::new(tokens, specials)?;
    let unknown = unknown.map(|name| {
        vocab.id_of_name(name).ok_or_else(|| {
            Error::format(VOCAB, format!("the unknown token {name:?} is not in the vocabulary"))
        })
    });
    let units = WordUnits { lowercase, unknown: unknown.transpose()? };
    Tokenizer::from_words(vocab, merges, units)
}

fn text_of(spelled: &str) -> String {
    match spelled.strip_suffix(SPELLED_MARK) {
        Some(word) => format!("{word}{MARK}"),
        None => spelled.to_owned(),
    }
}

fn lines<'f>(what: &'static str, data: &'f [u8]) -> Result<impl Iterator<Item = &'f str>> {
    let text = std::str::from_utf8(data)
        .map_err(|error| Error::format(what, format!("not UTF-8: {error}")))?;
    Ok(text.lines())
}
