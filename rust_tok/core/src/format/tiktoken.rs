//! `.tiktoken`: one line a token, `base64(bytes) rank`. No pattern, no specials, no merges inside.

use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::encode::Merge;
use crate::error::{Error, Result};
use crate::split::Splitter;
use crate::tokenizer::{Kind, Tokenizer};
use crate::vocab::Vocab;

const WHAT: &str = ".tiktoken file";

/// Read rank lines, with the split and the specials that the file cannot say.
///
/// The merges are all splits of every token into two tokens, in the order of (rank, left, right),
/// and a piece that is a token is taken whole: exactly tiktoken's rule.
///
/// # Errors
/// [`Error::Format`] with the line; [`Error::Vocabulary`].
pub fn read(data: &[u8], splitter: Splitter, specials: Vec<(String, u32)>) -> Result<Tokenizer> {
    let mut tokens = Vec::new();
    for (number, line) in data.split(|&byte| byte == b'\n').enumerate() {
        if line.is_empty() {
            continue;
        }
        let token = read_line(line).map_err(|problem| {
            Error::format(
                WHAT,
                format!("line {}: {problem}: {}", number + 1, crate::vocab::quote(line)),
            )
        })?;
        tokens.push(token);
    }
    if tokens.is_empty() {
        return Err(Error::format(WHAT, "expected lines of `base64 rank`, found none"));
    }
    let vocab = Vocab::new(tokens, specials)?;
    let merges = all_splits(&vocab);
    Tokenizer::from_merges(vocab, merges, true, splitter)
}

fn read_line(line: &[u8]) -> std::result::Result<(u32, Vec<u8>), &'static str> {
    let mut fields = line.split(|&byte| byte == b' ');
    let (Some(token), Some(rank), None) = (fields.next(), fields.next(), fields.next()) else {
        return Err("expected `base64 rank` with one space between");
    };
    let bytes = STANDARD.decode(token).map_err(|_| "the token is not base64")?;
    let rank = std::str::from_utf8(rank).ok().and_then(|digits| digits.parse().ok());
    Ok((rank.ok_or("the rank is not a number under 2^32")?, bytes))
}

/// Every way to split a token into two tokens.
fn all_splits(vocab: &Vocab) -> Vec<Merge> {
    let mut merges = Vec::with_capacity(vocab.len() * 4);
    for (id, token) in vocab.text_tokens() {
        let first = merges.len();
        for cut in 1..token.len() {
            let (left, right) = (&token[..cut], &token[cut..]);
            if let (Some(left), Some(right)) = (vocab.id_of(left), vocab.id_of(right)) {
                merges.push(Merge { left, right, id, rank: id });
            }
        }
        merges[first..].sort_unstable_by_key(|merge| (merge.left, merge.right));
    }
    merges
}

/// Rank lines of a tokenizer whose ids are in merge order.
///
/// # Errors
/// [`Error::Vocabulary`] when reading the lines back would not give the same ids: a character
/// tokenizer, or merges whose order is not that of the ids they make.
pub fn write(tokenizer: &Tokenizer) -> Result<Vec<u8>> {
    let refuse = |why: &str| {
        Err(Error::Vocabulary(format!(
            "this tokenizer cannot be written as a .tiktoken file: {why}; write tokenizer.json"
        )))
    };
    if !matches!(tokenizer.kind(), Kind::Bpe | Kind::Byte) {
        return refuse("it is not byte-level BPE");
    }
    let in_order = tokenizer.merges().windows(2).all(|pair| pair[0].id <= pair[1].id);
    if !in_order {
        return refuse("the file orders merges by id, and here the ids are not in merge order");
    }
    let mut out = String::new();
    for (id, bytes) in tokenizer.vocab().text_tokens() {
        // writing to a String cannot fail
        let _ = writeln!(out, "{} {id}", STANDARD.encode(bytes));
    }
    Ok(out.into_bytes())
}
