//! Tokenizer files: read strictly, written so that a second reading gives the same bytes.

pub mod byte_level;
pub mod character_merges;
mod escape;
pub mod gpt2;
pub mod merges;
pub(crate) mod ranks;
mod strict_map;
pub mod tekken;
pub mod tiktoken;
pub mod tokenizer_json;
pub mod word_list;

use crate::error::{Error, Result};
use crate::tokenizer::Tokenizer;

/// What a file says of itself, where primetone wrote it: `None` is a file of another program.
#[derive(Debug, Clone, Copy, Default)]
struct Seal<'f> {
    fingerprint: Option<&'f str>,
    unicode_version: Option<&'f str>,
}

/// A tokenizer, and the Unicode version that its file was written with, if it says so; under another
/// one than [`crate::split::UNICODE_VERSION`] some texts may split differently.
#[derive(Debug)]
pub struct Read {
    /// the tokenizer, with its counts if the file has them
    pub tokenizer: Tokenizer,
    /// the version in the file
    pub unicode_version: Option<String>,
}

impl Read {
    /// What was read, if it is what was written.
    fn sealed(what: &'static str, tokenizer: Tokenizer, seal: Seal<'_>) -> Result<Self> {
        if let Some(said) = seal.fingerprint {
            let found = tokenizer.digest(seal.unicode_version.unwrap_or_default())?;
            if said != found {
                return Err(Error::format(
                    what,
                    format!(
                        "the file says fingerprint {said}, its content has {found}: it was damaged or \
                         edited; restore it, or remove the fingerprint if the change is wanted"
                    ),
                ));
            }
        }
        Ok(Self { tokenizer, unicode_version: seal.unicode_version.map(str::to_owned) })
    }
}
