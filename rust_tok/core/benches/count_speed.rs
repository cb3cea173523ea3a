//! Splitting and counting in MB/s, by tier; equal pieces and equal counts first.
//!
//! `cargo bench -p rust_tok` reads prose8, code8 and multi8 of the shared folder; texts that are
//! named after `--` are read instead. All are timed in turn, round after round; the fastest is
//! printed, since what else a machine does only ever adds time.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    reason = "a benchmark"
)]

use std::hint::black_box;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Instant;

use rust_tok::Splitter;
use rust_tok::control::Control;
use rust_tok::count::{Counter, WordCounts};
use rust_tok::split::{PieceEnds, Scheme, Tier};

const ROUNDS: usize = 25;

fn main() {
    let named: Vec<PathBuf> =
        std::env::args().skip(1).filter(|name| !name.starts_with('-')).map(Into::into).collect();
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let usual = ["prose8", "code8", "multi8"].map(|name| shared.join(format!("{name}.txt.zst")));
    for path in if named.is_empty() { usual.to_vec() } else { named } {
        let Some(text) = read(&path) else {
            println!("skipped: {} is not there", path.display());
            continue;
        };
        println!("\n{}, MB/s, fastest of {ROUNDS}\n", path.file_stem().unwrap().display());
        println!("| scheme | split: walk | table | avx2 | avx512 | count: walk | 1 thread | 2 |");
        println!("|---|---|---|---|---|---|---|---|");
        for scheme in Scheme::ALL.into_iter().filter(|scheme| *scheme != Scheme::None) {
            row(scheme, &text);
        }
    }
}

fn read(path: &Path) -> Option<Vec<u8>> {
    let bytes = std::fs::read(path).ok()?;
    if path.extension().is_none_or(|extension| extension != "zst") {
        return Some(bytes);
    }
    let mut text = Vec::new();
    ruzstd::decoding::StreamingDecoder::new(&bytes[..]).unwrap().read_to_end(&mut text).unwrap();
    Some(text)
}

fn row(scheme: Scheme, text: &[u8]) {
    let best = Splitter::scheme(scheme);
    let scalar = best.clone().on_tier(Tier::Scalar);
    let expected = walk(&scalar, text);
    let mut contestants: Vec<Box<dyn Fn()>> = Vec::new();
    for tier in Tier::ALL {
        let splitter = best.clone().on_tier(tier);
        assert_eq!(splitter.pieces(text), scalar.pieces(text));
        contestants.push(Box::new(move || split(&splitter, text)));
    }
    contestants.push(Box::new(|| drop(black_box(walk(&scalar, text)))));
    for threads in [1, 2] {
        assert!(count(&best, text, threads).iter().eq(expected.iter()), "counts differ");
        let best = &best;
        contestants.push(Box::new(move || drop(black_box(count(best, text, threads)))));
    }
    let mut seconds = vec![Vec::new(); contestants.len()];
    for _ in 0..ROUNDS {
        for (contestant, seconds) in contestants.iter().zip(&mut seconds) {
            let started = Instant::now();
            contestant();
            seconds.push(started.elapsed().as_secs_f64());
        }
    }
    let speeds: Vec<String> = seconds
        .into_iter()
        .map(|mut seconds| {
            seconds.sort_by(f64::total_cmp);
            format!("{:.0}", text.len() as f64 / seconds[0] / 1e6)
        })
        .collect();
    println!("| {} | {} |", scheme.name(), speeds.join(" | "));
}

fn split(splitter: &Splitter, text: &[u8]) {
    let mut pieces = 0;
    let Ok(()) = splitter.try_for_each_run(text, &mut PieceEnds::default(), |_, ends| {
        pieces += ends.len();
        Ok::<(), std::convert::Infallible>(())
    });
    black_box(pieces);
}

/// Counting word by word, by the ground truth.
fn walk(splitter: &Splitter, text: &[u8]) -> WordCounts {
    let mut counts = WordCounts::default();
    splitter.try_for_each_piece(text, |piece| counts.add(piece, 1)).unwrap();
    counts
}

fn count(splitter: &Splitter, text: &[u8], threads: usize) -> WordCounts {
    let mut counter = Counter::new(splitter.clone(), threads);
    counter.add(&[(text, 1)], &Control::default()).unwrap();
    counter.finish(&Control::default()).unwrap()
}
