//! `tekken.json`: Mistral's list of ranks, with pattern and special tokens inside.
//!
//! An id is a rank plus the number of special tokens, which come first.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use super::ranks;
use crate::error::{Error, Result};
use crate::split::Splitter;
use crate::tokenizer::Tokenizer;
use crate::vocab::{Token, Vocab, quote};

const WHAT: &str = "tekken.json";

/// The version that is written: the first one in which files list their special tokens.
const VERSION: &str = "v7";

/// The most special tokens a file may ask for.
const MOST_SPECIALS: u32 = 1 << 16;

/// The special tokens of files that list none: they were part of the library up to version 7.
const UNLISTED: [&str; 20] = [
    "<unk>",
    "<s>",
    "</s>",
    "[INST]",
    "[/INST]",
    "[AVAILABLE_TOOLS]",
    "[/AVAILABLE_TOOLS]",
    "[TOOL_RESULTS]",
    "[/TOOL_RESULTS]",
    "[TOOL_CALLS]",
    "[IMG]",
    "<pad>",
    "[IMG_BREAK]",
    "[IMG_END]",
    "[PREFIX]",
    "[MIDDLE]",
    "[SUFFIX]",
    "[SYSTEM_PROMPT]",
    "[/SYSTEM_PROMPT]",
    "[TOOL_CONTENT]",
];

/// Other members, such as the settings of images, do not touch ids.
#[derive(Debug, Serialize, Deserialize)]
struct File {
    config: Config,
    vocab: Vec<Entry>,
    special_tokens: Option<Vec<Special>>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    pattern: String,
    num_vocab_tokens: u32,
    default_vocab_size: u32,
    default_num_special_tokens: u32,
    version: String,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    rank: u32,
    token_bytes: String,
    token_str: Option<String>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Special {
    rank: u32,
    token_str: String,
    is_control: bool,
}

fn wrong(problem: impl Into<String>) -> Error {
    Error::format(WHAT, problem)
}

/// Read a file. Of its tokens the first `default_vocab_size` less the special ones count.
///
/// # Errors
/// [`Error::Format`] with the entry; [`Error::Vocabulary`], [`Error::Pattern`].
pub fn read(data: &[u8]) -> Result<Tokenizer> {
    let File { config, vocab: entries, special_tokens } =
        serde_json::from_slice(data).map_err(|error| wrong(error.to_string()))?;
    let specials = specials_of(&config, special_tokens)?;
    let first = config.default_num_special_tokens;
    if config.num_vocab_tokens as usize != entries.len() {
        return Err(wrong(format!(
            "config.num_vocab_tokens is {}, but the vocabulary has {} entries",
            config.num_vocab_tokens,
            entries.len()
        )));
    }
    let used = config
        .default_vocab_size
        .checked_sub(first)
        .map(|used| used as usize)
        .filter(|&used| (256..=entries.len()).contains(&used))
        .ok_or_else(|| {
            wrong(format!(
                "config.default_vocab_size is {}; expected the {first} special tokens and 256 to {} more",
                config.default_vocab_size,
                entries.len()
            ))
        })?;
    let mut tokens = Vec::with_capacity(used);
    for (number, entry) in entries.iter().enumerate() {
        let bytes = read_entry(number, entry)
            .map_err(|problem| wrong(format!("vocab entry {number}: {problem}")))?;
        if number < used {
            tokens.push((first + entry.rank, bytes));
        }
    }
    ranks::read(Vocab::new(tokens, specials)?, Splitter::pattern(&config.pattern)?)
}

fn read_entry(number: usize, entry: &Entry) -> std::result::Result<Vec<u8>, String> {
    if entry.rank as usize != number {
        return Err(format!("its rank is {}; ranks must count from 0", entry.rank));
    }
    let bytes = STANDARD
        .decode(&entry.token_bytes)
        .map_err(|_| format!("token_bytes {:?} is not base64", entry.token_bytes))?;
    if number < 256 && bytes != [number as u8] {
        return Err(format!("expected the byte 0x{number:02x}, found {}", quote(&bytes)));
    }
    match &entry.token_str {
        Some(text) if text.as_bytes() != bytes => {
            Err(format!("token_str {text:?} is not token_bytes, {}", quote(&bytes)))
        }
        _ => Ok(bytes),
    }
}

fn specials_of(config: &Config, listed: Option<Vec<Special>>) -> Result<Vec<(String, u32)>> {
    let number = config.default_num_special_tokens;
    if number > MOST_SPECIALS {
        return Err(wrong(format!(
            "config.default_num_special_tokens is {number}; expected at most {MOST_SPECIALS}"
        )));
    }
    let mut names: Vec<String> = match listed {
        None => UNLISTED.map(str::to_owned).into(),
        Some(listed) => {
            for (number, special) in listed.iter().enumerate() {
                if special.rank as usize != number {
                    return Err(wrong(format!(
                        "special token {:?} has rank {}; its place makes it {number}",
                        special.token_str, special.rank
                    )));
                }
            }
            listed.into_iter().map(|special| special.token_str).collect()
        }
    };
    if names.len() > number as usize {
        return Err(wrong(format!(
            "{} special tokens, but config.default_num_special_tokens is {number}",
            names.len()
        )));
    }
    names.extend((names.len() as u32..number).map(|id| format!("<SPECIAL_{id}>")));
    Ok(names.into_iter().zip(0..).collect())
}

/// The file of a tokenizer whose ids are laid out as the format has them: specials, the 256 bytes in
/// order, then the other tokens in merge order, without holes.
///
/// # Errors
/// [`Error::Vocabulary`] with the first id that is laid out otherwise, or the first token that the list
/// of ranks would make differently.
pub fn write(tokenizer: &Tokenizer) -> Result<Vec<u8>> {
    let refuse = |why: String| {
        Err(Error::Vocabulary(format!("this tokenizer cannot be written as tekken.json: {why}")))
    };
    ranks::check(tokenizer, "tekken.json")?;
    let Some(pattern) = tokenizer.splitter().and_then(Splitter::pattern_text) else {
        return refuse("the file needs a split pattern, and this one does not split".to_owned());
    };
    let vocab = tokenizer.vocab();
    let first = vocab.specials().len();
    let (mut specials, mut entries) = (Vec::with_capacity(first), Vec::with_capacity(vocab.len()));
    for id in 0..vocab.len() {
        let expected = match id.checked_sub(first) {
            None => "a special token".to_owned(),
            Some(rank @ 0..256) => format!("the byte 0x{rank:02x}"),
            Some(_) => "a token of text".to_owned(),
        };
        match (id.checked_sub(first), vocab.token(id as u32)) {
            (None, Some(Token::Special(name))) => {
                let token_str = String::from_utf8_lossy(name).into_owned();
                specials.push(Special { rank: id as u32, token_str, is_control: true });
            }
            (Some(rank), Some(Token::Text(bytes))) if rank >= 256 || bytes == [rank as u8] => {
                entries.push(Entry {
                    rank: rank as u32,
                    token_bytes: STANDARD.encode(bytes),
                    token_str: std::str::from_utf8(bytes).ok().map(str::to_owned),
                });
            }
            (_, found) => {
                let found = match found {
                    None => "no token".to_owned(),
                    Some(Token::Text(bytes)) => quote(bytes),
                    Some(Token::Special(name)) => format!("the special token {}", quote(name)),
                };
                return refuse(format!(
                    "there id {id} is {expected}, here it is {found}; give new ids (--renumber), or \
                     write tokenizer.json"
                ));
            }
        }
    }
    let config = Config {
        pattern: pattern.to_owned(),
        num_vocab_tokens: entries.len() as u32,
        default_vocab_size: vocab.len() as u32,
        default_num_special_tokens: first as u32,
        version: VERSION.to_owned(),
    };
    let file = File { config, vocab: entries, special_tokens: Some(specials) };
    serde_json::to_vec_pretty(&file).map_err(|error| wrong(error.to_string()))
}
