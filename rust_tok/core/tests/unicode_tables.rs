//! The committed class ranges equal those of the regex engine's own Unicode tables.
//!
//! `PRIMETONE_WRITE_TABLES=1 cargo test --test unicode_tables` writes `src/split/unicode_ranges.rs`
//! anew after the `regex-syntax` crate has moved to another Unicode version.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use std::fmt::Write;

use regex_syntax::hir::{Class, HirKind};
use rust_tok::split::class_of;

const KINDS: [(&str, u8); 6] = [
    (r"\p{L}", 1),
    (r"\p{N}", 2),
    (r"\s", 4),
    (r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", 8),
    (r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]", 16),
    (r"[\r\n]", 32),
];

fn classes_by_the_regex_engine() -> Vec<u8> {
    let mut classes = vec![0_u8; 0x11_0000];
    for (pattern, bit) in KINDS {
        let hir = regex_syntax::Parser::new().parse(pattern).unwrap();
        let HirKind::Class(Class::Unicode(class)) = hir.kind() else { panic!("{pattern}") };
        for range in class.ranges() {
            for code_point in u32::from(range.start())..=u32::from(range.end()) {
                classes[code_point as usize] |= bit;
            }
        }
    }
    classes
}

#[test]
fn committed_ranges_equal_the_regex_engine() {
    let classes = classes_by_the_regex_engine();
    if std::env::var_os("PRIMETONE_WRITE_TABLES").is_some() {
        write_ranges(&classes);
        return;
    }
    for (code_point, &class) in classes.iter().enumerate() {
        assert_eq!(class_of(code_point as u32), class, "U+{code_point:04X}");
    }
}

fn write_ranges(classes: &[u8]) {
    let mut out = String::from(
        "//! Runs of code points with the same class bits. Written by `tests/unicode_tables.rs`.\n\n\
         /// (first, last, class bits), ascending; a code point in no run has class 0.\n\
         #[rustfmt::skip]\n\
         pub(crate) static RANGES: &[(u32, u32, u8)] = &[\n",
    );
    let (mut start, mut column) = (0, 0);
    while start < classes.len() {
        let class = classes[start];
        let run = classes[start..].iter().take_while(|&&other| other == class).count();
        if class != 0 {
            let entry = format!("(0x{:x}, 0x{:x}, {}), ", start, start + run - 1, class);
            if column + entry.len() > 98 {
                out.truncate(out.trim_end_matches(' ').len());
                out.push('\n');
                column = 0;
            }
            column += entry.len();
            write!(out, "{entry}").unwrap();
        }
        start += run;
    }
    out.truncate(out.trim_end_matches(' ').len());
    out.push_str("\n];\n");
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/split/unicode_ranges.rs");
    std::fs::write(path, out).unwrap();
}
