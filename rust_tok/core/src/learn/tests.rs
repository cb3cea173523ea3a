//! The definition of learning, slow and obvious, and the learner held against it.

use std::cmp::Reverse;
use std::collections::HashMap;

use proptest::prelude::*;

use super::*;

/// Symbols and counts, in order of first occurrence.
#[derive(Debug, Clone)]
struct Sequences(Vec<(Vec<u32>, u64)>);

impl Front for Sequences {
    fn words(&self) -> impl Iterator<Item = (impl Iterator<Item = u32>, u64)> {
        self.0.iter().map(|(word, count)| (word.iter().copied(), *count))
    }
}

fn replace(word: &mut Vec<u32>, pair: (u32, u32), made: u32) {
    let (mut merged, mut at) = (Vec::new(), 0);
    while at < word.len() {
        let matches = at + 1 < word.len() && (word[at], word[at + 1]) == pair;
        merged.push(if matches { made } else { word[at] });
        at += if matches { 2 } else { 1 };
    }
    *word = merged;
}

/// Count all pairs anew, merge the best, again.
fn oracle(words: &Sequences, base: &Base, num_new: u32, options: &Options) -> Option<Learned> {
    let (mut words, mut spelled) = (words.0.clone(), base.spelled.clone());
    words.retain(|(_, count)| *count > 0);
    let mut units = vec![1_u64; spelled.len()];
    let mut made_after = vec![0_usize; spelled.len()];
    let mut learned = Learned { merges: vec![], counts: vec![], stop: Stop::Enough };
    let mut given = base.merges.iter();
    let mut to_come = num_new;
    loop {
        // count, first place
        let mut pairs: HashMap<(u32, u32), (u64, (usize, u64))> = HashMap::new();
        for (number, (word, count)) in words.iter().enumerate() {
            let mut offset = 0;
            for pair in word.windows(2) {
                let entry = pairs.entry((pair[0], pair[1])).or_insert((0, (number, offset)));
                entry.0 += count;
                offset += units[pair[0] as usize];
            }
        }
        let bytes = |id: u32| &spelled[id as usize][..];
        let step = if let Some(&(left, right, made)) = given.next() {
            let known = pairs.get(&(left, right)).map_or(0, |found| found.0);
            Some((left, right, made, known))
        } else {
            if to_come == 0 {
                break;
            }
            let duplicate = |(left, right): (u32, u32)| {
                let joined = [bytes(left), bytes(right)].concat();
                spelled.iter().position(|known| *known == joined)
            };
            let may_merge = |&((left, right), (count, _)): &((u32, u32), (u64, _))| {
                let length = units[left as usize] + units[right as usize];
                let short = match options.max_token_bytes {
                    None => true,
                    Some(MaxLength::Exact(most)) => {
                        bytes(left).len() + bytes(right).len() <= most as usize
                    }
                    Some(MaxLength::HfCompat(limit)) => length == 2 || length < u64::from(limit),
                };
                let skipped =
                    options.duplicates == Duplicates::Skip && duplicate((left, right)).is_some();
                count >= options.min_count.max(1) && short && !skipped
            };
            let ids = |(left, right): (u32, u32)| {
                let raw = |id: u32| (made_after[id as usize], bytes(id).to_vec());
                let length = units[left as usize] + units[right as usize];
                match options.tie {
                    Tie::Hf | Tie::FirstOccurrence | Tie::BytesMax => vec![],
                    Tie::Raw => vec![raw(left), raw(right)],
                    Tie::BytesMin => vec![(0, bytes(left).to_vec()), (0, bytes(right).to_vec())],
                    Tie::SentencePiece => {
                        vec![(length as usize, [bytes(left), bytes(right)].concat())]
                    }
                    Tie::YouTokenToMe => {
                        let (big, small) = (left.max(right) as usize, left.min(right) as usize);
                        vec![(big, vec![]), (small, vec![]), (usize::MAX - left as usize, vec![])]
                    }
                }
            };
            let first = |place| if options.tie == Tie::FirstOccurrence { place } else { (0, 0) };
            let greatest = |(left, right): (u32, u32)| {
                let greatest = options.tie == Tie::BytesMax;
                greatest.then(|| Reverse((bytes(left).to_vec(), bytes(right).to_vec())))
            };
            let best = pairs.into_iter().filter(may_merge).min_by_key(|&(pair, (count, place))| {
                (Reverse(count), first(place), greatest(pair), ids(pair), pair)
            });
            let Some(((left, right), (count, _))) = best else {
                learned.stop = Stop::NoPairsLeft;
                break;
            };
            let made = match (duplicate((left, right)), options.duplicates) {
                (Some(_), Duplicates::Error) => return None,
                (Some(id), Duplicates::Reuse) => id as u32,
                _ => {
                    to_come -= 1;
                    spelled.push([bytes(left), bytes(right)].concat());
                    units.push(1);
                    made_after.push(0);
                    spelled.len() as u32 - 1
                }
            };
            Some((left, right, made, count))
        };
        let Some((left, right, made, count)) = step else { break };
        if !words.iter().any(|(word, _)| word.contains(&made)) {
            units[made as usize] = units[left as usize] + units[right as usize];
            made_after[made as usize] = learned.merges.len() + 1;
        }
        learned.merges.push((left, right, made));
        learned.counts.push(count);
        for (word, _) in &mut words {
            replace(word, (left, right), made);
        }
    }
    Some(learned)
}

/// Words over five letters whose ids are not in the order of their bytes.
const LETTERS: &[u8] = b"dbaec";

fn sequences(texts: &[(String, u64)], times: u64) -> Sequences {
    let mut words: Vec<(Vec<u32>, u64)> = Vec::new();
    for (text, count) in texts {
        let word: Vec<u32> = text
            .bytes()
            .map(|byte| LETTERS.iter().position(|&letter| letter == byte).unwrap() as u32 + 1)
            .collect();
        match words.iter_mut().find(|(known, _)| *known == word) {
            Some((_, known)) => *known += count * times,
            None => words.push((word, count * times)),
        }
    }
    Sequences(words)
}

/// Id 0 is a special token, then the letters.
fn base(special: &str) -> Base {
    let letters = LETTERS.iter().map(|&letter| vec![letter]);
    let spelled = std::iter::once(special.as_bytes().to_vec()).chain(letters).collect();
    Base { spelled, merges: Vec::new() }
}

fn texts() -> impl Strategy<Value = Vec<(String, u64)>> {
    prop::collection::vec(("[ab]{1,12}|[a-e]{1,9}|a{1,20}|(ab){1,6}c", 0..4_u64), 0..12)
}

fn options() -> impl Strategy<Value = Options> {
    let ties: Vec<Tie> = Tie::ALL.iter().map(|(_, tie)| *tie).collect();
    let duplicates: Vec<Duplicates> = Duplicates::ALL.iter().map(|(_, choice)| *choice).collect();
    let longest = prop_oneof![
        3 => Just(None),
        1 => (0..7_u32).prop_map(|most| Some(MaxLength::Exact(most))),
        1 => (0..7_u32).prop_map(|limit| Some(MaxLength::HfCompat(limit))),
    ];
    (
        prop::sample::select(ties),
        0..4_u64,
        longest,
        prop::sample::select(duplicates),
        prop::sample::select(vec![1, 2, 3]),
    )
        .prop_map(|(tie, min_count, max_token_bytes, duplicates, threads)| Options {
            tie,
            min_count,
            max_token_bytes,
            duplicates,
            threads,
        })
}

/// Ways of working that ordinary text of a few letters would never see.
fn tuning() -> impl Strategy<Value = Tuning> {
    (
        (prop::sample::select(vec![1, 3, 80]), 1..6_usize),
        prop::sample::select(vec![0, 10, 512]),
        prop::sample::select(vec![1, 4, 100]),
        prop::sample::select(vec![1, 7, 1 << 20]),
        0..40_usize,
        prop::sample::select(vec![1, 1 << 20]),
    )
        .prop_map(|(first, square_ids, buckets, cells_per_thread, arena_slack, long_words)| {
            Tuning {
                last_merge: first.0,
                first_pairs: first.1,
                square_ids,
                cells_per_bucket: buckets,
                least_buckets: buckets,
                cells_per_thread,
                arena_slack,
                long_words,
            }
        })
}

fn run(words: &Sequences, base: &Base, num_new: u32, options: &Options) -> Learned {
    learn(words, base, num_new, options, &Control::default()).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 4000, failure_persistence: None, ..ProptestConfig::default()
    })]

    #[test]
    fn learning_equals_the_definition(
        texts in texts(),
        times in prop::sample::select(vec![1, 1 << 31, 1 << 40]),
        special in "[ab]{2,4}",
        num_new in 0..30_u32,
        options in options(),
        tuning in tuning(),
    ) {
        let (words, base) = (sequences(&texts, times), base(&special));
        let expected = oracle(&words, &base, num_new, &options);
        for tuning in [TUNING, tuning] {
            let learned =
                learn_tuned(&words, &base, num_new, &options, tuning, &Control::default()).ok();
            prop_assert_eq!(&learned, &expected);
        }
    }

    #[test]
    fn the_width_of_ids_does_not_matter(
        texts in texts(),
        num_new in 0..30_u32,
        options in options(),
        tuning in tuning(),
    ) {
        let (words, base) = (sequences(&texts, 1), base("ab"));
        let control = Control::default();
        let narrow = Words::<u16>::new(&words, 6, 6 + num_new, &control).unwrap();
        let wide = Words::<u32>::new(&words, 6, 6 + num_new, &control).unwrap();
        let narrow = start(narrow, &base, num_new, &options, tuning, &control).ok();
        prop_assert_eq!(narrow, start(wide, &base, num_new, &options, tuning, &control).ok());
    }

    #[test]
    fn extending_equals_learning_at_once(
        texts in texts(),
        special in "[ab]{2,4}",
        cut in 0..20_u32,
        more in 0..15_u32,
        options in options(),
        tuning in tuning(),
    ) {
        let options = Options {
            duplicates: if options.duplicates == Duplicates::Error {
                Duplicates::Skip
            } else {
                options.duplicates
            },
            ..options
        };
        let (words, mut base) = (sequences(&texts, 1), base(&special));
        let all = run(&words, &base, cut + more, &options);
        let first = run(&words, &base, cut, &options);
        for &(left, right, made) in &first.merges {
            if made as usize == base.spelled.len() {
                let spelled = &base.spelled;
                base.spelled.push(
                    [&spelled[left as usize][..], &spelled[right as usize]].concat(),
                );
            }
        }
        let new = cut + more - (base.spelled.len() as u32 - 6);
        base.merges = first.merges;
        let extended =
            learn_tuned(&words, &base, new, &options, tuning, &Control::default()).unwrap();
        // a re-used token is made after the last new one only where there is another to make
        let all_len = all.merges.len();
        prop_assert_eq!(&extended.merges[..], &all.merges[..all_len]);
        prop_assert_eq!(extended.counts, all.counts);
    }

    #[test]
    fn replaying_any_merges_equals_the_definition(
        texts in texts(),
        special in "[ab]{2,4}",
        picks in prop::collection::vec((0..40_u32, 0..40_u32, any::<bool>()), 0..12),
        num_new in 0..12_u32,
        options in options(),
        tuning in tuning(),
    ) {
        let (words, mut base) = (sequences(&texts, 1), base(&special));
        for (left, right, again) in picks {
            let num = base.spelled.len() as u32;
            let (left, right) = (left % (num - 1) + 1, right % (num - 1) + 1);
            let joined = [&base.spelled[left as usize][..], &base.spelled[right as usize]].concat();
            if joined.len() > 8 || base.merges.iter().any(|m| (m.0, m.1) == (left, right)) {
                continue;
            }
            // the same token may be made in several ways
            let known = base.spelled.iter().position(|bytes| *bytes == joined);
            let made = match known {
                Some(known) if again => known as u32,
                _ => {
                    base.spelled.push(joined);
                    num
                }
            };
            base.merges.push((left, right, made));
        }
        let expected = oracle(&words, &base, num_new, &options);
        let learned =
            learn_tuned(&words, &base, num_new, &options, tuning, &Control::default()).ok();
        prop_assert_eq!(learned, expected);
    }
}
