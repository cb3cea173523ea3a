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
