//! What kind of character a code point is, as far as the split schemes ask.

use std::sync::OnceLock;

use super::unicode_ranges::RANGES;

/// `\p{L}`
pub(crate) const LETTER: u8 = 1;
/// `\p{N}`
pub(crate) const NUMBER: u8 = 2;
/// `\s`, the Unicode `White_Space` property
pub(crate) const SPACE: u8 = 4;
/// `[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]`, what may stand in the upper part of an o200k word
pub(crate) const UPPER: u8 = 8;
/// `[\p{Ll}\p{Lm}\p{Lo}\p{M}]`, what may stand in the lower part of an o200k word
pub(crate) const LOWER: u8 = 16;
/// `[\r\n]`
pub(crate) const NEWLINE: u8 = 32;

/// The Unicode version of the tables.
pub const UNICODE_VERSION: &str = "16.0.0";

/// Class bits of every code point: 256-point blocks, equal blocks stored once.
struct Table {
    block_of: Vec<u16>,
    blocks: Vec<[u8; 256]>,
}

impl Table {
    fn build() -> Self {
        let mut flat = vec![0_u8; 0x11_0000];
        for &(first, last, class) in RANGES {
            for slot in &mut flat[first as usize..=last as usize] {
                *slot = class;
            }
        }
        let mut table = Self { block_of: Vec::with_capacity(0x1100), blocks: Vec::new() };
        for chunk in flat.chunks_exact(256) {
            // the newest blocks first: neighbours are alike
            let found = table.blocks.iter().rposition(|block| block.as_slice() == chunk);
            let number = found.unwrap_or_else(|| {
                let mut block = [0; 256];
                block.copy_from_slice(chunk);
                table.blocks.push(block);
                table.blocks.len() - 1
            });
            table.block_of.push(number as u16);
        }
        table
    }
}

fn table() -> &'static Table {
    static TABLE: OnceLock<Table> = OnceLock::new();
    TABLE.get_or_init(Table::build)
}

/// Class bits of the 128 ASCII characters.
pub(crate) static ASCII: [u8; 128] = ascii_classes();

const fn ascii_classes() -> [u8; 128] {
    let mut classes = [0_u8; 128];
    let mut byte = 0;
    while byte < 128 {
        classes[byte] = match byte as u8 {
            b'A'..=b'Z' => LETTER | UPPER,
            b'a'..=b'z' => LETTER | LOWER,
            b'0'..=b'9' => NUMBER,
            b'\r' | b'\n' => SPACE | NEWLINE,
            b'\t' | 0x0b | 0x0c | b' ' => SPACE,
            _ => 0,
        };
        byte += 1;
    }
    classes
}

/// Class bits of one code point; 0 for anything that is none of the kinds above.
#[must_use]
pub fn class_of(code_point: u32) -> u8 {
    let table = table();
    match table.block_of.get((code_point >> 8) as usize) {
        Some(&block) => table.blocks[block as usize][(code_point & 0xff) as usize],
        None => 0,
    }
}

/// The character that starts at `at`: its class bits and its length in bytes.
///
/// A byte that starts no valid UTF-8 sequence counts as one character of no class, so any bytes
/// have exactly one reading.
#[inline]
pub(crate) fn class_at(text: &[u8], at: usize) -> (u8, usize) {
    let byte = text[at];
    if byte < 128 {
        return (ASCII[byte as usize], 1);
    }
    match decode(text, at) {
        Some((code_point, len)) => (class_of(code_point), len),
        None => (0, 1),
    }
}

/// The scalar value that starts at `at` and its length, or `None` where the bytes are not UTF-8.
#[inline]
pub(crate) fn decode(text: &[u8], at: usize) -> Option<(u32, usize)> {
    let continuation = |offset: usize| match text.get(at + offset) {
        Some(&byte) if byte & 0xc0 == 0x80 => Some(u32::from(byte & 0x3f)),
        _ => None,
    };
    let first = u32::from(text[at]);
    match first {
        0..=0x7f => Some((first, 1)),
        0xc2..=0xdf => Some(((first & 0x1f) << 6 | continuation(1)?, 2)),
        0xe0..=0xef => {
            let value = (first & 0x0f) << 12 | continuation(1)? << 6 | continuation(2)?;
            (value >= 0x800 && !(0xd800..0xe000).contains(&value)).then_some((value, 3))
        }
        0xf0..=0xf4 => {
            let value = (first & 0x07) << 18
                | continuation(1)? << 12
                | continuation(2)? << 6
                | continuation(3)?;
            (0x1_0000..0x11_0000).contains(&value).then_some((value, 4))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decoding_agrees_with_the_standard_library() {
        let mut buffer = [0; 4];
        for scalar in (0..=0x10_ffff).filter_map(char::from_u32) {
            let bytes = scalar.encode_utf8(&mut buffer).as_bytes();
            assert_eq!(decode(bytes, 0), Some((u32::from(scalar), bytes.len())));
            for cut in 1..bytes.len() {
                assert_eq!(decode(&bytes[..cut], 0), None, "{scalar:?} cut at {cut}");
            }
        }
        for first in 0_u8..=255 {
            for second in 0_u8..=255 {
                for tail in [&[][..], &[0x80], &[0x80, 0x80], &[0xbf, 0xbf], &[0x41]] {
                    let bytes = [&[first, second], tail].concat();
                    let valid = (1..=bytes.len().min(4))
                        .find_map(|len| std::str::from_utf8(&bytes[..len]).ok())
                        .and_then(|text| text.chars().next());
                    let ours = decode(&bytes, 0);
                    assert_eq!(ours, valid.map(|c| (u32::from(c), c.len_utf8())), "{bytes:x?}");
                }
            }
        }
    }

    #[test]
    fn ascii_classes_agree_with_the_table() {
        for byte in 0..128_u8 {
            assert_eq!(ASCII[byte as usize], class_of(u32::from(byte)), "{:?}", byte as char);
        }
    }
}
