//! `.tiktoken`: one line a token, `base64(bytes) rank`. No pattern, no specials, no merges inside.

use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::ranks;
use crate::error::{Error, Result};
use crate::split::Splitter;
use crate::tokenizer::Tokenizer;
use crate::vocab::Vocab;

const WHAT: &str = ".tiktoken file";

/// Read rank lines, with the split and the specials that the file cannot say.
///
/// The ids are those of tiktoken's rule (see [`ranks`]).
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
    ranks::read(Vocab::new(tokens, specials)?, splitter)
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

/// Rank lines of a tokenizer whose ids are in merge order.
///
/// # Errors
/// [`Error::Vocabulary`] when reading the lines back would not give the same tokenizer: the message
/// names the first token that would come out differently.
pub fn write(tokenizer: &Tokenizer) -> Result<Vec<u8>> {
    ranks::check(tokenizer, "a .tiktoken file")?;
    let mut out = String::new();
    for (id, bytes) in tokenizer.vocab().text_tokens() {
        // writing to a String cannot fail
        let _ = writeln!(out, "{} {id}", STANDARD.encode(bytes));
    }
    Ok(out.into_bytes())
}
