//! Pieces to ids: merges within a piece, batches over all cores.

mod batch;
mod bpe;
mod characters;
mod long_pieces;
mod merge;
mod pairs;
mod pieces;
mod scratch;
mod specials;
mod words;

pub use batch::Batch;
pub(crate) use batch::encode_batch;
pub(crate) use bpe::{Bpe, Run};
pub(crate) use characters::Characters;
pub use merge::Merge;
pub(crate) use merge::Merger;
pub(crate) use scratch::{Scratch, Scratches};
pub use specials::Allowed;
pub(crate) use specials::Specials;
pub(crate) use words::{MARK, Words, units as word_units};
