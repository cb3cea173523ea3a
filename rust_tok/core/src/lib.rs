//! Byte-level BPE without Python: split text into pieces, learn merges, encode and decode.
//!
//! Every fast path here has a slow, obvious twin in the tests and must equal it.

pub mod chunks;
pub mod compressed;
pub mod control;
pub mod count;
pub mod digest;
pub mod encode;
pub mod error;
pub mod format;
pub mod learn;
#[expect(unsafe_code, reason = "advice about memory takes pointers")]
mod memory;
pub mod overlap;
mod parallel;
pub mod ppm;
mod random;
pub mod samples;
pub mod sentences;
pub mod signal;
pub mod split;
pub mod tokenizer;
pub mod vocab;
pub mod words;

pub use error::{Error, Result};
pub use memory::share_one_arena;
pub use split::Splitter;
pub use tokenizer::Tokenizer;

/// The version of this crate.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
