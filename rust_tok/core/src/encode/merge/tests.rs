//! Every way to merge against the definition.

use proptest::prelude::*;

use super::super::bpe::{Bpe, Run};
use super::super::dropout::Dropout;
use super::*;

fn bytes() -> Vec<Vec<u8>> {
    (0..=255).map(|byte| vec![byte]).collect()
}

/// Merges over two letters in which any token may be split in several ways, with repeated ranks.
fn model(choices: &[(usize, usize)], by_rank: bool) -> (Vocab, Bpe) {
    let mut tokens = bytes();
    for &(left, right) in choices {
        let pool: Vec<usize> =
            [b'a' as usize, b'b' as usize].into_iter().chain(256..tokens.len()).collect();
        let joined =
            [&tokens[pool[left % pool.len()]][..], &tokens[pool[right % pool.len()]]].concat();
        if !tokens.contains(&joined) && joined.len() < 40 {
            tokens.push(joined);
        }
    }
    let numbered: Vec<_> = tokens.iter().cloned().zip(0_u32..).map(|(t, id)| (id, t)).collect();
    let vocab = Vocab::new(numbered, Vec::new()).unwrap();
    let mut merges = Vec::new();
    for (id, token) in vocab.text_tokens().filter(|(_, token)| token.len() > 1) {
        for cut in 1..token.len() {
            if let (Some(left), Some(right)) =
                (vocab.id_of(&token[..cut]), vocab.id_of(&token[cut..]))
            {
                let rank = if by_rank { id } else { merges.len() as u32 };
                merges.push(Merge { left, right, id, rank });
            }
        }
    }
    let bpe = Bpe::new(&vocab, merges, false).unwrap();
    (vocab, bpe)
}

/// The definition: find the lowest rank, leftmost; merge it; again.
fn oracle(merger: &Merger, mut symbols: Vec<u32>) -> Vec<u32> {
    loop {
        let best = symbols
            .windows(2)
            .enumerate()
            .filter_map(|(at, pair)| {
                let is_it = |m: &&Merge| [m.left, m.right] == *pair;
                merger.merges.iter().find(is_it).map(|m| (m.rank, at, m.id))
            })
            .min();
        let Some((_, at, id)) = best else { return symbols };
        symbols.splice(at..at + 2, [id]);
    }
}

/// The definition of dropout: in each step, of the pairs that could merge in order of rank and
/// place, the first that is not dropped.
fn dropping_oracle(
    merger: &Merger,
    mut symbols: Vec<u32>,
    mut drops: impl FnMut() -> bool,
) -> Vec<u32> {
    loop {
        let mut candidates: Vec<_> = (1..symbols.len())
            .filter_map(|at| {
                let is_it = |m: &&Merge| [m.left, m.right] == symbols[at - 1..=at];
                merger.merges.iter().find(is_it).map(|m| (m.rank, at - 1, m.id))
            })
            .collect();
        candidates.sort_unstable();
        let Some((_, at, id)) = candidates.into_iter().find(|_| !drops()) else {
            return symbols;
        };
        symbols.splice(at..at + 2, [id]);
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 2000, failure_persistence: None, ..ProptestConfig::default()
    })]

    #[test]
    fn scan_heap_and_look_up_equal_the_definition(
        choices in prop::collection::vec((0..40_usize, 0..40_usize), 0..25),
        piece in prop::collection::vec(prop::sample::select(b"aab".to_vec()), 1..SCAN_LIMIT),
        by_rank in any::<bool>(),
    ) {
        let (vocab, bpe) = model(&choices, by_rank);
        // byte ids are byte values here
        let symbols = || piece.iter().map(|&byte| u32::from(byte));
        let expected = oracle(&bpe.merger, symbols().collect());
        let (mut ids, mut scratch) = (Vec::new(), Scratch::default());
        match &bpe.merger.pairs {
            PairTable::Packed(pairs) => {
                merge_by_scan(pairs, symbols(), &mut ids);
            }
            PairTable::Wide(pairs) => {
                merge_by_scan(pairs, symbols(), &mut ids);
            }
        }
        prop_assert_eq!(&ids, &expected);
        ids.clear();
        let (idle, nodes) = (Control::default(), &mut scratch);
        match &bpe.merger.pairs {
            PairTable::Packed(pairs) => {
                merge_by_heap(pairs, symbols(), &mut ids, nodes, &idle, || false)
            }
            PairTable::Wide(pairs) => {
                merge_by_heap(pairs, symbols(), &mut ids, nodes, &idle, || false)
            }
        }.unwrap();
        prop_assert_eq!(&ids, &expected);
        // merged, then remembered
        for _ in 0..2 {
            ids.clear();
            let run = Run { text: &piece, start: 0, ends: &[piece.len()] };
            bpe.encode_run(&vocab, run, &mut ids, &mut scratch, &idle).unwrap();
            prop_assert_eq!(&ids, &expected);
        }
        ids.clear();
        bpe.encode_piece(&vocab, &piece, &mut ids, &mut scratch, &Control::default()).unwrap();
        prop_assert_eq!(&ids, &expected);
        ids.clear();
        bpe.merge_long(&vocab, &piece, &mut ids, &mut scratch, &idle).unwrap();
        prop_assert_eq!(&ids, &expected);
    }

    #[test]
    fn one_merge_a_token_tells_what_is_reached_and_long_pieces(
        choices in prop::collection::vec((0..40_usize, 0..40_usize), 0..25),
        piece in prop::collection::vec(prop::sample::select(b"aab".to_vec()), 1..200),
    ) {
        // each token by one merge of two that were there, reached or not
        let (mut tokens, mut merges) = (bytes(), Vec::new());
        for (left, right) in choices.iter().copied() {
            let pool: Vec<usize> = [97, 98].into_iter().chain(256..tokens.len()).collect();
            let (left, right) = (pool[left % pool.len()], pool[right % pool.len()]);
            let joined = [&tokens[left][..], &tokens[right]].concat();
            if !tokens.contains(&joined) && joined.len() < 40 {
                let (rank, id) = (merges.len() as u32, tokens.len() as u32);
                merges.push(Merge { left: left as u32, right: right as u32, id, rank });
                tokens.push(joined);
            }
        }
        let vocab = Vocab::new((0..).zip(tokens).collect(), Vec::new()).unwrap();
        let idle = Control::default();
        let bpe = Bpe::new(&vocab, merges.clone(), false).unwrap();
        let known: Vec<u32> = vocab.text_tokens().map(|(id, _)| id).collect();
        let symbols = |text: &[u8]| text.iter().map(|&byte| u32::from(byte)).collect();
        let reached = |id: &u32| oracle(&bpe.merger, symbols(vocab.text(*id).unwrap())) == [*id];
        let unreachable: Vec<u32> = known.iter().copied().filter(|id| !reached(id)).collect();
        prop_assert_eq!(bpe.unreachable(), &unreachable[..]);
        let (mut ids, mut scratch) = (Vec::new(), Scratch::default());
        bpe.merge_long(&vocab, &piece, &mut ids, &mut scratch, &idle).unwrap();
        prop_assert_eq!(&ids, &oracle(&bpe.merger, symbols(&piece)));
        // without the merges of what is not reached all of that is encoded from the front
        let clean = |m: &Merge| [m.left, m.right, m.id].iter().all(|id| !unreachable.contains(id));
        let merges: Vec<Merge> = merges.into_iter().filter(clean).collect();
        let made: Vec<u32> = merges.iter().map(|merge| merge.id).collect();
        let kept = known.iter().filter(|id| **id < 256 || made.contains(id));
        let kept = kept.map(|&id| (id, vocab.text(id).unwrap().to_vec())).collect();
        let vocab = Vocab::new(kept, Vec::new()).unwrap();
        let bpe = Bpe::new(&vocab, merges, false).unwrap();
        if bpe.unreachable().is_empty() {
            ids.clear();
            bpe.merge_long(&vocab, &piece, &mut ids, &mut scratch, &idle).unwrap();
            prop_assert!(bpe.encodes_forward());
            prop_assert_eq!(&ids, &oracle(&bpe.merger, symbols(&piece)));
        }
    }

    #[test]
    fn dropping_equals_its_definition(
        choices in prop::collection::vec((0..40_usize, 0..40_usize), 0..25),
        piece in prop::collection::vec(prop::sample::select(b"aab".to_vec()), 0..100),
        by_rank in any::<bool>(),
        probability in prop::sample::select(vec![0.01, 0.3, 0.9, 1.0]),
        seed in any::<u64>(),
    ) {
        let (_, bpe) = model(&choices, by_rank);
        let symbols = || piece.iter().map(|&byte| u32::from(byte));
        let draws = || Dropout::new(probability, seed).unwrap().unwrap().draws(1, 2);
        let mut draw = draws();
        let expected = dropping_oracle(&bpe.merger, symbols().collect(), || draw.drops());
        let (mut ids, mut scratch) = (Vec::new(), Scratch::default());
        let (idle, mut draw) = (Control::default(), draws());
        let drops = || draw.drops();
        bpe.merger.merge_dropping(symbols(), &mut ids, &mut scratch, &idle, drops).unwrap();
        prop_assert_eq!(&ids, &expected);
        prop_assert!(probability < 1.0 || ids.len() == piece.len());
    }
}
