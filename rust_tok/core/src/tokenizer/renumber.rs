//! New ids in the order that lists of ranks need.

use super::{Model, Tokenizer};
use crate::encode::Merge;
use crate::error::{Error, Result};
use crate::vocab::Vocab;

impl Tokenizer {
    /// The same tokens and merges under new ids, and the new id of each old one (`None` for a hole):
    /// the specials, the 256 bytes in order, the tokens that merges make in their order, the others.
    ///
    /// # Errors
    /// [`Error::Vocabulary`] for a tokenizer that is not byte-level.
    pub fn renumbered(&self) -> Result<(Self, Vec<Option<u32>>)> {
        let Model::Bytes { splitter, .. } = &self.model else {
            return Err(Error::Vocabulary(
                "only byte-level tokenizers can be given new ids".to_owned(),
            ));
        };
        let vocab = &self.vocab;
        let (merges, looks_up) = self.plain_merges()?;
        let specials = vocab.specials().iter().map(|(_, id)| *id);
        let bytes = (0..=255_u8).filter_map(|byte| vocab.id_of(&[byte]));
        let others = vocab.text_tokens().map(|(id, _)| id);
        let order = specials.chain(bytes).chain(merges.iter().map(|merge| merge.id)).chain(others);
        let mut new_ids: Vec<Option<u32>> = vec![None; vocab.len()];
        let mut next = 0;
        for old in order {
            if let Some(new) = new_ids.get_mut(old as usize).filter(|new| new.is_none()) {
                *new = Some(next);
                next += 1;
            }
        }
        let new = |old: u32| new_ids.get(old as usize).copied().flatten().unwrap_or_default();
        let tokens = vocab.text_tokens().map(|(old, bytes)| (new(old), bytes.to_vec())).collect();
        let names = vocab.specials().iter().map(|(name, old)| (name.clone(), new(*old))).collect();
        let renamed = |merge: &Merge| Merge {
            left: new(merge.left),
            right: new(merge.right),
            id: new(merge.id),
            rank: merge.rank,
        };
        let merges: Vec<_> = merges.iter().map(renamed).collect();
        // counts belong to the merges as they are listed, which need not be the plain ones
        let counts = self.merge_counts().filter(|counts| counts.len() == merges.len());
        let vocab = Vocab::new(tokens, names)?;
        let mut renumbered = Self::from_merges(vocab, merges, looks_up, splitter.clone())?;
        renumbered.merge_counts = counts.map(<[u64]>::to_vec);
        Ok((renumbered, new_ids))
    }
}
