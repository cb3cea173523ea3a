//! `primetone._rust_tok`: conversions between Python and `rust_tok`, no algorithm.

#![expect(clippy::needless_pass_by_value, reason = "arguments arrive from Python as owned values")]

mod counts;
mod door;
mod encoding;
mod errors;
mod files;
mod formats;
mod learning;
mod overlap;
mod ppm;
mod samples;
mod sentences;
mod signal;
mod text;
mod tokenizer;

use pyo3::prelude::*;

/// The compiled core of primetone.
#[pymodule]
mod _rust_tok {
    #[pymodule_export]
    use super::counts::{Counts, share_one_arena};
    #[pymodule_export]
    use super::encoding::StreamEncoder;
    #[pymodule_export]
    use super::files::{Blake3, Decompressor, Divider, Utf8Checker, blake3_hex};
    #[pymodule_export]
    use super::formats::{
        read_character_merges, read_gpt2, read_merges, read_tekken, read_tiktoken,
        read_tokenizer_json, read_word_list, write_gpt2, write_merges, write_tekken,
        write_tiktoken, write_tokenizer_json, write_word_list,
    };
    #[pymodule_export]
    use super::overlap::{Clusters, Overlap};
    #[pymodule_export]
    use super::ppm::ppm_added_bytes;
    #[pymodule_export]
    use super::samples::{bleu, copies, distinct, divergence, measure, self_bleu, words_of};
    #[pymodule_export]
    use super::sentences::SentenceFilter;
    #[pymodule_export]
    use super::signal::SignalBank;
    #[pymodule_export]
    use super::tokenizer::Tokenizer;

    /// The version of the core, which is that of the package.
    #[pymodule_export]
    #[expect(non_upper_case_globals, reason = "Python's own name for it")]
    const __version__: &str = rust_tok::VERSION;

    /// The Unicode version of the split schemes.
    #[pymodule_export]
    const UNICODE_VERSION: &str = rust_tok::split::UNICODE_VERSION;

    /// The rule of words, as a pattern.
    #[pymodule_export]
    const WORD_PATTERN: &str = rust_tok::words::WORD;

    /// That of characters, each by itself.
    #[pymodule_export]
    const CHARACTER_PATTERN: &str = rust_tok::words::CHARACTER;
}
