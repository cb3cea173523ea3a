//! Signals against their definition: roll, add, divide; on every path, type and number of threads.

#![allow(missing_docs, clippy::unwrap_used, clippy::cast_precision_loss, reason = "tests")]

use proptest::prelude::*;
use rust_tok::control::Control;
use rust_tok::signal::{
    Atoms, Bank, Bf16, F16, F32, Format, Frequencies, Norm, Numerics, Path, Position, Relation,
    Sampling, Settings,
};

fn bank(change: impl FnOnce(&mut Settings)) -> Bank {
    let mut settings = Settings::classic(7, 24);
    settings.max_window = 40;
    change(&mut settings);
    Bank::new(settings).unwrap()
}

fn windows<F: Format>(bank: &Bank, ids: &[u32], length: usize, window: usize) -> Vec<F::Word> {
    let contexts = ids.len().checked_div(length).unwrap_or(1);
    let mut out = vec![F::Word::default(); contexts * bank.settings().num_samples];
    bank.windows::<F, u32>(ids, length, window, &mut out, 1, &Control::default()).unwrap();
    out
}

fn slide<F: Format>(
    bank: &Bank,
    ids: &[u32],
    window: usize,
    offsets: &[u64],
    threads: usize,
) -> Vec<F::Word> {
    let mut out = vec![F::Word::default(); ids.len() * bank.settings().num_samples];
    bank.slide::<F, u32>(ids, window, offsets, &mut out, threads, &Control::default()).unwrap();
    out
}

/// The definition in 64-bit floats, for places that are rolls.
fn oracle(bank: &Bank, context: &[u32], window: usize) -> Vec<f64> {
    let settings = bank.settings();
    let (length, atoms) = (settings.num_samples, bank.atoms());
    let mut sum = vec![0.0; length];
    for (number, id) in context.iter().enumerate() {
        let place = window - context.len() + number;
        for (k, sample) in sum.iter_mut().enumerate() {
            let from = (k + length - place % length) % length;
            *sample += f64::from(atoms[*id as usize * length + from]);
        }
    }
    let norm = sum.iter().map(|sample| sample * sample).sum::<f64>().sqrt();
    let divisor = match settings.norm {
        Norm::L2 => norm + 1e-8,
        Norm::Rms => (norm + 1e-8) / (length as f64).sqrt(),
        Norm::None => 1.0,
    };
    sum.into_iter().map(|sample| sample / divisor).collect()
}

fn assert_close(found: &[f32], wanted: &[f64], tolerance: f64) {
    for (place, (one, other)) in found.iter().zip(wanted).enumerate() {
        assert!((f64::from(*one) - other).abs() <= tolerance, "sample {place}: {one} and {other}");
    }
}

#[test]
fn windows_equal_the_definition() {
    for norm in [Norm::L2, Norm::Rms, Norm::None] {
        for (atoms, frequencies) in [
            (Atoms::PrimeTone, Frequencies::Primes),
            (Atoms::SpreadTone, Frequencies::Spread),
            (Atoms::Comb, Frequencies::Primes),
            (Atoms::Flat, Frequencies::Primes),
        ] {
            for sampling in [Sampling::Inclusive, Sampling::Periodic] {
                let bank = bank(|settings| {
                    (settings.atoms, settings.frequencies) = (atoms, frequencies);
                    (settings.sampling, settings.norm, settings.tones) = (sampling, norm, 3);
                });
                let ids = [0, 6, 3, 3, 1, 2, 5, 4, 4];
                for context in [&ids[..], &ids[..4], &ids[..1]] {
                    let found = windows::<F32>(&bank, context, context.len(), 9);
                    assert_close(&found, &oracle(&bank, context, 9), 3e-6);
                }
            }
        }
    }
}

#[test]
fn slides_are_windows_whatever_the_cut() {
    let ids: Vec<u32> = (0..5000_u32)
        .map(|at| at.wrapping_mul(2_654_435_761) >> 29 & 7)
        .map(|id| id.min(6))
        .collect();
    for position in [Position::Roll, Position::Permute, Position::Phase] {
        let bank = bank(|settings| settings.position = position);
        for window in [1, 2, 11, 24, 33] {
            let whole = slide::<F32>(&bank, &ids, window, &[0, 5000], 1);
            for at in [0, 1, window - 1, window, 77, 1023, 1024, 1025, 4999] {
                let context = &ids[(at + 1_usize).saturating_sub(window)..=at];
                let alone = windows::<F32>(&bank, context, context.len(), window);
                assert_eq!(
                    whole[at * 24..][..24],
                    alone,
                    "{position:?}, window {window}, position {at}"
                );
            }
            for threads in [2, 8] {
                assert_eq!(slide::<F32>(&bank, &ids, window, &[0, 5000], threads), whole);
            }
            let cut = slide::<F32>(&bank, &ids, window, &[0, 0, 1, 1500, 1500, 5000], 2);
            assert_eq!(cut[24..48], windows::<F32>(&bank, &ids[1..2], 1, window));
            assert_eq!(cut[1500 * 24..][..24], windows::<F32>(&bank, &ids[1500..1501], 1, window));
            assert_eq!(cut[1600 * 24..], whole[1600 * 24..]);
        }
    }
}

#[test]
fn every_path_and_many_threads_give_the_same_bits() {
    for num_samples in [1, 15, 64, 200, 512] {
        let settings = Settings { norm: Norm::Rms, ..Settings::classic(97, num_samples) };
        let ids: Vec<u32> = (0..3300_u32).map(|at| at * at % 97).collect();
        let reference = Bank::new(settings.clone()).unwrap().on(Path::Portable);
        let wanted = slide::<F32>(&reference, &ids, 11, &[0, 3300], 1);
        let isolated = windows::<F32>(&reference, &ids, 11, 11);
        let halves = slide::<F16>(&reference, &ids, 11, &[0, 3300], 1);
        for path in Path::available() {
            let bank = Bank::new(settings.clone()).unwrap().on(path);
            assert_eq!(slide::<F32>(&bank, &ids, 11, &[0, 3300], 3), wanted, "{path:?}");
            assert_eq!(windows::<F32>(&bank, &ids, 11, 11), isolated, "{path:?}");
            assert_eq!(slide::<F16>(&bank, &ids, 11, &[0, 3300], 2), halves, "{path:?}");
        }
        for (half, single) in halves.iter().zip(&wanted) {
            assert_eq!(*half, F16::word(*single));
        }
        let brains = slide::<Bf16>(&reference, &ids, 11, &[0, 3300], 1);
        assert!(brains.iter().zip(&wanted).all(|(brain, single)| *brain == Bf16::word(*single)));
    }
}

/// Outputs beyond some megabytes are written past the cache, wherever they begin.
#[test]
fn large_outputs_have_the_same_bits() {
    const SAMPLES: usize = 528;
    fn check<F: Format>(settings: &Settings) {
        let ids: Vec<u32> = (0..9000_u32).map(|at| at.wrapping_mul(at) % 97).collect();
        let reference = Bank::new(settings.clone()).unwrap().on(Path::Portable);
        let offsets = [0, 0, 1, 4000, 4007, 9000];
        let wanted = slide::<F>(&reference, &ids, 11, &offsets, 1);
        for path in Path::available() {
            let bank = Bank::new(settings.clone()).unwrap().on(path);
            for start in [0, 4, 8, 16, 3] {
                let mut out = vec![F::Word::default(); ids.len() * SAMPLES + start];
                let (before, signals) = out.split_at_mut(start);
                bank.slide::<F, u32>(&ids, 11, &offsets, signals, 2, &Control::default()).unwrap();
                assert!(signals == wanted, "{path:?}, from {start}");
                assert!(before.iter().all(|word| *word == F::Word::default()));
                bank.windows::<F, u32>(
                    &ids[..8800],
                    11,
                    11,
                    &mut signals[..800 * SAMPLES],
                    2,
                    &Control::default(),
                )
                .unwrap();
                assert!(signals[..SAMPLES] == windows::<F>(&reference, &ids[..11], 11, 11));
            }
        }
        let isolated: Vec<u32> = ids.iter().cycle().take(9000 * 3).copied().collect();
        let wanted = windows::<F>(&reference, &isolated, 3, 5);
        for path in Path::available() {
            let bank = Bank::new(settings.clone()).unwrap().on(path);
            assert!(windows::<F>(&bank, &isolated, 3, 5) == wanted, "{path:?}");
        }
    }
    for position in [Position::Roll, Position::Permute] {
        let settings = Settings { position, max_window: 11, ..Settings::classic(97, SAMPLES) };
        check::<F32>(&settings);
        check::<F16>(&settings);
        check::<Bf16>(&settings);
    }
}

#[test]
fn golden_collisions() {
    // identical and negated pairs for 61, 65, 97, 99, 128, 174, 256, 300 symbols
    let table = [
        (
            256,
            Sampling::Inclusive,
            [(1, 5), (1, 7), (1, 32), (3, 33), (26, 50), (58, 107), (169, 234), (241, 330)],
        ),
        (
            256,
            Sampling::Periodic,
            [(2, 10), (3, 11), (11, 30), (12, 31), (28, 54), (70, 106), (179, 236), (264, 314)],
        ),
        (
            512,
            Sampling::Inclusive,
            [(0, 0), (0, 0), (0, 1), (0, 2), (0, 8), (1, 20), (26, 50), (38, 79)],
        ),
        (
            512,
            Sampling::Periodic,
            [(0, 2), (0, 3), (0, 11), (1, 12), (10, 17), (20, 47), (68, 112), (106, 145)],
        ),
        (
            1024,
            Sampling::Inclusive,
            [(0, 0), (0, 0), (0, 0), (0, 0), (0, 0), (0, 2), (0, 43), (0, 69)],
        ),
        (
            1024,
            Sampling::Periodic,
            [(0, 0), (0, 0), (0, 0), (0, 1), (0, 6), (1, 22), (22, 42), (32, 62)],
        ),
        (2048, Sampling::Inclusive, [(0, 0); 8]),
        (
            2048,
            Sampling::Periodic,
            [(0, 0), (0, 0), (0, 0), (0, 0), (0, 0), (0, 0), (0, 14), (0, 22)],
        ),
    ];
    for (num_samples, sampling, counts) in table {
        for (num_symbols, wanted) in [61, 65, 97, 99, 128, 174, 256, 300].into_iter().zip(counts) {
            let bank =
                Bank::new(Settings { sampling, ..Settings::classic(num_symbols, num_samples) })
                    .unwrap();
            let of = |relation| {
                bank.collisions().iter().filter(|pair| pair.relation == relation).count()
            };
            let found = (of(Relation::Identical), of(Relation::Negated));
            assert_eq!(found, wanted, "{num_samples} {sampling:?} {num_symbols}");
        }
    }
    let pair = Bank::new(Settings::classic(97, 512)).unwrap().collisions()[0];
    assert_eq!((pair.first, pair.second, pair.relation), (0, 96, Relation::Negated));
}

#[test]
fn mended_frequencies_and_flat_atoms_do_not_collide() {
    for (num_symbols, num_samples) in [(97, 512), (203, 512), (1, 32)] {
        let settings = Settings {
            frequencies: Frequencies::FirstCollisionFreePrimes,
            ..Settings::classic(num_symbols, num_samples)
        };
        assert!(Bank::new(settings).unwrap().collisions().is_empty());
    }
    let settings = Settings {
        atoms: Atoms::Flat,
        sampling: Sampling::Periodic,
        norm: Norm::Rms,
        ..Settings::classic(128, 512)
    };
    let bank = Bank::new(settings).unwrap();
    assert!(bank.collisions().is_empty());
    let gram = bank.gram(2, 2, &Control::default()).unwrap();
    let energy = |symbol: usize| gram[(symbol * 128 + symbol) * 3 + 1];
    for a in 0..128 {
        assert!((energy(a) - 256.0).abs() < 0.01, "every atom has the energy of a unit sine");
        for b in (0..128).filter(|b| *b != a) {
            let cosine = gram[(a * 128 + b) * 3 + 1] / (energy(a) * energy(b)).sqrt();
            assert!(cosine.abs() < 0.5, "{a} {b} {cosine}");
        }
    }
}

#[test]
fn atoms_of_zero_are_found() {
    // 2 is half of 4: its sine is 0 at every sample
    let settings = Settings { sampling: Sampling::Periodic, ..Settings::classic(1, 4) };
    let bank = Bank::new(settings).unwrap();
    assert_eq!(bank.collisions()[0].relation, Relation::Silent);
    assert!(windows::<F32>(&bank, &[0, 0], 2, 2).iter().all(|sample| *sample == 0.0));
}

#[test]
fn nothing_and_cancellation_give_zeros() {
    let bank = Bank::new(Settings::classic(97, 512)).unwrap();
    assert!(windows::<F32>(&bank, &[], 0, 11).iter().all(|sample| *sample == 0.0));
    let periodic = Settings { sampling: Sampling::Periodic, ..Settings::classic(3, 8) };
    // frequencies 3 and 5 of period 8 are opposite: rolled alike, which takes two contexts, they cancel
    let bank = Bank::new(periodic).unwrap();
    assert_eq!(bank.collisions().len(), 1);
    // a tone of frequency 3 at places 0 and 4 of 8: opposite, too
    let sums = windows::<F32>(&bank, &[1, 1], 2, 2);
    assert!(sums.iter().all(|sample| sample.is_finite()));
}

#[test]
fn norms_follow_from_the_gram_table() {
    let bank = bank(|settings| settings.norm = Norm::None);
    let window = 9;
    let gram = bank.gram(window, 1, &Control::default()).unwrap();
    let ids = [0, 6, 3, 3, 1, 2, 5, 4, 4_u32];
    let squared: f64 = windows::<F32>(&bank, &ids, 9, window)
        .iter()
        .map(|sample| f64::from(*sample).powi(2))
        .sum();
    let mut from_table = 0.0;
    for (i, a) in ids.iter().enumerate() {
        for (j, b) in ids.iter().enumerate() {
            from_table += gram[(*a as usize * 7 + *b as usize) * 17 + (window - 1 + j - i)];
        }
    }
    assert!((squared - from_table).abs() < 1e-3, "{squared} {from_table}");
    assert_eq!(gram, bank.gram(window, 4, &Control::default()).unwrap());
}

#[test]
fn phasors_make_the_signal() {
    let bank =
        bank(|settings| (settings.sampling, settings.norm) = (Sampling::Periodic, Norm::None));
    let ids = [0, 6, 3, 3, 1, 2, 5];
    let phasors = bank.phasors(&ids, 7, 9).unwrap();
    let signal = windows::<F32>(&bank, &ids, 7, 9);
    for (k, sample) in signal.iter().enumerate() {
        let wanted: f64 = (0..7)
            .map(|symbol| {
                let angle =
                    f64::from(bank.frequencies()[symbol]) * k as f64 / 24.0 * std::f64::consts::TAU;
                phasors[2 * symbol] * angle.sin() + phasors[2 * symbol + 1] * angle.cos()
            })
            .sum();
        assert!((f64::from(*sample) - wanted).abs() < 1e-5);
    }
}

#[test]
fn refusals_say_what_to_do() {
    let refused = |change: fn(&mut Settings)| {
        let mut settings = Settings::classic(97, 512);
        change(&mut settings);
        Bank::new(settings).err().expect("a refusal").to_string()
    };
    assert!(refused(|s| s.num_samples = 0).contains("between 1 and"));
    assert!(refused(|s| s.num_symbols = 0).contains("between 1 and"));
    assert!(refused(|s| s.atoms = Atoms::SpreadTone).contains("prime_tone goes with"));
    assert!(
        refused(|s| (s.numerics, s.position) = (Numerics::ClassicF32, Position::Permute))
            .contains("classic_f32")
    );
    assert!(
        refused(|s| (s.num_symbols, s.frequencies) = (300, Frequencies::FirstCollisionFreePrimes))
            .contains("num_samples=2048")
    );
    assert!(
        refused(|s| (s.position, s.max_window) = (Position::Permute, 1 << 19))
            .contains("max_window")
    );
    let bank = Bank::new(Settings::classic(97, 512)).unwrap();
    let mut out = vec![0.0; 512];
    let control = Control::default();
    let unknown = bank.windows::<F32, u8>(&[97], 1, 1, &mut out, 1, &control).unwrap_err();
    assert!(unknown.to_string().contains("found 97 at position 0"));
    assert!(
        bank.windows::<F32, u8>(&[1], 1, 256, &mut out, 1, &control)
            .unwrap_err()
            .to_string()
            .contains("max_window=256")
    );
    assert!(bank.slide::<F32, u8>(&[1], 1, &[0, 2], &mut out, 1, &control).is_err());
    assert!(bank.slide::<F32, u8>(&[1, 2], 1, &[0, 2], &mut out, 1, &control).is_err());
    assert!(bank.phasors::<u8>(&[1], 1, 1).unwrap_err().to_string().contains("periodic"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_stream_slides_as_its_windows(
        ids in prop::collection::vec(0_u32..7, 1..80),
        window in 1_usize..40,
        num_samples in 1_usize..70,
        flat in any::<bool>(),
        cut in 0_usize..80,
    ) {
        let settings = Settings {
            atoms: if flat && num_samples > 4 { Atoms::Flat } else { Atoms::PrimeTone },
            norm: Norm::Rms,
            max_window: 40,
            ..Settings::classic(7, num_samples)
        };
        let bank = Bank::new(settings).unwrap();
        let cut = cut.min(ids.len());
        let found = slide::<F32>(&bank, &ids, window, &[0, cut as u64, ids.len() as u64], 1);
        for at in 0..ids.len() {
            let start = if at < cut { 0 } else { cut };
            let context = &ids[start.max((at + 1).saturating_sub(window))..=at];
            let alone = windows::<F32>(&bank, context, context.len(), window);
            prop_assert_eq!(&found[at * num_samples..][..num_samples], &alone[..]);
        }
    }
}
