//! Every tier finds the pieces of the scalar walk.

use proptest::prelude::*;

use super::masks::CLASSES;
use super::*;
use crate::split::Splitter;

fn ends_of(tier: Tier, scheme: Scheme, text: &[u8]) -> Vec<usize> {
    let mut all = Vec::new();
    let splitter = Splitter::scheme(scheme).on_tier(tier);
    let Ok(()) = splitter.try_for_each_run(text, &mut PieceEnds::default(), |start, ends| {
        assert_eq!(start, all.last().copied().unwrap_or(0));
        all.extend_from_slice(ends);
        Ok::<(), std::convert::Infallible>(())
    });
    all
}

fn assert_tiers_agree(text: &[u8]) {
    for scheme in Scheme::ALL {
        let expected = ends_of(Tier::Scalar, scheme, text);
        for tier in Tier::ALL.into_iter().filter(|tier| tier.is_available()) {
            let found = ends_of(tier, scheme, text);
            let differs = found.iter().zip(&expected).position(|(a, b)| a != b);
            if found.len() != expected.len() || differs.is_some() {
                let at = differs.map_or(text.len(), |number| found[number].min(expected[number]));
                let around = &text[at.saturating_sub(80)..(at + 20).min(text.len())];
                let around = String::from_utf8_lossy(around);
                panic!("{} by {tier:?} differs at {at}, in {around:?}", scheme.name());
            }
        }
    }
}

/// What the rules tell apart in ASCII.
const KINDS: &[u8; 11] = b"aB1 \n\t'sl!/";

/// Some of what they tell apart beyond it, whole and broken.
const BEYOND: [&[u8]; 8] = [
    "\u{e9}".as_bytes(),
    "\u{301}".as_bytes(),
    "\u{17f}".as_bytes(),
    "\u{a0}".as_bytes(),
    "\u{3042}".as_bytes(),
    "\u{1f600}".as_bytes(),
    b"\xff",
    b"\xe3\x81",
];

/// The strings of `len` kinds.
fn combinations(len: u32) -> impl Iterator<Item = Vec<u8>> {
    (0..KINDS.len().pow(len)).map(move |number| {
        let kind = |place: u32| KINDS[number / KINDS.len().pow(place) % KINDS.len()];
        (0..len).map(kind).collect()
    })
}

#[test]
fn all_strings_of_six_kinds_in_a_row() {
    for between in ["", "e ", "\n", "\u{e9}"] {
        let texts: Vec<Vec<u8>> = combinations(if between.is_empty() { 6 } else { 5 }).collect();
        assert_tiers_agree(&texts.join(between.as_bytes()));
    }
}

#[test]
fn short_strings_at_every_place_of_a_window() {
    let filler = b"ab ".repeat(50);
    for combination in combinations(3) {
        for place in 0..70 {
            let head = [&filler[..place], &combination].concat();
            assert_tiers_agree(&head);
            assert_tiers_agree(&[&head, &filler[place % 3..][..80]].concat());
        }
    }
}

#[test]
fn classes_are_those_of_the_walk() {
    use crate::split::classes::{ASCII, LETTER, NEWLINE, NUMBER, SPACE, UPPER};
    for byte in 0..=255_u8 {
        let class = CLASSES[byte as usize];
        let Some(&walked) = ASCII.get(byte as usize) else {
            assert_eq!(class, masks::HIGH);
            continue;
        };
        let common = masks::LETTER | masks::NUMBER | masks::SPACE;
        assert_eq!(class & common, walked & (LETTER | NUMBER | SPACE), "{byte:#x}");
        let first = walked & NEWLINE != 0 || byte == b'/';
        assert_eq!(class & masks::FIRST != 0, first, "{byte:#x}");
        let second = walked & UPPER != 0 || matches!(byte, b' ' | b'\'');
        assert_eq!(class & masks::SECOND != 0, second, "{byte:#x}");
    }
}

#[test]
fn masks_are_the_class_bits_of_every_byte_at_every_place() {
    for start in 0..=255_u8 {
        let window: [u8; 64] =
            std::array::from_fn(|at| start.wrapping_add((at as u8).wrapping_mul(37)));
        let bits = |bit: u8| {
            (0..64)
                .fold(0, |mask, at| mask | u64::from(CLASSES[window[at] as usize] & bit != 0) << at)
        };
        let symbols_too = Masks {
            letter: bits(masks::LETTER),
            number: bits(masks::NUMBER),
            space: bits(masks::SPACE),
            first: bits(masks::FIRST),
            second: bits(masks::SECOND),
            high: bits(masks::HIGH),
        };
        assert_eq!(table::Table.masks(&window), symbols_too);
        #[cfg(all(target_arch = "x86_64", target_pointer_width = "64"))]
        {
            let avx2 = x86::Avx2::new().map(|blocks| blocks.masks(&window));
            assert_eq!(avx2.unwrap_or(symbols_too), symbols_too);
            let avx512 = x86::Avx512::new().map(|blocks| blocks.masks(&window));
            assert_eq!(avx512.unwrap_or(symbols_too), symbols_too);
        }
    }
}

fn soup() -> impl Strategy<Value = Vec<u8>> {
    let one = prop_oneof![
        8 => prop::sample::select(&KINDS[..]).prop_map(|byte| vec![byte]),
        4 => "[a-z]{1,9}".prop_map(String::into_bytes),
        2 => "[ \n]{1,9}|[0-9]{1,9}|[!/\n]{1,6}|'[a-z]{1,2}".prop_map(String::into_bytes),
        1 => prop::sample::select(&BEYOND[..]).prop_map(<[u8]>::to_vec),
        1 => any::<u8>().prop_map(|byte| vec![byte]),
    ];
    prop::collection::vec(one, 0..120).prop_map(|parts| parts.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn soups(text in soup()) {
        assert_tiers_agree(&text);
    }

    #[test]
    fn any_bytes(text in prop::collection::vec(any::<u8>(), 0..300)) {
        assert_tiers_agree(&text);
    }
}

/// Long pieces, and texts of which a run of ends does not fill its buffer evenly.
#[test]
fn long_runs() {
    for kind in KINDS.iter().map(|kind| vec![*kind]).chain(BEYOND.map(<[u8]>::to_vec)) {
        for len in [63, 64, 65, 127, 128, 1023, 5000] {
            let run = kind.repeat(len);
            assert_tiers_agree(&run);
            assert_tiers_agree(&[b"a b", &run[..], b"a b", &run[..], b"\n"].concat());
        }
    }
}

#[test]
fn real_texts() {
    let data = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    for name in ["prose8", "code8", "multi8"] {
        let Ok(packed) = std::fs::read(data.join(format!("{name}.txt.zst"))) else {
            eprintln!("skipped: the shared folder has no {name}.txt.zst");
            continue;
        };
        let mut text = Vec::new();
        let mut decoder = ruzstd::decoding::StreamingDecoder::new(&packed[..]).unwrap();
        std::io::Read::read_to_end(&mut decoder, &mut text).unwrap();
        assert_tiers_agree(&text);
    }
}
