//! Lists of ranks, as `.tiktoken` and `tekken.json` hold them: tokens without merges.
//!
//! Their rule: a piece that is a token is that token; else merge the pair whose joined bytes have the
//! lowest rank, the leftmost of equals, until none joins to a token. docs/bpe.md proves when one merge
//! a token says the same.

use crate::control::Control;
use crate::encode::{Merge, Merger, Scratch};
use crate::error::{Error, Result};
use crate::split::Splitter;
use crate::tokenizer::Tokenizer;
use crate::vocab::{Vocab, quote};

/// The tokenizer of a list of ranks, which are the ids: one merge a token where that is exact, else all
/// splits of every token, and the look-up.
///
/// # Errors
/// [`Error::Vocabulary`].
pub(super) fn read(vocab: Vocab, splitter: Splitter) -> Result<Tokenizer> {
    if let Some(merges) = recover(&vocab)? {
        return Tokenizer::from_clean_merges(vocab, merges, splitter);
    }
    let merges = all_splits(&vocab).collect();
    Tokenizer::from_merges(vocab, merges, true, splitter)
}

/// Every way to split a token into two tokens, in the order of (rank, left, right).
pub(crate) fn all_splits(vocab: &Vocab) -> impl Iterator<Item = Merge> {
    // a token of a million letters has a million cuts, but few tokens are as long as its parts
    let mut lens: Vec<usize> = vocab.text_tokens().map(|(_, token)| token.len()).collect();
    lens.sort_unstable();
    lens.dedup();
    vocab.text_tokens().flat_map(move |(id, token)| {
        let mut splits: Vec<Merge> = lens
            .iter()
            .take_while(|&&cut| cut < token.len())
            .filter(|&&cut| lens.binary_search(&(token.len() - cut)).is_ok())
            .filter_map(|&cut| {
                let (left, right) = (vocab.id_of(&token[..cut])?, vocab.id_of(&token[cut..])?);
                Some(Merge { left, right, id, rank: id })
            })
            .collect();
        splits.sort_unstable_by_key(|merge| (merge.left, merge.right));
        splits
    })
}

/// Whether a list can be that of [`all_splits`]: in the order of the tokens that are made.
pub(crate) fn may_be_all_splits(merges: &[Merge]) -> bool {
    merges.windows(2).all(|pair| pair[0].id <= pair[1].id)
}

/// The one merge of each token that says the same as the rank rule, or `None` where none does: each
/// token, encoded by the ranks below its own, must come out as two.
pub(crate) fn recover(vocab: &Vocab) -> Result<Option<Vec<Merge>>> {
    let mut merger = Merger::with_capacity(vocab.len());
    let (mut ids, mut scratch, idle) = (Vec::new(), Scratch::default(), Control::default());
    let mut symbols = Vec::new();
    for (id, token) in vocab.text_tokens().filter(|(_, token)| token.len() > 1) {
        symbols.clear();
        symbols.extend(token.iter().filter_map(|&byte| vocab.id_of(&[byte])));
        if symbols.len() < token.len() {
            return Ok(None);
        }
        ids.clear();
        merger.merge(symbols.iter().copied(), &mut ids, &mut scratch, &idle)?;
        let [left, right] = ids[..] else { return Ok(None) };
        let rank = merger.merges().len() as u32;
        merger.push(vocab, Merge { left, right, id, rank })?;
    }
    Ok(Some(merger.into_merges()))
}

/// Refuse a tokenizer that a list of ranks does not say: reading it back must give the same one.
///
/// # Errors
/// [`Error::Vocabulary`] with the first token that comes out differently.
pub(super) fn check(tokenizer: &Tokenizer, target: &str) -> Result<()> {
    let refuse = |why: String| {
        Err(Error::Vocabulary(format!(
            "this tokenizer cannot be written as {target}: {why}; write tokenizer.json"
        )))
    };
    let Some(splitter) = tokenizer.splitter() else {
        return refuse(format!("it is not byte-level BPE but {}", tokenizer.kind().name()));
    };
    let vocab = tokenizer.vocab();
    let back = read(vocab.clone(), splitter.clone())?;
    if back.fingerprint() == tokenizer.fingerprint() {
        return Ok(());
    }
    let (ours, looks_up) = tokenizer.plain_merges()?;
    let (theirs, _) = back.plain_merges()?;
    let pairs = |merges: &[Merge], at: usize| merges.get(at).map(|m| (m.left, m.right, m.id));
    let at = (0..ours.len().max(theirs.len())).find(|&at| pairs(&ours, at) != pairs(&theirs, at));
    let text = |id| quote(vocab.spelled(id));
    let shown = |pair: Option<(u32, u32, u32)>| match pair {
        Some((left, right, id)) => {
            format!("{} + {} = {} (id {id})", text(left), text(right), text(id))
        }
        None => "none".to_owned(),
    };
    match at {
        Some(at) => refuse(format!(
            "merge {at} is {}, but the file, which orders merges by id, would make it {}",
            shown(pairs(&ours, at)),
            shown(pairs(&theirs, at)),
        )),
        None if looks_up => refuse("it looks up tokens that the file would merge".to_owned()),
        None => refuse("the file would look up tokens that merging does not reach".to_owned()),
    }
}
