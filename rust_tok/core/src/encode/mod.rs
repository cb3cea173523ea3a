//! Pieces to ids: merges within a piece, batches over all cores.

mod batch;
mod borders;
mod bpe;
mod characters;
mod dropout;
mod forward;
mod long_pieces;
mod merge;
mod offsets;
mod pairs;
mod piece_counts;
mod pieces;
mod prefixes;
mod scratch;
mod specials;
mod stream;
mod word_list;
mod words;

pub use batch::Batch;
pub(crate) use batch::{How, count_batch, count_until, encode_batch};
pub(crate) use bpe::{Bpe, Run};
pub(crate) use characters::Characters;
pub use dropout::Dropout;
pub use merge::Merge;
pub(crate) use merge::Merger;
pub(crate) use offsets::encode_with_spans;
pub use offsets::{Encoded, OffsetUnit};
pub(crate) use scratch::{Scratch, Scratches};
pub use specials::Allowed;
pub(crate) use specials::{Part, Specials};
pub use stream::StreamEncoder;
pub(crate) use word_list::WordList;
pub(crate) use words::{MARK, Words, units as word_units};
