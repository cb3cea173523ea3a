//! Prediction by partial matching: what a text adds to the compressed form of the text before it.
//!
//! `PPMd` variant H (Shkarin 2002, PPM: one step to practicality, Data Compression Conference), as in 7-Zip.

use std::io::{self, Write};

use ppmd_rust::Ppmd7Encoder;

use crate::control::Control;
use crate::{Error, Result};

/// Bytes between two looks at a request to stop.
const STRIDE: usize = 1 << 16;

/// The bytes by which `text` makes the compressed form of `known` longer.
///
/// The model goes on learning while it reads `text`, as every compressor does. `order` is the longest context
/// in bytes, 2 to 64; `memory` what the model may take in bytes, 2,048 to `u32::MAX` - 36: a model that
/// outgrows it starts anew. Up to 8 bytes stay in the coder at the seam.
///
/// # Errors
/// [`Error::Argument`] if order or memory is outside its range, [`Error::Interrupted`] if asked to stop.
pub fn added_bytes(
    known: &[u8],
    text: &[u8],
    order: u32,
    memory: u32,
    control: &Control,
) -> Result<u64> {
    let mut encoder = Ppmd7Encoder::new(Tally(0), order, memory).map_err(|_| {
        Error::Argument(format!(
            "expected an order of 2 to 64 and 2,048 to {} bytes of memory, found {order} and {memory}",
            u32::MAX - 36
        ))
    })?;
    let mut before = 0;
    for part in [known, text] {
        before = encoder.get_ref().0;
        for stretch in part.chunks(STRIDE) {
            control.check()?;
            encoder.write_all(stretch).map_err(|error| Error::io("a tally of bytes", &error))?;
        }
    }
    let total = encoder.finish(false).map_err(|error| Error::io("a tally of bytes", &error))?;
    Ok(total.0 - before)
}

/// Counts what is written to it and keeps nothing.
struct Tally(u64);

impl Write for Tally {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn added(known: &[u8], text: &[u8]) -> u64 {
        added_bytes(known, text, 6, 1 << 20, &Control::default()).unwrap()
    }

    #[test]
    fn what_was_seen_before_costs_little() {
        let text = b"She sells sea shells by the sea shore. ".repeat(4);
        let fresh = added(b"", &text);
        assert!(added(&text, &text) * 4 < fresh, "{fresh}");
        assert!(fresh < text.len() as u64);
    }

    #[test]
    fn the_size_is_that_of_a_stream_that_decodes_to_the_text() {
        use std::io::Read;
        let text: Vec<u8> = (0..5000_u32).map(|n| (n * n % 251) as u8).collect();
        let mut encoder = Ppmd7Encoder::new(Vec::new(), 6, 1 << 20).unwrap();
        encoder.write_all(&text).unwrap();
        let packed = encoder.finish(false).unwrap();
        assert_eq!(added(b"", &text), packed.len() as u64);
        let mut read = vec![0; text.len()];
        let mut decoder = ppmd_rust::Ppmd7Decoder::new(packed.as_slice(), 6, 1 << 20).unwrap();
        decoder.read_exact(&mut read).unwrap();
        assert_eq!(read, text);
    }

    #[test]
    fn orders_and_memories_outside_the_range_are_refused() {
        for (order, memory) in [(1, 1 << 20), (65, 1 << 20), (6, 100), (6, u32::MAX - 35)] {
            let error = added_bytes(b"a", b"b", order, memory, &Control::default()).unwrap_err();
            assert!(matches!(error, Error::Argument(_)), "{error}");
        }
    }
}
